"""Redundancy, pools, deadlines and further terms of the priority."""

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Nothing yet."""
