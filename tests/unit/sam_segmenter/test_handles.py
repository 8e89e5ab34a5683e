"""Handles of logits: their tenant's, for a while, within a bound."""

import numpy as np
import pytest

from sam_segmenter.errors import LogitsNotFound
from sam_segmenter.frame import whole
from sam_segmenter.handles import LIFE_SECONDS, LogitsStore

BYTES = 2 * 256 * 256
REGION = whole(10, 10)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def store(capacity: int = 10 * BYTES, clock: Clock | None = None) -> LogitsStore:
    return LogitsStore(capacity, b"secret", clock or Clock())


def logits(value: float = 1.5) -> np.ndarray:
    return np.full((256, 256), value, np.float32)


def test_what_was_put_comes_back() -> None:
    kept = store()
    found = kept.get("a", kept.put("a", logits(-2.5), "sha", REGION))
    assert found is not None
    assert (found.values == -2.5).all()
    assert (found.image_sha256, found.region) == ("sha", REGION)


def test_extreme_logits_stay_finite() -> None:
    kept = store()
    found = kept.get("a", kept.put("a", logits(1e30), "sha", REGION))
    assert found is not None
    assert np.isfinite(found.values).all()


@pytest.mark.parametrize("handle", ["", "x", "ä", "AAAA", "A" * 40, "A" * 10_000])
def test_what_is_no_handle_is_not_there(handle: str) -> None:
    with pytest.raises(LogitsNotFound):
        store().get("a", handle)


def test_another_tenant_finds_nothing() -> None:
    kept = store()
    handle = kept.put("a", logits(), "sha", REGION)
    with pytest.raises(LogitsNotFound):
        kept.get("b", handle)


def test_an_old_handle_is_known_to_be_lost() -> None:
    clock = Clock()
    kept = store(clock=clock)
    handle = kept.put("a", logits(), "sha", REGION)
    clock.now = LIFE_SECONDS - 1
    assert kept.get("a", handle) is not None
    clock.now = LIFE_SECONDS + 1
    assert kept.get("a", handle) is None
    assert kept.bytes == 0


def test_the_oldest_go_when_there_is_no_room() -> None:
    kept = store(3 * BYTES)
    handles = [kept.put("a", logits(n), "sha", REGION) for n in range(5)]
    assert kept.bytes == 3 * BYTES
    assert [kept.get("a", handle) is not None for handle in handles] == [False, False, True, True, True]


def test_a_replica_with_the_same_secret_knows_a_handle_it_never_held() -> None:
    handle = store().put("a", logits(), "sha", REGION)
    assert LogitsStore(BYTES, b"secret").get("a", handle) is None
    with pytest.raises(LogitsNotFound):
        LogitsStore(BYTES, b"other").get("a", handle)
