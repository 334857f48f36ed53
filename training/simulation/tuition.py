"""A student's tuition: up to ten terms of a study year or all at once, where the student pays it."""

from dataclasses import dataclass, replace
from datetime import date

from training.simulation.ledger import Party
from training.simulation.life import Life
from training.simulation.parameters import figure, load_table
from training.simulation.paydays import Month

_SEPTEMBER = 9
MOST_TERMS = 10  # one a month from September to June; domain specification 1.4


@dataclass(frozen=True, slots=True)
class Tuition:
    """Who collects it, in how many terms and when; `with_finance`: the student gets student finance beside it.

    Before `own_from` (ordinal) parents pay it.
    """

    party: Party
    terms: int
    day: int
    with_finance: bool
    own_from: int = 0


def plan_tuition(life: Life) -> Tuition | None:
    """How this student pays; None where parents do. Drawn from `life.side`: a sign that a few customers alone have."""
    forms, dice = figure("everyday", "tuition_forms"), life.side
    if not dice.chance(forms["pays_itself"]):
        return None
    terms = int(dice.weigh(forms["terms"]))
    party = life.party("events", "tuition", collects=terms > 1)
    day = dice.whole(1, 28) if terms == 1 else dice.whole(25, 28)
    return Tuition(party, terms, day, not dice.chance(forms["without_finance"]))


def plan_later_years(life: Life) -> Tuition | None:
    """How a student pays who began before; some whose parents paid the first years take over in a September."""
    tuition, share = plan_tuition(life), figure("everyday", "tuition_forms")["taken_over"]
    if tuition is None or not tuition.with_finance or not life.side.chance(share):
        return tuition
    begun = date.fromordinal(life.start)
    september = date(begun.year + (begun.month >= _SEPTEMBER), _SEPTEMBER, 1)
    return replace(tuition, own_from=september.toordinal())


def term_of(month: Month) -> int:
    """The number of a month in the study year: 1 in September, 12 in August."""
    return (month.month - _SEPTEMBER) % 12 + 1


def cents_due(tuition: Tuition, month: Month, *, starts: bool) -> int:
    """What is due in a month, in cents; 0 where nothing is. Who `starts` pays the first term whenever that is."""
    if month.first < tuition.own_from:
        return 0
    euros = load_table("amounts_benefits")["tuition"]["value"]
    begun = str(month.year if month.month >= _SEPTEMBER - 1 else month.year - 1)
    year = int(100 * euros[min(max(begun, min(euros)), max(euros))])
    months, term = MOST_TERMS // tuition.terms, term_of(month) - 1
    due = term < MOST_TERMS and term % months == 0
    return year // tuition.terms if due or (starts and tuition.terms < MOST_TERMS) else 0
