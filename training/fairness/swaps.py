"""Direct distinction: bookings that differ in a name, a shop, a place, a payer or a spelling get the same answer?

The whole path that serving uses is asked (`classify_bookings` and `detect_events`: screening, masking, classifier,
detector) about copies of synthetic histories. A pair is one booking, as it was and as swapped. It flips when its own
label or abstention changes, or when a detection of its customer that cites it comes, goes, or changes its day or
status; a changed detection that cites no swapped booking is the customer's first pair. All private names of a customer
change at once, each person's to another's, so that who is who stays the same. Pairs of one customer hang together:
beside the number of pairs stands that of customers.
"""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from models.bookings import MONEY
from models.detection import Model, classify_bookings, detect_events
from models.errors import UsageError
from models.events import DETECTION_COLUMNS
from models.screening import Screening
from models.taxonomy import NONE, SCREENED
from training.fairness.intervals import clopper_pearson, newcombe_difference
from training.fairness.policy import FairnessPolicy, default_fairness_policy
from training.fairness.swap_names import NamedBookings, open_names
from training.fairness.swap_suite import PLACEBO, Proxy, Suite, Wording
from training.fairness.verdicts import ESTABLISHED, EXCEEDED, NOT_ESTABLISHED, Fact, judge

NAMES, SPELLING = "names", "spelling"
_FLIP = ["customer_id", "event", "onset_date", "status", "offer_class"]
_TRANSLITERATED = str.maketrans(
    {
        "ö": "oe",
        "ü": "ue",
        "ş": "sh",
        "ç": "ch",
        "ğ": "gh",
        "ı": "i",
        "İ": "I",
        "Ö": "Oe",
        "Ü": "Ue",
        "Ş": "Sh",
        "Ç": "Ch",
    }
)
_PLANTED_IBAN = "NL91ABNA0417164300"  # the example account of the IBAN registry


@dataclass(frozen=True)
class Histories:
    """Bookings of some synthetic customers up to a day, with the private names in them found."""

    as_of: date
    bookings: pd.DataFrame
    opened: NamedBookings


@dataclass(frozen=True)
class Copy:
    """Histories as they are asked about; `at` are the positions of the bookings that make pairs."""

    bookings: pd.DataFrame
    at: np.ndarray


@dataclass(frozen=True)
class _Answer:
    """What the release says: one row per pair of the copy, and the detections of all its customers."""

    told: pd.DataFrame
    detections: pd.DataFrame


@dataclass(frozen=True)
class _Differences:
    """Per pair whether it flips, whether any score differs, and by how much at most; the event behind a flip."""

    flips: np.ndarray
    changed: np.ndarray
    largest: np.ndarray
    event: np.ndarray


def run_swaps(
    histories: Histories, release: Model, *, suite: Suite, policy: FairnessPolicy | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:  # fmt: skip
    """Swap names, spellings, shops, places and payers in synthetic histories, and count what changes.

    Parameters
    ----------
    histories : Histories
        By `open_histories`.
    release
        What serving would load.
    policy : FairnessPolicy, optional
        The gates; by default those in force.

    Returns
    -------
    dict
        version, sha256, pairs (of names against the reference), customers, kinds (a row per kind and origin: pairs,
        customers, events (pairs whose reference is answered with an event), flips, score_changes,
        largest_score_change, flip_rate, upper bound, excess over the placebo as [low, high], placebo, verdict, gated),
        placebo (the noise floor per kind) and examples; JSON data.
    """
    policy = default_fairness_policy() if policy is None else policy
    ask = _Asking(release, histories.as_of, suite, policy)
    progress("swapping names")
    rows, examples = ask.compare(NAMES, name_copies(histories, suite))
    progress("swapping spellings")
    found = [ask.compare(SPELLING, _spelling_copies(histories, suite))]
    for kind, proxy in suite.proxies.items():
        progress(f"swapping {kind}")
        found.append(ask.compare(kind, _proxy_copies(histories.bookings, proxy, suite)))
    for more, shown in found:
        rows, examples = rows + more, examples + shown
    return {
        "version": suite.version, "sha256": suite.sha256, "customers": int(histories.bookings["customer_id"].nunique()),
        "pairs": sum(row["pairs"] for row in rows if row["kind"] == NAMES and not row["placebo"]),
        "kinds": rows, "examples": examples,
        "placebo": {row["kind"]: {name: row[name] for name in ("pairs", "flips", "flip_rate", "upper")}
                    for row in rows if row["placebo"]},
    }  # fmt: skip


def open_histories(bookings: pd.DataFrame, screening: Screening, *, as_of: date, suite: Suite, seed: int) -> Histories:
    """The bookings up to `as_of` of as many customers as the suite says, taken at random.

    Parameters
    ----------
    bookings : DataFrame
        The bookings table of synthetic customers, by the simulator: private persons are found by its name lists.

    Raises
    ------
    UsageError
        There are no bookings up to `as_of`.
    """
    chosen = _choose(bookings, as_of=as_of, customers=suite.customers, seed=seed)
    return Histories(as_of, chosen, open_names(chosen, screening, seed=seed))


def _choose(bookings: pd.DataFrame, *, as_of: date, customers: int, seed: int) -> pd.DataFrame:
    known = bookings[bookings["booking_date"] <= pd.Timestamp(as_of)]
    ids = np.array(sorted(set(known["customer_id"]) - {""}), dtype=object)
    if not len(ids):
        raise UsageError("There are no bookings of customers up to that day to swap. Give synthetic histories.")
    chosen = np.random.default_rng(seed).permutation(ids)[:customers]
    return known[known["customer_id"].isin(chosen)].reset_index(drop=True)


# ---- copies ---------------------------------------------------------------------------------------------------------


def name_copies(histories: Histories, suite: Suite) -> dict[str, Copy]:
    """The reference, its placebo (every person under the name of another), and a copy per origin."""
    bookings, opened, dutch = histories.bookings, histories.opened, suite.names[suite.reference]
    copies = {suite.reference: opened.fill(bookings, dutch), PLACEBO: opened.fill(bookings, dutch, shift=11)}
    copies |= {origin: opened.fill(bookings, suite.names[origin]) for origin in suite.origins}
    return {origin: Copy(copy, opened.at) for origin, copy in copies.items()}


def _spelling_copies(histories: Histories, suite: Suite) -> dict[str, Copy]:
    bookings, opened, names = histories.bookings, histories.opened, suite.names[suite.spelling_origin]
    written = opened.fill(bookings, names)
    copies = {suite.spelling_origin: written, PLACEBO: opened.fill(bookings, names, shift=11)}
    copies |= {way: _respelled(written, opened.at, way) for way in suite.ways}
    return {way: Copy(copy, opened.at) for way, copy in copies.items()}


def _respelled(bookings: pd.DataFrame, at: np.ndarray, way: str) -> pd.DataFrame:
    """Names and texts of these bookings written in another way; `mixed` does it to every second one."""
    changed = bookings.copy()
    rows = at[::2] if way == "mixed" else at
    for column in ("counterparty_name", "remittance_information"):
        values = bookings[column].to_numpy(dtype=object).copy()
        values[rows] = [_respell(text, way) for text in values[rows]]
        changed[column] = pd.Series(values, dtype="str", index=bookings.index)
    return changed


def _respell(text: str, way: str) -> str:
    if way == "upper_case":
        return text.upper()
    if way == "transliterated":
        return text.translate(_TRANSLITERATED)
    if way == "composed":
        return unicodedata.normalize("NFC", text)
    decomposed = unicodedata.normalize("NFD", text)
    if way == "decomposed":
        return decomposed
    return "".join(sign for sign in decomposed if not unicodedata.combining(sign))


def _proxy_copies(histories: pd.DataFrame, proxy: Proxy, suite: Suite) -> dict[str, Copy]:
    """The same bookings planted in each copy, in the words of the reference and of each origin."""
    planted = _planted(histories, proxy, planted=suite.planted)
    at = len(histories) + np.arange(len(planted))
    wordings = {"reference": proxy.reference, **proxy.origins}
    return {
        origin: Copy(pd.concat([histories, _worded(planted, listed)], ignore_index=True), at)
        for origin, listed in wordings.items()
    }


def _planted(histories: pd.DataFrame, proxy: Proxy, *, planted: int) -> pd.DataFrame:
    """Bookings without words, evenly over the days of each customer's history."""
    spans = histories.groupby("customer_id")["booking_date"].agg(["min", "max"])
    step = (np.arange(planted) + 1) / (planted + 1)
    days = ((spans["max"] - spans["min"]).dt.days.to_numpy()[:, None] * step).astype(int)
    dates = spans["min"].to_numpy()[:, None] + days.astype("timedelta64[D]")
    number = np.tile(np.arange(planted), len(spans))
    account = histories.groupby("customer_id")["account_iban"].first()
    rows = pd.DataFrame({name: pd.Series("", index=range(len(number)), dtype="str") for name in histories})
    return rows.assign(
        customer_id=pd.Series(np.repeat(spans.index.to_numpy(dtype=object), planted), dtype="str"),
        account_iban=pd.Series(np.repeat(account.to_numpy(dtype=object), planted), dtype="str"),
        booking_id=pd.Series([f"swap-{one:04d}" for one in number], dtype="str"),
        booking_date=dates.ravel().astype("datetime64[s]"),
        value_date=dates.ravel().astype("datetime64[s]"),
        amount=pd.Series([proxy.amounts[one % len(proxy.amounts)] for one in number], dtype="str").astype(MONEY),
        balance_after=pd.Series([None] * len(number), dtype=MONEY),
        currency="EUR",
        credit_debit_indicator=proxy.credit_debit_indicator,
        bank_transaction_code=proxy.bank_transaction_code,
        counterparty_iban=_PLANTED_IBAN,
    ).astype({"booking_date": "datetime64[s]", "value_date": "datetime64[s]"})


def _worded(planted: pd.DataFrame, listed: Sequence[Wording]) -> pd.DataFrame:
    """Each planted booking with a name and a text; one customer's shop or payer keeps to one of the wordings."""
    customers = pd.factorize(planted["customer_id"].to_numpy(dtype=object))[0]
    chosen = [listed[customer % len(listed)] for customer in customers.tolist()]
    texts = [text.replace("number", str(10_000 + 37 * at)) for at, (_, text) in enumerate(chosen)]
    names = pd.Series([name for name, _ in chosen], dtype="str", index=planted.index)
    return planted.assign(
        counterparty_name=names, remittance_information=pd.Series(texts, dtype="str", index=planted.index)
    )


# ---- asking and counting --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Asking:
    """Asks the release about copies and holds the differences against the gates."""

    release: Model
    as_of: date
    suite: Suite
    policy: FairnessPolicy

    def compare(self, kind: str, copies: Mapping[str, Copy]) -> tuple[list[Fact], list[dict[str, Any]]]:
        """Facts of every copy but the first, which is the reference, and examples of what changed."""
        answers = _ask(copies, self.release, self.as_of)
        (first, reference), *others = copies.items()
        customers = reference.bookings["customer_id"].to_numpy(dtype=object)[reference.at]
        ids = reference.bookings["booking_id"].to_numpy(dtype=object)[reference.at]
        counted, examples = {}, []
        for origin, copy in others:
            found = _differences(answers[first], answers[origin], customers, ids)
            counted[origin] = found
            examples += self._examples(kind, origin, (reference, copy), (answers[first], answers[origin]), found)
        floor = counted[PLACEBO]
        told = answers[first].told
        common = {
            "customers": len(set(customers)),
            "events": int((~told["label"].isin([NONE, SCREENED]) & ~told["abstained"]).sum()),
        }
        return [self._fact(kind, origin, found, floor, common) for origin, found in counted.items()], examples

    def _fact(self, kind: str, origin: str, found: _Differences, floor: _Differences, common: Fact) -> Fact:
        pairs, flips, changes = len(found.flips), int(found.flips.sum()), int(found.changed.sum())
        confidence = self.policy.numbers["confidence"]
        low, high = (float(end) for end in clopper_pearson(flips, pairs, confidence=confidence))
        excess = None
        if pairs and origin != PLACEBO:
            ends = newcombe_difference(found.flips.mean(), pairs, floor.flips.mean(), pairs, confidence=confidence)
            excess = [float(end) for end in ends]
        fact = {
            "kind": kind, "origin": origin, "pairs": pairs, **common, "flips": flips,
            "score_changes": changes, "largest_score_change": float(found.largest.max(initial=0.0)),
            "flip_rate": flips / pairs if pairs else None, "upper": high if pairs else None, "excess": excess,
            "placebo": origin == PLACEBO, "gated": origin != PLACEBO,
        }  # fmt: skip
        verdict = self._judge_names(fact) if kind == NAMES else self._judge_proxy([low, high], excess, pairs=pairs)
        return {**fact, "verdict": verdict}

    def _judge_names(self, fact: Fact) -> str:
        """No tolerance: one flip, or one score that differs in its last bit, is too much."""
        gates = self.policy.gates
        if fact["flips"] > gates["name_flips"] or fact["score_changes"]:
            return EXCEEDED
        return ESTABLISHED if fact["pairs"] >= gates["name_pairs"] else NOT_ESTABLISHED

    def _judge_proxy(self, rate: Sequence[float], excess: Sequence[float] | None, *, pairs: int) -> str:
        if not pairs:
            return NOT_ESTABLISHED
        gates = self.policy.gates
        verdicts = [judge(rate, low=None, high=gates["proxy_flip_rate"])]
        if excess is not None:
            verdicts.append(judge(excess, low=None, high=gates["placebo_excess"]))
        return next((one for one in (EXCEEDED, NOT_ESTABLISHED) if one in verdicts), ESTABLISHED)

    def _examples(
        self, kind: str, origin: str, copies: Sequence[Copy], answers: Sequence[_Answer], found: _Differences
    ) -> list[dict[str, Any]]:
        """The first pairs that flipped or changed, in words; the texts are synthetic."""
        worst = np.argsort(~found.flips, kind="stable")
        worst = worst[(found.flips | found.changed)[worst]][: self.suite.examples]
        told = [[_in_words(copy, answer, pair) for copy, answer in zip(copies, answers, strict=True)] for pair in worst]
        return [
            {"kind": kind, "origin": origin, "event": found.event[pair] or None, "before": before, "after": after}
            for pair, (before, after) in zip(worst, told, strict=True)
        ]


def _in_words(copy: Copy, answer: _Answer, pair: int) -> str:
    row, told = copy.bookings.iloc[copy.at[pair]], answer.told.iloc[pair]
    text = " / ".join(part for part in (row["counterparty_name"], row["remittance_information"]) if part)
    said = f"abstained from {told['label']}" if told["abstained"] else told["label"]
    return f"{text}: {said} {told['probability']:.6f}"


def _ask(copies: Mapping[str, Copy], release: Model, as_of: date) -> dict[str, _Answer]:
    """All copies in one call each, their customers apart by a prefix."""
    prefixed = [
        copy.bookings.assign(customer_id=f"{number}|" + copy.bookings["customer_id"])
        for number, copy in enumerate(copies.values())
    ]
    detections = detect_events(pd.concat(prefixed, ignore_index=True), as_of=as_of, release=release)
    copied = detections["customer_id"].str.split("|", n=1, expand=True).reindex(columns=[0, 1])
    detections = detections[list(DETECTION_COLUMNS)].assign(customer_id=copied[1])
    pairs = [copy.bookings.iloc[copy.at] for copy in copies.values()]
    told = classify_bookings(pd.concat(pairs, ignore_index=True), release=release)
    bounds = np.cumsum([0, *(len(one) for one in pairs)])
    return {
        origin: _Answer(
            told=told.iloc[bounds[number] : bounds[number + 1]].reset_index(drop=True),
            detections=detections[(copied[0] == str(number)).to_numpy()].reset_index(drop=True),
        )
        for number, origin in enumerate(copies)
    }


def _differences(before: _Answer, after: _Answer, customers: np.ndarray, ids: np.ndarray) -> _Differences:
    """Compare two answers about the same pairs, whose customers and booking ids are given."""
    labels = (before.told["label"] != after.told["label"]) | (before.told["abstained"] != after.told["abstained"])
    scores = [one.told["probability"].to_numpy() for one in (before, after)]
    flips, changed = labels.to_numpy(dtype=bool).copy(), scores[0] != scores[1]
    largest = np.abs(scores[0] - scores[1])
    event = np.where(flips, after.told["label"].to_numpy(dtype=object), "").astype(object)
    where: dict[tuple[str, str], int] = {}
    for pair, (customer, booking) in enumerate(zip(customers.tolist(), ids.tolist(), strict=True)):
        where[customer, booking] = pair
        where.setdefault((customer, ""), pair)
    for row in _changed_detections(before.detections, after.detections):
        cited = [(row["customer_id"], booking) for booking in row["evidence"].split()]
        for key in [key for key in cited if key in where] or [(row["customer_id"], "")]:
            pair = where[key]
            flips[pair] |= row["flipped"]
            changed[pair] = True
            largest[pair] = max(largest[pair], row["by"])
            event[pair] = row["event"]
    return _Differences(flips, changed | flips, largest, event)


def _changed_detections(before: pd.DataFrame, after: pd.DataFrame) -> list[dict[str, Any]]:
    """Detections that stand on one side only (`flipped`), or on both with another score, day or evidence."""
    sides = [one.assign(time=one.groupby(_FLIP, dropna=False).cumcount()) for one in (before, after)]
    both = sides[0].merge(sides[1], on=[*_FLIP, "time"], how="outer", suffixes=("", "_after"), indicator="side")
    alone = (both["side"] != "both").to_numpy()
    scores = [both[name].fillna(0.0) for name in ("probability", "probability_after")]
    same = both["probability"] == both["probability_after"]
    for name in ("detected_on", "evidence"):
        same &= both[name] == both[f"{name}_after"]
    evidence = both["evidence"].fillna("").astype(str) + " " + both["evidence_after"].fillna("").astype(str)
    table = both.assign(evidence=evidence, flipped=alone, by=(scores[0] - scores[1]).abs())[~same.to_numpy()]
    return table[["customer_id", "event", "evidence", "flipped", "by"]].to_dict("records")
