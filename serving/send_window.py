"""When an offer may be sent: by day, and not between Christmas Eve and New Year's Day. Figures stand in `policy.toml`.

Hours and days are those of Europe/Amsterdam, whatever the clock of the engine says.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from models.purposes import AMSTERDAM


@dataclass(frozen=True, slots=True)
class SendingHours:
    """Open from `opens` (inclusive) until `closes` (exclusive), but not on the quiet days, both inclusive.

    `quiet_from` and `quiet_until` are (month, day); they may lie on two sides of New Year.
    """

    opens: time
    closes: time
    quiet_from: tuple[int, int]
    quiet_until: tuple[int, int]

    def is_quiet(self, day: date) -> bool:
        """Whether nothing may be sent on this day at all."""
        at = (day.month, day.day)
        if self.quiet_from <= self.quiet_until:
            return self.quiet_from <= at <= self.quiet_until
        return at >= self.quiet_from or at <= self.quiet_until


@dataclass(frozen=True, slots=True)
class SendWindow:
    """From the first moment (inclusive) to the last (exclusive) at which an offer may be sent."""

    not_before: datetime
    not_after: datetime

    def holds(self, at: datetime) -> bool:
        """Whether an offer may be sent at this moment."""
        return self.not_before <= at < self.not_after


def find_send_window(hours: SendingHours, *, at: datetime) -> SendWindow:
    """The window that is open at this moment (then it begins with it), else the next one."""
    local = at.astimezone(AMSTERDAM)
    day = local.date()
    if local.time() >= hours.closes:
        day += timedelta(days=1)
    while hours.is_quiet(day):
        day += timedelta(days=1)
    opens = datetime.combine(day, hours.opens, tzinfo=AMSTERDAM)
    closes = datetime.combine(day, hours.closes, tzinfo=AMSTERDAM)
    return SendWindow(max(opens, local), closes)


def parse_hours(data: dict[str, str]) -> SendingHours:
    """Sending hours from the content of `policy.toml`: times as HH:MM, days as MM-DD."""
    first, last = (tuple(int(part) for part in data[name].split("-")) for name in ("quiet_from", "quiet_until"))
    return SendingHours(
        time.fromisoformat(data["opens"]), time.fromisoformat(data["closes"]), (first[0], first[1]), (last[0], last[1])
    )
