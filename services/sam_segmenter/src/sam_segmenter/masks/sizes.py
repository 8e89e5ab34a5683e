"""How large a picture may be that a shape lies on."""

from sam_segmenter.errors import PictureTooLarge

MAX_SIDE_PX = 30_000
MAX_PIXELS = 64_000_000


def check_size(height_px: int, width_px: int) -> None:
    """Raises PictureTooLarge."""
    if (
        not all(0 < side <= MAX_SIDE_PX for side in (height_px, width_px))
        or height_px * width_px > MAX_PIXELS
    ):
        raise PictureTooLarge
