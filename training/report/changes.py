"""The change log: this model against the one that answered before it, from the facts of both."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from models.findings import Finding, is_audited, read_findings
from training.report.blocks import Block, Cell, Heading, Table, Text
from training.report.decision import table_of_findings
from training.report.gaps import Fact, name_cell, tell_gap, verdict_cell
from training.report.source import Previous, Source
from training.report.texts import Texts

_PARTS = ("taxonomy", "screening", "policy")


def build_changes(source: Source, texts: Texts) -> list[Block]:
    """What changed in figures, fingerprints and findings; nothing to say of the first model."""
    before = source.previous
    if before is None:
        return [Text(texts("changes.first"))]
    about = texts("changes.intro", before=before.manifest["model_version"], now=source.manifest["model_version"])
    blocks: list[Block] = [Text(about), Heading(texts("changes.hashes")), _hashes(source, before, texts)]
    blocks += [Heading(texts("changes.headline")), Text(_headline(source.facts, before.facts, texts))]
    if not (is_audited(before.facts) and source.fairness):
        return [*blocks, Text(texts("changes.not_audited"))]
    blocks += [Heading(texts("changes.primary")), *_primary(source, before, texts)]
    blocks += _ratchet(source, texts)
    return [*blocks, *_findings(source.findings, read_findings(before.facts), texts)]


def _hashes(source: Source, before: Previous, texts: Texts) -> Table:
    """Every part that is signed, before and now."""
    pairs = {name: (before.manifest.get(name, {}), source.manifest.get(name, {})) for name in _PARTS}
    told = {name: tuple(str(one.get("sha256", "")) for one in pair) for name, pair in pairs.items()}
    models = tuple(_model_of(manifest) for manifest in (before.manifest, source.manifest))
    told = {"candidate": (before.candidate_id, source.candidate_id), "model": models, **told}
    told["facts"] = (before.facts_sha256, source.facts_sha256)
    rows: list[Sequence[Cell | str]] = [
        [
            texts.name("hashes", name), Cell(text=was[:12], code=True), Cell(text=now[:12], code=True),
            texts("changes.same" if was == now else "changes.other"),
        ]
        for name, (was, now) in told.items() if was or now
    ]  # fmt: skip
    return Table(caption=texts("changes.hashes"), columns=texts.lines("changes.hash_columns"), rows=rows)


def _model_of(manifest: Mapping[str, Any]) -> str:
    return str(manifest.get("files", {}).get("classifier.skops", ""))


def _headline(now: Mapping[str, Any], before: Mapping[str, Any], texts: Texts) -> str:
    was, is_now = (facts.get("headline") or {} for facts in (before, now))
    if was.get("value") is None or is_now.get("value") is None or was["name"] != is_now["name"]:
        return texts("changes.no_headline")
    name = texts.name("headlines", is_now["name"])
    return texts(
        "changes.headline_text", name=name, before=texts.decimal(was["value"], 3), now=texts.decimal(is_now["value"], 3)
    )


def _primary(source: Source, before: Previous, texts: Texts) -> list[Block]:
    """Every primary question with its gap before and now; a question that only one of them has stands alone."""
    was, now = (_by_cell(facts["cube"]) for facts in (before.facts["fairness"], source.fairness))
    rows: list[Sequence[Cell | str]] = []
    for cell in dict.fromkeys([*now, *was]):
        one = now.get(cell) or was[cell]
        name = Cell(text=name_cell(one, texts), note=texts(f"rates.{one['rate']}.title"))
        rows.append([name, *_gap(was.get(cell), texts), *_gap(now.get(cell), texts)])
    if not rows:
        return [Text(texts("words.not_measured_cube"))]
    columns, numeric = texts.lines("changes.primary_columns"), frozenset({1, 3})
    return [Table(caption=texts("changes.primary"), columns=columns, rows=rows, numeric=numeric)]


def _by_cell(cube: Mapping[str, Any] | None) -> dict[tuple[str, str, str], Fact]:
    return {(fact["rate"], fact["ground"], fact["group"]): fact for fact in (cube or {}).get("primary", ())}


def _gap(fact: Fact | None, texts: Texts) -> list[Cell | str]:
    if fact is None:
        return [texts("changes.not_asked"), ""]
    return [tell_gap(fact, texts), verdict_cell(fact["verdict"], texts)]


def _ratchet(source: Source, texts: Texts) -> list[Block]:
    """The groups that are worst off with either model, both asked about the same customers."""
    told = (source.part("ratchet") or {}).get("rows")
    if not told:
        return []
    rows: list[Sequence[Cell | str]] = [
        [
            name_cell(row, texts), texts.count(row["n"]), texts.percent(row["champion"]),
            texts.percent(row["candidate"]),
            Cell(
                text=texts.decimal(100 * row["point"], 1),
                note=texts.span(*(texts.decimal(100 * end, 1) for end in row["interval"])),
            ),
            verdict_cell(row["verdict"], texts),
        ]
        for row in told if row["worst"]
    ]  # fmt: skip
    title, columns = texts("changes.ratchet"), texts.lines("changes.ratchet_columns")
    table = Table(caption=title, columns=columns, rows=rows, numeric=frozenset({1, 2, 3, 4}))
    return [Heading(title), table] if rows else []


def _findings(now: Sequence[Finding], before: Sequence[Finding], texts: Texts) -> list[Block]:
    """Findings that block now and did not, and the other way round; whoever is in neither list stayed as it was."""
    lists = {"new": _newly(now, before), "gone": _newly(before, now)}
    blocks: list[Block] = []
    for key, found in lists.items():
        title = texts(f"changes.{key}", n=texts.count(len(found)))
        blocks.append(Heading(title))
        blocks.append(table_of_findings(found, texts, caption=title) if found else Text(texts(f"changes.no_{key}")))
    return blocks


def _newly(these: Iterable[Finding], those: Iterable[Finding]) -> list[Finding]:
    known = {finding.id for finding in those if finding.blocks}
    return [finding for finding in these if finding.blocks and finding.id not in known]
