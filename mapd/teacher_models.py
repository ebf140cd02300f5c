"""Open a teacher as a model that can be asked, and test one.

open_model(engine, get(session, "brook"))  -> the Model; its texts are marked as simulated wherever they are shown
test(engine, get(session, "mini"))         -> TeacherTest(ok=True, text="2 + 2 + 2 = 6. Answer: 6", …)
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from mapd import approvals, event_loops, fingerprints, keys, prompts
from mapd.answers.grading import Task
from mapd.errors import BadInput, MapdError
from mapd.models import forms
from mapd.models.base import Completion, Finish, Limits, Model, Request, Sampling, stream
from mapd.models.simulated import SimulatedTeacher
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from mapd.teacher_settings import KEY_VARIABLES, SAMPLING
from mapd.teachers import KINDS

SHORTEST_KEY = 8


@dataclass(frozen=True, slots=True)
class TeacherTest:
    """What a teacher said to a small sum."""

    ok: bool
    text: str
    finish: str
    error: str | None
    latency_s: float | None
    tokens_in: int | None
    tokens_out: int | None
    thought: str | None = None
    notes: tuple[str, ...] = ()  # what its server doesn't take, in words


def sampling_of(teacher: t.Teacher, sample: int = 0) -> Sampling:
    """Return how the teacher's model draws tokens for its `sample`-th text of a kind; each has a seed of its own."""
    sampling = Sampling(**{k: v for k, v in teacher.sampling.items() if k in SAMPLING})
    # Sample k draws by seed + k: with one seed for all, all samples would be the same text.
    return sampling if sampling.seed is None else replace(sampling, seed=sampling.seed + sample)


def may_answer_otherwise(teacher: t.Teacher) -> bool:
    """Return whether the same request may get another reply. A greedy or seeded draw here is always the same."""
    draw = sampling_of(teacher)
    return teacher.kind in KEY_VARIABLES or (teacher.kind == "local" and bool(draw.temperature) and draw.seed is None)


def key_is_set(teacher: t.Teacher) -> bool | None:
    """Return whether the variable of the teacher's key holds something; None where it needs no key.

    Raises: BadInput where the file of secrets can't be read.
    """
    return None if teacher.key_env is None else bool(keys.read_key(teacher.key_env))


def _read_secret(engine: sa.Engine, teacher: t.Teacher, variable: str, purpose: str) -> str:
    """Return a variable's value for the teacher's present server. Raises: BadInput (not approved, not there)."""
    with db.reading(engine) as session:
        server = approvals.server_of(teacher.kind, teacher.base_url)
        approvals.require(session, keys.check_name(variable), server)
    value = keys.read_key(variable)
    if not value:
        raise BadInput(
            f"teacher {teacher.name} takes {purpose} from the variable {variable}, which is not set; "
            f"export {variable}=…, or write it into {keys.SECRETS}, and start again"
        )
    return value


def _read_headers(engine: sa.Engine, teacher: t.Teacher) -> dict[str, str]:
    """Return the teacher's further headers. Raises: BadInput where one isn't approved or set, or can't be sent."""
    values = {}
    for name, variable in teacher.headers.items():
        values[name] = _read_secret(engine, teacher, variable, f"its header {name}")
        if not values[name].isascii() or not values[name].isprintable():
            raise BadInput(f"the variable {variable} can't be sent as a header: plain characters in one line can")
    return values


def _read_key_of(engine: sa.Engine, teacher: t.Teacher) -> str | None:
    """Return the teacher's key for its present server. Raises: BadInput, as `_read_secret`, or where it is no key."""
    if teacher.key_env is None:
        return None
    key = _read_secret(engine, teacher, teacher.key_env, "its key")
    if len(key) < SHORTEST_KEY or not key.isascii() or not key.isprintable() or " " in key:
        raise BadInput(  # a short one could not be told from a word of a reply, from which it is to be cut
            f"the variable {teacher.key_env} holds no key: at least {SHORTEST_KEY} plain characters without a space; "
            "a server that needs none takes no --key-env"
        )
    return key


def open_model(engine: sa.Engine, teacher: t.Teacher, *, tries: int | None = None) -> Model:
    """Return the model behind the teacher, ready to be asked; `tries`: how often a served one may try a call.

    Raises: BadInput where it can't be: an imported teacher, a person, a disabled one, one whose key is missing or is
    approved for another server.
    """
    if teacher.disabled:
        raise BadInput(f"teacher {teacher.name} is disabled; `mapd teachers enable` turns it on, or name another one")
    if teacher.kind == "simulated":
        return SimulatedTeacher.of(model=teacher.model, settings=teacher.sampling)
    if teacher.kind == "local":
        folder = fingerprints.folder_of(engine, fingerprints.source_of(teacher.model), Settings().make_home())
        from mapd.models.loader import load  # torch takes seconds to import
        from mapd.models.local import LocalModel

        return LocalModel(teacher.model, *load(folder, thinks=True))
    if teacher.kind in KEY_VARIABLES:
        return _open_served(engine, teacher, tries)
    raise BadInput(
        f"teacher {teacher.name} is of kind {teacher.kind}, which nobody can ask; "
        f"`mapd teachers add` adds one of kind {' or '.join(KINDS)}"
    )


def _open_served(engine: sa.Engine, teacher: t.Teacher, tries: int | None) -> Model:
    options: dict[str, Any] = {
        "base_url": teacher.base_url and approvals.check_address(teacher.base_url),
        "key": _read_key_of(engine, teacher),
        "limits": Limits(**teacher.limits),
        "fields": {name: value for name, value in teacher.sampling.items() if name not in SAMPLING},
        "headers": _read_headers(engine, teacher),
        "form": teacher.learned,
        "keep_form": partial(_keep_form, engine, teacher.id),
    } | ({} if tries is None else {"tries": tries})
    if teacher.kind == "openai":
        from mapd.models.openai import OpenAIModel  # the SDKs take seconds to import

        return OpenAIModel(teacher.model, **options)
    from mapd.models.anthropic import AnthropicModel

    return AnthropicModel(teacher.model, **options)


def _keep_form(engine: sa.Engine, teacher_id: int | None, form: forms.RequestForm) -> None:
    # Where the database is away, the next process learns it again.
    def write(session: Session) -> None:
        row = session.get(t.Teacher, teacher_id)
        if row is not None and row.learned != form:
            row.learned = dict(row.learned) | dict(form)
            session.add(row)

    # Where the database is away nothing is lost: the next process learns the form again.
    with suppress(MapdError):
        db.transact(engine.execution_options(patience=db.Patience(0)), write)


def list_notes(teacher: t.Teacher) -> list[str]:
    """Return what the teacher's server doesn't take, in words: "temperature isn't taken by this model: left out"."""
    return forms.describe(teacher.learned)


def test(engine: sa.Engine, teacher: t.Teacher) -> TeacherTest:
    """Ask the teacher once for a small sum. Raises: BadInput where it can't be asked at all."""
    model = open_model(engine, teacher, tries=1)
    request = Request("test", prompts.rationale_messages("Calculate 2 + 2 + 2.", Task.NUMERIC), sampling_of(teacher))

    async def reply() -> Completion:
        (completion,) = [received async for received in model.generate(stream([request]))]
        return completion

    completion = event_loops.run(reply())
    with db.reading(engine) as session:
        learned = list_notes(session.get(t.Teacher, teacher.id) or teacher)
    counts = completion.latency_s, completion.tokens_in, completion.tokens_out
    ok = completion.finish is Finish.OK
    text, thought = completion.text, completion.thought
    return TeacherTest(ok, text, completion.finish, completion.error, *counts, thought, tuple(learned))
