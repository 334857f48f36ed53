"""Turns a customer's rows into a statement: order, savings, running balance and overdraft interest."""

from dataclasses import dataclass, field
from typing import Any

from training.simulation.ledger import Party, Row
from training.simulation.life import Life
from training.simulation.parameters import figure


@dataclass(slots=True)
class Statement:
    """Rows in order with the balance after each, in cents."""

    balance: int
    rows: list[Row] = field(default_factory=list)
    balances: list[int] = field(default_factory=list)

    def book(self, row: Row) -> None:
        """Add a row and its balance."""
        self.balance += row.cents
        self.rows.append(row)
        self.balances.append(self.balance)


@dataclass(slots=True)
class Buffer:
    """How a household keeps its account above zero, or does not."""

    into: Party
    out_of: Party
    ceiling: int
    month: int = -1
    rescued: bool = True
    below_since: int = 0
    last_event: int = -400


def settle(life: Life) -> Statement:
    """Put rows in order; savings move so that only accounts with a thin buffer go below zero, and interest follows."""
    home, limits = life.home, figure("everyday", "overdraft")
    rows = [row for row in life.ledger.rows if life.visible_from <= row.day <= life.until]
    rows.sort(key=lambda row: row.day)
    statement = Statement(int(home.net_month * life.dice.between(0.2, 1.2)))
    ceiling = home.net_month * (1 if home.thin_buffer else 2)
    buffer = Buffer(life.party("everyday", "savings_in"), life.party("everyday", "savings_out"), ceiling)
    for row in rows:
        if row.cents < 0:
            _rescue(life, statement, buffer, row, limits)
        before = statement.balance
        statement.book(row)
        _watch_overdraft(life, statement, buffer, row.day, before, limits)
        if row.cents > 50_000 and statement.balance > buffer.ceiling + 5_000:
            move = (statement.balance - buffer.ceiling) // 5_000 * 5_000
            statement.book(_internal(life, row.day, -move, buffer.out_of))
    return statement


def _rescue(life: Life, statement: Statement, buffer: Buffer, row: Row, limits: dict[str, Any]) -> None:
    """Fetch savings before a booking that would bring the balance below zero, except in a month that goes wrong."""
    if row.day // 30 != buffer.month:
        buffer.month = row.day // 30
        buffer.rescued = not (life.home.thin_buffer and life.dice.chance(limits["months_not_rescued"]))
    after = statement.balance + row.cents
    if after < 0 and (buffer.rescued or after < -limits["limit_cents"]):
        low, high = limits["rescue_thin" if life.home.thin_buffer else "rescue"]
        move = int(-after + life.home.net_month * life.dice.between(low, high)) // 5_000 * 5_000 + 5_000
        statement.book(_internal(life, row.day, move, buffer.into))


def _watch_overdraft(
    life: Life, statement: Statement, buffer: Buffer, day: int, before: int, limits: dict[str, Any]
) -> None:
    """Note when the balance goes below zero, once in so many days, and charge interest when it comes back."""
    if statement.balance < 0 <= before:
        if life.home.is_adult and day - buffer.last_event > limits["quiet_days"]:
            life.happen("overdraft", day, day)
            buffer.last_event = day
        buffer.below_since = day
    elif statement.balance >= 0 > before and day - buffer.below_since > 3:
        cents = -max(30, int(-before * limits["yearly_interest"] * (day - buffer.below_since) / 365))
        party = life.party("events", "overdraft_interest")
        text = life.fill(party.text, day)
        statement.book(Row(day, cents, party.name, text, code="FEE", event="overdraft", role="primary"))


def _internal(life: Life, day: int, cents: int, party: Party) -> Row:
    return Row(day, cents, party.name, life.fill(party.text, day), code="INTERNAL")
