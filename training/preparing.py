"""`levensloop prepare`: of a dataset of any size the bookings that a training may read, as the table that it reads.

Permission stands first and screening second, as in training, which asks for permission again when it reads them. A
bank's bookings may outgrow one machine; those that are kept must not, for training holds them.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.console import Console

from models.booking_stream import open_stream
from models.bookings import no_bookings, write_bookings
from models.commands import Engine
from models.detection import admit
from models.errors import UsageError
from models.home import Home, find_home
from models.screening import Screening, default_screening
from models.taxonomy import default_taxonomy, load_taxonomy
from models.training_permission import PURPOSE
from training.dataset import MARKED, NOT_SHOWN, permitted_customers, require_rows
from training.door import Door, open_door
from training.labels import Labels, apply_reviewed, label_bookings, load_labels, validate_labels
from training.writing import PRIVATE, write_file

BOOKINGS, LABELS = "bookings.parquet", "labels.csv"
_ORDER = ["customer_id", "booking_date", "account_iban", "booking_id"]  # whatever the order or the parts it came in


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Whose bookings are looked at (None: everybody's but `never`), and which of them (None: whatever its label)."""

    customers: Collection[str] | None
    never: Collection[str]
    bookings: Collection[str] | None


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """Wanted bookings that screening lets pass, in any order.

    `counts` adds up as those of a training do: read = not permitted + screened + without label + kept + problems;
    `problems` are the rows that break the contract, by reason.
    """

    bookings: pd.DataFrame
    counts: dict[str, int]
    problems: Counter[str]


def prepare_files(
    bookings: Path, labels: Path, *, out: Path, permissions: Path | None = None, taxonomy_file: Path | None = None,
    reviewed: Sequence[Path] = (), customers: Path | None = None, most_customers: int | None = None,
    engine: Engine = "local", home: Home | None = None,
) -> dict[str, int]:  # fmt: skip
    """Write bookings.parquet and labels.csv into the folder `out`, for its owner alone; returns the counts.

    Parameters
    ----------
    bookings
        A bookings table, or a folder of Parquet files; on Spark, Parquet.
    most_customers : int, optional
        Draw so many of the customers who allow training, whole: the detector learns from courses. The same ones every
        time, and those of a smaller number are among those of a larger one.

    Raises
    ------
    UnreadableDataError
        A file is not the table it should be.
    UsageError
        Nothing is left, labels are not in the taxonomy, or there are no permissions to draw customers from.
    """
    taxonomy = load_taxonomy(taxonomy_file) if taxonomy_file else default_taxonomy()
    notes: list[str] = []
    told = apply_reviewed(load_labels(labels, notes), reviewed, taxonomy, notes)
    wanted = choose(told, permissions, open_door(home or find_home(), table=customers), most_customers, notes)
    if engine == "spark":
        from training.preparing_spark import gather_in_spark

        gathered = gather_in_spark(bookings, wanted, scratch=out)
    else:
        gathered = gather(bookings, wanted, default_screening())
    counts = gathered.counts
    passed = counts["kept"] + counts["no_label"]
    require_rows(counts, [], permitted=passed + counts["screened"], open_rows=passed)
    ordered = gathered.bookings.sort_values(_ORDER, ignore_index=True)
    mine = label_bookings(ordered, told)
    validate_labels(mine["event"].to_numpy(dtype=object), taxonomy)
    _write(out, ordered, mine.assign(booking_id=ordered["booking_id"]))
    _say([*notes, *(f"{why}: {times} rows were left out." for why, times in sorted(gathered.problems.items()))], counts)
    return counts


def choose(
    labels: Labels, permissions: Path | None, door: Door, most_customers: int | None, notes: list[str]
) -> Wanted:
    """Who is wanted: customers of age who allow training, as many as may be drawn; of them what has a label."""
    labelled = None if labels.rest_is_none else frozenset(labels.table["booking_id"])
    if permissions is None:
        if most_customers is not None:
            raise UsageError("Customers are drawn from those who allow training. Give --permissions too.")
        notes += [NOT_SHOWN, MARKED]
        return Wanted(customers=None, never=door.minors, bookings=labelled)
    allowed, _ = permitted_customers(permissions, notes, purpose=PURPOSE, door=door)
    return Wanted(customers=draw_customers(allowed, most_customers), never=frozenset(), bookings=labelled)


def draw_customers(customers: Collection[str], most: int | None) -> frozenset[str]:
    """So many of some customers at most, by the hash of their names: by nothing that they do."""
    return frozenset(sorted(customers, key=lambda name: hashlib.sha256(name.encode()).digest())[:most])


def gather(path: Path, wanted: Wanted, screening: Screening) -> Gathered:
    """Read a table in a stream, in one process; in memory is what is kept."""
    counts = dict.fromkeys(("read", "problems", "no_permission", "screened", "no_label", "kept"), 0)
    kept, problems = [no_bookings()], Counter[str]()
    for read in open_stream(path).chunks():
        problems.update(problem.reason for problem in read.problems)
        mine = _of_customers(read.frame, wanted)
        passed = admit(mine, screening)
        told = passed if wanted.bookings is None else passed[passed["booking_id"].isin(wanted.bookings)]
        kept.append(told)
        steps = (read.rows_read, len(read.problems), len(read.frame) - len(mine), len(mine) - len(passed))
        for name, rows in zip(counts, (*steps, len(passed) - len(told), len(told)), strict=True):
            counts[name] += rows
    return Gathered(bookings=pd.concat(kept, ignore_index=True), counts=counts, problems=problems)


def _of_customers(frame: pd.DataFrame, wanted: Wanted) -> pd.DataFrame:
    if wanted.customers is None:
        mine = ~frame["customer_id"].isin(wanted.never)
    else:
        mine = frame["customer_id"].isin(wanted.customers)
    return frame[mine.to_numpy()].reset_index(drop=True)


def _write(out: Path, bookings: pd.DataFrame, labels: pd.DataFrame) -> None:
    try:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_bookings(bookings, out / BOOKINGS)
        (out / BOOKINGS).chmod(PRIVATE)
    except OSError as error:
        raise UsageError(f"{out} cannot be written. Give a folder that you may write to with --out.") from error
    # The booking of a joint account stands there once per holder, its label once.
    once = labels[["booking_id", "event", "role"]].drop_duplicates("booking_id")
    write_file(out / LABELS, once.to_csv(index=False, lineterminator="\n"), mode=PRIVATE)


def _say(notes: list[str], counts: dict[str, int]) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for note in notes:
        console.print(note, markup=False)
    told = ", ".join(f"{rows} {name.replace('_', ' ')}" for name, rows in counts.items())
    console.print(f"Bookings: {told}.")
    console.print(f"Next: levensloop train with --bookings {BOOKINGS}, --labels {LABELS} and --permissions.")
