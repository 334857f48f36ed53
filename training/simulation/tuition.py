"""A student's tuition: ten terms of a study year or all at once, where the student pays it."""

from dataclasses import dataclass

from training.simulation.ledger import Party
from training.simulation.life import Life
from training.simulation.parameters import figure, load_table
from training.simulation.paydays import Month

_SEPTEMBER = 9


@dataclass(frozen=True, slots=True)
class Tuition:
    """Who collects it and when; `with_finance` says that the student gets student finance beside it."""

    party: Party
    at_once: bool
    day: int
    with_finance: bool


def plan_tuition(life: Life) -> Tuition | None:
    """How this student pays; None where parents do. Drawn from `life.side`: a sign that a few customers alone have."""
    forms, dice = figure("everyday", "tuition_forms"), life.side
    if not dice.chance(forms["pays_itself"]):
        return None
    at_once = dice.chance(forms["at_once"])
    party = life.party("events", "tuition", collects=not at_once)
    day = dice.whole(1, 28) if at_once else dice.whole(25, 28)
    return Tuition(party, at_once, day, not dice.chance(forms["without_finance"]))


def term_of(month: Month) -> int:
    """The number of a month in the study year: 1 in September, 12 in August."""
    return (month.month - _SEPTEMBER) % 12 + 1


def cents_due(tuition: Tuition, month: Month, *, starts: bool) -> int:
    """What is due in a month, in cents; 0 where nothing is. Who `starts` pays at once whenever that is."""
    terms = figure("everyday", "tuition_forms")["terms"]
    euros = load_table("amounts_benefits")["tuition"]["value"]
    begun = str(month.year if month.month >= _SEPTEMBER - 1 else month.year - 1)
    year = int(100 * euros[min(max(begun, min(euros)), max(euros))])
    if tuition.at_once:
        return year if starts or term_of(month) == 1 else 0
    return year // terms if term_of(month) <= terms else 0
