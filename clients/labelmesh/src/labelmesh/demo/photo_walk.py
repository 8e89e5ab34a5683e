"""The pictures' way: masks from boxes and clicks, a planted artifact that a rule finds, review, export."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import monotonic, perf_counter

from labelmesh.client import (
    Client,
    ImportRow,
    ObjectPrompt,
    PreAnnotation,
    Project,
    SegmentedMask,
    ShapeForm,
    Task,
)
from labelmesh.client.files.picture import measure
from labelmesh.client.files.rows import MAX_PICTURE_BYTES
from labelmesh.client.files.writing import write_export
from labelmesh.client.segment import Click, PostProcess
from labelmesh.demo import photos
from labelmesh.demo.photos import Photo, Thing
from labelmesh.demo.reviewer import review_all
from labelmesh.demo.summary import PhotosSummary
from labelmesh.demo.watching import DemoFailed, Steps, Watching
from labelmesh.pictures import Dot, Drawn, open_picture, overlay
from labels import rle, shapes
from labels.asset import Asset, ContentRef
from labels.label import Annotation, Mask, Polygon, annotation_id
from labels.ontology import ToolKind
from labels.rle import Bitmap

_PATIENCE_S = 60.0
_LOOK_EVERY_S = 0.2
_CLEANING = PostProcess(min_island_px=16, max_hole_px=16, max_iou_loss=0.01)


class PhotoWalk:
    """The pictures' way; `summary` fills step by step."""

    def __init__(
        self, client: Client, material: tuple[Photo, ...], export_dir: Path, watching: Watching
    ) -> None:
        self.summary = PhotosSummary(photos.NAME, photos.TITLE, len(material))
        self._client = client
        self._photos = material
        self._export_dir = export_dir
        self._steps = Steps(photos.NAME, self.summary.seconds, watching)
        self._ontology = photos.ontology()
        self._labels: dict[str, tuple[Annotation, ...]] = {}
        self._drawn: dict[str, list[Drawn]] = {}

    async def go(self) -> PhotosSummary:
        """Import, masks, a label with an artifact, the rule, the queue, review, export."""
        async with self._steps.step("create project"):
            await self._client.projects.create(
                Project(
                    photos.NAME,
                    self._ontology,
                    photos.TITLE,
                    photos.INSTRUCTION,
                    pre_annotation=PreAnnotation.NONE,
                )
            )
        async with self._steps.step("import"):
            refs = await self._import()
        things = sum(len(photo.things) for photo in self._photos)
        async with self._steps.step("masks from boxes and clicks", 2 * things) as advance:
            await self._segment(refs, advance)
        async with self._steps.step("labels, one with an artifact"):
            await self._label()
        async with self._steps.step("rule and queue"):
            await self._until_found()
        async with self._steps.step("review", len(self._photos)):
            await self._review()
        async with self._steps.step("export"):
            await self._export()
        self.summary.tasks = await self._client.queue.count(photos.NAME)
        return self.summary

    async def _import(self) -> dict[str, ContentRef]:
        """Store the pictures and import them in order; where each lies, by key."""
        refs, rows = {}, []
        for line, photo in enumerate(self._photos, start=1):
            width, height, _ = measure(photo.path, MAX_PICTURE_BYTES)
            ref = refs[photo.key] = await self._client.assets.upload(photos.NAME, photo.path)
            rows.append(ImportRow(line, Asset(photo.key, image_ref=ref, width_px=width, height_px=height)))
        done = await self._client.assets.import_rows(photos.NAME, rows)
        if done.imported != len(rows):
            raise DemoFailed("The demo's own pictures were refused.")
        return refs

    async def _segment(self, refs: dict[str, ContentRef], advance: Callable[[int], None]) -> None:
        """A box for every object, then a click on it that refines the answer; both are timed."""
        first: list[float] = []
        later: list[float] = []
        predicted, ious = [], []
        done = 0
        for photo in self._photos:
            annotations, drawn = [], []
            for number, thing in enumerate(photo.things):
                boxed, ms = await self._prompt(refs[photo.key], ObjectPrompt(box=thing.box), photo.tool)
                (later if number else first).append(ms)
                prompt = ObjectPrompt(box=thing.box, clicks=(thing.click,), logits=boxed.logits)
                mask, ms = await self._prompt(refs[photo.key], prompt, photo.tool)
                later.append(ms)
                gold = photo.gold(thing)
                bitmap = _bitmap(mask, gold)
                predicted.append(mask.predicted_iou)
                ious.append(photos.share_of_union(bitmap, gold))
                annotations.append(_annotation(number, photo, thing, mask))
                drawn.append(Drawn(bitmap, (_dot(thing.click),), thing.box))
                done += 2
                advance(done)
            self._labels[photo.key], self._drawn[photo.key] = tuple(annotations), drawn
        summary = self.summary
        summary.model, summary.masks = (await self._client.segmenter.model()).name, len(ious)
        summary.predicted_iou, summary.iou = round(median(predicted), 4), round(median(ious), 4)
        summary.first_prompt_ms, summary.later_prompt_ms = round(median(first), 1), round(median(later), 1)

    async def _prompt(
        self, image: ContentRef, prompt: ObjectPrompt, tool: str
    ) -> tuple[SegmentedMask, float]:
        """The best mask, and the milliseconds that its caller waited."""
        polygons = self._ontology.tool(tool).kind is ToolKind.POLYGON
        began = perf_counter()
        answer = await self._client.segmenter.segment(
            image,
            [prompt],
            best_only=True,
            post_process=_CLEANING,
            form=ShapeForm.POLYGON if polygons else ShapeForm.MASK,
        )
        ms = (perf_counter() - began) * 1e3
        best = answer.objects[0].best
        if best.shape is None:
            raise DemoFailed("The model found nothing in one of the demo's boxes.")
        return best, ms

    async def _label(self) -> None:
        """Store the masks as labels, one of them with the stray polygon that a slip of the hand leaves."""
        planted = {photo.key: photo.artifact for photo in self._photos if photo.artifact is not None}
        async for asset in self._client.assets.list(photos.NAME):
            artifact = planted.get(asset.key)
            annotations = self._labels[asset.key]
            await self._client.labels.create(
                photos.NAME, asset.uid, annotations if artifact is None else (*annotations, artifact)
            )
        self.summary.planted = ", ".join(planted)

    async def _until_found(self) -> None:
        """Wait until all are open and the rule's finding has arrived at the task with the artifact."""
        end = monotonic() + _PATIENCE_S
        while True:
            tasks = [task async for task in self._client.queue.list(photos.NAME)]
            found = [finding for task in tasks for finding in task.findings]
            if len(tasks) == len(self._photos) and all(map(_has_label, tasks)) and found:
                self.summary.findings = [f"{finding.rule}: {finding.message}" for finding in found]
                return
            if monotonic() > end:
                raise DemoFailed("The rule did not find the planted artifact.")
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _review(self) -> None:
        """The simulated reviewer leaves the masks as they are and deletes the artifact."""
        answers = await review_all(self._client, photos.NAME, self._labels, lambda: None)
        self.summary.handed_out = [answer.key for answer in answers]
        self.summary.corrected = sum(not answer.was_right for answer in answers)
        self.summary.accepted = len(answers) - self.summary.corrected

    async def _export(self) -> None:
        self._export_dir.mkdir(parents=True, exist_ok=True)
        target = self._export_dir / f"{photos.NAME}.jsonl"
        self.summary.exports[target.name] = await write_export(
            self._client.labels.export(photos.NAME), "jsonl", target, self._ontology
        )
        for photo in self._photos:
            target = self._export_dir / f"{photos.NAME}-{photo.key}.png"
            await asyncio.to_thread(self._draw, photo, target)
            self.summary.overlays.append(target.name)

    def _draw(self, photo: Photo, target: Path) -> None:
        overlay(open_picture(photo.path), self._drawn[photo.key]).save(target)


def _annotation(number: int, photo: Photo, thing: Thing, mask: SegmentedMask) -> Annotation:
    if not isinstance(mask.shape, Mask | Polygon):
        raise DemoFailed("The service answered in another form than was asked for.")
    return Annotation(annotation_id(number), photo.tool, thing.category, mask.shape)


def _bitmap(mask: SegmentedMask, like: Bitmap) -> Bitmap:
    if isinstance(mask.shape, Polygon):
        return rle.to_bitmap(shapes.polygon_to_mask(mask.shape, *like.shape))
    return rle.to_bitmap(mask.shape) if isinstance(mask.shape, Mask) else like & False


def _dot(click: Click) -> Dot:
    return Dot(click.x_px, click.y_px, click.positive)


def _has_label(task: Task) -> bool:
    return task.label is not None
