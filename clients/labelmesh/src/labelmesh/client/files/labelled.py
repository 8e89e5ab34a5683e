"""A file of labels on its way into a project: what it holds, held against the ontology and the pictures at hand."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from formats import Binder, Item, LossReport, Options, Problem, reading
from formats.item import is_picture
from formats.pictures import find
from labelmesh.client.files.picture import PictureUnreadable, measure
from labelmesh.client.files.rows import MAX_PICTURE_BYTES
from labels.asset import Asset, check_asset
from labels.errors import LabelError
from labels.label import Label, LabelKind
from labels.ontology import Ontology

MAX_AUTHORS = 20


@dataclass(frozen=True, slots=True)
class Labelled:
    """A record ready to import: its place from 1, the asset, its picture's file where there is one, the label."""

    line: int
    asset: Asset
    picture: Path | None
    label: Label | None


@dataclass(slots=True)
class LabelFile:
    """A file in a format; read as often as needed, each time from the start.

    `model` makes every label a prediction of that name. `report` is that of the latest reading.
    """

    path: Path
    form: str
    ontology: Ontology
    options: Options
    model: str = ""
    report: LossReport = field(default_factory=lambda: LossReport("", "read"))

    def rows(self) -> Iterator[Labelled | Problem]:
        """The records in order. Pictures are looked for where a folder of them is named; a key is then the picture's
        path in that folder. Raises FormatError when there is nothing to read."""
        source = reading(self.path, self.form, self.options)
        self.report = source.report
        binder = Binder(self.ontology, source.report)
        for line, found in enumerate(source, start=1):
            if isinstance(found, Problem):
                yield found
                continue
            try:
                yield self._row(line, found, binder)
            except (LabelError, PictureUnreadable, UnicodeEncodeError) as error:
                source.report.drop("asset that cannot be imported", found.place, len(found.annotations))
                source.report.written -= len(found.annotations)
                sentence = (
                    "The text is not valid Unicode." if isinstance(error, UnicodeEncodeError) else str(error)
                )
                yield Problem(found.place, sentence)

    def _row(self, line: int, item: Item, binder: Binder) -> Labelled:
        """Raises LabelError or PictureUnreadable."""
        picture = None
        if is_picture(item.asset):
            item, picture = self._pictured(item)
        else:
            check_asset(item.asset)
        bound = binder.bind(item)
        return Labelled(line, bound.asset, picture, self._label(bound.label))

    def _pictured(self, item: Item) -> tuple[Item, Path | None]:
        asset, folder = item.asset, self.options.images
        check_asset(Asset(asset.key, text="."))
        if folder is None:
            return item, None
        picture = find(folder, asset.key)
        if picture is None:
            raise PictureUnreadable(f"There is no picture {asset.key[:100]} in {folder}.")
        width_px, height_px, _ = measure(picture, MAX_PICTURE_BYTES)
        if asset.width_px and (asset.width_px, asset.height_px) != (width_px, height_px):
            raise PictureUnreadable(
                f"The picture {asset.key[:100]} is {width_px} x {height_px} pixels, "
                f"and the file says {asset.width_px} x {asset.height_px}."
            )
        key = picture.relative_to(folder.resolve()).as_posix()
        return replace(item, asset=Asset(key, width_px=width_px, height_px=height_px)), picture

    def _label(self, label: Label | None) -> Label | None:
        if label is None or not self.model:
            return label
        return replace(label, kind=LabelKind.PREDICTION, author=self.model)


def author_of(label: Label) -> str:
    """The model whose prediction a label is, "" for a person's."""
    return (label.author or "imported") if label.kind is LabelKind.PREDICTION else ""


def confidence_of(label: Label) -> float:
    """How sure the model was of the whole label: as it said, else of the claim it was least sure of; 0 unknown."""
    if label.confidence is not None:
        return label.confidence.raw
    return min((annotation.confidence for annotation in label.annotations), default=0.0)


def import_id(path: Path, form: str) -> str:
    """An id that is the same for the same content: 32 hexadecimal digits."""
    digest = hashlib.sha256(form.encode())
    files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    for one in files:
        digest.update(b"\0" + one.relative_to(path).as_posix().encode() + b"\0" if path.is_dir() else b"\0")
        with one.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:32]
