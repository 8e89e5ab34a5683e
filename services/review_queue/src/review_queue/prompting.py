"""SQL room: predictions that a model made of boxes that a person drew for it."""

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from labelmesh.label.v1 import label_pb2
from labels.label import Box, Label, LabelKind
from labels.names import LABEL, parse
from labels.proto import label_from_pb
from review_queue import tables
from review_queue.task_rows import Held

_l = tables.labels.c


def source_uid(label: Label) -> str:
    """Uid of the label whose boxes were the prompts, empty for none; raises NameInvalid."""
    made = label.lineage
    return parse(made.source_label, LABEL)[1] if made and made.source_label else ""


async def prompted(conn: AsyncConnection, held: Mapping[str, Held], labels: Sequence[Label]) -> set[str]:
    """Uids of those predictions that say all that a person's label did, which was only their prompt.

    So it is where the label came from outside review, is the asset's current one, and claims boxes and nothing else,
    for each of which the model has found something.
    """
    made = [label for label in labels if source_uid(label)]
    wanted = {source_uid(label) for label in made if _from_outside(held[label.asset_uid], source_uid(label))}
    if not wanted:
        return set()
    query = select(_l.uid, _l.body).where(_l.uid.in_(sorted(wanted)))
    found = {row.uid: label_pb2.Label.FromString(row.body) for row in await conn.execute(query)}
    boxes = {uid: _boxes(label_from_pb(pb)) for uid, pb in found.items()}
    return {label.uid for label in made if 0 < boxes.get(source_uid(label), 0) <= len(label.annotations)}


def _from_outside(task: Held, source: str) -> bool:
    return task.standing.label_uid == source and task.standing.label_kind is LabelKind.DEFAULT


def _boxes(label: Label) -> int:
    """How many boxes a label claims; 0 where it claims something else too."""
    only = all(isinstance(annotation.value, Box) for annotation in label.annotations)
    return len(label.annotations) if only else 0
