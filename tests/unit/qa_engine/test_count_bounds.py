"""count_bounds: what it lets pass and what it flags."""

import pytest

from labels.label import Annotation, Choice, Severity
from qa_engine.engine import discover
from qa_engine.errors import RuleSettingsInvalid
from qa_engine.rule import Ruleset, Settings

BOUNDS = {"bounds": ("wheel: 2 4", "*: 1 5", "a: b: 0 1")}


def claims(*categories: str) -> list[Annotation]:
    return [Annotation(f"a{n}", "part", category, Choice()) for n, category in enumerate(categories)]


@pytest.mark.parametrize("categories", [("wheel",) * 2, ("wheel",) * 4, ("wheel", "wheel", "a: b", "door")])
def test_lets_pass(ask, categories: tuple[str, ...]) -> None:
    assert ask("count_bounds", *claims(*categories), parameters=BOUNDS) == []


FLAGGED = {
    "too few": (("wheel",), ['The label has 1 annotations of the category "wheel", not 2 to 4.']),
    "too many": (
        ("wheel",) * 6,
        [
            'The label has 6 annotations of the category "wheel", not 2 to 4.',
            "The label has 6 annotations, not 1 to 5.",
        ],
    ),
    "a colon in the name": (
        ("wheel", "wheel", "a: b", "a: b"),
        ['The label has 2 annotations of the category "a: b", not 0 to 1.'],
    ),
}


@pytest.mark.parametrize(("categories", "sentences"), FLAGGED.values(), ids=FLAGGED.keys())
def test_flags(ask, categories: tuple[str, ...], sentences: list[str]) -> None:
    found = ask("count_bounds", *claims(*categories), parameters=BOUNDS)
    assert [(finding.severity, finding.annotation_id) for finding in found] == [(Severity.WARNING, "")] * len(
        found
    )
    assert [finding.message for finding in found] == sentences


@pytest.mark.parametrize(
    "bounds", ["wheel", "wheel 2 4", ": 2 4", "wheel: 2", "wheel: 4 2", "wheel: -1 2", "wheel: ² 3"]
)
def test_bounds_that_are_none_are_refused(bounds: str) -> None:
    rule = next(rule for rule in discover() if rule.id == "count_bounds")
    with pytest.raises(RuleSettingsInvalid, match='Text 1 of the parameter "bounds"'):
        rule.change(rule.settings(Ruleset()), Settings(True, Severity.INFO, {"bounds": (bounds,)}))
