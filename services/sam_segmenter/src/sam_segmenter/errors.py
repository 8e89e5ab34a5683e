"""What can go wrong; each docstring is the sentence that the caller reads.

LabelError
├─ SegmenterError ─ RequestInvalid, NotThere, NotNow, EncoderError and what stands below them
└─ (labels) AnnotationInvalid ...
"""

from labels.errors import LabelError


class SegmenterError(LabelError):
    """The segmenter could not do what was asked."""


class RequestInvalid(SegmenterError):
    """The request asks for something that does not exist."""


class ShapeMissing(RequestInvalid):
    """A shape must be a mask or a polygon."""


class FormMissing(RequestInvalid):
    """The form must be MASK, POLYGON or PNG."""


class PictureTooLarge(RequestInvalid):
    """A picture must be 1 to 30,000 pixels high and wide, and have at most 64 million pixels."""


class PictureUnreadable(RequestInvalid):
    """The content is not a picture that can be read: send a PNG, JPEG, WebP, TIFF, GIF or BMP file."""


class PictureTruncated(PictureUnreadable):
    """The picture's file ends before the picture does: upload it again."""


class SourceMissing(RequestInvalid):
    """The request names no picture: set its content or a handle."""


class HandleInvalid(RequestInvalid):
    """The handle is not one that WarmImage or Segment returned."""


class PromptEmpty(RequestInvalid):
    """Each object needs a click, a box or an earlier mask."""


class TooManyObjects(RequestInvalid):
    """A request may ask for 1 to 64 objects."""


class TooManyClicks(RequestInvalid):
    """An object may have 256 clicks."""


class ClickOutside(RequestInvalid):
    """A click must lie on the picture."""


class BoxInvalid(RequestInvalid):
    """A box must have a width and a height and overlap the picture."""


class MaskSizeInvalid(RequestInvalid):
    """An earlier mask must have the size of the picture."""


class LogitsForeign(RequestInvalid):
    """The logits belong to another picture."""


class OptionInvalid(RequestInvalid):
    """An option is out of its range."""


class NotThere(SegmenterError):
    """What the request names is not there."""


class ImageNotFound(NotThere):
    """There is no such picture: upload it again."""


class LogitsNotFound(NotThere):
    """There are no such logits: send the earlier mask instead, or neither."""


class EncoderError(SegmenterError):
    """The image encoder did not answer."""


class EncoderUnavailable(EncoderError):
    """The image encoder cannot be reached or has too much to do; try again in a moment."""


class EncoderSlow(EncoderError):
    """The image encoder did not answer in time; try again, with a longer deadline if you set one."""


class EncoderUnfit(EncoderError):
    """The image encoder does not serve the model that this service is set up for; its operator must look."""


class ModelUnusable(SegmenterError):
    """The model's files are missing, damaged or not a Segment Anything model."""


class VideoUnreadable(RequestInvalid):
    """The content is not a video that can be read: send an MP4, MOV, MKV, WebM or AVI file."""


class VideoTooLong(RequestInvalid):
    """A video may have 100,000 frames, and a list of pictures 10,000."""


class FramesDiffer(RequestInvalid):
    """All pictures of a video must have the same size."""


class FrameOutside(RequestInvalid):
    """The video has no such frame."""


class ObjectIdInvalid(RequestInvalid):
    """An object's number must be 1 to 1,000,000, and a session may have 64 objects."""


class CursorInvalid(RequestInvalid):
    """The cursor does not belong to these frames."""


class NothingPrompted(RequestInvalid):
    """No object has been prompted in this session."""


class SessionNotFound(NotThere):
    """There is no such video session: it was ended or not used for a while. Create it again; a cursor goes on there."""


class SessionsFull(SegmenterError):
    """Too many videos are open here: end a session, or try again in a few minutes."""


class PromptsFull(RequestInvalid):
    """The prompts of a session may take 384 KiB: remove an object, or open another session."""


class ObjectNotFound(NotThere):
    """The session has no such object."""


class ProjectNotFound(NotThere):
    """There is no such project, or it has not arrived here yet."""


class RunNotFound(NotThere):
    """There is no such run."""


class NotNow(SegmenterError):
    """It cannot be done in the present state."""


class NoImageTool(NotNow):
    """The project's ontology has no mask or polygon tool of that name and category."""


class AssetsMissing(NotNow):
    """Not all of the project's assets have arrived here yet; try again in a moment."""


class RunNotCancellable(NotNow):
    """The run has ended."""


class RunNotResumable(NotNow):
    """The run is not cancelled."""


class RequestIdReused(RequestInvalid):
    """The request id was used for another request."""


class NothingFound(SegmenterError):
    """The model found nothing on the picture that is sure and large enough."""


class NothingToSegment(SegmenterError):
    """The asset is no picture, or its label has no box on it for a category of the tool."""


class PictureTooHard(SegmenterError):
    """The service stopped several times while it worked on this picture."""
