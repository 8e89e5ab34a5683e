"""The bookkeeping of an import: rows into messages, and which of them the server has answered."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from labelmesh.review.v1 import asset_service_pb2
from labels.asset import Asset
from labels.proto import asset_to_pb

ROWS_A_MESSAGE = 500
BYTES_A_MESSAGE = 2 << 20
MAX_ERRORS = 1_000


@dataclass(frozen=True, slots=True)
class ImportRow:
    """An asset to import and the line it stands in, from 1."""

    line: int
    asset: Asset


@dataclass(frozen=True, slots=True)
class RowError:
    """A row that was refused; `reason` in UPPER_SNAKE, `message` one sentence."""

    line: int
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """How far an import is: rows stored, rows that were there already, rows refused, assets in the project
    now.

    `errors` keeps the first 1,000 refusals; `refused` counts them all.
    """

    imported: int = 0
    skipped: int = 0
    refused: int = 0
    errors: tuple[RowError, ...] = ()
    project_asset_count: int = 0

    @property
    def rows(self) -> int:
        """Rows answered so far."""
        return self.imported + self.skipped + self.refused

    def plus(self, response: asset_service_pb2.ImportAssetsResponse) -> "ImportProgress":
        """The progress after one more answer."""
        room = MAX_ERRORS - len(self.errors)
        errors = tuple(RowError(error.line, error.reason, error.message) for error in response.errors[:room])
        return replace(
            self,
            imported=self.imported + response.imported,
            skipped=self.skipped + response.skipped,
            refused=self.refused + len(response.errors),
            errors=self.errors + errors,
            project_asset_count=response.project_asset_count or self.project_asset_count,
        )


Batch = list[asset_service_pb2.ImportRow]


class Batches:
    """Rows cut into messages that stay well below the transport's 4 MiB."""

    def __init__(self, rows: Iterable[ImportRow], project: str) -> None:
        self._rows = iter(rows)
        self._project = project
        self._left_over: asset_service_pb2.ImportRow | None = None

    def next(self) -> Batch:
        """The next message's rows; empty at the end."""
        batch: Batch = []
        size = 0
        while len(batch) < ROWS_A_MESSAGE and (row := self._take()) is not None:
            row_bytes = row.ByteSize()
            if batch and size + row_bytes > BYTES_A_MESSAGE:
                self._left_over = row
                break
            batch.append(row)
            size += row_bytes
        return batch

    def _take(self) -> asset_service_pb2.ImportRow | None:
        row, self._left_over = self._left_over, None
        if row is not None:
            return row
        source = next(self._rows, None)
        if source is None:
            return None
        return asset_service_pb2.ImportRow(line=source.line, asset=asset_to_pb(source.asset, self._project))


class Unanswered:
    """Rows sent whose answer has not come; a new connection begins with them.

    The server answers rows in order, so an answer over n rows settles the n oldest.
    """

    def __init__(self, source: Batches) -> None:
        self._source = source
        self._sent: deque[asset_service_pb2.ImportRow] = deque()

    def batches(self) -> Iterator[Batch]:
        """Messages for one connection: first what an earlier one left unanswered, then new rows."""
        again = list(self._sent)
        for start in range(0, len(again), ROWS_A_MESSAGE):
            yield from _small_enough(again[start : start + ROWS_A_MESSAGE])
        while batch := self._source.next():
            self._sent.extend(batch)
            yield batch

    def answer(self, response: asset_service_pb2.ImportAssetsResponse) -> None:
        """Forget the rows that an answer covers."""
        for _ in range(min(len(self._sent), response.imported + response.skipped + len(response.errors))):
            self._sent.popleft()


def _small_enough(rows: Batch) -> Iterator[Batch]:
    batch: Batch = []
    size = 0
    for row in rows:
        if batch and size + row.ByteSize() > BYTES_A_MESSAGE:
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += row.ByteSize()
    if batch:
        yield batch
