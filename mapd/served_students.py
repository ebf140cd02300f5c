"""Students behind a server: add one, change it, say yes to one that came with an archive.

    add(session, "qwen", model="qwen-1.5b", base_url="http://127.0.0.1:8000/v1", tokenizer=examined, by=owner("ann"))
    -> base "served:qwen-1.5b", tokenizer "hub:Qwen/Qwen2.5-1.5B-Instruct@607a…", limits {"concurrency": 256}

With a tokenizer, its own or its parent's, it is sent its own prompt, token by token. Without one its server writes the
prompt: the row's template is "server". A key is named, never stored, and goes to the server that it was approved for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from sqlmodel import Session

from mapd import approvals, fingerprints, keys, server_access, students
from mapd.errors import BadInput
from mapd.models import weights
from mapd.people import Person, Right, require
from mapd.server_access import EnableEffect
from mapd.store import audit_log
from mapd.store import tables as t
from mapd.teacher_settings import LIMITS, check_numbers

# The API that its server speaks.
API = "openai"
BY_SERVER = "server"  # the template of a student whose server writes the prompt
# A lab's server batches what is in flight.
CONCURRENCY = 256


@dataclass(frozen=True, slots=True)
class TokenizerSource:
    """Whose tokenizer a served student has: the source's name, its files' sha256, and how its prompt is written."""

    name: str
    sha256: str | None = None
    template: str | None = None


def examine_tokenizer(source: str) -> TokenizerSource:
    """Look into a tokenizer: of a folder, of ORG/NAME on the hub (fetched without weights), or the packaged one.

    Raises: BadInput where there is none, or its chat template can't be used.
    """
    if source == weights.PACKAGED:
        weights.require_packaged()
        return TokenizerSource(source)
    folder, name = Path(source).expanduser(), ""
    if weights.is_hub_name(source) and not folder.is_dir():
        from mapd.models.hub import fetch  # the hub's library takes a second to import

        folder = fetch(source, patterns=weights.TOKENIZER_PATTERNS)
        name = f"hub:{source}@{folder.name}"
    folder = weights.require_tokenizer(folder)
    sha256 = fingerprints.look_at_tokenizer(folder)
    template = None if weights.has_template(folder) else "plain"
    return TokenizerSource(name or f"path:{folder.resolve()}", sha256, template)


def add(
    session: Session,
    name: str,
    *,
    model: str,
    base_url: str,
    by: Person,
    key_env: str | None = None,
    parent: str | int | None = None,
    tokenizer: TokenizerSource | None = None,
    by_chat: bool = False,
    shots: int = 0,
    limits: Mapping[str, Any] | None = None,
    approved: bool = False,
) -> t.Student:
    """Add a student behind a server that speaks OpenAI's API. The same one again may change its limits and its key.

    `model`: as the server names it; an adapter by its own name there. `parent`: the student that it was taught from,
    whose tokenizer it has. `by_chat`: its server writes the prompt, although its tokenizer is known: the two are then
    compared before an exam. `approved`: a key of another server may be sent to this one.

    Raises: Forbidden; NotFound (the parent); BadInput where a setting can't be used, the name belongs to another
    student, or the key to another server.
    """
    person = require(by, Right.ADD_STUDENTS)
    ancestor = None if parent is None else students.get(session, parent)
    row = _make_row(name, model, base_url, ancestor, tokenizer, shots, by_chat=by_chat)
    row.limits = check_numbers("a served student", "limit", dict(limits or {}), LIMITS)
    row.key_env = None if key_env is None else keys.check_name(key_env)
    namesake = students.find_namesake(session, row)
    if namesake is not None and _identity(namesake) != _identity(row):
        raise BadInput(
            f"there is another student named {namesake.name}: {students.source_of(namesake)}"
            + (f" at {namesake.base_url}" if namesake.base_url else "")
            + "; choose another name"
        )
    if row.key_env is not None:
        server_access.approve_key(session, row.key_env, server_of(row), by=by, approved=approved)
    if tokenizer is not None and tokenizer.sha256 is not None:
        fingerprints.record(session, fingerprints.tokenizer_source(tokenizer.name), tokenizer.sha256)
    if namesake is not None:
        changes = {"limits": namesake.limits if limits is None else row.limits}
        return server_access.write_changes(
            session, namesake, changes | {"key_env": row.key_env or namesake.key_env}, person
        )
    session.add(row)
    audit_log.audit(session, person, "add student", f"student {row.name}", base=row.base, server=row.base_url)
    session.flush()
    return row


def _make_row(
    name: str,
    model: str,
    base_url: str,
    parent: t.Student | None,
    tokenizer: TokenizerSource | None,
    shots: int,
    *,
    by_chat: bool,
) -> t.Student:
    """Return the student's row, checked, not yet in the database. Raises: BadInput."""
    name, model = students.check_name(name), model.strip()
    if not model or len(model) > students.LONGEST_MODEL or not model.isprintable():
        raise BadInput(f"a served student has the model's name at its server, not {model[:80]!r}")
    source = tokenizer or _inherit_tokenizer(parent)
    shots = shots or (0 if parent is None or by_chat else parent.shots)
    template = BY_SERVER if by_chat or source is None else source.template
    students.check_shots(shots)
    row = t.Student(
        name=name,
        base=f"{students.SERVED}:{model}",
        base_url=server_access.check_base(API, base_url),
        tokenizer=None if source is None else source.name,
        template=template,
        shots=shots,
        parent_id=None if parent is None else parent.id,
        round=0 if parent is None else parent.round + 1,
    )
    # A hash of its content, as of any student: the same one has the same uid in every project.
    content = [name, *_identity(row)[:-1], None if parent is None else parent.uid]
    row.uid = uuid5(NAMESPACE_URL, f"served student {content}").hex
    return row


def _inherit_tokenizer(parent: t.Student | None) -> TokenizerSource | None:
    if parent is None:
        return None
    if students.is_served(parent):
        template = None if parent.template == BY_SERVER else parent.template
        return None if parent.tokenizer is None else TokenizerSource(parent.tokenizer, template=template)
    if parent.base.partition(":")[0] not in students.KINDS:
        return None
    return TokenizerSource(students.source_of(parent), template=parent.template)


def _identity(row: t.Student) -> tuple[Any, ...]:
    return row.base, row.base_url, row.tokenizer, row.template, row.shots, row.parent_id


def check_row(base: str, base_url: str | None, limits: Mapping[str, Any]) -> None:
    """See that a row which came from elsewhere is one that could have been added. Raises: BadInput."""
    check_numbers("a served student", "limit", limits, LIMITS)
    if base.startswith(f"{students.SERVED}:") != (base_url is not None):
        raise BadInput(f"a student is {students.SERVED}:MODEL with a base_url, or neither")
    if base_url is not None:
        server_access.check_base(API, base_url)


def server_of(row: t.Student) -> str:
    """Return the server that a served student's calls go to. Raises: BadInput where its address can't be used."""
    if row.base_url is None:
        raise BadInput(f"student {row.name} has no server: it is asked on this machine")
    return approvals.server_of(API, row.base_url)


def preview_enabling(session: Session, ref: str | int, key_env: str | None = None) -> EnableEffect:
    """Return what enabling the student would let happen; `key_env`: the name of the key that it is to use.

    Raises: NotFound for an unknown student; BadInput where it isn't served, or the name is no key's.
    """
    row = students.get(session, ref)
    return server_access.preview(session, row, students.model_of(row), server_of(row), key_env)


def enable(
    session: Session, ref: str | int, by: Person, *, key_env: str | None = None, approved: bool = False
) -> t.Student:
    """Ask this student again. One that came with an archive, or a key that goes to a new server, has to be `approved`.

    Raises: Forbidden; NotFound; BadInput where it isn't approved, isn't served, or the key's name is none.
    """
    require(by, Right.ADD_STUDENTS)
    effect = preview_enabling(session, ref, key_env)
    return server_access.enable(session, students.get(session, ref), effect, by=by, approved=approved)


def disable(session: Session, ref: str | int, by: Person) -> t.Student:
    """Ask this student no more; its answers stay. Raises: Forbidden; NotFound; BadInput where it isn't served."""
    require(by, Right.ADD_STUDENTS)
    row = students.get(session, ref)
    server_of(row)
    return server_access.disable(session, row, by=by)
