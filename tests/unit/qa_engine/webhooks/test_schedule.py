"""When a delivery is tried again, and what its endpoint is thought of meanwhile."""

from itertools import accumulate

import pytest

from qa_engine.webhooks.schedule import (
    MAX_ATTEMPTS,
    WAITS_SECONDS,
    Outcome,
    health_after,
    next_due_us,
    retry_after_s,
)
from qa_engine.webhooks.webhook import CircuitState, Health

NOW = 1_800_000_000_000_000
FAILED = Outcome(500, "STATUS_REFUSED")


def seconds(due_us: int | None) -> float:
    assert due_us is not None
    return (due_us - NOW) / 1e6


def test_waits_grow_over_four_days_and_end() -> None:
    least = [seconds(next_due_us(n, FAILED, NOW, 0.0)) for n in range(1, MAX_ATTEMPTS)]
    most = [seconds(next_due_us(n, FAILED, NOW, 1.0)) for n in range(1, MAX_ATTEMPTS)]
    assert least == list(WAITS_SECONDS)
    assert most == pytest.approx([1.2 * wait for wait in WAITS_SECONDS])
    assert list(accumulate(least))[-1] == pytest.approx(92.6 * 3600, rel=0.01)
    assert next_due_us(MAX_ATTEMPTS, FAILED, NOW) is None


def test_retry_after_lengthens_a_wait_up_to_a_day_and_never_shortens_one() -> None:
    assert seconds(next_due_us(1, Outcome(503, "STATUS_REFUSED", "", 600), NOW, 0.0)) == 600
    assert seconds(next_due_us(1, Outcome(503, "STATUS_REFUSED", "", 1e9), NOW, 0.0)) == 86_400
    assert seconds(next_due_us(5, Outcome(503, "STATUS_REFUSED", "", 1), NOW, 0.0)) == 7_200


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("0", 0),
        ("99999999999999999999", 86_400),
        ("Fri, 15 Jan 2027 08:01:40 GMT", 100),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0),
        ("Fri, 15 Jan 2037 07:00:00 GMT", 86_400),
        ("", 0),
        ("-5", 0),
        ("1.5", 0),
        ("soon", 0),
        ("٣", 0),
        ("Fri, 99 Jan 2027 07:00:00 GMT", 0),
    ],
)
def test_retry_after_is_read_with_care(header: str, wanted: float) -> None:
    assert retry_after_s(header, NOW) == pytest.approx(wanted)


def test_a_circuit_opens_at_the_third_failure_for_at_most_a_quarter_of_an_hour() -> None:
    health, waits = Health(), []
    for _ in range(10):
        health = health_after(health, FAILED, NOW)
        waits.append(seconds(health.retry_time_us) if health.retry_time_us else 0)
    assert waits == [0, 0, 10, 30, 60, 120, 300, 900, 900, 900]
    assert health.circuit(NOW) is CircuitState.OPEN
    assert health.circuit(NOW + 900_000_000) is CircuitState.HALF_OPEN
    assert health_after(health, Outcome(200, ""), NOW) == Health()
    assert Health().circuit(NOW) is CircuitState.CLOSED


def test_an_endpoint_that_asks_for_time_gets_it_for_all_deliveries() -> None:
    health = health_after(Health(), Outcome(429, "STATUS_REFUSED", "", 60), NOW)
    assert seconds(health.retry_time_us) == 60
