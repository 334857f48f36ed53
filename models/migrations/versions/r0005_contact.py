"""What contact colleagues keep: answers, attempts to call back, letters as sent, and what explained a peak."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the tables and columns."""
    for name in ("channel", "language", "outcome", "closed_by"):
        op.add_column("complaints", sa.Column(name, sa.String))
    op.add_column("complaints", sa.Column("handling", sa.Text))
    op.add_column("questions", sa.Column("wording", sa.Text))
    op.drop_column("questions", "answer")  # never written; answers have a table of their own
    _make_answers_and_attempts()
    _make_letters_and_findings()


def _make_answers_and_attempts() -> None:
    op.create_table(
        "answers",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("customer_id", sa.String, nullable=False),
        sa.Column("question", sa.String, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("reference", sa.String, nullable=False),
        sa.Column("valid_until", sa.Date, nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
    )
    op.create_index("answers_customer", "answers", ["customer_id", "question"])
    op.create_table(
        "contact_attempts",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("complaint_id", sa.Integer, sa.ForeignKey("complaints.id"), nullable=False),
        sa.Column("colleague", sa.String, nullable=False),
        sa.Column("result", sa.String, nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
    )
    op.create_index("contact_attempts_complaint", "contact_attempts", ["complaint_id"])


def _make_letters_and_findings() -> None:
    op.create_table(
        "letters",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("customer_id", sa.String, nullable=False),
        sa.Column("letter", sa.String, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("language", sa.String, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
    )
    op.create_index("letters_customer", "letters", ["customer_id", "at"])
    op.create_table(
        "peak_findings",
        sa.Column("organisation_id", sa.String, primary_key=True),
        sa.Column("direction", sa.String, primary_key=True),
        sa.Column("first_day", sa.Date, primary_key=True),
        sa.Column("last_day", sa.Date, nullable=False),
        sa.Column("verdict", sa.String, nullable=False),
        sa.Column("habits", sa.Text, nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
    )
