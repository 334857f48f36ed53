"""The sinks that need no broker: a file to which detections are appended (NDJSON), and stdout."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from models.canonical import canonical_json, parse_json
from models.durable import sync_folder
from models.errors import IntegrityError, UsageError
from serving.stream import ToldDetection

# More than one call of `tell` ever writes: what a killed process may have written is found in it.
TAIL_BYTES = 16_000_000
_PRIVATE = 0o600


class DetectionFile:
    """A `DetectionSink` that holds every detection exactly once: it reads back what a killed process wrote last.

    Raises
    ------
    UsageError
        The file cannot be written, or holds something else than detections.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_CREAT | os.O_RDWR, _PRIVATE)
            with os.fdopen(handle, "r+b") as file:
                self._ids = _read_back(file.fileno(), name=path.name)
        except OSError as error:
            raise UsageError(f"{path.name} cannot be written. Give another file with --out.") from error
        sync_folder(path.parent)

    def tell(self, detections: Sequence[ToldDetection]) -> None:
        """Append those that are not there, and flush them to the disk."""
        new = [one for one in detections if one["id"] not in self._ids]
        with self._path.open("ab") as file:
            file.write("".join(f"{canonical_json(one)}\n" for one in new).encode())
            file.flush()
            os.fsync(file.fileno())
        self._ids |= {one["id"] for one in new}


class DetectionPrinter:
    """A `DetectionSink` on a text stream such as stdout. Who was killed may print its last detections again."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def tell(self, detections: Sequence[ToldDetection]) -> None:
        """Print one line for each."""
        self._out.write("".join(f"{canonical_json(one)}\n" for one in detections))
        self._out.flush()


def _read_back(handle: int, *, name: str) -> set[str]:
    """Ids at the end of a file; a half line behind them, of a process that was killed, is cut off."""
    size = os.fstat(handle).st_size
    begin = max(0, size - TAIL_BYTES)
    data = os.pread(handle, size - begin, begin)
    whole = data.rfind(b"\n") + 1
    lines = data[:whole].split(b"\n")[:-1][1 if begin else 0 :]
    try:
        ids = {str(parse_json(line, dict, source=name)["id"]) for line in lines}
        if not lines and data and not data.startswith(b'{"'):
            raise KeyError(name)
    except (IntegrityError, KeyError) as error:
        raise UsageError(f"{name} holds something else than detections. Give another file with --out.") from error
    if whole < len(data):
        os.ftruncate(handle, begin + whole)
        os.fsync(handle)
    return ids
