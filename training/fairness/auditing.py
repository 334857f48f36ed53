"""`levensloop audit`: what a candidate says of customers it has not seen, compared between groups of people.

The only process that opens the vault. Permission comes first here too: whoever did not allow the audit is not counted.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from models.bookings import load_bookings
from models.candidate import (
    CLASSIFIER,
    DETECTOR,
    POLICY,
    Candidate,
    attach_fairness,
    find_candidate,
    newest_candidate,
    read_candidate,
)
from models.canonical import moment_text
from models.errors import UsageError
from models.home import Home, find_home
from models.progress import track_steps
from models.release import Release, load_release
from models.taxonomy import SCREENED
from training.dataset import load_events, permitted_bookings
from training.door import Door, open_door
from training.fairness.audit import audit_cube
from training.fairness.clusters import cluster_errors
from training.fairness.findings import Finding, make_findings, not_known, worst_first
from training.fairness.justifications import Justification, justified_cells, load_justifications
from training.fairness.leakage import measure_leakage
from training.fairness.observing import Observed, observe
from training.fairness.permission_rates import permission_by_group
from training.fairness.policy import FairnessPolicy, parse_fairness, undeclared_values
from training.fairness.ratchet import Questioned, compare_with_champion
from training.fairness.self_tests import run_self_tests
from training.fairness.swap_suite import default_suite
from training.fairness.swaps import run_swaps
from training.fairness.vault import Groups, open_vault
from training.reading import load_table
from training.simulation import simulate

PURPOSE = "fairness_audit"
_NOT_MEASURED = ("alternatives", "naive")
_SAID = 12  # findings that are printed; all are in the facts
_STEPS = (
    "reading", "opening the vault", "detecting and counting", "swapping names and words", "guessing groups from scores",
    "testing the audit itself", "writing the facts",
)  # fmt: skip
_SWAP_MONTHS = 14  # of the synthetic histories in which names and words are swapped
_SEED = 2026


@dataclass(frozen=True, kw_only=True)
class Sources:
    """The tables of an audit: bookings and true events, and who may be looked at.

    `labels` tell which bookings must be screened, `splits` (customer_id,split) whom the candidate was trained on;
    `justifications` are the board's answers about cells in which offers may differ.
    """

    bookings: Path
    events: Path
    labels: Path | None = None
    permissions: Path | None = None
    splits: Path | None = None
    justifications: Path | None = None


@dataclass(frozen=True, kw_only=True)
class _Audited:
    """The tables after permission: nobody in them was trained on."""

    bookings: pd.DataFrame
    events: pd.DataFrame
    to_screen: np.ndarray | None
    as_of: date
    without_permission: int


def audit_candidate(
    sources: Sources, *, candidate_id: str | None, vault_key: Path, passphrase: str, who: str, home: Home | None = None
) -> list[Finding]:
    """Audit a candidate, put the facts beside it, say what was found; returns the findings.

    Raises
    ------
    UsageError
        No booking is left, or the candidate was signed already.
    UnreadableDataError, IntegrityError, NoReleaseError, PermissionRefusedError
        A table, the candidate or the vault cannot be read, or the vault may not be opened.
    """
    home, console = home or find_home(), Console(stderr=True, highlight=False, soft_wrap=True)
    candidate = read_candidate(find_candidate([home.candidates], candidate_id or newest_candidate(home)))
    release = load_release(home, candidate.id, allow_demo=True)
    policy = parse_fairness(candidate.text(POLICY), source=POLICY)
    justifications = load_justifications(sources.justifications, policy)
    with track_steps("Auditing", steps=len(_STEPS)) as step:
        step(_STEPS[0])
        door = open_door(home)
        audited, notes = _read(sources, door)
        step(_STEPS[1])
        groups = open_vault(home, key_file=vault_key, passphrase=passphrase, purpose=PURPOSE, who=who)
        vault = _vault_of(groups, audited.bookings)
        step(_STEPS[2])
        seen = observe(
            audited.bookings, audited.events, vault, release, policy, as_of=audited.as_of, to_screen=audited.to_screen
        )
        step(_STEPS[3])
        swaps = _swap(release, policy)
        step(_STEPS[4])
        leakage = measure_leakage(
            audited.bookings, vault, release, audited.events, as_of=audited.as_of, policy=policy, seed=_SEED
        )
        step(_STEPS[5])
        facts = {
            **_about(candidate, policy),
            "data": _data(
                audited, seen, objectors=_count_objectors(sources.permissions, seen.customers, open_door(home))
            ),
            "cube": _cube_facts(seen, release, policy, vault, justifications),
            "swaps": swaps,
            "leakage": leakage,
            "clusters": cluster_errors(audited.bookings, seen.found, audited.events, policy, seed=_SEED),
            "ratchet": compare_with_champion(home, candidate.id, _questions(audited, seen), policy),
            **dict.fromkeys(_NOT_MEASURED),
            "permission_by_group": sources.permissions
            and permission_by_group(sources.permissions, seen.customers, seen.groups, policy, purposes=door.purposes),
            "not_known": not_known(),
            "justifications": justifications,
            "self_tests": run_self_tests(),
        }
        facts["findings"] = make_findings(facts, policy, taxonomy=release.taxonomy)
        step(_STEPS[6])
        attach_fairness(home, candidate.id, facts)
    for note in notes:
        console.print(note, markup=False)
    print_findings(console, facts["findings"], candidate.id)
    return list(facts["findings"])


def _read(sources: Sources, door: Door) -> tuple[_Audited, list[str]]:
    """Permission first; then whoever was trained on is left out."""
    notes: list[str] = []
    read = load_bookings(sources.bookings)
    frame, _ = permitted_bookings(read.frame, sources.permissions, notes, purpose=PURPOSE, door=door)
    refused = read.frame["customer_id"].nunique() - frame["customer_id"].nunique()
    if sources.splits is None:
        notes.append("No splits were given: you declare that the candidate was not trained on these customers.")
    else:
        table = load_table(sources.splits, ("customer_id", "split"))
        unseen = set(table.loc[table["split"] == "test", "customer_id"])
        frame = frame[frame["customer_id"].isin(unseen)].reset_index(drop=True)
    if not len(frame):
        raise UsageError(
            f"No customer is left to audit: each must allow {PURPOSE} and must not have been trained on. "
            "Check customer_id in bookings, permissions and splits."
        )
    to_screen = None
    if sources.labels is not None:
        labels = load_table(sources.labels, ("booking_id", "event"))
        sensitive = labels["event"].eq(SCREENED) | (labels["role"].eq(SCREENED) if "role" in labels else False)
        to_screen = frame["booking_id"].isin(set(labels.loc[sensitive, "booking_id"])).to_numpy()
    as_of = pd.Timestamp(frame["booking_date"].max()).date()
    return _Audited(
        bookings=frame, events=load_events(sources.events), to_screen=to_screen, as_of=as_of, without_permission=refused
    ), notes


def _swap(release: Release, policy: FairnessPolicy) -> dict[str, Any]:
    """The swap suite on synthetic histories: no customer's bookings are rewritten."""
    suite = default_suite()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulate(customers=suite.customers, months=_SWAP_MONTHS, seed=_SEED, out=folder, rates="enriched")
        bookings = load_bookings(folder / "bookings.parquet").frame
    as_of = pd.Timestamp(bookings["booking_date"].max()).date()
    return run_swaps(bookings, release, as_of=as_of, suite=suite, seed=_SEED, policy=policy)


def _vault_of(groups: Groups, bookings: pd.DataFrame) -> pd.DataFrame:
    """The vault's attributes of the audited customers, with customer_id."""
    customers = np.sort(bookings["customer_id"].unique())
    return groups.of_customers(customers.tolist()).assign(customer_id=customers)


def _cube_facts(
    seen: Observed, release: Release, policy: FairnessPolicy, vault: pd.DataFrame, justifications: list[Justification]
) -> dict[str, Any]:
    """The facts of both cubes; values of the vault that no group has are a gap in coverage."""
    cube = audit_cube(
        seen.cube, policy, taxonomy_events=release.taxonomy.ids, screening=seen.screening,
        justified=justified_cells(justifications),
    )  # fmt: skip
    return {**cube, "coverage": [*cube["coverage"], *undeclared_values(policy, vault)]}


def _questions(audited: _Audited, seen: Observed) -> Questioned:
    """What the candidate was asked and said, for the champion to be asked the same."""
    return Questioned(
        bookings=audited.bookings,
        as_of=audited.as_of,
        found=seen.found,
        truth=audited.events,
        customers=seen.customers,
        groups=seen.groups,
    )


def _about(candidate: Candidate, policy: FairnessPolicy) -> dict[str, Any]:
    """Whom the facts are about, and under which policy."""
    manifest = candidate.manifest
    return {
        "schema": 1,
        "candidate": candidate.id,
        "model_version": manifest["model_version"],
        "created_at": moment_text(datetime.now(UTC)),
        "hashes": {
            "classifier": manifest["files"][CLASSIFIER],
            "detector": manifest["files"][DETECTOR],
            "taxonomy": manifest["taxonomy"]["sha256"],
            "screening": manifest["screening"]["sha256"],
            "policy_sha256": policy.sha256,
            "policy_bytes_sha256": policy.bytes_sha256,
        },
    }


def _count_objectors(permissions: Path | None, customers: np.ndarray, door: Door) -> int:
    """How many of the audited customers do not allow it at the end: read again, for permission goes while work runs."""
    if permissions is None:
        return 0
    frame = pd.DataFrame({"customer_id": customers})
    return len(frame) - len(permitted_bookings(frame, permissions, [], purpose=PURPOSE, door=door)[0])


def _data(audited: _Audited, seen: Observed, *, objectors: int) -> dict[str, Any]:
    """What was looked at."""
    first = pd.Timestamp(audited.bookings["booking_date"].min()).date()
    return {
        "from": first.isoformat(),
        "until": audited.as_of.isoformat(),
        "customers": len(seen.customers),
        "bookings": len(audited.bookings),
        "detections": len(seen.found),
        "customers_without_permission": audited.without_permission,
        "objectors_processed": objectors,
    }


def print_findings(console: Console, findings: list[Finding], candidate_id: str) -> None:
    """What blocks, the worst first, and what to do next."""
    blocking = [finding for finding in worst_first(findings) if finding["blocks"]]
    counts: Mapping[str, int] = pd.Series([finding["verdict"] for finding in findings], dtype="str").value_counts()
    table = Table("gate", "verdict", "waivable", "what", title="What blocks a promotion")
    for finding in blocking[:_SAID]:
        table.add_row(
            finding["gate"], finding["verdict"], "yes" if finding["waivable"] else "no", finding["reason"]["en"]
        )
    if blocking:
        console.print(table)
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    console.print(f"{told}; {len(blocking)} of them block.", markup=False)
    console.print(f"Facts are with candidate {candidate_id[:12]}. Next: levensloop report.", markup=False)
