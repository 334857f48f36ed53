"""Who lives in a simulated household: stage of life, children, home, income, and the groups only the vault keeps."""

from dataclasses import dataclass, replace
from typing import Any

from training.simulation.dice import Dice
from training.simulation.parameters import choices, load_table


@dataclass(slots=True)
class Household:
    """A household seen from the one customer in it. Amounts in cents a month, days as ordinals.

    `partner_net` is what a partner earns besides `net_month` on the same account; `spending` is the part of what a
    household buys that is paid from this account.
    """

    stage: str
    origin: str
    name_origin: str
    born_abroad: bool
    religion: str
    gender: str
    age: int
    household: str
    own_name: str
    city: str
    net_month: int
    pay_period: str
    tenure: str
    housing_month: int
    car: bool
    cash_share: float
    ethnic_share: float
    foreign_text: bool
    remits: bool
    language: str
    children_born: list[int]
    receives_child_benefit: bool
    is_adult: bool
    annual_travel_policy: bool
    thin_buffer: bool
    bank: str
    joint: bool
    splitter: bool
    partner_net: int = 0
    spending: float = 1.0

    @property
    def lives_by_cash(self) -> bool:
        """Whether so much is paid in cash that rent, deposits and builders may be, too."""
        return self.cash_share > 0.24

    @property
    def couple(self) -> bool:
        """Whether a partner lives here."""
        return self.household in ("couple", "couple_children", "large_family")


def shares_of_stages(rates: str) -> dict[str, float]:
    """Which share of the adults studies, works or is retired, in a bank with these rates."""
    table = load_table("groups")["stages" if rates == "natural" else "stages_enriched"]
    shares: dict[str, float] = table["value"]
    return shares


def draw_household(dice: Dice, *, split: str, start: int, months: int, rates: str) -> Household:
    """Draw a household; nothing here depends on the life events it will have, so groups have equal rates of them."""
    table = load_table("groups")
    origin = dice.weigh(table["origin_shares"]["value"])
    traits: dict[str, Any] = table["traits"][origin]
    stage = dice.weigh(shares_of_stages(rates))
    ages = table["ages"]["value"][stage]
    gender = dice.weigh(table["gender"]["value"])
    household = dice.weigh(table["households"]["value"][stage])
    names = load_table("names")[traits["names"]]
    tenure = "rent" if stage == "student" else ("own" if dice.chance(traits["owner"]) else "rent")
    net = int(100 * dice.around(table["net_month"]["value"][stage], 0.28))
    owns_share, rent = table["housing"]["value"]["own"], table["housing"]["value"]["rent"]
    housing = dice.around(owns_share if tenure == "own" else rent, 0.22) * (0.6 if stage == "student" else 1.0)
    return Household(
        stage=stage,
        origin=origin,
        name_origin=traits["names"],
        born_abroad=dice.chance(traits["born_abroad"]),
        religion=dice.weigh(traits["religion"]),
        gender=gender,
        age=dice.whole(ages[0], ages[1]),
        household=household,
        own_name=f"{dice.pick(names['first'])[0]} {dice.pick(names['last'])}",
        city=dice.pick(choices("shops", "cities", split)),
        net_month=net,
        pay_period=_draw_pay_period(dice, traits["weekly"]),
        tenure=tenure,
        housing_month=int(housing) * 100 + dice.whole(0, 99),
        car=dice.chance(table["car_owner"]["value"][stage]),
        cash_share=traits["cash"],
        ethnic_share=traits["ethnic_grocer"],
        foreign_text=dice.chance(traits["foreign_text"]),
        remits=dice.chance(traits["remits"]),
        language="en" if dice.chance(traits["english"]) else "nl",
        children_born=_draw_children(dice, household, traits["children"], start=start, months=months),
        receives_child_benefit=dice.chance(table["child_benefit_payee"]["value"][gender]),
        is_adult=True,
        annual_travel_policy=dice.chance(table["annual_travel_policy"]["value"]),
        thin_buffer=dice.chance(table["thin_buffer"]["value"]),
        bank=dice.weigh(table["banks"]["value"]),
        joint=household.startswith(("couple", "large")) and dice.chance(table["joint_account"]["value"]),
        splitter=dice.chance(table["two_banks"]["value"]),
    )  # fmt: skip


def draw_partner(dice: Dice, home: Household) -> Household:
    """The same household seen from the other holder of its joint account; the person is drawn, the home is shared."""
    table = load_table("groups")
    alike: dict[str, float] = table["couples"]["value"]
    origin = home.origin if dice.chance(alike["origin"]) else dice.weigh(table["origin_shares"]["value"])
    traits: dict[str, Any] = table["traits"][origin]
    names = load_table("names")[traits["names"]]
    youngest, oldest = table["ages"]["value"][home.stage]
    gender = {"f": "m", "m": "f"}.get(home.gender, "x") if dice.chance(alike["two_genders"]) else home.gender
    religion = home.religion if dice.chance(alike["religion"]) else dice.weigh(traits["religion"])
    return replace(
        home,
        origin=origin,
        name_origin=traits["names"],
        born_abroad=dice.chance(traits["born_abroad"]),
        religion=religion,
        gender=gender,
        age=min(max(home.age + dice.whole(-6, 6), youngest), oldest),
        own_name=f"{dice.pick(names['first'])[0]} {dice.pick(names['last'])}",
        net_month=int(100 * dice.around(table["net_month"]["value"][home.stage], 0.28)),
        pay_period=_draw_pay_period(dice, traits["weekly"]),
        cash_share=traits["cash"],
        ethnic_share=traits["ethnic_grocer"],
        foreign_text=dice.chance(traits["foreign_text"]),
        remits=dice.chance(traits["remits"]),
        language="en" if dice.chance(traits["english"]) else "nl",
        thin_buffer=dice.chance(table["thin_buffer"]["value"]),
    )  # fmt: skip


def _draw_pay_period(dice: Dice, short: float) -> str:
    """How often salary comes; `short` is the share of weekly and four-weekly pay."""
    if not dice.chance(short):
        return "monthly"
    return dice.pick(("weekly", "four_weekly"))


def _draw_children(dice: Dice, household: str, mean: float, *, start: int, months: int) -> list[int]:
    """Birthdays (ordinals) that bring neither a first benefit nor an 18th birthday into the window by themselves."""
    if household in ("single", "couple"):
        return []
    number = dice.whole(4, 5) if household == "large_family" else min(3, 1 + dice.count(max(mean - 1, 0.0)))
    youngest, oldest = start - 400, start + months * 31 - int(17.4 * 365.25)
    return sorted(dice.days(min(oldest, youngest - 200), youngest, number))
