"""Calls a second to teachers behind an API: one after the other, as the released code asks, and through `collect`.

    python -m benchmarks.collect [--calls N] [--json]

The provider is a process of its own on this machine. It answers each call after 200 ms, in both wire formats, to the
official SDKs. `reference`: 100 calls, one after the other. `ours`: a whole committee (feedback, rationales, reviews) of
three teachers with one limit of 32 in flight, every reply committed to SQLite. `of_bound` is ours while at least 32
calls are ready, as a share of 32 calls every 200 ms. The memory is that of two further runs, of 1,000 and of 20,000
calls, each in a process of its own, to a provider that answers after 20 ms. The last line is JSON.
"""

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, select

from mapd import committee, prompts, teacher_models, teachers
from mapd.answers.grading import Task
from mapd.models.base import Limits, Request, Sampling, stream
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from tests.provider import in_a_process

DELAY_S = 0.2
AT_ONCE = 32
BOUND = AT_ONCE / DELAY_S
NAMES = ("rowan", "brook", "ash")
PER_MISTAKE = len(NAMES) * (2 + len(NAMES) - 1)  # feedback, rationale, and a review of each other's rationale


def project(home: Path, url: str, mistakes: int) -> sa.Engine:
    """An exam of so many mistakes, and three teachers at `url`: two speak one wire format, one the other."""
    engine = db.open_store(Settings(home=home))
    with db.writing(engine) as session:
        questions = t.QuestionSet(name="sums", source="made", sha256="0")
        student = t.Student(name="small", base="none")
        session.add_all([questions, student])
        session.flush()
        exam = t.Exam(name="exam", student_id=student.id, set_id=questions.id, split="train", graded_by="ours")
        session.add(exam)
        _fill(session, questions, mistakes)
        session.flush()
        ids = session.exec(select(t.Question.id, t.Question.position)).all()
        wrong: dict[str, Any] = {"answer": "1", "outcome": "incorrect", "our_answer": "1", "our_outcome": "incorrect"}
        session.add_all(
            t.Attempt(exam_id=exam.id, question_id=id, text=f"I add the first two: {n} + 2. Answer: 1", **wrong)
            for id, n in ids
        )
        for name, kind, path in zip(NAMES, ("openai", "anthropic", "openai"), ("/v1", "", "/other/v1"), strict=True):
            limits = {"concurrency": AT_ONCE}
            teachers.add(session, name, kind=kind, model="m", base_url=url + path, limits=limits, by=owner("bench"))
    return engine


def _fill(session: Session, questions: t.QuestionSet, count: int) -> None:
    for n in range(count):
        text = f"Ann has {n} pens, gets 2 more and gives half of them to her brother. How many pens has she now?"
        fixed = {"split": "train", "task": "numeric", "gold": str(n // 2 + 1)}
        session.add(t.Question(set_id=questions.id, source_id=str(n), position=n, text=text, **fixed))


def opened(engine: sa.Engine) -> dict[str, Any]:
    """The teachers' models."""
    with db.reading(engine) as session:
        return {name: teacher_models.open_model(engine, teachers.get(session, name)) for name in NAMES}


def reference(engine: sa.Engine, calls: int) -> float:
    """Calls a second, one after the other, both wires in turn."""
    models = list(opened(engine).values())
    for model in models:
        model.limits = Limits(concurrency=1)
    requests = [
        Request(str(n), prompts.rationale_messages(f"How much is {n} + 1?", Task.NUMERIC), Sampling(None, None, 64))
        for n in range(calls)
    ]

    async def ask() -> float:
        started = time.perf_counter()
        for place, model in enumerate(models):
            async for completion in model.generate(stream(requests[place :: len(models)])):
                assert completion.text, completion.error
        return calls / (time.perf_counter() - started)

    return asyncio.run(ask())


def ours(engine: sa.Engine) -> dict[str, float]:
    """The whole committee, 32 calls in flight: how fast, how near the bound, at what cost of this process's CPU."""
    told: list[tuple[float, int]] = []
    models = opened(engine)
    started, cpu = time.perf_counter(), time.process_time()

    def watch(progress: committee.CommitteeProgress) -> None:
        told.append((time.perf_counter() - started, progress.completed))

    done = committee.collect(
        engine, exam="exam", teachers=NAMES, models=models, by=owner("bench"), concurrency=AT_ONCE, progress=watch
    )
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    assert done.failed == 0, done
    calls = done.calls_made
    ready = [(at, count) for at, count in told if 0 < count <= calls - 2 * AT_ONCE]  # the last ones are no longer 32
    (first, before), (last, after) = ready[0], ready[-1]
    return {
        "calls": calls,
        "per_s": calls / seconds,
        "of_bound": (after - before) / (last - first) / BOUND,
        "cpu_s_per_1000": cpu / calls * 1000,
    }


def memory(calls: int, delay: float) -> float:
    """The most memory in MB of a process of its own that collects so many calls."""
    command = [sys.executable, __file__, "--memory", str(calls), "--delay", str(delay)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(told.splitlines()[-1])


def collected(calls: int, delay: float) -> None:
    """What that process does."""
    with tempfile.TemporaryDirectory() as home, in_a_process(delay) as url:
        engine = project(Path(home), url, calls // PER_MISTAKE)
        ours(engine)
        engine.dispose()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    """Measure and print; the last line is JSON."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--calls", type=int, default=4800)
    arguments.add_argument("--delay", type=float, default=0.02, help=argparse.SUPPRESS)
    arguments.add_argument("--memory", type=int, help=argparse.SUPPRESS)  # what the processes for the memory are told
    arguments.add_argument("--no-memory", action="store_true", help="without the two runs for the memory")
    arguments.add_argument("--json", action="store_true", help="the last line alone")
    given = arguments.parse_args()
    if given.memory:
        collected(given.memory, given.delay)
        return
    with tempfile.TemporaryDirectory() as home, in_a_process(DELAY_S) as url:
        engine = project(Path(home), url, given.calls // PER_MISTAKE)
        single = reference(engine, 100)
        measured = ours(engine)
        engine.dispose()
    result = {
        "calls": measured["calls"],
        "reference_per_s": round(single, 3),
        "ours_per_s": round(measured["per_s"], 2),
        "speedup": round(measured["per_s"] / single, 2),
        "of_bound": round(measured["of_bound"], 3),
        "cpu_s_per_1000": round(measured["cpu_s_per_1000"], 2),
    }
    if not given.no_memory:
        result |= {f"rss_mb_{calls}": round(memory(calls, given.delay), 1) for calls in (1000, 20_000)}
    if not given.json:
        print(f"load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        for name, value in result.items():
            print(f"{name:<16} {value}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
