"""The leases of one sitting: kept alive in the background, the skipped ones given back at the end."""

import asyncio
from contextlib import suppress

from labelmesh.client import Client, LabelmeshError, Lease

LEASE_SECONDS = 120
_RENEW_EVERY_S = 40.0


class Leases:
    """Every task this sitting holds."""

    def __init__(self, client: Client, project: str) -> None:
        self._client = client
        self._project = project
        self._held: dict[str, Lease] = {}
        self._renewal: asyncio.Task[None] | None = None

    async def next(self) -> Lease | None:
        """Lease the most urgent open task; None when nothing is open.

        Skipped ones stay leased, so none comes twice.
        """
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._renew())
        leases = await self._client.queue.lease_next(self._project, 1, LEASE_SECONDS)
        for lease in leases:
            self._held[lease.task.uid] = lease
            return lease
        return None

    def settled(self, lease: Lease) -> None:
        """The task was answered, or the lease is lost."""
        self._held.pop(lease.task.uid, None)

    async def release_all(self) -> None:
        """Give back what was not answered."""
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.gather(self._renewal, return_exceptions=True)
        for lease in self._held.values():
            # A lease that cannot be given back runs out by itself.
            with suppress(LabelmeshError):
                await self._client.queue.release(lease)
        self._held.clear()

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(_RENEW_EVERY_S)
            for lease in tuple(self._held.values()):
                # Whether it is lost shows when it is answered; that is where the reviewer is told.
                with suppress(LabelmeshError):
                    await self._client.queue.renew(lease, LEASE_SECONDS)
