"""The two ends of every format: a sink that is whole or not there, and a source that goes on after broken records."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from formats import names
from formats.catalogue import codec
from formats.codec import Codec, Declared, Place, Writer
from formats.draft import draft
from formats.errors import FileUnusable, LossRefused, NothingWritten, RecordBroken
from formats.fitting import place_of
from formats.item import Item, Problem, Status
from formats.options import Options
from formats.report import LossReport
from labels.label import Annotation, Label
from labels.ontology import Ontology


@dataclass(slots=True)
class Sink:
    """An export under way."""

    report: LossReport
    _codec: Codec
    _writer: Writer
    _tool: str

    def add(self, item: Item) -> None:
        """Write one asset; those without a label only where the format has a row for every asset."""
        label = item.label
        absent = label is None or item.status in (Status.REJECTED, Status.UNLABELLED)
        if absent and not self._codec.keeps_all:
            count = self.report.left_out
            status = Status.UNLABELLED if item.status is not Status.REJECTED else item.status
            count[status] = count.get(status, 0) + 1
            return
        self.report.offered += len(item.annotations)
        self._writer.add(self._of_tool(item))

    def _of_tool(self, item: Item) -> Item:
        """The item with the annotations of the wanted tool only."""
        label = item.label
        if not self._tool or label is None:
            return item
        for other in (a for a in label.annotations if a.tool != self._tool):
            self.report.drop("another tool's", place_of(item.asset, other))
        kept = tuple(a for a in label.annotations if a.tool == self._tool)
        return Item(item.asset, _with(label, kept), item.status, item.place)


def _with(label: Label, annotations: tuple[Annotation, ...]) -> Label:
    return replace(label, annotations=annotations)


@contextmanager
def writing(target: Path, form: str, ontology: Ontology, options: Options) -> Iterator[Sink]:
    """Write a file or folder, which takes its place at the end and only when all went well.

    Raises NothingWritten when nothing would be in it (unless `options.allow_empty`), LossRefused when
    `options.strict` and something was lost, TargetTaken, OptionInvalid, FileUnusable. Flat in memory.
    """
    chosen = codec(form)
    report = LossReport(chosen.name, "write")
    names.check_tool(ontology, options.tool)
    with draft(target) as path:
        writer = chosen.writer(Place(path, target), ontology, options, report)
        try:
            yield Sink(report, chosen, writer, options.tool)
        finally:
            writer.close()
        _check(report, chosen, options, target)


def _check(report: LossReport, chosen: Codec, options: Options, target: Path) -> None:
    empty = report.assets == 0 if chosen.keeps_all else report.written == 0
    if empty and not options.allow_empty:
        raise NothingWritten(_nothing(report, target))
    if options.strict and not report.lossless:
        raise LossRefused(f"{chosen.title} cannot hold all of it ({losses(report)}), so none was written.")


def _nothing(report: LossReport, target: Path) -> str:
    seen = [f"{count:,} {status}" for status, count in report.left_out.items()]
    why = ", ".join([*seen, *(f"{t.count:,} dropped: {reason}" for reason, t in report.dropped.items())])
    return f"Nothing would be in {target.name} ({why or 'no annotations'}), so none was written."


def losses(report: LossReport) -> str:
    """What was lost, in a few words."""
    said = [f"{tally.count:,} dropped: {reason}" for reason, tally in report.dropped.items()]
    said += [f"{n:,} {what}" for n, what in _numbers(report) if n]
    if report.overlap.minimum < 1.0:
        said.append(f"IoU down to {report.overlap.minimum:.3f}")
    return "; ".join(said)


def _numbers(report: LossReport) -> list[tuple[int, str]]:
    return [
        (report.holes_lost, "lost: holes"),
        (report.parts_split, "split: parts"),
        (report.spans_moved, "moved: spans"),
        (report.problems.count, "unreadable: records"),
    ]


@dataclass(slots=True)
class Source:
    """A file to be read, once; `report` and `declared` are complete when it was."""

    path: Path
    codec: Codec
    options: Options
    report: LossReport
    declared: Declared = field(default_factory=list)

    def __iter__(self) -> Iterator[Item | Problem]:
        """Items, and problems in the place of records that cannot be read.

        Raises FileUnusable when there is nothing to read at all. Annotations count as `written` when they were
        read; a binder takes back those that do not fit an ontology.
        """
        seen: set[int] = set()
        for found in self._guarded():
            if isinstance(found, Item):
                mark = hash(found.asset.key)
                if mark in seen:
                    found = Problem(found.place, f'The asset "{found.asset.key[:80]}" is there twice.')
                else:
                    seen.add(mark)
            yield self._counted(found)

    def refuse_loss(self) -> None:
        """Raise LossRefused unless all that was read so far came through."""
        if not self.report.lossless:
            raise LossRefused(f"Not all of {self.path.name} came through ({losses(self.report)}).")

    def _guarded(self) -> Iterator[Item | Problem]:
        try:
            yield from self.codec.reader(self.path, self.options, self.report, self.declared)
        except RecordBroken as error:
            yield Problem("", str(error))

    def _counted(self, found: Item | Problem) -> Item | Problem:
        if isinstance(found, Problem):
            self.report.problems.add(str(found))
            return found
        self.report.assets += 1
        self.report.labels += found.label is not None
        self.report.offered += len(found.annotations)
        self.report.written += len(found.annotations)
        return found


def reading(path: Path, form: str, options: Options) -> Source:
    """A file or folder to be read. Raises FormatUnknown or FileUnusable."""
    if not path.exists():
        raise FileUnusable(f"There is no file or folder {path}.")
    chosen = codec(form)
    return Source(path, chosen, options, LossReport(chosen.name, "read"))
