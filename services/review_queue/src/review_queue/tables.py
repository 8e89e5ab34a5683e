"""SQL room: the tables.

Assets and labels never change once stored; what changes about an asset stands in its task. A row's `body` is its
message as it goes over the wire, so that leases and exports hand it on without taking it apart; what queries ask for
stands in columns beside it. Empty text means "none". Times are microseconds since the Unix epoch, UTC.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

projects = Table(
    "projects",
    metadata,
    Column("uid", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("project_id", Text, nullable=False),
    Column("display_name", Text, nullable=False),
    Column("instruction", Text, nullable=False),
    Column("ontology", LargeBinary, nullable=False),
    Column("pre_annotation", Text, nullable=False),
    Column("weight_uncertainty", Double, nullable=False),
    Column("weight_findings", Double, nullable=False),
    Column("weight_age_per_hour", Double, nullable=False),
    Column("weight_disagreement", Double, nullable=False, server_default="1"),
    Column("weight_business", Double, nullable=False, server_default="0"),
    Column("weight_novelty", Double, nullable=False, server_default="0"),
    # A QueuePolicy message; empty for the default, and then the revision is 0.
    Column("queue_policy", LargeBinary, nullable=False, server_default=""),
    Column("queue_policy_revision", BigInteger, nullable=False, server_default="0"),
    Column("asset_count", BigInteger, nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    Column("holdout_share", Double, nullable=False, server_default="0"),
    Column("holdout_secret", Text, nullable=False, server_default=""),
    Column("holdout_experiment", BigInteger, nullable=False, server_default="0"),
    Column("holdout_time_us", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("tenant", "project_id", name="projects_by_id"),
)

# `seq` counts the assets of a project from 1 in import order.
assets = Table(
    "assets",
    metadata,
    Column("uid", Text, primary_key=True),
    Column("project_uid", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("key", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("project_uid", "key", name="assets_by_key"),
    UniqueConstraint("project_uid", "seq", name="assets_by_seq"),
)

# One task an asset, under the asset's uid. `revision` is that of the asset's newest label; `label_uid`, `label_kind`
# and `author` are those of its current one; `confidence`, `run_uid` and `finding_count` say what was last put up for
# review and stay when it is answered. The lease's columns outlive the lease, but for `lease_expire_us`, 0 without one.
tasks = Table(
    "tasks",
    metadata,
    Column("uid", Text, primary_key=True),
    Column("project_uid", Text, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("rank", Double, nullable=False),
    Column("uncertainty", Double, nullable=False),
    Column("severity", Double, nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("label_uid", Text, nullable=False),
    Column("label_kind", Text, nullable=False),
    Column("prediction_error", Text, nullable=False),
    Column("reviewer", Text, nullable=False),
    Column("fencing_token", BigInteger, nullable=False),
    Column("lease_expire_us", BigInteger, nullable=False),
    Column("leased_label_uid", Text, nullable=False),
    Column("decision", Text, nullable=False),
    # The defaults are for a release that does not know these columns yet.
    Column("confidence", Double),
    Column("run_uid", Text, nullable=False, server_default=""),
    Column("author", Text, nullable=False, server_default=""),
    Column("finding_count", Integer, nullable=False, server_default="0"),
    Column("review_time_us", BigInteger, nullable=False, server_default="0"),
    Column("boost", Double, nullable=False, server_default="0"),
    Column("pool", Text, nullable=False, server_default=""),
    # 1: drawn at random for people to look at, whatever the confidence.
    Column("audit", SmallInteger, nullable=False, server_default="0"),
    # Gold: 1 that somebody chose, 2 drawn at random; see assurance/tables.py.
    Column("sealed", SmallInteger, nullable=False, server_default="0"),
    # The prediction that the last lease held back, see measures/holdout.py.
    Column("hidden_label_uid", Text, nullable=False, server_default=""),
    # The pool by the policy's routes; that of a person (`sent_pool`) and that of a rule (`pool`) go before. `lane` is
    # the pool that counts where only its members may take the task, else empty.
    Column("routed_pool", Text, nullable=False, server_default=""),
    Column("lane", Text, nullable=False, server_default=""),
    # Several answers: how many there are, and how many are wanted (0: as the policy says); how far they, or
    # predictions, differ, 0 to 1. Four eyes: `stage` 1 that a label, 2 that a rejection by `answered_by` waits for
    # another person.
    Column("answers", SmallInteger, nullable=False, server_default="0"),
    Column("answers_wanted", SmallInteger, nullable=False, server_default="0"),
    Column("disagreement", Double, nullable=False, server_default="0"),
    Column("stage", SmallInteger, nullable=False, server_default="0"),
    Column("answered_by", Text, nullable=False, server_default=""),
    # Who last sent it where and why; `sent_to` alone may take it until `sent_until_us`.
    Column("sent_by", Text, nullable=False, server_default=""),
    Column("sent_to", Text, nullable=False, server_default=""),
    Column("sent_pool", Text, nullable=False, server_default=""),
    Column("sent_reason", Text, nullable=False, server_default=""),
    Column("sent_until_us", BigInteger, nullable=False, server_default="0"),
    # What the customer says it is worth, 0 to 1,000.
    Column("business", Double, nullable=False, server_default="0"),
    # How unlike the text is to those that people answered, 0 to 1; null where that is not known.
    Column("novelty", Double),
    sqlite_with_rowid=False,
)
_leased = tasks.c.lease_expire_us > 0
_failed = tasks.c.prediction_error != ""
_sampled = (tasks.c.audit > 0) | (tasks.c.sealed > 0)
Index(
    "tasks_sampled",
    tasks.c.project_uid,
    tasks.c.state,
    tasks.c.uid,
    sqlite_where=_sampled,
    postgresql_where=_sampled,
)
_unseen = tasks.c.decision == "AUTO_ACCEPT"
Index(
    "tasks_auto_accepted",
    tasks.c.project_uid,
    tasks.c.review_time_us,
    tasks.c.uid,
    sqlite_where=_unseen,
    postgresql_where=_unseen,
)
Index("tasks_queue", tasks.c.project_uid, tasks.c.state, tasks.c.rank, tasks.c.uid, tasks.c.lane)
_open = tasks.c.state == 2
Index(
    "tasks_by_age",
    tasks.c.project_uid,
    tasks.c.create_time_us,
    tasks.c.uid,
    sqlite_where=_open,
    postgresql_where=_open,
)
Index(
    "tasks_leased",
    tasks.c.project_uid,
    tasks.c.lease_expire_us,
    sqlite_where=_leased,
    postgresql_where=_leased,
)
Index("tasks_failed", tasks.c.project_uid, sqlite_where=_failed, postgresql_where=_failed)

# How many tasks of a project are in each state: the sum over its shards, as triggers of `tasks` keep it in the
# transaction that changes a task, whichever program that is. Each connection to PostgreSQL writes to a shard of its
# own, so that reviewers who answer at once do not wait for one row; a shard alone means nothing and may be negative.
task_counts = Table(
    "task_counts",
    metadata,
    Column("project_uid", Text, primary_key=True),
    Column("shard", SmallInteger, primary_key=True),
    Column("waiting", BigInteger, nullable=False),
    Column("open", BigInteger, nullable=False),
    Column("done", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

labels = Table(
    "labels",
    metadata,
    Column("uid", Text, primary_key=True),
    Column("project_uid", Text, nullable=False),
    Column("asset_uid", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("run_uid", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    # What a search asks for, see search/origin.py. The defaults are for a release that does not know these columns yet.
    Column("author", Text, nullable=False, server_default=""),
    Column("source", Text, nullable=False, server_default=""),
    Column("create_time_us", BigInteger, nullable=False, server_default="0"),
    Column("prediction_uid", Text, nullable=False, server_default=""),
    Column("model", Text, nullable=False, server_default=""),
    Column("prompt_revision", BigInteger, nullable=False, server_default="0"),
    Column("confidence", Double),
    Column("agreement", Double),
    Column("overlap", Double),
    UniqueConstraint("asset_uid", "revision", name="labels_by_asset"),
)
Index("labels_by_run", labels.c.project_uid, labels.c.kind, labels.c.run_uid)
_by_rules = labels.c.source == "RULE"
Index(
    "labels_by_rules",
    labels.c.project_uid,
    labels.c.kind,
    labels.c.run_uid,
    sqlite_where=_by_rules,
    postgresql_where=_by_rules,
)

# The categories that a label claims, each once; like the label they never change.
label_categories = Table(
    "label_categories",
    metadata,
    Column("project_uid", Text, primary_key=True),
    Column("category", Text, primary_key=True),
    Column("label_uid", Text, primary_key=True),
    sqlite_with_rowid=False,
)

# What rules last said about a label, which may be here before the label: `body` is the LabelEvaluated message.
findings = Table(
    "findings",
    metadata,
    Column("label_uid", Text, primary_key=True),
    Column("project_uid", Text, nullable=False),
    Column("ruleset_revision", BigInteger, nullable=False),
    Column("n", Integer, nullable=False),
    Column("severity", Double, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("boost", Double, nullable=False, server_default="0"),
    Column("pool", Text, nullable=False, server_default=""),
)

# `ops` is a LabelReviewed message with nothing but its operations. Facts about the prediction that was reviewed are
# null where there was none or the asset was rejected.
reviews = Table(
    "reviews",
    metadata,
    Column("uid", Text, primary_key=True),
    Column("project_uid", Text, nullable=False),
    Column("asset_uid", Text, nullable=False),
    Column("base_label_uid", Text, nullable=False),
    Column("label_uid", Text, nullable=False),
    Column("reviewer", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("ops", LargeBinary, nullable=False),
    Column("active_seconds", Double, nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    Column("run_uid", Text, nullable=False),
    Column("confidence", Double),
    Column("unchanged", SmallInteger),
    Column("true_positives", Integer),
    Column("false_positives", Integer),
    Column("false_negatives", Integer),
    # For the running sums: `unsummed` has bit 1 while the review is in none, bit 2 while its `reworked` is not.
    Column("arm", SmallInteger, nullable=False, server_default="0"),
    Column("experiment", BigInteger, nullable=False, server_default="0"),
    Column("reworked", SmallInteger, nullable=False, server_default="0"),
    Column("unsummed", SmallInteger, nullable=False, server_default="1"),
    Column("gold_right", SmallInteger),
    Column("gold_prediction_right", SmallInteger),
)
Index("reviews_by_run", reviews.c.project_uid, reviews.c.run_uid)
Index("reviews_by_label", reviews.c.label_uid)
_unsummed = reviews.c.unsummed > 0
Index(
    "reviews_unsummed",
    reviews.c.project_uid,
    reviews.c.uid,
    sqlite_where=_unsummed,
    postgresql_where=_unsummed,
)

# How the annotations of a reviewed prediction fared; an empty category stands for no annotation.
confusion = Table(
    "confusion",
    metadata,
    Column("review_uid", Text, primary_key=True),
    Column("tool", Text, primary_key=True),
    Column("predicted", Text, primary_key=True),
    Column("reviewed", Text, primary_key=True),
    Column("project_uid", Text, nullable=False),
    Column("run_uid", Text, nullable=False),
    Column("n", Integer, nullable=False),
    # Of those that kept their category and moved: how many, and their intersections over unions.
    Column("moved", Integer, nullable=False, server_default="0"),
    Column("overlap", Double, nullable=False, server_default="0"),
    Column("overlap_squares", Double, nullable=False, server_default="0"),
    sqlite_with_rowid=False,
)
Index("confusion_by_run", confusion.c.project_uid, confusion.c.run_uid)

# Answers to requests that may come again; `digest` is the SHA-256 of what was asked.
requests = Table(
    "requests",
    metadata,
    Column("project_uid", Text, primary_key=True),
    Column("actor", Text, primary_key=True),
    Column("request_id", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("response", LargeBinary, nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
)
Index("requests_by_time", requests.c.create_time_us)
