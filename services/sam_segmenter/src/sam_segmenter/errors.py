"""What can be wrong with a request."""

from labels.errors import LabelError


class ShapeMissing(LabelError):
    """A shape must be a mask or a polygon."""


class PictureTooLarge(LabelError):
    """A picture must be 1 to 30,000 pixels high and wide, and have at most 64 million pixels."""


class FormMissing(LabelError):
    """The form must be MASK or POLYGON."""
