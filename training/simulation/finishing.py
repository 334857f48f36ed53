"""Turns a customer's rows into a statement: order, savings, running balance, overdraft interest and numbers."""

from training.simulation.ledger import Row
from training.simulation.life import Life
from training.simulation.paydays import parts

_ROW_DAY = 0


def settle(life: Life) -> tuple[list[Row], list[int]]:
    """Rows in order with the balance after each; savings move so that only thin buffers go below zero."""
    dice, home = life.dice, life.home
    rows = sorted(
        (row for row in life.ledger.rows if life.visible_from <= row.day <= life.until), key=lambda row: row.day
    )
    to_savings, from_savings = life.party("everyday", "savings_out"), life.party("everyday", "savings_in")
    ceiling = home.net_month * (1 if home.thin_buffer else 2)
    balance = int(home.net_month * dice.between(0.2, 1.2))
    done: list[Row] = []
    balances: list[int] = []
    below_since, last_below, month, rescued = 0, -400, -1, True
    for row in rows:
        at = row.day // 30
        if at != month:
            month, rescued = at, not (home.thin_buffer and dice.chance(0.45))
        if balance + row.cents < 0 and row.cents < 0 and (rescued or balance < -100_000):
            short = -(balance + row.cents)
            move = (short // 5_000 + dice.whole(1, 6)) * 5_000
            balance += move
            done.append(_internal(life, row.day, move, from_savings.name, from_savings.text))
            balances.append(balance)
        before, balance = balance, balance + row.cents
        done.append(row)
        balances.append(balance)
        if balance < 0 <= before:
            if row.day - last_below > 30:
                life.happen("overdraft", row.day, row.day)
            below_since = row.day
        if balance < 0:
            last_below = row.day
        elif before < 0 and row.day - below_since > 3:
            interest = -max(30, int(-before * 0.1 * (row.day - below_since) / 365))
            party = life.party("events", "overdraft_interest")
            text = party.text.format(**{"from": parts(row.day).strftime("01-%m-%Y"), "pmm": parts(row.day).strftime("%m"),
                                        "pyear": str(parts(row.day).year), "pq": str((parts(row.day).month + 2) // 3),
                                        "pqyear": str(parts(row.day).year)})  # fmt: skip
            balance += interest
            done.append(Row(row.day, interest, party.name, text, code="FEE", event="overdraft", role="primary"))
            balances.append(balance)
        if row.cents > 50_000 and balance > ceiling:
            move = (balance - ceiling // 2) // 5_000 * 5_000
            balance -= move
            done.append(_internal(life, row.day, -move, to_savings.name, to_savings.text))
            balances.append(balance)
    return done, balances


def _internal(life: Life, day: int, cents: int, name: str, text: str) -> Row:
    from training.simulation.slots import Slots

    return Row(day, cents, name, text.format_map(Slots(life, day, {})), code="INTERNAL")
