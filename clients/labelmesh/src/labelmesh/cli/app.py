"""The command line's root: commands are put together here, and every error ends here as one sentence."""

import os
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

import typer

from labelmesh.cli.commands import Commands

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


@app.callback(cls=Commands)
def _root() -> None:
    pass


def main() -> None:
    """Entry point; exits 0, 1 after an error, 2 after wrong usage, 130 after Ctrl-C."""
    try:
        app()
    except KeyboardInterrupt:
        from labelmesh.cli.console import err

        err.print("Interrupted.")
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output went away (`| head`); keep Python from complaining about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_ERROR)
    except Exception as error:  # noqa: BLE001 - the outermost frame: nobody must meet a traceback
        _fail(_sentence(error))


def _sentence(error: Exception) -> str:
    # Imported here, as a command that goes well needs none of it.
    from formats import FormatError
    from labelmesh.cli.connect import explain
    from labelmesh.cli.errors import UserError
    from labelmesh.client import LabelmeshError
    from labelmesh.client.files.rows import FileUnusable
    from labelmesh.demo.photos import PhotosMissing
    from labelmesh.demo.watching import DemoFailed
    from labelmesh.local.errors import LocalError
    from labels.errors import LabelError

    if isinstance(error, LabelmeshError):
        return explain(error)
    told = (UserError, LocalError, LabelError, FileUnusable, FormatError, DemoFailed, PhotosMissing)
    if isinstance(error, told):
        return str(error)
    return f"Labelmesh met an error of its own ({type(error).__name__}); details are in {_record(error)}."


def _fail(sentence: str) -> None:
    from labelmesh.cli.console import err

    err.print(f"Error: {sentence}", style="red", markup=False, soft_wrap=True)
    sys.exit(EXIT_ERROR)


def _record(error: Exception) -> Path:
    """Write the traceback where it can be found again."""
    from labelmesh.local.state import default_dir

    name = f"labelmesh-{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.getpid()}.log"
    for folder in (default_dir() / "logs", Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("".join(traceback.format_exception(error)))
        except OSError:
            continue
        return (folder / name).absolute()
    return Path(os.devnull)
