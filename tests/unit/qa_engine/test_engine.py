"""The engine: finding rules, holding labels to them, and surviving their mistakes."""

import math
from collections.abc import Iterator

import pytest

from labels.asset import Asset
from labels.label import Annotation, Choice, Finding, Label, LabelKind, Severity
from labels.ontology import Ontology
from qa_engine.engine import (
    MAX_FINDINGS,
    Context,
    Engine,
    Parameter,
    Rule,
    Ruleset,
    Settings,
    Subject,
    discover,
    rule,
)
from qa_engine.errors import RuleSettingsInvalid, RuleUnknown

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


def test_the_first_floor_has_three_rules_with_a_sentence_each() -> None:
    rules = discover()
    assert [rule.id for rule in rules] == ["category_in_ontology", "polygon_min_area", "span_in_text"]
    assert all(rule.description.endswith(".") and "\n" not in rule.description for rule in rules)
    assert calm.description == "Says it as often as it is told."


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
