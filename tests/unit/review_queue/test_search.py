"""What becomes of a search: bound parameters, short lists where an index answers, and how far a label is from its
prediction."""

import pytest
from sqlalchemy.dialects import postgresql, sqlite

from labels.label import (
    Annotation,
    Box,
    Choice,
    Confidence,
    ConfidenceMethod,
    Label,
    LabelKind,
    Lineage,
    Span,
)
from review_queue.errors import FilterInvalid, OrderInvalid
from review_queue.filter import parse, parse_order
from review_queue.search.conditions import Place, condition
from review_queue.search.fields import FIELDS
from review_queue.search.finding import query
from review_queue.search.origin import Origin, Source, first, following
from review_queue.search.shortlist import shortlists

HERE = Place("p1", "sqlite")
SECRETS = ("s3cret", "5.5", "1767225600000000")
EVERY_FIELD = {
    "agreement": "agreement > 5.5",
    "asset": "asset = s3cret",
    "author": 'author > "s3cret"',
    "category": "category:s3cret*",
    "changed": "changed = YES",
    "confidence": "confidence <= 5.5",
    "create_time": "create_time > 2026-01-01",
    "decision": "decision != REJECT",
    "findings": "findings >= 5.5",
    "key": "key = s3cret*",
    "kind": "kind = REVIEW",
    "model": "model = *s3cret",
    "overlap": "overlap < 5.5",
    "prompt_revision": "prompt_revision = 5.5",
    "review_time": "review_time < 2026-01-01",
    "reviewer": "reviewer = s3cret",
    "revision": "revision != 5.5",
    "rule": "rule = s3cret",
    "run": "run != s3cret",
    "severity": "severity > INFO",
    "source": "source = RULE",
    "uid": "uid < s3cret",
}


@pytest.mark.parametrize("name", sorted(FIELDS))
@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_what_a_user_writes_is_a_parameter(name: str, dialect: str) -> None:
    said = parse(EVERY_FIELD[name], FIELDS)
    place = Place("p1", "postgresql" if dialect == "postgresql" else "sqlite")
    module = postgresql if dialect == "postgresql" else sqlite
    built = condition(said, place).compile(dialect=module.dialect())
    assert not [secret for secret in SECRETS if secret in str(built)]
    assert built.params


@pytest.mark.parametrize(
    ("said", "lists"),
    [
        ("", 0),
        ("kind = REVIEW", 0),
        ("agreement < 0.5", 1),
        ("agreement <= 1", 0),
        ("overlap < 1", 1),
        ("changed = true", 1),
        ("changed = false", 0),
        ("NOT changed = true", 0),
        ("severity >= NONE", 0),
        ("severity > NONE", 1),
        ("findings = 0", 0),
        ("prompt_revision < 3", 0),
        ("author = ann", 1),
        ("author = an*", 0),
        ("author > ann", 0),
        ('model = ""', 0),
        ('reviewer = ""', 0),
        ("decision = ACCEPT", 0),
        ("decision = REJECT", 1),
        ("author = ann confidence < 0.1 key = k1", 3),
        ("author = ann OR kind = REVIEW", 0),
        ("author = ann OR rule = short", 1),
        ("(author = ann confidence < 0.1) OR (key = k1)", 1),
    ],
)
def test_a_list_is_short_only_where_it_holds_all(said: str, lists: int) -> None:
    assert len(shortlists(parse(said, FIELDS), HERE)) == lists


@pytest.mark.parametrize(
    ("filter_", "order_by", "at"),
    [
        ("agreement < 0.5 AND state = OPEN", "", 21),
        ("confidence << 1", "", 13),
        ("changed = maybe", "", 11),
        ("author = 'ann", "", 10),
        ("source:*) ", "", 9),
        ("rule < x", "", 6),
    ],
)
def test_a_bad_filter_names_the_place(filter_: str, order_by: str, at: int) -> None:
    with pytest.raises(FilterInvalid, match=f"at character {at}:"):
        query(filter_, order_by)


@pytest.mark.parametrize(
    ("order_by", "at"), [("state", 1), ("agreement, category", 12), ("uid,uid", 5), ("uid upwards", 5)]
)
def test_a_bad_order_names_the_place(order_by: str, at: int) -> None:
    with pytest.raises(OrderInvalid, match=f"at character {at}:"):
        query("", order_by)


def test_fields_of_tasks_are_none_of_labels() -> None:
    for name in ("state", "priority", "pool"):
        with pytest.raises(FilterInvalid, match=f"there is no field `{name}`"):
            parse(f"{name}:*", FIELDS)
        parse(f"{name}:*")
    assert [key.type for key in parse_order("agreement, create_time desc, uid", FIELDS)] == [float, int, str]


def prediction(*claims: Annotation) -> Label:
    return Label(
        LabelKind.PREDICTION,
        "qwen",
        claims,
        uid="P1",
        confidence=Confidence(ConfidenceMethod.LABEL_MASS, 0.7, 0.6, 0.8),
        lineage=Lineage("qwen", "projects/news/predictionRuns/R1", 4, "0" * 64, (), 1),
    )


def reviewed(*claims: Annotation) -> Label:
    return Label(LabelKind.REVIEW, "ann", claims, uid="L2")


def span(uid: str, start: int, end: int, category: str = "person") -> Annotation:
    return Annotation(uid, "entities", category, Span(start, end, "x" * (end - start)))


def box(uid: str, x: float) -> Annotation:
    return Annotation(uid, "roof", "flat", Box(x, 0.0, 10.0, 10.0))


TOPIC, OTHER = Annotation("a", "topic", "sport", Choice()), Annotation("a", "topic", "politics", Choice())


@pytest.mark.parametrize(
    ("before", "after", "agreement", "overlap"),
    [
        ((), (), 1.0, 1.0),
        ((TOPIC,), (TOPIC,), 1.0, 1.0),
        ((TOPIC,), (OTHER,), 0.0, 0.0),
        ((TOPIC,), (), 0.0, 0.0),
        # Two of three spans stay, one is deleted: 2 * 2 / (2 * 2 + 1), and 2 of 3 objects.
        (
            (span("a", 0, 3), span("b", 5, 8), span("c", 9, 12)),
            (span("a", 0, 3), span("b", 5, 8)),
            0.8,
            2 / 3,
        ),
        # Shifted by half its width: gone and new by F1, 50 of 150 pixels in common by overlap.
        ((box("a", 0.0),), (box("a", 5.0),), 0.0, 1 / 3),
        ((box("a", 0.0), box("b", 50.0)), (box("a", 5.0), box("b", 50.0)), 0.5, 2 / 3),
    ],
)
def test_how_far_a_label_is_from_its_prediction(
    before: tuple[Annotation, ...], after: tuple[Annotation, ...], agreement: float, overlap: float
) -> None:
    found = following(prediction(*before), reviewed(*after))
    assert found.agreement == pytest.approx(agreement)
    assert found.overlap == pytest.approx(overlap)
    assert (found.source, found.prediction_uid, found.model) == (Source.PERSON, "P1", "qwen")
    assert (found.prompt_revision, found.confidence) == (4, 0.7)


def test_who_follows_none() -> None:
    assert first(prediction(TOPIC)) == Origin(Source.MODEL, "P1", "qwen", 4, 0.7)
    assert first(prediction(TOPIC), Source.IMPORT).source is Source.IMPORT
    assert first(reviewed(TOPIC)) == Origin(Source.PERSON)
