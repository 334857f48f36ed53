"""Trips: travel_booked, travel_in_progress, and what looks like them (border shopping, web shops abroad)."""

from typing import Any

from training.simulation.life import Life
from training.simulation.parameters import figure, load_table
from training.simulation.paydays import parts


def live_travel(life: Life) -> None:
    """Write booked trips, days abroad and their look-alikes."""
    bookings = _spread(life.planned("travel_booked"), figure("travel", "days_between_trips"))
    for day in bookings:
        _travel_booked(life, day)
    for day in _spread(life.planned("travel_in_progress"), figure("travel", "days_between_trips")):
        _travel_in_progress(life, day)
    _shop_over_the_border(life)


def _spread(days: list[int], gap: int) -> list[int]:
    """The days of which each lies at least `gap` after the one before; closer ones are one trip."""
    kept: list[int] = []
    for day in days:
        if not kept or day - kept[-1] >= gap:
            kept.append(day)
    return kept


def _travel_booked(life: Life, day: int) -> None:
    dice = life.dice
    low, high = figure("travel", "trip_euros")
    cents = int(100 * min(high, max(low, dice.around(figure("travel", "trip_median"), 0.75))))
    code = dice.pick(("IDEAL", "IDEAL", "IDEAL", "CARD", "SCT"))
    first = life.once(
        "events", "trip", day, -cents, code=code, event="travel_booked", role="primary", shifted=code != "IDEAL"
    )
    for _ in range(dice.pick((0, 0, 1, 2))):
        later, part = first + dice.whole(0, 2), -dice.whole(8_000, 90_000)
        life.once("events", "trip", later, part, code="IDEAL", event="travel_booked", role="primary", shifted=False)
    if dice.chance(figure("travel", "cancelled")):
        life.once("events", "trip_refund", first + dice.whole(2, 9), cents, role="confuser")
        life.lived["travel_booked"] = life.lived.get("travel_booked", 0) + 1
        return
    life.happen("travel_booked", first, first)


def _travel_in_progress(life: Life, day: int) -> None:
    """Card payments abroad; a family visit to the country of origin lasts longer and falls in summer."""
    dice, places = life.dice, load_table("travel")["places"]
    traits = load_table("groups")["traits"][life.home.origin]
    country, length = dice.pick(sorted(places)), dice.whole(3, 15)
    if dice.chance(traits["origin_trip"]) and traits["trip_country"] in places:
        country, length = traits["trip_country"], dice.whole(10, 28)
        month = parts(day).month
        day += 30 * (7 - month) if month in (5, 6, 8, 9) else 0
    booked = [paid for offset in range(length) for paid in _spend_abroad(life, day + offset, country, first=offset < 2)]
    days = sorted(set(booked))
    if len(days) > 1:
        life.happen("travel_in_progress", days[0], days[1])


def _spend_abroad(life: Life, day: int, country: str, *, first: bool) -> list[int]:
    """Card payments of one day abroad; gives the days they are booked on. Payments of a weekend come on Monday."""
    place = load_table("travel")["places"][country]
    booked = []
    for _ in range(life.dice.whole(1 if first else 0, 3)):
        cents = -life.dice.whole(300, 12_000)
        shop, city = life.dice.pick(place["shops"]), life.dice.pick(place["cities"])
        booked.append(life.ledger.card(day, cents, shop, city, country=country, exchange=_exchange(cents, place)))
    return booked


def _exchange(cents: int, place: dict[str, Any]) -> str:
    if "rate" not in place:
        return ""
    local = f"{-cents / 100 * place['rate']:.2f}"
    return f"Valuta: {local} {place['currency']} Koers: {place['rate']:.2f} Opslag: 0.45 EUR".replace(".", ",")


def _shop_over_the_border(life: Life) -> None:
    """One day at a time just over the border: no trip."""
    if life.dice.chance(figure("travel", "border_shopper")):
        place = load_table("travel")["border"]
        kept = _spread(sorted(life.dice.days(life.start, life.until - 3, life.dice.count(0.4 * len(life.months)))), 9)
        for day in kept:
            life.ledger.card(
                day, -life.dice.whole(800, 9_000), life.dice.pick(place["shops"]), life.dice.pick(place["cities"]),
                country="DEU", role="confuser",
            )  # fmt: skip
