"""`python -m target_bigcommerce` does the same as the command `target-bigcommerce`."""

from __future__ import annotations

from .target import TargetBigCommerce

if __name__ == "__main__":
    TargetBigCommerce.cli()
