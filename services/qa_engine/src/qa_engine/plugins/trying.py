"""Tries plugins on labels whose contents are fetched, one picture in memory at a time."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from chassis.blobs import Blobs
from chassis.clock import now_us
from chassis.errors import BlobCorrupt, BlobMissing, BlobTooLarge
from qa_engine import pictures, texts
from qa_engine.errors import PictureUnreadable
from qa_engine.plugins import measures, trial
from qa_engine.plugins.plugin import Plugin
from qa_engine.plugins.sandbox import Sandbox
from qa_engine.plugins.trial import Case, Result
from qa_engine.rule import Need, Subject

_AT_ONCE = 2
"""Calls that try a plugin; the others wait."""


class Trier:
    """Runs cases in the sandbox, outside the event loop."""

    def __init__(self, blobs: Blobs, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._blobs = blobs
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._picture = asyncio.Semaphore(pictures.AT_ONCE)

    async def run(self, tenant: str, plugin: Plugin, cases: Sequence[Case]) -> list[Result]:
        """One result for each case, in order; a picture that cannot be read is for the plugin's rule to find.

        Raises what reading a text does.
        """
        found: list[Result] = []
        async with self._turn:
            for case in cases:
                async with self._picture:
                    subject = await self._subject(tenant, plugin, case.subject)
                    seen = replace(case, subject=subject)
                    results = await asyncio.to_thread(trial.run, plugin, self.sandbox, [seen], now_us())
                # The picture is let go.
                found += [Result(case, result.verdict) for result in results]
        return found

    async def _subject(self, tenant: str, plugin: Plugin, subject: Subject) -> Subject:
        shelf = self._blobs.of(tenant)
        text, picture = await texts.read(subject.asset, shelf), None
        if Need.PIXELS in measures.needs(plugin):
            with suppress(BlobMissing, BlobCorrupt, BlobTooLarge, PictureUnreadable):
                picture = await pictures.read(subject.asset, shelf)
        return replace(subject, text=text, picture=picture)
