"""The privacy statement that a customer reads is the one in force, and every change of it is told."""

import tomllib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import tomli_w

from models.purposes import notice_sha256
from models.registries import InstalledPurposes, install_purposes

WAS = "Staat u rood, dan sturen wij u daarover een bericht."
NOTICE = {"nl": "Wij letten op of u rood staat.", "en": "We watch whether you are overdrawn."}


def change(at: datetime) -> str:
    """The shipped registry with other words about overdrafts, and without the purpose of training."""
    data = tomllib.loads(resources.files("models").joinpath("purposes.toml").read_text("utf-8"))
    data["version"] = "2026.11.2"
    data["purpose"] = [one for one in data["purpose"] if one["id"] != "model_training"]
    (overdraft,) = (one for one in data["purpose"] if one["id"] == "overdraft_signal")
    overdraft |= {"notice": NOTICE, "notice_sha256": notice_sha256(NOTICE), "notice_version": "2026-11"}
    overdraft["notice_from"] = at.date().isoformat()
    return tomli_w.dumps(data)


def test_statement_tells_what_holds_and_that_nothing_changed(sign_in: Callable[..., Any]) -> None:
    page = sign_in().look("/customer/statement").text
    assert WAS in page
    assert "Tekst 2026-01, vanaf 1 januari 2026" in page
    assert "Er is nog niets veranderd." in page
    assert "Ons belang, na afweging tegen het uwe (artikel 6, lid 1f van de AVG)" in page
    # 30 days of messages, in both languages of the policy.
    assert "30 dagen. Berichten dat een aanbod is ingetrokken" in page
    assert "30 days. Messages that an offer was recalled" in sign_in().look("/customer/statement?lang=en").text


def test_change_of_the_statement_is_told_with_both_texts_and_the_reason(
    bank: Any, sign_in: Callable[..., Any], make_board: Callable[..., Any], tmp_path: Path
) -> None:
    keys = make_board(tmp_path).keys
    now = bank.desk.clock()
    install_purposes(
        bank.desk.pages.home, change(now), source="new.toml", private_key=keys["data_protection_officer"],
        reason="plainer words", at=now - timedelta(hours=1),
    )  # fmt: skip
    registry = InstalledPurposes(bank.desk.pages.home, allow_demo=False)
    desk = replace(bank.desk, gate=replace(bank.desk.gate, registry=registry))
    person = sign_in(desk=desk)
    page = person.look("/customer/statement").text
    changes = page.split('aria-labelledby="changes"')[1].split('aria-labelledby="kept"')[0]
    assert "Veranderd op 22 november 2026" in changes
    assert "plainer words" in changes
    assert changes.index(WAS) < changes.index(NOTICE["nl"])
    assert "Dit doen wij niet meer." in changes
    assert "Aanbiedingen die bij u passen" not in changes
    # The page of choices has the new words and no switch for what is over.
    choices = person.look("/customer").text
    assert NOTICE["nl"] in choices
    assert WAS not in choices
    assert "purpose-model_training" not in choices


def test_statement_is_not_shown_on_a_registry_that_was_changed_afterwards(
    bank: Any, sign_in: Callable[..., Any], make_board: Callable[..., Any], tmp_path: Path
) -> None:
    keys = make_board(tmp_path).keys
    now = bank.desk.clock()
    install_purposes(
        bank.desk.pages.home, change(now), source="new.toml", private_key=keys["data_protection_officer"],
        reason="plainer words", at=now,
    )  # fmt: skip
    (tmp_path / "keys" / "registry.json").unlink()
    answer = sign_in().look("/customer/statement")
    assert (answer.status_code, "Het lukt nu niet" in answer.text) == (503, True)
