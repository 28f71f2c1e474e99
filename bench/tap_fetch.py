"""Fetching the same pages and throwing them away."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tap_lytics.client import Client, Scan
from tap_lytics.interrupt import Interrupt
from tap_lytics.scan import Pages
from tap_lytics.transport import Transport


def main() -> None:
    """Fetch every page, one ahead, as the tap does."""
    config = json.loads(Path(sys.argv[-1]).read_text(encoding="utf-8"))
    interrupt = Interrupt()
    transport = Transport(
        base_url=config["api_url"],
        token=config["api_token"],
        user_agent="bench",
        timeout=60,
        sleep=interrupt.wait,
    )
    scan = Scan(slug=config["audiences"][0])
    for _ in Pages(Client(transport), scan, interrupt):
        pass


if __name__ == "__main__":
    main()
