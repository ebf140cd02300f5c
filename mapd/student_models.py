"""Open a student as a model that can be examined: here by transformers or vLLM, or behind its server.

open_model(engine, get(session, "smollm2"), home)                 -> the LocalModel, its adapter merged in
open_model(engine, get(session, "qwen"), home)                    -> a model that is asked with 256 calls in flight
find_rendering(engine, get(session, "qwen"), home, model)         -> "its own, sent as tokens"
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from mapd import approvals, event_loops, fingerprints, prompts, served_students, server_access, students
from mapd.answers.grading import Task
from mapd.errors import BadInput
from mapd.models.base import Finish, Limits, Model, Request, Sampling
from mapd.store import tables as t
from mapd.teacher_models import ask_once

BACKENDS = ("transformers", "vllm")  # of a student on this machine
PROBE = "A box holds 3 red and 4 blue pens. How many pens are in it?"


def open_model(
    engine: sa.Engine, student: t.Student, home: Path, batch_size: int = 32, backend: str = "transformers"
) -> Model:
    """Return the student's model. `backend`: what a local one is asked with, transformers or vllm.

    Raises: BadInput where it can't be asked: disabled, its key missing or not approved, its weights missing or changed,
    or vLLM or its GPU not here.
    """
    if not students.is_served(student):
        if backend == "vllm":
            return _open_offline(engine, student, home)
        return students.open_model(engine, student, home, batch_size)
    if backend != "transformers":
        raise BadInput(f"student {student.name} is asked by its server at {student.base_url}: leave --backend out")
    if student.disabled:
        raise BadInput(
            f"student {student.name} is disabled, as each served one is that came with an archive; "
            f"`mapd students enable {student.name}` shows whom it would ask, and turns it on"
        )
    from mapd.models.completions import ChatModel, CompletionsModel  # the SDK takes seconds to import

    options: dict[str, Any] = {
        "base_url": approvals.check_address(student.base_url or ""),
        "key": server_access.read_key(
            engine, f"student {student.name}", served_students.server_of(student), student.key_env
        ),
        "limits": Limits(**{"concurrency": served_students.CONCURRENCY, **student.limits}),
        "form": student.learned,
        "keep_form": partial(server_access.keep_form, engine, student),
    }
    if student.template == served_students.BY_SERVER:
        return ChatModel(students.model_of(student), **options)
    return CompletionsModel(students.model_of(student), _load_tokenizer(engine, student, home), **options)


def _load_tokenizer(engine: sa.Engine, student: t.Student, home: Path) -> Any:
    from mapd.models.loader import load_tokenizer  # torch takes seconds to import

    if student.tokenizer is None:
        raise BadInput(f"student {student.name} names no tokenizer: add it again with --tokenizer, or with --chat")
    return load_tokenizer(fingerprints.tokenizer_folder_of(engine, student.tokenizer, home))


def _open_offline(engine: sa.Engine, student: t.Student, home: Path) -> Model:
    from mapd.models.loader import load_tokenizer
    from mapd.models.vllm import OfflineModel

    folder, adapter = students.locate(engine, student, home)
    return OfflineModel(student.name, folder, load_tokenizer(folder), adapter)


@dataclass(frozen=True, slots=True)
class StudentTest:
    """What a student said to a small sum, and who wrote its prompt; None: its own template did, on this machine."""

    ok: bool
    rendering: str | None
    text: str
    finish: str
    error: str | None
    latency_s: float | None
    tokens_in: int | None
    tokens_out: int | None


def test(engine: sa.Engine, student: t.Student, home: Path) -> StudentTest:
    """Ask the student once. Raises: BadInput where it can't be asked, or reads another prompt than its own."""
    model = open_model(engine, student, home)
    rendering = find_rendering(engine, student, home, model)
    request = Request("test", prompts.exam_messages(PROBE, Task.NUMERIC, student.shots), Sampling(max_tokens=128))
    reply = ask_once(model, request)
    is_answer = reply.finish in (Finish.OK, Finish.CUT_OFF)
    counts = reply.latency_s, reply.tokens_in, reply.tokens_out
    return StudentTest(is_answer, rendering, reply.text, reply.finish, reply.error, *counts)


def find_rendering(engine: sa.Engine, student: t.Student, home: Path, model: Model) -> str | None:
    """Return who writes a served student's prompt, in words; None of a local one, which always has its own.

    Raises: BadInput where its server reads another prompt than the student's own, or can't be asked.
    """
    if not students.is_served(student):
        return None
    from mapd.models import completions

    assert isinstance(model, completions.ServedStudent)
    if isinstance(model, completions.CompletionsModel):
        tokenizer = model.tokenizer
    else:
        tokenizer = None if student.tokenizer is None else _load_tokenizer(engine, student, home)
    messages = prompts.exam_messages(PROBE, Task.NUMERIC, student.shots)
    return event_loops.run(completions.find_rendering(model, tokenizer, messages)).value
