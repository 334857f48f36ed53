"""What offers and corrections say of themselves, and which permissions may be deleted because they were erased."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the columns and the table; the guard against deletion is made anew, with its one exception."""
    for column in (
        sa.Column("purpose", sa.String),
        sa.Column("onset_date", sa.Date),
        sa.Column("permission_version", sa.Integer),
        sa.Column("trail_seq", sa.Integer),
        sa.Column("refused", sa.String),
    ):
        op.add_column("offers", column)
    op.add_column("corrections", sa.Column("evidence", sa.Text))
    op.create_table(
        "erased_permissions",
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.String(27), nullable=False),
    )
    place = "" if op.get_bind().dialect.name == "sqlite" else " ON permission_events"
    op.execute(f"DROP TRIGGER IF EXISTS permission_events_no_delete{place}")
    op.execute("UPDATE schema_version SET version = 4")
