"""Messages of the annotator's API to values and back."""

from labelmesh.annotator.v1 import annotator_service_pb2 as annotator_pb2
from labelmesh.annotator.v1 import prediction_run_service_pb2 as run_pb2
from labels.errors import LabelError
from labels.label import ConfidenceMethod
from labels.names import RUN, asset_name, label_name, parse, parse_project, run_name
from labels.proto import confidence_method_from_pb, confidence_method_to_pb
from llm_annotator.bank import Entry
from llm_annotator.errors import RequestInvalid
from llm_annotator.examples import Pool
from llm_annotator.prompt import Template
from llm_annotator.run import ItemReport, ItemState, Run, RunConfig, Scope, Shots

_MAX_REQUEST_ID = 64


def project_id(name: str) -> str:
    """The id in `projects/{project}`; raises RequestInvalid."""
    try:
        return parse_project(name)
    except LabelError as error:
        raise RequestInvalid(str(error)) from None


def run_ids(name: str) -> tuple[str, str]:
    """Project id and uid in `projects/{project}/predictionRuns/{uid}`; raises RequestInvalid."""
    try:
        project, uid = parse(name, RUN)
    except LabelError as error:
        raise RequestInvalid(str(error)) from None
    return project, uid


def request_id(given: str) -> str:
    """The caller's id of a request; raises RequestInvalid."""
    if not 0 < len(given) <= _MAX_REQUEST_ID or not given.isprintable():
        raise RequestInvalid(f"request_id must be 1 to {_MAX_REQUEST_ID} printable characters.")
    return given


def minimum_asset_count(given: int) -> int:
    """How many assets a run waits for; raises RequestInvalid."""
    if given < 0:
        raise RequestInvalid("minimum_asset_count must not be negative.")
    return given


def config_from_pb(pb: run_pb2.RunConfig) -> RunConfig:
    """Raises RequestInvalid."""
    try:
        method = confidence_method_from_pb(pb.confidence_method) or ConfidenceMethod.LABEL_MASS
        run_pb2.ExampleStrategy.Name(pb.example_strategy)
        return RunConfig(
            shots=Shots.FEW if _known(run_pb2.Shots, pb.shots) == run_pb2.SHOTS_FEW else Shots.ZERO,
            pool=Pool.CORRECTED if _known(run_pb2.ExamplePool, pb.example_pool) == 2 else Pool.REVIEWED,
            per_category=pb.examples_per_category or 1,
            seed=pb.seed,
            method=method,
            concurrency=pb.concurrency,
            scope=Scope.UNREVIEWED if _known(run_pb2.RunScope, pb.scope) == 2 else Scope.MISSING,
        )
    except (LabelError, ValueError):
        raise RequestInvalid("The config holds a value that the contract does not know.") from None


def _known(enum: object, value: int) -> int:
    """The enum's value, if the contract has it; proto3 lets others through."""
    enum.Name(value)  # type: ignore[attr-defined]
    return value


def config_to_pb(config: RunConfig) -> run_pb2.RunConfig:
    """What a run was asked to do, defaults spelled out."""
    return run_pb2.RunConfig(
        shots=run_pb2.Shots.Value(f"SHOTS_{config.shots}"),
        example_strategy=run_pb2.EXAMPLE_STRATEGY_RANDOM_PER_CLASS,
        example_pool=run_pb2.ExamplePool.Value(f"EXAMPLE_POOL_{config.pool}"),
        examples_per_category=config.per_category,
        seed=config.seed,
        confidence_method=confidence_method_to_pb(config.method),
        concurrency=config.concurrency,
        scope=run_pb2.RunScope.Value(f"RUN_SCOPE_{config.scope}"),
    )


def run_to_pb(run: Run, project: str) -> run_pb2.PredictionRun:
    """A run on the wire."""
    return run_pb2.PredictionRun(
        name=run_name(project, run.uid),
        config=config_to_pb(run.config),
        state=run_pb2.RunState.Value(f"RUN_STATE_{run.state}"),
        pause_reason=run.pause_reason,
        total=run.total,
        succeeded=run.succeeded,
        failed=run.failed,
        model=run.model,
        prompt_revision=run.prompt_revision,
        examples=[label_name(project, uid) for uid in run.examples],
        prompt_tokens=run.prompt_tokens,
        completion_tokens=run.completion_tokens,
        minimum_asset_count=run.minimum_asset_count,
        create_time_us=run.create_time_us,
        end_time_us=run.end_time_us,
    )


def item_state_from_pb(value: int) -> ItemState | None:
    """The state to filter by, None for any; raises RequestInvalid."""
    try:
        return ItemState(value) if value else None
    except ValueError:
        raise RequestInvalid("The item state is unknown.") from None


def item_to_pb(item: ItemReport, project: str) -> run_pb2.PredictionItem:
    """An item on the wire."""
    return run_pb2.PredictionItem(
        asset=asset_name(project, item.asset_uid),
        asset_key=item.asset_key,
        state=run_pb2.ItemState.Value(f"ITEM_STATE_{item.state.name}"),
        error_reason=item.error_reason,
        error_message=item.error_message,
    )


def prompt_to_pb(template: Template) -> annotator_pb2.PromptRevision:
    """A prompt revision on the wire."""
    return annotator_pb2.PromptRevision(
        revision=template.revision,
        instruction=template.instruction,
        output_spec=template.output_spec,
        ontology_revision=template.ontology_revision,
        create_time_us=template.create_time_us,
    )


def example_to_pb(entry: Entry, project: str) -> annotator_pb2.Example:
    """An entry of the example bank on the wire."""
    return annotator_pb2.Example(
        label=label_name(project, entry.label_uid),
        asset=asset_name(project, entry.asset_uid),
        corrected=entry.corrected,
        categories=entry.categories,
    )
