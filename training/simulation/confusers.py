"""Look-alikes: bookings that carry the words of a life event and speak to none; they make a keyword rule worthless."""

from training.simulation.ledger import Party
from training.simulation.life import Life
from training.simulation.parameters import figure, load_table
from training.simulation.slots import Slots


def live_confusers(life: Life) -> None:
    """Write look-alikes, more of them in an enriched bank, where there are more events."""
    table = load_table("texts_confusers")
    weights = {key: float(entry["weight"]) for key, entry in table.items()}
    mean = figure("everyday", "confusers_per_month") * len(life.months)
    for day in life.dice.days(life.start, life.until, life.dice.count(mean)):
        key = life.dice.weigh(weights)
        entry = table[key]
        low, high = entry["euros"]
        cents = entry["sign"] * int(100 * life.dice.between(low, high))
        if entry.get("person") and life.dice.chance(0.6):
            cents = entry["sign"] * life.dice.pick((2_500, 5_000, 10_000))
        party = life.party("confusers", key, person=bool(entry.get("person")))
        life.pay(party, day, cents, role="confuser", code="IDEAL" if " via " in party.name else "SCT", shifted=False)


def live_screened(life: Life) -> None:
    """Bookings that must never reach a feature: health, gambling, union, remittances."""
    dice, home = life.dice, life.home
    for key, mean in (("pharmacy", 0.35), ("gambling", 0.12)):
        for day in dice.days(life.start, life.until, dice.count(mean * len(life.months))):
            life.once("everyday", key, day, -dice.whole(800, 9_000), role="screened", shifted=False)
    if dice.chance(0.12):
        union = life.party("everyday", "union", collects=True)
        for month in life.months:
            life.pay(union, month.day(26), -1_750, role="screened")
    if home.remits:
        _remit(life)


def _remit(life: Life) -> None:
    """A fixed monthly transfer to family abroad, or remittances now and then."""
    traits = load_table("groups")["traits"][home_origin(life)]
    cents = traits["remit_median"] * 100
    if life.dice.chance(0.4):
        name = Slots(life, life.start, {})["person"]
        party = life.party("everyday", "parent_abroad", person=True, person_name=name)
        party = Party(party.name, party.text, _abroad(life, traits["remit_country"]))
        for month in life.months:
            life.pay(party, month.day(2), -cents, role="screened")
        return
    for day in life.dice.days(life.start, life.until, life.dice.count(0.5 * len(life.months))):
        life.once(
            "everyday", "remittance", day, -int(cents * life.dice.between(0.5, 2.5)), role="screened", shifted=False
        )


def home_origin(life: Life) -> str:
    """The origin that decides where family lives."""
    return life.home.origin


def _abroad(life: Life, country: str) -> str:
    from training.simulation.accounts import person_iban

    return person_iban(life.dice.whole(0, 9_999_999), country)
