"""How a 429 affects later requests."""

from __future__ import annotations

from target_bigcommerce.api.quota import ConcurrencyLimit, Cooldown, RateLimits

BARE = RateLimits()


def test_429_sets_the_cooldown_that_it_states() -> None:
    cooldown = Cooldown(jitter=lambda: 1.0)

    cooldown.record_throttled(
        100.0, 99.0, RateLimits(reset_seconds=7.0, retry_after_seconds=2.0)
    )

    assert cooldown.remaining(101.0) == 6.0


def test_bare_429s_double_the_wait_up_to_a_minute() -> None:
    cooldown, now, waits = Cooldown(jitter=lambda: 1.0), 0.0, []

    for _ in range(8):
        cooldown.record_throttled(now, now, BARE)
        waits.append(cooldown.remaining(now))
        now += 1000

    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_requests_throttled_together_count_once() -> None:
    cooldown = Cooldown(jitter=lambda: 1.0)

    for started_at in (9.7, 9.8, 9.9):
        cooldown.record_throttled(10.0, started_at, BARE)

    assert cooldown.remaining(10.0) == 1.0


def test_success_restarts_the_backoff() -> None:
    cooldown = Cooldown(jitter=lambda: 1.0)
    cooldown.record_throttled(0.0, 0.0, BARE)
    cooldown.record_throttled(100.0, 100.0, BARE)

    cooldown.record_success()
    cooldown.record_throttled(200.0, 200.0, BARE)

    assert cooldown.remaining(200.0) == 1.0


def test_concurrency_limit_never_falls_below_one() -> None:
    concurrency = ConcurrencyLimit(3)

    for _ in range(5):
        concurrency.decrease()

    assert concurrency.limit == 1


def test_concurrency_limit_rises_after_50_successes() -> None:
    concurrency = ConcurrencyLimit(3)
    concurrency.decrease()
    concurrency.decrease()

    limits = []
    for _ in range(200):
        concurrency.record_success()
        limits.append(concurrency.limit)

    assert [limits[48], limits[49], limits[98], limits[99], limits[-1]] == [
        1,
        2,
        2,
        3,
        3,
    ]
