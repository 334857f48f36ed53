"""What holds for every format: kinds of files, packed and repeated files, progress, chunks, reports without content."""

import gzip
import io
import random
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.bookings import COLUMNS, amount_cents, bookings_schema
from models.errors import LevensloopError, UnreadableDataError, UsageError
from models.statements import SeenBookings, read_statements, stream_statement
from models.statements.identity import CompactMap

MT940 = (
    ":20:X\r\n:25:NL69INGB0123456789EUR\r\n:28C:1\r\n:60F:C260101EUR100,00\r\n"
    ":61:2601020102C1,00NTRFNONREF//BANKREF00001\r\n:86:MARKERNAME secret text\r\n"
    ":61:2601030103D2,00NTRFNONREF//BANKREF00002\r\n:86:b\r\n:62F:C260103EUR99,00\r\n-}\r\n"
)


def zipped(**members: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf \r\n", "is empty"),
        (b"%PDF-1.7 x", "PDF document, which is not a supported statement type"),
        (b"\xd0\xcf\x11\xe0 x", "old Office document"),
        (b"OFXHEADER:100\n<OFX></OFX>", "OFX file, which is not a supported statement type"),
        (b'<?xml version="1.0"?><OFX></OFX>', "OFX file"),
        (b'<?xml version="1.0"?>\r\n<?OFX OFXHEADER="200" VERSION="211"?>\r\n<OFX>', "OFX file"),
        (b"!Type:Bank\nD1", "QIF file"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b"<a></a>", "XML without a CAMT message"),
        (b"hello world", "no known bank writes"),
        (",".join(column.name for column in COLUMNS).encode(), "bookings table already"),
        (b"\x00\x01\x02" * 1000, "no known bank writes"),
        (zipped(**{"[Content_Types].xml": "x", "xl/a.xml": "y"}), "spreadsheet"),
        (zipped(), "without members"),
        (zipped(a=MT940)[:80], "cannot be unpacked"),
        (gzip.compress(MT940.encode())[:60], "cannot be unpacked"),
        (gzip.compress(zipped(a=MT940)), "packed file inside a packed file"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # packed bytes hold the time, names of tests must not
)
def test_what_is_no_statement_is_refused_with_its_kind(read_text, content: bytes, reason: str) -> None:
    with pytest.raises(UnreadableDataError, match=reason):
        read_text(content)


def test_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no file"):
        read_statements([tmp_path / "nothing"])


def test_extension_does_not_matter(read_text) -> None:
    assert read_text(MT940, "statement.xml").files[0].format == "mt940"


def test_zip_and_gzip_files_are_opened(read_text) -> None:
    other = MT940.replace("BANKREF", "OTHERREF")
    read = read_text(zipped(**{"a.sta": MT940, "b.sta": other, "__MACOSX/._a": "x"}), "both.zip")
    assert [file.source for file in read.files] == ["both.zip/a.sta", "both.zip/b.sta"]
    assert len(read.frame) == 4
    assert len(read_text(gzip.compress(MT940.encode())).frame) == 2


def test_zip_and_gzip_bombs_are_refused(read_text) -> None:
    bomb = MT940 + ("x" * 60 + "\r\n") * 500_000
    for content in (zipped(a=bomb), gzip.compress(bomb.encode())):
        with pytest.raises(UnreadableDataError, match="unpacks to far more"):
            read_text(content)


def test_same_file_twice_counts_no_booking_twice(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(MT940)
    read = read_statements([tmp_path / "a", tmp_path / "b"])
    assert len(read.frame) == 2
    assert [str(problem) for problem in read.problems] == ["b:5: already read from a", "b:7: already read from a"]
    assert [file.totals[0].holds for file in read.files] == [True, True]


def test_one_reference_at_two_different_bookings_loses_neither(read_text) -> None:
    read = read_text(MT940.replace("BANKREF00002", "BANKREF00001"))
    assert len(read.frame) == 2
    assert read.frame["booking_id"].is_unique


def test_reference_that_only_counts_rows_is_no_identity(read_text) -> None:
    read = read_text(MT940.replace("BANKREF", "000000000"))
    assert all(name.endswith("-1") and len(name) == 34 for name in read.frame["booking_id"])


def test_chunks_give_the_same_as_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("".join(MT940.replace("BANKREF", f"REF{number:06d}X") for number in range(30)) + MT940 * 2)
    whole = read_statements([path])
    chunks = list(stream_statement(path, chunk_rows=7))
    assert max(len(chunk.frame) for chunk in chunks) == 7
    assert [name for chunk in chunks for name in chunk.frame["booking_id"]] == whole.frame["booking_id"].tolist()
    assert [chunk.file for chunk in chunks if chunk.file] == list(whole.files)
    assert [problem for chunk in chunks for problem in chunk.problems] == whole.problems


def test_identical_rows_get_the_same_ids_in_any_chunking(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text(MT940.replace("//BANKREF00001", "").replace("//BANKREF00002", "") * 5)
    sizes = [
        [name for chunk in stream_statement(path, chunk_rows=size) for name in chunk.frame["booking_id"]]
        for size in (1, 3, 99)
    ]
    assert sizes[0] == sizes[1] == sizes[2]
    assert len(set(sizes[0])) == 10


def test_progress_counts_the_bytes_of_the_file(tmp_path: Path) -> None:
    path, seen = tmp_path / "a", list[int]()
    path.write_text(MT940)
    read_statements([path], progress=seen.append)
    assert sum(seen) == path.stat().st_size


def test_reports_and_errors_carry_no_content_of_bookings(read_text) -> None:
    read = read_text(MT940.replace("C1,00", "C0,00"))
    told = f"{read.problems} {read.files}"
    assert "MARKERNAME" not in told
    with pytest.raises(UnreadableDataError) as caught:
        read_text("MARKERNAME;secret;1\n")
    assert "MARKERNAME" not in str(caught.value)


def test_seen_bookings_and_compact_map_agree_with_plain_python() -> None:
    rng, seen, plain = random.Random(3), SeenBookings(), dict[str, str]()
    for number in range(40):
        keys = [f"K{rng.randrange(300)}" for _ in range(rng.randrange(1, 30))]
        expected = []
        for key in keys:
            expected.append(plain.get(key, ""))
            plain.setdefault(key, f"file{number // 10}")
        assert seen.add(keys, source=f"file{number // 10}") == expected
    assert len(seen.ids.keys) == len(plain)
    assert CompactMap().find(seen.ids.keys[:2], default=7).tolist() == [7, 7]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_give_bookings_problems_or_a_refusal(tmp_path: Path, data: st.DataObject) -> None:
    seed = data.draw(st.sampled_from(SEEDS))
    content = bytearray(seed)
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(content)))
        content[at : at + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=12) | st.sampled_from(PIECES))
    path = tmp_path / "damaged"
    path.write_bytes(bytes(content))
    try:
        read = read_statements([path])
    except LevensloopError:
        return
    bookings_schema().validate(read.frame)
    assert (amount_cents(read.frame["amount"]) > 0).all()


PIECES = [b":61:", b":86:", b'"', b";", b"<Ntry>", b"</Amt>", b"\x00", b"9" * 30, b"-}\r\n", b"[[", b"null", b"0,00"]
SEEDS = [
    MT940.encode(),
    b"Date;Name / Description;Account;Counterparty;Code;Debit/credit;Amount (EUR);Transaction type;Notifications\n"
    b"20260912;X;NL69INGB0123456789;;IC;Debit;1100,00;SEPA direct debit;Name: Y Description: z IBAN: NL22ABNA0123456789"
    b"\n",
    b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt><Stmt><Acct><Id><IBAN>NL69</IBAN>'
    b'</Id></Acct><Ntry><Amt Ccy="EUR">1.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><BookgDt><Dt>2026-01-02</Dt></BookgDt>'
    b"<NtryDtls><TxDtls><RmtInf><Ustrd>x</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry></Stmt></BkToCstmrStmt></Document>",
    b'{"transactions": {"booked": [{"bookingDate": "2026-01-02", "debtorName": "x",'
    b' "transactionAmount": {"amount": "1.00", "currency": "EUR"}, "remittanceInformationUnstructured": "z"}]}}',
    b"123456789\tEUR\t20230212\t1,00\t2,00\t20230212\t1,00\tSEPA Overboeking                 Naam: A\n",
]


def test_same_days_in_another_format_are_pointed_out(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(MT940)
    (tmp_path / "b.csv").write_text(
        "Date;Name / Description;Account;Counterparty;Code;Debit/credit;Amount (EUR);Transaction type;Notifications\n"
        "20260102;X;NL69INGB0123456789;;GT;Credit;1,00;Online Banking;Name: Y Description: z\n"
    )
    read = read_statements([tmp_path / "a", tmp_path / "b.csv"])
    assert read.files[0].notes == ()
    assert read.files[1].notes == ("covers days that a covers in another format; bookings in both count twice",)


def test_a_picture_in_a_zip_file_keeps_no_statement_behind_it_from_being_read(tmp_path: Path) -> None:
    packed = tmp_path / "all.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.pdf", b"%PDF-1.4 x")
        archive.writestr("b.940", MT940)
    chunks = stream_statement(packed)
    first = next(chunks)
    assert (first.file.source if first.file else "", len(first.frame)) == ("all.zip/b.940", 2)
    with pytest.raises(UnreadableDataError, match=r"a\.pdf is a PDF document"):
        next(chunks)
