"""Measures the tap and the target, as ratios in one run on one machine."""

from __future__ import annotations

from bench import tap, target

if __name__ == "__main__":
    tap.main()
    target.main()
