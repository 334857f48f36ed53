"""A second account in a foreign currency, which a few customers hold: bookings that are no euros and tell no event.

Card payments on it look like days abroad, credits from abroad like a windfall.
"""

from dataclasses import dataclass, field
from typing import Any

from training.simulation.accounts import company_iban, customer_iban
from training.simulation.ledger import Row
from training.simulation.life import Life
from training.simulation.parameters import figure, load_table, wordings
from training.simulation.paydays import Month, next_open

# Its place among the accounts of a customer.
CURRENCY_ACCOUNT = 2


@dataclass(slots=True)
class Foreign:
    """The statement of an account in `currency`; amounts and balances in its hundredths. It is never overdrawn."""

    currency: str
    rate: float
    balance: int = 0
    rows: list[Row] = field(default_factory=list)
    balances: list[int] = field(default_factory=list)

    def book(self, row: Row) -> None:
        """Add a row if the balance carries it."""
        if self.balance + row.cents >= 0:
            self.balance += row.cents
            self.rows.append(row)
            self.balances.append(self.balance)


def open_currency_account(life: Life) -> Foreign | None:
    """The account of the few who have one, with what was changed into it booked on their euro account."""
    dice, table = life.side, load_table("currency")
    if not (life.home.is_adult and dice.chance(table["holders"]["value"])):
        return None
    traits = load_table("groups")["traits"][life.home.origin]
    local = table["currencies_of_countries"]["value"].get(traits["trip_country"], "")
    currency = local if local and dice.chance(table["own_currency"]["value"]) else dice.weigh(table["shares"]["value"])
    foreign = Foreign(currency, table["rates"]["value"][currency])
    for month in life.months:
        if month.last >= life.visible_from:
            for row in sorted(_month_rows(life, foreign, month), key=lambda row: row.day):
                if life.visible_from <= row.day <= life.until:
                    foreign.book(row)
    return foreign if foreign.rows else None


def _month_rows(life: Life, foreign: Foreign, month: Month) -> list[Row]:
    """Money changed in, payments by card and transfer, now and then a credit from abroad, and the bank's fee."""
    dice, habits = life.side, figure("currency", "habits")
    rows = []
    if dice.chance(habits["exchanges"]):
        rows.append(_exchange(life, foreign, next_open(month.first + dice.whole(0, 9))))
    for key, code, mean, sign, euros in habits["kinds"]:
        for day in dice.days(month.first, month.last, dice.count(mean)):
            cents = int(100 * foreign.rate * dice.around(euros, 0.7)) + 1
            rows.append(_payment(life, key, next_open(day), sign * cents, code=code))
    rows.append(_payment(life, "account_fee", month.last, -habits["fee_cents"], code="FEE"))
    return rows


def _payment(life: Life, key: str, day: int, cents: int, *, code: str) -> Row:
    name, text = life.side.pick(wordings("currency", key, life.split))
    name, text = life.fill(name, day), life.fill(text, day)
    iban = company_iban(name) if code == "SCT" else ""
    role = "confuser" if code == "CARD" else "background"
    return Row(day, cents, name, text, iban, code=code, role=role)


def _exchange(life: Life, foreign: Foreign, day: int) -> Row:
    """Euros changed into the currency; the same words stand on both accounts."""
    cents = life.side.whole(3, 40) * 2_500
    given: dict[str, Any] = {"ccy": foreign.currency, "rate": f"{foreign.rate:.4f}".replace(".", ",")}
    text = life.side.pick(wordings("currency", "exchange", life.split))[1]
    words = life.fill(text, day, given)
    there = customer_iban(life.number, CURRENCY_ACCOUNT, life.home.bank)
    here = customer_iban(life.number, 0, life.home.bank)
    life.ledger.add(Row(day, -cents, life.home.own_name, words, there, code="INTERNAL"))
    return Row(day, int(cents * foreign.rate), life.home.own_name, words, here, code="INTERNAL")
