"""Feed damaged statement files to every reader and look for anything but bookings, problems or our own error.

It starts from files that our writers make and from real files in ../shared/data/statements when they are there. Run:
`make soak`, or `python -m tests.soak.fuzz_statements [--share 0.1] [--seed N]`; without a seed each run takes another.
"""

import argparse
import gzip
import io
import random
import re
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

from models.bookings import bookings_schema
from models.errors import LevensloopError
from models.statements import stream_statement
from models.statements.reading import build_frame
from models.statements.rows import StatementRow
from training.simulation.statement_files import StatementFormat, write_statement

SECONDS = 600
ROOT = Path(__file__).resolve().parents[2]
REAL = ROOT.parent / "shared" / "data" / "statements"
FORMATS: tuple[StatementFormat, ...] = ("ing", "camt", "mt940", "psd2")
PIECES = (
    b":61:", b":86:", b":60F:C", b":62F:", b":25:", b":20:X\r\n", b"-\r\n", b"-}", b"{1:", b"{4:", b"\x00", b"\xff\xfe",
    b"\xef\xbb\xbf", b'"', b"'", b",", b";", b"\t", b"\r", b"\n", b"1e999", b"NaN", b"-0", b"9" * 40, b"0,001",
    b"<Ntry>", b"</Ntry>", b"<Amt>", b"</Stmt>", b"<!DOCTYPE a [<!ENTITY x 'y'>]>", b"&x;", b"&#0;", b"<![CDATA[",
    b"null", b"[" * 2000, b"{}", b'"booked":', b"?20", b">20", b"/CNTP/", b"//REMI/USTD//", b"/TRTP/", b"20260230",
    b"999999", b"\xc3\x28", b"\xe2\x80\x8f", b"12345678901234567890", b"+02:00", b"0001-01-01",
)  # fmt: skip


WORDS = (
    b"0", b"0.00", b"-1", b"1,234.567", b"12345678901234567.00", b"99991231", b"2026-13-01", b"CRDT", b"DBIT", b"PDNG",
    b"EUR", b"true", b"false", b"null", b"1e5", b"Amt", b"Ntry", b"TxDtls", b"booked", b"Bij", b"Debit", b"C", b"RD",
    b"D0,", b"",
)  # fmt: skip


def build_seeds(folder: Path) -> list[bytes]:
    """Whole files to start from."""
    rows = [
        StatementRow(
            1, account="NL69INGB0123456789", booking_date=date(2026, 9, 1 + day), value_date=date(2026, 9, 1),
            currency="EUR", amount=Decimal(f"{day}.25"), indicator="CRDT" if day % 2 else "DBIT", name=f"Winkel {day}",
            iban="NL91ABNA0417164300" if day % 3 else "", creditor_id="NL35ZZZ273653230000" if day % 4 else "",
            mandate_id="M-1" if day % 4 else "", text=f"omschrijving {day}", kind="SDD", balance_after=Decimal(day),
        )
        for day in range(6)
    ]  # fmt: skip
    frame = build_frame(rows, [f"REFERENCE{at}" for at in range(len(rows))])
    seeds = []
    for form in FORMATS:
        write_statement(frame, folder / "seed", format=form)
        seeds.append((folder / "seed").read_bytes())
    if REAL.is_dir():
        seeds += [
            path.read_bytes() for path in sorted(REAL.rglob("*")) if path.is_file() and path.stat().st_size < 20_000
        ]
    return seeds


def damage(data: bytes, rng: random.Random, seeds: Sequence[bytes]) -> bytes:  # noqa: C901 - one branch per fault
    """The file with one to eight faults: cut, doubled, swapped, overwritten, mixed with another, packed."""
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(len(data) + 1)
        until = min(len(data), at + rng.choice((1, 2, 5, 20, 200)))
        fault = rng.choice((0, 1, 2, 3, 4, 5, 6, 7, 8, 8, 8, 8))
        if fault == 0:
            data = data[:at]
        elif fault == 1:
            data = data[:at] + data[until:]
        elif fault == 2:
            data = data[:at] + data[at:until] * rng.randint(2, 4) + data[until:]
        elif fault == 3:
            data = data[:at] + rng.choice(PIECES) + data[at:]
        elif fault == 4:
            data = data[:at] + rng.choice(PIECES) + data[until:]
        elif fault == 5 and data:
            data = data[: max(0, at - 1)] + bytes([rng.randrange(256)]) + data[at:]
        elif fault == 6:
            other = rng.choice(seeds)
            data = data[:at] + other[rng.randrange(len(other) + 1) :][: rng.choice((10, 100, 5000))] + data[until:]
        elif fault == 8:
            data = replace_word(data, at, rng)
        elif fault == 7 and rng.random() < 0.05:
            data = pack(data, rng)
    return data


def replace_word(data: bytes, at: int, rng: random.Random) -> bytes:
    """One word or number replaced by another, so that the structure around it stays whole."""
    word = re.compile(rb"[A-Za-z0-9.,:-]+").search(data, at)
    if word is None:
        return data
    return data[: word.start()] + rng.choice(WORDS) + data[word.end() :]


def pack(data: bytes, rng: random.Random) -> bytes:
    """The file inside gzip or zip, sometimes broken."""
    if rng.random() < 0.5:
        packed = gzip.compress(data)
    else:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.txt", data)
            archive.writestr("b.txt", data[: len(data) // 2])
        packed = buffer.getvalue()
    return packed[: rng.randrange(len(packed))] if rng.random() < 0.5 else packed


def judge(path: Path) -> str:
    """What reading made of the file; anything but our own errors goes through."""
    try:
        for chunk in stream_statement(path):
            bookings_schema().validate(chunk.frame)
            if chunk.file is not None:
                kind = chunk.file.format
    except LevensloopError as error:
        return f"refused: {type(error).__name__}"
    return kind


def fuzz(seconds: float, seed: int) -> int:
    """Fuzz for so many seconds; 1 when something escaped."""
    rng, counts = random.Random(seed), Counter[str]()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seeds, until = build_seeds(folder), time.monotonic() + seconds
        while time.monotonic() < until:
            # Half of the time from our own files, so that no format is rare.
            data = damage(rng.choice(seeds[: len(FORMATS)] if rng.random() < 0.5 else seeds), rng, seeds)
            path = folder / "fuzzed"
            path.write_bytes(data)
            started = time.monotonic()
            try:
                counts[judge(path)] += 1
            except Exception:  # noqa: BLE001 - a fuzzer looks for any exception there is
                traceback.print_exc()
                kept = Path(tempfile.gettempdir()) / f"fuzzed_{seed}_{sum(counts.values())}"
                kept.write_bytes(data)
                print(f"the file that did it: {kept}")
                return 1
            if time.monotonic() - started > 5:
                kept = Path(tempfile.gettempdir()) / f"slow_{seed}_{sum(counts.values())}"
                kept.write_bytes(data)
                print(f"slow: {time.monotonic() - started:.1f} s for {len(data)} bytes, kept as {kept}")
    print(f"{sum(counts.values())} files, nothing escaped: {dict(counts.most_common())}")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    sys.exit(fuzz(SECONDS * given.share, given.seed))
