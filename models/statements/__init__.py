"""Statement files of banks as bookings: one entry point for every format, which is told by a file's content."""

from models.statements.codes import transaction_kind
from models.statements.identity import SeenBookings
from models.statements.reading import read_statements, stream_statement
from models.statements.report import StatementChunk, StatementFile, StatementsRead, Totals

__all__ = [
    "SeenBookings",
    "StatementChunk",
    "StatementFile",
    "StatementsRead",
    "Totals",
    "read_statements",
    "stream_statement",
    "transaction_kind",
]
