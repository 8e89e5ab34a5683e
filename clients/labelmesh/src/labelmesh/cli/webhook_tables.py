"""How webhooks and deliveries look."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from labelmesh.cli.console import captioned, plural, state, table, when
from labelmesh.client.webhook import Attempt, Circuit, Delivery, DeliveryDetails, Webhook, WebhookState

_STYLES = {
    "ENABLED": "green",
    "DISABLED": "bold red",
    "DELIVERED": "green",
    "PENDING": "yellow",
    "DEAD": "bold red",
}


def webhooks_table(webhooks: Sequence[Webhook], last_sequence: int) -> RenderableType:
    """One line a webhook."""
    shown = table("webhook", "state", "endpoint", "waiting", "topics", "url", right=["waiting"])
    for webhook in webhooks:
        order = "\n[dim]in order[/]" if webhook.ordered else ""
        shown.add_row(
            webhook.uid,
            _state(webhook.state),
            _health(webhook),
            f"{webhook.pending:,}",
            "\n".join(webhook.topics) + order,
            Text(webhook.url),
        )
    reasons = [Text(f"{w.uid}: {w.state_reason}", style="yellow") for w in webhooks if w.state_reason]
    caption = f"{plural(last_sequence, 'event')} so far in this project."
    return Group(captioned(shown, caption), *reasons)


def deliveries_table(deliveries: Sequence[Delivery]) -> Table:
    """One line a delivery, and a second one with the time of the next attempt."""
    shown = table("delivery", "told", "event", "state", "tries", "answer", right=["tries"])
    for one in deliveries:
        event = f"{one.topic} #{one.sequence}" if one.sequence else one.topic
        waits = one.due_time_us and one.attempt_count
        until = Text(f"\n{when(one.due_time_us)}", style="dim") if waits else Text()
        shown.add_row(
            one.uid,
            when(one.create_time_us),
            event,
            _state(one.state) + until,
            str(one.attempt_count),
            _answer(one.last_attempt),
        )
    return shown


def details(found: DeliveryDetails) -> RenderableType:
    """A delivery, its attempts and its body."""
    one = found.delivery
    head = Text.assemble(
        (one.topic, "bold"),
        f" #{one.sequence}  " if one.sequence else "  ",
        _state(one.state),
        ("\nwebhook-id ", "dim"),
        one.webhook_id,
    )
    attempts = table("try", "when", "took", "answer", "it said", right=["try", "took"])
    for attempt in found.attempts:
        attempts.add_row(
            str(attempt.number),
            when(attempt.start_time_us),
            f"{attempt.duration_ms:,} ms",
            _answer(attempt),
            Text(attempt.response_excerpt),
        )
    shown: list[RenderableType] = [head]
    if found.attempts:
        shown += ["", attempts]
    return Group(*shown, "", Text(found.body, style="dim"))


def _health(webhook: Webhook) -> Text:
    """What its circuit says, in words."""
    if webhook.state is not WebhookState.ENABLED or webhook.circuit is Circuit.CLOSED:
        return Text("-" if not webhook.failures else plural(webhook.failures, "failure"))
    failed = plural(webhook.failures, "failure")
    if webhook.circuit is Circuit.OPEN:
        return Text(f"{failed}\nnext {when(webhook.retry_time_us)}", style="red")
    return Text(f"{failed}\nbeing tried", style="yellow")


def _answer(attempt: Attempt | None) -> Text:
    if attempt is None:
        return Text("-")
    if not attempt.fault:
        return Text(str(attempt.http_status), style="green")
    words = attempt.fault.replace("_", " ").lower()
    return Text(str(attempt.http_status or words), style="red")


def _state(name: str) -> Text:
    return Text(name, style=_STYLES[name]) if name in _STYLES else state(name)
