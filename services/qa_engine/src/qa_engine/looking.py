"""Labels with what they are about, on their way through the engine: contents from the blob store, history from SQL."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.blobs import Blobs
from chassis.bus import Event
from chassis.errors import BlobCorrupt, BlobMissing, BlobTooLarge, BlobUriRefused
from labels.asset import Asset
from labels.label import Label
from qa_engine import facts, pictures, texts
from qa_engine.consensus import answers
from qa_engine.engine import Engine
from qa_engine.errors import PictureUnreadable, TextUnreadable
from qa_engine.findings import Evaluation
from qa_engine.history import NO_HISTORY, History
from qa_engine.operation import Judgement
from qa_engine.picture import Picture
from qa_engine.projects import Project
from qa_engine.rule import Need, Subject

_UNREADABLE = (BlobMissing, BlobCorrupt, BlobTooLarge, BlobUriRefused, TextUnreadable, PictureUnreadable)
_TEXTS_AT_ONCE = 16
"""Texts from the blob store in memory at once; each may have 1 MiB."""
_LABELS_AT_ONCE = 1_024


@dataclass(frozen=True, slots=True)
class Submission:
    """A label to evaluate under its project's rules, and the event that its evaluation belongs to, if any."""

    project: Project
    asset: Asset
    label: Label
    cause: Event[Any] | None = None


class Looker:
    """Holds labels to the rules of an engine, with all that those rules read."""

    def __init__(self, engine: Engine, blobs: Blobs) -> None:
        self._engine = engine
        self._blobs = blobs

    def needs(self, submission: Submission, need: Need) -> bool:
        """Whether a rule that the label is held to reads that."""
        return need in self._engine.needs(submission.project.ruleset)

    async def judge(self, conn: AsyncConnection, submissions: Sequence[Submission]) -> list[Evaluation]:
        """An evaluation of each label, in order; nothing is stored."""
        return [done for some in self._portions(submissions) for done in await self._evaluate(conn, some)]

    def _portions(self, submissions: Sequence[Submission]) -> Iterator[list[Submission]]:
        """As many as may have their contents in memory."""
        portion: list[Submission] = []
        texts_in = pictures_in = 0
        for submission in submissions:
            portion.append(submission)
            texts_in += submission.asset.text_ref is not None
            pictures_in += submission.asset.image_ref is not None and self.needs(submission, Need.PIXELS)
            full = texts_in == _TEXTS_AT_ONCE or pictures_in == pictures.AT_ONCE
            if full or len(portion) == _LABELS_AT_ONCE:
                yield portion
                portion, texts_in, pictures_in = [], 0, 0
        if portion:
            yield portion

    async def _evaluate(self, conn: AsyncConnection, submissions: Sequence[Submission]) -> list[Evaluation]:
        seen = await asyncio.gather(*(self._contents(s) for s in submissions))
        histories = await self._histories(conn, submissions)
        others = await self._answers(conn, submissions)
        subjects = [
            Subject(
                s.project.ontology,
                s.asset,
                text,
                picture,
                histories.get(s.label.uid, NO_HISTORY),
                others.get(s.label.uid, ()),
            )
            for s, (text, picture) in zip(submissions, seen, strict=True)
        ]
        # Rules are pure computing: in a thread they leave the loop free for calls and the broker.
        return await asyncio.to_thread(self._judge, submissions, subjects)

    def _judge(self, submissions: Sequence[Submission], subjects: Sequence[Subject]) -> list[Evaluation]:
        found: dict[str, Judgement] = {}
        rules: dict[str, tuple[str, ...]] = {}
        for project in {s.project.uid: s.project for s in submissions}.values():
            mine = [
                (s.label, subject)
                for s, subject in zip(submissions, subjects, strict=True)
                if s.project.uid == project.uid
            ]
            judged = self._engine.judge_many(mine, project.ruleset)
            found |= {label.uid: some for (label, _), some in zip(mine, judged, strict=True)}
            rules[project.uid] = self._engine.enforced(project.ruleset)
        return [_evaluation(s, found[s.label.uid], rules[s.project.uid]) for s in submissions]

    async def _contents(self, submission: Submission) -> tuple[str | None, Picture | None]:
        """The asset's text or picture; None also where it is lost for good, which is for the rules to say."""
        shelf = self._blobs.of(submission.project.tenant)
        try:
            text = await texts.read(submission.asset, shelf)
            wanted = self.needs(submission, Need.PIXELS)
            return text, await pictures.read(submission.asset, shelf) if wanted else None
        except _UNREADABLE:
            return None, None

    async def _histories(
        self, conn: AsyncConnection, submissions: Sequence[Submission]
    ) -> dict[str, History]:
        """By label, of those whose project has a rule that compares labels."""
        found: dict[str, History] = {}
        for project_uid, labels in self._reading(submissions, Need.HISTORY).items():
            histories = await facts.read(conn, project_uid, labels)
            found |= {label.uid: history for label, history in zip(labels, histories, strict=True)}
        return found

    async def _answers(
        self, conn: AsyncConnection, submissions: Sequence[Submission]
    ) -> dict[str, tuple[Label, ...]]:
        """By label, of those whose project has a rule that looks at other people's answers."""
        found: dict[str, tuple[Label, ...]] = {}
        for project_uid, labels in self._reading(submissions, Need.ANSWERS).items():
            others = await answers.of_others(conn, project_uid, labels)
            found |= {label.uid: theirs for label, theirs in zip(labels, others, strict=True)}
        return found

    def comparing(self, submissions: Sequence[Submission]) -> dict[str, list[Label]]:
        """Labels by project, of projects with a rule that compares labels."""
        return self._reading(submissions, Need.HISTORY)

    def _reading(self, submissions: Sequence[Submission], need: Need) -> dict[str, list[Label]]:
        """Labels by project, of projects with a rule that reads that."""
        found: dict[str, list[Label]] = {}
        for submission in submissions:
            if self.needs(submission, need):
                # A label's own name for its asset may be missing.
                label = replace(submission.label, asset_uid=submission.asset.uid)
                found.setdefault(submission.project.uid, []).append(label)
        return found


def _evaluation(submission: Submission, judged: Judgement, rules: tuple[str, ...]) -> Evaluation:
    return Evaluation(
        submission.project.uid,
        submission.label.uid,
        submission.asset.uid,
        submission.project.ruleset.revision,
        judged.findings,
        judged.shadow,
        judged.operations,
        rules,
    )
