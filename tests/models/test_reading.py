"""`levensloop read` and its exit codes, run as the command line runs it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.bookings import load_bookings
from models.command_line import build_app
from models.errors import PartlyReadError, UnreadableDataError, UsageError
from models.reading import read_files

HEADER = (
    '"Datum","Naam / Omschrijving","Rekening","Tegenrekening","Code","Af Bij","Bedrag (EUR)","Mutatiesoort",'
    '"Mededelingen"'
)
GOOD = '"20260701","SVB","NL20INGB0001234567","NL86INGB0002445588","VZ","Bij","295,07","Verzamelbetaling","Naam: SVB Omschrijving: KINDERBIJSLAG 2E KWARTAAL 2026 IBAN: NL86INGB0002445588"'  # noqa: E501 - a row of a real export is this long
ZERO = GOOD.replace("295,07", "0,00")


def statement(folder: Path, *rows: str, name: str = "ing.csv") -> Path:
    path = folder / name
    path.write_text("\n".join((HEADER, *rows, "")), "utf-8")
    return path


def test_a_statement_becomes_a_bookings_table_of_the_customer(tmp_path: Path) -> None:
    read_files([statement(tmp_path, GOOD)], out=tmp_path / "b.csv", customer="anna", customers=None)
    row = load_bookings(tmp_path / "b.csv").frame.iloc[0]
    assert (row["customer_id"], row["counterparty_name"], str(row["amount"])) == ("anna", "SVB", "295.07")
    assert row["remittance_information"] == "KINDERBIJSLAG 2E KWARTAAL 2026"


def test_accounts_say_whose_bookings_they_are(tmp_path: Path) -> None:
    (tmp_path / "accounts.csv").write_text("account_iban,customer_id\nNL20INGB0001234567,bert\n")
    out = tmp_path / "b.parquet"
    read_files([statement(tmp_path, GOOD)], out=out, customer="", customers=tmp_path / "accounts.csv")
    assert load_bookings(out).frame["customer_id"].tolist() == ["bert"]


def test_rows_left_out_are_said_and_the_rest_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PartlyReadError, match="1 rows were left out"):
        read_files([statement(tmp_path, ZERO, GOOD)], out=tmp_path / "b.csv", customer="a", customers=None)
    assert "ing.csv:2" in capsys.readouterr().err
    assert len(load_bookings(tmp_path / "b.csv").frame) == 1


def test_a_file_that_cannot_be_read_does_not_hide_the_others(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("dear diary")
    files = [tmp_path / "note.txt", statement(tmp_path, GOOD)]
    with pytest.raises(UnreadableDataError, match="note"):
        read_files(files, out=tmp_path / "b.csv", customer="a", customers=None)
    assert len(load_bookings(tmp_path / "b.csv").frame) == 1


def test_the_same_file_twice_counts_no_booking_twice(tmp_path: Path) -> None:
    files = [statement(tmp_path, GOOD), statement(tmp_path, GOOD, name="again.csv")]
    with pytest.raises(PartlyReadError):
        read_files(files, out=tmp_path / "b.csv", customer="a", customers=None)
    assert len(load_bookings(tmp_path / "b.csv").frame) == 1


def test_every_verb_of_the_contract_is_there() -> None:
    shown = CliRunner().invoke(build_app(), ["--help"]).output
    for verb in ("read", "simulate", "train", "classify", "detect", "sign", "promote", "rollback", "serve", "demo"):
        assert verb in shown


def test_a_day_that_is_none_is_a_usage_error() -> None:
    from models.commands import parse_day

    with pytest.raises(UsageError, match="YYYY-MM-DD"):
        parse_day("31-10-2026")
