"""Marker strings go in through every field of a booking and are searched for in everything that comes out."""

import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from serving.observation import TextlessExceptions, build_observer, configure_logs

MARKER = "ZQXMARKER"
TEXT_FIELDS = (
    "account_iban", "counterparty_name", "counterparty_iban", "creditor_id", "mandate_id", "end_to_end_id",
    "purpose_code", "bank_transaction_code", "remittance_information", "currency",
)  # fmt: skip


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Everything that any logger of the server says, as the service configures it; the test's own client is quiet."""
    monkeypatch.setattr(logging.getLogger("httpx"), "disabled", True)
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    root.addHandler(handler)
    level = root.level
    root.setLevel(logging.DEBUG)
    configure_logs()
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


def test_no_marker_of_a_booking_comes_out(
    bank: Any, booking: Any, log: io.StringIO, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    bank.record("consented")
    marked = booking(booking_id="b2", **{name: f"{MARKER} {name}" for name in TEXT_FIELDS})
    bad = {**marked, "amount": MARKER, "booking_date": MARKER, "value_date": MARKER, "balance_after": MARKER}

    def fail() -> None:
        raise RuntimeError(f"the detector stumbled over {MARKER}")

    answers = [bank.ask(bookings=[marked]), bank.ask(bookings=[bad]), bank.ask(bookings=[{MARKER: MARKER}])]
    answers += [bank.ask(bookings=[marked], **{MARKER: MARKER}), bank.ask(customer_id=f"{MARKER}\n")]
    answers += [bank.ask(as_of=MARKER), bank.ask(purpose=MARKER), bank.client.get(f"/v1/{MARKER}?q={MARKER}")]
    bank.detector.before_answer = fail
    answers += [bank.ask(bookings=[marked])]
    assert [answer.status_code for answer in answers] == [200, 422, 422, 422, 422, 422, 403, 404, 500]
    for answer in answers:
        assert MARKER not in answer.text + str(answer.headers)
    out, err = capfd.readouterr()
    assert MARKER not in log.getvalue() + out + err
    bank.store.close()
    for path in tmp_path.iterdir():
        assert MARKER.encode() not in path.read_bytes(), path.name


def test_logged_exception_keeps_its_type_and_loses_its_text() -> None:
    stream = io.StringIO()
    logger = logging.Logger("test")
    handler = logging.StreamHandler(stream)
    handler.addFilter(TextlessExceptions())
    logger.addHandler(handler)
    try:
        raise ValueError(MARKER)
    except ValueError as error:
        logger.exception("failed on %s", MARKER)
        logger.error("failed: %s", error)
        logger.error("failed: %s", 7, exc_info=error)
    logger.warning("plain %s", "words")
    lines = stream.getvalue().splitlines()
    assert MARKER not in stream.getvalue()
    assert lines[0].startswith("ValueError at test_privacy.py:")
    assert lines[1:] == ["An error was logged without its text", lines[0], "plain words"]


def test_metrics_are_labelled_with_our_own_addresses_only(bank: Any) -> None:
    registry = CollectorRegistry()
    observe = build_observer(registry)
    bank.client.get(f"/v1/{MARKER}")
    bank.ask(customer_id=MARKER)
    for seen in bank.seen:
        observe(seen)
    text = generate_latest(registry).decode()
    assert MARKER not in text
    assert 'levensloop_requests_total{method="GET",route="(unknown)",status="404"} 1.0' in text
    assert 'levensloop_requests_total{method="POST",route="/v1/events",status="403"} 1.0' in text
