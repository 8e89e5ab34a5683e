"""The tables of consensus. Times are microseconds since the Unix epoch, UTC."""

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, LargeBinary, String, Table, Text

from qa_engine.tables import metadata

# Only projects that changed their policy have a row.
consensus_policies = Table(
    "consensus_policies",
    metadata,
    Column("project_uid", String(26), primary_key=True),
    Column("method", String(16), nullable=False),
    Column("quorum", Double, nullable=False),
    Column("iou", Double, nullable=False),
    Column("min_agreement", Double, nullable=False),
    Column("min_confidence", Double, nullable=False),
    Column("staple", Boolean, nullable=False),
    Column("revision", BigInteger, nullable=False),
)

# Each person's last answer to an asset that several are to answer. `label` is the serialised message, and `label_uid`
# is empty where the asset was rejected; `answer_time_us` is when it was given.
consensus_answers = Table(
    "consensus_answers",
    metadata,
    Column("project_uid", String(26), primary_key=True),
    Column("asset_uid", String(64), primary_key=True),
    Column("annotator", String(128), primary_key=True),
    Column("label_uid", String(64), nullable=False),
    Column("label", LargeBinary, nullable=False),
    Column("answer_time_us", BigInteger, nullable=False),
    Index("consensus_answers_by_time", "project_uid", "answer_time_us"),
)

# The last comparison of each asset. `label` is the serialised message, empty without agreement; `label_uids`,
# `by_tool` and `disputes` are JSON. `posteriors` is what was added to the counts below: JSON, by tool a list of
# [annotator, said, {truth: amount}].
consensus_results = Table(
    "consensus_results",
    metadata,
    Column("uid", String(26), primary_key=True),
    Column("project_uid", String(26), nullable=False),
    Column("asset_uid", String(64), nullable=False),
    Column("method", String(80), nullable=False),
    Column("agreed", Boolean, nullable=False),
    Column("label", LargeBinary, nullable=False),
    Column("agreement", Double, nullable=False),
    Column("confidence", Double, nullable=False),
    Column("by_tool", Text, nullable=False),
    Column("disputes", Text, nullable=False),
    Column("posteriors", Text, nullable=False),
    Column("answers_key", String(64), nullable=False),
    Column("answers", Integer, nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    Index("consensus_results_by_asset", "project_uid", "asset_uid", unique=True),
    Index("consensus_results_by_project", "project_uid", "uid"),
    Index("consensus_results_by_agreed", "project_uid", "agreed", "uid"),
)

# How often each annotator said what of what is true, expected; `truth` and `said` are empty for none.
consensus_counts = Table(
    "consensus_counts",
    metadata,
    Column("project_uid", String(26), primary_key=True),
    Column("tool", String(128), primary_key=True),
    Column("annotator", String(128), primary_key=True),
    Column("truth", String(128), primary_key=True),
    Column("said", String(128), primary_key=True),
    Column("amount", Double, nullable=False),
)
