"""Measures the tap and the target, and what they cost the vendors."""

from __future__ import annotations

from bench import calls, idle, quota, tap, tap_scan, target

if __name__ == "__main__":
    tap.main()
    tap_scan.main()
    target.main()
    calls.main()
    quota.main()
    idle.main()
