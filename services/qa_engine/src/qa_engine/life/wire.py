"""Runs and verdicts on the wire."""

from collections.abc import Sequence

from labelmesh.qa.v1 import finding_service_pb2, rule_service_pb2
from labelmesh.qa.v1 import rule_run_service_pb2 as pb2
from labels.names import LABEL, asset_name, label_name, parse, rule_run_name
from labels.proto import finding_to_pb
from qa_engine.engine import Engine
from qa_engine.errors import RuleUnknown, RunRequestInvalid, VerdictInvalid
from qa_engine.life.precision import Precision
from qa_engine.life.run import MAX_SECONDS_PER_HIT, Run, settings_from_json
from qa_engine.life.runs import Hit
from qa_engine.life.verdicts import Verdict
from qa_engine.projects import Project
from qa_engine.wire import with_settings_to_pb

MAX_VERDICTS = 1_000
MAX_REQUEST_ID = 64


def run_to_pb(run: Run, project: Project, engine: Engine) -> pb2.RuleRun:
    """A run on the wire."""
    return pb2.RuleRun(
        name=rule_run_name(project.id, run.uid),
        kind=pb2.RuleRunKind.Value(f"RULE_RUN_KIND_{run.kind}"),
        rule=_rule_to_pb(run, project, engine),
        state=pb2.RuleRunState.Value(f"RULE_RUN_STATE_{run.state}"),
        total=run.total,
        looked=run.looked,
        hit_labels=run.hit_labels,
        hits=run.hits,
        hit_rate=run.hit_rate,
        patched=run.patched,
        unchecked_labels=run.unchecked_labels,
        reviewer_minutes=run.reviewer_minutes,
        precision=precision_to_pb(run.precision),
        error=run.error,
        author=run.author,
        create_time_us=run.create_time_us,
        end_time_us=run.end_time_us,
        review_seconds=run.review_seconds,
        review_time_source=pb2.ReviewTimeSource.Value(f"REVIEW_TIME_SOURCE_{run.review_time_source}"),
    )


def _rule_to_pb(run: Run, project: Project, engine: Engine) -> rule_service_pb2.Rule | None:
    if not run.settings:
        return None
    try:
        rule = engine.rule(run.rule, project.ruleset)
        pb = with_settings_to_pb(
            rule, settings_from_json(run.settings), custom=rule in project.ruleset.custom
        )
    except (RuleUnknown, KeyError):
        # The rule is gone, or another one by now: its name is what is left.
        return rule_service_pb2.Rule(id=run.rule, version=run.version)
    pb.version = run.version
    return pb


def precision_to_pb(precision: Precision) -> pb2.RulePrecision:
    """How often a rule was right."""
    return pb2.RulePrecision(
        right=precision.right,
        wrong=precision.wrong,
        estimate=precision.estimate,
        lower=precision.lower,
        upper=precision.upper,
    )


def hit_to_pb(hit: Hit, project_id: str) -> pb2.RunHit:
    """One thing that a run found."""
    return pb2.RunHit(
        finding=finding_to_pb(hit.finding),
        label=label_name(project_id, hit.label_uid),
        asset=asset_name(project_id, hit.asset_uid),
    )


def seconds_from_pb(seconds: float) -> float:
    """Seconds a hit, 0 where they are not said; raises RunRequestInvalid."""
    if not 0 <= seconds <= MAX_SECONDS_PER_HIT:
        raise RunRequestInvalid(f"The seconds per hit must be 0 to {MAX_SECONDS_PER_HIT:,g}.")
    return seconds


def request_id_from_pb(request_id: str) -> str:
    """Raises RunRequestInvalid for one that is too long."""
    if len(request_id) > MAX_REQUEST_ID:
        raise RunRequestInvalid(f"A request id has at most {MAX_REQUEST_ID} characters.")
    return request_id


def verdicts_from_pb(
    pbs: Sequence[finding_service_pb2.FindingResolution], project_id: str, engine: Engine, project: Project
) -> list[Verdict]:
    """Raises VerdictInvalid, NameInvalid or RuleUnknown."""
    if not 1 <= len(pbs) <= MAX_VERDICTS:
        raise VerdictInvalid(f"A request has 1 to {MAX_VERDICTS:,} verdicts.")
    return [_verdict(pb, project_id, engine, project) for pb in pbs]


def _verdict(
    pb: finding_service_pb2.FindingResolution, project_id: str, engine: Engine, project: Project
) -> Verdict:
    of, label_uid = parse(pb.label, LABEL)
    said = pb.verdict != finding_service_pb2.FINDING_VERDICT_UNSPECIFIED
    if of != project_id or not said or len(pb.annotation_id) > 64:
        raise VerdictInvalid
    engine.rule(pb.rule, project.ruleset)
    confirmed = pb.verdict == finding_service_pb2.FINDING_VERDICT_CONFIRM
    return Verdict(pb.rule, label_uid, pb.annotation_id, confirmed)
