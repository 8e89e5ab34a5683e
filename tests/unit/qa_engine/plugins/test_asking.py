"""One label's failure is that label's alone, and a plugin that keeps failing is left out in time."""

from collections.abc import Iterator

import pytest

from qa_engine.plugins.asking import Handed, Outcome, Reply, ask
from qa_engine.plugins.errors import (
    PluginFailed,
    PluginInputTooLarge,
    PluginInvalid,
    PluginOutOfMemory,
    PluginRaised,
    PluginReplyTooLarge,
    PluginStopped,
    PluginTimedOut,
)
from qa_engine.plugins.limits import Limits
from qa_engine.plugins.plugin import Hook, Language, Plugin
from qa_engine.plugins.sandbox import Sandbox

LIMITS = Limits(seconds=0.2, memory_bytes=32 << 20, labels=16, largest_input_bytes=20_000, input_bytes=5_000)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox(LIMITS)
    yield sandbox
    sandbox.close()


def plugin(*lines: str, before: str = "") -> Plugin:
    body = "".join(f"    {line}\n" for line in lines)
    return Plugin("mine", Language.PYTHON, f"{before}def on_submit(label, asset, facts):\n{body}")


def items(count: int, **more: str) -> list[Handed]:
    return [
        ({"uid": f"l{n}", "author": "ann", "annotations": []} | more, {"key": "k"}, {"answers": []})
        for n in range(count)
    ]


def answers(outcomes: list[Outcome]) -> list[object]:
    return [outcome.raw if isinstance(outcome, Reply) else type(outcome) for outcome in outcomes]


def test_labels_are_answered_in_order_over_several_sessions(sandbox: Sandbox) -> None:
    outcomes = ask(sandbox, plugin("return label.uid"), Hook.ON_SUBMIT, items(100))
    assert answers(outcomes) == [f"l{n}" for n in range(100)]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("while True: pass", PluginTimedOut),
        ("return [0] * 10 ** 9", PluginOutOfMemory),
        ("return 1 / 0", PluginRaised),
        ("return 'x' * 300_000", PluginReplyTooLarge),
        ("_tell('x')", PluginFailed),
    ],
)
def test_only_the_label_that_breaks_it_is_left_out(
    sandbox: Sandbox, line: str, kind: type[PluginFailed]
) -> None:
    mine = plugin("if label.uid in ('l7', 'l22'):", f"    {line}", "return label.uid")
    outcomes = ask(sandbox, mine, Hook.ON_SUBMIT, items(40))
    bad = [place for place, outcome in enumerate(outcomes) if not isinstance(outcome, Reply)]
    assert bad == [7, 22]
    assert all(isinstance(outcomes[place], kind) for place in bad)
    assert [outcomes[n].raw for n in range(40) if n not in bad] == [
        f"l{n}" for n in range(40) if n not in bad
    ]  # type: ignore[union-attr]


def test_a_plugin_that_keeps_dying_is_not_asked_for_ever(sandbox: Sandbox) -> None:
    outcomes = ask(sandbox, plugin("while True: pass"), Hook.ON_SUBMIT, items(200))
    assert answers(outcomes) == [PluginTimedOut] * 3 + [PluginStopped] * 197


def test_memory_that_adds_up_over_labels_is_no_label_s_fault(sandbox: Sandbox) -> None:
    mine = plugin("kept.append('x' * 5_000_000)", "return len(kept) > 0", before="kept = []\n")
    assert answers(ask(sandbox, mine, Hook.ON_SUBMIT, items(40))) == [True] * 40


def test_time_that_adds_up_over_labels_is_no_label_s_fault(sandbox: Sandbox) -> None:
    mine = plugin("return sum([n for n in range(100_000)])")
    assert answers(ask(sandbox, mine, Hook.ON_SUBMIT, items(40))) == [4_999_950_000] * 40


def test_errors_of_a_batch_are_told_their_own_lines(sandbox: Sandbox) -> None:
    mine = plugin(
        "if label.uid == 'l1':", "    return 1 / 0", "if label.uid == 'l2':", "    return [][1]", "return 0"
    )
    _, one, two, _ = ask(sandbox, mine, Hook.ON_SUBMIT, items(4))
    assert str(one) == 'The plugin "mine" raised an error at line 3: ZeroDivisionError.'
    assert str(two) == 'The plugin "mine" raised an error at line 5: IndexError.'


def test_an_error_inside_a_function_is_told_where_it_happened(sandbox: Sandbox) -> None:
    mine = plugin("return helper(label)", before="def helper(label):\n    return label.nothing\n\n")
    (failure,) = ask(sandbox, mine, Hook.ON_SUBMIT, items(1))
    assert isinstance(failure, PluginRaised)
    assert (failure.line, failure.kind) == (2, "AttributeError")


def test_words_of_an_error_never_leave_the_sandbox(sandbox: Sandbox) -> None:
    (failure,) = ask(sandbox, plugin("raise ValueError(label.author)"), Hook.ON_SUBMIT, items(1))
    assert str(failure) == 'The plugin "mine" raised an error at line 2: ValueError.'


def test_a_label_too_large_to_hand_over_is_left_out_and_the_others_are_not(sandbox: Sandbox) -> None:
    handed = [*items(1), *items(1, author="x" * 30_000), *items(1)]
    assert answers(ask(sandbox, plugin("return 1"), Hook.ON_SUBMIT, handed)) == [1, PluginInputTooLarge, 1]


def test_what_is_printed_is_kept_up_to_a_bound(sandbox: Sandbox) -> None:
    mine = plugin("for n in range(1000): print('line', n, 'x' * 100)", "return 1")
    (kept,) = ask(sandbox, mine, Hook.ON_SUBMIT, items(1), keep_said=True)
    assert isinstance(kept, Reply)
    assert kept.said[0].startswith("line 0 xxx")
    assert sum(map(len, kept.said)) <= 4_100
    (unkept,) = ask(sandbox, mine, Hook.ON_SUBMIT, items(1))
    assert unkept == Reply(1)


def test_clock_and_chance_are_the_same_wherever_a_label_is_asked_about(sandbox: Sandbox) -> None:
    mine = plugin(
        "return [random.random(), str(datetime.now())]",
        before="import random\nfrom datetime import datetime\n",
    )
    (one,), (other,) = (ask(sandbox, mine, Hook.ON_SUBMIT, items(1)) for _ in range(2))
    assert one == other


def test_one_plugin_s_globals_are_nothing_to_another(sandbox: Sandbox) -> None:
    ask(sandbox, plugin("return 1", before="secret = 5\n"), Hook.ON_SUBMIT, items(1))
    (failure,) = ask(sandbox, plugin("return secret"), Hook.ON_SUBMIT, items(1))
    assert isinstance(failure, PluginRaised)
    assert failure.kind == "NameError"


def test_code_that_cannot_be_read_fails_every_label_with_its_line(sandbox: Sandbox) -> None:
    outcomes = ask(sandbox, plugin("return (", before="x = 1\n"), Hook.ON_SUBMIT, items(3))
    assert isinstance(outcomes[0], PluginInvalid)
    assert outcomes[0].line >= 3
    assert all(isinstance(outcome, PluginFailed) for outcome in outcomes)


def test_a_sandbox_that_was_closed_starts_again(sandbox: Sandbox) -> None:
    sandbox.close()
    assert answers(ask(sandbox, plugin("return 1"), Hook.ON_SUBMIT, items(1))) == [1]
