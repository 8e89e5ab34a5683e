"""Texts: what is counted in other units, tagged in other ways, or overlaps."""

import json
from pathlib import Path

import pytest

from tests.unit.formats.made import (
    TEXTS,
    export,
    load,
    span,
    text,
)


@pytest.mark.parametrize("shift", [0, 1])
def test_spans_counted_in_utf16_are_put_where_their_characters_are(tmp_path: Path, shift: int) -> None:
    content = "😀😀 Ann met Bob"
    start = content.index("Bob") + 2 + shift * 40
    value = {"start": start, "end": start + 3, "text": "Bob", "labels": ["PERSON"]}
    task = {"data": {"text": content}, "annotations": [{"result": [{"type": "labels", "value": value}]}]}
    path = tmp_path / "in.json"
    path.write_text(json.dumps([task]))
    items, _, report = load(path, "labelstudio", TEXTS)
    assert items[0].annotations == (span(content, 11, 14, name="r1"),)
    assert report.spans_moved == shift


def test_overlapping_spans_are_lost_to_conll_and_kept_by_spacy(tmp_path: Path) -> None:
    content = "New York Times"
    item = text(content, span(content, 0, 8), span(content, 0, 14, "creative work", "a1"))
    report = export(tmp_path / "a.conll", "conll", [item], TEXTS)
    assert report.dropped["span that overlaps a longer one or holds no token"].examples == ["t-1 a0"]
    assert export(tmp_path / "a.json", "spacy", [item], TEXTS).lossless
    found, _, _ = load(tmp_path / "a.json", "spacy", TEXTS)
    assert len(found[0].annotations) == 2


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        (["B-PERSON", "I-PERSON", "O", "B-PERSON"], ["Ada Lovelace", "Bonn"]),
        (["I-PERSON", "I-PERSON", "O", "I-PERSON"], ["Ada Lovelace", "Bonn"]),
        (["B-PERSON", "E-PERSON", "O", "S-PERSON"], ["Ada Lovelace", "Bonn"]),
        (["B-PERSON", "L-PERSON", "O", "U-PERSON"], ["Ada Lovelace", "Bonn"]),
        (["B-PERSON", "B-PERSON", "I-PERSON", "I-creative_work"], ["Ada", "Lovelace in", "Bonn"]),
    ],
)
def test_every_way_of_tagging_is_understood(tmp_path: Path, tags: list[str], spans: list[str]) -> None:
    words = ["Ada", "Lovelace", "in", "Bonn"]
    path = tmp_path / "in.conll"
    path.write_text("-DOCSTART- O\n\n" + "".join(f"{w} NNP {t}\n" for w, t in zip(words, tags, strict=True)))
    items, problems, _ = load(path, "conll", TEXTS)
    assert not problems
    assert [a.value.text for a in items[0].annotations] == spans  # type: ignore[union-attr]
