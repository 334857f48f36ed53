"""Life events told from a few bookings of their own: family, care, travel, car, licence, business and arrears."""

from training.simulation.ledger import Party
from training.simulation.life import Life
from training.simulation.parameters import load_table


def live_occasions(life: Life) -> None:
    """Write every planned event of this module; each has a function of its own name."""
    for event, write in OCCASIONS.items():
        for day in life.planned(event):
            write(life, day)


def _marriage(life: Life, day: int) -> None:
    days = []
    for _ in range(life.dice.whole(3, 8)):
        at = day + life.dice.whole(0, 150)
        days.append(
            life.once("events", "wedding", at, -life.dice.whole(9_000, 450_000), event="marriage", role="primary")
        )
    days.sort()
    life.happen("marriage", days[0], days[0])


def _cohabitation_start(life: Life, day: int) -> None:
    party = life.party("events", "shared_home", person=True)
    sign = life.dice.pick((1, -1))
    cents, days = life.dice.whole(25_000, 110_000), []
    for month in life.months:
        if month.first >= day:
            role = "primary" if len(days) < 3 else "background"
            days.append(life.pay(party, month.day(2), sign * cents, event="cohabitation_start", role=role))
    if life.dice.chance(0.25):
        life.once(
            "events",
            "cohabitation_deed",
            day + 20,
            -life.dice.whole(30_000, 70_000),
            event="cohabitation_start",
            role="primary",
        )
    if len(days) > 2:
        life.happen("cohabitation_start", days[0], days[2])


def _separation(life: Life, day: int) -> None:
    seen = []
    for _ in range(life.dice.whole(0, 3)):
        seen.append(life.once("events", "separation_help", day + life.dice.whole(0, 50), -life.dice.whole(15_000, 150_000),
                              event="separation", role="primary"))  # fmt: skip
    party = life.party("events", "alimony", person=True)
    sign = life.dice.pick((1, -1))
    cents, days = life.dice.whole(12_000, 120_000), []
    for month in life.months:
        if month.first >= day + 15:
            role = "primary" if len(days) < 3 else "background"
            days.append(life.pay(party, month.day(1), sign * cents, event="separation", role=role))
    if len(days) > 1:
        first = min([*seen, days[0]])
        life.happen("separation", first, max(first, min(days[1], max([days[0], *seen]) if seen else days[1])))


def _bereavement(life: Life, day: int) -> None:
    first = life.once(
        "events", "funeral", day, -life.dice.whole(200_000, 1_100_000), event="bereavement", role="primary"
    )
    for _ in range(life.dice.whole(0, 2)):
        life.once("events", "funeral", first + life.dice.whole(2, 60), -life.dice.whole(30_000, 350_000), event="bereavement",
                  role="primary")  # fmt: skip
    if life.dice.chance(0.4):
        life.once("events", "estate_deed", first + life.dice.whole(10, 45), -life.dice.whole(40_000, 110_000), event="bereavement",
                  role="supporting")  # fmt: skip
    life.happen("bereavement", first, first)


def _inheritance(life: Life, day: int) -> None:
    first = life.once(
        "events", "estate", day, int(100 * life.dice.around(18_000, 1.1)), event="inheritance", role="primary"
    )
    if life.dice.chance(0.4):
        life.once("events", "estate_tax", first + life.dice.whole(30, 200), -life.dice.whole(20_000, 900_000), event="inheritance",
                  role="supporting")  # fmt: skip
    life.happen("inheritance", first, first)


def _windfall(life: Life, day: int) -> None:
    cents = max(520_000, int(life.home.net_month * life.dice.between(3.2, 12)) + 150_000)
    booked = life.once("events", "windfall", day, cents)
    life.happen("windfall", booked, booked)


def _travel_booked(life: Life, day: int) -> None:
    dice = life.dice
    cents = int(100 * min(6000.0, max(80.0, dice.around(520, 0.75))))
    code = dice.pick(("IDEAL", "IDEAL", "IDEAL", "CARD", "SCT"))
    first = life.once(
        "events", "trip", day, -cents, code=code, event="travel_booked", role="primary", shifted=code == "SCT"
    )
    for _ in range(dice.pick((0, 0, 1, 2))):
        life.once("events", "trip", first + dice.whole(0, 2), -dice.whole(8_000, 90_000), code="IDEAL", event="travel_booked",
                  role="primary", shifted=False)  # fmt: skip
    if dice.chance(0.05):
        life.once("events", "trip_refund", first + dice.whole(2, 9), cents, role="confuser")
        return
    life.happen("travel_booked", first, first)


def _travel_in_progress(life: Life, day: int) -> None:
    places = load_table("travel")["places"]
    country = life.dice.pick(sorted(places))
    place = places[country]
    length = life.dice.whole(3, 18)
    rows = []
    for offset in range(length):
        for _ in range(life.dice.whole(0 if offset > 1 else 1, 3)):
            cents = -life.dice.whole(300, 12_000)
            life.ledger.card(day + offset, cents, life.dice.pick(place["shops"]), life.dice.pick(place["cities"]), country=country,
                             exchange=_exchange(cents, place))  # fmt: skip
            rows.append(life.ledger.rows[-1].day if life.ledger.rows else day)
    days = sorted(set(rows))
    if len(days) > 1:
        life.happen("travel_in_progress", days[0], days[1])


def _exchange(cents: int, place: dict[str, object]) -> str:
    rate = place.get("rate")
    if not isinstance(rate, float):
        return ""
    local = f"{-cents / 100 * rate:.2f}".replace(".", ",")
    return f"Valuta: {local} {place['currency']} Koers: {rate:.2f} Opslag: 0,45 EUR".replace(".", ",")


def _car_purchase(life: Life, day: int) -> None:
    dice = life.dice
    days = []
    if dice.chance(0.75):
        days.append(
            life.once(
                "events", "car_dealer", day, -dice.whole(120_000, 2_400_000), event="car_purchase", role="primary"
            )
        )
    days.append(
        life.once(
            "events",
            "car_registration",
            day + 1,
            -1_200,
            code="IDEAL",
            event="car_purchase",
            role="primary",
            shifted=False,
        )
    )
    tax = life.party("events", "road_tax", collects=True)
    insurance = life.party("events", "car_insurance", collects=True)
    months = [month for month in life.months if month.first > day]
    for at, month in enumerate(months):
        role = "supporting" if at == 0 else "background"
        life.pay(tax, month.day(27), -4_700, event="car_purchase", role=role)
        life.pay(insurance, month.day(1), -6_350, event="car_purchase", role=role)
    life.happen("car_purchase", days[0], days[0])


def _driving_licence(life: Life, day: int) -> None:
    school = life.party("events", "driving_lesson")
    lessons = life.dice.whole(8, 30)
    days = [life.pay(school, day + 7 * at + life.dice.whole(0, 3), -life.dice.whole(60, 130) * 100, event="driving_licence", role="primary")
            for at in range(lessons)]  # fmt: skip
    for at in (life.dice.whole(20, 60), lessons * 7 + 5):
        life.once(
            "events",
            "driving_exam",
            day + at,
            -life.dice.pick((4_800, 13_000)),
            event="driving_licence",
            role="primary",
        )
    life.happen("driving_licence", days[0], days[2])


def _business_start(life: Life, day: int) -> None:
    first = life.once(
        "events", "business", day, -8_225, code="IDEAL", event="business_start", role="primary", shifted=False
    )
    software = life.party("events", "bookkeeping", collects=True)
    tax = life.party("events", "vat")
    for at, month in enumerate(month for month in life.months if month.first > day):
        role = "supporting" if at == 0 else "background"
        life.pay(software, month.day(12), -2_400, event="business_start", role=role)
        if month.month in (1, 4, 7, 10):
            life.pay(tax, month.day(28), -life.dice.whole(20_000, 300_000), event="business_start", role=role)
    life.happen("business_start", first, first)


def _payment_arrears(life: Life, day: int) -> None:
    days = []
    for _ in range(life.dice.whole(1, 3)):
        terms = life.party("events", "storno")
        creditor = life.party("housing", "rent", collects=True)
        party = Party(creditor.name, terms.text, creditor.iban)
        days.append(life.pay(party, day + life.dice.whole(0, 45), life.dice.whole(2_000, 60_000), code="RETURN",
                             event="payment_arrears", role="primary"))  # fmt: skip
    bailiff = life.party("events", "bailiff")
    for at in range(life.dice.whole(1, 4)):
        days.append(
            life.pay(
                bailiff, day + 20 + 30 * at, -life.dice.whole(3_000, 20_000), event="payment_arrears", role="primary"
            )
        )
    days.sort()
    life.happen("payment_arrears", days[0], days[1])


OCCASIONS = {
    "marriage": _marriage, "cohabitation_start": _cohabitation_start, "separation": _separation, "bereavement": _bereavement,
    "inheritance": _inheritance, "windfall": _windfall, "travel_booked": _travel_booked,
    "travel_in_progress": _travel_in_progress, "car_purchase": _car_purchase, "driving_licence": _driving_licence,
    "business_start": _business_start, "payment_arrears": _payment_arrears,
}  # fmt: skip
