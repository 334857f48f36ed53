"""What each customer was shown, allowed, withdrew or objected to, as the permission ledger would have it."""

from datetime import date

from models.purposes import default_purposes
from training.simulation.life import Life
from training.simulation.parameters import figure

_PURPOSES = ("own_product_offers", "overdraft_signal", "model_training", "service_contact", "fairness_audit")


def draw_permissions(life: Life, customer: str) -> list[str]:
    """Rows of permissions.csv (customer_id, purpose, action, at, notice_version)."""
    lines = []
    for purpose in _PURPOSES:
        day = life.start + life.dice.whole(0, 20)
        lines.append(_line(life, customer, purpose, "shown", day))
        share = figure("everyday", "permission_training") if purpose == "model_training" else 0.7
        if life.dice.chance(share + 0.02):
            lines.append(_line(life, customer, purpose, "consented", day + 1))
            if life.dice.chance(0.02):
                lines.append(
                    _line(life, customer, purpose, "withdrawn", life.dice.whole(day + 2, max(day + 3, life.until)))
                )
        elif life.dice.chance(0.15):
            lines.append(_line(life, customer, purpose, "objected", day + 2))
    return lines


def _line(life: Life, customer: str, purpose: str, action: str, day: int) -> str:
    given = date.fromordinal(day).isoformat()
    notice = default_purposes().purpose(purpose).notice_version
    return f"{customer},{purpose},{action},{given}T{life.ledger.clock()}:00+00:00,{notice}"
