"""What holds for every rule."""

from pathlib import Path

import pytest
import rules

from labels.asset import Asset
from labels.label import Annotation, Box, Choice, Label, LabelKind, Polygon, Severity, Span, UnplacedMention
from labels.ontology import Category, Ontology, Tool, ToolKind
from qa_engine.engine import Engine, discover
from qa_engine.history import Choice as Chosen
from qa_engine.history import History, Share, Trust, string_key
from qa_engine.rule import Parameter, Rule, Ruleset, Settings, Subject

LONG = "c" * 128
OTHER = "o" * 128
TOOL = "t" * 64
ONTOLOGY = Ontology((Tool(TOOL, ToolKind.CHOICE_SINGLE, (Category(LONG), Category(OTHER))),), revision=1)


def test_there_are_at_least_twenty() -> None:
    assert len(discover()) >= 20


@pytest.mark.parametrize("rule", discover(), ids=lambda rule: rule.id)
def test_a_rule_has_a_file_and_a_table_of_its_name(rule: Rule) -> None:
    check = rule.check or rule.shape_check
    assert check is not None
    assert check.__module__ == f"qa_engine.rules.{rule.id}"
    assert Path(__file__).with_name(f"test_{rule.id}.py").exists()


@pytest.mark.parametrize("rule", discover(), ids=lambda rule: rule.id)
def test_parameters_say_what_they_do_and_take_their_ends(rule: Rule) -> None:
    for parameter in rule.parameters:
        assert parameter.description.rstrip().endswith(".")
        if isinstance(parameter, Parameter):
            for end in (parameter.lowest, parameter.highest):
                parameter.check(end)


def test_the_page_of_rules_is_up_to_date() -> None:
    now = rules.PAGE.read_text(encoding="utf-8")
    assert rules.page(now) == now, "run `python tools/rules.py`"


def test_no_finding_is_long_or_quotes_the_text() -> None:
    words = "secret words of a customer"
    name = "a" * 64
    label = Label(
        LabelKind.DEFAULT,
        "ann",
        (
            Annotation(name, TOOL, LONG, Choice()),
            Annotation(name + "1", "entity", OTHER, Span(0, len(words), words)),
            Annotation(name + "2", "entity", LONG, Span(3, 3 + len(words), f" {words[1:]}")),
            Annotation(name + "3", "box", LONG, Box(0.0, 0.0, 1e6, 1e-6)),
            Annotation(name + "4", "box", LONG, Box(0.0, 0.0, 1e6, 1e-6)),
            Annotation(name + "5", "outline", LONG, Polygon(((0.0, 0.0, 1e6, 1e6, 1e6, 0.0, 0.0, 1e6),))),
        ),
        uid="L",
        unplaced_mentions=(UnplacedMention("entity", LONG, words),),
    )
    history = History(
        shares={(TOOL, LONG): Share(0, 900), (TOOL, OTHER): Share(900, 0)},
        strings={("entity", string_key(words)): {LONG: 9}},
        choices={TOOL: Chosen(OTHER, 0.99)},
        trust={(TOOL, OTHER): Trust(15.0, 30)},
    )
    parameters = {
        "forbidden_pattern": {"patterns": ("secret",)},
        "missing_required": {"tools": ("m" * 400,)},
        "exclusive_categories": {"groups": (f"{LONG}|{OTHER}",)},
        "count_bounds": {"bounds": (f"{LONG}: 0 1",)},
        "span_overlap": {"allow_nested": 0.0},
        "mask_color": {"prototypes": ("*: 0 0 0",)},
    }
    everything = Ruleset(
        1, {rule.id: Settings(True, Severity.INFO, parameters.get(rule.id, {})) for rule in discover()}
    )
    asset = Asset("k", width_px=10, height_px=10)
    found = Engine(discover()).evaluate(label, Subject(ONTOLOGY, asset, words, history=history), everything)
    said = {finding.rule for finding in found}
    expected = {
        "category_drift",
        "forbidden_pattern",
        "likely_label_error",
        "string_consistency",
        "mask_color",
    }
    assert expected | set(parameters) <= said
    assert all(len(finding.message) < 500 for finding in found)
    assert not any(word in finding.message for finding in found for word in ("secret", "customer"))
    assert not any("failed" in finding.message for finding in found)
