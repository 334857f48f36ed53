"""`classify` and `detect` as files in, files out: what is said, what is written, and how they end."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from models import answering
from models.answering import classify_file, detect_file
from models.bookings import load_bookings, write_bookings
from models.errors import LevensloopError, PartlyReadError, UnreadableDataError, UsageError
from models.events import DETECTION_COLUMNS
from models.screening import default_screening

HEADER = "customer_id,booking_id,booking_date,amount,credit_debit_indicator,counterparty_name,remittance_information\n"
GOOD = "anna,a1,2026-07-01,295.07,CRDT,SVB,KINDERBIJSLAG\n"
BAD = "anna,a2,2026-07-41,1.00,DBIT,Bakker,brood\n"
Answer = Callable[[Path, Path], None]


class KnowsNothing:
    """Stands in for a trained classifier: every booking is none of the life events."""

    def classify(self, bookings: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"label": "none", "probability": 0.9, "abstained": False}, index=bookings.index)


def none() -> pd.DataFrame:
    return pd.DataFrame({name: [] for name in DETECTION_COLUMNS})


def classify(bookings: Path, out: Path) -> None:
    classify_file(bookings, out=out, release_id=None)


def detect(bookings: Path, out: Path) -> None:
    detect_file(bookings, out=out, as_of=date(2026, 8, 1), release_id=None)


@pytest.fixture(autouse=True)
def release(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = SimpleNamespace(screening=default_screening(), classifier=KnowsNothing(), warning="")
    monkeypatch.setattr(answering, "load_release", lambda *_, **__: opened)
    monkeypatch.setattr(answering, "detect_events", lambda *_, **__: none())


@pytest.fixture
def bookings(tmp_path: Path) -> Path:
    path = tmp_path / "bookings.csv"
    path.write_text(HEADER + GOOD, "utf-8")
    return path


both = pytest.mark.parametrize("answer", [classify, detect])


@both
@pytest.mark.parametrize("name", ["q.csv", "q.parquet"])
def test_the_folder_of_the_answer_is_made_and_holds_the_answer_alone(
    answer: Answer, name: str, bookings: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "folder" / name
    answer(bookings, out)
    assert list(out.parent.iterdir()) == [out]


def test_every_booking_gets_its_row(bookings: Path, tmp_path: Path) -> None:
    classify(bookings, tmp_path / "q.csv")
    assert (tmp_path / "q.csv").read_text() == "booking_id,label,probability,abstained\na1,none,0.9,False\n"


@both
def test_a_bad_row_means_read_in_part_and_the_answer_is_there(
    answer: Answer, bookings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bookings.write_text(HEADER + GOOD + BAD, "utf-8")
    with pytest.raises(PartlyReadError, match=r"1 rows of bookings\.csv were left out.*q\.csv"):
        answer(bookings, tmp_path / "q.csv")
    assert (tmp_path / "q.csv").exists()
    assert "bookings.csv:3" in capsys.readouterr().err


@both
@pytest.mark.parametrize("name", ["q.csv", "q.parquet"])
def test_a_place_that_cannot_be_written_is_a_usage_error(
    answer: Answer, name: str, bookings: Path, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    with pytest.raises(UsageError, match="cannot be written"):
        answer(bookings, tmp_path / "taken" / name)
    (tmp_path / name).mkdir()
    with pytest.raises(UsageError, match="cannot be written"):
        answer(bookings, tmp_path / name)


@both
@pytest.mark.parametrize("name", ["q.csv", "q.parquet"])
def test_ctrl_c_leaves_the_answer_of_before_and_no_half_one(
    answer: Answer, name: str, bookings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    out = tmp_path / name
    out.write_text("of before")
    monkeypatch.setattr(answering, "classify_bookings", interrupt)
    monkeypatch.setattr(answering, "detect_events", interrupt)
    with pytest.raises(KeyboardInterrupt):
        answer(bookings, out)
    assert out.read_text() == "of before"
    assert set(tmp_path.iterdir()) == {bookings, out}


@both
def test_an_unreadable_part_of_a_folder_leaves_no_answer(answer: Answer, bookings: Path, tmp_path: Path) -> None:
    write_bookings(load_bookings(bookings).frame, tmp_path / "bank" / "1.parquet")
    (tmp_path / "bank" / "2.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(UnreadableDataError, match=r"^bank/2\.parquet cannot be read as Parquet"):
        answer(tmp_path / "bank", tmp_path / "q.csv")
    assert not (tmp_path / "q.csv").exists()


def test_bookings_in_any_order_reach_detection_as_whole_customers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr(answering, "detect_events", lambda frame, **_: seen.append([*frame["customer_id"]]) or none())
    path = tmp_path / "bookings.csv"
    path.write_text(HEADER + "".join(GOOD.replace("anna", who).replace("a1", f"{n}") for n, who in enumerate("babca")))
    detect(path, tmp_path / "q.csv")
    assert [customer for part in seen for customer in part] == ["a", "a", "b", "b", "c"]


def test_read_in_part_has_its_own_exit_code() -> None:
    codes = {error: error.exit_code for error in (LevensloopError, UsageError, PartlyReadError)}
    assert codes == {LevensloopError: 1, UsageError: 2, PartlyReadError: 11}
