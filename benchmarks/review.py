"""How long a reviewer waits for the database: next item of each queue, a page at any depth, all thresholds, a search.

    python -m benchmarks.review [--sizes 1000,100000] [--rounds N] [--json]
    python -m benchmarks.review --browser [--presses N] [--decisions N]

On generated stores (SQLite) of so many mistakes, each with three rationales and six reviews; of 100,000 that is 300,000
and 600,000, and 100,000 feedback. Two people judged or skipped a hundredth of the rationales. Generated and derived are
1,000 mistakes; a larger store holds them again and again under ids of their own, with all that was derived (a test
holds that deriving them would write the same). Each figure is of `--rounds` reads, each in a session of its own as a
page would do it, at thresholds and places drawn anew. `judge` is one judgement with all that is derived from it;
`window` and `decision` are what triage's client asks for: twelve cards, and one decision saved with what it reveals.
CPU is this process's own time at the median: on a busy machine it tells more.

With `--browser`, on the store of the last size: what one waits for in Chromium, alone and while twenty others decide,
what the routes cost, and the memory after many decisions (reviewers.py). The last line is JSON.
"""

import argparse
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from mapd import domain
from mapd.domain import Act, Order, RowFilter, RowKind
from mapd.people import owner
from mapd.review import judging
from mapd.review.decisions import apply
from mapd.review.judging import Target
from mapd.review.messages import Decision, WindowQuery
from mapd.review.queue_index import derivation
from mapd.review.queues import QUEUES
from mapd.review.window import load_window
from mapd.settings import Settings
from mapd.store import browse, committees, db, queue_index
from mapd.store import tables as t
from mapd.store.browse import PageStart

TEACHERS = ("ash", "brook", "rowan")
THINGS = "pens apples stamps marbles coins shells beads cards tickets stones books plums lemons buttons nails".split()
NAMES = "Ann Ben Cleo Dan Eve Finn Gus Hana Ivo June Kim Leo Mona Nils Olga Pia".split()
BASE = 1_000  # mistakes that are generated; more are copies
EXAM = 1  # its id, the only one
Rows = list[dict[str, Any]]


# -- the store --------------------------------------------------------------------------------------------------------


def generate(home: Path, mistakes: int, base: int = BASE) -> sa.Engine:
    """A store with one exam of so many mistakes, derived; what is invented follows from the number alone."""
    engine = db.open_store(Settings(home=home))
    draw = random.Random(mistakes)
    copies, first = max(1, mistakes // base), min(mistakes, base)
    with db.writing(engine) as session:
        questions = t.QuestionSet(name="made", source="made", sha256="0", simulated=True)
        student = t.Student(name="made", base="none")
        session.add_all([questions, student, t.Prompt(sha256="0", kind="imported", text="")])
        session.add_all(t.Teacher(name=name, kind="simulated", simulated=True) for name in TEACHERS)
        session.flush()
        session.add(t.Exam(name="made", student_id=student.id, set_id=questions.id, split="train", graded_by="ours"))
        session.flush()
        committees.name_members(session, EXAM, (1, 2, 3))
        _mistakes(session, first, draw)
        _judge(session, first, draw)
    derivation.catch_up(engine, EXAM)
    for copy in range(1, copies):
        with db.writing(engine) as session:
            _copy(session, first, copy)
    with db.writing(engine) as session:
        session.execute(sa.text("UPDATE band SET number = number * :copies"), {"copies": copies})
        session.execute(sa.text("UPDATE standing_exam SET votes = votes * :copies"), {"copies": copies})
    return engine


def _copy(session: Session, first: int, copy: int) -> None:
    """The first mistakes once more. A column that isn't named is copied as it is."""
    by = {"n": first * copy, "x": 4 * first * copy, "first": first}
    question, attempt, text = ("{c} + :n",) * 2 + ("{c} + :x",)
    new = "lower(hex(randomblob(16)))"
    words = "replace(text, 'day ' || position || '.', 'day ' || (position + :n) || '.')"
    _again(session, "question", by, id=question, uid=new, source_id=new, position=question, text=words)
    _again(session, "attempt", by, id=attempt, uid=new, question_id=question)
    _again(session, "explanation", by, id=text, uid=new, question_id=question, attempt_id=attempt)
    votes = by | {"r": 6 * first * copy}
    _again(session, "review", votes, id="{c} + :r", uid=new, explanation_id=text)
    said = by | {"j": copy * _number(session, "judgement", first)}
    _again(session, "judgement", said, id="{c} + :j", uid=new, token=new, explanation_id=text)
    rows = by | {"s": copy * _number(session, "standing", first)}
    owned = {"question_id": question, "attempt_id": attempt, "explanation_id": text, "position": question}
    _again(session, "standing", rows, id="{c} + :s", **owned)
    rows = by | {"s": copy * _number(session, "queued", first)}
    _again(session, "queued", rows, id="{c} + :s", **owned)
    passed = rows | {"p": copy * _number(session, "passed", first)}
    _again(session, "passed", passed, id="{c} + :p", queued_id="{c} + :s")
    session.execute(sa.delete(t.DirtyQuestion))


OF_FIRST = {  # by table: which rows are the first mistakes'
    "question": "id <= :first",
    "attempt": "id <= :first",
    "explanation": "question_id <= :first",
    "review": "explanation_id <= 4 * :first",
    "judgement": "explanation_id <= 4 * :first",
    "standing": "question_id <= :first",
    "queued": "question_id <= :first",
    "passed": "queued_id IN (SELECT id FROM queued WHERE question_id <= :first)",
}


def _again(session: Session, table: str, values: dict[str, int], **changed: str) -> None:
    columns = [c.name for c in t.metadata.tables[table].c]
    selected = ", ".join(changed.get(name, "{c}").format(c=name) for name in columns)
    insert = f"INSERT INTO {table} ({', '.join(columns)}) SELECT {selected} FROM {table} WHERE {OF_FIRST[table]}"
    session.execute(sa.text(insert), values)


@cache
def _number(session: Session, table: str, first: int) -> int:
    """How many ids of the table the first mistakes take."""
    query = f"SELECT coalesce(max(id), 0) FROM {table} WHERE {OF_FIRST[table]}"
    return int(session.execute(sa.text(query), {"first": first}).scalar_one())


def _mistakes(session: Session, number: int, draw: random.Random) -> None:
    """Questions n + 1, attempts n + 1, rationales 4n + 1 … 4n + 3, feedback 4n + 4: ids are given."""
    asked: Rows = []
    taken: Rows = []
    texts: Rows = []
    votes: Rows = []
    for n in range(number):
        a, b, name, thing = draw.randrange(100, 999), draw.randrange(3, 99), draw.choice(NAMES), draw.choice(THINGS)
        more = draw.choice(("gets", "finds", "buys", "is given"))
        words = f"{name} has {a} {thing} and {more} {b} more on day {n}. How many {thing} has {name} then?"
        asked.append(
            {"id": n + 1, "set_id": 1, "source_id": str(n), "position": n, "split": "train"}
            | {"task": "numeric", "text": words, "gold": str(a + b), "options": []}
        )
        ours = "correct" if draw.random() < 0.02 else "incorrect"
        taken.append(
            {"id": n + 1, "exam_id": EXAM, "question_id": n + 1, "text": f"{a} - {b} = {a - b}. Answer: {a - b}"}
            | {"answer": str(a - b), "outcome": "incorrect", "our_answer": str(a - b), "our_outcome": ours, "sample": 0}
        )
        for place, teacher in enumerate((1, 2, 3)):
            wrong = draw.random() < (0.1, 0.2, 0.35)[place]
            text = 4 * n + place + 1
            texts.append(_text(text, "rationale", n, None, teacher, _rationale(draw, a, b, thing, wrong)))
            votes += [_vote(text, reviewer, draw, wrong) for reviewer in (1, 2, 3) if reviewer != teacher]
        said = f"You took {b} {thing} away. Add them: {a} + {b} = {a + b + (draw.random() < 0.05)}. It is {a + b}."
        texts.append(_text(4 * n + 4, "feedback", n, n + 1, 1 + n % 3, said))
    for table, rows in ((t.Question, asked), (t.Attempt, taken), (t.Explanation, texts), (t.Review, votes)):
        session.execute(sa.insert(table), rows)


def _text(id: int, kind: str, n: int, attempt: int | None, author: int, text: str) -> dict[str, Any]:
    of = {"question_id": n + 1, "attempt_id": attempt, "author_id": author, "prompt_sha256": "0", "sample": 0}
    return {"id": id, "kind": kind, "text": text} | of


def _rationale(draw: random.Random, a: int, b: int, thing: str, wrong: bool) -> str:
    answer = a + b + (draw.choice((-10, 1, 9)) if wrong else 0)
    kind = draw.random()
    if kind < 0.05:
        return f"{answer}"
    if kind < 0.08:
        return f"One adds what comes in to the {thing} that were there, and counts them all."
    step = a + b if wrong and kind < 0.5 else answer
    return f"First there are {a} {thing}, then {b} more. So {a} + {b} = {step}. The answer is {answer}."


def _vote(text: int, reviewer: int, draw: random.Random, wrong: bool) -> dict[str, Any]:
    lenient = (0, 1, 0)[reviewer % 3]
    score = min(5, max(1, round(draw.gauss(2.6 if wrong else 4.4, 1.0)) + lenient))
    none = draw.random() < 0.01
    given = {"score": None, "status": "no score found"} if none else {"score": score, "status": "ok"}
    return {
        "explanation_id": text,
        "reviewer_id": reviewer,
        "prompt_sha256": "0",
        "sample": 0,
        "saw_gold": True,
    } | given


def _judge(session: Session, mistakes: int, draw: random.Random) -> None:
    """What two people said of a hundredth of the rationales."""
    for _ in range(mistakes // 100 * 3):
        target = Target("rationale", 4 * draw.randrange(mistakes) + draw.randrange(1, 4))
        act, who = draw.choice((Act.ACCEPT, Act.REJECT, Act.ACCEPT, Act.SKIP)), draw.choice(("ann", "bob"))
        judging.judge(session, target, act, by=owner(who), circumstances=judging.Circumstances(committee="accepted"))


# -- the reads --------------------------------------------------------------------------------------------------------


def measure(engine: sa.Engine, mistakes: int, rounds: int) -> dict[str, Any]:
    """Every read's p50 and p95 in ms."""
    draw = random.Random(7)

    def at() -> int:
        return draw.choice((250, 300, 300, 300, 333, 350, 400))

    def somewhere(session: Session, queue: str, threshold: int) -> queue_index.QueueKey | None:
        """A place somewhere in the queue, as if one had come so far."""
        where = queue_index.QueueKey(-draw.randrange(0, 6_000), draw.randrange(mistakes), 0)
        found = queue_index.list_positions(session, EXAM, queue, threshold, "ann", after=where)
        return found[0].key if found else None

    def following(queue: str) -> Iterator[Callable[[Session], object]]:
        for _ in range(rounds):
            threshold = at()
            with db.reading(engine) as session:
                after = somewhere(session, queue, threshold)
            yield lambda s, k=after, h=threshold: queue_index.list_positions(s, EXAM, queue, h, "ann", after=k)

    def pages(deep: bool) -> Iterator[Callable[[Session], object]]:
        for _ in range(rounds):
            show = draw.choice(list(RowKind))
            order = draw.choice(domain.OF_QUESTIONS if show is RowKind.QUESTIONS else domain.OF_TEXTS)
            wanted = RowFilter(
                show, verdict=draw.choice((None, "accepted", "rejected")) if show is not RowKind.QUESTIONS else None
            )
            turn = PageStart(_place(order, mistakes, draw), back=draw.random() < 0.3) if deep else None
            threshold = at()
            yield lambda s, w=wanted, o=order, k=turn, h=threshold: browse.list_rows(s, EXAM, w, h, k, order=o)

    def searches() -> Iterator[Callable[[Session], object]]:
        for n in range(rounds):
            day, name, thing = draw.randrange(mistakes), draw.choice(NAMES), draw.choice(THINGS)
            words = (f"day {day}", f"{name} has", thing, "more", f"{name} has {draw.randrange(100, 999)} {thing}")[
                n % 5
            ]
            wanted = RowFilter(words=words, verdict=draw.choice((None, "accepted")))
            threshold = at()
            yield lambda s, w=wanted, h=threshold: browse.list_rows(s, EXAM, w, h)

    def others(read: Callable[[Session], object]) -> Iterator[Callable[[Session], object]]:
        return iter([read] * rounds)

    return {
        "queues": {name: _timed(engine, following(name)) for name in QUEUES},
        "counts": _timed(engine, others(lambda s: queue_index.count_queues(s, EXAM, at(), "ann"))),
        "page_first": _timed(engine, pages(deep=False)),
        "page_deep": _timed(engine, pages(deep=True)),
        "histogram": _timed(engine, others(lambda s: queue_index.figures(s, EXAM))),
        "search": _timed(engine, searches()),
        "judge": _timed(engine, _judgements(mistakes, min(rounds, 50), draw), writes=True),
        **_routes(engine, min(rounds, 50)),
    }


def _routes(engine: sa.Engine, rounds: int) -> dict[str, Any]:
    """What the two routes cost that a reviewer waits for: twelve cards, and one decision with its reveal."""
    cyd, query = owner("cyd"), WindowQuery(queue="everything")
    with db.reading(engine) as session:
        cards = load_window(session, cyd, EXAM, query.model_copy(update={"number": 25})).cards
    texts = [(card, text) for card in cards for text in card.texts if text.kind == "rationale"][:rounds]

    def decisions() -> Iterator[Callable[[Session], object]]:
        for card, text in texts:
            about = {"card": card.id, "mistake": card.mistake, "kind": text.kind, "target": text.uid, "seen": text.seen}
            decision = Decision.model_validate({"token": t.new_uid(), "act": "accept"} | about)
            yield lambda s, d=decision: apply(s, cyd, EXAM, [d])

    statements = 0

    def count(*_: object) -> None:
        nonlocal statements
        statements += 1

    sa.event.listen(engine, "before_cursor_execute", count)
    figures = {}
    for name, reads, number, writes in (
        ("window", iter([lambda s: load_window(s, cyd, EXAM, query)] * rounds), rounds, False),
        ("decision", decisions(), len(texts), True),
    ):
        statements = 0
        figures[name] = _timed(engine, reads, writes=writes) | {"statements": round(statements / number)}
    sa.event.remove(engine, "before_cursor_execute", count)
    return figures


def _place(order: Order, mistakes: int, draw: random.Random) -> tuple[int, ...]:
    """A key somewhere in the order, as if one had come so far."""
    here = draw.randrange(mistakes)
    leads = {
        Order.QUESTION: (),
        Order.DOUBT: (-draw.randrange(0, 3_000),),
        Order.LOWEST: (draw.randrange(200, 500),),
        Order.HIGHEST: (draw.randrange(200, 500),),
        Order.WRONG: (-1_000,),  # every answer is
        Order.RIGHT: (0,),
    }
    return (*leads[order], here, here + 1, 0)


def _judgements(mistakes: int, rounds: int, draw: random.Random) -> Iterator[Callable[[Session], object]]:
    for _ in range(rounds):
        target = Target("rationale", 4 * draw.randrange(mistakes) + draw.randrange(1, 4))
        yield lambda s, x=target: judging.judge(s, x, Act.ACCEPT, by=owner("ann"))


def _timed(engine: sa.Engine, reads: Iterator[Callable[[Session], object]], writes: bool = False) -> dict[str, float]:
    taken, busy = [], []
    for read in reads:
        started, cpu = time.perf_counter(), time.process_time()
        with (db.writing if writes else db.reading)(engine) as session:
            read(session)
        taken.append((time.perf_counter() - started) * 1000)
        busy.append((time.process_time() - cpu) * 1000)
    return {
        "p50_ms": round(statistics.median(taken), 2),
        "p95_ms": round(statistics.quantiles(taken, n=20, method="inclusive")[-1], 2),
        "cpu_p50_ms": round(statistics.median(busy), 2),
    }


def at_size(mistakes: int, rounds: int, home: Path) -> dict[str, Any]:
    """Generate, derive, measure the reads."""
    started = time.perf_counter()
    engine = generate(home, mistakes)
    made = time.perf_counter() - started
    result = measure(engine, mistakes, rounds)
    engine.dispose()
    size = sum(file.stat().st_size for file in home.glob("mapd.db*")) / 1e6
    return result | {"generated_in_s": round(made, 1), "database_mb": round(size)}


def main() -> None:
    """Measure and print; the last line is JSON."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--sizes", default="1000,100000")
    arguments.add_argument("--rounds", type=int, default=200, help="reads of each kind")
    arguments.add_argument("--browser", action="store_true", help="what is waited for in Chromium, too")
    arguments.add_argument("--presses", type=int, default=200, help="keys in the browser, alone and among others")
    arguments.add_argument("--decisions", type=int, default=10_000, help="after which the memory is looked at again")
    arguments.add_argument("--json", action="store_true", help="the last line alone")
    given = arguments.parse_args()
    result: dict[str, Any] = {}
    sizes = list(map(int, given.sizes.split(",")))
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder) / "project"
            result[str(size)] = at_size(size, given.rounds, home)
            if not given.json:
                show(size, result[str(size)])
            if size == sizes[-1] and given.browser:
                result["browser"] = in_browser(home, given.presses, given.decisions)
                if not given.json:
                    show_browser(result["browser"])
    print(json.dumps(result))


def in_browser(home: Path, presses: int, decisions: int) -> dict[str, Any]:
    """Return what reviewers.py measures: a real browser and its driver aren't needed for the rest."""
    from benchmarks import reviewers

    with reviewers.chromium() as browser:
        return dict(reviewers.measure(browser, home, presses, decisions))


def show(size: int, measured: dict[str, Any]) -> None:
    """The figures of one size as a table."""
    load, cores = os.getloadavg()[0], os.cpu_count()
    print(f"\n{size:,} mistakes, generated in {measured['generated_in_s']} s; load {load:.1f} on {cores} cores")
    flat = {f"next: {name}": figure for name, figure in measured["queues"].items()}
    flat |= {name: figure for name, figure in measured.items() if isinstance(figure, dict) and "p50_ms" in figure}
    for name, figure in flat.items():
        told = [f"{key} {figure[f'{key}_ms']:>8.2f} ms" for key in ("p50", "p95", "cpu_p50")]
        print(f"  {name:<24} {'   '.join(told)}")


def show_browser(measured: dict[str, Any]) -> None:
    """Print what is waited for in the browser as a table."""
    print(f"\nin Chromium; load {os.getloadavg()[0]:.1f}")
    for name, title in (
        ("1", "key to text, alone"),
        ("20", "key to text, 20 others"),
        ("first_text", "opening to text"),
    ):
        print(f"  {title:<24} p50 {measured[name]['p50_ms']:>8.1f} ms   p95 {measured[name]['p95_ms']:>8.1f} ms")
    for name in ("post_p50_ms", "post_p95_ms", "post_cpu_ms", "decisions_per_s", "memory"):
        print(f"  {name:<24} {measured[name]}")


if __name__ == "__main__":
    main()
