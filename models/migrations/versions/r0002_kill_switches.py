"""Kill switches per life event, and releases that serving fell back from."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "kill_switches",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("event", sa.String, nullable=False),
        sa.Column("state", sa.String, sa.CheckConstraint("state IN ('on', 'off')"), nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("person", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("key_id", sa.String(64), nullable=False),
        sa.Column("signature", sa.String, nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("kill_switches_state", "kill_switches", ["event", "id", "state"])
    op.create_table(
        "release_fallbacks",
        sa.Column("release_id", sa.String(64), primary_key=True),
        sa.Column("promoted_at", sa.String(27), primary_key=True),
        sa.Column("fallen_to", sa.String(64), primary_key=True),
        sa.Column("trail_seq", sa.Integer, nullable=False),
    )
    op.execute("UPDATE schema_version SET version = 2")
