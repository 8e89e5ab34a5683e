"""The client: one connection to each service, the calls grouped by what they are about."""

from types import TracebackType

from labelmesh.client.arrival import Arrival
from labelmesh.client.assets import Assets
from labelmesh.client.assurance import Assurance
from labelmesh.client.calls import Link
from labelmesh.client.consensus import Consensus
from labelmesh.client.endpoints import Endpoints, Tls, check_token_is_safe, open_channel
from labelmesh.client.errors import LabelmeshError
from labelmesh.client.gold import Gold
from labelmesh.client.labels import Labels
from labelmesh.client.lineage import Lineages
from labelmesh.client.measures import Measures
from labelmesh.client.plugins import Plugins
from labelmesh.client.projects import Projects
from labelmesh.client.queue import Queue
from labelmesh.client.rule_runs import RuleRuns
from labelmesh.client.rules import Rules
from labelmesh.client.runs import Runs
from labelmesh.client.segmentation_runs import SegmentationRuns
from labelmesh.client.segmenter import Segmenter
from labelmesh.client.webhooks import Webhooks

NO_SEGMENTER = "NO_SEGMENTER"
_SEGMENTER = "sam-segmenter"


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
    assurance: Assurance
    gold: Gold
    lineage: Lineages
    runs: Runs
    rules: Rules
    rule_runs: RuleRuns
    plugins: Plugins
    webhooks: Webhooks

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
            _SEGMENTER: endpoints.sam_segmenter,
        }
        links = {
            name: Link(name, address, open_channel(address, tls), metadata)
            for name, address in addresses.items()
            if address or name != _SEGMENTER
        }
        self._links = links
        self.projects = Projects(links["review-queue"])
        self.assets = Assets(links["review-queue"])
        self.labels = Labels(links["review-queue"])
        self.queue = Queue(links["review-queue"])
        self.assurance = Assurance(links["review-queue"])
        self.gold = Gold(links["review-queue"])
        self.lineage = Lineages(links["review-queue"])
        self.measures = Measures(links["review-queue"])
        arrival = Arrival(self.projects)
        self._arrival = arrival
        self.runs = Runs(links["llm-annotator"], arrival)
        self.rules = Rules(links["qa-engine"], arrival)
        self.rule_runs = RuleRuns(links["qa-engine"], arrival)
        self.plugins = Plugins(links["qa-engine"], arrival)
        self.consensus = Consensus(links["qa-engine"], arrival)
        self.webhooks = Webhooks(links["qa-engine"], arrival)

    @property
    def segmenter(self) -> Segmenter:
        """Clicks into masks. Raises LabelmeshError (reason NO_SEGMENTER) when the endpoints name no sam-segmenter."""
        return Segmenter(self._segmenter_link())

    @property
    def segmentation_runs(self) -> SegmentationRuns:
        """Batches over pictures. Raises LabelmeshError like `segmenter`."""
        return SegmentationRuns(self._segmenter_link(), self._arrival)

    def _segmenter_link(self) -> Link:
        if _SEGMENTER not in self._links:
            raise LabelmeshError(
                "FAILED_PRECONDITION",
                "This client was given no address of sam-segmenter.",
                reason=NO_SEGMENTER,
                service=_SEGMENTER,
            )
        return self._links[_SEGMENTER]

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
