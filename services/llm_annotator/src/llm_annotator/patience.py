"""Tries again where trying again may help, and waits as long as the endpoint asks."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from llm_annotator.annotator import Completion, LanguageModel
from llm_annotator.errors import EndpointUnavailable, TransientFault
from llm_annotator.plan import Plan
from llm_annotator.prompt import Message


@dataclass(frozen=True, slots=True)
class Patience:
    """How often to try and how long to wait between tries.

    Waits are drawn from 0 to `first_wait_seconds * 2 ** n`, at most `longest_wait_seconds`. A Retry-After of
    the endpoint counts instead, up to `longest_retry_after_seconds`, and holds back all calls.
    """

    tries: int = 5
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 30.0
    longest_retry_after_seconds: float = 3_600.0


class PatientModel:
    """A model whose transient faults are tried again; shared by all runs, as they share the endpoint."""

    def __init__(self, model: LanguageModel, patience: Patience) -> None:
        self._model = model
        self._patience = patience
        self._closed_until = 0.0
        #: When a call last succeeded, by the monotonic clock; -inf before the first.
        self.last_success = float("-inf")

    async def complete(self, messages: Sequence[Message], plan: Plan) -> Completion:
        """As LanguageModel.complete, but raises EndpointUnavailable in place of the last TransientFault."""
        fault = TransientFault()
        for attempt in range(self._patience.tries):
            if attempt:
                await asyncio.sleep(self._wait_seconds(attempt - 1, fault))
            await self._gate()
            try:
                completion = await self._model.complete(messages, plan)
            except TransientFault as error:
                fault = error
                self._close(error)
                continue
            self.last_success = monotonic()
            return completion
        raise EndpointUnavailable(f"{fault} It did so {self._patience.tries} times in a row.") from None

    def _wait_seconds(self, attempt: int, fault: TransientFault) -> float:
        if fault.retry_after_seconds is not None:
            return 0.0  # the gate waits
        ceiling = min(self._patience.first_wait_seconds * 2**attempt, self._patience.longest_wait_seconds)
        return random.uniform(0.0, ceiling)  # noqa: S311 - spreads retries, no secret

    def _close(self, fault: TransientFault) -> None:
        if fault.retry_after_seconds is not None:
            wait = min(fault.retry_after_seconds, self._patience.longest_retry_after_seconds)
            self._closed_until = max(self._closed_until, monotonic() + wait)

    async def _gate(self) -> None:
        while (wait := self._closed_until - monotonic()) > 0:  # noqa: ASYNC110 - it may move on meanwhile
            # Woken together, all waiting calls would hit the endpoint in one instant.
            await asyncio.sleep(wait + random.uniform(0.0, min(1.0, wait / 10)))  # noqa: S311
