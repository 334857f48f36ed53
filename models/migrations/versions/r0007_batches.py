"""Batches: which run judged a customer, so that a run that was broken off goes on where it stopped."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the table and the column."""
    op.create_table(
        "batches",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("bookings_sha256", sa.String(64), nullable=False),
        sa.Column("release_id", sa.String, nullable=False),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("begun_at", sa.String(27), nullable=False),
        sa.Column("finished_at", sa.String(27)),
    )
    op.add_column("runs", sa.Column("batch", sa.Integer))
