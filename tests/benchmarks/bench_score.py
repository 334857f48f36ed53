"""What a night costs: CPU time and peak memory of `levensloop score`, as processes on a signed release, as ratios.

Score against merely reading the Parquet into a frame, and against reading it with its checks; one, two and four times
the customers, all of them different; Spark on two cores; an update with one day's bookings against a full run. Then the
arithmetic for a large bank. What the same command costs on a few customers (its start) is taken off. Run:
`python tests/benchmarks/bench_score.py [repeats] [customers]`.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
import sqlalchemy as sa
from bench_scaling import AS_OF, MOST_MEMORY, Cost

from models.board import sign_release
from models.bookings import load_bookings, write_bookings
from models.candidate import write_candidate
from models.home import Home
from models.permission import PermissionEvent, append_permission
from models.promotion import promote_release
from models.purposes import default_purposes
from models.screening import default_screening
from models.signing import BOARD, generate_key, load_private_key
from models.store import detections, open_store
from models.taxonomy import default_taxonomy
from training.dataset import load_dataset
from training.fitting import fit_models
from training.simulation import simulate

CUSTOMERS, MONTHS, SEED = 40, 18, 7
TIMES = (1, 2, 4)
FEW = 3  # customers, for what a start costs
UPDATES = 3  # times as many repeats as of the rest: an update is short, so that noise weighs more
MOST_OF_READING, MOST_UNEVEN, LEAST_UPDATE = 8.0, 1.15, 20.0  # goals of the night
MOST_OF_SPARK = 2.0  # its start takes longer than a small bank; choice of ours
BANK_CUSTOMERS, BANK_NEW, CORES = 8_000_000, 24_000_000, 2
READ = "import sys, pyarrow.parquet as p; p.read_table(sys.argv[1]).to_pandas()"
CHECK = "import sys; from models.bookings import load_bookings as r; r(sys.argv[1])"


def main(repeats: int, customers: int) -> None:
    """Make a bank and a signed release, run everything, print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_release(folder)
        # A process of its own: the peak memory of a child begins with that of its parent.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as apart:
            rows, new, names = apart.submit(make_tables, folder, customers).result()
        allow_all(folder, names)

        def best(*command: str | Path) -> Cost:
            costs = [run(folder, *command) for _ in range(repeats)]
            return Cost(min(c.seconds for c in costs), max(c.megabytes for c in costs))

        start = best(*score("0"))
        costs = {n: best(*score(str(n))) for n in TIMES}
        one = costs[1].seconds - start.seconds
        print(f"{rows[1]:,} bookings of {customers:,} customers; start {start.seconds:.1f} s; best of {repeats}")
        print(f"score: {one:.1f} s CPU, {1e6 * one / rows[1]:.0f} us per booking")
        reading, checking = (
            best("-c", code, folder / "1.parquet").seconds - best("-c", code, folder / "0.parquet").seconds
            for code in (READ, CHECK)
        )
        judge(f"score against reading ({reading:.2f} s)", one / reading, MOST_OF_READING)
        print(f"score against reading with its checks ({checking:.2f} s): {one / checking:.2f} times")
        for n in TIMES[1:]:
            more = costs[n].seconds - start.seconds
            uneven = more / rows[n] / (one / rows[1])
            judge(f"{n} times the customers, CPU per booking against one time", uneven, MOST_UNEVEN)
            memory = costs[n].megabytes
            judge(f"{n} times the customers, memory ({memory:.0f} MB)", memory / costs[1].megabytes, MOST_MEMORY)
        race_spark(folder, rows=rows[TIMES[-1]])
        start_of_update = update_cost(folder, "0", "00", repeats)
        update = update_cost(folder, "before", "since", repeats) - start_of_update
        full = costs[TIMES[-1]].seconds - start.seconds
        judge(
            f"full run ({full:.1f} s) against an update with a day ({update:.2f} s)",
            full / update,
            LEAST_UPDATE,
            least=True,
        )
        size = sum(path.stat().st_size for path in (folder / "home" / "batch").glob("state-*/*.parquet"))
        say_bank(update, full, rows=rows[TIMES[-1]], new=new, customers=len(names), size=size)


def update_cost(folder: Path, before: str, since: str, repeats: int) -> float:
    """Seconds of the quickest update, each from the state of the night before: a second one has less to do."""
    run(folder, *score(before, AS_OF - timedelta(days=1)), "--keep-state")
    home, kept = folder / "home", folder / "kept"
    shutil.copytree(home, kept)
    costs = []
    for _ in range(UPDATES * repeats):
        shutil.rmtree(home)
        shutil.copytree(kept, home)
        costs.append(run(folder, *score(since), "--update").seconds)
    shutil.rmtree(kept)
    return min(costs)


def judge(title: str, ratio: float, limit: float, *, least: bool = False) -> None:
    """One ratio and whether it holds."""
    holds = ratio >= limit if least else 0 < ratio <= limit  # less than nothing is noise, no result
    word = "at least" if least else "at most"
    print(f"{title}: {ratio:.2f} times ({word} {limit}): {'holds' if holds else 'DOES NOT HOLD'}", flush=True)


def race_spark(folder: Path, *, rows: int) -> None:
    """Seconds by the clock of one process and of Spark on two cores, and whether they store the same."""
    if importlib.util.find_spec("pyspark") is None or shutil.which("java") is None:
        print("Spark: there is no pyspark or no Java here")
        return
    clock, stored = [], []
    for engine in ("local", "spark"):
        begun = time.perf_counter()
        run(folder, *score(str(TIMES[-1])), "--engine", engine, SPARK_CONF_DIR=str(spark_settings(folder)))
        clock.append(time.perf_counter() - begun)
        stored.append(stored_detections(folder))
    print(
        f"{rows:,} bookings by the clock, with the start: one process {clock[0]:.0f} s, Spark local[2] {clock[1]:.0f} s"
    )
    judge("Spark local[2] against one process", clock[1] / clock[0], MOST_OF_SPARK)
    print(f"the same {len(stored[0]):,} detections: {'yes' if stored[0] == stored[1] else 'NO'}")


def spark_settings(folder: Path) -> Path:
    """A folder with Spark's own settings: two cores, one machine."""
    settings = folder / "spark"
    settings.mkdir(exist_ok=True)
    lines = ("spark.master local[2]", "spark.driver.host 127.0.0.1", "spark.ui.enabled false")
    (settings / "spark-defaults.conf").write_text("\n".join((*lines, "spark.sql.shuffle.partitions 4", "")))
    return settings


def stored_detections(folder: Path) -> list[tuple[object, ...]]:
    """What the store holds now, scores to six digits."""
    store = open_store(Home(folder / "home").database_url)
    wanted = ("customer_id", "event", "onset_date", "detected_on", "status", "evidence", "probability")
    with store.read() as connection:
        rows = connection.execute(sa.select(*(detections.c[name] for name in wanted))).all()
    store.close()
    return sorted((*row[:-1], round(row[-1], 6)) for row in rows)


def say_bank(update: float, full: float, *, rows: int, new: int, customers: int, size: int) -> None:
    """The arithmetic for a large bank, from this slice: cost per booking of history and per new booking."""
    fresh = full / rows * BANK_NEW
    history = rows / customers * BANK_CUSTOMERS
    per_old = max(update - full / rows * new, 0) / rows
    hours = (fresh + per_old * history) / CORES / 3600
    print(
        f"{BANK_CUSTOMERS:,} customers, {history:,.0f} earlier bookings ({MONTHS} months), {BANK_NEW:,} new ones: "
        f"{fresh:,.0f} s to read the new, {per_old * 1e6:.2f} us for each earlier one, {hours:.1f} hours on {CORES} "
        f"cores; the state takes {size / rows:.1f} bytes per booking, {size / rows * history / 1e9:.0f} GB"
    )


def score(table: str, as_of: date = AS_OF) -> tuple[str | Path, ...]:
    """The command on a table of the folder."""
    return "-m", "models.command_line", "score", "--demo", "--as-of", str(as_of), "--bookings", f"{table}.parquet"


def run(folder: Path, *command: str | Path, **settings: str) -> Cost:
    """One process on one core."""
    home, here = folder / "home", Path(__file__).parents[2]
    environ = {**os.environ, "LEVENSLOOP_HOME": str(home), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(here), **settings}
    with subprocess.Popen([sys.executable, *command], env=environ, cwd=folder, stderr=subprocess.PIPE) as process:
        said = process.stderr.read() if process.stderr else b""
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command} ended with {process.returncode}: {said.decode()}")
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def make_release(folder: Path) -> None:
    """A simulated bank, and a release fitted on it that a demo board signed; nothing is evaluated."""
    bank, home, at = folder / "bank", Home(folder / "home"), datetime.now(UTC)
    simulate(customers=CUSTOMERS, months=MONTHS, seed=SEED, out=bank, rates="enriched")
    known = load_dataset(
        bank / "bookings.parquet", bank / "labels.csv", taxonomy=default_taxonomy(), screening=default_screening(),
        events=bank / "events.csv", permissions=bank / "permissions.csv",
    )  # fmt: skip
    fitted = fit_models(known, taxonomy=default_taxonomy(), screening=default_screening(), seed=0)
    packaged = resources.files("models")
    candidate = write_candidate(
        home, classifier=fitted.classifier, detector=fitted.detector,
        taxonomy_toml=packaged.joinpath("taxonomy.toml").read_text("utf-8"),
        screening=packaged.joinpath("screening.toml").read_text("utf-8"), permission=known.permission, created_at=at,
        facts={"headline": {"name": "macro_f1", "value": 0.9, "n": 1}, "fairness": {"findings": []}},
    )  # fmt: skip
    for role in BOARD:
        generate_key(home, role, role, "secret", demo=True)
        sign_release(
            home, candidate.id, role, load_private_key(home.keys / f"{role}.pem", "secret"), "approve", "bench", at=at
        )
    promote_release(home, candidate.id, who="bench", why="bench", at=at, allow_demo=True)


def make_tables(folder: Path, customers: int) -> tuple[dict[int, int], int, list[str]]:
    """Tables of a few customers and of one, two and four times the customers; the largest before and on its last day.

    Returns how many bookings each of the times has, new bookings of the last day, and all customers in order.
    """
    simulate(customers=TIMES[-1] * customers, months=MONTHS, seed=SEED + 1, out=folder / "crowd", rates="natural")
    table = load_bookings(folder / "crowd" / "bookings.parquet").frame
    table = table[table["booking_date"] <= pd.Timestamp(AS_OF)]
    table = table.sort_values("booking_date", kind="stable", ignore_index=True)
    names = sorted(table["customer_id"].unique())
    last = table["booking_date"] == pd.Timestamp(AS_OF)
    few = table["customer_id"].isin(names[:FEW])
    tables = {
        **{str(n): table[table["customer_id"].isin(names[: n * len(names) // TIMES[-1]])] for n in TIMES},
        "0": table[few & ~last], "00": table[few & last], "before": table[~last], "since": table[last],
    }  # fmt: skip
    for name, part in tables.items():
        write_bookings(part.reset_index(drop=True), folder / f"{name}.parquet")
    return {n: len(tables[str(n)]) for n in TIMES}, int(last.sum()), names


def allow_all(folder: Path, customers: list[str]) -> None:
    """Everybody allows offers of the bank's own products."""
    purposes, at = default_purposes(), datetime.now(UTC) - timedelta(minutes=1)
    notice = purposes.purpose("own_product_offers")
    store = open_store(Home(folder / "home").database_url)
    with store.write() as connection:
        for customer in customers:
            event = PermissionEvent(
                customer_id=customer, purpose=notice.id, action="consented", notice_version=notice.notice_version,
                notice_sha256=notice.notice_sha256, language="nl", channel="page", actor="customer", at=at,
            )  # fmt: skip
            append_permission(connection, event, purposes)
    store.close()


if __name__ == "__main__":
    main(*(int(given) for given in (*sys.argv[1:], *("2", "500")[len(sys.argv) - 1 :])))
