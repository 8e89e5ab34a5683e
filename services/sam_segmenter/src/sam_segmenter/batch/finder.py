"""The service's own model as what runs find masks with."""

import asyncio
from collections.abc import Sequence

from labels.asset import ContentRef
from labels.label import Box, Mask, Polygon
from sam_segmenter import prompts
from sam_segmenter.answers import Candidate, Form, Place, Wish, candidate
from sam_segmenter.automatic import Grid
from sam_segmenter.batch.run import ShapeFound, Shaping
from sam_segmenter.masks.clean import Cleaning
from sam_segmenter.prompts import Prompt
from sam_segmenter.segmenter import Segmenter, View

# Polygons for people to correct: far fewer corners for a fiftieth of the area.
_MAX_IOU_LOSS = 0.02


class Finder:
    """`batch.run.Masks` by a segmenter. No logits are kept: nobody refines these with a click."""

    def __init__(self, segmenter: Segmenter) -> None:
        self._segmenter = segmenter

    async def in_boxes(
        self, tenant: str, ref: ContentRef, boxes: Sequence[Box], shaping: Shaping
    ) -> list[ShapeFound | None]:
        """As Masks says; one box is decoded at a time, so that clicks find room between them."""
        view = await self._segmenter.view(tenant, ref)
        kept = [box for box in boxes if _on(box, view)]
        features = (await self._segmenter.features(view))[0] if kept else None
        wish = _wish(shaping)
        found: list[ShapeFound | None] = []
        for box in boxes:
            if features is None or not _on(box, view):
                found.append(None)
                continue
            prompt = Prompt(box=box)
            decoded = await self._segmenter.decode(features, prompts.to_model(prompt, view.region))
            place = Place(view.region, view.height_px, view.width_px, features.sharpness)
            best = prompts.ranked(decoded, prompt)[0]
            found.append(_found(await asyncio.to_thread(candidate, decoded, best, place, wish), shaping))
        return found

    async def everywhere(
        self, tenant: str, ref: ContentRef, points_per_side: int, shaping: Shaping
    ) -> list[ShapeFound]:
        """As Masks says."""
        view = await self._segmenter.view(tenant, ref)
        grid = Grid(points_per_side=points_per_side, min_area_px=shaping.min_area_px)
        found = []
        async for part in self._segmenter.everything(view, grid, _wish(shaping)):
            found += [_found(one, shaping) for one in part.candidates]
        return [one for one in found if one is not None]


def _on(box: Box, view: View) -> bool:
    """Whether a box overlaps the picture, which may be smaller than its asset says."""
    return box.x_px < view.width_px and box.y_px < view.height_px


def _wish(shaping: Shaping) -> Wish:
    form = Form.POLYGON if shaping.polygons else Form.MASK
    islands = Cleaning(shaping.min_area_px, shaping.min_area_px)
    return Wish(
        best_only=True, cleaning=islands, max_iou_loss=_MAX_IOU_LOSS if shaping.polygons else 0.0, form=form
    )


def _found(one: Candidate, shaping: Shaping) -> ShapeFound | None:
    if one.area_px < max(1, shaping.min_area_px) or not isinstance(one.shape, Mask | Polygon):
        return None
    return ShapeFound(one.shape, one.predicted_iou, one.stability)
