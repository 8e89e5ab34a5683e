"""`labelmesh import`: a file or folder into a project."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from formats import Options
from labelmesh.cli import format_options as given
from labelmesh.cli import label_imports, progress
from labelmesh.cli.connect import AsJson, ProjectId, StateDir, call, open_client
from labelmesh.cli.console import err, out, plural, print_json
from labelmesh.cli.errors import UserError
from labelmesh.client import Client, ImportProgress, ImportRow
from labelmesh.client.files.rows import BadRow, GoodRow, Row, read_rows
from labels.asset import ContentRef

_SHOWN_ERRORS = 20
_UPLOADS_AT_ONCE = 8


@dataclass(slots=True)
class _Checked:
    """What is known of the source's rows: how many, the first bad ones, and pictures by line."""

    rows: int = 0
    bad_count: int = 0
    bad: list[BadRow] = field(default_factory=list)
    pictures: dict[int, Path] = field(default_factory=dict)
    refs: dict[int, ContentRef] = field(default_factory=dict)

    @property
    def good(self) -> int:
        return self.rows - self.bad_count

    def note(self, row: Row) -> None:
        self.rows += 1
        if isinstance(row, BadRow):
            self._refuse(row)
        elif row.picture is not None:
            self.pictures[row.line] = row.picture

    def refuse_all(self, answer: ImportProgress) -> None:
        for error in answer.errors:
            self._refuse(BadRow(error.line, error.message))
        self.bad_count += answer.refused - len(answer.errors)

    def _refuse(self, row: BadRow) -> None:
        self.bad_count += 1
        if len(self.bad) < _SHOWN_ERRORS:
            self.bad.append(row)


def import_(  # long: its options and examples are most of it
    project: ProjectId,
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FILE|FOLDER",
            help=".jsonl, .csv, .txt, or a folder of pictures; with --format a file of labels.",
        ),
    ],
    form: Annotated[
        given.Form | None,
        typer.Option("--format", "-f", help="The file holds labels in this format.", show_default=False),
    ] = None,
    images: given.Images = None,
    model: Annotated[
        str, typer.Option("--model", help="The labels are predictions of this model.", show_default=False)
    ] = "",
    create: Annotated[
        bool, typer.Option("--create", help="Make the project from the file's classes if there is none.")
    ] = False,
    strict: given.Strict = False,
    voc_first: given.VocFirst = 1,
    report: given.Report = None,
    skip_bad_rows: Annotated[
        bool, typer.Option("--skip-bad-rows", help="Import the good rows even when some are bad.")
    ] = False,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Import texts or pictures. Nothing is imported when any row is bad, unless --skip-bad-rows.

    Every row is checked before the first is stored. Importing the same file again
    skips what is there already, so an interrupted import is finished by running
    the same command again.

    [bold]Examples[/bold]

      labelmesh import tickets tickets.jsonl   {"key": "t-1", "text": "..."} a line, the key optional
      labelmesh import tickets tickets.csv     a column text, maybe key and weight; the others become context
      labelmesh import tickets lines.txt       one text a line
      labelmesh import parts photos/           a folder of pictures

    A weight, 0 to 1,000, is what the row is worth to you; docs/queue.md says how it counts.

    With --format the file brings labels too: texts or pictures that are not there
    yet come first, then what the file says about them. People's labels and models'
    predictions both wait in the queue for a reviewer.

      labelmesh import parts instances.json --format coco --images photos/ --create
      labelmesh import parts predictions.json --format coco --model yolo-11
      labelmesh import news news.conll --format conll --create
    """
    if form is not None:
        options = Options(images=images, strict=strict, voc_first_px=voc_first)
        wish = label_imports.Wish(project, source, form.value, options, model, create, skip_bad_rows)
        outcome = call(state_dir, lambda client: label_imports.import_labels(client, wish))
        label_imports.report(project, outcome, as_json=as_json, path=report)
        return
    if images or model or create or strict or report:
        raise UserError("--images, --model, --create, --strict and --report need --format.")
    checked, done = asyncio.run(_import(project, source, skip_bad_rows, state_dir))
    if as_json:
        print_json(
            {
                "imported": done.imported,
                "skipped": done.skipped,
                "refused": checked.bad_count,
                "project_asset_count": done.project_asset_count,
                "errors": checked.bad,
            }
        )
    else:
        _report(project, checked, done)
    if not checked.good:
        raise UserError(f"Nothing was imported: {source} holds no row that can be used.")


async def _import(
    project: str, source: Path, skip_bad_rows: bool, state_dir: Path | None
) -> tuple[_Checked, ImportProgress]:
    async with open_client(state_dir) as client:
        await client.projects.get(project)
        with progress.items("rows") as bars:
            job = _Job(client, project, source, bars)
            checked = await job.read()
            if not skip_bad_rows:
                _refuse_all_if_bad(bars, checked)
            await job.upload_pictures(checked)
            if not skip_bad_rows:
                # Only the server knows the keys that are there already: ask it about every row before the
                # first is stored.
                asked = await job.send("asking the server", checked, validate_only=True)
                checked.refuse_all(asked)
                _refuse_all_if_bad(bars, checked)
            done = await job.send("importing", checked)
    checked.refuse_all(done)
    return checked, done


@dataclass(frozen=True, slots=True)
class _Job:
    """One import: from where to where."""

    client: Client
    project: str
    source: Path
    bars: Progress

    async def read(self) -> _Checked:
        """Read every row once, without the server."""
        checked = _Checked()
        bar = self.bars.add_task("checking", total=None)
        for row in read_rows(self.source):
            checked.note(row)
            if checked.rows % 256 == 0:
                self.bars.update(bar, completed=checked.rows)
                await asyncio.sleep(0)
        self.bars.update(bar, completed=checked.rows, total=checked.rows)
        return checked

    async def upload_pictures(self, checked: _Checked) -> None:
        """Store the pictures' content; the same content again costs one look at the server."""
        if not checked.pictures:
            return
        bar = self.bars.add_task("uploading", total=len(checked.pictures))
        gate = asyncio.Semaphore(_UPLOADS_AT_ONCE)

        async def one(line: int, path: Path) -> None:
            async with gate:
                checked.refs[line] = await self.client.assets.upload(self.project, path)
            self.bars.advance(bar)

        async with asyncio.TaskGroup() as group:
            for line, path in checked.pictures.items():
                group.create_task(one(line, path))

    async def send(self, what: str, checked: _Checked, *, validate_only: bool = False) -> ImportProgress:
        """Send the good rows."""
        bar = self.bars.add_task(what, total=checked.good)
        return await self.client.assets.import_rows(
            self.project,
            self._good_rows(checked.refs),
            lambda now: self.bars.update(bar, completed=now.rows),
            validate_only=validate_only,
        )

    def _good_rows(self, refs: Mapping[int, ContentRef]) -> Iterator[ImportRow]:
        for row in read_rows(self.source):
            if isinstance(row, GoodRow):
                ref = refs.get(row.line)
                asset = row.asset if ref is None else replace(row.asset, image_ref=ref)
                yield ImportRow(row.line, asset, row.weight)


def _refuse_all_if_bad(bars: Progress, checked: _Checked) -> None:
    if not checked.bad_count:
        return
    bars.stop()
    _list_bad(checked)
    raise UserError(
        f"Nothing was imported: {checked.bad_count:,} of {plural(checked.rows, 'row')} cannot be used; "
        "mend them or give --skip-bad-rows."
    )


def _list_bad(checked: _Checked) -> None:
    for row in checked.bad:
        err.print(f"line {row.line}: {row.message}", markup=False, soft_wrap=True)
    if checked.bad_count > len(checked.bad):
        err.print(f"... and {checked.bad_count - len(checked.bad):,} more", markup=False)


def _report(project: str, checked: _Checked, done: ImportProgress) -> None:
    _list_bad(checked)
    there = f", {done.skipped:,} were there already" if done.skipped else ""
    refused = f", {checked.bad_count:,} refused" if checked.bad_count else ""
    out.print(
        f"[green]✓[/] {plural(done.imported, 'row')} imported{there}{refused}; "
        f"{project} has {plural(done.project_asset_count, 'asset')}."
    )
    if done.imported:
        out.print(f"Next: labelmesh annotate {project}", style="dim")
