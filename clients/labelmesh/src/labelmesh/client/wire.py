"""The client's values to and from protobuf; the shared vocabulary itself is converted by `labels.proto`."""

from enum import StrEnum
from typing import TypeVar

from labelmesh.annotator.v1 import annotator_service_pb2 as annotator_pb
from labelmesh.annotator.v1 import prediction_run_service_pb2 as run_pb
from labelmesh.client.project import PreAnnotation, PriorityWeights, Project
from labelmesh.client.rule import Rule, RuleAction, RuleMode, RuleParameter, StoredFinding
from labelmesh.client.run import (
    Example,
    ExamplePool,
    ItemState,
    RenderedPrompt,
    Run,
    RunConfig,
    RunItem,
    RunScope,
    RunState,
    Shots,
)
from labelmesh.client.task import (
    Decision,
    Explanation,
    Lease,
    PriorityTerm,
    PriorityTerms,
    Sent,
    Task,
    TaskState,
)
from labelmesh.label.v1 import label_pb2
from labelmesh.qa.v1 import rule_service_pb2 as rule_pb
from labelmesh.review.v1 import project_service_pb2 as project_pb
from labelmesh.review.v1 import queue_service_pb2 as queue_pb
from labels import names
from labels.label import ConfidenceMethod, Severity
from labels.proto import asset_from_pb, finding_from_pb, label_from_pb, ontology_from_pb, ontology_to_pb

M = TypeVar("M", bound=StrEnum)


def project_from_pb(pb: project_pb.Project) -> Project:
    """A project as the server returns it."""
    weights = pb.priority_weights
    return Project(
        id=names.parse_project(pb.name),
        ontology=ontology_from_pb(pb.ontology),
        display_name=pb.display_name,
        instruction=pb.instruction,
        pre_annotation=member(PreAnnotation, project_pb.PreAnnotation.Name(pb.pre_annotation), "ON_DEMAND"),
        priority_weights=PriorityWeights(
            weights.uncertainty if weights.HasField("uncertainty") else None,
            weights.findings if weights.HasField("findings") else None,
            weights.age_per_hour if weights.HasField("age_per_hour") else None,
            weights.disagreement if weights.HasField("disagreement") else None,
            weights.business if weights.HasField("business") else None,
            weights.novelty if weights.HasField("novelty") else None,
        ),
        uid=pb.uid,
        asset_count=pb.asset_count,
        create_time_us=pb.create_time_us,
    )


def project_to_pb(project: Project) -> project_pb.Project:
    """A project to create; what the server sets is left out."""
    weights = project.priority_weights
    return project_pb.Project(
        display_name=project.display_name,
        instruction=project.instruction,
        ontology=ontology_to_pb(project.ontology),
        pre_annotation=project_pb.PreAnnotation.Value(f"PRE_ANNOTATION_{project.pre_annotation}"),
        priority_weights=project_pb.PriorityWeights(
            uncertainty=weights.uncertainty,
            findings=weights.findings,
            age_per_hour=weights.age_per_hour,
            disagreement=weights.disagreement,
            business=weights.business,
            novelty=weights.novelty,
        ),
    )


def task_from_pb(pb: queue_pb.Task) -> Task:
    """A review task."""
    project, uid = names.parse(pb.name, names.TASK)
    return Task(
        project=project,
        uid=uid,
        asset=asset_from_pb(pb.asset),
        label=label_from_pb(pb.label) if pb.HasField("label") else None,
        findings=tuple(finding_from_pb(finding) for finding in pb.findings),
        state=member(TaskState, queue_pb.TaskState.Name(pb.state), "OPEN"),
        priority=pb.priority,
        terms=PriorityTerms(
            pb.terms.uncertainty,
            pb.terms.severity,
            pb.terms.age_hours,
            pb.terms.boost,
            pb.terms.disagreement,
            pb.terms.business,
            pb.terms.novelty,
        ),
        reviewer=pb.reviewer,
        prediction_error=pb.prediction_error,
        pool=pb.pool,
        answers=pb.answers,
        answers_wanted=pb.answers_wanted,
        check=pb.check,
        sent=Sent(pb.sent.by, pb.sent.to, pb.sent.reason) if pb.HasField("sent") else None,
        overdue=pb.overdue,
    )


def lease_from_pb(pb: queue_pb.Lease) -> Lease:
    """A lease with its task."""
    return Lease(task_from_pb(pb.task), pb.fencing_token, pb.expire_time_us)


def explanation_from_pb(pb: queue_pb.ExplainPriorityResponse) -> Explanation:
    """A task's priority, explained."""
    return Explanation(
        priority=pb.priority,
        terms=tuple(PriorityTerm(t.name, t.weight, t.value, t.contribution) for t in pb.terms),
        rank=pb.rank,
        state=member(TaskState, queue_pb.TaskState.Name(pb.state), "OPEN"),
        ahead=pb.ahead,
        time_us=pb.time_us,
    )


def decision_to_pb(decision: Decision) -> queue_pb.Decision.ValueType:
    """The decision's number."""
    return queue_pb.Decision.Value(f"DECISION_{decision}")


def task_state_to_pb(state: TaskState | None) -> queue_pb.TaskState.ValueType:
    """The state's number; None means any that is not done."""
    return queue_pb.TaskState.Value(f"TASK_STATE_{state or 'UNSPECIFIED'}")


def config_to_pb(config: RunConfig) -> run_pb.RunConfig:
    """A run's configuration."""
    return run_pb.RunConfig(
        shots=run_pb.Shots.Value(f"SHOTS_{config.shots}"),
        example_strategy=run_pb.EXAMPLE_STRATEGY_RANDOM_PER_CLASS,
        example_pool=run_pb.ExamplePool.Value(f"EXAMPLE_POOL_{config.example_pool}"),
        examples_per_category=config.examples_per_category,
        seed=config.seed,
        confidence_method=label_pb2.ConfidenceMethod.Value(f"CONFIDENCE_METHOD_{config.confidence_method}"),
        concurrency=config.concurrency,
        scope=run_pb.RunScope.Value(f"RUN_SCOPE_{config.scope}"),
    )


def config_from_pb(pb: run_pb.RunConfig) -> RunConfig:
    """A run's configuration; what is unspecified reads as its default."""
    method = label_pb2.ConfidenceMethod.Name(pb.confidence_method)
    return RunConfig(
        shots=member(Shots, run_pb.Shots.Name(pb.shots), "ZERO"),
        examples_per_category=pb.examples_per_category or 1,
        example_pool=member(ExamplePool, run_pb.ExamplePool.Name(pb.example_pool), "REVIEWED"),
        seed=pb.seed,
        confidence_method=member(ConfidenceMethod, method, "LABEL_MASS"),
        concurrency=pb.concurrency,
        scope=member(RunScope, run_pb.RunScope.Name(pb.scope), "MISSING"),
    )


def run_from_pb(pb: run_pb.PredictionRun) -> Run:
    """A prediction run."""
    project, uid = names.parse(pb.name, names.RUN)
    return Run(
        project=project,
        uid=uid,
        config=config_from_pb(pb.config),
        state=member(RunState, run_pb.RunState.Name(pb.state), "RUNNING"),
        pause_reason=pb.pause_reason,
        total=pb.total,
        succeeded=pb.succeeded,
        failed=pb.failed,
        model=pb.model,
        prompt_revision=pb.prompt_revision,
        examples=tuple(pb.examples),
        prompt_tokens=pb.prompt_tokens,
        completion_tokens=pb.completion_tokens,
        minimum_asset_count=pb.minimum_asset_count,
        create_time_us=pb.create_time_us,
        end_time_us=pb.end_time_us,
    )


def item_from_pb(pb: run_pb.PredictionItem) -> RunItem:
    """An item of a run."""
    return RunItem(
        asset_uid=names.parse(pb.asset, names.ASSET)[1],
        asset_key=pb.asset_key,
        state=member(ItemState, run_pb.ItemState.Name(pb.state), "PENDING"),
        error_reason=pb.error_reason,
        error_message=pb.error_message,
    )


def item_state_to_pb(state: ItemState | None) -> run_pb.ItemState.ValueType:
    """The state's number; None means any."""
    return run_pb.ItemState.Value(f"ITEM_STATE_{state or 'UNSPECIFIED'}")


def example_from_pb(pb: annotator_pb.Example) -> Example:
    """An entry of the example bank."""
    return Example(
        label_uid=names.parse(pb.label, names.LABEL)[1],
        asset_uid=names.parse(pb.asset, names.ASSET)[1],
        corrected=pb.corrected,
        categories=tuple(pb.categories),
    )


def rendered_from_pb(pb: annotator_pb.RenderPromptResponse) -> RenderedPrompt:
    """A rendered prompt."""
    messages = tuple((message.role, message.content) for message in pb.messages)
    return RenderedPrompt(messages, pb.sha256, pb.output_schema_json, pb.prompt_revision)


def rule_from_pb(pb: rule_pb.Rule) -> Rule:
    """A rule with its settings."""
    return Rule(
        id=pb.id,
        description=pb.description,
        enabled=pb.enabled,
        severity=member(Severity, label_pb2.Severity.Name(pb.severity), "WARNING"),
        parameters=tuple(
            RuleParameter(
                p.name, p.value, p.description, tuple(p.texts), p.kind == rule_pb.RULE_PARAMETER_KIND_TEXTS
            )
            for p in pb.parameters
        ),
        mode=member(RuleMode, rule_pb.RuleMode.Name(pb.mode), "DISABLED"),
        action=member(RuleAction, rule_pb.RuleAction.Name(pb.action), "FLAG"),
        route_boost=pb.route_boost,
        route_pool=pb.route_pool,
        precision_floor=pb.precision_floor,
        version=pb.version,
        custom=pb.custom,
        fixable=pb.fixable,
        schedule_minutes=pb.schedule_minutes if pb.HasField("schedule_minutes") else None,
    )


def rule_to_pb(rule: Rule) -> rule_pb.Rule:
    """A rule's settings; descriptions are the server's."""
    return rule_pb.Rule(
        id=rule.id,
        enabled=rule.enabled,
        severity=label_pb2.Severity.Value(f"SEVERITY_{rule.severity}"),
        parameters=[
            rule_pb.RuleParameter(name=p.name, value=p.value, texts=p.texts) for p in rule.parameters
        ],
        mode=rule_pb.RuleMode.Value(f"RULE_MODE_{rule.mode or 'UNSPECIFIED'}"),
        action=rule_pb.RuleAction.Value(f"RULE_ACTION_{rule.action or 'UNSPECIFIED'}"),
        route_boost=rule.route_boost,
        route_pool=rule.route_pool,
        precision_floor=rule.precision_floor,
        schedule_minutes=rule.schedule_minutes,
    )


def stored_finding_from_pb(pb: rule_pb.StoredFinding) -> StoredFinding:
    """A stored finding."""
    return StoredFinding(
        finding=finding_from_pb(pb.finding),
        label_uid=names.parse(pb.label, names.LABEL)[1],
        asset_uid=names.parse(pb.asset, names.ASSET)[1],
        create_time_us=pb.create_time_us,
    )


def member(enum: type[M], wire_name: str, default: str) -> M:
    """The member that a wire name such as TASK_STATE_OPEN ends in; the default where it is unspecified."""
    for member in enum:
        if wire_name.endswith(f"_{member.value}"):
            return member
    return enum(default)
