"""Look-alikes: bookings that carry the words of a life event and speak to none; they make a keyword rule worthless."""

from typing import Any

from training.simulation.life import Life
from training.simulation.parameters import figure, load_table


def live_confusers(life: Life) -> None:
    """Write look-alikes: some once, some every month for a while with one counterparty and one amount."""
    table = load_table("texts_confusers")
    stage = life.home.stage
    weights = {key: float(entry["weight"]) for key, entry in table.items() if stage in entry.get("stages", [stage])}
    mean = figure("everyday", "confusers_per_month") * len(life.months) * life.home.spending
    for day in life.dice.days(life.start, life.until, life.dice.count(mean)):
        key = life.dice.weigh(weights)
        _write_once(life, key, table[key], day)
    for key, entry in table.items():
        if key in weights and life.dice.chance(entry.get("monthly", 0.0) * life.home.spending):
            _write_monthly(life, key, entry)


def _cents(life: Life, entry: dict[str, Any]) -> int:
    low, high = entry["euros"]
    if entry.get("person") and life.dice.chance(0.6):
        rounds = [euros for euros in (25, 50, 100, 150, 200) if low <= euros <= high]
        return int(entry["sign"]) * 100 * life.dice.pick(rounds or [int(low)])
    return int(entry["sign"]) * int(100 * life.dice.between(low, high))


def _write_once(life: Life, key: str, entry: dict[str, Any], day: int) -> None:
    party = life.party("confusers", key, person=bool(entry.get("person")))
    cents, code = _cents(life, entry), str(entry.get("code", "SCT"))
    if "via " in party.name and cents < 0:
        code = "IDEAL"
    life.pay(party, day, cents, role="confuser", code=code, shifted=code in ("SCT_BATCH", "RETURN"))


def _write_monthly(life: Life, key: str, entry: dict[str, Any]) -> None:
    """A run of the same booking: the rent of a garage box, a premium, a loan, a student house."""
    party, cents, day = (
        life.party("confusers", key, collects=not entry.get("person")),
        _cents(life, entry),
        life.dice.whole(1, 28),
    )
    first = life.dice.whole(-6, len(life.months) - 1)
    for month in life.months[max(first, 0) : max(first, 0) + life.dice.whole(5, 40)]:
        life.pay(party, month.day(day), cents, role="confuser")
