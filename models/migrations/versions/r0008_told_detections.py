"""What an event stream was told already, and which customers it has met, so that no detection is told twice."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "told_detections",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("customer_id", sa.String, nullable=False),
        sa.Column("purpose", sa.String, nullable=False),
        sa.Column("event", sa.String, nullable=False),
        sa.Column("onset_date", sa.Date, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("state", sa.String, sa.CheckConstraint("state IN ('known', 'telling', 'told')"), nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
        sa.Index("told_detections_customer", "customer_id", "purpose"),
    )
    op.create_table(
        "followed_customers",
        sa.Column("customer_id", sa.String, primary_key=True),
        sa.Column("purpose", sa.String, primary_key=True),
        sa.Column("at", sa.String(27), nullable=False),
    )
