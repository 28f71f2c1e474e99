"""A local Lytics and BigCommerce for the demo, the tests and the benchmarks."""

from __future__ import annotations

from .box import Sandbox
from .clock import Clock
from .faults import Fault
from .options import Options
from .people import Kind

__all__ = ["Clock", "Fault", "Kind", "Options", "Sandbox"]
