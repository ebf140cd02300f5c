"""Teachers by name: add one, list them, open one as a model that can be asked.

add(session, "brook", kind="simulated", model="slips", sampling={"seed": 3}, by="ann")
opened(get(session, "brook"))      -> the Model; what it writes is marked as simulated wherever it is shown
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlmodel import Session, col, select

from mapd.errors import BadInput, NotFound
from mapd.models.base import Model, Sampling
from mapd.models.simulated import SimulatedTeacher
from mapd.people import person_name
from mapd.store import queries
from mapd.store import tables as t

KINDS = ("simulated", "local")  # what can be asked; a row may also be of a person or an import, which can't
LONGEST_NAME = 80
_SAMPLING = {  # by setting: what its value may be
    "temperature": ((int, float), 0, 2),
    "top_p": ((int, float), 0, 1),
    "max_tokens": ((int,), 1, 100_000),
    "seed": ((int,), 0, 2**31 - 1),
}


def add(
    session: Session,
    name: str,
    *,
    kind: str,
    model: str,
    by: str,
    sampling: Mapping[str, Any] | None = None,
    limits: Mapping[str, Any] | None = None,
) -> t.Teacher:
    """Add a teacher; the same one again returns the one that is there.

    `sampling`: how a local model draws its tokens, or a simulated teacher's settings. It is part of the ledger's key:
    a teacher with other settings is another teacher, under a name of its own.

    Raises: BadInput where the kind, the name or a setting can't be used, or the name belongs to another teacher.
    """
    name, person = name.strip(), person_name(by)
    if not 0 < len(name) <= LONGEST_NAME or "," in name or not name.isprintable():
        raise BadInput(f"a teacher's name has 1 to {LONGEST_NAME} characters and no comma, not {name[:LONGEST_NAME]!r}")
    if kind not in KINDS:
        raise BadInput(f"teachers of kind {kind!r} can't be called by this version; kinds: {', '.join(KINDS)}")
    row = t.Teacher(
        name=name,
        kind=kind,
        model=model,
        sampling=_settings(kind, model, sampling or {}),
        limits=dict(limits or {}),
        simulated=kind == "simulated",
    )
    found = session.exec(select(t.Teacher).where(t.Teacher.name == name)).first()
    if found is not None:
        if _content(found) != _content(row):
            raise BadInput(f"there is another teacher named {name}: {found.kind} {found.model}; choose another name")
        return found
    session.add(row)
    queries.audit(session, person, "add teacher", f"teacher {name}", kind=kind, model=model)
    session.flush()
    return row


def _settings(kind: str, model: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """All that can be set, so that another default in a later version changes no teacher."""
    if kind == "simulated":
        profile = asdict(SimulatedTeacher.of(model=model, settings=given).profile)
        return {name: value for name, value in profile.items() if name != "flaw"}  # which is the model's
    for key, value in given.items():
        if key not in _SAMPLING:
            raise BadInput(f"a local teacher has no setting {key!r}: it is one of {', '.join(_SAMPLING)}")
        kinds, low, high = _SAMPLING[key]
        if type(value) not in kinds or not low <= value <= high:
            raise BadInput(f"a local teacher's {key} must be a number from {low} to {high}, not {value!r}")
    return Sampling(**given).as_dict()


def _content(row: t.Teacher) -> tuple[Any, ...]:
    return row.kind, row.model, row.sampling, row.limits


def get(session: Session, name: str) -> t.Teacher:
    """The teacher by name.

    Raises: NotFound, naming those that can be asked.
    """
    found = session.exec(select(t.Teacher).where(t.Teacher.name == name)).first()
    if found is None:
        known = ", ".join(x.name for x in listed(session) if x.kind in KINDS)
        raise NotFound(f"unknown teacher: {name}; known: {known or 'none yet, `mapd teachers add` adds one'}")
    return found


def listed(session: Session) -> Sequence[t.Teacher]:
    """Every teacher, people and imported ones too, in the order in which they came."""
    return session.exec(select(t.Teacher).order_by(col(t.Teacher.id))).all()


def sampling_of(teacher: t.Teacher, sample: int = 0) -> Sampling:
    """How the teacher's model draws its tokens for its `sample`-th text of a kind: each by a seed of its own."""
    given = Sampling(**{k: v for k, v in teacher.sampling.items() if k in _SAMPLING})
    return given if given.seed is None else replace(given, seed=given.seed + sample)


def opened(teacher: t.Teacher) -> Model:
    """The model behind the teacher, ready to be asked.

    Raises: BadInput where it can't be: an imported teacher, a person, a disabled one, a kind of a later version.
    """
    if teacher.disabled:
        raise BadInput(f"teacher {teacher.name} is disabled; name another one")
    if teacher.kind == "simulated":
        return SimulatedTeacher.of(model=teacher.model, settings=teacher.sampling)
    if teacher.kind == "local":
        from mapd.models.local import LocalModel, load  # torch takes seconds to import

        return LocalModel(teacher.model, *load(teacher.model))
    reason = "this version can't call" if teacher.kind in ("openai", "anthropic") else "nobody can ask"
    raise BadInput(
        f"teacher {teacher.name} is of kind {teacher.kind}, which {reason}; "
        f"`mapd teachers add` adds one of kind {' or '.join(KINDS)}"
    )
