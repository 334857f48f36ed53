"""Names that stand inside remittance texts, as some banks and payment apps write them.

They are taken out before any word is read, so that no one's name is a word of a text; where a booking has no name of
its own, the one in its text becomes it.
"""

import numpy as np
import pyarrow as arrow
import pyarrow.compute as compute

# As ABN AMRO writes a transfer (Naam: J Jansen Omschrijving: huur) and as SWIFT codewords do (/NAME/J Jansen/REMI/).
_KEYS = r"(?:omschrijving|description|remittance info|iban|bic|kenmerk|betalingskenm|machtiging|incassant|valutadatum)"
_NAMED = rf"(?i)(?:\b(?:naam|name):\s*(?P<before>.*?)\s*(?:\b{_KEYS}\b|$))|/NAME/(?P<between>[^/]*)/?"
_CUT_NAMED = rf"(?i)\b(?:naam|name):\s*.*?\s*(\b{_KEYS}\b|$)"
_CUT_SLASHED = r"(?i)/NAME/[^/]*"
_CUT_TIKKIE = r"(?i),\s*van\s[^,]*,\s*[a-z]{2}\d\d\w*"  # "Tikkie ID 1, pizza, Van S Bakker, NL36ABNA.."
_ANY = r"(?i)\b(?:naam|name):|/NAME/|\btikkie\b"


def take_out_names(names: arrow.Array, texts: arrow.Array) -> tuple[arrow.Array, arrow.Array]:
    """Names and remittance texts of bookings, the texts without the names that stand in them."""
    at = np.flatnonzero(np.asarray(compute.match_substring_regex(texts, _ANY), dtype=bool))
    if not len(at):
        return names, texts
    some = texts.take(arrow.array(at))
    cut = compute.replace_substring_regex(some, _CUT_NAMED, r" \1")
    cut = compute.replace_substring_regex(cut, _CUT_SLASHED, "")
    cut = compute.replace_substring_regex(cut, _CUT_TIKKIE, "")
    found = compute.extract_regex(some, _NAMED)
    parts = [compute.fill_null(compute.struct_field(found, part), "") for part in ("before", "between")]
    named = compute.binary_join_element_wise(*parts, arrow.scalar("", arrow.large_string()))
    inside = np.zeros(len(texts), dtype=bool)
    inside[at] = True
    unnamed = arrow.array(inside & np.asarray(compute.equal(compute.utf8_trim_whitespace(names), ""), dtype=bool))
    own = compute.equal(compute.utf8_trim_whitespace(names.take(arrow.array(at))), "")
    return (
        compute.replace_with_mask(names, unnamed, named.filter(own)),
        compute.replace_with_mask(texts, arrow.array(inside), cut),
    )
