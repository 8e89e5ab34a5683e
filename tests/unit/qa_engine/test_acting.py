"""From findings to what is done about them: modes, actions, and changes that go together."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from labels.asset import Asset
from labels.correction import Add, CorrectionOp, Delete, Relabel
from labels.label import Annotation, Choice, Finding, Label, LabelKind, Severity
from labels.ontology import Ontology
from qa_engine import acting
from qa_engine.conduct import Action, Conduct, Mode
from qa_engine.engine import Engine
from qa_engine.errors import RuleSettingsInvalid
from qa_engine.operation import Block, Change, Emit, Judgement, Route
from qa_engine.rule import Context, Item, Rule, Ruleset, Settings, Subject, Terms, Unchecked, rule

SUBJECT = Subject(Ontology(()), Asset("k", text="words"), "words")
LABEL = Label(
    LabelKind.DEFAULT, "ann", tuple(Annotation(i, "t", "c", Choice()) for i in ("a", "b", "c")), uid="L"
)


def better(annotation: Annotation, context: Context) -> CorrectionOp | None:
    if annotation.id == "b":
        raise KeyError("secret")
    return Relabel(annotation.id, "better")


@rule("picky", severity=Severity.WARNING, fix=better)
def picky(label: Label, context: Context) -> Iterator[Finding]:
    """Finds fault with a and b, with the whole, and cannot check c."""
    yield context.finding("Bad.", "a")
    yield context.finding("Bad again.", "a")
    yield context.finding("Bad.", "b")
    yield context.finding("Bad as a whole.")
    yield context.finding(Unchecked("It could not be checked."), "c")


@rule("halfway", severity=Severity.WARNING)
def halfway(label: Label, context: Context) -> Iterator[Finding]:
    """Fails after it found something."""
    yield context.finding("Bad.", "a")
    raise KeyError("secret")


def judged(*rules: tuple[Rule, Conduct], enabled: bool = True) -> Judgement:
    ruleset = Ruleset(1, {one.id: Settings(enabled, one.severity, {}, conduct) for one, conduct in rules})
    (judgement,) = Engine(tuple(one for one, _ in rules)).judge_many([(LABEL, SUBJECT)], ruleset)
    return judgement


def test_each_faulty_annotation_is_deleted_once_and_what_was_not_checked_stays() -> None:
    judgement = judged((picky, Conduct(action=Action.DELETE)))
    assert len(judgement.findings) == 5
    assert judgement.operations == (("picky", Change(Delete("a"))), ("picky", Change(Delete("b"))))


def test_what_a_rule_cannot_fix_is_left_to_a_person() -> None:
    judgement = judged((picky, Conduct(action=Action.FIX)))
    assert judgement.operations == (("picky", Change(Relabel("a", "better"))),)


@pytest.mark.parametrize(
    ("conduct", "asked"),
    [
        (Conduct(action=Action.FLAG), ()),
        (Conduct(action=Action.ROUTE, route_boost=3, route_pool="seniors"), (Route(3, "seniors"),)),
        (Conduct(action=Action.BLOCK), (Block(),)),
        (Conduct(shadow=True, action=Action.DELETE), ()),
    ],
)
def test_what_an_action_asks_for(conduct: Conduct, asked: tuple[object, ...]) -> None:
    assert tuple(op for _, op in judged((picky, conduct)).operations) == asked


def test_a_rule_on_trial_is_kept_apart_and_a_disabled_one_not_asked() -> None:
    trial = judged((picky, Conduct(shadow=True)))
    assert (len(trial.findings), len(trial.shadow)) == (0, 5)
    off = judged((picky, Conduct(shadow=True)), enabled=False)
    assert (off.findings, off.shadow) == ((), ())


def test_nothing_is_done_about_what_a_failing_rule_found() -> None:
    judgement = judged((halfway, Conduct(action=Action.DELETE)))
    assert len(judgement.findings) == 2
    assert judgement.operations == ()


def test_a_rule_of_the_project_is_asked_for_all_labels_together() -> None:
    batches = []

    def check(items: Sequence[Item], terms: Terms) -> Sequence[Judgement]:
        batches.append(len(items))
        return [Judgement((terms.finding("Odd.", "a"),)) for _ in items]

    own = Rule("own", Severity.INFO, batch_check=check, says="It is odd.")
    ruleset = Ruleset(
        1, {"own": Settings(True, Severity.ERROR, {}, Conduct(action=Action.DELETE))}, custom=(own,)
    )
    engine = Engine((picky,))
    labels = [replace(LABEL, uid=uid) for uid in "xyz"]
    found = engine.judge_many([(label, SUBJECT) for label in labels], ruleset)
    assert batches == [3]
    assert [f.rule for f in found[2].findings] == ["own", *["picky"] * 5]
    assert found[2].operations == (("own", Change(Delete("a"))),)
    assert engine.rule("own", ruleset).description == "It is odd."
    # Another project does not know it.
    assert [f.rule for f in engine.evaluate(LABEL, SUBJECT, Ruleset())] == ["picky"] * 5


def test_an_annotation_is_changed_once_and_deleting_goes_first() -> None:
    extra = Annotation("n", "t", "c", Choice())
    asked = (
        ("one", Change(Relabel("a", "x"))),
        ("two", Change(Delete("a"))),
        ("one", Change(Relabel("b", "x"))),
        ("two", Change(Relabel("b", "y"))),
        ("two", Change(Add(extra))),
        ("two", Emit("told", {})),
    )
    assert acting.changes(Judgement(operations=asked)) == [
        ("two", Delete("a")),
        ("one", Relabel("b", "x")),
        ("two", Add(extra)),
    ]


def test_boosts_add_up_to_a_thousand_and_the_first_pool_has_it() -> None:
    asked = [("a", Route(700)), ("b", Route(600, "x")), ("c", Route(1, "y"))]
    assert acting.boost(asked) == (1000, "x")
    assert acting.boost([]) == (0, "")


def test_a_mode_and_whether_a_rule_is_enabled_never_disagree() -> None:
    settings = Settings(True, Severity.INFO, {})
    for mode in Mode:
        now = settings.in_mode(mode)
        assert now.mode is mode
        assert now.enabled is (mode is not Mode.DISABLED)


@pytest.mark.parametrize(
    "conduct",
    [
        Conduct(route_boost=-1),
        Conduct(route_boost=1_001),
        Conduct(route_boost=float("nan")),
        Conduct(route_pool="Seniors"),
        Conduct(route_pool="a" * 64),
        Conduct(precision_floor=1.1),
        Conduct(precision_floor=float("nan")),
    ],
)
def test_conduct_out_of_range_is_refused(conduct: Conduct) -> None:
    with pytest.raises(RuleSettingsInvalid):
        conduct.check()
