"""Counters every service has; Prometheus tells services apart by its job label."""

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("labelmesh_grpc_requests_total", "Calls answered", ["method", "code"])
SECONDS = Histogram(
    "labelmesh_grpc_seconds",
    "Time to answer a call",
    ["method"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
IN_FLIGHT = Gauge("labelmesh_grpc_in_flight", "Calls being answered")
PUBLISHED = Counter("labelmesh_events_published_total", "Events the broker confirmed", ["type"])
HANDLED = Counter("labelmesh_events_handled_total", "Events by outcome", ["type", "outcome"])
BATCHES = Counter("labelmesh_event_batches_total", "Transactions of event handlers", ["outcome"])
