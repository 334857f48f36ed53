"""What real statements do to bookings: cut names, shouted or empty texts, repeated rows, and bookings taken back."""

from training.simulation.ledger import Row
from training.simulation.life import Life
from training.simulation.parameters import figure

_NAME_CUTS = (24, 27, 32, 35)
# Only rows below this many cents come twice or go back; a salary does not.
_SMALL = 30_000
_PLAIN = {"SCT_BATCH": "SCT", "SALARY": "SCT", "RETURN": "SDD"}


def add_noise(life: Life) -> None:
    """Change the rows of the ledger in place, at the shares of the parameter table.

    Cutting and shouting touch evidence too; only bookings that speak to nothing lose their text or come twice.
    """
    shares = figure("everyday", "noise")
    shouts = life.dice.chance(shares["bank_shouts"])
    plain, none = shares["codes_plain"], shares["codes_none"]
    codes = life.side.weigh({"told": 1 - plain - none, "plain": plain, "none": none})
    cut = life.dice.pick(_NAME_CUTS) if life.dice.chance(shares["bank_cuts_names"]) else 70
    rows: list[Row] = []
    for row in life.ledger.rows:
        worn = _wear(life, row, shouts=shouts, cut=cut, shares=shares)
        rows.append(worn)
        if row.role == "background" and row.event == "none" and row.code != "CARD" and abs(row.cents) < _SMALL:
            rows.extend(_echo(life, worn, shares))
    if codes != "told":
        rows = [row._replace(code=_code(row.code, codes)) for row in rows]
    if life.side.chance(shares["no_creditors"]):
        rows = [row._replace(creditor_id="", mandate_id="") for row in rows]
    life.ledger.rows = rows


def _code(code: str, codes: str) -> str:
    """The code that the customer's bank shows: some call every transfer alike and a returned debit a debit, some show
    none.
    """
    if codes == "none":
        return ""
    return _PLAIN.get(code, code) if codes == "plain" else code


def _wear(life: Life, row: Row, *, shouts: bool, cut: int, shares: dict[str, float]) -> Row:
    name, text = row.name, row.text
    if shouts and row.code != "CARD":
        name, text = name.upper(), text.upper()
    if len(name) > cut:
        name = name[:cut].rstrip()
    draw = life.dice.unit()
    if draw < shares["empty_text"]:
        if row.event == "none" and row.role == "background" and name:
            text = ""
    elif draw < shares["empty_text"] + shares["cut_text"]:
        text = text[:32].rstrip()
    elif draw < shares["empty_text"] + shares["cut_text"] + shares["lower_text"]:
        text = text.lower()
    reference = f"{life.dice.whole(10**8, 10**9 - 1)}" if row.creditor_id or row.code == "SCT_BATCH" else ""
    if name is row.name and text is row.text and not reference:
        return row
    return row._replace(name=name, text=text, end_to_end_id=reference)


def _echo(life: Life, row: Row, shares: dict[str, float]) -> list[Row]:
    draw = life.dice.unit()
    if draw < shares["duplicate"]:
        return [row]
    if draw < shares["duplicate"] + shares["taken_back"] and row.cents < 0 and row.code in ("IDEAL", "SDD"):
        text = f"Retour {row.text}"[:140]
        back = Row(row.day + life.dice.whole(2, 12), -row.cents, row.name, text, row.iban, code="SCT")
        return [back] if back.day <= life.until else []
    return []
