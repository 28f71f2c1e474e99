"""Interim."""

from singer_kit.shutdown import ShutdownSignal as Interrupt

__all__ = ["Interrupt"]
