"""Writing an export: a file that is either whole or not there."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TextIO

from labelmesh.client.files.exports import conll_sentence, jsonl_line, status
from labelmesh.client.labels import ExportedAsset
from labels.ontology import Ontology, ToolKind

_STATUSES = ("reviewed", "unreviewed", "rejected", "unlabelled")


class ExportRefused(Exception):
    """The export cannot be written; the message says why."""


class Form(StrEnum):
    """How an export looks."""

    JSONL = "jsonl"
    CONLL = "conll"


@dataclass(slots=True)
class Exported:
    """What an export holds.

    Assets by status, how many were written, spans and texts that found no place in CoNLL.
    """

    written: int = 0
    by_status: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_STATUSES, 0))
    spans_left_out: int = 0
    without_text: int = 0


def span_tool(ontology: Ontology, wanted: str) -> str:
    """The tool whose spans a CoNLL file holds; raises ExportRefused when that is not clear."""
    tools = [tool.name for tool in ontology.tools if tool.kind is ToolKind.SPAN]
    if not tools:
        raise ExportRefused("CoNLL holds spans, and this project has no span tool; export it as JSONL.")
    if wanted in tools:
        return wanted
    if wanted or len(tools) > 1:
        raise ExportRefused(f"Choose the span tool with --tool: {', '.join(tools)}.")
    return tools[0]


async def write_export(
    items: AsyncIterator[ExportedAsset],
    form: Form,
    target: Path,
    *,
    tool: str = "",
    on_progress: Callable[[int], None] = lambda _count: None,
) -> Exported:
    """Write every item and put the file in place at the end; nothing is left behind when it fails.

    Raises ExportRefused when not one item would be in the file, or the place cannot be written.
    """
    done = Exported()
    try:
        with _draft(target) as file:
            count = 0
            async for item in items:
                count += 1
                done.by_status[status(item)] += 1
                _write_item(item, form, tool, file, done)
                if count % 64 == 0:
                    on_progress(count)
            on_progress(count)
            if not done.written:
                raise ExportRefused(_nothing(form, done))
    except OSError as error:
        raise ExportRefused(f"{target} cannot be written: {error.strerror}.") from error
    return done


def _write_item(item: ExportedAsset, form: Form, tool: str, file: TextIO, done: Exported) -> None:
    if form is Form.JSONL:
        file.write(jsonl_line(item) + "\n")
        done.written += 1
        return
    if item.label is None or item.rejected:
        return
    if item.asset.text is None:
        done.without_text += 1
        return
    wanted = [annotation for annotation in item.label.annotations if annotation.tool == tool]
    lines, left_out = conll_sentence(item.asset.text, wanted)
    file.write("\n".join(lines) + "\n\n")
    done.written += 1
    done.spans_left_out += left_out


def _nothing(form: Form, done: Exported) -> str:
    counts = ", ".join(f"{count:,} {name}" for name, count in done.by_status.items() if count) or "no assets"
    return f"Nothing would be in the {form} file ({counts}), so none was written."


@contextmanager
def _draft(target: Path) -> Iterator[TextIO]:
    """A file beside the target that takes its place when all went well."""
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with draft.open("w", encoding="utf-8", newline="\n") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
