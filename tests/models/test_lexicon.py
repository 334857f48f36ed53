"""The lexicon as data: every entry has one meaning, none is a person's name, and look-alikes are told apart."""

import csv
import re
import tomllib
from importlib import resources
from pathlib import Path

import pandas as pd
import pytest

from models.lexicon import default_lexicon
from models.text import PARTIES, read_texts
from models.words import clean_many

DATA = tomllib.loads(resources.files("models").joinpath("lexicon.toml").read_text("utf-8"))
ENTRIES = [
    (entry, concept, kind)
    for concept, lists in DATA["concepts"].items()
    for kind, listed in lists.items()
    for entry in listed
]
GAZETTEERS = Path(__file__).resolve().parents[3] / "shared" / "data" / "gazetteers"
# Common Dutch family names and first names, some of which are words, shops or offices too (general knowledge).
NAMES = (
    "jansen", "bakker", "visser", "smit", "dekker", "dijk", "kok", "mulder", "bos", "vos", "peters", "koster",
    "prins", "blom", "post", "kuiper", "veenstra", "kramer", "schouten", "hoekstra", "maas", "verhoeven", "koning",
    "schipper", "bol", "bolt", "bosch", "graaf", "boer", "berg", "mol", "pol", "as", "ven", "groen", "broekhuis",
    "louwman", "blokker", "boels", "hoogvliet", "mandemakers", "bierens", "flanderijn", "advocaat", "makelaar",
    "deurwaarder", "kapper", "bank", "kasteel", "camping", "cooper", "hu", "loi", "yildiz", "nguyen", "dirk", "jan",
    "piet", "tim", "noor", "gea", "amber", "leen", "bo", "kim", "zara", "izz", "bram", "emma", "sara", "ali",
    "mohamed",
)  # fmt: skip
# As on statements of Dutch banks: name | text | sign | kind | concepts that it must have | concepts it must not have.
LINES = """
# child_birth
SOC VERZEKERINGSBANK | AKW 3E KWARTAAL 2025 BSN 1234 | + | SCT_BATCH | child_benefit | state_pension
SVB ROERMOND | Kinderbijslag oktober t/m december | + | SCT | child_benefit |
Babypark Kesteren | kinderwagen en maxi-cosi | - | IDEAL | baby |
M de Boer | jouw helft kinderbijslag | - | SCT | child_share |
# coming of age
Zilveren Kruis | Premie zorgverzekering extra verzekerde | - | SDD | health_premium |
# childcare
Partou Kinderopvang B.V. | Factuur 2025-118833 opvang september | - | SDD | childcare invoice |
Gastouderbureau Zonnetje | gastouderopvang 10-2025 | - | SDD | childcare |
SKA Kinderopvang | vakantieopvang meivakantie | - | SDD | holiday_activity |
Basisschool de Wegwijzer | vrijwillige ouderbijdrage 2025-2026 | - | IDEAL | school | childcare
A Visser | oppassen zaterdag | - | SCT | child_share |
# study start
DUO HOOFDREKENING | STUDIEFIN SEP 2025 | + | SCT | student_finance |
Universiteit Leiden | Tuition fee 2025-2026 instalment 2 | - | SDD | tuition |
Studystore | studieboeken periode 1 | - | IDEAL | student_life |
LOI | Lesgeld termijn 4 | - | SDD | tuition |
# graduation
DUO Hoofdrekening | Maandtermijn studieschuld incasso | - | SDD | study_debt |
DUO | OV-boete studentenreisproduct niet stopgezet | - | SCT | student_travel |
# jobs
Bakkerij Van Dam BV | Salaris september 2025 | + | SCT | salary |
ADP Netherlands | payroll October net pay | + | SCT | salary |
Albert Heijn BV | loon vakantiewerk wk 30 | + | SCT | salary side_job |
Acme BV | thuiswerkvergoeding | + | SCT | expense_claim |
Acme BV | 13e maand | + | SCT | bonus |
Acme BV | overuren sept | + | SCT | back_pay |
Acme BV | severance payment | + | SCT | final_settlement |
# job loss
UWV | WW-UITKERING SEP 2025 | + | SCT | unemployment |
UWV | ww vakantietoeslag | + | SCT | unemployment |
# social assistance
Gemeente Rotterdam | PW-uitkering oktober | + | SCT | social_assistance municipality |
ISD Bollenstreek | Participatiewet periodiek | + | SCT | social_assistance |
Gemeente Tilburg | individuele inkomenstoeslag | + | SCT | special_assistance |
Gemeente Arnhem | bijzondere bijstand inrichtingskosten | + | SCT | special_assistance | social_assistance
Gemeente Zwolle | teruggaaf afvalstoffenheffing | + | SCT | tax_refund local_tax | social_assistance
# retirement
SVB | AOW OKTOBER | + | SCT | state_pension |
PFZW | Ouderdomspensioen 10-2025 | + | SCT | pension_fund |
Nationale-Nederlanden | lijfrente uitkering | + | SCT | annuity |
Brand New Day | inleg pensioen | - | SDD | pension_saving |
# rental move
Stichting Ymere | Huur november contract 88 | - | SDD | rent |
Heimstaden | huurincasso december | - | SDD | rent |
Holland2Stay | deposit and first month rent | - | IDEAL | deposit rent |
Bo-Rent | huur bestelbus | - | CARD | moving |
Stadgenoot | huurverhoging per 1 juli | - | SDD | rent_change |
Q-Park | abonnement parkeerplaats huur | - | SDD | storage |
A Kok | huur huisje Zeeland | - | SCT | holiday_home | rent
SkiRent Gerlos | huur ski's | - | CARD | leisure_rental | rent
Feenstra | huur cv-ketel | - | SDD | home_upkeep | rent
# home purchase
Notariskantoor Bakker | aankoop woning Dorpsstraat dossier 2025.1122 | - | SCT | own_funds notary |
Netwerk Notarissen | nota leveringsakte en hypotheekakte | - | SCT | property_transfer |
Florius | annuiteit leningdeel 1 | - | SDD | mortgage |
Vereniging Eigen Huis | bouwkundige keuring | - | IDEAL | home_buying |
Notariskantoor Bakker | waarborgsom bankgarantie 10% | - | SCT | own_funds |
Notaris de Wit | levenstestament | - | SCT | will | property_transfer
Notaris de Wit | testament wijziging | - | SCT | will |
Notaris de Wit | statutenwijziging stichting | - | SCT | business_start |
# home sale
Notariskantoor Bakker | netto opbrengst verkoop woning | + | SCT | home_selling |
Makelaardij Oost | verkoopstyling en fotografie | - | SCT | home_selling |
# renovation
Aannemersbedrijf Pietersen | 1e termijn verbouwing | - | SCT | contractor |
Zonneplan | zonnepanelen eindfactuur | - | SCT | sustainable_home |
Dakdekker De Jong | dakrenovatie | - | SCT | contractor |
VvE Parkzicht | bijdrage november | - | SDD | owners_association |
Glazenwasser Piet | ramen wassen | - | SCT | home_upkeep | contractor
# marriage
Gemeente Haarlem | leges huwelijksvoltrekking | - | IDEAL | wedding_formalities municipality |
Landgoed Duinrust | trouwlocatie restbetaling | - | SCT | wedding |
M Vos | cadeau bruiloft Anne | - | SCT | wedding_guest | wedding
M Vos | vrijgezellenfeest | - | SCT | wedding_guest |
# cohabitation
K Mol | huishoudpot november | - | SCT | cohabitation |
K Mol | helft huur | - | SCT | cohabitation | rent
Huisrekening Kerkstraat | huiskas november | - | SCT | flat_mates |
# separation
L Prins | KINDERALIMENTATIE NOV | - | SCT | alimony |
LBIO | inning alimentatie dossier 22 | - | SDD | alimony |
Notaris de Wit | akte van verdeling | - | SCT | divorce |
Advocatenkantoor Recht | arbeidsrecht ontslagzaak | - | SCT | other_law | divorce
J Bos | alimentatie haha pizza | - | SCT | joke |
# bereavement
Uitvaartcentrum Zuid | nota uitvaart | - | SCT | funeral |
DELA Uitvaartverzorging | kosten uitvaart | - | SCT | funeral | funeral_premium
Monuta | Premie uitvaartplan oktober | - | SDD | funeral_premium |
Gemeente Leiden | verlenging grafrechten | - | SCT | grave_upkeep |
Bloemist Roos | rouwboeket | - | CARD | condolence | funeral
De Erven van J Jansen | saldo | + | SCT | estate |
# inheritance
Notariskantoor Bakker | nalatenschap uitkering erfdeel | + | SCT | estate |
Ouders | jaarlijkse schenking | + | SCT | gift |
# windfall
Centraal Beheer | uitkering schade 12345 | + | SCT | damage |
R Smits | verkoop auto | + | SCT | sale | car_dealer
P Dijk | terugbetaling lening | + | SCT | loan |
DEGIRO | withdrawal | + | SCT | investment |
# travel
KLM | e-ticket 074-123 | - | IDEAL | airline |
TUI Nederland | restant reissom | - | IDEAL | travel_agency |
NS International | trein Parijs | - | IDEAL | rail_abroad |
Ticketmaster | concert ticket | - | IDEAL | event_ticket | airline
Eventim | tickets | - | IDEAL | event_ticket |
Qbuzz | e-ticket bus | - | IDEAL | public_transport |
Sunweb | annulering restitutie | + | SCT | refund |
Europeesche | doorlopende reisverzekering | - | SDD | travel_insurance |
Bol.com | cadeaubon Sunweb | - | IDEAL | gift_card |
# car
Autobedrijf Hendriks | aankoop occasion 12-ABC-3 | - | SCT | car_dealer |
R Smits | koopsom auto | - | SCT | car_dealer | own_funds
BELASTINGDIENST | 12-ABC-3 01-10-2025 t/m 31-12-2025 MEER INFO WWW.BELASTINGDIENST.NL | - | SDD | road_tax | allowance
Belastingdienst | motorrijtuigenbelasting kwartaal | - | SDD | road_tax |
InShared | premie auto | - | SDD | car_insurance |
Garage Jansen | APK en grote beurt | - | CARD | car_upkeep | storage
Swapfiets | abonnement | - | SDD | two_wheeler |
Volkswagen Pon Financial Services | autolening termijn | - | SDD | car_loan |
# licence
Rijschool Groen Licht | 5 rijlessen | - | IDEAL | driving_school |
CBR | praktijkexamen B | - | IDEAL | driving_exam |
Gemeente Breda | aanvraag rijbewijs | - | IDEAL | licence_card |
Motorrijschool Gas | AVB les motor | - | IDEAL | motorbike |
# business
Kamer van Koophandel | Inschrijfvergoeding | - | IDEAL | chamber_of_commerce |
Moneybird | abonnement boekhouden | - | SDD | bookkeeping |
Belastingdienst | BTW Q3 2025 | - | SCT | vat |
Vinted | payout | + | SCT | second_hand |
Knab | zakelijke rekening | - | FEE | business_account |
# overdraft
Rente ING Rood Staan | Periode 01-06-2026 | - | FEE | overdraft_interest |
SNS | overdraft interest | - | FEE | overdraft_interest |
ASN Bank | spaarrente 2025 | + | SCT | credit_interest | overdraft_interest
# arrears
Vattenfall | Storno incasso saldo onvoldoende | + | RETURN | returned_debit |
Basic-Fit | terugboeking op verzoek klant | + | RETURN | disputed_debit |
LAVG | vordering inz Ziggo | - | SCT | bailiff |
Intrum | openstaande vordering | - | IDEAL | bailiff |
# traps
Eetcafe De Erfenis | Pasvolgnr 001 | - | CARD | food_out |
Albert Heijn 1234 | Pasvolgnr 003 | - | CARD | groceries |
Ziggo Services | internet & tv | - | SDD | telecom |
Geldmaat | geldopname | - | CASH | cash |
Bax Wijn | 2 flessen wijn | - | IDEAL | groceries | driving_school
SNS Bank | afschrift aan rekeninghouder | - | FEE |  | relative
CAFE SOL MALAGA ESP | Valuta 100,00 USD Koers 1,10 Opslag 0,45 EUR | - | CARD |  | storage
Stichting Sociale Dienstverlening | bijdrage | - | SDD |  | loan
Gemeente Voorschoten | leges | - | IDEAL | municipality | allowance
J van Erven | etentje | - | SCT | party | estate
T Post | export goederen | - | SCT |  | event_ticket
R Blom | aandringen | - | SCT |  | jeweller
Wijkcentrum | presentatie | - | IDEAL |  | present
Kapsalon Knip | knippen | - | CARD |  |
"""


def rows_of(lines: str) -> list[list[str]]:
    rows = [[part.strip() for part in line.split("|")] for line in lines.splitlines() if line and line[0] != "#"]
    return [[*row, *[""] * (6 - len(row))] for row in rows]


def concepts_of(name: str, text: str, sign: str = "DBIT", kind: str = "SCT") -> tuple[str, set[str]]:
    frame = pd.DataFrame(
        [{"counterparty_name": name, "remittance_information": text, "amount": 10.0, "credit_debit_indicator": sign,
          "bank_transaction_code": kind}]
    )  # fmt: skip
    texts = read_texts(frame, names="as_persons")
    return PARTIES[texts.party[0]], {default_lexicon().concepts[at] for at in texts.concepts.row(0)}


def plain(entry: str) -> str:
    return entry.removesuffix("*")


@pytest.mark.parametrize(
    ("name", "text", "sign", "kind", "has", "has_not"), rows_of(LINES), ids=lambda part: part[:24] or "-"
)
def test_lines_of_statements_have_their_concepts(
    name: str, text: str, sign: str, kind: str, has: str, has_not: str
) -> None:
    told = concepts_of(name, text, "CRDT" if sign == "+" else "DBIT", kind)[1]
    assert set(has.split()) <= told
    assert not set(has_not.split()) & told


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


def test_the_lines_are_many_and_name_concepts_that_there_are() -> None:
    rows = rows_of(LINES)
    named = {concept for row in rows for part in row[4:] for concept in part.split()}
    assert len(rows) >= 120
    assert named <= DATA["concepts"].keys()


def test_no_form_stands_under_two_concepts() -> None:
    meanings: dict[str, set[str]] = {}
    for words, (_, concept, _) in zip(clean_many([entry for entry, _, _ in ENTRIES]), ENTRIES, strict=True):
        meanings.setdefault(" ".join(words), set()).add(concept)
    assert {form: found for form, found in meanings.items() if len(found) > 1} == {}


def test_entries_are_written_as_texts_are_read() -> None:
    entries = [entry for entry, _, _ in ENTRIES]
    read = [" ".join(words) for words in clean_many(entries)]
    assert read == [re.sub(r"[0-9]", "0", plain(entry)) for entry in entries]


def test_no_name_of_a_person_proves_an_organisation() -> None:
    organisations = {plain(entry) for entry, _, kind in ENTRIES if kind == "organisations"}
    assert organisations.isdisjoint(NAMES)
    assert [name for name in NAMES if concepts_of(f"J {name}", "etentje")[0] != "person"] == []


@pytest.mark.parametrize(
    "name",
    ["Dirk", "Cooper", "Blokker", "Louwman", "Visman", "Hemati", "Kasteelen", "van As", "van de Groep", "Ouwehand"],
)
def test_a_family_name_proves_no_company(name: str) -> None:
    assert concepts_of(f"J {name}", "etentje")[0] == "person"


@pytest.mark.parametrize(
    "name", ["AH de Vries", "Jansen H M", "C en A Smit", "BP van Santen", "SA Visser", "P R Amsterdam"]
)
def test_initials_prove_no_company(name: str) -> None:
    assert concepts_of(name, "etentje")[0] == "person"


def test_no_frequent_family_name_proves_a_company() -> None:
    file = GAZETTEERS / "meertens_nl_surnames" / "top_1000_last_names_in_the_netherlands_2007.csv"
    if not file.is_file():
        pytest.skip("the list of family names is not beside this repository")
    with file.open(encoding="utf-8") as lines:
        surnames = [row["natural name"] for row in csv.DictReader(lines)]
    frame = pd.DataFrame({"counterparty_name": [f"T {name}" for name in surnames]}).assign(
        remittance_information="", amount=10.0, credit_debit_indicator="DBIT", bank_transaction_code="SCT"
    )
    texts = read_texts(frame, names="as_persons")
    told = [name for name, at in zip(surnames, texts.at, strict=True) if PARTIES[texts.party[at]] != "person"]
    assert len(surnames) == 1000
    assert told == []


def test_no_family_name_ends_like_a_trade() -> None:
    file = GAZETTEERS / "meertens_nl_surnames" / "family_names_freq_5_or_more.lst"
    if not file.is_file():
        pytest.skip("the list of family names is not beside this repository")
    names = file.read_text("utf-8", errors="replace").splitlines()
    words = {word for name in clean_many(names) for word in name}
    assert len(words) > 100_000
    assert [word for word in words if word.endswith(default_lexicon().trades)] == []


@pytest.mark.parametrize(
    ("name", "party"),
    [
        ("De Weet busverhuur", "company"), ("Gerritsen Verhuizingen", "company"),
        ("Isolatiebedrijf Pluimers", "company"),
        ("Kok Aankoopmakelaars", "company"), ("LOT Polish Airlines via", "company"),
        ("Kerkhoven Renovaties", "company"),
        ("Erven Bos Veenstra", "company"), ("ERVEN M. Kaya", "company"), ("Boedelrekening Timmermans", "company"),
        ("Erven K", "person"), ("van Erven Dorens", "person"), ("J Jansen via", "person"), ("Anna Swinkels", "person"),
        ("M Bishop", "person"), ("P van der Meerzorg", "person"),
    ],
)  # fmt: skip
def test_a_trade_or_an_estate_in_a_name_proves_a_company(name: str, party: str) -> None:
    assert concepts_of(name, "voor mei")[0] == party


def test_whose_estate_it_is_stays_unread() -> None:
    frame = pd.DataFrame({"counterparty_name": ["Erven Bos Veenstra"]}).assign(
        remittance_information="afwikkeling", amount=10.0, credit_debit_indicator="CRDT", bank_transaction_code="SCT"
    )
    texts = read_texts(frame, names="as_persons")
    assert [texts.table[word] for word in texts.merchant.row(0)] == ["erven"]


def test_words_that_only_look_alike_have_another_concept_or_none() -> None:
    # A known word of six letters at the edge of another is a compound, unless it stands there by chance.
    for word, trap in (
        ("dienstverlening", "loan"), ("rekeninghouder", "relative"), ("voorschoten", "allowance"),
        ("flessen", "driving_school"), ("aandringen", "jeweller"), ("export", "event_ticket"),
        ("opleidingen", "contractor"), ("blokkering", "shop"), ("aanpassen", "bank_fee"), ("vertrouwen", "wedding"),
    ):  # fmt: skip
        assert default_lexicon().concept(word) != trap


@pytest.mark.parametrize("word", ["augustus", "transactie", "valutadatum", "betaalpas", "november"])
def test_a_month_or_a_word_of_every_statement_means_nothing(word: str) -> None:
    lexicon = default_lexicon()
    assert (lexicon.completed(word), lexicon.concept(word)) == (word, "")
