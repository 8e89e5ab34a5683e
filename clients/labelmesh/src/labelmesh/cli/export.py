"""`labelmesh export`: the labels of a project as a file."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from formats import CODECS, Options
from formats.options import Shapes
from labelmesh.cli import format_options as given
from labelmesh.cli import loss_tables, progress
from labelmesh.cli.connect import AsJson, ProjectId, StateDir, open_client
from labelmesh.cli.console import err, plural, print_json, when
from labelmesh.cli.errors import UserError
from labelmesh.client.files.writing import Exported, write_export
from labelmesh.client.labels import ExportManifest


def export(  # long: its options are most of it
    project: ProjectId,
    form: Annotated[
        given.Form, typer.Option("--format", "-f", help="See `labelmesh formats` for what each holds.")
    ] = given.Form.JSONL,
    include_unreviewed: Annotated[
        bool, typer.Option("--include-unreviewed", help="Also labels that no person has looked at.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="A file, or a folder or .zip. Default: PROJECT.jsonl ...",
            show_default=False,
        ),
    ] = None,
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
    state_dir: StateDir = None,
) -> None:
    """Write the labels to a file: all of it or none, and it says what it left out.

    Only reviewed labels are written unless --include-unreviewed. JSONL has a row
    for every asset, with its status: reviewed, auto_accepted, unreviewed,
    rejected or unlabelled. The other formats have the labelled assets only. What a format
    cannot hold is counted in the report, and refused with --strict.

    [bold]Examples[/bold]

      labelmesh export tickets -o tickets.labels.jsonl
      labelmesh export news --format conll --include-unreviewed -o news.conll
      labelmesh export parts --format coco -o parts.json --report loss.json
      labelmesh export parts --format yolo -o parts.zip --strict
    """
    target = output or Path(_default(project, form))
    options = Options(
        tool=tool,
        strict=strict,
        allow_empty=allow_empty,
        comments=comments,
        semantic=semantic,
        plain_runs=plain_rle,
        shapes=shapes,
        voc_first_px=voc_first,
    )
    manifests: list[ExportManifest] = []
    done = asyncio.run(
        _export(project, form, include_unreviewed, options, target, state_dir, manifests.append)
    )
    if done.report is not None:
        loss_tables.save(report, done.report)
    if as_json:
        print_json(
            {
                "file": str(target),
                "by_status": done.by_status,
                "manifest": manifests[-1] if manifests else None,
                "report": done.report and done.report.as_dict(),
            }
        )
    else:
        _report(done, target)
        for manifest in manifests:
            _stamp(manifest)


def _default(project: str, form: given.Form) -> str:
    suffix = CODECS[form.value].suffix
    return f"{project}{suffix}" if suffix == f".{form.value}" else f"{project}.{form.value}{suffix}"


async def _export(
    project: str,
    form: given.Form,
    include_unreviewed: bool,
    options: Options,
    target: Path,
    state_dir: Path | None,
    on_manifest: Callable[[ExportManifest], None],
) -> Exported:
    async with open_client(state_dir) as client:
        found = await client.projects.get(project)
        if not found.asset_count:
            raise UserError(f"The project {project} holds nothing to export.")
        with progress.items("assets") as bars:
            bar = bars.add_task("exporting", total=found.asset_count)
            return await write_export(
                client.labels.export(project, include_unreviewed=include_unreviewed, on_manifest=on_manifest),
                form.value,
                target,
                found.ontology,
                options=options,
                on_progress=lambda count: bars.update(bar, completed=count),
            )


def _report(done: Exported, target: Path) -> None:
    counts = ", ".join(f"{count:,} {name}" for name, count in done.by_status.items())
    err.print(f"[green]✓[/] {target}: {counts}", soft_wrap=True)
    if done.report is not None:
        loss_tables.show(err, done.report)


def _stamp(manifest: ExportManifest) -> None:
    """What stands behind the labels that nobody looked at."""
    if not manifest.auto_accepted:
        return
    if not manifest.certificate:
        err.print("No certificate says how many of the labels accepted unseen are wrong.", style="yellow")
        return
    err.print(
        f"{plural(manifest.auto_accepted, 'label')} accepted unseen: at most {manifest.error_upper_bound:.2%} wrong"
        f" with {manifest.confidence:.0%} confidence ({manifest.certificate.rpartition('/')[2]},"
        f" {when(manifest.certificate_time_us)})",
        style="dim",
        soft_wrap=True,
    )
