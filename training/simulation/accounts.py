"""Account numbers and creditor identifiers that belong to nobody: valid check digits, a range of our own."""

from functools import cache, lru_cache
from zlib import crc32

from stdnum import iban
from stdnum.eu import at_02

BANKS = ("INGB", "RABO", "ABNA", "SNSB", "KNAB", "BUNQ", "TRIO", "ASNB")
# Customers get 09 00000000 - 09 89999999, counterparties 09 90000000 - 09 99999999; neither range is in use.
_CUSTOMERS, _COUNTERPARTIES = 900_000_000, 990_000_000


# Length of the part after the check digits, from the IBAN registry, for countries where it is digits alone.
_DIGITS_AFTER_CHECK = {"BE": 12, "PL": 24, "TR": 22}


def _with_check_digits(country: str, rest: str) -> str:
    digits: str = iban.calc_check_digits(f"{country}00{rest}")
    return f"{country}{digits}{rest}"


def customer_iban(number: int, account: int, bank: str) -> str:
    """The IBAN of a customer's account; unique for up to 22 million customers."""
    return _with_check_digits("NL", f"{bank}{_CUSTOMERS + number * 4 + account:010d}")


@cache
def company_iban(name: str) -> str:
    """The IBAN of an organisation, always the same for a name."""
    mark = crc32(name.encode())
    return _with_check_digits("NL", f"{BANKS[mark % 3]}{_COUNTERPARTIES + mark % 10_000_000:010d}")


@lru_cache(maxsize=4096)
def person_iban(name: str, circle: int, country: str = "NL") -> str:
    """The account of a private person, always the same for a name in one customer's circle.

    Empty for countries whose account numbers are no IBAN (or one whose form we do not make).
    """
    mark = crc32(f"{circle} {name}".encode())
    if country == "NL":
        return _with_check_digits("NL", f"{BANKS[mark % len(BANKS)]}{_COUNTERPARTIES + mark % 10_000_000:010d}")
    digits = _DIGITS_AFTER_CHECK.get(country)
    return _with_check_digits(country, f"{mark:0{digits}d}") if digits else ""


@cache
def creditor_id(name: str) -> str:
    """A SEPA creditor identifier (Dutch form)."""
    mark = crc32(name.encode())
    rest = f"ZZZ{mark % 10**8:08d}0000"
    digits: str = at_02.calc_check_digits(f"NL00{rest}")
    return f"NL{digits}{rest}"
