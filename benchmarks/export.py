"""Exports of a million rows: how many a second, and how much memory the command takes.

    python -m benchmarks.export --rows 1000000 [--formats messages,parquet]

Each is `mapd export …` in a process of its own; its largest memory is the system's word for it. The snapshot, the
judgements and the rows are invented, the command is the real one.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from mapd.exchange.training import FORMATS
from mapd.review.queue_index import index_writer
from mapd.settings import Settings
from mapd.store import db, queries, snapshots
from mapd.store import tables as t

BLOCK = 10_000
WORDS = "the apples pears then she gave half of them to her brother and bought more each day so how many are left"
TEACHERS = ("gpt", "gemini", "mistral")


def insert(engine: sa.Engine, table: type[t.Table], rows: Iterator[dict[str, Any]]) -> None:
    """Write rows block by block."""
    while block := list(islice(rows, BLOCK)):
        with db.writing(engine) as session:
            session.execute(sa.insert(table), block)


def fill(engine: sa.Engine, count: int) -> None:
    """An exam with so many rationales, three a question, each with two votes and a judgement; its index is derived."""
    questions = range(1, count // 3 + 1)
    with db.writing(engine) as session:
        session.add(t.Student(id=1, name="small", base="x"))
        session.add(t.QuestionSet(id=1, name="large", source="made", sha256="b" * 64))
        session.add(t.Prompt(sha256="c" * 64, kind="imported", text=""))
        session.add_all(t.Teacher(id=n, name=name, kind="imported") for n, name in enumerate(TEACHERS, 1))
        session.flush()
        session.add(t.Exam(id=1, name="large", student_id=1, set_id=1, split="train", graded_by="import"))
        session.flush()
        session.add_all(t.CommitteeMember(exam_id=1, teacher_id=n) for n in (1, 2, 3))
    question = {"set_id": 1, "split": "train", "task": "numeric", "gold": "7", "text": WORDS}
    insert(
        engine,
        t.Question,
        ({"id": n, "uid": f"q{n}", "source_id": str(n), "position": n} | question for n in questions),
    )
    answer = {"exam_id": 1, "text": WORDS, "answer": "2", "outcome": "incorrect", "our_outcome": "incorrect"}
    insert(engine, t.Attempt, ({"id": n, "uid": f"a{n}", "question_id": n} | answer for n in questions))
    texts = [(3 * (n - 1) + by, n, by) for n in questions for by in (1, 2, 3)]
    rationale = {"kind": "rationale", "prompt_sha256": "c" * 64, "text": f"{WORDS} {WORDS} 3 + 4 = 7"}
    insert(
        engine,
        t.Explanation,
        ({"id": x, "uid": f"x{x}", "question_id": n, "author_id": by} | rationale for x, n, by in texts),
    )
    vote = {"prompt_sha256": "c" * 64, "score": 4, "raw_score": "4", "status": "ok", "saw_gold": True}
    reviews = ({"explanation_id": x, "reviewer_id": of} | vote for x, _, by in texts for of in (1, 2, 3) if of != by)
    insert(engine, t.Review, reviews)
    judged = {"target": "rationale", "person": "ann", "decision": "accept", "committee": "accepted", "seconds": 4.2}
    insert(engine, t.Judgement, ({"explanation_id": x} | judged for x, _, _ in texts))


def index(engine: sa.Engine, count: int) -> None:
    """The queue index of that exam, as deriving it gives it, written at once: the rows are all alike."""
    row = {"exam_id": 1, "kind": "rationale", "mean": 400, "spread": 0, "votes": 2, "cut": 501, "committee_cut": 400}
    row |= {"undecided": False, "committee_undecided": False, "people": "accept", "reason": "", "judged_by": "\nann\n"}
    row |= {"matches_gold": "holds", "equations_true": "holds", "shows_work": "holds"}
    row |= {"place_accepted": -1, "place_rejected": -1}
    ids = range(1, count // 3 * 3 + 1)
    places = ({"question_id": (x + 2) // 3, "attempt_id": (x + 2) // 3, "position": (x + 2) // 3} for x in ids)
    rows = (row | place | {"explanation_id": x, "author_id": 1} for x, place in zip(ids, places, strict=True))
    insert(engine, t.Standing, rows)
    with db.writing(engine) as session:
        rules = index_writer.version_of(session, queries.exam(session, 1))
        session.add(t.StandingExam(id=1, rules=rules, leniency={}, votes=0))
        session.execute(sa.delete(t.DirtyQuestion))


def freeze(engine: sa.Engine, pairs: int) -> str:
    """A snapshot of so many pairs; its name."""
    decided: dict[str, Any] = {
        "verdict": "accepted",
        "committee": {"verdict": "accepted", "mean": 4.0, "why": "mean 4.00 is above 3"},
        "people": None,
    }
    decided["committee"]["votes"] = [{"reviewer": name, "score": 4} for name in TEACHERS[1:]]

    def text(number: int, kind: str) -> dict[str, Any]:
        origin = {"uid": f"{kind}{number}", "teacher": "gpt", "by_person": False, "simulated": False}
        return origin | {"text": f"{WORDS} {number}"} | decided

    def line(number: int) -> str:
        question = {"uid": f"q{number}", "source_id": str(number), "task": "numeric", "text": WORDS, "context": None}
        question |= {"options": [], "family": None, "gold": "7"}
        attempt = {"uid": f"a{number}", "text": WORDS, "answer": "2"}
        texts: dict[str, Any] = {"rationale": text(number, "r"), "feedback": text(number, "f")}
        texts["rejected"] = [text(number, "x") | {"verdict": "rejected"}]
        return json.dumps({"mistake": f"a{number}", "question": question, "attempt": attempt} | texts) + "\n"

    lines = "".join(map(line, range(pairs)))
    counts = dict.fromkeys(("mistakes", "not_mistakes", "questions_excluded", "rationales", "accepted", "rejected"), 0)
    counts |= dict.fromkeys(("undecided", "overridden", "accepted_wrong_answer"), 0)
    counts |= {
        "covered": pairs,
        "pairs": pairs,
        "preferences": pairs,
        "mistakes_in_pairs": pairs,
        "pairs_by_teacher": {"gpt": pairs},
    }
    manifest = {
        "format": snapshots.FORMAT,
        "exam": {"name": "large", "student": "small", "questions": "large", "split": "train", "round": 0},
        "policy": {"name": "paper", "threshold": 3.0, "min_votes": 1, "checks": [], "leniency_adjusted": False},
        "draw": {"seed": 0, "pairs": "one a mistake"},
        "teachers": {n: {"kind": "imported", "simulated": False, "model": "", "sampling": {}} for n in TEACHERS},
        **{"prompts": [], "judgements": [], "counts": counts, "lines_sha256": snapshots.sha256(lines)},
    }
    name = snapshots.sha256(snapshots.manifest_text(manifest))
    with db.writing(engine) as session:
        content = {"sha256": name, "exam_id": 1, "pairs": pairs, "lines": lines, "manifest": manifest}
        session.execute(sa.insert(t.Snapshot).values(uid=name[:32], person="ann", **content))
    return name


def measure(home: Path, *words: str) -> dict[str, Any]:
    """Run `mapd export`: its rows, its seconds, and its largest memory in MB."""
    path = home / f"out{words[-1]}"
    command = [sys.executable, "-m", "mapd.cli", "export", *words[:-1], "-o", str(path), "--json"]
    started, peak = time.perf_counter(), 0
    process = subprocess.Popen(command, env=os.environ | {"MAPD_HOME": str(home)}, stdout=subprocess.PIPE, text=True)
    while process.poll() is None:
        # What `wait4` tells begins with the memory of this process, which made the snapshot.
        peak = max(peak, _largest_kb(process.pid))
        time.sleep(0.05)
    seconds = time.perf_counter() - started
    if process.returncode or process.stdout is None:
        raise SystemExit(f"{' '.join(words)} ended with {process.returncode}")
    rows = json.loads(process.stdout.read())["rows"]
    return {"export": " ".join(words[:-1]), "rows": rows, "rows_s": rows / seconds, "MB": peak / 1024}


def _largest_kb(process: int) -> int:
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)


def main() -> None:
    """Print a line for each export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--formats", default=",".join(FORMATS), help="of the snapshot: these alone")
    arguments = parser.parse_args()
    count, chosen = arguments.rows, [FORMATS[name] for name in arguments.formats.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        engine = db.open_store(Settings(home=home, database_url=None))
        fill(engine, count)
        index(engine, count)
        name = freeze(engine, count // 2)
        engine.dispose()
        runs = [(name, "--format", format_.name, f"-{format_.name}{format_.ending}") for format_ in chosen]
        runs += [("--exam", "1", "--judgements", "-v.csv"), ("--exam", "1", "--judgements", "-v.jsonl")]
        runs += [("--exam", "1", "--filter", "", "-rows.csv"), ("--exam", "1", "--filter", "people=judged", "-r.jsonl")]
        for words in runs:
            result = measure(home, *words)
            label = result["export"].replace(name, "SNAPSHOT")
            print(f"{label:40} {result['rows']:>10,} rows {result['rows_s']:>10,.0f} rows/s {result['MB']:>6,.0f} MB")


if __name__ == "__main__":
    main()
