"""Pictures that will be wanted soon are encoded while nobody waits for another one."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Self

from prometheus_client import Counter

from chassis.errors import ChassisError
from chassis.log import get_logger
from labels.asset import ContentRef
from labels.errors import LabelError

MAX_WAITING = 256
_BUSY_SECONDS = 0.2

AHEAD = Counter(
    "labelmesh_sam_segmenter_prefetched", "Pictures that were to be encoded ahead, by outcome.", ["outcome"]
)
_log = get_logger(__name__)


class Prefetch:
    """One picture at a time, and none while `busy` says that somebody waits. An async context manager."""

    def __init__(
        self,
        encode: Callable[[str, ContentRef], Awaitable[object]],
        busy: Callable[[], bool],
        pictures: int,
    ) -> None:
        """`encode` makes a tenant's picture ready; `pictures` of an import are taken, 0 takes none."""
        self._encode = encode
        self._busy = busy
        self._pictures = pictures
        self._waiting: deque[tuple[str, ContentRef]] = deque(maxlen=MAX_WAITING)
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="prefetch")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """What still waits is not encoded."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def ahead(self, tenant: str, refs: Sequence[ContentRef]) -> None:
        """The first of these pictures of a tenant will be wanted soon; of too many the oldest are forgotten."""
        self._waiting.extend((tenant, ref) for ref in refs[: self._pictures])
        if self._waiting:
            self._arrived.set()

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                if self._busy():
                    await asyncio.sleep(_BUSY_SECONDS)
                    continue
                tenant, ref = self._waiting.popleft()
                AHEAD.labels(await self._try(tenant, ref)).inc()

    async def _try(self, tenant: str, ref: ContentRef) -> str:
        try:
            await self._encode(tenant, ref)
        except (LabelError, ChassisError, OSError) as error:
            # Whoever asks for it gets the error.
            _log.debug("not encoded ahead", error=type(error).__name__)
            return "failed"
        except Exception as error:  # noqa: BLE001 - a picture that breaks us must not end this for all others
            _log.warning("not encoded ahead", error=type(error).__name__)
            return "failed"
        return "encoded"
