"""The lexicon as data: every entry has one meaning, none is a person's name, and look-alikes are told apart."""

import tomllib
from importlib import resources

import pandas as pd
import pytest

from models.lexicon import default_lexicon
from models.text import PARTIES, read_texts
from models.words import clean_words

DATA = tomllib.loads(resources.files("models").joinpath("lexicon.toml").read_text("utf-8"))


def concepts_of(name: str, text: str, sign: str = "DBIT") -> tuple[str, set[str]]:
    frame = pd.DataFrame(
        [{"counterparty_name": name, "remittance_information": text, "amount": 10.0, "credit_debit_indicator": sign,
          "bank_transaction_code": "SCT"}]
    )  # fmt: skip
    texts = read_texts(frame, names="as_persons")
    return PARTIES[texts.party[0]], {default_lexicon().concepts[at] for at in texts.concepts.row(0)}


def test_no_entry_stands_under_two_concepts() -> None:
    entries = [
        (entry, concept) for concept, lists in DATA["concepts"].items() for listed in lists.values() for entry in listed
    ]
    meanings: dict[str, set[str]] = {}
    for entry, concept in entries:
        meanings.setdefault(entry, set()).add(concept)
    assert not {entry: found for entry, found in meanings.items() if len(found) > 1}


@pytest.mark.parametrize("name", ["Dirk", "Cooper", "Blokker", "Louwman", "Advocaat", "Visman", "Hemati", "Kasteelen"])
def test_a_family_name_proves_no_company(name: str) -> None:
    assert concepts_of(f"J {name}", "etentje")[0] == "person"


@pytest.mark.parametrize(
    ("name", "text", "concept", "other"),
    [
        ("Univé", "WA+ polis BJ-603-K januari", "car_insurance", "funeral"),
        ("Belastingdienst Toeslagen", "KGB oktober 2025", "child_budget", "alimony"),
        ("Hogeschool Saxion", "termijn collegegeld", "tuition", "rent"),
        ("J Jansen", "huishoudgeld", "household_money", "rent"),
        ("Woonstichting Voorbeeld", "huurbedrag 10-2026", "rent", "leisure_rental"),
        ("DELA", "uitvaartverzekering premie", "funeral_premium", "estate"),
        ("Qbuzz", "e-ticket", "public_transport", "airline"),
        ("Notaris Voorbeeld", "levenstestament", "will", "own_funds"),
        ("BrightPensioen", "inleg pensioen januari", "pension_saving", "state_pension"),
        ("RDW", "vervangend kentekenbewijs", "car_replacement_papers", "car_dealer"),
        ("Scildon", "woonlastenverzekering", "mortgage_cover", "rent"),
        ("Motorrijschool Voorbeeld", "motorlessen", "motorbike", "funeral"),
        ("DUO", "vrijwillige extra aflossing lening", "extra_repayment", "student_finance_out"),
        ("Belastingdienst Toeslagen", "terugvordering kinderopvangtoeslag", "claw_back", "refinance"),
    ],
)
def test_meanings_that_are_easily_mixed_up_are_kept_apart(name: str, text: str, concept: str, other: str) -> None:
    told = concepts_of(name, text)[1]
    assert concept in told
    assert other not in told


def test_entries_are_words_that_a_text_can_have() -> None:
    entries = [e for lists in DATA["concepts"].values() for listed in lists.values() for e in listed]
    assert not [entry for entry in entries if " ".join(clean_words(entry)) == ""]
