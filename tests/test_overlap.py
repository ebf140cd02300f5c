"""Several collects over one exam at once: no call is made twice, no budget is overspent, a killed one is taken over."""

import asyncio
import random
import threading
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, select

from benchmarks import overlap
from mapd import committee
from mapd.committee import claiming, ledger, plan
from mapd.committee.claiming import Purse
from mapd.models.base import Completion, Finish, Request
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import claims, db, queries
from mapd.store import tables as t
from tests.provider import Provider
from tests.test_committee import ALL, NAMES, Scripted, answer, grumbling, make_exam, outcomes


@pytest.fixture
def exam(engine: sa.Engine, tmp_path: Path) -> str:
    return make_exam(engine, tmp_path)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "POLL_S", 0.02)


class Slow(Scripted):
    """Answers five at a time, each after a while."""

    async def generate(self, requests: AsyncIterable[Request]) -> AsyncIterator[Completion]:
        answers: asyncio.Queue[Completion | None] = asyncio.Queue()
        coming, turn = aiter(requests), asyncio.Lock()

        async def work() -> None:
            while True:
                async with turn:
                    request = await anext(coming, None)
                if request is None:
                    break
                self.asked.append(request)
                await asyncio.sleep(random.uniform(0.001, 0.03))
                answers.put_nowait(self.reply(self.name, request))
            answers.put_nowait(None)

        async with asyncio.TaskGroup() as group:
            for _ in range(5):
                group.create_task(work())
            for _ in range(5):
                while completion := await answers.get():
                    yield completion


class Several:
    """Collects over one exam in threads of their own, and what they were asked and came to."""

    def __init__(self, engine: sa.Engine, exam: str, number: int, reply: Any = answer, **given: Any) -> None:
        self.models = [{name: Slow(name, reply) for name in NAMES} for _ in range(number)]
        self.results, self.told = list[committee.CollectResult](), list[committee.CommitteeProgress]()
        start = threading.Barrier(number)

        def run(models: dict[str, Scripted]) -> None:
            start.wait()
            words = {
                "exam": exam,
                "teachers": NAMES,
                "models": models,
                "by": owner("ann"),
                "progress": self.told.append,
            }
            self.results.append(committee.collect(engine, **(words | given)))

        threads = [threading.Thread(target=run, args=(models,)) for models in self.models]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(self.results) == number

    @property
    def asked(self) -> Counter[str]:
        """How often each call was made, by key."""
        return Counter(request.key for models in self.models for model in models.values() for request in model.asked)


def test_no_call_is_made_twice_and_each_run_ends_with_all_of_them(engine: sa.Engine, exam: str) -> None:
    several = Several(engine, exam, 3)
    assert (len(several.asked), several.asked.total()) == (ALL, ALL)
    assert {(r.feedback, r.rationales, r.reviews, r.failed) for r in several.results} == {(36, 36, 72, 0)}
    assert sum(r.calls_made for r in several.results) == ALL
    assert {r.calls_made + r.calls_reused for r in several.results} == {ALL}
    assert max(p.elsewhere for p in several.told) > 0
    with db.reading(engine) as session:
        assert outcomes(session) == {"ok": ALL}
        assert session.exec(select(t.Claim)).all() == []


def test_a_vote_that_cannot_be_read_is_asked_for_once_more_by_one_run(engine: sa.Engine, exam: str) -> None:
    with db.writing(engine) as session:
        session.execute(sa.update(t.Teacher).values(sampling={"temperature": 1}))
    several = Several(engine, exam, 2, grumbling(1))
    assert several.asked.total() == ALL + 24
    with db.reading(engine) as session:
        assert outcomes(session) == {"ok": ALL, "unreadable": 24}


def test_a_budget_holds_over_runs_at_the_same_time(engine: sa.Engine, exam: str) -> None:
    with db.writing(engine) as session:
        price = {"usd_in": 0.0, "usd_out": 1_000_000.0}  # a dollar a token
        changed = {"price": price, "sampling": {"max_tokens": 3}, "kind": "openai"}
        session.execute(sa.update(t.Teacher).where(t.Teacher.name.in_(NAMES)).values(**changed))  # type: ignore[attr-defined]
    budget = 100.0  # each reply has three tokens
    several = Several(engine, exam, 3, budget=budget)
    assert several.asked.total() == 33
    assert {r.spent_usd for r in several.results} == {99.0}
    assert all(r.not_made for r in several.results)


# --- What another run has ---------------------------------------------------------------------------------------------


class Sent:
    """The first calls of a teacher, which another run has claimed."""

    def __init__(self, engine: sa.Engine, exam: str) -> None:
        self.engine, self.run = engine, claims.ClaimHolder(engine)
        with db.writing(engine) as session:
            ledger.keep_prompts(session)
            info = queries.exam(session, exam)
            made = plan.make_plan(session, info, NAMES, 1)
            self.exam_id = info.id
            self.planned = made.own_work(session, made.teachers[0], made.mistakes)[0][:4]
            session.expunge_all()
            self.claim(session, self.run)

    def claim(self, session: Session, run: claims.ClaimHolder, **foreign: Any) -> claiming.ClaimResult:
        return claiming.claim(session, run, self.exam_id, self.planned, Purse(None), foreign)

    def end(self, finish: Finish) -> None:
        """Let the other run have its first call's reply."""
        first = self.planned[0]
        reply = Completion(first.key, "So. Answer: 7" if finish is Finish.OK else "", finish)
        with db.writing(self.engine) as session:
            ledger.record(session, self.run, [ledger.Arrival((first,), reply, t.new_uid())], self.exam_id)


@pytest.fixture
def sent(engine: sa.Engine, exam: str) -> Sent:
    return Sent(engine, exam)


def test_a_call_that_another_run_sent_is_waited_for_and_its_reply_used(sent: Sent) -> None:
    mine = claims.ClaimHolder(sent.engine)
    with db.writing(sent.engine) as session:
        claimed = sent.claim(session, mine)
    assert (len(claimed.elsewhere), claimed.to_send) == (4, [])
    sent.end(Finish.OK)
    with db.writing(sent.engine) as session:
        again = sent.claim(session, mine, **claimed.elsewhere)
    assert (again.answered, len(again.elsewhere)) == ([sent.planned[0]], 3)


def test_one_that_failed_meanwhile_is_not_asked_again_in_this_run(sent: Sent) -> None:
    mine = claims.ClaimHolder(sent.engine)
    with db.writing(sent.engine) as session:
        claimed = sent.claim(session, mine)
    sent.end(Finish.REFUSED)
    with db.writing(sent.engine) as session:
        assert sent.claim(session, mine, **claimed.elsewhere).failed == [sent.planned[0]]
        assert sent.claim(session, mine).to_send == [sent.planned[0]], "the next run asks again"


def test_what_a_run_had_that_is_heard_of_no_more_is_taken_over(
    engine: sa.Engine, exam: str, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "RENEW_S", 0.1)
    with db.writing(engine) as session:
        session.execute(sa.update(t.Claim).values(until=db.clock(session) + timedelta(seconds=0.3)))
    several = Several(engine, exam, 1)
    assert (several.asked.total(), max(p.elsewhere for p in several.told)) == (ALL, 4)


# --- Real processes, killed -------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_killed_collects_lose_no_more_than_they_had_in_flight(
    database: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with overlap.emptied(request.getfixturevalue("postgres") if database == "postgresql" else None) as url:
        settings = Settings(home=tmp_path / "home", database_url=url)
        with Provider(overlap.reply, overlap.DELAY_S) as provider:
            told = overlap.overlap(settings, provider, tmp_path / "log", kills=1, draw=random.Random())
    assert told.rows == overlap.CALLS
    # A commit claims for each teacher up to a chunk, beside half of one that is left; none is sent that wasn't claimed.
    claimed = len(overlap.NAMES) * (overlap.AT_ONCE + overlap.AT_ONCE // 2)
    assert told.repeated <= told.lost <= claimed + overlap.AT_ONCE
    assert "Traceback" not in (tmp_path / "log").read_text()
