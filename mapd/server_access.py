"""Reach the server of a teacher or a student: its address, its key, and the yes before it is asked at all.

check_base("openai", "https://llm.example.org/v1/chat/completions")   raises: the base_url ends before …
read_key(engine, "student qwen", "https://llm.example.org", "LAB_KEY")    -> the key, if it is approved for the server
enable(session, row, effect, approved=True, by=owner("ann"))          a row of an archive is asked from now on
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlmodel import Session

from mapd import approvals, keys
from mapd.errors import BadInput, MapdError
from mapd.models import forms
from mapd.people import Person, Right, require
from mapd.store import audit_log, db
from mapd.store import tables as t

SHORTEST_KEY = 8
PATHS = {  # what each call adds to a base_url, which is often copied with it
    "openai": ("/chat/completions", "/completions"),
    "anthropic": ("/v1/messages", "/messages", "/v1"),
}
ServedRow = TypeVar("ServedRow", t.Teacher, t.Student)


def check_base(kind: str, base_url: str) -> str:
    """Return a server's address as it is kept, if it ends before what each call adds. Raises: BadInput."""
    address = approvals.check_address(base_url)
    path = next((path for path in PATHS[kind] if address.endswith(path)), None)
    if path is not None:
        raise BadInput(f"the base_url ends before {path}, which each call adds: {address.removesuffix(path)}")
    return address


def read_secret(engine: sa.Engine, owner: str, server: str, variable: str, purpose: str) -> str:
    """Return a variable's value for a server; `owner`: "teacher mini". Raises: BadInput (not approved, not there)."""
    with db.reading(engine) as session:
        approvals.require(session, keys.check_name(variable), server)
    value = keys.read_key(variable)
    if not value:
        raise BadInput(
            f"{owner} takes {purpose} from the variable {variable}, which is not set; "
            f"export {variable}=…, or write it into {keys.SECRETS}, and start again"
        )
    return value


def read_key(engine: sa.Engine, owner: str, server: str, variable: str | None) -> str | None:
    """Return the key for a server; None where it needs none.

    Raises: BadInput, as `read_secret`, or where it is no key.
    """
    if variable is None:
        return None
    key = read_secret(engine, owner, server, variable, "its key")
    if len(key) < SHORTEST_KEY or not key.isascii() or not key.isprintable() or " " in key:
        raise BadInput(  # a short one could not be told from a word of a reply, from which it is to be cut
            f"the variable {variable} holds no key: at least {SHORTEST_KEY} plain characters without a space; "
            "a server that needs none takes no --key-env"
        )
    return key


def approve_key(session: Session, variable: str, server: str, *, by: Person, approved: bool) -> None:
    """Let the key be sent to the server, if it is `approved` or no other server's key. Raises: Forbidden, BadInput."""
    if not approved and (doubt := approvals.find_doubt(session, variable, server)) is not None:
        raise BadInput(f"{doubt}; nothing was changed: name another key, or say yes (--yes; on the page its box)")
    approvals.approve(session, variable, server, by=by)


@dataclass(frozen=True, slots=True)
class EnableEffect:
    """What enabling a row lets happen, to be shown first. `needs_yes`: nobody here has agreed to it yet."""

    owner: str  # "teacher own"
    model: str
    server: str | None  # none: it works on this machine
    key_env: str | None
    needs_yes: bool

    @property
    def in_words(self) -> str:
        """Return one line: "teacher own asks the model m at https://…, with the key in MY_KEY"."""
        where = "on this machine" if self.server is None else f"at {self.server}"
        key = f"with the key in {self.key_env}" if self.key_env else "without a key"
        return f"{self.owner} asks the model {self.model} {where}, {key}"


def preview(
    session: Session, row: t.Teacher | t.Student, model: str, server: str | None, key_env: str | None
) -> EnableEffect:
    """Return what enabling the row would let happen; `key_env`: the name of the key that it is to use.

    Raises: BadInput where the name is no key's.
    """
    variable = key_env or row.key_env
    is_new = variable is not None and server not in approvals.list_servers(session, keys.check_name(variable))
    owner = f"{row.__tablename__} {row.name}"
    return EnableEffect(owner, model, server, variable, needs_yes=is_new or row.origin is not None)


def enable(session: Session, row: ServedRow, effect: EnableEffect, *, by: Person, approved: bool) -> ServedRow:
    """Ask the row's model from now on, as its effect says. Raises: Forbidden; BadInput where it isn't approved."""
    person = require(by, Right.MANAGE_TEACHERS)
    if effect.needs_yes and not approved:
        raise BadInput(
            f"{effect.in_words}: nobody here has said yes to that; say it with --yes, on the page with its box"
        )
    if effect.key_env is not None and effect.server is not None:
        approvals.approve(session, effect.key_env, effect.server, by=by)
    if row.disabled or row.origin is not None or row.key_env != effect.key_env:
        row.disabled, row.origin, row.key_env = False, None, effect.key_env
        session.add(row)
        detail = {"server": effect.server, "model": effect.model, "key": effect.key_env}
        audit_log.audit(session, person, f"enable {row.__tablename__}", effect.owner, **detail)
        session.flush()
    return row


def disable(session: Session, row: ServedRow, *, by: Person) -> ServedRow:
    """Ask the row's model no more; what it wrote stays. Raises: Forbidden."""
    person = require(by, Right.MANAGE_TEACHERS)
    if not row.disabled:
        row.disabled = True
        session.add(row)
        audit_log.audit(session, person, f"disable {row.__tablename__}", f"{row.__tablename__} {row.name}")
        session.flush()
    return row


def write_changes(session: Session, row: ServedRow, changes: Mapping[str, Any], person: str) -> ServedRow:
    """Write what is other than before, and that it was changed."""
    if any(getattr(row, name) != value for name, value in changes.items()):
        for name, value in changes.items():
            setattr(row, name, value)
        session.add(row)
        audit_log.audit(session, person, f"change {row.__tablename__}", f"{row.__tablename__} {row.name}", **changes)
        session.flush()
    return row


def keep_form(engine: sa.Engine, row: ServedRow, form: forms.RequestForm) -> None:
    """Keep what was learned of the row's server."""

    def write(session: Session) -> None:
        present_row = session.get(type(row), row.id)
        if present_row is not None and present_row.learned != form:
            present_row.learned = dict(present_row.learned) | dict(form)
            session.add(present_row)

    # Where the database is away nothing is lost: the next process learns the form again.
    with suppress(MapdError):
        db.transact(engine.execution_options(patience=db.Patience(0)), write)
