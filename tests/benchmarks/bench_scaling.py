"""What ten times the bookings cost: CPU time and peak memory of `levensloop classify` and `detect`, as processes.

One time: the histories of some customers of a simulated bank, by day (so that no customer stands together). Ten times:
ten copies with other customers, other booking ids and other numbers in their texts. The real commands run on CSV and on
Parquet. Prints CPU time (best of the repeats), peak memory (largest of the repeats) and their ratios; the ratio of CPU
time also without what a run on no bookings costs. Checks that ten copies have ten times the answers of one.
Run: `python tests/benchmarks/bench_scaling.py [repeats] [customers]`.
"""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib import resources
from pathlib import Path

import pandas as pd

from models.bookings import load_bookings, write_bookings
from models.candidate import write_candidate
from models.home import Home
from models.screening import default_screening
from models.taxonomy import default_taxonomy
from training.dataset import load_dataset
from training.fitting import fit_models
from training.simulation import simulate

TIMES = 10
MOST_CPU, MOST_MEMORY = 11.5, 1.2  # goals of ours
MONTHS, SEED = 18, 7
AS_OF = date(2026, 6, 30)
VERBS = {"classify": [], "detect": ["--as-of", str(AS_OF)]}


@dataclass(frozen=True)
class Cost:
    """CPU seconds, user and system, and peak memory in MB (resident set) of one process."""

    seconds: float
    megabytes: float


def main(repeats: int, customers: int) -> None:
    """Make a release and the tables, run every command on both, print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_release(folder, customers)
        rows = make_tables(folder)
        print(f"{rows:,} and {TIMES * rows:,} bookings, best of {repeats}; at most {MOST_CPU} and {MOST_MEMORY} times")
        for verb, options in VERBS.items():
            for kind in ("csv", "parquet"):
                tables = f"0.{kind}", f"1.{kind}", f"{TIMES}.{kind}"
                runs = [[run(folder, verb, options, table) for _ in range(repeats)] for table in tables]
                print_ratios(f"{verb}, {kind}", *runs)
                check_answers(folder, verb, kind)


def make_release(folder: Path, customers: int) -> None:
    """A simulated bank and a candidate fitted on it; nothing is evaluated."""
    simulate(customers=customers, months=MONTHS, seed=SEED, out=folder / "bank", rates="enriched")
    known = load_dataset(
        folder / "bank" / "bookings.parquet", folder / "bank" / "labels.csv", taxonomy=default_taxonomy(),
        screening=default_screening(), events=folder / "bank" / "events.csv",
        permissions=folder / "bank" / "permissions.csv",
    )  # fmt: skip
    fitted = fit_models(known, taxonomy=default_taxonomy(), screening=default_screening(), seed=0)
    packaged = resources.files("models")
    write_candidate(
        Home(folder / "home"), classifier=fitted.classifier, detector=fitted.detector,
        taxonomy_toml=packaged.joinpath("taxonomy.toml").read_text("utf-8"),
        screening=packaged.joinpath("screening.toml").read_text("utf-8"), facts={}, permission=known.permission,
        created_at=datetime.now(UTC),
    )  # fmt: skip


def make_tables(folder: Path) -> int:
    """Tables of none, one and ten times the bookings; how many bookings one time are."""
    one = load_bookings(folder / "bank" / "bookings.parquet").frame
    for n in (0, 1, TIMES):
        table = pd.concat([copy_of(one, k) for k in range(n)]) if n > 1 else one[: n * len(one)]
        table = table.sort_values("booking_date", kind="stable", ignore_index=True)
        for kind in ("csv", "parquet"):
            write_bookings(table, folder / f"{n}.{kind}")
    return len(one)


def copy_of(bookings: pd.DataFrame, number: int) -> pd.DataFrame:
    """The same histories of other customers; a digit of every number in the texts is another one."""
    return bookings.assign(
        customer_id=bookings["customer_id"] + f"-{number}",
        booking_id=bookings["booking_id"] + f"-{number}",
        remittance_information=bookings["remittance_information"].str.replace("7", str(number)),
    )


def run(folder: Path, verb: str, options: list[str], table: str) -> Cost:
    """One run of a real command on one core."""
    answer = folder / f"{verb}-{table}.csv"
    command = [sys.executable, "-m", "models.command_line", verb, "--bookings", folder / table, "--out", answer]
    environ = {**os.environ, "LEVENSLOOP_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen([*command, *options], env=environ, stderr=subprocess.PIPE) as process:
        said = process.stderr.read() if process.stderr else b""
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{verb} on {table} ended with {process.returncode}: {said.decode()}")
    kilobytes = used.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    return Cost(used.ru_utime + used.ru_stime, kilobytes / 1024)


def print_ratios(title: str, *runs: list[Cost]) -> None:
    """CPU by the best run, memory by the worst one; runs on none, one and ten times the bookings."""
    start, one, ten = (min(cost.seconds for cost in costs) for costs in runs)
    noise = max(
        max(cost.seconds for cost in costs) / best - 1 for costs, best in zip(runs, (start, one, ten), strict=True)
    )
    _, small, large = (max(cost.megabytes for cost in costs) for costs in runs)
    holds = ten <= MOST_CPU * one and large <= MOST_MEMORY * small
    print(
        f"{title}: {one:.1f} and {ten:.1f} s CPU, {ten / one:.1f} times ({(ten - start) / (one - start):.1f} without "
        f"the start of {start:.1f} s; the slowest run was {100 * noise:.0f} % above the best); "
        f"{small:.0f} and {large:.0f} MB, {large / small:.2f} times: {'holds' if holds else 'DOES NOT HOLD'}",
        flush=True,
    )


def check_answers(folder: Path, verb: str, kind: str) -> None:
    """Every copy of a customer has the answers of the customer, whatever else is in the table."""
    one, many = (pd.read_csv(folder / f"{verb}-{n}.{kind}.csv") for n in (1, TIMES))
    if len(many) != TIMES * len(one):
        sys.exit(f"{verb} on {kind}: {len(one)} answers on one copy, {len(many)} on {TIMES}")


if __name__ == "__main__":
    main(*(int(given) for given in (*sys.argv[1:], *("5", "40")[len(sys.argv) - 1 :])))
