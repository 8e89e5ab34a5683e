"""CoNLL: a token and its IOB2 tag a line, a blank line after each text.

A token is a run of letters and digits or one other sign; a span that begins or ends inside a token splits it. With
`comments` there stand `# sent_id = key` and `# text = ...` (as JSON where it has line ends or such) before each text,
from which the offsets come back exactly; without them the text is its tokens with one space between them.
"""

import json
import re
from bisect import bisect
from collections.abc import Iterator, Sequence
from pathlib import Path

from formats.codec import Declared, Place
from formats.draft import Lines
from formats.errors import RecordBroken
from formats.fitting import place_of
from formats.item import Item, Problem, read_label
from formats.jsonstream import MAX_RECORD_BYTES, opened
from formats.names import only_tool
from formats.options import Options
from formats.report import LossReport
from labels.asset import Asset, sha256_hex
from labels.label import Annotation, Span, annotation_id
from labels.ontology import Ontology, ToolKind

OUTSIDE = "O"
_TOKEN = re.compile(r"\w+|[^\w\s]")
_TAG = re.compile(r"([BIESLU])-(.+)")


class ConllWriter:
    """Labelled texts, with the spans of one tool."""

    def __init__(self, place: Place, ontology: Ontology, options: Options, report: LossReport) -> None:
        self._tool = only_tool(ontology, (ToolKind.SPAN,), options.tool, "CoNLL holds spans")
        self._plain = not options.comments
        self._report = report
        self._lines = Lines(place.path)

    def add(self, item: Item) -> None:
        """Write a text."""
        asset = item.asset
        wanted = []
        for annotation in item.annotations:
            if asset.text is None:
                self._report.drop("asset without its text", place_of(asset, annotation))
            elif annotation.tool != self._tool:
                self._report.drop("another tool's, and CoNLL holds one", place_of(asset, annotation))
            else:
                wanted.append(annotation)
        if asset.text is None:
            return
        lines, lost = sentence(asset.text, wanted)
        for annotation in lost:
            self._report.drop(
                "span that overlaps a longer one or holds no token", place_of(asset, annotation)
            )
        if self._plain:
            self._report.warn("Without comments CoNLL keeps neither keys nor the white space of texts.")
        else:
            self._lines.write(f"# sent_id = {_quoted(asset.key)}\n# text = {_quoted(asset.text)}\n")
        self._lines.write("\n".join(lines) + "\n\n")
        self._report.assets += 1
        self._report.labels += 1
        self._report.written += len(wanted) - len(lost)

    def close(self) -> None:
        """Write what is left."""
        self._lines.close()


def _quoted(text: str) -> str:
    safe = text.isprintable() and text == text.strip() and not text.startswith('"')
    return text if safe else json.dumps(text)


def sentence(text: str, annotations: Sequence[Annotation]) -> tuple[list[str], list[Annotation]]:
    """Lines `token<TAB>tag` with IOB2 tags, and the annotations that found no place.

    IOB2 knows one tag a token: of overlapping spans the longer stays, then the earlier. A span of white space only
    has no token.
    """
    spans = [(a.value.start, a.value.end, a) for a in annotations if isinstance(a.value, Span)]
    kept = _without_overlaps(spans)
    lines = []
    placed: set[str] = set()
    at, begun = -1, False
    for start, end in _tokens(text, sorted({edge for span in kept for edge in span[:2]})):
        while at + 1 < len(kept) and kept[at + 1][0] <= start:
            at, begun = at + 1, False
        tag = OUTSIDE
        if at >= 0 and start < kept[at][1]:
            annotation = kept[at][2]
            name = re.sub(r"\s+", "_", annotation.category)
            tag = f"I-{name}" if begun else f"B-{name}"
            placed.add(annotation.id)
            begun = True
        lines.append(f"{text[start:end]}\t{tag}")
    return lines, [annotation for annotation in annotations if annotation.id not in placed]


def _without_overlaps(spans: Sequence[tuple[int, int, Annotation]]) -> list[tuple[int, int, Annotation]]:
    """The longest first, each only if it shares no character with one kept before; in order of their start."""
    kept: list[tuple[int, int, Annotation]] = []
    for span in sorted(spans, key=lambda span: (span[0] - span[1], span[0])):
        place = bisect(kept, span[0], key=lambda other: other[0])
        free_before = place == 0 or kept[place - 1][1] <= span[0]
        free_after = place == len(kept) or span[1] <= kept[place][0]
        if free_before and free_after:
            kept.insert(place, span)
    return kept


def _tokens(text: str, edges: Sequence[int]) -> Iterator[tuple[int, int]]:
    cuts = iter(edges)
    cut = next(cuts, None)
    for match in _TOKEN.finditer(text):
        start, end = match.span()
        while cut is not None and cut < end:
            if cut > start:
                yield start, cut
                start = cut
            cut = next(cuts, None)
        yield start, end


def read(path: Path, options: Options, report: LossReport, declared: Declared) -> Iterator[Item | Problem]:
    """Texts in the order of the file; IOB1, IOB2, IOBES and BILOU tags, the tag in the last column."""
    with opened(path) as file:
        block: list[str] = []
        begun, line, size = 1, 0, 0
        while raw := file.readline(MAX_RECORD_BYTES):
            line += 1
            size += len(raw)
            text = raw.decode("utf-8-sig" if line == 1 else "utf-8", "replace").rstrip("\r\n")
            if size > MAX_RECORD_BYTES:
                raise RecordBroken(
                    f"The text from line {begun} on is longer than 64 MiB; nothing after it was read."
                )
            if text.strip():
                begun = begun if block else line
                block.append(text)
                continue
            yield from _block(block, begun)
            block, size = [], 0
        yield from _block(block, begun)


def _block(block: list[str], begun: int) -> Iterator[Item | Problem]:
    """The text of the lines between two blank ones."""
    comments = [line for line in block if _is_comment(line)]
    tokens = [(begun + at, line) for at, line in enumerate(block) if not _is_comment(line)]
    place = f"line {begun}"
    if not tokens and not comments:
        return
    try:
        said = dict(_comment(line) for line in comments)
        rows = [_token(line, number) for number, line in tokens]
        if [word for word, _ in rows] == ["-DOCSTART-"]:
            return
        text = said.get("text") or " ".join(word for word, _ in rows)
        spans = _spans(text, rows)
    except RecordBroken as error:
        yield Problem(place, str(error))
        return
    key = said.get("sent_id") or f"{sha256_hex(text.encode())[:16]}-{begun}"
    found = tuple(
        Annotation(annotation_id(n), "", category, span) for n, (span, category) in enumerate(spans)
    )
    yield Item(Asset(key, text=text), read_label(found), place=place)


def _is_comment(line: str) -> bool:
    return line.startswith("# ") and "\t" not in line


def _comment(line: str) -> tuple[str, str]:
    name, _, value = line[2:].partition(" = ")
    if value.startswith('"'):
        try:
            value = json.loads(value)
        except ValueError:
            raise RecordBroken(f'The comment "{name[:20]}" is not JSON.') from None
    return name, value


def _token(line: str, number: int) -> tuple[str, str]:
    columns = line.split("\t") if "\t" in line else line.split()
    if len(columns) < 2:
        raise RecordBroken(f"Line {number} has a token without a tag.")
    tag = columns[-1].strip()
    if tag != OUTSIDE and not _TAG.fullmatch(tag):
        raise RecordBroken(f"The tag in line {number} is neither O nor one of B-, I-, E-, S-, L-, U-.")
    return columns[0], tag


def _spans(text: str, rows: Sequence[tuple[str, str]]) -> list[tuple[Span, str]]:
    """Spans of code points; raises RecordBroken when the tokens do not stand in the text in order."""
    found: list[tuple[Span, str]] = []
    at, open_category = 0, ""
    for word, tag in rows:
        start = text.find(word, at)
        if start < 0 or text[at:start].strip():
            raise RecordBroken("The tokens are not those of the text in the comment.")
        at = start + len(word)
        match = _TAG.fullmatch(tag)
        if match is None:
            open_category = ""
            continue
        mark, category = match.groups()
        if mark in "IEL" and category == open_category:
            begun = found[-1][0].start
            found[-1] = (Span(begun, at, text[begun:at]), category)
        else:
            found.append((Span(start, at, word), category))
        open_category = "" if mark in "ESLU" else category
    return found
