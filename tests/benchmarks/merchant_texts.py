"""Labelled payee texts made from public gazetteers: small sets in several languages, split by name.

A set asks for the category of brands and payees that training never named, plainly written or as banks print them:
terminal prefix, intermediary, number of the branch, city, cut off, upper case. The amounts say nothing.
"""

import csv
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

GAZETTEERS = Path(__file__).resolve().parents[3] / "shared" / "data" / "gazetteers"
_PREFIXES = ("CCV*", "BCK*", "SumUp *", "Zettle_*", "PAY.nl*", "CM.com*", "SQ *", "")
_INTERMEDIARIES = ("via Mollie", "via Adyen", "by Buckaroo", "via Stripe", "via Klarna")
_COUNTRIES = {
    "DE": "Germany", "ES": "Spain", "FR": "France", "GB": "United Kingdom", "IT": "Italy", "TR": "Turkey",
}  # fmt: skip
_FEWEST_NAMES = 8  # names a class needs, so that some are left to test on
_TEST_SHARE = 0.4


@dataclass(frozen=True)
class TextSet:
    """A labelled set: bookings to fit on and bookings of other names to test on."""

    train: pd.DataFrame
    train_labels: np.ndarray
    test: pd.DataFrame
    test_labels: np.ndarray


def brand_categories() -> dict[str, list[str]]:
    """Brand and operator names per OpenStreetMap category (name-suggestion-index); names of two categories are out."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in _rows("nl_brands_osm_nsi.csv"):
        found[row["displayName"]].add(f"{row['osm_key']}={row['osm_value']}")
    return _by_class({name: kinds.pop() for name, kinds in found.items() if len(kinds) == 1})


def payee_kinds(country: str) -> dict[str, list[str]]:
    """Persons, airlines and airports of a country beside the largest categories of brands known the world over."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for row in _rows("nl_brands_osm_nsi.csv"):
        if row["scope"] == "world" and row["tree"] == "brands":
            kinds[row["osm_value"]].append(row["displayName"])
    kinds = defaultdict(list, {kind: sorted(set(names)) for kind, names in kinds.items() if len(names) > 40})
    kinds["person"] = _persons(country)
    for kind, at in (("airline", 6), ("airport", 3)):
        with (GAZETTEERS / "openflights" / f"{kind}s.dat").open(encoding="utf-8") as lines:
            kinds[kind] = sorted({row[1] for row in csv.reader(lines) if row[at] == _COUNTRIES[country]})
    if country == "DE":
        banks = json.loads((GAZETTEERS / "codes/bank_registry/generated_de.json").read_text("utf-8"))
        kinds["bank"] = sorted({bank["name"] for bank in banks})[::20]
    return {kind: names for kind, names in kinds.items() if len(names) >= _FEWEST_NAMES}


def make_set(
    names_of: dict[str, list[str]], *, classes: int, rows: int, printed: bool, rng: np.random.Generator
) -> TextSet:
    """Draw classes (large ones more often), split their names, and print them as bookings.

    Parameters
    ----------
    names_of
        Names per class.
    classes, rows
        Largest numbers of classes and of bookings to fit on.
    printed
        Whether names are written as banks print them, and repeat; otherwise each stands there once, as it is.
    """
    able = sorted(kind for kind, names in names_of.items() if len(names) >= _FEWEST_NAMES)
    sizes = np.sqrt([len(names_of[kind]) for kind in able])
    drawn = rng.choice(len(able), size=min(classes, len(able)), replace=False, p=sizes / sizes.sum())
    fit: list[tuple[str, str]] = []
    test: list[tuple[str, str]] = []
    for kind in (able[at] for at in sorted(drawn)):
        names = rng.permutation(np.array(names_of[kind], dtype=object))
        held_out = max(2, round(_TEST_SHARE * len(names)))
        test += [(name, kind) for name in names[:held_out]]
        fit += [(name, kind) for name in names[held_out:]]
    fit = _drawn_rows(fit, rows, repeat=printed, rng=rng)
    fit_texts, test_texts = (_bookings([name for name, _ in part], printed=printed, rng=rng) for part in (fit, test))
    return TextSet(fit_texts, _labels(fit), test_texts, _labels(test))


def _drawn_rows(
    named: list[tuple[str, str]], rows: int, *, repeat: bool, rng: np.random.Generator
) -> list[tuple[str, str]]:
    """At most `rows` of them, one of every class first; a few names come back often, as in a wallet."""
    order = rng.permutation(len(named))
    first = {named[at][1]: at for at in order}
    rest = [at for at in order if at not in set(first.values())]
    chosen = [*first.values(), *rest][:rows]
    if repeat and len(chosen) < rows:
        weights = 1 / np.arange(1, len(chosen) + 1)
        chosen += list(rng.choice(chosen, size=rows - len(chosen), p=weights / weights.sum()))
    return [named[at] for at in chosen]


def _bookings(names: list[str], *, printed: bool, rng: np.random.Generator) -> pd.DataFrame:
    cities = [row["Gemeentenaam"] for row in _rows("gemeenten.csv")]
    texts = [_printed(name, cities, rng) if printed else (name, "") for name in names]
    return pd.DataFrame(
        {
            "counterparty_name": [name for name, _ in texts],
            "remittance_information": [text for _, text in texts],
            "amount": np.round(rng.lognormal(3.0, 1.0, len(texts)) + 0.01, 2),
            "credit_debit_indicator": "DBIT",
        }
    )


def _printed(name: str, cities: list[str], rng: np.random.Generator) -> tuple[str, str]:
    """Counterparty name and remittance text as a bank prints a payment to this name."""
    city = str(rng.choice(cities))
    branch = f" {rng.integers(1, 9_999)}" if rng.random() < 0.5 else ""
    style = rng.random()
    if style < 0.45:
        prefix = str(rng.choice(_PREFIXES))
        shown = f"{prefix}{name}{branch} {city} NLD"
        text = (
            f"Pasvolgnr: {rng.integers(1, 9):03d} {_moment(rng)} Transactie: {_reference(rng)} Term: {_reference(rng)}"
        )
    elif style < 0.7:
        shown = f"{name} {rng.choice(_INTERMEDIARIES)}"
        text = f"{rng.integers(10**9, 10**10)} {rng.integers(10**15, 10**16)} {name} bestelling {rng.integers(10**5)}"
    elif style < 0.85:
        shown, text = "", f"BEA, Betaalpas {name}{branch},PAS{rng.integers(10, 999)} NR:{_reference(rng)}, {city}"
    else:
        shown, text = (
            f"{name}{rng.choice(['', ' B.V.', ' Nederland'])}",
            f"Factuur {rng.integers(10**6)} {_moment(rng)}",
        )
    if rng.random() < 0.5:
        shown, text = shown.upper(), text.upper()
    return (shown[: rng.integers(14, 25)] if rng.random() < 0.25 else shown), text


def _moment(rng: np.random.Generator) -> str:
    day, month, hour, minute = (rng.integers(1, top) for top in (29, 13, 24, 60))
    return f"{day:02d}-{month:02d}-2026 {hour:02d}:{minute:02d}"


def _reference(rng: np.random.Generator) -> str:
    return "".join(rng.choice(list("ABCDEFGHJKLMNPRSTUVWXYZ0123456789"), size=rng.integers(6, 9)))


def _persons(country: str) -> list[str]:
    folder = "popular_names_by_country"
    given = [r["Romanized Name"] for r in _rows(f"{folder}/common-forenames-by-country.csv") if r["Country"] == country]
    family = [r["Romanized Name"] for r in _rows(f"{folder}/common-surnames-by-country.csv") if r["Country"] == country]
    return sorted({f"{given[n % len(given)]} {family[n * 7 % len(family)]}" for n in range(80)}) if family else []


def _rows(name: str) -> list[dict[str, str]]:
    with (GAZETTEERS / name).open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


def _by_class(kind_of: dict[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for name, kind in sorted(kind_of.items()):
        found[kind].append(name)
    return dict(found)


def _labels(named: list[tuple[str, str]]) -> np.ndarray:
    return np.array([kind for _, kind in named], dtype=object)
