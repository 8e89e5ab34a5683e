"""The root of the command line: every command is there, and none is imported before it is named."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from labelmesh.cli.app import app
from labelmesh.cli.commands import PLACES

RUN = CliRunner()


@pytest.mark.parametrize("name", PLACES)
def test_every_command_tells_what_it_is_for(name: str) -> None:
    shown = RUN.invoke(app, [name, "-h"])
    assert shown.exit_code == 0
    assert f" {name} " in shown.output.splitlines()[1], "the usage"


def test_the_help_lists_all_of_them_in_the_order_of_the_work() -> None:
    told = RUN.invoke(app, ["--help"]).output
    table = told[told.index("Commands") :]
    places = [table.index(f"│ {name} ") for name in PLACES]
    assert places == sorted(places)


def test_a_name_that_is_nearly_right_is_answered_with_the_right_one() -> None:
    shown = RUN.invoke(app, ["quee"])
    assert (shown.exit_code, "Did you mean 'queue'?" in shown.output) == (2, True)


def test_the_root_needs_neither_numpy_nor_the_client() -> None:
    ask = "import sys, labelmesh.cli.app; print(sorted({'numpy', 'grpc', 'labelmesh.client'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True).stdout == "[]\n"
