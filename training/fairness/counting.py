"""The cube of a dataset of any size: Spark asks the release about bookings, this process adds the groups and counts.

No group of anybody leaves the process that opened the vault: workers tell of customers, cubes of parts of them add up.
"""

import os
import tempfile
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import date
from functools import partial, reduce
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.parquet as parquet

from models.errors import UsageError
from models.home import VAULT_VARIABLES, Home
from models.release import Release
from models.spark import (
    names_table,
    none_of,
    only_of,
    open_session,
    read_bookings,
    told_of_spark,
    work_by_customer,
    write_parts,
)
from training.fairness.cube import Cube, add_cubes
from training.fairness.observing import Observed, People, build_people, count_events, count_screening
from training.fairness.policy import FairnessPolicy
from training.fairness.summaries import DOUBT, SEEN, SUMMARY, TO_SCREEN, TOLD, summarise_batches
from training.fairness.tables import Audience

VaultOf = Callable[[Collection[str]], pd.DataFrame]


@dataclass(frozen=True, kw_only=True)
class Counted:
    """The cubes of some customers, and what was looked at for them; `vault` holds the values that occur, once each."""

    cube: Cube
    screening: Cube | None
    vault: pd.DataFrame
    customers: np.ndarray
    first_day: date
    bookings: int
    detections: int
    without_permission: int = 0


def counted_of(seen: Observed, bookings: pd.DataFrame, vault: pd.DataFrame, *, without_permission: int) -> Counted:
    """What was counted in this process alone."""
    return Counted(
        cube=seen.cube, screening=seen.screening, vault=vault, customers=seen.people.customers,
        first_day=pd.Timestamp(bookings["booking_date"].min()).date(), bookings=len(bookings),
        detections=len(seen.found), without_permission=without_permission,
    )  # fmt: skip


def count_in_spark(
    path: Path, audience: Audience, truth: pd.DataFrame, vault_of: VaultOf, release: Release, policy: FairnessPolicy, *,
    home: Home, release_id: str, as_of: date,
) -> Counted:  # fmt: skip
    """As `training.fairness.observing.observe`, of a dataset in Parquet, up to a day (inclusive).

    Raises
    ------
    UsageError
        Spark cannot start, or its workers cannot write into the state folder; no customer is left to count.
    UnreadableDataError
        Spark cannot read the dataset.
    """
    for name in VAULT_VARIABLES:
        os.environ.pop(name, None)  # the key was used; Spark's processes inherit what stands there
    session = open_session("levensloop audit")
    knows_screening = audience.to_screen is not None
    work = partial(
        summarise_batches, home=home.path, release_id=release_id, as_of=as_of, knows_screening=knows_screening
    )
    home.path.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.path, prefix=".spark-") as name, told_of_spark(path.name):
        table = read_bookings(session, path)
        permitted = _permitted(session, table, audience)
        mine = permitted if audience.tested is None else only_of(session, permitted, audience.tested)
        if audience.to_screen is not None:
            mine = _with_truth(session, mine, audience.to_screen)
        parts = write_parts(work_by_customer(mine, work, SUMMARY), Path(name) / "summaries")
        filled = [part for part in parts if parquet.read_metadata(part).num_rows]
        if not filled:
            raise UsageError(
                f"No customer of {path.name} is left to count. Check customer_id there, in permissions and in splits."
            )
        refused = _count_customers(table) - _count_customers(permitted)

        def count(part: Path) -> Counted:
            summaries = parquet.read_table(part)
            return _count_part(summaries, truth, vault_of, release, policy, knows_screening=knows_screening)

        return replace(reduce(_add, map(count, filled)), without_permission=refused)


def _permitted(session: Any, table: Any, audience: Audience) -> Any:
    if audience.permitted is None:
        return none_of(session, table, audience.never)
    return only_of(session, table, audience.permitted)


def _with_truth(session: Any, table: Any, to_screen: Collection[str]) -> Any:
    """Bookings with the truth of screening beside them."""
    from pyspark.sql import functions

    sensitive = names_table(session, "sensitive", to_screen)
    marked = table.join(sensitive, functions.trim(table["booking_id"].cast("string")) == sensitive["sensitive"], "left")
    return marked.withColumn(TO_SCREEN, marked["sensitive"].isNotNull()).drop("sensitive")


def _count_customers(table: Any) -> int:
    return int(table.select("customer_id").distinct().count())


def _count_part(
    summaries: arrow.Table, truth: pd.DataFrame, vault_of: VaultOf, release: Release, policy: FairnessPolicy, *,
    knows_screening: bool,
) -> Counted:  # fmt: skip
    """The cubes of the customers of one part."""
    told = {what: rows.drop(columns="what") for what, rows in _as_frame(summaries).groupby("what")}
    seen, none = told[SEEN].set_index("customer_id"), told[SEEN][:0]
    vault = vault_of(seen.index)
    people = build_people(seen, truth, vault, policy)
    found = told.get(TOLD, none).rename(columns={"min": "detected_on"}).reset_index(drop=True)
    cube = count_events(found, people, policy, release.taxonomy, abstained=told.get(DOUBT, none))
    return Counted(
        cube=cube, screening=_count_screening(seen, people) if knows_screening else None,
        vault=vault.drop(columns="customer_id").drop_duplicates(), customers=people.customers,
        first_day=seen["min"].min().date(), bookings=int(seen["bookings"].sum()), detections=len(found),
    )  # fmt: skip


def _as_frame(summaries: arrow.Table) -> pd.DataFrame:
    frame = summaries.to_pandas(date_as_object=False)
    return frame.astype(dict.fromkeys(("customer_id", "what", "event"), "str"))


def _count_screening(seen: pd.DataFrame, people: People) -> Cube:
    """From each customer's numbers back to bookings, which were one like the other."""
    mine = seen.reindex(people.customers)
    rightly = mine["rightly"].to_numpy(dtype=np.int64)
    kinds = (
        (rightly, True, True),
        (mine["to_screen"].to_numpy(dtype=np.int64) - rightly, True, False),
        (mine["screened"].to_numpy(dtype=np.int64) - rightly, False, True),
    )
    sizes = [int(times.sum()) for times, _, _ in kinds]
    customer = np.concatenate([np.repeat(np.arange(len(mine)), times) for times, _, _ in kinds])
    to_screen, screened = (np.repeat([kind[at] for kind in kinds], sizes) for at in (1, 2))
    return count_screening(customer, to_screen, screened, people, bookings=mine["bookings"].to_numpy())


def _add(one: Counted, other: Counted) -> Counted:
    return Counted(
        cube=add_cubes(one.cube, other.cube),
        screening=one.screening and other.screening and add_cubes(one.screening, other.screening),
        vault=pd.concat([one.vault, other.vault]).drop_duplicates(),
        customers=np.concatenate([one.customers, other.customers]), first_day=min(one.first_day, other.first_day),
        bookings=one.bookings + other.bookings, detections=one.detections + other.detections,
    )  # fmt: skip
