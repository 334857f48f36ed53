"""What holds for every choice of offers, whatever the customer, the events and the history are (Hypothesis)."""

from collections import Counter
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from models.taxonomy import default_taxonomy
from serving.care import CustomerFacts, Detection
from serving.offers import History, OfferChoice, SentOffer, choose_offers

TAXONOMY = default_taxonomy()
TODAY = date(2026, 11, 22)
EVENTS = {event.id: event for event in TAXONOMY.events if not event.retired}
PRODUCTS = [product.id for product in TAXONOMY.products]
CAP_DAYS = 30

days_ago = st.integers(0, 400).map(lambda days: TODAY - timedelta(days=days))
detections = st.lists(
    st.builds(
        lambda event, day, probability: Detection(event, day, day, probability, "open", ("b1",)),
        st.sampled_from(sorted(EVENTS)),
        days_ago,
        st.floats(0, 1),
    ),
    max_size=5,
    unique_by=lambda found: found.event,
)
histories = st.builds(
    History,
    st.lists(
        st.builds(SentOffer, st.sampled_from(sorted(EVENTS)), st.sampled_from(PRODUCTS), days_ago), max_size=3
    ).map(tuple),
    st.frozensets(st.sampled_from(PRODUCTS), max_size=3),
    st.frozensets(st.sampled_from(PRODUCTS), max_size=3),
)
blocks = st.sampled_from([None, None, "care_event", "open_complaint", "arrears"])
holdings = st.frozensets(st.sampled_from(PRODUCTS), max_size=4)


def choose(
    found: list[Detection], held: frozenset[str], history: History, block: str | None, *, as_of: date = TODAY
) -> OfferChoice:
    return choose_offers(
        found, CustomerFacts("c-1", products_held=held), block=block, history=history, as_of=as_of, today=TODAY,
        taxonomy=TAXONOMY, cap_days=CAP_DAYS,
    )  # type: ignore[arg-type]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(detections, holdings, histories, blocks)
def test_every_product_of_every_event_is_offered_or_held_back_with_a_reason_once(
    found: list[Detection], held: frozenset[str], history: History, block: str | None
) -> None:
    choice = choose(found, held, history, block)
    told = Counter((one.event, getattr(one.product, "id", one.product)) for one in (*choice.offers, *choice.held_back))
    named = Counter(
        (one.event, offerable.product)
        for one in found
        if EVENTS[one.event].offer_class != "C"
        for offerable in EVENTS[one.event].products
    )
    assert told == named
    assert all(one.reason for one in choice.held_back)


@settings(max_examples=150, deadline=None)
@given(detections, holdings, histories, blocks)
def test_an_offer_is_one_of_a_customer_and_never_what_was_held_refused_accepted_or_waits(
    found: list[Detection], held: frozenset[str], history: History, block: str | None
) -> None:
    choice = choose(found, held, history, block)
    onset = {one.event: one.onset_date for one in found}
    assert len(choice.offers) <= 1
    assert not choice.offers or block is None
    for offer in choice.offers:
        event = EVENTS[offer.event]
        (offerable,) = (one for one in event.products if one.product == offer.product.id)
        assert (event.offer_class, offer.form) in (("S", "offer"), ("L", "link"))
        assert offer.product.id not in held | history.refused | history.accepted
        assert offer.product.id not in event.never
        assert offer.product.kind not in event.never
        assert onset[offer.event] + timedelta(days=offerable.after_days) <= TODAY
        assert all((TODAY - sent.sent_on).days >= CAP_DAYS for sent in history.sent)
        assert not any(sent.event == offer.event and sent.sent_on >= onset[offer.event] for sent in history.sent)


@settings(max_examples=100, deadline=None)
@given(detections, holdings, histories, blocks, st.randoms())
def test_the_order_in_which_events_come_changes_nothing(
    found: list[Detection], held: frozenset[str], history: History, block: str | None, random: object
) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert choose(shuffled, held, history, block) == choose(found, held, history, block)


@settings(max_examples=100, deadline=None)
@given(detections, holdings, histories)
def test_knowing_more_that_speaks_against_it_never_makes_an_offer(
    found: list[Detection], held: frozenset[str], history: History
) -> None:
    """What is offered although a product is held, refused or sent is offered without that too."""
    choice = choose(found, held, history, None)
    free = choose(found, frozenset(), History(), None)
    assert not choice.offers or free.offers
