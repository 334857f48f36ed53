"""The first page: what is proposed, what the model does, what is worst, what is not known, and who signs for what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.board import BoardDecision, decisions_in_force
from models.findings import Finding
from models.signing import BOARD
from training.fairness.findings import worst_first
from training.fairness.verdicts import EXCEEDED, NOT_ESTABLISHED
from training.report.blocks import Block, Bullets, Cell, Fold, Heading, Note, Section, Table, Text, Tone
from training.report.gaps import Fact, is_hidden, pick_worst, tell_as_people, verdict_cell
from training.report.source import Source
from training.report.texts import Texts

_MOST_REASONS, _MOST_WORST, _MOST_UNKNOWN = 5, 3, 6  # of what fits on one page of paper


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """What the facts and the policy together propose to the board."""

    key: str
    tone: Tone
    mark: str


def propose(source: Source) -> Proposal:
    """No audit, no decision; what blocks and is not waived, no release."""
    if not source.fairness:
        return Proposal(key="not_audited", tone="bad", mark="\u2715")
    if source.blocking:
        return Proposal(key="refuse", tone="bad", mark="\u2715")
    if any(finding.blocks for finding in source.findings):
        return Proposal(key="waived", tone="open", mark="?")
    return Proposal(key="release", tone="good", mark="\u2713")


def build_decision(source: Source, texts: Texts) -> Section:
    """The decision page."""
    proposal = propose(source)
    said = texts(f"decision.{proposal.key}.text", n=texts.count(len(source.blocking)))
    blocks: list[Block] = [
        Note(title=texts(f"decision.{proposal.key}.title"), text=said, tone=proposal.tone, mark=proposal.mark)
    ]
    if source.is_demo:
        blocks.append(Note(title=texts("decision.demo.title"), text=texts("decision.demo.text"), mark="!"))
    blocks += [Heading(texts("decision.what_it_does")), Text(" ".join(texts.lines("decision.does")))]
    blocks += [Heading(texts("decision.worst")), *_worst(source, texts)]
    blocks += [Heading(texts("decision.not_known")), Bullets(_most_unknown(source, texts))]
    blocks += [Heading(texts("decision.who_signs")), table_of_signers(source, texts)]
    blocks += [Heading(texts("decision.about")), Text(_tell_versions(source, texts)), _hashes(source, texts)]
    blocks += [Heading(texts("decision.blocks")), *_reasons(source, texts)]
    return Section(id="decision", number="", title=texts("decision.title"), blocks=blocks)


def _worst(source: Source, texts: Texts) -> list[Block]:
    direct = _direct_distinction(source.part("swaps"), texts)
    cube = source.part("cube")
    facts: list[Fact] = [*cube["primary"], *cube["secondary"], *cube["harm"]] if cube else []
    if not facts and not direct:
        return [Text(texts("decision.nothing_measured"))]
    worst = pick_worst(facts, most=_MOST_WORST - len(direct))
    rows: list[Sequence[Cell | str]] = [*direct]
    rows += [[tell_as_people(fact, source.taxonomy, texts), verdict_cell(fact["verdict"], texts)] for fact in worst]
    if not rows:
        return [Text(texts("decision.all_hidden"))]
    columns = texts.lines("decision.worst_columns")
    blocks: list[Block] = [Table(caption=texts("decision.worst_caption"), columns=columns, rows=rows)]
    if not any(fact["verdict"] == EXCEEDED for fact in worst) and not direct:
        blocks.append(Text(texts("decision.none_exceeded")))
    return blocks


def _direct_distinction(swaps: Mapping[str, Any] | None, texts: Texts) -> list[list[Cell | str]]:
    """Outcomes that changed with a name, and the one other swap that changed most, come before all gaps."""
    kinds = (swaps or {}).get("kinds", [])
    names = [kind for kind in kinds if kind["kind"] == "names"]
    flips, changes = (sum(int(kind[what]) for kind in names) for what in ("flips", "score_changes"))
    pairs = sum(int(kind["pairs"]) for kind in names)
    told = []
    if flips or changes:
        told.append(texts("people.names", flips=texts.count(flips), changes=texts.count(changes), n=texts.count(pairs)))
    others = [kind for kind in kinds if kind["kind"] != "names" and kind["gated"] and kind["verdict"] == EXCEEDED]
    for kind in sorted(others, key=lambda one: -one["flip_rate"])[:1]:
        what = f"{texts.name('swaps', kind['kind'])}, {texts.name('origins', kind['origin'])}"
        told.append(texts("people.swap", what=what, n=texts.count(kind["pairs"]), flips=texts.count(kind["flips"])))
    return [[one, verdict_cell(EXCEEDED, texts)] for one in told]


def list_unknown(source: Source, texts: Texts) -> list[str]:
    """What this report cannot say, the parts that were not measured first."""
    unknown = [texts("unknown.part", part=texts.name("parts", part)) for part in source.missing]
    cube = source.part("cube")
    if cube:
        facts = [*cube["primary"], *cube["secondary"], *cube["harm"]]
        open_ones = sum(fact["verdict"] == NOT_ESTABLISHED for fact in facts)
        hidden = sum(is_hidden(fact) for fact in facts)
        if open_ones:
            unknown.append(texts("unknown.open", n=texts.count(open_ones), all=texts.count(len(facts))))
        if hidden:
            unknown.append(texts("unknown.hidden", n=texts.count(hidden)))
        missing = any(n is None or n > 0 for n in cube["customers_of_no_group"].values())  # None: too few to tell
        unknown += [texts("unknown.no_group")] if missing else []
    said = [one[texts.language] for one in source.fairness.get("not_known") or ()]
    return [*unknown, *said, texts("unknown.always")]


def _most_unknown(source: Source, texts: Texts) -> list[str]:
    unknown = list_unknown(source, texts)
    if len(unknown) <= _MOST_UNKNOWN:
        return unknown
    return [*unknown[: _MOST_UNKNOWN - 1], texts("unknown.more", n=texts.count(len(unknown) - _MOST_UNKNOWN + 1))]


def table_of_signers(source: Source, texts: Texts) -> Table:
    """The three roles of the board and what each decided last."""
    decided = decisions_in_force(source.decisions)
    rows = [[texts.name("roles", role), *_signed(decided.get(role), texts)] for role in BOARD]
    return Table(caption=texts("decision.signers"), columns=texts.lines("decision.signer_columns"), rows=rows)


def _signed(decision: BoardDecision | None, texts: Texts) -> list[Cell | str]:
    if decision is None:
        return [Cell(text=texts("decisions.open"), tone="open", mark="?"), "", "", ""]
    tone: Tone = "good" if decision.decision == "approve" else "bad"
    mark = "\u2713" if decision.decision == "approve" else "\u2715"
    key = texts("decisions.demo_key") if decision.demo else ""
    said = Cell(text=texts(f"decisions.{decision.decision}"), note=key, tone=tone, mark=mark)
    return [said, decision.person, texts.day(decision.signed_at), decision.reason]


def _reasons(source: Source, texts: Texts) -> list[Block]:
    if not source.fairness:
        return [Text(texts("decision.not_audited.text", n="0"))]
    if not source.blocking:
        return [Text(texts("decision.nothing_blocks"))]
    ordered = worst_first([{"finding": one, "blocks": one.blocks, "verdict": one.verdict} for one in source.blocking])
    findings = [one["finding"] for one in ordered]
    first = table_of_findings(findings[:_MOST_REASONS], texts, caption=texts("decision.blocks_caption"))
    more = findings[_MOST_REASONS:]
    if not more:
        return [first]
    rest = table_of_findings(more, texts, caption=texts("decision.blocks_more", n=texts.count(len(more))))
    return [first, Fold(summary=rest.caption, blocks=[rest])]


def table_of_findings(findings: Sequence[Finding], texts: Texts, *, caption: str) -> Table:
    """Findings in words, each with its gate, verdict and whether the board may waive it."""
    rows: list[Sequence[Cell | str]] = [
        [
            Cell(text=getattr(finding, f"reason_{texts.language}"), note=finding.id),
            finding.gate,
            verdict_cell(finding.verdict, texts),
            texts("words.yes") if finding.waivable else texts("words.no"),
        ]
        for finding in findings
    ]
    return Table(caption=caption, columns=texts.lines("decision.finding_columns"), rows=rows)


def _tell_versions(source: Source, texts: Texts) -> str:
    audited = source.fairness.get("created_at")
    return texts(
        "decision.versions", version=source.manifest["model_version"],
        trained=texts.day(str(source.manifest["created_at"])),
        audited=texts.day(str(audited)) if audited else texts("words.not_audited"),
        reported=texts.day(source.at.isoformat()),
    )  # fmt: skip


def _hashes(source: Source, texts: Texts) -> Table:
    known = {"candidate": source.candidate_id, "facts": source.facts_sha256, **source.fairness.get("hashes", {})}
    rows: list[Sequence[Cell | str]] = [
        [texts.name("hashes", name), Cell(text=str(value), code=True)] for name, value in known.items() if value
    ]
    return Table(caption=texts("decision.hashes"), columns=texts.lines("decision.hash_columns"), rows=rows)
