"""Money is asked for before it is spent: an estimate, a budget that holds, and a yes to an unknown price."""

import asyncio
import json
import random
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import col, func, select

from mapd import committee, jobs, teacher_models, teacher_prices, teachers
from mapd.committee.claiming import Purse, worst_case_usd
from mapd.committee.estimate import Tokens, estimate_teacher
from mapd.errors import BadInput, MapdError
from mapd.jobs import AttemptRef, kinds, process
from mapd.models.base import Completion, Finish, Message, Request, Sampling
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from mapd.teacher_prices import Price, format_dollars
from tests import samples
from tests.commands import Mapd
from tests.conftest import import_files
from tests.provider import Provider

NAMES = ("rowan", "brook", "ash")
ALL = 3 * (2 + 2) * 12
A_CALL = 0.003  # what the provider's 9 tokens in and 3 out cost at DEAR
DEAR = {"usd_in": 0, "usd_out": 1000}
ELSEWHERE = "http://192.168.7.7:8000/rowan/v1"


def teacher(**given: Any) -> t.Teacher:
    row = {"name": "mini", "kind": "openai", "model": "m-1", "sampling": {"max_tokens": 100}}
    return t.Teacher(**(row | given))


@pytest.mark.parametrize(
    ("whose", "given"),
    [
        (Price.FREE, {"kind": "simulated", "simulated": True}),
        (Price.FREE, {"kind": "local"}),
        (Price.FREE, {"base_url": "http://localhost:11434/v1"}),
        (Price.FREE, {"base_url": "http://127.0.0.9:1/v1"}),
        (Price.FREE, {"base_url": "http://[::1]:8000/v1"}),
        (Price.UNKNOWN, {"base_url": ELSEWHERE}),
        (Price.UNKNOWN, {"base_url": "https://localhost.example.org/v1"}),
        (Price.UNKNOWN, {}),
        (Price.LISTED, {"model": "gpt-4o-mini"}),
        (Price.LISTED, {"model": "claude-sonnet-4-5", "kind": "anthropic"}),
        (Price.STATED, {"model": "gpt-4o-mini", "price": DEAR}),
        (Price.STATED, {"base_url": "http://localhost:11434/v1", "price": DEAR}),  # a gateway to somebody else's model
    ],
)
def test_whose_word_a_price_is(whose: Price, given: dict[str, Any]) -> None:
    assert teacher_prices.price(teacher(**given)) is whose


def test_a_stated_price_goes_before_the_list() -> None:
    listed, stated = teacher(model="gpt-4o-mini"), teacher(model="gpt-4o-mini", price={"usd_in": 1, "usd_out": 10})
    assert teacher_prices.cost_usd(listed, 1000, 500) == pytest.approx(0.00045)
    assert teacher_prices.cost_usd(stated, 1000, 500) == pytest.approx(0.006)
    assert teacher_prices.price_in_words(stated) == "$1.00 in, $10.00 out a million tokens (stated)"
    assert teacher_prices.cost_usd(stated, None, 3) is None


@pytest.mark.parametrize(
    ("usd", "said"),
    [(0, "$0.00"), (0.00005, "under $0.0001"), (0.0042, "$0.0042"), (0.5, "$0.50"), (1234.5, "$1,234.50")],
)
def test_an_amount_is_readable(usd: float, said: str) -> None:
    assert format_dollars(usd) == said


CALLS = {"rationale": 10, "feedback": 10, "review": 20}
BYTES = {"rationale": 400.0, "feedback": 800.0, "review": 600.0}


def test_an_estimate_without_replies_to_go_by_is_of_the_longest() -> None:
    price, peer = {"usd_in": 1, "usd_out": 10}, teacher(id=2, name="peer", sampling={"max_tokens": 60})
    told = estimate_teacher(teacher(id=1, price=price), CALLS, [peer], BYTES, {})
    assert not told.measured
    assert told.tokens_in == 10 * 100 + 10 * 200 + 20 * (150 + 60)
    assert told.tokens_out == 40 * 100
    assert told.usd == pytest.approx((7200 + 10 * 4000) / 1e6)
    twice = 20 * 2  # a review without a score is asked for once more
    assert told.usd_at_most == pytest.approx((10 * 400 + 10 * 800 + twice * 660 + 10 * 100 * (20 + twice)) / 1e6)


def test_an_estimate_goes_by_what_calls_took() -> None:
    took = {(1, kind): Tokens(50, 20) for kind in CALLS}
    told = estimate_teacher(teacher(id=1, price={"usd_in": 1, "usd_out": 10}), CALLS, [], BYTES, took)
    assert told.measured
    assert (told.tokens_in, told.tokens_out, told.usd) == (2000, 800, pytest.approx(0.01))
    half = estimate_teacher(teacher(id=1, price=DEAR), CALLS, [], BYTES, took | {(1, "review"): Tokens(50, 90)} | {})
    assert half.usd == pytest.approx(2.2)


def test_what_is_free_or_unknown_has_no_cost() -> None:
    free = estimate_teacher(teacher(kind="local"), CALLS, [], BYTES, {})
    assert (free.tokens_in, free.usd, free.usd_at_most) == (None, None, None)
    unknown = estimate_teacher(teacher(), CALLS, [], BYTES, {})
    assert (unknown.tokens_out, unknown.usd, unknown.usd_at_most) == (4000, None, None)


@given(st.integers(0, 10**6), st.floats(0, 3), st.integers(1, 40))
def test_a_purse_is_never_overdrawn(seed: int, budget: float, most: int) -> None:
    """Calls that cost anything up to their worst case, and come back in any order."""
    draw, spent = random.Random(seed), 0.0
    row, flying = teacher(price=DEAR), dict[str, float]()  # what each may cost
    for number in range(200):
        request = Request(str(number), (Message("user", "x" * 50),), Sampling(max_tokens=draw.randint(1, most)))
        if Purse(budget, spent, sum(flying.values())).reserve(worst_case_usd(row, request)):
            flying[request.key] = worst_case_usd(row, request)
        if flying and draw.random() < 0.5:
            spent += draw.random() * flying.pop(draw.choice(list(flying)))
        assert spent + sum(flying.values()) <= budget + 1e-9


# --- A committee over real HTTP ---------------------------------------------------------------------------------------


def make_project(folder: Path, url: str, **given: Any) -> sa.Engine:
    """Twelve mistakes and three teachers; their worst call costs twice what the provider's replies do."""
    engine = db.open_store(Settings())
    with db.writing(engine) as session:
        import_files(session, *samples.files(folder))
        for name in NAMES:
            row = {
                "kind": "openai",
                "model": name,
                "base_url": f"{url}/{name}/v1",
                "sampling": {"max_tokens": 6},
                **given,
            }
            teachers.add(session, name, by=owner("ann"), **row)
    return engine


def collect(engine: sa.Engine, **given: Any) -> committee.CollectResult:
    with db.reading(engine) as session:
        models = {name: teacher_models.open_model(engine, teachers.get(session, name)) for name in NAMES}
    return committee.collect(engine, exam=1, teachers=NAMES, models=models, by=owner("ann"), **given)


def ledger_sum(engine: sa.Engine) -> float:
    with db.reading(engine) as session:
        return session.exec(select(func.sum(t.Call.cost_usd))).one() or 0.0


def estimated(engine: sa.Engine) -> committee.Estimate:
    with db.reading(engine) as session:
        return committee.estimate(session, 1, NAMES)


def test_a_collect_stops_at_its_budget_and_goes_on_when_it_is_raised(home: Path, tmp_path: Path) -> None:
    told: list[committee.CommitteeProgress] = []
    with Provider() as server:
        engine = make_project(tmp_path, server.url, price=DEAR)
        done = collect(engine, budget=0.1, concurrency=8, progress=told.append)
        assert 0.1 - 2 * A_CALL < ledger_sum(engine) <= 0.1, "as far as the worst case of the next call allows"
        assert (len(server.asked), done.not_made) == (done.calls_made, ALL - done.calls_made)
        assert (done.failed, done.spent_usd) == (0, pytest.approx(A_CALL * done.calls_made))
        assert told[-1].spent_usd == pytest.approx(done.spent_usd)
        again = collect(engine, budget=0.1)
        assert (again.calls_made, again.not_made) == (0, done.not_made), "the budget is the exam's, not the run's"
        left = estimated(engine)
        assert (left.calls, left.spent_usd) == (done.not_made, pytest.approx(done.spent_usd))
        whole = collect(engine, budget=5.0)
        assert (whole.calls_made, whole.not_made) == (done.not_made, 0)
        assert (whole.feedback, whole.rationales, whole.reviews) == (36, 36, 72)
        assert len(server.asked) == ALL
    assert whole.spent_usd == pytest.approx(ALL * A_CALL)


def test_a_budget_that_suffices_is_in_nobodys_way(home: Path, tmp_path: Path) -> None:
    with Provider(delay=0.1) as server:
        engine = make_project(tmp_path, server.url, price=DEAR, limits={"concurrency": 8})
        assert collect(engine, budget=ALL * A_CALL * 2).not_made == 0
    assert server.most > 1


class Drawing:
    """A model that answers with any number of tokens up to what it is allowed, and tells it."""

    def __init__(self, name: str, tells: bool = True) -> None:
        self.name, self.tells, self.draw = name, tells, random.Random(name)

    async def generate(self, requests: AsyncIterable[Request]) -> AsyncIterator[Completion]:
        async for request in requests:
            await asyncio.sleep(0)
            text = f"{self.name} says {self.draw.random()}. [4]"
            completion = Completion(request.key, text, Finish.OK, None, 9, self.draw.randint(1, 6))
            yield completion if self.tells else replace(completion, tokens_out=None)


@pytest.mark.parametrize("budget", [0, 0.004, 0.05, 0.2])
def test_whatever_replies_cost_the_budget_holds(home: Path, tmp_path: Path, budget: float) -> None:
    engine = make_project(tmp_path, "https://nowhere.example", price=DEAR)
    models = {name: Drawing(name) for name in NAMES}
    done = committee.collect(engine, exam=1, teachers=NAMES, models=models, by=owner("ann"), budget=budget)
    assert ledger_sum(engine) <= budget
    assert done.not_made == ALL - done.calls_made > 0


def test_a_reply_that_hides_its_cost_stops_a_collect_with_a_budget(home: Path, tmp_path: Path) -> None:
    engine = make_project(tmp_path, "https://nowhere.example", price=DEAR)
    models = {name: Drawing(name, tells=name != "ash") for name in NAMES}
    given: dict[str, Any] = {"exam": 1, "teachers": NAMES, "models": models, "by": owner("ann")}
    with pytest.raises(MapdError, match="teacher ash doesn't tell how many tokens a call took"):
        committee.collect(engine, budget=100, **given)
    with db.reading(engine) as session:
        kept = session.exec(select(func.count()).where(col(t.Call.outcome) == "ok")).one()
    assert 0 < kept < ALL
    assert committee.collect(engine, budget=100, unknown_price=True, **given).calls_made == ALL - kept


def test_an_unknown_price_needs_a_yes(home: Path, tmp_path: Path) -> None:
    engine = make_project(tmp_path, "http://192.168.7.7:8000")
    models: dict[str, Any] = {name: Drawing(name) for name in NAMES}
    given: dict[str, Any] = {"exam": 1, "teachers": NAMES, "models": models, "by": owner("ann")}
    with pytest.raises(
        BadInput, match=r"nobody knows the price of rowan \(rowan at http://192\.168\.7\.7:8000/rowan/v1\)"
    ):
        committee.collect(engine, **given)
    with db.reading(engine) as session:
        assert session.exec(select(t.Call)).all() == []
    assert estimated(engine).unknown == list(NAMES)
    assert committee.collect(engine, budget=0, unknown_price=True, **given).calls_made == ALL


@pytest.mark.parametrize("budget", [-1.0, float("nan"), float("inf")])
def test_a_budget_is_an_amount(home: Path, tmp_path: Path, budget: float) -> None:
    engine = make_project(tmp_path, "http://localhost:9")
    with pytest.raises(BadInput, match="a budget is an amount in US dollars, 0 or more, not"):
        collect(engine, budget=budget)


def test_the_estimate_counts_what_is_missing(home: Path, tmp_path: Path) -> None:
    with Provider() as server:
        engine = make_project(tmp_path, server.url)
        first = estimated(engine)
        assert first.in_words == "144 calls missing (36 rationales, 36 feedback, 72 reviews): free (on this machine)"
        assert [x.calls for x in first.teachers] == [{"rationale": 12, "feedback": 12, "review": 24}] * 3
        with db.reading(engine) as session:
            models = {name: teacher_models.open_model(engine, teachers.get(session, name)) for name in NAMES[:2]}
        committee.collect(engine, exam=1, teachers=NAMES[:2], models=models, by=owner("ann"))
        assert [x.calls["review"] for x in estimated(engine).teachers] == [12, 12, 24]
        collect(engine)
        assert estimated(engine).calls == 0


def test_what_failed_is_asked_again_of_the_same_committee(home: Path, tmp_path: Path) -> None:
    bad = {"on": True}

    def script(asked: Any) -> str:
        return (
            "refusal" if bad["on"] and asked.body["model"] == "ash" and "worked solutions that" in str(asked) else "ok"
        )

    with Provider(script) as server:
        engine = make_project(tmp_path, server.url)
        with db.reading(engine) as session:
            assert committee.plan_retry(session, 1) is None
        assert collect(engine, budget=2.0, concurrency=4).failed == 12
        with db.reading(engine) as session:
            again = committee.plan_retry(session, 1)
        assert again is not None
        assert (again.teachers, again.samples, again.concurrency, again.budget) == (NAMES, 1, 4, 2.0)
        assert (again.failed, again.estimate.calls) == (12, 12 + 24), "with the reviews that could not be asked"
        with db.reading(engine) as session:
            act = session.exec(select(t.Audit).where(t.Audit.action == "collect")).one()
            act.detail = {"teachers": act.detail["teachers"]}  # as an earlier version wrote it
            earlier = committee.plan_retry(session, 1)
            session.rollback()
        assert earlier is not None
        assert (earlier.samples, earlier.cut_off, earlier.budget) == (1, False, None)
        bad["on"] = False
        assert collect(engine).calls_made == 36
        with db.writing(engine) as session:
            assert committee.plan_retry(session, 1) is None
            teachers.disable(session, "ash", owner("ann"))


# --- On the command line, and as a job --------------------------------------------------------------------------------

COLLECT = ("collect", "--exam", "1", "--teachers", ",".join(NAMES))


def test_the_command_says_what_it_may_cost_and_stops_at_the_budget(mapd: Mapd, tmp_path: Path) -> None:
    with Provider() as server:
        engine = make_project(tmp_path, server.url, price=DEAR)
        code, out, err = mapd(*COLLECT, "--estimate", "--json")
        told = json.loads(out)
        assert (code, told["calls"], told["unknown"], told["spent_usd"]) == (0, ALL, [], 0)
        assert told["usd"] == pytest.approx(ALL * 2 * A_CALL)
        code, out, err = mapd(*COLLECT, "--estimate")
        assert "rowan" in out
        assert "144 calls missing (36 rationales, 36 feedback, 72 reviews): about $0.86, at most $1.30" in out
        assert server.asked == []
        code, out, err = mapd(*COLLECT, "--budget", "0.1")
        assert (code, err) == (0, "")
        assert "144 calls missing" in out
        last = out.splitlines()[-1]
        made = len(server.asked)
        assert (
            last
            == f"stopped at the budget of $0.10 ({format_dollars(ledger_sum(engine))} spent), {ALL - made} calls not "
            "made; raise it and start again"
        )
        told = json.loads(mapd(*COLLECT, "--budget", "0.1", "--json")[1])
        assert (told["stopped"], told["not_made"], told["calls_made"]) == (last, ALL - made, 0)
        told = json.loads(mapd(*COLLECT, "--budget", "1", "--json")[1])
        assert (told["not_made"], "stopped" in told, len(server.asked)) == (0, False, ALL)
        code, out, err = mapd(*COLLECT, "--budget", "nan")
        assert (code, err.count("\n"), "nan" in err) == (2, 1, True)


def test_the_environment_may_hold_a_budget(mapd: Mapd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Provider() as server:
        make_project(tmp_path, server.url, price=DEAR)
        monkeypatch.setenv("MAPD_BUDGET_USD", "0.05")
        assert json.loads(mapd(*COLLECT, "--json")[1])["spent_usd"] <= 0.05
        monkeypatch.setenv("MAPD_BUDGET_USD", "much")
        code, out, err = mapd(*COLLECT, "--json")
        assert (code, out) == (1, "")
        assert err.startswith("mapd: MAPD_BUDGET_USD can't be much: ")


def test_a_price_is_stated_with_the_teacher(mapd: Mapd, tmp_path: Path) -> None:
    make_project(tmp_path, "http://192.168.7.7:8000")
    code, out, err = mapd(*COLLECT)
    assert code == 1
    assert "at an unknown price" in out
    assert "so nothing was sent: state it with `mapd teachers add" in err
    code, _, err = mapd(*COLLECT, "--detach", "--json")
    assert (code, "nobody knows the price" in err) == (1, True)
    add = ("teachers", "add", "rowan", "--kind", "openai", "--model", "rowan", "--base-url", ELSEWHERE)
    add = (*add, "--set", "max_tokens=6")
    assert "give both" in mapd(*add, "--price-in", "0.5")[2]
    assert "usd_in must be a number from 0" in mapd(*add, "--price-in", "-1", "--price-out", "2")[2]
    told = json.loads(mapd(*add, "--price-in", "0.5", "--price-out", "2", "--json")[1])
    assert told["price"] == "$0.50 in, $2.00 out a million tokens (stated)"
    assert json.loads(mapd(*add, "--json")[1])["price"] == told["price"], "it stays where none is given"
    assert "(stated)" in mapd("teachers", "list")[1]
    assert (
        "no limits, and is free"
        in mapd(
            "teachers", "add", "s", "--kind", "simulated", "--model", "sound", "--price-in", "1", "--price-out", "1"
        )[2]
    )


def test_a_job_that_stops_at_its_budget_says_so(mapd: Mapd, tmp_path: Path) -> None:
    with Provider() as server:
        engine = make_project(tmp_path, server.url, price=DEAR)
        given = kinds.CollectWork(exam="1", teachers=NAMES, budget=0.1)
        with db.writing(engine) as session:
            ref = AttemptRef(jobs.start(session, "collect", given.model_dump(mode="json"), by=owner("ann")).uid, 1)
            jobs.take(session, "w", calls=True)
        assert process.run_attempt(ref, "w") == 0
    with db.reading(engine) as session:
        job = jobs.get(session, ref.uid)
        assert (job.status, jobs.describe_state(job, db.clock(session)), job.error) == ("done", "stopped", None)
        assert job.outcome["stopped"].startswith("stopped at the budget of $0.10")
        assert (job.done, job.total) == (len(server.asked), ALL), "not as if it were whole"
        assert " of $0.10" in job.message
    told = json.loads(mapd("jobs", "show", ref.uid, "--json")[1])
    assert (told["state"], told["outcome"]["not_made"]) == ("stopped", ALL - len(server.asked))
