"""The engine: finding rules, holding labels to them, and surviving their mistakes."""

import gc
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from labels.asset import Asset
from labels.label import Annotation, Box, Choice, Finding, Label, LabelKind, Mask, Polygon, Severity
from labels.ontology import Ontology
from qa_engine.engine import MAX_FINDINGS, Engine, discover
from qa_engine.errors import RuleSettingsInvalid, RuleUnknown
from qa_engine.rule import Context, Parameter, Rule, Ruleset, Settings, Subject, rule

SUBJECT = Subject(Ontology(()), Asset("k", text="words"), "words")
LABEL = Label(LabelKind.PREDICTION, "model", (Annotation("a0", "t", "c", Choice()),), uid="L")


@rule("calm", severity=Severity.INFO, parameters=(Parameter("times", 1.0, 0.0, 5_000.0, "How often."),))
def calm(label: Label, context: Context) -> Iterator[Finding]:
    """Says it as often as it is told.

    Nothing more.
    """
    for _ in range(int(context.parameters["times"])):
        yield context.finding("Said.")


@rule("broken", severity=Severity.INFO)
def broken(label: Label, context: Context) -> Iterator[Finding]:
    """Fails half way."""
    yield context.finding("Before.")
    raise KeyError("secret words of a customer")


def test_every_rule_says_in_a_sentence_what_it_checks() -> None:
    rules = discover()
    assert {"category_in_ontology", "polygon_min_area", "span_in_text"} < {rule.id for rule in rules}
    assert [rule.id for rule in rules] == sorted(rule.id for rule in rules)
    assert all(rule.description.endswith(".") and "\n" not in rule.description for rule in rules)
    assert calm.description == "Says it as often as it is told."


def test_every_default_is_a_value_that_the_rule_takes() -> None:
    for one in discover():
        one.change(one.settings(Ruleset()), one.settings(Ruleset()))


def test_a_failing_rule_becomes_a_finding_and_stops_no_other(capfd: pytest.CaptureFixture[str]) -> None:
    found = Engine((broken, calm)).evaluate(LABEL, SUBJECT, Ruleset())
    assert [(f.rule, f.severity) for f in found] == [
        ("broken", Severity.INFO),
        ("broken", Severity.ERROR),
        ("calm", Severity.INFO),
    ]
    logged = "".join(capfd.readouterr())
    assert "rule_failed" in logged
    assert "secret" not in logged
    assert not any("secret" in finding.message for finding in found)


def test_settings_of_the_project_hold() -> None:
    engine = Engine((calm,))
    assert len(engine.evaluate(LABEL, SUBJECT, Ruleset())) == 1
    louder = Ruleset(3, {"calm": Settings(True, Severity.ERROR, {"times": 2.0})})
    assert [f.severity for f in engine.evaluate(LABEL, SUBJECT, louder)] == [Severity.ERROR] * 2
    off = Ruleset(4, {"calm": Settings(False, Severity.ERROR, {})})
    assert engine.evaluate(LABEL, SUBJECT, off) == ()


@pytest.mark.parametrize(("times", "kept"), [(999, 999), (1_000, 1_000), (1_001, 1_000), (5_000, 1_000)])
def test_findings_are_bounded_and_say_so(times: int, kept: int) -> None:
    many = Ruleset(1, {"calm": Settings(True, Severity.INFO, {"times": float(times)})})
    found = Engine((calm,)).evaluate(LABEL, SUBJECT, many)
    assert len(found) == kept <= MAX_FINDINGS
    assert ("more to find" in found[-1].message) == (times > MAX_FINDINGS)


def test_changes_keep_what_is_left_out() -> None:
    before = Settings(True, Severity.INFO, {"times": 7.0})
    assert calm.change(before, Settings(False, Severity.ERROR, {})) == Settings(
        False, Severity.ERROR, {"times": 7.0}
    )
    assert calm.change(before, Settings(True, Severity.INFO, {"times": 0.0})).parameters == {"times": 0.0}


@pytest.mark.parametrize(
    ("name", "value"),
    [("tones", 1.0), ("times", -0.1), ("times", 5_001.0), ("times", math.nan), ("times", math.inf)],
)
def test_settings_that_do_not_fit_are_refused(name: str, value: float) -> None:
    with pytest.raises(RuleSettingsInvalid, match=name):
        calm.change(calm.settings(Ruleset()), Settings(True, Severity.INFO, {name: value}))


def test_rules_are_found_by_id() -> None:
    engine = Engine((calm,))
    assert isinstance(engine.rule("calm"), Rule)
    with pytest.raises(RuleUnknown):
        engine.rule("storm")


def square(x: float, side: float, y: float = 0.0) -> Polygon:
    return Polygon(((x, y, x + side, y, x + side, y + side, x, y + side),))


def shaped(uid: str, *values: Polygon) -> Label:
    annotations = tuple(Annotation(f"a{n}", "outline", "roof", value) for n, value in enumerate(values))
    return Label(LabelKind.DEFAULT, "ann", annotations, uid=uid)


def test_many_at_once_finds_the_same_as_one_by_one() -> None:
    engine = Engine(tuple(rule for rule in discover() if rule.id != "category_in_ontology"))
    labels = [
        shaped("none"),
        shaped("small", square(0, 2), square(50, 9)),
        shaped("broken", square(math.nan, 1), square(0, 1)),
        shaped("twice", square(0, 9), square(0, 9), Polygon(((0.0, 0.0, 9.0, 9.0, 9.0, 0.0, 0.0, 9.0),))),
        LABEL,
    ] * 700
    items = [(label, SUBJECT) for label in labels]
    together = engine.evaluate_many(items, Ruleset())
    assert together == [engine.evaluate(label, SUBJECT, Ruleset()) for label in labels[:5]] * 700
    assert [len(found) for found in together[:5]] == [0, 1, 3, 2, 0]


def test_a_label_that_breaks_the_columns_does_not_take_the_others_with_it() -> None:
    engine = Engine(tuple(rule for rule in discover() if rule.id == "polygon_min_area"))
    words: Any = Polygon((("a", "b", "c", "d", "e", "f"),))  # type: ignore[arg-type]
    items = [(shaped("small", square(0, 1)), SUBJECT), (shaped("bad", words), SUBJECT)]
    small, bad = engine.evaluate_many(items, Ruleset())
    assert [finding.message for finding in small] == ["The polygon covers 1 square pixels, less than 5."]
    assert [finding.message for finding in bad] == ["The rule failed; the label was not fully checked by it."]


def test_a_batch_is_gone_when_it_is_done() -> None:
    engine, everything = (
        Engine(discover()),
        Ruleset(1, {rule.id: Settings(True, Severity.WARNING, {}) for rule in discover()}),
    )
    items = [
        (shaped(f"L{i}", square(0, 40), square(20, 40)), Subject(Ontology(()), Asset("k"))) for i in range(9)
    ]
    engine.evaluate_many(items, everything)
    gc.collect()
    gc.disable()
    try:
        engine.evaluate_many(items, everything)
        assert gc.collect() == 0, "what holds itself is kept until the collector comes, with all its labels"
    finally:
        gc.enable()


def test_heavy_batches_are_parted(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(discover())
    items = [(shaped(f"L{n}", square(0, 1 + n % 3)), SUBJECT) for n in range(40)]
    whole = engine.evaluate_many(items, Ruleset())
    monkeypatch.setattr("qa_engine.engine.BATCH_WEIGHT", 30)
    assert engine.evaluate_many(items, Ruleset()) == whole


def hard_shapes() -> dict[str, Polygon | Box | Mask]:
    turns = np.linspace(0, 2 * np.pi, 1_000_000, endpoint=False)
    circle = np.stack((500 + 400 * np.cos(turns), 500 + 400 * np.sin(turns)), axis=1)
    noise = np.random.default_rng(1).uniform(0, 1000, size=(200_000, 2))
    stripes = np.stack((np.arange(60_000) % 2 * 1000.0, np.arange(60_000) / 60), axis=1)
    stripes[:, 1] += stripes[:, 0]
    nested = tuple(
        (float(i), float(i), 3000.0 - i, float(i), 3000.0 - i, 3000.0 - i, float(i), 3000.0 - i)
        for i in range(1_000)
    )
    return {
        "a million vertices": Polygon((tuple(circle.ravel().tolist()),)),
        "a tangle of 200,000 vertices": Polygon((tuple(noise.ravel().tolist()),)),
        "edges side by side": Polygon((tuple(stripes.ravel().tolist()),)),
        "a thousand rings in each other": Polygon(nested),
        "NaN": Polygon(((math.nan, 0.0, 1.0, 1.0, 0.0, 1.0),)),
        "infinite": Polygon(((math.inf, 0.0, 1.0, 1.0, 0.0, 1.0),)),
        "1e308": Polygon(((-1e308, -1e308, 1e308, -1e308, 1e308, 1e308),)),
        "an odd number of values": Polygon(((0.0, 0.0, 1.0, 1.0, 0.0),)),
        "a box of NaN": Box(0.0, math.nan, 1.0, 1.0),
        "a box of 1e308": Box(1e308, 0.0, 1e308, 1.0),
        "a box inside out": Box(9.0, 9.0, -5.0, -5.0),
        "a mask of rubbish": Mask(10, 10, b"\xff\x00rubbish"),
        "a mask without sides": Mask(-1, 0, b"0"),
        "a huge mask": Mask(100_000, 100_000, b"Pm_mT9"),
    }


@pytest.mark.parametrize(("what", "value"), hard_shapes().items(), ids=hard_shapes().keys())
def test_hard_shapes_neither_fail_nor_hang_any_rule(what: str, value: Polygon | Box | Mask) -> None:
    engine = Engine(discover())
    everything = Ruleset(1, {rule.id: Settings(True, Severity.WARNING, {}) for rule in engine.rules})
    annotations = (
        Annotation("a0", "outline", "roof", value),
        Annotation("a1", "outline", "roof", square(0, 2)),
    )
    label = Label(LabelKind.DEFAULT, "ann", annotations, uid="L")
    found = engine.evaluate(label, SUBJECT, everything)
    assert not any("failed" in finding.message for finding in found)
    assert any(finding.rule == "polygon_min_area" and finding.annotation_id == "a1" for finding in found)
    if what not in ("a million vertices", "a thousand rings in each other", "a huge mask"):
        assert any(finding.annotation_id == "a0" for finding in found)


def test_a_crowd_of_shapes_over_each_other_is_said_to_be_one() -> None:
    engine = Engine(tuple(rule for rule in discover() if rule.id == "duplicate_shape"))
    label = shaped("crowd", *(square(n / 100, 500) for n in range(3_000)))
    found = engine.evaluate(label, SUBJECT, Ruleset())
    assert len(found) == MAX_FINDINGS
    assert "more to find" in found[-1].message
