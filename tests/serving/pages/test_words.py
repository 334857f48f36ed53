"""The words of customers' pages are plain: the same check that letters pass, over every sentence of every page."""

import re
import tomllib
from importlib import resources
from typing import Any

import pytest

from serving.contact.reading_level import read_text
from serving.pages.words import LANGUAGES, Language

# Words for customers and colleagues; the board reads others.
PLAIN = ("frame", "sign_in", "problem", "customer", "statement", "codes", "contact", "operations")
SENTENCE = re.compile(r"[.?]$")


def sentences_of(words: Any) -> list[str]:
    """Every whole sentence among the words, with something in the place of a value."""
    if isinstance(words, dict):
        return [sentence for inside in words.values() for sentence in sentences_of(inside)]
    return [re.sub(r"{\w+}", "3", words)] if SENTENCE.search(words) else []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", PLAIN)
def test_words_of_pages_are_plain(name: str, language: Language) -> None:
    text = resources.files("serving.pages").joinpath("words", f"{name}_{language}.toml").read_text("utf-8")
    sentences = sentences_of(tomllib.loads(text))
    assert sentences
    assert read_text("\n".join(sentences), language).faults == ()


def test_hard_words_of_a_page_are_found() -> None:
    hard = {"title": "Klacht", "says": "De mutatie wordt door ons gedebiteerd, hetgeen aan u wordt medegedeeld."}
    assert read_text("\n".join(sentences_of(hard)), "nl").faults != ()


def test_every_code_of_the_inside_has_words() -> None:
    from typing import get_args

    from models.permission import Action, Because
    from models.purposes import default_purposes
    from serving.corrections import Correction
    from serving.offers import HeldReason
    from serving.pages.words import load_words
    from serving.sending import OfferAnswer

    held = {code for part in get_args(HeldReason) for code in (get_args(part) or (part,))}
    known = {
        "purpose": set(default_purposes().ids), "because": set(get_args(Because)), "action": set(get_args(Action)),
        "held": held, "correction": set(get_args(Correction)), "offer": {*get_args(OfferAnswer), "sent", "recalled"},
        "basis": {purpose.lawful_basis for purpose in default_purposes().purposes},
    }  # fmt: skip
    for language in LANGUAGES:
        for kind, codes in known.items():
            assert codes - set(load_words(language).words["codes"][kind]) == set(), kind


def test_every_reason_has_words_for_operations() -> None:
    from typing import get_args

    from models.permission import Because
    from serving.offers import HeldReason, Offer
    from serving.pages.words import load_words

    held = {code for part in get_args(HeldReason) for code in (get_args(part) or (part,))}
    known = {
        "held": held, "because": set(get_args(Because)) - {"consented", "notice_shown"}, "class": {"S", "L", "C"},
        "form": set(get_args(Offer.__annotations__["form"])),
    }  # fmt: skip
    for language in LANGUAGES:
        for kind, codes in known.items():
            assert codes - set(load_words(language).words["operations"][kind]) == set(), kind


def test_every_code_of_contact_has_words() -> None:
    from typing import get_args

    from serving.contact.case_review import AvoidableKind
    from serving.contact.history import ContactKind
    from serving.contact.peaks import Verdict
    from serving.contact.promise import default_complaint_rule
    from serving.contact.questions import Source
    from serving.pages.contact_questions import CHANNELS
    from serving.pages.words import load_words

    known = {
        "kind": set(get_args(ContactKind)), "avoidable": set(get_args(AvoidableKind)),
        "verdict": set(get_args(Verdict)), "source": set(get_args(Source)), "channel": set(CHANNELS),
        "done": set(default_complaint_rule().attempts),
    }  # fmt: skip
    for language in LANGUAGES:
        for kind, codes in known.items():
            assert codes - set(load_words(language).words["contact"][kind]) == set(), kind
