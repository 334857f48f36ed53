"""Where and how the service runs: the environment, read once at the edge and checked before anything starts."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from models.errors import UsageError
from models.home import VAULT_VARIABLES, Home, find_home

FIRST_PORT = 3000
_YES, _NO = frozenset({"1", "true", "yes"}), frozenset({"", "0", "false", "no"})


@dataclass(frozen=True, slots=True)
class Settings:
    """One validated configuration of the service.

    Attributes
    ----------
    home : Home
        State folder, from which the release is read, and the database of ledger, trail, customers and detections.
    demo : bool
        Accept a release that throw-away demo keys signed.
    strict_customers : bool
        Answer 404 for a customer the bank's table does not know, even when the request brings bookings.
    host : str
        IP address to listen on. Loopback, because TLS and callers' identity belong to a proxy in front.
    port : int
        TCP port.
    workers : int
        Worker processes; at least two, so that the loss of one is not an outage.
    sign_on_header : str
        Header in which the bank's own sign-on says who looks at a page; empty: people come by one-time link.
    sign_on_secret_file : Path or None
        File with the secret that such a header needs beside it.
    bookings : Path or None
        Bookings table of the bank in which a customer sees what a life event rests on; it is read, never copied.
    """

    home: Home
    demo: bool
    strict_customers: bool
    host: str
    port: int
    workers: int
    sign_on_header: str = ""
    sign_on_secret_file: Path | None = None
    bookings: Path | None = None


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from `LEVENSLOOP_*` variables.

    Raises
    ------
    UsageError
        A variable holds what it cannot mean; the message names the variable, never its value.
    """
    environ = os.environ if environ is None else environ
    return Settings(
        home=find_home(environ),
        demo=_read_yes_no(environ, "LEVENSLOOP_DEMO"),
        strict_customers=_read_yes_no(environ, "LEVENSLOOP_STRICT_CUSTOMERS"),
        host=_read_loopback(environ, "LEVENSLOOP_HOST"),
        port=_read_number(environ, "LEVENSLOOP_PORT", default=FIRST_PORT, lowest=1, highest=65535),
        workers=_read_number(environ, "LEVENSLOOP_WORKERS", default=2, lowest=2, highest=64),
        sign_on_header=environ.get("LEVENSLOOP_SIGN_ON_HEADER", "").strip(),
        sign_on_secret_file=_read_path(environ, "LEVENSLOOP_SIGN_ON_SECRET_FILE"),
        bookings=_read_path(environ, "LEVENSLOOP_BOOKINGS"),
    )


def check_telemetry_off(environ: Mapping[str, str] | None = None) -> None:
    """Refuse to start while BentoML would report usage to its makers; it looks only once, so we cannot switch it off.

    Raises
    ------
    UsageError
        `BENTOML_DO_NOT_TRACK` is not True.
    """
    environ = os.environ if environ is None else environ
    if environ.get("BENTOML_DO_NOT_TRACK", "").lower() != "true":
        raise UsageError("BentoML's telemetry is on. Start with `levensloop serve`, or set BENTOML_DO_NOT_TRACK=True.")


def check_vault_closed(environ: Mapping[str, str] | None = None) -> None:
    """Refuse to start with the key of the vault at hand: whoever answers customers must not be able to open it.

    `levensloop serve` takes it away; a bare `bentoml serve` would hand it on to every worker.

    Raises
    ------
    UsageError
        A variable of the vault is set.
    """
    environ = os.environ if environ is None else environ
    found = [name for name in VAULT_VARIABLES if name in environ]
    if found:
        raise UsageError(
            f"The key of the vault stands in {', '.join(found)}. Unset it, or start with `levensloop serve`."
        )


def _read_yes_no(environ: Mapping[str, str], name: str) -> bool:
    value = environ.get(name, "").strip().lower()
    if value not in _YES | _NO:
        raise UsageError(f"{name} is neither yes nor no. Set it to 1 or 0.")
    return value in _YES


def _read_number(environ: Mapping[str, str], name: str, *, default: int, lowest: int, highest: int) -> int:
    value = environ.get(name) or str(default)
    if not value.isascii() or not value.isdigit() or not lowest <= int(value) <= highest:
        raise UsageError(f"{name} is not a whole number from {lowest} to {highest}. Set it to one.")
    return int(value)


def _read_path(environ: Mapping[str, str], name: str) -> Path | None:
    value = environ.get(name, "")
    return Path(value).expanduser().resolve() if value else None


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _read_loopback(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name) or "127.0.0.1"
    if value == "localhost" or not is_loopback(value):
        raise UsageError(f"{name} is not a loopback address. Set it to 127.0.0.1 and put a TLS proxy in front.")
    return value
