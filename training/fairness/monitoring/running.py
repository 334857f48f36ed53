"""`levensloop monitor`: what a release told customers since it answers, month by month, compared between groups.

Opens the vault as the audit does, for the audit's purpose and with every opening in the trail. Permission comes first:
whoever does not allow the audit is not counted. Nothing here stops an event; the board does, with its own key.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from models.bookings import load_bookings
from models.candidate import POLICY, TAXONOMY, Candidate, find_candidate, read_candidate
from models.canonical import canonical_json, moment_text, sha256_of
from models.durable import write_durably
from models.errors import NoReleaseError, UsageError
from models.home import Home, find_home
from models.permission_files import load_permissions, permissions_as_of
from models.progress import track_steps
from models.purposes import default_purposes
from models.release import read_champion
from models.served import Served, first_told, read_permission_events, read_served
from models.store import open_store
from models.taxonomy import Taxonomy, parse_taxonomy
from models.trail import append_trail
from training.dataset import load_events, registry_for
from training.fairness.monitoring.counting import People, count_per_event, count_questions, list_months
from training.fairness.monitoring.facts import (
    WATCHED,
    Measured,
    alarms_of,
    drift_of,
    events_behind,
    measure,
    places,
    rates_of,
    watch,
)
from training.fairness.policy import FairnessPolicy, group_frame, parse_fairness
from training.fairness.vault import open_vault
from training.reading import load_table
from training.report.gaps import name_ground, name_group
from training.report.texts import LANGUAGES, load_texts

PURPOSE = "fairness_audit"
MONITORED = "monitored"
_STEPS = ("reading what was told", "opening the vault", "counting month by month", "watching", "writing the facts")
_FOUND = ("customer_id", "event", "onset_date", "detected_on", "probability")


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Where what was told stands, besides the store: all of it may be absent.

    `detections` (of `levensloop detect`) and `bookings` go together, in place of the nightly runs; `events` are true
    events as far as known; `permissions` is a file in place of the ledger.
    """

    detections: Path | None = None
    bookings: Path | None = None
    events: Path | None = None
    permissions: Path | None = None


def monitor_release(
    sources: Sources, *, release_id: str | None, vault_key: Path, passphrase: str, who: str, home: Home | None = None,
    at: datetime | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Measure the months of a release, keep the facts, record that in the trail; returns the facts.

    Raises
    ------
    NoReleaseError
        Nothing was promoted yet.
    UsageError
        Nothing was told, or nobody who allows the audit was told anything.
    UnreadableDataError, IntegrityError, PermissionRefusedError, StoreUnavailableError
        A table, the release, the vault or the store cannot be read, or the vault may not be opened.
    """
    home, at = home or find_home(), at or datetime.now(UTC)
    release = read_candidate(find_candidate([home.releases, home.candidates], release_id or _champion(home)))
    policy = parse_fairness(release.text(POLICY), source=POLICY)
    taxonomy = parse_taxonomy(release.text(TAXONOMY), source=TAXONOMY)
    with track_steps("Monitoring", steps=len(_STEPS)) as step:
        step(_STEPS[0])
        served, ledger = _read(home, release.id, sources)
        served = served.of_customers(_who_allow(ledger, at))
        months = list_months(served)
        if not months:
            raise UsageError(
                f"Nothing of release {release.id[:12]} was told to customers who allow {PURPOSE}. Run `levensloop "
                "nightly` first, or give --detections with --bookings."
            )
        step(_STEPS[1])
        customers = np.array(sorted(_who_allow(ledger, at)), dtype=object)
        groups = open_vault(home, key_file=vault_key, passphrase=passphrase, purpose=PURPOSE, who=who, at=at)
        frame = group_frame(policy, groups.of_customers(customers.tolist())).reset_index(drop=True)
        people = People(customers=customers, groups=frame[list(policy.grounds)], months=months)
        step(_STEPS[2])
        truth = _read_truth(sources.events, people)
        facts = _about(release, policy, people, at) | build_facts(
            served, people, policy, taxonomy, truth=truth, ledger=ledger
        )
        facts["names"] = _name_cells(facts)
        step(_STEPS[4])
        _keep(home, release.id, facts, at=at)
    return facts


def build_facts(
    served: Served, people: People, policy: FairnessPolicy, taxonomy: Taxonomy, *, truth: pd.DataFrame | None,
    ledger: pd.DataFrame | None,
) -> dict[str, Any]:  # fmt: skip
    """All figures, fit to be printed; a question that could not be asked is None."""
    registry = default_purposes()
    if ledger is not None:
        registry = registry_for(ledger, registry, [], purpose="own_product_offers")
    questions = count_questions(served, people, taxonomy, truth=truth, ledger=ledger, registry=registry)
    measured: dict[str, Measured | None] = {
        name: None if one is None else measure(one, people, policy) for name, one in questions.items()
    }
    rates = {name: None if one is None else rates_of(one, policy) for name, one in measured.items()}
    watched = [row for name in WATCHED if (one := measured[name]) is not None for row in watch(name, one, policy)]
    alarms = alarms_of(watched, {name: rows for name, rows in rates.items() if rows is not None})
    told = served.told.assign(month=served.told["detected_on"].dt.strftime("%Y-%m"))
    judged = people.matrix(served.judged)
    for alarm in alarms:
        alarm["events"] = events_behind(alarm, told, people, judged, policy)
    return {
        "rates": rates,
        "watched": watched,
        "alarms": alarms,
        "drift": drift_of(told, people, policy),
        "per_event": count_per_event(
            served.spoke, hide_below=int(policy.numbers["hide_below"]), known=taxonomy.ids
        ),
    }  # fmt: skip


def _name_cells(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What the grounds and groups of these facts are called, by language, for a page that knows ids alone."""
    rows = [*facts["drift"], *(row for rows in facts["rates"].values() if rows is not None for row in rows)]
    cells = sorted({(row["ground"], row["group"]) for row in rows})
    named: dict[str, Any] = {}
    for language in LANGUAGES:
        texts = load_texts(language)
        named[language] = {
            ground: {
                "name": name_ground(ground, texts),
                "groups": {group: name_group(ground, group, texts) for one, group in cells if one == ground},
            }
            for ground in sorted({ground for ground, _ in cells})
        }
    return named


def _champion(home: Home) -> str:
    champion = read_champion(home)
    if champion is None:
        raise NoReleaseError("No release was promoted yet, so nothing was told. Promote one, or give --release.")
    return champion.release_id


def _read(home: Home, release_id: str, sources: Sources) -> tuple[Served, pd.DataFrame]:
    """What left, from the store and in place of its nightly runs from files; and the permission events."""
    if (sources.detections is None) != (sources.bookings is None):
        raise UsageError("Detections say nothing of whom nothing was found of. Give --bookings with --detections.")
    store = open_store(home.database_url)
    try:
        with store.read() as connection:
            served = read_served(connection, release_id)
            ledger = read_permission_events(connection)
    finally:
        store.close()
    if sources.permissions is not None:
        ledger = load_permissions(sources.permissions)
    if sources.detections is None or sources.bookings is None:
        return served, ledger
    told = load_table(sources.detections, _FOUND)
    told = first_told(told.assign(probability=told["probability"].astype(float)))
    return Served(judged=_months_seen(sources.bookings), told=told, asked=served.asked, spoke=served.spoke), ledger


def _months_seen(bookings: Path) -> pd.DataFrame:
    """Every month from a customer's first to the last booking."""
    frame = load_bookings(bookings).frame
    spans = frame.groupby("customer_id")["booking_date"].agg(["min", "max"])
    months = [
        (customer, month)
        for customer, first, last in spans.itertuples()
        for month in pd.period_range(first, last, freq="M").strftime("%Y-%m")
    ]
    return pd.DataFrame(months, columns=["customer_id", "month"])


def _who_allow(ledger: pd.DataFrame, at: datetime) -> set[str]:
    registry = registry_for(ledger, default_purposes(), [], purpose=PURPOSE)
    return permissions_as_of(ledger, PURPOSE, at, registry)


def _read_truth(events: Path | None, people: People) -> pd.DataFrame | None:
    if events is None:
        return None
    truth = load_events(events)
    return truth[truth["customer_id"].isin(people.customers)].reset_index(drop=True)


def _about(release: Candidate, policy: FairnessPolicy, people: People, at: datetime) -> dict[str, Any]:
    """Which release, months and people it is about, and what the alarm promises."""
    least = policy.numbers["hide_below"]
    unknown = {ground: int(people.groups[ground].isna().sum()) for ground in policy.grounds}
    return {
        "schema": 1,
        "release": release.id,
        "model_version": release.manifest["model_version"],
        "policy_sha256": policy.sha256,
        "created_at": moment_text(at),
        "months": list(people.months),
        "customers": len(people.customers),
        "customers_of_no_group": {ground: None if 0 < n < least else n for ground, n in unknown.items()},
        "false_alarm": policy.monitoring["false_alarm"],
        "places": places(policy),
        "margins": {side: policy.monitoring[side] for side in ("low", "high")},
        "drift_bands": {"watch": policy.monitoring["drift_watch"], "large": policy.monitoring["drift_large"]},
        "first_asked": sorted({(one.ground, one.group) for one in policy.primary}),
        "confidence": policy.numbers["confidence"],
    }


def _keep(home: Home, release_id: str, facts: Mapping[str, Any], *, at: datetime) -> None:
    """The trail first, with the hash of the facts, then the facts: a report never tells of what is not recorded."""
    data = canonical_json(facts).encode()
    alarms = [f"{one['question']}/{one['ground']}/{one['group']}/{one['side']}" for one in facts["alarms"]]
    body = {"release": release_id, "sha256": sha256_of(data), "months": len(facts["months"]), "alarms": alarms}
    store = open_store(home.database_url)
    try:
        with store.write() as connection:
            append_trail(connection, MONITORED, body, at=at)
    finally:
        store.close()
    write_durably(home.monitoring / f"{release_id}.json", data)


def print_facts(facts: Mapping[str, Any], console: Console) -> None:
    """The last month per question in a table, the alarms, and what the board may do."""
    month = facts["months"][-1]
    table = Table("question", "ground", "group", "n", "share", "others", "ratio", title=f"Furthest from equal, {month}")
    for name, rows in facts["rates"].items():
        told = [row for row in rows or () if row["month"] == month and row["point"]]
        for row in sorted(told, key=lambda one: -abs(np.log(one["point"])))[:2]:
            shares = (f"{row[side]:.3f}" for side in ("share", "share_against"))
            table.add_row(name, row["ground"], row["group"], f"{row['n']:,}", *shares, f"{row['point']:.2f}")
    console.print(table)
    console.print(
        f"{len(facts['months'])} months, {facts['customers']:,} customers who allow it; {len(facts['watched'])} of "
        f"{facts['places']} places watched; chance of any false alarm ever: {facts['false_alarm']:.0%}.", markup=False,
    )  # fmt: skip
    for alarm in facts["alarms"]:
        console.print(
            f"ALARM {alarm['month']}: {alarm['question']} of {alarm['ground']} {alarm['group']} are too {alarm['side']}"
            f", {alarm['share']:.3f} against {alarm['share_against']:.3f}.", markup=False,
        )  # fmt: skip
        events = ", ".join(alarm["events"][:3]) or "no single event stands out"
        console.print(f"  Events to look at: {events}. Stop one: levensloop kill-switch EVENT on", markup=False)
    if not facts["alarms"]:
        console.print("No alarm. That is no proof of equal treatment: small groups need many months.", markup=False)
