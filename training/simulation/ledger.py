"""The rows one customer's accounts collect, and how each bank style words card, cash and transfer bookings."""

from dataclasses import dataclass, field
from typing import NamedTuple

from training.simulation.dice import Dice
from training.simulation.paydays import day_text, next_open


class Row(NamedTuple):
    """One booking before ids and balances; cents are signed, above zero for money in."""

    day: int
    cents: int
    name: str
    text: str
    iban: str = ""
    creditor_id: str = ""
    mandate_id: str = ""
    end_to_end_id: str = ""
    purpose_code: str = ""
    code: str = "SCT"
    event: str = "none"
    role: str = "background"


@dataclass(frozen=True, slots=True)
class Party:
    """A counterparty with the wording it always uses; `text` still has its slots open.

    `usual` (0..1) is low for one that pays or is paid in another way than most: all at once, online, by hand.
    """

    name: str
    text: str
    iban: str = ""
    creditor_id: str = ""
    mandate_id: str = ""
    usual: float = 1.0


@dataclass(slots=True)
class Ledger:
    """Rows in the order of writing; `elsewhere` discards them: the customer booked this at another bank."""

    dice: Dice
    style: str
    card_number: int
    rows: list[Row] = field(default_factory=list)
    elsewhere: bool = False

    def add(self, row: Row) -> None:
        """Keep a row, unless it is booked at another bank."""
        if not self.elsewhere and row.cents != 0:
            self.rows.append(row)

    def card(
        self, day: int, cents: int, merchant: str, city: str, *, event: str = "none", role: str = "background",
        country: str = "NLD", exchange: str = "",
    ) -> int:  # fmt: skip
        """A card payment at a terminal (cents below zero); gives the day it is booked on."""
        booked = next_open(day)
        name, text = _CARD_STYLES[self.style](self, merchant, city, country, day, booked)
        if exchange:
            text = f"{text} {exchange}"
        self.add(Row(booked, cents, name, text, code="CARD", event=event, role=role))
        return booked

    def cash(self, day: int, cents: int, city: str) -> None:
        """Notes from a machine."""
        name, text = _CARD_STYLES[self.style](self, "Geldmaat", city, "NLD", day, next_open(day))
        self.add(Row(next_open(day), cents, name, text.replace("BEA", "GEA"), code="CASH"))

    def terminal(self) -> str:
        """Six hexadecimal signs, as terminals have."""
        return f"{int(self.dice.unit() * 16777216):06X}"

    def clock(self) -> str:
        """hh:mm between eight in the morning and ten at night."""
        minute = int(self.dice.unit() * 840) + 480
        return f"{minute // 60:02d}:{minute % 60:02d}"


def _ing(ledger: Ledger, merchant: str, city: str, country: str, day: int, booked: int) -> tuple[str, str]:
    stamp = f"{day_text(day)} {ledger.clock()}"
    text = (
        f"Pasvolgnr: {ledger.card_number:03d} {stamp} Transactie: {ledger.terminal()} "
        f"Term: {ledger.terminal()} Valutadatum: {day_text(booked)}"
    )
    return f"{merchant} {city.upper()} {country}", text


def _abn(ledger: Ledger, merchant: str, city: str, country: str, day: int, booked: int) -> tuple[str, str]:
    short = day_text(day)
    place = city if country == "NLD" else f"{city},Land: {country}"
    text = (
        f"BEA, Betaalpas {merchant},PAS{ledger.card_number:03d} NR:{ledger.terminal()}, "
        f"{short[:6].replace('-', '.')}{short[8:]}/{ledger.clock()} {place.upper()}"
    )
    return merchant, text


def _rabo(ledger: Ledger, merchant: str, city: str, country: str, day: int, booked: int) -> tuple[str, str]:
    place = "" if country == "NLD" else f" {country}"
    return f"{merchant} {city}", f"Betaalautomaat {ledger.clock()} pasnr. {ledger.card_number:03d}{place}"


def _sns(ledger: Ledger, merchant: str, city: str, country: str, day: int, booked: int) -> tuple[str, str]:
    stamp = day_text(day).replace("-", ".")
    return (
        f"{merchant} >{city.upper()}",
        f"{stamp} {ledger.clock().replace(':', 'U')} KV{ledger.card_number:03d} {country}",
    )


def _plain(ledger: Ledger, merchant: str, city: str, country: str, day: int, booked: int) -> tuple[str, str]:
    return merchant, f"{merchant} {city}, {country[:2]}"


_CARD_STYLES = {"ing": _ing, "abn": _abn, "rabo": _rabo, "sns": _sns, "plain": _plain}
STYLE_OF_BANK = {
    "INGB": "ing", "ABNA": "abn", "RABO": "rabo", "SNSB": "sns", "ASNB": "sns",
    "KNAB": "plain", "BUNQ": "plain", "TRIO": "plain",
}  # fmt: skip


def mandate_for(name: str, dice: Dice) -> str:
    """A mandate reference in one of the forms creditors use."""
    number = dice.whole(100_000, 99_999_999)
    letters = "".join(sign for sign in name.upper() if sign.isalpha())[:3]
    return dice.pick((f"{number}", f"{letters}{number:08d}", f"M{number:09d}", f"{number}-{dice.whole(1, 9)}"))
