"""`labelmesh import --format`: a file of labels, its texts or pictures first, then what is said about them."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.progress import Progress

from formats import LossReport, Options, Problem, guess_ontology, reading
from labelmesh.cli import loss_tables, progress
from labelmesh.cli.console import err, out, plural, print_json
from labelmesh.cli.errors import UserError
from labelmesh.client import Client, ImportProgress, ImportRow, LabelImport, LabelmeshError, LabelRow, Project
from labelmesh.client.files.labelled import (
    MAX_AUTHORS,
    LabelFile,
    Labelled,
    author_of,
    confidence_of,
    import_id,
)
from labels.asset import ContentRef
from labels.ontology import Ontology

_SHOWN = 20
_UPLOADS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asked for."""

    project: str
    source: Path
    form: str
    options: Options
    model: str = ""
    create: bool = False
    skip_bad_rows: bool = False


@dataclass(slots=True)
class Outcome:
    """What became of it: assets and labels as the server counted them, and the reading's own account."""

    report: LossReport
    assets: ImportProgress = field(default_factory=ImportProgress)
    labels: list[ImportProgress] = field(default_factory=list)
    created: bool = False

    @property
    def labels_imported(self) -> int:
        """Labels stored."""
        return sum(done.imported for done in self.labels)

    @property
    def labels_skipped(self) -> int:
        """Labels that an earlier run of the same import had stored."""
        return sum(done.skipped for done in self.labels)


async def import_labels(client: Client, wish: Wish) -> Outcome:
    """Read the file, check it, then bring it in. Raises UserError, FormatError or LabelmeshError."""
    with progress.items("records") as bars:
        ontology, created = await _ontology(client, wish, bars)
        job = _Job(client, wish, LabelFile(wish.source, wish.form, ontology, wish.options, wish.model), bars)
        await job.read()
        if job.problems and not wish.skip_bad_rows:
            bars.stop()
            job.list_problems()
            raise UserError(
                f"Nothing was imported: {plural(job.problem_count, 'record')} of {wish.source} cannot be used; "
                "mend them or give --skip-bad-rows."
            )
        if wish.options.strict and not job.file.report.lossless:
            bars.stop()
            loss_tables.show(err, job.file.report)
            raise UserError("Nothing was imported: not everything in the file has a place in the ontology.")
        outcome = Outcome(job.report, created=created)
        await job.upload()
        outcome.assets = await job.send_assets()
        for author in sorted(job.authors):
            outcome.labels.append(await job.send_labels(author))
    job.list_problems()
    return outcome


async def _ontology(client: Client, wish: Wish, bars: Progress) -> tuple[Ontology, bool]:
    """The project's ontology; with --create that of a project made from the file where there is none."""
    try:
        return (await client.projects.get(wish.project)).ontology, False
    except LabelmeshError as error:
        if error.reason != "PROJECT_NOT_FOUND" or not wish.create:
            raise
    bars.add_task("looking for classes", total=None)
    source = reading(wish.source, wish.form, wish.options)
    ontology = await asyncio.to_thread(guess_ontology, source, source.declared)
    await client.projects.create(Project(wish.project, ontology))
    return ontology, True


@dataclass(slots=True)
class _Job:
    """One import: from where to where, and what is known of the file."""

    client: Client
    wish: Wish
    file: LabelFile
    bars: Progress
    rows: int = 0
    problems: list[Problem] = field(default_factory=list)
    problem_count: int = 0
    authors: set[str] = field(default_factory=set)
    pictures: dict[str, Path] = field(default_factory=dict)
    refs: dict[str, ContentRef] = field(default_factory=dict)
    report: LossReport = field(default_factory=lambda: LossReport("", "read"))

    async def read(self) -> None:
        """Read every record once, without the server."""
        bar = self.bars.add_task("checking", total=None)
        for row in self.file.rows():
            self._note(row)
            if (self.rows + self.problem_count) % 64 == 0:
                self.bars.update(bar, completed=self.rows)
                await asyncio.sleep(0)
        self.report = self.file.report
        self.bars.update(bar, completed=self.rows, total=self.rows)
        if not self.rows:
            self.bars.stop()
            self.list_problems()
            raise UserError(f"Nothing was imported: {self.wish.source} holds no record that can be used.")

    def _note(self, row: Labelled | Problem) -> None:
        if isinstance(row, Problem):
            self.problem_count += 1
            if len(self.problems) < _SHOWN:
                self.problems.append(row)
            return
        self.rows += 1
        if row.picture is not None:
            self.pictures[row.asset.key] = row.picture
        if row.label is not None:
            self.authors.add(author_of(row.label))
            if len(self.authors) > MAX_AUTHORS:
                raise UserError(
                    f"The file has predictions of more than {MAX_AUTHORS} models; name one with --model."
                )

    def list_problems(self) -> None:
        """Say which records were left out."""
        for problem in self.problems:
            err.print(str(problem), markup=False, soft_wrap=True)
        if self.problem_count > len(self.problems):
            err.print(f"... and {self.problem_count - len(self.problems):,} more", markup=False)

    async def upload(self) -> None:
        """Store the pictures' content; the same content again costs one look at the server."""
        if not self.pictures:
            return
        bar = self.bars.add_task("uploading", total=len(self.pictures))
        gate = asyncio.Semaphore(_UPLOADS_AT_ONCE)

        async def one(key: str, path: Path) -> None:
            async with gate:
                self.refs[key] = await self.client.assets.upload(self.wish.project, path)
            self.bars.advance(bar)

        async with asyncio.TaskGroup() as group:
            for key, path in self.pictures.items():
                group.create_task(one(key, path))

    async def send_assets(self) -> ImportProgress:
        """Send texts and pictures; a picture without a file is one that the project must have."""
        bar = self.bars.add_task("assets", total=self.rows)
        return await self.client.assets.import_rows(
            self.wish.project, self._assets(), lambda now: self.bars.update(bar, completed=now.rows)
        )

    def _assets(self) -> Iterator[ImportRow]:
        for row in self.file.rows():
            if isinstance(row, Labelled) and (row.asset.text is not None or row.asset.key in self.refs):
                yield ImportRow(row.line, replace(row.asset, image_ref=self.refs.get(row.asset.key), uid=""))

    async def send_labels(self, author: str) -> ImportProgress:
        """Send people's labels, or those of one model."""
        bar = self.bars.add_task(f"labels of {author}" if author else "labels", total=self.rows)
        job = LabelImport(self.wish.project, import_id(self.wish.source, self.wish.form), author)
        return await self.client.labels.import_rows(
            job, self._labels(author), lambda now: self.bars.update(bar, completed=now.rows)
        )

    def _labels(self, author: str) -> Iterator[LabelRow]:
        for row in self.file.rows():
            if isinstance(row, Labelled) and row.label is not None and author_of(row.label) == author:
                sure = confidence_of(row.label) if author else 0.0
                yield LabelRow(row.line, row.asset.key, row.label.annotations, sure)


def report(project: str, outcome: Outcome, *, as_json: bool, path: Path | None) -> None:
    """Say what became of an import; raises UserError when not one label came in."""
    loss_tables.save(path, outcome.report)
    refusals = [error for done in (outcome.assets, *outcome.labels) for error in done.errors]
    refused = sum(done.refused for done in outcome.labels)
    if as_json:
        print_json(
            {
                "created": outcome.created,
                "assets": outcome.assets,
                "labels": {
                    "imported": outcome.labels_imported,
                    "skipped": outcome.labels_skipped,
                    "refused": refused,
                },
                "report": outcome.report.as_dict(),
            }
        )
    else:
        for error in refusals[:_SHOWN]:
            err.print(f"record {error.line}: {error.message}", markup=False, soft_wrap=True)
        loss_tables.show(out, outcome.report)
        _say(project, outcome, refused)
    if not outcome.labels_imported and not outcome.labels_skipped:
        raise UserError("Not one label was imported.")


def _say(project: str, outcome: Outcome, refused: int) -> None:
    there = f", {outcome.labels_skipped:,} were there already" if outcome.labels_skipped else ""
    no = f", {refused:,} refused" if refused else ""
    out.print(
        f"[green]✓[/] {plural(outcome.assets.imported, 'asset')} and {plural(outcome.labels_imported, 'label')} "
        f"imported{there}{no}" + (f"; the project {project} was created" if outcome.created else "") + "."
    )
    if outcome.labels_imported:
        out.print(f"Next: labelmesh review {project}", style="dim")
