"""The booking classifier beside what anyone would try first: accuracy on strangers' text, and speed, on one core.

Rivals: scikit-learn's TF-IDF of character n-grams with a balanced logistic regression, a linear support vector
classifier on one to three words, and fastText. Sets: payees from the gazetteers (names never trained on), and a
simulated bank (customers and wordings never trained on). Prints macro-F1 with the paired difference to each rival,
then rates as ratios. Needs ../shared/data/gazetteers for the first part and fastText for its column.
Run: `python tests/benchmarks/bench_classifier.py [seeds] [customers]`.
"""

import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
import pyarrow as arrow
from merchant_texts import GAZETTEERS, TextSet, brand_categories, make_set, payee_kinds
from rival_learners import FastText, Learner, characters_with_regression, words_with_svc
from sklearn.metrics import f1_score

from models.classifier import BookingClassifier
from models.screening import default_screening
from models.taxonomy import default_taxonomy
from training.dataset import load_dataset
from training.simulation import simulate

OURS = "ours"
RIVALS: dict[str, Callable[[], Learner]] = {"chars+LR": characters_with_regression, "words+SVC": words_with_svc}
SIZES = ((200, 6), (600, 12), (1_500, 25), (3_000, 40))  # bookings to fit on, classes
COUNTRIES = ("DE", "ES", "FR", "GB", "IT", "TR")
DAY = 100_000  # bookings timed, at most
ALL_DISTINCT = 30_000  # bookings timed
DISTINCT_SHARE = 0.09  # of normalised texts in a bank's day
FITTED, TESTED = 12_000, 30_000  # bookings of the simulated bank
REPEATS = 5


def main(seeds: int, customers: int) -> None:
    """Print all three parts."""
    use_one_core()
    if importlib.util.find_spec("fasttext"):
        RIVALS["fastText"] = FastText
    else:
        print("fastText is left out: it is not installed (`pip install fasttext-numpy2`).")
    if GAZETTEERS.is_dir():
        bench_gazetteers(seeds)
    else:
        print("The gazetteer sets are left out: ../shared/data/gazetteers is not there.")
    with tempfile.TemporaryDirectory() as folder:
        bank = simulated_bank(Path(folder), customers)
    models = bench_simulation(bank)
    rng = np.random.default_rng(0)
    bench_speed("a bank's day", one_day(bank.test, rng), models)
    bench_speed("all texts distinct", all_distinct(bank.test, rng), models)


def use_one_core() -> None:
    """Bind this process, with all threads of all libraries, to one core."""
    arrow.set_cpu_count(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def bench_gazetteers(seeds: int) -> None:
    """Macro-F1 over the sets of each kind and, paired per set, the difference to each rival."""
    brands = brand_categories()
    everything: list[dict[str, float]] = []
    for rows, classes in SIZES:
        for printed in (False, True):
            sets = (make_set(brands, classes=classes, rows=rows, printed=printed, rng=_rng(s)) for s in range(seeds))
            scores = [score(texts) for texts in sets]
            print_scores(f"brands, {classes} classes, {rows:,} rows, {'printed' if printed else 'plain'}", scores)
            everything += scores
    kinds = {country: payee_kinds(country) for country in COUNTRIES}
    for printed in (False, True):
        scores = [
            score(make_set(kinds[country], classes=12, rows=400, printed=printed, rng=_rng(seed)))
            for country in COUNTRIES
            for seed in range(seeds)
        ]
        print_scores(f"payee kinds, {len(COUNTRIES)} countries, 400 rows, {'printed' if printed else 'plain'}", scores)
        everything += scores
    print_scores("all gazetteer sets", everything)


def score(texts: TextSet) -> dict[str, float]:
    """Macro-F1 of every learner on one set."""
    learners = {OURS: BookingClassifier, **RIVALS}
    fitted = {name: make().fit(texts.train, texts.train_labels) for name, make in learners.items()}
    return {name: macro_f1(texts.test_labels, model.predict(texts.test)) for name, model in fitted.items()}


def macro_f1(truth: np.ndarray, found: np.ndarray) -> float:
    """Mean F1 (0..1) over the labels that the truth holds."""
    truth = truth.astype(str)
    return float(f1_score(truth, found.astype(str), labels=np.unique(truth), average="macro", zero_division=0))


def print_scores(title: str, scores: list[dict[str, float]]) -> None:
    """One line: mean macro-F1 per learner and our lead in points with its 95 % interval over the sets."""
    table = pd.DataFrame(scores) * 100
    means = ", ".join(f"{name} {table[name].mean():.1f}" for name in table)
    print(f"{title} (n={len(table)}): macro-F1 {means}; lead {', '.join(_lead(table, name) for name in RIVALS)}")


def _lead(table: pd.DataFrame, rival: str) -> str:
    """Mean difference with 1.96 standard errors of the paired differences."""
    difference = table[OURS] - table[rival]
    error = 1.96 * difference.std(ddof=1) / np.sqrt(len(difference)) if len(difference) > 1 else float("nan")
    return f"{difference.mean():+.1f} ± {error:.1f} over {rival}"


def simulated_bank(folder: Path, customers: int) -> TextSet:
    """Bookings of a simulated bank; tested are customers and wordings that training does not hold."""
    simulate(customers=customers, months=18, seed=4, out=folder, rates="enriched")
    known = load_dataset(
        folder / "bookings.parquet", folder / "labels.csv", taxonomy=default_taxonomy(), screening=default_screening(),
    )  # fmt: skip
    split = known.bookings["customer_id"].map(pd.read_csv(folder / "splits.csv").set_index("customer_id")["split"])
    fit, test = (_sampled(np.flatnonzero(split == part), rows) for part, rows in (("train", FITTED), ("test", TESTED)))
    return TextSet(
        known.bookings.iloc[fit].reset_index(drop=True), known.labels[fit],
        known.bookings.iloc[test].reset_index(drop=True), known.labels[test],
    )  # fmt: skip


def _sampled(positions: np.ndarray, rows: int) -> np.ndarray:
    return np.sort(_rng(0).permutation(positions)[:rows])


def bench_simulation(bank: TextSet) -> dict[str, Learner]:
    """Macro-F1 and seconds of fitting on the simulated bank; returns the fitted learners."""
    fitted: dict[str, Learner] = {}
    parts = []
    for name, make in {OURS: BookingClassifier, **RIVALS}.items():
        begun = perf_counter()
        fitted[name] = make().fit(bank.train, bank.train_labels)
        seconds = perf_counter() - begun
        parts.append(
            f"{name} {100 * macro_f1(bank.test_labels, fitted[name].predict(bank.test)):.1f} ({seconds:.1f} s)"
        )
    classes = len(np.unique(bank.test_labels))
    print(
        f"simulated bank, {len(bank.train):,} bookings fitted, {len(bank.test):,} tested, {classes} labels: "
        f"macro-F1 (fitting) {', '.join(parts)}"
    )
    return fitted


def one_day(bookings: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Bookings whose normalised texts repeat as in a bank's day, but with digits (references, dates) of their own."""
    sample = bookings.drop_duplicates(["counterparty_name", "remittance_information"])
    sample = sample.loc[_normalised(sample).drop_duplicates().index][: int(DAY * DISTINCT_SHARE)]
    repeats = int(len(sample) / DISTINCT_SHARE) - len(sample)
    weights = 1 / np.arange(1, len(sample) + 1)
    drawn = rng.choice(len(sample), size=repeats, p=weights / weights.sum())
    day = sample.iloc[rng.permutation(np.concatenate([np.arange(len(sample)), drawn]))].reset_index(drop=True)
    texts = [_digits_redrawn(text, rng) for text in day["remittance_information"].tolist()]
    return day.assign(remittance_information=pd.Series(texts, dtype="str"), amount=_amounts(len(day), rng))


def all_distinct(bookings: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Bookings of which no two have the same words; one word in ten stands in no other booking."""
    drawn = bookings.iloc[rng.choice(len(bookings), size=ALL_DISTINCT)].reset_index(drop=True)
    columns = {}
    for column, count in (("counterparty_name", 3), ("remittance_information", 11)):
        known = np.array(sorted({word for text in bookings[column] for word in text.split()}), dtype=object)
        words = known[rng.integers(0, len(known), (ALL_DISTINCT, count))]
        fresh = rng.random(words.shape) < 0.1
        words[fresh] = ["".join(letters) for letters in rng.choice(list("abdegiklmnoprstu"), (int(fresh.sum()), 7))]
        columns[column] = pd.Series([" ".join(row) for row in words], dtype="str")
    return drawn.assign(**columns, amount=_amounts(ALL_DISTINCT, rng))


def _normalised(bookings: pd.DataFrame) -> pd.Series:
    text = bookings["counterparty_name"] + " " + bookings["remittance_information"]
    return text.str.lower().str.replace(r"[^\s\d]*\d\S*", " ", regex=True).str.split().str.join(" ")


def _digits_redrawn(text: str, rng: np.random.Generator) -> str:
    drawn = iter(rng.integers(0, 10, len(text)).tolist())
    return "".join(str(next(drawn)) if letter.isdigit() else letter for letter in text)


def _amounts(count: int, rng: np.random.Generator) -> np.ndarray:
    return np.round(rng.lognormal(3.0, 1.2, count) + 0.01, 2)


def bench_speed(title: str, bookings: pd.DataFrame, models: dict[str, Learner]) -> None:
    """Bookings a second from frame to probabilities, median of runs that take turns, and our ratio to each rival."""
    runs: dict[str, Callable[[pd.DataFrame], object]] = {
        OURS: models[OURS].predict_proba, "chars+LR": models["chars+LR"].predict_proba,
    }  # fmt: skip
    if "fastText" in models:
        runs["fastText"] = models["fastText"].predict  # computes the probability of the best label too
    rates = pd.DataFrame([{name: _rate(run, bookings) for name, run in runs.items()} for _ in range(REPEATS)])
    length = (bookings["counterparty_name"].str.len() + 1 + bookings["remittance_information"].str.len()).mean()
    distinct = _normalised(bookings).nunique() / len(bookings)
    print(
        f"{title}: {len(bookings):,} bookings of {length:.0f} characters, {distinct:.0%} of normalised texts distinct"
    )
    for name in rates:
        low, middle, high = rates[name].min(), rates[name].median(), rates[name].max()
        ratio = f", ours {rates[OURS].median() / middle:.1f} times that" if name != OURS else ""
        print(f"  {name}: {middle:,.0f} bookings a second ({low:,.0f}-{high:,.0f}, {len(rates)} runs){ratio}")


def _rate(run: Callable[[pd.DataFrame], object], bookings: pd.DataFrame) -> float:
    begun = perf_counter()
    run(bookings)
    return len(bookings) / (perf_counter() - begun)


def _rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3, int(sys.argv[2]) if len(sys.argv) > 2 else 300)
