"""SQL room: the tables of assurance.

Columns of `tasks` that belong to it stand with that table: `audit` (1: drawn at random for people, whatever the
confidence) and `sealed` (1: gold that somebody chose, 2: gold drawn at random). Times are microseconds since the Unix
epoch, UTC.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

from review_queue.tables import metadata

# One a project. `epoch` counts the targets that the project had, `fits` the fits of the present one; `fit_uid` is the
# fit in force, empty without one. `secret` draws the audits.
policies = Table(
    "acceptance_policies",
    metadata,
    Column("project_uid", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("target_error", Double, nullable=False),
    Column("delta", Double, nullable=False),
    Column("slice_by", Text, nullable=False),
    Column("audit_rate", Double, nullable=False),
    Column("mixed_audit_rate", Double, nullable=False),
    Column("n_min", BigInteger, nullable=False),
    Column("check_share", Double, nullable=False),
    Column("export_auto_accepted", SmallInteger, nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("stage", Text, nullable=False),
    Column("stage_reason", Text, nullable=False),
    Column("stage_time_us", BigInteger, nullable=False),
    Column("stage_actor", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("fits", BigInteger, nullable=False),
    Column("fit_uid", Text, nullable=False),
)

# What stage a project was in since when, and why; never changed.
stages = Table(
    "acceptance_stages",
    metadata,
    Column("uid", Text, primary_key=True),
    Column("project_uid", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
)
Index("acceptance_stages_by_project", stages.c.project_uid, stages.c.uid)

# `evidence` counts the items that the fit rests on, `pending` those that it waited for.
fits = Table(
    "threshold_fits",
    metadata,
    Column("uid", Text, primary_key=True),
    Column("project_uid", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("run_uid", Text, nullable=False),
    Column("evidence", BigInteger, nullable=False),
    Column("pending", BigInteger, nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
)
Index("threshold_fits_by_project", fits.c.project_uid, fits.c.uid)

# A fit's slices. The `watched` columns count the audits since the fit of what it would accept, and how the detector of
# drift stands.
thresholds = Table(
    "slice_thresholds",
    metadata,
    Column("fit_uid", Text, primary_key=True),
    Column("slice", Text, primary_key=True),
    Column("threshold", Double),
    Column("sample", BigInteger, nullable=False),
    Column("n", BigInteger, nullable=False),
    Column("errors", BigInteger, nullable=False),
    Column("p_value", Double, nullable=False),
    Column("upper_bound", Double, nullable=False),
    Column("delta", Double, nullable=False),
    Column("watched", BigInteger, nullable=False),
    Column("watched_errors", BigInteger, nullable=False),
    Column("level", Double, nullable=False),
)

# The random sample as people answered it: was the prediction that they began with wrong?
evidence = Table(
    "acceptance_evidence",
    metadata,
    Column("asset_uid", Text, primary_key=True),
    Column("run_uid", Text, primary_key=True),
    Column("project_uid", Text, nullable=False),
    Column("confidence", Double, nullable=False),
    Column("wrong", SmallInteger, nullable=False),
    Column("category", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("length", Text, nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
)
Index("acceptance_evidence_by_run", evidence.c.project_uid, evidence.c.run_uid, evidence.c.asset_uid)

# Labels that were above their threshold: `audit` 0 were accepted unseen, 1 were drawn for people at `audit_rate`.
# `wrong` is null until a person has answered. What is opened again is deleted.
draws = Table(
    "acceptance_draws",
    metadata,
    Column("asset_uid", Text, primary_key=True),
    Column("project_uid", Text, nullable=False),
    Column("label_uid", Text, nullable=False),
    Column("fit_uid", Text, nullable=False),
    Column("slice", Text, nullable=False),
    Column("audit", SmallInteger, nullable=False),
    Column("audit_rate", Double, nullable=False),
    Column("wrong", SmallInteger),
    Column("create_time_us", BigInteger, nullable=False),
)
Index("acceptance_draws_by_project", draws.c.project_uid, draws.c.audit, draws.c.asset_uid)

# `body` is the Certificate message; none ever changes.
certificates = Table(
    "certificates",
    metadata,
    Column("uid", Text, primary_key=True),
    Column("project_uid", Text, nullable=False),
    Column("within_target", SmallInteger, nullable=False),
    Column("by_audits", SmallInteger, nullable=False),
    Column("error_upper_bound", Double, nullable=False),
    Column("confidence", Double, nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
Index("certificates_by_project", certificates.c.project_uid, certificates.c.uid)

gold_sets = Table(
    "gold_sets",
    metadata,
    Column("uid", Text, primary_key=True),
    Column("project_uid", Text, nullable=False),
    Column("gold_set_id", Text, nullable=False),
    Column("display_name", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    UniqueConstraint("project_uid", "gold_set_id", name="gold_sets_by_id"),
)

# An asset is in one set at most. `answer` is a Label message with the known annotations, null until there is one.
# `base_label_uid` is the label that testers are shown, empty for none; `reviewers` are not tested with it.
gold_items = Table(
    "gold_items",
    metadata,
    Column("asset_uid", Text, primary_key=True),
    Column("project_uid", Text, nullable=False),
    Column("set_uid", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("drawn", SmallInteger, nullable=False),
    Column("answer", LargeBinary),
    Column("author", Text, nullable=False),
    Column("base_label_uid", Text, nullable=False),
    Column("tests", Integer, nullable=False),
    Column("passed", Integer, nullable=False),
)
Index("gold_items_by_set", gold_items.c.set_uid, gold_items.c.asset_uid)
_testing = gold_items.c.answer.is_not(None)
Index(
    "gold_items_known",
    gold_items.c.project_uid,
    gold_items.c.tests,
    gold_items.c.asset_uid,
    sqlite_where=_testing,
    postgresql_where=_testing,
)

# Gold handed to a reviewer as a task. It has the asset's name and a fencing token like any lease; `passed` is null
# until it is answered.
honeypots = Table(
    "honeypots",
    metadata,
    Column("asset_uid", Text, primary_key=True),
    Column("reviewer", Text, primary_key=True),
    Column("project_uid", Text, nullable=False),
    Column("fencing_token", BigInteger, nullable=False),
    Column("lease_expire_us", BigInteger, nullable=False),
    Column("base_label_uid", Text, nullable=False),
    Column("passed", SmallInteger),
    Column("create_time_us", BigInteger, nullable=False),
)
Index("honeypots_by_reviewer", honeypots.c.project_uid, honeypots.c.reviewer)
