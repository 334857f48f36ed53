"""Installed purpose registries; customers and runs, which serving made for itself until now."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "customers",
        sa.Column("customer_id", sa.String, primary_key=True),
        sa.Column("is_adult", sa.Boolean, nullable=False),
        sa.Column("language", sa.String, nullable=False),
        sa.Column("products_held", sa.Text, nullable=False),
        sa.Column("open_complaint", sa.Boolean, nullable=False),
        sa.Column("in_arrears", sa.Boolean, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "runs",
        sa.Column("customer_id", sa.String, primary_key=True),
        sa.Column("as_of", sa.Date, primary_key=True),
        sa.Column("release_id", sa.String, nullable=False),
        sa.Column("model_version", sa.String, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "purpose_registries",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("statement", sa.Text, nullable=False),
        sa.Column("key_id", sa.String(64), nullable=False),
        sa.Column("signature", sa.String, nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
        sqlite_autoincrement=True,
    )
    op.execute("UPDATE schema_version SET version = 3")
