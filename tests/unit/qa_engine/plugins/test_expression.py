"""Expressions: checked where they are written, asked about what has all they name, and bounded."""

import pytest

from labels.asset import Asset, ContentRef
from labels.label import Annotation, Box, Choice, Label, LabelKind, Polygon, Severity, Span, Value
from labels.ontology import Category, Ontology, Tool, ToolKind
from qa_engine.plugins import custom
from qa_engine.plugins.errors import PluginInvalid
from qa_engine.plugins.expression import HOOKS, compiled
from qa_engine.plugins.plugin import Language, Plugin
from qa_engine.plugins.sandbox import Sandbox
from qa_engine.rule import Subject, Terms

ONTOLOGY = Ontology((Tool("outline", ToolKind.POLYGON, (Category("roof"),)),), revision=1)
PICTURE = Asset("photo", image_ref=ContentRef("file:///x", "0" * 64, 1), width_px=100, height_px=50, uid="x1")
TEXT = Asset("note", text="Ann met Bob.", uid="x2", context={"source": "mail"})


def square(side: float) -> Polygon:
    return Polygon(((0.0, 0.0, side, 0.0, side, side, 0.0, side),))


def found(
    code: str, *values: Value, asset: Asset = PICTURE, kind: LabelKind = LabelKind.PREDICTION
) -> list[str]:
    """Ids of annotations found, or the messages of what is about none."""
    plugin = Plugin("mine", Language.CEL, code, message="It is there.", hooks=HOOKS)
    claims = tuple(Annotation(f"a{n}", "outline", "roof", value, 0.5) for n, value in enumerate(values))
    label = Label(kind, "ann", claims, uid="l1")
    terms = Terms("cel_mine", Severity.WARNING, {})
    (verdict,) = custom.judge(plugin, Sandbox(), [(label, Subject(ONTOLOGY, asset))], terms)
    return [finding.annotation_id or finding.message for finding in verdict.judgement.findings]


def test_area_below_five_is_found_and_five_is_not() -> None:
    assert found("annotation.area_px < 5.0", square(4.999**0.5), square(5**0.5), square(9)) == ["a0"]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ('annotation.area_px < 5.0 && label.kind == "PREDICTION"', ["a0"]),
        ('annotation.area_px < 5.0 && label.kind == "REVIEW"', []),
        ("annotation.vertices == 4 && annotation.holes == 0", ["a0", "a1", "a2"]),
        ("annotation . width_px > 5.0", ["a1"]),
        ("annotation.x_px + annotation.width_px > double(asset.width_px)", []),
        ("size(label.annotations) > 3", ["It is there."]),
        ("label.annotations.exists(a, a.confidence > 0.9)", []),
        ("label.annotations.filter(a, a.kind == 'CHOICE').size() == 1", ["It is there."]),
        ('annotation.kind == "CHOICE"', ["a3"]),
        ("annotation.confidence < 0.6", ["a0", "a1", "a2", "a3"]),
    ],
)
def test_an_expression_finds_what_it_says(code: str, expected: list[str]) -> None:
    assert found(code, square(2), square(6), Box(0, 0, 3, 3), Choice()) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("annotation.length < 4", ["a0", "a1"]),
        ("annotation.text.startsWith('A')", ["a0"]),
        ("annotation.text.matches('^[A-Z]') && annotation.start > 0", ["a1"]),
        ("asset.text.contains('met')", ["It is there."]),
        ("asset.context['source'] == 'mail'", ["It is there."]),
    ],
)
def test_an_expression_reads_texts(code: str, expected: list[str]) -> None:
    spans = (Span(0, 3, "Ann"), Span(8, 11, "Bob"), Choice())
    assert found(code, *spans, asset=TEXT) == expected


def test_what_cannot_be_measured_is_found_rather_than_passed() -> None:
    assert found("annotation.area_px < 5.0", Polygon(((0.0, 0.0, float("nan"), 1.0, 1.0, 1.0),))) == [
        'The plugin "mine" raised an error at line 1: annotation.area_px is not known here.'
    ]


def test_a_missing_key_is_found_without_quoting_it() -> None:
    assert found("asset.context['nowhere'] == 'x'", asset=TEXT) == [
        'The plugin "mine" raised an error at line 1: NOT_FOUND.'
    ]


@pytest.mark.parametrize(
    ("code", "line", "words"),
    [
        ("annotation.area < 5.0", 1, "column 11, undeclared reference to 'annotation.area'"),
        ("annotation.area_px < 5", 1, "no matching overload"),
        ("true &&\n  annotation.area_px <", 2, "Syntax error"),
        ("annotation.area_px", 1, "neither true nor false"),
        ("", 1, "it is empty"),
        ("true" + " " * 2_000, 1, "longer than 2,000 characters"),
        ("(" * 500 + "true" + ")" * 500, 1, "nested too deep"),
        ("label.annotations.map(a, a.id).size() > 0", 1, "map() makes new values"),
        ("label.annotations\n.map(a, a.id).size() > 0", 2, "map() makes new values"),
        ("label.annotations. // why\n map (a, a.id).size() > 0", 2, "map() makes new values"),
        ("['x'].exists(a, [a + a].exists(b, b == 'xx'))", 1, "goes over a name"),
        ("(label.annotations).exists(a, true)", 1, "goes over a name"),
        ("foo(1)", 1, "undeclared reference"),
    ],
)
def test_a_wrong_expression_is_refused_with_its_place(code: str, line: int, words: str) -> None:
    with pytest.raises(PluginInvalid) as error:
        compiled(Plugin("mine", Language.CEL, code))
    assert error.value.line == line
    assert words in str(error.value)


def test_words_of_loops_in_texts_are_no_loops() -> None:
    assert found('label.author != "\'].map(x)" // .map(', square(2)) == ["It is there."]


def test_loops_over_loops_are_cut_after_ten_thousand_steps() -> None:
    code = "label.annotations.all(a, label.annotations.all(b, a.id + b.id != ''))"
    (message,) = found(code, *[Choice()] * 200)
    assert message.startswith('The plugin "mine" raised an error at line 1')


def test_a_pattern_that_explodes_elsewhere_takes_no_time() -> None:
    asset = Asset("note", text="a" * 10_000 + "b", uid="x2")
    assert found("asset.text.matches('^(a+)+$')", asset=asset) == []
