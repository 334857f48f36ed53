"""The customers table: read from a file, written, and read back with complaints."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from models.errors import UnreadableDataError
from models.store import complaints
from serving.care import CustomerFacts
from serving.records import StoredRecords, load_customers, write_customers

HEADER = "customer_id,is_adult,language,products_held,open_complaint,in_arrears\n"
NOON = datetime(2026, 11, 22, 11, tzinfo=UTC)


def find(bank: Any, customer_id: str) -> CustomerFacts | None:
    with bank.store.read() as connection:
        return StoredRecords().find_customer(connection, customer_id)


def test_customers_file_is_read_written_and_found(bank: Any, tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    path.write_text(
        HEADER + "c-1,True,nl,child_account;savings_account,False,False\nc-2,false,en,,1,0\nc-1,true,nl,,false,true\n"
    )
    assert write_customers(bank.store, load_customers(path)) == 2
    assert find(bank, "c-1") == CustomerFacts("c-1", in_arrears=True)
    assert find(bank, "c-2") == CustomerFacts("c-2", is_adult=False, language="en", open_complaint=True)
    write_customers(bank.store, [CustomerFacts("c-1", products_held=frozenset({"a", "b"}))])
    assert find(bank, "c-1") == CustomerFacts("c-1", products_held=frozenset({"a", "b"}))
    assert find(bank, "c-3") is None


def test_complaint_is_open_until_it_is_closed(bank: Any) -> None:
    with bank.store.write() as connection:
        for customer_id, closed in (("c-1", None), ("c-2", NOON)):
            connection.execute(
                complaints.insert().values(
                    customer_id=customer_id, subject="offer", at=NOON, call_back_by=NOON, closed_at=closed
                )
            )
    assert find(bank, "c-1") == CustomerFacts("c-1", open_complaint=True)
    assert find(bank, "c-2") is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("customer_id,is_adult\nc-1,true\n", "no column language, products_held"),
        (HEADER + "c-1,perhaps,nl,,false,false\n", "is_adult"),
        (HEADER + ",true,nl,,false,false\n", "no customer_id"),
    ],
)
def test_file_that_is_no_customers_table_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "customers.csv"
    path.write_text(text)
    with pytest.raises(UnreadableDataError, match=reason):
        load_customers(path)


def test_customers_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDataError, match="cannot be read"):
        load_customers(tmp_path / "none.csv")
