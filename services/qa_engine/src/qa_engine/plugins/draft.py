"""From a sentence to a prompt, and from a model's reply to a plugin with tests."""

import json
from collections.abc import Mapping
from typing import Any

from labels.asset import Asset, ContentRef
from labels.checks import check_label
from labels.errors import LabelError
from labels.label import Annotation, Box, Choice, Label, LabelKind, Polygon, Span, Value
from labels.ontology import TEXT_KINDS, Ontology, Tool, ToolKind
from qa_engine.plugins.errors import DraftInvalid
from qa_engine.plugins.plugin import Language, Plugin
from qa_engine.plugins.trial import Case
from qa_engine.rule import Subject

MAX_SENTENCE = 2_000
MAX_TESTS = 8
_MAX_CODE = 16_000
_SIDE_PX = 1_000
_GUIDE = """You write one rule that checks labels, in a small subset of Python.
The rule is functions named on_prediction (labels by a model), on_submit (by a person) or on_review (by a reviewer),
each with the parameters (label, asset, facts). Each returns a list made with these functions only:
flag(message, annotation), delete(annotation), relabel(annotation, category), route(boost, pool).
label.annotations, label.shapes and label.spans are lists. An annotation has id, tool, category, kind, confidence;
a shape also area_px, x_px, y_px, width_px, height_px, vertices, holes; a span also start, end, text, length.
asset has key, kind, width_px, height_px, text. No imports but re and math, no classes that inherit, no yield.
Example, for "outlines smaller than 5 square pixels":
def on_prediction(label, asset, facts):
    return [flag("The outline is smaller than 5 square pixels.", s) for s in label.shapes if s.area_px < 5]

on_submit = on_prediction is not allowed: write "def on_submit(label, asset, facts):" and call the other function.
Answer with one JSON object: {"code": "...", "tests": [{"name": "...", "kind": "PREDICTION" or "DEFAULT" or "REVIEW",
"text": "..." (only for texts), "annotations": [{"tool": "...", "category": "...", "confidence": 0.9,
"box": [x, y, width, height] or "rings": [[x0, y0, x1, y1, x2, y2]] or "span": [start, end]}],
"expected": number of things that the rule returns for this label}]}.
Write two to four tests: at least one label that the rule finds something about, and one that it does not.
Reckon the sizes in tests: the box [0, 0, 2, 2] and the rings [[0, 0, 2, 0, 2, 2, 0, 2]] both have area_px 4."""
_NUMBERS = {"type": "array", "items": {"type": "number"}}
_SHAPES: dict[ToolKind, tuple[str, dict[str, Any]]] = {
    ToolKind.BOX: ("box", _NUMBERS | {"minItems": 4, "maxItems": 4}),
    ToolKind.POLYGON: ("rings", {"type": "array", "items": _NUMBERS | {"minItems": 6}, "minItems": 1}),
    ToolKind.SPAN: ("span", {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}),
}


def schema(ontology: Ontology) -> dict[str, Any]:
    """What a reply should be, for endpoints that hold a model to a schema; masks cannot be written by hand."""
    claims = [_claim_schema(tool) for tool in ontology.tools if tool.kind is not ToolKind.MASK]
    test = {
        "name": {"type": "string"},
        "kind": {"type": "string", "enum": ["PREDICTION", "DEFAULT", "REVIEW"]},
        "annotations": {"type": "array", "items": {"anyOf": claims}, "maxItems": 4},
        "expected": {"type": "integer", "minimum": 0, "maximum": 9},
    }
    if any(tool.kind in TEXT_KINDS for tool in ontology.tools):
        test = {"text": {"type": "string"}, **test}
    tests = {"type": "array", "items": _object(test), "minItems": 2, "maxItems": 4}
    return _object({"code": {"type": "string"}, "tests": tests})


def _claim_schema(tool: Tool) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "tool": {"const": tool.name},
        "category": {"enum": list(tool.category_names)},
        "confidence": {"type": "number"},
    }
    if tool.kind in _SHAPES:
        name, form = _SHAPES[tool.kind]
        fields[name] = form
    return _object(fields)


def _object(fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def messages(description: str, ontology: Ontology) -> list[dict[str, str]]:
    """The prompt; the description is a customer's and goes to the model that the operator chose."""
    tools = [
        {"tool": tool.name, "kind": tool.kind.value, "categories": list(tool.category_names)}
        for tool in ontology.tools
    ]
    asked = f"The project's tools: {json.dumps(tools, ensure_ascii=False)}\nWrite the rule: {description}"
    return [{"role": "system", "content": _GUIDE}, {"role": "user", "content": asked}]


def again(reply: str, why: str) -> list[dict[str, str]]:
    """What is said to a model whose draft was no good."""
    said = f"That will not do: {why} Answer with the whole corrected JSON object."
    return [{"role": "assistant", "content": reply[:20_000]}, {"role": "user", "content": said}]


def read(reply: str, name: str, description: str, ontology: Ontology) -> tuple[Plugin, list[Case]]:
    """The plugin and its tests in a model's reply; raises DraftInvalid."""
    start, end = reply.find("{"), reply.rfind("}")
    try:
        found = json.loads(reply[start : end + 1])
        code, tests = found["code"], found["tests"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise DraftInvalid("The model's answer is no JSON object with code and tests.") from None
    if not isinstance(code, str) or not 0 < len(code) <= _MAX_CODE:
        raise DraftInvalid(f"The model's code is not 1 to {_MAX_CODE:,} characters.")
    if not isinstance(tests, list) or not tests:
        raise DraftInvalid("The model wrote no tests.")
    sentence = " ".join(description.split())[:500]
    plugin = Plugin(name, Language.PYTHON, code, sentence)
    return plugin, [_case(test, place, ontology) for place, test in enumerate(tests[:MAX_TESTS], 1)]


def _case(test: object, place: int, ontology: Ontology) -> Case:
    try:
        return _read_case(test, place, ontology)
    except LabelError as error:
        raise DraftInvalid(f"Test {place} of the model's is no label of this project: {error}") from None
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        raise DraftInvalid(
            f"Test {place} of the model's does not have the form that was asked for."
        ) from None


def _read_case(test: Any, place: int, ontology: Ontology) -> Case:
    claims = [_annotation(claim, n, test, ontology) for n, claim in enumerate(test["annotations"][:100])]
    kinds = {ontology.tool(claim.tool).kind for claim in claims}
    text = str(test.get("text") or "")
    if text or (kinds and kinds <= TEXT_KINDS) or all(tool.kind in TEXT_KINDS for tool in ontology.tools):
        asset = Asset(f"test-{place}", text=text or "text")
    else:
        picture = ContentRef("file:///none", "0" * 64, 1)
        asset = Asset(f"test-{place}", image_ref=picture, width_px=_SIDE_PX, height_px=_SIDE_PX)
    check_label(claims, asset, ontology)
    kind = LabelKind(test.get("kind", "PREDICTION"))
    label = Label(kind, "test", tuple(claims), uid=f"test{place}", asset_uid=f"test{place}")
    expected = int(test["expected"])
    if not 0 <= expected <= 1_000:
        raise ValueError
    return Case(
        str(test.get("name") or f"test {place}")[:200], label, Subject(ontology, asset), expected=expected
    )


def _annotation(
    claim: Mapping[str, Any], place: int, test: Mapping[str, Any], ontology: Ontology
) -> Annotation:
    tool = ontology.check_category(str(claim["tool"]), str(claim["category"]))
    confidence = float(claim.get("confidence") or 0.0)
    return Annotation(f"a{place}", tool.name, claim["category"], _value(claim, test, tool), confidence)


def _value(claim: Mapping[str, Any], test: Mapping[str, Any], tool: Tool) -> Value:
    match tool.kind:
        case ToolKind.BOX:
            x, y, width, height = map(float, claim["box"])
            return Box(x, y, width, height)
        case ToolKind.POLYGON:
            return Polygon(tuple(tuple(map(float, ring)) for ring in claim["rings"]))
        case ToolKind.SPAN:
            start, end = map(int, claim["span"])
            return Span(start, end, str(test["text"])[start:end])
        case ToolKind.MASK:
            raise ValueError
        case _:
            return Choice()
