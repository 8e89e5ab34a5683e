"""What the benchmark of label searches searches: a project of any number of labels, written by SQL."""

from dataclasses import dataclass

from sqlalchemy import text

from chassis.db import Database
from labelmesh.label.v1 import asset_pb2, label_pb2
from labels.ontology import Category, Ontology, Tool, ToolKind
from review_queue import projects, tables
from review_queue.priority import Weights
from review_queue.project import Definition, PreAnnotation, Project

_TOPIC = Ontology((Tool("topic", ToolKind.CHOICE_SINGLE, (Category("billing"), Category("praise"))),))
_PRIME = 2_000_003
_DAY_US = 86_400_000_000


@dataclass(frozen=True)
class Words:
    """What the two databases write differently."""

    series: str
    pad: str


WORDS = {
    "postgresql": Words("generate_series(1, CAST(:n AS bigint)) AS s(i)", "lpad(CAST({} AS text), 9, '0')"),
    "sqlite": Words(
        "(WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < :n) SELECT i FROM s)",
        "printf('%09d', {})",
    ),
}
_START_US = 1_767_225_600_000_000
_RARE = "i % 4001 < 4"
_CHANGED = "((i * 31) % 97 < 10)"
_TERMS = {
    "start": str(_START_US),
    "confidence": "((i * 7919) % 100003) / 100003.0",
    "reviewed": "(i % 10 < 3)",
    "changed": _CHANGED,
    "rejected": "(i % 1000 = 3)",
    "reviewer": "CASE WHEN i % 5000 < 3 THEN 'seldom-' || (i % 5000) ELSE 'reviewer-' || ((i / 10) % 50) END",
    "rare": _RARE,
    "model": f"CASE WHEN {_RARE} THEN 'rare-' || (i % 4001) ELSE 'model-' || (i % 2) END",
    "prompt": f"CASE WHEN {_RARE} THEN 90 + i % 4001 ELSE 1 + i % 5 END",
    "run": f"CASE WHEN {_RARE} THEN '01RARE' || (i % 4001) ELSE '01RUN' || (i % 20) END",
    "agreement": f"CASE WHEN {_CHANGED} THEN ((i * 13) % 101) / 102.0 ELSE 1.0 END",
    "predicted_us": f"{_START_US} + i * 200000",
    "reviewed_us": f"{_START_US + 3 * _DAY_US} + i * 200000",
}
_ROWS = (
    """
    INSERT INTO assets (uid, project_uid, seq, key, body) SELECT {asset}, :project, i, 'k' || i, :asset FROM {series}
    """,
    """
    INSERT INTO labels (uid, project_uid, asset_uid, revision, kind, run_uid, body, author, source, create_time_us,
                        prediction_uid, model, prompt_revision, confidence)
    SELECT {prediction}, :project, {asset}, 1, 'PREDICTION', {run}, :label, {model}, 'MODEL', {predicted_us},
           {prediction}, {model}, {prompt}, {confidence} FROM {series}
    """,
    """
    INSERT INTO labels (uid, project_uid, asset_uid, revision, kind, run_uid, body, author, source, create_time_us,
                        prediction_uid, model, prompt_revision, confidence, agreement, overlap)
    SELECT {review}, :project, {asset}, 2, 'REVIEW', '', :label, {reviewer}, 'PERSON', {reviewed_us}, {prediction},
           {model}, {prompt}, {confidence}, {agreement}, {agreement} FROM {series} WHERE {reviewed}
    """,
    """
    INSERT INTO tasks (uid, project_uid, state, rank, uncertainty, severity, create_time_us, revision, label_uid,
                       label_kind, prediction_error, reviewer, fencing_token, lease_expire_us, leased_label_uid,
                       decision, confidence, run_uid, author, finding_count, review_time_us)
    SELECT {asset}, :project, CASE WHEN {reviewed} OR {rejected} THEN 4 ELSE 2 END, i, 0, 0, {start}, 2, {current},
           CASE WHEN {reviewed} THEN 'REVIEW' ELSE 'PREDICTION' END, '',
           CASE WHEN {reviewed} OR {rejected} THEN {reviewer} ELSE '' END, 1, 0, '',
           CASE WHEN {rejected} THEN 'REJECT' WHEN NOT {reviewed} THEN '' WHEN {changed} THEN 'CORRECT'
           ELSE 'ACCEPT' END, {confidence}, {run}, '', 0, CASE WHEN {reviewed} THEN {reviewed_us} ELSE 0 END
    FROM {series}
    """,
    """
    INSERT INTO label_categories (project_uid, category, label_uid)
    SELECT :project, CASE WHEN {rare} THEN 'rare-' || (i % 4001) WHEN i % 5 = 0 THEN 'praise' ELSE 'billing' END,
           {current} FROM {series}
    """,
    """
    INSERT INTO findings (label_uid, project_uid, ruleset_revision, n, severity, body)
    SELECT {current}, :project, 1, 1, CASE WHEN i % 5000 = 0 THEN 1.0 ELSE 0.5 END, :none FROM {series}
    WHERE i % 50 = 0
    """,
    """
    INSERT INTO finding_rules (project_uid, rule, label_uid)
    SELECT :project, CASE WHEN i % 5000 < 200 THEN 'seldom-' || (i % 5000 / 50) ELSE 'often' END, {current}
    FROM {series} WHERE i % 50 = 0
    """,
    """
    INSERT INTO reviews (uid, project_uid, asset_uid, base_label_uid, label_uid, reviewer, decision, reason, ops,
                         active_seconds, create_time_us, run_uid)
    SELECT {asset}, :project, {asset}, '', '', {reviewer}, 'REJECT', 'x', :none, 1, 1, '' FROM {series}
    WHERE {rejected}
    """,
)


def _statements(words: Words) -> list[str]:
    """The rows, each table in one statement; `uid` of a label is no neighbour of the next one's, as in life."""
    mixed = words.pad.format(f"(i * 7368787) % {_PRIME}")
    prediction, review = f"'P' || {mixed}", f"'R' || {mixed}"
    terms = _TERMS | {
        "series": words.series,
        "asset": "'A' || " + words.pad.format("i"),
        "prediction": prediction,
        "review": review,
        "current": f"CASE WHEN {_TERMS['reviewed']} THEN {review} ELSE {prediction} END",
    }
    return [statement.format(**terms) for statement in _ROWS]


async def filled(db: Database, n: int) -> Project:
    """A project with that many labels that stand."""
    definition = Definition("news", "", _TOPIC, PreAnnotation.ON_DEMAND, Weights())
    project = await projects.create(db, "bench", "news", definition)
    claim = label_pb2.Annotation(id="a", tool="topic", category="billing", choice=label_pb2.Choice())
    values = {
        "project": project.uid,
        "n": n,
        "none": b"",
        "asset": asset_pb2.Asset(key="k", text="a customer's message " * 10).SerializeToString(),
        "label": label_pb2.Label(name="l" * 60, asset="a" * 60, annotations=[claim]).SerializeToString(),
    }
    indexes = [index for table in (tables.labels, tables.tasks) for index in table.indexes]
    async with db.begin() as conn:
        for index in indexes:
            await conn.run_sync(index.drop)
        for statement in _statements(WORDS[db.dialect]):
            used = {name: value for name, value in values.items() if f":{name}" in statement}
            await conn.execute(text(statement), used)
        for index in indexes:
            await conn.run_sync(index.create)
    if db.dialect == "postgresql":
        async with db.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as conn:
            await conn.execute(text("VACUUM ANALYZE"))
            await conn.execute(text("CHECKPOINT"))
    return project
