"""How well life events are told on unseen customers at natural rates and on a second bank, how fast, and at what cost.

Fitted on the training customers of an enriched simulation. Tested on customers of a natural one whose wordings no
training customer has, and on the second bank, which was written apart from the simulator. Prints a table per event,
bookings a second of detection and of training beside a reference loop, and what ten times the bookings cost.
Run: `python tests/benchmarks/bench_events.py [customers] [seed]`; figures hold from some hundred customers on.
"""

import sys
import tempfile
from datetime import date
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import pandas as pd
from second_bank import make_second_bank

from models.detection import Prepared, detect_events, prepare_screened
from models.history import Course
from models.screening import default_screening
from models.taxonomy import default_taxonomy
from models.text import read_texts
from training.dataset import Dataset, load_dataset
from training.fitting import Fitted, customer_years, fit_models
from training.matching import match_events
from training.run import part
from training.simulation import simulate

APART = ("travel_booked", "travel_in_progress", "overdraft")  # not in the sum of false alerts
_LOWEST, _WINDOW = 0.15, 60
_REPEATS = 5


def main(customers: int, seed: int) -> None:
    """Simulate, fit, test on three banks and measure."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulate(customers=customers, months=24, seed=seed, out=folder / "enriched", rates="enriched")
        simulate(customers=customers, months=24, seed=seed + 1, out=folder / "natural", rates="natural")
        make_second_bank(customers // 2, 18, seed, folder / "second", enriched=True)
        make_second_bank(customers, 18, seed + 1, folder / "second natural", enriched=False)
        seen = load(folder / "enriched", "train")
        begun = perf_counter()
        fitted = fit_models(seen, taxonomy=default_taxonomy(), screening=default_screening(), seed=0)
        rate = len(seen.bookings) / (perf_counter() - begun)
        print(f"training: {len(seen.bookings):,} bookings, {rate:,.0f} a second (classifier and detector)")
        tests = {
            "natural rates": load(folder / "natural", "test"),
            "enriched": load(folder / "enriched", "test"),
            "second bank": load(folder / "second"),
            "second bank, natural rates": load(folder / "second natural"),
        }
        for title, test in tests.items():
            print_table(title, fitted, test)
        measure_points(fitted, seen.bookings)
        measure_growth(fitted, seen.bookings)


def load(folder: Path, which: str = "") -> Dataset:
    """A simulated bank as a dataset; `which` part of its split."""
    bank = load_dataset(
        folder / "bookings.parquet", folder / "labels.csv", taxonomy=default_taxonomy(),
        screening=default_screening(), events=folder / "events.csv", permissions=folder / "permissions.csv",
    )  # fmt: skip
    if not which:
        return bank
    split = bank.bookings["customer_id"].map(pd.read_csv(folder / "splits.csv").set_index("customer_id")["split"])
    return part(bank, np.flatnonzero(split == which))


def print_table(title: str, fitted: Fitted, test: Dataset) -> None:
    """Precision, recall, F1 and false alerts per event; a hit is dated within the event's span, one to one."""
    begun = process_time()
    found = detect_events(test.bookings, as_of=last_day(test.bookings), release=fitted)
    seconds = process_time() - begun
    years = customer_years(test.bookings)
    matched = match_events(found, test.events)
    hit, told = matched.of_detection >= 0, matched.of_truth >= 0
    print(f"\n{title}: {test.bookings['customer_id'].nunique()} customers, {years:.0f} customer-years")
    print(f"{'event':<25}{'true':>6}{'found':>7}{'prec.':>7}{'recall':>8}{'F1':>6}{'false per 1,000 years':>23}")
    scores = {}
    for event in default_taxonomy().ids:
        mine, true = (found["event"] == event).to_numpy(), (test.events["event"] == event).to_numpy()
        n, right = mine.sum(), hit[mine].sum()
        if true.any():
            scores[event] = 2 * right / (n + true.sum())
        precision, f1 = right / n if n else np.nan, scores.get(event, np.nan)
        recall = told[true].mean() if true.any() else np.nan
        rate = 1000 * (n - right) / years
        print(f"{event:<25}{true.sum():>6}{n:>7}{precision:>7.2f}{recall:>8.2f}{f1:>6.2f}{rate:>23.1f}")
    false = (~hit & ~found["event"].isin(APART).to_numpy()).sum()
    lowest = min(scores, key=lambda event: scores[event])
    print(
        f"macro-F1 {np.mean(list(scores.values())):.3f} of {len(scores)} events, lowest {lowest} {scores[lowest]:.2f}; "
        f"false alerts outside travel and overdraft {1000 * false / years:.0f} per 1,000 customers a year; "
        f"{len(test.bookings) / seconds:,.0f} bookings a CPU second, texts to detections"
    )


def last_day(bookings: pd.DataFrame) -> date:
    """The day of the last booking."""
    return pd.Timestamp(bookings["booking_date"].max()).date()


def measure_points(fitted: Fitted, bookings: pd.DataFrame) -> None:
    """Points with all figures and their detections, beside a loop over signs that makes six of the figures."""
    texts = read_texts(bookings, names=fitted.classifier.names_)
    judged = fitted.classifier.judge(bookings, texts)
    likely = judged.probabilities[judged.at]
    ways = {
        "points and detections": lambda: detected(fitted, made(fitted, bookings, texts, likely)),
        "courses and points": lambda: made(fitted, bookings, texts, likely),
    }
    print()
    for title, way in ways.items():
        print(f"{title}: {len(bookings) / cpu_seconds(way):,.0f} bookings a CPU second")
    course = made(fitted, bookings, texts, likely).course
    spent = cpu_seconds(lambda: loop_over_signs(course))
    print(f"reference, a loop over signs for six figures alone: {len(bookings) / spent:,.0f} bookings a CPU second")


def made(fitted: Fitted, bookings: pd.DataFrame, texts: object, likely: np.ndarray) -> Prepared:
    """Courses and points of bookings with known probabilities."""
    return prepare_screened(bookings, texts, likely, as_of=last_day(bookings), model=fitted)  # type: ignore[arg-type]


def detected(fitted: Fitted, prepared: Prepared) -> int:
    """How many detections there are."""
    return len(fitted.detector.detect(prepared.points, prepared.course))


def cpu_seconds(work: object) -> float:
    """CPU seconds of one call."""
    begun = process_time()
    work()  # type: ignore[operator]
    return process_time() - begun


def loop_over_signs(course: Course) -> list[tuple[float, ...]]:
    """The plain way: customer by customer, event by event, sign by sign."""
    figures = []
    for begin, end in zip(course.bounds[:-1], course.bounds[1:], strict=True):
        for column in range(course.probabilities.shape[1]):
            likely = course.probabilities[course.document[begin:end], column]
            signs = begin + np.flatnonzero(likely >= _LOWEST)
            for n, sign in enumerate(signs):
                near = [at for at in signs[: n + 1] if course.days[at] >= course.days[sign] - _WINDOW]
                of_party = [at for at in signs[: n + 1] if course.party[at] == course.party[sign]]
                figures.append(
                    (
                        float(sum(course.probabilities[course.document[at], column] for at in near)),
                        float(len({course.days[at] for at in near})),
                        float(len({course.party[at] for at in near})),
                        float(course.days[sign] - course.days[of_party[0]]),
                        float(len(of_party)),
                        float(max(abs(course.cents[at]) for at in near)),
                    )
                )
    return figures


def measure_growth(fitted: Fitted, bookings: pd.DataFrame) -> None:
    """CPU time of ten times the customers over that of one time, best of five."""
    names = bookings["customer_id"].unique()[:12]
    once = bookings[bookings["customer_id"].isin(names)]
    ten = pd.concat([once.assign(customer_id=once["customer_id"] + f"-{copy}") for copy in range(10)])
    ten = ten.reset_index(drop=True)

    def best(frame: pd.DataFrame) -> float:
        as_of = last_day(frame)
        return min(cpu_seconds(lambda: detect_events(frame, as_of=as_of, release=fitted)) for _ in range(_REPEATS))

    one, many = best(once), best(ten)
    print(f"ten times {len(once):,} bookings cost {many / one:.1f} times the CPU time, best of {_REPEATS}")


if __name__ == "__main__":
    main(*(int(given) for given in (*sys.argv[1:], *("160", "5")[len(sys.argv) - 1 :])))
