"""Opening the service's parts from settings: verified release, store, gate and ledger."""

from collections.abc import Callable
from datetime import UTC, datetime

from models.detection import detect_events
from models.kill_switch import KillSwitches
from models.registries import InstalledPurposes
from models.release import Release
from models.signing import load_registry
from models.store import Store, open_store
from serving.champion import ChampionHolder
from serving.clients import make_client_table
from serving.contact.letters.reviews import load_reviews
from serving.contact.letters.sending import LetterDesk
from serving.contact.promise import default_complaint_rule
from serving.desk import Desk
from serving.gate import Gate
from serving.ledger import Ledger
from serving.once import Once
from serving.pages.settings import open_page_settings
from serving.policy import default_policy
from serving.records import StoredRecords
from serving.settings import Settings


def verify_release(settings: Settings) -> Release:
    """The release that may answer now, with every hash, signature and waiver checked.

    Raises
    ------
    NoReleaseError
        Nothing was promoted, or no promoted release may answer any more.
    IntegrityError
        A hash or a signature is wrong, or only demo keys signed and this is no demo.
    """
    return ChampionHolder(settings.home, settings.demo).current()


def open_desk(settings: Settings) -> Desk:
    """Everything a worker needs, opened once, with the champion of this moment already loaded.

    Raises
    ------
    NoReleaseError, IntegrityError
        As `verify_release`.
    StoreUnavailableError
        The database cannot be opened.
    UsageError
        The pages are not configured well.
    """
    champion = ChampionHolder(settings.home, settings.demo)
    champion.current()
    store = open_store(settings.home.database_url)
    make_client_table(store)
    policy = default_policy()
    gate = open_gate(settings, store, champion, clock=_now)
    letters = LetterDesk(load_reviews(settings.home), settings.demo, default_complaint_rule().phone)
    return Desk(
        gate=gate, ledger=Ledger(store, gate.registry, Once(store)), policy=policy, clock=_now, letters=letters,
        pages=open_page_settings(settings),
    )  # fmt: skip


def open_gate(settings: Settings, store: Store, champion: ChampionHolder, *, clock: Callable[[], datetime]) -> Gate:
    """The one door over a store that is open."""
    return Gate(
        store=store,
        releases=champion,
        registry=InstalledPurposes(settings.home, settings.demo),
        records=StoredRecords(),
        detect=detect_events,
        policy=default_policy(),
        clock=clock,
        strict_customers=settings.strict_customers,
        switches=KillSwitches(lambda: load_registry(settings.home)),
    )


def _now() -> datetime:
    return datetime.now(UTC)
