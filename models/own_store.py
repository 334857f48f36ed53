"""The verbs on this installation's own store: trail, ledger, receipts and purposes, of the home that is set."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from models.errors import IntegrityError, UnreadableDataError, UsageError
from models.home import Home, find_home
from models.permission_import import import_permissions
from models.postgresql_store import grant_service_rights
from models.receipts import build_receipt
from models.registries import SIGNER, InstalledPurposes, install_purposes, read_purposes_in_force, read_registries
from models.replay import replay_trail
from models.signing import load_private_key, load_registry
from models.store import Store, open_store
from models.trail import verify_trail, write_checkpoint

# How the one role that may change purposes is also called.
_SIGNER_NAMES = ("dpo", SIGNER)


def verify_own_trail() -> None:
    """Verify the trail of this installation; IntegrityError when anything in it was changed."""
    with _own_store() as (home, store):
        report = verify_trail(store, home.checkpoints, load_registry(home))
    for note in report.notes:
        _say(note)
    if report.findings:
        raise IntegrityError("The trail does not verify: " + "; ".join(report.findings))
    _say(f"The trail verifies: {report.rows} rows.")


def write_own_checkpoint(key: Path, passphrase: str, *, folder: Path | None) -> None:
    """Write a signed checkpoint of this installation's trail."""
    private = load_private_key(key, passphrase)
    with _own_store() as (home, store):
        written = write_checkpoint(store, folder or home.checkpoints, private, at=datetime.now(UTC))
    _say("The trail is empty." if written is None else f"Checkpoint {written.name} written.")


def replay_own_trail() -> None:
    """Judge every served answer again; IntegrityError names those without a permission."""
    with _own_store() as (home, store):
        with store.read() as connection:
            registries = read_registries(connection, load_registry(home), allow_demo=True)
        report = replay_trail(store, registries)
    if report.findings:
        raise IntegrityError("Not every answer had a permission: " + "; ".join(report.findings))
    _say(f"{report.proved} of {report.answers} answers had a permission at their moment.")
    if report.proved < report.answers:
        _say(
            f"{report.answers - report.proved} cannot be judged here: their customers were erased since, or another "
            "version shipped the purposes they were judged under; replay those with that version."
        )


def import_own_permissions(table: Path) -> None:
    """Take over a file of permission events; UnreadableDataError names every line that cannot be."""
    with _own_store() as (home, store):
        done = import_permissions(store, table, InstalledPurposes(home, allow_demo=True), now=datetime.now(UTC))
    _say(f"{done.appended} events taken over, {done.repeated} stood in the ledger already.")


def print_own_receipt(customer_id: str, purpose_id: str) -> None:
    """Write a receipt to stdout."""
    with _own_store() as (home, store), store.read() as connection:
        registry = InstalledPurposes(home, allow_demo=True).in_force(connection)
        told = build_receipt(connection, customer_id, purpose_id, registry=registry, at=datetime.now(UTC))
    Console(soft_wrap=True).print_json(data=told)


def install_own_purposes(file: Path, *, role: str, key: Path, passphrase: str, reason: str) -> None:
    """Put a purpose registry in force."""
    if role not in _SIGNER_NAMES:
        raise UsageError("Purposes are changed by the data protection officer alone. Give --role dpo and that key.")
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableDataError(f"{file.name} cannot be read. Give a purpose registry in TOML.") from error
    private = load_private_key(key, passphrase)
    done = install_purposes(find_home(), text, source=file.name, private_key=private, reason=reason)
    _say(
        f"Registry {done.registry.version} ({done.registry.sha256[:12]}) is in force; row {done.row.seq} of the trail."
    )


def print_own_purposes() -> None:
    """Say which registry is in force."""
    registry = read_purposes_in_force(find_home())
    _say(f"Registry {registry.version} ({registry.sha256[:12]}) is in force.")
    for purpose in registry.purposes:
        _say(f"{purpose.id}: {purpose.regime}, notice {purpose.notice_version} from {purpose.notice_from}")


def grant_own_store(role: str) -> None:
    """Give a PostgreSQL role the rights that serving needs, and none on history but to read and append."""
    with _own_store() as (_, store), store.write() as connection:
        if connection.dialect.name != "postgresql":
            raise UsageError("Rights are PostgreSQL's. Set LEVENSLOOP_DATABASE_URL to such a database first.")
        grant_service_rights(connection, role)
    _say(f"{role} may serve now.")


@contextmanager
def _own_store() -> Iterator[tuple[Home, Store]]:
    home = find_home()
    store = open_store(home.database_url)
    try:
        yield home, store
    finally:
        store.close()


def _say(sentence: str) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(sentence, markup=False)
