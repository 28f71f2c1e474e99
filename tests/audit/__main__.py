"""Audits the dependencies, without any network: `make audit`."""

from __future__ import annotations

import sys
from pathlib import Path

from audit.whole import findings

ROOT = Path(__file__).parents[2]


def main(root: Path) -> int:
    """Print what was found, a line each; the status is 1 when there is anything."""
    found = list(findings(root))
    for line in found:
        sys.stdout.write(f"{line}\n")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if sys.argv[1:] else ROOT))
