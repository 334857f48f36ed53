"""Names and labels that stand inside remittance texts, as some banks and payment apps write them.

Names are taken out before any word is read, so that no one's name is a word of a text; where a booking has no name of
its own, the one in its text becomes it. Of a text that a bank put together from labelled parts only what the sender
wrote is read: the labels, account numbers and references around it say which bank it is, not what was paid.
"""

import numpy as np
import pyarrow as arrow
import pyarrow.compute as compute

# As ABN AMRO writes a transfer (Naam: J Jansen Omschrijving: huur), as SWIFT codewords do (/NAME/J Jansen/REMI/huur),
# and as a card terminal's shop stands in ABN AMRO's texts (BEA, Betaalpas  SUNWEB,PAS123 ...).
_KEYS = r"(?:omschrijving|description|remittance info|iban|bic|kenmerk|betalingskenm|machtiging|incassant|valutadatum)"
_CODEWORDS = (
    "TRTP|IBAN|BIC|NAME|EREF|KREF|PREF|CSID|MARF|ORDP|BENM|CNTP|PURP|SVCL|ULTC|ULTD|ULTB|ISDT|RTRN|ADDR|ID|CREF|STRD"
)
_NAMED = (
    rf"(?i)(?:\b(?:naam|name):\s*(?P<before>.*?)\s*(?:\b{_KEYS}\b|$))|/NAME/(?P<between>[^/]*)/?"
    r"|^[BG]EA\b.*?(?:Betaalpas|\d\d[.:]\d\d)\s+(?P<shop>[^,]+?),\s*PAS\d"
)
_CUT_NAMED = rf"(?i)\b(?:naam|name):\s*.*?\s*(\b{_KEYS}\b|$)"
_CUT_SLASHED = r"(?i)/NAME/[^/]*"
_CUT_SHOP = r"(?i)^([BG]EA)\b.*?(?:Betaalpas|\d\d[.:]\d\d)\s+[^,]+?,\s*(PAS\d)"
_CUT_TIKKIE = r"(?i),\s*van\s[^,]*,\s*[a-z]{2}\d\d\w*"  # "Tikkie ID 1, pizza, Van S Bakker, NL36ABNA.."
# What the sender wrote, with what the bank says of a payment that came back.
_CAME_BACK = r"(terugboeking|teruggave|storno|retour|return|reversal)"
_TOLD_SLASHED = (
    rf"(?is)^(?:/?TRTP/[^/]*?{_CAME_BACK}[^/]*(?:/.*?)?|.*?)/REMI/(?:USTD/+)?(.*?)(?:/(?:{_CODEWORDS})/.*)?$"
)
_TOLD_KEYED = (
    r"(?is)^.*?\b(?:omschrijving|description|remittance info):\s*(.*?)\s*"
    r"(?:\b(?:iban|bic|kenmerk|betalingskenm\.?|machtiging(?: id)?|incassant(?: id)?|valutadatum):.*)?$"
)
_ANY = r"(?i)\b(?:naam|name):|/NAME/|/REMI/|\b(?:omschrijving|description):|\btikkie\b|^[BG]EA\b"


def take_out_names(names: arrow.Array, texts: arrow.Array) -> tuple[arrow.Array, arrow.Array]:
    """Names and remittance texts of bookings, the texts without the names and labels that stand in them."""
    at = np.flatnonzero(np.asarray(compute.match_substring_regex(texts, _ANY), dtype=bool))
    if not len(at):
        return names, texts
    some = texts.take(arrow.array(at))
    cut = compute.replace_substring_regex(some, _CUT_NAMED, r" \1")
    cut = compute.replace_substring_regex(cut, _CUT_SLASHED, "")
    cut = compute.replace_substring_regex(cut, _CUT_SHOP, r"\1 \2")
    cut = compute.replace_substring_regex(cut, _CUT_TIKKIE, "")
    cut = compute.replace_substring_regex(cut, _TOLD_SLASHED, r"\1 \2")
    cut = compute.replace_substring_regex(cut, _TOLD_KEYED, r"\1")
    found = compute.extract_regex(some, _NAMED)
    parts = [compute.fill_null(compute.struct_field(found, part), "") for part in ("before", "between", "shop")]
    named = compute.binary_join_element_wise(*parts, arrow.scalar("", arrow.large_string()))
    inside = np.zeros(len(texts), dtype=bool)
    inside[at] = True
    unnamed = arrow.array(inside & np.asarray(compute.equal(compute.utf8_trim_whitespace(names), ""), dtype=bool))
    own = compute.equal(compute.utf8_trim_whitespace(names.take(arrow.array(at))), "")
    return (
        compute.replace_with_mask(names, unnamed, named.filter(own)),
        compute.replace_with_mask(texts, arrow.array(inside), cut),
    )
