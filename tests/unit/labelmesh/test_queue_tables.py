"""The queue in a terminal: it fits, and says what decides on the order."""

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console, RenderableType

from labelmesh.cli import queue_tables
from labelmesh.client import Explanation, Task, TaskCounts
from labelmesh.client.queue import quoted
from labelmesh.client.task import PriorityTerm, PriorityTerms, TaskState
from labels.asset import Asset
from labels.label import Annotation, Choice, Confidence, ConfidenceMethod, Finding, Label, LabelKind, Severity

NAMES = ("billing", "billing", "a class with a rather long name", "praise", "delivery")
LABEL = Label(
    LabelKind.PREDICTION,
    "model",
    tuple(Annotation(f"a{i}", "topic", name, Choice()) for i, name in enumerate(NAMES)),
    confidence=Confidence(ConfidenceMethod.LABEL_MASS, 0.25, 0.2, 0.3),
)
TASK = Task(
    "tickets",
    "01JD8Q2ZB4E6M4K0P9V8T7S6R5",
    Asset(key="k" * 200, text="text"),
    LABEL,
    (Finding("r", Severity.ERROR, "Look."), Finding("s", Severity.INFO, "Look.")),
    TaskState.LEASED,
    1.84,
    PriorityTerms(0.75, 1.0, 9.0),
    "somebody.with.a.long.name@company.example",
)


def printed(part: RenderableType) -> str:
    screen = StringIO()
    Console(file=screen, width=100).print(part)
    return screen.getvalue()


def test_tasks_fit_and_show_the_terms() -> None:
    done = replace(TASK, label=replace(LABEL, confidence=None), findings=(), state=TaskState.DONE)
    bare = replace(TASK, label=None, prediction_error="REPLY_MALFORMED", terms=PriorityTerms(1.0, 0.0, 0.1))
    shown = printed(queue_tables.tasks([TASK, done, bare], 1_234))
    assert max(map(len, shown.splitlines())) <= 100
    for wanted in ("1.840", "billing ×2", "+1", "0.25", "ERROR", "9 h", "reply", "6 min", "1,234 tasks"):
        assert wanted in shown, wanted
    assert queue_tables.confidence_of(done) == 0.25
    assert queue_tables.confidence_of(bare) is None


def test_counts_under_a_filter_stand_beside_those_of_the_project() -> None:
    every = TaskCounts(0, 480, 12, 8)
    shown = printed(queue_tables.counts(TaskCounts(0, 13, 0, 0), every))
    assert "13 of 500 tasks" in shown
    assert "480" in shown
    assert "500 tasks" in printed(queue_tables.counts(every, every))
    assert "0 tasks" in printed(queue_tables.counts(TaskCounts(0, 0, 0, 0), TaskCounts(0, 0, 0, 0)))


@pytest.mark.parametrize(
    ("ahead", "state", "sentence"),
    [
        (0, TaskState.OPEN, "It is the next one."),
        (1, TaskState.OPEN, "1 open task comes before it."),
        (42, TaskState.OPEN, "42 open tasks come before it."),
        (10_000, TaskState.OPEN, "At least 10,000 open tasks come before it."),
        (0, TaskState.DONE, "The task is not open, so it has no place in the queue now."),
    ],
)
def test_an_explanation_ends_in_the_place(ahead: int, state: TaskState, sentence: str) -> None:
    terms = (PriorityTerm("uncertainty", 2.0, 0.75, 1.5), PriorityTerm("novelty", 1.0, 0.2, 0.2))
    shown = printed(queue_tables.explanation(TASK, Explanation(1.7, terms, -1.2, state, ahead, 0)))
    for wanted in ("1 - confidence", "1.500", "novelty", "1.700", sentence):
        assert wanted in shown, wanted


def test_a_quoted_text_stands_for_itself() -> None:
    assert quoted('a*b"c\\d') == '"a\\*b\\"c\\\\d"'
