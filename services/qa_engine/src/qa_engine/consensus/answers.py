"""SQL of answers: what each person said of an asset that several are to answer."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from labelmesh.label.v1 import label_pb2
from labels.label import Label, LabelKind
from labels.proto import label_from_pb
from qa_engine.consensus.comparing import AssetAnswers
from qa_engine.consensus.resolution import Answer
from qa_engine.consensus.tables import consensus_answers

MAX_ANSWERS = 10_000
"""Answers that are read at once."""
_ASSETS_AT_ONCE = 500
_C = consensus_answers.c


@dataclass(frozen=True, slots=True)
class Given:
    """An answer to store; `label` is None where the asset was rejected; the time is in microseconds since the epoch."""

    project_uid: str
    asset_uid: str
    annotator: str
    label_uid: str
    label: label_pb2.Label | None
    time_us: int
    first: bool


async def put(conn: AsyncConnection, given: Given) -> None:
    """Store an answer; a later one by the same person replaces it, and the first of a round those of rounds before."""
    mine = (_C.project_uid == given.project_uid) & (_C.asset_uid == given.asset_uid)
    if given.first:
        await conn.execute(delete(consensus_answers).where(mine & (_C.answer_time_us < given.time_us)))
    row = {
        "project_uid": given.project_uid,
        "asset_uid": given.asset_uid,
        "annotator": given.annotator,
        "label_uid": given.label_uid,
        "label": given.label.SerializeToString() if given.label is not None else b"",
        "answer_time_us": given.time_us,
    }
    his = mine & (_C.annotator == given.annotator)
    known = await conn.scalar(select(_C.answer_time_us).where(his))
    if known is not None and known > given.time_us:
        return
    await conn.execute(delete(consensus_answers).where(his))
    await conn.execute(consensus_answers.insert().values(row))


async def of_asset(conn: AsyncConnection, project_uid: str, asset_uid: str) -> tuple[Answer, ...]:
    """The answers to an asset in the order they came."""
    query = select(consensus_answers).where((_C.project_uid == project_uid) & (_C.asset_uid == asset_uid))
    rows = await conn.execute(query.order_by(_C.answer_time_us, _C.annotator))
    return tuple(_answer(row.annotator, row.label_uid, row.label) for row in rows)


async def of_others(
    conn: AsyncConnection, project_uid: str, labels: Sequence[Label]
) -> list[tuple[Label, ...]]:
    """For each label what other people than its author answered about its asset, in the order it came.

    An answer that rejects the asset is a label without uid and annotations.
    """
    assets = sorted({label.asset_uid for label in labels})
    found: dict[str, list[Label]] = defaultdict(list)
    for start in range(0, len(assets), _ASSETS_AT_ONCE):
        some = _C.asset_uid.in_(assets[start : start + _ASSETS_AT_ONCE])
        query = select(consensus_answers).where(_C.project_uid == project_uid, some)
        for row in await conn.execute(query.order_by(_C.answer_time_us, _C.annotator)):
            found[row.asset_uid].append(_label(row))
    return [tuple(a for a in found[label.asset_uid] if a.author != label.author) for label in labels]


def _label(row: Row[Any]) -> Label:
    if not row.label_uid:
        return Label(
            LabelKind.REVIEW, row.annotator, (), asset_uid=row.asset_uid, create_time_us=row.answer_time_us
        )
    label = label_from_pb(label_pb2.Label.FromString(row.label))
    return replace(label, author=row.annotator, asset_uid=row.asset_uid)


async def recent(
    conn: AsyncConnection, project_uid: str, start_time_us: int = 0, end_time_us: int = 0
) -> list[AssetAnswers]:
    """Answers of a window of time, 0 being open, by asset, those answered last first.

    At most the last MAX_ANSWERS: an asset at the end of those may lack some.
    """
    query = select(consensus_answers).where(
        (_C.project_uid == project_uid) & (_C.answer_time_us >= start_time_us)
    )
    if end_time_us:
        query = query.where(_C.answer_time_us < end_time_us)
    newest = query.order_by(_C.answer_time_us.desc(), _C.asset_uid, _C.annotator).limit(MAX_ANSWERS)
    found: dict[str, list[Answer]] = {}
    for row in await conn.execute(newest):
        found.setdefault(row.asset_uid, []).append(_answer(row.annotator, row.label_uid, row.label))
    return [AssetAnswers(uid, tuple(reversed(some))) for uid, some in found.items()]


def _answer(annotator: str, label_uid: str, label: bytes) -> Answer:
    if not label_uid:
        return Answer(annotator, "", ())
    return Answer(annotator, label_uid, label_from_pb(label_pb2.Label.FromString(label)).annotations)


def uids(answers: Sequence[Answer]) -> list[str]:
    """The labels of the answers, without those that reject."""
    return [answer.label_uid for answer in answers if answer.label_uid]
