"""sam-segmenter's messages to and from the client's values."""

from labelmesh.client.segment import (
    CacheTier,
    Doubt,
    FoundMasks,
    Grid,
    ObjectPrompt,
    PostProcess,
    SamModel,
    Segmentation,
    SegmentedMask,
    SegmentedObject,
    ShapeForm,
    Timings,
    WarmImage,
)
from labelmesh.client.segmentation_run import (
    SegmentationConfig,
    SegmentationFailure,
    SegmentationMode,
    SegmentationRun,
    SegmentationRunState,
)
from labelmesh.client.wire import member
from labelmesh.label.v1 import label_pb2
from labelmesh.segmenter.v1 import mask_service_pb2 as mask_pb
from labelmesh.segmenter.v1 import segmentation_run_service_pb2 as run_pb
from labelmesh.segmenter.v1 import segmenter_service_pb2 as pb
from labels import names
from labels.asset import ContentRef
from labels.label import Box, Mask, Polygon
from labels.proto import content_ref_to_pb, value_from_pb, value_to_pb


def image_to_pb(image: ContentRef | str) -> pb.ImageSource:
    """A picture by where it lies, or by its handle."""
    if isinstance(image, str):
        return pb.ImageSource(handle=image)
    return pb.ImageSource(content=content_ref_to_pb(image))


def prompt_to_pb(prompt: ObjectPrompt) -> pb.ObjectPrompt:
    """What is known of an object."""
    made = pb.ObjectPrompt(
        clicks=[pb.Click(x_px=c.x_px, y_px=c.y_px, positive=c.positive) for c in prompt.clicks],
        box=None if prompt.box is None else value_to_pb(prompt.box).box,
    )
    if prompt.mask is not None:
        made.mask.CopyFrom(value_to_pb(prompt.mask).mask)
    elif prompt.logits:
        made.logits = prompt.logits
    return made


def post_process_to_pb(wanted: PostProcess) -> pb.PostProcess:
    """How masks are cleaned."""
    return pb.PostProcess(
        min_island_px=wanted.min_island_px,
        max_hole_px=wanted.max_hole_px,
        keep_largest=wanted.keep_largest,
        max_iou_loss=wanted.max_iou_loss,
    )


def form_to_pb(form: ShapeForm) -> mask_pb.ShapeForm.ValueType:
    """The form's number."""
    return mask_pb.ShapeForm.Value(f"SHAPE_FORM_{form}")


def grid_to_pb(image: ContentRef | str, grid: Grid, form: ShapeForm) -> pb.GenerateMasksRequest:
    """A request for masks all over a picture."""
    return pb.GenerateMasksRequest(
        image=image_to_pb(image),
        points_per_side=grid.points_per_side,
        min_predicted_iou=grid.min_predicted_iou,
        min_stability=grid.min_stability,
        max_overlap_iou=grid.max_overlap_iou,
        crop_layers=grid.crop_layers,
        min_area_px=grid.min_area_px,
        form=form_to_pb(form),
    )


def warm_from_pb(answer: pb.WarmImageResponse) -> WarmImage:
    """A picture that is encoded."""
    return WarmImage(answer.handle, answer.height_px, answer.width_px, _tier(answer.cache))


def segmentation_from_pb(answer: pb.SegmentResponse) -> Segmentation:
    """An answer with all its objects."""
    took = answer.timings
    return Segmentation(
        objects=tuple(
            SegmentedObject(tuple(mask_from_pb(mask) for mask in found.masks), found.logits_lost)
            for found in answer.objects
        ),
        handle=answer.handle,
        height_px=answer.height_px,
        width_px=answer.width_px,
        cache=_tier(answer.cache),
        timings=Timings(took.embedding_ms, took.decode_ms, took.post_ms),
    )


def found_from_pb(answer: pb.GenerateMasksResponse) -> FoundMasks:
    """Masks of one part of a picture."""
    masks = tuple(mask_from_pb(mask) for mask in answer.masks)
    return FoundMasks(masks, answer.points_done, answer.points_total)


def mask_from_pb(mask: pb.SegmentedMask) -> SegmentedMask:
    """One mask."""
    return SegmentedMask(
        shape=shape_from_pb(mask.shape) if mask.HasField("shape") else None,
        predicted_iou=mask.predicted_iou,
        stability=mask.stability,
        area_px=mask.area_px,
        bounds=_box(mask.bounds) if mask.HasField("bounds") else None,
        logits=mask.logits,
        difficulty=mask.difficulty,
        needs_human=mask.needs_human,
        doubts=tuple(member(Doubt, pb.Doubt.Name(doubt), "UNKNOWN") for doubt in mask.doubts),
        iou_loss=mask.iou_loss,
    )


def shape_from_pb(shape: mask_pb.Shape) -> Mask | Polygon | bytes | None:
    """A shape in whichever form it came."""
    match shape.WhichOneof("shape"):
        case "mask":
            value = value_from_pb(label_pb2.Annotation(mask=shape.mask))
        case "polygon":
            value = value_from_pb(label_pb2.Annotation(polygon=shape.polygon))
        case "png":
            return shape.png
        case _:
            return None
    return value if isinstance(value, Mask | Polygon) else None


def model_from_pb(answer: pb.GetModelResponse) -> SamModel:
    """The model that answers."""
    return SamModel(
        answer.name,
        answer.encoder_sha256,
        answer.decoder_sha256,
        answer.input_side_px,
        answer.encoder_backend,
    )


def config_to_pb(config: SegmentationConfig) -> run_pb.SegmentationConfig:
    """What a run is asked to do."""
    return run_pb.SegmentationConfig(
        mode=run_pb.SegmentationMode.Value(f"SEGMENTATION_MODE_{config.mode}"),
        tool=config.tool,
        category=config.category,
        points_per_side=config.points_per_side,
        min_area_px=config.min_area_px,
    )


def run_from_pb(run: run_pb.SegmentationRun) -> SegmentationRun:
    """A segmentation run."""
    project, uid = names.parse(run.name, names.RUN)
    config = run.config
    return SegmentationRun(
        project=project,
        uid=uid,
        config=SegmentationConfig(
            mode=member(SegmentationMode, run_pb.SegmentationMode.Name(config.mode), "AUTOMATIC"),
            tool=config.tool,
            category=config.category,
            points_per_side=config.points_per_side,
            min_area_px=config.min_area_px,
        ),
        state=member(SegmentationRunState, run_pb.SegmentationRunState.Name(run.state), "RUNNING"),
        total=run.total,
        succeeded=run.succeeded,
        failed=run.failed,
        masks=run.masks,
        model=run.model,
        create_time_us=run.create_time_us,
        end_time_us=run.end_time_us,
    )


def failure_from_pb(failure: run_pb.SegmentationFailure) -> SegmentationFailure:
    """A picture without a prediction."""
    return SegmentationFailure(names.parse(failure.asset, names.ASSET)[1], failure.reason, failure.message)


def _box(box: label_pb2.Box) -> Box:
    return Box(box.x_px, box.y_px, box.width_px, box.height_px)


def _tier(number: pb.CacheTier.ValueType) -> CacheTier:
    return member(CacheTier, pb.CacheTier.Name(number), "ENCODED")
