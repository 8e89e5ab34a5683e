"""The tables of qa_engine. Times are microseconds since the Unix epoch, UTC."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

metadata = MetaData()

# A copy of what review_queue says about its projects; `ontology` is the serialised message.
projects = Table(
    "projects",
    metadata,
    Column("project_uid", String(26), primary_key=True),
    Column("tenant", String(128), nullable=False),
    Column("project_id", String(48), nullable=False),
    Column("ontology", LargeBinary, nullable=False),
    Column("ontology_revision", BigInteger, nullable=False),
    Column("ruleset_revision", BigInteger, nullable=False),
    UniqueConstraint("tenant", "project_id"),
)

# Only rules whose settings were changed have a row; `parameters` is a JSON object of numbers and lists of texts.
rule_settings = Table(
    "rule_settings",
    metadata,
    Column("project_uid", String(26), primary_key=True),
    Column("rule", String(64), primary_key=True),
    Column("enabled", Boolean, nullable=False),
    Column("severity", String(16), nullable=False),
    Column("parameters", Text, nullable=False),
    # The defaults are for a release that does not know these columns yet.
    Column("shadow", Boolean, nullable=False, server_default=false()),
    Column("action", String(16), nullable=False, server_default="FLAG"),
    Column("route_boost", Double, nullable=False, server_default="0"),
    Column("route_pool", String(64), nullable=False, server_default=""),
    Column("precision_floor", Double, nullable=False, server_default="0.9"),
    Column("schedule_minutes", Integer, nullable=False, server_default="0"),
)

evaluations = Table(
    "evaluations",
    metadata,
    Column("label_uid", String(64), primary_key=True),
    Column("ruleset_revision", BigInteger, primary_key=True),
    Column("project_uid", String(26), nullable=False),
    Column("asset_uid", String(64), nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
)

findings = Table(
    "findings",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("project_uid", String(26), nullable=False),
    Column("label_uid", String(64), nullable=False),
    Column("asset_uid", String(64), nullable=False),
    Column("rule", String(64), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("message", Text, nullable=False),
    Column("annotation_id", String(64), nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    # Of a rule on trial: reported to nobody.
    Column("shadow", Boolean, nullable=False, server_default=false()),
    Index("findings_by_project", "project_uid", "seq"),
    Index("findings_by_rule", "project_uid", "rule", "seq"),
    Index("findings_by_label", "project_uid", "label_uid"),
)

# What is remembered of labels, for projects with a rule that compares a label with others. `source` says who made it,
# MODEL or PERSON; `choices` and `strings` are JSON. Strings are hashes.
label_facts = Table(
    "label_facts",
    metadata,
    Column("project_uid", String(26), primary_key=True),
    Column("asset_uid", String(64), primary_key=True),
    Column("source", String(16), primary_key=True),
    Column("label_uid", String(64), nullable=False),
    Column("choices", Text, nullable=False),
    Column("strings", Text, nullable=False),
)

string_facts = Table(
    "string_facts",
    metadata,
    Column("project_uid", String(26), primary_key=True),
    Column("string_key", String(32), primary_key=True),
    Column("tool", String(128), primary_key=True),
    Column("category", String(128), primary_key=True),
    Column("labels", BigInteger, nullable=False),
)

category_facts = Table(
    "category_facts",
    metadata,
    Column("project_uid", String(26), primary_key=True),
    Column("source", String(16), primary_key=True),
    Column("tool", String(128), primary_key=True),
    Column("category", String(128), primary_key=True),
    Column("earlier", BigInteger, nullable=False),
    Column("previous", BigInteger, nullable=False),
    Column("recent", BigInteger, nullable=False),
    Column("confidence_sum", Double, nullable=False),
    Column("confidence_count", BigInteger, nullable=False),
)
