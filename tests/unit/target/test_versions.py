"""Who was seen under a version is remembered in little memory."""

from __future__ import annotations

import random

from pyroaring import BitMap64

from target_bigcommerce.exits import KEPT_VERSIONS, SeenMembers, StreamVersions


def test_a_record_without_a_version_is_nobody_s() -> None:
    assert StreamVersions().add_record("vip", None) is None


def test_records_are_counted_by_stream_and_version() -> None:
    versions = StreamVersions()

    for stream, version in [("vip", 1), ("vip", 1), ("news", 1), ("vip", 2)]:
        versions.add_record(stream, version)

    assert versions.members("vip", 1).records == 2
    assert versions.members("news", 1).records == 1
    assert versions.members("vip", 2).records == 1


def test_a_version_that_brought_no_record_saw_nobody() -> None:
    assert StreamVersions().members("vip", 1) == SeenMembers()


def test_customers_are_seen_where_their_records_are() -> None:
    versions = StreamVersions()

    for number in (3, 5):
        seen = versions.add_record("vip", 1)
        assert seen is not None
        seen.customers.add(number)

    assert list(versions.members("vip", 1).customers) == [3, 5]


def test_old_versions_are_forgotten() -> None:
    versions = StreamVersions()

    for version in range(5):
        versions.add_record("vip", version)

    kept = [v for v in range(5) if versions.members("vip", v).records]
    assert kept == [3, 4]
    assert len(kept) == KEPT_VERSIONS


def test_a_million_customers_take_less_than_20_megabytes() -> None:
    chance = random.Random(1)  # noqa: S311 - repeatable
    dense = BitMap64(range(1, 1_000_001))
    scattered = BitMap64(chance.sample(range(1, 10_000_000), 1_000_000))

    for customers in (dense, scattered):
        assert len(customers) == 1_000_000
        assert len(customers.serialize()) < 20_000_000
