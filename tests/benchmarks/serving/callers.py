"""Callers of a running service: keep-alive connections on bare sockets, so that little of the machine goes to them."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psutil


@dataclass
class Loaded:
    """What came back: statuses counted, seconds per request, and seconds in all."""

    seconds: float = 0.0
    times: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.times) / self.seconds

    def percentile(self, share: float) -> float:
        """Milliseconds within which this share of the requests was answered."""
        return float(np.percentile(self.times, share) * 1_000)


def request_bytes(url: str, path: str, body: bytes, *, key: str, media_type: str = "application/json") -> bytes:
    """One HTTP request as it goes over the wire."""
    lines = (
        f"POST {path} HTTP/1.1", f"Host: {urlsplit(url).netloc}", f"Authorization: Bearer {key}",
        f"Content-Type: {media_type}", f"Content-Length: {len(body)}", "", "",
    )  # fmt: skip
    return "\r\n".join(lines).encode() + body


def as_json(body: Any) -> bytes:
    """A body as JSON."""
    return json.dumps(body, separators=(",", ":")).encode()


def load(url: str, make: Callable[[int], bytes], *, callers: int, count: int) -> Loaded:
    """Ask `count` times, `make(number)` being the request, over so many connections at once."""
    return asyncio.run(_load(url, make, callers, count))


async def _load(url: str, make: Callable[[int], bytes], callers: int, count: int) -> Loaded:
    loaded, numbers = Loaded(), iter(range(count))
    begun = time.perf_counter()
    await asyncio.gather(*(_call(url, make, numbers, loaded) for _ in range(callers)))
    loaded.seconds = time.perf_counter() - begun
    return loaded


async def _call(url: str, make: Callable[[int], bytes], numbers: Any, loaded: Loaded) -> None:
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port, limit=1 << 26)
    for number in numbers:
        begun = time.perf_counter()
        writer.write(make(number))
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        loaded.times.append(time.perf_counter() - begun)
        status = int(head[9:12])
        loaded.statuses[status] = loaded.statuses.get(status, 0) + 1
    writer.close()


def cpu_seconds(port: int) -> float:
    """Processor time of the processes that listen on a port, and of all below and above them in the same server."""
    roots = {c.pid for c in psutil.net_connections("tcp") if c.status == "LISTEN" and c.laddr.port == port and c.pid}
    family = {process for pid in roots for process in (psutil.Process(pid), *psutil.Process(pid).children(True))}
    return sum(process.cpu_times().user + process.cpu_times().system for process in family)
