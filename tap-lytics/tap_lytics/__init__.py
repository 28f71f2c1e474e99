"""A Singer tap for Lytics audiences."""

from __future__ import annotations

from importlib.metadata import version

__all__ = ["__version__"]

__version__ = version("tap-lytics")
