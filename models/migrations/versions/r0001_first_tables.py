"""The first tables: ledger, trail, detections, offers, and what customers told us."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "schema_version",
        sa.Column("version", sa.Integer, primary_key=True),
    )
    op.create_table(
        "permission_events",
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("customer_id", sa.String, nullable=False),
        sa.Column("purpose", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("regime", sa.String),
        sa.Column("notice_version", sa.String, nullable=False),
        sa.Column("notice_sha256", sa.String, nullable=False),
        sa.Column("language", sa.String, nullable=False),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
        sa.Column("evidence", sa.String, nullable=False),
        sa.Column("idempotency_key", sa.String),
        sa.UniqueConstraint("customer_id", "idempotency_key"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "permission_state",
        "permission_events",
        ["customer_id", "purpose", "version", "action", "notice_version", "notice_sha256", "at"],
    )
    op.create_index(
        "permission_purpose", "permission_events", ["purpose", "customer_id", "version", "action", "notice_version"]
    )
    op.create_table(
        "trail",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.String(27), nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("prev", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_table(
        "trail_commitments",
        sa.Column("seq", sa.Integer, sa.ForeignKey("trail.seq"), primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("value", sa.String, nullable=False),
        sa.Column("salt", sa.String, nullable=False),
    )
    op.create_index("commitment_value", "trail_commitments", ["name", "value"])
    op.create_table(
        "detections",
        sa.Column("customer_id", sa.String, primary_key=True),
        sa.Column("as_of", sa.Date, primary_key=True),
        sa.Column("event", sa.String, primary_key=True),
        sa.Column("onset_date", sa.Date, primary_key=True),
        sa.Column("detected_on", sa.Date, nullable=False),
        sa.Column("probability", sa.Float, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("offer_class", sa.String, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("release_id", sa.String, nullable=False),
    )
    op.create_table(
        "offers",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("customer_id", sa.String, nullable=False),
        sa.Column("event", sa.String, nullable=False),
        sa.Column("product", sa.String, nullable=False),
        sa.Column("state", sa.String, sa.CheckConstraint("state IN ('sent', 'answered', 'recalled')"), nullable=False),
        sa.Column("answer", sa.String),
        sa.Column("at", sa.String(27), nullable=False),
    )
    op.create_index("offers_customer", "offers", ["customer_id", "at"])
    op.create_table(
        "corrections",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("customer_id", sa.String, nullable=False),
        sa.Column("event", sa.String, nullable=False),
        sa.Column("onset_date", sa.Date),
        sa.Column("correction", sa.String, nullable=False),
        sa.Column("remark", sa.Text),
        sa.Column("at", sa.String(27), nullable=False),
    )
    op.create_index("corrections_customer", "corrections", ["customer_id", "event"])
    op.create_table(
        "complaints",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("customer_id", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("remark", sa.Text),
        sa.Column("at", sa.String(27), nullable=False),
        sa.Column("call_back_by", sa.String(27), nullable=False),
        sa.Column("called_back_at", sa.String(27)),
        sa.Column("closed_at", sa.String(27)),
    )
    op.create_index("complaints_customer", "complaints", ["customer_id", "closed_at"])
    op.create_table(
        "questions",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("customer_id", sa.String, nullable=False),
        sa.Column("question", sa.String, nullable=False),
        sa.Column("answer", sa.Text),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("asked_by", sa.String, nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
    )
    op.create_index("questions_customer", "questions", ["customer_id", "question"])
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("topic", sa.String, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
        sa.Column("delivered_at", sa.String(27)),
    )
    op.create_index("outbox_waiting", "outbox", ["delivered_at", "id"])
    op.create_table(
        "idempotency",
        sa.Column("client", sa.String, primary_key=True),
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("request_sha256", sa.String(64), nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("answer", sa.Text),
        sa.Column("at", sa.String(27), nullable=False),
    )
    op.bulk_insert(sa.table("schema_version", sa.column("version", sa.Integer)), [{"version": 1}])
