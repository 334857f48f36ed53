"""Findings in words that people read: every name is that of the report, and the reason is the true one.

Where there are enough people and the gap is the trouble, no sentence says that people are missing.
"""

import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from typing import Any

from models.taxonomy import Taxonomy
from training.fairness.verdicts import NOT_ESTABLISHED, Fact
from training.report.gaps import (
    is_hidden,
    name_cell,
    name_event,
    name_other_people,
    name_people,
    tell_coverage,
    tell_gap,
    tell_margin,
    tell_share,
    tell_unit,
)
from training.report.texts import LANGUAGES, Texts, load_texts

Told = dict[str, str]
_ALONE = ("itself",)  # groups that are held against nobody


def tell_fact(fact: Fact, taxonomy: Taxonomy) -> Told:
    """A figure with its verdict: whom it is about, how large the gap is, or why nothing is established."""
    return {language: _tell_fact(fact, taxonomy, load_texts(language)) for language in LANGUAGES}


def _tell_fact(fact: Fact, taxonomy: Taxonomy, texts: Texts) -> str:
    language = texts.language
    parts = {name: _part(name, fact, texts) for name in ("compared", "shares", "measured")}
    n = "" if fact["n"] is None else texts.count(fact["n"])
    needed = "" if fact["n_needed"] is None else texts.count(fact["n_needed"])
    why = ""
    if fact["verdict"] == NOT_ESTABLISHED:
        why = _words()["why"][_why(fact)][language].format(n=n, needed=needed, unit=tell_unit(fact, texts), **parts)
    said = _words()["verdicts"][fact["verdict"]][language].format(
        title=texts(f"rates.{fact['rate']}.title"), event=name_event(_event(fact), taxonomy, texts),
        who=name_people(fact["ground"], fact["group"], texts), why=why, **parts,
    )  # fmt: skip
    return " ".join(str(said).split())


def _why(fact: Fact) -> str:
    reason = str(fact["reason"] or "")
    if is_hidden(fact):
        return "hidden"
    if reason.startswith("too few"):
        return "few"
    if fact["point"] is None or fact["interval"] is None:
        return "undefined"
    if "Holm" in reason:
        return "holm"
    if fact["measure"] == "harm_ratio":  # of which no number needed is known
        return "had"
    if fact["n_needed"] is None:
        return "never"
    return "close" if fact["n"] >= fact["n_needed"] else "needed"


def _event(fact: Fact) -> str:
    return "all" if fact["event"] in ("all", "macro") else str(fact["event"])


def _part(name: str, fact: Fact, texts: Texts) -> str:
    """A sentence of a figure; empty where the figure has no number for it."""
    if fact["point"] is None or fact["interval"] is None or fact["n"] is None:
        return ""
    alone = fact["against"] in _ALONE
    if name == "shares" and (alone or fact["share"] is None or fact["share_against"] is None):
        return ""
    gap = tell_gap(fact, texts)
    key = "alone" if name == "compared" and alone else name
    return str(_words()["parts"][f"{key}_{texts.language}"]).format(
        other=name_other_people(fact, texts), gap=texts(f"gap.{fact['measure']}", gap=gap.text), span=gap.note,
        margin=tell_margin(fact, texts), n=texts.count(fact["n"]), unit=tell_unit(fact, texts),
        share=tell_share(fact, fact["share"], texts), share_against=tell_share(fact, fact["share_against"], texts),
    )  # fmt: skip


# ---- gates that are no figure of the cube ---------------------------------------------------------------------------


def tell_gate(gate: str, fill: Callable[[Texts], Mapping[str, str]]) -> Told:
    """The sentence of a gate; `fill` gives its blanks in the words of a language."""
    return {
        language: str(_words()["gates"][gate][language]).format(**fill(load_texts(language))) for language in LANGUAGES
    }


def tell_swap(kind: Mapping[str, Any], limit: float) -> Told:
    """A kind of swap and how often the outcome changes at most."""
    known = kind["upper"] is not None

    def fill(texts: Texts) -> dict[str, str]:
        upper = {"upper": texts.percent(kind["upper"], 2)} if known else {}
        what, origin = texts.name("swaps", kind["kind"]), texts.name("origins", kind["origin"])
        return {"kind": what, "origin": origin, "limit": texts.percent(limit, 2), **upper}

    return tell_gate("swaps" if known else "swaps_unknown", fill)


def tell_leakage(row: Mapping[str, Any], limit: float) -> Told:
    """How well a group can be guessed from scores."""
    known = row["auc"] is not None and row["interval"] is not None and row["n"] is not None
    few = known and row["reason"] is not None
    known = known and (not few or row["n_needed"] is not None)

    def fill(texts: Texts) -> dict[str, str]:
        told = {"group": name_cell(row, texts)}
        if known:
            told |= {"auc": texts.decimal(row["auc"], 2), "upper": texts.decimal(row["interval"][1], 2)}
            told |= {"limit": texts.decimal(limit, 2), "n": texts.count(row["n"])}
            if few:
                told["needed"] = texts.count(row["n_needed"])
        return told

    return tell_gate("leakage_unknown" if not known else "leakage_few" if few else "leakage", fill)


def tell_ratchet(row: Mapping[str, Any]) -> Told:
    """How a group that is worst off fares against the champion, on the same customers and events."""

    def fill(texts: Texts) -> dict[str, str]:
        told = {"who": name_people(row["ground"], row["group"], texts)}
        if row["interval"] is not None:
            low, high = (texts.decimal(100 * end, 1) for end in row["interval"])
            told |= {"before": texts.percent(row["champion"]), "now": texts.percent(row["candidate"])}
            told |= {"low": low, "high": high, "margin": texts.decimal(100 * row["margin"], 1)}
            told |= {"gap": texts.decimal(100 * row["point"], 1), "n": texts.count(row["n"])}
        return told

    return tell_gate("ratchet" if row["interval"] is not None else "ratchet_unknown", fill)


def tell_trap(trap: Mapping[str, Any], model: str, *, most: float) -> Told:
    """How many customers in a trap, and how many equal ones outside it, a model answers wrongly."""

    def fill(texts: Texts) -> dict[str, str]:
        sides = {side: texts.count(round(value)) for side, value in trap[model]["per_1000"].items()}
        return {"trap": trap["text"][texts.language], "most": texts.count(round(most)), **sides}

    sides = trap[model]["per_1000"]
    # A trap may strike those outside it: a foreign currency gives a trip away, so that the other's goes unseen.
    outside = trap["measure"] == "missed_events" and sides["equal"] > sides["trapped"]
    return tell_gate("missed_events_outside" if outside else trap["measure"], fill)


def tell_missing(reason: str, taxonomy: Taxonomy) -> Told:
    """What was agreed and not measured."""
    return tell_gate("coverage", lambda texts: {"what": _sentence(tell_coverage(reason, taxonomy, texts))})


def tell_not_measured(what: str) -> Told:
    """A whole part of the audit that is not there."""
    return tell_gate(
        "not_measured",
        lambda texts: {"what": texts.name("swaps", what) if what == "names" else texts.name("parts", what)},
    )


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


@cache
def _words() -> dict[str, Any]:
    return tomllib.loads(resources.files("training.fairness").joinpath("findings.toml").read_text("utf-8"))


def not_known() -> list[Told]:
    """What no audit of this kind can know, in every language."""
    return [dict(one) for one in _words()["not_known"]]
