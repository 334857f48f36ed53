"""The four questions: every cell named, every answer given, and only where the policy lets a gap be justified."""

from pathlib import Path

import pytest

from models.errors import UnreadableDataError
from training.fairness.justifications import justified_cells, load_justifications
from training.fairness.policy import default_fairness_policy

WHOLE = """
[[justification]]
rates = ["offer_rate"]
events = ["study_start", "first_job"]
grounds = ["age"]
groups = ["18-24"]
aim = "Help at the time of life it is needed."
suitable = "Given the event, groups are answered alike."
necessary = "Equal numbers would need offers without an event."
proportionate = "Nobody pays more, everybody can say no."
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "answers.toml"
    path.write_text(text, "utf-8")
    return path


def test_every_named_cell_is_justified(tmp_path: Path) -> None:
    found = load_justifications(written(tmp_path, WHOLE), default_fairness_policy())
    assert justified_cells(found) == [
        ("offer_rate", "study_start", "age", "18-24"),
        ("offer_rate", "first_job", "age", "18-24"),
    ]


def test_without_a_file_nothing_is_justified() -> None:
    assert load_justifications(None, default_fairness_policy()) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'necessary = "Equal numbers would need offers without an event."',
            'necessary = " "',
            "nothing to 'necessary'",
        ),
        ('rates = ["offer_rate"]', 'rates = ["recall"]', "recall cannot be justified as rates"),
        ('groups = ["18-24"]', 'groups = ["muslim"]', "muslim cannot be justified as groups"),
        ('groups = ["18-24"]', "groups = []", "lists with at least one name"),
        ('grounds = ["age"]', "", "needs exactly"),
        ("[[justification]]", "[other]", "no TOML file with"),
    ],
)
def test_what_is_no_justification_is_refused_with_the_reason(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in WHOLE
    with pytest.raises(UnreadableDataError, match=said):
        load_justifications(written(tmp_path, WHOLE.replace(old, new)), default_fairness_policy())
