"""`labelmesh demo`: the main job on real input and a real model."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer

from labelmesh.cli import demo_photos, demo_tables, progress, stack_view
from labelmesh.cli.connect import AsJson, StateDir, resolve
from labelmesh.cli.console import err, out, plain, print_json
from labelmesh.cli.up import NO_SAM
from labelmesh.client import Client
from labelmesh.demo import photos
from labelmesh.demo.material import NAMES, load
from labelmesh.demo.photo_walk import PhotoWalk
from labelmesh.demo.reviewer import ACTOR
from labelmesh.demo.summary import Summary
from labelmesh.demo.walk import Walk
from labelmesh.local.running import DEFAULT_MODEL, DEFAULT_SAM_MODEL, Watchers, clear, running
from labelmesh.local.signals import stop_signals
from labelmesh.local.stack import Stack

_QUICK_MODEL = "smollm2"
_QUICK_TEXTS = 10
# Texts of each batch: as many as two cores label in under five minutes.
_TEXTS = {"tickets": 40, "news": 20}
# The longest gold answer takes 128; a model that cannot stop is cut instead of keeping everybody waiting.
_OUTPUT_TOKENS = 160


def demo(
    model: Annotated[
        str,
        typer.Option(help="Local model (`labelmesh models list`); smollm2 shows the path with fewer texts."),
    ] = DEFAULT_MODEL,
    texts: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Only so many texts of each batch. "
            f"Default: {_TEXTS['tickets']} and {_TEXTS['news']}, {_QUICK_TEXTS} each with {_QUICK_MODEL}; "
            "45 takes all there are.",
            show_default=False,
        ),
    ] = None,
    sam_model: Annotated[
        str, typer.Option(help="Segment Anything model for the pictures; none leaves them out.")
    ] = DEFAULT_SAM_MODEL,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Show the whole way on texts and pictures that come along, with models on this machine.

    Two projects, one of classification and one of names in texts, go through:
    import, zero-shot predictions, rules, the queue (the doubtful first), review
    by a simulated reviewer who reads the gold answers, predictions with those
    reviews as examples, review, export. A third one holds photographs: boxes and
    clicks become masks, a rule finds an artifact that was planted, the queue
    puts it first, the reviewer deletes it. Every number is measured in the run.

    It has its own state directory (.labelmesh/demo, made anew each time) and
    stops everything at the end.

    [bold]Examples[/bold]

      labelmesh demo
      labelmesh demo --model smollm2
    """
    folder = (resolve(None) / "demo" if state_dir is None else state_dir).absolute()
    limits = dict.fromkeys(NAMES, texts or _QUICK_TEXTS) if texts or model == _QUICK_MODEL else _TEXTS
    plan = _Plan(model, limits, None if sam_model == NO_SAM else sam_model)
    summary = asyncio.run(_demo(folder, plan))
    if summary is None:
        raise KeyboardInterrupt
    path = folder / "export" / "summary.json"
    path.write_text(json.dumps(plain(summary), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    if as_json:
        print_json(summary)
        return
    for part in demo_tables.everything(summary):
        out.print(part)
        out.print()
    if summary.photos is not None:
        out.print(demo_photos.table_of(summary.photos))
        out.print()
    out.print(f"Exports, pictures with their masks and summary.json are in {path.parent}.", soft_wrap=True)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What to show: with which models, and how many texts of each batch by project."""

    model: str
    texts: Mapping[str, int]
    sam_model: str | None


async def _demo(folder: Path, plan: _Plan) -> Summary | None:
    """The summary; None when the user stopped it."""
    # Before anything is fetched or started, so that a missing package is told at once.
    pictures = photos.load() if plan.sam_model is not None else ()
    clear(folder)
    began = monotonic()
    view = stack_view.StartView()
    stacks: list[Stack] = []

    def insist() -> None:
        for stack in stacks:
            stack.kill_all()

    with stop_signals(insist) as stopped:
        try:
            watchers = Watchers(view.step, stack_view.tell, view.fetching)
            async with running(
                folder,
                model=plan.model,
                sam_model=plan.sam_model,
                environment={"LABELMESH_OUTPUT_TOKENS": str(_OUTPUT_TOKENS)},
                watchers=watchers,
            ) as stack:
                stacks.append(stack)
                view.done()
                summary = Summary(
                    plan.model, f"{ACTOR} (reads the gold answers)", round(monotonic() - began, 2)
                )
                await _walk(stack, summary, folder / "export", plan, pictures)
            summary.seconds = round(monotonic() - began, 2)
        except asyncio.CancelledError:
            if not stopped():
                raise
            return None
        finally:
            view.done()
    return summary


async def _walk(
    stack: Stack, summary: Summary, export_dir: Path, plan: _Plan, pictures: tuple[photos.Photo, ...]
) -> None:
    async with Client(stack.endpoints, actor=ACTOR) as client:
        if pictures:
            summary.photos = await PhotoWalk(client, pictures, export_dir, _Steps()).go()
        for name in NAMES:
            walk = Walk(client, load(name, plan.texts[name]), export_dir, _Steps())
            summary.projects.append(await walk.go())


class _Steps:
    """Steps on stderr: a bar while one runs on a terminal, a line with its seconds when it is done."""

    @contextmanager
    def step(self, what: str, total: int | None) -> Iterator[Callable[[int], None]]:
        """A step of the demo."""
        began = monotonic()
        if total is None:
            yield lambda _done: None
        else:
            with progress.items("items") as bars:
                bar = bars.add_task(what, total=total)
                yield lambda done: bars.update(bar, completed=done)
        err.print(f"[green]✓[/] {what}  [dim]{monotonic() - began:.1f} s[/]")
