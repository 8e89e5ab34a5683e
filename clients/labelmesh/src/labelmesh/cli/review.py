"""`labelmesh review`: one item at a time, the doubtful first."""

import getpass
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from labelmesh.cli.connect import ProjectId, StateDir, open_client
from labelmesh.cli.console import out, plural
from labelmesh.cli.reviewing.active import ActiveClock
from labelmesh.cli.reviewing.asking import InputEnded, ask_key, ask_line
from labelmesh.cli.reviewing.background import Background
from labelmesh.cli.reviewing.editing import HELP, Draft, EditRefused, edit, missing_choice
from labelmesh.cli.reviewing.leases import Leases
from labelmesh.cli.reviewing.screen import show_annotations, show_categories, show_task
from labelmesh.client import Client, LabelmeshError, Lease
from labels.label import Annotation
from labels.ontology import Ontology, ToolKind

_PROMPT = (
    "[bold]a[/]ccept  [bold]c[/]orrect  [bold]r[/]eject  send [bold]b[/]ack  [bold]e[/]scalate"
    "  [bold]s[/]kip  [bold]q[/]uit >"
)


@dataclass(slots=True)
class _Sitting:
    """One reviewer at one project."""

    client: Client
    background: Background
    leases: Leases
    project: str
    ontology: Ontology
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("accepted", "corrected", "rejected", "handed on"), 0)
    )

    @property
    def answered(self) -> int:
        return sum(self.counts.values())


def _reviewer() -> str:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "reviewer"
    return name if name.isascii() and name.isprintable() else "reviewer"


def review(
    project: ProjectId,
    limit: Annotated[int, typer.Option(min=0, help="Stop after this many answers; 0: no limit.")] = 0,
    reviewer: Annotated[
        str, typer.Option(help="Your name in the record (with `labelmesh up`, where nobody logs in).")
    ] = "",
    state_dir: StateDir = None,
) -> None:
    """Review what the queue holds, one item at a time, the most doubtful first.

    Keys: a accept, c correct, r reject (cannot be labelled; asks why), b send back
    to who labelled it, e escalate (both ask why), s skip, q quit. Where input is
    piped, one line is read for each: "a", "c", "r the text is cut off", and so on.

    [bold]Examples[/bold]

      labelmesh review tickets
      yes a | labelmesh review tickets --limit 10
    """
    with Background() as background:
        client = background.call(_opened(state_dir, reviewer or _reviewer()))
        leases = Leases(client, project)
        try:
            ontology = background.call(client.projects.get(project)).ontology
            sitting = _Sitting(client, background, leases, project, ontology)
            _sit(sitting, limit)
        finally:
            background.call(leases.release_all())
            background.call(client.close())


async def _opened(state_dir: Path | None, actor: str) -> Client:
    # Channels belong to the loop they are made in.
    return open_client(state_dir, actor=actor)


def _sit(sitting: _Sitting, limit: int) -> None:
    try:
        while not limit or sitting.answered < limit:
            lease = sitting.background.call(sitting.leases.next())
            if lease is None:
                _nothing_open(sitting)
                break
            counts = sitting.background.call(sitting.client.queue.count(sitting.project))
            show_task(lease.task, sitting.ontology, sitting.answered + 1, counts.open)
            if not _answer(sitting, lease):
                break
    except (InputEnded, KeyboardInterrupt):
        out.print()
    done = ", ".join(f"{count:,} {what}" for what, count in sitting.counts.items())
    out.print(f"{plural(sitting.answered, 'item')} reviewed: {done}.")


def _nothing_open(sitting: _Sitting) -> None:
    counts = sitting.background.call(sitting.client.queue.count(sitting.project))
    waiting = (
        f" {counts.waiting:,} wait for a prediction (`labelmesh annotate {sitting.project}`)."
        if counts.waiting
        else ""
    )
    others = f" {plural(counts.leased, 'item')} are with a reviewer." if counts.leased else ""
    out.print(f"Nothing is open now.{waiting}{others}")


def _answer(sitting: _Sitting, lease: Lease) -> bool:
    """Ask until the item is answered or skipped; False to quit."""
    clock = ActiveClock()
    while True:
        request = ask_key(_PROMPT, "acrbesq")
        clock.tick()
        if request.key == "q":
            return False
        if request.key == "s":
            return True
        try:
            if _decide(sitting, lease, request.key, request.rest, clock):
                sitting.leases.settled(lease)
                return True
        except LabelmeshError as error:
            if error.code not in ("FAILED_PRECONDITION", "ABORTED", "NOT_FOUND"):
                raise
            out.print(f"[yellow]Not stored:[/] {error.message} On to the next.", soft_wrap=True)
            sitting.leases.settled(lease)
            return True


def _decide(sitting: _Sitting, lease: Lease, key: str, rest: str, clock: ActiveClock) -> bool:
    """Carry out accept, correct or reject; False when the reviewer went back."""
    queue, label = sitting.client.queue, lease.task.label
    if key == "a":
        if label is None:
            out.print("There is no label to accept; correct makes one.", style="yellow")
            return False
        sitting.background.call(queue.submit_final(lease, label.annotations, active_seconds=clock.seconds))
        sitting.counts["accepted"] += 1
        return True
    if key in "be":
        return _hand_on(sitting, lease, key, rest)
    if key == "r":
        reason = rest or ask_line("Why can it not be labelled?")
        clock.tick()
        if not reason:
            return False
        sitting.background.call(queue.reject(lease, reason[:2000], active_seconds=clock.seconds))
        sitting.counts["rejected"] += 1
        return True
    final = _corrected(sitting, lease, rest, clock)
    if final is None:
        return False
    sitting.background.call(queue.submit_final(lease, final, active_seconds=clock.seconds))
    changed = label is None or final != label.annotations
    sitting.counts["corrected" if changed else "accepted"] += 1
    return True


def _hand_on(sitting: _Sitting, lease: Lease, key: str, reason: str) -> bool:
    """Send back or escalate; False when the reviewer went back or there is nobody to go to."""
    reason = reason or ask_line("What is to be done?" if key == "b" else "Why should others decide?")
    if not reason:
        return False
    queue = sitting.client.queue
    try:
        call = queue.send_back if key == "b" else queue.escalate
        sitting.background.call(call(lease, reason[:2000]))
    except LabelmeshError as error:
        if error.reason not in ("SEND_BACK_TO_NOBODY", "POOL_UNKNOWN"):
            raise
        out.print(error.message, style="yellow", markup=False)
        return False
    sitting.counts["handed on"] += 1
    return True


def _corrected(
    sitting: _Sitting, lease: Lease, first_line: str, clock: ActiveClock
) -> tuple[Annotation, ...] | None:
    """Let the reviewer change the label; None to go back."""
    asset, label = lease.task.asset, lease.task.label
    draft = Draft(sitting.ontology, asset.text, label.annotations if label else ())
    one_choice = [tool.kind for tool in sitting.ontology.tools] == [ToolKind.CHOICE_SINGLE]
    if not first_line:
        show_categories(draft)
        if not one_choice:
            out.print(HELP, style="dim", markup=False)
    line = first_line
    while True:
        line = line or ask_line("Category number:" if one_choice else "change >")
        clock.tick()
        if line in ("back", "b"):
            return None
        try:
            if line in ("ok", ""):
                missing = missing_choice(draft)
                if not missing:
                    return draft.annotations
                raise EditRefused(f'"{missing}" needs a choice.')
            draft = edit(draft, line)
            if one_choice:
                return draft.annotations
            show_annotations(asset, draft.annotations, sitting.ontology)
        except EditRefused as error:
            out.print(str(error), style="yellow", markup=False)
        line = ""
