"""An item on the screen: text with its spans, annotations, findings, and why it comes now."""

from collections.abc import Sequence

from rich.rule import Rule
from rich.text import Text

from labelmesh.cli.console import bar, out, state, table
from labelmesh.cli.reviewing.editing import Draft
from labelmesh.client import Task
from labels.asset import Asset
from labels.label import Annotation, Span
from labels.ontology import Ontology

_MAX_SHOWN = 6_000
_COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "red", "bright_cyan", "bright_magenta")


def show_task(task: Task, ontology: Ontology, place: int, still_open: int) -> None:
    """Print everything a reviewer needs to decide."""
    out.print(Rule(f"[bold]{place}[/]  {_plain(task.asset.key)}  [dim]{still_open:,} open[/]", style="dim"))
    annotations = task.label.annotations if task.label else ()
    out.print(_content(task.asset, annotations, ontology))
    out.print()
    for name, value in task.asset.context.items():
        out.print(Text(f"{_plain(name)}: {_plain(value)}", style="dim"))
    if task.label is None:
        why = f" ({task.prediction_error})" if task.prediction_error else ""
        out.print(f"[yellow]No label to start from{why}; correct makes one.[/]")
    else:
        show_annotations(task.asset, annotations, ontology)
        for mention in task.label.unplaced_mentions:
            out.print(
                Text(f"not found in the text: {mention.category} {_plain(mention.text)}", style="yellow")
            )
    for finding in task.findings:
        out.print(Text.assemble(state(finding.severity), f" {finding.rule}: {finding.message}"))
    for line in _from_others(task):
        out.print(line)
    out.print(_why_now(task))


def show_annotations(asset: Asset, annotations: Sequence[Annotation], ontology: Ontology) -> None:
    """The annotations, numbered as the editor counts them."""
    if not annotations:
        out.print(Text("nothing is marked", style="dim"))
        return
    shown = table("#", "category", "what", "confidence", right=("#", "confidence"))
    for number, annotation in enumerate(annotations, start=1):
        colour = _colour(annotation, ontology)
        sure = f"{annotation.confidence:.2f}" if annotation.confidence else ""
        shown.add_row(str(number), Text(annotation.category, style=f"bold {colour}"), _what(annotation), sure)
    out.print(shown)


def show_categories(draft: Draft) -> None:
    """The numbered categories."""
    shown = table("number", "category", "tool", "description", right=("number",))
    for number, named in enumerate(draft.named, start=1):
        description = next(c.description for c in named.tool.categories if c.name == named.category)
        shown.add_row(str(number), named.category, named.tool.name, description)
    out.print(shown)


def _from_others(task: Task) -> list[Text]:
    """What other people have to do with the task."""
    lines = []
    if task.sent:
        lines.append(Text(f"{task.sent.by} sends it: {_plain(task.sent.reason)}", style="bold yellow"))
    if task.check and task.label:
        lines.append(Text(f"{task.label.author} labelled it; it is done when you accept.", style="yellow"))
    if task.answers_wanted > 1:
        lines.append(Text(f"{task.answers} of {task.answers_wanted} people have answered.", style="dim"))
    if task.overdue:
        lines.append(Text("It is overdue.", style="bold red"))
    return lines


def _why_now(task: Task) -> Text:
    terms = task.terms
    sure = task.label.confidence.raw if task.label and task.label.confidence else None
    confidence = "no confidence" if sure is None else f"confidence {sure:.2f} {bar(sure, 10)}"
    return Text(
        f"{confidence} · priority {task.priority:.2f} (uncertainty {terms.uncertainty:.2f}, "
        f"severity {terms.severity:.1f}, waiting {terms.age_hours:.1f} h)",
        style="dim",
    )


def _content(asset: Asset, annotations: Sequence[Annotation], ontology: Ontology) -> Text:
    if asset.text is None:
        ref = asset.text_ref or asset.image_ref
        where = f"{ref.uri} ({ref.size_bytes:,} bytes)" if ref else "nowhere"
        size = f" {asset.width_px} x {asset.height_px} px" if asset.image_ref else ""
        return Text(f"content{size} in the blob store: {where}", style="dim")
    text = Text(_plain(asset.text[:_MAX_SHOWN]))
    for annotation in annotations:
        if isinstance(annotation.value, Span):
            style = f"bold reverse {_colour(annotation, ontology)}"
            text.stylize(style, annotation.value.start, annotation.value.end)
    if len(asset.text) > _MAX_SHOWN:
        text.append(f" ... {len(asset.text) - _MAX_SHOWN:,} characters more", style="dim")
    return text


def _what(annotation: Annotation) -> Text:
    if isinstance(annotation.value, Span):
        span = annotation.value
        return Text.assemble(_plain(span.text[:200]), (f"  {span.start}-{span.end}", "dim"))
    return Text(type(annotation.value).__name__.lower(), style="dim")


def _colour(annotation: Annotation, ontology: Ontology) -> str:
    names = [(tool.name, name) for tool in ontology.tools for name in tool.category_names]
    found = (annotation.tool, annotation.category)
    return _COLOURS[names.index(found) % len(_COLOURS)] if found in names else "white"


def _plain(text: str) -> str:
    """Control characters as their pictures, one for one: a text must not steer the reviewer's terminal."""
    return "".join(_picture(character) for character in text)


def _picture(character: str) -> str:
    code = ord(character)
    if character in "\n\t" or (code >= 0x20 and not 0x7F <= code <= 0x9F):
        return character
    return chr(0x2400 + code) if code < 0x20 else "\u2421"
