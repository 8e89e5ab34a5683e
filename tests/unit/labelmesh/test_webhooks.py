"""What a receiver checks, and how webhooks look on a screen."""

import io

import pytest
from rich.console import Console

from labelmesh.cli.webhook_tables import deliveries_table, details, webhooks_table
from labelmesh.client.webhook import (
    Attempt,
    Circuit,
    Delivery,
    DeliveryDetails,
    DeliveryState,
    SignatureInvalid,
    Webhook,
    WebhookState,
    verify,
)

# The example that implementations of Standard Webhooks are tested with.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY, NOW = b'{"test": 2432232314}', 1614265330
HEADERS = {
    "Webhook-Id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "Webhook-Timestamp": "1614265330",
    "Webhook-Signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}


def test_a_signature_of_the_specification_is_right() -> None:
    verify(SECRET, HEADERS, BODY, now_s=NOW)
    two = HEADERS | {"Webhook-Signature": "v1,AAAA v2,x " + HEADERS["Webhook-Signature"]}
    verify(SECRET, two, BODY, now_s=NOW + 299)


@pytest.mark.parametrize(
    ("secret", "headers", "body", "now"),
    [
        (SECRET, HEADERS, BODY + b" ", NOW),
        (SECRET, HEADERS, BODY, NOW + 301),
        (SECRET, HEADERS, BODY, NOW - 301),
        ("whsec_AAAA", HEADERS, BODY, NOW),
        ("whsec_no base64", HEADERS, BODY, NOW),
        (SECRET, {}, BODY, NOW),
        (SECRET, HEADERS | {"Webhook-Id": "msg_other"}, BODY, NOW),
        (SECRET, HEADERS | {"Webhook-Timestamp": "1614265331"}, BODY, NOW),
        (SECRET, HEADERS | {"Webhook-Timestamp": "١٦١"}, BODY, NOW),
        (SECRET, HEADERS | {"Webhook-Timestamp": "9" * 5_000}, BODY, NOW),
        (SECRET, HEADERS | {"Webhook-Signature": "é"}, BODY, NOW),
        (SECRET, HEADERS | {"Webhook-Signature": "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}, BODY, NOW),
    ],
)
def test_anything_else_is_refused(secret: str, headers: dict[str, str], body: bytes, now: float) -> None:
    with pytest.raises(SignatureInvalid):
        verify(secret, headers, body, now_s=now)


def rendered(shown: object) -> str:
    console = Console(file=io.StringIO(), width=100, highlight=False)
    console.print(shown)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_a_table_of_webhooks_says_how_their_endpoints_do() -> None:
    fine = Webhook("https://e.com/[bold]x", ("label.*",), uid="01M87371Y48D55C8DH7VYHT3XV", ordered=True)
    failing = Webhook(
        "https://example.org/",
        uid="01M87371Y48D55C8DH7VYHT3XW",
        circuit=Circuit.OPEN,
        failures=4,
        pending=1234,
    )
    gone = Webhook(
        "https://example.net/", uid="W3", state=WebhookState.DISABLED, state_reason="It answered 410."
    )
    text = rendered(webhooks_table([fine, failing, gone], 1))
    assert "[bold]x" in text
    assert "in order" in text
    assert "4 failures" in text
    assert "1,234" in text
    assert "W3: It answered 410." in text
    assert "1 event so far" in text
    assert all(len(line) <= 100 for line in text.splitlines())


def test_a_delivery_fits_a_line_of_a_hundred_characters() -> None:
    attempt = Attempt(2, 1, 15_000, 0, "TIMED_OUT", "[red]<b>")
    one = Delivery(
        "01M87374ETF5DAT4NH0C34905P",
        "E",
        "prediction.created",
        12_345,
        DeliveryState.PENDING,
        2,
        1,
        1,
        attempt,
    )
    lines = rendered(deliveries_table([one])).splitlines()
    assert len(lines) == 4
    assert "prediction.created" in lines[2]
    assert "#12345" in "".join(lines)
    assert "timed out" in lines[2]
    text = rendered(details(DeliveryDetails(one, (attempt,), '{"a": "[b]"}')))
    assert "[red]<b>" in text
    assert '{"a": "[b]"}' in text
    assert "15,000 ms" in text
