"""Videos, prompts on them and what is seen of objects, on the wire and back."""

from labelmesh.segmenter.v1 import mask_service_pb2, segmenter_service_pb2
from labelmesh.segmenter.v1 import video_service_pb2 as pb
from labels.proto import value_to_pb
from sam_segmenter import segment_wire
from sam_segmenter.errors import OptionInvalid
from sam_segmenter.prompts import Prompt
from sam_segmenter.video.sessions import Session
from sam_segmenter.video.tracker import Sighting, Step

_STEPS: dict[int, int] = {
    pb.DIRECTION_UNSPECIFIED: 1,
    pb.DIRECTION_FORWARD: 1,
    pb.DIRECTION_BACKWARD: -1,
}


def session_to_pb(session: Session) -> pb.VideoSession:
    """A session on the wire."""
    frames = session.frames
    return pb.VideoSession(
        name=session.name,
        frame_count=frames.count,
        height_px=frames.height_px,
        width_px=frames.width_px,
        frames_per_second=frames.frames_per_second,
        object_ids=session.tracker.object_ids,
        expire_time_us=int(session.expires_at * 1e6),
    )


def prompt_from_pb(prompt: segmenter_service_pb2.ObjectPrompt, session: Session) -> Prompt:
    """Raises RequestInvalid or AnnotationInvalid."""
    if prompt.logits:
        raise OptionInvalid("A prompt on a video takes no logits: send the mask instead.")
    return segment_wire.ask_from_pb(prompt, session.frames.height_px, session.frames.width_px).prompt


def step_from_pb(direction: int) -> int:
    """1 forward, -1 backward; raises OptionInvalid."""
    if direction not in _STEPS:
        raise OptionInvalid("The direction must be FORWARD or BACKWARD.")
    return _STEPS[direction]


def count_from_pb(max_frames: int) -> int | None:
    """None for all; raises OptionInvalid."""
    if max_frames < 0:
        raise OptionInvalid("max_frames must not be negative.")
    return max_frames or None


def sighting_to_pb(sighting: Sighting) -> pb.FrameMask:
    """An object on a frame, on the wire."""
    shape = None
    if sighting.mask is not None:
        shape = mask_service_pb2.Shape(mask=value_to_pb(sighting.mask).mask)
    return pb.FrameMask(
        object_id=sighting.object_id,
        shape=shape,
        predicted_iou=sighting.predicted_iou,
        needs_human=sighting.needs_human,
    )


def made_to_pb(made: Step) -> pb.PropagateResponse:
    """A frame's objects on the wire."""
    return pb.PropagateResponse(
        frame=made.frame, masks=map(sighting_to_pb, made.sightings), cursor=made.cursor
    )
