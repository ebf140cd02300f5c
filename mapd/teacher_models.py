"""Open a teacher as a model that can be asked, and test one.

open_model(engine, get(session, "brook"))  -> the Model; its texts are marked as simulated wherever they are shown
test(engine, get(session, "mini"))         -> TeacherTest(ok=True, text="2 + 2 + 2 = 6. Answer: 6", …)
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import sqlalchemy as sa

from mapd import approvals, event_loops, fingerprints, keys, prompts, server_access
from mapd.answers.grading import Task
from mapd.errors import BadInput
from mapd.models import forms
from mapd.models.base import Completion, Finish, Limits, Model, Request, Sampling, stream
from mapd.models.simulated import SimulatedTeacher
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from mapd.teacher_settings import KEY_VARIABLES, SAMPLING
from mapd.teachers import KINDS


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


def _read_headers(engine: sa.Engine, teacher: t.Teacher, server: str) -> dict[str, str]:
    """Return the teacher's further headers. Raises: BadInput where one isn't approved or set, or can't be sent."""
    values = {}
    for name, variable in teacher.headers.items():
        values[name] = server_access.read_secret(
            engine, f"teacher {teacher.name}", server, variable, f"its header {name}"
        )
        if not values[name].isascii() or not values[name].isprintable():
            raise BadInput(f"the variable {variable} can't be sent as a header: plain characters in one line can")
    return values


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
    server = approvals.server_of(teacher.kind, teacher.base_url)
    options: dict[str, Any] = {
        "base_url": teacher.base_url and approvals.check_address(teacher.base_url),
        "key": server_access.read_key(engine, f"teacher {teacher.name}", server, teacher.key_env),
        "limits": Limits(**teacher.limits),
        "fields": {name: value for name, value in teacher.sampling.items() if name not in SAMPLING},
        "headers": _read_headers(engine, teacher, server),
        "form": teacher.learned,
        "keep_form": partial(server_access.keep_form, engine, teacher),
    } | ({} if tries is None else {"tries": tries})
    if teacher.kind == "openai":
        from mapd.models.openai import OpenAIModel  # the SDKs take seconds to import

        return OpenAIModel(teacher.model, **options)
    from mapd.models.anthropic import AnthropicModel

    return AnthropicModel(teacher.model, **options)


def ask_once(model: Model, request: Request) -> Completion:
    """Return what a model answers to one request."""

    async def reply() -> Completion:
        (completion,) = [received async for received in model.generate(stream([request]))]
        return completion

    return event_loops.run(reply())


def list_notes(teacher: t.Teacher) -> list[str]:
    """Return what the teacher's server doesn't take, in words: "temperature isn't taken by this model: left out"."""
    return forms.describe(teacher.learned)


def test(engine: sa.Engine, teacher: t.Teacher) -> TeacherTest:
    """Ask the teacher once for a small sum. Raises: BadInput where it can't be asked at all."""
    model = open_model(engine, teacher, tries=1)
    messages = prompts.rationale_messages("Calculate 2 + 2 + 2.", Task.NUMERIC)
    completion = ask_once(model, Request("test", messages, sampling_of(teacher)))
    with db.reading(engine) as session:
        learned = list_notes(session.get(t.Teacher, teacher.id) or teacher)
    counts = completion.latency_s, completion.tokens_in, completion.tokens_out
    ok = completion.finish is Finish.OK
    text, thought = completion.text, completion.thought
    return TeacherTest(ok, text, completion.finish, completion.error, *counts, thought, tuple(learned))
