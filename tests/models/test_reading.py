"""`levensloop read` and its exit codes, run as the command line runs it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from models import command_line, reading
from models.bookings import load_bookings
from models.command_line import build_app
from models.errors import PartlyReadError, UnreadableDataError, UsageError
from models.progress import track_steps, track_total
from models.reading import read_files
from models.statements import StatementChunk

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


def test_a_good_table_stays_when_no_file_can_be_read(tmp_path: Path) -> None:
    out = tmp_path / "b.csv"
    read_files([statement(tmp_path, GOOD)], out=out, customer="a", customers=None)
    before = out.read_bytes()
    (tmp_path / "note.txt").write_text("dear diary")
    with pytest.raises(UnreadableDataError, match="note"):
        read_files([tmp_path / "note.txt"], out=out, customer="a", customers=None)
    assert out.read_bytes() == before


def test_the_same_file_twice_counts_no_booking_twice(tmp_path: Path) -> None:
    files = [statement(tmp_path, GOOD), statement(tmp_path, GOOD, name="again.csv")]
    with pytest.raises(PartlyReadError):
        read_files(files, out=tmp_path / "b.csv", customer="a", customers=None)
    assert len(load_bookings(tmp_path / "b.csv").frame) == 1


def read_with_owners(folder: Path, owners: str) -> Path:
    (folder / "accounts.csv").write_text(owners, "utf-8")
    out = folder / "b.csv"
    read_files([statement(folder, GOOD)], out=out, customer="", customers=folder / "accounts.csv")
    return out


def test_an_account_without_owner_is_said_without_its_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = read_with_owners(tmp_path, "account_iban,customer_id\nNL91ABNA0417164300,bert\n")
    said = [line for line in capsys.readouterr().err.splitlines() if "have no customer" in line]
    assert said == ["The account that ends in 4567 is not in accounts.csv: its 1 bookings have no customer."]
    assert load_bookings(out).frame["customer_id"].tolist() == [""]


@pytest.mark.parametrize(
    "owners",
    [
        "iban;cust\nNL20INGB0001234567;bert\n",
        "account_iban;customer_id\nNL20INGB0001234567;bert\n",
        "account_iban,klant\nNL20INGB0001234567,bert\n",
        "NL20INGB0001234567,bert\n",
        "",
    ],
)
def test_a_table_without_the_header_of_owners_is_refused(tmp_path: Path, owners: str) -> None:
    with pytest.raises(UnreadableDataError, match=r"no column .*customer_id\. Give a comma-separated"):
        read_with_owners(tmp_path, owners)
    assert not (tmp_path / "b.csv").exists()


def test_an_owner_that_is_missing_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDataError, match=r"accounts\.csv:3: give"):
        read_with_owners(tmp_path, "account_iban,customer_id\nNL20INGB0001234567,bert\nNL91ABNA0417164300\n")


def test_a_booking_of_a_joint_account_appears_once_per_holder(tmp_path: Path) -> None:
    rows = "NL20INGB0001234567,bert\nNL20INGB0001234567,anna\nNL20INGB0001234567,bert\nNL91ABNA0417164300,carl\n"
    frame = load_bookings(read_with_owners(tmp_path, f"account_iban,customer_id\n{rows}")).frame
    assert frame["customer_id"].tolist() == ["bert", "anna"]
    assert frame["booking_id"].nunique() == 1
    assert frame["counterparty_name"].tolist() == ["SVB", "SVB"]


def test_a_place_that_cannot_be_written_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    with pytest.raises(UsageError, match="cannot be written"):
        read_files([statement(tmp_path, GOOD)], out=tmp_path / "taken" / "b.csv", customer="a", customers=None)


def test_a_file_that_is_not_there_is_no_fault_of_the_output(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no file"):
        read_files([tmp_path / "gone.csv"], out=tmp_path / "b.csv", customer="a", customers=None)


def test_a_file_that_may_not_be_opened_does_not_hide_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, source, stream = tmp_path / "closed.csv", statement(tmp_path, GOOD), reading.stream_statement
    closed.write_text("")

    def refuse(path: Path, **options: Any) -> Iterator[StatementChunk]:
        if path == closed:
            raise PermissionError
        yield from stream(path, **options)

    monkeypatch.setattr(reading, "stream_statement", refuse)
    with pytest.raises(UnreadableDataError, match=r"closed\.csv cannot be opened"):
        read_files([closed, source], out=tmp_path / "b.csv", customer="a", customers=None)
    assert len(load_bookings(tmp_path / "b.csv").frame) == 1


def test_ctrl_c_ends_in_one_sentence_with_130_and_no_half_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(reading, "stream_statement", interrupt)
    source = statement(tmp_path, GOOD)
    monkeypatch.setattr(sys, "argv", ["levensloop", "read", str(source), "--out", str(tmp_path / "b.csv")])
    with pytest.raises(SystemExit) as stop:
        command_line.main()
    assert stop.value.code == 130
    assert capsys.readouterr().err.strip().startswith("levensloop: Interrupted before the end.")
    assert list(tmp_path.iterdir()) == [source]


def test_a_pipe_gets_no_bar_but_a_line_per_step(capsys: pytest.CaptureFixture[str]) -> None:
    with track_total("Counting", total=2) as advance:
        advance(2)
    assert capsys.readouterr().err == ""
    with track_steps("Training", steps=2) as step:
        step("reading")
        step("fitting")
    assert capsys.readouterr().err == "Training: reading\nTraining: fitting\n"


def test_every_verb_of_the_contract_is_there() -> None:
    shown = CliRunner().invoke(build_app(), ["--help"]).output
    for verb in ("read", "simulate", "train", "classify", "detect", "sign", "promote", "rollback", "serve", "demo"):
        assert verb in shown


def test_a_day_that_is_none_is_a_usage_error() -> None:
    from models.commands import parse_day

    with pytest.raises(UsageError, match="YYYY-MM-DD"):
        parse_day("31-10-2026")
