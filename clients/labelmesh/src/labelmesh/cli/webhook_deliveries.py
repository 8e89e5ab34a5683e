"""`labelmesh webhooks`: what is sent, and sending it again."""

from typing import Annotated

import typer

from labelmesh.cli.connect import AsJson, ProjectId, StateDir, call
from labelmesh.cli.console import err, out, plural, print_json
from labelmesh.cli.errors import UserError
from labelmesh.cli.webhook_tables import deliveries_table, details
from labelmesh.client import Client, LabelmeshError
from labelmesh.client.webhook import Delivery, DeliveryDetails, DeliveryState, Webhook, WebhookState

Uid = Annotated[str, typer.Argument(metavar="WEBHOOK", help="Its uid, or the beginning of it.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for what comes of it.")]


def ping(
    project: ProjectId, uid: Uid, wait: Wait = True, as_json: AsJson = False, state_dir: StateDir = None
) -> None:
    """Send webhook.ping and show what the endpoint answers; exit code 1 when it does not accept it."""

    async def send(client: Client) -> DeliveryDetails:
        webhook = await find(client, project, uid)
        return await _follow(client, project, webhook, await client.webhooks.ping(project, webhook.uid), wait)

    _show_details(call(state_dir, send), as_json, wait)


def deliveries(
    project: ProjectId,
    uid: Uid,
    delivery: Annotated[
        str, typer.Argument(metavar="[DELIVERY]", help="Show one with its attempts.", show_default=False)
    ] = "",
    to: Annotated[
        DeliveryState | None,
        typer.Option("--state", case_sensitive=False, help="Only those that are pending, delivered or dead."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many, newest first.")] = 30,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """List what was sent to a webhook, newest first, or show one delivery with its attempts.

    [bold]Example[/bold]

      labelmesh webhooks deliveries news 01M8 --state dead
    """

    async def some(client: Client) -> list[Delivery] | DeliveryDetails:
        webhook = await find(client, project, uid)
        if delivery:
            return await client.webhooks.delivery(project, webhook.uid, delivery)
        found: list[Delivery] = []
        async for one in client.webhooks.deliveries(project, webhook.uid, to):
            found.append(one)
            if len(found) == limit:
                break
        return found

    found = call(state_dir, some)
    if isinstance(found, DeliveryDetails):
        _show_details(found, as_json, judge=False)
    elif as_json:
        print_json(found)
    else:
        out.print(deliveries_table(found) if found else "Nothing was sent to it.")


def redeliver(
    project: ProjectId,
    uid: Uid,
    delivery: Annotated[str, typer.Argument(metavar="DELIVERY", help="The delivery's uid.")],
    wait: Wait = True,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Send a delivery again, whatever became of it, under the same webhook-id."""

    async def send(client: Client) -> DeliveryDetails:
        webhook = await find(client, project, uid)
        again = await client.webhooks.redeliver(project, webhook.uid, delivery)
        return await _follow(client, project, webhook, again, wait)

    _show_details(call(state_dir, send), as_json, wait)


def replay(
    project: ProjectId,
    uid: Uid,
    sequence: Annotated[int, typer.Option("--from", min=1, help="First sequence to send again.")],
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Send a project's events again from a sequence on, those that the webhook asks for.

    [bold]Example[/bold]

      labelmesh webhooks replay news 01M8 --from 1200
    """

    async def send(client: Client) -> int:
        webhook, total, following = await find(client, project, uid), 0, sequence
        while following:
            at = following
            try:
                count, following = await client.webhooks.replay(project, webhook.uid, at)
            except LabelmeshError:
                err.print(f"{plural(total, 'event')} will be sent; go on with --from {at}.", style="dim")
                raise
            total += count
        return total

    total = call(state_dir, send)
    if as_json:
        print_json({"replayed": total})
    else:
        out.print(f"{plural(total, 'event')} will be sent again.")


async def find(client: Client, project: str, uid: str) -> Webhook:
    """The webhook whose uid begins so."""
    found, _ = await client.webhooks.list(project)
    matching = [webhook for webhook in found if webhook.uid.startswith(uid.upper())]
    if len(matching) != 1:
        many = "More than one webhook begins" if matching else "No webhook begins"
        raise UserError(f"{many} with {uid}; `labelmesh webhooks list {project}` shows them.")
    return matching[0]


async def _follow(
    client: Client, project: str, webhook: Webhook, delivery: Delivery, wait: bool
) -> DeliveryDetails:
    if wait and webhook.state is WebhookState.ENABLED:
        return await client.webhooks.tried(project, webhook.uid, delivery)
    return await client.webhooks.delivery(project, webhook.uid, delivery.uid)


def _show_details(found: DeliveryDetails, as_json: bool, judge: bool) -> None:
    if as_json:
        print_json(found)
    else:
        out.print(details(found))
    if judge and found.delivery.state is not DeliveryState.DELIVERED:
        raise typer.Exit(1)
