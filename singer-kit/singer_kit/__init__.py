"""Code shared by tap-lytics and target-bigcommerce."""

from __future__ import annotations

from importlib.metadata import version

__all__ = ["__version__"]

__version__ = version("singer-kit")
