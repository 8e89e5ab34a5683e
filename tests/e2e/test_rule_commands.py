"""`labelmesh rules` from the outside: settings, and a rule's life from the first trial to its undoing."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from labelmesh.client import Client
from labelmesh.local import state
from labels.label import Annotation, Span

pytestmark = pytest.mark.timeout(600)


def test_a_rule_takes_texts_one_by_one(shell: Any) -> None:
    shell.ok("project", "create", "patterns", "--choices", "a,b")
    set_rule = ("rules", "set", "patterns", "forbidden_pattern")
    said = shell.ok(*set_rule, "--enable", "--param", r"patterns=\d{16}", "--param", "patterns=^the ")
    assert r"forbidden_pattern is on, severity WARNING, FLAG, patterns = \d{16}, ^the , tools = ." in said
    listed = json.loads(shell.ok("rules", "list", "patterns", "--json"))
    (rule,) = (rule for rule in listed if rule["id"] == "forbidden_pattern")
    assert rule["parameters"][0]["texts"] == [r"\d{16}", "^the "]
    assert r"patterns = \d{16}" in shell.ok("rules", "list", "patterns")
    assert "is not a regular expression" in shell.fails(*set_rule, "--param", "patterns=(")
    assert "patterns = ," in shell.ok(*set_rule, "--param", "patterns=")


def test_a_rule_is_tried_enforced_judged_and_undone(shell: Any, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"key": "k", "text": "one"}\n')
    shell.ok("project", "create", "life", "--choices", "a,b")
    shell.ok("import", "life", str(path))
    rule = ("life", "empty_label")
    assert "needs a finished backtest" in shell.ok("rules", "enable", "--help")
    assert "finished backtest" in shell.fails("rules", "enable", *rule, "--enforce")
    assert "one of --shadow and --enforce" in shell.fails("rules", "enable", *rule)
    assert "does not know how to fix" in shell.fails("rules", "backtest", *rule, "--action", "fix")
    done = json.loads(shell.ok("rules", "backtest", *rule, "--action", "block", "--json"))["run"]
    assert (done["kind"], done["state"], done["rule"]["action"]) == ("BACKTEST", "DONE", "BLOCK")
    assert "is enforced: BLOCK" in shell.ok("rules", "enable", *rule, "--enforce")
    assert "on trial" in shell.ok("rules", "enable", *rule, "--shadow")
    assert done["uid"] in shell.ok("rules", "runs", "life")
    assert "not known" in shell.ok("rules", "backtest", *rule, "--resume", done["uid"])
    assert "nothing to undo" in shell.fails("rules", "revert", "life", done["uid"], "--yes")
    assert "nothing to stop" in shell.fails("rules", "cancel", "life", done["uid"])
    said = shell.ok("rules", "verdict", *rule, "01JD8Q2ZB4E6M4K0P9V8T7S6R5", "--dismiss")
    assert "1 verdict kept: 0 confirmed, 1 dismissed." in said
    assert "0 verdicts kept" in shell.ok("rules", "verdict", *rule, "--run", done["uid"], "--confirm")


async def spans(shell: Any, count: int) -> list[tuple[str, str]]:
    """The text of each label's span of the only asset, oldest first, once there are that many labels."""
    async with Client(state.read_live(shell.state_dir).endpoints) as client:
        (asset,) = [asset async for asset in client.assets.list("trimmed")]
        for _ in range(600):
            found = [label async for label in client.labels.revisions("trimmed", asset.uid)]
            if len(found) >= count:
                break
            if not found:
                span = Annotation("a0", "spans", "PERSON", Span(0, 4, "Bob "))
                await client.labels.create("trimmed", asset.uid, [span])
            await asyncio.sleep(0.1)
        return [(label.author, label.annotations[0].value.text) for label in reversed(found)]


def test_what_a_rule_fixes_as_it_comes_is_undone_by_its_run(shell: Any, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"key": "k", "text": "Bob met Ann."}\n')
    shell.ok("project", "create", "trimmed", "--spans", "PERSON")
    shell.ok("import", "trimmed", str(path))
    shell.ok("rules", "backtest", "trimmed", "trimmed_boundary", "--action", "fix")
    shell.ok("rules", "enable", "trimmed", "trimmed_boundary", "--enforce")
    fixed = asyncio.run(spans(shell, 2))
    assert [text for _, text in fixed] == ["Bob ", "Bob"]
    assert fixed[0][0] == fixed[1][0]
    live = next(
        run for run in json.loads(shell.ok("rules", "runs", "trimmed", "--json")) if run["kind"] == "LIVE"
    )
    assert live["patched"] == 1
    assert "being undone" in shell.ok("rules", "revert", "trimmed", live["uid"], "--yes")
    assert [text for _, text in asyncio.run(spans(shell, 3))] == ["Bob ", "Bob", "Bob "]
