"""The review board at its pages: what waits, signing three times, promotion, and what is kept away from it."""

import json
import re
import sqlite3
from datetime import timedelta
from typing import Any

import pytest

from models.board import make_signature, read_decisions
from models.candidate import Candidate, read_candidate
from models.kill_switch import set_kill_switch
from models.release import read_champion
from models.signing import BOARD, endorse_key_replacement, load_registry, request_key_replacement
from serving.reconciliation import reconcile

FACTS = {"headline": {"name": "macro_f1", "value": 0.9, "n": 4000}}
FINDING = {
    "id": "recall/child_birth/origin:turkish", "gate": "recall", "verdict": "NOT ESTABLISHED", "blocks": True,
    "waivable": True, "reason": {"nl": "te weinig geboorten", "en": "too few births"},
}  # fmt: skip


@pytest.fixture
def board(bank: Any, make_board: Any, tmp_path: Any) -> Any:
    """A board with keys in the home that the bank serves from."""
    return make_board(tmp_path)


def signature(board: Any, candidate: Candidate, role: str, bank: Any, decision: str = "approve", **changes: Any) -> str:
    """What `levensloop sign --out` writes on the machine of a member."""
    given = {"reason": f"{role} read it", "at": bank.desk.clock(), **changes}
    return make_signature(board.home, candidate.id, role, board.keys[role], decision, given["reason"], at=given["at"])


def hand_in(person: Any, candidate: Candidate, text: str) -> Any:
    page = f"/board/release?release={candidate.id}"
    return person.press(page, "/board/sign", release=candidate.id, signature=text)


def test_three_persons_sign_and_one_promotes(bank: Any, board: Any, sign_in: Any) -> None:
    candidate, anna = board.candidate(), sign_in("board", "Anna")
    page = f"/board/release?release={candidate.id}"
    assert "owner has not signed" in anna.look(page).text
    for role, person in zip(BOARD, ("Anna", "Bram", "Chris"), strict=True):
        assert "/pages/board/promote" not in anna.look(page).text  # no button before the third
        said = hand_in(sign_in("board", person), candidate, signature(board, candidate, role, bank))
        assert "De goedkeuring is vastgelegd" in said.text
        assert f"{role} read it" in said.text
    done = anna.press(page, "/board/promote", release=candidate.id, why="better on births")
    assert "Deze versie antwoordt vanaf nu" in done.text
    champion = read_champion(board.home)
    assert (champion.release_id, champion.who, champion.why) == (candidate.id, "Anna", "better on births")
    assert [row["who"] for row in board.trail("promotion")] == ["Anna"]


def test_a_handed_in_signature_is_that_of_the_command(bank: Any, board: Any, sign_in: Any) -> None:
    one, other = board.candidate(), board.candidate(shift=0.5)
    hand_in(sign_in("board", "Anna"), one, signature(board, one, "owner", bank))
    board.sign(other, "owner")
    registry = load_registry(board.home)
    mine, theirs = (read_decisions(read_candidate(each.path), registry)[0] for each in (one, other))
    assert (mine.role, mine.person, mine.decision) == (theirs.role, theirs.person, theirs.decision)


def test_a_refusal_is_kept_and_closes_the_gate(bank: Any, board: Any, sign_in: Any) -> None:
    candidate, chris = board.sign(board.candidate()), sign_in("board", "Chris")
    text = signature(board, candidate, "ethics_chair", bank, "refuse", reason="births of one group are missed")
    assert "De weigering is vastgelegd" in hand_in(chris, candidate, text).text
    page = chris.look(f"/board/release?release={candidate.id}").text
    assert "births of one group are missed" in page
    assert "the report is clear" in page  # what the same role said before stays readable
    token = dict(chris.forms(f"/board/release?release={candidate.id}")[1][1])["token"]
    refused = chris.send("/board/promote", {"token": token, "release": candidate.id, "why": "anyway"})
    assert refused.status_code == 409
    assert read_champion(board.home) is None


@pytest.mark.parametrize("wrong", ["not json", "{}", "[]", '{"statement": {}, "signature": {}}', ""])
def test_what_is_no_signature_is_not_recorded(board: Any, sign_in: Any, wrong: str) -> None:
    candidate = board.candidate()
    assert hand_in(sign_in("board", "Anna"), candidate, wrong).status_code == 422
    assert not (candidate.path / "signatures").exists()


def test_a_signature_that_does_not_fit_is_not_recorded(bank: Any, board: Any, sign_in: Any) -> None:
    candidate, other, anna = board.candidate(), board.candidate(shift=0.5), sign_in("board", "Anna")
    good = json.loads(signature(board, candidate, "owner", bank))

    def changed(**changes: str) -> str:
        return json.dumps({**good, "statement": {**good["statement"], **changes}})

    late = signature(board, candidate, "owner", bank, at=bank.desk.clock() + timedelta(minutes=6))
    wrong = [
        signature(board, other, "owner", bank),  # about another candidate
        changed(decision="refuse"), changed(reason="something else"), changed(role="ethics_chair"),
        changed(person="Bram"), changed(previous="0" * 64), json.dumps({**good, "more": 1}), late,
    ]  # fmt: skip
    for text in wrong:
        assert hand_in(anna, candidate, text).status_code == 422
        assert not (candidate.path / "signatures").exists()
    assert hand_in(anna, candidate, json.dumps(good)).status_code == 200
    assert hand_in(anna, candidate, json.dumps(good)).status_code == 422  # the same one again


def test_a_key_that_was_replaced_signs_nothing_here(bank: Any, board: Any, sign_in: Any) -> None:
    candidate = board.candidate()
    text = signature(board, candidate, "owner", bank)
    request_key_replacement(board.home, "owner", "Anna", "other")
    for role in ("data_protection_officer", "ethics_chair"):
        endorse_key_replacement(board.home, "owner", board.keys[role])
    assert hand_in(sign_in("board", "Anna"), candidate, text).status_code == 422


def test_findings_block_until_two_persons_waive_them(bank: Any, board: Any, sign_in: Any) -> None:
    candidate = board.candidate(facts={**FACTS, "fairness": {"findings": [FINDING]}})
    anna, page = sign_in("board", "Anna"), f"/board/release?release={candidate.id}&lang=en"
    board.waive(candidate.id, "owner")
    first = anna.look(page).text
    assert "These block (1)" in first
    assert "needs 1 more signature" in first
    board.waive(candidate.id, "ethics_chair")
    second = anna.look(page).text
    assert "These pass by a waiver (1)" in second
    assert "Passes up to and including 14 February 2027." in second
    assert "in force, 84 days left" in second  # from 22 November


def test_what_changed_since_the_champion(bank: Any, board: Any, sign_in: Any) -> None:
    champion = board.sign(board.candidate(value=0.9))
    board.promote(champion.id)
    newer = board.candidate(value=0.95, shift=0.5)
    page = sign_in("board", "Anna").look(f"/board/release?release={newer.id}&lang=en").text
    assert "macro_f1 0.900" in page
    assert "macro_f1 0.950" in page
    rows = page[page.index('id="changes"') : page.index('id="findings"')]
    assert rows.count("changed</td>") == 3  # the figure and both models
    assert rows.count("the same</td>") == 4  # blocking findings, events, screening, policy


def test_the_list_shows_the_champion_first_and_says_what_is_damaged(bank: Any, board: Any, sign_in: Any) -> None:
    champion = board.sign(board.candidate())
    board.promote(champion.id)
    damaged = board.candidate(shift=0.5)
    (damaged.path / "facts.json").chmod(0o600)
    (damaged.path / "facts.json").write_text("{}")
    page = sign_in("board", "Anna").look("/board?lang=en").text
    assert page.index("answers now") < page.index("does not verify")
    assert "better" in page  # why it was promoted
    assert sign_in("board", "Anna").look(f"/board/release?release={damaged.id}").status_code == 503


def test_oversight_shows_switches_the_count_and_the_trail(bank: Any, board: Any, sign_in: Any) -> None:
    anna = sign_in("board", "Anna")
    set_kill_switch(
        board.home, "child_birth", "on", role="operations", private_key=board.keys["operations"],
        reason="wrong since Monday", at=bank.desk.clock(),
    )  # fmt: skip
    reconcile(bank.store, bank.desk.gate.registry, clock=bank.desk.clock)
    page = anna.look("/board/oversight?lang=en").text
    assert "wrong since Monday" in page
    assert page.count(">stopped</span>") == 1
    assert "The trail was not checked from this page yet." in page
    checked = anna.press("/board/oversight", "/board/check")
    assert "Nothing is wrong." in checked.text
    assert board.trail("trail_checked") == [{"rows": 3, "checkpoints": 0, "findings": 0}]  # in, switch, count


def test_a_damaged_trail_is_said(bank: Any, board: Any, sign_in: Any, bank_url: str) -> None:
    anna = sign_in("board", "Anna")
    with sqlite3.connect(bank_url.removeprefix("sqlite:///")) as file:
        for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type='trigger'").fetchall():
            file.execute(f"DROP TRIGGER {name}")
        file.execute("UPDATE trail SET kind = 'other' WHERE seq = 1")
    assert "The check found faults" in anna.press("/board/oversight?lang=en", "/board/check").text


def test_months_are_drawn_with_their_figures_and_gaps(bank: Any, board: Any, sign_in: Any) -> None:
    champion = board.sign(board.candidate())
    board.promote(champion.id)
    anna = sign_in("board", "Anna")
    assert "Nobody looked" in anna.look("/board/months?lang=en").text
    board.home.monitoring.mkdir()
    row = {"ground": "origin", "group": "turkish", "n": 40, "share": 0.2, "share_against": 0.1, "point": 2.0}
    hidden = {**row, "n": None, "share": None, "share_against": None, "point": None}
    months = ["2026-08", "2026-09", "2026-10", "2026-11"]
    rates = [{"month": month, **(hidden if month == "2026-10" else row)} for month in months]
    alarm = {"month": "2026-09", "question": "offers", "ground": "origin", "group": "turkish", "side": "high"}
    facts = {
        "release": champion.id, "months": months, "customers": 500, "created_at": "2026-11-22T00:00:00+00:00",
        "margins": {"low": 0.8, "high": 1.25}, "rates": {"offers": rates, "missed": None}, "alarms": [alarm],
        "drift": [], "names": {"nl": {"origin": {"name": "Herkomst", "groups": {"turkish": "Turks"}}}},
    }  # fmt: skip
    (board.home.monitoring / f"{champion.id}.json").write_text(json.dumps(facts))
    page = anna.look("/board/months").text
    assert page.count("<circle") == 3
    # A line through August and September; November, after the gap, stands alone. A third of 208 is 69.3.
    assert re.findall(r'<polyline points="([^"]*)"', page) == ["6.0,12.8 75.3,12.8"]
    # Twice as often: log 2 / log 2.2 = 0.879 of the 40 above the middle at 48.
    assert 'cy="12.8"' in page
    assert "alarm 2026-09" in page
    assert "20.0 %" in page
    assert "There were no data for this question." in page
    assert "origin: turkish" in page  # English has no name for it here
    assert anna.look("/board/months?lang=nl").text.count("Herkomst: Turks") == 6


def test_the_report_of_a_release_stands_alone(bank: Any, board: Any, sign_in: Any) -> None:
    candidate, anna = board.candidate(), sign_in("board", "Anna")
    address = f"/board/report?release={candidate.id}"
    assert anna.look(address).status_code == 404
    folder = board.home.reports / candidate.id
    folder.mkdir(parents=True)
    (folder / "report-nl.html").write_text("<!DOCTYPE html><title>eerlijk</title>")
    shown = anna.look(address)
    assert "eerlijk" in shown.text
    assert "sandbox" in shown.headers["content-security-policy"]
    assert "script-src" not in shown.headers["content-security-policy"]
    for odd in ("", "..", "../" + candidate.id, "a" * 64, candidate.id + "/.."):
        assert anna.look("/board/report", params={"release": odd}).status_code == 404


@pytest.mark.parametrize("role", ["customer", "colleague", "operations"])
def test_nobody_else_sees_the_board(bank: Any, board: Any, sign_in: Any, role: str) -> None:
    person = sign_in(role, "c-1" if role == "customer" else "Emma")
    for path in ("/board", "/board/release", "/board/months", "/board/oversight", "/board/report"):
        assert person.look(path).status_code == 403
    for path in ("/board/sign", "/board/promote", "/board/check"):
        assert person.send(path, {}).status_code == 403
