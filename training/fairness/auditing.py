"""`levensloop audit`: what a candidate says of customers it has not seen, compared between groups of people.

The only process that opens the vault. Permission comes first here too: whoever did not allow the audit is not counted.
"""

import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
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
    require_unsigned,
)
from models.canonical import moment_text
from models.home import Home, find_home
from models.progress import track_steps
from models.release import Release, load_release
from models.signing import load_registry
from training.dataset import permitted_bookings
from training.door import Door, open_door
from training.fairness.alternative_facts import compare_alternatives, teach_groups
from training.fairness.asking import Asked, ask
from training.fairness.audit import audit_cube
from training.fairness.clusters import cluster_errors
from training.fairness.counting import Counted, count_in_spark, counted_of
from training.fairness.findings import Finding, make_findings, naive_findings, not_known, worst_first
from training.fairness.justifications import Justification, justified_cells, load_justifications
from training.fairness.leakage import measure_leakage
from training.fairness.naive import fit_naive
from training.fairness.naive_rates import compare_rates, swap_names
from training.fairness.observing import Observed, People, observe
from training.fairness.permission_rates import permission_by_group
from training.fairness.policy import FairnessPolicy, parse_fairness, undeclared_values
from training.fairness.ratchet import Questioned, compare_with_champion
from training.fairness.rounding import rounded
from training.fairness.self_tests import run_self_tests
from training.fairness.swap_suite import default_suite
from training.fairness.swaps import Histories, open_histories, run_swaps
from training.fairness.tables import PURPOSE, SIMULATED, Sources, Tables, Trained, choose_audience, read_tables
from training.fairness.traps import run_traps
from training.fairness.vault import Groups, open_vault
from training.fairness.word_counts import WordCounts
from training.fitting import one_thread
from training.simulation import simulate

_SAID = 12  # findings that are printed; all are in the facts
_STEPS = (
    "reading", "opening the vault", "learning with groups", "detecting and counting", "swapping names and words",
    "laying a naive model beside it", "comparing other ways", "guessing groups from scores", "testing the audit itself",
    "writing the facts",
)  # fmt: skip
_SWAP_MONTHS = 14  # of the synthetic histories in which names and words are swapped
_SEED = 2026


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
    require_unsigned(candidate)  # now, not when the audit has taken its minutes
    policy = parse_fairness(candidate.text(POLICY), source=POLICY)
    justifications = load_justifications(sources.justifications, policy)
    with one_thread(), track_steps("Auditing", steps=len(_STEPS)) as tick:
        steps = iter(_STEPS)
        release = load_release(home, candidate.id, allow_demo=True)
        audit = Audit(home, candidate.id, release, policy, lambda: tick(next(steps)))
        audit.step()
        tables, notes = read_tables(sources, open_door(home))
        audit.step()
        groups = open_vault(home, key_file=vault_key, passphrase=passphrase, purpose=PURPOSE, who=who)
        facts = {
            **_about(candidate, policy),
            **audit.measure(tables, groups, sources, justifications),
            "demo": tables.source == SIMULATED or any(key.demo for key in load_registry(home).keys),
            "not_known": not_known(),
            "justifications": justifications,
        }
        facts["findings"] = make_findings(facts, policy, taxonomy=release.taxonomy)
        audit.step()
        attach_fairness(home, candidate.id, rounded(facts))
    for note in notes:
        console.print(note, markup=False)
    print_findings(console, facts["findings"], candidate.id)
    return list(facts["findings"])


@dataclass(frozen=True)
class Audit:
    """A release held against a policy; `step` tells people that the next part begins."""

    home: Home
    candidate_id: str
    release: Release
    policy: FairnessPolicy
    step: Callable[[], None]

    def measure(
        self, tables: Tables, groups: Groups, sources: Sources, justifications: list[Justification]
    ) -> dict[str, Any]:
        """All parts of the facts; what cannot be measured without labels and splits is None."""
        permissions = sources.permissions
        release, policy, as_of, trained = self.release, self.policy, tables.as_of, tables.trained
        vault = vault_of(groups, tables.bookings["customer_id"].unique())
        self.step()
        taught = None
        if trained is not None:
            taught = teach_groups(trained, vault_of(groups, trained.may_audit), release, policy, seed=_SEED)
        self.step()
        words = WordCounts(release.classifier)
        asked = ask(tables.bookings, release, as_of=as_of, detectors=taught, look=words.add)
        seen = observe(asked, tables.events, vault, release.taxonomy, policy, to_screen=tables.to_screen)
        people = seen.people
        counted = self.count(tables, seen, vault, groups, sources)
        self.step()
        synthetic = _simulate_histories(release)
        swaps = self._swap(synthetic)
        self.step()
        naive = self._lay_beside(trained, asked, people, synthetic)
        self.step()
        alternatives = trained and compare_alternatives(
            trained, asked, people, release, policy, as_of=as_of, seed=_SEED
        )
        self.step()
        leakage = measure_leakage(asked, words, vault, release, tables.events, as_of=as_of, policy=policy, seed=_SEED)
        self.step()
        door = open_door(self.home)  # again: permission goes while work runs
        return {
            "data": _data(tables, counted, objectors=_count_objectors(permissions, counted.customers, door)),
            "cube": _cube_facts(counted, release, policy, justifications),
            "swaps": swaps,
            "leakage": leakage,
            "clusters": cluster_errors(tables.bookings, seen.found, tables.events, policy, seed=_SEED),
            "ratchet": compare_with_champion(self.home, self.candidate_id, _questions(tables, seen), policy),
            "naive": naive,
            "alternatives": alternatives,
            "permission_by_group": permissions
            and permission_by_group(permissions, people.customers, people.groups, policy, purposes=door.purposes),
            "self_tests": run_self_tests(),
        }

    def count(self, tables: Tables, seen: Observed, vault: pd.DataFrame, groups: Groups, sources: Sources) -> Counted:
        """The cubes of the same bookings, or of a whole dataset of which they are a part."""
        if sources.whole is None:
            return counted_of(seen, tables.bookings, vault, without_permission=tables.without_permission)
        audience = choose_audience(sources, open_door(self.home))
        return count_in_spark(
            sources.whole, audience, tables.events, partial(vault_of, groups), self.release, self.policy,
            home=self.home, release_id=self.candidate_id, as_of=tables.as_of,
        )  # fmt: skip

    def _swap(self, synthetic: Histories) -> dict[str, Any]:
        """The swap suite on synthetic histories: no customer's bookings are rewritten."""
        return run_swaps(synthetic, self.release, suite=default_suite(), policy=self.policy)

    def _lay_beside(
        self, trained: Trained | None, asked: Asked, people: People, synthetic: Histories
    ) -> dict[str, Any]:
        """The traps, and where somebody says who was trained on, a naive model of the same customers beside it."""
        if trained is None:
            return {"traps": run_traps(self.release, naive=None), "rates": None, "names": None, "findings": None}
        with one_thread():
            naive = fit_naive(trained.bookings, trained.labels, seed=_SEED)
        facts = {
            "traps": run_traps(self.release, naive=naive),
            "rates": compare_rates(naive, asked, people, self.release.taxonomy, self.policy, seed=_SEED),
            "names": swap_names(naive, synthetic, self.policy, suite=default_suite()),
        }
        return {**facts, "findings": naive_findings(facts, self.policy, taxonomy=self.release.taxonomy)}


def _simulate_histories(release: Release) -> Histories:
    """Bookings of invented customers, in which names and words are swapped."""
    suite = default_suite()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulate(customers=suite.customers, months=_SWAP_MONTHS, seed=_SEED, out=folder, rates="enriched")
        bookings = load_bookings(folder / "bookings.parquet").frame
    as_of = bookings["booking_date"].max().date()
    return open_histories(bookings, release.screening, as_of=as_of, suite=suite, seed=_SEED)


def vault_of(groups: Groups, customers: Iterable[str]) -> pd.DataFrame:
    """The vault's attributes of some customers, sorted, with customer_id."""
    names = sorted(customers)
    return groups.of_customers(names).assign(customer_id=np.array(names, dtype=object))


def _cube_facts(
    counted: Counted, release: Release, policy: FairnessPolicy, justifications: list[Justification]
) -> dict[str, Any]:
    """The facts of both cubes; values of the vault that no group has are a gap in coverage."""
    cube = audit_cube(
        counted.cube, policy, taxonomy_events=release.taxonomy.ids, screening=counted.screening,
        justified=justified_cells(justifications),
    )  # fmt: skip
    return {**cube, "coverage": [*cube["coverage"], *undeclared_values(policy, counted.vault)]}


def _questions(tables: Tables, seen: Observed) -> Questioned:
    """What the candidate was asked and said, for the champion to be asked the same."""
    people = seen.people
    return Questioned(
        bookings=tables.bookings, as_of=tables.as_of, found=seen.found, truth=tables.events,
        customers=people.customers, groups=people.groups,
    )  # fmt: skip


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


def _data(tables: Tables, counted: Counted, *, objectors: int) -> dict[str, Any]:
    """What was looked at; where the cubes are of a whole dataset, also how many customers the other parts are about."""
    closely = tables.bookings["customer_id"].nunique()
    return {
        "source": tables.source,
        "from": counted.first_day.isoformat(),
        "until": tables.as_of.isoformat(),
        "customers": len(counted.customers),
        "bookings": counted.bookings,
        "detections": counted.detections,
        "customers_without_permission": counted.without_permission,
        "objectors_processed": objectors,
        **({} if closely == len(counted.customers) else {"customers_looked_at_closely": closely}),
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
