"""The parts of qa_engine, put together."""

from chassis import bus, migrate
from chassis.blobs import Blobs
from chassis.consumer import Consumer
from chassis.db import connect
from chassis.outbox import Relay
from chassis.serve import run, serve
from labelmesh.qa.v1 import rule_service_pb2
from labelmesh.qa.v1.rule_service_pb2_grpc import add_RuleServiceServicer_to_server
from qa_engine.consumer import Events
from qa_engine.engine import Engine, discover
from qa_engine.servicer import STATUS, RuleServicer
from qa_engine.settings import Settings


async def start(settings: Settings) -> None:
    """Run until told to stop."""
    blobs = Blobs(settings.blob_url)
    engine = Engine(discover())
    async with (
        connect(settings.database_url) as db,
        bus.connect(settings, blobs) as broker,
    ):
        await migrate.upgrade(db, "qa_engine")
        handlers = Events(engine, blobs).handlers
        rules = (
            add_RuleServiceServicer_to_server,
            RuleServicer(db, engine, blobs),
            rule_service_pb2.DESCRIPTOR.services_by_name["RuleService"],
        )
        async with Relay(db, broker), Consumer(broker, db, service=settings.service, handlers=handlers):
            await serve(settings, [rules], errors=STATUS)


def main() -> None:
    """Entry point of the console script."""
    run(start, Settings)


if __name__ == "__main__":
    main()
