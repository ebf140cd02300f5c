"""Who sends a request: the page hands its client a random token, and the database has its hash.

    token = issue_token(session, Person("ann", Role.OWNER), exam_id, sign_in="")     # in the page
    authenticate(session, token, Visitor(person, sign_in=""))                 # in a route -> Caller(ann, exam_id)

The token speaks for one person in one role on one exam, for TWELVE hours, from the sign-in that it was handed to. It
comes in a header of its own, never in a cookie, so that no other site can have a browser send it. What it says is asked
again with each request: who signed out, lost the role, or sits where somebody else has signed in since, is refused.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd.errors import MapdError
from mapd.people import Person
from mapd.store import tables as t

HEADER = "X-Mapd-Token"
LIFE = timedelta(hours=12)


class InvalidToken(MapdError):  # noqa: N818
    """A token that opens nothing (any more): the page has to be loaded again."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whom a request's cookies are of, in the role that they have now, and the hash of their sign-in.

    Where nobody signs in the name and the hash are empty: the token alone says who it is.
    """

    person: Person
    sign_in: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and on which exam."""

    person: Person
    exam_id: int


def issue_token(session: Session, person: Person, exam_id: int, sign_in: str) -> str:
    """Return a new token for the person on the exam; those that have expired are forgotten."""
    token = secrets.token_urlsafe(32)
    session.execute(sa.delete(t.AccessToken).where(col(t.AccessToken.until) < t.now()))
    session.add(
        t.AccessToken(
            key=_hash_token(token),
            person=person.name,
            role=person.role,
            exam_id=exam_id,
            sign_in=sign_in,
            until=t.now() + LIFE,
        )
    )
    session.flush()
    return token


def authenticate(session: Session, token: str, visitor: Visitor | None) -> Caller:
    """Return who asks. `visitor`: of the request's cookies; None if the app is closed to them. Raises: InvalidToken."""
    if visitor is None:
        raise InvalidToken("you are signed out here; sign in again, and reload the page: what isn't saved yet is kept")
    row = session.exec(select(t.AccessToken).where(t.AccessToken.key == _hash_token(token))).first()
    if row is None or row.until < t.now():
        raise InvalidToken(
            "this page is out of date: it was opened over 12 hours ago, or another name was given in this browser; "
            "reload it: what isn't saved yet is kept"
        )
    # The token speaks for the sign-in that it was issued to, not for whoever holds it now.
    if visitor.sign_in != row.sign_in or visitor.person.name not in ("", row.person):
        raise InvalidToken(
            f"this page is {row.person or 'nobody'}'s, and somebody else is signed in here now; reload it"
        )
    if visitor.person.role != row.role:
        raise InvalidToken(f"{row.person} is no longer {row.role} here; reload the page")
    return Caller(Person(row.person, visitor.person.role), row.exam_id)


def revoke_tokens(session: Session, person: str) -> None:
    """End every token of the person: somebody else sits at their browser now."""
    session.execute(sa.delete(t.AccessToken).where(col(t.AccessToken.person) == person))


def _hash_token(token: str) -> str:
    # Only the hash is stored, so that who reads the database has no token.
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
