"""`python -m tap_lytics` does the same as the command `tap-lytics`."""

from __future__ import annotations

from .tap import TapLytics

if __name__ == "__main__":
    TapLytics.cli()
