"""What a plugin answered, made findings and operations: strictly, since it comes from a stranger's code."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import isfinite

from labels import correction
from labels.checks import check_value
from labels.correction import CorrectionOp, Delete, Relabel, Resize
from labels.errors import LabelError
from labels.label import Annotation, Box, Choice, Finding, Label, Polygon, Severity, Span, Value
from labels.ontology import Ontology, ToolKind
from qa_engine.operation import Block, Change, Emit, Judgement, Operation, Resolve, Route
from qa_engine.plugins.errors import ReplyRefused

MAX_ANSWERS = 1_000
MAX_EMITS = 10
MAX_FIELDS = 50
MAX_TEXT = 500
MAX_BOOST = 1_000.0
_TOPIC = re.compile(r"[a-z][a-z0-9_.]{0,63}\Z")
_POOL = re.compile(r"[a-z][a-z0-9-]{0,62}\Z")
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a plugin was asked about: the label, its asset's text if that is known, and other people's answers."""

    rule: str
    severity: Severity
    label: Label
    ontology: Ontology
    text: str | None = None
    answers: tuple[Label, ...] = ()
    by_id: Mapping[str, Annotation] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_id", {a.id: a for a in self.label.annotations})

    def annotation(self, value: object) -> Annotation:
        """The label's annotation of that id; raises ReplyRefused."""
        found = self.by_id.get(value) if isinstance(value, str) else None
        if found is None:
            raise ReplyRefused("it names an annotation that the label does not have")
        return found


def judgement(raw: object, asked: Asked) -> Judgement:
    """Findings and operations of one answer; raises ReplyRefused."""
    answers = [] if raw is None else raw if isinstance(raw, list) else [raw]
    if len(answers) > MAX_ANSWERS:
        raise ReplyRefused(f"it answers more than {MAX_ANSWERS:,} things about one label")
    findings: list[Finding] = []
    operations: list[Operation] = []
    for answer in answers:
        if not isinstance(answer, dict):
            raise ReplyRefused("it answers a thing that none of its words, such as flag(), made")
        read = _READERS.get(answer.get("do")) if isinstance(answer.get("do"), str) else None
        if read is None:
            raise ReplyRefused("it asks for something that no plugin can do")
        made = read(answer, asked)
        (findings if isinstance(made, Finding) else operations).append(made)  # type: ignore[arg-type]
    _check(operations, asked)
    return Judgement(tuple(findings), tuple((asked.rule, operation) for operation in operations))


def _check(operations: list[Operation], asked: Asked) -> None:
    if sum(isinstance(operation, Emit) for operation in operations) > MAX_EMITS:
        raise ReplyRefused(f"it tells webhooks more than {MAX_EMITS} things about one label")
    ops = [operation.op for operation in operations if isinstance(operation, Change)]
    try:
        correction.apply(asked.label.annotations, ops)
    except LabelError:
        raise ReplyRefused("its changes do not fit each other") from None


def _flag(answer: Mapping[str, object], asked: Asked) -> Finding:
    message = _text(answer.get("message"), "message")
    annotation = answer.get("annotation", "")
    annotation_id = asked.annotation(annotation).id if annotation != "" else ""
    severity = answer.get("severity") or asked.severity.value
    if severity not in tuple(Severity):
        raise ReplyRefused("a severity is none of INFO, WARNING and ERROR")
    return Finding(asked.rule, Severity(str(severity)), message, annotation_id)


def _delete(answer: Mapping[str, object], asked: Asked) -> Change:
    return Change(Delete(asked.annotation(answer.get("annotation")).id))


def _relabel(answer: Mapping[str, object], asked: Asked) -> Change:
    annotation, category = asked.annotation(answer.get("annotation")), answer.get("category")
    return Change(Relabel(annotation.id, _category(annotation.tool, category, asked)))


def _resize(answer: Mapping[str, object], asked: Asked) -> Change:
    annotation = asked.annotation(answer.get("annotation"))
    value = _value(answer, asked)
    if type(value) is not type(annotation.value):
        raise ReplyRefused("it gives an annotation a shape of another kind")
    op: CorrectionOp = Resize(annotation.id, value)
    return Change(op)


def _route(answer: Mapping[str, object], asked: Asked) -> Route:
    boost, pool = _number(answer.get("boost"), "boost"), answer.get("pool", "")
    if not 0 <= boost <= MAX_BOOST:
        raise ReplyRefused(f"a boost is 0 to {MAX_BOOST:,.0f}")
    if pool != "" and not (isinstance(pool, str) and _POOL.match(pool)):
        raise ReplyRefused("a pool is 1 to 63 small letters, digits and hyphens, a letter first")
    return Route(boost, str(pool))


def _block(answer: Mapping[str, object], asked: Asked) -> Block:
    return Block()


def _emit(answer: Mapping[str, object], asked: Asked) -> Emit:
    topic, fields = answer.get("topic"), answer.get("fields")
    if not (isinstance(topic, str) and _TOPIC.match(topic)):
        raise ReplyRefused("a topic is 1 to 64 of a-z, 0-9, _ and ., starting with a letter")
    if not isinstance(fields, dict) or len(fields) > MAX_FIELDS:
        raise ReplyRefused(f"a webhook is told at most {MAX_FIELDS} fields")
    told: dict[str, str | float | bool] = {}
    for name, value in fields.items():
        if not _FIELD.match(name):
            raise ReplyRefused("the name of a field is no word of at most 64 characters")
        if isinstance(value, bool):
            told[name] = value
        elif isinstance(value, int | float):
            told[name] = _number(value, "field")
        else:
            told[name] = _text(value, "field")
    return Emit(topic, told)


def _resolve(answer: Mapping[str, object], asked: Asked) -> Resolve:
    claims = answer.get("annotations")
    if not isinstance(claims, list) or len(claims) > MAX_ANSWERS:
        raise ReplyRefused(f"an answer is resolved to a list of at most {MAX_ANSWERS:,} annotations")
    made = [_claim(claim, asked) for claim in claims]
    return Resolve(tuple(replace(claim, id=f"a{place}") for place, claim in enumerate(made)))


def _claim(claim: object, asked: Asked) -> Annotation:
    """An annotation of one of the answers or of the label itself, or a new one."""
    if not isinstance(claim, dict):
        raise ReplyRefused("a claim is no annotation")
    if "answer" in claim:
        for label in (*asked.answers, asked.label):
            for annotation in label.annotations:
                if (label.uid, annotation.id) == (claim["answer"], claim.get("annotation")):
                    return annotation
        raise ReplyRefused("it names an annotation that no answer has")
    tool = claim.get("tool")
    if not isinstance(tool, str):
        raise ReplyRefused("a claim has no tool")
    category = _category(tool, claim.get("category"), asked)
    choice = asked.ontology.tool(tool).kind in (ToolKind.CHOICE_SINGLE, ToolKind.CHOICE_MULTI)
    return Annotation("", tool, category, Choice() if choice else _value(claim, asked))


def _category(tool: str, category: object, asked: Asked) -> str:
    if not isinstance(category, str):
        raise ReplyRefused("a category is no text")
    try:
        asked.ontology.check_category(tool, category)
    except LabelError:
        raise ReplyRefused("it names a category that the tool does not have") from None
    return category


def _value(answer: Mapping[str, object], asked: Asked) -> Value:
    """The one of box, rings and span that is there."""
    given = [name for name in ("box", "rings", "span") if answer.get(name) is not None]
    if len(given) != 1:
        raise ReplyRefused("a shape is one of box, rings and span")
    value = _VALUES[given[0]](answer[given[0]], asked)
    try:
        check_value(value)
    except LabelError:
        raise ReplyRefused("a shape is not sound") from None
    return value


def _box(value: object, asked: Asked) -> Box:
    sides = _numbers(value, "box")
    if len(sides) != 4:
        raise ReplyRefused("a box is x, y, width and height")
    return Box(*sides)


def _rings(value: object, asked: Asked) -> Polygon:
    if not isinstance(value, list):
        raise ReplyRefused("rings are no list")
    return Polygon(tuple(_numbers(ring, "ring") for ring in value))


def _span(value: object, asked: Asked) -> Span:
    places = _numbers(value, "span")
    if len(places) != 2 or asked.text is None:
        raise ReplyRefused("a span is start and end in a text that is known")
    start, end = map(int, places)
    if (start, end) != places or not 0 <= start < end <= len(asked.text):
        raise ReplyRefused("a span is not within the text")
    return Span(start, end, asked.text[start:end])


def _numbers(value: object, what: str) -> tuple[float, ...]:
    if not isinstance(value, list):
        raise ReplyRefused(f"a {what} is no list of numbers")
    return tuple(_number(number, what) for number in value)


def _number(value: object, what: str) -> float:
    # True is an int of Python's, and an int may be too large for a float.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ReplyRefused(f"a {what} is no number")
    try:
        number = float(value)
    except OverflowError:
        number = float("inf")
    if not isfinite(number):
        raise ReplyRefused(f"a {what} is no finite number")
    return number


def _text(value: object, what: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT or _CONTROL.search(value):
        raise ReplyRefused(f"a {what} is one line of 1 to {MAX_TEXT} characters")
    return value


_VALUES: dict[str, Callable[[object, Asked], Value]] = {"box": _box, "rings": _rings, "span": _span}
_READERS: dict[object, Callable[[Mapping[str, object], Asked], Finding | Operation]] = {
    "flag": _flag,
    "delete": _delete,
    "relabel": _relabel,
    "resize": _resize,
    "route": _route,
    "block": _block,
    "resolve": _resolve,
    "emit": _emit,
}
