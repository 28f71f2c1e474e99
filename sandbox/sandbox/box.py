"""A sandbox: both vendors, their clock, faults and journal, served on one port."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typing_extensions import Self

from .clock import Clock
from .control import Control
from .faults import Faults
from .journal import Journal
from .lytics import Account
from .options import Options
from .server import LOOPBACK, Server, Shell
from .store import Store

if TYPE_CHECKING:
    from types import TracebackType

    from .messages import Json
    from .vendor import Vendor


class Sandbox:
    """A local Lytics and BigCommerce.

    Serves while it is open (`with`, or `start` and `stop`); without that it can be
    driven in-process through `lytics` and `store`.
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
        """Begin anew with the same options; the clock runs on."""
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
        """Serve on a port, the options' unless told; 0 is any free one."""
        shell = Shell(
            self._vendor, Control(self).answer, lambda: self.latency_ms / 1000
        )
        self._server = Server(shell, self.options.port if port is None else port)
        self._server.start()

    def stop(self) -> None:
        """Serve no more."""
        if self._server:
            self._server.stop()
            self._server = None

    @property
    def port(self) -> int:
        """Where it serves."""
        if self._server is None:
            raise RuntimeError("the sandbox is not open")
        return self._server.port

    @property
    def url(self) -> str:
        """Both plugins' `api_url`."""
        return f"http://{LOOPBACK}:{self.port}"

    def tap_config(self, **settings: Json) -> dict[str, Any]:
        """The tap's connection, with further settings."""
        return {"api_url": self.url, "api_token": self.options.lytics_token, **settings}

    def target_config(self, **settings: Json) -> dict[str, Any]:
        """The target's connection, with further settings."""
        return {
            "api_url": self.url,
            "store_hash": self.options.store_hash,
            "access_token": self.options.store_token,
            **settings,
        }

    def env(self) -> dict[str, str]:
        """The plugins' connections as environment variables."""
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
