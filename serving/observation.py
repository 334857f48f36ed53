"""What may be seen of the service from outside: counts, times and log lines that never hold anything of a customer.

Labels and log fields are our own addresses, methods and statuses. Exceptions are logged as their type and the lines
that led to them, because the text of an exception can hold a booking.
"""

import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from types import TracebackType

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.requests import Request
from starlette.responses import Response

from serving.edge import Seen

LOGGER = logging.getLogger("levensloop.serving")
_FORMAT = "%(asctime)s %(levelname)s %(process)d %(message)s"
STEPS_SHOWN = 8
PROBES = frozenset({"/livez", "/readyz", "/v1/metrics"})


class TextlessExceptions(logging.Filter):
    """Replaces the text and stack of a logged exception by its type and the way to it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record, without what its exception says."""
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if error is not None:
            record.msg, record.args = f"{type(error).__name__} at {_find_place(error.__traceback__)}", None
        elif record.exc_info or record.stack_info or _holds_error(record):
            record.msg, record.args = "An error was logged without its text", None
        record.exc_info = record.exc_text = record.stack_info = None
        return True


def configure_logs(loggers: Iterable[str] = ("", "bentoml", "uvicorn.error", "uvicorn.access", "asyncio")) -> None:
    """Log our lines to stderr and take the text of exceptions out of everybody's."""
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False
    if not LOGGER.handlers:
        stderr = logging.StreamHandler(sys.stderr)
        stderr.setFormatter(logging.Formatter(_FORMAT))
        LOGGER.addHandler(stderr)
    for name in (*loggers, LOGGER.name):
        for handler in logging.getLogger(name).handlers:
            if not any(isinstance(one, TextlessExceptions) for one in handler.filters):
                handler.addFilter(TextlessExceptions())


def build_observer(registry: CollectorRegistry) -> Callable[[Seen], None]:
    """A function that counts, times and logs one request; probes are counted but not logged."""
    requests = Counter("levensloop_requests", "Requests answered.", ["method", "route", "status"], registry=registry)
    seconds = Histogram("levensloop_request_seconds", "Seconds to answer.", ["route"], registry=registry)

    def observe(seen: Seen) -> None:
        requests.labels(seen.method, seen.route, str(seen.status)).inc()
        seconds.labels(seen.route).observe(seen.seconds)
        if seen.route not in PROBES:
            LOGGER.info(
                "%s %s %d %.1f ms %s", seen.method, seen.route, seen.status, seen.seconds * 1_000, seen.request_id
            )

    return observe


def answer_metrics(_request: Request) -> Response:
    """The counts of all workers together, for Prometheus."""
    registry = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library leaves this one untyped
    return Response(generate_latest(registry), media_type="text/plain; version=0.0.4; charset=utf-8")


def _find_place(trace: TracebackType | None) -> str:
    """The last steps to the error as file, line and function, the innermost last."""
    steps = traceback.extract_tb(trace)[-STEPS_SHOWN:]
    return " > ".join(f"{os.path.basename(step.filename)}:{step.lineno} {step.name}" for step in steps) or "no place"


def _holds_error(record: logging.LogRecord) -> bool:
    return isinstance(record.args, tuple) and any(isinstance(value, BaseException) for value in record.args)
