"""llm_annotator as a process."""

from google.protobuf.message import Message

from chassis import blobs, bus, db, migrate, outbox, serve
from chassis.bus import Handler
from chassis.consumer import Consumer
from chassis.errors import ErrorTable
from chassis.ids import new_uid
from labelmesh.annotator.v1 import annotator_service_pb2, prediction_run_service_pb2
from labelmesh.annotator.v1.annotator_service_pb2_grpc import add_AnnotatorServiceServicer_to_server
from labelmesh.annotator.v1.prediction_run_service_pb2_grpc import add_PredictionRunServiceServicer_to_server
from labelmesh.review.v1.review_events_pb2 import (
    AssetsImported,
    AssetsSealed,
    LabelReviewed,
    LabelSubmitted,
    ProjectChanged,
)
from llm_annotator import llm, plans
from llm_annotator.annotator import Annotator
from llm_annotator.consumer import AnnotatorConsumer
from llm_annotator.patience import PatientModel
from llm_annotator.run_servicer import PredictionRunServicer
from llm_annotator.servicer import STATUS, AnnotatorServicer
from llm_annotator.settings import Settings
from llm_annotator.worker import Limits, Worker

ANNOTATOR = annotator_service_pb2.DESCRIPTOR.services_by_name["AnnotatorService"]
RUNS = prediction_run_service_pb2.DESCRIPTOR.services_by_name["PredictionRunService"]


async def start(s: Settings) -> None:
    """Everything this service is made of."""
    store = blobs.Blobs(s.blob_url)
    async with (
        db.connect(s.database_url) as database,
        bus.connect(s) as broker,
        llm.connect(
            base_url=s.llm_base_url,
            api_key=s.llm_api_key.get_secret_value(),
            model=s.llm_model,
            timeout_seconds=s.request_timeout_seconds,
            connections=s.max_concurrency,
        ) as model,
    ):
        await migrate.upgrade(database, "llm_annotator")
        patient = PatientModel(model, s.patience())
        annotator = Annotator(patient, s.context_tokens)
        worker = Worker(
            database,
            store,
            annotator,
            patient,
            Limits(s.concurrency, s.max_concurrency),
            uid=new_uid(),
            plan=lambda job: plans.of_job(job, s.output_tokens),
        )
        consumer = AnnotatorConsumer(store, s.llm_model, worker.wake)
        text = AnnotatorServicer(database, annotator, s.output_tokens)
        run = PredictionRunServicer(database, s.llm_model, worker.wake)
        servicers: list[serve.Registration] = [
            (add_AnnotatorServiceServicer_to_server, text, ANNOTATOR),
            (add_PredictionRunServiceServicer_to_server, run, RUNS),
        ]
        async with (
            outbox.Relay(database, broker),
            worker,
            Consumer(broker, database, service="llm_annotator", handlers=handlers(consumer)),
        ):
            await serve.serve(s, servicers, errors=ErrorTable(STATUS))


def handlers(consumer: AnnotatorConsumer) -> dict[type[Message], Handler]:
    """Who handles which event."""
    return {
        ProjectChanged: consumer.on_project_changed,
        AssetsImported: consumer.on_assets_imported,
        AssetsSealed: consumer.on_assets_sealed,
        LabelReviewed: consumer.on_label_reviewed,
        LabelSubmitted: consumer.on_label_submitted,
    }


def main() -> None:
    """Console script."""
    serve.run(start, Settings)


if __name__ == "__main__":
    main()
