"""exclusive_categories: what it lets pass and what it flags."""

import pytest

from labels.label import Annotation, Choice, Severity
from qa_engine.engine import discover
from qa_engine.errors import RuleSettingsInvalid
from qa_engine.rule import Ruleset, Settings

GROUPS = {"groups": ("day | night", "wet|dry|snow")}


def claims(*categories: str) -> list[Annotation]:
    return [Annotation(f"a{n}", "scene", category, Choice()) for n, category in enumerate(categories)]


@pytest.mark.parametrize(
    "categories", [(), ("day",), ("day", "day"), ("day", "wet"), ("road", "night", "dry")]
)
def test_lets_pass(ask, categories: tuple[str, ...]) -> None:
    assert ask("exclusive_categories", *claims(*categories), parameters=GROUPS) == []


FLAGGED = {
    "two of a group": (("day", "road", "night"), "a2", 'The label claims "night" beside "day".'),
    "two of three": (("snow", "wet"), "a1", 'The label claims "wet" beside "snow".'),
}


@pytest.mark.parametrize(("categories", "at", "sentence"), FLAGGED.values(), ids=FLAGGED.keys())
def test_flags(ask, categories: tuple[str, ...], at: str, sentence: str) -> None:
    (finding,) = ask("exclusive_categories", *claims(*categories), parameters=GROUPS)
    assert (finding.severity, finding.annotation_id, finding.message) == (Severity.WARNING, at, sentence)


@pytest.mark.parametrize("group", ["day", "day|", " | ", "|"])
def test_groups_of_less_than_two_are_refused(group: str) -> None:
    rule = next(rule for rule in discover() if rule.id == "exclusive_categories")
    with pytest.raises(RuleSettingsInvalid, match="two or more categories"):
        rule.change(rule.settings(Ruleset()), Settings(True, Severity.INFO, {"groups": (group,)}))
