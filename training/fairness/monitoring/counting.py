"""From what was served to the count cube of each question, month by month: in how many of its units was there a case?

A unit is a customer in a month, and a case is that customer once, however often it came about: a customer with many
answers is no crowd. So every question has one shape, and the cube, its intervals and its disclosure rules hold for all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.permission_files import permissions_as_of
from models.purposes import AMSTERDAM, PurposeRegistry
from models.served import OTHER, Served
from models.taxonomy import Taxonomy
from training.fairness.cube import Cube, Rows, build_cube
from training.matching import match_events

OFFERS = "own_product_offers"  # the purpose whose permission is counted
RATE = "offer_rate"  # the cube's rate of cases over units
QUESTIONS = ("answers", "offers", "false_answers", "missed", "complaints", "coverage", "allowed", "said_no")
_OFFERED = ("S", "L")  # offer classes of the taxonomy; care never carries an offer
_NOES = ("withdrawn", "objected")
_CASE = "case"  # the one event of a question's cube


@dataclass(frozen=True, kw_only=True)
class People:
    """Whom the count is about: customers who allow it, and their groups (one column per ground, in their order)."""

    customers: np.ndarray
    groups: pd.DataFrame
    months: tuple[str, ...]

    def matrix(self, table: pd.DataFrame) -> np.ndarray:
        """Customers x months: true where the table (customer_id, month) has a row."""
        inside = np.zeros((len(self.customers), len(self.months)), dtype=bool)
        rows = pd.Index(self.customers).get_indexer(table["customer_id"])
        columns = pd.Index(self.months).get_indexer(table["month"])
        known = (rows >= 0) & (columns >= 0)
        inside[rows[known], columns[known]] = True
        return inside


@dataclass(frozen=True, kw_only=True)
class Question:
    """Units and cases of one question, customers x months of bool; a case is always a unit."""

    units: np.ndarray
    cases: np.ndarray


def list_months(served: Served) -> tuple[str, ...]:
    """Every month from the first to the last in which somebody was judged or asked about."""
    seen = sorted({*served.judged["month"], *served.asked["month"]})
    return tuple(pd.period_range(seen[0], seen[-1], freq="M").strftime("%Y-%m")) if seen else ()


def count_questions(
    served: Served, people: People, taxonomy: Taxonomy, *, truth: pd.DataFrame | None, ledger: pd.DataFrame | None,
    registry: PurposeRegistry,
) -> dict[str, Question | None]:  # fmt: skip
    """Units and cases of every question; None where nothing was there to count.

    Parameters
    ----------
    truth : DataFrame, optional
        True events, as far as they are known yet. One whose span ends after the last month may still be found, and is
        left out.
    ledger : DataFrame, optional
        Permission events (`models.permission.load_permissions`).
    """
    judged, asked = people.matrix(served.judged), people.matrix(served.asked)
    told = served.told.assign(month=served.told["detected_on"].dt.strftime("%Y-%m"))
    offering = told[told["event"].isin(offering_events(taxonomy))]
    answered = judged & people.matrix(offering)
    questions: dict[str, Question | None] = dict.fromkeys(QUESTIONS)
    if judged.any():
        questions["answers"] = Question(units=judged, cases=answered)
        questions["complaints"] = Question(units=judged, cases=judged & people.matrix(served.spoke))
        questions["coverage"] = Question(units=np.ones_like(judged), cases=judged)
    if asked.any():
        offered = people.matrix(served.asked[served.asked["offered"].astype(bool)])
        questions["offers"] = Question(units=asked, cases=offered)
    if truth is not None and judged.any():
        questions |= _with_truth(told, offering, truth, people, judged=judged, answered=answered)
    if ledger is not None:
        questions |= _of_permission(ledger, people, registry)
    return questions


def offering_events(taxonomy: Taxonomy) -> list[str]:
    """Events that may carry an offer, as the audit counts answers."""
    return [event.id for event in taxonomy.events if event.offer_class in _OFFERED]


def _with_truth(
    told: pd.DataFrame, offering: pd.DataFrame, truth: pd.DataFrame, people: People, *, judged: np.ndarray,
    answered: np.ndarray,
) -> dict[str, Question | None]:  # fmt: skip
    last_day = pd.Period(people.months[-1], freq="M").end_time
    matched = match_events(told, truth)
    false = told.index[matched.of_detection < 0]
    months = truth["first_detectable_date"].dt.strftime("%Y-%m")
    events = truth.assign(month=months, missed=matched.of_truth < 0)
    ripe = events[events["last_useful_date"] <= last_day]
    happened = judged & people.matrix(ripe)
    missed = happened & people.matrix(ripe[ripe["missed"]])
    wrong = answered & people.matrix(offering[offering.index.isin(false)])
    return {
        "false_answers": Question(units=answered, cases=wrong),
        "missed": Question(units=happened, cases=missed),
    }


def _of_permission(ledger: pd.DataFrame, people: People, registry: PurposeRegistry) -> dict[str, Question | None]:
    """Who allows offers at the end of each month, and who said no in it."""
    everybody = np.ones((len(people.customers), len(people.months)), dtype=bool)
    allowed = np.zeros_like(everybody)
    for number, month in enumerate(people.months):
        end = (pd.Period(month, freq="M") + 1).start_time.tz_localize(AMSTERDAM).to_pydatetime()
        allowed[:, number] = np.isin(people.customers, sorted(permissions_as_of(ledger, OFFERS, end, registry)))
    noes = ledger[(ledger["purpose"] == OFFERS) & ledger["action"].isin(_NOES)]
    noes = noes.assign(month=noes["at"].dt.tz_convert(AMSTERDAM).dt.strftime("%Y-%m"))
    return {
        "allowed": Question(units=everybody, cases=allowed),
        "said_no": Question(units=everybody, cases=people.matrix(noes)),
    }


def build_question_cube(question: Question, people: People) -> Cube:
    """The cube of one question: a single event, a period per month, units as exposure."""
    customer, period = np.nonzero(question.cases)
    yes = np.ones(len(customer), dtype=bool)
    rows = Rows(
        customer=customer, event=np.zeros(len(customer), dtype=np.int64), true=~yes, predicted=~yes, offered=yes,
        period=period,
    )  # fmt: skip
    return build_cube(
        rows, people.groups, events=(_CASE,), periods=people.months, exposure=question.units.astype(float)
    )


def count_per_event(spoke: pd.DataFrame, *, hide_below: int, known: Sequence[str]) -> list[Mapping[str, object]]:
    """Corrections and complaints per event, of everybody together; None where there are some, but too few to tell."""
    named = spoke.assign(event=spoke["event"].where(spoke["event"].isin(known), OTHER))
    once = named.drop_duplicates(["customer_id", "event", "kind", "month"])
    rows: list[Mapping[str, object]] = []
    for (event, kind), mine in once.groupby(["event", "kind"], sort=True):
        few = mine["customer_id"].nunique() < hide_below
        rows.append({"event": str(event), "kind": str(kind), "n": None if few else len(mine)})
    return rows
