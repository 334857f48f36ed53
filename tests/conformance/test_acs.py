"""The audit's engine on real people: who moved house and who gave birth, by citizenship and race (docs/acs.md).

The figures of the page are those that come out here; where the data are not beside this repository, nothing is tested.
"""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from training.fairness.cube import Cube, Rows, build_cube
from training.fairness.metrics import Endpoint, compare
from training.fairness.verdicts import give_verdicts

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data" / "fairness" / "acs_folktables_train.parquet"
PAGE = ROOT / "docs" / "acs.md"
CITIZENSHIP = {1: "born citizen", 2: "born citizen", 3: "born citizen", 4: "naturalised", 5: "no citizen"}
RACE = {1: "white", 2: "black"}
REFERENCES = {"citizenship": "born citizen", "race": "white"}
EVENTS = ("moved house", "gave birth")
TOLD = 0.10  # of the people, whoever the model thinks most likely to have moved


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    if not DATA.is_file():
        pytest.skip("the survey sample is not beside this repository")
    return pd.read_parquet(DATA)


def groups_of(people: pd.DataFrame) -> pd.DataFrame:
    frame = {"citizenship": people["CIT"].map(CITIZENSHIP), "race": people["RAC1P"].map(RACE)}
    return pd.DataFrame({name: values.astype("category") for name, values in frame.items()}).reset_index(drop=True)


def life_cube(people: pd.DataFrame, event: str) -> Cube:
    """A model that never errs: what happened is told and nothing else. Only women up to 50 were asked about births."""
    asked = people if event == "moved house" else people[people["FER"] > 0]
    happened = np.flatnonzero(asked["MIG"] != 1 if event == "moved house" else asked["FER"] == 1)
    yes = np.ones(len(happened), dtype=bool)
    rows = Rows(customer=happened, event=np.zeros(len(happened), dtype=int), true=yes, predicted=yes)
    return build_cube(rows, groups_of(asked), events=(event,))


@cache
def model_cube() -> Cube:
    """A plain model of moving, fitted on half of the people without their groups and asked about the other half."""
    people = pd.read_parquet(DATA)
    fitted = np.random.default_rng(0).random(len(people)) < 0.5
    numbers, kinds = people[["AGEP", "WKHP", "PINCP"]].to_numpy(), people[["MAR", "RELP", "ESR", "SCHL"]].to_numpy()
    encoded = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(kinds[fitted])
    features = np.column_stack([numbers, encoded.transform(kinds)])
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    moved = (people["MIG"] != 1).to_numpy()
    model.fit(features[fitted], moved[fitted])
    scores = model.predict_proba(features[~fitted])[:, 1]
    told = scores >= np.quantile(scores, 1 - TOLD)
    kept = np.flatnonzero(told | moved[~fitted])
    rows = Rows(
        customer=kept, event=np.zeros(len(kept), dtype=int), true=moved[~fitted][kept], predicted=told[kept],
    )  # fmt: skip
    return build_cube(rows, groups_of(people[~fitted]), events=EVENTS[:1])


def facts_of(cube: Cube, endpoint: Endpoint) -> list[dict[str, Any]]:
    facts = compare(cube, endpoint, references=REFERENCES)
    return [fact for fact in give_verdicts(facts) if fact["against"] == "reference"]


def lines_of(facts: list[dict[str, Any]]) -> list[str]:
    """A fact as a line of the page's tables."""
    lines = []
    for fact in facts:
        scale, digits = (100, 1) if fact["measure"] == "difference" else (1, 2)
        low, high = (f"{scale * end:.{digits}f}" for end in fact["interval"])
        gap = f"{scale * fact['point']:.{digits}f} ({low} to {high})"
        needed = "-" if fact["n_needed"] is None else f"{fact['n_needed']:,}"
        lines.append(
            f"| {fact['event']} | {fact['group']} | {fact['n']:,} | {100 * fact['share']:.2f} % | "
            f"{100 * fact['share_against']:.2f} % | {gap} | {needed} | {fact['verdict']} |"
        )
    return lines


def lines_on_the_page(heading: str) -> list[str]:
    """Table rows below a heading of the page."""
    section = PAGE.read_text("utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("| ") and not line.startswith("| event")]


RATIO = Endpoint(rate="offer_rate", measure="ratio", low=0.80, high=1.25)
RECALL = Endpoint(rate="recall", measure="difference", low=-0.10)


def test_a_model_without_errors_is_still_unequal_where_lives_are(people: pd.DataFrame) -> None:
    cubes = [life_cube(people, event) for event in EVENTS]
    facts = [fact for cube in cubes for fact in facts_of(cube, RATIO)]
    assert lines_of(facts) == lines_on_the_page("Lives differ")
    counted = people.groupby("CIT")["MIG"].agg(lambda told: (told != 1).mean())
    fact = next(f for f in facts if (f["event"], f["group"]) == ("moved house", "no citizen"))
    assert fact["share"] == pytest.approx(counted[5])
    given = Endpoint(rate="offer_rate_given_event", measure="ratio", low=0.80, high=1.25)
    assert {fact["point"] for cube in cubes for fact in facts_of(cube, given)} == {1.0}


def test_a_plain_model_is_told_of_with_n_and_interval(people: pd.DataFrame) -> None:
    cube = model_cube()
    assert lines_of([*facts_of(cube, RATIO), *facts_of(cube, RECALL)]) == lines_on_the_page("A plain model of moving")
