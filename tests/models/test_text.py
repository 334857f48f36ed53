"""Texts: what is dropped, what is masked, and which words share a meaning."""

import tomllib
from importlib import resources

import pandas as pd
import pytest

from models.lexicon import default_lexicon
from models.places import dutch_place_names, foreign_city_names, is_abroad
from models.text import PARTIES, read_texts
from models.words import clean_words


def booking(
    name: str, remittance: str = "", *, code: str = "SCT", sign: str = "DBIT", creditor: str = ""
) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "counterparty_name": name, "remittance_information": remittance, "amount": "10.00",
                "credit_debit_indicator": sign, "bank_transaction_code": code, "creditor_id": creditor,
            }
        ]
    )  # fmt: skip


def reading(*args: str, **kwargs: str):
    texts = read_texts(booking(*args, **kwargs), names="as_persons")
    merchant, spoken = ([texts.table[word] for word in words.row(0)] for words in (texts.merchant, texts.spoken))
    concepts = {default_lexicon().concepts[concept] for concept in texts.concepts.row(0)}
    return PARTIES[texts.party[0]], merchant, spoken, concepts


def test_identifiers_and_dates_are_dropped_and_accents_and_case_levelled() -> None:
    assert clean_words("Établissement N°7 NL91INGB0001234567 12-09-2026 14:32 AB12CD34") == ["etablissement", "n"]


@pytest.mark.parametrize(
    "name",
    [
        "Hr J de Vries",
        "F. El Amrani",
        "Mw A Jansen-Bakker",
        "Nguyen Thi Hoa",
        "S Kaya e/o M Kaya",
        "Tomasz Nowak",
        "M Bux",
    ],
)
def test_private_persons_become_one_role(name: str) -> None:
    assert reading(name, "huur juli")[:2] == ("person", [])


@pytest.mark.parametrize(
    "name",
    [
        "Houda Guennoun via bunq.me", "Mw N Nieuwenhuizen via ABN AMRO Betaalv", "M ROODENBURG VIA RABO",
        "S Bai via", "Krzysztof van der Meer v", "Jorrit van Oosterlingen", "R Mulder", "Mw Kahraman",
        "Sietse Nieuwenhuizen Ver", "Oumaima Guennoun via Tikk",
    ],
)  # fmt: skip
def test_a_friend_who_is_paid_through_ideal_is_no_shop_however_long_the_name(name: str) -> None:
    assert reading(name, "kerstboom", code="IDEAL")[:3] == ("person", [], ["kerstboom"])


@pytest.mark.parametrize("name", ["Hr T Aalbers via Tikkie", "Hr T Nieuwenhuizen via T", "Hr T Nieuwenhuizen-Aalbe"])
@pytest.mark.parametrize("code", ["IDEAL", "SCT"])
def test_what_a_long_name_pushes_out_says_nothing_more_beside_a_short_one(name: str, code: str) -> None:
    assert reading(name, "huur", code=code) == reading("Hr T Bai via Tikkie", "huur", code=code)


def test_an_app_that_stands_before_the_person_is_told_also_when_its_end_is_cut() -> None:
    assert reading("AAB INZ TIKKIE", "huur")[3] == {"rent", "payment_request"}
    assert reading("ABN AMRO BANK NV INZ TIK", "huur")[3] == {"rent", "payment_request"}


@pytest.mark.parametrize("name", ["Zonvlucht", "Zonvlucht via Mollie Payments", "Kinderrijk Opvang Almere B.V.", "H&M"])
def test_a_shop_that_is_paid_through_ideal_is_read(name: str) -> None:
    assert reading(name, code="IDEAL")[0] == "company"


@pytest.mark.parametrize(
    ("name", "code", "creditor"),
    [
        ("CCV*KAPSALON FATMA ROTTERDAM NLD", "CARD", ""),
        ("Zonvlucht via Stichting Mollie Payments", "IDEAL", ""),
        ("WonenVoorbeeld", "SDD", "NL13ZZZ123456780000"),
        ("Bouwbedrijf Jansen B.V.", "SCT", ""),
        ("SVB", "SCT_BATCH", ""),
        ("Gemeente Voorbeeld", "SCT", ""),
    ],
)
def test_companies_are_told_by_evidence(name: str, code: str, creditor: str) -> None:
    assert reading(name, code=code, creditor=creditor)[0] == "company"


def test_a_payer_of_salary_stays_unnamed() -> None:
    assert reading("Uitzendbureau Voorbeeld BV", "salaris wk 26", sign="CRDT")[:2] == ("payer", [])
    assert reading("Ziekenhuis Voorbeeld", "", code="SALARY", sign="CRDT")[:2] == ("payer", [])
    # Nor in a text that repeats the name, which lets such a salary through the screening.
    for text in ("{} salaris mei", "Naam: {} Omschrijving: salaris mei", "/NAME/{}/REMI/salaris mei/EREF/NOTPROVIDED"):
        told = reading("Ziekenhuis Voorbeeld", text.format("Ziekenhuis Voorbeeld"), sign="CRDT")
        assert set(told[2]) - {""} == {"salaris"}, text


def test_a_name_swap_changes_nothing_that_is_read() -> None:
    first = reading("Hr P de Wit", "kinderbijslag voor Noor")
    assert first == reading("Mw F Yildiz", "kinderbijslag voor Noor")
    assert first[:3] == ("person", [], ["kinderbijslag", "voor", "noor"])


@pytest.mark.parametrize(
    "text",
    [
        "SEPA Overboeking IBAN: NL08RABO0999000001 BIC: RABONL2U Naam: {} Omschrijving: huur juli",
        "/TRTP/SEPA OVERBOEKING/IBAN/NL08RABO0999000001/NAME/{}/REMI/huur juli",
        "Tikkie ID 001199000111, huur juli, Van {}, NL36ABNA0999000002",
        "huur juli {}",
    ],
)
@pytest.mark.parametrize("name", ["P van Erven", "Fatma Bakker", "Oumaima Bouzambou"])
def test_a_name_inside_a_text_changes_nothing_that_is_read(text: str, name: str) -> None:
    told, other = reading(name, text.format(name)), reading("Hr Q Visser", text.format("Hr Q Visser"))
    assert [word for word in told[2] if word] == [word for word in other[2] if word]  # "" stands for a name's word
    assert (told[0], told[1], told[3]) == (other[0], other[1], other[3])
    assert {"rent"} <= told[3] <= {"rent", "payment_request", "transfer"}


@pytest.mark.parametrize(
    "app",
    ["via Tikkie", "via T", "via", "via Rabo Betaalv", "via ING Betaalverzoek", "via Tikkie via ABN AMRO Betaa"],
)
def test_a_text_that_tells_of_a_payment_request_does_not_repeat_a_name(app: str) -> None:
    told = reading(f"Hr I Aalbers {app}", "Retour Tikkie ING betaalverzoek strand", sign="CRDT")
    assert told == reading("Hr I Nieuwenhuizen", "Retour Tikkie ING betaalverzoek strand", sign="CRDT")
    assert "tikkie" in told[2]


@pytest.mark.parametrize(
    "name",
    [
        "AAB INZ TIKKIE J Pietersen",
        "Tikkie via J Pietersen",
        "Hr Via Pietersen via Tikkie",
        "Hr J Jansen inz M Pietersen via Tikkie",
    ],
)
def test_a_name_beside_an_app_is_masked_wherever_it_stands(name: str) -> None:
    assert reading(name, "huur Pietersen", sign="CRDT")[2] == ["huur", ""]


def test_a_name_that_only_the_text_has_is_the_name() -> None:
    party, merchant, spoken, concepts = reading(
        "", "SEPA Overboeking Naam: SVB Omschrijving: kinderbijslag", sign="CRDT"
    )
    assert (party, merchant, spoken[-1]) == ("company", ["svb"], "kinderbijslag")
    assert "child_benefit" in concepts


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "/TRTP/SEPA OVERBOEKING/IBAN/NL08RABO0999000001/BIC/RABONL2U/NAME/Woonbron/REMI/nota 12 huur 1/2025/EREF/1",
            "nota 12 huur 1/2025",
        ),
        (
            "SEPA Incasso Incassant: NL09ZZZ480  Naam: Woonbron  Machtiging: 12  Omschrijving: nota huur  IBAN: NL6",
            "nota huur",
        ),
        (
            "Naam: Woonbron Omschrijving: huur juli IBAN: NL86 Machtiging ID: y Valutadatum: 01-07-2026",
            "huur juli",
        ),
        ("/REMI/USTD//huur juli/", "huur juli"),
        ("/TRTP/SEPA TERUGBOEKING/NAME/Woonbron/REMI/incasso huur/EREF/1", "TERUGBOEKING incasso huur"),
    ],
)  # fmt: skip
def test_the_labels_a_bank_puts_around_a_text_are_not_read(text: str, told: str) -> None:
    assert reading("Woonbron", text) == reading("Woonbron", told)


@pytest.mark.parametrize(
    "text",
    [
        "BEA, Betaalpas             SUNWEB,PAS043 NR:A1D2, 01.02.26/12:10 SNEEK",
        "BEA   NR:X3033    25.12.25/13.23 SUNWEB,PAS028  SNEEK",
    ],
)
def test_the_shop_of_a_card_payment_that_only_the_text_names_is_the_name(text: str) -> None:
    assert reading("", text, code="CARD")[:2] == ("company", ["sunweb"])


def test_a_name_that_was_cut_off_is_still_an_organisation() -> None:
    assert reading("SOCIALE VERZEKERINGSBAN", "")[:2] == ("company", ["sociale", "verzekeringsbank"])


def test_intermediaries_prefixes_cities_and_countries_are_split_off() -> None:
    assert reading("Zonvlucht via Stichting Mollie Payments", code="IDEAL")[1] == ["zonvlucht"]
    assert reading("CCV*BAKKERIJ VOORBEELD UTRECHT NLD", code="CARD")[1] == ["bakkerij", "voorbeeld"]


@pytest.mark.parametrize(
    ("name", "remittance", "concept"),
    [
        ("SVB", "KINDERBIJSLAG 2E KWARTAAL 2026", "child_benefit"),
        ("SVB", "AKW 2026-1", "child_benefit"),
        ("SVB", "kinderbijsl", "child_benefit"),
        ("UWV", "WW 05-2026", "unemployment"),
        ("Notariskantoor Voorbeeld", "nalatenschap", "estate"),
        ("Begraafplaats Voorbeeld", "grafrechten", "funeral"),
        ("Transavia Airlines", "boeking", "airline"),
        ("J Jansen", "Kinderalimentatie maart", "alimony"),
    ],
)
def test_wordings_of_one_meaning_share_a_concept(name: str, remittance: str, concept: str) -> None:
    assert concept in reading(name, remittance)[3]


def test_the_lexicon_has_no_special_categories() -> None:
    lexicon = default_lexicon()
    assert not {"kerk", "moskee", "zakat", "ziekenhuis", "vakbond", "partij"} & set(lexicon.words)


@pytest.mark.parametrize(
    ("name", "remittance", "code", "abroad"),
    [
        ("CAFE SOL MALAGA ESP", "Pasvolgnr: 001", "CARD", True),
        ("Cafe Sol", "Cafe Sol Malaga, ES", "CARD", True),
        ("Cafe Sol", "Valuta: 100,00 USD Koers: 1,10", "CARD", True),
        ("BAKKER UTRECHT NLD", "Bakker Utrecht, NL", "CARD", False),
        ("Cafe Sol Malaga ESP", "", "SCT", False),
        ("Cafe", "BEA, Betaalpas   Cafe,PAS094   NR:136256, 08.02.26/15:17   WINTERBERG, Land: DEU", "", True),
        ("Cafe", "BEA, Betaalpas   Cafe,PAS094   NR:136256, 08.02.26/15:17   UTRECHT, Land: NLD", "", False),
        ("ATM", "GEA, Betaalpas   ATM,PAS1   NR:363288, 21.03.25/10:17   UBUD, Land: IDN IDR 373320.00", "", True),
        ("Cafe", "Betaalautomaat 07:59 pasnr. 039 Kos Griekenland Apple Pay", "", True),
        ("Cafe", "Betaalautomaat 07:59 pasnr. 039 Kos Greece", "", True),
        ("AMZN Mktp LUXEMBOURG LUX", "Pasvolgnr: 001", "CARD", False),
        ("PAYPAL *SPOTIFY", "Valuta: 9,99 USD Koers: 1,10", "CARD", False),
        ("APPLE.COM/BILL CORK IRL", "", "CARD", False),
        ("CODESHELF.IO", "Valuta: 12,00 USD Koers: 1,10", "CARD", False),
        ("SP * WWW.YARNBARN.COM", "Valuta: 12,00 USD Koers: 1,10", "CARD", False),
        ("Dr.Como Bar MILANO ITA", "", "CARD", True),
        ("Amazonia Bar LISBOA PRT", "", "CARD", True),
        ("Cafe", "Betaalautomaat 07:59 pasnr. 039 Utrecht", "", False),
        ("", "HILTON >BERLIN 19.10.2025 10U07 KV001 699961 CONTACTLOZE BETALING", "", True),
        ("", "HILTON >KEULEN 19.10.2025 10U07 KV001 699961 CONTACTLOZE BETALING", "", True),
        ("", "HILTON >BREDA 19.10.2025 10U07 KV001 699961 CONTACTLOZE BETALING", "", False),
        ("Cafe", "25-01-2026 16:09 Zell Am See Land: AT Pas: 245 Contactloos", "CARD", True),
        ("Cafe", "25-01-2026 16:09 Zell Am See Land: AT Pas: 245", "", True),
        ("Cafe", "25-01-2026 16:09 Venlo Land: NL Pas: 245 Contactloos", "CARD", False),
        ("Cafe", "Betaalautomaat 12:57 pasnr. 174 Riva Del Garda IT", "", True),
        ("Cafe", "Betaalautomaat 12:57 pasnr. 174 Riva Del Garda IT Apple Pay", "", True),
        ("Cafe", "Betaalautomaat 19:35 pasnr. 095 Nice FR", "", True),
        ("Cafe", "Betaalautomaat 19:35 pasnr. 095 London GB", "", True),
        ("Cafe", "Betaalautomaat 19:35 pasnr. 095 Noordwolde FR", "", False),
        ("Cafe", "Betaalautomaat 19:35 pasnr. 095 BERGEN LB", "", False),
        ("Cafe", "Betaalautomaat 19:35 pasnr. 095 RIJSWIJK ZH", "", False),
        ("Cafe", "Betaalautomaat 19:35 pasnr. 095 AMSTERDAM CS", "", False),
        ("Bakkerij Jansen BV", "19:35 Bakkerij Jansen BV", "CARD", False),
        ("Cafe", "CAFE AROMA\\Roma\\IT 0207 16:24", "CARD", True),
        ("Cafe", "CAFE AROMA\\Roma\\IT 0207 16:24", "", True),
        ("Cafe", "CAFE AROMA\\Venlo\\NL 0207 16:24", "CARD", False),
        ("Cafe", "Malaga, 3083AB, ESP, 24-11-2025 17:18", "CARD", True),
        ("Cafe", "Vlissingen, 1042AB, NLD, 23-11-2025 20:20 Apple Pay", "CARD", False),
        ("", "MARJANE NADOR MAR 03-07-2025 09:58 Contactloos", "CARD", True),
        ("", "KOFFIE KOBUS ZWOLLE NLD 05-07-2025 13:14 Contactloos", "CARD", False),
        ("", "Spar Zell am See>ZELL AM SEE 24-03-2026 11:58 AUT pas 012", "CARD", True),
        ("", "PRET A MANGER>LONDON GBR 07-06-2026 10:15 PASVOLGNR 001 TERM 8ACDA8", "", True),
        ("", "ORLEN KRAKOW POL 27-06-2026 12:07", "", True),
        ("Kafeneio", "Kafeneio >CHANIA 6.09.2026 20U13 KV006 36E8EA MCC:5812 GRC Contactloze betaling", "", True),
        ("Cafe", "MUSEO 806,99 MAD", "CARD", True),
        ("Cafe", "Kafeneio CHANIA, GR", "OTHER", True),
        ("Cafe", "Boni SCHIEDAM, NL", "OTHER", False),
        ("Hr J Jansen", "vakantie Chania, GR", "OTHER", False),
        ("Bakker", "geldig PER 03-07-2025 10:00", "CARD", False),
        ("Cafe", "12-05-2025 18:51 DOM CAFE UTRECHT Pas: 005", "CARD", False),
        ("Cafe", "12-05-2025 18:51 BEL COMPANY ROTTERDAM", "CARD", False),
        ("Fysio", "12.05.2025 18:51 COMPUTER SERVICE IT", "CARD", False),
        ("Cafe", "Betaalautomaat 18:51 pasnr. 005 GRONINGEN GR", "CARD", False),
        ("Cafe", "Menu 12,50 ALL IN", "CARD", False),
        ("Slager", "SLAGERIJ\\DEN HAAG\\ DE", "CARD", False),
        ("Verhuur", "HUUR ZAAL VAN 12-05-2025 10:00 TOT 18:00", "", False),
        ("Tandarts", "TANDARTS DE JONG, BV", "OTHER", False),
        ("Toko Indonesie", "Toko Indonesie", "CARD", False),
        ("Hr J Jansen", "vakantie Spanje 2025", "SCT", False),
    ],
)
def test_abroad_is_told_by_what_a_card_terminal_says(name: str, remittance: str, code: str, abroad: bool) -> None:
    frame = booking(name, remittance, code=code).assign(currency="EUR")
    assert is_abroad(frame).tolist() == [abroad]


def test_names_of_towns_abroad_that_are_dutch_too_are_those_of_geonames() -> None:
    told = tomllib.loads(resources.files("models").joinpath("towns.toml").read_text("utf-8"))["dutch_too"]
    assert told == sorted(foreign_city_names() & dutch_place_names())
