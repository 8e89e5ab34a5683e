"""One project's way through the whole line, every step timed."""

import asyncio
from pathlib import Path
from time import monotonic

from labelmesh.client import Client, Project, RunConfig, RunState, Shots
from labelmesh.client.files.writing import write_export
from labelmesh.demo.material import Material
from labelmesh.demo.reviewer import review_all
from labelmesh.demo.summary import Batch, ProjectSummary, order_of
from labelmesh.demo.watching import DemoFailed, Steps, Watching
from labels.ontology import ToolKind

_PATIENCE_S = 60.0
_LOOK_EVERY_S = 0.1
_QUIET_S = 0.5


class Walk:
    """A project's way; `summary` fills step by step."""

    def __init__(self, client: Client, material: Material, export_dir: Path, watching: Watching) -> None:
        self.summary = ProjectSummary(material.name, material.title, material.size)
        self._client = client
        self._material = material
        self._export_dir = export_dir
        self._steps = Steps(material.name, self.summary.seconds, watching)

    async def go(self) -> ProjectSummary:
        """Two batches: zero-shot, then with the first batch's reviews as examples; then export."""
        material = self._material
        async with self._steps.step("create project"):
            await self._client.projects.create(
                Project(material.name, material.ontology, material.title, material.instruction)
            )
        await self._batch(0, "zero-shot", RunConfig(Shots.ZERO))
        async with self._steps.step("fill example bank"):
            await self._until_bank_is_full()
        await self._batch(1, "few-shot", RunConfig(Shots.FEW, examples_per_category=1))
        async with self._steps.step("export"):
            await self._export()
        self.summary.metrics = await self._client.projects.metrics(material.name)
        self.summary.tasks = await self._client.queue.count(material.name)
        return self.summary

    async def _batch(self, number: int, shots: str, config: RunConfig) -> None:
        rows, project = self._material.batches[number], self._material.name
        async with self._steps.step(f"import batch {number + 1}"):
            done = await self._client.assets.import_rows(project, rows)
            if done.imported != len(rows):
                raise DemoFailed(f"{len(rows) - done.imported} rows of the demo's own texts were refused.")
        async with self._steps.step(f"annotate {shots}", len(rows)) as advance:
            run = await self._client.runs.create(
                project, config, minimum_asset_count=done.project_asset_count
            )
            run = await self._client.runs.wait(run, lambda now: advance(now.finished))
            if run.state is not RunState.DONE:
                raise DemoFailed(f"The model stopped answering: {run.pause_reason or run.state}.")
        async with self._steps.step(f"rules and queue {number + 1}"):
            await self._until_settled(len(rows))
        answered = 0
        async with self._steps.step(f"review batch {number + 1}", len(rows)) as advance:

            def one_more() -> None:
                nonlocal answered
                answered += 1
                advance(answered)

            answers = await review_all(self._client, project, self._material.gold, one_more)
        metrics = await self._client.projects.metrics(project, run.uid)
        self.summary.batches.append(Batch(shots, len(rows), run, metrics, order_of(answers)))

    async def _until_settled(self, expected: int) -> None:
        """Wait until every task of the batch is open and no more findings come in."""
        project = self._material.name
        end = monotonic() + _PATIENCE_S
        last: tuple[int, int] = (-1, -1)
        while True:
            counts = await self._client.queue.count(project)
            metrics = await self._client.projects.metrics(project)
            now = (counts.open, metrics.findings)
            if counts.open >= expected and now == last:
                return
            if monotonic() > end:
                raise DemoFailed(f"Only {counts.open} of {expected} items reached the queue.")
            last = now
            await asyncio.sleep(_QUIET_S)

    async def _until_bank_is_full(self) -> None:
        project = self._material.name
        metrics = await self._client.projects.metrics(project)
        wanted = metrics.accepted + metrics.corrected
        end = monotonic() + _PATIENCE_S
        while (total := (await self._client.runs.examples(project, 1)).total) < wanted:
            if monotonic() > end:
                raise DemoFailed(f"Only {total} of {wanted} reviews reached the example bank.")
            await asyncio.sleep(_LOOK_EVERY_S)
        self.summary.example_bank = total

    async def _export(self) -> None:
        self._export_dir.mkdir(parents=True, exist_ok=True)
        ontology = self._material.ontology
        spans = any(tool.kind is ToolKind.SPAN for tool in ontology.tools)
        forms = ["jsonl", "conll"] if spans else ["jsonl"]
        for form in forms:
            target = self._export_dir / f"{self._material.name}.{form}"
            items = self._client.labels.export(self._material.name)
            self.summary.exports[target.name] = await write_export(items, form, target, ontology)
