"""Sign-ins that are over: ended, too old, or of no known time."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, select

from mapd.store import sign_ins
from mapd.store import tables as t


def claims(**more: Any) -> dict[str, Any]:
    """What a provider says of somebody who signed in just now."""
    return {"iss": "https://a.org", "sub": "1", "nonce": "n", "iat": int(t.now().timestamp()), "name": "Ann"} | more


def test_a_sign_in_is_ended_for_every_copy_of_its_cookie_and_no_other(session: Session) -> None:
    ann = claims()
    assert not sign_ins.is_over(session, ann)
    sign_ins.end(session, ann)
    sign_ins.end(session, ann)  # in another tab
    assert sign_ins.is_over(session, ann | {"is_logged_in": True, "tokens": {}})
    for other in ({"nonce": "m"}, {"sub": "2"}, {"iss": "https://b.org"}, {"iat": ann["iat"] - 1}):
        assert not sign_ins.is_over(session, ann | other)


@pytest.mark.parametrize(
    ("change", "over"),
    [
        (timedelta(0), False),
        (-sign_ins.LONGEST + timedelta(minutes=1), False),
        (-sign_ins.LONGEST - timedelta(minutes=1), True),
        (timedelta(minutes=1), False),  # the provider's clock
        (sign_ins.LONGEST + timedelta(minutes=1), True),
    ],
)
def test_a_sign_in_ends_by_itself(session: Session, change: timedelta, over: bool) -> None:
    assert sign_ins.is_over(session, claims(iat=(t.now() + change).timestamp())) is over


@pytest.mark.parametrize("iat", [None, "now", True, float("inf"), float("nan"), 1e300, [1]])
def test_one_of_no_known_time_is_over(session: Session, iat: object) -> None:
    assert sign_ins.is_over(session, claims(iat=iat))


def test_what_nobody_could_use_any_more_is_forgotten(session: Session) -> None:
    sign_ins.end(session, claims(nonce="old"))
    session.execute(sa.update(t.EndedSignIn).values(ended_at=t.now() - sign_ins.LONGEST - timedelta(minutes=1)))
    fresh = claims()  # once: it holds the second
    sign_ins.end(session, fresh)
    assert session.exec(select(t.EndedSignIn.key)).all() == [sign_ins.key_of(fresh)]
