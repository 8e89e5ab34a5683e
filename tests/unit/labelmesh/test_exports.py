import json

from hypothesis import given
from hypothesis import strategies as st

from labelmesh.client.files.exports import conll_sentence, jsonl_line, status
from labelmesh.client.labels import ExportedAsset
from labels.asset import Asset
from labels.label import Annotation, Choice, Label, LabelKind, Span


def span(text: str, start: int, end: int, category: str = "PLACE") -> Annotation:
    return Annotation(f"a{start}-{end}", "entities", category, Span(start, end, text[start:end]))


def test_iob2_marks_first_and_following_tokens() -> None:
    text = "Ada Lovelace lived in London."
    lines, lost = conll_sentence(text, [span(text, 0, 12, "PERSON"), span(text, 22, 28)])
    assert lines == [
        "Ada\tB-PERSON",
        "Lovelace\tI-PERSON",
        "lived\tO",
        "in\tO",
        "London\tB-PLACE",
        ".\tO",
    ]
    assert lost == 0


def test_a_span_inside_a_token_splits_it() -> None:
    text = "Londonbound trains"
    lines, _ = conll_sentence(text, [span(text, 0, 6)])
    assert lines == ["London\tB-PLACE", "bound\tO", "trains\tO"]


def test_neighbouring_spans_both_begin() -> None:
    text = "BerlinParis"
    lines, _ = conll_sentence(text, [span(text, 0, 6), span(text, 6, 11)])
    assert lines == ["Berlin\tB-PLACE", "Paris\tB-PLACE"]


def test_a_span_that_begins_with_a_space_still_begins() -> None:
    text = "in New York"
    lines, lost = conll_sentence(text, [span(text, 2, 11)])
    assert lines == ["in\tO", "New\tB-PLACE", "York\tI-PLACE"]
    assert lost == 0


def test_overlapping_spans_are_counted_as_lost() -> None:
    text = "New York Times"
    lines, lost = conll_sentence(text, [span(text, 0, 8), span(text, 0, 14, "ORG")])
    assert lines == ["New\tB-ORG", "York\tI-ORG", "Times\tI-ORG"]
    assert lost == 1


@given(st.text(max_size=60), st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=6))
def test_every_kept_span_is_the_join_of_its_tokens(text: str, places: list[tuple[int, int]]) -> None:
    spans = [span(text, start, start + size) for start, size in places if start + size <= len(text)]
    lines, lost = conll_sentence(text, spans)
    assert sum(line.split("\t")[1].startswith("B-") for line in lines) == len(spans) - lost
    assert "".join(line.split("\t")[0] for line in lines) == "".join(text.split())


def test_status_says_where_an_asset_stands() -> None:
    asset = Asset("k", text="x")
    label = Label(LabelKind.PREDICTION, "m", ())
    assert status(ExportedAsset(asset, None, False, False)) == "unlabelled"
    assert status(ExportedAsset(asset, None, False, True)) == "rejected"
    assert status(ExportedAsset(asset, label, False, False)) == "unreviewed"
    assert status(ExportedAsset(asset, label, True, False)) == "reviewed"


def test_jsonl_keeps_unicode_and_spans() -> None:
    text = "In Zürich 🚋"
    label = Label(
        LabelKind.REVIEW,
        "ana",
        (span(text, 3, 9), Annotation("c", "topic", "travel", Choice())),
        uid="L1",
        revision=2,
    )
    row = json.loads(jsonl_line(ExportedAsset(Asset("k", text=text, uid="A1"), label, True, False)))
    assert row["text"] == text
    assert row["label"]["annotations"][0] == {
        "id": "a3-9",
        "tool": "entities",
        "category": "PLACE",
        "start": 3,
        "end": 9,
        "text": "Zürich",
    }
    assert row["label"]["annotations"][1] == {"id": "c", "tool": "topic", "category": "travel"}
