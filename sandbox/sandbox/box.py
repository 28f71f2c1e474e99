"""The sandbox: both vendors with a shared clock, journal and faults, on one port."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from .bigcommerce.store import Store
from .clock import Clock
from .control import Control
from .faults import Faults
from .journal import Journal
from .lytics.account import Account
from .options import Options
from .server import LOOPBACK, App, Server

if TYPE_CHECKING:
    from types import TracebackType

    from .http import Json, Vendor


class Sandbox:
    """A local Lytics and BigCommerce.

    Serves HTTP while it is open (`with`, or `start` and `stop`). It works in process
    without being open, through `lytics` and `store`.
    """

    def __init__(
        self, options: Options | None = None, *, clock: Clock | None = None
    ) -> None:
        self.options = options or Options()
        self.clock = clock or Clock()
        self.latency_ms = self.options.latency_ms
        self._server: Server | None = None
        self.reset()

    def reset(self) -> None:
        """Restore the seeded state; the clock is not changed."""
        options = self.options
        self.journal = Journal(options.journal_length)
        self.faults = Faults(
            options.fault_rates, seed=options.seed, seconds=options.fault_seconds
        )
        self.lytics = Account(options, self.clock, self.faults, self.journal)
        self.store = Store(options, self.clock, self.faults, self.journal)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self, port: int | None = None) -> None:
        """Serve on `port`, by default the options'; 0 takes any free port.

        Raises:
            OSError: if the port is in use.
        """
        app = App(self._vendor, Control(self).handle, lambda: self.latency_ms / 1000)
        self._server = Server(app, self.options.port if port is None else port)
        self._server.start()

    def stop(self) -> None:
        """Stop serving; without effect if the sandbox is not open."""
        if self._server:
            self._server.stop()
            self._server = None

    @property
    def port(self) -> int:
        """The port it serves on; raises RuntimeError if it is not open."""
        if self._server is None:
            raise RuntimeError("the sandbox is not open")
        return self._server.port

    @property
    def url(self) -> str:
        """The `api_url` of both plugins."""
        return f"http://{LOOPBACK}:{self.port}"

    def tap_config(self, **settings: Json) -> dict[str, Any]:
        """Return the tap's connection settings, with further settings."""
        return {"api_url": self.url, "api_token": self.options.lytics_token, **settings}

    def target_config(self, **settings: Json) -> dict[str, Any]:
        """Return the target's connection settings, with further settings."""
        return {
            "api_url": self.url,
            "store_hash": self.options.store_hash,
            "access_token": self.options.store_token,
            **settings,
        }

    def env(self) -> dict[str, str]:
        """Return both plugins' connection settings as environment variables."""
        return {
            "TAP_LYTICS_API_URL": self.url,
            "TAP_LYTICS_API_TOKEN": self.options.lytics_token,
            "TARGET_BIGCOMMERCE_API_URL": self.url,
            "TARGET_BIGCOMMERCE_STORE_HASH": self.options.store_hash,
            "TARGET_BIGCOMMERCE_ACCESS_TOKEN": self.options.store_token,
        }

    def _vendor(self, path: str) -> Vendor | None:
        if path.startswith("/stores/"):
            return self.store
        return None if path.startswith("/_sandbox/") else self.lytics
