"""What a rule says on its schedule comes on top of what was said of the label before."""

from labelmesh.label.v1 import label_pb2
from labelmesh.qa.v1.qa_events_pb2 import LabelEvaluated
from review_queue.evaluations import MAX_FINDINGS, Evaluation, on_top


def evaluation(*messages: str, severity: float = 0.3, boost: float = 0.0, pool: str = "") -> Evaluation:
    findings = [label_pb2.Finding(rule="r", message=message) for message in messages]
    said = LabelEvaluated(findings=findings, ruleset_revision=3, priority_boost=boost, pool=pool)
    return Evaluation(
        "p", "a", "l", 3, len(findings), severity, said.SerializeToString(), boost, pool, adds=True
    )


def messages(e: Evaluation) -> list[str]:
    return [finding.message for finding in LabelEvaluated.FromString(e.body).findings]


def test_what_is_new_comes_behind_what_is_known() -> None:
    before = evaluation("one", "two", severity=0.3, boost=5, pool="seniors")
    both = on_top(before, evaluation("two", "three", severity=1.0, boost=40, pool="plants"))
    assert messages(both) == ["one", "two", "three"]
    assert (both.n, both.severity, both.boost, both.pool, both.ruleset_revision) == (3, 1.0, 40, "seniors", 3)


def test_the_same_again_changes_nothing() -> None:
    before = evaluation("one", severity=0.3, boost=40)
    more = evaluation("two", severity=0.6, boost=40)
    once = on_top(before, more)
    twice = on_top(once, more)
    assert (messages(twice), twice.n, twice.boost, twice.severity) == (["one", "two"], 2, 40, 0.6)
    # Without a finding its severity says nothing.
    assert on_top(once, evaluation(severity=0.0, boost=10)).severity == 0.6
    assert on_top(once, evaluation(severity=0.0, boost=10)).boost == 40


def test_a_thousand_findings_are_kept_of_a_label() -> None:
    before = evaluation(*(f"m{i}" for i in range(MAX_FINDINGS - 1)))
    full = on_top(before, evaluation("new", "newer"))
    assert full.n == MAX_FINDINGS
    assert messages(full)[-1] == "new"
