"""Gold sets, acceptance policies, audits and certificates."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_WHOLE = sa.BigInteger
_SMALL = sa.SmallInteger


def upgrade() -> None:
    """Two marks on tasks, and the tables of assurance, all empty: nothing is accepted without a policy."""
    for mark in ("audit", "sealed"):
        op.add_column("tasks", sa.Column(mark, _SMALL, nullable=False, server_default="0"))
    drawn = sa.text("audit > 0 OR sealed > 0")
    op.create_index(
        "tasks_sampled", "tasks", ["project_uid", "state", "uid"], sqlite_where=drawn, postgresql_where=drawn
    )
    taken = sa.text("decision = 'AUTO_ACCEPT'")
    op.create_index(
        "tasks_auto_accepted",
        "tasks",
        ["project_uid", "review_time_us", "uid"],
        sqlite_where=taken,
        postgresql_where=taken,
    )
    _acceptance()
    _certificates()
    _gold()


def _columns(kind: type[sa.types.TypeEngine[object]], *names: str) -> Sequence[sa.Column[object]]:
    return [sa.Column(name, kind, nullable=False) for name in names]


def _key(*names: str) -> Sequence[sa.Column[str]]:
    return [sa.Column(name, sa.Text, primary_key=True) for name in names]


def _acceptance() -> None:  # long: one table after the other
    op.create_table(
        "acceptance_policies",
        *_key("project_uid"),
        *_columns(_WHOLE, "revision"),
        *_columns(sa.Double, "target_error", "delta"),
        *_columns(sa.Text, "slice_by"),
        *_columns(sa.Double, "audit_rate", "mixed_audit_rate"),
        *_columns(_WHOLE, "n_min"),
        *_columns(sa.Double, "check_share"),
        *_columns(_SMALL, "export_auto_accepted"),
        *_columns(sa.LargeBinary, "secret"),
        *_columns(sa.Text, "stage", "stage_reason"),
        *_columns(_WHOLE, "stage_time_us"),
        *_columns(sa.Text, "stage_actor"),
        *_columns(_WHOLE, "epoch", "fits"),
        *_columns(sa.Text, "fit_uid"),
    )
    op.create_table(
        "acceptance_stages",
        *_key("uid"),
        *_columns(sa.Text, "project_uid", "stage", "reason", "actor"),
        *_columns(_WHOLE, "create_time_us"),
    )
    op.create_index("acceptance_stages_by_project", "acceptance_stages", ["project_uid", "uid"])
    op.create_table(
        "threshold_fits",
        *_key("uid"),
        *_columns(sa.Text, "project_uid"),
        *_columns(_WHOLE, "epoch", "number"),
        *_columns(sa.Text, "run_uid"),
        *_columns(_WHOLE, "evidence", "pending", "create_time_us"),
    )
    op.create_index("threshold_fits_by_project", "threshold_fits", ["project_uid", "uid"])
    op.create_table(
        "slice_thresholds",
        *_key("fit_uid", "slice"),
        sa.Column("threshold", sa.Double),
        *_columns(_WHOLE, "sample", "n", "errors"),
        *_columns(sa.Double, "p_value", "upper_bound", "delta"),
        *_columns(_WHOLE, "watched", "watched_errors"),
        *_columns(sa.Double, "level"),
    )
    op.create_table(
        "acceptance_evidence",
        *_key("asset_uid", "run_uid"),
        *_columns(sa.Text, "project_uid"),
        *_columns(sa.Double, "confidence"),
        *_columns(_SMALL, "wrong"),
        *_columns(sa.Text, "category", "source", "length"),
        *_columns(_WHOLE, "create_time_us"),
    )
    op.create_index(
        "acceptance_evidence_by_run", "acceptance_evidence", ["project_uid", "run_uid", "asset_uid"]
    )
    op.create_table(
        "acceptance_draws",
        *_key("asset_uid"),
        *_columns(sa.Text, "project_uid", "label_uid", "fit_uid", "slice"),
        *_columns(_SMALL, "audit"),
        *_columns(sa.Double, "audit_rate"),
        sa.Column("wrong", _SMALL),
        *_columns(_WHOLE, "create_time_us"),
    )
    op.create_index("acceptance_draws_by_project", "acceptance_draws", ["project_uid", "audit", "asset_uid"])


def _certificates() -> None:
    op.create_table(
        "certificates",
        *_key("uid"),
        *_columns(sa.Text, "project_uid"),
        *_columns(_SMALL, "within_target", "by_audits"),
        *_columns(sa.Double, "error_upper_bound", "confidence"),
        *_columns(_WHOLE, "create_time_us"),
        *_columns(sa.LargeBinary, "body"),
    )
    op.create_index("certificates_by_project", "certificates", ["project_uid", "uid"])


def _gold() -> None:
    op.create_table(
        "gold_sets",
        *_key("uid"),
        *_columns(sa.Text, "project_uid", "gold_set_id", "display_name"),
        *_columns(_WHOLE, "revision", "create_time_us"),
        sa.UniqueConstraint("project_uid", "gold_set_id", name="gold_sets_by_id"),
    )
    op.create_table(
        "gold_items",
        *_key("asset_uid"),
        *_columns(sa.Text, "project_uid", "set_uid"),
        *_columns(_WHOLE, "revision"),
        *_columns(_SMALL, "drawn"),
        sa.Column("answer", sa.LargeBinary),
        *_columns(sa.Text, "author", "base_label_uid"),
        *_columns(sa.Integer, "tests", "passed"),
    )
    op.create_index("gold_items_by_set", "gold_items", ["set_uid", "asset_uid"])
    known = sa.text("answer IS NOT NULL")
    op.create_index(
        "gold_items_known",
        "gold_items",
        ["project_uid", "tests", "asset_uid"],
        sqlite_where=known,
        postgresql_where=known,
    )
    op.create_table(
        "honeypots",
        *_key("asset_uid", "reviewer"),
        *_columns(sa.Text, "project_uid"),
        *_columns(_WHOLE, "fencing_token", "lease_expire_us"),
        *_columns(sa.Text, "base_label_uid"),
        sa.Column("passed", _SMALL),
        *_columns(_WHOLE, "create_time_us"),
    )
    op.create_index("honeypots_by_reviewer", "honeypots", ["project_uid", "reviewer"])
