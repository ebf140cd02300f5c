"""An exam of a served student: questions a second beside what its server allows, and the same answers at 1 in flight.

    python -m benchmarks.served_exam [--questions N] [--at-once N] [--delay SECONDS] [--json]

The server is a process of its own on this machine; it answers each call after DELAY seconds, with an answer that
follows from the prompt. `ours`: N questions of GSM8K's size, sent as tokens by the packaged student's own template,
each answer graded and committed to SQLite; loading aside. `of_bound` is ours as a share of AT-ONCE calls every DELAY
seconds. `same_answers`: 200 of the questions with 1 and with AT-ONCE calls in flight have the same sha256. Then an exam
is killed (SIGKILL) when half of its answers are kept, and started again: `asked_twice` counts answers that were kept
and asked again. The last line is JSON.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import func, select

from mapd import exam, results, served_students, student_models, students
from mapd.answers.grading import Task
from mapd.models import weights
from mapd.models.base import Sampling
from mapd.people import owner
from mapd.questions import sets
from mapd.questions.rows import QuestionRow
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from tests.provider import in_a_process

ROOT = Path(__file__).parents[1]
ME = owner("benchmark")
# As GSM8K's train split has them.
QUESTIONS = 7473
FEW = 200
ROUNDS = 8  # of calls in flight, in the exam that is killed
# Calls of a start that ask for no answer: one for a token, one for the server's tokenizer.
PROBES = 2
NAMES = "Ann Ben Cleo Dan Eve Finn Gus Ida Jon Kim Lea Max Nia Oli Pia Quin Rob Sue Tom Uma".split()


def write_questions(count: int) -> list[QuestionRow]:
    """Questions of about GSM8K's length, each another one."""
    draw = random.Random(0)
    rows = []
    for number in range(count):
        words = [
            f"{draw.choice(NAMES)} has {draw.randint(2, 90)} apples and sells {draw.randint(1, 9)}." for _ in range(6)
        ]
        text = f"Question {number}. {' '.join(words)} How many are left in all?"
        rows.append(QuestionRow(str(number), "train", Task.NUMERIC, text, str(draw.randint(1, 999))))
    return rows


def make_project(home: Path, url: str, rows: Sequence[QuestionRow], limits: dict[str, int]) -> sa.Engine:
    """A set of the questions, one of the first few, and a student at the server for each limit."""
    engine = db.open_store(Settings(home=home))
    tokenizer = served_students.examine_tokenizer(weights.PACKAGED)
    with db.writing(engine) as session:
        sets.add(session, "all", rows, source="made", simulated=True, by=ME)
        sets.add(session, "few", rows[:FEW], source="made", simulated=True, by=ME)
        for name, at_once in limits.items():
            options: dict[str, Any] = {"tokenizer": tokenizer, "limits": {"concurrency": at_once}}
            served_students.add(session, name, model="m", base_url=f"{url}/v1", by=ME, **options)
    return engine


def examine(engine: sa.Engine, home: Path, student: str, questions: str) -> tuple[str, float]:
    """Hold the exam, as its job does; return its uid, and the seconds that its answers took."""
    with db.reading(engine) as session:
        row = students.get(session, student)
    model = student_models.open_model(engine, row, home)
    rendering = student_models.find_rendering(engine, row, home, model)
    began = time.perf_counter()
    settings: dict[str, Any] = {"question_set": questions, "split": "train", "decoding": Sampling(max_tokens=256)}
    result = exam.run(engine, model, student=student, rendering=rendering, by=ME, home=home, **settings)
    return result.exam, time.perf_counter() - began


def count_attempts(engine: sa.Engine) -> int:
    """Answers that are kept."""
    with db.reading(engine) as session:
        return session.exec(select(func.count()).select_from(t.Attempt)).one()


def count_asked(url: str) -> int:
    """Calls that reached the server."""
    with urllib.request.urlopen(f"{url}/counts") as reply:
        return int(json.load(reply)["asked"])


def kill_at_half(home: Path, url: str, rows: Sequence[QuestionRow], at_once: int) -> dict[str, int]:
    """Kill an exam at half of its answers and start it again."""
    engine = make_project(home, url, rows, {"student": at_once})
    words = ["exam", "run", "--student", "student", "--questions", "all", "--split", "train", "--max-tokens", "256"]
    environment = os.environ | {"MAPD_HOME": str(home)}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, "-m", "mapd.cli", *words], cwd=ROOT, env=environment, **quiet) as process:  # type: ignore[call-overload]
        while count_attempts(engine) < len(rows) // 2 and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    time.sleep(2)  # until no call of the killed process is on its way
    kept, before = count_attempts(engine), count_asked(url)
    examine(engine, home, "student", "all")
    asked = count_asked(url) - before - PROBES
    return {
        "kept_when_killed": kept,
        "asked_twice": asked - (len(rows) - kept),
        "kept_at_the_end": count_attempts(engine),
    }


def compare_answers(home: Path, url: str, rows: Sequence[QuestionRow], at_once: int) -> bool:
    """Return whether the same questions get the same answers, asked one by one and all at once."""
    limits = {"one by one": 1, "at once": at_once}
    engine = make_project(home, url, rows, limits)
    exams = [examine(engine, home, student, "few")[0] for student in limits]
    with db.reading(engine) as session:
        return len({results.load_content(session, uid).sha256 for uid in exams}) == 1


def main() -> None:
    """Measure, and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--questions", type=int, default=QUESTIONS)
    arguments.add_argument("--at-once", type=int, default=served_students.CONCURRENCY)
    arguments.add_argument("--delay", type=float, default=2.0)
    arguments.add_argument("--json", action="store_true", help="the last line alone")
    given = arguments.parse_args()
    say = (lambda _: None) if given.json else print
    rows, bound = write_questions(given.questions), given.at_once / given.delay
    with tempfile.TemporaryDirectory() as folder, in_a_process(given.delay) as url, in_a_process(0.02) as quick_url:
        engine = make_project(Path(folder) / "speed", url, rows, {"student": given.at_once})
        _, seconds = examine(engine, Path(folder) / "speed", "student", "all")
        rate = len(rows) / seconds
        say(f"{rate:.1f} questions/s of {bound:.1f}: {rate / bound:.0%}")
        result: dict[str, Any] = {"questions": len(rows), "at_once": given.at_once, "delay_s": given.delay}
        result |= {"bound": round(bound, 1), "ours": round(rate, 1), "of_bound": round(rate / bound, 3)}
        result["same_answers"] = compare_answers(Path(folder) / "same", quick_url, rows, given.at_once)
        say(f"{FEW} questions with 1 and {given.at_once} in flight: {result['same_answers'] and 'the same answers'}")
        result |= kill_at_half(Path(folder) / "killed", url, rows[: given.at_once * ROUNDS], given.at_once)
        say(f"killed with {result['kept_when_killed']} answers kept: {result['asked_twice']} asked twice")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
