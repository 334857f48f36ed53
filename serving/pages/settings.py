"""What the pages need besides the desk: where the installation lies, how people sign in, where bookings are read."""

from dataclasses import dataclass, field

from models.explaining import explain_detections
from models.home import Home
from serving.pages.bookings import BookingSource, NoBookings, open_bookings
from serving.pages.evidence import Explain
from serving.pages.sign_on import SignOn, load_sign_on
from serving.settings import Settings


@dataclass(frozen=True)
class PageSettings:
    """One configuration of the pages. `sign_on` None: people come by one-time link."""

    home: Home
    demo: bool = False
    sign_on: SignOn | None = None
    bookings: BookingSource = field(default_factory=NoBookings)
    explain: Explain = explain_detections


def open_page_settings(settings: Settings) -> PageSettings:
    """The pages of a configuration.

    Raises
    ------
    UsageError
        The sign-on is configured in part, or the bookings are not there.
    """
    sign_on = load_sign_on(settings.sign_on_header, settings.sign_on_secret_file)
    return PageSettings(settings.home, settings.demo, sign_on, open_bookings(settings.bookings))
