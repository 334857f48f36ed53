"""Prepared statements give what SQLAlchemy gives, on both databases, and fail as it fails."""

import traceback
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from models.errors import StoreUnavailableError
from models.prepared import Prepared
from models.store import Moment, Store, customers, detections, open_store, permission_events

NOW = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)
CUSTOMER = {
    "customer_id": "c1", "is_adult": False, "language": "nl", "products_held": "", "open_complaint": True,
    "in_arrears": False,
}  # fmt: skip
DETECTION = {
    "customer_id": "c1", "as_of": date(2026, 10, 31), "event": "child_birth", "onset_date": date(2026, 10, 1),
    "detected_on": date(2026, 10, 3), "probability": 0.875, "status": "open", "evidence": "b1 b2",
    "offer_class": "S", "release_id": "r" * 64,
}  # fmt: skip
CONSENT = {
    "customer_id": "c1", "purpose": "offers", "action": "consented", "notice_version": "1", "notice_sha256": "a" * 64,
    "language": "nl", "channel": "app", "actor": "customer", "at": NOW, "evidence": "",
}  # fmt: skip


@pytest.mark.parametrize(
    ("table", "row"), [(customers, CUSTOMER), (detections, DETECTION), (permission_events, CONSENT)]
)
def test_rows_are_those_of_sqlalchemy(any_store: Store, table: sa.Table, row: dict[str, object]) -> None:
    statement = sa.select(table).where(table.c.customer_id == sa.bindparam("customer_id")).limit(5)
    with any_store.write() as connection:
        connection.execute(table.insert(), row)
    with any_store.read() as connection:
        theirs = connection.execute(statement, {"customer_id": "c1"}).all()
        ours = Prepared(statement).rows(connection, {"customer_id": "c1"})
    assert [tuple(one) for one in ours] == [tuple(one) for one in theirs] != []
    assert [type(value) for value in ours[0]] == [type(value) for value in theirs[0]]
    assert all(getattr(ours[0], name) == value for name, value in row.items())


def test_a_row_is_added_in_the_transaction_it_was_run_in(any_store: Store) -> None:
    add, find = Prepared(customers.insert()), Prepared(sa.select(customers.c.customer_id))
    with any_store.write() as connection:
        add.run(connection, CUSTOMER)
        assert find.rows(connection) == [("c1",)]
        connection.rollback()
    with any_store.read() as connection:
        assert find.first(connection) is None


def test_what_the_driver_refuses_is_an_error_of_the_store_without_values(any_store: Store) -> None:
    add = Prepared(customers.insert())
    with any_store.write() as connection:
        add.run(connection, CUSTOMER)
    with pytest.raises(StoreUnavailableError) as caught, any_store.write() as connection:
        add.run(connection, CUSTOMER)
    assert "c1" not in str(caught.value)


def test_a_reading_transaction_cannot_write(any_store: Store) -> None:
    with pytest.raises(StoreUnavailableError), any_store.read() as connection:
        Prepared(customers.insert()).run(connection, CUSTOMER)


def test_a_stored_value_that_cannot_be_read_is_an_error_of_the_store(any_store: Store) -> None:
    with any_store.write() as connection:
        connection.execute(permission_events.insert(), CONSENT)
        broken = sa.select(sa.literal("yesterday, for c1").cast(sa.String).label("at"))
        find = Prepared(sa.select(sa.type_coerce(broken.scalar_subquery(), Moment).label("at")))
    with pytest.raises(StoreUnavailableError) as caught, any_store.read() as connection:
        find.rows(connection)
    assert "c1" not in str(caught.value)


def test_a_text_that_cannot_be_read_neither_shows_nor_keeps_the_reader_in_the_past(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'levensloop.db'}")
    rows, name = sa.select(customers.c.language), sa.bindparam("customer_id")
    find = Prepared(rows.where(customers.c.customer_id == name))
    with store.write() as connection:
        connection.execute(customers.insert(), [CUSTOMER, {**CUSTOMER, "customer_id": "c2"}])
        connection.execute(
            sa.text("UPDATE customers SET language = CAST(X'4A616EFF' AS TEXT) WHERE customer_id = 'c2'")
        )
    with pytest.raises(StoreUnavailableError) as caught, store.read() as connection:
        find.rows(connection, {"customer_id": "c2"})
    with store.write() as connection:
        connection.execute(sa.text("UPDATE customers SET language = 'en' WHERE customer_id = 'c1'"))
    with store.read() as connection:  # while the error, and all that it holds, is still there
        assert find.rows(connection, {"customer_id": "c1"}) == [("en",)]
    store.close()
    assert "Jan" not in "".join(traceback.format_exception(caught.value))
