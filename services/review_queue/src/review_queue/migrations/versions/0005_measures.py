"""Running sums of the metrics, and assistance held out."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_COUNTS = (
    "answers accepted corrected rejected sent_back reworked judged unchanged timed gold gold_right gold_wrong misled"
    " true_positives false_positives false_negatives moved"
)
_REALS = "active_seconds seconds seconds_squared logs logs_squared overlap overlap_squares"


def upgrade() -> None:
    """Add the columns and empty sums; what was reviewed before counts as not summed yet, and is summed later."""
    _add_columns()
    op.create_index(
        "reviews_unsummed",
        "reviews",
        ["project_uid", "uid"],
        sqlite_where=sa.text("unsummed > 0"),
        postgresql_where=sa.text("unsummed > 0"),
    )
    op.create_index("reviews_by_label", "reviews", ["label_uid"])
    _sums("review_sums", _key(), _COUNTS, _REALS)
    pair = [sa.Column(name, sa.Text, primary_key=True) for name in ("tool", "predicted", "reviewed")]
    _sums("cell_sums", [*_key(), *pair], "n moved", "overlap overlap_squares")
    _sums("time_bins", [*_key(), sa.Column("bin", sa.SmallInteger, primary_key=True)], "n", "")
    of_run = [sa.Column(name, sa.Text, primary_key=True) for name in ("project_uid", "run_uid")]
    thousandth = sa.Column("thousandth", sa.SmallInteger, primary_key=True)
    _sums("confidence_sums", [*of_run, thousandth], "n unchanged", "mass")


def _add_columns() -> None:
    text, count, real = sa.Text(), sa.SmallInteger(), sa.Double()
    for table, name, kind, default in (
        ("projects", "holdout_share", real, "0"),
        ("projects", "holdout_secret", text, ""),
        ("projects", "holdout_experiment", sa.BigInteger(), "0"),
        ("projects", "holdout_time_us", sa.BigInteger(), "0"),
        ("tasks", "hidden_label_uid", text, ""),
        ("reviews", "arm", count, "0"),
        ("reviews", "experiment", sa.BigInteger(), "0"),
        ("reviews", "reworked", count, "0"),
        ("reviews", "unsummed", count, "1"),
        ("confusion", "moved", sa.Integer(), "0"),
        ("confusion", "overlap", real, "0"),
        ("confusion", "overlap_squares", real, "0"),
    ):
        op.add_column(table, sa.Column(name, kind, nullable=False, server_default=default))
    for name in ("gold_right", "gold_prediction_right"):
        op.add_column("reviews", sa.Column(name, sa.SmallInteger))


def _key() -> list[sa.Column[object]]:
    kinds: dict[str, object] = {
        "project_uid": sa.Text(),
        "grain": sa.SmallInteger(),
        "start": sa.BigInteger(),
        "reviewer": sa.Text(),
        "run_uid": sa.Text(),
        "arm": sa.SmallInteger(),
        "experiment": sa.BigInteger(),
    }
    return [sa.Column(name, kind, primary_key=True) for name, kind in kinds.items()]  # type: ignore[arg-type]


def _sums(table: str, key: list[sa.Column[object]], counts: str, reals: str) -> None:
    op.create_table(
        table,
        *key,
        *(sa.Column(n, sa.BigInteger, nullable=False, server_default="0") for n in counts.split()),
        *(sa.Column(n, sa.Double, nullable=False, server_default="0") for n in reals.split()),
        sqlite_with_rowid=False,
    )
