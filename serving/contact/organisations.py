"""Who may be explained by the giving calendar: organisations alone. Faith of a person is nobody's business here."""

from dataclasses import dataclass

import pandas as pd
import sqlalchemy as sa

from models.screening import Screening
from models.store import customers, detections, permission_events, runs
from serving.contact.giving import GivingKnowledge
from serving.problems import ProblemError, refuse

# Where private customers stand; an organisation is in none of them.
_PERSONS = (customers, runs, detections, permission_events)


@dataclass(frozen=True, slots=True)
class Organisation:
    """The holder of an account, as the bank's register of companies has it; `traditions` are those it lives by."""

    organisation_id: str
    legal_form: str
    kvk_number: str
    traditions: tuple[str, ...]


def require_organisation(
    connection: sa.Connection, organisation: Organisation, *, knowledge: GivingKnowledge
) -> Organisation:
    """The organisation, when nothing says that it is a person.

    Raises
    ------
    ProblemError
        403: its legal form is one of persons (a one-man business too), or its id is that of a private customer.
    """
    if organisation.legal_form not in knowledge.legal_forms:
        raise _person(f"Legal forms that are explained: {', '.join(knowledge.legal_forms)}.")
    for table in _PERSONS:
        known = sa.select(table.c.customer_id).where(table.c.customer_id == organisation.organisation_id).limit(1)
        if connection.execute(known).first() is not None:
            raise _person("This id is one of a private customer.")
    return organisation


def require_no_salary(bookings: pd.DataFrame, screening: Screening) -> None:
    """Refuse an account that receives a salary: it belongs to a person, whatever the register says.

    Raises
    ------
    ProblemError
        403.
    """
    if screening.is_salary(bookings).any():
        raise _person("This account receives a salary.")


def _person(why: str) -> ProblemError:
    return refuse(403, "not-an-organisation", f"Only accounts of organisations are explained. {why}")
