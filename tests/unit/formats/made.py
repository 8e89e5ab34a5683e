"""Labels made up for the tests of formats, and the way to a file and back."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from formats import Binder, Item, LossReport, Options, Problem, reading, writing
from formats.item import Status
from labels import rle
from labels.asset import Asset
from labels.label import Annotation, Box, Choice, Label, LabelKind, Mask, Polygon, Span
from labels.ontology import Category, Ontology, Tool, ToolKind

WIDTH, HEIGHT = 37, 29


def tool(name: str, kind: ToolKind, *categories: str) -> Tool:
    return Tool(name, kind, tuple(map(Category, categories)))


PICTURES = Ontology(
    (
        tool("boxes", ToolKind.BOX, "car", "dog & cat"),
        tool("polygons", ToolKind.POLYGON, "roof", "été"),
        tool("masks", ToolKind.MASK, "sky", "sea <deep>"),
        tool("scene", ToolKind.CHOICE_MULTI, "indoor", "night"),
    )
)
TEXTS = Ontology(
    (
        tool("spans", ToolKind.SPAN, "PERSON", "creative work"),
        tool("topic", ToolKind.CHOICE_SINGLE, "sport", "news"),
    )
)
# A square with a square hole, and two triangles that stay apart.
RING, HOLE = (2.0, 2.0, 22.0, 2.0, 22.0, 22.0, 2.0, 22.0), (6.0, 6.0, 12.0, 6.0, 12.0, 12.0, 6.0, 12.0)
HOLED = Polygon((RING, HOLE))
PARTS = Polygon(((1.0, 1.0, 9.0, 1.0, 9.0, 9.0), (20.0, 20.0, 30.0, 20.0, 30.0, 27.5)))
TRIANGLE = Polygon(((1.5, 1.25, 12.0, 2.0, 5.0, 17.75),))


def picture(*annotations: Annotation, key: str = "a/b.jpg") -> Item:
    return Item(Asset(key, width_px=WIDTH, height_px=HEIGHT), label(*annotations))


def text(content: str, *annotations: Annotation, key: str = "t-1") -> Item:
    return Item(Asset(key, text=content), label(*annotations))


def label(*annotations: Annotation) -> Label:
    return Label(LabelKind.DEFAULT, "", annotations)


def shape(value: Box | Polygon | Mask, category: str = "", name: str = "a0") -> Annotation:
    found = {Box: ("boxes", "car"), Polygon: ("polygons", "roof"), Mask: ("masks", "sky")}[type(value)]
    return Annotation(name, found[0], category or found[1], value)


def span(content: str, start: int, end: int, category: str = "PERSON", name: str = "a0") -> Annotation:
    return Annotation(name, "spans", category, Span(start, end, content[start:end]))


def mask(*cells: tuple[int, int]) -> Mask:
    """The mask of those (x, y) pixels."""
    bitmap = np.zeros((HEIGHT, WIDTH), dtype=bool)
    for x, y in cells:
        bitmap[y, x] = True
    return rle.encode(bitmap)


def export(
    target: Path,
    form: str,
    items: Iterable[Item],
    ontology: Ontology = PICTURES,
    options: Options | None = None,
) -> LossReport:
    with writing(target, form, ontology, options or Options()) as sink:
        for item in items:
            sink.add(item)
    report = sink.report
    assert report.offered == report.written + report.dropped_count, report
    return report


def load(
    source: Path, form: str, ontology: Ontology | None = PICTURES, options: Options | None = None
) -> tuple[list[Item], list[Problem], LossReport]:
    found = reading(source, form, options or Options())
    binder = Binder(ontology, found.report) if ontology else None
    items: list[Item] = []
    problems: list[Problem] = []
    for one in found:
        if isinstance(one, Problem):
            problems.append(one)
        else:
            items.append(binder.bind(one) if binder else one)
    report = found.report
    assert report.offered == report.written + report.dropped_count, report
    return items, problems, report


def claims(items: Sequence[Item]) -> dict[str, list[tuple[str, str, object]]]:
    """What is said about each asset, without ids and order."""
    return {
        item.asset.key: sorted(((a.tool, a.category, a.value) for a in item.annotations), key=repr)
        for item in items
    }


# Strategies.
_numbers = st.integers(0, 4 * 1000).map(lambda n: n / 4)
categories = {kind: t.category_names for t in PICTURES.tools for kind in [t.kind]}


@st.composite
def boxes(draw: st.DrawFn, *, whole: bool = False) -> Box:
    step = 1.0 if whole else 0.25
    x = draw(st.integers(0, WIDTH - 1))
    y = draw(st.integers(0, HEIGHT - 1))
    w = draw(st.integers(1, round((WIDTH - x) / step)))
    h = draw(st.integers(1, round((HEIGHT - y) / step)))
    return Box(float(x), float(y), w * step, h * step)


@st.composite
def triangles(draw: st.DrawFn) -> Polygon:
    """One ring, three points, not in a line."""
    at = st.tuples(st.integers(0, 4 * WIDTH), st.integers(0, 4 * HEIGHT)).map(lambda p: (p[0] / 4, p[1] / 4))
    three = draw(
        st.lists(at, min_size=3, max_size=3, unique=True).filter(
            lambda p: (p[1][0] - p[0][0]) * (p[2][1] - p[0][1]) != (p[2][0] - p[0][0]) * (p[1][1] - p[0][1])
        )
    )
    return Polygon((tuple(value for point in three for value in point),))


@st.composite
def masks(draw: st.DrawFn) -> Mask:
    """Anything that can be drawn: holes, parts, single pixels."""
    cells = draw(st.binary(min_size=8, max_size=40))
    noise = np.frombuffer((cells * (WIDTH * HEIGHT // len(cells) + 1))[: WIDTH * HEIGHT], dtype=np.uint8)
    bitmap = (noise.reshape(HEIGHT, WIDTH) & 1).astype(bool)
    bitmap[draw(st.integers(0, HEIGHT - 1)), draw(st.integers(0, WIDTH - 1))] = True
    return rle.encode(bitmap)


@st.composite
def shaped(draw: st.DrawFn, values: st.SearchStrategy[Box | Polygon | Mask], most: int = 5) -> Item:
    annotations = []
    for number, value in enumerate(draw(st.lists(values, min_size=1, max_size=most))):
        kind = {Box: ToolKind.BOX, Polygon: ToolKind.POLYGON, Mask: ToolKind.MASK}[type(value)]
        annotations.append(shape(value, draw(st.sampled_from(categories[kind])), f"a{number}"))
    return picture(*annotations, key=draw(st.sampled_from(["a.jpg", "b c/d.jpg", "ö.png", "&<.jpg"])))


_words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)


@st.composite
def spanned(draw: st.DrawFn) -> Item:
    """A text of any characters with spans that do not overlap and hold a token each."""
    content = draw(_words.filter(lambda t: bool(t.strip())))
    edges = sorted(draw(st.sets(st.integers(0, len(content)), max_size=8)))
    found = []
    for start, end in zip(edges[::2], edges[1::2], strict=False):
        if content[start:end].strip():
            found.append(
                span(
                    content, start, end, draw(st.sampled_from(["PERSON", "creative work"])), f"a{len(found)}"
                )
            )
    return text(content, *found, key=draw(st.sampled_from(["k", "a b", '"q', "é/1"])))


def choice(tool_name: str, category: str, name: str = "c0") -> Annotation:
    return Annotation(name, tool_name, category, Choice())


__all__ = ["Status"]
