"""The client: one connection to each service, the calls grouped by what they are about."""

from types import TracebackType

from labelmesh.client.arrival import Arrival
from labelmesh.client.assets import Assets
from labelmesh.client.calls import Link
from labelmesh.client.endpoints import Endpoints, Tls, check_token_is_safe, open_channel
from labelmesh.client.labels import Labels
from labelmesh.client.projects import Projects
from labelmesh.client.queue import Queue
from labelmesh.client.rules import Rules
from labelmesh.client.runs import Runs


class Client:
    """Calls Labelmesh's services; an async context manager.

    Every call has a deadline and raises LabelmeshError. Calls that are harmless to repeat are tried again
    while a service is unavailable, all others never.

    Args:
        endpoints: where the services listen. token: bearer token; refused without TLS beyond this machine
        unless `allow_plaintext`. tls: TLS settings; None means plain text. actor: name to act under where
        the services run without authentication (on one machine); printable ASCII. allow_plaintext: send the
        token without TLS, for a mesh that encrypts by itself.
    """

    projects: Projects
    assets: Assets
    labels: Labels
    queue: Queue
    runs: Runs
    rules: Rules

    def __init__(
        self,
        endpoints: Endpoints | None = None,
        *,
        token: str = "",
        tls: Tls | None = None,
        actor: str = "",
        allow_plaintext: bool = False,
    ) -> None:
        endpoints = endpoints or Endpoints()
        if token and not allow_plaintext:
            check_token_is_safe(endpoints, tls)
        metadata = _metadata(token, actor)
        addresses = {
            "review-queue": endpoints.review_queue,
            "llm-annotator": endpoints.llm_annotator,
            "qa-engine": endpoints.qa_engine,
        }
        links = {
            name: Link(name, address, open_channel(address, tls), metadata)
            for name, address in addresses.items()
        }
        self._links = links
        self.projects = Projects(links["review-queue"])
        self.assets = Assets(links["review-queue"])
        self.labels = Labels(links["review-queue"])
        self.queue = Queue(links["review-queue"])
        arrival = Arrival(self.projects)
        self.runs = Runs(links["llm-annotator"], arrival)
        self.rules = Rules(links["qa-engine"], arrival)

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections; calls under way end with an error."""
        for link in self._links.values():
            await link.channel.close()


def _metadata(token: str, actor: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    if token:
        pairs.append(("authorization", f"Bearer {token}"))
    if actor:
        pairs.append(("labelmesh-actor", actor))
    return tuple(pairs)
