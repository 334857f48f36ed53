"""Asking the service as an offer engine does: statement files or a bookings table in, the answer of the service out.

Nothing of a booking is printed or logged here; what the service refuses comes back as an error of ours.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx
import pandas as pd

from models.bookings import REQUIRED, RowProblem, bookings_to_arrow, load_bookings
from models.errors import (
    LevensloopError,
    PermissionRefusedError,
    StoreUnavailableError,
    UnreadableDataError,
    UsageError,
)
from models.home import Home

TIMEOUT_SECONDS = 60.0
KEY_VARIABLE = "LEVENSLOOP_CLIENT_KEY"


def key_file_of(home: Home) -> Path:
    """Where the key lies that the command line of this state folder asks with."""
    return home.keys / "client.key"


def read_key(home: Home, key_file: Path | None = None, environ: Mapping[str, str] | None = None) -> str:
    """The key to ask with: of the file that is named, else of `LEVENSLOOP_CLIENT_KEY`, else of the state folder.

    Raises
    ------
    UsageError
        There is none.
    """
    environ = os.environ if environ is None else environ
    if key_file is None and environ.get(KEY_VARIABLE):
        return environ[KEY_VARIABLE].strip()
    try:
        return (key_file or key_file_of(home)).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "There is no client's key to ask with. Make one with `levensloop client add`, and name its file with "
            f"--key-file or put the key into {KEY_VARIABLE}."
        ) from error


class Client:
    """A connection to one service.

    Parameters
    ----------
    url : str
        Address of the service, such as `http://127.0.0.1:3000`.
    key : str
        The key of a client.
    transport : httpx.BaseTransport, optional
        Another way to reach it; tests speak to the application without a port.
    """

    def __init__(self, url: str, *, key: str, transport: httpx.BaseTransport | None = None) -> None:
        # Proxies of the environment are left out: bookings go to the service and nowhere else.
        self._http = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=TIMEOUT_SECONDS, transport=transport,
            trust_env=False,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def ask_events(
        self, customer_id: str, purpose: str, *, bookings: pd.DataFrame | None = None, as_of: date | None = None
    ) -> dict[str, Any]:
        """The service's answer for one customer; without bookings from its nightly detections.

        Raises
        ------
        PermissionRefusedError
            The customer does not allow the purpose.
        UsageError, UnreadableDataError
            The question or the bookings are not what the service takes.
        StoreUnavailableError
            The service does not answer now.
        """
        body: dict[str, Any] = {"customer_id": customer_id, "purpose": purpose}
        if as_of is not None:
            body["as_of"] = as_of.isoformat()
        if bookings is not None:
            body["bookings"] = to_records(bookings)
        return self._post("/v1/events", body)

    def append_permission(self, customer_id: str, purpose: str, action: str, **fields: str) -> dict[str, Any]:
        """Append a permission event, once; errors as in `ask_events`."""
        body = {"customer_id": customer_id, "purpose": purpose, "action": action, **fields}
        return self._post("/v1/permissions", body, headers={"Idempotency-Key": str(uuid4())})

    def read_permission(self, customer_id: str, purpose: str) -> dict[str, Any]:
        """The permission that holds now; errors as in `ask_events`."""
        return self._post("/v1/permissions:current", {"customer_id": customer_id, "purpose": purpose})

    def _post(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        try:
            response = self._http.post(path, json=body, headers=headers)
        except httpx.TransportError as error:
            raise StoreUnavailableError(
                f"The service did not answer ({type(error).__name__}). Look whether it runs: `levensloop serve`."
            ) from error
        if response.is_success:
            answer: dict[str, Any] = response.json()
            return answer
        raise _error_of(response)


def ask_about_files(
    url: str,
    files: Sequence[Path],
    *,
    key: str,
    customer_id: str,
    purpose: str = "own_product_offers",
    as_of: date | None = None,
    report: Callable[[str], None] = lambda _line: None,
    transport: httpx.BaseTransport | None = None,
) -> dict[str, Any]:
    """Read statement files or bookings tables and ask for the life events in them.

    Parameters
    ----------
    report : callable
        Called with one line per row that was left out, with its place and reason, and with the number of bookings
        that are another customer's.

    Raises
    ------
    UnreadableDataError
        A file cannot be read, or there is no booking of this customer in them.
    LevensloopError
        As `Client.ask_events`.
    """
    read, problems = _read_files(files, customer_id)
    for problem in problems:
        report(str(problem))
    bookings = read[read["customer_id"].isin(["", customer_id])].reset_index(drop=True)
    if len(bookings) < len(read):
        report(f"{len(read) - len(bookings)} bookings of other customers were left out.")
    if bookings.empty:
        raise UnreadableDataError(
            "There is no booking of this customer in these files. Give statement files or a table."
        )
    with Client(url, key=key, transport=transport) as client:
        return client.ask_events(customer_id, purpose, bookings=bookings, as_of=as_of)


def to_records(bookings: pd.DataFrame) -> list[dict[str, str]]:
    """Bookings as the HTTP contract has them: days and amounts as texts, empty fields left out."""
    rows = bookings_to_arrow(bookings).to_pylist()
    return [{name: str(value) for name, value in row.items() if value not in (None, "")} for row in rows]


def _read_files(files: Sequence[Path], customer_id: str) -> tuple[pd.DataFrame, list[RowProblem]]:
    from models.statements import read_statements  # parsers of every bank; asking without files needs none

    tables = [path for path in files if _is_table(path)]
    statements = [path for path in files if path not in tables]
    reads = [(read.frame, read.problems) for read in map(load_bookings, tables)]
    if statements:
        read = read_statements(statements, customer=customer_id)
        reads.append((read.frame, read.problems))
    frames = [frame for frame, _ in reads]
    bookings = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["customer_id"])
    return bookings, [problem for _, problems in reads for problem in problems]


def _is_table(path: Path) -> bool:
    """A bookings table: Parquet, or text whose first line names our columns."""
    if path.suffix.lower() in (".parquet", ".pq"):
        return True
    if not path.is_file():
        return False
    with path.open("rb") as handle:
        head = handle.readline(4_096)
    return all(name.encode() in head for name in REQUIRED)


def _error_of(response: httpx.Response) -> LevensloopError:
    """The error of a refusal; its sentence is the service's, with the rows it names."""
    try:
        problem: dict[str, Any] = response.json()
    except ValueError:
        problem = {}
    detail = str(problem.get("detail") or f"The service answered with status {response.status_code}.")
    rows = "; ".join(f"row {row['row']}: {row['reason']}" for row in problem.get("rows", [])[:5])
    message = f"{detail} {rows}".strip()
    match response.status_code:
        case 403:
            return PermissionRefusedError(message)
        case 413 | 422:
            return UnreadableDataError(message)
        case status if status >= 429:
            return StoreUnavailableError(message)
        case _:
            return UsageError(message)
