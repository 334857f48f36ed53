"""Child benefit and what comes with children: child_birth, child_comes_of_age and childcare_start."""

from datetime import date

from training.simulation.income import amount_from
from training.simulation.life import Life
from training.simulation.parameters import figure, load_table
from training.simulation.paydays import add_months, next_open, parts


def live_children(life: Life) -> None:
    """Write quarterly child benefit, child budget and childcare, with their life events."""
    births, ends = life.planned("child_birth"), life.planned("child_comes_of_age")
    if births and not ends and life.side.chance(figure("everyday", "child_benefit_abroad")["share"]):
        _pay_from_abroad(life, births)
        return
    quarters = [month for month in life.months if month.month in (1, 4, 7, 10)]
    born = list(life.home.children_born)
    if not life.home.receives_child_benefit and not births and not ends:
        born = []
    for day in births:
        paid = [month.first for month in quarters if month.first >= day]
        if paid:
            born.append(_birthday_before(life, paid[0], years=0))
    for day in ends:
        missed = [month.first for month in quarters if month.first >= day]
        if missed:
            born.append(_birthday_before(life, missed[0], years=18))
    if born:
        _pay_child_benefit(life, born, [month.first for month in quarters])


def benefit_cents(born: list[int], right_from: int) -> list[int]:
    """Cents for each child with a right, for the quarter of right that begins on this day (ordinal)."""
    ages = [_age_on(birthday, right_from) for birthday in born if birthday <= right_from]
    return [amount_from("child_benefit", right_from, min(age // 6, 2)) for age in ages if age < 18]


def _age_on(birthday: int, day: int) -> int:
    born, given = parts(birthday), parts(day)
    return given.year - born.year - ((given.month, given.day) < (born.month, born.day))


def _birthday_before(life: Life, payday_month: int, *, years: int) -> int:
    """A birthday in the quarter before the quarter of right that is paid in this month."""
    paid = parts(payday_month)
    year, month = add_months(paid.year - years, paid.month, -6)
    first = date(year, month, 1).toordinal()
    return life.dice.whole(first + 1, first + 88)


def _pay_child_benefit(life: Life, born: list[int], paydays: list[int]) -> None:
    party = life.party("benefits", "child_benefit")
    shares = figure("everyday", "child_benefit_forms")
    forms = {"whole": 2, "half": 1, "double": 4}
    form = forms[life.dice.weigh({name: shares[name] for name in forms})]
    before, last_paid = None, 0
    for first in paydays[_paid_here(life, len(paydays))]:
        paid = parts(first)
        right_from = date(*add_months(paid.year, paid.month, -3), 1).toordinal()
        each = benefit_cents(born, right_from)
        number = len(each)
        more, fewer = before is not None and number > before, before is not None and number < before
        booked = next_open(max(first, date(paid.year, paid.month, 2).toordinal() if paid.month == 1 else first))
        if each:
            role = "primary" if more else "background"
            life.pay(party, booked, sum(each) * form // 2, code="SCT_BATCH", event="child_birth", role=role,
                     purpose="BECH" if life.number % 9 == 0 else "")  # fmt: skip
        if more:
            life.happen("child_birth", booked, booked)
            _settle_child(life, booked)
        if fewer and last_paid:
            life.happen("child_comes_of_age", booked if each else last_paid, booked if each else booked + 7)
        before, last_paid = number, booked if each else last_paid


def _paid_here(life: Life, quarters: int) -> slice:
    """The quarters whose benefit comes to this account: with the other parent it may move away or here, no event."""
    planned = {"child_birth", "child_comes_of_age"} & life.intended
    moves = not planned and quarters and life.side.chance(figure("everyday", "child_benefit_forms")["moves"])
    if not moves:
        return slice(quarters)
    when = life.side.whole(1, quarters)
    return slice(when) if life.side.chance(0.5) else slice(when, quarters)


def _pay_from_abroad(life: Life, births: list[int]) -> None:
    """Monthly child benefit of the country a parent works in; it goes before the Dutch one."""
    party, abroad = life.party("benefits", "child_benefit_abroad"), figure("everyday", "child_benefit_abroad")
    cents, day = life.side.whole(*abroad["cents_a_child"]), life.side.whole(4, 24)
    before = None
    for month in life.months:
        grown = [born for born in life.home.children_born if _age_on(born, month.first) >= 18]
        number = len(life.home.children_born) - len(grown) + sum(birth <= month.first for birth in births)
        more = number > before if before is not None else False
        if number:
            role = "primary" if more else "background"
            booked = life.pay(party, month.day(day), number * cents, event="child_birth", role=role)
            if more:
                life.happen("child_birth", booked, booked)
        before = number


def _settle_child(life: Life, day: int) -> None:
    """A child budget that starts with a birth (in one of three households), for some before the first benefit."""
    if not life.dice.chance(0.35):
        return
    party = life.party("benefits", "child_budget")
    cents = int(load_table("amounts_benefits")["child_budget"]["value"] * life.dice.between(0.3, 1.0)) // 100 * 100
    role = "supporting"
    begins = day - 30 * life.side.whole(*figure("everyday", "child_budget_begins_before_months"))
    for month in life.months:
        if month.first > begins:
            life.pay(party, month.day(20), cents, code="SCT_BATCH", event="child_birth", role=role)
            role = "background"


def live_childcare(life: Life) -> None:
    """Monthly invoices of a childcare organisation from the start on, and the allowance for them."""
    for day in life.planned("childcare_start")[:1]:
        organisation = life.party("events", "childcare", collects=True)
        allowance = life.party("benefits", "childcare_allowance")
        cents = life.dice.whole(30_000, 180_000)
        first = True
        for month in life.months:
            if month.first < day:
                continue
            role = "primary" if first else "background"
            booked = life.pay(organisation, month.day(3), -cents, event="childcare_start", role=role)
            life.pay(allowance, month.day(20), int(cents * 0.7), code="SCT_BATCH", event="childcare_start",
                     role="supporting" if first else "background")  # fmt: skip
            if first:
                life.happen("childcare_start", booked, booked)
            first = False
