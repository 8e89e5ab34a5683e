"""Labels that may be stored and labels that may not."""

import math

import pytest

from labels.asset import Asset, ContentRef
from labels.checks import check_label
from labels.errors import AnnotationInvalid, LabelError, UnknownCategory, UnknownTool
from labels.label import Annotation, Box, Choice, Mask, Polygon, Span, Value
from labels.ontology import Category, Ontology, Tool, ToolKind

TWO = (Category("one"), Category("two"))
ONTOLOGY = Ontology(tuple(Tool(kind.lower(), kind, TWO) for kind in ToolKind))
REF = ContentRef("blob:sha256/" + "0" * 64, "0" * 64, 1)
TEXT = Asset("k", text="Zoë 👋🏽 met Ann.")
STORED = Asset("k", text_ref=REF)
PICTURE = Asset("k", image_ref=REF, width_px=4, height_px=3)


def claim(tool: ToolKind, value: Value, category: str = "one", id: str = "a0") -> Annotation:
    return Annotation(id, tool.lower(), category, value)


SOUND = {
    "nothing": ([], TEXT),
    "one choice": ([claim(ToolKind.CHOICE_SINGLE, Choice())], TEXT),
    "a choice about a picture": ([claim(ToolKind.CHOICE_SINGLE, Choice())], PICTURE),
    "two of many": (
        [claim(ToolKind.CHOICE_MULTI, Choice()), claim(ToolKind.CHOICE_MULTI, Choice(), "two", "a1")],
        TEXT,
    ),
    "a span": ([claim(ToolKind.SPAN, Span(11, 14, "Ann"))], TEXT),
    "the whole text": ([claim(ToolKind.SPAN, Span(0, 15, "Zoë 👋🏽 met Ann."))], TEXT),
    "a span of a text that is elsewhere": ([claim(ToolKind.SPAN, Span(7_000, 7_003, "Ann"))], STORED),
    "a box": ([claim(ToolKind.BOX, Box(-1.5, 0, 2, 2))], PICTURE),
    "a degenerate polygon, for rules to flag": ([claim(ToolKind.POLYGON, Polygon(((0.0, 0.0),)))], PICTURE),
    "a mask": ([claim(ToolKind.MASK, Mask(3, 4, b"<"))], PICTURE),
}


@pytest.mark.parametrize(("annotations", "asset"), SOUND.values(), ids=SOUND.keys())
def test_sound_labels_pass(annotations: list[Annotation], asset: Asset) -> None:
    check_label(annotations, asset, ONTOLOGY)


SINGLE = claim(ToolKind.CHOICE_SINGLE, Choice())
MULTI = claim(ToolKind.CHOICE_MULTI, Choice())
BAD = {
    "unknown tool": (UnknownTool, [Annotation("a0", "nothing", "one", Choice())], TEXT),
    "unknown category": (UnknownCategory, [claim(ToolKind.SPAN, Span(0, 3, "Zoë"), "three")], TEXT),
    "value of another kind": (AnnotationInvalid, [claim(ToolKind.SPAN, Choice())], TEXT),
    "two single choices": (
        AnnotationInvalid,
        [claim(ToolKind.CHOICE_SINGLE, Choice(), "two", "a1"), SINGLE],
        TEXT,
    ),
    "the same of many twice": (
        AnnotationInvalid,
        [claim(ToolKind.CHOICE_MULTI, Choice(), "one", "b"), MULTI],
        TEXT,
    ),
    "the same id twice": (AnnotationInvalid, [SINGLE, MULTI], TEXT),
    "a confidence above 1": (
        AnnotationInvalid,
        [Annotation("a0", "choice_single", "one", Choice(), 1.5)],
        TEXT,
    ),
    "a confidence that is no number": (
        AnnotationInvalid,
        [Annotation("a0", "choice_single", "one", Choice(), math.nan)],
        TEXT,
    ),
    "behind the text": (AnnotationInvalid, [claim(ToolKind.SPAN, Span(14, 17, ".ab"))], TEXT),
    "other characters": (AnnotationInvalid, [claim(ToolKind.SPAN, Span(11, 14, "Bob"))], TEXT),
    "counted in bytes": (AnnotationInvalid, [claim(ToolKind.SPAN, Span(18, 21, "Ann"))], TEXT),
    "not filled": (AnnotationInvalid, [claim(ToolKind.SPAN, Span(0, 9, "Zoë"))], STORED),
    "an empty span": (AnnotationInvalid, [claim(ToolKind.SPAN, Span(3, 3, ""))], TEXT),
    "a span on a picture": (AnnotationInvalid, [claim(ToolKind.SPAN, Span(0, 1, "Z"))], PICTURE),
    "a box on a text": (AnnotationInvalid, [claim(ToolKind.BOX, Box(0, 0, 1, 1))], TEXT),
    "a flat box": (AnnotationInvalid, [claim(ToolKind.BOX, Box(0, 0, 1, 0))], PICTURE),
    "an endless box": (AnnotationInvalid, [claim(ToolKind.BOX, Box(0, 0, math.inf, 1))], PICTURE),
    "no rings": (AnnotationInvalid, [claim(ToolKind.POLYGON, Polygon(()))], PICTURE),
    "a ring of no numbers": (
        AnnotationInvalid,
        [claim(ToolKind.POLYGON, Polygon(((math.nan, 0.0),)))],
        PICTURE,
    ),
    "a mask of another picture": (AnnotationInvalid, [claim(ToolKind.MASK, Mask(4, 3, b"<"))], PICTURE),
    "too many": (AnnotationInvalid, [SINGLE] * 10_001, TEXT),
}


@pytest.mark.parametrize(("error", "annotations", "asset"), BAD.values(), ids=BAD.keys())
def test_bad_labels_are_refused(error: type[LabelError], annotations: list[Annotation], asset: Asset) -> None:
    with pytest.raises(error) as raised:
        check_label(annotations, asset, ONTOLOGY)
    sentence = str(raised.value)
    assert '"a0"' in sentence or "10,000" in sentence
    assert "Zoë" not in sentence
    assert "Ann" not in sentence.split()


def test_a_fetched_text_is_held_to() -> None:
    span = [claim(ToolKind.SPAN, Span(0, 3, "Ann"))]
    check_label(span, STORED, ONTOLOGY, "Ann sings.")
    with pytest.raises(AnnotationInvalid, match="other characters"):
        check_label(span, STORED, ONTOLOGY, "Bob sings.")
