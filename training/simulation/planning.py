"""Draws when a customer's life events begin: yearly rates, seasons, and who can have an event at all."""

from training.simulation.dice import Dice
from training.simulation.households import Household, shares_of_stages
from training.simulation.parameters import figure, load_table
from training.simulation.paydays import Month


def draw_plan(
    dice: Dice, stage: str, origin: str, months: tuple[Month, ...], *, rates: str, real_rates: bool
) -> dict[str, list[int]]:
    """Days on which each life event is to begin, by the rates of the parameter table."""
    groups = load_table("groups")
    shares = shares_of_stages(rates)
    factors: dict[str, float] = groups["real_rate_factors"]["value"].get(origin, {}) if real_rates else {}
    plan: dict[str, list[int]] = {}
    for event, entry in load_table("rates_events")["rates"].items():
        if not isinstance(entry, dict) or stage not in entry["stages"]:
            continue
        able = sum(shares[name] for name in entry["stages"])
        yearly = entry["per_1000" if rates == "natural" else "enriched"] / 1000 / able * factors.get(event, 1.0)
        number = dice.count(yearly * len(months) / 12)
        if number:
            early = figure("rates_events", "early_share") if rates == "enriched" else 1.0
            plan[event] = _draw_days(dice, number, months, entry.get("season"), early=early)
    return plan


# Months in which most first occurrences cannot be told from what already ran.
_EARLY_MONTHS = 7


def _draw_days(
    dice: Dice, number: int, months: tuple[Month, ...], season: list[float] | None, *, early: float
) -> list[int]:
    """Days by season; `early` weighs the first months of a window that is long enough to do without them."""
    weights = {at: (season[month.month - 1] if season else 1.0) for at, month in enumerate(months)}
    if len(months) > _EARLY_MONTHS:
        for at in range(_EARLY_MONTHS):
            weights[at] *= early
    days = []
    for _ in range(number):
        month = months[dice.weigh(weights)]
        days.append(dice.whole(month.first, month.last))
    return sorted(days)


def fit_household(home: Household, plan: dict[str, list[int]], dice: Dice) -> None:
    """Let the household be one in which the planned events can happen.

    The plan is drawn first and wins, because rates that depended on home, family or pay would differ between groups.
    """
    if "rental_move" in plan:
        home.tenure = "rent"
    if "home_sale" in plan and "rental_move" not in plan and "home_purchase" not in plan:
        home.tenure = "own"
    if "home_sale" in plan and "rental_move" in plan and min(plan["home_sale"]) < min(plan["rental_move"]):
        home.tenure = "own"
    if "home_renovation" in plan and "rental_move" not in plan and "home_purchase" not in plan:
        home.tenure = "own"
    if {"child_birth", "child_comes_of_age", "childcare_start"} & plan.keys():
        home.household = {"single": "single_parent", "couple": "couple_children"}.get(home.household, home.household)
    if "income_rise" in plan and home.pay_period == "weekly":
        home.pay_period = "four_weekly"
    if "retirement" in plan:
        home.age = dice.whole(66, 68)
    if "car_purchase" in plan and dice.chance(0.5):
        home.car = False
