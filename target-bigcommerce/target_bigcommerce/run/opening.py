"""From the settings to a run with everything in its place."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from target_bigcommerce.api.calls import Calls
from target_bigcommerce.api.session import open_session
from target_bigcommerce.api.threads import Threads
from target_bigcommerce.attributes import AttributeBook
from target_bigcommerce.client import Client
from target_bigcommerce.exits.versions import Versions
from target_bigcommerce.interrupt import Interrupt
from target_bigcommerce.messages.checkpoint import Checkpoint
from target_bigcommerce.quota.hold import backoff_seconds
from target_bigcommerce.rejects import Rejects
from target_bigcommerce.throttle import Throttle
from target_bigcommerce.transport import Transport

from .changes import ChangesFile, NoJournal
from .dry_run import DryStore, DryTable
from .export import Export
from .places import see_writable
from .tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenacity import RetryCallState

    from target_bigcommerce.api.session import OpenSession
    from target_bigcommerce.settings import Settings


class Opening:
    """Opens the rooms of a run; hand in another to run in another world.

    Args:
        interrupt: ends every wait on a signal.
        clock: seconds that never go backwards.
        chance: a number from 0 to 1, for the jitter of every wait.
        open_session: connects to BigCommerce.
        open_threads: gives so many threads for calls side by side.
    """

    def __init__(
        self,
        *,
        interrupt: Interrupt | None = None,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
        open_session: OpenSession = open_session,
        open_threads: Callable[[int], Threads] = Threads,
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
        calls = Calls(settings.max_in_flight, self.interrupt, threads)
        client = self.client(transport, calls)
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

    def client(self, transport: Transport, calls: Calls) -> Client:
        """Open the store."""
        return Client(transport, calls)

    def rejects(self, path: str | None) -> Rejects:
        """Open the rejects; the file is made at the first of them."""
        return Rejects(path)

    def checkpoint(self) -> Checkpoint:
        """Begin without a state."""
        return Checkpoint()

    def versions(self) -> Versions:
        """Begin with nobody seen."""
        return Versions()

    def _throttle(self, settings: Settings, threads: Threads) -> Throttle:
        return Throttle(
            share=settings.quota_share_percent / 100,
            max_in_flight=settings.max_in_flight,
            clock=self.clock,
            wait=self.interrupt.wait,
            chance=self._chance,
            changed=threads.condition(),
        )

    def _transport(
        self, settings: Settings, throttle: Throttle, tally: Tally
    ) -> Transport:
        return Transport(
            base_url=f"{settings.api_url}/stores/{settings.store_hash}/v3",
            access_token=settings.access_token,
            user_agent=settings.user_agent,
            timeout_seconds=settings.request_timeout_seconds,
            throttle=throttle,
            interrupt=self.interrupt,
            backoff=self._backoff,
            open_session=self._open_session,
            on_call=tally.count_call,
        )

    def _backoff(self, state: RetryCallState) -> float:
        return backoff_seconds(state.attempt_number, self._chance())


def _journal(settings: Settings) -> ChangesFile | DryTable | NoJournal:
    if settings.dry_run:
        return DryTable()
    return ChangesFile(settings.changes_path) if settings.changes_path else NoJournal()
