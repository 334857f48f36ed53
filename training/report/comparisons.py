"""Many comparisons of one question as blocks: a plot, the text that says the same, and tables of the numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.taxonomy import Taxonomy
from training.fairness.cube import RATES
from training.fairness.verdicts import EXCEEDED, NOT_ESTABLISHED
from training.report.blocks import Block, Cell, Fold, Heading, Plot, Table, Text
from training.report.forest import Axis, Row, draw_forest
from training.report.gaps import (
    RATIOS,
    VERDICTS,
    Fact,
    count_verdicts,
    is_hidden,
    name_cell,
    name_event,
    name_other,
    surely_off,
    tell_gap,
    tell_margin,
    tell_share,
    tell_unit,
    tell_value,
    verdict_of,
)
from training.report.texts import Texts

MOST_ROWS = 20  # in a plot and the table beside it; one page of paper
_NUMBERS = frozenset({2, 3, 4, 5, 6})


@dataclass(frozen=True, kw_only=True)
class Question:
    """Facts of one rate, measure and way of summing: one family of the policy."""

    key: str  # unique in the page
    facts: Sequence[Fact]

    @property
    def first(self) -> Fact:
        """Any of the facts: rate, measure and margin are those of all."""
        return self.facts[0]

    @property
    def per_event(self) -> bool:
        """Whether each life event has facts of its own."""
        return bool(self.first["over"] == "each")


def list_questions(facts: Sequence[Fact], *, prefix: str) -> list[Question]:
    """The families among facts, in the order of the policy."""
    families: dict[tuple[str, str, str], list[Fact]] = {}
    for fact in facts:
        families.setdefault((fact["rate"], fact["measure"], fact["over"]), []).append(fact)
    return [Question(key=f"{prefix}-{rate}", facts=found) for (rate, _, _), found in families.items()]


def show_question(question: Question, taxonomy: Taxonomy, texts: Texts) -> list[Block]:
    """Everything about one question."""
    shown, plotted = _choose(question)
    title = name_question(question.first, texts)
    blocks: list[Block] = [Heading(title), Text(texts(f"rates.{question.first['rate']}.explained"))]
    blocks.append(Text(texts("comparisons.margin", margin=tell_margin(question.first, texts))))
    says = [_tell_counts(question, texts), *_tell_worst(question, taxonomy, texts)]
    if plotted:
        if len(plotted) < len(question.facts):
            says.append(texts("comparisons.part", shown=len(plotted), all=texts.count(len(question.facts))))
        blocks.append(_plot(question, plotted, taxonomy, texts, title=title, says=says))
    else:
        blocks += [Text(texts("comparisons.no_plot")), *(Text(line) for line in says)]
    blocks.append(table_of(shown, taxonomy, texts, caption=texts("comparisons.beside", title=title)))
    if question.per_event:
        blocks.append(Fold(summary=texts("comparisons.by_event"), blocks=[_table_by_event(question, taxonomy, texts)]))
    elif len(shown) < len(question.facts):
        whole = table_of(question.facts, taxonomy, texts, caption=texts("comparisons.all", title=title))
        blocks.append(Fold(summary=texts("comparisons.all", title=title), blocks=[whole], printed=False))
    return blocks


def name_question(fact: Fact, texts: Texts) -> str:
    """The title of a question; averages over events and single events are told apart."""
    return texts(f"over.{fact['over']}", title=texts(f"rates.{fact['rate']}.title"))


def _choose(question: Question) -> tuple[list[Fact], list[Fact]]:
    """The facts of the table, and those of them that can be drawn."""
    facts = list(question.facts)
    if len(facts) > MOST_ROWS:
        single = [f for f in facts if "*" not in f["ground"] and f["against"] != "rest"] or facts
        facts = sorted(single, key=lambda f: (f["verdict"] != EXCEEDED, -surely_off(f), f["interval"] is None))
        exceeded = [f for f in question.facts if f["verdict"] == EXCEEDED]
        others = [f for f in facts if f["verdict"] != EXCEEDED and f["interval"] is not None]
        exceeded.sort(key=lambda f: -surely_off(f))
        facts = [*exceeded, *others][:MOST_ROWS] or facts[:MOST_ROWS]
    return facts, [fact for fact in facts if fact["interval"] is not None and fact["point"] is not None]


def _plot(
    question: Question, facts: Sequence[Fact], taxonomy: Taxonomy, texts: Texts, *, title: str, says: Sequence[str]
) -> Plot:
    first = question.first
    scale = 100.0 if first["measure"] in ("difference", "share") else 1.0
    rows = [
        Row(
            label=_label(question, fact, taxonomy, texts), point=fact["point"] * scale,
            low=None if fact["interval"][0] is None else fact["interval"][0] * scale,
            high=None if fact["interval"][1] is None else fact["interval"][1] * scale,
            verdict=fact["verdict"], told=f"{tell_value(first['measure'], fact['point'], texts)}  "
            f"({tell_gap(fact, texts).note})",
        )
        for fact in facts
    ]  # fmt: skip
    ratio = first["measure"] in RATIOS
    axis = Axis(
        name=texts(f"axis.{first['measure']}"), equal=None if first["measure"] == "share" else 1.0 if ratio else 0.0,
        low=None if first["low"] is None else first["low"] * scale,
        high=None if first["high"] is None else first["high"] * scale, ratio=ratio,
        margin_name=texts("axis.margin"), tell=lambda value: texts.decimal(value, _digits(value)),
    )  # fmt: skip
    return Plot(
        title=title, svg=draw_forest(rows, axis, name=question.key, title=title, says=" ".join(says)), says=says
    )


def _digits(value: float) -> int:
    """As many as tell a mark of a scale: 5, 0.5, 0.05."""
    return next((digits for digits in range(4) if abs(round(value, digits) - value) < 1e-9), 4)


def _label(question: Question, fact: Fact, taxonomy: Taxonomy, texts: Texts) -> str:
    said = name_cell(fact, texts)
    return f"{name_event(fact['event'], taxonomy, texts)}\n{said}" if question.per_event else said


def _tell_counts(question: Question, texts: Texts) -> str:
    counts = count_verdicts(question.facts)
    numbers = {name.lower().replace(" ", "_"): texts.count(n) for name, n in counts.items()}
    return texts("comparisons.counts", all=texts.count(len(question.facts)), **numbers)


def _tell_worst(question: Question, taxonomy: Taxonomy, texts: Texts) -> list[str]:
    """The comparison that is surely furthest from equal, in words."""
    known = [fact for fact in question.facts if fact["interval"] is not None]
    if not known:
        return []
    fact = max(known, key=lambda one: (one["verdict"] == EXCEEDED, surely_off(one), one["n"]))
    if surely_off(fact) <= 0:
        return [texts("comparisons.none_off")]
    gap = tell_gap(fact, texts)
    return [
        texts(
            "comparisons.worst", cell=name_cell(fact, texts), event=name_event(fact["event"], taxonomy, texts),
            other=name_other(fact, texts), gap=texts(f"gap.{fact['measure']}", gap=gap.text), span=gap.note,
            n=texts.count(fact["n"]), of=tell_unit(fact, texts),
        )
    ]  # fmt: skip


# ---- tables ---------------------------------------------------------------------------------------------------------


def table_of(facts: Sequence[Fact], taxonomy: Taxonomy, texts: Texts, *, caption: str) -> Table:
    """Every number of some facts of one question."""
    first = facts[0]
    columns = [*texts.lines("comparisons.columns")[:6], texts(f"axis.{first['measure']}"), texts("comparisons.verdict")]
    rows: list[list[Cell | str]] = []
    for fact in facts:
        event = name_event(fact["event"], taxonomy, texts) if fact["over"] == "each" else ""
        rows.append(
            [
                Cell(text=name_cell(fact, texts), note=event),
                name_other(fact, texts),
                tell_count(fact, "n", texts),
                tell_count(fact, "n_against", texts),
                tell_share(fact, fact["share"], texts),
                tell_share(fact, fact["share_against"], texts),
                tell_gap(fact, texts),
                verdict_of(fact, texts),
            ]
        )
    unit = texts("comparisons.unit", of=tell_unit(first, texts))
    hidden = f" {texts('comparisons.hidden')}" if any(is_hidden(fact) for fact in facts) else ""
    return Table(caption=caption, columns=columns, rows=rows, numeric=_NUMBERS, foot=unit + hidden)


def tell_count(fact: Fact, name: str, texts: Texts) -> str:
    """A number of people or events, or that it is hidden."""
    if fact["against"] == "itself" and name == "n_against":
        return texts("units.nobody")
    return texts("units.hidden") if fact[name] is None else texts.count(fact[name])


def _table_by_event(question: Question, taxonomy: Taxonomy, texts: Texts) -> Table:
    by_event: dict[str, list[Fact]] = {}
    for fact in question.facts:
        by_event.setdefault(fact["event"], []).append(fact)
    rows = [[name_event(event, taxonomy, texts), *_count_row(facts, texts)] for event, facts in by_event.items()]
    columns = [texts("words.event"), *_count_columns(texts)]
    return Table(
        caption=texts("comparisons.by_event"), columns=columns, rows=rows, numeric=frozenset(range(1, len(columns)))
    )


def table_of_verdicts(questions: Sequence[Question], texts: Texts, *, caption: str) -> Table:
    """How many comparisons of each question have which verdict."""
    rows: list[Sequence[Cell | str]] = [
        [
            Cell(text=name_question(one.first, texts), note=tell_margin(one.first, texts)),
            *_count_row(one.facts, texts),
        ]
        for one in questions
    ]
    columns = [texts("comparisons.question"), *_count_columns(texts)]
    return Table(caption=caption, columns=columns, rows=rows, numeric=frozenset(range(1, len(columns))))


def _count_columns(texts: Texts) -> list[str]:
    return [
        *(texts(f"verdicts.{verdict}") for verdict in VERDICTS),
        texts("comparisons.of_which"),
        texts("words.total"),
    ]


def _count_row(facts: Sequence[Fact], texts: Texts) -> list[str]:
    counts = count_verdicts(facts)
    unknown = sum(fact["verdict"] == NOT_ESTABLISHED and fact["point"] is None for fact in facts)
    return [*(texts.count(counts[verdict]) for verdict in VERDICTS), texts.count(unknown), texts.count(len(facts))]


def count_customers(cube: Mapping[str, Any]) -> dict[tuple[str, str], int | None]:
    """Units of every group, from the facts that count them; None where they are hidden."""
    found: dict[tuple[str, str], int | None] = {}
    for fact in cube["secondary"]:
        if RATES[fact["rate"]][1] == "units" and fact["over"] == "each" and fact["against"] != "itself":
            cell = (fact["ground"], fact["group"])
            found[cell] = found.get(cell) or fact["n"]
    return found
