"""The `:86:` text of MT940: which of the many national forms it has, and the fields in it.

Known forms: ING (`/EREF/..//CNTP/iban/bic/name/city//REMI/USTD//..`), ABN AMRO and Knab (`/TRTP/..`), Rabobank
(`/BENM//NAME/..`), SNS, ASN and RegioBank (account, name, text), BNG (columns), German (`166?00..?20..`), Triodos
(`>20..`); everything else is free text.
"""

import re

from models.statements.abn_text import apply_codewords, join_cells, split_abn_text, split_codewords
from models.statements.codes import transaction_kind
from models.statements.ing_text import is_iban
from models.statements.rows import StatementRow, clean_text, provided

# Shorter lines were not broken by the 65-character limit, so a space belongs where the break was.
_FULL_LINE = 60
_LINE = 65
_SUBFIELDS = re.compile(r"^\s*(?P<code>\d{3})?(?P<mark>[?>~<^@])\d\d")
_ING_TAG = re.compile(
    r"(?:^/|//)(RTRN|BUSP|BENM|ORDP|CNTP|CSID|MARF|EREF|PREF|PURP|REMI|ULTC|ULTD|ULTB|ISDT|CREF|IREF|NRTX|EXCH|CHGS|OCMT|"
    r"TRCD|SVCL|ULCR|ULDR)/"
)
_ING_FORM = re.compile(r"/CNTP/|/REMI/(?:USTD|STRD)/|/REMI//|/(?:BENM|ORDP)/[A-Z]{2}\d\d|/RTRN/\w+//|//REMI/")
_RABO_FORM = re.compile(r"/(?:BENM|ORDP)//NAME/")
_CODEWORD_FORM = re.compile(r"^\s*/[A-Z]{2,4}/")
_PURPOSE_KEY = re.compile(r"(EREF|KREF|MREF|CRED|DEBT|SVWZ|ABWA|ABWE|IBAN|BIC|COAM|OAMT|PURP)\+")
_ACCOUNT_START = re.compile(
    r"^(?:[A-Z]{2}\d\d )?([A-Z]{2}\d{2}[A-Z]{4}\d{10}|[A-Z]{2}\d{2}[A-Z0-9]{11,30}|\d{9,10})(?:\s+|$)"
)
_BIC_START = re.compile(r"^([A-Z]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?)\s+(?=\S)")
_LABELLED = re.compile(r"REK(?:ENING)?: ?([A-Z]{2}\d\d[A-Z0-9]{8,30})/NAAM: ?(.*)$")


def fill_from_text(row: StatementRow, lines: list[str], *, supplement: str, code: str, sender: str) -> None:
    """Fill a row from its `:86:` lines, the supplementary line of `:61:` and its code."""
    row.end_to_end_id, owner_reference = "", row.end_to_end_id
    row.kind = code
    trcd = re.search(r"/TRCD/(\d+)", supplement)
    if trcd:
        row.kind = f"{code}/{trcd[1]}"
    text = join_lines(lines)
    if subfields := _SUBFIELDS.match(text):
        _apply_subfields(row, "".join(line.rstrip("\r\n") for line in lines), subfields["mark"])
    elif text.lstrip().startswith("/TRTP/") or _RABO_FORM.search(text):
        row.text = text.strip()
        apply_codewords(row, split_codewords(row.text))
        _apply_supplement(row, supplement)
    elif _ING_FORM.search(text):
        _apply_ing(row, text)
    elif _CODEWORD_FORM.match(text):
        row.text = text.strip()
        apply_codewords(row, split_codewords(row.text))
        _apply_supplement(row, supplement)
    else:
        _apply_free(row, lines, owner_reference, supplement, sender)
    row.end_to_end_id = provided(row.end_to_end_id)
    _keep_something(row, owner_reference, supplement, code)


def join_lines(lines: list[str]) -> str:
    """Wrapped lines as one text: full lines join as they are, shorter ones with a space unless a codeword follows."""
    text = ""
    for at, line in enumerate(lines):
        text += line
        last = at + 1 == len(lines)
        if not last and len(line) < _FULL_LINE and not lines[at + 1].startswith("/") and not line.endswith("/"):
            text += " "
    return text


def _keep_something(row: StatementRow, owner_reference: str, supplement: str, code: str) -> None:
    """A booking needs a name or a text: a bare `:61:` line keeps its reference, else its code, as the text."""
    if row.name or row.text:
        return
    bare = "" if owner_reference.upper() in ("NONREF", "EREF", "PREF", "MARF") else owner_reference
    row.text = clean_text(f"{bare} {supplement}") or code or "N"


def _apply_subfields(row: StatementRow, text: str, mark: str) -> None:
    head, *pieces = re.split(re.escape(mark) + r"(?=\d\d)", text.strip())
    fields: dict[str, str] = {}
    for piece in pieces:
        fields[piece[:2]] = fields.get(piece[:2], "") + piece[2:]
    words = "".join(fields.get(f"{number}", "") for number in [*range(20, 30), *range(60, 64)])
    if mark == ">":
        _apply_triodos(row, fields, words)
        return
    if head.strip().isdigit():
        row.kind = f"{row.kind} GVC/{head.strip()}" if transaction_kind(f"GVC/{head.strip()}") != "OTHER" else row.kind
    row.iban = fields.get("31", "").strip()
    row.name = clean_text(fields.get("32", "") + fields.get("33", ""))
    keys = _PURPOSE_KEY.split(words)
    found = {key: value.strip() for key, value in zip(keys[1::2], keys[2::2], strict=True)}
    row.end_to_end_id, row.mandate_id = clean_text(found.get("EREF", "")), clean_text(found.get("MREF", ""))
    row.creditor_id = found.get("CRED", "").replace(" ", "")
    row.purpose = found.get("PURP", "")[:4]
    row.text = clean_text(found.get("SVWZ", keys[0])) or clean_text(fields.get("00", ""))


def _apply_triodos(row: StatementRow, fields: dict[str, str], words: str) -> None:
    """Triodos: `>10` is the other account, else `>20` BIC and `>21` account; name and text are not parted."""
    other = fields.get("10", "").strip().lstrip("0")
    account = fields.get("21", "").strip().replace(" ", "")
    if is_iban(account) and _BIC_START.match(fields.get("20", "").strip() + " x"):
        row.iban = account
        words = "".join(fields.get(f"{number}", "") for number in range(22, 30))
    elif other:
        row.iban = fields["10"].strip()
    row.text = clean_text(words)


def _apply_ing(row: StatementRow, text: str) -> None:
    text = text.strip()
    words: dict[str, str] = {}
    # Every element ends with a slash, so two stand between elements and one at the end.
    parts = _ING_TAG.split(text.removesuffix("/"))
    for tag, value in zip(parts[1::2], parts[2::2], strict=True):
        if "REMI" in words and tag not in ("PURP", "ULTC", "ULTD", "ULTB", "ISDT", "ULCR", "ULDR"):
            words["REMI"] += f"//{tag}/{value}"
        else:
            words.setdefault(tag, value)
    party = words.get("CNTP", words.get("BENM", words.get("ORDP", "")))
    account, _, rest = party.partition("/")
    _, _, rest = rest.partition("/")
    row.iban = account.strip()
    row.name = clean_text(rest.rsplit("/", 1)[0] if "/" in rest else rest)
    row.creditor_id = words.get("CSID", "").strip("/ ").replace(" ", "")
    row.mandate_id = words.get("MARF", "").strip("/ ")
    row.end_to_end_id = words.get("EREF", "").strip("/ ")
    row.purpose = re.sub(r"^(?:CD|PRTRY)/", "", words.get("PURP", "").strip("/ "))
    remittance = words.get("REMI", "")
    remittance = re.sub(r"^(?:USTD//|STRD/\w+/|//?)", "", remittance)
    row.text = clean_text(remittance.removesuffix("/"))
    if not row.text and "PREF" in words:
        row.text = words["PREF"].strip("/ ")
    if words.get("RTRN") and transaction_kind(row.kind) not in ("RETURN",):
        row.kind = "RETURN"
    elif words.get("BUSP") and transaction_kind(row.kind) == "OTHER":
        row.kind = words["BUSP"].strip("/ ")


def _apply_supplement(row: StatementRow, supplement: str) -> None:
    """The line under `:61:`: Rabobank and SNS write the other account there."""
    bare = supplement.strip()
    if not row.iban and re.fullmatch(r"[A-Z]{2}\d\d[A-Z0-9]{8,30}|P?\d{7,10}", bare):
        row.iban = bare


def _apply_free(row: StatementRow, lines: list[str], owner_reference: str, supplement: str, sender: str) -> None:
    kept = [line for line in lines if line.strip()]
    text = clean_text(join_lines(kept))
    row.text = text
    if labelled := _LABELLED.search(text):
        row.iban, row.name, row.text = labelled[1], clean_text(labelled[2]), text[: labelled.start()].strip()
        return
    old_rabobank = re.match(r"^(\d{10}|P\d{9}|NONREF)\s{2,}(\S.*)$", owner_reference)
    if old_rabobank:
        row.name = clean_text(old_rabobank[2])
        row.iban = "" if old_rabobank[1] == "NONREF" else old_rabobank[1]
        return
    if started := _ACCOUNT_START.match(text):
        rest = text[started.end() :]
        # Some ING forms write the account in its old and in its new form.
        if started[1].isdigit() and (again := _ACCOUNT_START.match(rest)) and not again[1].isdigit():
            started, text = again, rest
        row.iban = started[1]
        _name_after_account(row, kept, text[started.end() :], supplement)
        return
    row.text = clean_text(join_cells("".join(line.ljust(_LINE) for line in lines))) if sender == "ABNA" else text
    split_abn_text(row)
    row.text = row.text or text


def _name_after_account(row: StatementRow, lines: list[str], rest: str, supplement: str) -> None:
    """SNS repeats the name of the supplementary line, BNG has columns, ING writes account, BIC, words."""
    name = clean_text(supplement)
    if name and rest.lower().startswith(name.lower()):
        row.name = clean_text(lines[0])[len(row.iban) :].strip() if len(lines) > 1 else name
        row.text = clean_text(join_lines(lines[1:])) or rest[len(name) :].strip() or row.name
        return
    bic = _BIC_START.match(rest + " ")
    if bic and len(lines) > 1 and clean_text(lines[0]) == f"{row.iban} {bic[1]}":
        row.name = clean_text(lines[1][:32])
        rest = clean_text(f"{lines[1][32:]} {join_lines(lines[2:])}")
        row.text = rest or row.name
        return
    row.text = (rest[bic.end() :] if bic else rest).strip() or row.text
