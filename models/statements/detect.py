"""What a file is, judged by its content and never by its name."""

import codecs
import re
from dataclasses import dataclass
from typing import Literal

from models.errors import UnreadableDataError

HEAD_BYTES = 1 << 16
SUPPORTED = (
    "Supported are CSV of Dutch banks (ING, Rabobank, ABN AMRO TAB, ASN, SNS, bunq, Knab and others), "
    "CAMT.052/053/054, MT940/MT942 and PSD2 JSON."
)
_CAMT_ROOTS = {"BkToCstmrStmt": "camt.053", "BkToCstmrAcctRpt": "camt.052", "BkToCstmrDbtCdtNtfctn": "camt.054"}
_NAMESPACE = re.compile(r"urn:iso:std:iso:20022:tech:(?:xsd:)?([a-z]{4}\.\d{3})((?:\.\d+)*)")
_ROOT = re.compile(r"<(?:[\w.-]+:)?([A-Za-z_][\w.-]*)[\s>/]")
_OFX = re.compile(r"(?i)(?:<[?!][^>]*>\s*)*<OFX>|<\?OFX")
_SWIFT_START = re.compile(r":(?:\d{2}[A-Z]?|NS):")
_SWIFT_FIELD = re.compile(r"(?m)^\s*:(?:20|25|60[FM]|61|62[FM]):")
_MT942 = re.compile(r"(?m)^:(?:34F|13D|90C|90D):|\{2:[IO]942|^942 ?\d*\s*$")

FileFormat = Literal["csv", "camt.052", "camt.053", "camt.054", "mt940", "mt942", "psd2"]


@dataclass(frozen=True, slots=True)
class Detected:
    """What a file is: its format, a version or variant where the head tells one, and its text encoding."""

    format: FileFormat
    version: str
    encoding: str


def decode_mixed(error: UnicodeError) -> tuple[str, int]:
    """Error handler for text that is UTF-8 except for some bytes: those are read as Windows-1252."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    text = "".join(bytes([byte]).decode("cp1252", "replace") for byte in bad)
    return text.replace("\ufffd", "?"), error.end


codecs.register_error("statements_cp1252", decode_mixed)


def detect_encoding(head: bytes) -> str:
    """The encoding a byte-order mark tells, else UTF-8 (with `statements_cp1252` for the bytes that are not)."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "utf-8-sig"


def detect_format(head: bytes, *, source: str) -> Detected:
    """Format of a file from its first 64 kB.

    Raises
    ------
    UnreadableDataError
        The file is empty or of a kind that is not read; the message names the kind.
    """
    encoding = detect_encoding(head)
    text = (
        head.decode(encoding, "statements_cp1252")
        if encoding != "utf-16"
        else head[: len(head) & ~1].decode("utf-16", "replace")
    )
    bare = text.lstrip("\ufeff \t\r\n\x00")
    if not bare:
        raise UnreadableDataError(f"{source} is empty. {SUPPORTED}")
    _refuse_other_kinds(head, bare, source)
    if bare.startswith("<"):
        return _detect_xml(bare, source, encoding)
    if bare.startswith(("[", "{")) and not bare.startswith(("{1:", "{2:", "{4:")) and _looks_like_json(bare):
        return Detected("psd2", "", encoding)
    if _SWIFT_FIELD.search(text) or bare.startswith("{1:"):
        return Detected("mt942" if _MT942.search(text) and ":60" not in text else "mt940", "", encoding)
    if _SWIFT_START.match(bare):
        return Detected("mt940", "", encoding)
    return Detected("csv", "", encoding)


def refuse(source: str, kind: str) -> UnreadableDataError:
    """The error for a file of a kind that is not read."""
    return UnreadableDataError(f"{source} is {kind}, which is not a supported statement type. {SUPPORTED}")


def _refuse_other_kinds(head: bytes, bare: str, source: str) -> None:
    kinds = (
        (head.startswith(b"%PDF"), "a PDF document"),
        (head.startswith(b"\xd0\xcf\x11\xe0"), "an old Office document"),
        (head.startswith(b"PAR1"), "a Parquet table (one of bookings goes to every verb as it is)"),
        (head.startswith((b"PK\x03\x04", b"\x1f\x8b")), "a packed file inside a packed file"),
        (bare.startswith("OFXHEADER") or _OFX.match(bare) is not None, "an OFX file"),
        (bare.startswith(("!Type:", "!Account")), "a QIF file"),
        (bare[:200].lower().startswith(("<!doctype html", "<html")), "a web page"),
    )
    for matches, kind in kinds:
        if matches:
            raise refuse(source, kind)


def _detect_xml(bare: str, source: str, encoding: str) -> Detected:
    for kind, version in _NAMESPACE.findall(bare):
        if kind in ("camt.052", "camt.053", "camt.054"):
            return Detected(kind, version.strip("."), encoding)
        if kind != "head.001":
            raise refuse(source, f"a {kind} message")
    for tag in _ROOT.findall(bare):
        if tag in _CAMT_ROOTS:
            return Detected(_CAMT_ROOTS[tag], "", encoding)  # type: ignore[arg-type]  # the values are the three camt names
    raise refuse(source, "XML without a CAMT message")


def _looks_like_json(bare: str) -> bool:
    """JSON begins with a value or a key; whether the rest is sound is judged by the reader."""
    return re.match(r'[\[{]\s*(?:"|\{|\[|\]|\})', bare) is not None
