"""From the settings to a run with everything in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .attributes import AttributeBook
from .calls import Calls
from .changes import ChangesFile, NoJournal
from .client import Client
from .dry_run import DryStore, DryTable
from .export import Export
from .rejects import Rejects
from .tally import Tally
from .throttle import Throttle
from .transport import Transport

if TYPE_CHECKING:
    from .interrupt import Interrupt
    from .settings import Settings


def open_export(settings: Settings, interrupt: Interrupt) -> tuple[Export, Throttle]:
    """Open a run against BigCommerce; no call is made yet."""
    tally = Tally()
    throttle = Throttle(
        share=settings.quota_share_percent / 100,
        max_in_flight=settings.max_in_flight,
        wait=interrupt.wait,
    )
    transport = Transport(
        base_url=f"{settings.api_url}/stores/{settings.store_hash}/v3",
        access_token=settings.access_token,
        user_agent=settings.user_agent,
        timeout_seconds=settings.request_timeout_seconds,
        throttle=throttle,
        interrupt=interrupt,
        on_call=tally.count_call,
    )
    client = Client(transport, Calls(settings.max_in_flight, interrupt))
    dry = DryStore(client) if settings.dry_run else None
    store = dry or client
    export = Export(
        settings,
        store=store,
        book=AttributeBook(store),
        tally=tally,
        journal=_journal(settings),
        rejects=Rejects(None if settings.dry_run else settings.rejects_path),
    )
    return export, throttle


def _journal(settings: Settings) -> ChangesFile | DryTable | NoJournal:
    if settings.dry_run:
        return DryTable()
    return ChangesFile(settings.changes_path) if settings.changes_path else NoJournal()
