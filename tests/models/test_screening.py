"""The screening, on cases made by hand (`screening/*.toml`) and on rules that need more than a text."""

import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.detection import admit
from models.errors import UnreadableDataError
from models.screening import Screening, default_screening, load_screening, parse_screening
from models.text import read_texts

CASES = Path(__file__).parent / "screening"
SCREENING_FILE = Path(__file__).parents[2] / "models" / "screening.toml"
RELIGIONS = ("islam", "christian", "jewish", "hindu", "sikh_buddhist_other")


def read_cases(file: str) -> pd.DataFrame:
    groups = tomllib.loads((CASES / file).read_text("utf-8"))
    rows = [
        (group, part, *(piece.strip() for piece in case.split(" |", 1)))
        for group, parts in groups.items()
        for part, cases in parts.items()
        for case in cases
    ]
    return pd.DataFrame(rows, columns=["group", "part", "counterparty_name", "remittance_information"], dtype="str")


POSITIVES, ALL_NEAR_MISSES = read_cases("positives.toml"), read_cases("near_misses.toml")
# `accepted` are stopped although ordinary; the file says why.
NEAR_MISSES = ALL_NEAR_MISSES[ALL_NEAR_MISSES["part"] != "accepted"].reset_index(drop=True)


def booking(name: str = "", remittance: str = "", **columns: str) -> pd.DataFrame:
    row = {"counterparty_name": name, "remittance_information": remittance, **columns}
    return pd.DataFrame([row], dtype="str")


def is_screened(name: str = "", remittance: str = "", **columns: str) -> bool:
    return bool(default_screening().screen(booking(name, remittance, **columns))[0])


def test_there_are_enough_cases_made_by_hand() -> None:
    assert len(POSITIVES) >= 300
    assert len(NEAR_MISSES) >= 300
    assert POSITIVES["part"].isin(["held_out", "fresh"]).mean() >= 1 / 3
    assert NEAR_MISSES["part"].isin(["held_out", "fresh"]).mean() >= 1 / 3


def test_near_misses_that_cannot_be_told_apart_are_few() -> None:
    assert len(ALL_NEAR_MISSES) - len(NEAR_MISSES) <= len(ALL_NEAR_MISSES) * 0.02


def test_every_positive_is_stopped() -> None:
    missed = POSITIVES[~default_screening().screen(POSITIVES)]
    assert missed["counterparty_name"].tolist() == []


def test_every_near_miss_passes() -> None:
    stopped = NEAR_MISSES[default_screening().screen(NEAR_MISSES)]
    assert stopped["counterparty_name"].tolist() == []


@pytest.mark.parametrize("religion", RELIGIONS)
def test_recall_is_the_same_for_every_religion(religion: str) -> None:
    of_religion = POSITIVES[POSITIVES["group"] == religion]
    assert len(of_religion) >= 15
    assert default_screening().screen(of_religion).mean() == 1.0


@pytest.mark.parametrize(
    "prefix", ["CCV*", "BCK*", "SumUp *", "SumUp  *", "Zettle_*", "PAY.nl*", "SQ *", "PAYPAL *", "MOLLIE *"]
)
def test_card_prefixes_hide_nothing_and_stop_nothing(prefix: str) -> None:
    stopped = POSITIVES.assign(counterparty_name=prefix + POSITIVES["counterparty_name"])
    passing = NEAR_MISSES.assign(counterparty_name=prefix + NEAR_MISSES["counterparty_name"])
    # A person does not stand behind a card terminal, so that group has no meaning here.
    passing = passing[passing["group"] != "persons"]
    assert stopped[~default_screening().screen(stopped)]["counterparty_name"].tolist() == []
    assert passing[default_screening().screen(passing)]["counterparty_name"].tolist() == []


def test_case_does_not_matter() -> None:
    for frame, expected in ((POSITIVES, True), (NEAR_MISSES, False)):
        for change in (str.upper, str.lower):
            changed = frame.assign(counterparty_name=frame["counterparty_name"].map(change).astype("str"))
            wrong = changed[default_screening().screen(changed) != expected]
            assert wrong["counterparty_name"].tolist() == []


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(["Moskee", "Islamitische", "Parochie", "Ziekenhuis", "Synagoge", "Gurdwara", "Hindoe"]),
    mark=st.sampled_from(["\u0301", "\u0308", "\u0327", "\u0302", "\u200b", "\u00ad"]),
    at=st.integers(1, 5),
)
def test_diacritics_and_invisible_characters_hide_nothing(name: str, mark: str, at: int) -> None:
    assert is_screened(f"{name[:at]}{mark}{name[at:]} Noord")


@pytest.mark.parametrize(
    "name",
    [
        "SUMUP *MESCİT",
        "ULU CAMİİ",
        "ISLAMİTİSCHE STİCHTİNG",
        "ıslamitische st",
        "ＭＯＳＫＥＥ NOOR",
        "Kośćioł",
        "Église du Sud",
    ],
)
def test_letters_of_other_keyboards_are_read(name: str) -> None:
    assert is_screened(name)


@settings(max_examples=40, deadline=None)
@given(
    word=st.sampled_from(
        ["ISLAMITISCHE", "PROTESTANTSE", "HERVORMDE", "PAROCHIE", "SYNAGOGE", "GURDWARA", "ZIEKENHUIS", "MOSKEE"]
    ),
    length=st.sampled_from([24, 27, 35]),
    kept=st.floats(0.75, 1.0),
)
def test_a_word_cut_at_the_end_of_a_name_is_still_found(word: str, length: int, kept: float) -> None:
    start = word[: max(6, int(np.ceil(len(word) * kept)))]
    name = f"STG {'X' * (length - len(start) - 5)} {start}"
    assert len(name) == length
    assert is_screened(name)


@pytest.mark.parametrize("length", [24, 27, 35])
def test_names_cut_after_a_telling_word_are_found(length: int) -> None:
    names = pd.Series(
        [
            "STG ISLAMITISCHE STICHTING VOOR ONDERWIJS",
            "Protestantse Gemeente te Voorbeeld aan Zee",
            "Ziekenhuis Sint Voorbeeld locatie Noord-West",
        ]
    )
    frame = pd.DataFrame({"counterparty_name": names.str[:length].astype("str")})
    assert default_screening().screen(frame).all()


@pytest.mark.parametrize(
    "name",
    [
        "Gemeente, Protestantse",
        "Heils, Leger des",
        "Relief Islamic",
        "Gemeente Evangelische De Wijngaard",
        "LEGERDESHEILS",
        "StichtingMoskeeNoor",
        "WesternUnion",
        "Union Western Payment",
    ],
)
def test_other_word_orders_and_glued_words_are_found(name: str) -> None:
    assert is_screened(name)


@pytest.mark.parametrize(
    "surname", ["Dokter", "Imam", "Islam", "El Hajjaji", "Kerk", "Poker", "Mandir", "Jellinek", "Khalsa", "Bisdom"]
)
@pytest.mark.parametrize("form", ["Hr J {}", "Mw A.B. {}", "Mevr. {}", "Fam. {}", "dhr K de {}", "J.P. {}"])
def test_a_family_name_never_stops_a_booking(form: str, surname: str) -> None:
    assert not is_screened(form.format(surname))


@pytest.mark.parametrize(
    "name",
    [
        "Mw J Jansen Fysiotherapie",
        "Hr K de Wit Tandarts",
        "Fam Smit Huisartsenpraktijk",
        "C.N.V. Vakmensen",
        "R.K. Kerk Noord",
    ],
)
def test_a_trade_behind_a_title_or_initials_is_still_found(name: str) -> None:
    assert is_screened(name)


@pytest.mark.parametrize(
    ("name", "remittance", "expected"),
    [
        ("UWV", "WW 05-2026", False),
        ("UWV", "WW-UITKERING MEI", False),
        ("UWV", "UITKERING 05-2026", True),
        ("UWV", "WW en ZW correctie", True),
        ("UWV", "WIA", True),
        ("SVB", "AOW MAART 2026", False),
        ("SVB", "ANW", False),
        ("SVB", "KINDERBIJSLAG 2E KWARTAAL 2026", False),
        ("SVB", "AIO MAART", True),
        ("SVB", "PGB MAART", True),
        ("CBR", "praktijkexamen", False),
        ("CBR", "gezondheidsverklaring", True),
        ("Zilveren Kruis", "premie zorgverzekering mei", False),
        ("Zilveren Kruis", "eigen risico 2026", True),
        ("CZ", "nota zorgkosten", True),
        ("Centraal Beheer", "eigen risico autoschade", False),
        ("Werkgever BV", "declaratie reiskosten", False),
        ("Menzis", "declaratie 123", True),
        ("CJIB", "verkeersboete", True),
        ("Ziekenhuisparking", "", True),
        ("Ria", "", True),
        ("Ria de Vries", "", False),
        ("Wise", "", True),
        ("Wise Watersport", "", False),
        ("SP", "", True),
        ("SP Sport", "", False),
        ("SP Sport", "lidmaatschap", False),
        ("VOLT", "", True),
        ("Volt Energy BV", "termijnbedrag", False),
        ("Hr L Wu", "", False),
        ("WU*8839201", "", True),
    ],
)
def test_rules_that_need_more_than_a_word(name: str, remittance: str, *, expected: bool) -> None:
    assert is_screened(name, remittance) is expected


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        ("NL91ABNA0417164300", False),
        ("GB29NWBK60161331926819", False),
        ("TR330006100519786457841326", True),
        ("tr33 0006 1005 1978 6457 8413 26", True),
        ("TCZBTR2A", True),
        ("INGBNL2A", False),
        ("X12345678", False),
        ("", False),
    ],
)
def test_an_account_outside_sepa_stops_a_booking_in_both_directions(account: str, *, expected: bool) -> None:
    for indicator in ("CRDT", "DBIT"):
        columns = {"counterparty_iban": account, "credit_debit_indicator": indicator, "bank_transaction_code": "SCT"}
        # Within SEPA a foreign account passes when it is plainly an organisation's.
        assert is_screened("Hotel Voorbeeld Ltd", "factuur", **columns) is expected


def test_a_transfer_to_somebody_abroad_is_stopped_but_not_to_a_company_or_from_one() -> None:
    abroad = {"counterparty_iban": "PL61109010140000071219812874", "bank_transaction_code": "SCT"}
    assert is_screened("Katarzyna Nowak", "dla mamy", credit_debit_indicator="DBIT", **abroad)
    assert not is_screened("Hotel Pod Roza", "boeking", credit_debit_indicator="DBIT", **abroad)
    assert not is_screened("Voorbeeld sp. z o.o.", "faktura", credit_debit_indicator="DBIT", **abroad)
    assert not is_screened("Jan Kowalski", "zwrot", credit_debit_indicator="CRDT", **abroad)
    direct_debit = {**abroad, "bank_transaction_code": "SDD", "creditor_id": "PL00ZZZ0000000000"}
    assert not is_screened("Streaming Voorbeeld", "", credit_debit_indicator="DBIT", **direct_debit)


def test_salary_passes_by_the_banks_code_and_by_words() -> None:
    credit = {"credit_debit_indicator": "CRDT"}
    assert not is_screened("Stichting Moskee Voorbeeld", "mei", bank_transaction_code="SALARY", **credit)
    # Money that goes out is no salary, whatever its code says.
    debit = {"credit_debit_indicator": "DBIT"}
    assert is_screened("Stichting Moskee Voorbeeld", "mei", bank_transaction_code="SALARY", **debit)
    assert not is_screened("FNV", "salaris mei", purpose_code="SALA", **credit)
    assert not is_screened("Stichting Moskee Voorbeeld", "salaris mei", **credit)
    assert is_screened("Stichting Moskee Voorbeeld", "mei", **credit)
    assert not is_screened("GGZ Voorbeeld", "salaris mei", **credit)
    assert is_screened("GGZ Voorbeeld", "salaris mei", credit_debit_indicator="DBIT")
    # What the text tells still stops it.
    assert is_screened("Bakkerij Voorbeeld", "ziekengeld", bank_transaction_code="SALARY", **credit)
    assert is_screened("UWV", "uitkering", bank_transaction_code="SALARY", **credit)


@pytest.mark.parametrize("text", ["PAYROLL 202601", "SAL JAN26", "Loon wk 16", "loonstrook 03-2025", "Bezoldiging mei"])
def test_a_care_workers_pay_passes_in_the_words_of_any_payroll(text: str) -> None:
    assert not is_screened("Stg Thuiszorg Voorbeeld", text, credit_debit_indicator="CRDT")
    assert is_screened("Stg Thuiszorg Voorbeeld", text, credit_debit_indicator="DBIT")


@pytest.mark.parametrize(
    "columns",
    [
        {"remittance_information": "correctie salaris mei"},
        {"remittance_information": "laatste salaris"},
        {"remittance_information": "/TRTP/SEPA/NAME/{name}/REMI/mei/EREF/SALARIS-05"},
        {"remittance_information": "SALARIS26P05 {name}"},
        {"remittance_information": "salaris mei", "bank_transaction_code": "IDEAL"},
        {"remittance_information": "salaris mei", "creditor_id": "NL00ZZZ000000000001"},
        {"remittance_information": "{name} mei", "purpose_code": "PAYR"},
        {"remittance_information": "AOW mei {name}", "bank_transaction_code": "SALARY"},
        {"remittance_information": "LOON {name} incl. vakantiegeld"},
    ],
)
@pytest.mark.parametrize("name", ["Stichting Moskee Al", "Islamitische Basisschool El Habib", "Mos\u00adkee", "FNV"])
def test_of_pay_that_a_telling_employer_makes_nothing_else_is_read(name: str, columns: dict[str, str]) -> None:
    told = {key: value.format(name=f"{name} Fath") for key, value in columns.items()}
    row = {"bank_transaction_code": "SCT", **told, "counterparty_name": name, "credit_debit_indicator": "CRDT"}
    frame = pd.DataFrame([{"amount": "1800.00", **row}], dtype="str")
    admitted = admit(frame, default_screening())
    assert len(admitted) == 1
    texts = read_texts(admitted, names="as_persons")
    read = {texts.table[word] for part in (texts.spoken, texts.merchant) for word in part.flat}
    assert read <= {"salaris", "vakantiegeld", "werkgever"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Stichting Moskee Voorbeeld", "Sal. Bakker teruggave gift"),
        ("Stichting Moskee Voorbeeld", "terugbetaling contributie lid J Jansen, uit salaris"),
        ("FNV", "loonderving staking salaris"),
        ("CZ", "terugbetaling eigen bijdrage sal"),
        ("Zorggroep Voorbeeld", "loon 70% ziek"),
        ("Penitentiaire Inrichting", "loon arbeid week 3"),
        ("Holland Casino", "jackpot loon naar werken"),
        ("Circus via Adyen", "order 1"),
    ],
)
def test_a_word_for_pay_beside_another_reason_lets_nothing_through(name: str, text: str) -> None:
    assert is_screened(name, text, credit_debit_indicator="CRDT")


@pytest.mark.parametrize(
    "text",
    [
        "/TRTP/SEPA OVERBOEKING/IBAN/NL00FAKE0000000001/BIC/FAKENL2A/NAME/{name}/REMI/{said}/EREF/NOTPROVIDED",
        "Naam: {name} Omschrijving: {said} IBAN: NL00FAKE0000000001 Valutadatum: 21-01-2026",
    ],
)
def test_the_payers_name_written_again_in_the_text_stops_no_salary(text: str) -> None:
    credit, name = {"credit_debit_indicator": "CRDT"}, "Stichting Thuiszorg Oostland"
    assert not is_screened(name, text.format(name=name, said="salaris januari"), **credit)
    assert is_screened(name, text.format(name=name, said="vergoeding"), **credit)
    # Whatever else the text says of the customer still stops it, and so does another's name.
    assert is_screened(name, text.format(name=name, said="salaris en ziekengeld"), **credit)
    assert is_screened(name, text.format(name="Apotheek Voorbeeld", said="salaris januari"), **credit)
    # Of a name that was cut, the text tells more than a name that is left out.
    assert is_screened(name[:24], text.format(name=name, said="salaris januari"), **credit)
    church = "Hervormde Gemeente Voorbeeld"
    assert not is_screened(church, text.format(name=church, said="mei"), purpose_code="SALA", **credit)
    assert not is_screened(church, text.format(name=church, said="salaris mei"), **credit)
    assert is_screened(church, text.format(name=church, said="mei"), **credit)


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("CCV*SLAGERIJ AL NOUR", "groceries"),
        ("BCK*MARMARA MARKT", "groceries"),
        ("Islamitische Slagerij Rif", "groceries"),
        ("TOKO SARI", "groceries"),
        ("POLSKI SKLEP U ANI", "groceries"),
        ("Koosjere Bakkerij", "groceries"),
        ("Basisschool De Regenboog", "school"),
        ("Tennisvereniging Oost", "membership"),
        ("Vattenfall", ""),
    ],
)
def test_telling_shops_become_a_plain_category(name: str, category: str) -> None:
    assert default_screening().generalise(name) == category
    assert not is_screened(name)


@pytest.mark.parametrize(
    ("name", "remittance"),
    [
        ("BELASTINGDIENST", "MAAND SEPT. NR. 999999990T600001 VOORSCHOT KINDGEBONDEN BUDGET 2026"),
        ("Partou BV", "KINDEROPVANG MEI FACTUUR 123"),
        ("Universiteit Leiden", "COLLEGEGELD TERMIJN 1"),
        ("Katholieke Universiteit Leuven", "inschrijvingsgeld"),
        ("Gemeente Voorbeeld", "UITKERING PW 05-2026"),
        ("Werkgever BV", "EINDAFREKENING EN TRANSITIEVERGOEDING"),
        ("Stichting Pensioenfonds ABP", "PENSIOEN MEI"),
        ("Pensioenfonds Zorg en Welzijn", "PENSIOEN MEI"),
        ("WonenVoorbeeld", "Incasso Huur Periode: 01-10-2026 tot 01-11-2026"),
        ("Derdengelden Notariaat De Linde", "dossier 2026.10233 eigen middelen"),
        ("Gemeente Voorbeeld", "leges huwelijk"),
        ("Mw A Jansen", "Kinderalimentatie maart"),
        ("LBIO", "alimentatie 2026"),
        ("DELA Uitvaartverzorging", "factuur uitvaart"),
        ("Erven P de Wit", "nalatenschap"),
        ("Corendon", "boeking 88231"),
        ("Zonvlucht via Stichting Mollie Payments", "M12345M 7100 boeking ZV-88231"),
        ("RDW", "tenaamstelling"),
        ("Verkeersschool Voorbeeld", "lespakket"),
        ("Kamer van Koophandel", "KVK inschrijving"),
        ("Rente ING Rood Staan", "Periode 01-06-2026"),
        ("GGN Mastering Credit", "betalingsregeling dossier"),
        ("Isolatie Voorbeeld", "warmtepomp termijn 2"),
        ("RVO", "ISDE subsidie"),
    ],
)
def test_bookings_that_life_events_need_pass(name: str, remittance: str) -> None:
    assert not is_screened(name, remittance)


def test_names_of_many_rows_are_generalised_at_once() -> None:
    names = pd.Series(["TOKO SARI", "Vattenfall", None], dtype="str")
    assert default_screening().generalise_names(names).tolist() == ["groceries", "", ""]


def test_the_answer_for_a_row_depends_on_that_row_alone() -> None:
    frame = pd.concat([POSITIVES, NEAR_MISSES], ignore_index=True)
    whole = default_screening().screen(frame)
    order = np.random.default_rng(7).permutation(len(frame))
    assert (default_screening().screen(frame.iloc[order]) == whole[order]).all()
    assert (default_screening().screen(pd.concat([frame, frame])) == np.tile(whole, 2)).all()
    parts = [default_screening().screen(frame.iloc[start : start + 37]) for start in range(0, len(frame), 37)]
    assert (np.concatenate(parts) == whole).all()


def test_empty_and_missing_texts_pass() -> None:
    frame = pd.DataFrame({"counterparty_name": [None, ""], "remittance_information": ["", None]}, dtype="str")
    assert default_screening().screen(frame).tolist() == [False, False]
    assert default_screening().screen(frame.iloc[:0]).tolist() == []
    assert default_screening().screen(pd.DataFrame({"amount": ["1.00"]})).tolist() == [False]


@given(st.text(max_size=80), st.text(max_size=80))
@settings(max_examples=30, deadline=None)
def test_no_text_breaks_the_screening(name: str, remittance: str) -> None:
    clean = [text.encode("utf-8", "ignore").decode() for text in (name, remittance)]
    assert default_screening().screen(booking(*clean)).dtype == bool


def test_only_counts_of_many_customers_are_told() -> None:
    screening = default_screening()
    frame = pd.DataFrame({"counterparty_name": ["Moskee Noor"] * 10 + ["FNV"] * 9 + ["Bakker"] * 20}, dtype="str")
    assert screening.count_by_category(frame) == {"islam": 10}
    assert screening.count_by_category(frame.assign(customer_id="c1")) == {}


def test_no_category_leaves_through_the_public_interface() -> None:
    public = {name for name in dir(Screening) if not name.startswith("_")}
    methods = {name for name in public if callable(getattr(Screening, name))}
    assert methods == {"screen", "judge", "generalise", "generalise_names", "is_salary", "count_by_category"}
    assert "islam" not in repr(default_screening())


def test_every_word_of_the_lists_is_found_where_it_should_be() -> None:
    data = tomllib.loads(SCREENING_FILE.read_text("utf-8"))
    names, texts = [], []
    for category in data["category"]:
        anywhere = category.get("words", [])
        plain = [word.strip("*").replace("*", "a").replace("#", "12345") for word in anywhere]
        names += [f"zz {word}" for word in plain]
        texts += [f"zz {word}" for word in plain]
        texts += [f"zz {word.strip('*').replace('*', 'a')}" for word in category.get("text_words", [])]
    rows = [(name, "") for name in names] + [("zz", text) for text in texts]
    frame = pd.DataFrame(rows, columns=["counterparty_name", "remittance_information"], dtype="str")
    assert frame[~default_screening().screen(frame)].to_numpy().tolist() == []


def test_the_hash_follows_the_content_and_not_the_layout(tmp_path: Path) -> None:
    text = SCREENING_FILE.read_text("utf-8")
    assert parse_screening("# another comment\n" + text).sha256 == default_screening().sha256
    tampered = text.replace('"*moskee*", ', "")
    assert tampered != text
    assert parse_screening(tampered).sha256 != default_screening().sha256
    (tmp_path / "screening.toml").write_text(text, "utf-8")
    assert load_screening(tmp_path / "screening.toml").sha256 == default_screening().sha256
    assert len(default_screening().sha256) == 64


@pytest.mark.parametrize(
    "change",
    [
        ("[[category]]", "[[kategory]]"),
        ('employer = "coded"', 'employee = "coded"'),
        ("'\\bbumble bee", "'(\\bbumble bee"),
        ("<title>", "<titel>"),
        ('"*moskee*"', '"*Moskee*"'),
        ('where = "name"', 'where = "amount"'),
        ("version = ", "versie = "),
    ],
)
def test_faulty_data_is_refused(change: tuple[str, str]) -> None:
    text = SCREENING_FILE.read_text("utf-8")
    assert change[0] in text
    with pytest.raises(UnreadableDataError, match="not a screening"):
        parse_screening(text.replace(*change))


def test_what_is_no_toml_or_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDataError, match="not TOML"):
        parse_screening("version = ")
    with pytest.raises(UnreadableDataError, match="cannot be read"):
        load_screening(tmp_path / "absent.toml")
