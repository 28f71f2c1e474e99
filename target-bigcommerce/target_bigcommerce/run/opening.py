"""From the settings to a run with everything in its place."""

from __future__ import annotations

import random
import time
from functools import partial
from typing import TYPE_CHECKING

from target_bigcommerce.api.client import BigCommerceClient
from target_bigcommerce.api.parallel import ParallelCalls, ThreadPool
from target_bigcommerce.api.throttle import Throttle
from target_bigcommerce.api.transport import Transport, open_session
from target_bigcommerce.attributes import AttributeBook
from target_bigcommerce.exits.versions import Versions
from target_bigcommerce.interrupt import Interrupt
from target_bigcommerce.messages.checkpoint import Checkpoint
from target_bigcommerce.records.confirming import INCLUDES, has_fields
from target_bigcommerce.rejects import Rejects

from .changes import ChangesFile, NoJournal
from .dry_run import DryStore, DryTable
from .export import Export
from .places import see_writable
from .tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable

    from singer_kit.http import HttpSender
    from target_bigcommerce.settings import Settings


class Opening:
    """Opens the rooms of a run; hand in another to run in another world.

    Args:
        interrupt: ends every wait on a signal.
        clock: seconds that never go backwards.
        chance: a number from 0 to 1, for the jitter of every wait.
        open_session: connects a thread to BigCommerce.
        open_threads: gives so many threads for calls side by side.
    """

    def __init__(
        self,
        *,
        interrupt: Interrupt | None = None,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
        open_session: Callable[[], HttpSender] | None = None,
        open_threads: Callable[[int], ThreadPool] = ThreadPool,
    ) -> None:
        self.interrupt = interrupt or Interrupt()
        self.clock = clock
        self._chance = chance
        self._open_session = open_session
        self._open_threads = open_threads

    def export(self, settings: Settings) -> tuple[Export, Throttle]:
        """Open a run against BigCommerce; no call is made yet.

        Raises:
            SettingsError: when a file of the run could not be written.
        """
        see_writable(settings)
        tally = Tally()
        threads = self._open_threads(settings.max_in_flight)
        throttle = self._throttle(settings, threads)
        transport = self._transport(settings, throttle, tally)
        parallel = ParallelCalls(settings.max_in_flight, self.interrupt, threads)
        client = self.client(transport, parallel)
        store = DryStore(client) if settings.dry_run else client
        export = Export(
            settings,
            store=store,
            book=AttributeBook(store),
            tally=tally,
            journal=_journal(settings),
            rejects=self.rejects(None if settings.dry_run else settings.rejects_path),
            checkpoint=self.checkpoint(),
            versions=self.versions(),
            clock=self.clock,
        )
        return export, throttle

    def client(
        self, transport: Transport, parallel: ParallelCalls
    ) -> BigCommerceClient:
        """Open the store."""
        return BigCommerceClient(
            transport, parallel, is_applied=has_fields, include=INCLUDES
        )

    def rejects(self, path: str | None) -> Rejects:
        """Open the rejects; the file is made at the first of them."""
        return Rejects(path)

    def checkpoint(self) -> Checkpoint:
        """Begin without a state."""
        return Checkpoint()

    def versions(self) -> Versions:
        """Begin with nobody seen."""
        return Versions()

    def _throttle(self, settings: Settings, threads: ThreadPool) -> Throttle:
        return Throttle(
            share=settings.quota_share_percent / 100,
            max_in_flight=settings.max_in_flight,
            clock=self.clock,
            wait=self.interrupt.wait,
            jitter=self._chance,
            changed=threads.condition(),
        )

    def _transport(
        self, settings: Settings, throttle: Throttle, tally: Tally
    ) -> Transport:
        base_url = f"{settings.api_url}/stores/{settings.store_hash}/v3"
        return Transport(
            base_url=base_url,
            open_session=self._open_session
            or partial(
                open_session,
                base_url,
                access_token=settings.access_token,
                user_agent=settings.user_agent,
                timeout_seconds=settings.request_timeout_seconds,
            ),
            throttle=throttle,
            sleep=self.interrupt.wait,
            jitter=self._chance,
            on_attempt=tally.count_call,
        )


def _journal(settings: Settings) -> ChangesFile | DryTable | NoJournal:
    if settings.dry_run:
        return DryTable()
    return ChangesFile(settings.changes_path) if settings.changes_path else NoJournal()
