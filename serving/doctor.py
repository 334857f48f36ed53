"""`levensloop doctor`: what is wrong with an installation, one line per finding, before a customer notices.

It reads and never mends, but for what opening the store brings up to this version.
"""

import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import metadata
from pathlib import Path

import sqlalchemy as sa
from packaging.requirements import Requirement

from models.command_line import TELEMETRY_OFF
from models.errors import IntegrityError, LevensloopError, NoReleaseError, StoreUnavailableError, UsageError
from models.home import VAULT_VARIABLES, Home
from models.migrations import newest_schema
from models.registries import InstalledPurposes
from models.signing import BOARD, load_registry
from models.store import Store, open_store
from models.tables import trail
from serving.clients import list_clients
from serving.opening import verify_release
from serving.pages.settings import open_page_settings
from serving.settings import Settings

# A day of trail and ledger of a busy service is some hundred MB; below a tenth of that the next writes fail.
LITTLE_ROOM, NO_ROOM = 1_000_000_000, 100_000_000
CLOCK_SLACK = timedelta(seconds=5)  # clocks of several servers differ that much


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: `exit_code` 0 for what is fine or only deserves a look."""

    subject: str
    told: str
    exit_code: int = 0
    is_warning: bool = False

    def __str__(self) -> str:
        word = "WRONG" if self.exit_code else "look" if self.is_warning else "fine"
        return f"{word:5}  {self.subject}: {self.told}"


def examine(settings: Settings, environ: Mapping[str, str], *, now: datetime) -> list[Finding]:
    """Every finding about an installation; the worst exit code is that of the whole."""
    home = settings.home
    looks: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
        ("home", lambda: _look_at_rights(home)),
        ("disk", lambda: _look_at_room(home)),
        ("versions", _look_at_versions),
        ("environment", lambda: _look_at_environment(environ)),
        ("release", lambda: _look_at_release(settings)),
        ("keys", lambda: _look_at_keys(home)),
        ("store", lambda: _look_at_store(settings, now)),
        ("pages", lambda: _look_at_pages(settings)),
    ]
    return [finding for subject, look in looks for finding in _keep(subject, look)]


def _keep(subject: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """The findings of one look; what makes looking impossible is a finding too."""
    try:
        yield from look()
    except LevensloopError as error:
        yield Finding(subject, str(error), error.exit_code)


def _look_at_rights(home: Home) -> Iterator[Finding]:
    if not home.path.is_dir():
        yield Finding("home", "there is no state folder yet. Run `levensloop demo` or train a release", is_warning=True)
        return
    if not os.access(home.path, os.R_OK | os.W_OK | os.X_OK):
        yield Finding("home", "this user cannot write the state folder. Give it to the user that serves", 2)
    private = [
        home.database_file,
        home.link_key,
        *home.keys.glob("*.pem"),
        *home.keys.glob("*.key"),
        *home.vault.glob("*"),
    ]
    for path in private:
        if path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            yield Finding(
                "home", f"{_short(path, home)} can be read by others. Run chmod 600 on it", UsageError.exit_code
            )
    yield Finding("home", "looked at")


def _look_at_room(home: Home) -> Iterator[Finding]:
    folder = next(path for path in (home.path, *home.path.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    told = f"{free / 1e9:.1f} GB are free"
    if free < NO_ROOM:
        yield Finding("disk", f"{told}. The next writes fail; make room", StoreUnavailableError.exit_code)
    else:
        yield Finding("disk", told, is_warning=free < LITTLE_ROOM)


def _look_at_versions() -> Iterator[Finding]:
    """Every floor that this version of Levensloop states, known holes among them, against what is installed."""
    required = [Requirement(text) for text in metadata.requires("levensloop") or []]
    needed = [one for one in required if one.marker is None or one.marker.evaluate({"extra": ""})]
    for one in needed:
        try:
            found = metadata.version(one.name)
        except metadata.PackageNotFoundError:
            yield Finding("versions", f"{one.name} is not installed, needed is {one.specifier}", UsageError.exit_code)
            continue
        if not one.specifier.contains(found, prereleases=True):
            yield Finding("versions", f"{one.name} is {found}, needed is {one.specifier}", UsageError.exit_code)
    yield Finding("versions", f"{len(needed)} libraries looked at")


def _look_at_environment(environ: Mapping[str, str]) -> Iterator[Finding]:
    on = [name for name, value in TELEMETRY_OFF.items() if environ.get(name, "").lower() != value.lower()]
    if on:
        yield Finding("environment", f"telemetry of a library is on: set {', '.join(on)}", UsageError.exit_code)
    if any(name in environ for name in VAULT_VARIABLES):
        yield Finding(
            "environment", "the key of the vault stands here; only an audit may have it", UsageError.exit_code
        )
    yield Finding("environment", "looked at")


def _look_at_release(settings: Settings) -> Iterator[Finding]:
    try:
        release = verify_release(settings)
    except NoReleaseError as error:
        yield Finding("release", str(error), error.exit_code)
        return
    yield Finding("release", f"{release.id[:12]} verifies: hashes, signatures and waivers")


def _look_at_keys(home: Home) -> Iterator[Finding]:
    roles = {key.role for key in load_registry(home).keys}
    missing = sorted(set(BOARD) - roles)
    if missing:
        yield Finding("keys", f"no key of {', '.join(missing)} is registered. Run levensloop keygen", is_warning=True)
    yield Finding("keys", f"{len(roles)} roles have keys, and the registry verifies")


def _look_at_store(settings: Settings, now: datetime) -> Iterator[Finding]:
    home = settings.home
    if not home.named_database_url and not home.database_file.exists():
        yield Finding("store", "there is none yet; the first start makes it", is_warning=True)
        return
    with closing(open_store(home.database_url)) as store:
        yield Finding("store", f"reachable, schema {newest_schema()}")
        with store.read() as connection:
            registry = InstalledPurposes(home, settings.demo).in_force(connection)
        yield Finding("purposes", f"registry {registry.version} verifies, {len(registry.ids)} purposes")
        yield _look_at_clock(store, now)
        working = [client for client in list_clients(store) if client.revoked_at is None]
        told = f"{len(working)} have a key that works"
        yield Finding("clients", told if working else f"{told}. Run levensloop client add", is_warning=not working)


def _look_at_pages(settings: Settings) -> Iterator[Finding]:
    pages = open_page_settings(settings)
    way = "one-time links" if pages.sign_on is None else f"the bank's own sign-on in {pages.sign_on.name}"
    seen = "which bookings" if settings.bookings else "how many bookings (LEVENSLOOP_BOOKINGS names no table)"
    yield Finding("pages", f"people sign in by {way}; customers see {seen} an event rests on")


def _look_at_clock(store: Store, now: datetime) -> Finding:
    with store.read() as connection:
        last = connection.execute(sa.select(trail.c.at).order_by(trail.c.seq.desc()).limit(1)).scalar()
    if last is not None and last > now + CLOCK_SLACK:
        return Finding(
            "clock", "the last row of the trail lies in the future: the clock was set back. Mend the clock",
            IntegrityError.exit_code,
        )  # fmt: skip
    return Finding("clock", "not before the last row of the trail")


def _short(path: Path, home: Home) -> str:
    return str(path.relative_to(home.path)) if path.is_relative_to(home.path) else path.name
