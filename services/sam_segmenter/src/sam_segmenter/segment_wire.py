"""Pictures, prompts and answers on the wire and back."""

from labelmesh.label.v1 import label_pb2
from labelmesh.segmenter.v1 import mask_service_pb2
from labelmesh.segmenter.v1 import segmenter_service_pb2 as pb
from labels import rle
from labels.asset import ContentRef
from labels.label import Box, Mask, Polygon
from labels.proto import content_ref_from_pb, value_to_pb
from sam_segmenter.answers import Candidate, Form, Wish
from sam_segmenter.automatic import Grid
from sam_segmenter.embeddings import Tier
from sam_segmenter.errors import (
    FormMissing,
    MaskSizeInvalid,
    OptionInvalid,
    SourceMissing,
    TooManyClicks,
    TooManyObjects,
)
from sam_segmenter.masks.clean import Cleaning
from sam_segmenter.masks.difficulty import Difficulty, Doubt
from sam_segmenter.prompts import MAX_CLICKS, Click, Prompt
from sam_segmenter.segmenter import MAX_OBJECTS, Answer, Ask, ObjectAnswer, handle_of, ref_of

_FORMS: dict[int, Form] = {
    mask_service_pb2.SHAPE_FORM_UNSPECIFIED: Form.MASK,
    mask_service_pb2.SHAPE_FORM_MASK: Form.MASK,
    mask_service_pb2.SHAPE_FORM_POLYGON: Form.POLYGON,
    mask_service_pb2.SHAPE_FORM_PNG: Form.PNG,
}
_TIERS = {tier: pb.CacheTier.Value(f"CACHE_TIER_{tier}") for tier in Tier}
_DOUBTS = {doubt: pb.Doubt.Value(f"DOUBT_{doubt}") for doubt in Doubt}
_MAX_PX = 1 << 30


def ref_from_pb(image: pb.ImageSource) -> ContentRef:
    """Raises SourceMissing, HandleInvalid or ContentRefInvalid."""
    match image.WhichOneof("source"):
        case "content":
            return content_ref_from_pb(image.content)
        case "handle":
            return ref_of(image.handle)
        case _:
            raise SourceMissing


def asks_from_pb(objects: "list[pb.ObjectPrompt]", height_px: int, width_px: int) -> list[Ask]:
    """Raises RequestInvalid or AnnotationInvalid."""
    if not 0 < len(objects) <= MAX_OBJECTS:
        raise TooManyObjects
    return [ask_from_pb(prompt, height_px, width_px) for prompt in objects]


def ask_from_pb(prompt: pb.ObjectPrompt, height_px: int, width_px: int) -> Ask:
    """A prompt for a picture of that size. Raises RequestInvalid or AnnotationInvalid."""
    if len(prompt.clicks) > MAX_CLICKS:
        raise TooManyClicks
    clicks = tuple(Click(click.x_px, click.y_px, click.positive) for click in prompt.clicks)
    box = None
    if prompt.HasField("box"):
        b = prompt.box
        # Checked by `prompts.check`, whose sentence fits a prompt.
        box = Box(b.x_px, b.y_px, b.width_px, b.height_px)
    mask = None
    if prompt.WhichOneof("previous") == "mask":
        given = Mask(prompt.mask.height_px, prompt.mask.width_px, prompt.mask.counts)
        same = (given.height_px, given.width_px) == (height_px, width_px)
        # A mask of another size is not written out only to be refused.
        mask = rle.to_bitmap(given) if same else None
        if not same:
            raise MaskSizeInvalid
    return Ask(Prompt(clicks, box, mask), prompt.logits)


def wish_from_pb(request: pb.SegmentRequest) -> Wish:
    """Raises OptionInvalid or FormMissing."""
    post = request.post_process
    loss = post.max_iou_loss
    if not 0 <= loss <= 0.5:
        raise OptionInvalid("max_iou_loss must be 0 to 0.5.")
    for size in (post.min_island_px, post.max_hole_px):
        if not 0 <= size <= _MAX_PX:
            raise OptionInvalid("Sizes of islands and holes must not be negative.")
    cleaning = Cleaning(post.min_island_px, post.max_hole_px, post.keep_largest)
    return Wish(request.best_only, cleaning, loss, form_from_pb(request.form))


def form_from_pb(number: int) -> Form:
    """Raises FormMissing."""
    form = _FORMS.get(number)
    if form is None:
        raise FormMissing
    return form


def answer_to_pb(answer: Answer) -> pb.SegmentResponse:
    """The answer on the wire."""
    timings = answer.timings
    return pb.SegmentResponse(
        objects=map(object_to_pb, answer.objects),
        handle=handle_of(answer.view.ref),
        height_px=answer.view.height_px,
        width_px=answer.view.width_px,
        cache=_TIERS[answer.tier],
        timings=pb.Timings(
            embedding_ms=timings.embedding_ms, decode_ms=timings.decode_ms, post_ms=timings.post_ms
        ),
    )


def tier_to_pb(tier: Tier) -> pb.CacheTier.ValueType:
    """The tier on the wire."""
    return _TIERS[tier]


def object_to_pb(answer: ObjectAnswer) -> pb.SegmentedObject:
    """One object's masks on the wire."""
    masks = [mask_to_pb(candidate, handle) for candidate, handle in answer.candidates]
    return pb.SegmentedObject(masks=masks, logits_lost=answer.logits_lost)


def mask_to_pb(found: Candidate, logits: str = "") -> pb.SegmentedMask:
    """A mask on the wire."""
    return pb.SegmentedMask(
        shape=_shape_to_pb(found),
        predicted_iou=found.predicted_iou,
        stability=found.stability,
        area_px=found.area_px,
        bounds=box_to_pb(found.bounds) if found.bounds else None,
        logits=logits,
        difficulty=found.difficulty.score,
        needs_human=found.difficulty.needs_human,
        doubts=_doubts(found.difficulty),
        iou_loss=found.iou_loss,
    )


def box_to_pb(box: Box) -> label_pb2.Box:
    """A box on the wire."""
    return value_to_pb(box).box


def _doubts(difficulty: Difficulty) -> list[pb.Doubt.ValueType]:
    return [_DOUBTS[doubt] for doubt in difficulty.doubts]


def _shape_to_pb(found: Candidate) -> mask_service_pb2.Shape | None:
    match found.shape:
        case None:
            return None
        case Mask() as mask:
            return mask_service_pb2.Shape(mask=value_to_pb(mask).mask)
        case Polygon() as polygon:
            return mask_service_pb2.Shape(
                polygon=value_to_pb(polygon).polygon, height_px=found.height_px, width_px=found.width_px
            )
        case png:
            return mask_service_pb2.Shape(png=png)


def grid_from_pb(request: pb.GenerateMasksRequest) -> Grid:
    """Raises OptionInvalid."""
    shares = (request.min_predicted_iou, request.min_stability, request.max_overlap_iou)
    if not all(0 <= share <= 1 for share in shares):
        raise OptionInvalid("min_predicted_iou, min_stability and max_overlap_iou must be 0 to 1.")
    if not 0 <= request.points_per_side <= 64:
        raise OptionInvalid("points_per_side must be 1 to 64, or 0 for the default.")
    if not 0 <= request.crop_layers <= 3:
        raise OptionInvalid("crop_layers must be 0 to 3.")
    if not 0 <= request.min_area_px <= _MAX_PX:
        raise OptionInvalid("min_area_px must not be negative.")
    default = Grid()
    return Grid(
        points_per_side=request.points_per_side or default.points_per_side,
        min_predicted_iou=request.min_predicted_iou or default.min_predicted_iou,
        min_stability=request.min_stability or default.min_stability,
        max_overlap_iou=request.max_overlap_iou or default.max_overlap_iou,
        crop_layers=request.crop_layers,
        min_area_px=request.min_area_px,
    )
