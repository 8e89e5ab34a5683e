"""The slots of shared memory that a Triton knows, and how they come and go."""

import asyncio
import contextlib

from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from chassis.log import get_logger
from sam_segmenter.triton_memory import SLOT_BYTES, Slot

_UNREGISTER_SECONDS = 2.0
_NOT_NOW = frozenset(("StatusCode.UNAVAILABLE", "StatusCode.DEADLINE_EXCEEDED"))

_log = get_logger(__name__)


class Slots:
    """At most `most` slots of 5 MiB, resting ones among them. Where there is none a request goes over the wire."""

    def __init__(self, client: InferenceServerClient, rest_seconds: float, most: int = 16) -> None:
        """A slot whose request failed rests so long before Triton is told to forget it."""
        self._client = client
        self._rest_seconds = rest_seconds
        self._room = most
        self._free: list[Slot] = []
        self._usable = True
        self._closing = asyncio.Event()
        self._going: set[asyncio.Task[None]] = set()

    async def take(self, seconds: float) -> Slot | None:
        """A slot that Triton knows; None when there is none to be had. Raises InferenceServerException."""
        if self._free:
            return self._free.pop()
        if not self._usable or not self._room:
            return None
        try:
            slot = Slot()
        except OSError as error:
            self._give_up(str(error))
            return None
        self._room -= 1
        try:
            await self._client.register_system_shared_memory(
                slot.name, f"/{slot.name}", SLOT_BYTES, client_timeout=seconds
            )
        except InferenceServerException as error:
            self._retire(slot, 0)
            if error.status() in _NOT_NOW:
                raise
            self._give_up(error.message())
            return None
        except BaseException:
            self._retire(slot, 0)
            raise
        slot.unlink()
        return slot

    def give_back(self, slot: Slot, done: bool) -> None:
        """The request is over. Unless it is `done`, Triton may still read and write there, so nobody gets it again."""
        if done and not self._closing.is_set():
            self._free.append(slot)
        else:
            self._retire(slot, self._rest_seconds)

    def forget(self) -> None:
        """Triton may be a new one that knows no slot."""
        while self._free:
            self._retire(self._free.pop(), 0)

    async def close(self) -> None:
        """Give all memory back; takes a few seconds at most."""
        self._closing.set()
        self.forget()
        await asyncio.gather(*self._going)

    def _give_up(self, why: str) -> None:
        _log.warning("Triton and this process share no memory, pictures go over the wire", why=why)
        self._usable = False

    def _retire(self, slot: Slot, rest_seconds: float) -> None:
        task = asyncio.create_task(self._let_go(slot, rest_seconds))
        self._going.add(task)
        task.add_done_callback(self._going.discard)

    async def _let_go(self, slot: Slot, rest_seconds: float) -> None:
        slot.unlink()
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), rest_seconds)
            # Triton refuses now and then while it still holds the memory.
            for _ in range(2):
                with contextlib.suppress(InferenceServerException):
                    await self._client.unregister_system_shared_memory(
                        slot.name, client_timeout=_UNREGISTER_SECONDS
                    )
                    return
        finally:
            slot.close()
            self._room += 1
