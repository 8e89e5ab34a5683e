"""What labels came from, and whether what is stored is what was stored."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from labelmesh.client.calls import Link
from labelmesh.review.v1 import lineage_service_pb2 as pb2
from labelmesh.review.v1 import queue_service_pb2
from labelmesh.review.v1.lineage_service_pb2_grpc import LineageServiceStub
from labels import names
from labels.label import Finding, Label
from labels.proto import finding_from_pb, label_from_pb


@dataclass(frozen=True, slots=True)
class Seal:
    """A link of a project's chain; `digest` is 64 hexadecimal digits, `number` 0 before the first."""

    number: int
    digest: str
    entries: int = 0
    create_time_us: int = 0


@dataclass(frozen=True, slots=True)
class Revision:
    """One label of an asset without its annotations, and the review that made it (`decision` empty without one).

    `rule_run` is the run of rules that made it of the label before it, by `rules`; empty where none did.
    """

    label: Label
    annotation_count: int
    decision: str
    reason: str
    op_count: int
    hash: str
    seal: int
    intact: bool
    rule_run: str = ""
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lineage:
    """What made a label: revisions newest first, the asset's content, what rules said about it.

    `rules` are those that looked at it, empty where an earlier release asked them.
    """

    revisions: tuple[Revision, ...]
    asset_uid: str
    content_sha256: str
    asset_intact: bool
    findings: tuple[Finding, ...]
    ruleset_revision: int
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong, such as ALTERED; `kind` is asset, label or review, empty for a seal."""

    problem: str
    kind: str
    uid: str
    seal: int


@dataclass(frozen=True, slots=True)
class Verified:
    """What was verified since the last one; `seal` is 0 for what is in none."""

    seal: int
    entries: int
    troubles: tuple[Trouble, ...]


class Lineages:
    """`client.lineage`."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._stub = LineageServiceStub(link.channel)

    async def get(self, project: str, label_uid: str) -> Lineage:
        """What made the label."""
        request = pb2.GetLineageRequest(name=names.label_name(project, label_uid))
        found = await self._link.unary(self._stub.GetLineage, request, repeatable=True)
        return Lineage(
            tuple(map(_revision, found.revisions)),
            names.parse(found.asset, names.ASSET)[1],
            found.content_sha256,
            found.asset_intact,
            tuple(map(finding_from_pb, found.findings)),
            found.ruleset_revision,
            tuple(found.rules),
        )

    async def verify(
        self, project: str, *, after_seal: int = 0, kept: Seal | None = None
    ) -> AsyncIterator[Verified]:
        """Verify a project seal by seal, from behind `after_seal`; `kept` is a seal as it was kept elsewhere."""
        request = pb2.VerifyLineageRequest(parent=names.project_name(project), after_seal=after_seal)
        if kept is not None:
            request.kept.number, request.kept.digest = kept.number, kept.digest
        async for found in self._link.stream(self._stub.VerifyLineage, request):
            yield Verified(found.seal, found.entries, tuple(map(_trouble, found.troubles)))

    async def seal(self, project: str) -> Seal:
        """Seal what is not sealed yet; the project's last seal, to be kept elsewhere."""
        request = pb2.SealLineageRequest(parent=names.project_name(project))
        made = (await self._link.unary(self._stub.SealLineage, request, repeatable=True)).seal
        return Seal(made.number, made.digest, made.entries, made.create_time_us)


def _revision(pb: pb2.Revision) -> Revision:
    decision = queue_service_pb2.Decision.Name(pb.decision).removeprefix("DECISION_") if pb.decision else ""
    return Revision(
        label_from_pb(pb.label),
        pb.annotation_count,
        decision,
        pb.reason,
        pb.op_count,
        pb.hash,
        pb.seal,
        pb.intact,
        names.parse(pb.rule_run, names.RULE_RUN)[1] if pb.rule_run else "",
        tuple(pb.rules),
    )


def _trouble(pb: pb2.LineageTrouble) -> Trouble:
    problem = pb2.LineageProblem.Name(pb.problem).removeprefix("LINEAGE_PROBLEM_")
    return Trouble(problem, pb.kind, pb.uid, pb.seal)
