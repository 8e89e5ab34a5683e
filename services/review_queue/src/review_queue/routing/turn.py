"""Whose turn a task is after an answer, as pure functions.

One answer ends a task, but for two rules of its project's policy. Where several people answer, each without seeing the
others' answers, it waits for all of them and then for what they agree on. With four eyes a person's label waits for
another person's accept, and a rejection for another rejection.
"""

from dataclasses import dataclass, replace
from enum import IntEnum

from labels.label import Label, LabelKind
from review_queue.errors import SelfReview
from review_queue.review import Decision
from review_queue.routing.policy import QueuePolicy


class Stage(IntEnum):
    """What a task waits for: an answer, or another person's accept of a label or of a rejection."""

    ANSWER = 0
    CHECK_LABEL = 1
    CHECK_REJECTION = 2


@dataclass(frozen=True, slots=True)
class Turn:
    """How far a task has got between people.

    `answers` of `wanted` (0: as the policy says) answers of several are in; `stage` and `answered_by` are those of four
    eyes. `sent_to` is whom it was sent back to, empty for nobody.
    """

    answers: int = 0
    wanted: int = 0
    stage: int = Stage.ANSWER
    answered_by: str = ""
    sent_to: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """What an answer does: `turn` is the task's after it.

    `done` ends the task. `aside` keeps the answer apart from the task's current label, as one of several; `settles`
    says that it was the last of them.
    """

    turn: Turn
    done: bool = True
    aside: bool = False
    settles: bool = False


ANSWERED = Step(Turn())
"""One answer was enough."""


def step(policy: QueuePolicy, turn: Turn, base: Label | None, decision: Decision, reviewer: str) -> Step:
    """The step that an answer is; raises SelfReview where the reviewer made what is to be checked."""
    by_person = base is not None and base.kind is not LabelKind.PREDICTION
    if policy.four_eyes and turn.sent_to != reviewer:
        made = (base is not None and by_person and base.author == reviewer) or (
            turn.stage != Stage.ANSWER and turn.answered_by == reviewer
        )
        if made:
            raise SelfReview
    after = replace(turn, sent_to="", answered_by=reviewer)
    again = base is not None and base.kind is LabelKind.REVIEW and turn.answers == 0
    wanted = turn.wanted or policy.answers
    # A label that was agreed on once and has to be seen again is for one person.
    if wanted > 1 and not again:
        answers = turn.answers + 1
        after = replace(after, answers=answers, wanted=wanted)
        return Step(after, done=False, aside=True, settles=answers >= wanted)
    if not policy.four_eyes or turn.answers:
        return Step(Turn())
    if decision is Decision.REJECT:
        done = turn.stage == Stage.CHECK_REJECTION
        return Step(Turn() if done else replace(after, stage=Stage.CHECK_REJECTION), done=done)
    done = decision is Decision.ACCEPT and by_person and not (base is not None and base.author == reviewer)
    return Step(Turn() if done else replace(after, stage=Stage.CHECK_LABEL), done=done)
