"""Messages of SegmentationRunService to values and back."""

from labelmesh.segmenter.v1 import segmentation_run_service_pb2 as pb
from labels.names import RUN, asset_name, parse, run_name
from labels.ontology import Ontology
from sam_segmenter.batch.run import Failure, Mode, Run, RunConfig, target
from sam_segmenter.errors import NoImageTool, OptionInvalid

_MAX_REQUEST_ID = 64
_MODES = {
    pb.SEGMENTATION_MODE_UNSPECIFIED: Mode.AUTOMATIC,
    pb.SEGMENTATION_MODE_AUTOMATIC: Mode.AUTOMATIC,
    pb.SEGMENTATION_MODE_BOXES: Mode.BOXES,
}


def run_ids(name: str) -> tuple[str, str]:
    """Project id and uid in `projects/{project}/predictionRuns/{uid}`; raises NameInvalid."""
    project, uid = parse(name, RUN)
    return project, uid


def request_id(given: str) -> str:
    """The caller's id of a request; raises OptionInvalid."""
    if not 0 < len(given) <= _MAX_REQUEST_ID or not given.isprintable():
        raise OptionInvalid(f"request_id must be 1 to {_MAX_REQUEST_ID} printable characters.")
    return given


def minimum_asset_count(given: int) -> int:
    """How many assets must have arrived; raises OptionInvalid."""
    if given < 0:
        raise OptionInvalid("minimum_asset_count must not be negative.")
    return given


def config_from_pb(given: pb.SegmentationConfig) -> RunConfig:
    """Raises OptionInvalid."""
    mode = _MODES.get(given.mode)
    if mode is None:
        raise OptionInvalid("The mode is not one that the contract knows.")
    return RunConfig(mode, given.tool, given.category, given.points_per_side, given.min_area_px)


def config_to_pb(config: RunConfig, ontology: Ontology) -> pb.SegmentationConfig:
    """The config with its defaults filled in, as far as the ontology still has them."""
    tool, category = config.tool, config.category
    try:
        goal = target(config, ontology)
        tool, category = goal.tool.name, goal.category
    except NoImageTool:
        pass  # The run's pictures fail with that reason.
    return pb.SegmentationConfig(
        mode=pb.SegmentationMode.Value(f"SEGMENTATION_MODE_{config.mode}"),
        tool=tool,
        category=category,
        points_per_side=config.points if config.mode is Mode.AUTOMATIC else 0,
        min_area_px=config.min_px,
    )


def run_to_pb(run: Run, project_id: str, ontology: Ontology) -> pb.SegmentationRun:
    """A run on the wire."""
    return pb.SegmentationRun(
        name=run_name(project_id, run.uid),
        config=config_to_pb(run.config, ontology),
        state=pb.SegmentationRunState.Value(f"SEGMENTATION_RUN_STATE_{run.state}"),
        total=run.total,
        succeeded=run.succeeded,
        failed=run.failed,
        masks=run.masks,
        model=run.model,
        create_time_us=run.create_time_us,
        end_time_us=run.end_time_us,
    )


def failure_to_pb(failure: Failure, project_id: str) -> pb.SegmentationFailure:
    """A failed picture on the wire."""
    return pb.SegmentationFailure(
        asset=asset_name(project_id, failure.asset_uid), reason=failure.reason, message=failure.message
    )
