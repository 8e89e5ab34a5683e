"""Secrets, signatures and what is signed."""

import base64
import json
import math

import pytest

from qa_engine.operation import Emit
from qa_engine.webhooks import signature
from qa_engine.webhooks.errors import WebhookInvalid, WebhookKeyMissing
from qa_engine.webhooks.keyring import keys_of
from qa_engine.webhooks.notice import Notice, emitted
from qa_engine.webhooks.secret import Keys
from qa_engine.webhooks.sender import excerpt
from qa_engine.webhooks.webhook import Wanted, wants

KEY, NEWER = "a key of the tests that is long enough", "another key that is long enough"


def test_signatures_are_those_of_the_specification() -> None:
    # The example that implementations of Standard Webhooks are tested with.
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signature.headers([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_secrets_differ_by_webhook_salt_and_key_and_stay_the_same() -> None:
    keys = Keys((KEY,))
    one, two = keys.new(), keys.new()
    secrets = {keys.secret("W1", one), keys.secret("W1", two), keys.secret("W2", one)}
    assert len(secrets) == 3
    assert Keys((NEWER, KEY)).secret("W1", one) == keys.secret("W1", one)
    assert keys.shown("W1", one).startswith("whsec_")
    assert len(base64.b64decode(keys.shown("W1", one)[6:])) == 32
    assert KEY not in repr(keys)


def test_a_key_that_was_taken_away_signs_nothing() -> None:
    ref = Keys((KEY,)).new()
    with pytest.raises(WebhookKeyMissing):
        Keys((NEWER,)).secret("W1", ref)
    with pytest.raises(WebhookKeyMissing):
        Keys(()).new()
    with pytest.raises(ValueError):
        Keys(("short",))


def test_keys_come_from_the_setting_or_from_a_file_beside_the_database(tmp_path) -> None:
    url = f"sqlite:///{tmp_path}/deep/qa.db"
    assert keys_of(f"{NEWER}, {KEY}", url).keys == (NEWER, KEY)
    assert not (tmp_path / "deep").exists()
    made = keys_of("", url)
    assert keys_of("", url) == made
    (file,) = (tmp_path / "deep").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert keys_of("", "postgresql://x@y/z").keys == ()


def test_topics_are_names_beginnings_or_all() -> None:
    assert wants(["label.reviewed"], "label.reviewed")
    assert wants(["label.*"], "label.reviewed")
    assert wants(["*"], "rule.colour.too_green")
    assert wants(["rule.colour.*"], "rule.colour.too_green")
    assert not wants(["label.*"], "labels.reviewed")
    assert not wants(["label"], "label.reviewed")


@pytest.mark.parametrize(
    "topic", ["", "Label", "label.", ".label", "label.*.x", "**", "a b", "x" * 81, "l\n"]
)
def test_topics_that_nothing_can_have_are_refused(topic: str) -> None:
    with pytest.raises(WebhookInvalid):
        Wanted("https://example.com/", (topic,))


def test_a_body_is_json_whatever_the_data_and_never_large() -> None:
    notice = Notice("label.evaluated", "k", {"score": math.nan, "list": [math.inf, "é"]})
    body = json.loads(notice.body("projects/news", 7, 1_800_000_000_000_000))
    assert body == {
        "type": "label.evaluated",
        "timestamp": "2027-01-15T08:00:00.000+00:00",
        "sequence": 7,
        "project": "projects/news",
        "data": {"score": None, "list": [None, "é"]},
    }
    large = Notice("t.x", "k", {"text": "x" * 100_000}).body("projects/news", 1, 0)
    assert json.loads(large)["data"] == {"truncated": True}


def test_what_rules_emit_is_bounded_and_keyed_by_its_place() -> None:
    asked = [("r1", Emit("colour", {"mean": 2.5, "text": "y" * 9_000})), ("r2", Emit("colour", {"ok": True}))]
    first, second = emitted("evaluated:L1:3", "projects/p/labels/L1", "projects/p/assets/A1", asked)
    assert first.topic == "rule.colour"
    assert len(first.data["fields"]["text"]) == 500
    assert second.data == {
        "rule": "r2",
        "label": "projects/p/labels/L1",
        "asset": "projects/p/assets/A1",
        "fields": {"ok": True},
    }
    assert first.event_key != second.event_key


def test_no_part_of_a_secret_stands_where_an_excerpt_is_cut() -> None:
    secret = bytes(range(32))
    shown = base64.b64encode(secret).decode()
    assert shown[:20] not in excerpt(("x" * 490 + shown).encode(), [secret])
    assert secret.hex()[:20] not in excerpt(("x" * 490 + secret.hex()).encode(), [secret])
