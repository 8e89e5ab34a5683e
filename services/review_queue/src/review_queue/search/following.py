"""SQL room: the origin of a label that stands in the place of another one."""

import asyncio

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from labelmesh.label.v1 import label_pb2
from labels.label import Label, LabelKind, same_claims
from labels.proto import label_from_pb
from review_queue import tables
from review_queue.measures.learning import is_slow
from review_queue.search.origin import Origin, Source, first, following

_l = tables.labels.c


async def after(conn: AsyncConnection, base_uid: str, label: Label, source: Source = Source.PERSON) -> Origin:
    """Of a label that replaces the one of `base_uid` (empty for none): told of the prediction that both follow."""
    if label.kind is LabelKind.PREDICTION or not base_uid:
        return first(label, source)
    prediction_uid = await conn.scalar(select(_l.prediction_uid).where(_l.uid == base_uid))
    if not prediction_uid:
        return first(label, source)
    body = await conn.scalar(select(_l.body).where(_l.uid == prediction_uid))
    if body is None:
        return first(label, source)
    prediction = label_from_pb(label_pb2.Label.FromString(body))
    slow = is_slow(prediction.annotations, label.annotations)
    if slow and not same_claims(prediction.annotations, label.annotations):
        return await asyncio.to_thread(following, prediction, label, source)
    return following(prediction, label, source)
