"""Who decided: releases with their signatures, waivers and kill switches, and whether the trail still verifies."""

import json
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from models.board import read_decisions
from models.candidate import read_candidate
from models.home import Home
from models.promotion import PROMOTIONS
from models.release import read_champion
from models.signing import KeyRegistry, load_registry
from models.store import Store, kill_switches
from models.trail import verify_trail
from models.waivers import read_terms, read_waiver_bytes, verify_waivers
from serving.answers import rfc3339


def tell_releases(home: Home) -> list[dict[str, Any]]:
    """Every promotion and rollback, oldest first, with the decisions and waivers of its release.

    People stand here by their role and key; their names are in the release folder.
    """
    registry = load_registry(home)
    champion = read_champion(home)
    return [
        {
            "action": move["action"],
            "at": move["at"],
            "release": move["release_id"],
            "is_champion": champion is not None and champion.release_id == move["release_id"],
            "trail_seq": move["trail_seq"],
            **_tell_release(home, move["release_id"], registry),
        }
        for move in _read_moves(home)
    ]


def _read_moves(home: Home) -> list[dict[str, Any]]:
    try:
        lines = (home.releases / PROMOTIONS).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines if line.strip()]


def _tell_release(home: Home, release_id: str, registry: KeyRegistry) -> dict[str, Any]:
    candidate = read_candidate(home.releases / release_id)
    terms = read_terms(candidate)
    waivers = verify_waivers(terms, read_waiver_bytes(terms), registry)
    permission = candidate.manifest["permission"]
    return {
        "model_version": candidate.manifest["model_version"],
        "trained_on": {
            name: permission.get(name)
            for name in ("at", "notice_version", "snapshot_sha256", "bookings_sha256", "customers", "bookings")
        },
        "hashes": {name: candidate.manifest[name]["sha256"] for name in ("taxonomy", "screening", "policy")},
        "facts_sha256": candidate.facts_sha256,
        "signatures": [
            {"role": one.role, "decision": one.decision, "at": one.signed_at, "key": one.key_id[:12], "demo": one.demo}
            for one in read_decisions(candidate, registry)
        ],
        "waivers": [
            {"finding": one.finding, "until": one.until.isoformat(), "roles": [s.role for s in one.signatures]}
            for one in waivers
        ],
    }


def tell_kill_switches(connection: sa.Connection) -> list[dict[str, Any]]:
    """Every stop of an event for everybody and its end, in order."""
    rows = connection.execute(sa.select(kill_switches).order_by(kill_switches.c.id)).mappings()
    return [
        {"event": row["event"], "state": row["state"], "role": row["role"], "at": rfc3339(row["at"])} for row in rows
    ]


def tell_trail(home: Home, store: Store) -> dict[str, Any]:
    """The head of the chain, and what a check of every row found just now."""
    report = verify_trail(store, home.checkpoints, load_registry(home))
    return {
        "rows": report.rows,
        "head": asdict(report.head) if report.head else None,
        "checkpoints": report.checkpoints,
        "verifies": report.ok,
        "findings": list(report.findings),
        "notes": list(report.notes),
    }
