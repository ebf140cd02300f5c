"""Three collects of one exam at once, killed with -9 at random moments and started again: is any call paid for twice?

    python -m benchmarks.overlap [--rounds N] [--kills N] [--postgres URL] [--json]

The provider runs here, answers each call after 150 ms and counts. Each round is a project of its own, with 300 calls;
each collect is a process of its own, `mapd collect` with 8 calls in flight. `repeated` is the number of requests beyond
the calls planned, `lost` how many were in flight, or not written yet, where a process was killed: `repeated` must not
be more. Without --postgres it runs on SQLite. The last line is JSON.
"""

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
from sqlmodel import select

from mapd import exam, teachers
from mapd.models.base import Completion, Finish, Request
from mapd.people import owner
from mapd.questions import generated, sets
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from tests.provider import Asked, Provider

ROOT = Path(__file__).parents[1]
NAMES = ("one", "two", "three")
QUESTIONS = 25
CALLS_EACH = len(NAMES) * (2 + len(NAMES) - 1)  # feedback, rationale, two reviews
CALLS = QUESTIONS * CALLS_EACH
RUNS = 3
AT_ONCE = 8
DELAY_S = 0.15
LONGEST_S = 180.0


class Wrong:
    """A student that is always wrong."""

    name = "wrong"

    async def generate(self, requests: AsyncIterable[Request]) -> AsyncIterator[Completion]:
        """Give each question the same wrong answer."""
        async for request in requests:
            yield Completion(request.key, "Answer: 987654", Finish.OK)


def mark(asked: Asked) -> str:
    """Return what stands in the reply to this request and to no other."""
    return hashlib.sha256(json.dumps(asked.body, sort_keys=True).encode()).hexdigest()[:12]


def reply(asked: Asked) -> str:
    """Answer so that the ledger tells which request it was; every text is another one, so every review is a call."""
    return f"Read {mark(asked)}. [4]" if "square brackets" in asked.text else f"{mark(asked)} says: Answer: 7"


def project(settings: Settings, url: str, count: int = QUESTIONS) -> tuple[sa.Engine, str]:
    """Make an exam whose every answer is a mistake, and three teachers at the provider; return the exam's uid."""
    engine = db.open_store(settings)
    with db.writing(engine) as session:
        questions = sets.make_rows(generated.draw(("leg_counting",), {"train": count}, seed=1))
        sets.add(session, "q", questions, source="generated", simulated=False, by=owner("ann"))
        session.add(t.Student(name="small", base="path:/nowhere"))
        for name in NAMES:
            teachers.add(
                session, name, kind="openai", model=name, base_url=f"{url}/v1", key_env="A_KEY", by=owner("ann")
            )
    return engine, exam.run(engine, Wrong(), student="small", question_set="q", split="train", by=owner("ann")).exam


@dataclass
class Collects:
    """Processes that collect for one exam; each has an API key of its own, which the provider sees."""

    settings: Settings
    exam: str
    log: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)  # by key

    def start(self) -> str:
        """Start one more; return its key."""
        key = f"sk-{len(self.processes):016}"
        environment = {**os.environ, "MAPD_HOME": str(self.settings.home), "A_KEY": key, "PYTHONPATH": str(ROOT)}
        if self.settings.database_url:
            environment["MAPD_DATABASE_URL"] = self.settings.database_url
        words = ("collect", "--exam", self.exam, "--teachers", ",".join(NAMES), "--concurrency", str(AT_ONCE), "--json")
        with self.log.open("ab") as log:
            self.processes[key] = subprocess.Popen(
                [sys.executable, "-m", "mapd.cli", *words], cwd=ROOT, env=environment, stdout=log, stderr=log
            )
        return key

    def at_work(self) -> list[str]:
        """Return the keys of those that haven't ended."""
        return [key for key, process in self.processes.items() if process.poll() is None]

    def kill(self, key: str) -> None:
        """Kill one with -9."""
        self.processes[key].kill()
        self.processes[key].wait()


def replies(engine: sa.Engine) -> set[str]:
    """Return every reply that the ledger has."""
    with db.reading(engine) as session:
        return set(session.exec(select(t.Call.reply).where(t.Call.outcome == "ok")).all())


@dataclass(frozen=True, slots=True)
class Round:
    """What a round came to."""

    requests: int
    repeated: int
    lost: int
    rows: int


def overlap(settings: Settings, provider: Provider, log: Path, kills: int, draw: random.Random) -> Round:
    """Let three collects run over one exam, kill so many on the way, and count."""
    engine, uid = project(settings, provider.url)
    collects, lost = Collects(settings, uid, log), set[tuple[str, str]]()
    for _ in range(RUNS):
        collects.start()
    moments = sorted(draw.uniform(0.05, 0.8) * CALLS for _ in range(kills))
    until = time.monotonic() + LONGEST_S
    while collects.at_work() and time.monotonic() < until:
        if moments and len(replies(engine)) >= moments[0]:
            moments.pop(0)
            victim = draw.choice(collects.at_work())
            collects.kill(victim)
            written = "\n".join(replies(engine))
            lost |= {(victim, mark(a)) for a in list(provider.asked) if a.key == victim and mark(a) not in written}
            collects.start()
        time.sleep(0.02)
    ends = [process.poll() for process in collects.processes.values()]
    assert ends.count(0) == RUNS, (ends, log.read_text())
    rows = len(replies(engine))
    engine.dispose()
    return Round(len(provider.asked), len(provider.asked) - len(provider.tries), len(lost), rows)


@contextmanager
def emptied(url: str | None) -> Iterator[str | None]:
    """Empty the PostgreSQL database before a round, if there is one."""
    if url is not None:
        with db.connect(url).begin() as connection:
            connection.execute(sa.text("DROP SCHEMA IF EXISTS public CASCADE; CREATE SCHEMA public"))
    yield url


def main() -> None:
    """Run the rounds and print; the last line is JSON."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--kills", type=int, default=3)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--postgres", help="the URL of a PostgreSQL database, which is emptied")
    arguments.add_argument("--json", action="store_true", help="the last line alone")
    given = arguments.parse_args()
    draw, rounds = random.Random(given.seed), []
    for number in range(given.rounds):
        with (
            tempfile.TemporaryDirectory() as folder,
            emptied(given.postgres) as url,
            Provider(reply, DELAY_S) as server,
        ):
            settings = Settings(home=Path(folder) / "home", database_url=url)
            rounds.append(overlap(settings, server, Path(folder) / "log", given.kills, draw))
        if not given.json:
            print(number, rounds[-1])
        assert rounds[-1].rows == CALLS
        assert rounds[-1].repeated <= rounds[-1].lost
    sums = {name: sum(getattr(x, name) for x in rounds) for name in ("requests", "repeated", "lost")}
    database = "postgresql" if given.postgres else "sqlite"
    print(json.dumps({"database": database, "rounds": len(rounds), "planned": CALLS * len(rounds), **sums}))


if __name__ == "__main__":
    main()
