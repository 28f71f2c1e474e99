"""The Lytics account."""

from __future__ import annotations
