"""Swaps: what must not matter changes nothing, and what is planted is found."""

import dataclasses
import json
import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import models.text
from models.bookings import load_bookings
from models.candidate import write_candidate
from models.classifier import Judged
from models.detection import detect_events
from models.errors import UnreadableDataError, UsageError
from models.home import Home
from models.lexicon import default_lexicon
from models.places import country_codes, foreign_places
from models.screening import default_screening
from models.words import clean_many, clean_words
from training.dataset import load_events
from training.fairness.policy import default_fairness_policy, group_frame
from training.fairness.ratchet import Questioned, compare_with_champion
from training.fairness.swap_names import open_names
from training.fairness.swap_suite import Names, Suite, default_suite, parse_suite
from training.fairness.swaps import open_histories, run_swaps
from training.fitting import Fitted

ROOT = Path(__file__).parents[3]
AS_OF = date(2026, 10, 31)
SUITE = default_suite()
FEW = dataclasses.replace(
    SUITE, customers=3, planted=4, ways=("upper_case", "decomposed"),
    names={origin: SUITE.names[origin] for origin in ("dutch", "turkish")},
    proxies={kind: SUITE.proxies[kind] for kind in ("worship",)},
)  # fmt: skip


@pytest.fixture(scope="module")
def bookings(small_bank: Path) -> pd.DataFrame:
    return load_bookings(small_bank / "bookings.parquet").frame


def swap(bookings: pd.DataFrame, release: Any, suite: Suite = FEW, **options: Any) -> dict[str, Any]:
    histories = open_histories(bookings, release.screening, as_of=AS_OF, suite=suite, seed=1)
    return run_swaps(histories, release, suite=suite, **options)


def row_of(facts: dict[str, Any], kind: str, origin: str) -> dict[str, Any]:
    return next(row for row in facts["kinds"] if (row["kind"], row["origin"]) == (kind, origin))


def texts_in(data: Any) -> Iterator[str]:
    """Every text of a table, the names of its columns too."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, list | dict):
        for part in [*data.values(), *data] if isinstance(data, dict) else data:
            yield from texts_in(part)


def words_in(data: Any) -> set[str]:
    texts = [re.sub(r"[^\w ]", " ", text) for text in texts_in(data)]
    return {word for words in clean_many(texts) for word in words}


def test_names_of_the_suite_stand_in_no_list_that_the_code_reads() -> None:
    files = [*(ROOT / "models").glob("*.toml"), ROOT / "training/params/names.toml"]
    listed = words_in([tomllib.loads(file.read_text("utf-8")) for file in files]) | foreign_places() | country_codes()
    names = [name for one in SUITE.names.values() for name in (*one.first, *one.last)]
    words = {name: clean_words(name) for name in names}
    assert {name: told for name, told in words.items() if len(told) != 1} == {}
    assert {name for name, (word,) in words.items() if word in listed} == set()
    lexicon = default_lexicon()
    meant = {name for name, (word,) in words.items() if lexicon.concept(word) or lexicon.completed(word) != word}
    assert meant == set()
    alone = pd.DataFrame({"counterparty_name": names, "remittance_information": names}, dtype="str")
    assert not default_screening().screen(alone).any()
    assert set(default_screening().generalise_names(alone["counterparty_name"])) == {""}
    assert len(names) == len(set(names))


def test_the_suite_has_the_origins_of_the_decisions_and_enough_pairs_for_its_bound() -> None:
    assert set(SUITE.names) == {
        "dutch", "frisian", "turkish", "moroccan", "surinamese_hindustani", "antillean", "polish", "chinese",
        "ghanaian",
    }  # fmt: skip
    assert SUITE.customers * SUITE.planted >= 598  # 0 of 598 flips bounds the rate by .005


def test_no_name_changes_an_answer_to_the_last_bit(bookings: pd.DataFrame, small_release: Fitted) -> None:
    facts = swap(bookings, small_release, dataclasses.replace(FEW, customers=8, names=SUITE.names, proxies={}))
    names = [row for row in facts["kinds"] if row["kind"] == "names"]
    assert {row["origin"] for row in names} == {*SUITE.origins, "placebo"}
    assert [(row["flips"], row["score_changes"], row["largest_score_change"]) for row in names] == [(0, 0, 0.0)] * 9
    assert facts["pairs"] == 8 * names[0]["pairs"] >= 2995
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    upper = row_of(facts, "spelling", "upper_case")
    assert (upper["flips"], upper["score_changes"]) == (0, 0)


class TurkishNamesAreTold:
    """A classifier that adds to every score where the counterparty's name is one of the suite's Turkish ones."""

    def __init__(self, classifier: Any, by: float) -> None:
        self._classifier = classifier
        self._by = by
        self._last = re.compile("|".join(SUITE.names["turkish"].last), re.IGNORECASE)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._classifier, name)

    def classify(self, bookings: pd.DataFrame) -> pd.DataFrame:
        told = self._classifier.classify(bookings)
        turkish = bookings["counterparty_name"].str.contains(self._last).to_numpy()
        return told.assign(probability=told["probability"] + self._by * turkish)

    def judge(self, bookings: pd.DataFrame, texts: models.text.Texts) -> Judged:
        turkish = bookings["counterparty_name"].str.contains(self._last).to_numpy()
        judged = self._classifier.judge(bookings, texts)
        told = judged.probabilities[judged.at] + self._by * turkish[:, None]
        return Judged(told, judged.known[judged.at], np.arange(len(bookings)))


def test_a_planted_name_bias_is_found_however_small(bookings: pd.DataFrame, small_release: Fitted) -> None:
    biased = dataclasses.replace(small_release, classifier=TurkishNamesAreTold(small_release.classifier, 1e-9))
    facts = swap(bookings, biased, dataclasses.replace(FEW, ways=(), proxies={}))
    turkish, placebo = row_of(facts, "names", "turkish"), row_of(facts, "names", "placebo")
    assert turkish["verdict"] == "EXCEEDED"
    assert (
        0.5 * turkish["pairs"] < turkish["score_changes"] <= turkish["pairs"]
    )  # the others are named in the text only
    assert turkish["largest_score_change"] < 1e-6
    assert placebo["score_changes"] == 0
    shown = [one for one in facts["examples"] if (one["kind"], one["origin"]) == ("names", "turkish")]
    assert len(shown) == SUITE.examples
    assert shown[0]["before"] != shown[0]["after"]


def test_a_large_bias_flips_detections_of_the_customer(bookings: pd.DataFrame, small_release: Fitted) -> None:
    biased = dataclasses.replace(small_release, classifier=TurkishNamesAreTold(small_release.classifier, 0.4))
    turkish = row_of(swap(bookings, biased, dataclasses.replace(FEW, ways=(), proxies={})), "names", "turkish")
    assert turkish["flips"] > 0
    assert turkish["largest_score_change"] >= 0.4


def test_houses_of_prayer_are_screened_alike_and_few_pairs_establish_nothing(
    bookings: pd.DataFrame, small_release: Fitted
) -> None:
    facts = swap(bookings, small_release, dataclasses.replace(FEW, ways=()))
    mosque = row_of(facts, "worship", "mosque")
    # 1 - .05 ** (1 / 12) = .2209: the one-sided bound for 0 flips of 12
    assert (mosque["pairs"], mosque["customers"], mosque["flips"], round(mosque["upper"], 4)) == (12, 3, 0, 0.2209)
    assert mosque["verdict"] == "NOT ESTABLISHED"
    assert row_of(facts, "names", "turkish")["verdict"] == "NOT ESTABLISHED"
    enough = dataclasses.replace(default_fairness_policy(), gates={**default_fairness_policy().gates, "name_pairs": 9})
    told = swap(bookings, small_release, dataclasses.replace(FEW, ways=(), proxies={}), policy=enough)
    assert row_of(told, "names", "turkish")["verdict"] == "ESTABLISHED"


def test_a_shop_that_is_screened_on_one_side_only_is_a_flip(bookings: pd.DataFrame, small_release: Fitted) -> None:
    proxy = dataclasses.replace(
        SUITE.proxies["merchants"],
        origins={"placebo": (("Jumbo", "betaalpas"),), "mosque": (("Moskee El Hidaya", "betaalpas"),)},
    )
    facts = swap(bookings, small_release, dataclasses.replace(FEW, ways=(), proxies={"merchants": proxy}))
    mosque = row_of(facts, "merchants", "mosque")
    assert (mosque["flips"], mosque["pairs"], mosque["verdict"]) == (12, 12, "EXCEEDED")
    assert facts["placebo"]["merchants"]["flips"] == 0


def one(name: str, text: str = "", *, code: str = "SCT", sign: str = "DBIT") -> dict[str, str]:
    return {
        "customer_id": "C", "counterparty_name": name, "remittance_information": text, "bank_transaction_code": code,
        "credit_debit_indicator": sign, "creditor_id": "", "purpose_code": "", "counterparty_iban": "",
    }  # fmt: skip


def test_a_swap_keeps_titles_initials_and_words_and_takes_the_name_inside_the_text_along() -> None:
    table = pd.DataFrame(
        [
            one("Hr J de Vries", "huur de kamer, J de Vries"),
            one("MW A KAYA VIA TIKKIE", "PIZZA"),
            one("Emma Jansen", "cadeau Emma"),
            one("Van Dam Installaties", "loon juli", code="SALARY", sign="CRDT"),
            one("Bakker Bart", "brood", code="CARD"),
            one("Stichting Moskee Jansen", "zakat"),
            one("Hr J de Vries", "cadeau Sanne"),
        ]
    ).astype("str")
    opened = open_names(table, default_screening(), seed=0)
    filled = opened.fill(table, Names(first=("Zus",), last=("Aap", "Beer")))
    names, texts = filled["counterparty_name"].tolist(), filled["remittance_information"].tolist()
    assert opened.at.tolist() == [0, 1, 2, 3, 6]
    assert re.fullmatch(r"Hr J (Aap|Beer) (Aap|Beer)", names[0])
    assert texts[0] == "huur de kamer, " + names[0].removeprefix("Hr ")
    assert re.fullmatch(r"MW A (AAP|BEER) VIA TIKKIE", names[1])
    assert re.fullmatch(r"Zus (Aap|Beer)", names[2])
    assert texts[2] == "cadeau Zus"
    assert names[4:6] == ["Bakker Bart", "Stichting Moskee Jansen"]
    assert names[6] == names[0]
    assert texts[6] == "cadeau Zus"


def test_a_swapped_name_is_cut_where_the_bank_cut_the_name() -> None:
    table = pd.DataFrame([one("Krzysztof van der Meer v", code="IDEAL")]).astype("str")
    opened = open_names(table, default_screening(), seed=0)
    short, long = Names(("Al",), ("Ot",)), Names(("Bartholomeus",), ("Uijttewaal",))
    assert opened.fill(table, short)["counterparty_name"][0] == "Al Ot Ot Ot via Tikkie"
    assert opened.fill(table, long)["counterparty_name"][0] == "Bartholomeus Uijttewaal"


def test_what_is_no_suite_and_no_history_is_refused() -> None:
    text = (ROOT / "training/fairness/swaps.toml").read_text("utf-8")
    with pytest.raises(UnreadableDataError, match="equally many"):
        parse_suite(text.replace('"Bouke", ', ""))
    with pytest.raises(UnreadableDataError, match="spelling shouted"):
        parse_suite(text.replace('"upper_case"', '"shouted"'))
    with pytest.raises(UnreadableDataError, match="KeyError"):
        parse_suite(text.replace("planted =", "planned ="))
    with pytest.raises(UsageError, match="no bookings"):
        open_histories(
            pd.DataFrame({"customer_id": [], "booking_date": pd.Series([], dtype="datetime64[s]")}),
            default_screening(), as_of=AS_OF, suite=SUITE, seed=0,
        )  # fmt: skip


def test_the_champion_is_asked_the_same_as_the_candidate(
    small_bank: Path, small_release: Fitted, bookings: pd.DataFrame, tmp_path: Path
) -> None:
    """G11 end to end, here because the small release is fitted here: against itself no group gains or loses."""
    home, policy = Home(tmp_path), default_fairness_policy()
    truth = load_events(small_bank / "events.csv")
    customers = np.sort(bookings["customer_id"].unique())
    vault = pd.DataFrame({one.column: one.groups[one.reference][0] for one in policy.grounds.values()}, index=customers)
    found = detect_events(bookings, as_of=AS_OF, release=small_release)
    asked = Questioned(
        bookings=bookings, as_of=AS_OF, found=found, truth=truth, customers=customers,
        groups=group_frame(policy, vault).reset_index(drop=True),
    )  # fmt: skip
    assert compare_with_champion(home, "c" * 64, asked, policy) is None
    champion = make_champion(home, small_release)
    assert compare_with_champion(home, champion, asked, policy) is None  # it is the champion itself
    told = compare_with_champion(home, "c" * 64, asked, policy)
    assert told is not None
    assert told["champion"] == champion
    measured = [row for row in told["rows"] if row["n"] is not None]
    assert measured
    assert {row["point"] for row in measured} == {0.0}
    (home.releases / champion / "detector.skops").chmod(0o600)
    (home.releases / champion / "detector.skops").write_bytes(b"no model")
    assert compare_with_champion(home, "c" * 64, asked, policy) == {"champion": champion, "rows": None}


def make_champion(home: Home, fitted: Fitted) -> str:
    """A promoted folder and a pointer, without the board: only serving asks for its signatures."""
    read = (ROOT / "models").joinpath
    candidate = write_candidate(
        home, classifier=fitted.classifier, detector=fitted.detector,
        taxonomy_toml=read("taxonomy.toml").read_text("utf-8"),
        screening=read("screening.toml").read_text("utf-8"), permission={"permission_not_shown": True},
        facts={"headline": {"name": "x", "value": 0.5, "n": 1}}, created_at=datetime(2026, 11, 1, tzinfo=UTC),
    )  # fmt: skip
    home.releases.mkdir(parents=True, exist_ok=True)
    candidate.path.rename(home.releases / candidate.id)
    pointer = {"release_id": candidate.id, "promoted_at": "2026-11-02T00:00:00.000000Z", "who": "Dana", "why": "x"}
    (home.releases / "champion.json").write_text(json.dumps({**pointer, "history": []}))
    return candidate.id
