"""Examples in the documents work, and the things they name exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from reference import PLUGINS, capabilities_of, settings_of
from support.meltano import declared_project
from support.target_settings import validate
from target_bigcommerce.mapping import map_record
from target_bigcommerce.settings import DECLARED, ENTRY_KEYS, Settings
from target_bigcommerce.summary import (
    OUTCOMES,
    RunEnd,
    RunFacts,
    RunStats,
    to_summary,
)

ROOT = Path(__file__).parents[3]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md")]
)
README = ROOT / "README.md"
TARGET_README = ROOT / "target-bigcommerce" / "README.md"
REQUIRED = {"store_hash": "abc123", "access_token": "secret", "id_field": "id"}
BLOCK = re.compile(
    r"^ *```(?P<kind>\w+)\n(?P<text>.*?)^ *```", re.DOTALL | re.MULTILINE
)
LINK = re.compile(r"\]\((?!https?:)(?P<path>[^)#]*)(#(?P<anchor>[^)]*))?\)")
FIRST_CELL = re.compile(r"^\| (`[a-z_]+`(?:, `[a-z_]+`)*) \|", re.MULTILINE)


def mapping_in(document: Path) -> dict[str, Any]:
    """Read the one YAML block that holds a mapping."""
    blocks = BLOCK.finditer(document.read_text(encoding="utf-8"))
    texts = [block["text"] for block in blocks if block["kind"] == "yaml"]
    [mapping] = [text for text in texts if text.find("map_standard_fields:") >= 0]
    found: dict[str, Any] = yaml.safe_load(mapping)
    return found


def named_in(document: Path, heading: str) -> set[str]:
    """Name what the first cells of the tables below a heading name."""
    text = document.read_text(encoding="utf-8")
    _, _, below = text.partition(f"\n{heading}\n")
    below, _, _ = below.partition("\n## ")
    return {
        name.strip("`")
        for cell in FIRST_CELL.findall(below)
        for name in cell.split(", ")
    }


def with_defaults(config: dict[str, Any]) -> dict[str, Any]:
    defaults = {
        name: row["default"]
        for name, row in DECLARED["properties"].items()
        if "default" in row
    }
    return {**defaults, **REQUIRED, **config}


@pytest.mark.parametrize(
    "document", [README, TARGET_README], ids=lambda path: path.parent.name
)
def test_mapping_example_is_valid(document: Path) -> None:
    config = with_defaults(mapping_in(document))

    assert not validate(config)


def test_readme_member_becomes_the_customer_shown() -> None:
    settings = Settings.from_config(with_defaults(mapping_in(README)))
    member = {
        "bigcommerce_customer_id": "1042",
        "email": "o.brien@example.com",
        "loyalty_tier": "gold",
    }

    desired = map_record(member, settings.record_mapping)

    assert desired.customer_id == 1042
    assert desired.fields["email"].value == "o.brien@example.com"
    assert desired.fields["customer_group_id"].value == 7
    assert desired.attributes["Loyalty tier"].value == "gold"
    assert settings.audience_attribute_of("vip_customers") == "Lytics audience"


def test_every_mapping_key_is_described() -> None:
    assert (
        named_in(TARGET_README, "## The mapping") >= ENTRY_KEYS["map_custom_attributes"]
    )


def test_every_summary_key_and_outcome_is_described() -> None:
    summary = to_summary(RunEnd(), RunFacts(), RunStats())

    assert named_in(TARGET_README, "## The summary") >= {*summary, *OUTCOMES}


@pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: path.parent.name + path.name
)
def test_every_link_has_a_target(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^\w -]", "", line.lstrip("# ")).strip().lower().replace(" ", "-")
        for line in text.splitlines()
        if line.startswith("#")
    }

    links = [(link["path"], link["anchor"]) for link in LINK.finditer(text)]

    assert [path for path, _ in links if not (document.parent / path).exists()] == []
    assert {anchor for path, anchor in links if anchor and not path} <= headings


@pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: path.parent.name + path.name
)
def test_every_make_target_named_exists(document: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    text = document.read_text(encoding="utf-8")

    named = set(re.findall(r"(?:`|^)make ([a-z]+)", text, re.MULTILINE))

    assert named <= targets


def test_hosted_job_form_maps_to_declared_settings() -> None:
    text = README.read_text(encoding="utf-8")
    _, _, table = text.partition("| Hosted job | Here |\n")
    table, _, _ = table.partition("\n\n")
    declared = {each.name for plugin in PLUGINS for each in settings_of(plugin)}
    jobs = {job["name"] for job in declared_project()["jobs"]}

    right = [line.split(" | ")[1] for line in table.splitlines()[1:]]
    named = {name for cell in right for name in re.findall(r"`([a-z_-]+)`", cell)}

    assert len(right) == 10
    assert named <= declared | jobs


@pytest.mark.parametrize("name", ["meltano.yml", ".env.example"])
def test_file_that_meltano_reads_is_ascii(name: str) -> None:
    # Meltano reads it in the encoding of the locale.
    assert (ROOT / name).read_bytes().isascii()


def test_env_example_names_declared_settings() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    declared = {
        f"{plugin}_{each.name}".upper().replace("-", "_")
        for plugin in PLUGINS
        for each in settings_of(plugin)
    }

    names = set(re.findall(r"^([A-Z_]+)=$", text, re.MULTILINE))

    assert len(names) == 3
    assert names <= declared


@pytest.mark.parametrize("plugin", PLUGINS)
def test_meltano_declares_every_setting(plugin: str) -> None:
    plugins = declared_project()["plugins"]
    [row] = [
        each
        for each in (*plugins["extractors"], *plugins["loaders"])
        if each["name"] == plugin
    ]
    kinds = {"date-time": "date_iso8601"}

    declared = {
        each["name"]: (each["kind"], each.get("sensitive", False), each["description"])
        for each in row["settings"]
    }

    assert declared == {
        each.name: (kinds.get(each.type, each.type), each.is_secret, each.description)
        for each in settings_of(plugin)
    }


@pytest.mark.parametrize("plugin", PLUGINS)
def test_meltano_declares_the_plugin_capabilities(plugin: str) -> None:
    plugins = declared_project()["plugins"]
    [row] = [
        each
        for each in (*plugins["extractors"], *plugins["loaders"])
        if each["name"] == plugin
    ]

    assert set(row["capabilities"]) == capabilities_of(plugin)
