"""Answers of several people, and what they agree on."""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Nothing yet."""
