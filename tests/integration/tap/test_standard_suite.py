"""The SDK's whole standard suite for taps, against the sandbox."""

from __future__ import annotations

import atexit

from singer_sdk.testing import SuiteConfig, get_tap_test_class

from sandbox import Options, Sandbox
from tap_lytics.tap import TapLytics

# The suite discovers when it is collected, so the sandbox is up before any fixture.
BOX = Sandbox(Options(members=120, builtins_in_schema=True))
BOX.start()
atexit.register(BOX.stop)

TestTapLytics = get_tap_test_class(
    TapLytics,
    config=BOX.tap_config(
        audiences=["vip_customers", "newsletter_readers", "nobody_yet"],
        existing_users=True,
    ),
    # A limit on records would take another path through the SDK than a run.
    suite_config=SuiteConfig(
        max_records_limit=None,
        # The sandbox has an empty audience on purpose.
        ignore_no_records_for_streams=["nobody_yet"],
    ),
)
