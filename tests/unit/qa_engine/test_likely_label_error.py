"""likely_label_error: what it lets pass and what it flags, and what the full probabilities would flag."""

import numpy as np
import pytest

from labels.label import Annotation, Choice, LabelKind, Severity
from qa_engine.history import Choice as Chosen
from qa_engine.history import History, Trust, probability_left

SPORT = Annotation("a0", "topic", "sport", Choice())


def model(confidence: float, average: float, count: int = 20, category: str = "politics") -> History:
    trust = {("topic", category): Trust(average * count, count)} if count else {}
    return History(choices={"topic": Chosen(category, confidence)}, trust=trust)


NOOP = {
    "no prediction": History(),
    "agreement": model(0.99, 0.5, category="sport"),
    "less sure than on average": model(0.89, 0.9),
    "not likelier than all others": model(0.45, 0.3),
    "too few to know the average": model(0.99, 0.5, 19),
    "no average": model(0.99, 0.5, 0),
}


@pytest.mark.parametrize("history", NOOP.values(), ids=NOOP.keys())
def test_lets_pass(ask, history: History) -> None:
    assert ask("likely_label_error", SPORT, kind=LabelKind.DEFAULT, history=history) == []


def test_lets_predictions_pass(ask) -> None:
    assert ask("likely_label_error", SPORT, history=model(0.99, 0.5)) == []


def test_flags_a_label_that_a_sure_model_contradicts(ask) -> None:
    (finding,) = ask("likely_label_error", SPORT, kind=LabelKind.DEFAULT, history=model(0.9, 0.75))
    assert (finding.severity, finding.annotation_id) == (Severity.WARNING, "a0")
    assert finding.message == (
        'The label is likely wrong: the model chose "politics" with a confidence of 0.9, '
        "on average 0.75 where people did."
    )


def test_flags_nothing_that_the_full_probabilities_would_not(ask) -> None:
    """The published rule on whole distributions, written out, against ours on what a prediction carries."""
    random = np.random.default_rng(5)
    names = ("sport", "politics", "weather", "science")
    truth = random.integers(0, 4, 3_000)
    given = np.where(random.random(3_000) < 0.1, random.integers(0, 4, 3_000), truth)
    scores = random.normal(0, 1, (3_000, 4)) + 3 * np.eye(4)[truth]
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    average = np.asarray([p[given == j, j].mean() for j in range(4)])
    over = p >= average
    likeliest = np.where(over.any(axis=1), np.where(over, p, -1).argmax(axis=1), given)
    theirs = set(np.flatnonzero(likeliest != given).tolist())

    top, sure = p.argmax(axis=1), p.max(axis=1)
    left = np.asarray(
        [probability_left(names[g], Chosen(names[t], s)) for g, t, s in zip(given, top, sure, strict=True)]
    )
    trust = {("topic", names[j]): Trust(left[given == j].sum(), int((given == j).sum())) for j in range(4)}
    ours = set()
    for n in range(3_000):
        history = History(choices={"topic": Chosen(names[top[n]], sure[n])}, trust=trust)
        label = Annotation("a0", "topic", names[given[n]], Choice())
        if ask("likely_label_error", label, kind=LabelKind.DEFAULT, history=history):
            ours.add(n)
    assert ours <= theirs
    assert len(ours) > 0.8 * len(theirs) > 100
    wrong = set(np.flatnonzero(given != truth).tolist())
    assert len(ours & wrong) > 0.8 * len(ours)
