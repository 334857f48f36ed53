"""Care rules and offers as tables: detections in, offers and held-back offers out."""

from datetime import date
from typing import Any

import pytest

from models.taxonomy import LifeEvent, Offerable, Product, Taxonomy, default_taxonomy
from serving.care import CustomerFacts, Detection, find_sales_block
from serving.offers import History, OfferChoice, SentOffer, choose_offers

TODAY = date(2026, 11, 22)
PLAIN = CustomerFacts("c-1")


def detected(event: str, onset: date, *, status: str = "open", probability: float = 0.9) -> Detection:
    return Detection(event, onset, onset, probability, status, ("b1",))


def choose(*detections: Detection, facts: CustomerFacts = PLAIN, **changes: Any) -> OfferChoice:
    days = {"as_of": TODAY, "today": TODAY, "cap_days": 30}
    given: dict[str, Any] = {"block": None, "history": History(), "taxonomy": default_taxonomy(), **days}
    return choose_offers(detections, facts, **{**given, **changes})


def told(choice: OfferChoice) -> dict[str, list[str]]:
    """Offers and held-back offers as short texts."""
    return {
        "offers": [f"{offer.event}/{offer.product.id} {offer.form}" for offer in choice.offers],
        "held": [f"{held.event}/{held.product} {held.reason}" for held in choice.held_back],
    }


def test_child_benefit_offers_the_child_account_and_waits_with_the_insurance() -> None:
    # 22 November is 21 days after 1 November: the insurance waits until 1 December.
    choice = choose(detected("child_birth", date(2026, 11, 1)))
    assert told(choice) == {
        "offers": ["child_birth/child_account offer"],
        "held": ["child_birth/family_liability_insurance too_early"],
    }
    assert choice.held_back[0].not_before == date(2026, 12, 1)


@pytest.mark.parametrize(
    ("onset", "reason"),
    [(date(2026, 10, 23), "one_offer_per_event"), (date(2026, 10, 24), "too_early")],
    ids=["30 days after the onset", "29 days after the onset"],
)
def test_days_to_wait_are_counted_from_the_onset(onset: date, reason: str) -> None:
    assert choose(detected("child_birth", onset)).held_back[0].reason == reason


def test_second_product_is_offered_when_the_first_is_held() -> None:
    facts = CustomerFacts("c-1", products_held=frozenset({"child_account"}))
    assert told(choose(detected("child_birth", date(2026, 10, 1)), facts=facts)) == {
        "offers": ["child_birth/family_liability_insurance offer"],
        "held": ["child_birth/child_account already_held"],
    }


def test_class_l_shows_its_product_only_as_a_link() -> None:
    assert told(choose(detected("home_sale", date(2026, 11, 1))))["offers"] == ["home_sale/savings_account link"]


def test_care_event_carries_no_offer() -> None:
    assert told(choose(detected("bereavement", date(2026, 11, 1)))) == {"offers": [], "held": []}


def test_one_customer_gets_one_offer_on_the_event_detected_last() -> None:
    choice = choose(detected("travel_booked", date(2026, 11, 1)), detected("rental_move", date(2026, 11, 10)))
    assert told(choice) == {
        "offers": ["rental_move/contents_insurance offer"],
        "held": ["travel_booked/travel_insurance one_offer_per_customer"],
    }


@pytest.mark.parametrize(
    ("sent_on", "held"),
    [(date(2026, 10, 24), ["travel_booked/travel_insurance offer_in_last_days"]), (date(2026, 10, 23), [])],
    ids=["29 days ago", "30 days ago"],
)
def test_a_sent_offer_holds_back_every_other_for_thirty_days(sent_on: date, held: list[str]) -> None:
    choice = choose(
        detected("travel_booked", date(2026, 11, 1)),
        history=History((SentOffer("child_birth", "child_account", sent_on),)),
    )
    assert told(choice)["held"] == held


def test_an_event_whose_offer_was_sent_gets_no_second_one() -> None:
    history = History((SentOffer("child_birth", "child_account", date(2026, 9, 1)),))
    assert told(choose(detected("child_birth", date(2026, 8, 1)), history=history)) == {
        "offers": [],
        "held": [
            "child_birth/child_account event_had_offer",
            "child_birth/family_liability_insurance event_had_offer",
        ],
    }


def test_an_offer_sent_on_an_earlier_birth_does_not_count_for_a_later_one() -> None:
    history = History((SentOffer("child_birth", "child_account", date(2024, 9, 1)),))
    assert told(choose(detected("child_birth", date(2026, 11, 1)), history=history))["offers"] == [
        "child_birth/child_account offer"
    ]


def test_the_never_list_wins_over_the_product_list() -> None:
    event = LifeEvent(1, "move", "", "", "", ("bookings",), "S", (Offerable("loan", 0),), ("credit",), 0, 30, "", "")
    taxonomy = Taxonomy("1", (event,), (Product("loan", "credit", "", ""),), "")
    assert told(choose(detected("move", TODAY), taxonomy=taxonomy))["held"] == ["move/loan never_on_event"]


@pytest.mark.parametrize(
    ("detections", "facts", "block"),
    [
        ([detected("job_loss", date(2026, 5, 26))], {}, "care_event"),
        ([detected("job_loss", date(2026, 5, 25))], {}, None),
        ([detected("overdraft", date(2026, 10, 1), status="expired")], {}, "care_event"),
        ([detected("separation", date(2026, 10, 1), status="contradicted")], {}, None),
        ([detected("travel_booked", TODAY)], {}, None),
        ([], {"open_complaint": True}, "open_complaint"),
        ([], {"in_arrears": True}, "arrears"),
    ],
    ids=["180 days", "181 days", "expired care", "contradicted care", "no care", "complaint", "arrears"],
)
def test_care_stops_sales(detections: list[Detection], facts: dict[str, bool], block: str | None) -> None:
    found = find_sales_block(
        detections, CustomerFacts("c-1", **facts), as_of=TODAY, taxonomy=default_taxonomy(), block_days=180
    )
    assert found == block


def test_a_block_holds_back_every_product_with_its_reason() -> None:
    choice = choose(detected("child_birth", date(2026, 10, 1)), block="care_event")
    assert told(choice) == {
        "offers": [],
        "held": [
            "child_birth/child_account care_event",
            "child_birth/family_liability_insurance care_event",
        ],
    }
