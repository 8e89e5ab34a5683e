"""What `labelmesh segment` shows and writes."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from labelmesh.cli.console import out, plain, plural, print_json, table
from labelmesh.cli.errors import UserError
from labelmesh.client import ObjectPrompt, Segmentation, SegmentedMask
from labelmesh.pictures import Dot, Drawn, overlay
from labels import rle, shapes
from labels.label import Mask, Polygon
from labels.rle import Bitmap

_MAX_NUMBER = 255
_SHOWN = 20
_COLUMNS = ("mask", "predicted IoU", "stability", "area px", "box x,y,w,h", "shape", "a person should look")


@dataclass(frozen=True, slots=True)
class Found:
    """An answer: for each object its masks, best first. Without prompts the masks were looked for everywhere."""

    path: Path
    picture: Image.Image
    prompts: tuple[ObjectPrompt, ...]
    objects: tuple[tuple[SegmentedMask, ...], ...]
    model: str
    answer: Segmentation | None


def check_target(target: Path | None, picture: Path) -> None:
    """Raise UserError unless a picture can be written there that is not the one being segmented."""
    if target is None:
        return
    if target.suffix.lower() not in Image.registered_extensions():
        raise UserError(f"{target} has no ending that says which kind of picture to write; use .png or .jpg.")
    if not target.absolute().parent.is_dir():
        raise UserError(f"There is no folder {target.absolute().parent} to write {target.name} into.")
    if target.exists() and picture.exists() and target.samefile(picture):
        raise UserError(f"{target} is the picture itself; write to another file.")


def write(found: Found, overlay_path: Path | None, mask_path: Path | None) -> None:
    """Write what was asked for; raises UserError."""
    if overlay_path is None and mask_path is None:
        return
    bitmaps = [_bitmap(masks[0], found.picture) for masks in found.objects]
    if overlay_path is not None:
        _save(overlay(found.picture, _drawn(found, bitmaps)), overlay_path)
    if mask_path is not None:
        _save(_numbered(bitmaps, found.picture.size), mask_path)


def _drawn(found: Found, bitmaps: list[Bitmap]) -> list[Drawn]:
    drawn = []
    for number, bitmap in enumerate(bitmaps):
        prompt = found.prompts[number] if found.prompts else ObjectPrompt()
        dots = tuple(Dot(click.x_px, click.y_px, click.positive) for click in prompt.clicks)
        drawn.append(Drawn(bitmap, dots, prompt.box))
    return drawn


def _bitmap(mask: SegmentedMask, picture: Image.Image) -> Bitmap:
    match mask.shape:
        case Mask() as runs:
            return rle.to_bitmap(runs)
        case Polygon() as polygon:
            return rle.to_bitmap(shapes.polygon_to_mask(polygon, picture.height, picture.width))
        case _:
            return np.zeros((picture.height, picture.width), dtype=np.bool_)


def _numbered(bitmaps: list[Bitmap], size: tuple[int, int]) -> Image.Image:
    """One object in black and white; several as grey values 1, 2, 3 ..., the later on top."""
    if len(bitmaps) == 1:
        return Image.fromarray(bitmaps[0].astype(np.uint8) * 255).convert("1")
    if len(bitmaps) > _MAX_NUMBER:
        raise UserError(f"{len(bitmaps)} masks do not fit into one picture of numbers; use --json instead.")
    numbers = np.zeros((size[1], size[0]), dtype=np.uint8)
    for number, bitmap in enumerate(bitmaps, start=1):
        numbers[bitmap] = number
    return Image.fromarray(numbers)


def _save(image: Image.Image, path: Path) -> None:
    try:
        image.save(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path} cannot be written: {reason}.") from error


def report(found: Found, *, as_json: bool) -> None:
    """The masks in words or as JSON."""
    if as_json:
        print_json(_facts(found))
        return
    size = f"{found.picture.width} x {found.picture.height} pixels"
    masks = [masks[0] for masks in found.objects]
    what = plural(len(masks), "object" if found.prompts else "mask")
    out.print(f"{found.path.name}, {size}: {what} by {found.model}{_speed(found)}.", markup=False)
    rows = list(found.objects[0]) if len(found.objects) == 1 else masks
    shown = table(*_COLUMNS, right=("area px",))
    for number, mask in enumerate(rows[:_SHOWN], start=1):
        shown.add_row(
            str(number),
            f"{mask.predicted_iou:.3f}",
            f"{mask.stability:.3f}",
            f"{mask.area_px:,}",
            _box(mask),
            _shape(mask),
            ", ".join(doubt.lower().replace("_", " ") for doubt in mask.doubts) if mask.needs_human else "",
        )
    if rows:
        out.print(shown)
    if len(rows) > _SHOWN:
        out.print(f"... and {len(rows) - _SHOWN:,} smaller ones (--json shows them all).")


def _speed(found: Found) -> str:
    if found.answer is None:
        return ""
    took = found.answer.timings
    mask_ms = took.decode_ms + took.post_ms
    return f", embedding {took.embedding_ms:,.0f} ms ({found.answer.cache.lower()}), mask {mask_ms:,.0f} ms"


def _box(mask: SegmentedMask) -> str:
    box = mask.bounds
    return "-" if box is None else f"{box.x_px:g},{box.y_px:g},{box.width_px:g},{box.height_px:g}"


def _shape(mask: SegmentedMask) -> str:
    if isinstance(mask.shape, Polygon):
        points = sum(len(ring) // 2 for ring in mask.shape.rings)
        return f"{plural(len(mask.shape.rings), 'ring')}, {plural(points, 'point')}"
    return "nothing" if mask.shape is None or not mask.area_px else "mask"


def _facts(found: Found) -> dict[str, object]:
    answer = found.answer
    return {
        "picture": str(found.path),
        "width_px": found.picture.width,
        "height_px": found.picture.height,
        "model": found.model,
        "objects": [{"masks": [plain(asdict(mask)) for mask in masks]} for masks in found.objects],
        "handle": answer.handle if answer else None,
        "cache": answer.cache if answer else None,
        "timings": plain(answer.timings) if answer else None,
    }
