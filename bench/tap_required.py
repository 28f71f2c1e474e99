"""Pages and seconds saved by require_fields if 10 % have a customer id.

python -m bench.tap_required [MEMBERS]
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sandbox import Options, Sandbox

TAP = Path(sys.executable).parent / "tap-lytics"
MEMBERS = 100_000
LATENCY_MS = 50
SETTINGS: dict[str, list[str]] = {
    "without": [],
    "with": ["bigcommerce_customer_id"],
}


def main() -> None:
    """Measure and print."""
    members = int(sys.argv[1]) if len(sys.argv) > 1 else MEMBERS
    options = Options(
        members=members, without_id=0.9, latency_ms=LATENCY_MS, journal_length=100_000
    )
    with Sandbox(options) as box, tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "config.json")
        for name, fields in SETTINGS.items():
            settings = box.tap_config(
                audiences=["vip_customers"], existing_users=True, require_fields=fields
            )
            config.write_text(json.dumps(settings), encoding="utf-8")
            box.journal.clear()
            began = time.monotonic()
            subprocess.run(
                [str(TAP), "--config", str(config)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=True,
            )
            seconds = time.monotonic() - began
            pages = sum(entry.path.endswith("/scan") for entry in box.journal)
            print(f"{name:8} require_fields: {pages:6,} pages, {seconds:6.1f} s")


if __name__ == "__main__":
    main()
