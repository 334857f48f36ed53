"""`levensloop demo`: everything from nothing, by the same verbs that a bank would use, one after the other.

It can be repeated: what is already there and verifies is kept, so a second run only starts the service again.
"""

import os
import secrets
import shlex
import subprocess
import sys
from collections.abc import Mapping
from datetime import date, timedelta
from functools import partial
from importlib import resources
from pathlib import Path
from time import time

from rich.console import Console

from models.candidate import newest_candidate, read_candidate
from models.command_line import TELEMETRY_OFF
from models.durable import write_durably
from models.errors import LevensloopError, NoReleaseError
from models.findings import read_findings
from models.home import VAULT_KEY_FILE, VAULT_PASSPHRASE, Home
from models.purposes import default_purposes
from models.release import read_champion
from models.signing import BOARD, Role
from serving.client import Client, key_file_of, read_key
from serving.clients import ROLES
from serving.pages.demo import (
    CHILD,
    SILENT,
    TRAVEL,
    bookings_of_pages,
    fill_pages,
    find_page_links,
    write_page_bookings,
)
from serving.running import RunningServer, find_server, start_server
from serving.settings import Settings, read_settings

PURPOSE = "own_product_offers"
_LAST_DAY = date(2026, 10, 31)  # the synthetic bank's last day, when that is not in the future
_MONTHS = 18
_KEPT, _WAIVED = timedelta(days=30), timedelta(days=7)  # the vault of the demo, and its waivers
_TOO_SMALL = "demo waiver: the synthetic bank is too small to establish this"
_FOUND = "demo waiver: this was found, and no bank may release with it; the demo is served to invented customers alone"
_FIRST_RUN = (
    "The first run takes five to ten minutes, most of it the audit.\n"
    'Nothing is asked of you meanwhile: a line that says "Next:" is for who runs that step alone.'
)
_WHOLE = ".whole"  # stands in the bank's folder when all of its files are written


def run_demo(home: Home, *, customers: int, started: int = 0) -> None:
    """Make a bank, a signed release and statement files where they are not there yet, serve, and say what to try.

    `started` (seconds since 1970) counts what came before, such as the installation, into the time that is printed.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    begun = started or time()
    home.path.mkdir(parents=True, exist_ok=True)
    until = min(_LAST_DAY, date.today() - timedelta(days=1))  # noqa: DTZ011 - a day for people, not a moment
    if not _has_release(home):
        console.print(f"Everything is kept in {_relative(home.path)}. {_FIRST_RUN}", markup=False)
        console.rule("1/3  A synthetic bank")
        if not (_bank(home) / _WHOLE).exists():
            _simulate(home, customers, until)
        console.rule("2/3  A trained and signed release")
        _train_and_sign(home)
    console.rule("3/3  The service")
    console.print("Making statements and starting the service; up to a minute.")
    files = _write_statements(home, until)
    write_page_bookings(home, {CHILD: "child_benefit", TRAVEL: "plane_ticket"}, partial(_write_household, home))
    server = find_server(home.path / "run") or start_server(_settings(home), home.path / "run")
    _make_client(home)
    for customer in (CHILD, TRAVEL):
        _allow(home, server, customer)
    fill_pages(home, _settings(home))
    _say_what_to_try(console, home, server, files, until, seconds=time() - begun)


def _simulate(home: Home, customers: int, until: date) -> None:
    size = ("--customers", str(customers), "--months", str(_MONTHS), "--rates", "enriched")
    _levensloop(home, "simulate", *size, "--until", until.isoformat(), "--out", str(_bank(home)))
    (_bank(home) / _WHOLE).touch()


def _train_and_sign(home: Home) -> None:
    bank = _bank(home)
    tables = ("events", "permissions", "splits")
    given = [part for name in tables for part in (f"--{name}", str(bank / f"{name}.csv"))]
    bookings, labels = str(bank / "bookings.parquet"), str(bank / "labels.csv")
    _levensloop(home, "train", "--bookings", bookings, "--labels", labels, *given)
    passphrase = _passphrase(home)
    _audit(home, ["--bookings", bookings, "--labels", labels, *given], passphrase)
    _levensloop(home, "report")
    for role in BOARD:
        if not (home.keys / f"{role}.pem").exists():
            _levensloop(home, "keygen", "--role", role, "--person", f"demo {role}", "--demo", passphrase=passphrase)
        key = str(home.keys / f"{role}.pem")
        if role != BOARD[0]:  # two persons waive, the third does not have to
            _waive(home, role, key, passphrase)
        _levensloop(home, "sign", "--role", role, "--key", key, "--reason", "demo board", passphrase=passphrase)
    _levensloop(home, "promote", "--who", "demo", "--why", "make demo", "--demo")


def _audit(home: Home, tables: list[str], passphrase: str) -> None:
    """The groups of the synthetic bank into a vault, whose key lies outside the state folder, and the audit itself."""
    key = home.path.with_name(f"{home.path.name}-audit") / "vault.key"
    until = (date.today() + _KEPT).isoformat()  # noqa: DTZ011 - a day for people, not a moment
    environ = {VAULT_KEY_FILE: str(key), VAULT_PASSPHRASE: passphrase}
    if not any(home.vault.glob("*.vault")):
        groups = str(_bank(home) / "vault" / "groups.csv")
        key.parent.mkdir(parents=True, exist_ok=True)
        key.unlink(missing_ok=True)
        _levensloop(home, "vault", "create", "--groups", groups, "--delete-after", until, environ=environ)
    answers = str(resources.files("serving").joinpath("demo_justifications.toml"))
    _levensloop(home, "audit", *tables, "--justifications", answers, environ=environ)


def _waive(home: Home, role: Role, key: str, passphrase: str) -> None:
    """A demo bank is too small to establish much: its board says so openly, finding by finding, for a week."""
    candidate = read_candidate(home.candidates / newest_candidate(home))
    blocking = [finding for finding in read_findings(candidate.facts) if finding.blocks and finding.waivable]
    until = (date.today() + _WAIVED).isoformat()  # noqa: DTZ011 - a day for people, not a moment
    for reason, found in (
        (_TOO_SMALL, [finding for finding in blocking if finding.verdict != "EXCEEDED"]),
        (_FOUND, [finding for finding in blocking if finding.verdict == "EXCEEDED"]),
    ):
        named = [part for finding in found for part in ("--finding", finding.id)]
        given = ["--reason", reason, "--until", until, "--role", role, "--key", key]
        if named:
            _levensloop(home, "waive", candidate.id, *named, *given, passphrase=passphrase)


def _passphrase(home: Home) -> str:
    """The passphrase of the demo's throw-away keys; kept beside them, so that a demo that was cut off can go on."""
    kept = home.keys / "demo.passphrase"
    if not kept.exists():
        write_durably(kept, secrets.token_urlsafe(24).encode(), mode=0o600)
    return kept.read_text("utf-8")


def _has_release(home: Home) -> bool:
    from serving.opening import verify_release

    try:
        verify_release(_settings(home))
    except NoReleaseError:
        return False
    return True


def _settings(home: Home) -> Settings:
    bookings = bookings_of_pages(home)
    given = {"LEVENSLOOP_HOME": str(home.path), "LEVENSLOOP_DEMO": "1"}
    if bookings.exists():
        given["LEVENSLOOP_BOOKINGS"] = str(bookings)
    return read_settings({**os.environ, **given})


def _bank(home: Home) -> Path:
    return home.path / "bank"


def _levensloop(home: Home, *arguments: str, passphrase: str = "", environ: Mapping[str, str] | None = None) -> None:
    """Run one verb in a process of its own, so that the demo does only what anybody can do; its failure is ours."""
    given = {**os.environ, **TELEMETRY_OFF, "LEVENSLOOP_HOME": str(home.path), **(environ or {})}
    if passphrase:
        given["LEVENSLOOP_PASSPHRASE"] = passphrase
    done = subprocess.run([sys.executable, "-m", "models.command_line", *arguments], env=given, check=False)  # noqa: S603 - our own verbs
    if done.returncode:
        error = LevensloopError(f"`levensloop {arguments[0]}` ended with exit code {done.returncode}; see above.")
        error.exit_code = done.returncode
        raise error


def _write_household(home: Home, persona: str, *, out: Path, until: date) -> None:
    _levensloop(home, "household", persona, "--until", until.isoformat(), "--out", str(out))


def _write_statements(home: Home, until: date) -> dict[str, Path]:
    """Two households, each as an ING CSV file and as an MT940 file."""
    folder = home.path / "statements"
    files = {}
    for persona in ("child_benefit", "plane_ticket"):
        for form, suffix in (("ing", "csv"), ("mt940", "940")):
            path = folder / f"{persona}.{suffix}"
            if not path.exists():
                _levensloop(
                    home, "household", persona, "--format", form, "--until", until.isoformat(), "--out", str(path)
                )
            files[f"{persona}.{form}"] = path
    return files


def _make_client(home: Home) -> None:
    """One client that may do everything, for whoever tries the demo; its key lies in the demo's folder.

    Its name is new each time, so that a demo that was cut off before it kept the key can go on.
    """
    if key_file_of(home).exists():
        return
    given = [part for role in sorted(ROLES) for part in ("--role", role)]
    given += [part for purpose in default_purposes().ids for part in ("--purpose", purpose)]
    name = f"demo-{secrets.token_hex(3)}"
    _levensloop(home, "client", "add", name, *given, "--out", str(key_file_of(home)))


def _allow(home: Home, server: RunningServer, customer: str) -> None:
    with Client(server.url, key=read_key(home, key_file_of(home))) as connection:
        if not connection.read_permission(customer, PURPOSE)["allowed"]:
            connection.append_permission(customer, PURPOSE, "consented", channel="demo", language="nl")


def _say_what_to_try(
    console: Console, home: Home, server: RunningServer, files: dict[str, Path], until: date, *, seconds: float
) -> None:
    verb = _relative(Path(sys.executable).parent / "levensloop")
    examples = (
        ("a child benefit payment: the event and the children's account", CHILD, "child_benefit.ing"),
        ("a plane ticket: travel insurance", TRAVEL, "plane_ticket.mt940"),
        ("the same question without permission: refused", SILENT, "child_benefit.ing"),
    )
    console.rule(f"Ready after {seconds:.0f} seconds: {server.url}")
    for letter, (what, customer, file) in zip("abc", examples, strict=True):
        console.print(f"({letter}) {what}")
        parts = (
            verb,
            "ask",
            _relative(files[file]),
            "--customer",
            customer,
            "--as-of",
            until.isoformat(),
            "--url",
            server.url,
            "--key-file",
            _relative(key_file_of(home)),
        )
        console.print(f"    {shlex.join(parts)}\n", markup=False)
    console.print("The pages, in a browser. A link works once and for ten minutes; make another with")
    way = ("--url", server.url, "--home", _relative(home.path))
    for who in (("--role", "customer", "--customer", CHILD), ("--role", "operations", "--person", "Demo")):
        console.print(f"    {shlex.join((verb, 'sign-in-link', *who, *way))}", markup=False)
    console.print("(in the second, the role may also be board or colleague)\n")
    for what, link in find_page_links(home, server.url):
        console.print(f"({what})\n    {link}\n", markup=False)
    if champion := read_champion(home):
        report = home.reports / champion.release_id / "report-en.html"
        console.print(f"What the board read before it signed: {_relative(report)}", markup=False)
    console.print("Each statement is there as ING CSV (.csv) and as MT940 (.940): both give the same answer.")
    console.print(f"Stop the service: make stop. Its log: {_relative(server.log)}")


def _relative(path: Path) -> str:
    """The path as somebody in this folder would type it."""
    path = path.absolute()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
