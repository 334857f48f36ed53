"""How far plain keywords get on the synthetic bank: an easy simulator would be worth nothing.

A rule per life event looks for words and fires at a first hit after as many quiet days as the event is useful. Its
score has to stay well below that of a learner, and below .60 macro-F1.
Run: `python tests/benchmarks/bench_keyword_baseline.py [customers] [seed]`.
"""

import re
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from models.bookings import load_bookings
from models.taxonomy import default_taxonomy
from training.simulation import simulate

# The words a person would write down for each event; + and - bind a rule to money in or money out.
KEYWORDS = {
    "child_birth": r"+KINDERBIJSLAG|AKW",
    "childcare_start": r"-KINDEROPVANG|OPVANG|KDV",
    "study_start": r"+STUDIEFINANCIERING|STUFI|DUO|BASISBEURS",
    "graduation": r"-STUDIESCHULD|DUO",
    "job_loss": r"+\bWW\b|WERKLOOS",
    "social_assistance_start": r"+UITKERING PW|PARTICIPATIEWET|BIJSTAND|LEVENSONDERHOUD",
    "retirement": r"+\bAOW|PENSIOEN",
    "rental_move": r"-\bHUUR|WAARBORG|BORG\b|VERHUIS",
    "home_purchase": r"-NOTARI|HYPOTHEEK|TAXATIE|AANKOOP",
    "home_sale": r"+NOTARI|VERKOOP",
    "home_renovation": r"-VERBOUW|KEUKEN|AANNEMER|BADKAMER|BOUW",
    "marriage": r"-HUWELIJK|BRUILOFT|TROUW",
    "cohabitation_start": r"HUISHOUDPOT|SAMENLEVING|MIJN DEEL|HELFT|GEZAMENLIJK",
    "separation": r"ALIMENTATIE|SCHEIDING|MEDIAT|LBIO",
    "bereavement": r"-UITVAART|BEGRAAF|CREMATIE|GRAF",
    "inheritance": r"+NALATENSCHAP|ERVEN|ERFENIS|ERFGENA",
    "travel_booked": r"-TRANSAVIA|KLM|TUI\b|RYANAIR|EASYJET|BOOKING|AIRBNB|VLUCHT|TICKET|REIS",
    "travel_in_progress": r"-VALUTA:.*KOERS|\b(?:ESP|FRA|DEU|ITA|GRC|TUR|MAR|POL)\b",
    "car_purchase": r"-AUTO|TENAAMSTELLING|RDW|MEER INFO WWW",
    "driving_licence": r"-RIJSCHOOL|RIJLES|CBR|EXAMEN|RIJBEWIJS",
    "business_start": r"-KVK|KAMER VAN KOOPHANDEL|OMZETBELASTING|BOEKHOUD",
    "payment_arrears": r"STORNO|DEURWAARDER|BETALINGSREGELING|TERUGBOEKING",
    "overdraft": r"-ROOD ST|DEBETRENTE",
    "first_job": r"+SALARIS|LOON",
    "job_change": r"+EINDAFREKENING",
}


@dataclass(frozen=True, slots=True)
class Score:
    """Hits, false alarms and misses of one event."""

    hits: int
    false_alarms: int
    misses: int

    @property
    def f1(self) -> float:
        """F1 of the event; 0 when there is nothing at all."""
        total = 2 * self.hits + self.false_alarms + self.misses
        return 2 * self.hits / total if total else 0.0


def detect_by_keywords(bookings: pd.DataFrame) -> pd.DataFrame:
    """customer_id, event, detected_on: the first hit of each rule after quiet days and enough history."""
    history = {event.id: event.history_days for event in default_taxonomy().events}
    quiet_days = {event.id: event.useful_days for event in default_taxonomy().events}
    text = (bookings["counterparty_name"] + " " + bookings["remittance_information"]).str.upper()
    seen_from = bookings.groupby("customer_id")["booking_date"].transform("min")
    known_days = (bookings["booking_date"] - seen_from).dt.days.to_numpy()
    found = []
    for event, pattern in KEYWORDS.items():
        sign, words = (pattern[0], pattern[1:]) if pattern[0] in "+-" else ("", pattern)
        hit = text.str.contains(re.compile(words).pattern, regex=True).to_numpy()
        if sign:
            hit = hit & (bookings["credit_debit_indicator"] == ("CRDT" if sign == "+" else "DBIT")).to_numpy()
        hits = bookings.loc[hit, ["customer_id", "booking_date"]].assign(known=known_days[hit])
        quiet = hits.groupby("customer_id")["booking_date"].diff().dt.days.fillna(10_000) > quiet_days[event]
        fired = hits[quiet & (hits["known"] >= history[event])]
        found.append(fired.assign(event=event)[["customer_id", "event", "booking_date"]])
    return pd.concat(found).rename(columns={"booking_date": "detected_on"})


def score_detections(detections: pd.DataFrame, events: pd.DataFrame) -> dict[str, Score]:
    """One-to-one: a detection is right when it falls in [first_detectable_date, last_useful_date] of an event."""
    open_events = defaultdict(list)
    for row in events.sort_values("first_detectable_date").itertuples():
        open_events[row.customer_id, row.event].append((row.first_detectable_date, row.last_useful_date))
    total, hits, alarms = events["event"].value_counts(), defaultdict(int), defaultdict(int)
    for row in detections.sort_values("detected_on").itertuples():
        windows = open_events[row.customer_id, row.event]
        match = next((w for w in windows if w[0] <= row.detected_on <= w[1]), None)
        if match:
            windows.remove(match)
            hits[row.event] += 1
        else:
            alarms[row.event] += 1
    ids = default_taxonomy().ids
    return {e: Score(hits[e], alarms[e], int(total.get(e, 0)) - hits[e]) for e in ids}


def run_baseline(folder: Path, *, customers: int, seed: int, months: int = 24) -> dict[str, Score]:
    """Simulate an enriched bank and score the keyword rules on it."""
    simulate(customers=customers, months=months, seed=seed, out=folder, rates="enriched")
    bookings = load_bookings(folder / "bookings.parquet").frame
    events = pd.read_csv(folder / "events.csv", parse_dates=["first_detectable_date", "last_useful_date"])
    return score_detections(detect_by_keywords(bookings), events)


def macro_f1(scores: dict[str, Score]) -> float:
    """Mean F1 over the events of the taxonomy."""
    return float(np.mean([score.f1 for score in scores.values()]))


def main() -> None:
    """Print the table of scores."""
    customers, seed = (int(value) for value in [*sys.argv[1:], *["400", "1"][len(sys.argv) - 1 :]])
    with tempfile.TemporaryDirectory() as folder:
        scores = run_baseline(Path(folder), customers=customers, seed=seed)
    for event, score in scores.items():
        print(f"{event:26s} f1 {score.f1:.2f}  hits {score.hits}  false {score.false_alarms}  missed {score.misses}")
    spoken = [scores[event].f1 for event in KEYWORDS]
    print(f"macro-F1 {macro_f1(scores):.3f} over {len(scores)} events; {np.mean(spoken):.3f} over those with a rule")


if __name__ == "__main__":
    main()
