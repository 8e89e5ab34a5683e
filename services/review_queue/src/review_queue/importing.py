"""Rows of an import: which may come in, in batches that are stored as they come."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from chassis.blobs import Blobs
from chassis.db import Database
from chassis.errors import BlobCorrupt, BlobMissing, BlobTooLarge, BlobUriRefused, reason
from labels.asset import Asset
from labels.errors import LabelError
from review_queue import assets, content, projects
from review_queue.errors import ReviewError, WeightInvalid
from review_queue.priority import MAX_BUSINESS
from review_queue.ranking.novelty import sketch

MAX_ROWS = 500
MAX_BATCH_BYTES = 1 << 20
_BLOBS_AT_ONCE = 16

_REFUSED = (LabelError, ReviewError, BlobMissing, BlobCorrupt, BlobTooLarge, BlobUriRefused)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the user's file: the asset, or why it is none; `line` counts from 1.

    `weight`, 0 to 1,000, is what the asset is worth; None leaves it to the asset's context.
    """

    line: int
    asset: Asset | LabelError
    weight: float | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that was refused; `reason` in UPPER_SNAKE, `message` one sentence."""

    line: int
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a batch; `asset_count` is the project's after it."""

    imported: int
    skipped: int
    refusals: tuple[Refusal, ...]
    asset_count: int


class Importer:
    """Imports rows into one project of a tenant; a dry one checks them and stores nothing."""

    def __init__(self, db: Database, blobs: Blobs, tenant: str, project_id: str, *, dry: bool) -> None:
        self._db = db
        self._shelf = blobs.of(tenant)
        self._tenant = tenant
        self._project_id = project_id
        self._dry = dry
        self._gate = asyncio.Semaphore(_BLOBS_AT_ONCE)
        self._weighs_novelty = False

    async def check_project(self) -> None:
        """Look at the project, once before the first batch; raises ProjectNotFound."""
        async with self._db.read() as conn:
            project = await projects.get(conn, self._tenant, self._project_id)
        self._weighs_novelty = project.definition.weights.novelty > 0

    async def run(self, rows: Sequence[Row]) -> Imported:
        """Store a batch in one transaction. Raises ProjectNotFound, StorageFull or StorageUnavailable."""
        sketches = await asyncio.to_thread(_sketches, rows) if self._weighs_novelty else {}
        settled = await self._settle(rows)
        good = [(row.line, a) for row, a in zip(rows, settled, strict=True) if isinstance(a, Asset)]
        refused = [(row.line, e) for row, e in zip(rows, settled, strict=True) if isinstance(e, Exception)]
        async with self._db.read() if self._dry else self._db.begin() as conn:
            project = await projects.get(conn, self._tenant, self._project_id, lock=not self._dry)
            found = await assets.sort_out(conn, project, good)
            told = assets.Told(_weights(rows), sketches)
            count = project.asset_count if self._dry else await assets.add(conn, project, found.new, told)
        refused += found.taken
        refused.sort(key=lambda refusal: refusal[0])
        refusals = tuple(Refusal(line, reason(type(error)), str(error)) for line, error in refused)
        return Imported(len(found.new), found.skipped, refusals, count)

    async def _settle(self, rows: Sequence[Row]) -> list[Asset | Exception]:
        """Each row's asset as it is kept, or what is wrong with it."""
        settled = [_checked(row) for row in rows]
        far = [i for i, asset in enumerate(settled) if isinstance(asset, Asset) and content.is_far(asset)]
        stored = await asyncio.gather(*(self._store(settled[i]) for i in far))
        for i, asset in zip(far, stored, strict=True):
            settled[i] = asset
        return settled

    async def _store(self, asset: Asset | Exception) -> Asset | Exception:
        if not isinstance(asset, Asset):
            return asset
        async with self._gate:
            try:
                return await content.settle(self._shelf, asset, store=not self._dry)
            except _REFUSED as error:
                return error


def _checked(row: Row) -> Asset | Exception:
    if not isinstance(row.asset, Asset):
        return row.asset
    # Written so that NaN fails.
    if row.weight is not None and not 0.0 <= row.weight <= MAX_BUSINESS:
        return WeightInvalid()
    try:
        return content.check(row.asset)
    except LabelError as error:
        return error


def _weights(rows: Sequence[Row]) -> dict[str, float]:
    """What rows say that assets are worth, by key; of rows with one key the first counts, as it does for the asset."""
    said = ((row.asset.key, row.weight) for row in reversed(rows) if isinstance(row.asset, Asset))
    return {key: weight for key, weight in said if weight is not None}


def _sketches(rows: Sequence[Row]) -> dict[str, bytes]:
    """Of texts that come with their rows, by key; those of references are not known."""
    found = [row.asset for row in rows if isinstance(row.asset, Asset)]
    return {asset.key: sketch(asset.text) for asset in found if asset.text is not None}
