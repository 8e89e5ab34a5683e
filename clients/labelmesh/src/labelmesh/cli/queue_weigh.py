"""`labelmesh queue weigh`: what assets are worth."""

import csv
from pathlib import Path
from typing import Annotated

import typer

from labelmesh.cli.connect import AsJson, ProjectId, StateDir, call
from labelmesh.cli.console import out, plural, print_json
from labelmesh.cli.errors import UserError
from labelmesh.client import Client
from labelmesh.client.files.lines import weight_of

_AT_ONCE = 1_000


def weigh(
    project: ProjectId,
    key: Annotated[str, typer.Argument(metavar="[KEY]", help="The asset's key.", show_default=False)] = "",
    weight: Annotated[
        float | None, typer.Argument(metavar="[WEIGHT]", help="0 to 1,000.", show_default=False)
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="CSV with columns key and weight.", show_default=False)
    ] = None,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Say what assets are worth; their tasks move in the queue at once.

    It counts by the project's weight of `business` (`labelmesh project create --priority business=1`). A file is
    changed 1,000 rows at a time, each time all or none: after an error run it again.

    [bold]Examples[/bold]

      labelmesh queue weigh tickets ticket-17 50
      labelmesh queue weigh tickets --file weights.csv
    """
    if (file is None) == (not key or weight is None):
        raise UserError("Give either KEY and WEIGHT, or --file.")
    weights = read_weights(file) if file is not None else {key: weight or 0.0}

    async def work(client: Client) -> int:
        said = list(weights.items())
        parts = [dict(said[start : start + _AT_ONCE]) for start in range(0, len(said), _AT_ONCE)]
        return sum([await client.queue.set_weights(project, part) for part in parts])

    changed = call(state_dir, work)
    if as_json:
        print_json({"assets": len(weights), "changed": changed})
        return
    out.print(f"[green]✓[/] {changed:,} of {plural(len(weights), 'asset')} changed.")


def read_weights(file: Path) -> dict[str, float]:
    """The weights of a CSV file, 0 to 1,000 by key; raises UserError with the line that is wrong."""
    weights: dict[str, float] = {}
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines, strict=True)
            if not {"key", "weight"} <= set(reader.fieldnames or ()):
                raise UserError(f"The first line of {file} must name the columns key and weight.")
            for record in reader:
                found = weight_of(record["weight"])
                if not record["key"] or found is None or record["key"] in weights:
                    raise UserError(
                        f"Line {reader.line_num} of {file} has no key of its own, or no weight from 0 to 1,000."
                    )
                weights[record["key"]] = found
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{file} cannot be read as CSV.") from error
    if not weights:
        raise UserError(f"{file} holds no row.")
    return weights
