"""Runs one process of the tap, with its requests, waits and output in memory.

A process ends by itself, by a signal, or is killed. Requests that the tap makes in
threads are made in the main thread, when they start or when their result is needed.
"""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from requests.structures import CaseInsensitiveDict
from typing_extensions import override

from sandbox.http import to_request
from simulation.process import ErrorLog, isolated_logs_and_signals
from simulation.world import DeadError, ViolationError
from singer_kit.errors import NoResponseError, PluginError, ShutdownRequestedError
from singer_kit.http import HttpResponse
from singer_kit.shutdown import BackgroundCall, ShutdownSignal
from tap_lytics.tap import TapLytics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sandbox.lytics.account import Account
    from simulation.world import World

LOGGERS = [
    logging.getLogger(name)
    for name in ("tap-lytics", "singer_sdk", "singer_sdk.metrics")
]
TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TapResult:
    """The result of a process.

    `status` is its exit status, None if it was killed; `messages` what it printed;
    `printed_at` the seconds at which each message was printed; `error` its last error.
    """

    status: int | None
    messages: list[dict[str, Any]]
    printed_at: list[float]
    error: str


class Lytics:
    """An HTTP session of the tap; `observe` is called after every response."""

    def __init__(
        self, world: World, account: Account, observe: Callable[[], None]
    ) -> None:
        self._world = world
        self._account = account
        self._observe = observe

    def send(
        self,
        method: str,
        target: str,
        *,
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> HttpResponse:
        """Process a request.

        Raises:
            NoResponseError: when the response is lost, slow or truncated.
        """
        if self._world.signalled is not None:
            self._world.violate("a request starts after a signal")
        path, _, query = target.partition("?")
        headers = {
            "Authorization": self._account.options.lytics_token,
            "Content-Type": content_type,
        }
        request = to_request(method, path, query, headers, body or b"")
        self._world.step()
        self._observe()
        call = self._account.begin(request)
        self._world.advance(self._world.rng.uniform(0.0, 2.0))
        response = call.finish()
        self._observe()
        seconds = response.delay + response.byte_seconds * len(response.body)
        self._world.advance(min(seconds, TIMEOUT_SECONDS))
        self._world.step()
        if seconds > TIMEOUT_SECONDS:
            raise NoResponseError("ReadTimeout")
        if response.ending != "whole":
            raise NoResponseError(response.ending)
        return HttpResponse(
            status=response.status,
            headers=CaseInsensitiveDict(response.headers),
            body=response.body,
        )

    def close(self) -> None:
        """Do nothing."""


class TapShutdown(ShutdownSignal):
    """A shutdown signal that waits in virtual time."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    @override
    def wait_for(self, descriptor: int | None, seconds: float | None = None) -> bool:
        if not self.is_set:
            self._world.sleep(seconds or 0.0)
        if self.is_set:
            raise ShutdownRequestedError("Stopped by a signal.")
        return False


class Printed:
    """Standard output; a killed process cannot write to it."""

    encoding = "utf-8"

    def __init__(self, world: World) -> None:
        self._world = world
        self.buffer = self
        self.text = b""
        self.times: list[float] = []

    def write(self, lines: bytes) -> int:
        """Write lines at once, with a step before and after it."""
        self._world.step()
        self.text += lines
        self.times += [self._world.now()] * lines.count(b"\n")
        self._world.step()
        return len(lines)

    def flush(self) -> None:
        """Do nothing."""

    def isatty(self) -> bool:
        """It is no terminal."""
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class TapInput:
    """What a process is started with; `clock_ahead` is how far its clock is ahead."""

    config: Mapping[str, Any]
    catalog: Mapping[str, Any]
    state: Mapping[str, Any]
    clock_ahead: timedelta


def run_tap(
    world: World, account: Account, given: TapInput, observe: Callable[[], None]
) -> TapResult:
    """Run the tap until it ends or is killed."""
    errors, printed = ErrorLog(), Printed(world)
    status, error = None, ""
    with (
        isolated_logs_and_signals(errors, LOGGERS),
        _calls_in_main_thread(world),
        contextlib.redirect_stdout(printed),  # type: ignore[type-var]  # all it needs
        contextlib.ExitStack() as stack,
    ):
        try:
            _run(world, Lytics(world, account, observe), given, stack)
            status = 0
        except ShutdownRequestedError:
            status = 0
        except PluginError as found:
            status, error = 1, str(found.args[-1])
        except (DeadError, ViolationError):
            pass
    if world.violation:
        raise world.violation
    return TapResult(
        status=status,
        messages=[json.loads(line) for line in printed.text.splitlines()],
        printed_at=printed.times,
        error=error,
    )


def _run(
    world: World, sender: Lytics, given: TapInput, stack: contextlib.ExitStack
) -> None:
    shutdown = TapShutdown(world)
    stack.callback(shutdown.close)

    def local_time() -> datetime:
        now = datetime.fromtimestamp(world.clock.now(), tz=UTC)
        return now + given.clock_ahead

    tap = TapLytics(
        config=dict(given.config),
        catalog=given.catalog,
        state=json.loads(json.dumps(given.state)),
        shutdown=shutdown,
        sender=sender,
        clock=local_time,
    )
    stack.callback(tap.close)
    tap.run()


def discover(
    world: World, account: Account, config: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the catalog that the tap discovers."""
    errors = ErrorLog()
    with isolated_logs_and_signals(errors, LOGGERS), _calls_in_main_thread(world):
        shutdown = TapShutdown(world)
        tap = TapLytics(
            config=dict(config),
            shutdown=shutdown,
            sender=Lytics(world, account, lambda: None),
        )
        found: dict[str, Any] = tap.catalog_dict
        tap.close()
        shutdown.close()
    return found


@contextlib.contextmanager
def _calls_in_main_thread(world: World) -> Iterator[None]:
    """Make background calls in this thread, and restore the garbage collector."""

    def start(self: Any, call: Callable[[], Any], shutdown: ShutdownSignal) -> None:  # noqa: ANN401 - a call
        self.call, self.shutdown, self.outcome = call, shutdown, None
        if world.rng.random() < 0.5 and not shutdown.is_set:
            self.outcome = _outcome(call)

    threshold, hook = gc.get_threshold(), sys.excepthook
    try:
        with patch.multiple(
            BackgroundCall,
            __init__=start,
            result=_result,
            abandon=lambda _: None,
            first_finished=staticmethod(_first_finished),
        ):
            yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*threshold)
        sys.excepthook = hook


def _result(self: Any) -> Any:  # noqa: ANN401 - a call
    if not self.shutdown.is_set:
        self.outcome = self.outcome or _outcome(self.call)
    if self.shutdown.is_set:
        raise ShutdownRequestedError("Stopped by a signal.")
    value, error = self.outcome
    if error is not None:
        raise error
    return value


def _first_finished(calls: Sequence[Any], shutdown: ShutdownSignal) -> Any:  # noqa: ANN401 - a call
    """Return the first one that was made; if there is none, the first."""
    if shutdown.is_set:
        raise ShutdownRequestedError("Stopped by a signal.")
    return next((call for call in calls if call.outcome), calls[0])


def _outcome(call: Callable[[], Any]) -> tuple[Any, Exception | None]:
    try:
        return call(), None
    except Exception as error:  # noqa: BLE001 - raised by result()
        return None, error
