"""The actions of a scenario: run a plugin, change the account or store, observe."""

from __future__ import annotations

import json
import subprocess
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import observed
from .canned_lytics import CannedLytics
from .sandbox_process import NOW, SandboxProcess

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .canned_lytics import Canned

Json = Any

VIP = "vip_customers"
NEWS = "newsletter_readers"
SECONDS = 240.0
STILL = Path(__file__).parent / "still"
MAPPING: dict[str, Json] = {
    "id_field": "bigcommerce_customer_id",
    "map_standard_fields": [
        {"from": name, "to": name}
        for name in ("email", "first_name", "last_name", "company")
    ],
    "map_custom_attributes": [
        {"from": "loyalty_tier", "to": "Loyalty tier"},
        {"from": "lifetime_value", "to": "Lifetime value", "type": "number"},
        {"from": "country_codes", "to": "Countries"},
    ],
}


@dataclass(slots=True)
class Shared:
    """Stdout of tap runs that several scenarios share."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    printed: dict[str, bytes] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Stage:
    """A running scenario; `observations` has one entry per step.

    Args:
        plugins: the folder with both executables.
        box: the sandbox.
        folder: for temporary files.
        shared: shared by all scenarios.
        tap_settings: settings of every tap run, unless overridden.
        target_settings: settings of every target run, unless overridden.
        is_ordered: whether the tap reads pages in a fixed order. Otherwise its records
            are sorted, its last STATE is kept for the next run, and cursors are masked.
    """

    plugins: Path
    box: SandboxProcess
    folder: Path
    shared: Shared
    tap_settings: dict[str, Json] = field(default_factory=dict)
    target_settings: dict[str, Json] = field(default_factory=dict)
    state: Json = None
    is_ordered: bool = True
    now: float = NOW
    observations: list[dict[str, Json]] = field(default_factory=list)
    _seen: int = 0
    _store: Json = None
    _read: dict[str, int] = field(default_factory=dict)

    @classmethod
    def open(
        cls, plugins: Path, box: SandboxProcess, folder: Path, shared: Shared
    ) -> Stage:
        """Reset the sandbox and begin."""
        box.begin()
        stage = cls(plugins=plugins, box=box, folder=folder, shared=shared)
        stage.tap_settings = {
            "api_url": box.url,
            "api_token": box.env["TAP_LYTICS_API_TOKEN"],
            "audiences": [VIP],
            "page_size": 15,
        }
        stage.target_settings = {
            "api_url": box.url,
            "store_hash": box.env["TARGET_BIGCOMMERCE_STORE_HASH"],
            "access_token": box.env["TARGET_BIGCOMMERCE_ACCESS_TOKEN"],
            **MAPPING,
        }
        stage.out.mkdir()
        stage._store = observed.of_store(box.look("store"))
        return stage

    @property
    def out(self) -> Path:
        """The working directory of the plugins."""
        return self.folder / "out"

    # Changes of account, store and clock.

    def change(self, index: int, **fields: Json) -> None:
        """Change a member."""
        self.box.control("members", do="change", index=index, fields=fields)

    def enter(self, index: int, audience: str = VIP, **more: Json) -> None:
        """Add a person to an audience."""
        self.box.control("members", do="enter", index=index, audience=audience, **more)

    def leave(self, index: int, audience: str = VIP, **more: Json) -> None:
        """Remove a member from an audience."""
        self.box.control("members", do="leave", index=index, audience=audience, **more)

    def audience(self, do: str, slug: str = VIP, **more: Json) -> None:
        """Change an audience."""
        self.box.control("audiences", do=do, slug=slug, **more)

    def advance(self, *, minutes: float = 0, hours: float = 0) -> None:
        """Move the sandbox's clock."""
        seconds = 60 * minutes + 3600 * hours
        self.now = self.box.control("clock", advance=seconds)["now"]

    def faults(self, *queue: Mapping[str, Json]) -> None:
        """Replace the queued faults."""
        self.box.control("faults", clear=True, queue=list(queue))

    def put_values(
        self, values: Mapping[int, str], name: str = "LyticsAudience_vip"
    ) -> None:
        """Create an attribute and give customers a value, unobserved."""
        made = self.box.call_store(
            "POST", "/customers/attributes", [{"name": name, "type": "string"}]
        )
        number = made["data"][0]["id"]
        rows = [
            {"customer_id": customer, "attribute_id": number, "value": value}
            for customer, value in values.items()
        ]
        for at in range(0, len(rows), 10):
            self.box.call_store(
                "PUT", "/customers/attribute-values", rows[at : at + 10]
            )
        self._seen = self.box.look("journal")["total"]
        self._store = observed.of_store(self.box.look("store"))

    # Runs of the plugins.

    def sync(
        self,
        tap: Mapping[str, Json] | None = None,
        target: Mapping[str, Json] | None = None,
        catalog: Json = None,
    ) -> None:
        """Run the tap, then the target on what the tap printed."""
        printed = self.tap(tap, catalog=catalog)
        self.target(printed, target)

    def tap(
        self,
        settings: Mapping[str, Json] | None = None,
        *,
        args: Sequence[str] = (),
        catalog: Json = None,
        state: Json = None,
        canned: Canned | None = None,
        once_for: str = "",
    ) -> bytes:
        """Run the tap with the last STATE or a given one; return its stdout.

        Scenarios with the same `once_for` need the same people; they share one run.
        """
        if once_for:
            with self.shared.lock:
                if once_for not in self.shared.printed:
                    self.shared.printed[once_for] = self.tap(settings)
                    self._seen = self.box.look("journal")["total"]
                    self.observations.clear()
                return self.shared.printed[once_for]
        config = {**self.tap_settings, **(settings or {})}
        files = {
            "--catalog": catalog,
            "--state": self.state if state is None else state,
        }
        with ExitStack() as stack:
            if canned is not None:
                lytics = CannedLytics(self.box.url, canned)
                lytics.start()
                stack.callback(lytics.stop)
                config["api_url"] = lytics.url
            done = self._run("tap-lytics", {"--config": config, **files}, args)
        text = done.stdout.decode("utf-8", "surrogateescape")
        seen: dict[str, Json] = {"run": "tap", "exit": done.returncode}
        seen["log"] = observed.of_log(_text(done.stderr))
        seen["stdout"] = observed.masked(text).splitlines()
        if not self.is_ordered:
            seen["stdout"] = observed.unordered(seen["stdout"])
            self.state = observed.last_state(done.stdout) or self.state
        path = config.get("ledger_path")
        if path and (self.out / path).is_file():
            seen["ledger"] = observed.of_ledger(self.out / path)
        self._keep(seen)
        return done.stdout

    def target(
        self,
        lines: bytes | Iterable[Mapping[str, Json]],
        settings: Mapping[str, Json] | None = None,
        *,
        args: Sequence[str] = (),
    ) -> None:
        """Run the target on a tap's stdout, or on messages; keep its last STATE."""
        config = {
            **self.target_settings,
            "rejects_path": "rejects.jsonl",
            "summary_path": "summary.json",
            "changes_path": "changes.jsonl",
            **(settings or {}),
        }
        text = lines if isinstance(lines, bytes) else to_lines(lines)
        (self.out / "summary.json").unlink(missing_ok=True)
        done = self._run("target-bigcommerce", {"--config": config}, args, stdin=text)
        printed = _text(done.stdout)
        seen: dict[str, Json] = {"run": "target", "exit": done.returncode}
        seen["log"] = observed.of_log(_text(done.stderr))
        seen["states"] = observed.masked(printed).splitlines()
        seen["rejects"] = observed.of_rejects(self._new_lines("rejects.jsonl"))
        seen["changes"] = observed.of_changes(self._new_lines("changes.jsonl"))
        summary = self.out / "summary.json"
        seen["summary"] = observed.of_summary(
            summary.read_text(encoding="utf-8") if summary.is_file() else ""
        )
        after = observed.of_store(self.box.look("store"))
        seen["store"] = observed.of_changed_store(self._store, after)
        self._store = after
        self._keep(seen)
        if printed.strip():
            self.state = json.loads(printed.splitlines()[-1])

    def command(
        self,
        executable: str,
        *args: str,
        config: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> bytes:
        """Run either plugin with any command line; return its stdout."""
        files = {"--config": config}
        done = self._run(executable, files, args, env=env or {})
        seen = {"run": " ".join((executable, *args)), "exit": done.returncode}
        self._keep({**seen, "log": observed.of_log(_text(done.stderr))})
        return done.stdout

    def note(self, name: str, value: Json) -> None:
        """Record any other value."""
        self.observations.append({"run": name, "value": value})

    def _keep(self, seen: dict[str, Json]) -> None:
        journal = self.box.look(f"journal?since={self._seen}")
        if not self.is_ordered:
            observed.mask_cursors(journal["entries"])
        self._seen = journal["total"]
        names = observed.names_of(self.box.look("store"))
        seen["requests"] = observed.of_requests(journal["entries"], names)
        seen["files"] = observed.of_files(self.out)
        self.observations.append({k: v for k, v in seen.items() if v not in ([], {})})

    def _new_lines(self, name: str) -> str:
        """Read what the last run appended to a file."""
        path = self.out / name
        if not path.is_file():
            return ""
        text = path.read_text(encoding="utf-8")
        new = text[self._read.get(name, 0) :]
        self._read[name] = len(text)
        return new

    def _run(
        self,
        executable: str,
        files: Mapping[str, Json],
        args: Sequence[str],
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        options: list[str] = []
        for option, value in files.items():
            if value is not None:
                path = self.folder / f"{executable}{option}.json"
                text = value if isinstance(value, str) else json.dumps(value)
                path.write_text(text, encoding="utf-8")
                options += [option, str(path)]
        given = self.folder / f"{executable}.in"
        given.write_bytes(stdin)
        with given.open("rb") as source:
            return subprocess.run(
                [str(self.plugins / executable), *options, *args],
                cwd=self.out,
                stdin=source,
                capture_output=True,
                timeout=SECONDS,
                check=False,
                umask=0o022,
                env={
                    "PATH": "/usr/bin:/bin",
                    "HOME": str(self.folder),
                    "LANG": "C.UTF-8",
                    "TZ": "UTC",
                    "PYTHONPATH": str(STILL),
                    "STILL_CLOCK": str(self.now),
                    **(env or {}),
                },
            )


def to_lines(messages: Iterable[Mapping[str, Json]]) -> bytes:
    """Write messages, a line each."""
    return b"".join(json.dumps(each).encode() + b"\n" for each in messages)


def _text(output: bytes) -> str:
    return output.decode("utf-8", "surrogateescape")
