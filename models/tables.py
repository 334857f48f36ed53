"""The tables of the one database. A new table is written here and in a migration of its own (`models/migrations`).

History only grows: in the tables of `HISTORY` no row is ever changed, removed or replaced, and the database itself
refuses to.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from models.canonical import moment_text, parse_moment


class Moment(sa.types.TypeDecorator[datetime]):
    """An aware moment, kept as UTC text of fixed width, so that every database sorts it as time."""

    impl = sa.String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> str | None:
        """To the database: the moment as text."""
        return None if value is None else moment_text(value)

    def process_result_value(self, value: Any | None, dialect: sa.Dialect) -> datetime | None:
        """From the database: an aware moment in UTC."""
        return None if value is None else parse_moment(value)


METADATA = sa.MetaData()

# Read by versions of Levensloop that knew no migrations: what stands here tells them that this store is too new.
schema_version = sa.Table("schema_version", METADATA, sa.Column("version", sa.Integer, primary_key=True))

permission_events = sa.Table(
    "permission_events",
    METADATA,
    # The place in the ledger; it is the permission version that answers carry.
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
    sa.Column("at", Moment, nullable=False),
    sa.Column("evidence", sa.String, nullable=False),
    sa.Column("idempotency_key", sa.String),
    sa.UniqueConstraint("customer_id", "idempotency_key"),
    # Everything that a decision needs stands in the index: one look-up per answer.
    sa.Index(
        "permission_state", "customer_id", "purpose", "version", "action", "notice_version", "notice_sha256", "at"
    ),
    sa.Index("permission_purpose", "purpose", "customer_id", "version", "action", "notice_version"),
    sqlite_autoincrement=True,
)

trail = sa.Table(
    "trail",
    METADATA,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("prev", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)

trail_commitments = sa.Table(
    "trail_commitments",
    METADATA,
    sa.Column("seq", sa.Integer, sa.ForeignKey("trail.seq"), primary_key=True),
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("value", sa.String, nullable=False),
    sa.Column("salt", sa.String, nullable=False),
    sa.Index("commitment_value", "name", "value"),
)

detections = sa.Table(
    "detections",
    METADATA,
    sa.Column("customer_id", sa.String, primary_key=True),
    sa.Column("as_of", sa.Date, primary_key=True),
    sa.Column("event", sa.String, primary_key=True),
    sa.Column("onset_date", sa.Date, primary_key=True),
    sa.Column("detected_on", sa.Date, nullable=False),
    sa.Column("probability", sa.Float, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("offer_class", sa.String, nullable=False),
    sa.Column("evidence", sa.Text, nullable=False),  # booking ids, space separated
    sa.Column("release_id", sa.String, nullable=False),
)

# What became of offers, one row per report: a sent offer that was answered has two.
offers = sa.Table(
    "offers",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("customer_id", sa.String, nullable=False),
    sa.Column("event", sa.String, nullable=False),
    sa.Column("product", sa.String, nullable=False),
    sa.Column("state", sa.String, sa.CheckConstraint("state IN ('sent', 'answered', 'recalled')"), nullable=False),
    sa.Column("answer", sa.String),
    sa.Column("at", Moment, nullable=False),
    sa.Column("purpose", sa.String),
    sa.Column("onset_date", sa.Date),
    sa.Column("permission_version", sa.Integer),  # of the answer that made the offer
    sa.Column("trail_seq", sa.Integer),  # the row of the report in the trail
    sa.Column("refused", sa.String),  # why it should not have been sent, when it was sent all the same
    sa.Index("offers_customer", "customer_id", "at"),
)

corrections = sa.Table(
    "corrections",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("customer_id", sa.String, nullable=False),
    sa.Column("event", sa.String, nullable=False),
    sa.Column("onset_date", sa.Date),
    sa.Column("correction", sa.String, nullable=False),  # what the customer says instead, one of serving's codes
    sa.Column("remark", sa.Text),
    sa.Column("at", Moment, nullable=False),
    sa.Column("evidence", sa.Text),  # booking ids the event rested on, as a JSON list
    sa.Index("corrections_customer", "customer_id", "event"),
)

complaints = sa.Table(
    "complaints",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("customer_id", sa.String, nullable=False),
    sa.Column("subject", sa.String, nullable=False),
    sa.Column("remark", sa.Text),  # the customer's own words; erased when the complaint is closed
    sa.Column("at", Moment, nullable=False),
    sa.Column("call_back_by", Moment, nullable=False),
    sa.Column("called_back_at", Moment),
    sa.Column("closed_at", Moment),
    sa.Column("channel", sa.String),
    sa.Column("language", sa.String),
    sa.Column("outcome", sa.String),  # one of serving's codes, set when it is closed
    sa.Column("handling", sa.Text),  # what was done about it, without anything personal
    sa.Column("closed_by", sa.String),
    sa.Index("complaints_customer", "customer_id", "closed_at"),
)

questions = sa.Table(
    "questions",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("customer_id", sa.String, nullable=False),
    sa.Column("question", sa.String, nullable=False),  # its topic
    sa.Column("wording", sa.Text),  # the sentence as it was asked
    sa.Column("channel", sa.String, nullable=False),
    sa.Column("asked_by", sa.String, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Index("questions_customer", "customer_id", "question"),
)

# Answers of customers, asked for or not. What was answered stays where the bank keeps it; here stands the way there.
answers = sa.Table(
    "answers",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("customer_id", sa.String, nullable=False),
    sa.Column("question", sa.String, nullable=False),
    sa.Column("source", sa.String, nullable=False),
    sa.Column("reference", sa.String, nullable=False),
    sa.Column("valid_until", sa.Date, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Index("answers_customer", "customer_id", "question"),
)

contact_attempts = sa.Table(
    "contact_attempts",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("complaint_id", sa.Integer, sa.ForeignKey("complaints.id"), nullable=False),
    sa.Column("colleague", sa.String, nullable=False),
    sa.Column("result", sa.String, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Index("contact_attempts_complaint", "complaint_id"),
)

# Letters as they were sent: a colleague who calls sees the exact words.
letters = sa.Table(
    "letters",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("customer_id", sa.String, nullable=False),
    sa.Column("letter", sa.String, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("language", sa.String, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("channel", sa.String, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Index("letters_customer", "customer_id", "at"),
)

# What the giving calendar said about a peak of an organisation, so that nobody asks what it explains.
peak_findings = sa.Table(
    "peak_findings",
    METADATA,
    sa.Column("organisation_id", sa.String, primary_key=True),
    sa.Column("direction", sa.String, primary_key=True),
    sa.Column("first_day", sa.Date, primary_key=True),
    sa.Column("last_day", sa.Date, nullable=False),
    sa.Column("verdict", sa.String, nullable=False),
    sa.Column("habits", sa.Text, nullable=False),  # ids, space separated
    sa.Column("at", Moment, nullable=False),
)

outbox = sa.Table(
    "outbox",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("topic", sa.String, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("delivered_at", Moment),
    sa.Index("outbox_waiting", "delivered_at", "id"),
)

idempotency = sa.Table(
    "idempotency",
    METADATA,
    sa.Column("client", sa.String, primary_key=True),
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("request_sha256", sa.String(64), nullable=False),
    sa.Column("status", sa.Integer),  # HTTP status; null while the first request still runs
    sa.Column("answer", sa.Text),
    sa.Column("at", Moment, nullable=False),
)

kill_switches = sa.Table(
    "kill_switches",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("event", sa.String, nullable=False),
    sa.Column("state", sa.String, sa.CheckConstraint("state IN ('on', 'off')"), nullable=False),
    sa.Column("role", sa.String, nullable=False),
    sa.Column("person", sa.String, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("key_id", sa.String(64), nullable=False),
    sa.Column("signature", sa.String, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Index("kill_switches_state", "event", "id", "state"),
    sqlite_autoincrement=True,
)

# One row per promotion and release that serving fell back to, so that many workers record a fallback once.
release_fallbacks = sa.Table(
    "release_fallbacks",
    METADATA,
    sa.Column("release_id", sa.String(64), primary_key=True),
    sa.Column("promoted_at", sa.String(27), primary_key=True),
    sa.Column("fallen_to", sa.String(64), primary_key=True),  # empty: no earlier release could answer either
    sa.Column("trail_seq", sa.Integer, nullable=False),
)

# What the bank says about its customers. Permission looks at it too: nobody under 18 has one.
customers = sa.Table(
    "customers",
    METADATA,
    sa.Column("customer_id", sa.String, primary_key=True),
    sa.Column("is_adult", sa.Boolean, nullable=False),
    sa.Column("language", sa.String, nullable=False),
    sa.Column("products_held", sa.Text, nullable=False),  # product ids, space separated
    sa.Column("open_complaint", sa.Boolean, nullable=False),
    sa.Column("in_arrears", sa.Boolean, nullable=False),
)

# One row per customer and nightly run, also when nothing was found: the last run counts, not the last find.
runs = sa.Table(
    "runs",
    METADATA,
    sa.Column("customer_id", sa.String, primary_key=True),
    sa.Column("as_of", sa.Date, primary_key=True),
    sa.Column("release_id", sa.String, nullable=False),
    sa.Column("model_version", sa.String, nullable=False),
    sa.Column("batch", sa.Integer),  # the batch that judged; empty: another kind of run
)

# One row per batch of `levensloop score`. One without an end was broken off: the same work goes on under its number.
batches = sa.Table(
    "batches",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("bookings_sha256", sa.String(64), nullable=False),  # of its files' names, sizes and times
    sa.Column("release_id", sa.String, nullable=False),
    sa.Column("as_of", sa.Date, nullable=False),
    sa.Column("begun_at", Moment, nullable=False),
    sa.Column("finished_at", Moment),
)

# Detections that the sink of `levensloop follow` must not get again. known: stored before the customer was met, never
# told; telling: the sink has it, or was about to get it; told: it has it.
told_detections = sa.Table(
    "told_detections",
    METADATA,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("customer_id", sa.String, nullable=False),
    sa.Column("purpose", sa.String, nullable=False),
    sa.Column("event", sa.String, nullable=False),
    sa.Column("onset_date", sa.Date, nullable=False),
    sa.Column("evidence", sa.Text, nullable=False),  # booking ids it ever rested on, space separated
    sa.Column("state", sa.String, sa.CheckConstraint("state IN ('known', 'telling', 'told')"), nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Index("told_detections_customer", "customer_id", "purpose"),
)

# Customers whose detections `levensloop follow` compares with what was told; who is not here is met first.
followed_customers = sa.Table(
    "followed_customers",
    METADATA,
    sa.Column("customer_id", sa.String, primary_key=True),
    sa.Column("purpose", sa.String, primary_key=True),
    sa.Column("at", Moment, nullable=False),
)

# Purpose registries that were installed, each signed; the last one is in force (models/registries.py).
purpose_registries = sa.Table(
    "purpose_registries",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("text", sa.Text, nullable=False),  # the TOML as it was signed
    sa.Column("statement", sa.Text, nullable=False),  # what was signed, as canonical JSON
    sa.Column("key_id", sa.String(64), nullable=False),
    sa.Column("signature", sa.String, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sqlite_autoincrement=True,
)

# Permissions that may be deleted, because an erasure in the trail names them; a row stands here before it goes there.
erased_permissions = sa.Table(
    "erased_permissions",
    METADATA,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", Moment, nullable=False),
)

# Who is signed in to the pages. The row of a session that has ended stays a day, so that its link stays used.
page_sessions = sa.Table(
    "page_sessions",
    METADATA,
    sa.Column("id_sha256", sa.String(64), primary_key=True),  # of what the browser holds
    sa.Column("role", sa.String, nullable=False),
    sa.Column("customer_id", sa.String),  # null for everybody who is no customer
    sa.Column("person", sa.String),  # null for customers
    sa.Column("link", sa.String(32), unique=True),  # of the one-time link; null behind a bank's own sign-on
    sa.Column("started_at", Moment, nullable=False),
    sa.Column("ends_at", Moment, nullable=False),
    sa.Column("ended_at", Moment),
    sa.Index("page_sessions_customer", "customer_id"),
)

# Tables in which no row is ever changed, removed or replaced.
HISTORY = (permission_events, trail, kill_switches, purpose_registries, erased_permissions)
# ... but a row of these may go when its version stands among the erased ones.
LEAVING = {permission_events: erased_permissions}
# A commitment may be erased, never changed.
ERASABLE = (trail_commitments,)
