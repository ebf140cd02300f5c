"""An archive of many rows: how long it takes to read, compare, bring in and write, and what others wait for meanwhile.

    python -m benchmarks.archive --rows 1000000

A second connection writes into the project every 20 ms while the archive comes in; its longest wait is printed.
"""

import argparse
import hashlib
import json
import random
import resource
import sqlite3
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mapd.exchange import archive
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db

STAMP = {"created_at": "2026-01-01T10:00:00+00:00"}
PROMPT = hashlib.sha256(b"").hexdigest()
WORDS = (
    "the apples pears then she gave half of them to her brother and bought more each day so how many are left".split()
)
A_QUESTION = 11  # rows: itself, an answer, three rationales, six reviews


def uid(*parts: object) -> str:
    """A row's uid, the same each time."""
    return hashlib.md5(" ".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()


def tables(count: int) -> dict[str, Iterable[dict[str, Any]]]:
    """The rows of a project with so many questions, each answered, explained three times and reviewed six times."""
    draw = random.Random(0)

    def text(words: int) -> str:
        return " ".join(draw.choice(WORDS) for _ in range(words))

    answer = {"answer": "2", "outcome": "incorrect", "our_outcome": "incorrect"}
    question = {"set_id": "set", "split": "train", "task": "numeric", "gold": "1"}
    vote = {"prompt_sha256": PROMPT, "score": 4, "raw_score": "4", "status": "ok", "saw_gold": True}
    numbers = range(3)
    return {
        "prompt": [{"sha256": PROMPT, "kind": "imported", "text": ""}],
        "question_set": [{"uid": "set", "name": "large", "source": "made", "sha256": "b" * 64} | STAMP],
        "student": [{"uid": "student", "name": "large", "base": "x"} | STAMP],
        "teacher": [{"uid": f"t{n}", "name": f"large {n}", "kind": "imported"} | STAMP for n in numbers],
        "exam": [
            {"uid": "exam", "name": "large", "student_id": "student", "set_id": "set", "split": "train"}
            | {"graded_by": "import"}
            | STAMP
        ],
        "question": (
            {"uid": uid("q", n), "source_id": str(n), "position": n, "text": text(25)} | question | STAMP
            for n in range(count)
        ),
        "attempt": (
            {"uid": uid("a", n), "exam_id": "exam", "question_id": uid("q", n), "text": text(20)} | answer | STAMP
            for n in range(count)
        ),
        "explanation": (
            {"uid": uid("x", n, by), "kind": "rationale", "question_id": uid("q", n), "author_id": f"t{by}"}
            | {"prompt_sha256": PROMPT, "text": text(30)}
            | STAMP
            for n in range(count)
            for by in numbers
        ),
        "review": (
            {"uid": uid("r", n, by, of), "explanation_id": uid("x", n, by), "reviewer_id": f"t{of}"} | vote | STAMP
            for n in range(count)
            for by in numbers
            for of in numbers
            if by != of
        ),
    }


def write(path: Path, count: int) -> None:
    """The archive, row by row."""
    entries = {}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for table, rows in tables(count).items():
            digest, number = hashlib.sha256(), 0
            with packed.open(f"{table}.jsonl", "w", force_zip64=True) as stream:
                for row in rows:
                    line = json.dumps(row).encode() + b"\n"
                    digest.update(line)
                    stream.write(line)
                    number += 1
            entries[table] = {"rows": number, "sha256": digest.hexdigest()}
        packed.writestr("manifest.json", json.dumps({"format": 1, "schema": db.list_versions()[-1], "tables": entries}))


@contextmanager
def waiting(file: Path) -> Iterator[list[float]]:
    """Write into the project now and then; how long each waited for its turn."""
    waiting_times, stop = [0.0], threading.Event()

    def write_on() -> None:
        connection = sqlite3.connect(file, timeout=120, isolation_level=None)
        while not stop.wait(0.02):
            started = time.perf_counter()
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("COMMIT")
            waiting_times.append(time.perf_counter() - started)

    thread = threading.Thread(target=write_on)
    thread.start()
    yield waiting_times
    stop.set()
    thread.join()


def main() -> None:
    """Measure once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home, file = Path(folder) / "home", Path(folder) / "large.zip"
        write(file, arguments.rows // A_QUESTION)
        engine = db.open_store(Settings(home=home, database_url=None))
        clock = [time.perf_counter()]

        def report(stage: str) -> None:
            clock.append(time.perf_counter())
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
            print(f"{stage:<24} {clock[-1] - clock[-2]:8.1f} s, memory up to {peak} MB", flush=True)

        with file.open("rb") as stream, archive.stage(file.name, stream) as staging:
            report("read and checked")
            archive.preview(engine, staging, home)
            report("compared")
            with waiting(home / "mapd.db") as waiting_times:
                result = archive.load(engine, staging, home, by=owner("bench"))
            report("compared and brought in")
        archive.export(engine, home / "out.zip", home, by=owner("bench"))
        report("exported")
        longest = f"of {len(waiting_times):,} writes meanwhile the longest waited {max(waiting_times):.2f} s"
        print(f"{result.rows_new:,} rows; {longest}")


if __name__ == "__main__":
    main()
