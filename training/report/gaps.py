"""A fact of the audit in words: whom it is about, how large the gap is, and how far it surely lies from equal."""

import re
from collections.abc import Iterable, Mapping, Sequence
from math import inf, log
from typing import Any

from models.taxonomy import Taxonomy
from training.fairness.cube import RATES
from training.fairness.verdicts import ESTABLISHED, EXCEEDED, NOT_ESTABLISHED
from training.report.blocks import Cell, Tone
from training.report.texts import Texts

Fact = Mapping[str, Any]
VERDICTS = (ESTABLISHED, EXCEEDED, NOT_ESTABLISHED)
MARKS: dict[str, str] = {ESTABLISHED: "\u2713", EXCEEDED: "\u2715", NOT_ESTABLISHED: "?"}
TONES: dict[str, Tone] = {ESTABLISHED: "good", EXCEEDED: "bad", NOT_ESTABLISHED: "open"}
RATIOS = frozenset({"ratio", "harm_ratio", "observed_expected"})
_SAID_THOUSAND = 1000


def is_hidden(fact: Fact) -> bool:
    """Whether even the number of people may not be printed."""
    return fact["n"] is None


def verdict_cell(verdict: str, texts: Texts, note: str = "") -> Cell:
    """One of the three verdicts, in words and with its sign."""
    return Cell(text=texts(f"verdicts.{verdict}"), note=note, tone=TONES[verdict], mark=MARKS[verdict])


def verdict_of(fact: Fact, texts: Texts) -> Cell:
    """The verdict of a fact, with what was needed where it is not established."""
    return verdict_cell(fact["verdict"], texts, _why(fact, texts) if fact["verdict"] == NOT_ESTABLISHED else "")


def _why(fact: Fact, texts: Texts) -> str:
    reason = str(fact["reason"] or "")
    if is_hidden(fact):
        return texts("why.hidden")
    if reason.startswith("too few"):
        return texts("why.few")
    if fact["point"] is None:
        return texts("why.undefined")
    if "Holm" in reason:
        return texts("why.holm")
    if fact["measure"] == "harm_ratio":  # of which no number needed is known
        return texts("why.had", n=texts.count(fact["n"]))
    if fact["n_needed"] is None:
        return texts("why.never", n=texts.count(fact["n"]))
    if fact["n"] >= fact["n_needed"]:
        return texts("why.close", n=texts.count(fact["n"]))
    return texts("why.needed", needed=texts.count(fact["n_needed"]), n=texts.count(fact["n"]))


# ---- whom it is about -----------------------------------------------------------------------------------------------


def name_group(ground: str, group: str, texts: Texts) -> str:
    """A group's short name; of an intersection both."""
    parts = zip(ground.split("*"), group.split("*"), strict=True)
    return texts("units.joined").join(texts.name(f"groups.{one}", name) for one, name in parts)


def name_ground(ground: str, texts: Texts) -> str:
    """A ground's name; of an intersection both."""
    return texts("units.joined").join(texts.name("grounds", one) for one in ground.split("*"))


def name_cell(fact: Fact, texts: Texts) -> str:
    """Ground and group together."""
    return f"{name_ground(fact['ground'], texts)}: {name_group(fact['ground'], fact['group'], texts)}"


def name_other(fact: Fact, texts: Texts) -> str:
    """What a group is compared with."""
    if fact["against"] == "reference":
        return name_group(fact["ground"], fact["other"], texts)
    return texts(f"against.{fact['against']}")


def name_event(event: str, taxonomy: Taxonomy, texts: Texts) -> str:
    """A life event as customers read it."""
    found = [getattr(one, texts.language) for one in taxonomy.events if one.id == event]
    return str(found[0]) if found else texts.name("events", event)


def name_people(ground: str, group: str, texts: Texts) -> str:
    """A group as people: customers who are ..., and who are ..."""
    said = [
        texts.strings["who"].get(one, {}).get(name) or texts("who.in_group", group=texts.name(f"groups.{one}", name))
        for one, name in zip(ground.split("*"), group.split("*"), strict=True)
    ]
    return texts("who.customers", who=texts("who.and").join(said))


def name_other_people(fact: Fact, texts: Texts) -> str:
    """Those whom a group is compared with, as people."""
    if fact["against"] == "reference":
        return name_people(fact["ground"], fact["other"], texts)
    return texts("who.others")


# ---- how large ------------------------------------------------------------------------------------------------------


def tell_share(fact: Fact, value: float | None, texts: Texts) -> str:
    """A rate of one side in the unit that the measure has."""
    if value is None:
        return texts("units.hidden") if is_hidden(fact) else texts("units.no_rate")
    if fact["measure"] in ("mean_difference", "harm_ratio"):
        return texts.decimal(value, 1)
    return texts.percent(value)


def tell_gap(fact: Fact, texts: Texts) -> Cell:
    """The gap with its interval: percentage points, a ratio, or days."""
    if fact["point"] is None or fact["interval"] is None:
        return Cell(text=texts("units.hidden") if is_hidden(fact) else texts("units.no_rate"))
    low, high = (tell_value(fact["measure"], end, texts) for end in fact["interval"])
    return Cell(text=tell_value(fact["measure"], fact["point"], texts), note=texts.span(low, high))


def tell_value(measure: str, value: float | None, texts: Texts) -> str:
    """One number on the scale of a measure; an open end is said to be open."""
    if value is None:
        return texts("units.open_end")
    if measure in RATIOS:
        return texts.decimal(value, 2)
    if measure == "mean_difference":
        return texts.decimal(value, 1)
    return texts.decimal(100 * value, 1)


def tell_margin(fact: Fact, texts: Texts) -> str:
    """The agreed margin of a fact."""
    low, high = (
        None if fact[end] is None else tell_value(fact["measure"], fact[end], texts) for end in ("low", "high")
    )
    unit = texts(f"units.{fact['measure']}")
    if low is not None and high is not None:
        return texts("margin.both", low=low, high=high, unit=unit)
    return texts("margin.low", low=low, unit=unit) if high is None else texts("margin.high", high=high, unit=unit)


def surely_off(fact: Fact) -> float:
    """How far the end of the interval nearest to equal lies from equal, in margins; 0 where equal lies inside.

    Only the side on which the policy has a margin counts. A cell of few people has a wide interval and so a small
    number here, which keeps chance from leading the list of what is worst.
    """
    if fact["interval"] is None:
        return 0.0
    low, high = fact["interval"]
    measure, worst = fact["measure"], 0.0
    for bound, near, sign in ((fact["low"], high, -1.0), (fact["high"], low, 1.0)):
        if bound is not None and near is not None:
            room = sign * _from_equal(measure, bound, fact)
            worst = max(worst, sign * _from_equal(measure, near, fact) / room)
    return worst


def _from_equal(measure: str, value: float, fact: Fact) -> float:
    if measure == "share":  # held against a bound, where 1 is what everybody hopes for
        return value - 1.0
    if measure not in RATIOS:
        return value
    return log(value) if value > 0 else -inf


def pick_worst(facts: Iterable[Fact], *, most: int) -> list[Fact]:
    """The facts that are surely furthest from equal, one per rate and ground, what was found first."""
    told = [fact for fact in facts if fact["interval"] is not None]
    told.sort(key=lambda fact: (_rank(fact), -surely_off(fact), -fact["n"]))
    picked: dict[tuple[str, str], Fact] = {}
    for fact in told:
        picked.setdefault((fact["rate"], fact["ground"].split("*")[0].removesuffix("_merged")), fact)
    return list(picked.values())[:most]


def _rank(fact: Fact) -> int:
    """Found, then asked beforehand, then worth a look, then the rest, among which chance has the longest tail."""
    if fact["verdict"] == EXCEEDED:
        return 0
    if fact["over"] == "macro" and surely_off(fact) > 0:
        return 1
    return 2 if fact.get("signal") else 3


# ---- as people ------------------------------------------------------------------------------------------------------


def tell_as_people(fact: Fact, taxonomy: Taxonomy, texts: Texts) -> str:
    """A fact as what happens to a thousand customers of a group, with the number it rests on."""
    mine, theirs = _per_thousand(fact, fact["share"]), _per_thousand(fact, fact["share_against"])
    key = f"people.{fact['rate']}"
    if fact["rate"] == "recall":
        key += "_more" if mine <= theirs else "_less"
        mine, theirs = _SAID_THOUSAND - mine, _SAID_THOUSAND - theirs
    elif fact["rate"] == "screening_recall":
        mine, theirs = _SAID_THOUSAND - mine, 0.0
    elif fact["measure"] == "mean_difference":
        key += "_more" if fact["point"] >= 0 else "_less"
    digits = 1 if fact["measure"] == "mean_difference" or max(mine, theirs) < 10 else 0
    said = texts(
        key,
        who=name_people(fact["ground"], fact["group"], texts),
        other=name_other_people(fact, texts),
        event=name_event(fact["event"], taxonomy, texts),
        mine=texts.decimal(mine, digits),
        theirs=texts.decimal(theirs, digits),
        more=texts.decimal(abs(round(mine, digits) - round(theirs, digits)), digits),
    )
    return f"{said} {texts('people.rests_on', n=texts.count(fact['n']), unit=tell_unit(fact, texts))}"


def _per_thousand(fact: Fact, share: float | None) -> float:
    if share is None:
        return 0.0
    return share if fact["measure"] in ("mean_difference", "harm_ratio") else _SAID_THOUSAND * share


def tell_unit(fact: Fact, texts: Texts) -> str:
    """What the n of a fact counts; over all events together, a customer counts once per event."""
    whole = RATES[fact["rate"]][1]
    if whole in ("units", "probability"):
        whole = "cases" if fact["over"] == "pooled" else "units"
    return texts(f"units.of.{whole}")


def count_verdicts(facts: Sequence[Fact]) -> dict[str, int]:
    """How many facts have each verdict."""
    return {verdict: sum(fact["verdict"] == verdict for fact in facts) for verdict in VERDICTS}


# ---- what is missing ------------------------------------------------------------------------------------------------


def tell_coverage(reason: str, taxonomy: Taxonomy, texts: Texts) -> str:
    """A gap in the audit, as the audit words it, in the reader's language where the sentence is known."""
    for pattern, sentence in texts.pairs("coverage.sentences"):
        found = re.fullmatch(pattern, reason)
        if found:
            return sentence.format(**_name_parts(found.groupdict(), taxonomy, texts))
    return reason.replace("_", " ")


def _name_parts(parts: Mapping[str, str], taxonomy: Taxonomy, texts: Texts) -> dict[str, str]:
    """Ids in a sentence of the audit as names."""
    named = dict(parts)
    if "ground" in named:
        named["ground"] = name_ground(parts["ground"], texts)
    if "group" in named:
        named["group"] = name_group(parts["ground"], parts["group"], texts)
    if "event" in named:
        named["event"] = name_event(parts["event"], taxonomy, texts)
    if "rate" in named and parts["rate"] in RATES:
        named["rate"] = texts(f"rates.{parts['rate']}.title")
    return named
