"""The parts of qa_engine, put together."""

from chassis import bus, migrate
from chassis.blobs import Blobs
from chassis.consumer import Consumer
from chassis.db import connect
from chassis.outbox import Relay
from chassis.serve import run, serve
from qa_engine.consensus.events import also_resolving
from qa_engine.consensus.servicer import ConsensusServicer
from qa_engine.consumer import Events
from qa_engine.engine import Engine, discover
from qa_engine.life.finding_servicer import FindingServicer
from qa_engine.life.run_servicer import RuleRunServicer
from qa_engine.life.worker import RunWorker
from qa_engine.plugins import model, sandbox
from qa_engine.plugins.drafting import Drafter
from qa_engine.plugins.servicer import PluginServicer
from qa_engine.plugins.trying import Trier
from qa_engine.registration import registrations
from qa_engine.servicer import STATUS, RuleServicer
from qa_engine.settings import Settings
from qa_engine.webhooks.announce import also_telling
from qa_engine.webhooks.keyring import keys_of
from qa_engine.webhooks.sender import sender
from qa_engine.webhooks.servicer import WebhookServicer
from qa_engine.webhooks.target import gate
from qa_engine.webhooks.telling import FROM_OTHERS
from qa_engine.webhooks.worker import Worker


async def start(settings: Settings) -> None:
    """Run until told to stop."""
    blobs = Blobs(settings.blob_url)
    engine = Engine(discover())
    keys = keys_of(settings.webhook_keys.get_secret_value(), settings.database_url)
    allowed = gate(settings.webhook_allow, settings.webhook_ports)
    async with (
        connect(settings.database_url) as db,
        bus.connect(settings, blobs) as broker,
        sender(allowed, settings.webhook_ca_file) as post,
        model.connect(
            base_url=settings.llm_base_url,
            api_key=settings.llm_api_key.get_secret_value(),
            model=settings.llm_model,
            timeout_seconds=settings.request_timeout_seconds,
        ) as author,
    ):
        await migrate.upgrade(db, "qa_engine")
        handlers = also_telling(also_resolving(Events(engine, blobs).handlers, blobs), FROM_OTHERS)
        runner = RunWorker(db, engine, blobs)
        workers = sandbox.shared()
        services = registrations(
            RuleServicer(db, engine, blobs),
            RuleRunServicer(db, engine, runner),
            FindingServicer(db, engine),
            PluginServicer(db, Trier(blobs, workers), Drafter(author, workers)),
            ConsensusServicer(db),
            WebhookServicer(db, keys, allowed),
        )
        async with (
            Relay(db, broker),
            runner,
            Worker(db, post, keys, log_days=settings.webhook_log_days),
            Consumer(broker, db, service=settings.service, handlers=handlers),
        ):
            await serve(settings, services, errors=STATUS)


def main() -> None:
    """Entry point of the console script."""
    run(start, Settings)


if __name__ == "__main__":
    main()
