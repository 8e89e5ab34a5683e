"""IOB2 sentences: what is marked, what is split, what finds no place."""

from hypothesis import given
from hypothesis import strategies as st

from formats.conll import sentence
from labels.label import Annotation, Span


def span(text: str, start: int, end: int, category: str = "PLACE") -> Annotation:
    return Annotation(f"a{start}-{end}", "entities", category, Span(start, end, text[start:end]))


def test_iob2_marks_first_and_following_tokens() -> None:
    text = "Ada Lovelace lived in London."
    lines, lost = sentence(text, [span(text, 0, 12, "PERSON"), span(text, 22, 28)])
    assert lines == [
        "Ada\tB-PERSON",
        "Lovelace\tI-PERSON",
        "lived\tO",
        "in\tO",
        "London\tB-PLACE",
        ".\tO",
    ]
    assert not lost


def test_a_span_inside_a_token_splits_it() -> None:
    text = "Londonbound trains"
    lines, _ = sentence(text, [span(text, 0, 6)])
    assert lines == ["London\tB-PLACE", "bound\tO", "trains\tO"]


def test_neighbouring_spans_both_begin() -> None:
    text = "BerlinParis"
    lines, _ = sentence(text, [span(text, 0, 6), span(text, 6, 11)])
    assert lines == ["Berlin\tB-PLACE", "Paris\tB-PLACE"]


def test_a_span_that_begins_with_a_space_still_begins() -> None:
    text = "in New York"
    lines, lost = sentence(text, [span(text, 2, 11)])
    assert lines == ["in\tO", "New\tB-PLACE", "York\tI-PLACE"]
    assert not lost


def test_overlapping_spans_are_counted_as_lost() -> None:
    text = "New York Times"
    lines, lost = sentence(text, [span(text, 0, 8), span(text, 0, 14, "ORG")])
    assert lines == ["New\tB-ORG", "York\tI-ORG", "Times\tI-ORG"]
    assert len(lost) == 1


@given(st.text(max_size=60), st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=6))
def test_every_kept_span_is_the_join_of_its_tokens(text: str, places: list[tuple[int, int]]) -> None:
    places = sorted(set(places))
    spans = [span(text, start, start + size) for start, size in places if start + size <= len(text)]
    lines, lost = sentence(text, spans)
    assert sum(line.split("\t")[1].startswith("B-") for line in lines) == len(spans) - len(lost)
    assert "".join(line.split("\t")[0] for line in lines) == "".join(text.split())
