"""What Prometheus is told of reviews: a handful of series for all projects together, however many there are.

A review is counted when it is summed, by the one process that sums it, so the counters of all processes add up.
"""

from collections.abc import Iterable

from prometheus_client import Counter, Histogram

from review_queue.measures.facts import Facts, worked

REVIEWS = Counter("labelmesh_reviews_total", "Reviews summed", ["decision"])
SECONDS = Histogram(
    "labelmesh_review_active_seconds",
    "Active seconds of a review, cut at 1,800",
    ["arm"],
    buckets=(1, 2, 3, 5, 8, 12, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1_800),
)
JUDGED = Counter("labelmesh_predictions_judged_total", "Predictions reviewed", ["unchanged"])
GOLD = Counter("labelmesh_gold_answers_total", "Answers to gold assets", ["right"])
ANNOTATIONS = Counter("labelmesh_reviewed_annotations_total", "Annotations reviewed", ["outcome"])
REWORKED = Counter("labelmesh_reviews_reworked_total", "Reviews whose label was changed or sent back later")


def tell(reviews: Iterable[Facts]) -> None:
    """Count reviews that were added to the sums."""
    for facts in reviews:
        if facts.newly_reworked:
            REWORKED.inc()
        if not facts.fresh:
            continue
        REVIEWS.labels(facts.decision).inc()
        if facts.active_seconds > 0:
            SECONDS.labels(facts.arm.name).observe(worked(facts.active_seconds))
        if facts.unchanged is not None:
            JUDGED.labels(str(facts.unchanged).lower()).inc()
        if facts.gold_right is not None:
            GOLD.labels(str(facts.gold_right).lower()).inc()
        for (_, predicted, reviewed), cell in facts.cells:
            if predicted == reviewed:
                ANNOTATIONS.labels("true_positive").inc(cell.n)
                continue
            if predicted:
                ANNOTATIONS.labels("false_positive").inc(cell.n)
            if reviewed:
                ANNOTATIONS.labels("false_negative").inc(cell.n)
