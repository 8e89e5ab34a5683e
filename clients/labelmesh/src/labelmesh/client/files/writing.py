"""Writing an export: a file that is either whole or not there."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

from formats import Item, LossReport, Options, writing
from formats.item import Status
from labelmesh.client.labels import ExportedAsset
from labels.ontology import Ontology


@dataclass(slots=True)
class Exported:
    """What an export holds: assets written, all assets by status, and the account of what did not come through."""

    written: int = 0
    by_status: dict[str, int] = field(default_factory=lambda: {str(status): 0 for status in Status})
    report: LossReport | None = None


def item_of(exported: ExportedAsset) -> Item:
    """An asset of an export as formats know it."""
    return Item(exported.asset, exported.label, status(exported))


def status(exported: ExportedAsset) -> Status:
    """Where the asset stands: a label that nobody looked at is unreviewed."""
    if exported.rejected:
        return Status.REJECTED
    if exported.label is None:
        return Status.UNLABELLED
    if exported.auto_accepted:
        return Status.AUTO_ACCEPTED
    return Status.REVIEWED if exported.reviewed else Status.UNREVIEWED


async def write_export(
    items: AsyncIterator[ExportedAsset],
    form: str,
    target: Path,
    ontology: Ontology,
    *,
    options: Options | None = None,
    on_progress: Callable[[int], None] = lambda _count: None,
) -> Exported:
    """Write every item and put the file or folder in place at the end; nothing is left behind when it fails.

    `form` is a name of `formats.CODECS`. Raises FormatError: NothingWritten when not one annotation would be in the
    file, LossRefused, OptionInvalid, or what the disk says.
    """
    done = Exported()
    with writing(target, form, ontology, options or Options()) as sink:
        count = 0
        async for exported in items:
            count += 1
            item = item_of(exported)
            done.by_status[item.status] += 1
            sink.add(item)
            if count % 64 == 0:
                on_progress(count)
        on_progress(count)
    done.written, done.report = sink.report.assets, sink.report
    return done
