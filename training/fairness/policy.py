"""The board's choices about fairness, from the `[fairness]` part of the policy that every release signs.

Grounds, groups, margins and weights are data (`models/policy.toml`); what is wrong or left out there does not load,
and what the policy declares but an audit does not show, blocks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any, get_args

import pandas as pd

from models.candidate import packaged_policy, parse_policy, policy_sha256
from models.canonical import sha256_of
from models.errors import UnreadableDataError, UsageError
from training.fairness.comparison import Against, Over
from training.fairness.cube import RATES, Cube
from training.fairness.metrics import Endpoint, Measure

MOST_PRIMARY = 8
Cell = tuple[str, str]  # ground and group
_NUMBERS = (
    "confidence", "power", "findings_alpha", "exploration_rate", "hide_below", "rate_from", "least_per_event",
)  # fmt: skip
_PARTS = {
    *_NUMBERS, "events", "grounds", "intersections", "primary", "secondary", "harm", "gates", "monitoring", "waivers",
}  # fmt: skip
_GATES = {
    "objectors_processed", "special_category_terms", "name_pairs", "name_flips", "proxy_flip_rate", "placebo_excess",
    "leakage_auc", "worst_group_margin",
}  # fmt: skip
_MONITORING = {"false_alarm", "low", "high", "baseline_months", "drift_bins", "drift_watch", "drift_large"}
_ENDPOINT = {"rate", "measure", "low", "high"}


@dataclass(frozen=True, kw_only=True)
class Ground:
    """A column of the vault and how its values make groups; values `left_out` are of people who are never scored."""

    name: str
    column: str
    reference: str
    groups: Mapping[str, tuple[str, ...]]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PrimaryEndpoint:
    """One of the few figures that must all be established; averaged over events."""

    endpoint: Endpoint
    ground: str
    group: str
    against: Against


@dataclass(frozen=True, kw_only=True)
class SecondaryEndpoint:
    """A figure of every group of every ground; `justify`: a signed justification may answer an EXCEEDED."""

    endpoint: Endpoint
    justify: bool


@dataclass(frozen=True, kw_only=True)
class FairnessPolicy:
    """The policy as values, with the hash that releases sign and that of its very bytes."""

    sha256: str
    bytes_sha256: str
    numbers: Mapping[str, float]
    events: tuple[str, ...]
    grounds: Mapping[str, Ground]
    intersections: tuple[tuple[str, str], ...]
    primary: tuple[PrimaryEndpoint, ...]
    secondary: tuple[SecondaryEndpoint, ...]
    harm_high: float
    harm: Mapping[str, Mapping[str, float]]  # offer class -> event -> weight
    gates: Mapping[str, float]
    monitoring: Mapping[str, float]
    waivers: Mapping[str, Any]

    @property
    def references(self) -> dict[str, str]:
        """The group that others are compared with, of every ground and intersection."""
        single = {name: ground.reference for name, ground in self.grounds.items()}
        return single | {f"{a}*{b}": f"{single[a]}*{single[b]}" for a, b in self.intersections}

    @property
    def group_names(self) -> dict[str, tuple[str, ...]]:
        """The groups of every ground and intersection."""
        single = {name: tuple(ground.groups) for name, ground in self.grounds.items()}
        return single | {
            f"{a}*{b}": tuple(f"{x}*{y}" for x, y in product(single[a], single[b])) for a, b in self.intersections
        }

    @property
    def unions(self) -> dict[Cell, tuple[Cell, ...]]:
        """Groups that are others of the same column together, as (ground, group): a merged one gives away its parts."""
        found = {}
        for whole, parts in product(self.grounds.values(), repeat=2):
            if whole is parts or whole.column != parts.column:
                continue
            for name, values in whole.groups.items():
                inside = [part for part, of_part in parts.groups.items() if set(of_part) <= set(values)]
                if {value for part in inside for value in parts.groups[part]} == set(values):
                    found[whole.name, name] = tuple((parts.name, part) for part in inside)
        return found

    @property
    def finest(self) -> tuple[str, ...]:
        """Grounds that merge no groups of another one."""
        merged = {ground for (ground, _), parts in self.unions.items() if len(parts) > 1}
        return tuple(ground for ground in self.grounds if ground not in merged)

    @property
    def event_weights(self) -> dict[str, float]:
        """Harm of one false offer per event; 0 where nothing is ever offered."""
        weights = {event: weight for table in self.harm.values() for event, weight in table.items()}
        return {event: weights.get(event, 0.0) for event in self.events}


@cache
def default_fairness_policy() -> FairnessPolicy:
    """The policy in force."""
    return parse_fairness(packaged_policy(), source="policy.toml")


def parse_fairness(text: str, *, source: str) -> FairnessPolicy:
    """Read the fairness part of a policy.

    Raises
    ------
    UnreadableDataError
        An unknown or missing key, a group that is no group, a weight or a margin that cannot be; all faults at once.
    """
    data = parse_policy(text).get("fairness")
    if not isinstance(data, dict) or set(data) != _PARTS:
        wrong = sorted(_PARTS ^ set(data if isinstance(data, dict) else {}))
        raise UnreadableDataError(f"{source}: [fairness] has keys too many or too few: {', '.join(wrong)}.")
    faults = [*_ground_faults(data), *_endpoint_faults(data), *_number_faults(data), *_monitoring_faults(data)]
    if faults:
        raise UnreadableDataError(f"{source} is no valid fairness policy: {'; '.join(faults)}.")
    grounds = {
        name: Ground(
            name=name, column=raw["column"], reference=raw["reference"],
            groups={group: tuple(values) for group, values in raw["groups"].items()},
            left_out=tuple(raw.get("left_out", ())),
        )
        for name, raw in data["grounds"].items()
    }  # fmt: skip
    return FairnessPolicy(
        sha256=policy_sha256(text), bytes_sha256=sha256_of(text.encode()),
        numbers={name: float(data[name]) for name in _NUMBERS}, events=tuple(data["events"]), grounds=grounds,
        intersections=tuple((a, b) for a, b in data["intersections"]["pairs"]),
        primary=tuple(
            PrimaryEndpoint(endpoint=_endpoint(raw, "macro"), ground=ground, group=group, against=raw["against"])
            for raw in data["primary"] for ground, group in raw["cells"]
        ),
        secondary=tuple(
            SecondaryEndpoint(endpoint=_endpoint(raw, raw["over"]), justify=raw.get("justify", False))
            for raw in data["secondary"]
        ),
        harm_high=float(data["harm"]["high"]),
        harm={name: table for name, table in data["harm"].items() if name != "high"},
        gates=data["gates"], monitoring=data["monitoring"], waivers=data["waivers"],
    )  # fmt: skip


def _endpoint(raw: Mapping[str, Any], over: Over) -> Endpoint:
    return Endpoint(rate=raw["rate"], measure=raw["measure"], low=raw.get("low"), high=raw.get("high"), over=over)


def _ground_faults(data: Mapping[str, Any]) -> list[str]:
    faults = []
    for name, raw in data["grounds"].items():
        if not {"column", "reference", "groups"} <= set(raw) <= {"column", "reference", "groups", "left_out"}:
            faults.append(f"ground {name} needs column, reference and groups, and may have left_out")
            continue
        values = [value for group in raw["groups"].values() for value in group] + list(raw.get("left_out", ()))
        if len(set(values)) < len(values) or not all(raw["groups"].values()):
            faults.append(f"ground {name} has a value in two groups, or a group without values")
        if raw["reference"] not in raw["groups"]:
            faults.append(f"ground {name} has a reference that is none of its groups")
        if "*" in name or any("*" in group for group in raw["groups"]):
            faults.append(f"ground {name} has a * in a name, which is kept for intersections")
    pairs = data["intersections"].get("pairs", [])
    if set(data["intersections"]) != {"pairs"} or any(len(p) != 2 or not set(p) <= set(data["grounds"]) for p in pairs):
        faults.append("intersections need pairs of declared grounds, and nothing else")
    return faults


def _endpoint_faults(data: Mapping[str, Any]) -> list[str]:
    faults = []
    for kind, extra in (("primary", {"cells", "against"}), ("secondary", {"over"})):
        for raw in data[kind]:
            wrong = not extra <= set(raw) <= _ENDPOINT | extra | ({"justify"} if kind == "secondary" else set())
            if wrong or raw.get("rate") not in RATES or raw.get("measure") not in get_args(Measure):
                faults.append(f"a {kind} endpoint has an unknown key, rate or measure")
            elif "low" not in raw and "high" not in raw:
                faults.append(f"{kind} {raw['rate']} has no margin")
            elif raw.get("over", "macro") not in get_args(Over) or raw.get("against", "rest") not in get_args(Against):
                faults.append(f"{kind} {raw['rate']} has an unknown over or against")
            for ground, group in raw.get("cells", []):
                if group not in data["grounds"].get(ground, {}).get("groups", {}):
                    faults.append(f"{kind} names {ground} {group}, which is not declared")
    endpoints = sum(len(raw.get("cells", [])) for raw in data["primary"])
    if not 1 <= endpoints <= MOST_PRIMARY:
        faults.append(f"the primary family has {endpoints} endpoints; 1 to {MOST_PRIMARY} are allowed")
    return faults


def _number_faults(data: Mapping[str, Any]) -> list[str]:
    faults = [f"{name} is no positive number" for name in _NUMBERS if not _is_number(data[name]) or data[name] <= 0]
    faults += [f"{name} must lie below 1" for name in _NUMBERS[:4] if _is_number(data[name]) and data[name] >= 1]
    if _is_number(data["hide_below"]) and data["hide_below"] < 10:
        faults.append("cells of fewer than ten people are always hidden")
    weights = {name: table for name, table in data["harm"].items() if name != "high"}
    if not _is_number(data["harm"].get("high")) or not set(weights) <= {"S", "L"}:
        faults.append("harm needs high, and tables for the offer classes S and L only")
    for table in weights.values():
        faults += [
            f"harm of {event} is no weight of a declared event"
            for event, weight in table.items() if event not in data["events"] or not _is_number(weight) or weight < 0
        ]  # fmt: skip
    if set(data["gates"]) != _GATES or not all(_is_number(value) for value in data["gates"].values()):
        faults.append(f"gates must be the numbers {', '.join(sorted(_GATES))}")
    if set(data["waivers"]) != {"most_days", "second_signer", "never"} or not {"G0", "G2"} <= {
        *data["waivers"]["never"]
    }:
        faults.append(
            "waivers need most_days, second_signer and never, and G0 (lawful) and G2 (names) can never be waived"
        )
    elif not _is_number(data["waivers"]["most_days"]) or not 1 <= data["waivers"]["most_days"] <= 90:
        faults.append("a waiver lasts 1 to 90 days")
    return faults


def _monitoring_faults(data: Mapping[str, Any]) -> list[str]:
    numbers = data["monitoring"]
    if set(numbers) != _MONITORING or not all(_is_number(value) and value > 0 for value in numbers.values()):
        return [f"monitoring must be the positive numbers {', '.join(sorted(_MONITORING))}"]
    if numbers["false_alarm"] >= 1 or not numbers["low"] < 1 < numbers["high"]:
        return ["monitoring needs a false_alarm below 1, and low and high on either side of 1"]
    return []


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def group_frame(policy: FairnessPolicy, vault: pd.DataFrame) -> pd.DataFrame:
    """One column per ground and intersection, one row per customer, from the columns of the vault as texts.

    Raises
    ------
    UsageError
        A column that the policy declares is not there.
    """
    missing = sorted({ground.column for ground in policy.grounds.values()} - set(vault))
    if missing:
        raise UsageError(f"The vault has no column {', '.join(missing)}, which the policy declares.")
    frame = {}
    for name, ground in policy.grounds.items():
        of_value = {value: group for group, values in ground.groups.items() for value in values}
        frame[name] = vault[ground.column].astype(str).map(of_value).astype(pd.CategoricalDtype(list(ground.groups)))
    for a, b in policy.intersections:
        both = frame[a].astype(object) + "*" + frame[b].astype(object)
        frame[f"{a}*{b}"] = both.astype(pd.CategoricalDtype(list(policy.group_names[f"{a}*{b}"])))
    return pd.DataFrame(frame, index=vault.index)


def undeclared_values(policy: FairnessPolicy, vault: pd.DataFrame) -> list[str]:
    """Reasons to block: values of a column that no group has, so that these people would be in no comparison."""
    reasons = []
    for name, ground in policy.grounds.items():
        declared = {value for values in ground.groups.values() for value in values} | set(ground.left_out)
        values = vault[ground.column].dropna().astype(str)
        left = sorted(set(values) - declared - {""})
        reasons += (
            [f"ground {name}: {len(left)} values of {ground.column} are in no group of the policy"] if left else []
        )
    return reasons


def coverage_reasons(policy: FairnessPolicy, cube: Cube, *, taxonomy_events: Sequence[str] = ()) -> list[str]:
    """Reasons to block because something declared is not in the cube, or an event of the taxonomy is not declared."""
    reasons = [f"event {event} is not in the audit" for event in policy.events if event not in cube.events]
    reasons += [f"event {event} is not in the policy" for event in taxonomy_events if event not in policy.events]
    for ground, groups in policy.group_names.items():
        if ground not in cube.grounds:
            reasons.append(f"ground {ground} is not in the audit")
            continue
        reasons += [
            f"group {group} of {ground} is not in the audit" for group in groups if group not in cube.grounds[ground]
        ]
        people = dict(zip(cube.grounds[ground], cube.pooled.customers[list(cube.rows_of(ground))], strict=True))
        single = "*" not in ground
        reasons += [f"group {name} of {ground} has no customers" for name in groups if single and people.get(name) == 0]
    rates = {one.endpoint.rate for one in policy.primary} | {one.endpoint.rate for one in policy.secondary}
    return reasons + [f"{rate} was not measured" for rate in sorted(rates - set(cube.pooled.rates))]
