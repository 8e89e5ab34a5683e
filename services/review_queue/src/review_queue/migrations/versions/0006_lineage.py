"""Chained hashes of labels, and columns that searches ask for."""

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Nothing yet."""
