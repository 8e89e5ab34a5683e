"""What a review says about the prediction it began with."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from labels.label import Annotation, Choice, Confidence, ConfidenceMethod, Label, LabelKind, Lineage, Span
from review_queue.outcome import cells, outcome

GERMANY = Annotation("a0", "entities", "location", Span(10, 17, "Germany"), 0.9)
PARIS = Annotation("a1", "entities", "location", Span(20, 25, "Paris"), 0.9)
LINEAGE = Lineage("model", "projects/p/predictionRuns/R", 1, "0" * 64, (), 1)
PREDICTION = Label(
    LabelKind.PREDICTION,
    "model",
    (GERMANY, PARIS),
    confidence=Confidence(ConfidenceMethod.LABEL_MASS, 0.8, 0.7, 0.9),
    lineage=LINEAGE,
)

spans = st.builds(
    lambda i, start, category: Annotation(f"a{i}", "entities", category, Span(start, start + 1, "x")),
    st.integers(0, 6),
    st.integers(0, 5),
    st.sampled_from(["location", "person", "miscellaneous"]),
)
labels_of_spans = st.lists(spans, max_size=6, unique_by=lambda a: a.id)


def test_a_location_relabelled_miscellaneous() -> None:
    final = (replace(GERMANY, category="miscellaneous"), PARIS)
    learned = outcome(PREDICTION, final)
    assert learned is not None
    assert dict(learned.cells) == {
        ("entities", "location", "miscellaneous"): 1,
        ("entities", "location", "location"): 1,
    }
    assert (learned.unchanged, learned.confidence, learned.run) == (False, 0.8, LINEAGE.run)
    assert (learned.true_positives, learned.false_positives, learned.false_negatives) == (1, 1, 1)


def test_deleted_and_added() -> None:
    berlin = Annotation("n0", "entities", "location", Span(40, 46, "Berlin"))
    assert dict(cells((GERMANY, PARIS), (PARIS, berlin))) == {
        ("entities", "location", ""): 1,
        ("entities", "", "location"): 1,
        ("entities", "location", "location"): 1,
    }


def test_a_resized_span_was_wrong_where_it_stood_and_missing_where_it_is() -> None:
    longer = replace(PARIS, value=Span(20, 31, "Paris Match"))
    assert dict(cells((PARIS,), (longer,))) == {
        ("entities", "location", ""): 1,
        ("entities", "", "location"): 1,
    }


def test_what_kept_its_category_is_no_relabelling_whatever_the_order() -> None:
    def topics(*categories: str) -> list[Annotation]:
        return [Annotation(f"{categories}{i}", "topic", c, Choice()) for i, c in enumerate(categories)]

    expected = {("topic", "b", "b"): 1, ("topic", "c", "a"): 1}
    assert dict(cells(topics("b", "c"), topics("a", "b"))) == expected
    assert dict(cells(topics("c", "b"), topics("b", "a"))) == expected


def test_deleting_and_adding_in_the_same_place_is_relabelling() -> None:
    again = Annotation("n0", "entities", "miscellaneous", GERMANY.value)
    assert dict(cells((GERMANY,), (again,))) == {("entities", "location", "miscellaneous"): 1}


def test_multiple_choices_match_their_own_category_first() -> None:
    before = (Annotation("a0", "topics", "sport", Choice()), Annotation("a1", "topics", "law", Choice()))
    after = (Annotation("n0", "topics", "law", Choice()),)
    assert dict(cells(before, after)) == {("topics", "law", "law"): 1, ("topics", "sport", ""): 1}


def test_nothing_to_learn() -> None:
    assert outcome(None, (GERMANY,)) is None
    assert outcome(PREDICTION, None) is None
    assert outcome(replace(PREDICTION, kind=LabelKind.DEFAULT), (GERMANY,)) is None


@given(labels_of_spans, labels_of_spans)
def test_every_annotation_is_counted_once(base: list[Annotation], final: list[Annotation]) -> None:
    found = cells(base, final)
    assert sum(n for (_, predicted, _), n in found.items() if predicted) == len(base)
    assert sum(n for (_, _, reviewed), n in found.items() if reviewed) == len(final)


@given(labels_of_spans)
def test_an_accepted_label_is_all_true(base: list[Annotation]) -> None:
    learned = outcome(replace(PREDICTION, annotations=tuple(base)), base)
    assert learned is not None
    assert learned.unchanged
    assert (learned.true_positives, learned.false_positives, learned.false_negatives) == (len(base), 0, 0)
