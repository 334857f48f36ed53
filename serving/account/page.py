"""From facts to a page: every value in words of one language, as tables and pairs that the template only lays out."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

Language = Literal["nl", "en"]
LANGUAGES: tuple[Language, ...] = ("nl", "en")
ACTIVITY = (
    "answers", "refusals", "offers_made", "offers_sent", "offers_answered", "offer_reports_refused", "recalls",
    "corrections", "complaints", "erasures", "exports",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Table:
    """A table; the first column names the row."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    empty: str


@dataclass(frozen=True, slots=True)
class Section:
    """One chapter: what it says, pairs of term and meaning, and tables."""

    id: str
    title: str
    says: Sequence[str] = ()
    pairs: Sequence[tuple[str, str]] = ()
    tables: Sequence[Table] = ()
    is_warning: bool = False


@dataclass(frozen=True, slots=True)
class Texts:
    """The words of one language."""

    language: Language
    words: Mapping[str, Any]

    def __call__(self, key: str, **values: object) -> str:
        """The sentence under a key such as `trail.title`, with its values filled in."""
        found: Any = self.words
        for step in key.split("."):
            found = found[step]
        return str(found).format(**values)

    def code(self, code: object) -> str:
        """What a code means in this language; a code that has no words stays as it is."""
        if code is None:
            return self("none")
        return str(self.words["codes"].get(str(code), code))


@cache
def load_texts(language: Language) -> Texts:
    """The words of one language."""
    name = f"texts_{language}.toml"
    return Texts(language, tomllib.loads(resources.files("serving.account").joinpath(name).read_text("utf-8")))


def render_account(facts: Mapping[str, Any], *, machine: str) -> str:
    """The page in all languages as one HTML text that fetches nothing."""
    environment = Environment(
        loader=PackageLoader("serving.account"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    style = resources.files("serving.account").joinpath("templates", "account.css").read_text("utf-8")
    return environment.get_template("account.html.j2").render(
        parts=[{"texts": load_texts(one), "sections": build_sections(facts, load_texts(one))} for one in LANGUAGES],
        at=facts["at"],
        machine=machine,
        style=Markup(style),  # noqa: S704 - our own file
    )


def build_sections(facts: Mapping[str, Any], texts: Texts) -> list[Section]:
    """All chapters in one language."""
    return [
        _check_section(facts, texts),
        *(_purpose_section(purpose, texts) for purpose in facts["purposes"]["list"]),
        _activity_section(facts, texts),
        _retention_section(facts, texts),
        _release_section(facts, texts),
        _trail_section(facts, texts),
        Section("how", texts("how.title"), says=[texts("how.hidden"), texts("how.hash"), texts("how.verify")]),
    ]


def _check_section(facts: Mapping[str, Any], texts: Texts) -> Section:
    """What a supervisor asks first: was anything sent after a no? A count of our own faults is never hidden."""
    found = facts["sent_after_objection"]
    if found is None:
        return Section("check", texts("check.title"), says=[texts("check.never")], is_warning=True)
    names = ("sent_after_objection", "sent_without_permission", "refused_reports")
    return Section(
        "check",
        texts("check.title"),
        says=[texts("check.says")],
        pairs=[*((texts(f"check.{name}"), str(found[name])) for name in names),
               (texts("check.at"), found["at"]), (texts("trail.row"), str(found["seq"]))],
        is_warning=bool(found["sent_after_objection"] or found["sent_without_permission"]),
    )  # fmt: skip


def _purpose_section(purpose: Mapping[str, Any], texts: Texts) -> Section:
    notice, counted = purpose["notice"], purpose["permissions"]
    pairs = [
        (texts("purpose.regime"), texts.code(purpose["regime"])),
        (texts("purpose.lawful_basis"), purpose["lawful_basis"]),
        (texts("purpose.justification"), purpose["justification"]),
        (texts("purpose.compatibility_test"), texts.code(purpose["compatibility_test"])),
        (texts("purpose.notice"), notice["text"].get(texts.language, "")),
        (texts("purpose.notice_version"), texts("purpose.version_from", version=notice["version"], day=notice["from"])),
        (texts("purpose.notice_sha256"), notice["sha256"]),
        (texts("purpose.evidence"), texts("purpose.evidence_says")),
        (texts("purpose.products"), texts("yes" if purpose["products"] else "no")),
        (texts("purpose.clients"), ", ".join(texts.code(one) for one in purpose["clients"])),
    ]
    tables = [
        _months_table(texts("purpose.states"), counted["customers_by_state_at_month_end"], texts),
        _months_table(texts("purpose.events"), counted["events_by_month"], texts),
    ]
    return Section(f"purpose-{purpose['id']}", texts.code(purpose["id"]), pairs=pairs, tables=tables)


def _activity_section(facts: Mapping[str, Any], texts: Texts) -> Section:
    tables = [_months_table(texts(f"activity.{name}"), facts["activity"][name], texts) for name in ACTIVITY]
    tables.append(_months_table(texts("activity.recalled_offers"), facts["recalled_offers"], texts))
    return Section("activity", texts("activity.title"), says=[texts("activity.says")], tables=tables)


def _retention_section(facts: Mapping[str, Any], texts: Texts) -> Section:
    rows = [
        (table, texts("retention.always") if kept["days"] is None else str(kept["days"]), kept["why"][texts.language])
        for table, kept in facts["policy"]["retention"].items()
    ]
    columns = (texts("retention.table"), texts("retention.days"), texts("retention.why"))
    table = Table(texts("retention.caption"), columns, rows, texts("nothing"))
    return Section("retention", texts("retention.title"), tables=[table])


def _release_section(facts: Mapping[str, Any], texts: Texts) -> Section:
    """Promotions with signatures and waivers, and the kill switches."""
    moves = [
        (one["at"], texts.code(one["action"]), one["release"], _signed(one["signatures"], texts),
         _waived(one["waivers"], texts), str(one["trail_seq"]))
        for one in facts["releases"]
    ]  # fmt: skip
    stops = [
        (one["at"], one["event"], texts.code(one["state"]), texts.code(one["role"])) for one in facts["kill_switches"]
    ]
    names = ("at", "action", "release", "signatures", "waivers", "row")
    return Section(
        "releases",
        texts("releases.title"),
        says=[texts("releases.says")],
        tables=[
            Table(texts("releases.caption"), [texts(f"releases.{name}") for name in names], moves, texts("nothing")),
            Table(
                texts("stops.caption"), [texts(f"stops.{name}") for name in ("at", "event", "state", "role")], stops,
                texts("nothing"),
            ),
        ],
    )  # fmt: skip


def _signed(signatures: Sequence[Mapping[str, Any]], texts: Texts) -> str:
    return "; ".join(_tell_signature(one, texts) for one in signatures) or texts("none")


def _tell_signature(signature: Mapping[str, Any], texts: Texts) -> str:
    key = f"{texts('releases.key')} {signature['key']}" + (f", {texts('releases.demo')}" if signature["demo"] else "")
    return f"{texts.code(signature['role'])}: {texts.code(signature['decision'])}, {signature['at'][:10]} ({key})"


def _waived(waivers: Sequence[Mapping[str, Any]], texts: Texts) -> str:
    return "; ".join(texts("releases.until", finding=one["finding"], day=one["until"]) for one in waivers) or texts(
        "none"
    )


def _trail_section(facts: Mapping[str, Any], texts: Texts) -> Section:
    trail = facts["trail"]
    head = trail["head"] or {"seq": 0, "hash": texts("none")}
    return Section(
        "trail",
        texts("trail.title"),
        says=[texts("trail.verifies" if trail["verifies"] else "trail.broken"), *trail["findings"], *trail["notes"]],
        pairs=[
            (texts("trail.rows"), str(trail["rows"])),
            (texts("trail.head"), f"{head['seq']} · {head['hash']}"),
            (texts("trail.checkpoints"), str(trail["checkpoints"])),
        ],
        is_warning=not trail["verifies"],
    )


def _months_table(caption: str, counts: Mapping[str, Mapping[str, Any]], texts: Texts) -> Table:
    """Kinds as rows, months as columns."""
    months = sorted({month for by_month in counts.values() for month in by_month})
    rows = [[texts.code(kind), *(str(by_month[month]) for month in months)] for kind, by_month in counts.items()]
    return Table(caption, [texts("what"), *months], rows, texts("nothing"))
