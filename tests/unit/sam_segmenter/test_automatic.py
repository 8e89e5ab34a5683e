"""Masks all over a picture, in a world of discs that answers clicks as a decoder does."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from sam_segmenter.automatic import Grid, Progress, everything
from sam_segmenter.decoder import Decoded, Features, ModelPrompt
from sam_segmenter.errors import EncoderUnavailable, OptionInvalid
from sam_segmenter.frame import Floats, Region
from sam_segmenter.sharpness import CELLS, Sharpness

SHARP = Sharpness(np.full((CELLS, CELLS), 20, dtype=np.float16))
#: A disc: x, y and radius in pixels of the picture.
Disc = tuple[float, float, float]


@dataclass
class World:
    """A picture of discs. The answer to a click on one is that disc, and twice what no filter should let through."""

    height_px: int
    width_px: int
    discs: list[Disc]
    slope: float = 3.0
    predicted_iou: float = 0.9
    encoded: list[Region] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0
    clicks: int = 0

    async def features(self, region: Region) -> Features:
        self.encoded.append(region)
        # What tells the regions apart later, as an embedding does.
        mark = np.asarray((region.x_px, region.y_px, region.width_px, region.height_px), dtype=np.float32)
        return Features(np.zeros((256, 64, 64), np.float16), (mark,), SHARP)

    async def decode(self, features: Features, prompt: ModelPrompt) -> Decoded:
        self.clicks += 1
        self.under_way += 1
        self.most_under_way = max(self.under_way, self.most_under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
        assert prompt.labels.tolist() == [1]
        region = Region(*(int(value) for value in features.held[0]))
        (x, y), scale = prompt.xy[0], region.scale
        at = region.x_px + x / scale, region.y_px + y / scale
        hit = [disc for disc in self.discs if np.hypot(at[0] - disc[0], at[1] - disc[1]) < disc[2]]
        wrong = np.full((256, 256), 5, dtype=np.float32)
        own = self._logits(hit[0], region) if hit else -wrong
        return Decoded(
            np.stack((wrong, own, wrong, wrong)), np.asarray((1.0, self.predicted_iou, 0.79, 0.5), np.float32)
        )

    def _logits(self, disc: Disc, region: Region) -> Floats:
        scale = region.scale / 4
        y, x = (np.mgrid[:256, :256] + 0.5) / scale
        away = np.hypot(x + region.x_px - disc[0], y + region.y_px - disc[1])
        return np.asarray((disc[2] - away) * scale * self.slope, dtype=np.float32)

    async def look(self, grid: Grid) -> list[Progress]:
        found = everything(self.height_px, self.width_px, grid, self.features, self.decode)
        return [step async for step in found]


def centres(steps: list[Progress]) -> list[tuple[int, int]]:
    boxes = [one.bounds for step in steps for one in step.found]
    return sorted((round(b.x_px + b.width_px / 2), round(b.y_px + b.height_px / 2)) for b in boxes)


async def test_each_thing_is_found_once_however_many_clicks_hit_it() -> None:
    world = World(480, 640, [(150, 150, 60), (400, 300, 90), (560, 100, 40)])
    (step,) = await world.look(Grid())
    assert centres([step]) == [(150, 150), (400, 300), (560, 100)]
    assert (step.points_done, step.points_total) == (256, 256)
    assert world.clicks == 256
    for one in step.found:
        disc = next(d for d in world.discs if abs(d[0] - (one.bounds.x_px + one.bounds.width_px / 2)) < 3)
        assert one.area_px == pytest.approx(np.pi * disc[2] ** 2, rel=0.03)
        patch = one.patch(480, 640)
        assert np.count_nonzero(patch.full()) == one.area_px
        assert (patch.x_px, patch.y_px) == (one.bounds.x_px, one.bounds.y_px)


async def test_the_surest_come_first() -> None:
    sure = World(300, 300, [(75, 75, 40), (225, 225, 40)])

    async def unsure_above(features: Features, prompt: ModelPrompt) -> Decoded:
        decoded = await sure.decode(features, prompt)
        lower = np.float32(0.05 if prompt.xy[0, 1] < 512 else 0)
        return replace(decoded, predicted_iou=decoded.predicted_iou - lower)

    steps = [step async for step in everything(300, 300, Grid(), sure.features, unsure_above)]
    assert [round(float(one.predicted_iou), 2) for one in steps[0].found] == [0.9, 0.85]


@pytest.mark.parametrize(
    ("grid", "count"),
    [
        (Grid(min_predicted_iou=0.91), 0),
        (Grid(min_predicted_iou=0.89), 1),
        (Grid(min_stability=0.99), 0),
        (Grid(min_stability=0.9), 1),
        (Grid(min_area_px=3000), 0),
        (Grid(min_area_px=2000), 1),
    ],
)
async def test_what_does_not_pass_is_dropped(grid: Grid, count: int) -> None:
    (step,) = await World(300, 300, [(150, 150, 28)]).look(grid)
    assert len(step.found) == count


async def test_small_islands_are_cleaned_away_before_a_mask_is_measured() -> None:
    world = World(256, 256, [(128, 128, 40)])

    async def speckled(features: Features, prompt: ModelPrompt) -> Decoded:
        decoded = await world.decode(features, prompt)
        decoded.logits[1, 10:13, 10:13] = 9
        return decoded

    async def boxes(grid: Grid) -> list[float]:
        found = [step async for step in everything(256, 256, grid, world.features, speckled)]
        return [one.bounds.x_px for one in found[0].found]

    assert min(await boxes(Grid(min_stability=0))) < 20
    assert min(await boxes(Grid(min_stability=0, min_area_px=100))) > 80


async def test_crops_find_what_no_click_on_the_whole_picture_hits() -> None:
    world = World(1500, 1500, [(400, 430, 12), (900, 900, 300)])
    assert centres(await world.look(Grid(points_per_side=4, min_stability=0.5))) == [(900, 900)]
    steps = await world.look(Grid(points_per_side=48, crop_layers=2, min_stability=0.5))
    assert centres(steps) == [(400, 430), (900, 900)]


async def test_every_click_is_counted_and_small_crops_come_first() -> None:
    world = World(900, 1200, [(600, 450, 100)])
    steps = await world.look(Grid(points_per_side=8, crop_layers=2))
    assert len(steps) == 16 + 4 + 1
    assert steps[-1].points_done == steps[-1].points_total == 8 * 8 + 4 * 4 * 4 + 16 * 2 * 2
    assert world.clicks == steps[-1].points_total
    sizes = [region.width_px for region in world.encoded]
    assert sizes == sorted(sizes)
    assert [step.points_done for step in steps] == sorted({step.points_done for step in steps})


async def test_what_an_inner_edge_cuts_off_is_left_to_the_larger_crop() -> None:
    # Larger than any crop of the first layer's shared stretch, and across the middle.
    world = World(1000, 1000, [(500, 500, 250)])
    steps = await world.look(Grid(points_per_side=8, crop_layers=1))
    assert [len(step.found) for step in steps] == [0, 0, 0, 0, 1]
    assert steps[-1].found[0].area_px == pytest.approx(np.pi * 250**2, rel=0.02)


async def test_what_the_pictures_own_edge_cuts_off_stays() -> None:
    world = World(1000, 1000, [(0, 0, 150)])
    steps = await world.look(Grid(points_per_side=16, crop_layers=1))
    assert [len(step.found) for step in steps] == [1, 0, 0, 0, 0]


async def test_few_clicks_are_under_way_at_once() -> None:
    world = World(300, 300, [(150, 150, 50)])
    await world.look(Grid(points_per_side=32))
    assert 1 < world.most_under_way <= 8


async def failing(features: Features, prompt: ModelPrompt) -> Decoded:
    raise EncoderUnavailable


async def no_features(region: Region) -> Features:
    raise EncoderUnavailable


@pytest.mark.parametrize("broken", [{"features": no_features}, {"decode": failing}])
async def test_an_error_comes_out_as_itself(broken: dict[str, Callable[..., Awaitable[Any]]]) -> None:
    world = World(300, 300, [])
    parts: dict[str, Any] = {"features": world.features, "decode": world.decode} | broken
    with pytest.raises(EncoderUnavailable):
        _ = [step async for step in everything(300, 300, Grid(), **parts)]
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize(
    "options",
    [
        {"points_per_side": 0},
        {"points_per_side": 65},
        {"crop_layers": 4},
        {"crop_layers": -1},
        {"min_area_px": -1},
        {"min_predicted_iou": 1.01},
        {"min_stability": float("nan")},
        {"max_overlap_iou": -0.1},
    ],
)
def test_a_grid_out_of_range_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(OptionInvalid):
        Grid(**options)
