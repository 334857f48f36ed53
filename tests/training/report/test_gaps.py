"""Facts in words: whom they are about, how far they surely lie from equal, and what stays hidden."""

from typing import Any

import pytest

from models.taxonomy import default_taxonomy
from training.report.comparisons import Question, show_question, table_of
from training.report.gaps import pick_worst, surely_off, tell_as_people, verdict_of
from training.report.source import Source
from training.report.texts import load_texts

ENGLISH, DUTCH = load_texts("en"), load_texts("nl")


def fact(**changes: Any) -> dict[str, Any]:
    plain = {
        "rate": "recall", "measure": "difference", "over": "macro", "event": "all", "ground": "religion",
        "group": "muslim", "against": "reference", "other": "none", "n": 1147, "n_against": 9000, "n_effective": 1000.0,
        "share": 0.70, "share_against": 0.90, "point": -0.20, "interval": [-0.22, -0.18], "low": -0.05, "high": None,
        "p": 0.0, "p_holm": 0.0, "n_needed": 400, "verdict": "EXCEEDED", "reason": "outside", "left_out": [],
    }  # fmt: skip
    return {**plain, **changes}


def test_a_gap_is_told_as_a_thousand_customers() -> None:
    # .90 - .70: of 1,000 events 300 are missed, against 100.
    assert tell_as_people(fact(), default_taxonomy(), ENGLISH) == (
        "For customers who are Muslim: of 1,000 events (all events) the model misses 300. "
        "That is 200 more than for customers without a religion. Measured on 1,147 true events."
    )
    assert "200 meer dan bij klanten zonder geloof. Gemeten aan 1.147 echte" in tell_as_people(
        fact(), default_taxonomy(), DUTCH
    )


def test_a_group_of_two_grounds_is_told_with_both() -> None:
    told = tell_as_people(
        fact(ground="religion_merged*gender", group="muslim_or_other*f", against="rest", other=""),
        default_taxonomy(), ENGLISH,
    )  # fmt: skip
    assert told.startswith("For customers who are Muslim or of another religion and who are women:")
    assert "than for all other customers" in told


@pytest.mark.parametrize(
    ("changes", "off"),
    [
        ({}, 3.6),  # .18 of a margin of .05
        ({"interval": [-0.08, 0.01]}, 0.0),  # equal lies inside
        ({"interval": [0.10, 0.20]}, 0.0),  # better than the others, and the policy has no margin on that side
        ({"interval": None}, 0.0),
        ({"measure": "ratio", "low": 0.8, "high": 1.25, "interval": [1.5625, 2.0]}, 2.0),  # 1.25 squared
        ({"measure": "ratio", "low": 0.8, "high": 1.25, "interval": [0.5, 0.64]}, 2.0),  # .8 squared
        ({"measure": "ratio", "low": 0.8, "high": 1.25, "interval": [1.5625, None]}, 2.0),
        ({"measure": "share", "low": 0.99, "interval": [0.90, 0.97]}, 3.0),  # .03 of .01
        ({"measure": "mean_difference", "low": None, "high": 7.0, "interval": [3.5, 9.0]}, 0.5),
    ],
)
def test_how_far_a_gap_surely_lies_from_equal(changes: dict[str, Any], off: float) -> None:
    assert surely_off(fact(**changes)) == pytest.approx(off)


def test_what_was_found_comes_before_what_chance_may_have_made() -> None:
    found = fact(interval=[-0.07, -0.051])
    wild = fact(rate="offer_rate", verdict="NOT ESTABLISHED", over="each", n=31, interval=[-0.9, -0.5])
    # Of the same people under a merged name, and surely further off, so that it speaks for both.
    merged = fact(ground="religion_merged", group="muslim_or_other", interval=[-0.065, -0.06])
    assert pick_worst([wild, found, merged], most=3) == [merged, wild]
    assert pick_worst([wild, found, merged], most=1) == [merged]


def test_why_nothing_is_established_is_told_truly() -> None:
    def why(**changes: Any) -> str:
        return verdict_of(fact(verdict="NOT ESTABLISHED", reason="", **changes), ENGLISH).note

    assert why(n=61, n_needed=395) == "needed 395, had 61"
    assert why(n=500, n_needed=395) == "enough people (500), but too near or past the margin"
    assert why(n_needed=None) == "had 1,147; no number is enough"
    assert why(n_needed=None, measure="harm_ratio") == "had 1,147"
    assert why(n=None) == "hidden"
    assert why(point=None) == "cannot be computed"


def test_a_hidden_cell_never_shows_a_number(partial: Source) -> None:
    cube = partial.part("cube")
    hidden = [one for one in (*cube["secondary"], *cube["harm"]) if one["n"] is None]
    few = [one for one in cube["secondary"] if one["n"] is not None and one["reason"] == "too few people for a rate"]
    assert len(hidden) > 100
    assert len(few) > 10
    for one in (*hidden, *few):
        row = table_of([one], partial.taxonomy, ENGLISH, caption="x").rows[0]
        told = [cell if isinstance(cell, str) else f"{cell.text} {cell.note}" for cell in row[2:]]
        numbers = told if one["n"] is None else told[2:]
        assert not any(sign.isdigit() for cell in numbers for sign in cell), told
        assert "NOT ESTABLISHED" in told[-1]


def test_a_question_of_hidden_cells_alone_has_text_and_a_table_but_no_plot() -> None:
    one = fact(n=None, n_against=None, share=None, share_against=None, point=None, interval=None,
               verdict="NOT ESTABLISHED", n_needed=None)  # fmt: skip
    blocks = show_question(Question(key="q", facts=[one]), default_taxonomy(), ENGLISH)
    kinds = [block.kind for block in blocks]
    assert "plot" not in kinds
    assert "table" in kinds
    assert any("There is no plot" in getattr(block, "text", "") for block in blocks)


def test_what_is_exceeded_is_in_the_plot_however_many_comparisons_there_are() -> None:
    fine = [fact(verdict="ESTABLISHED", group=f"g{number}", interval=[-0.01, 0.01], point=0.0) for number in range(50)]
    bad = fact(ground="religion*gender", group="muslim*f", other="none*m")
    blocks = show_question(Question(key="q", facts=[*fine, bad]), default_taxonomy(), ENGLISH)
    plot = next(block for block in blocks if block.kind == "plot")
    assert "Religion and Gender: Muslim and woman" in plot.svg
    assert any("20 of 51" in line for line in plot.says)
