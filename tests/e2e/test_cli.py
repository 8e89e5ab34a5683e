"""The command line as its users meet it: every command a process of its own, a stub endpoint as the model."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from labelmesh.local import identity, state

TEXTS = [
    "The sea was like glass this morning.",
    "Waves of nine metres, the harbour is closed.",
    "Not a breath of wind, the sails hang.",
    "Hail broke two windows on the bridge.",
    "A calm crossing, tea in the saloon.",
    "The mast came down at four o'clock.",
]
pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "sea.jsonl"
    lines = [json.dumps({"key": f"s{i}", "text": text}) for i, text in enumerate(TEXTS)]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_whole_way(shell: Any, rows: Path) -> None:
    shell.ok("project", "create", "sea", "--choices", "calm,storm", "--instruction", "How is the sea?")
    shell.ok("project", "create", "sea", "--choices", "calm,storm", "--instruction", "How is the sea?")
    assert "6 rows imported" in shell.ok("import", "sea", str(rows))
    assert "0 rows imported, 6 were there already" in shell.ok("import", "sea", str(rows))
    run = json.loads(shell.ok("annotate", "sea", "--json"))
    assert (run["state"], run["total"], run["succeeded"], run["failed"]) == ("DONE", 6, 6, 0)
    listed = shell.ok("runs", "list", "sea")
    assert run["uid"] in listed

    reviewed = shell.ok("review", "sea", text="a\nnonsense\nc\n1\nc storm\nr the text is cut off\ns\nq\n")
    assert "4 items reviewed" in reviewed
    assert "1 rejected" in reviewed
    projects = json.loads(shell.ok("project", "list", "--json"))
    assert projects[0]["tasks"] == {"waiting": 0, "open": 2, "leased": 0, "done": 4}

    metrics = json.loads(shell.ok("metrics", "sea", "--json"))["metrics"]
    assert metrics["accepted"] + metrics["corrected"] == 3
    assert metrics["rejected"] == 1
    assert "Reliability of the confidence" in shell.ok("metrics", "sea")

    target = shell.folder / "sea.jsonl"
    done = shell.run("export", "sea", "-o", str(target))
    assert done.returncode == 0
    assert "6 assets written" in done.stderr
    exported = [json.loads(line) for line in target.read_text().splitlines()]
    statuses = [row["status"] for row in exported]
    assert (statuses.count("reviewed"), statuses.count("rejected"), statuses.count("unlabelled")) == (3, 1, 2)
    everything = shell.folder / "all.jsonl"
    shell.ok("export", "sea", "--include-unreviewed", "-o", str(everything))
    assert '"unreviewed"' in everything.read_text()

    few = json.loads(shell.ok("annotate", "sea", "--shots", "few", "--again", "--json"))
    assert few["total"] == 2
    assert few["examples"]


def test_spans_are_reviewed_by_lines_and_exported_as_conll(shell: Any, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("Ada met Grace in Bonn.\n")
    shell.ok("project", "create", "names", "--spans", "PERSON,PLACE")
    shell.ok("import", "names", str(tmp_path / "names.txt"))
    shell.ok("annotate", "names")
    task = shell.ok("review", "names", text="q\n")
    marked = sum(line.strip().startswith(tuple("123456789")) for line in task.splitlines())
    edits = "".join("d 1\n" for _ in range(marked))
    out = shell.ok("review", "names", text=f"c\n{edits}1 Ada\n1 Grace\n2 Bonn\nok\n")
    assert "1 item reviewed" in out
    target = tmp_path / "names.conll"
    shell.ok("export", "names", "--format", "conll", "-o", str(target))
    assert target.read_text().splitlines() == [
        "Ada\tB-PERSON",
        "met\tO",
        "Grace\tB-PERSON",
        "in\tO",
        "Bonn\tB-PLACE",
        ".\tO",
        "",
    ]


def test_bad_rows_are_listed_and_nothing_is_imported_unless_told_so(shell: Any, tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"text": "fine"}\n{"text": ""}\n{broken\n{"text": "also fine", "key": "k"}\n')
    shell.ok("project", "create", "bad", "--choices", "a,b")
    said = shell.fails("import", "bad", str(path))
    assert "line 2: The text is empty." in said
    assert "line 3: The line is not JSON" in said
    assert "Nothing was imported: 2 of 4 rows cannot be used" in said
    assert json.loads(shell.ok("project", "show", "bad", "--json"))["asset_count"] == 0
    assert "2 rows imported, 2 refused" in shell.ok("import", "bad", str(path), "--skip-bad-rows")


def test_a_key_with_other_content_is_refused_before_anything_is_stored(shell: Any, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"key": "k", "text": "one"}\n')
    shell.ok("project", "create", "keys", "--choices", "a,b")
    shell.ok("import", "keys", str(path))
    path.write_text('{"key": "new", "text": "two"}\n{"key": "k", "text": "changed"}\n')
    said = shell.fails("import", "keys", str(path))
    assert "line 2:" in said
    assert json.loads(shell.ok("project", "show", "keys", "--json"))["asset_count"] == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("project", "show", "nowhere"), "labelmesh project list"),
        (("import", "nowhere", "x.jsonl"), "labelmesh project list"),
        (("annotate", "nowhere"), "labelmesh project list"),
        (("annotate", "empty"), "holds nothing yet"),
        (("review", "nowhere"), "labelmesh project list"),
        (("metrics", "nowhere"), "labelmesh project list"),
        (("export", "nowhere"), "labelmesh project list"),
        (("export", "empty"), "holds nothing to export"),
        (("import", "empty", "missing.jsonl"), "There is no file or folder missing.jsonl"),
        (("project", "create", "empty", "--choices", "x"), "another definition"),
        (("project", "create", "none"), "needs categories"),
        (("project", "create", "two", "--choices", "a,a"), "same name"),
        (("project", "create", "two", "--ontology", "missing.json"), "cannot be read"),
        (("rules", "set", "empty", "no_rule", "--enable"), 'no rule "no_rule"'),
        (("rules", "set", "empty", "span_in_text"), "Say what to change"),
        (("rules", "set", "empty", "span_in_text", "--param", "x"), "NAME=NUMBER"),
        (("runs", "show", "empty", "01JD8Q2ZB4E6M4K0P9V8T7S6R5"), "run"),
        (("up", "--endpoint", "http://127.0.0.1:1/v1", "--model", "m"), "already runs"),
        (("up", "--endpoint", "ftp://x", "--model", "m"), "must start with http"),
        (("up", "--endpoint", "http://x"), "--model"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_1(
    shell: Any, arguments: tuple[str, ...], sentence: str
) -> None:
    shell.ok("project", "create", "empty", "--choices", "calm,storm")
    said = shell.fails(*arguments)
    assert said.startswith("Error: ")
    assert sentence in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("no-such-command",),
        ("annotate",),
        ("annotate", "sea", "--shots", "many"),
        ("annotate", "sea", "--examples", "99"),
        ("project", "create", "UPPER", "--choices", "a"),
        ("export", "sea", "--format", "xml"),
    ],
)
def test_wrong_usage_is_exit_code_2(shell: Any, arguments: tuple[str, ...]) -> None:
    shell.fails(*arguments, code=2)


def test_without_a_stack_commands_say_how_to_start_it(tmp_path: Path, shell_in: Any) -> None:
    shell = shell_in(tmp_path)
    for arguments in (("project", "list"), ("status",), ("down",)):
        assert "Labelmesh does not run on .labelmesh" in shell.fails(*arguments)


def test_an_empty_export_is_refused_and_leaves_no_file(shell: Any, rows: Path) -> None:
    shell.ok("project", "create", "fresh", "--choices", "a,b")
    shell.ok("import", "fresh", str(rows))
    shell.fails("export", "fresh", "-o", str(shell.folder / "fresh.jsonl"))
    shell.fails("export", "fresh", "--format", "conll", "-o", str(shell.folder / "fresh.conll"))
    assert not list(shell.folder.glob("*fresh*"))


def test_a_killed_service_comes_back_and_status_tells(shell: Any) -> None:
    before = {process.name: process for process in state.read_live(shell.state_dir).processes}
    os.kill(before["qa-engine"].identity.pid, signal.SIGKILL)
    end = time.monotonic() + 60
    while shell.run("status").returncode or _pid(shell, "qa-engine") == before["qa-engine"].identity.pid:
        assert time.monotonic() < end
    assert _pid(shell, "review-queue") == before["review-queue"].identity.pid


def _pid(shell: Any, name: str) -> int:
    return next(p.identity.pid for p in state.read_live(shell.state_dir).processes if p.name == name)


def test_ctrl_c_stops_every_process_and_a_killed_supervisor_leaves_nothing_for_long(
    tmp_path: Path, endpoint: str, shell_in: Any
) -> None:
    shell = shell_in(tmp_path)
    first = shell.up(endpoint)
    orphans = _children(first.pid)
    assert len(orphans) == 5
    first.kill()
    first.communicate()
    assert all(identity.still_runs(orphan) for orphan in orphans)

    second = shell.up(endpoint)
    assert not any(identity.still_runs(orphan) for orphan in orphans)
    children = _children(second.pid)
    second.send_signal(signal.SIGINT)
    output, _ = second.communicate(timeout=60)
    assert second.returncode == 0
    assert "Stopped." in output
    assert not any(identity.still_runs(child) for child in children)
    assert not (shell.state_dir / "state.json").exists()


def _children(pid: int) -> list[identity.Identity]:
    found = [identity.identify(child.pid) for child in psutil.Process(pid).children()]
    return [child for child in found if child is not None]
