"""Opening statement files safely: plain, gzip, or members of a zip file; no small file may become a huge one."""

import gzip
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from models.errors import UnreadableDataError, UsageError
from models.statements.detect import refuse

MOST_MEMBERS = 2_000
# A statement in a zip file shrinks 10 to 60 times; bombs some 1,000 times.
LARGEST_RATIO = 200
LARGEST_MEMBER = 8 << 30
_SMALL = 1 << 20
# What the standard library raises on damaged packed files, by reading its source and by fuzzing.
_PACKING_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    NotImplementedError,
    ValueError,
)
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Source:
    """One statement file, or one member of a zip file, by the name that reports use."""

    name: str
    open: Callable[[], IO[bytes]]


class CountingReader(io.RawIOBase):
    """A binary file that reports how many bytes were read, for a progress bar."""

    def __init__(
        self, handle: IO[bytes], progress: Progress | None, *, limit: int | None = None, name: str = ""
    ) -> None:
        self._handle, self._progress, self._limit, self._name, self._read = handle, progress, limit, name, 0

    def readable(self) -> bool:
        """Yes; `io.BufferedReader` asks."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer; more bytes than the limit end the reading."""
        try:
            data = self._handle.read(len(buffer))
        except _PACKING_ERRORS as error:
            raise _broken(self._name) from error
        buffer[: len(data)] = data
        self._read += len(data)
        if self._limit is not None and self._read > self._limit:
            raise UnreadableDataError(
                f"{self._name} unpacks to far more than a statement holds. Unpack it and check it."
            )
        if self._progress is not None and data:
            self._progress(len(data))
        return len(data)

    def close(self) -> None:
        """Close the file below."""
        if not self.closed:
            self._handle.close()
        super().close()


def list_sources(path: Path, *, progress: Progress | None = None) -> Iterator[Source]:
    """The statement files that stand in a file: itself, or the members of a zip file.

    Raises
    ------
    UsageError
        There is no such file.
    UnreadableDataError
        A packed file is broken, encrypted or unpacks to too much.
    """
    if not path.is_file():
        raise UsageError(f"There is no file {path}. Give the path of a statement file.")
    with path.open("rb") as handle:
        magic = handle.read(4)
    if magic == b"PK\x03\x04":
        yield from _zip_members(path, progress)
    elif magic[:2] == b"\x1f\x8b":
        limit = max(path.stat().st_size * LARGEST_RATIO, _SMALL)
        yield Source(path.name, lambda: _open_gzip(path, progress, limit))
    elif magic == b"PK\x05\x06":
        raise UnreadableDataError(f"{path.name} is a zip file without members. Give a file with statements.")
    else:
        yield Source(path.name, lambda: _buffered(path.open("rb"), progress, None, path.name))


def _buffered(handle: Any, progress: Progress | None, limit: int | None, name: str) -> IO[bytes]:
    return io.BufferedReader(CountingReader(handle, progress, limit=limit, name=name), buffer_size=1 << 18)


def _open_gzip(path: Path, progress: Progress | None, limit: int) -> IO[bytes]:
    return _buffered(gzip.GzipFile(path, "rb"), progress, limit, path.name)


def _zip_members(path: Path, progress: Progress | None) -> Iterator[Source]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if _is_statement_member(info)]
            names = set(archive.namelist())
            if "[Content_Types].xml" in names:
                raise refuse(path.name, "a spreadsheet or other Office document")
            _check_members(path.name, members)
            for info in members:
                yield Source(f"{path.name}/{info.filename}", partial(_open_member, archive, info, path, progress))
    except _PACKING_ERRORS as error:
        raise _broken(path.name) from error


def _open_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, progress: Progress | None) -> IO[bytes]:
    name, limit = f"{path.name}/{info.filename}", max(info.compress_size * LARGEST_RATIO, _SMALL)
    try:
        member = archive.open(info)
    except _PACKING_ERRORS as error:
        raise _broken(name) from error
    return _buffered(member, progress, limit, name)


def _broken(name: str) -> UnreadableDataError:
    return UnreadableDataError(f"{name} cannot be unpacked or read to its end. Download or pack it again.")


def _is_statement_member(info: zipfile.ZipInfo) -> bool:
    return not info.is_dir() and not info.filename.startswith("__MACOSX/") and not info.filename.endswith(".DS_Store")


def _check_members(name: str, members: list[zipfile.ZipInfo]) -> None:
    if not members:
        raise UnreadableDataError(f"{name} is a zip file without members. Give a file with statements.")
    if len(members) > MOST_MEMBERS:
        raise UnreadableDataError(
            f"{name} holds {len(members)} files, more than {MOST_MEMBERS}. Unpack it and give fewer."
        )
    for info in members:
        if info.flag_bits & 0x1:
            raise UnreadableDataError(f"{name} is encrypted. Unpack it with its password first.")
        too_large = info.file_size > LARGEST_MEMBER
        if too_large or info.file_size > max(info.compress_size * LARGEST_RATIO, _SMALL):
            raise UnreadableDataError(f"{name} unpacks to far more than a statement holds. Unpack it and check it.")
