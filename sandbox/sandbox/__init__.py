"""Local stand-ins for Lytics and BigCommerce, for demo, tests and benchmarks."""

from __future__ import annotations

from .box import Sandbox
from .clock import Clock
from .faults import Fault
from .options import Options
from .people import Kind

__all__ = ["Clock", "Fault", "Kind", "Options", "Sandbox"]
