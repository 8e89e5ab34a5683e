"""LineageService on the wire."""

from collections.abc import AsyncIterator

from grpc.aio import ServicerContext

from chassis.auth import caller
from chassis.db import Database
from labelmesh.review.v1 import lineage_service_pb2 as pb2
from labelmesh.review.v1.lineage_service_pb2_grpc import LineageServiceServicer
from labels.names import LABEL, asset_name, parse, parse_project, rule_run_name
from review_queue import projects
from review_queue.errors import RequestInvalid
from review_queue.lineage import notary, provenance, verifying
from review_queue.lineage.provenance import Link, Provenance, Revision
from review_queue.lineage.verifying import Kept, Progress
from review_queue.project import Project
from review_queue.wire import decision_to_pb


class LineageServicer(LineageServiceServicer):
    """What labels came from, and whether it still says so."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def GetLineage(
        self,
        request: pb2.GetLineageRequest,
        context: ServicerContext[pb2.GetLineageRequest, pb2.GetLineageResponse],
    ) -> pb2.GetLineageResponse:
        """Say what made a label."""
        project_id, uid = parse(request.name, LABEL)
        async with self._db.read() as conn:
            project = await projects.get(conn, caller().tenant, project_id)
            return _lineage(project, await provenance.trace(conn, project, uid))

    async def VerifyLineage(
        self,
        request: pb2.VerifyLineageRequest,
        context: ServicerContext[pb2.VerifyLineageRequest, pb2.VerifyLineageResponse],
    ) -> AsyncIterator[pb2.VerifyLineageResponse]:
        """Verify a project."""
        kept = _kept(request)
        project = await self._project(request.parent)
        async for progress in verifying.verify(self._db, project.uid, request.after_seal, kept):
            yield _progress(progress)

    async def SealLineage(
        self,
        request: pb2.SealLineageRequest,
        context: ServicerContext[pb2.SealLineageRequest, pb2.SealLineageResponse],
    ) -> pb2.SealLineageResponse:
        """Seal a project."""
        project = await self._project(request.parent)
        while await notary.seal_some(self._db, project.uid):
            pass
        async with self._db.read() as conn:
            return pb2.SealLineageResponse(seal=_seal(await provenance.last_seal(conn, project)))

    async def _project(self, parent: str) -> Project:
        return await projects.read(self._db, caller().tenant, parse_project(parent))


def _kept(request: pb2.VerifyLineageRequest) -> Kept | None:
    """Raises RequestInvalid for numbers or a digest that are none."""
    if request.after_seal < 0:
        raise RequestInvalid("A seal's number counts from 1.")
    if not request.HasField("kept"):
        return None
    try:
        digest = bytes.fromhex(request.kept.digest)
    except ValueError:
        digest = b""
    if len(digest) != 32 or request.kept.number < 1:
        raise RequestInvalid("A kept seal has a number from 1 and a digest of 64 hexadecimal digits.")
    return Kept(request.kept.number, digest)


def _lineage(project: Project, found: Provenance) -> pb2.GetLineageResponse:
    return pb2.GetLineageResponse(
        revisions=(_revision(project, revision) for revision in found.revisions),
        asset=asset_name(project.project_id, found.asset.uid),
        content_sha256=found.asset.content_sha256,
        asset_intact=found.asset_intact,
        findings=found.findings.findings,
        ruleset_revision=found.findings.ruleset_revision,
        rules=found.findings.rules,
    )


def _revision(project: Project, revision: Revision) -> pb2.Revision:
    pb = pb2.Revision(
        label=revision.label,
        annotation_count=len(revision.label.annotations),
        reason=revision.reason,
        op_count=revision.op_count,
        hash=revision.hash.hex(),
        seal=revision.seal,
        intact=revision.intact,
        rule_run=rule_run_name(project.project_id, revision.rule_run) if revision.rule_run else "",
        rules=revision.rules,
    )
    if revision.decision is not None:
        pb.decision = decision_to_pb(revision.decision)
    pb.label.ClearField("annotations")
    return pb


def _progress(progress: Progress) -> pb2.VerifyLineageResponse:
    return pb2.VerifyLineageResponse(
        seal=progress.seal,
        entries=progress.entries,
        troubles=(
            pb2.LineageTrouble(
                problem=pb2.LineageProblem.Value(f"LINEAGE_PROBLEM_{trouble.problem.name}"),
                kind=trouble.kind.name.lower() if trouble.kind else "",
                uid=trouble.uid,
                seal=trouble.seal,
            )
            for trouble in progress.troubles
        ),
    )


def _seal(link: Link | None) -> pb2.Seal:
    if link is None:
        return pb2.Seal()
    return pb2.Seal(
        number=link.number,
        digest=link.digest.hex(),
        entries=link.entries,
        create_time_us=link.create_time_us,
    )
