"""Life events told from a few bookings of their own: marriage, living together, car, licence, business, windfall.

Each event has one function with its id as name. A function writes the evidence and notes when it begins and when a
careful reader could know. The care events stand in `care`.
"""

from itertools import pairwise

from training.simulation.life import Life
from training.simulation.parameters import figure


def live_occasions(life: Life) -> None:
    """Write every planned event of this module."""
    for event, write in OCCASIONS.items():
        for day in life.planned(event):
            write(life, day)


def marriage(life: Life, day: int) -> None:
    """Fees and deeds, a venue, a photographer, clothes: a cluster over some months, in any order.

    What the law asks of who marries tells it, else two firms that are paid within two months: one may be a guest's.
    """
    forms = figure("everyday", "wedding_formalities")
    signs: list[tuple[int, bool]] = []
    for _ in range(life.dice.whole(3, 8)):
        at, cents = day + life.dice.whole(0, 150), -life.dice.whole(9_000, 450_000)
        formal = life.dice.chance(forms["share"])
        key, role = ("wedding_formalities", "primary") if formal else ("wedding", "supporting")
        signs.append((life.once("events", key, at, cents, event="marriage", role=role), formal))
    signs.sort()
    told = [at for at, formal in signs if formal]
    told += [at for (before, _), (at, _) in pairwise(signs) if at - before <= forms["apart_days"]]
    if told:
        life.happen("marriage", signs[0][0], min(told))


def cohabitation_start(life: Life, day: int) -> None:
    """The same share of the costs to or from one person every month; three of them tell it, or a deed."""
    dice = life.dice
    if life.side.chance(figure("everyday", "evidence_elsewhere")["cohabitation_start"]):
        told = _sign_deed(life, day)
        life.happen("cohabitation_start", told, told)
        return
    key = "shared_home_foreign" if life.home.foreign_text and dice.chance(0.6) else "shared_home"
    party = life.party("events", key, person=True)
    cents = dice.pick((1, -1)) * dice.whole(25_000, 110_000)
    days: list[int] = []
    for month in life.months:
        if month.first >= day:
            role = "primary" if len(days) < 3 else "background"
            days.append(life.pay(party, month.day(2), cents, event="cohabitation_start", role=role))
    if len(days) > 2:
        life.happen("cohabitation_start", days[0], days[2])
    if days and dice.chance(0.25):
        _sign_deed(life, days[0] + 20)


def _sign_deed(life: Life, day: int) -> int:
    fee = -life.dice.whole(30_000, 70_000)
    return life.once("events", "cohabitation_deed", day, fee, event="cohabitation_start", role="primary")


def inheritance(life: Life, day: int) -> None:
    """A credit from an estate, often with inheritance tax months later."""
    dice = life.dice
    cents = int(100 * min(500_000, max(1_000, dice.around(18_000, 1.1))))
    first = life.once("events", "estate", day, cents, event="inheritance", role="primary")
    if dice.chance(0.4):
        at, tax = first + dice.whole(30, 200), -dice.whole(20_000, 900_000)
        life.once("events", "estate_tax", at, tax, event="inheritance", role="supporting")
    life.happen("inheritance", first, first)


def windfall(life: Life, day: int) -> None:
    """One large credit that nothing explains; no booking carries its label."""
    income = life.home.net_month + life.home.partner_net
    cents = max(520_000, int(income * life.dice.between(3.2, 12)) + 150_000)
    booked = life.once("events", "windfall", day, cents)
    life.happen("windfall", booked, booked)


def car_purchase(life: Life, day: int) -> None:
    """A dealer or a private seller, the registration, then road tax and insurance for the new plate.

    A dealer or the registration tells it. Some pay from another account: then the tax of the new plate tells the car.
    """
    dice = life.dice
    plate = {"plate": life.fill("{plate}", day)}
    if life.side.chance(figure("everyday", "evidence_elsewhere")["car_purchase"]):
        insured, taxed = _keep_new_car(life, day, plate, unseen=True)
        if taxed:
            life.happen("car_purchase", min(insured, taxed), taxed)
        return
    private = life.side.chance(figure("everyday", "private_sellers")["share"])
    paid = _pay_car(life, day, plate, private=private) if dice.chance(0.75) else 0
    told = [paid] if paid and not private else []
    if dice.chance(0.8) or not paid:
        told.append(
            life.once(
                "events", "car_registration", day + 1, -dice.whole(1_100, 4_500), code="IDEAL", event="car_purchase",
                role="primary", shifted=False, given=plate,
            )
        )  # fmt: skip
    kept = [at for at in _keep_new_car(life, day, plate) if at]
    told = told or kept
    if told:
        life.happen("car_purchase", min(paid or min(told), *told), min(told))


def _pay_car(life: Life, day: int, plate: dict[str, str], *, private: bool) -> int:
    """A dealer's price, or a round sum to a person, which may be for anything: it tells once something else does."""
    key, cents, role = "car_dealer", -life.dice.whole(120_000, 2_400_000), "primary"
    if private:
        low, high = figure("everyday", "private_sellers")["euros"]
        key, cents, role = "car_seller", -10_000 * life.side.whole(low // 100, high // 100), "supporting"
    return life.once("events", key, day, cents, event="car_purchase", role=role, given=plate)


def _keep_new_car(life: Life, day: int, plate: dict[str, str], *, unseen: bool = False) -> tuple[int, int]:
    """Insurance and tax of a new car; gives the days of the first of each (0: none)."""
    tax = life.party("events", "road_tax", collects=True, given=plate)
    insurance = life.party("events", "car_insurance", collects=True, given=plate)
    tax_cents, premium = life.dice.whole(3_000, 11_000), life.dice.whole(2_500, 12_000)
    quarterly = life.dice.chance(0.6)
    insured = taxed = 0
    for at, month in enumerate(month for month in life.months if month.first > day):
        role = "supporting" if at == 0 else "background"
        first = "primary" if unseen and at == 0 else role
        if not quarterly or at % 3 == 0:
            cents = -tax_cents * (3 if quarterly else 1)
            booked = life.pay(tax, month.day(27), cents, event="car_purchase", role=first)
            taxed = taxed or booked
        booked = life.pay(insurance, month.day(1), -premium, event="car_purchase", role=role)
        insured = insured or booked
    return insured, taxed


def driving_licence(life: Life, day: int) -> None:
    """Lessons one by one, on cards of some, or as a package, then exams and the fee of the municipality.

    Three lessons tell it, two cards or terms, one package or one exam.
    """
    dice, forms = life.dice, figure("everyday", "driving_forms")
    form = dice.weigh(forms["shares"])
    private = dice.chance(forms["private_instructor"])
    school = life.party("events", "driving_instructor" if private else "driving_lesson", person=private)
    number, step, euros = dice.whole(*forms["number"][form]), forms["step_days"][form], forms["euros"][form]
    if number == 1:
        euros = forms["whole_package_euros"]
    price = 100 * dice.whole(*euros)
    days = [
        life.pay(school, day + step * at + dice.whole(0, 3), -price, event="driving_licence", role="primary")
        for at in range(number)
    ]
    exams = (dice.whole(20, 60), number * step + 35) if form != "package_with_exams" else ()
    for at in exams:
        cents = -dice.pick((4_800, 13_000))
        days.append(life.once("events", "driving_exam", day + at, cents, event="driving_licence", role="primary"))
    if dice.chance(0.6):
        at = day + number * step + 42
        life.once("events", "licence_fee", at, -dice.whole(4_200, 5_400), event="driving_licence", role="supporting")
    days.sort()
    needed = {"lessons": 3, "exams": 1}.get(form, 2 if number > 1 else 1)
    life.happen("driving_licence", days[0], days[needed - 1])


def business_start(life: Life, day: int) -> None:
    """Registration with the Chamber of Commerce, then software, first invoices paid and value added tax."""
    dice = life.dice
    fee = -dice.whole(8_000, 8_400)
    code = dice.pick(("IDEAL", "CARD", "SCT"))
    first = life.once("events", "business", day, fee, code=code, event="business_start", role="primary")
    software, tax = life.party("events", "bookkeeping", collects=True), life.party("events", "vat")
    monthly = -dice.whole(1_000, 4_000)
    for at, month in enumerate(month for month in life.months if month.first > day):
        role = "supporting" if at == 0 else "background"
        life.pay(software, month.day(12), monthly, event="business_start", role=role)
        if month.month in (1, 4, 7, 10):
            life.pay(tax, month.day(28), -dice.whole(20_000, 300_000), event="business_start", role=role)
        if dice.chance(0.6):
            life.once("income", "own_invoice", month.day(dice.whole(3, 26)), dice.whole(30_000, 350_000))
    life.happen("business_start", first, first)


OCCASIONS = {
    "marriage": marriage,
    "cohabitation_start": cohabitation_start,
    "inheritance": inheritance,
    "windfall": windfall,
    "car_purchase": car_purchase,
    "driving_licence": driving_licence,
    "business_start": business_start,
}
