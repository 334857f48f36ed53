"""The door in front of every feature, and points that look back only."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from models.bookings import bookings_from_records
from models.detection import admit, by_customers, detect_events
from models.errors import UsageError
from models.events import EventDetector
from models.history import Course, build_background, build_course, child_benefit_units
from models.places import is_abroad
from models.points import FEATURES, Points, collect_points, draft_signs
from models.screening import default_screening
from models.series import draft_series, find_refunds
from models.telling import tells_nothing, told_by_rule
from models.text import read_texts


def table(*rows: tuple[str, str, str, str, str], **columns: str) -> pd.DataFrame:
    """Rows of (date, amount, indicator, name, text)."""
    records = [
        {"customer_id": "anna", "account_iban": "NL00TEST", "booking_id": f"b{n}", "booking_date": day,
         "amount": amount, "credit_debit_indicator": sign, "counterparty_name": name, "remittance_information": text,
         **columns}
        for n, (day, amount, sign, name, text) in enumerate(rows)
    ]  # fmt: skip
    return bookings_from_records(records, source="test").frame


def points_of_series(bookings: pd.DataFrame, event: str, as_of: str) -> Points:
    course = sure_course(bookings, "none", as_of)
    return collect_points(draft_series(course, build_background(course), (event,)), course, (event,))


def series_points(bookings: pd.DataFrame, event: str, as_of: str) -> list[tuple[str, dict[str, float]]]:
    points = points_of_series(bookings, event, as_of)
    days = [str(np.datetime64(int(day), "D")) for day in points.day]
    return [(day, dict(zip(FEATURES, row.tolist(), strict=True))) for day, row in zip(days, points.matrix, strict=True)]


def sure_course(bookings: pd.DataFrame, speaks_to: str, as_of: str) -> Course:
    """Bookings that all surely speak to one event, or to none."""
    texts, sure = read_texts(bookings, names="as_persons"), np.ones((len(bookings), 1))
    return build_course(bookings, texts, sure, classes=np.array([speaks_to]), as_of=date.fromisoformat(as_of))


def sign_points(bookings: pd.DataFrame, event: str, as_of: str) -> Points:
    """Points of bookings that all surely speak to this event."""
    course = sure_course(bookings, event, as_of)
    return collect_points([draft_signs(course, build_background(course), (event,))], course, (event,))


def with_balances(rows: list[tuple[str, str]]) -> pd.DataFrame:
    """Payments of one customer, given the day and the balance after each."""
    records = [
        {"customer_id": "anna", "booking_id": str(at), "booking_date": day, "amount": "1.00", "counterparty_name": "x",
         "credit_debit_indicator": "DBIT", "balance_after": balance}
        for at, (day, balance) in enumerate(rows)
    ]  # fmt: skip
    return bookings_from_records(records, source="test").frame


def test_screened_bookings_stay_outside_and_telling_shops_lose_their_names() -> None:
    bookings = table(
        ("2026-01-09", "10.00", "DBIT", "CCV*MOSKEE EL VOORBEELD", ""),
        ("2026-02-14", "38.15", "DBIT", "BCK*TOKO SARI", "BCK*TOKO SARI Tilburg, NL"),
        ("2026-02-15", "12.00", "DBIT", "Boekhandel Voorbeeld", "boek"),
        bank_transaction_code="CARD",
    )
    inside = admit(bookings, default_screening())
    assert inside["counterparty_name"].tolist() == ["groceries", "Boekhandel Voorbeeld"]
    assert inside["remittance_information"].tolist() == ["", "boek"]


# Section 1.1 of the domain specification: payments of January 2025 are for Q4 2024 (281.69), of July 2026 295.07.
@pytest.mark.parametrize(("paid", "amount"), [("2025-01-02", 281.69), ("2025-10-01", 291.49), ("2026-07-01", 295.07)])
def test_a_child_counts_for_the_amount_of_its_quarter(paid: str, amount: float) -> None:
    day = np.array([np.datetime64(paid, "D").astype(np.int64)])
    assert child_benefit_units(day).tolist() == pytest.approx([100 * amount])


def test_child_benefit_that_does_not_come_is_a_point_only_when_it_is_overdue_and_the_account_in_use() -> None:
    paid = [
        ("2026-01-02", "409.21", "CRDT", "SVB", "KINDERBIJSLAG 4E KWARTAAL"),
        ("2026-04-01", "421.53", "CRDT", "SVB", "KINDERBIJSLAG 1E KWARTAAL"),
        ("2026-07-20", "12.00", "DBIT", "Bakkerij", "brood"),
    ]
    # 1 April + 92 days + 20 days of grace = 22 July
    assert series_points(table(*paid), "child_comes_of_age", "2026-07-21") == []
    assert [day for day, _ in series_points(table(*paid), "child_comes_of_age", "2026-07-22")] == ["2026-07-22"]
    assert series_points(table(*paid[:2]), "child_comes_of_age", "2026-07-22") == []


def test_an_account_below_zero_is_one_point_per_time_it_goes_there() -> None:
    rows = [("2026-01-02", "50.00"), ("2026-01-03", "-10.00"), ("2026-01-04", "-20.00"), ("2026-01-09", "5.00"),
            ("2026-01-12", "-1.00")]  # fmt: skip
    bookings = with_balances(rows)
    assert [day for day, _ in series_points(bookings, "overdraft", "2026-02-01")] == ["2026-01-03", "2026-01-12"]


def test_a_new_payer_of_salary_knows_the_old_one() -> None:
    pay = [
        *((f"2026-0{m}-25", "2000.00", "CRDT", "Oud BV", "salaris") for m in (1, 2, 3)),
        ("2026-04-24", "2400.00", "CRDT", "Nieuw BV", "salaris april"),
    ]
    points = series_points(table(*pay), "job_change", "2026-05-01")
    day, facts = points[-1]
    assert day == "2026-04-24"
    assert (facts["payer_salaries"], facts["other_payer_salaries"], facts["other_payer_gap_days"]) == (1, 3, 30)
    assert facts["ratio_other_payer"] == pytest.approx(1.2)


def test_a_final_settlement_after_the_next_employers_pay_keeps_the_old_one_known() -> None:
    bookings = table(
        *[(f"2026-{month:02d}-24", "2000.00", "CRDT", "Bakker BV", "salaris") for month in (1, 2, 3)],
        ("2026-04-22", "2400.00", "CRDT", "Slager BV", "salaris"),
        ("2026-05-05", "900.00", "CRDT", "Bakker BV", "salaris eindafrekening"),
        ("2026-05-22", "2400.00", "CRDT", "Slager BV", "salaris"),
    )
    points = series_points(bookings, "job_change", "2026-06-30")
    assert [day for day, _ in points] == ["2026-01-24", "2026-02-24", "2026-03-24", "2026-04-22", "2026-05-22"]
    assert points[-1][1]["replaced_gap_days"] == 29


@pytest.mark.parametrize("text", ["uitbetaling lening 123", "schade-uitkering 123"])
def test_a_loan_or_a_damage_that_is_paid_twice_is_no_pay(text: str) -> None:
    bookings = table(
        ("2026-03-24", "5000.00", "CRDT", "Freo BV", text),
        ("2026-04-24", "5000.00", "CRDT", "Freo BV", text),
    )
    assert series_points(bookings, "first_job", "2026-06-30") == []


def test_the_first_sign_of_a_new_counterparty_is_the_onset_of_what_its_later_ones_tell() -> None:
    bookings = table(
        ("2025-06-01", "10.00", "DBIT", "Bakkerij", "brood"),
        *[(f"2026-{month:02d}-25", "600.00", "DBIT", "L Smit", "huishoudpot") for month in (3, 4, 5)],
    )
    texts = read_texts(bookings, names="as_persons")
    sure = np.array([[0.0, 1.0]] + [[1.0, 0.0]] * 3)
    course = build_course(
        bookings, texts, sure, classes=np.array(["cohabitation_start", "none"]), as_of=date(2026, 6, 30)
    )
    events = ("cohabitation_start",)
    points = collect_points([draft_signs(course, build_background(course), events)], course, events)
    detector = TellsTheThird()
    detector.thresholds_, detector.refractory_days_ = {"cohabitation_start": 0.5}, {}
    detector.calibration_ = (1.0, 0.0)
    (hit,) = detector.detect(points, course)
    assert (np.datetime64(hit.onset, "D"), np.datetime64(hit.detected, "D")) == (
        np.datetime64("2026-03-25"),
        np.datetime64("2026-05-25"),
    )


def test_a_sure_sign_of_somebody_new_is_evidence_however_little_it_tells_alone() -> None:
    bookings = table(
        ("2026-01-05", "30.00", "DBIT", "GGN", "aanmaning"),
        ("2026-05-20", "80.00", "CRDT", "Vattenfall", "storno saldotekort"),
        ("2026-06-08", "90.00", "CRDT", "CZ", "storno saldotekort"),
    )
    points = sign_points(bookings, "payment_arrears", "2026-06-30")
    detector = TellsTheLast()
    detector.thresholds_, detector.refractory_days_ = {"payment_arrears": 0.5}, {}
    detector.calibration_ = (1.0, 0.0)
    course = sure_course(bookings, "payment_arrears", "2026-06-30")
    (hit,) = detector.detect(points, course)
    assert np.datetime64(hit.onset, "D") == np.datetime64("2026-05-20")


class TellsTheLast(EventDetector):
    """Finds only the last sign convincing, and the others worth nothing."""

    def score(self, points: Points) -> np.ndarray:
        return np.array([0.0] * (len(points.day) - 1) + [0.9])


class TellsTheThird(EventDetector):
    """Finds only the third sign convincing."""

    def score(self, points: Points) -> np.ndarray:
        return np.array([0.3, 0.0, 0.9])


def test_holiday_pay_is_not_taken_for_the_first_month_of_a_higher_wage() -> None:
    """A rise shows in the lowest of three wages; a month with holiday pay is none of them."""
    amounts = ["2000.00"] * 4 + ["3200.00"] + ["2300.00"] * 3  # January to April, May, June to August
    pay = [(f"2026-0{n}-25", amount, "CRDT", "Werk BV", "salaris") for n, amount in enumerate(amounts, start=1)]
    told = dict(series_points(table(*pay), "income_rise", "2026-09-01"))
    assert told["2026-07-25"]["ratio_three"] == pytest.approx(1.0)  # two wages of 2,300
    assert told["2026-08-25"]["ratio_three"] == pytest.approx(1.15)
    # Holiday pay that was paid this very month stays until the next wage shows what it is.
    assert told["2026-05-25"]["ratio_three"] == pytest.approx(1.0)


def test_chunks_hold_whole_customers() -> None:
    frame = pd.concat([table(("2026-01-02", "1.00", "DBIT", "x", "y")).assign(customer_id=c) for c in "bacab"])

    def held(rows: int) -> list[str]:
        return ["".join(chunk["customer_id"]) for chunk in by_customers(frame, rows=rows)]

    assert held(1) == ["aa", "bb", "c"]
    assert held(2) == ["aabb", "c"]  # pieces of about one size, no rest of a few bookings
    assert held(4) == held(100) == ["aabbc"]


def test_bookings_without_customer_are_refused() -> None:
    frame = table(("2026-01-02", "1.00", "DBIT", "x", "y")).assign(customer_id="")
    with pytest.raises(UsageError, match="--customer"):
        detect_events(frame, as_of=date(2026, 1, 3), release=None)  # type: ignore[arg-type]


def test_sums_of_the_largest_amounts_do_not_wrap() -> None:
    rows = [(f"2026-01-{day:02d}", "9999999999999999.99", "CRDT", "SVB", "KINDERBIJSLAG") for day in range(1, 29)]
    points = sign_points(table(*rows), "child_birth", "2026-02-01")
    assert len(points.day) == 28
    assert np.isfinite(points.matrix).all()
    assert (points.figure("income_ratio") >= 0).all()


def test_two_detections_of_an_event_never_begin_on_one_day() -> None:
    # Below zero twice on one day: the second time lies in the quiet days of the first and belongs to the third.
    rows = [
        ("2026-08-11", "-10.00"), ("2026-08-11", "5.00"), ("2026-08-11", "-3.00"), ("2026-08-20", "50.00"),
        ("2026-09-19", "-1.00"),
    ]  # fmt: skip
    bookings = with_balances(rows)
    texts, sure = read_texts(bookings, names="as_persons"), np.ones((len(bookings), 1))
    course = build_course(bookings, texts, sure, classes=np.array(["overdraft"]), as_of=date(2026, 10, 1))
    points = collect_points(draft_series(course, build_background(course), ("overdraft",)), course, ("overdraft",))
    detector = EventDetector().fit([Points.empty()], np.array([]), pd.DataFrame({"customer_id": [], "event": []}))
    found = [
        (np.datetime64(hit.onset, "D"), np.datetime64(hit.detected, "D")) for hit in detector.detect(points, course)
    ]
    assert [tuple(map(str, days)) for days in found] == [("2026-08-11", "2026-08-11"), ("2026-09-19", "2026-09-19")]


def test_interest_tells_an_overdraft_until_a_balance_is_known() -> None:
    rows = [("2026-01-02", ""), ("2026-02-02", "-10.00"), ("2026-03-02", "")]
    points = sign_points(with_balances(rows), "overdraft", "2026-03-02")
    assert [str(np.datetime64(int(day), "D")) for day in points.day] == ["2026-01-02"]


def test_a_refund_undoes_the_last_payment_that_it_fits() -> None:
    rows = [
        ("2026-01-05", "300.00", "DBIT", "Reisbureau Voorbeeld BV", "boeking 1"),
        ("2026-02-05", "500.00", "DBIT", "Reisbureau Voorbeeld BV", "boeking 2"),
        ("2026-02-06", "50.00", "DBIT", "Bakkerij", "taart"),
        ("2026-03-01", "410.00", "CRDT", "Reisbureau Voorbeeld BV", "terugbetaling boeking"),
        ("2026-03-02", "50.00", "CRDT", "Betaaldienst BV", "terugbetaling"),
    ]
    bookings = table(*rows)
    course = build_course(
        bookings, read_texts(bookings, names="as_persons"), np.ones((5, 1)), classes=np.array(["none"]),
        as_of=date(2026, 3, 2),
    )  # fmt: skip
    # 410 is at least 80 % of 500 and comes from the same party; 50 is exactly what the baker got.
    first, second = (int(np.datetime64(day, "D").astype(np.int64)) for day in ("2026-03-01", "2026-03-02"))
    assert find_refunds(course) == {1: first, 2: second}


def test_a_shop_that_tells_its_customers_origin_is_still_known_to_be_abroad() -> None:
    bought = table(
        ("2026-07-08", "12.00", "DBIT", "Bakkal Yavuz KONYA TUR", "Valuta: 420,00 TRY Koers: 48,50"),
        ("2026-07-09", "12.00", "DBIT", "Sklep Malina RADOM POL", "pas 014"),
        ("2026-07-10", "12.00", "DBIT", "Bakkal Yavuz ROTTERDAM NLD", "pas 014"),
        ("2026-07-10", "12.00", "DBIT", "Bodega Perez CADIZ ESP", "pas 014"),
        bank_transaction_code="CARD",
    )
    admitted = admit(bought, default_screening())
    assert admitted["counterparty_name"].tolist() == ["groceries", "groceries", "groceries", "Bodega Perez CADIZ ESP"]
    assert is_abroad(admitted).tolist() == [True, True, False, True]
    assert admitted["remittance_information"].tolist()[:3] == ["buitenland", "buitenland", ""]


def test_money_that_stays_ones_own_is_no_sign() -> None:
    rows = [
        ("2026-03-02", "12000.00", "DBIT", "Eigen spaarrekening", "naar spaarrekening"),
        ("2026-03-03", "12000.00", "DBIT", "Autobedrijf Voorbeeld BV", "koop auto"),
    ]
    points = sign_points(table(*rows), "car_purchase", "2026-04-01")
    assert [str(np.datetime64(int(day), "D")) for day in points.day] == ["2026-03-03"]


def test_another_home_of_the_same_landlord_is_not_held_for_the_running_rent() -> None:
    paid = [("2026-01-01", "800.00"), ("2026-02-02", "800.00"), ("2026-07-01", "830.00"), ("2026-08-03", "990.00")]
    rows = [(day, amount, "DBIT", "Ymere", "huur") for day, amount in paid]
    points = sign_points(table(*rows), "rental_move", "2026-09-01")
    # 30 euros more in July are a yearly rise, 160 in August are not (jump of 15 % in detection.toml).
    assert tells_nothing(points, {"rental_move": 120}).tolist() == [True, True, True, False]


def test_holiday_pay_among_the_recent_wages_is_seen() -> None:
    amounts = ["2000.00", "2000.00", "2000.00", "2000.00", "3300.00", "2200.00", "2200.00", "2200.00"]
    pay = [(f"2026-0{m}-25", amount, "CRDT", "Werk BV", "salaris") for m, amount in enumerate(amounts, start=1)]
    highest = [facts["recent_highest"] for _, facts in series_points(table(*pay), "income_rise", "2026-09-01")]
    assert highest[4:] == pytest.approx([1.65, 1.5, 1.5, 1.0])


def test_a_large_credit_from_where_money_was_put_away_is_no_windfall() -> None:
    paid = [(f"2026-0{month}-02", "400.00", "DBIT", "Trade Bank", "inleg") for month in range(1, 6)]
    back = ("2026-06-10", "9000.00", "CRDT", "Trade Bank", "uitbetaling")
    prize = ("2026-06-11", "9000.00", "CRDT", "Loterij Voorbeeld", "prijs")
    found = series_points(table(*paid, back, prize, bank_transaction_code="OV"), "windfall", "2026-07-01")
    assert [day for day, _ in found] == ["2026-06-11"]


@pytest.mark.parametrize(
    ("name", "text"),
    [("Hr P Jansen", "koop oude auto"), ("Autohuis Vos", "inruilwaarde"), ("Erven de Wit", "afwikkeling"),
     ("Notariskantoor Derdengelden", "saldo"), ("Hr P Jansen", "caravan"), ("Munt Hypotheken", "bouwdepot")],
)  # fmt: skip
def test_a_large_credit_that_says_where_it_comes_from_is_no_windfall(name: str, text: str) -> None:
    rows = [("2026-06-10", "9000.00", "CRDT", name, text), ("2026-06-11", "9000.00", "CRDT", "Loterij Een", "prijs")]
    found = series_points(table(*rows, bank_transaction_code="OV"), "windfall", "2026-07-01")
    assert [day for day, _ in found] == ["2026-06-11"]


def test_a_credit_too_low_for_its_event_is_no_sign() -> None:
    rows = [
        ("2026-03-02", "999.99", "CRDT", "Mw J Jansen", "uit de erfenis van tante"),
        ("2026-03-03", "1000.00", "CRDT", "Mw J Jansen", "erfenis van tante"),
        ("2026-03-04", "400.00", "DBIT", "Belastingdienst", "erfbelasting"),
    ]
    points = sign_points(table(*rows), "inheritance", "2026-04-01")
    assert [str(np.datetime64(int(day), "D")) for day in points.day] == ["2026-03-03", "2026-03-04"]


def test_what_a_day_care_pays_is_money_back_and_speaks_to_no_childcare() -> None:
    bookings = table(
        ("2026-02-02", "412.00", "DBIT", "Kinderdagverblijf De Bijtjes", "factuur januari"),
        ("2026-02-20", "231.00", "CRDT", "Belastingdienst", "KOT voorschot maart"),
        ("2026-03-20", "64.00", "CRDT", "Kinderdagverblijf De Bijtjes", "credit KDV 1234"),
    )
    assert len(sign_points(bookings, "childcare_start", "2026-06-01").day) == 2


def test_one_cheap_bill_does_not_tell_a_wedding_and_a_dear_one_does() -> None:
    rows = [
        ("2026-03-02", "95.00", "DBIT", "Hotel Kasteel BV", "bruidssuite"),
        ("2026-03-20", "900.00", "DBIT", "Bruidshuis Een BV", "trouwjurk"),
    ]
    points = sign_points(table(*rows), "marriage", "2026-04-01")
    assert tells_nothing(points, {}).tolist() == [True, False]


def test_a_first_rent_of_a_company_tells_a_move_and_a_movers_bill_does_not_alone() -> None:
    rows = [
        ("2026-03-02", "300.00", "DBIT", "Verhuisbedrijf Een BV", "verhuizing"),
        ("2026-06-01", "800.00", "DBIT", "Ymere", "huur juni"),
        ("2026-07-01", "800.00", "DBIT", "Ymere", "huur juli"),
        ("2026-08-03", "800.00", "DBIT", "Nieuwe Eigenaar BV", "huur augustus"),
        ("2026-10-01", "700.00", "DBIT", "Mw J Jansen", "kamerhuur Lotte"),
    ]
    points = sign_points(table(*rows, bank_transaction_code="OV"), "rental_move", "2026-11-01")
    assert points.figure("is_primary").tolist() == [0.0, 1.0, 1.0, 1.0, 1.0]
    assert told_by_rule(points).tolist() == pytest.approx([0.0, 0.94, 0.0, 0.0, 0.0])


@pytest.mark.parametrize(
    ("event", "rows", "silent"),
    [
        ("marriage", [("Bruidsmode Een BV", "trouwjurk"), ("Kasteel Twee BV", "bruiloft")], [True, False]),
        ("marriage", [("Bruidsmode Een BV", "trouwjurk"), ("Bruidsmode Een BV", "trouwjurk")], [True, True]),
        ("marriage", [("Gemeente Almere", "leges huwelijk")], [False]),
        ("driving_licence", [("Rijschool Een", "rijles")] * 3, [True, True, False]),
        ("driving_licence", [("CBR", "praktijkexamen")], [False]),
        ("rental_move", [("Verhuisbedrijf Een BV", "verhuizing")], [True]),
        ("rental_move", [("Ymere", "waarborgsom")], [False]),
        ("car_purchase", [("Mw J Jansen", "auto"), ("RDW", "tenaamstelling")], [True, False]),
        ("car_purchase", [("Autobedrijf Een", "occasion")], [False]),
        ("business_start", [("Boekhoudpakket BV", "boekhoudsoftware")], [True]),
        ("business_start", [("KVK", "inschrijving handelsregister")], [False]),
    ],
)  # fmt: skip
def test_one_primary_sign_tells_and_a_supporting_one_waits_for_another(
    event: str, rows: list[tuple[str, str]], silent: list[bool]
) -> None:
    days = [f"2026-03-{2 + 7 * at:02d}" for at in range(len(rows))]
    bookings = table(*((day, "180.00", "DBIT", *row) for day, row in zip(days, rows, strict=True)))
    points = sign_points(bookings, event, "2026-04-01")
    assert tells_nothing(points, {}).tolist() == silent


def test_running_rent_is_no_second_sign_beside_a_movers_bill() -> None:
    rows = [
        ("2026-01-01", "800.00", "DBIT", "Ymere", "huur"),
        ("2026-04-01", "800.00", "DBIT", "Ymere", "huur"),
        ("2026-04-10", "300.00", "DBIT", "Verhuisbedrijf Een BV", "verhuizing"),
        ("2026-04-20", "30.00", "DBIT", "PostNL", "adreswijziging"),
    ]
    points = sign_points(table(*rows), "rental_move", "2026-05-01")
    assert tells_nothing(points, {}).tolist() == [False, False, True, False]


def test_a_package_of_lessons_tells_by_itself() -> None:
    bookings = table(("2026-03-02", "900.00", "DBIT", "Rijschool Een", "lespakket"))
    points = sign_points(bookings, "driving_licence", "2026-04-01")
    assert tells_nothing(points, {}).tolist() == [False]


def test_a_back_payment_of_child_benefit_is_no_sign_of_a_birth() -> None:
    rows = [
        ("2026-07-14", "32.43", "CRDT", "SVB", "nabetaling kinderbijslag"),
        ("2026-10-01", "147.54", "CRDT", "SVB", "kinderbijslag 3e kwartaal"),
    ]
    points = sign_points(table(*rows), "child_birth", "2026-11-01")
    assert [str(np.datetime64(int(day), "D")) for day in points.day] == ["2026-10-01"]


@pytest.mark.parametrize(
    ("amount", "silent"), [("291.49", False), ("145.75", False), ("582.98", False), ("353.95", True), ("416.42", True)]
)
def test_benefit_of_an_older_child_tells_no_birth(amount: str, silent: bool) -> None:
    bookings = table(("2025-10-01", amount, "CRDT", "SVB", "kinderbijslag 3e kwartaal"))
    assert tells_nothing(sign_points(bookings, "child_birth", "2025-11-01"), {}).tolist() == [silent]


def test_another_centre_for_the_same_child_and_alimony_to_another_account_tell_nothing() -> None:
    for event, text, amounts in (
        ("childcare_start", "kinderopvang", ("900.00", "700.00")),
        ("separation", "kinderalimentatie", ("300.00", "318.00")),
    ):
        rows = [(f"2026-0{month}-01", amounts[0], "DBIT", "Een BV", text) for month in (2, 3, 4)]
        points = sign_points(table(*rows, ("2026-05-01", amounts[1], "DBIT", "Twee BV", text)), event, "2026-06-01")
        assert tells_nothing(points, {}).tolist() == [False, False, False, True]


@pytest.mark.parametrize(
    ("event", "text"), [("rental_move", "huur"), ("home_purchase", "rente en aflossing hypotheek")]
)
def test_a_contract_that_goes_on_under_another_name_tells_nothing(event: str, text: str) -> None:
    rows = [
        ("2026-04-01", "812.40", "DBIT", "Een Hypotheken Vastgoed BV", text),
        ("2026-05-01", "812.40", "DBIT", "Een Hypotheken Vastgoed BV", text),
        ("2026-06-01", "815.00", "DBIT", "Twee Hypotheken Vastgoed BV", text),
        ("2026-07-01", "815.00", "DBIT", "Twee Hypotheken Vastgoed BV", text),
        ("2026-08-03", "990.00", "DBIT", "Drie Hypotheken Vastgoed BV", text),  # another home, or another lender
    ]
    points = sign_points(table(*rows, bank_transaction_code="OV"), event, "2026-11-01")
    assert tells_nothing(points, {}).tolist() == [False, False, True, True, event == "home_purchase"]


def test_a_landlord_of_another_name_is_known_behind_what_is_paid_to_a_third() -> None:
    rows = [
        *((f"2026-0{month}-01", "812.40", "DBIT", "Een Vastgoed BV", "huur") for month in (2, 3, 4, 5)),
        ("2026-06-01", "812.40", "DBIT", "Twee Vastgoed BV", "huur"),
        ("2026-06-03", "425.00", "DBIT", "L Willems", "huur kamer"),
        ("2026-07-01", "812.40", "DBIT", "Twee Vastgoed BV", "huur"),
        ("2026-08-03", "840.00", "DBIT", "Twee Vastgoed BV", "huur"),  # the yearly rise
    ]
    points = sign_points(table(*rows, bank_transaction_code="OV"), "rental_move", "2026-11-01")
    new = points.figure("log_amount") > np.log1p(80_000)
    assert tells_nothing(points, {})[new].tolist() == [False] * 4 + [True] * 3


# Holiday pay, a rise and a second job lie between the old employer's pay and what the new one pays when it is asked.
@pytest.mark.parametrize(("first", "same"), [("2384.17", True), ("2384.99", False)])
def test_a_payer_who_once_paid_to_the_cent_what_the_last_one_did_is_the_same_employer(first: str, same: bool) -> None:
    rows = [
        *((f"2026-0{month}-24", "2384.17", "CRDT", "Bakker BV", "salaris") for month in (1, 2, 3)),
        *((f"2026-0{month}-25", "486.20", "CRDT", "Theater BV", "salaris oproep") for month in (1, 2, 3, 4, 5, 6)),
        ("2026-04-24", first, "CRDT", "Slager BV", "salaris"),
        ("2026-05-22", "4210.55", "CRDT", "Slager BV", "salaris en vakantiegeld"),
        *((f"2026-{month:02d}-24", "2431.85", "CRDT", "Slager BV", "salaris") for month in (6, 7, 8, 9, 10)),
    ]
    points = points_of_series(table(*sorted(rows)), "job_change", "2026-11-30")
    last = points.day == np.datetime64("2026-10-24", "D").astype(int)
    assert tells_nothing(points, {})[last].tolist() == [same]


def test_own_means_tell_the_next_home_where_another_lender_alone_does_not() -> None:
    text = "rente en aflossing hypotheek"
    rows = [
        ("2026-04-01", "812.40", "DBIT", "Een Hypotheken BV", text),
        ("2026-05-01", "812.40", "DBIT", "Een Hypotheken BV", text),
        ("2026-06-22", "5000.00", "DBIT", "Derdengelden Notariaat De Linde", "eigen middelen aankoop woning"),
        ("2026-07-01", "990.00", "DBIT", "Twee Hypotheken BV", text),
    ]
    points = sign_points(table(*rows, bank_transaction_code="OV"), "home_purchase", "2026-11-01")
    assert tells_nothing(points, {}).tolist() == [False, False, False, False]


def test_an_employer_that_pays_from_another_account_stays_the_same_payer() -> None:
    pays = [
        {"booking_date": f"2026-0{month}-25", "counterparty_name": name, "counterparty_iban": iban}
        for month, name, iban in [
            (1, "Bakker BV", "NL01"), (2, "BAKKER B.V.", "NL01"), (3, "Bakker B.V.", "NL02"),
            (4, "Bakker Groep", "NL02"), (5, "Slager BV", "NL03"),
        ]
    ]  # fmt: skip
    rows = [(pay["booking_date"], "2100.00", "CRDT", pay["counterparty_name"], "salaris") for pay in pays]
    bookings = table(*rows).assign(counterparty_iban=[pay["counterparty_iban"] for pay in pays])
    found = series_points(bookings, "job_change", "2026-06-01")
    # At first "Bakker BV" and "BAKKER B.V." are one account; the new account has a name that was met before.
    assert [figures["payer_salaries"] for _, figures in found] == [1.0, 2.0, 3.0, 4.0, 1.0]
    assert [figures["party_days"] for _, figures in found][:4] == [0.0, 31.0, 59.0, 90.0]
    early = series_points(bookings[:3], "job_change", "2026-06-01")
    assert early == found[:3]


@pytest.mark.parametrize(("amount", "points"), [("421.53", 1), ("358.30", 0), ("1264.59", 0), ("843.06", 1)])
def test_benefit_that_stops_was_that_of_one_child_before_eighteen(amount: str, points: int) -> None:
    paid = [
        ("2026-01-02", amount, "CRDT", "SVB", "KINDERBIJSLAG 4E KWARTAAL"),
        ("2026-04-01", amount, "CRDT", "SVB", "KINDERBIJSLAG 1E KWARTAAL"),
        ("2026-07-20", "12.00", "DBIT", "Bakkerij", "brood"),
    ]
    assert len(series_points(table(*paid), "child_comes_of_age", "2026-07-30")) == points


def test_building_materials_are_a_point_once_they_pass_what_a_shelf_costs() -> None:
    visits = [
        ("2026-03-01", "700.00", "DBIT", "Praxis Zwolle", ""),
        ("2026-03-20", "700.00", "DBIT", "Gamma Zwolle", ""),
        ("2026-04-10", "150.00", "DBIT", "Gamma Zwolle", ""),
        ("2026-07-10", "900.00", "DBIT", "Gamma Zwolle", ""),
    ]
    found = series_points(table(*visits, bank_transaction_code="BA"), "home_renovation", "2026-08-01")
    assert [day for day, _ in found] == ["2026-04-10"]  # 1,550 euros in 40 days; in July 900
    assert found[0][1]["signs"] == 3.0


@pytest.mark.parametrize(
    ("name", "text"),
    [("Oma van Dijk", "kinderbijslag voor Noor"), ("SVB", "salaris april"), ("SVB", "nabetaling 2025")],
)
def test_gifts_wages_and_arrears_are_no_quarter_of_child_benefit(name: str, text: str) -> None:
    paid = [
        ("2026-01-02", "409.21", "CRDT", "SVB", "KINDERBIJSLAG 4E KWARTAAL"),
        ("2026-03-10", "900.00", "CRDT", name, text),
        ("2026-04-01", "421.53", "CRDT", "SVB", "KINDERBIJSLAG 1E KWARTAAL"),
        ("2026-04-20", "12.00", "DBIT", "Bakkerij", "brood"),
    ]
    assert series_points(table(*paid), "child_comes_of_age", "2026-04-30") == []


def test_the_first_pays_after_student_finance_are_points_of_a_graduation() -> None:
    paid = [(f"2026-0{month}-24", "500.00", "CRDT", "DUO", "STUDIEFINANCIERING") for month in range(1, 4)]
    wages = [(f"2026-0{month}-25", "2100.00", "CRDT", "Bakker BV", "salaris") for month in (4, 6, 7)]
    found = series_points(table(*paid, *wages), "graduation", "2026-07-30")
    # On 14 May, 51 days after the last payment, it is overdue; the wage of April came too soon to tell.
    assert [day for day, figures in found if not figures["is_virtual"]] == ["2026-06-25", "2026-07-25"]
    assert [figures["earlier_signs"] for _, figures in found if not figures["is_virtual"]] == [3.0, 3.0]


def test_an_allowance_for_an_internship_is_no_wage() -> None:
    paid = [("2026-04-25", "500.00", "CRDT", "Bakker BV", "stagevergoeding april")]
    wages = [(f"2026-0{month}-25", "2100.00", "CRDT", "Bakker BV", "salaris") for month in (5, 6)]
    found = series_points(table(*paid, *wages), "first_job", "2026-07-01")
    assert [figures["payer_salaries"] for _, figures in found] == [1.0, 2.0]


def test_two_counterparties_with_signs_of_a_move_tell_it_before_anything_is_learned() -> None:
    movers = [
        ("2026-05-04", "300.00", "DBIT", "Verhuisbedrijf Een", "verhuizing"),
        ("2026-05-09", "60.00", "DBIT", "Sleutelzaak Twee BV", "oplevering woning"),
    ]
    points = sign_points(table(*movers), "rental_move", "2026-06-01")
    assert told_by_rule(points).tolist() == pytest.approx([0.0, 0.94])
    other = sign_points(table(*movers), "marriage", "2026-06-01")
    assert told_by_rule(other).tolist() == [0.0, 0.0]


def test_evidence_of_building_materials_is_the_customers_own() -> None:
    one = table(("2026-03-01", "90.00", "DBIT", "Praxis Zwolle", ""), bank_transaction_code="BA")
    other = table(("2026-04-10", "1600.00", "DBIT", "Gamma Zwolle", ""), bank_transaction_code="BA")
    bookings = pd.concat([one, other.assign(customer_id="bram")], ignore_index=True)
    texts = read_texts(bookings, names="as_persons")
    course = build_course(bookings, texts, np.ones((2, 1)), classes=np.array(["none"]), as_of=date(2026, 5, 1))
    events = ("home_renovation",)
    points = collect_points(draft_series(course, build_background(course), events), course, events)
    assert points.evidence.tolist() == [[-1, -1, 1]]  # and not the first row, which is somebody else's
