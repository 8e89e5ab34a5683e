"""Labels: making, reading, searching and exporting them."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from ulid import ULID

from labelmesh.client.calls import Link
from labelmesh.client.found_label import FoundLabel, found_from_pb
from labelmesh.client.importing import ImportProgress
from labelmesh.client.label_rows import LabelImport, LabelRow, import_labels
from labelmesh.client.paging import pages
from labelmesh.review.v1 import label_service_pb2
from labelmesh.review.v1.label_service_pb2_grpc import LabelServiceStub
from labels import names
from labels.asset import Asset
from labels.label import Annotation, Label
from labels.proto import annotation_to_pb, asset_from_pb, label_from_pb


@dataclass(frozen=True, slots=True)
class ExportedAsset:
    """An asset of an export; `label` is None when there is none to export.

    `auto_accepted`: nobody looked at the label, the project's policy took it.
    """

    asset: Asset
    label: Label | None
    reviewed: bool
    rejected: bool
    auto_accepted: bool = False


@dataclass(frozen=True, slots=True)
class ExportManifest:
    """What an export held: labels by what stands behind them, assets rejected and without a label.

    `error_upper_bound` is that of the newest certificate (empty without one): at most this share of the labels accepted
    unseen is wrong, with probability `confidence`.
    """

    assets: int
    reviewed: int
    audited: int
    auto_accepted: int
    unreviewed: int
    rejected: int
    missing: int
    certificate: str
    error_upper_bound: float
    confidence: float
    certificate_time_us: int


class Labels:
    """`client.labels`."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._stub = LabelServiceStub(link.channel)

    async def create(
        self, project: str, asset_uid: str, annotations: Sequence[Annotation], *, request_id: str = ""
    ) -> Label:
        """Store a label made outside review.

        The same `request_id` (made up when empty) returns the first answer.
        """
        request = label_service_pb2.CreateLabelRequest(
            asset=names.asset_name(project, asset_uid),
            annotations=[annotation_to_pb(annotation) for annotation in annotations],
            request_id=request_id or str(ULID()),
        )
        response = await self._link.unary(self._stub.CreateLabel, request, repeatable=True)
        return label_from_pb(response.label)

    async def import_rows(
        self,
        job: LabelImport,
        rows: Iterable[LabelRow],
        on_progress: Callable[[ImportProgress], None] | None = None,
    ) -> ImportProgress:
        """Import labels of assets that are there, in order; the end state, with every row that was refused.

        Rows that the import of this id has stored before are skipped, so an interrupted import is resumed by
        sending the same rows again; a lost connection is resumed by itself for up to a minute. `rows` is read once,
        ahead of the server by a few messages at most. Raises LabelmeshError.
        """
        return await import_labels(self._link, job, rows, on_progress)

    async def update(
        self, project: str, seen: Label, annotations: Sequence[Annotation], *, request_id: str = ""
    ) -> Label:
        """Replace all annotations of the label that was seen; code ABORTED when someone changed it since."""
        request = label_service_pb2.UpdateLabelRequest(
            name=names.label_name(project, seen.uid),
            etag=seen.etag,
            annotations=[annotation_to_pb(annotation) for annotation in annotations],
            request_id=request_id or str(ULID()),
        )
        response = await self._link.unary(self._stub.UpdateLabel, request, repeatable=True)
        return label_from_pb(response.label)

    async def get(self, project: str, label_uid: str) -> Label:
        """One label."""
        request = label_service_pb2.GetLabelRequest(name=names.label_name(project, label_uid))
        response = await self._link.unary(self._stub.GetLabel, request, repeatable=True)
        return label_from_pb(response.label)

    async def revisions(self, project: str, asset_uid: str) -> AsyncIterator[Label]:
        """The labels of one asset, newest first."""
        request = label_service_pb2.ListLabelRevisionsRequest(
            parent=names.asset_name(project, asset_uid), page_size=100
        )
        call = partial(self._link.unary, self._stub.ListLabelRevisions, request, repeatable=True)
        async for page in pages(request, call):
            for pb in page.labels:
                yield label_from_pb(pb)

    async def search(
        self, project: str, filter: str = "", *, order_by: str = "", page_size: int = 0
    ) -> AsyncIterator[FoundLabel]:
        """The labels that stand and that the filter holds for, the newest first or as `order_by` says.

        docs/search.md has the fields of filters and orders. A filter that holds for next to nothing, and that no index
        answers, is asked of all labels, in several calls. Raises LabelmeshError with reason FILTER_INVALID or
        ORDER_INVALID and a message that names the place.
        """
        request = label_service_pb2.SearchLabelsRequest(
            parent=names.project_name(project), filter=filter, order_by=order_by, page_size=page_size or 100
        )
        call = partial(self._link.unary, self._stub.SearchLabels, request, repeatable=True)
        async for page in pages(request, call):
            for pb in page.labels:
                yield found_from_pb(pb)

    async def export(
        self,
        project: str,
        *,
        include_unreviewed: bool = False,
        on_manifest: Callable[[ExportManifest], None] | None = None,
    ) -> AsyncIterator[ExportedAsset]:
        """Every asset with its current label, in import order; then `on_manifest` is called with what it was.

        Labels accepted unseen are among them where the project's policy says so.

        Raises LabelmeshError with code FAILED_PRECONDITION when no label was reviewed and unreviewed ones
        are left out.
        """
        request = label_service_pb2.ExportLabelsRequest(
            parent=names.project_name(project),
            include_unreviewed=include_unreviewed,
            with_manifest=on_manifest is not None,
        )
        async for pb in self._link.stream(self._stub.ExportLabels, request):
            if pb.HasField("manifest"):
                if on_manifest is not None:
                    on_manifest(_manifest(pb.manifest))
                continue
            yield ExportedAsset(
                asset=asset_from_pb(pb.asset),
                label=label_from_pb(pb.label) if pb.HasField("label") else None,
                reviewed=pb.reviewed,
                rejected=pb.rejected,
                auto_accepted=pb.auto_accepted,
            )


def _manifest(pb: label_service_pb2.ExportManifest) -> ExportManifest:
    return ExportManifest(
        assets=pb.assets,
        reviewed=pb.reviewed,
        audited=pb.audited,
        auto_accepted=pb.auto_accepted,
        unreviewed=pb.unreviewed,
        rejected=pb.rejected,
        missing=pb.missing,
        certificate=pb.certificate,
        error_upper_bound=pb.error_upper_bound,
        confidence=pb.confidence,
        certificate_time_us=pb.certificate_time_us,
    )
