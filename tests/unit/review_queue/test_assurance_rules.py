"""Policies, stages, slices and what a certificate may claim."""

import pytest

from labels.asset import Asset, ContentRef
from labels.label import Annotation, Choice, Label, LabelKind
from review_queue.assurance.anytime import Stratum
from review_queue.assurance.certificate import (
    BY_AUDITS,
    BY_NOTHING,
    BY_THRESHOLDS,
    Bound,
    Counts,
    bound,
    claim,
)
from review_queue.assurance.policy import InForce, Policy, Stage
from review_queue.assurance.slices import Facts, SliceBy, facts
from review_queue.assurance.stage import Proof, Watch, breach, promoted, watched
from review_queue.errors import EvidenceMissing, StageHighest

FACTS = Facts("sport", "none", "short")


def policy(slice_by: SliceBy = SliceBy.CATEGORY) -> Policy:
    return Policy(0.02, 0.1, slice_by, 0.05, 0.2, 100, 0.2, export_auto_accepted=False)


def label(*categories: str) -> Label:
    claims = tuple(Annotation(f"a{i}", "topic", name, Choice()) for i, name in enumerate(categories))
    return Label(LabelKind.PREDICTION, "model", claims, asset_uid="01A")


@pytest.mark.parametrize(
    ("categories", "slice_"),
    [((), "nothing"), (("sport",), "sport"), (("sport", "sport"), "sport"), (("a", "b"), "several")],
)
def test_a_label_belongs_to_the_slice_of_its_category(categories: tuple[str, ...], slice_: str) -> None:
    assert facts(label(*categories), Asset("k", text="x")).slice(SliceBy.CATEGORY) == slice_


@pytest.mark.parametrize(
    ("asset", "length", "source"),
    [
        (Asset("k", text="x" * 279), "short", "none"),
        (Asset("k", text="x" * 280, context={"source": "mail"}), "medium", "mail"),
        (Asset("k", text="x" * 2_000), "long", "none"),
        (Asset("k", text_ref=ContentRef("u", "0" * 64, 99_000)), "long", "none"),
        (Asset("k", image_ref=ContentRef("u", "0" * 64, 99_000)), "picture", "none"),
    ],
)
def test_an_asset_belongs_to_the_slices_of_its_length_and_source(
    asset: Asset, length: str, source: str
) -> None:
    found = facts(label(), asset)
    assert (found.slice(SliceBy.LENGTH), found.slice(SliceBy.SOURCE)) == (length, source)
    assert found.slice(SliceBy.NONE) == "all"


@pytest.mark.parametrize(
    ("run", "confidence", "severity", "passes"),
    [
        ("01R", 0.9, 0.0, True),
        ("01R", 0.9, 0.5, True),
        ("01R", 0.9, 1.0, False),
        ("01R", 0.89, 0.0, False),
        ("01R", None, 0.0, False),
        ("01OTHER", 0.99, 0.0, False),
    ],
)
def test_a_threshold_lets_through_what_is_sure_of_its_run_and_has_no_error(
    run: str, confidence: float | None, severity: float, passes: bool
) -> None:
    rules = InForce(policy(), bytes(32), Stage.MIXED, "01F", "01R", {"sport": 0.9})
    assert rules.above(run, confidence, severity, FACTS) is passes
    assert not rules.above(run, confidence, severity, Facts("politics", "none", "short"))


def test_the_audit_is_denser_until_the_highest_stage_and_drawn_by_nothing_but_the_asset() -> None:
    rates = {stage: InForce(policy(), bytes(32), stage).audit_rate for stage in Stage}
    assert rates == {Stage.ASSISTED: 0.2, Stage.MIXED: 0.2, Stage.AUTO: 0.05}
    few = InForce(policy(), bytes(32), Stage.AUTO)
    many = InForce(policy(), bytes(32), Stage.MIXED)
    uids = [f"01A{i}" for i in range(2_000)]
    assert {u for u in uids if few.audits(u)} < {u for u in uids if many.audits(u)}


def test_a_stage_is_left_upwards_with_its_proof_alone() -> None:
    nothing, fitted, old, new = Proof(False, 0), Proof(True, 0), Proof(True, 10), Proof(True, 11)
    with pytest.raises(EvidenceMissing):
        promoted(Stage.ASSISTED, 10, nothing)
    assert promoted(Stage.ASSISTED, 10, fitted) is Stage.MIXED
    for proof in (fitted, old, Proof(False, 11)):
        with pytest.raises(EvidenceMissing):
            promoted(Stage.MIXED, 10, proof)
    assert promoted(Stage.MIXED, 10, new) is Stage.AUTO
    with pytest.raises(StageHighest):
        promoted(Stage.AUTO, 10, new)


def test_a_breach_says_what_was_seen() -> None:
    watch = Watch()
    n = 0
    while not (why := breach(watch, 0.05, 1)):
        watch, n = watched(watch, 0.05, wrong=True), n + 1
    assert 1 < n < 6
    assert why.startswith(f"{n} of {n} audited labels were wrong")


def test_a_long_good_past_does_not_hide_a_bad_present() -> None:
    watch = Watch()
    for i in range(3_000):
        watch = watched(watch, 0.05, wrong=i % 100 == 0)
    assert not breach(watch, 0.05, 1)
    n = 0
    while not (why := breach(watch, 0.05, 1)):
        watch, n = watched(watch, 0.05, wrong=n % 4 == 0), n + 1
    assert n < 100
    assert "lately" in why
    # All together are well below the target still.
    assert watch.errors / watch.n < 0.05


def test_who_shares_a_false_alarm_needs_more_for_one() -> None:
    watch = Watch(100, 17, 0.0)
    assert breach(watch, 0.05, 1)
    assert not breach(watch, 0.05, 1_000)


def test_a_bound_is_of_what_was_accepted_and_audited() -> None:
    assert bound([], 0.1) == Bound(0, 0, 0.0, 0.0)
    assert bound([Stratum(0, 3, 10)], 0.1) == Bound(0, 0, 0.0, 0.0)
    none = bound([Stratum(10, 0, 0)], 0.1)
    assert (none.every_look, none.single_look) == (1.0, 1.0)
    some = bound([Stratum(1_000, 1, 300)], 0.1)
    assert 1 / 300 < some.single_look < some.every_look < 0.03


def test_a_claim_rests_on_audits_as_soon_as_there_are_enough() -> None:
    few, enough = Bound(100, 0, 0.03, 0.02), Bound(200, 0, 0.019, 0.012)
    by_fit = claim(few, 50, 0.02, 0.1, fit_in_force=True)
    assert (by_fit.method, by_fit.error_upper_bound, by_fit.within_target) == (BY_THRESHOLDS, 0.02, True)
    assert not by_fit.by_audits
    demoted = claim(few, 50, 0.02, 0.1, fit_in_force=False)
    assert (demoted.method, demoted.within_target) == (BY_AUDITS, False)
    by_audits = claim(enough, 50, 0.02, 0.1, fit_in_force=True)
    assert (by_audits.method, by_audits.error_upper_bound) == (BY_AUDITS, 0.019)
    assert by_audits.within_target
    assert by_audits.by_audits
    worse = claim(Bound(200, 9, 0.09, 0.08), 50, 0.02, 0.1, fit_in_force=True)
    assert not worse.within_target
    assert claim(few, 0, 0.02, 0.1, fit_in_force=True).method == BY_NOTHING


def test_the_places_of_tasks_add_up() -> None:
    assert Counts(1, 2, 4, 8, 16, 32).total == 63
