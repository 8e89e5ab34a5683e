"""The review queue as a process."""

from chassis import bus, db, migrate, serve
from chassis.blobs import Blobs
from chassis.consumer import Consumer
from chassis.outbox import Relay
from review_queue.consumer import handlers
from review_queue.lineage.notary import sealing
from review_queue.measures.adding import summing
from review_queue.servicer import servicers
from review_queue.settings import Settings
from review_queue.status import STATUS


async def run(settings: Settings) -> None:
    """Open what the service needs, serve until told to stop, close in reverse."""
    blobs = Blobs(settings.blob_url)
    async with (
        db.connect(settings.database_url) as database,
        bus.connect(settings) as events,
    ):
        await migrate.upgrade(database, "review_queue")
        async with (
            Relay(database, events),
            Consumer(events, database, service="review_queue", handlers=handlers()),
            sealing(database, settings.seal_seconds),
            summing(database),
        ):
            await serve.serve(settings, servicers(database, blobs), errors=STATUS)


def main() -> None:
    """Entry point of `review-queue`."""
    serve.run(run, Settings)


if __name__ == "__main__":
    main()
