"""`labelmesh convert` and `labelmesh formats`: files of labels without any service."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from formats import CODECS, Binder, Item, LossReport, Options, Problem, guess_ontology, reading, writing
from formats.options import Shapes
from labelmesh.cli import format_options as given
from labelmesh.cli import loss_tables, progress
from labelmesh.cli.connect import AsJson
from labelmesh.cli.console import captioned, err, out, print_json, table
from labelmesh.cli.ontology_file import read_ontology
from labels.ontology import Ontology

_SHOWN_PROBLEMS = 20
_CAPTION = """parts: objects in several pieces; by cuts: rings joined by lines out and back.
yolo, voc and maskpng are folders, or archives where the name ends in .zip.
What has no place is counted in the report of every import and export; --strict makes it an error."""


def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A file, folder or .zip of labels.")],
    origin: Annotated[given.Form, typer.Option("--from", help="The format it is in.")],
    form: Annotated[given.Form, typer.Option("--to", help="The format to write.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="A file, or a folder or .zip.")],
    ontology: Annotated[
        Path | None,
        typer.Option(
            "--ontology", help="Tools and categories; guessed from the file without it.", show_default=False
        ),
    ] = None,
    images: given.Images = None,
    tool: given.Tool = "",
    strict: given.Strict = False,
    allow_empty: given.AllowEmpty = False,
    comments: given.Comments = False,
    semantic: given.Semantic = False,
    plain_rle: given.PlainRuns = False,
    shapes: given.ShapesOf = Shapes.AUTO,
    voc_first: given.VocFirst = 1,
    report: given.Report = None,
    as_json: AsJson = False,
) -> None:
    """Write a file of labels in another format. No service is asked, and nothing leaves this machine.

    Records that cannot be read are listed, and the others are converted; with
    --strict any loss, on the way in or out, is an error.

    [bold]Examples[/bold]

      labelmesh convert instances.json --from coco --to yolo -o yolo.zip
      labelmesh convert export.json --from labelstudio --to coco -o coco.json --images photos/
      labelmesh convert news.conll --from conll --to spacy -o news.json
    """
    options = Options(
        images=images,
        tool=tool,
        strict=strict,
        allow_empty=allow_empty,
        comments=comments,
        semantic=semantic,
        plain_runs=plain_rle,
        shapes=shapes,
        voc_first_px=voc_first,
    )
    known = read_ontology(ontology) if ontology else _guessed(source, origin, options)
    came, went = _convert(source, origin, form, output, known, options)
    loss_tables.save(report, came, went)
    if as_json:
        print_json({"file": str(output), "read": came.as_dict(), "written": went.as_dict()})
        return
    loss_tables.show(err, came)
    loss_tables.show(err, went)
    err.print(f"[green]✓[/] {output}", soft_wrap=True)


def _guessed(source: Path, origin: given.Form, options: Options) -> Ontology:
    found = reading(source, origin.value, options)
    with progress.items("assets") as bars:
        bar = bars.add_task("looking for classes", total=None)
        return guess_ontology(_counted(found, lambda n: bars.update(bar, completed=n)), found.declared)


def _convert(
    source: Path, origin: given.Form, form: given.Form, output: Path, ontology: Ontology, options: Options
) -> tuple[LossReport, LossReport]:
    found = reading(source, origin.value, options)
    binder = Binder(ontology, found.report)
    shown = 0
    with progress.items("assets") as bars, writing(output, form.value, ontology, options) as sink:
        bar = bars.add_task("converting", total=None)
        for one in _counted(found, lambda n: bars.update(bar, completed=n)):
            if isinstance(one, Item):
                sink.add(binder.bind(one))
                continue
            shown += 1
            if shown <= _SHOWN_PROBLEMS:
                err.print(str(one), markup=False, soft_wrap=True, style="yellow")
        if shown > _SHOWN_PROBLEMS:
            err.print(f"... and {shown - _SHOWN_PROBLEMS:,} more", markup=False)
        if options.strict:
            # The sink refuses its own losses; those of the reading are refused here, before the file is put in place.
            found.refuse_loss()
    return found.report, sink.report


def _counted(found: Iterable[Item | Problem], tell: Callable[[int], None]) -> Iterator[Item | Problem]:
    """The same, telling now and then how many there were."""
    count = 0
    for count, one in enumerate(found, start=1):
        if count % 64 == 0:
            tell(count)
        yield one
    tell(count)


def formats(as_json: AsJson = False) -> None:
    """What each format can hold, and in which form where not in its own."""
    fields = ("choices", "spans", "boxes", "polygons", "holes", "parts", "masks", "confidence")
    if as_json:
        print_json(
            {name: {field: getattr(one.carries, field) for field in fields} for name, one in CODECS.items()}
        )
        return
    shown = table("format", *fields[:-1], "score")
    shown.columns[0].no_wrap = True
    for name, codec in CODECS.items():
        shown.add_row(name, *(_said(getattr(codec.carries, field)) for field in fields))
    out.print(captioned(shown, _CAPTION))


def _said(how: str) -> str:
    return {"yes": "[green]✓[/]", "no": "[dim]-[/]"}.get(how, how)
