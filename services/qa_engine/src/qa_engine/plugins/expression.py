"""Rules of one expression in CEL, the Common Expression Language. The only room that knows its library.

An expression that names an `annotation` is asked about each annotation that has all it names, others once a label.
The library bounds depth (32) and the steps of loops (10,000); what it leaves open is how large a value may grow, so
loops go over what is handed in and make nothing new.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cel_expr_python import cel

from qa_engine.plugins.errors import PluginInvalid, PluginRaised
from qa_engine.plugins.measures import COLOURS, SHAPE_FIELDS, SPAN_FIELDS
from qa_engine.plugins.plugin import Hook, Plugin, check_code

MAX_EXPRESSION = 2_000
_NUMBERS = cel.Type.List(cel.Type.DOUBLE)
VARIABLES: Mapping[str, Any] = {
    "label.uid": cel.Type.STRING,
    "label.kind": cel.Type.STRING,
    "label.author": cel.Type.STRING,
    "label.confidence": cel.Type.DOUBLE,
    "label.annotations": cel.Type.List(cel.Type.Map(cel.Type.STRING, cel.Type.DYN)),
    "asset.uid": cel.Type.STRING,
    "asset.key": cel.Type.STRING,
    "asset.kind": cel.Type.STRING,
    "asset.width_px": cel.Type.INT,
    "asset.height_px": cel.Type.INT,
    "asset.text": cel.Type.STRING,
    "asset.context": cel.Type.Map(cel.Type.STRING, cel.Type.STRING),
    "annotation.id": cel.Type.STRING,
    "annotation.tool": cel.Type.STRING,
    "annotation.category": cel.Type.STRING,
    "annotation.kind": cel.Type.STRING,
    "annotation.confidence": cel.Type.DOUBLE,
    "annotation.area_px": cel.Type.DOUBLE,
    "annotation.x_px": cel.Type.DOUBLE,
    "annotation.y_px": cel.Type.DOUBLE,
    "annotation.width_px": cel.Type.DOUBLE,
    "annotation.height_px": cel.Type.DOUBLE,
    "annotation.vertices": cel.Type.INT,
    "annotation.holes": cel.Type.INT,
    "annotation.start": cel.Type.INT,
    "annotation.end": cel.Type.INT,
    "annotation.length": cel.Type.INT,
    "annotation.text": cel.Type.STRING,
    **{f"annotation.{name}": _NUMBERS for name in COLOURS},
}
"""What an expression may name, with its type; units and ranges as in `measures`."""
_ENVIRONMENT = cel.NewEnv(variables=VARIABLES)
_STRING = re.compile(
    r"[rRbB]{0,2}(?:\"\"\".*?\"\"\"|'''.*?'''|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*')", re.DOTALL
)
_COMMENT = re.compile(r"//[^\n]*")
_LOOP = re.compile(r"(?P<over>[\w\]\)\}]?)\s*\.\s*(?P<name>all|exists|exists_one|filter|map)\s*\(")
_PLACE = re.compile(r"<input>:(\d+):(\d+): (.*)")
_SHAPE_KINDS = ("BOX", "POLYGON", "MASK")


@dataclass(frozen=True, slots=True)
class Compiled:
    """An expression that is known to give true or false."""

    plugin: Plugin
    expression: Any
    names: frozenset[str]

    @property
    def of_annotations(self) -> bool:
        """Whether it is asked about each annotation."""
        return any(name.startswith("annotation.") for name in self.names)

    def places(self, label: Mapping[str, Any], asset: Mapping[str, Any]) -> Iterator[str]:
        """Ids of the annotations for which it is true, "" for the whole label; may raise PluginRaised."""
        known = {name: value for name, value in _flat("label", label) if name in self.names}
        known |= {name: value for name, value in _flat("asset", asset) if name in self.names}
        if not self.of_annotations:
            if self._true(known):
                yield ""
            return
        for annotation in label["annotations"]:
            if self._applies(annotation):
                mine = {name: value for name, value in _flat("annotation", annotation) if name in self.names}
                if self._true(known | mine):
                    yield annotation["id"]

    def _applies(self, annotation: Mapping[str, Any]) -> bool:
        wanted = {name.removeprefix("annotation.") for name in self.names if name.startswith("annotation.")}
        if wanted.intersection(SHAPE_FIELDS) and annotation["kind"] not in _SHAPE_KINDS:
            return False
        return not wanted.intersection(SPAN_FIELDS) or annotation["kind"] == "SPAN"

    def _true(self, known: Mapping[str, Any]) -> bool:
        missing = sorted(self.names - known.keys())
        if missing:
            raise PluginRaised(self.plugin.name, 1, f"{missing[0]} is not known here")
        try:
            value = self.expression.eval(data=known)
            if value.type().name() == "BOOL":
                return bool(value.plain_value())
            why = str(value.plain_value())
        except RuntimeError as error:
            why = str(error)
        # Only the class of the error: its words may quote the asset.
        raise PluginRaised(self.plugin.name, 1, _class_of(why))


def _flat(prefix: str, fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What is there of a thing's fields, by the names that expressions use."""
    return ((f"{prefix}.{name}", value) for name, value in fields.items() if value is not None)


def _class_of(why: str) -> str:
    code = why.partition(":")[0].strip()
    return code if re.fullmatch(r"[A-Z_]{1,40}", code) else "it has no value"


@lru_cache(maxsize=512)
def compiled(plugin: Plugin) -> Compiled:
    """Check an expression; raises PluginInvalid with the line, and the column in its words."""
    check_code(plugin)
    if len(plugin.code) > MAX_EXPRESSION:
        raise PluginInvalid(plugin.name, 1, f"it is longer than {MAX_EXPRESSION:,} characters")
    bare = _STRING.sub('""', _COMMENT.sub("", _STRING.sub('""', plugin.code)))
    _check_loops(plugin, bare)
    try:
        expression = _ENVIRONMENT.compile(plugin.code)
    except RuntimeError as error:
        raise _invalid(plugin, str(error)) from None
    if expression.return_type() != cel.Type.BOOL:
        raise PluginInvalid(plugin.name, 1, "it gives neither true nor false")
    names = {name for name in VARIABLES if re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", _tight(bare))}
    return Compiled(plugin, expression, frozenset(names))


def _tight(bare: str) -> str:
    """Without the white space that may stand around a dot."""
    return re.sub(r"\s*\.\s*", ".", bare)


def _check_loops(plugin: Plugin, bare: str) -> None:
    for found in _LOOP.finditer(bare):
        line = bare.count("\n", 0, found.start("name")) + 1
        if found["name"] == "map":
            raise PluginInvalid(plugin.name, line, "map() makes new values, which no rule may")
        if not re.fullmatch(r"\w", found["over"] or ""):
            raise PluginInvalid(
                plugin.name, line, f"{found['name']}() goes over a name, such as label.annotations"
            )
    # Spelled in a way that is not seen above, a word of a loop is refused as well.
    if len(re.findall(r"\bmap\b", bare)) or len(re.findall(r"`", bare)):
        raise PluginInvalid(plugin.name, 1, "map() makes new values, which no rule may")


def _invalid(plugin: Plugin, said: str) -> PluginInvalid:
    place = _PLACE.search(said)
    if place is None:
        return PluginInvalid(plugin.name, 1, "it is nested too deep or cannot be read")
    words = " ".join(place[3].replace("(in container '')", "").split())[:200].removesuffix(".")
    return PluginInvalid(plugin.name, max(int(place[1]), 1), f"column {place[2]}, {words}")


HOOKS = frozenset({Hook.ON_PREDICTION, Hook.ON_SUBMIT, Hook.ON_REVIEW})
"""When an expression is asked: about every label."""
