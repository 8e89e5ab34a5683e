import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from formats.errors import NothingWritten
from labelmesh.client.files.writing import status, write_export
from labelmesh.client.labels import ExportedAsset
from labels.asset import Asset
from labels.label import Annotation, Choice, Label, LabelKind, Span
from labels.ontology import Category, Ontology, Tool, ToolKind

TEXT = "In Zürich 🚋"
ONTOLOGY = Ontology(
    (
        Tool("entities", ToolKind.SPAN, (Category("PLACE"),)),
        Tool("topic", ToolKind.CHOICE_SINGLE, (Category("travel"),)),
    )
)
LABEL = Label(
    LabelKind.REVIEW,
    "ana",
    (
        Annotation("a", "entities", "PLACE", Span(3, 9, "Zürich")),
        Annotation("c", "topic", "travel", Choice()),
    ),
    uid="L1",
    revision=2,
)


async def exported(*items: ExportedAsset) -> AsyncIterator[ExportedAsset]:
    for item in items:
        yield item


def test_status_says_where_an_asset_stands() -> None:
    asset = Asset("k", text="x")
    label = Label(LabelKind.PREDICTION, "m", ())
    assert status(ExportedAsset(asset, None, False, False)) == "unlabelled"
    assert status(ExportedAsset(asset, label, False, False, auto_accepted=True)) == "auto_accepted"
    assert status(ExportedAsset(asset, None, False, True)) == "rejected"
    assert status(ExportedAsset(asset, label, False, False)) == "unreviewed"
    assert status(ExportedAsset(asset, label, True, False)) == "reviewed"


async def test_jsonl_keeps_unicode_spans_and_assets_without_a_label(tmp_path: Path) -> None:
    items = exported(
        ExportedAsset(Asset("k", text=TEXT, uid="A1"), LABEL, True, False),
        ExportedAsset(Asset("l", text="nothing", uid="A2"), None, False, False),
    )
    done = await write_export(items, "jsonl", tmp_path / "out.jsonl", ONTOLOGY)
    first, second = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert first["text"] == TEXT
    assert first["label"]["annotations"] == [
        {"id": "a", "tool": "entities", "category": "PLACE", "start": 3, "end": 9, "text": "Zürich"},
        {"id": "c", "tool": "topic", "category": "travel"},
    ]
    assert (second["status"], second["label"]) == ("unlabelled", None)
    assert done.written == 2
    assert done.by_status == {
        "reviewed": 1,
        "auto_accepted": 0,
        "unreviewed": 0,
        "rejected": 0,
        "unlabelled": 1,
    }


async def test_an_export_without_a_label_leaves_no_file_and_says_why(tmp_path: Path) -> None:
    items = exported(ExportedAsset(Asset("k", text=TEXT), None, False, True))
    with pytest.raises(NothingWritten, match="1 rejected"):
        await write_export(items, "conll", tmp_path / "out.conll", ONTOLOGY)
    assert not list(tmp_path.iterdir())
