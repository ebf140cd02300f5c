"""Sign-ins that are over: streamlit's cookie says for 30 days that somebody signed in, whatever happened since.

    end(session, claims)             # signing out: {"id": 3, "key": "5d41…", "ended_at": 2026-03-01 10:00}
    is_over(session, claims)         -> True from then on, in every tab and for every copy of that cookie

A sign-in is known by what its provider said of that one act of signing in, of which the key is a hash. After LONGEST
it is over by itself, and its row isn't needed any more.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd.store import db
from mapd.store import tables as t

LONGEST = timedelta(days=7)
# OpenID Connect: who says it, of whom, when, answering which request.
_OF_THE_ACT = ("iss", "sub", "iat", "nonce")


def is_over(session: Session, claims: Mapping[str, object]) -> bool:
    """Return whether the sign-in with these claims was ended, is too old, or doesn't say when it was."""
    if not _is_young(claims.get("iat")):
        return True
    return session.exec(select(t.EndedSignIn.id).where(t.EndedSignIn.key == key_of(claims))).first() is not None


def end(session: Session, claims: Mapping[str, object]) -> None:
    """End the sign-in with these claims, once and for all."""
    session.execute(sa.delete(t.EndedSignIn).where(col(t.EndedSignIn.ended_at) < t.now() - LONGEST))
    values = {"key": key_of(claims), "ended_at": t.now()}
    # Another tab may be first.
    session.execute(db.insert(session, t.EndedSignIn).values(values).on_conflict_do_nothing())


def key_of(claims: Mapping[str, object]) -> str:
    """Return the hash that a sign-in is known by."""
    act = [str(claims.get(name)) for name in _OF_THE_ACT]
    return hashlib.sha256(json.dumps(act).encode()).hexdigest()


def _is_young(issued_at: object) -> bool:
    if not isinstance(issued_at, int | float) or isinstance(issued_at, bool):
        return False
    try:
        age = t.now() - datetime.fromtimestamp(issued_at, UTC)
    except (OverflowError, ValueError, OSError):  # no moment at all
        return False
    # A sign-in ahead of us is of a clock that goes wrong.
    return abs(age) < LONGEST
