"""Bookings that come in a stream: the same detections as from one run, each told once, whatever is killed on the way."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from models.bookings import bookings_from_records, write_bookings
from models.home import Home
from models.permission import PermissionEvent, append_permission
from models.purposes import default_purposes
from models.store import detections, open_store
from serving.batch import score_file
from serving.detection_files import DetectionFile
from serving.follow import follow_file
from serving.settings import Settings, read_settings

AS_OF = date(2026, 11, 1)
ALLOWING = ("c-00", "c-01", "c-02", "c-03")
EVERYBODY = (*ALLOWING, "c-no")
PURPOSE = "own_product_offers"
BAKER, BENEFIT, TICKET = (
    ("BAKKER BART", "", "DBIT"), ("SVB", "KINDERBIJSLAG 3E KWARTAAL", "CRDT"), ("KLM", "TICKET AMS", "DBIT"),
)  # fmt: skip


def row(customer_id: str, booking_id: str, day: str, texts: tuple[str, str, str], **changes: str) -> dict[str, str]:
    name, text, sign = texts
    return {
        "customer_id": customer_id, "booking_id": booking_id, "booking_date": day, "amount": "20.00",
        "credit_debit_indicator": sign, "counterparty_name": name, "remittance_information": text, **changes,
    }  # fmt: skip


HISTORY = [row(name, f"x{at}", f"2026-{at % 8 + 1:02d}-10", BAKER) for name in EVERYBODY for at in range(24)]
OLD_TRIP = row("c-03", "t0", "2026-08-20", TICKET)


@dataclass(frozen=True)
class Bank:
    """A home with a champion and a state of what was booked until September."""

    settings: Settings
    folder: Path

    def record(self, action: str, *customers: str, purpose: str = PURPOSE) -> None:
        registered = default_purposes().purpose(purpose)
        store = open_store(self.settings.home.database_url)
        for customer_id in customers:
            event = PermissionEvent(
                customer_id=customer_id, purpose=purpose, action=action,  # type: ignore[arg-type] # tests name it as text
                notice_version=registered.notice_version, notice_sha256=registered.notice_sha256, language="nl",
                channel="page", actor="customer", at=datetime.now(UTC) - timedelta(minutes=1),
            )  # fmt: skip
            with store.write() as connection:
                append_permission(connection, event, default_purposes())
        store.close()

    def rows(self, table: sa.Table, *names: str) -> list[Any]:
        store = open_store(self.settings.home.database_url)
        columns = [table.c[name] for name in names]
        with store.read() as connection:
            found = [tuple(one) for one in connection.execute(sa.select(*columns).order_by(*columns))]
        store.close()
        return found

    def score(self, rows: Sequence[dict[str, str]], **options: Any) -> None:
        table = self.folder / "score.parquet"
        write_bookings(bookings_from_records(rows, source="test").frame, table)
        score_file(table, self.settings, as_of=options.pop("as_of", AS_OF), **options)

    @property
    def bookings(self) -> Path:
        return self.folder / "bookings.ndjson"

    def append(self, *rows: dict[str, Any]) -> None:
        with self.bookings.open("a", encoding="utf-8") as file:
            file.write("".join(f"{json.dumps(one)}\n" for one in rows))

    def follow(self, **options: Any) -> list[str]:
        """To the end of the file; what was reported."""
        said: list[str] = []
        given = {"purpose": PURPOSE, "once": True, "seconds": 0.0, "as_of": AS_OF, "report": said.append, **options}
        follow_file(self.bookings, DetectionFile(self.folder / "told.ndjson"), self.settings, **given)
        return said

    @property
    def told(self) -> list[dict[str, Any]]:
        lines = (self.folder / "told.ndjson").read_text("utf-8").splitlines()
        return [json.loads(line) for line in lines]

    @property
    def events(self) -> list[tuple[str, str]]:
        return sorted((one["customer_id"], one["event"]) for one in self.told)

    @property
    def nights(self) -> list[Any]:
        """Every stored detection of the day."""
        names = [column.name for column in detections.columns]
        return [one for one in self.rows(detections, *names) if AS_OF in one]


@pytest.fixture(scope="module")
def home(
    make_board: Callable[..., Any], make_served: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Home:
    board = make_board(tmp_path_factory.mktemp("home"), demo=True)
    board.promote(board.sign(make_served(board, fairness={"findings": []})).id, allow_demo=True)
    return board.home


def settle(home: Home, folder: Path, url: str) -> Bank:
    """A bank that kept its state on the last day of August; c-03 had booked a trip already, c-no allows nothing."""
    shutil.copytree(home.path, folder / "home", ignore=shutil.ignore_patterns("batch", "*.db*"))
    given = {
        "LEVENSLOOP_HOME": str(folder / "home"), "LEVENSLOOP_DEMO": "1", "LEVENSLOOP_DATABASE_URL": url,
    }  # fmt: skip
    bank = Bank(read_settings(given), folder)
    bank.record("consented", *ALLOWING)
    bank.score([*HISTORY, OLD_TRIP], state="keep", as_of=date(2026, 8, 31))
    bank.append()
    return bank


@pytest.fixture
def bank(home: Home, tmp_path: Path, database_url: str) -> Bank:
    """On both databases."""
    return settle(home, tmp_path, database_url)


@pytest.fixture
def small(home: Home, tmp_path: Path) -> Bank:
    """On SQLite alone, where the database makes no difference."""
    return settle(home, tmp_path, f"sqlite:///{tmp_path / 'follow.db'}")


def test_new_detections_are_told_once_and_history_is_not(bank: Bank) -> None:
    bank.append(row("c-00", "b1", "2026-10-01", BENEFIT), row("c-no", "b1", "2026-10-01", BENEFIT))
    bank.follow()
    (told,) = bank.told
    assert (told["customer_id"], told["event"], told["onset_date"]) == ("c-00", "child_birth", "2026-10-01")
    assert (told["purpose"], told["evidence"], len(told["id"])) == (PURPOSE, ["b1"], 32)
    assert told["trail"]["seq"] > 0
    bank.append(row("c-00", "b1", "2026-10-01", BENEFIT), row("c-01", "k1", "2026-10-02", TICKET))
    bank.follow()
    assert bank.events == [("c-00", "child_birth"), ("c-01", "travel_booked")]
    assert bank.follow() == []  # nothing new, nothing done
    bank.follow(from_start=True)
    assert bank.events == [("c-00", "child_birth"), ("c-01", "travel_booked")]
