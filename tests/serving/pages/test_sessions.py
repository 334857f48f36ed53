"""Sessions on both databases: one secret, one person, until it ends."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from models.store import Store, page_sessions
from models.trail import verify_trail
from serving.pages.visitors import Identity, end_session, find_visitor, open_session
from serving.problems import ProblemError

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
ANNA = Identity("board", "Anna")


def test_session_is_found_by_its_secret_alone_and_ends_once(any_store: Store) -> None:
    secrets = [open_session(any_store, who, link=None, at=NOW) for who in (ANNA, Identity("customer", "c-1"))]
    anna, customer = (find_visitor(any_store, secret, at=NOW) for secret in secrets)
    assert anna is not None
    assert customer is not None
    assert (anna.role, anna.person, customer.customer_id) == ("board", "Anna", "c-1")
    assert anna.form_token != customer.form_token
    assert anna.form_token not in (anna.session, secrets[0])
    for nobody in ("", "x", anna.session, "\udcff"):
        assert find_visitor(any_store, nobody, at=NOW) is None
    for reason in (lambda: anna.customer_id, lambda: customer.person):
        with pytest.raises(ProblemError):
            reason()
    end_session(any_store, anna.session, at=NOW)
    end_session(any_store, anna.session, at=NOW + timedelta(minutes=1))
    assert find_visitor(any_store, secrets[0], at=NOW) is None
    assert find_visitor(any_store, secrets[1], at=NOW) == customer
    with any_store.read() as connection:
        ended = connection.execute(sa.select(page_sessions.c.ended_at).where(page_sessions.c.person == "Anna"))
        assert ended.scalar() == NOW
    assert verify_trail(any_store, None, None).ok


def test_link_opens_one_session(any_store: Store) -> None:
    open_session(any_store, ANNA, link="a" * 32, at=NOW)
    with pytest.raises(ProblemError):
        open_session(any_store, ANNA, link="a" * 32, at=NOW)
    open_session(any_store, ANNA, link="b" * 32, at=NOW)
    for _ in range(2):  # the bank's own sign-on has no links
        open_session(any_store, ANNA, link=None, at=NOW)


def test_session_that_is_used_goes_on_and_is_written_only_now_and_then(any_store: Store) -> None:
    secret = open_session(any_store, ANNA, link=None, at=NOW)
    ends = []
    for minutes in (1, 14, 16, 20, 40):
        visitor = find_visitor(any_store, secret, at=NOW + timedelta(minutes=minutes))
        assert visitor is not None
        ends.append((visitor.ends_at - NOW).total_seconds() / 60)
    assert ends == [30, 30, 46, 46, 70]
