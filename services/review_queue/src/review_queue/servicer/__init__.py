"""The wire: one servicer a proto service. They translate; they decide nothing."""

from collections.abc import Sequence

from chassis.blobs import Blobs
from chassis.db import Database
from chassis.serve import Registration
from labelmesh.review.v1 import (
    asset_service_pb2,
    asset_service_pb2_grpc,
    assurance_service_pb2,
    assurance_service_pb2_grpc,
    gold_service_pb2,
    gold_service_pb2_grpc,
    label_service_pb2,
    label_service_pb2_grpc,
    lineage_service_pb2,
    lineage_service_pb2_grpc,
    metrics_service_pb2,
    metrics_service_pb2_grpc,
    project_service_pb2,
    project_service_pb2_grpc,
    queue_policy_service_pb2,
    queue_policy_service_pb2_grpc,
    queue_service_pb2,
    queue_service_pb2_grpc,
)
from review_queue.servicer.assets import AssetServicer
from review_queue.servicer.assurance import AssuranceServicer
from review_queue.servicer.gold import GoldServicer
from review_queue.servicer.labels import LabelServicer
from review_queue.servicer.lineage import LineageServicer
from review_queue.servicer.metrics import MetricsServicer
from review_queue.servicer.projects import ProjectServicer
from review_queue.servicer.queue import QueueServicer
from review_queue.servicer.queue_policy import QueuePolicyServicer


def servicers(db: Database, blobs: Blobs) -> Sequence[Registration]:
    """All of review.v1, ready to be served."""
    return (
        (
            project_service_pb2_grpc.add_ProjectServiceServicer_to_server,
            ProjectServicer(db),
            project_service_pb2.DESCRIPTOR.services_by_name["ProjectService"],
        ),
        (
            asset_service_pb2_grpc.add_AssetServiceServicer_to_server,
            AssetServicer(db, blobs),
            asset_service_pb2.DESCRIPTOR.services_by_name["AssetService"],
        ),
        (
            label_service_pb2_grpc.add_LabelServiceServicer_to_server,
            LabelServicer(db, blobs),
            label_service_pb2.DESCRIPTOR.services_by_name["LabelService"],
        ),
        (
            queue_service_pb2_grpc.add_QueueServiceServicer_to_server,
            QueueServicer(db, blobs),
            queue_service_pb2.DESCRIPTOR.services_by_name["QueueService"],
        ),
        (
            queue_policy_service_pb2_grpc.add_QueuePolicyServiceServicer_to_server,
            QueuePolicyServicer(db),
            queue_policy_service_pb2.DESCRIPTOR.services_by_name["QueuePolicyService"],
        ),
        (
            metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server,
            MetricsServicer(db),
            metrics_service_pb2.DESCRIPTOR.services_by_name["MetricsService"],
        ),
        (
            lineage_service_pb2_grpc.add_LineageServiceServicer_to_server,
            LineageServicer(db),
            lineage_service_pb2.DESCRIPTOR.services_by_name["LineageService"],
        ),
        (
            assurance_service_pb2_grpc.add_AssuranceServiceServicer_to_server,
            AssuranceServicer(db),
            assurance_service_pb2.DESCRIPTOR.services_by_name["AssuranceService"],
        ),
        (
            gold_service_pb2_grpc.add_GoldServiceServicer_to_server,
            GoldServicer(db, blobs),
            gold_service_pb2.DESCRIPTOR.services_by_name["GoldService"],
        ),
    )
