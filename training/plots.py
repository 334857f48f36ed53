"""Pictures of a run's figures, for people who would rather look than read. They draw facts and compute nothing.

Colours are those of Okabe and Ito (2008, Color Universal Design), which colour-blind people can tell apart; no figure
is told by colour alone.
"""

from collections.abc import Callable, Mapping
from typing import Any

from training.splits import KINDS

_BLUE, _ORANGE, _GREEN, _PURPLE, _GREY, _BLACK = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#6b6b6b", "#222222"
_MOST_BARS, _MOST_CELLS = 60, 60
_LONGEST_LABEL = 40


def list_plots(facts: Mapping[str, Any]) -> dict[str, Any]:
    """File name to figure, of everything that these facts have."""
    drawers: dict[str, Callable[[Mapping[str, Any]], Any]] = {
        "labels.png": plot_labels,
        "events.png": plot_events,
        "splits.png": plot_splits,
        "risk_coverage.png": plot_risk_coverage,
        "calibration.png": plot_calibration,
        "confusion.png": plot_confusion,
        "learning_curve.png": plot_learning_curve,
    }
    drawn = {name: draw(facts) for name, draw in drawers.items()}
    return {name: figure for name, figure in drawn.items() if figure is not None}


def plot_labels(facts: Mapping[str, Any]) -> Any:
    """F1 per booking label on unseen customers, as a bar chart; None when there is nothing to draw."""
    told = facts["bookings"]["per_label"].items()
    rows = {name: (figures["f1"] or 0.0, figures["n"], None) for name, figures in told}
    return _bars(rows, title="Bookings: F1 per label, customers not seen in training")


def plot_events(facts: Mapping[str, Any]) -> Any:
    """F1 per life event on unseen customers with 95 % intervals, as a bar chart; None when there is nothing to draw."""
    told = facts["events"]["per_event"].items()
    rows = {name: (f["f1"], f["n_true"], f.get("f1_interval")) for name, f in told if f["n_true"]}
    return _bars(rows, title="Life events: F1, dated inside the true event's span, one to one; 95 % intervals")


def plot_splits(facts: Mapping[str, Any]) -> Any:
    """Four ways of splitting the same bookings, side by side; None when there is nothing to draw."""
    given = facts.get("splits", {})
    splits = {kind: given[kind] for kind in KINDS if given.get(kind, {}).get("n_test")}
    if not splits:
        return None
    shown = {
        "macro_f1": "macro-F1",
        "average_precision": "macro average precision",
        "answered_share_at_risk": "answered at the risk target",
        "expected_calibration_error": "calibration error (lower is better)",
    }
    figure, axes = _canvas(10, 4.6)
    for at, (name, colour, hatch) in enumerate(
        zip(shown, (_BLUE, _GREEN, _PURPLE, _ORANGE), ("", "//", "..", "xx"), strict=True)
    ):
        heights = [told[name] or 0.0 for told in splits.values()]
        places = [place + (at - 1.5) * 0.2 for place in range(len(splits))]
        bars = axes.bar(places, heights, 0.19, label=shown[name], color=colour, hatch=hatch, edgecolor="white")
        words = ["-" if told[name] is None else f"{told[name]:.2f}" for told in splits.values()]
        axes.bar_label(bars, labels=words, fontsize=8, padding=2)
    names = [f"by {kind}\nfitted {told['n_fit']:,}, tested {told['n_test']:,}" for kind, told in splits.items()]
    axes.set_xticks(range(len(splits)), names)
    axes.set(ylim=(0, 1.08), title="The same bookings split in four ways; by row flatters")
    axes.legend(ncols=2, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.14), frameon=False)
    return figure


def plot_risk_coverage(facts: Mapping[str, Any]) -> Any:
    """Share of errors against share answered; None when there is nothing to draw."""
    told = facts["bookings"]["risk_coverage"]
    if not told["curve"]:
        return None
    figure, axes = _canvas(7, 4.5)
    coverage, error = zip(*told["curve"], strict=True)
    axes.step(coverage, error, where="post", color=_BLUE, marker="o", markersize=3)
    axes.axhline(told["risk"], color=_ORANGE, linestyle="--", linewidth=1)
    at_risk = f"{told['coverage_at_risk']:.0%} answered at {told['risk']:.0%} error"
    axes.annotate(at_risk, (0.02, told["risk"]), xytext=(0, 4), textcoords="offset points", color=_ORANGE, fontsize=9)
    title = f"Bookings told as, or truly, an event (n={told['n']:,}): errors among those answered"
    axes.set(xlim=(0, 1.02), ylim=(0, max(*error, 2 * told["risk"]) * 1.1), title=title)
    axes.set(xlabel="share answered, the most certain first", ylabel="share of errors")
    return figure


def plot_calibration(facts: Mapping[str, Any]) -> Any:
    """What share was true against the probability told, in bins of equal mass; None when there is nothing to draw."""
    told = facts["bookings"]["calibration"]
    if not told.get("bins"):
        return None
    figure, axes = _canvas(5.5, 5)
    axes.plot([0, 1], [0, 1], color=_GREY, linestyle="--", linewidth=1)
    points = [one["score"] for one in told["bins"]], [one["true"] for one in told["bins"]]
    axes.plot(*points, color=_BLUE, marker="o", markersize=5, alpha=0.8, clip_on=False)
    error = told["expected_calibration_error"]
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability told", ylabel="share that was true")
    axes.set_title(f"Calibration: error {error:.3f}, n={told['n']:,} pairs in {len(told['bins'])} bins", fontsize=10)
    return figure


def plot_confusion(facts: Mapping[str, Any]) -> Any:
    """True label against answer, coloured by share of the row, with counts; None when there is nothing to draw."""
    told = facts["bookings"]["confusion"]
    if not 0 < len(told["labels"]) <= _MOST_CELLS:
        return None  # a picture of hundreds of labels says nothing; the table does
    shares = [[count / max(sum(row), 1) for count in row] for row in told["counts"]]
    side = max(4.5, 0.34 * len(told["answers"]) + 2.5)
    figure, axes = _canvas(side, side)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(told["answers"])), map(_plain, told["answers"]), rotation=90, fontsize=8)
    named = [f"{_plain(name)} (n={sum(row):,})" for name, row in zip(told["labels"], told["counts"], strict=True)]
    axes.set_yticks(range(len(named)), named, fontsize=8)
    for y, row in enumerate(told["counts"]):
        for x, count in enumerate(row):
            if count:
                colour = "white" if shares[y][x] > 0.5 else "black"
                axes.text(x, y, f"{count}", ha="center", va="center", fontsize=6, color=colour)
    axes.set(xlabel="answer", ylabel="true label")
    axes.set_title("Bookings of customers not seen in training", fontsize=10)
    return figure


def plot_learning_curve(facts: Mapping[str, Any]) -> Any:
    """Macro-F1 of bookings against the customers fitted on; None when there is nothing to draw."""
    points = [point for point in facts.get("learning_curve", []) if point["macro_f1"] is not None]
    if not points:
        return None
    figure, axes = _canvas(7, 4.5)
    axes.plot([p["customers"] for p in points], [p["macro_f1"] for p in points], color=_BLUE, marker="o")
    for point in points:
        said = f"{point['share']:.0%}: {point['macro_f1']:.2f}\nn={point['bookings']:,} bookings"
        where = (point["customers"], point["macro_f1"])
        axes.annotate(said, where, xytext=(0, -26), textcoords="offset points", ha="left", fontsize=8)
    axes.margins(x=0.15)
    title = "Would more customers help? Same test, growing training set"
    axes.set(ylim=(0, 1.1), xlabel="customers fitted on", ylabel="macro-F1 of bookings", title=title)
    return figure


def _bars(rows: Mapping[str, tuple[float, int, list[float] | None]], *, title: str) -> Any:
    if not rows:
        return None
    names = sorted(rows, key=lambda name: rows[name][0])[-_MOST_BARS:]
    figure, axes = _canvas(8, 0.3 * len(names) + 1.2)
    values = [rows[name][0] for name in names]
    ends = [rows[name][2] or (rows[name][0], rows[name][0]) for name in names]
    spread = [
        [max(0.0, value - low) for value, (low, _) in zip(values, ends, strict=True)],
        [max(0.0, high - value) for value, (_, high) in zip(values, ends, strict=True)],
    ]
    said = [f"{_plain(name)} (n={rows[name][1]:,})" for name in names]
    axes.barh(said, values, color=_BLUE, xerr=spread if any(map(any, spread)) else None, ecolor=_BLACK, capsize=2)
    axes.set(xlim=(0, 1))
    axes.set_title(title, fontsize=10)
    return figure


def _plain(label: str) -> str:
    """A label as matplotlib shows it; between dollar signs it would read mathematics."""
    short = label if len(label) <= _LONGEST_LABEL else f"{label[:_LONGEST_LABEL]}..."
    return short.replace("$", r"\$")


def _canvas(width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", dpi=120)
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes
