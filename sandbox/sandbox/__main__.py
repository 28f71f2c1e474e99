"""The command line: `python -m sandbox serve` and `python -m sandbox run -- CMD`."""

from __future__ import annotations

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
