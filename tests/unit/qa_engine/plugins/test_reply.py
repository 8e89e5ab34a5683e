"""What plugins answer becomes findings and operations exactly, or is refused with the reason."""

import pytest

from labels.correction import Delete, Relabel, Resize
from labels.label import Annotation, Box, Choice, Finding, Label, LabelKind, Polygon, Severity, Span
from labels.ontology import Category, Ontology, Tool, ToolKind
from qa_engine.operation import Block, Change, Emit, Resolve, Route
from qa_engine.plugins.errors import ReplyRefused
from qa_engine.plugins.reply import Asked, judgement

ONTOLOGY = Ontology(
    (
        Tool("topic", ToolKind.CHOICE_SINGLE, (Category("sport"),)),
        Tool("entity", ToolKind.SPAN, (Category("person"), Category("place"))),
        Tool("box", ToolKind.BOX, (Category("roof"), Category("wall"))),
        Tool("outline", ToolKind.POLYGON, (Category("roof"),)),
    ),
    revision=1,
)
TEXT = "Ann met Bob."
LABEL = Label(
    LabelKind.DEFAULT,
    "ann",
    (
        Annotation("a0", "box", "roof", Box(0, 0, 2, 2)),
        Annotation("a1", "entity", "person", Span(0, 3, "Ann")),
        Annotation("a2", "outline", "roof", Polygon(((0.0, 0.0, 1.0, 0.0, 1.0, 1.0),))),
    ),
    uid="l1",
)
OTHER = Label(LabelKind.DEFAULT, "bob", (Annotation("a9", "topic", "sport", Choice()),), uid="l2")
ASKED = Asked("plugin_mine", Severity.WARNING, LABEL, ONTOLOGY, TEXT, (OTHER,))


@pytest.mark.parametrize("raw", [None, []])
def test_nothing_is_an_answer(raw: object) -> None:
    said = judgement(raw, ASKED)
    assert (said.findings, said.operations) == ((), ())


def test_a_flag_takes_the_rule_s_severity_unless_it_says_another() -> None:
    raw = [
        {"do": "flag", "message": "Small.", "annotation": "a0", "severity": ""},
        {"do": "flag", "message": "Odd.", "annotation": "", "severity": "INFO"},
    ]
    assert judgement(raw, ASKED).findings == (
        Finding("plugin_mine", Severity.WARNING, "Small.", "a0"),
        Finding("plugin_mine", Severity.INFO, "Odd."),
    )


@pytest.mark.parametrize(
    ("raw", "operation"),
    [
        ({"do": "delete", "annotation": "a0"}, Change(Delete("a0"))),
        ({"do": "relabel", "annotation": "a0", "category": "wall"}, Change(Relabel("a0", "wall"))),
        (
            {"do": "resize", "annotation": "a0", "box": [1, 2, 3, 4.5]},
            Change(Resize("a0", Box(1, 2, 3, 4.5))),
        ),
        ({"do": "resize", "annotation": "a1", "span": [8, 11]}, Change(Resize("a1", Span(8, 11, "Bob")))),
        (
            {"do": "resize", "annotation": "a2", "rings": [[0, 0, 2, 0, 2, 2]]},
            Change(Resize("a2", Polygon(((0.0, 0.0, 2.0, 0.0, 2.0, 2.0),)))),
        ),
        ({"do": "route", "boost": 5, "pool": "experts"}, Route(5.0, "experts")),
        ({"do": "route", "boost": 1000.0, "pool": ""}, Route(1000.0)),
        ({"do": "block"}, Block()),
        (
            {"do": "emit", "topic": "roof.found", "fields": {"n": 1, "ok": True, "who": "x"}},
            Emit("roof.found", {"n": 1.0, "ok": True, "who": "x"}),
        ),
        (
            {"do": "resolve", "annotations": [{"answer": "l2", "annotation": "a9"}]},
            Resolve((Annotation("a0", "topic", "sport", Choice()),)),
        ),
        (
            {"do": "resolve", "annotations": [{"tool": "box", "category": "wall", "box": [0, 0, 1, 1]}]},
            Resolve((Annotation("a0", "box", "wall", Box(0, 0, 1, 1)),)),
        ),
        (
            {"do": "resolve", "annotations": [{"tool": "topic", "category": "sport"}]},
            Resolve((Annotation("a0", "topic", "sport", Choice()),)),
        ),
    ],
)
def test_an_operation_is_read(raw: object, operation: object) -> None:
    assert judgement(raw, ASKED).operations == (("plugin_mine", operation),)
    assert judgement([raw], ASKED).operations == (("plugin_mine", operation),)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (7, "none of its words"),
        ("flag", "none of its words"),
        ([[]], "none of its words"),
        ({}, "no plugin can do"),
        ({"do": ["flag"]}, "no plugin can do"),
        ({"do": "flag"}, "a message is one line"),
        ({"do": "flag", "message": "x" * 501}, "a message is one line"),
        ({"do": "flag", "message": "x", "annotation": "a7"}, "does not have"),
        ({"do": "flag", "message": "x", "annotation": None}, "does not have"),
        ({"do": "flag", "message": "x", "severity": "BAD"}, "severity"),
        ({"do": "delete"}, "does not have"),
        ([{"do": "delete", "annotation": "a0"}] * 2, "do not fit each other"),
        ({"do": "relabel", "annotation": "a1", "category": "wall"}, "category"),
        ({"do": "relabel", "annotation": "a1", "category": 3}, "category"),
        ({"do": "resize", "annotation": "a0"}, "one of box, rings and span"),
        (
            {"do": "resize", "annotation": "a0", "box": [0, 0, 1, 1], "span": [0, 1]},
            "one of box, rings and span",
        ),
        ({"do": "resize", "annotation": "a0", "box": [0, 0, 1]}, "x, y, width and height"),
        ({"do": "resize", "annotation": "a0", "box": [0, 0, -1, 1]}, "not sound"),
        ({"do": "resize", "annotation": "a0", "box": [0, 0, 1e7, 1]}, "not sound"),
        ({"do": "resize", "annotation": "a0", "box": [0, 0, float("inf"), 1]}, "no finite number"),
        ({"do": "resize", "annotation": "a0", "box": [0, 0, 10**400, 1]}, "no finite number"),
        ({"do": "resize", "annotation": "a0", "box": [0, 0, True, 1]}, "no number"),
        ({"do": "resize", "annotation": "a0", "span": [0, 1]}, "another kind"),
        ({"do": "resize", "annotation": "a1", "span": [5, 5]}, "not within the text"),
        ({"do": "resize", "annotation": "a1", "span": [0, 99]}, "not within the text"),
        ({"do": "resize", "annotation": "a1", "span": [0.5, 2]}, "not within the text"),
        ({"do": "resize", "annotation": "a2", "rings": []}, "not sound"),
        ({"do": "resize", "annotation": "a2", "rings": [[0, 0, 1]]}, "not sound"),
        ({"do": "resize", "annotation": "a2", "rings": "x"}, "no list"),
        ({"do": "route", "boost": 1000.1}, "a boost is"),
        ({"do": "route", "boost": -0.1}, "a boost is"),
        ({"do": "route", "boost": "5"}, "no number"),
        ({"do": "route", "boost": 5, "pool": "No Such"}, "a pool is"),
        ({"do": "emit", "topic": "9", "fields": {}}, "a topic is"),
        ({"do": "emit", "topic": "x", "fields": []}, "at most 50"),
        ({"do": "emit", "topic": "x", "fields": {"a b": 1}}, "the name of a field"),
        ({"do": "emit", "topic": "x", "fields": {"a": None}}, "a field is one line"),
        ([{"do": "emit", "topic": "x", "fields": {}}] * 11, "more than 10"),
        ({"do": "resolve", "annotations": "all"}, "a list of at most"),
        ({"do": "resolve", "annotations": [{"answer": "l2", "annotation": "a0"}]}, "no answer has"),
        (
            {"do": "resolve", "annotations": [{"tool": "box", "category": "x", "box": [0, 0, 1, 1]}]},
            "category",
        ),
        ([{"do": "block"}] * 1_001, "more than 1,000"),
    ],
)
def test_anything_else_is_refused_with_the_reason(raw: object, why: str) -> None:
    with pytest.raises(ReplyRefused, match=why):
        judgement(raw, ASKED)


def test_a_span_is_not_moved_in_a_text_that_is_not_known() -> None:
    asked = Asked("plugin_mine", Severity.WARNING, LABEL, ONTOLOGY)
    with pytest.raises(ReplyRefused, match="a text that is known"):
        judgement({"do": "resize", "annotation": "a1", "span": [0, 1]}, asked)
