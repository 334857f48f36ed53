"""Asking as an offer engine: files in, answers and errors out."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from models.bookings import bookings_from_records, write_bookings
from models.errors import PermissionRefusedError, StoreUnavailableError, UnreadableDataError, UsageError
from serving.client import Client, ask_about_files, to_records

KEY = "levensloop.tester.only-for-tests"


def transport(bank: Any) -> httpx.BaseTransport:
    """The test bank as something httpx can send to."""

    def answer(request: httpx.Request) -> httpx.Response:
        response = bank.client.request(
            request.method, request.url.path, content=request.content, headers=dict(request.headers)
        )
        return httpx.Response(response.status_code, headers=response.headers, content=response.content)

    return httpx.MockTransport(answer)


@pytest.fixture
def table(tmp_path: Path, booking: Any) -> Path:
    rows = [booking(customer_id="c-1"), booking(customer_id="c-2", booking_id="b9"), booking(booking_id="b3")]
    path = tmp_path / "bookings.csv"
    write_bookings(bookings_from_records(rows, source="test").frame, path)
    return path


def test_bookings_of_a_table_are_asked_about_and_others_stay_home(bank: Any, table: Path) -> None:
    bank.record("consented")
    answer = ask_about_files("http://test", [table], key=KEY, customer_id="c-1", transport=transport(bank))
    assert answer["customer_id"] == "c-1"
    asked = bank.detector.calls[0][0]
    assert list(asked["booking_id"]) == ["b1", "b3"]
    assert set(asked["customer_id"]) == {"c-1"}


def test_rows_left_out_are_reported(bank: Any, table: Path) -> None:
    bank.record("consented")
    table.write_text(table.read_text().replace("279.49", "0.00", 1))
    lines: list[str] = []
    ask_about_files("http://test", [table], key=KEY, customer_id="c-1", report=lines.append, transport=transport(bank))
    assert lines == ["bookings.csv:2: amount is zero", "1 bookings of other customers were left out."]


def test_nothing_is_reported_when_all_bookings_are_the_customers(bank: Any, tmp_path: Path, booking: Any) -> None:
    bank.record("consented")
    path = tmp_path / "bookings.csv"
    write_bookings(bookings_from_records([booking(customer_id="c-1")], source="test").frame, path)
    lines: list[str] = []
    ask_about_files("http://test", [path], key=KEY, customer_id="c-1", report=lines.append, transport=transport(bank))
    assert lines == []


def test_files_that_are_not_there_or_are_about_others_are_refused(tmp_path: Path, booking: Any) -> None:
    with pytest.raises(UsageError, match="no file"):
        ask_about_files("http://test", [tmp_path / "none.csv"], key=KEY, customer_id="c-1")
    others = tmp_path / "others.csv"
    write_bookings(bookings_from_records([booking(customer_id="c-2")], source="test").frame, others)
    with pytest.raises(UnreadableDataError, match="no booking of this customer"):
        ask_about_files("http://test", [others], key=KEY, customer_id="c-1")


def test_refusals_come_back_as_our_errors(bank: Any, booking: Any) -> None:
    frame = bookings_from_records([booking()], source="test").frame
    with Client("http://test", key=KEY, transport=transport(bank)) as client:
        with pytest.raises(PermissionRefusedError):
            client.ask_events("c-1", "own_product_offers", bookings=frame)
        assert client.append_permission("c-1", "own_product_offers", "consented")["version"] == 1
        assert client.read_permission("c-1", "own_product_offers")["allowed"] is True
        assert client.ask_events("c-1", "own_product_offers", bookings=frame)["events"] == []
        with pytest.raises(UsageError, match="not known here"):
            client.ask_events("c-1", "own_product_offers")
        bank.store.close()
        with pytest.raises(UnreadableDataError, match="not what this address takes"):
            client.ask_events("c" * 65, "own_product_offers")


def test_service_that_is_not_there_is_said_in_one_sentence() -> None:
    with (
        Client("http://127.0.0.1:9", key=KEY) as client,
        pytest.raises(StoreUnavailableError, match="levensloop serve"),
    ):
        client.read_permission("c-1", "own_product_offers")


def test_records_are_the_contracts_texts(booking: Any) -> None:
    frame = bookings_from_records([booking(balance_after="-10.00")], source="test").frame
    assert to_records(frame) == [booking(balance_after="-10.00")]
