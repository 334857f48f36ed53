"""Salary, unemployment benefit, social assistance, pension and study finance of one customer, month by month.

The income is a state that life events change: first_job, job_change, income_rise, job_loss,
social_assistance_start, retirement, study_start and graduation.
"""

from dataclasses import dataclass, field, replace

from training.simulation.accounts import company_iban
from training.simulation.ledger import Party
from training.simulation.life import Life
from training.simulation.parameters import figure, load_table
from training.simulation.paydays import Month, add_months, month_of, next_open, parts, previous_open
from training.simulation.tuition import Tuition, cents_due, plan_later_years, plan_tuition, term_of

# Days after a monthly payment before a careful reader knows that the next one did not come.
_MISSED_AFTER = 38
# Days of study finance before it can end with a graduation.
_SHORTEST_STUDY = 240
EVENTS = (
    "study_start", "graduation", "first_job", "job_change", "income_rise", "job_loss", "social_assistance_start",
    "retirement",
)  # fmt: skip


@dataclass(slots=True)
class Income:
    """The present state of a customer's income; amounts in cents a month."""

    kind: str
    party: Party
    cents: int
    day: int
    period: str
    since: int = 0
    pension: Party | None = None
    tuition: Tuition | None = None
    side_job: Party | None = None
    share: float = 1.0
    fund_from: int = 0
    more_to_come: bool = False
    began: int = 0
    unpaid: bool = False
    last_finance: int = 0
    works_from: int = 0
    back_from: int = 0
    watched: list[tuple[str, list[int]]] = field(default_factory=list)


def live_income(life: Life) -> None:
    """Write all income and note the life events that show in it."""
    planned = sorted((day, event) for event in EVENTS for day in life.planned(event))
    state = _first_state(life, [event for _, event in planned])
    for month in life.months:
        while planned and planned[0][0] <= month.last:
            _, event = planned.pop(0)
            _CHANGES[event](life, state, month)
        state.more_to_come = bool(planned)
        _surprise(life, state, month)
        _pay_month(life, state, month)
    if life.home.stage == "worker" and life.dice.chance(figure("everyday", "salary_surprises")["second_job"]):
        job = life.party("income", "side_job")
        for month in life.months:
            life.pay(job, month.day(12), life.dice.whole(15_000, 60_000), code="SCT_BATCH")


def _surprise(life: Life, state: Income, month: Month) -> None:
    """What happens to a salary without a life event: a yearly rise, another payer for the job, a month unpaid.

    Who is paid by the week works for one agency after the other: none of that is a change of job.
    """
    _surprise_student(life, state, month)
    if state.kind != "salary" or state.watched:
        state.unpaid = False
        return
    shares = figure("everyday", "salary_surprises")
    if month.month == 1:
        state.cents = int(state.cents * life.dice.between(*shares["yearly_rise"]))
    weekly = state.period == "weekly"
    if life.dice.chance(shares["agencies_a_year" if weekly else "payer_renamed"] / 12):
        state.party = _party_for(life, "salary")[0] if weekly else _renamed(life, state.party)
    if not state.more_to_come and life.dice.chance(shares["moved_elsewhere"] / 12):
        state.kind = "elsewhere"
    state.unpaid = life.dice.chance(shares["unpaid_month"] / 12)


def _renamed(life: Life, party: Party) -> Party:
    """The same employer as it shows afterwards: under a new name, with an account elsewhere, or paid by a service."""
    other, _ = _party_for(life, "salary")
    how = life.dice.weigh(figure("everyday", "renamed_employers"))
    if how == "name":
        return replace(party, name=other.name)
    return replace(party, iban=company_iban(f"{party.name} 2")) if how == "account" else other


def _surprise_student(life: Life, state: Income, month: Month) -> None:
    """A graduate finds work; others pause their study, or give it up: student finance stops, and nobody graduates."""
    studies = figure("everyday", "studies")
    if state.kind == "nothing" and 0 < state.works_from <= month.first:
        _first_job(life, state, month)
    elif state.kind == "nothing" and 0 < state.back_from <= month.first:
        state.kind, state.back_from = "study", 0
    elif state.kind == "study" and not state.more_to_come and not state.watched:
        if life.side.chance(studies["given_up"] / 12):
            state.kind = "nothing"
        elif life.side.chance(studies["paused"] / 12):
            state.kind, state.back_from = "nothing", _months_later(life, month, studies["pause_months"])


def _months_later(life: Life, month: Month, between: list[int]) -> int:
    return month_of(*add_months(month.year, month.month, life.side.whole(*between))).first


def amount_from(table: str, day: int, column: int) -> int:
    """The cents of a benefit table that hold on a day (ordinal)."""
    rows = load_table("amounts_benefits")[table]["rows"]
    given = parts(day)
    known = [row for row in rows if row["from"] <= given]
    # Before the first year of a table its first amounts hold.
    return int((known[-1] if known else rows[0])["cents"][column])


def _first_state(life: Life, coming: list[str]) -> Income:
    """The income at the start of the window, so that the first planned event can follow from it."""
    dice, home = life.dice, life.home
    first = coming[0] if coming else ""
    kind = {"student": "study", "worker": "salary", "retired": "pension"}[home.stage]
    if home.stage == "student" and (first == "study_start" or (first == "first_job" and dice.chance(0.3))):
        kind = "nothing"
    if home.stage == "worker" and not coming and dice.chance(0.1):
        kind = dice.weigh({"assistance": 0.4, "unemployment": 0.25, "self": 0.35})
        # What calls for care never stands on an account of two holders.
        kind = "self" if life.shared else kind
    if first == "social_assistance_start" and dice.chance(0.3):
        kind = "unemployment"
    party, day = _party_for(life, kind)
    state = Income(kind, party, home.net_month, day, home.pay_period if kind == "salary" else "monthly")
    state.tuition = plan_later_years(life) if kind == "study" else None
    if kind == "pension":
        state.share, has_fund = _pension_rights(life)
        state.pension = life.party("income", "pension") if has_fund else None
    return state


def _pension_rights(life: Life) -> tuple[float, bool]:
    """Share of the full state pension and whether a pension fund pays too."""
    rights = figure("everyday", "pension_rights")
    if life.home.born_abroad:
        return life.dice.between(*rights["share_abroad"]), life.dice.chance(rights["fund_abroad"])
    return 1.0, life.dice.chance(rights["fund"])


def _party_for(life: Life, kind: str) -> tuple[Party, int]:
    dice, weekly = life.dice, life.home.pay_period != "monthly"
    if kind == "salary":
        return life.party("income", "agency" if weekly and dice.chance(0.7) else "salary"), dice.whole(20, 28)
    theme, key, day = {
        "study": ("income", "study", 24),
        "nothing": ("income", "side_job", 10),
        "pension": ("benefits", "state_pension", 22),
        "assistance": ("income", "assistance", dice.pick((7, 23))),
        "unemployment": ("income", "unemployment", dice.whole(5, 14)),
        "self": ("income", "own_invoice", 15),
    }[kind]
    return life.party(theme, key), day


def _pay_month(life: Life, state: Income, month: Month) -> None:
    if state.kind == "elsewhere" or state.unpaid:
        return
    if state.kind == "salary":
        _pay_salary(life, state, month)
    elif state.kind in ("study", "nothing"):
        _pay_student(life, state, month)
    elif state.kind == "pension":
        _pay_pension(life, state, month)
    elif state.kind == "self":
        for day in life.dice.days(month.first, month.last, life.dice.whole(1, 3)):
            party = life.party("income", "own_invoice")
            life.pay(party, day, int(state.cents * life.dice.between(0.3, 0.9)), code="SCT")
    else:
        event = "social_assistance_start" if state.kind == "assistance" else "job_loss"
        _pay_watched(life, state, month.day(state.day), state.cents, event, code="SCT_BATCH")


def _pay_watched(life: Life, state: Income, day: int, cents: int, event: str, *, code: str) -> int:
    """Pay a benefit that speaks to an event: primary when it is new, background when it runs."""
    new = bool(state.watched) and not state.watched[0][1]
    if new and event != "retirement":
        cents = _first_share(life, cents)
    booked = life.pay(state.party, day, cents, code=code, event=event, role="primary" if new else "background")
    _watch(life, state, booked)
    return booked


def _first_share(life: Life, cents: int) -> int:
    """What of a month is paid the first time: who starts during it gets a part."""
    part = figure("everyday", "new_jobs")["first_part"]
    return int(cents * life.side.between(*part["share"])) if life.side.chance(part["often"]) else cents


def _pay_salary(life: Life, state: Income, month: Month) -> None:
    """A salary by the month, by four weeks or by the week; short periods vary with the hours worked."""
    code = "SALARY" if state.since % 3 == 0 else "SCT_BATCH"
    if state.period == "monthly":
        day = min(state.day, 22) if month.month == 12 else state.day
        purpose = "SALA" if state.day % 5 == 0 else ""
        cents = _month_salary(life, state, month)
        if state.watched and state.watched[0][0] in ("first_job", "job_change") and not state.watched[0][1]:
            cents = _first_share(life, cents)
        booked = life.pay(state.party, previous_open(month.day(day)), cents, code=code, purpose=purpose)
        _watch(life, state, booked)
        return
    weekly = state.period == "weekly"
    step, low, high = (7, 0.75, 1.15) if weekly else (28, 0.97, 1.03)
    for day in range(month.first + (5 - month.first) % 7, month.last + 1, 7):
        if (weekly and life.dice.chance(0.04)) or (not weekly and (day // 7) % 4):
            continue
        cents = int(state.cents * 12 * step / 365 * life.dice.between(low, high))
        _watch(life, state, life.pay(state.party, day, cents, code=code))


def _month_salary(life: Life, state: Income, month: Month) -> int:
    """Cents of a month: overtime now and then, holiday pay in May, for some a thirteenth month in December."""
    surprises = figure("everyday", "salary_surprises")
    cents = state.cents
    if life.dice.chance(surprises["overtime"]):
        cents = int(cents * life.dice.between(1.02, 1.3))
    if month.month == 5:
        cents += int(state.cents * 0.62)
    if month.month == 12 and life.home.housing_month % 100 < 100 * surprises["christmas_pay"]:
        cents += int(state.cents * 0.55)
    return cents


def _pay_student(life: Life, state: Income, month: Month) -> None:
    dice = life.dice
    if state.kind == "study":
        _pay_study(life, state, month)
    if life.home.housing_month % 10 < 7 and dice.chance(0.85):
        _pay_side_job(life, state, month)


def _pay_side_job(life: Life, state: Income, month: Month) -> None:
    """Small pay of one employer for some months: for some every week, for others once or twice a month."""
    dice, forms = life.dice, figure("everyday", "side_jobs")
    if state.side_job is None or dice.chance(forms["new_one_a_year"] / 12):
        state.side_job = life.party("income", "side_job")
    if life.home.housing_month % 100 < 100 * forms["weekly"]:
        for day in range(month.first + (5 - month.first) % 7, month.last + 1, 7):
            life.pay(state.side_job, day, dice.whole(*forms["cents_a_week"]), code="SCT_BATCH")
        return
    for _ in range(dice.whole(1, 2)):
        day = dice.whole(month.first, month.last)
        life.pay(state.side_job, day, dice.whole(*forms["cents_a_month"]), code="SCT_BATCH")


def _pay_study(life: Life, state: Income, month: Month) -> None:
    """Tuition and student finance; whichever is booked first tells the start."""
    starts, tuition = state.began == month.first, state.tuition
    role = "primary" if state.watched else "background"
    booked = []
    due = cents_due(tuition, month, starts=starts) if tuition else 0
    if tuition and due:
        code, given = "IDEAL" if tuition.terms == 1 else "SCT", {"term": str(term_of(month))}
        day = month.day(tuition.day)
        booked.append(life.pay(tuition.party, day, -due, code=code, event="study_start", role=role, given=given))
    if not tuition or tuition.with_finance:
        cents = amount_from("study_finance", month.first, 1 if life.home.housing_month % 5 else 0)
        code = "SCT_BATCH"
        booked.append(life.pay(state.party, month.day(24), cents, code=code, event="study_start", role=role))
    if booked:
        _watch(life, state, min(booked))


def _pay_pension(life: Life, state: Income, month: Month) -> None:
    column = 0 if life.home.couple else 1
    cents = int(amount_from("state_pension", month.first, column) * state.share)
    if month.month == 5:
        cents += int(load_table("amounts_benefits")["state_pension"]["holiday_pay_cents"][column] * state.share)
    day = month.day(22)
    while parts(day).weekday() > 4:
        day += 1
    _pay_watched(life, state, day, cents, "retirement", code="SCT_BATCH")
    if state.pension:
        new = state.fund_from == month.first
        life.pay(
            state.pension, month.day(25), state.cents, event="retirement", role="supporting" if new else "background"
        )


def _watch(life: Life, state: Income, booked: int) -> None:
    """Note an event as soon as its last needed booking is there."""
    if state.last_finance and state.kind == "salary":
        life.happen("graduation", state.last_finance, max(booked, state.last_finance + _MISSED_AFTER))
        state.last_finance = 0
    for event, days in list(state.watched):
        days.append(booked)
        needed = _NEEDED[event] if state.period != "weekly" else 3 * _NEEDED[event] - 1
        if len(days) == needed:
            life.happen(event, days[0], days[-1])
            state.watched.remove((event, days))


_NEEDED = {
    "study_start": 1, "first_job": 2, "job_change": 2, "income_rise": 3, "job_loss": 1, "social_assistance_start": 2,
    "retirement": 1,
}  # fmt: skip


def _switch(life: Life, state: Income, kind: str, event: str, cents: int) -> None:
    state.kind, state.cents = kind, cents
    state.party, state.day = _party_for(life, kind)
    state.watched = [(event, [])] if event else []
    state.since = life.dice.whole(0, 8)


def _start_study(life: Life, state: Income, month: Month) -> None:
    if state.kind == "nothing":
        _switch(life, state, "study", "study_start", state.cents)
        state.began, state.tuition = month.first, plan_tuition(life)


def _graduate(life: Life, state: Income, month: Month) -> None:
    """Study finance stops and work begins, or the repayment of the debt begins for someone who works."""
    if state.kind == "study" and month.first - state.began < _SHORTEST_STUDY:
        return
    if state.kind == "study":
        _end_study(life, state, month)
        state.kind, state.watched = "nothing", []
        state.works_from = _months_later(life, month, figure("everyday", "studies")["works_after_months"])
    elif state.kind != "nothing":
        debt = life.party("income", "study_debt", collects=True)
        cents = -life.dice.whole(2_500, 25_000)
        for later in (m for m in life.months if m.first >= month.first):
            new = later.first == month.first
            booked = life.pay(debt, later.day(28), cents, event="graduation", role="primary" if new else "background")
            if new:
                life.happen("graduation", booked, booked)


def _end_study(life: Life, state: Income, month: Month) -> None:
    """Study finance stops; who pays tuition alone shows nothing. The first pay tells that it was no pause."""
    last = next_open(month_of(*add_months(month.year, month.month, -1)).day(24))
    if last >= life.start and not (state.tuition and not state.tuition.with_finance):
        state.last_finance = last


def _first_job(life: Life, state: Income, month: Month) -> None:
    """Regular pay after study or small jobs; whoever leaves a long study for it has graduated."""
    if state.kind == "study" and month.first - state.began >= _SHORTEST_STUDY:
        _end_study(life, state, month)
    if state.kind in ("study", "nothing"):
        _switch(life, state, "salary", "first_job", life.dice.whole(190_000, 290_000))
        state.period, state.works_from = life.home.pay_period, 0
        if life.side.chance(figure("everyday", "new_jobs")["internship_before"]):
            _pay_internship(life, state.party, month)


def _pay_internship(life: Life, employer: Party, first: Month) -> None:
    """Some months of an allowance from the coming employer."""
    text = life.party("income", "internship").text
    allowance, cents = Party(employer.name, text, employer.iban), 100 * life.side.whole(250, 700)
    for month in [month for month in life.months if month.first < first.first][-life.side.whole(3, 6) :]:
        life.pay(allowance, month.day(26), cents, code="SCT_BATCH")


def _change_job(life: Life, state: Income, month: Month) -> None:
    if state.kind == "unemployment":
        _switch(life, state, "salary", "", state.cents * 4 // 3)
    elif state.kind == "salary" and not state.watched:
        old, payday = state.party, state.day
        surprises = figure("everyday", "new_jobs")
        alike = life.dice.chance(surprises["alike_pay"])
        share = life.dice.between(*surprises["alike_share" if alike else "pay_share"])
        _switch(life, state, "salary", "job_change", int(state.cents * share))
        while state.party.name == old.name:  # the same employer under another contract is no change of job
            state.party, state.day = _party_for(life, "salary")
        if life.dice.chance(surprises["same_payday"]):
            state.day = payday
        if life.dice.chance(surprises["final_settlement"]):
            ending = life.party("income", "severance")
            final = Party(old.name, ending.text, old.iban)
            later = life.side.whole(3, 50)  # some employers settle after the next one has paid
            life.pay(final, month.first + later, life.dice.whole(40_000, 180_000), code="SCT_BATCH")


def _rise(life: Life, state: Income, month: Month) -> None:
    if state.kind == "salary" and not state.watched:
        state.period = "monthly" if state.period == "weekly" else state.period
        state.cents = int(state.cents * life.dice.between(1.085, 1.35))
        state.watched = [("income_rise", [])]


def _lose_job(life: Life, state: Income, month: Month) -> None:
    if state.kind == "salary":
        old = state.party
        _switch(life, state, "unemployment", "job_loss", int(state.cents * life.dice.between(0.70, 0.75)))
        state.period = "monthly"
        if life.dice.chance(0.6):
            ending = life.party("income", "severance")
            final, cents = Party(old.name, ending.text, old.iban), life.dice.whole(80_000, 900_000)
            life.pay(final, month.first + 2, cents, code="SCT_BATCH", event="job_loss", role="supporting")


def _need_assistance(life: Life, state: Income, month: Month) -> None:
    if state.kind in ("salary", "unemployment", "self"):
        low, high = load_table("amounts_benefits")["social_assistance"]["value"]
        _switch(life, state, "assistance", "social_assistance_start", life.dice.whole(low, high))


def _retire(life: Life, state: Income, month: Month) -> None:
    if state.kind in ("salary", "unemployment"):
        _switch(life, state, "pension", "retirement", int(state.cents * life.dice.between(0.25, 0.6)))
        state.share, has_fund = _pension_rights(life)
        state.pension, state.fund_from = (life.party("income", "pension") if has_fund else None), month.first


_CHANGES = {
    "study_start": _start_study, "graduation": _graduate, "first_job": _first_job, "job_change": _change_job,
    "income_rise": _rise, "job_loss": _lose_job, "social_assistance_start": _need_assistance, "retirement": _retire,
}  # fmt: skip
