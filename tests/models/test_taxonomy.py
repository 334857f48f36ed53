"""The taxonomy: 28 events of the domain specification, and files that cannot be loaded."""

import pytest

from models.errors import UnreadableDataError
from models.taxonomy import NONE, default_taxonomy, parse_taxonomy

# Domain specification, section 1.3, in its order; class summary below it.
IDS = [
    "child_birth",
    "child_comes_of_age",
    "childcare_start",
    "study_start",
    "graduation",
    "first_job",
    "job_change",
    "income_rise",
    "job_loss",
    "social_assistance_start",
    "retirement",
    "rental_move",
    "home_purchase",
    "home_sale",
    "home_renovation",
    "marriage",
    "cohabitation_start",
    "separation",
    "bereavement",
    "inheritance",
    "windfall",
    "travel_booked",
    "travel_in_progress",
    "car_purchase",
    "driving_licence",
    "business_start",
    "overdraft",
    "payment_arrears",
]
SALES = {1, 4, 6, 12, 13, 16, 17, 21, 22, 24, 26}
CARE = {9, 10, 18, 19, 27, 28}
# Decisions: events told only from a series or an absence label no booking.
UNLABELLED = {
    "child_comes_of_age", "first_job", "job_change", "income_rise", "windfall", "travel_in_progress",
}  # fmt: skip


def test_the_28_events_keep_their_numbers_and_ids() -> None:
    taxonomy = default_taxonomy()
    assert [(event.number, event.id) for event in taxonomy.events] == list(enumerate(IDS, start=1))


def test_offer_classes_are_those_of_the_specification() -> None:
    classes = {event.number: event.offer_class for event in default_taxonomy().events}
    assert {number for number, offer in classes.items() if offer == "S"} == SALES
    assert {number for number, offer in classes.items() if offer == "C"} == CARE


def test_bookings_are_labelled_only_with_events_that_a_booking_can_tell() -> None:
    taxonomy = default_taxonomy()
    assert set(taxonomy.ids) - set(taxonomy.booking_labels) == UNLABELLED
    assert NONE in taxonomy.booking_labels


def test_care_events_carry_no_product_and_no_event_offers_credit() -> None:
    taxonomy = default_taxonomy()
    for event in taxonomy.events:
        assert "credit" in event.never
        assert all(taxonomy.product(offer.product).kind != "credit" for offer in event.products)
        assert event.offer_class != "C" or event.products == ()


def test_every_event_says_in_both_languages_what_was_seen() -> None:
    for event in default_taxonomy().events:
        assert event.nl != event.en
        assert event.reason_nl.endswith(".")
        assert event.reason_en.endswith(".")


def test_the_hash_follows_the_content_and_not_the_layout() -> None:
    one = parse_taxonomy('version = "1"\n[[event]]\nid = "a"\n', source="t")
    same = parse_taxonomy('# a comment\nversion="1"\n\n[[event]]\nid="a"', source="t")
    other = parse_taxonomy('version = "1"\n[[event]]\nid = "b"\n', source="t")
    assert one.sha256 == same.sha256 != other.sha256


def test_an_event_that_only_has_an_id_sells_nothing() -> None:
    event = parse_taxonomy('[[event]]\nid = "moved_house"\n', source="t").event("moved_house")
    assert (event.offer_class, event.products) == ("C", ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("= no toml", "is not TOML"),
        ("version = '1'", "has no"),
        ("[[event]]\nnl = 'x'", "has no id"),
        ("[[event]]\nid = 'a'\n[[event]]\nid = 'a'", "stands there twice"),
        ("[[event]]\nid = 'pregnancy'", "may never be an event"),
        ("[[event]]\nid = 'none'", "may never be an event"),
        ("[[event]]\nid = 'a'\ncolour = 'red'", "unknown fields: colour"),
        ("a = " + "[" * 5000 + "]" * 5000, "is not TOML"),
        ("[[event]]\nid = 'a'\nhistory_days = -1", "outside 0 to 3660"),
        ("[[event]]\nid = 'a'\noffer_class = 'Z'", "unknown told_from or offer_class"),
        ("[[event]]\nid = 'a'\noffer_class = 'S'\nproducts = [{ id = 'x' }]", "unknown product x"),
        (
            "[[product]]\nid='loan'\nkind='credit'\nnl='l'\nen='l'\n"
            "[[event]]\nid='a'\noffer_class='S'\nnever=['credit']\nproducts=[{id='loan'}]",
            "never-list forbids",
        ),
        (
            "[[product]]\nid='p'\nkind='savings'\nnl='l'\nen='l'\n"
            "[[event]]\nid='a'\noffer_class='C'\nproducts=[{id='p'}]",
            "can carry no product",
        ),
    ],
)
def test_a_taxonomy_that_breaks_a_rule_does_not_load(text: str, said: str) -> None:
    with pytest.raises(UnreadableDataError, match=said):
        parse_taxonomy(text, source="t")
