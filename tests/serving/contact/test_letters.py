"""Letters: every event has one, each is plain and says what was seen, why and how to stop; unread ones stay here."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from models.errors import GateBlockedError, UnreadableDataError, UsageError
from models.home import Home
from models.store import Store, complaints, letters, open_store
from models.taxonomy import default_taxonomy
from serving.contact.letters.reviews import FILE_OF_HOME, find_review, load_reviews, parse_reviews, require_review
from serving.contact.letters.sending import LetterDesk
from serving.contact.letters.templates import (
    Letter,
    build_letters,
    default_letters,
    find_letter,
    render_example,
    render_letter,
)
from serving.contact.reading_level import LANGUAGES, read_text
from serving.problems import ProblemError

NOW = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
LETTERS = default_letters()
EVERY = [(letter, language) for letter in LETTERS for language in LANGUAGES]


def test_every_event_of_the_taxonomy_has_a_letter() -> None:
    assert {letter.event for letter in LETTERS.values() if letter.event} == set(default_taxonomy().ids)
    assert {letter.kind for letter in LETTERS.values()} == {
        "event", "refusal", "care", "question", "overdraft", "complaint",
    }  # fmt: skip


@pytest.mark.parametrize(("letter_id", "language"), EVERY)
def test_every_letter_is_plain(letter_id: str, language: str) -> None:
    assert read_text(render_example(LETTERS[letter_id], language).body, language).faults == ()


@pytest.mark.parametrize(("letter_id", "language"), EVERY)
def test_every_letter_says_what_was_seen_why_and_how_to_stop(letter_id: str, language: str) -> None:
    letter = LETTERS[letter_id]
    greeting, seen, why, _message, stop, closing = render_example(letter, language).paragraphs
    assert greeting in ("Beste klant,", "Dear customer,")
    assert seen
    assert why
    assert "0800 0123" in stop  # a person can be called
    assert closing.endswith(("uw bank", "your bank"))
    assert "$" not in render_example(letter, language).text


@pytest.mark.parametrize("event", default_taxonomy().events, ids=lambda event: event.id)
def test_letter_tells_what_the_answer_told(event: Any) -> None:
    letter = LETTERS[f"event_{event.id}"]
    assert render_example(letter, "nl").paragraphs[1] == event.reason_nl
    assert render_example(letter, "en").paragraphs[1] == event.reason_en


def test_letter_of_care_sells_nothing_and_only_letters_that_may_sell_name_a_product() -> None:
    for letter in LETTERS.values():
        if "product" in letter.placeholders:
            assert letter.offer_class == "S"
        if letter.offer_class == "C":
            assert any(word in render_example(letter, "nl").text for word in ("geen reclame", "verkopen u niets"))


# ---- the checker ----------------------------------------------------------------------------------------------------

PLAIN = "Wij bellen u morgen. U hoeft niets te doen."


@pytest.mark.parametrize(
    ("text", "language", "fault"),
    [
        (PLAIN + " Indien u vragen heeft, belt u ons.", "nl", "'indien' is hard; write: als"),
        ("Het bedrag wordt door ons morgen van uw rekening afgeschreven.", "nl", "passive"),
        ("The amount was taken from your account.", "en", "passive"),
        (PLAIN + " Let op!", "nl", "exclamation"),
        (PLAIN + " Wij helpen je graag.", "nl", "'je' is not how we address customers"),
        (
            "Als u dat wilt dan kunt u ons bellen op elke dag van de week "
            "en dan helpen wij u met al uw vragen over geld.",
            "nl",
            "a sentence has 26 words",
        ),
        (
            "Verzekeringsmaatschappijen communiceren arbeidsongeschiktheidsuitkeringen ondertussen administratief.",
            "nl",
            "reading ease",
        ),
        ("Pursuant to this we pay.", "en", "'pursuant' is hard; write: under"),
        ("", "nl", "reading ease"),
    ],
)
def test_checker_finds_what_is_too_hard(text: str, language: str, fault: str) -> None:
    assert any(fault in found for found in read_text(text, language).faults)


# From a real kind of letter: long, passive, official.
OFFICIAL = """Inzake uw verzoek delen wij u mede dat uw dossier thans in behandeling is genomen en dat derhalve door
onze afdeling, conform de vigerende voorwaarden, nader onderzoek zal worden verricht alvorens tot uitbetaling
wordt overgegaan. Het verschuldigde bedrag wordt verrekend met uw vordering.""".replace("\n", " ")


def test_official_letter_fails_on_every_ground() -> None:
    reading = read_text(OFFICIAL, "nl")
    assert reading.longest_sentence_words == 35
    assert reading.passive_share == 1.0
    assert len(reading.faults) >= 8


def test_checker_measures_as_by_hand() -> None:
    # 4 + 5 words in two sentences. Syllables: Wij bel-len u mor-gen (6), U hoeft niets te doen (5): 11 in 9 words.
    reading = read_text(PLAIN, "nl")
    assert (reading.sentences, reading.words, reading.longest_sentence_words) == (2, 9, 5)
    assert reading.mean_sentence_words == 4.5
    assert reading.ease == round(206.835 - 0.93 * 4.5 - 77 * 11 / 9, 1)
    assert reading.is_plain


def test_finished_action_is_no_passive() -> None:
    assert read_text("De kinderbijslag is gestopt. Uw kind is 18 geworden.", "nl").passive_share == 0


def test_other_languages_are_not_checked_as_if_they_were_dutch() -> None:
    with pytest.raises(UsageError):
        read_text("Guten Tag.", "de")


# ---- templates ------------------------------------------------------------------------------------------------------


def raw_letter(**changes: Any) -> dict[str, Any]:
    words = {"subject": "S", "seen": "Wij zagen $what.", "message": "Wij bellen u."}
    plain = {
        "id": "one", "kind": "care", "version": 1, "why": "w", "stop": "s", "example": {"what": "iets"},
        "nl": dict(words), "en": dict(words),
    }  # fmt: skip
    return {**plain, **changes}


SHARED = {
    "greeting": {"nl": "Beste klant,", "en": "Dear customer,"},
    "closing": {"nl": "Groet", "en": "Regards"},
    "why": {"w": {"nl": "Daarom.", "en": "That is why."}},
    "stop": {"s": {"nl": "Bel ons.", "en": "Call us."}},
}


def build_one(**changes: Any) -> Letter:
    return build_letters([raw_letter(**changes)], SHARED, default_taxonomy())["one"]


@pytest.mark.parametrize(
    "changes",
    [
        {"stop": "nowhere"},
        {"why": "nowhere"},
        {"kind": "advert"},
        {"version": 0},
        {"example": {}},
        {"example": {"what": "iets", "more": "x"}},
        {"en": {"subject": "S", "message": "M"}},
        {"nl": {"subject": "S", "seen": " ", "message": "M"}},
        {"event": "pregnancy"},
    ],
)
def test_letter_without_reason_way_out_or_language_is_not_loaded(changes: dict[str, Any]) -> None:
    with pytest.raises(UnreadableDataError):
        build_one(**changes)


def test_two_letters_of_one_id_are_not_loaded() -> None:
    with pytest.raises(UnreadableDataError, match="twice"):
        build_letters([raw_letter(), raw_letter()], SHARED, default_taxonomy())


@pytest.mark.parametrize("values", [{}, {"what": ""}, {"what": "a\nb"}, {"what": "x", "other": "y"}])
def test_letter_is_not_rendered_with_values_missing_or_strange(values: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        render_letter(build_one(), "nl", values)


def test_value_is_never_read_as_a_template() -> None:
    assert "Wij zagen $phone." in render_letter(build_one(), "nl", {"what": "$phone"}).text


def test_every_change_of_words_changes_the_hash() -> None:
    changed = raw_letter()["nl"] | {"message": "Wij bellen u morgen."}
    assert build_one().sha256 != build_one(nl=changed).sha256
    assert build_one().sha256 != build_one(version=2).sha256
    assert build_one().sha256 == build_one(example={"what": "iets anders"}).sha256


def test_unknown_letter_is_refused() -> None:
    with pytest.raises(UsageError):
        find_letter("love_letter")


# ---- reviews and sending --------------------------------------------------------------------------------------------


def review_text(read: Letter, **changes: object) -> str:
    values = {
        "letter": read.id, "version": read.version, "sha256": read.sha256,
        "organisation": "Stichting Lezen", "reader": "lid van het panel", "changed": "niets", **changes,
    }  # fmt: skip
    lines = [f'{name} = "{value}"' if isinstance(value, str) else f"{name} = {value}" for name, value in values.items()]
    return "\n".join(["[[review]]", *lines, "read_on = 2026-11-02"])


def test_nobody_outside_has_read_the_letters_yet() -> None:
    assert load_reviews() == ()


def test_letter_that_nobody_read_is_sent_in_the_demo_alone() -> None:
    letter = LETTERS["care_message"]
    with pytest.raises(GateBlockedError, match="read by no interest group"):
        require_review(letter, (), demo=False)
    require_review(letter, (), demo=True)


def test_review_holds_for_exactly_the_words_that_were_read(tmp_path: Path) -> None:
    letter = LETTERS["care_message"]
    (tmp_path / FILE_OF_HOME).write_text(review_text(letter))
    reviews = load_reviews(Home(tmp_path))
    found = find_review(letter, reviews)
    assert found is not None
    assert (found.organisation, found.read_on, found.changed) == ("Stichting Lezen", date(2026, 11, 2), "niets")
    require_review(letter, reviews, demo=False)
    for change in ({"version": 2}, {"sha256": "0" * 64}, {"letter": "question"}):
        with pytest.raises(GateBlockedError):
            require_review(letter, parse_reviews(review_text(letter, **change), source="x"), demo=False)


@pytest.mark.parametrize("change", [{"reader": " "}, {"changed": ""}, {"stars": 5}])
def test_review_that_leaves_something_open_is_not_read(change: dict[str, object]) -> None:
    with pytest.raises(UnreadableDataError):
        parse_reviews(review_text(LETTERS["question"], **change), source="reviews")


@pytest.fixture
def store(tmp_path: Path) -> Any:
    opened = open_store(f"sqlite:///{tmp_path / 'levensloop.db'}")
    yield opened
    opened.close()


def test_letter_is_kept_as_it_was_sent(store: Store) -> None:
    desk = LetterDesk(reviews=(), demo=True, phone="0800 4321")
    with store.write() as connection:
        sent = desk.send(connection, "care_message", customer_id="c-1", values={}, language="nl", channel="app", at=NOW)
        (row,) = connection.execute(sa.select(letters)).mappings()
    assert "0800 4321" in sent.text
    assert (row["text"], row["sha256"], row["at"]) == (sent.text, LETTERS["care_message"].sha256, NOW)


def test_unread_letter_leaves_no_trace_outside_the_demo(store: Store) -> None:
    desk = LetterDesk(reviews=(), demo=False, phone="0800 4321")
    assert not desk.can_send("care_message")
    with pytest.raises(GateBlockedError), store.write() as connection:
        desk.send(connection, "care_message", customer_id="c-1", values={}, language="nl", channel="app", at=NOW)
    with store.read() as connection:
        assert connection.execute(sa.select(letters.c.id)).all() == []


def test_letter_that_may_sell_waits_while_a_complaint_is_open(store: Store) -> None:
    desk = LetterDesk(reviews=(), demo=True, phone="0800 4321")
    with store.write() as connection:
        connection.execute(complaints.insert().values(customer_id="c-1", subject="other", at=NOW, call_back_by=NOW))
    given = {"customer_id": "c-1", "values": {"product": "X"}, "language": "nl", "channel": "app", "at": NOW}
    with pytest.raises(ProblemError) as refused, store.write() as connection:
        desk.send(connection, "event_child_birth", **given)  # type: ignore[arg-type]
    assert (refused.value.problem.status, refused.value.problem.kind) == (409, "open-complaint")
    with store.write() as connection:  # another customer's complaint is not in the way, and care always comes
        desk.send(connection, "event_child_birth", **{**given, "customer_id": "c-2"})  # type: ignore[arg-type]
        desk.send(connection, "event_job_loss", **{**given, "values": {}})  # type: ignore[arg-type]
