"""Read large statement files and print the peak memory, which must not grow with the file.

`make bench` takes 20 megabytes; for hundreds: `python tests/benchmarks/bench_large_statements.py 500` (then optionally
`ing`, `camt` or `mt940`).
Every size runs in its own process; a small file of the same format is read first for comparison.
"""

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

from models.statements import stream_statement

FIRST_DAY = date(2010, 1, 1)


def _day(number: int) -> date:
    return FIRST_DAY + timedelta(days=number // 700)


def _ing_row(number: int) -> str:
    return (
        f'"{_day(number):%Y%m%d}","Winkel {number}","NL69INGB0123456789","NL91ABNA0417164300","IC","Af",'
        f'"{number % 900},25","Incasso","Naam: Winkel {number} Omschrijving: termijn {number} IBAN: NL91ABNA0417164300 '
        f"Kenmerk: K{number} Machtiging ID: M-1 Incassant ID: NL35ZZZ273653230000 Doorlopende incasso "
        f'Valutadatum: 01-01-2020"\r\n'
    )


def _camt_row(number: int) -> str:
    return (
        f'<Ntry><Amt Ccy="EUR">{number % 900}.25</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>'
        f"<BookgDt><Dt>{_day(number)}</Dt></BookgDt><AcctSvcrRef>REF{number:012d}</AcctSvcrRef><NtryDtls><TxDtls>"
        f"<Refs><EndToEndId>E{number}</EndToEndId></Refs><RltdPties><Dbtr><Nm>Klant {number}</Nm></Dbtr></RltdPties>"
        f"<RmtInf><Ustrd>factuur {number}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>\n"
    )


def _mt940_row(number: int) -> str:
    return (
        f":61:{_day(number):%y%m%d%m%d}C{number % 900},25NTRFEREF//REF{number:012d}\r\n/TRCD/00100/\r\n"
        f":86:/EREF/E{number}//CNTP/NL91ABNA0417164300/ABNANL2A/Klant {number}///REM\r\nI/USTD//factuur {number}/\r\n"
    )


PARTS: dict[str, tuple[str, Callable[[int], str], str]] = {
    "ing": (
        '"Datum","Naam / Omschrijving","Rekening","Tegenrekening","Code","Af Bij","Bedrag (EUR)","Mutatiesoort",'
        '"Mededelingen"\r\n',
        _ing_row,
        "",
    ),
    "camt": (
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt><Id>1</Id><Acct><Id>'
        "<IBAN>NL69INGB0123456789</IBAN></Id></Acct>\n",
        _camt_row,
        "</Stmt></BkToCstmrStmt></Document>",
    ),
    "mt940": (
        ":20:X\r\n:25:NL69INGB0123456789EUR\r\n:28C:1\r\n:60F:C100101EUR0,00\r\n",
        _mt940_row,
        ":62F:C200101EUR0,00\r\n-}\r\n",
    ),
}


def write_large(path: Path, form: str, megabytes: float) -> None:
    """A statement file of about so many megabytes."""
    head, build, tail = PARTS[form]
    limit, number = megabytes * 1_000_000, 0
    with path.open("w", encoding="utf-8", newline="") as out:
        size = out.write(head)
        while size < limit:
            size += out.write("".join(build(number + step) for step in range(1000)))
            number += 1000
        out.write(tail)


def read_once(path: Path) -> None:
    """Read in this process and print rows, time and peak memory."""
    started, bookings, problems = time.monotonic(), 0, 0
    for chunk in stream_statement(path):
        bookings, problems = bookings + len(chunk.frame), problems + len(chunk.problems)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{path.name}: {path.stat().st_size / 1e6:.0f} MB, {bookings} bookings, {problems} problems, "
        f"{time.monotonic() - started:.0f} s, peak {peak:.0f} MB",
        flush=True,
    )


def main() -> None:
    """Write and read each format in a small and the asked size."""
    if sys.argv[1:2] == ["--read"]:
        read_once(Path(sys.argv[2]))
        return
    megabytes = float(sys.argv[1]) if len(sys.argv) > 1 else 20
    with tempfile.TemporaryDirectory() as folder:
        for form in sys.argv[2:] or list(PARTS):
            for size in (max(1.0, megabytes / 50), megabytes):
                path = Path(folder) / f"{form}_{size:.0f}"
                write_large(path, form, size)
                subprocess.run([sys.executable, __file__, "--read", str(path)], check=True)
                path.unlink()


if __name__ == "__main__":
    main()
