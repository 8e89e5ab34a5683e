"""`labelmesh webhooks`: addresses that are told what happens in a project."""

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from labelmesh.cli.connect import AsJson, ProjectId, StateDir, call
from labelmesh.cli.console import err, out, print_json, state
from labelmesh.cli.errors import UserError
from labelmesh.cli.webhook_deliveries import Uid, deliveries, find, ping, redeliver, replay
from labelmesh.cli.webhook_tables import webhooks_table
from labelmesh.client import Client
from labelmesh.client.webhook import (
    SignatureInvalid,
    Webhook,
    WebhookState,
    verify,
)

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="""Tell addresses outside what happens in a project.

    Events are posted as JSON, signed by Standard Webhooks, and tried again for four days. docs/webhooks.md lists the
    topics and shows a receiver.""",
)


@app.command("list")
def list_(project: ProjectId, as_json: AsJson = False, state_dir: StateDir = None) -> None:
    """List the webhooks of a project and how their endpoints do."""
    found, last = call(state_dir, lambda client: client.webhooks.list(project))
    if as_json:
        print_json({"webhooks": found, "last_sequence": last})
    elif found:
        out.print(webhooks_table(found, last))
    else:
        out.print(
            f"No webhooks. `labelmesh webhooks create {project} https://...` makes one.", soft_wrap=True
        )


@app.command("create")
def create(
    project: ProjectId,
    url: Annotated[str, typer.Argument(help="Where events are posted; https.")],
    topics: Annotated[
        list[str] | None,
        typer.Option("--topic", help="Such as label.reviewed, label.* or *; repeatable. Default: all."),
    ] = None,
    ordered: Annotated[
        bool, typer.Option(help="Send an event only when the one before it was accepted or given up.")
    ] = False,
    description: Annotated[str, typer.Option(help="What people should know about it.")] = "",
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Make a webhook and show its secret, this once.

    [bold]Example[/bold]

      labelmesh webhooks create news https://example.com/hook --topic label.reviewed --topic 'rule.*'
    """
    wanted = Webhook(url, tuple(topics or ("*",)), description, ordered)
    made, secret = call(state_dir, lambda client: client.webhooks.create(project, wanted))
    if as_json:
        print_json({"webhook": made, "secret": secret})
        return
    out.print(f"Webhook {made.uid} is enabled.")
    _show_secret(secret)
    err.print(f"Try it: labelmesh webhooks ping {project} {made.uid}", style="dim", soft_wrap=True)


@app.command("set")
def set_(
    project: ProjectId,
    uid: Uid,
    url: Annotated[str, typer.Option(help="Post events there instead.")] = "",
    topics: Annotated[
        list[str] | None, typer.Option("--topic", help="Ask for these instead; repeatable.")
    ] = None,
    to: Annotated[
        WebhookState | None,
        typer.Option("--state", case_sensitive=False, help="Enabled, paused (events wait) or disabled."),
    ] = None,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Change a webhook. Its circuit closes, so it is tried at once.

    [bold]Example[/bold]

      labelmesh webhooks set news 01M8 --state paused
    """
    if not url and not topics and to is None:
        raise UserError("Say what to change: --url, --topic or --state.")

    async def change(client: Client) -> Webhook:
        webhook = await find(client, project, uid)
        wanted = replace(
            webhook,
            url=url or webhook.url,
            topics=tuple(topics) if topics else webhook.topics,
            state=to or webhook.state,
        )
        return await client.webhooks.update(project, wanted)

    changed = call(state_dir, change)
    if as_json:
        print_json(changed)
    else:
        out.print("Webhook ", changed.uid, " is ", state(changed.state), ".", sep="")


@app.command("rotate")
def rotate(
    project: ProjectId,
    uid: Uid,
    overlap_hours: Annotated[
        float, typer.Option(min=0, max=168, help="How long the former secret signs too.")
    ] = 24.0,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Give a webhook a new secret and show it, this once; both sign until the former one expires."""

    async def change(client: Client) -> tuple[Webhook, str]:
        webhook = await find(client, project, uid)
        return await client.webhooks.rotate(project, webhook.uid, int(overlap_hours * 3600))

    changed, secret = call(state_dir, change)
    if as_json:
        print_json({"webhook": changed, "secret": secret})
        return
    _show_secret(secret)
    if overlap_hours:
        err.print(f"The former secret signs too for {overlap_hours:g} h.", style="dim")


@app.command("delete")
def delete(
    project: ProjectId,
    uid: Uid,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    state_dir: StateDir = None,
) -> None:
    """Remove a webhook with its delivery log."""

    async def remove(client: Client) -> Webhook:
        webhook = await find(client, project, uid)
        if not yes and not await asyncio.to_thread(typer.confirm, f"Remove the webhook to {webhook.url}?"):
            raise UserError("Nothing was removed.")
        await client.webhooks.delete(project, webhook.uid)
        return webhook

    out.print(f"Webhook {call(state_dir, remove).uid} is removed.")


@app.command("verify")
def verify_(
    secret_file: Annotated[Path, typer.Option(help="File with the secret, whsec_...", dir_okay=False)],
    headers_file: Annotated[Path, typer.Option("--headers", help="JSON object of the request's headers.")],
    body_file: Annotated[
        Path | None, typer.Option("--body", help="The body; default: standard input.")
    ] = None,
    at: Annotated[
        float | None, typer.Option(help="When it came, seconds since the epoch. Default: now.")
    ] = None,
) -> None:
    """Check the signature of a request that was written down; exit code 1 when it is not right."""
    try:
        body = body_file.read_bytes() if body_file else sys.stdin.buffer.read()
        headers = {str(name): str(value) for name, value in json.loads(headers_file.read_bytes()).items()}
        verify(secret_file.read_text().strip(), headers, body, now_s=at)
    except OSError as error:
        raise UserError(f"The file {error.filename} cannot be read: {error.strerror}.") from error
    except (ValueError, AttributeError):
        raise UserError("The headers are a JSON object of texts.") from None
    except SignatureInvalid as error:
        raise UserError(str(error)) from error
    out.print("The signature is right.")


def _show_secret(secret: str) -> None:
    out.print("Its secret, which is shown only now:")
    out.print(f"  {secret}", style="bold", soft_wrap=True)


app.command("ping")(ping)
app.command("deliveries")(deliveries)
app.command("redeliver")(redeliver)
app.command("replay")(replay)
