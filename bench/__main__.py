"""Measures the tap and the target relative to reference implementations."""

from __future__ import annotations

from bench import tap, target

if __name__ == "__main__":
    tap.main()
    target.main()
