"""What the rules' tables share: a way to ask one rule about one label."""

from collections.abc import Callable, Mapping

import pytest

from labels.asset import Asset
from labels.label import Annotation, Finding, Label, LabelKind, UnplacedMention
from labels.ontology import Category, Ontology, Tool, ToolKind
from qa_engine.engine import Engine, discover
from qa_engine.history import NO_HISTORY, History
from qa_engine.picture import Picture
from qa_engine.rule import Ruleset, Settings, Subject, Value

ONTOLOGY = Ontology(
    (
        Tool("topic", ToolKind.CHOICE_SINGLE, (Category("sport"), Category("politics"))),
        Tool("entity", ToolKind.SPAN, (Category("person"), Category("place"))),
        Tool("outline", ToolKind.POLYGON, (Category("roof"),)),
        Tool("area", ToolKind.MASK, (Category("roof"),)),
        Tool("box", ToolKind.BOX, (Category("roof"),)),
    ),
    revision=1,
)
Ask = Callable[..., list[Finding]]


@pytest.fixture
def ask() -> Ask:
    """Ask one rule about annotations (and mentions) on a text."""

    def ask(
        rule_id: str,
        *annotations: Annotation,
        text: str | None = None,
        asset: Asset | None = None,
        mentions: tuple[UnplacedMention, ...] = (),
        parameters: Mapping[str, Value] | None = None,
        kind: LabelKind = LabelKind.PREDICTION,
        picture: Picture | None = None,
        history: History = NO_HISTORY,
    ) -> list[Finding]:
        rule = next(rule for rule in discover() if rule.id == rule_id)
        label = Label(kind, "ann", annotations, uid="L", unplaced_mentions=mentions)
        settings = {rule_id: Settings(True, rule.severity, parameters or {})}
        subject = Subject(ONTOLOGY, asset or Asset("k", text=text), text, picture, history)
        return list(Engine((rule,)).evaluate(label, subject, Ruleset(0, settings)))

    return ask
