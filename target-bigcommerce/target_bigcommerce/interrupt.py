"""The shutdown signal, under its former name."""

from __future__ import annotations

from singer_kit.shutdown import ShutdownSignal

Interrupt = ShutdownSignal
