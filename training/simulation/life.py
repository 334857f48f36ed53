"""One customer's simulated life: the household, the plan of life events, the bookings and the truth about both."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from training.simulation.accounts import company_iban, creditor_id, person_iban
from training.simulation.dice import Dice
from training.simulation.households import Household
from training.simulation.ledger import Ledger, Party, Row, mandate_for
from training.simulation.parameters import figure, wordings
from training.simulation.paydays import Month, next_open
from training.simulation.slots import Slots


@dataclass(frozen=True, slots=True)
class Happening:
    """A life event as it can be told from the bookings (days are ordinals)."""

    event: str
    onset: int
    detectable: int


@dataclass(slots=True)
class Life:
    """What the modules of this package write one customer's bookings with.

    `side` draws what a few customers alone have, so that everybody else stays as they were without it;
    `shared` says that another customer sees these bookings too.
    """

    number: int
    dice: Dice
    side: Dice
    split: str
    home: Household
    ledger: Ledger
    months: tuple[Month, ...]
    visible_from: int
    plan: dict[str, list[int]] = field(default_factory=dict)
    happenings: list[Happening] = field(default_factory=list)
    lived: dict[str, int] = field(default_factory=dict)
    intended: frozenset[str] = frozenset()
    circle: list[str] = field(default_factory=list)
    shared: bool = False

    @property
    def start(self) -> int:
        """First day of the simulated window."""
        return self.months[0].first

    @property
    def until(self) -> int:
        """Last day of the simulated window."""
        return self.months[-1].last

    def planned(self, event: str) -> list[int]:
        """The days on which this event is to begin, taken from the plan."""
        return sorted(self.plan.pop(event, []))

    def happen(self, event: str, onset: int, detectable: int) -> None:
        """Note a life event, unless its bookings stand at another bank or lie outside the window."""
        self.lived[event] = self.lived.get(event, 0) + 1
        if not self.ledger.elsewhere and self.visible_from <= onset and detectable <= self.until:
            self.happenings.append(Happening(event, onset, max(onset, detectable)))

    def fill(self, template: str, day: int, given: Mapping[str, str] | None = None) -> str:
        """A template with all its slots filled for a day."""
        return template.format_map(Slots(self, day, given)) if "{" in template else template

    def party(
        self,
        theme: str,
        key: str,
        *,
        person: bool = False,
        collects: bool = False,
        given: Mapping[str, str] | None = None,
    ) -> Party:
        """A counterparty with one of the wordings of this customer's split.

        `person` gives it a private account, `collects` a creditor identifier and a mandate.
        """
        name, text = self.dice.pick(wordings(theme, key, self.split))
        if name.startswith("{person}"):
            person, collects = True, False
        name = self.fill(name, self.start, given)
        if "{" in text:
            text = text.format_map(Slots(self, self.start, given, keep_live=True))
        return self.known_party(name, text, person=person, collects=collects)

    def known_party(self, name: str, text: str, *, person: bool = False, collects: bool = False) -> Party:
        """A counterparty by its name and text template."""
        if person:
            return Party(name, text, person_iban(name.split(" via ")[0], self.number))
        iban, usual = company_iban(name) if name else "", self.side.unit()
        if collects and usual >= figure("everyday", "unusual_ways")["by_hand"]:
            return Party(name, text, iban, creditor_id(name), mandate_for(name, self.dice))
        return Party(name, text, iban, usual=1.0 if collects else usual)

    def pay(
        self,
        party: Party,
        day: int,
        cents: int,
        *,
        code: str = "SCT",
        event: str = "none",
        role: str = "background",
        purpose: str = "",
        shifted: bool = True,
        given: Mapping[str, str] | None = None,
    ) -> int:
        """Book with a party on the first open day from `day`; gives that day. Instant payments are not `shifted`."""
        booked = next_open(day) if shifted else day
        if booked > self.until or booked < self.start:
            return booked
        if code == "SCT" and party.creditor_id:
            code = "SDD"
        code = _unusual(code, party.usual, paid=cents < 0)
        self.ledger.add(
            Row(
                booked, cents, party.name, self.fill(party.text, day, given), party.iban, party.creditor_id,
                party.mandate_id, "", purpose, code, event, role,
            )
        )  # fmt: skip
        return booked

    def once(
        self,
        theme: str,
        key: str,
        day: int,
        cents: int,
        *,
        person: bool = False,
        code: str = "SCT",
        event: str = "none",
        role: str = "background",
        shifted: bool = True,
        given: Mapping[str, str] | None = None,
    ) -> int:
        """One booking with a counterparty met once; gives the day it is booked on."""
        party = self.party(theme, key, person=person, given=given)
        return self.pay(party, day, cents, code=code, event=event, role=role, shifted=shifted, given=given)


def _unusual(code: str, usual: float, *, paid: bool) -> str:
    """How a company that differs from most pays or is paid: some pay everybody at once, some take payments online."""
    shares = figure("everyday", "unusual_ways")
    if paid:
        return "IDEAL" if code == "SCT" and usual < shares["online"] else code
    other = {"SCT": "SCT_BATCH", "SCT_BATCH": "SCT"}
    return other.get(code, code) if usual < shares["pays"] else code
