"""The months after a release as a page of its own and as a chapter of the next report, from the facts of `monitor`."""

from collections.abc import Mapping, Sequence
from typing import Any

from models.taxonomy import Taxonomy
from training.report.blocks import Block, Bullets, Cell, Fold, Heading, Note, Section, Table, Text, Tone
from training.report.gaps import name_cell, name_event
from training.report.month_plots import plot_evidence, plot_months, share_of_alarm
from training.report.source import Monitored
from training.report.texts import Texts

Facts = Mapping[str, Any]
_MOST_WATCHED = 10
_BANDS: dict[str, tuple[Tone, str]] = {"stable": ("good", "\u2713"), "watch": ("open", "?"), "large": ("bad", "\u2715")}


def build_monitoring(facts: Facts, taxonomy: Taxonomy, texts: Texts) -> list[Section]:
    """All sections of the page, what has to be done first."""
    sections: list[tuple[str, list[Block]]] = [
        ("now", [*tell_alarms(facts, taxonomy, texts), *what_the_board_may_do(texts)]),
        ("month_by_month", _questions(facts, texts)),
        ("evidence", _evidence(facts, texts)),
        ("drift", _drift(facts, texts)),
        ("spoke", _spoke(facts, taxonomy, texts)),
        ("limits", [Bullets(texts.lines("monitor.limits_items"))]),
        ("machine", []),
    ]
    return [
        Section(id=key.replace("_", "-"), number=str(place), title=texts(f"monitor.{key}"), blocks=blocks)
        for place, (key, blocks) in enumerate(sections, start=1)
    ]


def build_latest(latest: Monitored, candidate_id: str, taxonomy: Taxonomy, texts: Texts) -> list[Block]:
    """The chapter of a report: alarms, what an alarm lets the board do, and every question in tables."""
    facts = latest.facts
    about = texts("monitor.latest_about", hash=latest.sha256[:12], **_when(facts, texts))
    other = [] if facts["release"] == candidate_id else [Text(texts("monitor.latest_other"))]
    return [
        Heading(texts("monitor.latest")), Text(about), *other, *tell_alarms(facts, taxonomy, texts),
        Heading(texts("monitor.may")), Bullets(texts.lines("monitor.may_items")),
        Heading(texts("monitor.month_by_month")), *_questions(facts, texts, plots=False),
        Heading(texts("monitor.spoke")), *_spoke(facts, taxonomy, texts),
    ]  # fmt: skip


def tell_about(facts: Facts, texts: Texts) -> str:
    """Which model and months a page is about."""
    return texts("monitor.about", **_when(facts, texts))


def _when(facts: Facts, texts: Texts) -> dict[str, str]:
    first, last = (texts.month(facts["months"][place]) for place in (0, -1))
    return {"model": facts["model_version"], "first": first, "last": last}


# ---- alarms ---------------------------------------------------------------------------------------------------------


def tell_alarms(facts: Facts, taxonomy: Taxonomy, texts: Texts) -> list[Block]:
    """The alarms and what the alarm promises."""
    alarms = facts["alarms"]
    promise = texts(
        "monitor.promise", chance=texts.percent(facts["false_alarm"], 0), places=texts.count(facts["places"]),
        watched=texts.count(len(facts["watched"])),
    )  # fmt: skip
    if not alarms:
        quiet = Note(title=texts("monitor.quiet_title"), text=texts("monitor.quiet_text"), tone="good", mark="\u2713")
        return [quiet, Text(promise)]
    title = texts("monitor.alarms_title", n=texts.count(len(alarms)))
    rows: list[Sequence[Cell | str]] = [_tell_alarm(alarm, taxonomy, texts) for alarm in alarms]
    return [
        Note(title=title, text=texts("monitor.alarms_text"), tone="bad", mark="\u2715"),
        Table(
            caption=texts("monitor.caption_alarms"), columns=texts.lines("monitor.alarm_columns"), rows=rows,
            numeric=frozenset({2, 3, 4}),
        ),
        Text(promise),
    ]  # fmt: skip


def what_the_board_may_do(texts: Texts) -> list[Block]:
    """From the kill switch to a new audit."""
    return [Heading(texts("monitor.may")), Bullets(texts.lines("monitor.may_items"))]


def _tell_alarm(alarm: Mapping[str, Any], taxonomy: Taxonomy, texts: Texts) -> list[Cell | str]:
    events = ", ".join(name_event(event, taxonomy, texts) for event in alarm["events"][:3])
    started = ""
    if alarm["start"] is not None:
        low, high = (texts.decimal(end, 2) for end in alarm["start"])
        started = texts("monitor.started", low=low, high=high)
    side = texts(f"monitor.{alarm['side']}")
    return [
        Cell(text=f"{_title(alarm, texts)}, {side}", note=name_cell(alarm, texts)),
        texts.month(alarm["month"]),
        texts.percent(alarm["share"]),
        texts.percent(alarm["share_against"]),
        Cell(text="" if alarm["point"] is None else texts.decimal(alarm["point"], 2), note=started),
        events or texts("monitor.no_event"),
    ]


def _title(row: Mapping[str, Any], texts: Texts) -> str:
    return texts(f"monitor.questions.{row['question']}.title")


# ---- months ---------------------------------------------------------------------------------------------------------


def _questions(facts: Facts, texts: Texts, *, plots: bool = True) -> list[Block]:
    blocks: list[Block] = [Text(texts("monitor.counted"))]
    for question, rows in facts["rates"].items():
        title = texts(f"monitor.questions.{question}.title")
        if rows is None:
            blocks.append(Text(texts("monitor.not_measured", title=title)))
            continue
        blocks += [Heading(title), Text(texts(f"monitor.questions.{question}.explained"))]
        blocks += plot_months(question, rows, facts, texts) if plots else []
        blocks += _tables(title, rows, facts["months"], texts, whole=plots)
    return blocks


def _tables(
    title: str, rows: Sequence[Mapping[str, Any]], months: Sequence[str], texts: Texts, *, whole: bool
) -> list[Block]:
    """The last month in sight, all months folded away."""
    last = [row for row in rows if row["month"] == months[-1]]
    numeric = frozenset(range(1, 6))
    caption = texts("monitor.last_month", title=title, month=texts.month(months[-1]))
    hidden = texts("comparisons.hidden") if any(row["n"] is None for row in rows) else ""
    first = Table(
        caption=caption, columns=texts.lines("monitor.columns"), rows=[_tell_row(row, texts) for row in last],
        numeric=numeric, foot=hidden,
    )  # fmt: skip
    if not whole or len(months) == 1:
        return [first]
    told = [[_tell_row(row, texts)[0], texts.month(row["month"]), *_tell_row(row, texts)[1:]] for row in rows]
    columns = texts.lines("monitor.columns")
    caption = texts("monitor.all_months", title=title)
    every = Table(
        caption=caption, columns=[columns[0], texts("monitor.month"), *columns[1:]], rows=told,
        numeric=frozenset(range(2, 7)),
    )  # fmt: skip
    return [first, Fold(summary=caption, blocks=[every], printed=False)]


def _tell_row(row: Mapping[str, Any], texts: Texts) -> list[Cell | str]:
    def count(name: str) -> str:
        return texts("units.hidden") if row[name] is None else texts.count(row[name])

    def share(name: str) -> str:
        return texts("units.no_rate") if row[name] is None else texts.percent(row[name])

    ratio = Cell(text=texts("units.no_rate"))
    if row["point"] is not None and row["interval"] is not None:
        low, high = (texts("units.open_end") if end is None else texts.decimal(end, 2) for end in row["interval"])
        ratio = Cell(text=texts.decimal(row["point"], 2), note=texts.span(low, high))
    return [name_cell(row, texts), count("n"), count("n_against"), share("share"), share("share_against"), ratio]


# ---- evidence, drift, voices ----------------------------------------------------------------------------------------


def _evidence(facts: Facts, texts: Texts) -> list[Block]:
    if not facts["watched"]:
        return [Text(texts("monitor.nobody_watched"))]
    nearest = sorted(facts["watched"], key=share_of_alarm, reverse=True)[:_MOST_WATCHED]
    rows: list[Sequence[Cell | str]] = [
        [
            Cell(text=_title(row, texts), note=name_cell(row, texts)),
            texts(f"monitor.{row['side']}"),
            texts.count(row["months_watched"]),
            texts.percent(max(share_of_alarm(row), 0.0), 0),
            texts("words.no") if row["alarm"] is None else texts.month(row["alarm"]),
        ]
        for row in nearest
    ]
    table = Table(
        caption=texts("monitor.evidence_caption"), columns=texts.lines("monitor.evidence_columns"), rows=rows,
        numeric=frozenset({2, 3}),
    )  # fmt: skip
    return [Text(texts("monitor.evidence_text")), plot_evidence(nearest, facts["months"], texts), table]


def _drift(facts: Facts, texts: Texts) -> list[Block]:
    bands = facts["drift_bands"]
    said = texts("monitor.drift_text", **{name: texts.decimal(value, 2) for name, value in bands.items()})
    if not facts["drift"]:
        return [Text(said), Text(texts("monitor.no_drift"))]
    rows = [_tell_drift(row, texts) for row in facts["drift"]]
    columns, numeric = texts.lines("monitor.drift_columns"), frozenset({1, 2, 3, 4})
    return [Text(said), Table(caption=texts("monitor.drift_caption"), columns=columns, rows=rows, numeric=numeric)]


def _tell_drift(row: Mapping[str, Any], texts: Texts) -> list[Cell | str]:
    if row["index"] is None:
        return [name_cell(row, texts), *[texts("units.hidden")] * 4, texts("why.few")]
    tone, mark = _BANDS[row["band"]]
    return [
        name_cell(row, texts), texts.count(row["n_before"]), texts.count(row["n"]), texts.decimal(row["index"], 3),
        texts.decimal(row["by_chance"], 3), Cell(text=texts(f"monitor.bands.{row['band']}"), tone=tone, mark=mark),
    ]  # fmt: skip


def _spoke(facts: Facts, taxonomy: Taxonomy, texts: Texts) -> list[Block]:
    if not facts["per_event"]:
        return [Text(texts("monitor.nobody_spoke"))]
    rows: list[Sequence[Cell | str]] = [
        [
            texts("monitor.other_subject") if row["event"] == "other" else name_event(row["event"], taxonomy, texts),
            texts(f"monitor.kinds.{row['kind']}"),
            texts("monitor.few") if row["n"] is None else texts.count(row["n"]),
        ]
        for row in facts["per_event"]
    ]
    columns = texts.lines("monitor.spoke_columns")
    table = Table(caption=texts("monitor.spoke"), columns=columns, rows=rows, numeric=frozenset({2}))
    return [Text(texts("monitor.spoke_text")), table]
