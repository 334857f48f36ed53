"""The review queue: what stands first, what never stands in it, and what comes back from a filled-in one."""

import os
import stat
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.bookings import load_bookings
from models.candidate import write_candidate
from models.classifier import BookingClassifier
from models.errors import UnreadableDataError, UsageError
from models.events import EventDetector
from models.home import Home, find_home
from models.taxonomy import default_taxonomy
from training.labels import Labels, apply_reviewed, count_support, load_labels, validate_labels
from training.reading import load_table
from training.review import DOUBTFUL, MISLABELLED, QUEUE_COLUMNS, build_queue, suspect_labels
from training.review_files import write_queue

CLASSES = np.array(["car", "move", "none"])


def test_a_label_is_suspected_when_another_is_more_probable_than_it_usually_is_where_given() -> None:
    probabilities = np.array(
        [
            [0.9, 0.0, 0.1],  # car, rightly
            [0.7, 0.2, 0.1],  # car, rightly; on average .8 where car is given
            [0.0, 0.8, 0.2],  # move
            [0.0, 0.6, 0.4],  # move; on average .4 where move is given, because of the next one
            [0.1, -0.0, 0.9],  # move, but none is above what it usually is: suspected
            [0.75, 0.0, 0.25],  # none, but car is below its usual .8: not suspected
            [0.85, 0.0, 0.15],  # none, and car is above .8: suspected
            [0.0, 0.0, 1.0],  # none
        ]
    )
    given = np.array(["car", "car", "move", "move", "move", "none", "none", "none"])
    told = suspect_labels(probabilities, given, CLASSES)
    # None is .4667 probable on average where it is given ((.25 + .15 + 1) / 3).
    assert told.suggested.tolist() == ["", "", "", "", "none", "", "car", ""]
    assert told.probability[[4, 6]] == pytest.approx([0.9, 0.85])
    assert told.lead[[4, 6]] == pytest.approx([0.9, 0.7])


def test_a_label_that_the_other_folds_do_not_have_is_not_suspected() -> None:
    probabilities = np.array([[np.nan, 0.4, 0.6], [np.nan, 0.1, 0.9], [0.2, 0.7, 0.1]])
    told = suspect_labels(probabilities, np.array(["car", "none", "move"]), CLASSES)
    assert told.suggested.tolist() == ["", "", ""]


HEADER = "customer_id,booking_id,booking_date,amount,credit_debit_indicator,counterparty_name,remittance_information,"
BENEFIT, HAIRCUT, CHURCH = (
    "295.07,CRDT,SVB,kinderbijslag,SCT",
    "4.10,DBIT,Kapsalon,knippen,CARD",
    "25.00,DBIT,Protestantse Gemeente te Voorbeeld,Kerkbalans 2026,SCT",
)


def bookings_text() -> str:
    """Thirty customers with a benefit (b) and a haircut (n) each; anna's gift to a church; a cell with a formula."""
    rows = [
        f"c{at},{kind}{at},2026-07-01,{row}"
        for at in range(30)
        for kind, row in (("b", BENEFIT), ("n", HAIRCUT.replace("knippen", f"knippen {chr(97 + at % 26)}x")))
    ]
    rows += [f"anna,gift,2026-07-01,{CHURCH}", 'anna,=1+1,2026-07-02,9.99,DBIT,=Kapsalon,"knippen\nen meer",CARD']
    return HEADER + "bank_transaction_code\n" + "\n".join(rows) + "\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = find_home({**os.environ, "LEVENSLOOP_HOME": str(tmp_path_factory.mktemp("home"))})
    path = home.path / "known.csv"
    home.path.mkdir(exist_ok=True)
    path.write_text(bookings_text())
    known = load_bookings(path).frame
    known = known[~known["booking_id"].isin(["gift", "=1+1"])].reset_index(drop=True)
    labels = np.where(known["booking_id"].str.startswith("b"), "child_birth", "none")
    write_candidate(
        home,
        classifier=BookingClassifier().fit(known, labels),
        detector=EventDetector(),
        taxonomy_toml=resources.files("models").joinpath("taxonomy.toml").read_text("utf-8"),
        screening=resources.files("models").joinpath("screening.toml").read_text("utf-8"),
        facts={},
        permission={"permission_not_shown": True},
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return home


def review(
    home: Home, folder: Path, labels: str | None, *, size: int = 10, permissions: str = "", corrections: str = ""
) -> pd.DataFrame:
    (folder / "b.csv").write_text(bookings_text())
    if labels is not None:
        (folder / "l.csv").write_text("booking_id,event\n" + labels)
    if permissions:
        (folder / "p.csv").write_text(permissions)
    if corrections:
        (folder / "c.csv").write_text("booking_id,customer_id,event,onset_date,correction,at\n" + corrections)
    return write_queue(
        folder / "b.csv", labels=folder / "l.csv" if labels is not None else None,
        permissions=folder / "p.csv" if permissions else None, release_id=None, out=folder / "q.csv", size=size,
        corrections=folder / "c.csv" if corrections else None, home=home,
    )  # fmt: skip


def given_labels(*, swapped: str = "") -> str:
    """All benefits child_birth and all haircuts none, but the one that was swapped."""
    told = {f"{kind}{at}": event for at in range(30) for kind, event in (("b", "child_birth"), ("n", "none"))}
    if swapped:
        told[swapped] = "none" if swapped.startswith("b") else "child_birth"
    return "".join(f"{name},{event}\n" for name, event in told.items())


def test_a_planted_wrong_label_stands_first(home: Home, tmp_path: Path) -> None:
    queue = review(home, tmp_path, given_labels(swapped="b7"))
    first = queue.iloc[0]
    assert (first["booking_id"], first["reason"]) == ("b7", MISLABELLED)
    assert (first["given_label"], first["suggested_label"]) == ("none", "child_birth")
    assert (queue["reason"] == MISLABELLED).sum() == 1


def test_what_customers_called_wrong_stands_before_everything_else(home: Home, tmp_path: Path) -> None:
    said = "b3,c3,child_birth,2026-07-01,not_right,x\ngift,anna,marriage,2026-07-01,not_mine,x\n"
    said += "b4,c4,child_birth,2026-07-01,not_mine,x\nb5,somebody-else,child_birth,2026-07-01,not_right,x\n"
    queue = review(home, tmp_path, given_labels(swapped="b7"), corrections=said)
    # The gift to a church is screened, and b5 is not that customer's.
    assert queue["booking_id"].tolist() == ["b3", "b4", "b7", "=1+1"]
    assert queue["reason"].tolist()[:2] == ["customer says it is not right", "customer says it is somebody else's"]
    first = queue.iloc[0]
    assert (first["given_label"], first["suggested_label"], first["event"]) == ("child_birth", "none", "")
    assert review(home, tmp_path, given_labels(), corrections=said, size=1)["booking_id"].tolist() == ["b3"]


def test_corrections_of_who_does_not_allow_training_are_not_shown(home: Home, tmp_path: Path) -> None:
    permissions = "customer_id,purpose,action,at,notice_version\n" + "".join(
        f"c{at},model_training,consented,2026-01-05,2026-01\n" for at in range(30) if at != 3
    )
    said = "b3,c3,child_birth,2026-07-01,not_right,x\nb4,c4,child_birth,2026-07-01,not_right,x\n"
    queue = review(home, tmp_path, given_labels(), permissions=permissions, corrections=said)
    assert queue["booking_id"].tolist() == ["b4"]


def test_file_that_is_no_list_of_corrections_is_refused(home: Home, tmp_path: Path) -> None:
    with pytest.raises(UnreadableDataError, match=r"c\.csv:2: a correction is one of not_right, not_mine"):
        review(home, tmp_path, given_labels(), corrections="b3,c3,child_birth,2026-07-01,maybe,x\n")


def test_right_labels_are_not_suspected_and_what_has_none_is_doubted(home: Home, tmp_path: Path) -> None:
    queue = review(home, tmp_path, given_labels())
    # The formula booking alone has no label.
    assert queue["booking_id"].tolist() == ["=1+1"]
    assert queue["reason"].isin([MISLABELLED]).sum() == 0


def test_without_labels_every_wording_is_shown_once_the_closest_call_first(home: Home, tmp_path: Path) -> None:
    queue = review(home, tmp_path, None, size=100)
    # Thirty benefits alike; 26 letters of haircuts, of which four twice; and the formula.
    assert len(queue) == 1 + 26 + 1
    assert sorted(queue["alike"].tolist()) == [1] * 23 + [2] * 4 + [30]
    assert set(queue["reason"]) == {DOUBTFUL}
    assert queue["probability"].iloc[0] == queue["probability"].min()


def test_a_queue_is_private_short_and_safe_to_open(home: Home, tmp_path: Path) -> None:
    review(home, tmp_path, None, size=100)
    out = tmp_path / "q.csv"
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    lines = out.read_text("utf-8").splitlines()
    assert lines[0] == ",".join(QUEUE_COLUMNS)
    assert len(lines) == 1 + 28
    assert any("'=1+1" in line and "'=Kapsalon" in line and "knippen en meer" in line for line in lines)
    assert review(home, tmp_path, None, size=3).shape[0] == 3


def test_screened_bookings_never_stand_in_a_queue(home: Home, tmp_path: Path) -> None:
    queue = review(home, tmp_path, "gift,child_birth\nb1,child_birth\nn1,none\n", size=100)
    assert "gift" not in set(queue["booking_id"])
    assert "Kerkbalans" not in (tmp_path / "q.csv").read_text("utf-8")


def test_customers_who_do_not_allow_training_never_stand_in_a_queue(home: Home, tmp_path: Path) -> None:
    header = "customer_id,purpose,action,at,notice_version\n"
    allowed = "".join(f"c{at},model_training,consented,2026-01-01T10:00:00+01:00,1\n" for at in range(3))
    queue = review(home, tmp_path, None, size=100, permissions=header + allowed)
    assert set(queue["booking_id"]) == {"b0", "n0", "n1", "n2"}


def test_labels_of_one_kind_alone_give_no_suspicion(home: Home, tmp_path: Path) -> None:
    queue = review(home, tmp_path, "".join(f"n{at},none\n" for at in range(30)), size=100)
    assert MISLABELLED not in set(queue["reason"])


def test_nothing_to_review_is_said(home: Home, tmp_path: Path) -> None:
    header = "customer_id,purpose,action,at,notice_version\n"
    refused = "c1,model_training,withdrawn,2026-01-01T10:00:00+01:00,1\n"
    with pytest.raises(UsageError, match="No booking is left to review"):
        review(home, tmp_path, None, permissions=header + refused)


def test_a_queue_without_labels_needs_no_second_label(home: Home) -> None:
    bookings = pd.DataFrame(
        {
            "booking_id": ["x"], "booking_date": pd.to_datetime(["2026-01-01"]), "amount": [1.0], "currency": "EUR",
            "credit_debit_indicator": "DBIT", "counterparty_name": "Bakker", "remittance_information": "brood",
            "bank_transaction_code": "CARD",
        }
    )  # fmt: skip
    alone = BookingClassifier().fit(bookings, ["none"])
    assert len(build_queue(alone, bookings, np.array([""]), size=5, fresh=BookingClassifier())) == 1


LABELS = Labels(
    pd.DataFrame(
        {"booking_id": ["a", "b", "c"], "event": ["none", "marriage", "none"], "role": ["confuser", "background", ""]}
    ),
    rest_is_none=False,
)


def reviewed(folder: Path, *texts: str) -> tuple[dict[str, tuple[str, str]], list[str]]:
    paths = [folder / f"q{at}.csv" for at in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    notes: list[str] = []
    told = apply_reviewed(LABELS, paths, default_taxonomy(), notes).table
    return {row.booking_id: (row.event, row.role) for row in told.itertuples()}, notes


def test_filled_in_rows_change_add_and_confirm_labels_and_empty_ones_do_nothing(tmp_path: Path) -> None:
    told, notes = reviewed(tmp_path, "booking_id,event\na,child_birth\nb,marriage\nc, \nd,none\n")
    assert told == {
        "a": ("child_birth", "primary"), "b": ("marriage", "background"), "c": ("none", ""), "d": ("none", "primary"),
    }  # fmt: skip
    assert notes == ["q0.csv: 3 bookings reviewed: 1 labels changed, 1 added, 1 confirmed; 1 rows left empty."]


def test_the_later_of_two_queues_counts(tmp_path: Path) -> None:
    told, _ = reviewed(tmp_path, "booking_id,event\na,child_birth\n", "booking_id,event\na,marriage\n")
    assert told["a"] == ("marriage", "primary")


def test_a_queue_saved_by_a_spreadsheet_with_semicolons_is_read(tmp_path: Path) -> None:
    told, _ = reviewed(tmp_path, "\ufeffbooking_id;reason;event\n'=1+1;x, y;marriage\n")
    assert told["=1+1"] == ("marriage", "primary")


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        (
            "booking_id,event\na,none\nb,marriages\n", UsageError,
            r"q0\.csv:3: label marriages is not in the taxonomy \(did you mean marriage\?\)\.",
        ),
        ("booking_id,event\na,none\na,marriage\n", UsageError, r"q0\.csv:3: this booking has another label above"),
        ("booking_id,label\na,none\n", UnreadableDataError, "no column event"),
        ("booking_id,event,event\na,none,marriage\n", UnreadableDataError, "a column twice: event"),
        ("", UnreadableDataError, "cannot be read as CSV"),
    ],
)  # fmt: skip
def test_a_queue_that_cannot_be_used_is_refused(tmp_path: Path, text: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        reviewed(tmp_path, text)


def test_every_unknown_label_is_named_with_its_count_and_the_nearest_one() -> None:
    labels = np.array(["child_birth", "childbirth", "childbirth", "verhuizing naar Mars", "none"], dtype=object)
    with pytest.raises(UsageError) as told:
        validate_labels(labels, default_taxonomy())
    assert "2 labels are not in the taxonomy" in str(told.value)
    assert "childbirth (2 bookings; did you mean child_birth?)" in str(told.value)
    assert "verhuizing naar Mars (1 booking" in str(told.value)


def test_labels_with_few_bookings_are_named_and_listed_and_none_is_never_among_them() -> None:
    notes: list[str] = []
    labels = np.array(["marriage"] * 9 + ["child_birth"] * 10 + ["none"] * 3, dtype=object)
    told = count_support(labels, default_taxonomy(), notes)
    assert told["few"] == {"marriage": 9}
    assert "child_birth" not in told["missing"]
    assert "graduation" in told["missing"]
    assert "1 labels have fewer than 10 bookings: marriage (9 bookings)." in notes[0]


def test_labels_of_one_kind_are_said() -> None:
    notes: list[str] = []
    count_support(np.array(["none"] * 20), default_taxonomy(), notes)
    assert notes == ["All bookings are labelled none: no event can be learned from single bookings."]


def test_a_none_from_review_does_not_change_what_labels_of_events_alone_mean(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text("booking_id,event\na,marriage\n")
    (tmp_path / "q.csv").write_text("booking_id,event\nb,none\n")
    labels = apply_reviewed(load_labels(tmp_path / "l.csv", []), [tmp_path / "q.csv"], default_taxonomy(), [])
    assert labels.rest_is_none


def test_a_table_with_less_in_a_row_has_empty_cells(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1\n")
    assert load_table(tmp_path / "t.csv", ["a", "b"]).to_numpy().tolist() == [["1", ""]]
