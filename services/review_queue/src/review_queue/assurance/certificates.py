"""SQL room: certificates. A certificate is one moment's statement, and it never changes."""

from dataclasses import dataclass

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis import outbox
from chassis.clock import now_us
from chassis.db import Database
from chassis.ids import new_uid
from chassis.pages import Page
from labelmesh.review.v1 import assurance_service_pb2 as pb2
from labelmesh.review.v1 import review_events_pb2
from labels.names import certificate_name, fit_name
from review_queue import requests
from review_queue.assurance import policies, tables, tallies
from review_queue.assurance.certificate import Claim, bound, claim
from review_queue.assurance.policies import Stored
from review_queue.assurance.wire import counts_to_pb, stage_to_pb
from review_queue.errors import CertificateNotFound
from review_queue.project import Project
from review_queue.request import Request

_c = tables.certificates.c


@dataclass(frozen=True, slots=True)
class Stamp:
    """What an export says about the newest certificate; confidence 0 and empty name without one."""

    name: str = ""
    error_upper_bound: float = 0.0
    confidence: float = 0.0
    create_time_us: int = 0


async def issue(db: Database, project: Project, request: Request) -> pb2.Certificate:
    """State what the labels may be trusted for now, with its event. Raises PolicyMissing or RequestIdReused."""
    async with db.begin() as conn:
        if (answer := await requests.claim(conn, project.uid, request)) is not None:
            return pb2.Certificate.FromString(answer)
        policy = await policies.get(conn, project)
        certificate, said = await _certificate(conn, project, policy, request.actor)
        row = {
            "uid": certificate.name.rpartition("/")[2],
            "project_uid": project.uid,
            "within_target": int(said.within_target),
            "by_audits": int(said.by_audits),
            "error_upper_bound": said.error_upper_bound,
            "confidence": certificate.confidence,
            "create_time_us": certificate.create_time_us,
            "body": certificate.SerializeToString(),
        }
        await conn.execute(insert(tables.certificates).values(row))
        event = review_events_pb2.CertificateIssued(
            certificate=certificate.name,
            error_upper_bound=said.error_upper_bound,
            confidence=certificate.confidence,
            within_target=said.within_target,
        )
        await outbox.add(conn, event, project.uid)
        await requests.answer(conn, project.uid, request, certificate.SerializeToString())
    return certificate


async def _certificate(
    conn: AsyncConnection, project: Project, policy: Stored, actor: str
) -> tuple[pb2.Certificate, Claim]:
    rules = policy.policy
    counts = await tallies.counts(conn, project)
    found = bound(await tallies.strata(conn, project), rules.delta)
    said = claim(
        found, counts.auto_accepted, rules.target_error, rules.delta, fit_in_force=policy.fit_uid != ""
    )
    certificate = pb2.Certificate(
        name=certificate_name(project.project_id, new_uid()),
        counts=counts_to_pb(counts),
        audit_n=found.n,
        audit_errors=found.errors,
        error_upper_bound=said.error_upper_bound,
        audit_upper_bound=found.every_look,
        single_look_upper_bound=found.single_look,
        confidence=1.0 - rules.delta,
        method=said.method,
        target_error=rules.target_error,
        within_target=said.within_target,
        policy_revision=policy.revision,
        threshold_fit=fit_name(project.project_id, policy.fit_uid) if policy.fit_uid else "",
        stage=stage_to_pb(policy.stage),
        create_time_us=now_us(),
        actor=actor,
    )
    return certificate, said


async def get(conn: AsyncConnection, project: Project, uid: str) -> pb2.Certificate:
    """One certificate of the project; raises CertificateNotFound."""
    query = select(_c.body).where(_c.uid == uid, _c.project_uid == project.uid)
    body = (await conn.execute(query)).scalar_one_or_none()
    if body is None:
        raise CertificateNotFound
    return pb2.Certificate.FromString(body)


async def some(conn: AsyncConnection, project: Project, page: Page) -> tuple[list[pb2.Certificate], str]:
    """A page of the project's certificates, newest first, and the token of the next."""
    query = select(_c.uid, _c.body).where(_c.project_uid == project.uid)
    if page.after:
        query = query.where(_c.uid < page.after[0])
    rows = (await conn.execute(query.order_by(_c.uid.desc()).limit(page.size + 1))).all()
    cut, token = page.cut(rows, lambda row: len(row.body), lambda row: (row.uid,))
    return [pb2.Certificate.FromString(row.body) for row in cut], token


async def newest(conn: AsyncConnection, project: Project) -> pb2.Certificate | None:
    """The project's newest certificate, None without one."""
    query = select(_c.body).where(_c.project_uid == project.uid).order_by(_c.uid.desc()).limit(1)
    body = (await conn.execute(query)).scalar_one_or_none()
    return None if body is None else pb2.Certificate.FromString(body)


async def last_good_us(conn: AsyncConnection, project: Project, *, by_audits: bool) -> int:
    """When the newest certificate within the target was issued, microseconds since the epoch; 0 for never.

    `by_audits`: only of those that rest on audits.
    """
    query = select(func.max(_c.create_time_us)).where(_c.project_uid == project.uid, _c.within_target == 1)
    if by_audits:
        query = query.where(_c.by_audits == 1)
    found: int | None = (await conn.execute(query)).scalar()
    return found or 0


async def stamp(conn: AsyncConnection, project: Project) -> Stamp:
    """What an export says about the newest certificate."""
    found = await newest(conn, project)
    if found is None:
        return Stamp()
    return Stamp(found.name, found.error_upper_bound, found.confidence, found.create_time_us)
