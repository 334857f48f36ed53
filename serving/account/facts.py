"""The facts of an account, purpose by purpose, ready for JSON. Nothing of a customer is in them, and no small count."""

from datetime import datetime
from importlib import metadata
from typing import Any

import sqlalchemy as sa

from models.home import Home
from models.purposes import Purpose, PurposeRegistry, notice_sha256
from models.store import Store
from serving.account.activity import count_activity, count_recalled_offers
from serving.account.governance import tell_kill_switches, tell_releases, tell_trail
from serving.account.hiding import HIDE_BELOW
from serving.account.permissions import count_permissions
from serving.answers import rfc3339
from serving.policy import Policy
from serving.reconciliation import last_reconciliation


def build_facts(home: Home, store: Store, registry: PurposeRegistry, policy: Policy, *, at: datetime) -> dict[str, Any]:
    """Everything an account tells; months are those of UTC.

    Raises
    ------
    IntegrityError
        A release, a signature or a waiver does not verify.
    """
    trail = tell_trail(home, store)
    with store.read() as connection:
        return {
            "schema": 1,
            "at": rfc3339(at),
            "levensloop": metadata.version("levensloop"),
            "counts_hidden_below": HIDE_BELOW,
            "purposes": {
                "version": registry.version,
                "sha256": registry.sha256,
                "list": [_tell_purpose(connection, purpose, at=at) for purpose in registry.purposes],
            },
            "activity": count_activity(connection),
            "recalled_offers": count_recalled_offers(connection),
            "sent_after_objection": last_reconciliation(connection),
            "policy": {
                "version": policy.version,
                "care_block_days": policy.care_block_days,
                "offer_cap_days": policy.offer_cap_days,
                "retention": {
                    table: {"days": kept.days, "why": {"nl": kept.why_nl, "en": kept.why_en}}
                    for table, kept in policy.retention.items()
                },
            },
            "releases": tell_releases(home),
            "kill_switches": tell_kill_switches(connection),
            "trail": trail,
        }


def _tell_purpose(connection: sa.Connection, purpose: Purpose, *, at: datetime) -> dict[str, Any]:
    """The chain of one purpose: regime, basis, justification, notice and its hash, evidence, numbers."""
    notice = dict(purpose.notice)
    return {
        "id": purpose.id,
        "regime": purpose.regime,
        "lawful_basis": purpose.lawful_basis,
        "justification": purpose.justification,
        "compatibility_test": purpose.compatibility_test or None,
        "notice": {
            "version": purpose.notice_version,
            "from": purpose.notice_from,
            "days_before_use": purpose.notice_days,
            "text": notice,
            "sha256": purpose.notice_sha256,
            "sha256_of_text": notice_sha256(notice),
        },
        "event_classes": list(purpose.event_classes),
        "products": purpose.products,
        "clients": list(purpose.clients),
        "permissions": count_permissions(connection, purpose, at=at),
    }
