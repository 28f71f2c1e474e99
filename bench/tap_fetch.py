"""Fetches the pages and discards them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from singer_kit.http import HttpSession
from singer_kit.shutdown import ShutdownSignal
from tap_lytics.client import LyticsClient, Scan
from tap_lytics.scan import ScanPages
from tap_lytics.transport import Transport


def main() -> None:
    """Fetch every page, prefetching one as the tap does."""
    config = json.loads(Path(sys.argv[-1]).read_text(encoding="utf-8"))
    shutdown = ShutdownSignal()
    session = HttpSession(
        base_url=config["api_url"],
        token_header="Authorization",  # noqa: S106 - a header's name
        token=config["api_token"],
        user_agent="bench",
        timeout_seconds=60,
    )
    transport = Transport(session, sleep=shutdown.wait)
    name = config["audiences"][0]
    scan = Scan(audience_id=name, slug=name)
    for _ in ScanPages(LyticsClient(transport), scan, shutdown):
        pass


if __name__ == "__main__":
    main()
