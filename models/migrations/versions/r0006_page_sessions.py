"""Who is signed in to the pages of customers, board and colleagues."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "page_sessions",
        sa.Column("id_sha256", sa.String(64), primary_key=True),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("customer_id", sa.String),
        sa.Column("person", sa.String),
        sa.Column("link", sa.String(32), unique=True),
        sa.Column("started_at", sa.String(27), nullable=False),
        sa.Column("ends_at", sa.String(27), nullable=False),
        sa.Column("ended_at", sa.String(27)),
    )
    op.create_index("page_sessions_customer", "page_sessions", ["customer_id"])
