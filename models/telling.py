"""What signs of an event must come to before they tell it, and what tells one where nothing was learned.

The figures are those of `detection.toml`; their sources stand there.
"""

from collections.abc import Container, Mapping

import numpy as np

from models.history import parameters
from models.points import STRONG, Points

OVERDRAFT = "overdraft"  # told by a balance below zero: nothing to learn


def tells_nothing(points: Points, history_days: Mapping[str, int]) -> np.ndarray:
    """Points that cannot tell their event, whatever was learned.

    The account shows too little before them, so that what seems a first may have run for years elsewhere; or their
    signs come to less than the event costs, lack support, or go on with another's contract. A counterparty whose signs
    were there too early stays unconvincing, unless its amount steps up by one child, or to that of another contract.

    Parameters
    ----------
    history_days
        Days of bookings that must lie before a sign of an event counts (see `taxonomy.toml`); 0 where absent.
    """
    if not len(points.day):
        return np.zeros(0, dtype=bool)
    days = _of_event(points, history_days, 0.0).astype(np.float32)
    since = points.figure("party_first_history_days")
    runs = (since >= 0) & (since < days)
    units = points.figure("party_step_units")
    goes_on = points.figure("earlier_signs") > 0
    step = ((units > 0.5) & (units < 1.5)) | _is_new_contract(points)
    too_early = (points.figure("history_days") < days) | (runs & ~(step & goes_on))
    other = _too_small(points) | _is_no_newborn(points) | lacks_support(points) | _is_same_contract(points)
    return np.asarray(too_early | other)


def certainty(points: Points) -> np.ndarray:
    """What a score is held down by: no event is surer than the booking that tells it, whatever training made of it.

    On texts that nobody has seen, doubtful bookings are doubtful in new ways.
    """
    is_sign = points.figure("probability_max") >= 0
    return np.where(is_sign, points.figure("probability").clip(0, 1), 1.0)


def careful_rule(points: Points) -> np.ndarray:
    """Score where nothing could be learned: a booking's own probability, for a first sign only.

    Large credits count from three times the monthly income on (domain specification 1.3); own transfers never. An
    account that goes below zero has done so, however often it did before.
    """
    probability = points.figure("probability").clip(0, 1)
    again = parameters()["detector"]["again_after_days"]
    first = (points.figure("earlier_signs") <= 0) | (points.figure("gap_days") > again)
    large = points.figure("income_ratio") >= parameters()["series"]["large_income_ratio"]
    fits = first & (~_is_one_of(points, ("windfall",)) | large) & (points.figure("is_internal") <= 0)
    return np.where(fits | _is_one_of(points, (OVERDRAFT,)), probability, 0.0)


def told_by_rule(points: Points) -> np.ndarray:
    """A score for the first signs of two counterparties, or for one primary sign of a new company; else 0.

    For events of `[told_by_rule]` of `detection.toml` alone. A landlord that takes the place of another at the same
    amount is the same one under a new name.
    """
    settings = parameters()["told_by_rule"]
    tells = _is_one_of(points, settings["events"])
    together = points.figure("probability_sum")
    two = (points.figure("new_parties") >= 2) & (together >= settings["least"]) & (points.figure("earlier_strong") <= 0)
    new = (points.figure("party_bookings") <= 0) & (np.abs(points.figure("other_ratio") - 1) > settings["same"])
    primary = (points.figure("is_primary") > 0) & new & (points.figure("is_person") <= 0)
    sure = points.figure("probability") * primary
    both = np.minimum(together / 2, 1.0)
    told = np.maximum(np.where(two, both, 0.0), sure)
    return settings["score"] * np.maximum(np.where(tells, told, 0.0), np.where(_are_bills(points), both, 0.0))


def _are_bills(points: Points) -> np.ndarray:
    """Second sure bills of an event of `[told_by_rule.bills]`: a builder's terms, a kitchen's down payment and rest."""
    euros = parameters()["told_by_rule"]["bills"]
    least = np.log1p([100 * float(euros.get(event, np.inf)) for event in points.events])
    sure = (points.figure("probability") >= STRONG) & (points.figure("strong_signs") >= 2)
    fresh = points.figure("earlier_strong") <= 0
    return np.asarray(sure & fresh & (points.figure("log_amount_max") >= least[points.event]))


def _is_new_contract(points: Points) -> np.ndarray:
    """Whether a counterparty's amount jumps, for events in which that is another contract with it."""
    settings = parameters()["new_contract"]
    return np.asarray(
        _is_one_of(points, settings["events"]) & (np.abs(points.figure("party_ratio") - 1) > settings["jump"])
    )


def _is_no_newborn(points: Points) -> np.ndarray:
    """Child benefit that begins or rises by another amount than that of a child of 0-5 years: an older one moved in."""
    paid = (points.figure("direction") > 0) & (points.figure("says_child_budget") <= 0)
    misfit = points.figure("birth_misfit") > parameters()["absence"]["highest_misfit"]
    return _is_one_of(points, ("child_birth",)) & paid & misfit


def _is_same_contract(points: Points) -> np.ndarray:
    """Whether a payment to or by somebody new goes on with what another was paid or paid before (`[same_contract]`).

    By the amounts of the two, or because nothing near is as large as what another contract of this event begins with.
    An employer who once pays to the cent what the last one did is that one, or its payroll service, under a new name.
    """
    settings = parameters()["same_contract"]
    share = _of_event(points, settings["share"], -1.0)
    same = (np.abs(points.figure("other_ratio") - 1) <= share) | _is_within(points, "other_distance", share)
    others = points.figure("earlier_signs") - points.figure("sign_party_signs")
    same_pay = _is_within(points, "replaced_distance", _of_event(points, settings["pay"], -1.0))
    return np.asarray(same_pay | (same | _none_comes_to(points, settings["euros"])) & (others >= settings["fewest"]))


def _is_within(points: Points, name: str, share: np.ndarray) -> np.ndarray:
    """Whether a distance is known and at most a share."""
    apart = points.figure(name)
    return np.asarray((apart >= 0) & (apart <= share))


def lacks_support(points: Points) -> np.ndarray:
    """Signs that only support their event, before there are as many as tell it (`[support]` of `detection.toml`)."""
    settings = parameters()["support"]
    many = points.figure("signs") >= _of_event(points, settings["bookings"], np.inf)
    dear = points.figure("log_amount") >= np.log1p(100 * _of_event(points, settings["euros"], np.inf))
    parties = points.figure("new_parties") >= _of_event(points, settings["parties"], -np.inf)
    private = _is_one_of(points, settings["from_companies"]) & (points.figure("is_person") > 0)
    return np.asarray(~((points.figure("is_primary") > 0) & ~private | parties | many | dear))


def _of_event(points: Points, by_event: Mapping[str, float], otherwise: float) -> np.ndarray:
    """Each point's figure by its event."""
    return np.array([float(by_event.get(event, otherwise)) for event in points.events])[points.event]


def _is_one_of(points: Points, events: Container[str]) -> np.ndarray:
    """Whether each point is one of these events."""
    return np.array([event in events for event in points.events], dtype=bool)[points.event]


def _too_small(points: Points) -> np.ndarray:
    """Signs of which none so far comes to the least that one of this event does (`[lowest_largest]`)."""
    return _none_comes_to(points, parameters()["lowest_largest"])


def _none_comes_to(points: Points, euros: Mapping[str, float]) -> np.ndarray:
    """Points of these events whose largest sign within the window is below so many euros."""
    least = np.log1p(100 * _of_event(points, euros, 0.0)).astype(np.float32)
    return np.asarray((least > 0) & (points.figure("log_amount_max") < least))
