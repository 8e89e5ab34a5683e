"""The simulated reviewer: reads the gold answers and submits them, in the order the queue hands out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from labelmesh.client import Client, Lease
from labels.label import Annotation, same_claims

ACTOR = "simulated-reviewer"
_LEASES_AT_ONCE = 5


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One answer: the task's place in the queue shows in the order of the list."""

    key: str
    was_right: bool
    confidence: float | None
    findings: int


async def review_all(
    client: Client,
    project: str,
    gold: Mapping[str, tuple[Annotation, ...]],
    on_answer: Callable[[], None],
) -> list[Reviewed]:
    """Answer every open task with its gold answer; what was answered, in queue order."""
    answers: list[Reviewed] = []
    while leases := await client.queue.lease_next(project, _LEASES_AT_ONCE, lease_seconds=60):
        for lease in leases:
            right = gold[lease.task.asset.key]
            await client.queue.submit_final(lease, right)
            answers.append(_reviewed(lease, right))
            on_answer()
    return answers


def _reviewed(lease: Lease, right: tuple[Annotation, ...]) -> Reviewed:
    label = lease.task.label
    return Reviewed(
        key=lease.task.asset.key,
        was_right=label is not None and same_claims(label.annotations, right),
        confidence=label.confidence.raw if label and label.confidence else None,
        findings=len(lease.task.findings),
    )
