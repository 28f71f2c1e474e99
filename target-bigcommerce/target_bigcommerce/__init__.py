"""A Singer target for BigCommerce customers and customer attributes."""

from __future__ import annotations

from importlib.metadata import version

__all__ = ["__version__"]

__version__ = version("target-bigcommerce")
