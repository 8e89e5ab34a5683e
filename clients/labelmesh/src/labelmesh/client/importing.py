"""The bookkeeping of an import: rows into messages, and which of them the server has answered."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from labelmesh.review.v1 import asset_service_pb2, label_service_pb2
from labels.asset import Asset
from labels.proto import asset_to_pb

ROWS_A_MESSAGE = 500
BYTES_A_MESSAGE = 2 << 20
MAX_ERRORS = 1_000


Answer = asset_service_pb2.ImportAssetsResponse | label_service_pb2.ImportLabelsResponse


@dataclass(frozen=True, slots=True)
class ImportRow:
    """An asset to import and the line it stands in, from 1.

    `weight`, 0 to 1,000, is what the asset is worth; None leaves it to `business_weight` of its context.
    """

    line: int
    asset: Asset
    weight: float | None = None


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

    def plus(self, response: "Answer") -> "ImportProgress":
        """The progress after one more answer."""
        room = MAX_ERRORS - len(self.errors)
        errors = tuple(RowError(error.line, error.reason, error.message) for error in response.errors[:room])
        return replace(
            self,
            imported=self.imported + response.imported,
            skipped=self.skipped + response.skipped,
            refused=self.refused + len(response.errors),
            errors=self.errors + errors,
            project_asset_count=getattr(response, "project_asset_count", 0) or self.project_asset_count,
        )


P = TypeVar("P", asset_service_pb2.ImportRow, label_service_pb2.ImportLabelRow)


class Messages(Generic[P]):
    """Rows on the wire cut into messages that stay well below the transport's 4 MiB."""

    def __init__(self, rows: Iterator[P]) -> None:
        self._rows: Iterator[P] = rows
        self._left_over: P | None = None

    def next(self) -> list[P]:
        """The next message's rows; empty at the end."""
        batch: list[P] = []
        size = 0
        while len(batch) < ROWS_A_MESSAGE and (row := self._take()) is not None:
            row_bytes = row.ByteSize()
            if batch and size + row_bytes > BYTES_A_MESSAGE:
                self._left_over = row
                break
            batch.append(row)
            size += row_bytes
        return batch

    def _take(self) -> P | None:
        row, self._left_over = self._left_over, None
        return row if row is not None else next(self._rows, None)


class Batches(Messages[asset_service_pb2.ImportRow]):
    """Assets as messages."""

    def __init__(self, rows: Iterable[ImportRow], project: str) -> None:
        super().__init__(
            asset_service_pb2.ImportRow(
                line=row.line, asset=asset_to_pb(row.asset, project), weight=row.weight
            )
            for row in rows
        )


class Unanswered(Generic[P]):
    """Rows sent whose answer has not come; a new connection begins with them.

    The server answers rows in order, so an answer over n rows settles the n oldest.
    """

    def __init__(self, source: Messages[P]) -> None:
        self._source: Messages[P] = source
        self._sent: deque[P] = deque()

    def batches(self) -> Iterator[list[P]]:
        """Messages for one connection: first what an earlier one left unanswered, then new rows."""
        again = Messages(iter(list(self._sent)))
        while batch := again.next():
            yield batch
        while batch := self._source.next():
            self._sent.extend(batch)
            yield batch

    def answer(self, response: Answer) -> None:
        """Forget the rows that an answer covers."""
        for _ in range(min(len(self._sent), response.imported + response.skipped + len(response.errors))):
            self._sent.popleft()
