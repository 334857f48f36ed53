"""Facts of a run as tables for people who want to look at errors. They hold labels and counts, never a booking.

Everything is taken from the facts; nothing is computed that the facts do not say.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from training.splits import KINDS

FALSE_REASONS = ("wrong_date", "wrong_event", "no_event", "told_twice")
MISSED_REASONS = ("wrong_date", "wrong_event", "not_found")


def list_tables(facts: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """File name to table, of everything that these facts have."""
    made = {
        "splits.csv": split_table(facts),
        "confusion.csv": confusion_table(facts),
        "confused_pairs.csv": confused_pairs(facts),
        "event_errors.csv": event_errors(facts),
        "event_figures.csv": event_figures(facts),
    }
    return {name: table for name, table in made.items() if len(table)}


def split_table(facts: Mapping[str, Any]) -> pd.DataFrame:
    """One row per kind of split, with the figures of `facts["splits"]`."""
    given = facts.get("splits", {})
    return pd.DataFrame([{"split": kind, **given[kind]} for kind in KINDS if kind in given])


def confusion_table(facts: Mapping[str, Any]) -> pd.DataFrame:
    """Bookings by true label (rows) and answer (columns)."""
    told = facts["bookings"]["confusion"]
    table = pd.DataFrame(told["counts"], columns=told["answers"], index=pd.Index(told["labels"], name="label"))
    return table.reset_index()


def confused_pairs(facts: Mapping[str, Any]) -> pd.DataFrame:
    """Columns label, answer, n: wrong answers, the most frequent first; abstained bookings are not among them."""
    told = facts["bookings"]["confusion"]
    rows = [
        (label, answer, n)
        for label, counts in zip(told["labels"], told["counts"], strict=True)
        for answer, n in zip(told["answers"], counts, strict=True)
        if n and answer != label and answer in told["labels"]
    ]
    table = pd.DataFrame(rows, columns=["label", "answer", "n"])
    return table.sort_values(["n", "label", "answer"], ascending=[False, True, True], ignore_index=True)


def event_errors(facts: Mapping[str, Any]) -> pd.DataFrame:
    """Per event how many detections were false and how many true events were missed, by reason."""
    rows = []
    for event, figures in facts["events"]["per_event"].items():
        errors = figures.get("errors", {"false": {}, "missed": {}})
        counts = {f"false_{reason}": errors["false"].get(reason, 0) for reason in FALSE_REASONS}
        counts |= {f"missed_{reason}": errors["missed"].get(reason, 0) for reason in MISSED_REASONS}
        rows.append({"event": event, "n_true": figures["n_true"], "n_found": figures["n_found"], **counts})
    return pd.DataFrame(rows)


def event_figures(facts: Mapping[str, Any]) -> pd.DataFrame:
    """Per event all figures, intervals as two columns, and beside them how many were foretold."""
    predicted = facts["events"].get("predict", {}).get("per_event", {})
    rows = []
    for event, figures in facts["events"]["per_event"].items():
        row: dict[str, Any] = {"event": event}
        for name, value in figures.items():
            if name.endswith("_interval"):
                row[f"{name}_low"], row[f"{name}_high"] = value or (None, None)
            elif name != "errors":
                row[name] = value
        told = predicted.get(event, {})
        rows.append(row | {f"predict_{name}": told.get(name) for name in ("n_true", "foretold", "later", "recall")})
    return pd.DataFrame(rows)
