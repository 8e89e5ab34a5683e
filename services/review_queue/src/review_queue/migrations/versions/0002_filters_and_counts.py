"""What filters ask about a task, the categories of labels, and counts of tasks that triggers keep."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from labelmesh.label.v1 import label_pb2

revision = "0002"
down_revision = "0001"

_PART = 1_000
_STATES = ("waiting", "open", "done")
_NUMBERS = {"waiting": 1, "open": 2, "done": 4}


def upgrade() -> None:
    """Add the columns and tables, fill them from what is there, then let triggers keep the counts."""
    _add_columns()
    op.create_table(
        "label_categories",
        sa.Column("project_uid", sa.Text, primary_key=True),
        sa.Column("category", sa.Text, primary_key=True),
        sa.Column("label_uid", sa.Text, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "task_counts",
        sa.Column("project_uid", sa.Text, primary_key=True),
        sa.Column("shard", sa.SmallInteger, primary_key=True),
        *(sa.Column(state, sa.BigInteger, nullable=False) for state in _STATES),
        sqlite_with_rowid=False,
    )
    _fill()
    if op.get_bind().dialect.name == "postgresql":
        # Nothing may come between the counting and the triggers; the lock ends with the transaction.
        op.execute("LOCK TABLE tasks IN SHARE ROW EXCLUSIVE MODE")
        _count_what_is_there()
        _triggers_of_postgresql()
    else:
        _count_what_is_there()
        _triggers_of_sqlite()


def _add_columns() -> None:
    for column in (
        sa.Column("confidence", sa.Double),
        sa.Column("run_uid", sa.Text, nullable=False, server_default=""),
        sa.Column("author", sa.Text, nullable=False, server_default=""),
        sa.Column("finding_count", sa.Integer, nullable=False, server_default="0"),
        sa.Column("review_time_us", sa.BigInteger, nullable=False, server_default="0"),
    ):
        op.add_column("tasks", column)


# Of an answered task the newest review says which label was looked at; of all others it is the current one.
_NEWEST = "(SELECT r.{} FROM reviews r WHERE r.asset_uid = tasks.uid ORDER BY r.create_time_us DESC LIMIT 1)"
_ANSWERED = "tasks.state = 4 AND EXISTS (SELECT 1 FROM reviews r WHERE r.asset_uid = tasks.uid)"
_LOOKED_AT = f"CASE WHEN {_ANSWERED} THEN {_NEWEST.format('base_label_uid')} ELSE tasks.label_uid END"


def _fill() -> None:
    # There is no index of reviews by asset, and after this nobody needs one.
    op.create_index("reviews_by_asset", "reviews", ["asset_uid"])
    op.execute(f"UPDATE tasks SET review_time_us = {_NEWEST.format('create_time_us')} WHERE {_ANSWERED}")  # noqa: S608
    op.execute(
        "UPDATE tasks SET finding_count ="  # noqa: S608 - constants
        f" COALESCE((SELECT f.n FROM findings f WHERE f.label_uid = {_LOOKED_AT}), 0)"
    )
    _fill_from_labels()
    op.drop_index("reviews_by_asset", "reviews")


def _fill_from_labels() -> None:
    """Author, run, confidence and categories stand in the bodies of labels alone."""
    connection = op.get_bind()
    after = ""
    while rows := connection.execute(
        sa.text(
            "SELECT uid, project_uid, asset_uid, body FROM labels WHERE uid > :after ORDER BY uid LIMIT :part"
        ),
        {"after": after, "part": _PART},
    ).all():
        after = rows[-1].uid
        labels = [(row, label_pb2.Label.FromString(row.body)) for row in rows]
        _store_categories(connection, labels)
        facts = [_facts(row, label) for row, label in labels]
        mine = "WHERE uid = :asset AND"
        connection.execute(sa.text(f"UPDATE tasks SET author = :author {mine} label_uid = :uid"), facts)  # noqa: S608
        models = [fact for fact in facts if fact["run"]]
        if models:
            update = f"UPDATE tasks SET run_uid = :run, confidence = :confidence {mine} {_LOOKED_AT} = :uid"  # noqa: S608
            connection.execute(sa.text(update), models)


def _facts(row: sa.Row[Any], label: label_pb2.Label) -> dict[str, Any]:
    return {
        "uid": row.uid,
        "asset": row.asset_uid,
        "author": label.author,
        "run": label.lineage.prediction_run.rpartition("/")[2],
        "confidence": label.confidence.raw if label.HasField("confidence") else None,
    }


def _store_categories(connection: sa.Connection, labels: list[tuple[Any, label_pb2.Label]]) -> None:
    categories = [
        {"project": row.project_uid, "category": category, "uid": row.uid}
        for row, label in labels
        for category in sorted({annotation.category for annotation in label.annotations})
    ]
    if categories:
        insert = "INSERT INTO label_categories (project_uid, category, label_uid) VALUES (:project, :category, :uid)"
        connection.execute(sa.text(insert), categories)


def _count_what_is_there() -> None:
    sums = ", ".join(f"SUM(CASE WHEN state = {number} THEN 1 ELSE 0 END)" for number in _NUMBERS.values())
    op.execute(
        "INSERT INTO task_counts (project_uid, shard, waiting, open, done)"  # noqa: S608 - constants
        f" SELECT project_uid, 0, {sums} FROM tasks GROUP BY project_uid"
    )


def _is(row: str, state: str) -> str:
    """1 when the row of a trigger is in the state, else 0."""
    return f"CASE WHEN {row}.state = {_NUMBERS[state]} THEN 1 ELSE 0 END"


_ON_CONFLICT = "ON CONFLICT (project_uid, shard) DO UPDATE SET " + ", ".join(
    f"{state} = task_counts.{state} + excluded.{state}" for state in _STATES
)
_INSERT = "INSERT INTO task_counts (project_uid, shard, waiting, open, done)"


def _triggers_of_sqlite() -> None:
    """SQLite has one writer, so one shard does; its triggers are called for each row."""
    added = ", ".join(_is("new", state) for state in _STATES)
    gone = ", ".join(f"-({_is('old', state)})" for state in _STATES)
    moved = ", ".join(f"{_is('new', state)} - {_is('old', state)}" for state in _STATES)
    for event, row, values, when in (
        ("INSERT", "new", added, ""),
        ("DELETE", "old", gone, ""),
        ("UPDATE OF state", "new", moved, "WHEN new.state <> old.state"),
    ):
        op.execute(
            f"CREATE TRIGGER tasks_counted_on_{event.split()[0].lower()} AFTER {event} ON tasks {when} BEGIN"
            f" {_INSERT} VALUES ({row}.project_uid, 0, {values}) {_ON_CONFLICT}; END"
        )


def _triggers_of_postgresql() -> None:
    """Rows that come or go are counted a statement at a time, changes of state a row at a time.

    A lease does not touch the state, so it fires nothing.
    """
    shard = "(pg_backend_pid() % 64)"
    for name, rows, sign in (("added", "new_tasks", ""), ("gone", "old_tasks", "-")):
        sums = ", ".join(f"{sign}SUM({_is('t', state)})" for state in _STATES)
        # In one order for everyone, or two connections on one shard could wait for each other.
        body = (
            f"{_INSERT} SELECT t.project_uid, {shard}, {sums} FROM {rows} t GROUP BY t.project_uid ORDER BY 1"  # noqa: S608
        )
        _function(name, f"{body} {_ON_CONFLICT}")
    moved = ", ".join(f"{_is('new', state)} - {_is('old', state)}" for state in _STATES)
    _function("moved", f"{_INSERT} VALUES (new.project_uid, {shard}, {moved}) {_ON_CONFLICT}")
    op.execute(
        "CREATE TRIGGER tasks_counted_on_insert AFTER INSERT ON tasks REFERENCING NEW TABLE AS new_tasks"
        " FOR EACH STATEMENT EXECUTE FUNCTION count_tasks_added()"
    )
    op.execute(
        "CREATE TRIGGER tasks_counted_on_delete AFTER DELETE ON tasks REFERENCING OLD TABLE AS old_tasks"
        " FOR EACH STATEMENT EXECUTE FUNCTION count_tasks_gone()"
    )
    op.execute(
        "CREATE TRIGGER tasks_counted_on_update AFTER UPDATE OF state ON tasks FOR EACH ROW"
        " WHEN (new.state <> old.state) EXECUTE FUNCTION count_tasks_moved()"
    )


def _function(name: str, statement: str) -> None:
    op.execute(
        f"CREATE FUNCTION count_tasks_{name}() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN {statement}; RETURN NULL; END $$"
    )
