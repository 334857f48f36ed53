"""A second synthetic bank, written apart from the simulator, so that the learner meets a stranger's data.

Run it by hand: `python tests/benchmarks/second_bank.py OUT [customers] [months] [seed] [--enriched]`.
Every event is played as a script of bookings; scripts whose steps repeat also run as states from before the window
(no event). Look-alikes are paid back per event, so that they stay above 40 % of the bookings with its words.
"""

# ruff: noqa: E501 (one step a line reads as a table)
import csv
import random
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache
from itertools import accumulate
from pathlib import Path

import holidays
import numpy as np
import pyarrow as arrow

from models.bookings import parse_bookings, write_bookings
from models.purposes import default_purposes
from models.taxonomy import default_taxonomy

# fmt: off
WINDOW_END = date(2026, 6, 30)
ABSENCE = timedelta(9)  # after so many days a booking that did not come is told
SWITCHERS, LOOK_ALIKES = 0.15, 0.85  # share of account switchers; look-alikes per booking of an event
MONTHS = ["januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november", "december"]
CITIES = ["Zwolle", "Breda", "Hoorn", "Sneek", "Weert", "Gouda", "Assen", "Tiel", "Goes", "Venlo", "Almelo", "Heerlen", "Deventer", "Zaandam"]
SURNAMES = ["Postma", "Verbruggen", "Kaya", "Hoekstra", "Ouali", "Ramdin", "Kowalski", "Terpstra", "Zwart", "Chen", "Mensah", "Kuipers", "Roos", "Aalbers"]
EMPLOYERS = (
    "Hanzebouw Installaties BV|Noorderpoort Logistics|Gemeente Apeldoorn|Brightlane Software B.V.|Bakkerij Het Veer VOF|"
    "Delta Payroll Services|Kunststof Twente BV|Stichting Lyceum Oost|Horeca Groep Zuid|Vlieland Accountants"
)
AGENCY = "FlexForce Uitzenden|Tempo Personeelsdiensten"
BENEFIT = {  # euros per child and quarter (0-5, 6-11, 12-17), by the half year in which the quarter lies
    (2024, 2): (281.69, 342.05, 402.41), (2025, 1): (286.45, 347.83, 409.21), (2025, 2): (291.49, 353.95, 416.41),
    (2026, 1): (295.07, 358.30, 421.53), (2024, 1): (279.49, 339.38, 399.27), (2023, 2): (261.70, 317.77, 373.85),
    (2023, 1): (269.76, 327.56, 385.37),
}
RECORD = ["customer_id", "account_iban", "booking_id", "booking_date", "amount", "credit_debit_indicator", "counterparty_name", "counterparty_iban", "creditor_id", "mandate_id", "purpose_code", "bank_transaction_code", "remittance_information", "balance_after"]
CLOSED = frozenset(holidays.financial_holidays("XECB", years=range(2020, 2028)))
TAXONOMY = default_taxonomy()
LABELS = frozenset(TAXONOMY.booking_labels)
Row = tuple[date, int, str, str, str, str, str, str]  # day, signed cents, name, text, code, creditor, label, role


@dataclass(frozen=True)
class Step:
    """One booking of a script, or one series of bookings; alternatives are parted by `|`, amounts below zero go out."""

    at: tuple[int, int]  # days after the start of the script
    low: float
    high: float
    names: str
    texts: str
    code: str = "SCT"
    every: int = 0  # months between repeats; 0: once
    chance: float = 1.0
    day: int = 0  # day of the month; 0: any
    role: str = "primary"


DUO = "DUO|Dienst Uitv Onderwijs|DUO Studiefinanciering"
SVB = "SVB Leiden|Soc. Verzekeringsbank|SVB Utrecht"
NOTARY = "Vos & Hamer Notarissen Derdengelden|Kwaliteitsrekening Notaris Elderink|St. Derdengelden Polder Notariaat"
OPEN_NOTARY = "Vos & Hamer Notarissen|Notariskantoor Elderink"
TAX = "Belastingdienst|BELASTINGDIENST APELDOORN"
SCRIPTS: dict[str, tuple[Step, ...]] = {
    "childcare_start": (Step((0, 0), -1650, -420, "KDV De Kleine Beer|Catalpa Kinderopvang|Gastouderbureau Zonnekind|Kober Kinderopvang", "Factuur {n} opvang {m} {y}|Opvangkosten {m} klantnr {n}|Daycare invoice {n} {m} {y}", "SDD", 1),
        Step((8, 30), 250, 1300, TAX, "Toeslag kinderopvang {m} {y} {n}|KOT voorschot {mm} {n}", "SCT_BATCH", 1, 0.8, 20, "supporting"),),
    "study_start": (Step((0, 0), 120, 470, DUO, "STUFI {mm} {n}|Basisbeurs {m} {y}|studiefinanc. {m}", "SCT_BATCH", 1, 1, 24),
        Step((5, 40), -261, -253, "Hogeschool Saxion|Univ. Utrecht Collegegelden|Fontys Hogescholen|Radboud Universiteit", "Inschrijving {y} termijn {n} collegegeld|Tuition fee instalment {n}", "SDD", 1, 0.8, 27, "supporting"),),
    "graduation": (Step((0, 0), -240, -48, DUO, "Aflossing studieschuld {m} debnr {n}|Termijn {mm} studielening", "SDD", 1, 1, 28),),
    "job_loss": (Step((0, 0), 1250, 2100, "UWV Betalingen|UWV WW|Uitvoeringsinst. Werknemersverz.", "WW-uitkering periode {mm}|WW {m} {y} ref {n}|Uw WW over {m}", "SCT_BATCH", 1),),
    "social_assistance_start": (Step((0, 0), 1050, 1900, "Gemeente {c} Sociale Zaken|Werkplein Ferm|ISD {c}|Werk en Inkomen {c}", "Participatiewet {m} {y}|Bijstandsuitkering {mm}|PW uitkering {m} client {n}", "SCT_BATCH", 1, 1, 7),),
    "retirement": (Step((0, 0), 780, 1560, SVB, "AOW {m} {y}|AOW pensioen {mm} kenm. {n}|Uw AOW-uitkering van {m}", "SCT_BATCH", 1, 1, 23),
        Step((1, 30), 180, 1900, "Pensioenfonds Zorg & Welzijn|St Pensioenfonds ABP|PF Metaal en Techniek|BPL Pensioen", "Ouderdomspensioen {mm}|Pensioenuitkering {m} {n}", "SCT_BATCH", 1, 0.8, 24, "supporting"),),
    "rental_move": (Step((0, 0), -2600, -650, "Havensteder Wonen|Vastgoedbeheer Kroon BV|Mitros Verhuur|Portaal Woningen", "Waarborg {c}straat 1{s} contract {n}|Deposit apartment {n}|borgsom huurovereenkomst {n}", "SCT", 0, 0.8),
        Step((3, 30), -1650, -480, "Havensteder Wonen|Vastgoedbeheer Kroon BV|Mitros Verhuur|Portaal Woningen", "Huur {m} {y} contract {n}|Maandhuur {mm}|Rent {m} {y} unit {s}", "SDD", 1, 1, 1),
        Step((2, 35), -650, -90, "Verhuisbedrijf De Kabouter|Bo-Rent {c}|Verhuislift {c}", "Verhuizing {n}|bestelbus {d}", "IDEAL", 0, 0.6, role="supporting"),),
    "home_purchase": (Step((0, 0), -820, -590, "Taxatiebureau Lindeman|Waarderingen Nederland BV", "Taxatierapport woning {n}|NWWI taxatie nota {n}", "IDEAL", 0, 0.7, role="supporting"),
        Step((12, 50), -58000, -6000, NOTARY, "Aankoop woning {c} dossier {n}|eigen geld koop {n}|Afrekening levering {n}"),
        Step((55, 80), -2150, -640, "Obvion Hypotheken|Florius|Hypotheekbank Noord", "Hypotheek {n} rente en aflossing {m}|Maandtermijn hypotheek {n} {mm}", "SDD", 1, 1, 1),),
    "home_sale": (Step((0, 0), 18000, 320000, NOTARY, "Verkoop woning {c} dossier {n}|Netto opbrengst verkoop {n}|Sale of property file {n}", "SCT"),
        Step((1, 20), -7000, -2900, "Makelaardij Van Santen|Huisenzo Makelaars", "Courtage verkoop {n}|Nota makelaar verkoop {c}", "SCT", 0, 0.8, role="supporting"),),
    "home_renovation": (Step((0, 0), -5200, -900, "Aannemersbedrijf Brouwer|Klus & Co Renovaties|Schildersbedrijf Veldkamp", "Factuur {n} termijn 1 badkamer|1e termijn uitbouw {n}|Aanbetaling renovatie {n}"),
        Step((10, 30), -9500, -700, "Keukenloods {c}|Sanitair Outlet BV|Kozijnenhuis {c}", "Order {n} keuken|Bestelling {n} kozijnen|badkamer order {n}", "IDEAL"),
        Step((14, 55), -1600, -120, "Bouwmaat {c}|HORNBACH {c}|Hubo {c}", "materialen {n}", "CARD", role="supporting"),
        Step((35, 75), -7200, -800, "Aannemersbedrijf Brouwer|Zonnestroom Installaties", "Eindfactuur verbouwing {n}|Oplevering {n} slottermijn"),
        Step((50, 100), 700, 3100, "RVO|Rijksdienst v Ondernemend NL", "ISDE {n} isolatie|Subsidie warmtepomp {n}", "SCT_BATCH", 0, 0.4, role="supporting"),),
    "marriage": (Step((0, 0), -4500, -900, "Landgoed De Wilgen|Trouwlocatie Het Koetshuis|Kasteel Oud-Zuylen Events", "Aanbetaling bruiloft {d}|trouwdag reservering {n}|Wedding venue booking {n}"),
        Step((10, 60), -1900, -450, "Bruidsmode Belle|Studio Lumen Trouwfotografie|Goudsmid Ringers", "trouwfoto's {n}|bruidsjurk order {n}|trouwringen {n}", "IDEAL"),
        Step((15, 80), -780, -180, "Gemeente {c}|Gemeente {c} Burgerzaken", "Melding voorgenomen huwelijk {n}|Leges trouwen {n}|kosten partnerschap {n}", "IDEAL"),),
    "cohabitation_start": (Step((0, 0), -780, -290, "{p}", "mijn deel huishouden|bijdrage samen wonen {m}|my half of rent + groceries", "SCT", 1, 1, 2),
        Step((5, 50), -620, -240, OPEN_NOTARY, "Samenlevingsovereenkomst {n}|nota samenlevingscontract", "SCT", 0, 0.4),),
    "separation": (Step((0, 0), -1500, -350, "De Scheidingsmakelaar|Mediation Praktijk Het Midden|Advocaten Familierecht {c}", "Nota {n} bemiddeling|mediation sessies {n}|echtscheidingsconvenant {n}"),
        Step((15, 45), -760, -160, "{p}", "Alimentatie kinderen {m}|kinderalimentatie {mm}|Child support {m}|partneralim. {m}", "SCT", 1, 1, 1),),
    "bereavement": (Step((0, 0), -8900, -2700, "Uitvaartzorg Groenendael|Uitvaartcentrum Tuindorp|Begrafenisonderneming Smit", "Uitvaart nota {n}|factuur {n} crematie|Funeral services invoice {n}"),
        Step((5, 40), -1500, -260, "Gemeente {c} Begraafplaatsen|Steenhouwerij Bos", "Grafrecht 20 jaar {n}|Gedenksteen {n}", "SCT", 0, 0.6, role="supporting"),),
    "inheritance": (Step((0, 0), 3500, 120000, "De erven van {p}|Erven {p}|" + NOTARY, "Uitkering erfdeel {n}|Nalatenschap {p}|Estate distribution file {n}"),
        Step((40, 120), -4800, -300, TAX, "Aanslag erfbelasting {n}|Erfbelasting {y} {n}", "SCT", 0, 0.5, role="supporting"),),
    "windfall": (Step((0, 0), 3.6, 7.5, "Flatex DEGIRO Bank|Levensverzekering Onderlinge", "Uitbetaling {n}|Uitkering tegoed {n}|Payout {n}"),),
    "travel_booked": (Step((0, 0), -2600, -140, "Transavia Airlines|D-reizen|Prijsvrij Vakanties|Vueling|EUROSTAR INTL|Expedia NL|Norwegian Air|Eliza was here", "Boeking {n}|Reisnummer {n} aanbetaling|Booking ref {n} flights|ticket {n}", "IDEAL"),
        Step((0, 2), -320, -70, "Hostelworld|Booking.com BV", "Res. {n}", "CARD", 0, 0.3, role="supporting"),),
    "car_purchase": (Step((0, 0), -24000, -1900, "Autobedrijf Van Leusden|Wagenpark Occasions|Autohuis Terborg BV", "Aankoop occasion {k}|factuur {n} auto {k}|Car purchase {k}"),
        Step((2, 14), -96, -28, "InShared Autoverzekering|Ditzo|Promovendum", "Autoverzekering {k} {m}|Premie WA casco {k}", "SDD", 1, 1, role="supporting"),
        Step((15, 45), -104, -27, TAX, "Motorrijtuigenbel. {k} {mm}|MRB {k} vanaf {d}", "SDD", 1, 1, 26, "supporting"),),
    "driving_licence": (*(Step((lag, lag + 5), -195, -58, "Verkeersschool Rijvaardig|Rijschool Blauw|Drive Academy {c}", "Rijlessen {d}|lespakket {n}|Driving lessons {n}", "IDEAL") for lag in (0, 9, 20, 33, 50)),
        Step((25, 60), -52, -38, "CBR Divisie Theorie|CBR Rijswijk", "Theorie auto res {n}", "IDEAL", 0, 0.8),
        Step((60, 100), -148, -120, "CBR Rijswijk", "Rijexamen B {n}|praktijkexamen {n}", "IDEAL", 0, 0.7),),
    "business_start": (Step((0, 0), -85, -75, "KvK|Kamer van Koophandel Utrecht", "Inschrijfvergoeding {n}|eerste inschrijving handelsregister", "CARD"),
        Step((3, 25), -34, -9, "e-Boekhouden.nl|Jortt B.V.|Rompslomp", "Abonnement boekhouden {m}|Boekhoudpakket {mm} {n}", "SDD", 1, 1, role="supporting"),
        Step((80, 110), -1300, -90, TAX, "BTW aangifte {q}e kwartaal {n}|Omzetbel. {n} kw {q}", "SCT", 3, 0.8, role="supporting"),),
    "payment_arrears": (Step((0, 0), 35, 190, "Vattenfall Klantenservice|Odido Netherlands|Zorgpolis Collectief", "Storno incasso saldo ontoereikend|Niet uitgevoerd AM04 {n}|Returned direct debit: insufficient funds", "RETURN"),
        Step((4, 25), 35, 190, "Ziggo Diensten|Univé Schade|Vitens NV", "Terugboeking incasso {n} onvoldoende saldo|Reject AM04 {n}", "RETURN"),
        Step((20, 50), -380, -60, "Gerechtsdeurwaarders Jansen & De Boer|Incassobureau Vesting|Bosveld Incasso", "Dossier {n} regeling termijn 1|deurwaarder kenmerk {n}|afbetaling dossier {n}"),),
}


def _alike(low: float, high: float, names: str, texts: str, code: str = "SCT") -> Step:
    return Step((0, 0), low, high, names, texts, code)


CONFUSERS: dict[str, tuple[Step, ...]] = {
    "child_birth": (_alike(25, 100, "{p}", "kinderbijslag voor Saar van oma|deel kinderbijslag {m}"), _alike(-90, -25, "Eigen rekening spaarpot", "kinderbijslag naar spaarrekening", "INTERNAL"), _alike(-160, -15, "Babypark {c}|Prenatal {c}", "kraamcadeau", "CARD")),
    "childcare_start": (_alike(-90, -20, "BSO De Boomhut|Kinderdagverblijf uitje", "vakantieweek opvang {n}|ouderbijdrage schoolreis {y}", "IDEAL"), _alike(-60, -15, "{p}", "oppas vrijdag|opvang hond {m}"), _alike(20, 160, "Catalpa Kinderopvang", "Restitutie factuur {n}")),
    "study_start": (_alike(-260, -80, "Open Universiteit|NHA Thuisstudie|LOI", "Cursusgeld {n} termijn", "SDD"), _alike(-250, -150, "{p}", "collegegeld Bram {m}|bijdrage studie {m}"), _alike(40, 300, "{p}", "studie boeken terug|stufi lening terug")),
    "graduation": (_alike(-60, -15, "{p}|Bloemen Fleur", "cadeau afstuderen|diploma feestje"), _alike(-900, -300, DUO, "Extra aflossing eenmalig")),
    "job_loss": (_alike(40, 280, "UWV Betalingen", "Uitkering {mm} {n}", "SCT_BATCH"), _alike(15, 60, "{p}", "ww gedeelte benzine|VW onderdelen ww")),
    "social_assistance_start": (_alike(120, 800, "Gemeente {c}", "Energietoeslag {y}|Teruggaaf afvalstoffenheffing {n}|Bijzondere regeling {n}", "SCT_BATCH"), _alike(-55, -15, "Werkplein Cafe|Sociale Zaken Eetlokaal", "lunch", "CARD")),
    "retirement": (_alike(-300, -50, "BrightPensioen|Meesman Pensioenbeleggen", "inleg pensioen {m}|Pensioenrekening storting {mm}", "SDD"), _alike(80, 400, "Lijfrente Onderlinge", "Lijfrente {m} {n}", "SCT_BATCH"), _alike(-70, -15, "Grand Cafe De Pensionado|{p}", "pensioenfeest Joop|aow borrel")),
    "rental_move": (_alike(-140, -45, "Parkeerbeheer {c}|Q-Park Abonnement", "Huur parkeerplaats {mm}|huur garagebox {m}", "SDD"), _alike(30, 320, "{p}", "huur tent weekend|huur kamer {m} Sem"), _alike(-95, -15, "Boels Verhuur|Bo-Rent {c}", "huur hogedrukreiniger {n}", "CARD"), _alike(-450, -200, "{p}", "kamerhuur Lotte {m}")),
    "home_purchase": (_alike(-890, -240, OPEN_NOTARY, "nota {n} levenstestament|testament {n}|Akte wijziging {n}"), _alike(-60, -15, "Vereniging Eigen Huis", "Contributie {y}", "SDD"), _alike(-45, -8, "Cafe De Notaris|Eetcafe De Hypotheek", "diner", "CARD"), _alike(-110, -60, "Hypotheekadvies Polderland", "onderhoud abonnement hypotheek {m}", "SDD")),
    "home_sale": (_alike(400, 3900, NOTARY, "Restant depot {n}|Terug te veel betaald {n}"), _alike(30, 700, "{p}", "verkoop bank marktplaats|verkoop fiets {m}")),
    "home_renovation": (_alike(-85, -6, "HORNBACH {c}|Hubo {c}|Karwei {c}", "verf en kwasten", "CARD"), _alike(15, 120, "{p}", "materialen keuken terug|helft verf badkamer"), _alike(-60, -15, "Keukenwinkel {c}", "pannen {n}", "IDEAL")),
    "marriage": (_alike(-100, -25, "{p}", "cadeau bruiloft Eva & Tom|trouwdag envelop"), _alike(-45, -12, "Landgoed De Wilgen", "lunch", "CARD"), _alike(-70, -20, "Gemeente {c} Burgerzaken", "leges uittreksel {n}|Paspoort {n}", "CARD")),
    "cohabitation_start": (_alike(-90, -15, "{p}", "huishoudpot {m}|boodschappen samen|huisgenoten pot"), _alike(15, 90, "{p}", "jouw deel energie|groceries share")),
    "separation": (_alike(-60, -5, "{p}", "alimentatie haha pizza|alimentatie grapje bier"), _alike(-260, -60, "{p}", "bijdrage levensonderhoud mam {m}|zakgeld studie Daan {m}"), _alike(-950, -250, "Advocaten Arbeidsrecht {c}|Letselschade Mediation {c}", "declaratie {n} dossier arbeid")),
    "bereavement": (_alike(-24, -6, "DELA Cooperatie|Monuta Verzekeringen", "Premie uitvaartpolis {n} {m}", "SDD"), _alike(-70, -20, "Bloemen Fleur", "rouwboeket", "CARD")),
    "inheritance": (_alike(500, 4500, "{p}", "schenking {y}|gift voor zolder"), _alike(-60, -12, "Eetcafe De Erfenis|Antiek De Nalatenschap", "tafel 4", "CARD")),
    "windfall": (_alike(200, 2500, TAX, "Teruggaaf inkomstenbelasting {y} {n}", "SCT_BATCH"), _alike(5200, 9800, "Eigen spaarrekening", "van sparen naar betaal", "INTERNAL")),
    "travel_booked": (_alike(25, 480, "{p}", "ticket Malaga|vlucht + hotel jouw deel"), _alike(60, 900, "Transavia Airlines|D-reizen", "Refund booking {n}|Terugbetaling reis {n}", "RETURN"), _alike(-130, -20, "Ticketmaster|Eventim NL", "tickets concert {n}", "IDEAL"), _alike(-40, -8, "NS Reizigers|Schiphol Parking P1", "parkeren|dagkaart", "CARD")),
    "travel_in_progress": (_alike(-70, -12, "ARAL TANKSTELLE KLEVE|COLRUYT MAASMECHELEN", "DEU|BEL", "CARD"), _alike(-40, -3, "STEAMGAMES.COM|AMAZON EU LUX", "LUX|IRL online", "CARD")),
    "car_purchase": (_alike(-480, -70, "Autobedrijf Van Leusden|KwikFit {c}", "APK en beurt {k}|reparatie {k}|winterbanden {n}", "CARD"), _alike(-95, -30, "MyWheels|Greenwheels", "autohuur ritten {m}", "SDD"), _alike(-29, -9, "Fietsverzekering ENRA|ANWB Wegenwacht", "Verzekering e-bike {m}|Wegenwacht auto {n}", "SDD"), _alike(300, 4500, "{p}", "verkoop auto {k}")),
    "driving_licence": (_alike(-52, -38, "Gemeente {c}", "Verlenging rijbewijs {n}", "CARD"), _alike(15, 70, "{p}", "rijles lunch terug|benzine ritje"), _alike(-190, -60, "Motorrijschool De Bocht|Vaarbewijs Centrum", "cursus {n}|motorlessen {n}", "IDEAL")),
    "business_start": (_alike(-4, -2.5, "KvK Uittreksel", "uittreksel online {n}", "IDEAL"), _alike(20, 240, "Vinted|Marktplaats Payments", "uitbetaling verkoop {n}"), _alike(-30, -8, "Penningmeester vv {c}", "boekhouding club {m}|contributie", "SCT")),
    "overdraft": (_alike(1, 45, "Rente spaarrekening", "Creditrente {y} kw {q}", "INTERNAL"), _alike(-90, -20, "Freo Lening", "rente lening {mm}", "SDD")),
    "payment_arrears": (_alike(15, 60, "Basic-Fit Nederland|Nationale Postcode Club", "Storno op verzoek klant|terugboeking incasso niet akkoord", "RETURN"), _alike(-140, -20, "Klarna|Riverty", "betaling factuur {n} termijn 1|betalingsherinnering {n}", "IDEAL"), _alike(-80, -15, "Autohuis Terborg", "betaling in termijnen {n}", "SDD")),
}
FIXED = (  # direct debits of everyone
    Step((0, 0), -178, -142, "VGZ|CZ Groep|Menzis|Zilveren Kruis", "Premie {mm} relatienr {n}", "SDD", 1),
    Step((0, 0), -230, -85, "Oxxio|Greenchoice|Budget Energie|Tibber", "Termijn {m} {y} klant {n}", "SDD", 1),
    Step((0, 0), -62, -14, "Simyo|KPN Mobiel|Youfone|Lebara", "Factuur {n} {m}", "SDD", 1),
    Step((0, 0), -58, -36, "Ziggo Diensten|Delta Fiber|Freedom Internet", "internet {mm}", "SDD", 1, 0.8),
    Step((0, 0), -17, -8, "Netflix|Spotify|Disney Plus|Videoland", "{n} subscription", "SDD", 1, 0.8),
    Step((0, 0), -28, -14, "Interpolis|FBTO|Univé Schade", "Pakket wonen {n} {m}", "SDD", 1, 0.7),
    Step((0, 0), -36, -20, "Basic-Fit Nederland|Fit For Free|Sportcity", "lidmaatschap {m}", "SDD", 1, 0.4),
    Step((0, 0), -75, -28, "GBLT|BsGW|Cocensus", "Termijn belastingen {n}", "SDD", 1, 0.7),
    Step((0, 0), -52, -24, "Vitens NV|Evides|WML Limburg", "voorschot water {n}", "SDD", 3),
    Step((0, 0), -4, -2, "Kosten betaalpakket", "Pakketkosten {m}", "FEE", 1),
    Step((0, 0), 60, 129, TAX, "Toeslag zorg {m} {y} {n}", "SCT_BATCH", 1, 0.4, 20),
)
SHOPS = (  # name, weight, median, how paid
    ("Albert Heijn {b}", 16, 21, "CARD"), ("Jumbo {c} {b}", 9, 24, "CARD"), ("LIDL {b}", 6, 22, "CARD"), ("Dirk vd Broek {b}", 4, 19, "CARD"),
    ("PLUS {c}", 4, 20, "CARD"), ("CCV*SLAGERIJ {c}", 1, 14, "CARD"), ("BCK*TOKO MELATI", 1, 17, "CARD"), ("Etos {b}", 2, 11, "CARD"),
    ("Apotheek De Brink", 0.5, 12, "CARD"), ("HEMA {b}", 2, 13, "CARD"), ("Action {b}", 2, 14, "CARD"), ("SumUp *Koffie & Co", 4, 5, "CARD"),
    ("Zettle_*Frietkot", 2, 9, "CARD"), ("Eetcafe Het Plein", 2, 34, "CARD"), ("Shell {b}", 2, 58, "CARD"), ("TinQ {c}", 1, 52, "CARD"),
    ("NLOV{b}A", 5, 6, "CARD"), ("NS GROEP IZ NS REIZIGERS", 2, 14, "CARD"), ("bol via Adyen", 4, 28, "IDEAL"), ("Zalando SE", 2, 62, "IDEAL"),
    ("Thuisbezorgd.nl via Mollie", 3, 27, "IDEAL"), ("Vinted via Adyen", 1, 16, "IDEAL"), ("Coolblue BV", 0.7, 95, "IDEAL"), ("Kapsalon Knip", 0.7, 29, "CARD"),
    ("Geldautomaat {c}", 1.5, 45, "CASH"), ("@", 5, 14, "SCT"), ("@+", 4, 13, "SCT"), ("Parkmobile", 1, 7, "IDEAL"), ("Gamma {b}", 1, 22, "CARD"),
)
CHATS = ["pizza", "etentje gisteren", "thanks!", "cadeau juf", "borrel", "bios", "drinks friday", "benzine", "sushi", "bedankt!", "voor gisteren", "boodschappen", "", "", "vergeten te betalen"]
STAYS = (("LISBOA", "PRT", ""), ("KOBENHAVN", "DNK", "DKK"), ("LONDON", "GBR", "GBP"), ("SPLIT", "HRV", ""), ("PRAHA", "CZE", "CZK"))
STOPS = ("RESTAURANTE MAR", "CAFE CENTRAL", "SUPERMARKET", "MUSEUM SHOP", "METRO", "ATM")
RATES = {  # events per customer and year where nothing is enriched
    "travel_booked": 0.7, "travel_in_progress": 0.35, "job_change": 0.08, "car_purchase": 0.11, "rental_move": 0.06, "overdraft": 0.1,
    "windfall": 0.04, "income_rise": 0.05, "home_renovation": 0.04,
}
WORKING, OWNERS = {"worker", "family"}, {"home_purchase", "home_sale", "home_renovation"}
PROFILES: dict[str, set[str]] = {
    "child_birth": WORKING, "child_comes_of_age": {"family"}, "childcare_start": WORKING, "study_start": {"starter"},
    "graduation": {"student", "worker"}, "first_job": {"starter"}, "job_change": WORKING, "income_rise": WORKING,
    "job_loss": WORKING, "social_assistance_start": {"starter"}, "retirement": {"worker"}, "home_purchase": WORKING,
    "home_sale": WORKING | {"senior"}, "home_renovation": WORKING | {"senior"}, "driving_licence": {"starter", "student", "worker"},
    "business_start": WORKING, "marriage": WORKING, "separation": WORKING, "windfall": WORKING | {"senior"},
}
RUNNING = (  # states that may run from before the window: steps of the script, share of customers, profiles
    ("car_purchase", (1, 2), 0.4, WORKING),
    ("business_start", (1, 2), 0.05, WORKING),
    ("separation", (1,), 0.07, WORKING),
    ("childcare_start", (0, 1), 0.3, {"family"}),
    ("graduation", (0,), 0.12, {"worker"}),
)
EVERYONE = {"starter", "student", "worker", "family", "senior", "benefit"}
SLOTS = {
    **dict.fromkeys(("first_job", "job_change", "income_rise", "job_loss", "social_assistance_start", "retirement", "study_start", "graduation"), "income"),
    **dict.fromkeys(("child_birth", "child_comes_of_age"), "child"),
    **dict.fromkeys(("rental_move", "home_purchase", "home_sale", "home_renovation", "cohabitation_start", "separation"), "home"),
    **dict.fromkeys(("windfall", "inheritance", "overdraft", "payment_arrears"), "money"),
}
SIGNS = {  # evidence bookings on different days that a careful reader needs; 1 where not named
    "first_job": 2, "job_change": 2, "income_rise": 3, "home_purchase": 2, "home_renovation": 2, "cohabitation_start": 3,
    "separation": 2, "driving_licence": 2, "travel_in_progress": 2, "payment_arrears": 2,
}
ALONE = {"home_purchase"}  # the price paid to a notary tells by itself; what comes before and after only supports


# fmt: on
@dataclass
class Person:
    """One customer: profile, what starts or stops when, and the bookings so far."""

    rng: random.Random
    id: str
    profile: str
    opens: date
    net: float
    payday: int
    rows: list[Row] = field(default_factory=list)
    events: list[tuple[str, date, date]] = field(default_factory=list)
    turns: dict[str, date] = field(default_factory=dict)  # event -> its first day
    tenure: str = "rent"
    broke: int = 0  # cents that are missing on the day of an overdraft

    def put(self, day: date, cents: int, name: str, text: str, code: str, label: str = "none", role: str = "") -> None:
        """Add one booking; the slots of its text are filled."""
        text = spell(text, self.rng, day)
        self.rows.append((booked(day, code), cents, name, text, code, "", label, role or "background"))


def working_day(day: date, back: bool = False) -> date:
    """The same day, or the nearest day after (or before) it on which banks book."""
    while day.weekday() > 4 or day in CLOSED:
        day += timedelta(-1 if back else 1)
    return day


def month_days(first: date, last: date, every: int, day: int) -> Iterator[date]:
    """Days of a series: `day` of the month (0: the day of `first`), every so many months, within the dates."""
    day, month = min(day or first.day, 28), first.year * 12 + first.month - 1
    while (at := date(month // 12, month % 12 + 1, day)) <= last:
        if at >= first:
            yield at
            month += every
        else:
            month += 1


@cache
def account(name: str) -> tuple[str, str]:
    """An invented account and creditor identifier with right check digits, always the same for a name."""
    draw = random.Random(name)
    bank = draw.choice(["RABO", "ABNA", "BUNQ", "SNSB"])
    number, digits = f"0{draw.randrange(10**9):09d}", "".join(str(ord(c) - 55) for c in bank)
    registration = f"{draw.randrange(10**8):08d}0000"
    return (
        f"NL{98 - int(digits + number + '232100') % 97:02d}{bank}{number}",
        f"NL{98 - int(registration + '232100') % 97:02d}ZZZ{registration}",
    )


def spell(text: str, rng: random.Random, day: date) -> str:
    """Fill the slots of a text."""
    if "{" not in text:
        return text
    return text.format(
        n=rng.randrange(10**5, 10**8), m=MONTHS[day.month - 1], mm=f"{day.month:02d}-{day.year}", y=day.year,
        d=f"{day.day}/{day.month}", q=(day.month - 1) // 3 or 4, c=rng.choice(CITIES), p=friend(rng), s=rng.randrange(1, 90),
        k=f"{rng.choice('GHJKLNPR')}-{rng.randrange(100, 999)}-{rng.choice(['XB', 'TD', 'ZS'])}", b=rng.randrange(1000, 9999),
    )  # fmt: skip


def friend(rng: random.Random) -> str:
    """A private person, as one bank or another writes it."""
    return rng.choice(["{i}. {s}", "Mw {i} {s}", "{s} {i}", "Hr {i}.{j}. {s}", "{i} {s} eo"]).format(
        i=rng.choice("ABDFJKLMNRSTWY"), j=rng.choice("ACEHMP"), s=rng.choice(SURNAMES)
    )


def booked(day: date, code: str) -> date:
    """Cards and iDEAL are booked on any day, the rest on weekdays."""
    return day if code in ("CARD", "IDEAL", "CASH") else working_day(day)


def play_step(p: Person, step: Step, start: date, label: str, role: str, last: date) -> list[Row]:
    """The bookings of one step from its first day on; the first of a series has the role, later ones are background."""
    rng, first = p.rng, start + timedelta(p.rng.randint(*step.at))
    days = list(month_days(first, last, step.every, step.day)) if step.every else [first]
    name = spell(rng.choice(step.names.split("|")), rng, first)
    text, cents = rng.choice(step.texts.split("|")), round(100 * rng.uniform(step.low, step.high))
    text = text.replace("{k}", spell("{k}", rng, first))
    if step.every and "nvoice" not in text and "actuur" not in text:  # contracts keep their number
        text = text.replace("{n}", spell("{n}", rng, first)).replace("{s}", spell("{s}", rng, first))
    cents = round(cents, -2) if "{p}" in step.names and abs(cents) > 1500 else cents
    cents *= -1 if label == "separation" and step.every and rng.random() < 0.5 else 1  # alimony goes both ways
    kept = label if label in LABELS else "none"
    rows: list[Row] = []
    for at, day in enumerate(days):
        own = "background" if at or kept != label else role
        creditor = account(name)[1] if step.code == "SDD" else ""
        rows.append((booked(day, step.code), cents, name, spell(text, rng, day), step.code, creditor, kept, own))
    return [row for row in rows if row[0] <= last]


def script(p: Person, event: str, start: date) -> list[Row]:
    """All bookings of an event's script."""
    if event == "windfall":
        step = SCRIPTS[event][0]
        high = max(6000.0, p.net * p.rng.uniform(step.low, step.high))
        return play_step(p, Step((0, 0), high, high, step.names, step.texts), start, event, "primary", WINDOW_END)
    steps = [step for step in SCRIPTS[event] if p.rng.random() < step.chance]
    return [row for step in steps for row in play_step(p, step, start, event, step.role, WINDOW_END)]


def abroad(p: Person, start: date) -> list[Row]:
    """Card payments of a stay in another country."""
    place, country, money = p.rng.choice(STAYS)
    text = f"Betaalpas {country} {money} koers" if money else f"Betaalpas buitenland {place}"
    rows: list[Row] = []
    for day in range(p.rng.randint(4, 12)):
        for _ in range(p.rng.randint(1, 3)):
            name, at = f"{p.rng.choice(STOPS)} {place} {country}", start + timedelta(day)
            rows.append((at, -p.rng.randint(300, 9500), name, text, "CARD", "", "none", "background"))
    return rows


def plan(p: Person, event: str) -> bool:
    """Put an event into a customer's life; False when there is no room for it."""
    history = timedelta(TAXONOMY.event(event).history_days + 8)
    days = (WINDOW_END - p.opens - history).days - 5
    if days < 20:
        return False
    start = p.opens + history + timedelta(p.rng.randrange(days))
    rows: list[Row] = []
    if event in ("first_job", "job_change", "income_rise"):
        seen = [working_day(day, back=True) for day in month_days(start, WINDOW_END, 1, p.payday)]
    elif event == "child_birth":
        seen = list(benefit_days(start, WINDOW_END))[:1]
    elif event == "child_comes_of_age":
        seen = [day + ABSENCE for day in benefit_days(start, WINDOW_END)][:1]  # `children` corrects a drop
    elif event == "graduation" and p.profile == "student":
        seen = [booked(day, "SCT_BATCH") + ABSENCE for day in month_days(start, WINDOW_END, 1, 24)][:1]
    elif event == "overdraft":
        seen, p.broke = [start], p.rng.randint(2000, 60000)
    else:
        rows = abroad(p, start) if event == "travel_in_progress" else script(p, event, start)
        seen = sorted({row[0] for row in rows if row[0] >= start})
    need = SIGNS.get(event, 1)
    if len(seen) < need or seen[need - 1] > WINDOW_END - timedelta(3):
        return False
    told = min(
        [seen[need - 1], *(row[0] for row in rows if event in ALONE and row[0] >= start and row[7] == "primary")]
    )
    absent = event == "child_comes_of_age" or (event == "graduation" and p.profile == "student")
    onset = seen[0] - ABSENCE if absent else seen[0]
    p.rows += rows
    p.turns[event] = onset
    p.events.append((event, onset, told))
    return True


def benefit_days(first: date, last: date) -> Iterator[date]:
    """Pay days of child benefit: the first working day after a quarter (not New Year's Day)."""
    for year in range(first.year, last.year + 1):
        for month in (1, 4, 7, 10):
            day = working_day(date(year, month, 2 if month == 1 else 1))
            if first <= day <= last:
                yield day


def states(p: Person, start: date) -> None:
    """What ran before the window and runs on: its bookings carry the event's label, but are no event."""
    rng, wanted = p.rng, list[tuple[str, int, date]]()
    stop = {event: day - timedelta(1) for event, day in p.turns.items()}
    event = {"student": "study_start", "senior": "retirement", "benefit": "job_loss"}.get(p.profile, "")
    event = "social_assistance_start" if event == "job_loss" and rng.random() < 0.5 else event
    wanted += [(event, at, stop.get("graduation", WINDOW_END)) for at in range(len(SCRIPTS.get(event, ())))]
    if p.tenure == "own":
        wanted.append(("home_purchase", 2, stop.get("home_sale", WINDOW_END)))
    elif p.profile != "starter":
        bought = stop.get("home_purchase", WINDOW_END) + timedelta(45)
        wanted.append(("rental_move", 1, min(stop.get("rental_move", bought), WINDOW_END)))
    for event, parts, share, profiles in RUNNING:
        if p.profile in profiles and event not in p.turns and rng.random() < share:
            wanted += [(event, at, WINDOW_END) for at in parts]
    for event, at, last in wanted:
        before = start - timedelta(rng.randint(125, 150))
        p.rows += play_step(p, SCRIPTS[event][at], before, event, "background", last)
    for step in FIXED:
        if rng.random() < step.chance:
            p.rows += play_step(p, step, start - timedelta(rng.randint(1, 30)), "none", "background", WINDOW_END)


def children(p: Person, start: date) -> None:
    """Child benefit by quarter: it rises with age and every half year, which are no births."""
    rng, turn = p.rng, p.turns.get("child_birth") or p.turns.get("child_comes_of_age")
    low, high = (8.0, 11.9) if turn else ((WINDOW_END - start).days / 365 + 1, 17.9)
    born = [WINDOW_END - timedelta(365.25 * rng.uniform(low, high)) for _ in range(rng.randint(0 if turn else 1, 3))]
    if turn:  # born (or 18) in the quarter before the one that is paid for
        paid = date(turn.year, turn.month, 1) - timedelta(92 + rng.randint(2, 80))
        born.append(paid.replace(day=min(paid.day, 28), year=paid.year - 18 * ("child_comes_of_age" in p.turns)))
    name = rng.choice(SVB.split("|"))
    text = rng.choice(
        ["AKW kwartaal {q}-{y}", "Kinderbijslag kw {q} {n}", "kinderbijslag {q}e kw", "KB {q} kwartaal {n}"]
    )
    for day in benefit_days(start, WINDOW_END):
        first = date(day.year - (day.month == 1), (day.month - 4) % 12 + 1, 1)
        ages = [(first - child).days / 365.2425 for child in born if child <= first]
        table = BENEFIT.get((first.year, 1 + (first.month > 6)), BENEFIT[2023, 1])
        cents = sum(round(100 * table[int(age // 6)]) for age in ages if age < 18)
        role = "primary" if day == p.turns.get("child_birth") else "background"
        if cents:
            p.put(day, cents, name, text, "SCT_BATCH", "child_birth", role)
            if day == p.turns.get("child_comes_of_age"):  # a drop is seen on the day itself, only a stop is waited for
                p.events = [(e, on, day if e == "child_comes_of_age" else told) for e, on, told in p.events]
    if rng.random() < 0.35:
        step = Step((0, 9), 60, 290, TAX, "Kindgebonden budget {m} {n}|KGB voorschot {mm}", "SCT_BATCH", 1, 1, 20)
        begin, last = p.turns.get("child_birth", start), p.turns.get("child_comes_of_age", WINDOW_END)
        p.rows += play_step(p, step, begin, "child_birth", "supporting" if begin > start else "background", last)


def salary(p: Person, start: date) -> None:
    """Wages with holiday pay in May, a yearly rise below 8 %, sometimes a new name of the same payer or weekly pay."""
    rng, turns = p.rng, p.turns
    first = turns.get("first_job", start)
    ends = [turns[event] - timedelta(gap) for event, gap in (("job_loss", 12), ("retirement", 1)) if event in turns]
    last, (old, new) = min([WINDOW_END, *ends]), rng.sample(EMPLOYERS.split("|"), 2)
    text = rng.choice(["Salaris {m} {y}", "Loon {mm} pers.nr {n}", "SAL {mm}", "Salary {m} {y}", "Netto loon {m}"])
    steady = not {"job_change", "income_rise", "first_job"} & set(turns)
    if steady and rng.random() < 0.12:  # paid by the week or every four weeks
        name, every = rng.choice(AGENCY.split("|")), rng.choice([7, 28])
        for at in range(0, (last - first).days, every):
            day, cents = working_day(first + timedelta(at)), round(p.net * every / 30 * rng.uniform(80, 112))
            p.put(day, cents, name, "Loon week {s} {n}", "SALARY")
        return
    renamed = start + timedelta(rng.randrange(400)) if steady and rng.random() < 0.08 else WINDOW_END
    factor = rng.uniform(0.93, 1.25) if "job_change" in turns else rng.uniform(1.1, 1.3)
    change = turns.get("job_change") or turns.get("income_rise") or WINDOW_END + timedelta(99)
    for day in (working_day(pay, back=True) for pay in month_days(start, last + timedelta(2), 1, p.payday)):
        if first <= day <= last:
            wage = p.net * 100 * (factor if day >= change else 1) * 1.022 ** (day.year - start.year)
            extra = 0.85 if day.month == 5 else 0.3 if day.month == 12 and p.payday % 2 else 0
            name = new if "job_change" in turns and day >= change else old if day < renamed else f"{old} Payroll"
            p.put(day, round(wage * (1 + extra)), name, text, "SALARY")


def everyday(p: Person, start: date) -> None:
    """Shops, food, travel to work, friends: some forty bookings a month."""
    rng, days = p.rng, (WINDOW_END - start).days + 1
    style = rng.choice(["Apple Pay {n} pas 04{b}", "{d} betaalautomaat volgnr {n}", "Card payment {d}"])
    weights, away = [shop[1] for shop in SHOPS], {row[0] for row in p.rows if row[3].startswith("Betaalpas")}
    for name, _, median, code in rng.choices(SHOPS, weights, k=int(days / 30.4 * rng.uniform(29, 40))):
        day, cents = start + timedelta(rng.randrange(days)), max(50, round(100 * median * rng.lognormvariate(0, 0.5)))
        if code == "CARD" and day in away:
            continue
        back, text = name == "@+" or (code == "IDEAL" and rng.random() < 0.04), style
        if name[0] == "@":
            name, text = rng.choice(["{p}", "{p} via Tikkie", "Betaalverzoek {p}"]), rng.choice(CHATS)
        elif code == "IDEAL":
            text = "Retour order {n}" if back else "Order {n}"
        p.put(day, cents if back else -cents, spell(name, rng, day), text, code)


def look_alikes(p: Person, owed: Counter[str]) -> None:
    """Bookings with the words of an event that are none, as many as earlier customers left owing."""
    for event in p.rng.sample(sorted(CONFUSERS), len(CONFUSERS)):
        left = min(int(owed[event] / 100), 24)
        while left > 0:
            step = p.rng.choice(CONFUSERS[event])
            series = left >= 8 and (step.code == "SDD" or "{p}" in step.names) and abs(step.low) + abs(step.high) < 700
            day = p.opens + timedelta(p.rng.randrange(30 if series else (WINDOW_END - p.opens).days))
            rows = play_step(p, replace(step, every=int(series)), day, "none", "confuser", WINDOW_END)
            p.rows += [(*row[:7], "confuser") for row in rows]
            left -= max(1, len(rows))
            owed[event] -= 100 * len(rows)


def internal(day: date, cents: int) -> Row:
    """A transfer from or to the customer's own savings."""
    way = "van spaarrekening" if cents > 0 else "naar spaarrekening"
    return day, cents, "Eigen spaarrekening", way, "INTERNAL", "", "none", "background"


def visible(p: Person, rows: list[Row]) -> list[Row]:
    """What this bank sees: from the opening of the account to the end of the window."""
    return [row for row in rows if p.opens <= row[0] <= WINDOW_END]


def settle(p: Person) -> list[tuple[Row, int]]:
    """The bookings in order with their balance: savings go in and out, and an overdraft is dug where one is planned."""
    rng, rows, monthly = p.rng, visible(p, p.rows), Counter[date]()
    for row in list(rows):
        if abs(row[1]) > 250_000 and row[4] not in ("SALARY", "INTERNAL"):
            moved = -row[1] if row[1] < 0 else -(row[1] * 9 // 10)
            rows.append(internal(row[0] + timedelta(0 if row[1] < 0 else rng.randint(1, 4)), moved))
            monthly[row[0].replace(day=25)] += moved
        monthly[row[0].replace(day=25)] += row[1]
    rows += [internal(day, -round(net, -3)) for day, net in monthly.items() if abs(net) > 5000]
    rows = sorted(visible(p, rows), key=lambda row: (row[0], row[1] < 0))
    opening = 5000 + rng.randrange(80000) - min(0, *accumulate(row[1] for row in rows))
    if p.broke:
        day = p.turns["overdraft"]
        hole = opening + sum(row[1] for row in rows if row[0] <= day) + p.broke
        name = rng.choice([TAX.split("|")[0], "Garage De Brug", "Witgoed Direct"])
        rows.append((day, -hole, name, spell("factuur {n}", rng, day), "SCT", "", "none", "background"))
        rows.append(internal(day + timedelta(rng.randint(6, 24)), hole))
        month = (day.replace(day=1) + timedelta(32)).replace(day=2)
        fee = rng.choice(["Debetrente", "Rente roodstand"])
        text = spell("Periode {m} {y}", rng, day)
        rows.append((month, -rng.randint(60, 1900), fee, text, "FEE", "", "overdraft", "primary"))
        rows = sorted(visible(p, rows), key=lambda row: row[0])
    return list(zip(rows, accumulate((row[1] for row in rows[1:]), initial=opening + rows[0][1]), strict=True))


def choose(p: Person, counts: Counter[str], months: int, enriched: bool) -> None:
    """Plan a customer's events: evenly over all events, or at their natural rates."""
    ids, rng, goal, taken = list(TAXONOMY.ids), p.rng, p.rng.choice([2, 2, 3, 3, 3]), set[str]()
    rng.shuffle(ids)
    happens = {event: rng.random() < RATES.get(event, 0.012) * months / 12 for event in ids}
    ids = sorted((event for event in ids if enriched or happens[event]), key=lambda event: enriched * counts[event])
    for event in ids:
        profiles, slot, old = PROFILES.get(event, EVERYONE), SLOTS.get(event, event), p.profile
        free = enriched and not p.events
        if (old not in profiles and not free) or len(p.events) >= goal or slot in taken:
            continue
        p.profile = old if old in profiles else rng.choice(sorted(profiles))
        if not plan(p, event):
            p.profile = old
            continue
        taken.add(slot)
        counts[event] += 1
        if slot == "home":
            p.tenure = "own" if event in ("home_sale", "home_renovation") else "rent"


def make_person(number: int, months: int, seed: int, start: date, counts: Counter[str], enriched: bool) -> Person:
    """A customer with profile, date of the first booking and planned events."""
    rng = random.Random(f"{seed}/{number}")
    share = rng.uniform(0.15, 0.5) if rng.random() < SWITCHERS else 0
    opens = start + timedelta(round((WINDOW_END - start).days * share))
    profile = rng.choices(sorted(EVERYONE), [5, 25, 16, 5, 9, 40])[0]
    p = Person(rng, f"K{seed % 1000:03d}-{number:06d}", profile, opens, rng.uniform(1750, 3900), rng.randint(21, 27))
    p.tenure = "own" if profile in WORKING | {"senior"} and rng.random() < 0.5 else "rent"
    choose(p, counts, months, enriched)
    return p


def record(p: Person, booking: str, row: Row, balance: int) -> tuple[str, ...]:
    """One row of the bookings table, as texts."""
    day, cents, name, text, code, creditor, _, _ = row
    iban = account(name)[0] if code in ("SCT", "SCT_BATCH", "SDD", "SALARY", "IDEAL") else ""
    side, code = "CRDT" if cents > 0 else "DBIT", "" if p.rng.random() < 0.04 else code
    purpose = "SALA" if code == "SALARY" and p.payday % 2 else ""
    mandate = f"M{int(creditor[8:16]) % 10**6:06d}-{p.id[-4:]}" if creditor else ""
    head = p.id, account(p.id)[0], booking, day.isoformat(), euros(abs(cents)), side, name, iban, creditor
    return *head, mandate, purpose, code, text, euros(balance)


def euros(cents: int) -> str:
    """Cents as a decimal text."""
    return f"{'-' * (cents < 0)}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def make_second_bank(customers: int, months: int, seed: int, out: Path, *, enriched: bool = False) -> None:
    """Write bookings.parquet, labels.csv, events.csv and permissions.csv of an invented bank."""
    first = WINDOW_END.year * 12 + WINDOW_END.month - months
    start, counts, owed = date(first // 12, first % 12 + 1, 1), Counter[str](), Counter[str]()
    records, labels, events, permissions = (list[tuple[str, ...]]() for _ in range(4))
    for number in range(customers):
        p = make_person(number, months, seed, start, counts, enriched)
        states(p, start)
        if p.profile == "family" or "child_birth" in p.turns:
            children(p, start)
        if p.profile in WORKING or "first_job" in p.turns:
            salary(p, start)
        elif p.profile in ("student", "starter"):
            pay = Step((0, 20), 260, 720, "Pizzeria Bella Loon|AH Medewerkers|{p}", "bijbaan {m}|toelage {m}", "SCT", 1)
            p.rows += play_step(p, pay, start, "none", "background", WINDOW_END)
        everyday(p, start)
        look_alikes(p, owed)
        for at, (row, balance) in enumerate(settle(p)):
            records.append(record(p, f"{p.id}-{at:05d}", row, balance))
            labels.append((records[-1][2], row[6], row[7]))
            owed[row[6]] += round(100 * LOOK_ALIKES)
        for event, onset, told in p.events:
            last = told + timedelta(TAXONOMY.event(event).useful_days)
            events.append((p.id, event, onset.isoformat(), told.isoformat(), last.isoformat()))
            owed[event] += 0 if event in LABELS else 200
        permissions += permission_rows(p, start)
    raw = arrow.table(dict(zip(RECORD, zip(*records, strict=True), strict=True)))
    read = parse_bookings(raw, source="second bank", lines=np.arange(1, len(records) + 1))
    if read.problems:
        raise ValueError(f"{len(read.problems)} bookings break the contract, such as {read.problems[0]}")
    write_bookings(read.frame, out / "bookings.parquet")
    write_table(out / "labels.csv", "booking_id,event,role", labels)
    write_table(out / "events.csv", "customer_id,event,onset_date,first_detectable_date,last_useful_date", events)
    write_table(out / "permissions.csv", "customer_id,purpose,action,at,notice_version", permissions)


def permission_rows(p: Person, start: date) -> list[tuple[str, ...]]:
    """Every notice is shown; four in five allow, some of them withdraw."""
    rows: list[tuple[str, ...]] = []
    for purpose in default_purposes().purposes:
        chances = {"shown": 1.0, "consented": 0.8, "withdrawn": 0.03}
        actions = [action for action, chance in chances.items() if p.rng.random() < chance]
        for at, action in enumerate(actions):
            rows.append((p.id, purpose.id, action, f"{start + timedelta(at)}T10:00:00+00:00", purpose.notice_version))
    return rows


def write_table(path: Path, head: str, rows: Iterable[tuple[str, ...]]) -> None:
    """A CSV file with a header."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([head.split(","), *rows])


def main(words: list[str]) -> None:
    """Read the command line and write the bank."""
    plain = [word for word in words if not word.startswith("--")]
    if not plain:
        sys.exit("Usage: second_bank.py OUT [customers] [months] [seed] [--enriched]")
    customers, months, seed = (int(word) for word in [*plain[1:], *("500", "18", "1")[len(plain) - 1 :]])
    make_second_bank(customers, months, seed, Path(plain[0]), enriched="--enriched" in words)


if __name__ == "__main__":
    main(sys.argv[1:])
