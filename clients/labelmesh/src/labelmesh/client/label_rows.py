"""Labels on their way in."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from time import monotonic

from grpc import aio

from labelmesh.client.calls import STREAM_DEADLINE_S, Link, Pauses, connection_lost
from labelmesh.client.errors import from_rpc
from labelmesh.client.importing import ImportProgress, Messages, Unanswered
from labelmesh.label.v1 import label_pb2
from labelmesh.review.v1 import label_service_pb2
from labelmesh.review.v1.label_service_pb2_grpc import LabelServiceStub
from labels import names
from labels.label import Annotation
from labels.proto import annotation_to_pb

_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class LabelRow:
    """A label to import: the key of its asset, its claims, and the line it stands in, from 1.

    `confidence` is the model's in the whole label, above 0 to 1, 0 where it stated none.
    """

    line: int
    asset_key: str
    annotations: tuple[Annotation, ...]
    confidence: float = 0.0


@dataclass(frozen=True, slots=True)
class LabelImport:
    """What an import of labels is: where to, its id (1 to 64 characters) and, for predictions, the model's name."""

    project: str
    import_id: str
    model: str = ""
    validate_only: bool = False


async def import_labels(
    link: Link,
    job: LabelImport,
    rows: Iterable[LabelRow],
    on_progress: Callable[[ImportProgress], None] | None = None,
) -> ImportProgress:
    """See Labels.import_rows."""
    unanswered = Unanswered(Messages(_pbs(rows)))
    progress = ImportProgress()
    end, pauses = monotonic() + _PATIENCE_S, Pauses()
    while True:
        try:
            async for response in _stream(link, job, unanswered):
                unanswered.answer(response)
                progress = progress.plus(response)
                end, pauses = monotonic() + _PATIENCE_S, Pauses()
                if on_progress is not None:
                    on_progress(progress)
            return progress
        except aio.AioRpcError as error:
            if not connection_lost(error) or not await pauses.wait(end):
                raise from_rpc(error, link.service, link.address) from error


async def _stream(
    link: Link,
    job: LabelImport,
    unanswered: Unanswered[label_service_pb2.ImportLabelRow],
) -> AsyncIterator[label_service_pb2.ImportLabelsResponse]:
    """The answers of one connection."""

    async def requests() -> AsyncIterator[label_service_pb2.ImportLabelsRequest]:
        yield label_service_pb2.ImportLabelsRequest(
            parent=names.project_name(job.project),
            import_id=job.import_id,
            kind=label_pb2.LABEL_KIND_PREDICTION if job.model else label_pb2.LABEL_KIND_DEFAULT,
            model=job.model,
            validate_only=job.validate_only,
        )
        for batch in unanswered.batches():
            yield label_service_pb2.ImportLabelsRequest(rows=batch)

    call = LabelServiceStub(link.channel).ImportLabels(
        requests(), timeout=STREAM_DEADLINE_S, metadata=link.metadata
    )
    try:
        async for response in call:
            yield response
    finally:
        call.cancel()


def _pbs(rows: Iterable[LabelRow]) -> Iterator[label_service_pb2.ImportLabelRow]:
    for row in rows:
        yield label_service_pb2.ImportLabelRow(
            line=row.line,
            asset_key=row.asset_key,
            annotations=[annotation_to_pb(annotation) for annotation in row.annotations],
            confidence=row.confidence,
        )
