"""The tables of runs, and of the labels that they run over. Times are microseconds since the Unix epoch, UTC."""

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, LargeBinary, String, Table, Text

from qa_engine.tables import metadata

# The current label of each asset as the events told it: `label` and `asset` are the serialised messages. `person` is 1
# where a person's word stands, which no model's label replaces.
seen_labels = Table(
    "seen_labels",
    metadata,
    Column("project_uid", String(26), primary_key=True),
    Column("asset_uid", String(64), primary_key=True),
    Column("label_uid", String(64), nullable=False),
    Column("person", Integer, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("label", LargeBinary, nullable=False),
    Column("asset", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

# What reviewers were shown and what they left of it: `changed` is a JSON list of the ids of the annotations that did
# not stay as they were, `kept` says whether all did.
reviewed_labels = Table(
    "reviewed_labels",
    metadata,
    Column("project_uid", String(26), primary_key=True),
    Column("label_uid", String(64), primary_key=True),
    Column("changed", Text, nullable=False),
    Column("kept", Boolean, nullable=False),
    Column("label", LargeBinary, nullable=False),
    Column("asset", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

# People's verdicts about what rules said.
verdicts = Table(
    "verdicts",
    metadata,
    Column("project_uid", String(26), primary_key=True),
    Column("rule", String(64), primary_key=True),
    Column("label_uid", String(64), primary_key=True),
    Column("annotation_id", String(64), primary_key=True),
    Column("confirmed", Boolean, nullable=False),
    Column("author", String(128), nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# `terms` is the digest of rule, version and settings; `settings` their JSON, empty for live runs. `cursor` is the last
# asset (of `stage` LABELS) or label (of `stage` REVIEWED) looked at. Who works on a run holds it until `claim_us`.
rule_runs = Table(
    "rule_runs",
    metadata,
    Column("uid", String(26), primary_key=True),
    Column("project_uid", String(26), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("rule", String(64), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("terms", String(64), nullable=False),
    Column("settings", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("cursor", String(64), nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("looked", BigInteger, nullable=False),
    Column("hit_labels", BigInteger, nullable=False),
    Column("hits", BigInteger, nullable=False),
    Column("patched", BigInteger, nullable=False),
    Column("right_hits", BigInteger, nullable=False),
    Column("wrong_hits", BigInteger, nullable=False),
    Column("seconds_per_hit", Double, nullable=False),
    # What `seconds_per_hit` is of: DEFAULT, REQUEST or REVIEWS.
    Column("review_time_source", String(16), nullable=False, server_default="DEFAULT"),
    Column("unchecked_labels", BigInteger, nullable=False, server_default="0"),
    Column("error", String(64), nullable=False),
    Column("author", String(128), nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    Column("end_time_us", BigInteger, nullable=False),
    Column("claim_us", BigInteger, nullable=False),
    Index("rule_runs_by_project", "project_uid", "create_time_us", "uid"),
    Index("rule_runs_by_state", "state", "claim_us"),
)

# At most 100 a run: those whose `draw`, a hash, is smallest, which is a uniform sample. `counted` says whether the hit
# is in the run's right_hits or wrong_hits already.
run_hits = Table(
    "run_hits",
    metadata,
    Column("run_uid", String(26), primary_key=True),
    Column("draw", BigInteger, primary_key=True),
    Column("label_uid", String(64), nullable=False),
    Column("asset_uid", String(64), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("message", Text, nullable=False),
    Column("annotation_id", String(64), nullable=False),
    Column("counted", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

# Which rule has changed which annotation, so that none does so twice: `root_uid` is the label that a chain of changed
# labels began with.
patched_annotations = Table(
    "patched_annotations",
    metadata,
    Column("root_uid", String(64), primary_key=True),
    Column("rule", String(64), primary_key=True),
    Column("annotation_id", String(64), primary_key=True),
    sqlite_with_rowid=False,
)

patched_labels = Table(
    "patched_labels",
    metadata,
    Column("label_uid", String(64), primary_key=True),
    Column("root_uid", String(64), nullable=False),
    sqlite_with_rowid=False,
)

# When a rule is asked on its schedule next, of the version and with the period that the row was written for. Who moves
# `due_time_us` on starts the run.
rule_schedules = Table(
    "rule_schedules",
    metadata,
    Column("project_uid", String(26), primary_key=True),
    Column("rule", String(64), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("minutes", Integer, nullable=False),
    Column("due_time_us", BigInteger, nullable=False),
    Index("rule_schedules_by_due", "due_time_us"),
)

# What rules asked for on their schedules, so that it is done once: `about` is a label, or an asset where a person's
# label was sent back; `said` is a hash.
scheduled_operations = Table(
    "scheduled_operations",
    metadata,
    Column("project_uid", String(26), primary_key=True),
    Column("rule", String(64), primary_key=True),
    Column("about", String(64), primary_key=True),
    Column("said", String(32), primary_key=True),
    sqlite_with_rowid=False,
)

# How many of a project's reviews took how long: `bin` is a step of the logarithmic scale in life.pace.
review_times = Table(
    "review_times",
    metadata,
    Column("project_uid", String(26), primary_key=True),
    Column("bin", Integer, primary_key=True),
    Column("reviews", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
