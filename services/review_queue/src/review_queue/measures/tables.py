"""SQL room: the tables of the running sums.

A review is written once and summed once: until then its `unsummed` is not 0, and whoever asks for numbers adds it to
the sums himself. Each sum stands at three grains, of everything, by day and by hour; `start` is the first hour of its
time since the Unix epoch, UTC, and 0 at the grain of everything.
"""

from sqlalchemy import BigInteger, Column, Double, SmallInteger, Table, Text

from review_queue.measures.totals import CELL_FIELDS, REAL_FIELDS, REVIEW_FIELDS
from review_queue.tables import metadata


def _key() -> list[Column[object]]:
    """What reviews are summed by. `arm` and `experiment` say whether a prediction was shown; see holdout.py."""
    return [
        Column("project_uid", Text, primary_key=True),
        Column("grain", SmallInteger, primary_key=True),
        Column("start", BigInteger, primary_key=True),
        Column("reviewer", Text, primary_key=True),
        Column("run_uid", Text, primary_key=True),
        Column("arm", SmallInteger, primary_key=True),
        Column("experiment", BigInteger, primary_key=True),
    ]


def _sums(names: tuple[str, ...]) -> list[Column[object]]:
    return [
        Column(name, Double if name in REAL_FIELDS else BigInteger, nullable=False, server_default="0")
        for name in names
    ]


review_sums = Table(
    "review_sums", metadata, *_key(), *_sums(REVIEW_FIELDS + CELL_FIELDS), sqlite_with_rowid=False
)

# Pairs of predicted and reviewed category; what moved within its category stands in the pair with no reviewed one.
cell_sums = Table(
    "cell_sums",
    metadata,
    *_key(),
    Column("tool", Text, primary_key=True),
    Column("predicted", Text, primary_key=True),
    Column("reviewed", Text, primary_key=True),
    *_sums(("n", "moved", "overlap", "overlap_squares")),
    sqlite_with_rowid=False,
)

# The sketch of active seconds: reviews in each of its bins.
time_bins = Table(
    "time_bins",
    metadata,
    *_key(),
    Column("bin", SmallInteger, primary_key=True),
    *_sums(("n",)),
    sqlite_with_rowid=False,
)

# Judged predictions by thousandth of confidence, of all times: `mass` is the sum of their confidences.
confidence_sums = Table(
    "confidence_sums",
    metadata,
    Column("project_uid", Text, primary_key=True),
    Column("run_uid", Text, primary_key=True),
    Column("thousandth", SmallInteger, primary_key=True),
    *_sums(("n", "unchanged", "mass")),
    sqlite_with_rowid=False,
)
