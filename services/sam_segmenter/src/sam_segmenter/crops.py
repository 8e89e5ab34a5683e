"""Crops of a picture in layers, each encoded by itself: what is small in the picture is large in its crop."""

from sam_segmenter.frame import Region, whole

#: Of the picture's shorter side, how much neighbouring crops of the first layer share; deeper layers share less.
OVERLAP = 1 / 3


def layers(height_px: int, width_px: int, count: int) -> tuple[tuple[Region, ...], ...]:
    """The whole picture, and `count` layers of 2 x 2, 4 x 4 ... crops that overlap and cover it."""
    return tuple(_layer(height_px, width_px, 2**number) for number in range(count + 1))


def _layer(height_px: int, width_px: int, per_side: int) -> tuple[Region, ...]:
    if per_side == 1:
        return (whole(height_px, width_px),)
    shared_px = int(OVERLAP * min(height_px, width_px) * 2 / per_side)
    rows, columns = (_spans(side, per_side, shared_px) for side in (height_px, width_px))
    return tuple(Region(x, y, width, height) for y, height in rows for x, width in columns)


def _spans(side_px: int, count: int, shared_px: int) -> list[tuple[int, int]]:
    """Start and length of `count` stretches along a side, each sharing `shared_px` with the next."""
    length = min(side_px, -(-(side_px + shared_px * (count - 1)) // count))
    step = max(1, length - shared_px)
    starts = sorted({min(step * number, side_px - length) for number in range(count)})
    return [(start, length) for start in starts]
