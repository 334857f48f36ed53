"""`make gate-proof`: shows on synthetic customers what the gate asks of a model, and that a naive one is stopped.

A demo is too small to establish anything. So here a model learns from a few hundred customers with many life events,
and is audited on as many other customers with natural rates as the primary family needs. Every step is a verb that
anybody can run; a step that is done is not done again, so that a run that was cut off goes on.
"""

import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as arrow
import pyarrow.compute as compute
import pyarrow.parquet as parquet
from rich.console import Console
from rich.table import Table

from models.candidate import newest_candidate, read_candidate
from models.durable import write_durably
from models.errors import LevensloopError, UsageError
from models.home import VAULT_KEY_FILE, VAULT_PASSPHRASE, Home
from training.dataset import permitted_bookings
from training.fairness.leakage import is_asked
from training.fairness.policy import FairnessPolicy, default_fairness_policy
from training.fairness.tables import PURPOSE
from training.fairness.verdicts import ESTABLISHED

FOLDER = Path(".gate-proof")
# Two years, for half of the events of the first year come before an account is known well enough to tell them: with 14
# months, a third of the job changes that were told were none, which told workers from pensioners (leakage .58).
LEARNED = ("--customers", "500", "--months", "24", "--rates", "enriched", "--seed", "11")
# Two thirds allow the audit. A recall is averaged over events, so that its interval is as wide as the rarest event that
# enters makes it: 2,931 audited customers with 14 months left the recall of muslims and others open (793 true events of
# 1,416 needed), and drawing customers of equal groups again says that 7,000 show all eight in .8 of banks. Events need
# months of history first, so 24 months show twice the events of 14 per customer, and half the customers do. The bank
# of seed 12 was the pilot: sizes were chosen and the measure of leakage was mended on it, so it proves nothing now.
AUDITED = ("--customers", "5200", "--months", "24", "--rates", "natural", "--seed", "13")
_TABLES = ("labels", "events", "permissions", "splits")
_NAMED = ("customer_id", "booking_id")  # columns that would be the same in two banks
_KEPT = timedelta(days=7)
_REASONS = 12  # that are printed of the naive model


@dataclass(frozen=True)
class Check:
    """One thing that must hold, in words, with the numbers that show it."""

    name: str
    told: str
    holds: bool


def main(folder: Path = FOLDER) -> int:
    """Do what is not done yet, print what was found; 0 when all of it holds, 12 (the gate is closed) when not."""
    console = Console(highlight=False, soft_wrap=True)
    folder.mkdir(parents=True, exist_ok=True)
    learned, audited, whole = (folder / name for name in ("learned", "audited", "whole"))
    home = Home((folder / "home").resolve())
    _once(learned, lambda: _levensloop(home, "simulate", *LEARNED, "--out", str(learned)))
    _once(audited, lambda: _levensloop(home, "simulate", *AUDITED, "--out", str(audited)))
    _once(whole, lambda: join_banks(learned, audited, whole))
    _once(folder / "trained", lambda: _levensloop(home, "train", *_given(learned)))
    _once(folder / "measured", lambda: _audit(home, whole, folder / "audit"))
    facts = read_candidate(home.candidates / newest_candidate(home)).facts["fairness"]
    checks = check_facts(facts, default_fairness_policy())
    print_proof(console, facts, checks)
    return 0 if all(check.holds for check in checks) else 12


def check_facts(facts: Mapping[str, Any], policy: FairnessPolicy) -> list[Check]:
    """What must hold: the primary family, names, leakage, and that a naive model would be stopped."""
    primary = facts["cube"]["primary"]
    shown = sum(fact["verdict"] == ESTABLISHED for fact in primary)
    names = [kind for kind in facts["swaps"]["kinds"] if kind["kind"] == "names" and not kind["placebo"]]
    flips, fewest = sum(kind["flips"] for kind in names), min((kind["pairs"] for kind in names), default=0)
    changes, needed = sum(kind["score_changes"] for kind in names), int(policy.gates["name_pairs"])
    gated = [row for row in facts["leakage"]["rows"] if row["gated"]]
    asked = [row for row in gated if is_asked(row)]
    cells = {(one.ground, one.group) for one in policy.primary} - {(row["ground"], row["group"]) for row in asked}
    worst = max(asked, key=lambda row: float(row["interval"][1]), default=None)
    told = "nobody" if worst is None else f"{worst['ground']} {worst['group']}, at most {worst['interval'][1]:.3f}"
    stopped = (facts["naive"] or {}).get("findings") or []
    by_name = any(finding["gate"] == "G2" for finding in stopped)
    return [
        Check("primary family", f"{shown} of {len(primary)} ESTABLISHED", shown == len(primary) > 0),
        Check(
            "names", f"{flips} flips, {changes} other scores; {fewest:,} pairs per origin or more, {needed:,} needed",
            flips == 0 and changes == 0 and fewest >= needed,
        ),
        Check(
            "leakage", f"worst of {len(asked)} groups that are large enough is {told}, "
            f"{policy.gates['leakage_auc']:.2f} allowed; {len(gated) - len(asked)} smaller ones are not established "
            "and block until they are waived",
            bool(asked) and not cells and all(row["verdict"] == ESTABLISHED for row in asked),
        ),
        Check("naive model", f"blocked for {len(stopped)} reasons, other names among them", bool(stopped) and by_name),
    ]  # fmt: skip


def print_proof(console: Console, facts: Mapping[str, Any], checks: list[Check]) -> None:
    """The primary family, why a naive model is stopped, what the board would still have to judge, and each check."""
    data = facts["data"]
    console.print(
        f"Audited: {data['customers']:,} customers at natural rates, {data['bookings']:,} bookings, "
        f"{data['from']} to {data['until']}."
    )
    table = Table("rate", "group", "against", "had", "needed", "interval", "verdict", title="Primary family")
    for fact in facts["cube"]["primary"]:
        span = " to ".join("open" if end is None else f"{end:.3f}" for end in fact["interval"] or (None, None))
        counts = ("hidden" if fact[name] is None else f"{fact[name]:,}" for name in ("n", "n_needed"))
        table.add_row(fact["rate"], f"{fact['ground']}: {fact['group']}", fact["other"], *counts, span, fact["verdict"])
    console.print(table)
    reasons = Table("gate", "why the naive model is stopped")
    for finding in ((facts["naive"] or {}).get("findings") or [])[:_REASONS]:
        reasons.add_row(finding["gate"], finding["reason"]["en"])
    console.print(reasons)
    open_to_board = Table("gate", "verdict", "what of this release the board must justify, waive or refuse")
    for finding in (found for found in facts["findings"] if found["blocks"]):
        open_to_board.add_row(finding["gate"], finding["verdict"], finding["reason"]["en"])
    console.print(open_to_board)
    for check in checks:
        console.print(f"{'holds' if check.holds else 'DOES NOT HOLD'}: {check.name}: {check.told}", markup=False)


def join_banks(learned: Path, audited: Path, out: Path) -> None:
    """One bank of both: whoever was trained on as `train`, whoever is audited as `test`; names are kept apart.

    Bookings of customers who do not allow the audit are left out, which the audit would do too, only later.
    """
    splits = pd.read_csv(learned / "splits.csv", dtype=str)
    trained = set(splits.loc[splits["split"] == "train", "customer_id"])
    everybody = pd.read_csv(audited / "splits.csv", dtype=str)[["customer_id"]]
    allowing, _ = permitted_bookings(everybody, audited / "permissions.csv", [], purpose=PURPOSE)
    banks = (("L", learned, trained), ("A", audited, set(allowing["customer_id"])))
    out.mkdir(parents=True, exist_ok=True)
    for name in ("labels", "events", "permissions", "vault/groups"):
        parts = [_read_part(bank / f"{name}.csv", letter, kept) for letter, bank, kept in banks]
        (out / name).parent.mkdir(mode=0o700, exist_ok=True)
        pd.concat(parts).to_csv(out / f"{name}.csv", index=False)
    customers = [_read_part(bank / "splits.csv", letter, kept) for letter, bank, kept in banks]
    customers[1]["split"] = "test"
    pd.concat(customers).to_csv(out / "splits.csv", index=False)
    with parquet.ParquetWriter(out / "bookings.parquet", parquet.read_schema(learned / "bookings.parquet")) as writer:
        for letter, bank, kept in banks:
            for group in range((file := parquet.ParquetFile(bank / "bookings.parquet")).num_row_groups):
                writer.write_table(_rename(file.read_row_group(group), letter, kept))


def _read_part(path: Path, letter: str, kept: set[str]) -> pd.DataFrame:
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    if "customer_id" in table:
        table = table[table["customer_id"].isin(kept)]
    return table.assign(**{name: letter + table[name] for name in _NAMED if name in table})


def _rename(table: arrow.Table, letter: str, kept: set[str]) -> arrow.Table:
    table = table.filter(compute.is_in(table["customer_id"], arrow.array(sorted(kept))))
    for name in _NAMED:
        renamed = compute.binary_join_element_wise(letter, table[name], "")
        table = table.set_column(table.schema.get_field_index(name), table.schema.field(name), renamed)
    return table


def _audit(home: Home, bank: Path, keys: Path) -> None:
    """The groups into a vault whose key lies outside the state folder, and the audit."""
    environ = {VAULT_KEY_FILE: str(keys / "vault.key"), VAULT_PASSPHRASE: secrets.token_urlsafe(24)}
    if any(home.vault.glob("*.vault")):
        raise UsageError(f"An audit was cut off. Remove {keys} and {home.vault} and start again.")
    until = (datetime.now(UTC) + _KEPT).date().isoformat()
    keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    groups = ("--groups", str(bank / "vault" / "groups.csv"), "--delete-after", until)
    _levensloop(home, "vault", "create", *groups, environ=environ)
    _levensloop(home, "audit", *_given(bank), environ=environ)


def _given(bank: Path) -> list[str]:
    tables = [part for name in _TABLES for part in (f"--{name}", str(bank / f"{name}.csv"))]
    return ["--bookings", str(bank / "bookings.parquet"), *tables]


def _once(made: Path, make: Callable[[], object]) -> None:
    """Make something unless it is marked as made whole."""
    mark = made.with_name(f"{made.name}.done")
    if not mark.exists():
        make()
        write_durably(mark, b"")


def _levensloop(home: Home, *arguments: str, environ: Mapping[str, str] | None = None) -> None:
    """Run one verb in a process of its own, as anybody can."""
    given = {**os.environ, "LEVENSLOOP_HOME": str(home.path), **(environ or {})}
    done = subprocess.run([sys.executable, "-m", "models.command_line", *arguments], env=given, check=False)  # noqa: S603 - our own verbs
    if done.returncode:
        error = LevensloopError(f"`levensloop {arguments[0]}` ended with exit code {done.returncode}; see above.")
        error.exit_code = done.returncode
        raise error


if __name__ == "__main__":
    try:
        sys.exit(main(*map(Path, sys.argv[1:])))
    except LevensloopError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
