"""The command line's root: commands are put together here, and every error ends here as one sentence."""

import os
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

import typer

from formats import FormatError
from labelmesh.cli import (
    annotate,
    audit,
    consensus,
    convert,
    demo,
    export,
    findings,
    gold,
    imports,
    labels,
    lineage,
    metrics,
    models,
    project,
    queue,
    review,
    rules,
    runs,
    segment,
    up,
    webhooks,
)
from labelmesh.cli.connect import explain
from labelmesh.cli.console import err
from labelmesh.cli.errors import UserError
from labelmesh.client import LabelmeshError
from labelmesh.client.files.rows import FileUnusable
from labelmesh.demo.photos import PhotosMissing
from labelmesh.demo.watching import DemoFailed
from labelmesh.local.errors import LocalError
from labelmesh.local.state import default_dir
from labels.errors import LabelError

EXIT_ERROR = 1
EXIT_INTERRUPTED = 130

app = typer.Typer(
    name="labelmesh",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Label text and images with foundation models, check the labels, review what needs a person.

    [bold]The way through[/bold]

      labelmesh up                                     start everything, leave it running
      labelmesh project create tickets --choices bug,praise,question
      labelmesh import tickets tickets.jsonl           texts or pictures in
      labelmesh annotate tickets                       let the model label
      labelmesh review tickets                         look at the doubtful first
      labelmesh annotate tickets --shots few --again   with your answers as examples
      labelmesh metrics tickets                        how good the model is, by your answers
      labelmesh export tickets -o labels.jsonl         labels out

    [bold]Pictures[/bold]

      labelmesh segment photo.jpg --point 320,240 --out overlay.png

    `labelmesh demo` shows all of it on texts and pictures that come along.""",
)
app.command("up")(up.up)
app.command("down")(up.down)
app.command("status")(up.status)
app.command("demo")(demo.demo)
app.add_typer(project.app, name="project")
app.command("import")(imports.import_)
app.command("annotate")(annotate.annotate)
app.command("segment")(segment.segment)
app.command("review")(review.review)
app.add_typer(metrics.app, name="metrics")
app.command("export")(export.export)
app.command("convert")(convert.convert)
app.command("formats")(convert.formats)
app.add_typer(queue.app, name="queue")
app.add_typer(labels.app, name="labels")
app.add_typer(audit.app, name="audit")
app.add_typer(gold.app, name="gold")
app.add_typer(consensus.app, name="consensus")
app.add_typer(lineage.app, name="lineage")
app.add_typer(runs.app, name="runs")
app.add_typer(rules.app, name="rules")
app.add_typer(findings.app, name="findings")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(models.app, name="models")


def main() -> None:
    """Entry point; exits 0, 1 after an error, 2 after wrong usage, 130 after Ctrl-C."""
    try:
        app()
    except LabelmeshError as error:
        _fail(explain(error))
    except (
        UserError,
        LocalError,
        LabelError,
        FileUnusable,
        FormatError,
        DemoFailed,
        PhotosMissing,
    ) as error:
        _fail(str(error))
    except KeyboardInterrupt:
        err.print("Interrupted.")
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output went away (`| head`); keep Python from complaining about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_ERROR)
    except Exception as error:  # noqa: BLE001 - the outermost frame: nobody must meet a traceback
        _fail(f"Labelmesh met an error of its own ({type(error).__name__}); details are in {_record()}.")


def _fail(sentence: str) -> None:
    err.print(f"Error: {sentence}", style="red", markup=False, soft_wrap=True)
    sys.exit(EXIT_ERROR)


def _record() -> Path:
    """Write the traceback where it can be found again."""
    name = f"labelmesh-{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.getpid()}.log"
    for folder in (default_dir() / "logs", Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(traceback.format_exc())
        except OSError:
            continue
        return (folder / name).absolute()
    return Path(os.devnull)
