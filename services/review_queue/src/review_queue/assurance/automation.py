"""SQL room: going from stage to stage, and opening again what was accepted without good evidence."""

from chassis.db import Database
from review_queue.assurance import acceptance, certificates, fitting, policies
from review_queue.assurance.policy import Stage
from review_queue.assurance.stage import Proof, promoted
from review_queue.errors import PolicyInvalid
from review_queue.project import Project

MAX_REASON = 2_000


async def promote(db: Database, project: Project, actor: str) -> Stage:
    """One stage up; raises PolicyMissing, EvidenceMissing or StageHighest."""
    async with db.begin() as conn:
        policy = await policies.get(conn, project, lock=True)
        rules = (await policies.in_force(conn, [project.uid]))[project.uid]
        proof = Proof(
            has_threshold=bool(rules.thresholds),
            certificate_time_us=await certificates.last_good_us(conn, project, by_audits=True),
        )
        stage = promoted(policy.stage, policy.stage_time_us, proof)
        await policies.set_stage(conn, project.uid, stage, f"{actor} promoted it.", actor)
    return stage


async def demote(db: Database, project: Project, reason: str, actor: str) -> Stage:
    """Back to the first stage at once; raises PolicyMissing, or PolicyInvalid for a reason of the wrong length."""
    if not 0 < len(reason.strip()) <= len(reason) <= MAX_REASON or "\x00" in reason:
        raise PolicyInvalid("A reason has 1 to 2,000 characters.")
    async with db.begin() as conn:
        await policies.get(conn, project, lock=True)
        await policies.demote(conn, project.uid, reason, actor)
    return Stage.ASSISTED


async def reopen(db: Database, project: Project, since_us: int) -> int:
    """Open what was accepted unseen since a time (0: since the evidence was last good); returns how many.

    Raises PolicyMissing, or PolicyInvalid for a time before the epoch.
    """
    if since_us < 0:
        raise PolicyInvalid("A time is not before 1970.")
    async with db.read() as conn:
        await policies.get(conn, project)
        if not since_us:
            good = await certificates.last_good_us(conn, project, by_audits=False)
            fit = await fitting.newest(conn, project)
            since_us = max(good, fit.create_time_us if fit else 0)
    return await acceptance.reopen(db, project, since_us)
