"""Adaptive collection: reviews one after the other, none that can't change the verdict, and nothing is pretended."""

import asyncio
import hashlib
import json
import re
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import col, select

from mapd import committee, prompts, teacher_models
from mapd.curation import live_set, saved_policies
from mapd.curation.decided_texts import DecidedText
from mapd.domain import Verdict
from mapd.errors import Stopped
from mapd.models.base import Completion, FaultKind, Finish, Request
from mapd.people import owner
from mapd.policies import PAPER, STRICT, Policy
from mapd.review.queue_index import derivation
from mapd.store import db, queries
from mapd.store import tables as t
from tests import samples
from tests.commands import runner
from tests.conftest import import_files
from tests.test_committee import NAMES, TEXTS, Scripted, content, kind_of

Reply = Callable[[str, Request], Completion]
Collected = tuple[committee.CollectResult, dict[str, Scripted]]
Collect = Callable[..., Collected]
REVIEWS = 3 * 2 * TEXTS
ANN = owner("ann")


def solution_of(request: Request) -> str:
    return prompts.read(request.messages[1].content)[prompts.SOLUTION]


def score_of(name: str, solution: str) -> int:
    return int(hashlib.sha256(f"{name} {solution}".encode()).hexdigest(), 16) % 5 + 1


def answer(name: str, request: Request) -> Completion:
    """Brook's rationales end wrongly; a score is drawn by reviewer and text."""
    if kind_of(request) == "review":
        text = f"Read. [{score_of(name, solution_of(request))}]"
    else:
        a, b = map(int, re.findall(r"has (\d+) pens and gets (\d+)", request.messages[1].content)[0])
        answer_ = 1 if name == "brook" else a + b
        text = f"{name} adds them.\n{a} + {b} = {a + b}\nAnswer: {answer_}"
    return Completion(request.key, text, Finish.OK, tokens_in=9, tokens_out=3)


def ones(name: str, request: Request) -> Completion:
    return Completion(request.key, "[1]", Finish.OK) if kind_of(request) == "review" else answer(name, request)


@pytest.fixture
def exam(engine: sa.Engine, tmp_path: Path) -> str:
    """An exam whose student's answers alone are there, and three teachers that can be asked."""
    with db.writing(engine) as session:
        session.add_all(t.Teacher(name=name, kind="local", model=f"{name}-1b") for name in NAMES)
        return import_files(session, *samples.files(tmp_path)).exam


@pytest.fixture
def collect(engine: sa.Engine, exam: str) -> Collect:
    def run(adaptive: Policy | None, reply: Reply = answer, **options: object) -> Collected:
        models = {name: Scripted(name, reply) for name in NAMES}
        settings = {"teachers": NAMES, "models": models, "by": ANN} | options
        return committee.collect(engine, exam=exam, adaptive=adaptive, **settings), models  # type: ignore[arg-type]

    return run


def decide(engine: sa.Engine, exam: str, policy: Policy) -> dict[str, DecidedText]:
    """The rationales that our teachers wrote, by uid."""
    with db.reading(engine) as session:
        curated = live_set.load_curated(session, queries.exam(session, exam).id, policy)
    return {x.text.uid: x for x in curated.rationales if x.text.teacher in NAMES}


def reviews_of(models: dict[str, Scripted]) -> Counter[str]:
    return Counter({name: sum(kind_of(r) == "review" for r in m.asked) for name, m in models.items()})


@pytest.mark.parametrize("policy", [PAPER, STRICT], ids=lambda p: p.name)
def test_the_verdicts_are_those_of_all_reviews(engine: sa.Engine, exam: str, collect: Collect, policy: Policy) -> None:
    done, models = collect(policy)
    assert done.saved is not None
    assert done.saved.money == 0, "they are free"
    assert reviews_of(models).total() == done.reviews == REVIEWS - done.saved.calls
    early = decide(engine, exam, policy)
    left_out = Counter(len(x.not_needed) for x in early.values())
    if policy is STRICT:
        assert left_out[2] == TEXTS, "brook's end wrongly: nobody is asked"
    assert left_out[1] > 3
    assert done.saved.calls == left_out[1] + 2 * left_out[2]
    for x in early.values():
        votes = {v.reviewer: v.score for v in x.text.votes}
        assert ("gave no review, and none can change the verdict" in x.committee.why) == bool(x.not_needed)
        assert {*votes, *x.not_needed, x.text.teacher} == set(NAMES), "no vote that is neither given nor left out"
        if len(x.not_needed) == 1:
            assert [*votes.values()] == [1]
    # Without the option the rest is asked for, and no verdict changes.
    whole, models = collect(None)
    assert (whole.saved, whole.reviews, whole.calls_made) == (None, REVIEWS, done.saved.calls)
    assert reviews_of(models).total() == done.saved.calls
    late = decide(engine, exam, policy)
    assert {uid: x.verdict for uid, x in early.items()} == {uid: x.verdict for uid, x in late.items()}
    assert not any(x.not_needed for x in late.values())


def test_another_policy_pretends_no_vote_and_asks_for_what_it_needs(
    engine: sa.Engine, exam: str, collect: Collect
) -> None:
    done, _ = collect(STRICT)
    assert done.saved is not None
    texts = decide(engine, exam, STRICT)
    wrong = {uid for uid, x in texts.items() if x.text.teacher == "brook"}
    assert {(texts[uid].verdict, texts[uid].committee.mean) for uid in wrong} == {(Verdict.REJECTED, None)}
    # Paper demands no check: without a vote they are undecided, and their reviews are missing.
    texts = decide(engine, exam, PAPER)
    assert {texts[uid].verdict for uid in wrong} == {Verdict.UNDECIDED}
    assert not any(texts[uid].not_needed for uid in wrong)
    assert {x.verdict for x in decide(engine, exam, STRICT.at(0.5)).values() if len(x.text.votes) == 1} == {
        Verdict.UNDECIDED
    }, "nothing is accepted on fewer votes than are demanded"
    with db.reading(engine) as session:
        estimate = committee.estimate(session, exam, NAMES, adaptive=PAPER)
        strict = committee.estimate(session, exam, NAMES, adaptive=STRICT)
    assert (strict.calls, strict.left_out) == (0, done.saved.calls)
    assert f"{done.saved.calls} reviews not asked: it can't change the verdict" in strict.in_words
    assert estimate.calls == 2 * TEXTS
    again, models = collect(PAPER)
    assert {solution_of(r) for m in models.values() for r in m.asked} == {texts[uid].text.text for uid in wrong}
    assert again.saved is not None
    assert again.reviews + again.saved.calls == REVIEWS


def test_reviewers_of_a_rationale_are_asked_one_after_the_other_and_rationales_at_once(
    engine: sa.Engine, exam: str
) -> None:
    in_work: Counter[str] = Counter()
    most, most_of_one = 0, 0

    class Slow(Scripted):
        async def generate(self, requests: AsyncIterable[Request]) -> AsyncIterator[Completion]:
            nonlocal most, most_of_one
            async for request in requests:
                is_review = kind_of(request) == "review"
                if is_review:
                    in_work[solution_of(request)] += 1
                    most, most_of_one = max(most, in_work.total()), max(most_of_one, *in_work.values())
                await asyncio.sleep(0.01)
                if is_review:
                    in_work[solution_of(request)] -= 1
                yield self.reply(self.name, request)

    models = {name: Slow(name, answer) for name in NAMES}
    committee.collect(engine, exam=exam, teachers=NAMES, models=models, by=ANN, adaptive=PAPER)
    assert most > 1
    assert most_of_one == 1


def test_a_failed_review_is_a_fault_and_the_next_reviewer_is_asked(
    engine: sa.Engine, exam: str, collect: Collect
) -> None:
    def rowan_fails(name: str, request: Request) -> Completion:
        if name == "rowan" and kind_of(request) == "review":
            return Completion(request.key, "", Finish.FAILED, "HTTP 500")
        return ones(name, request)

    done, _ = collect(PAPER, rowan_fails)
    assert done.saved is not None
    # Rowan's two colleagues' rationales wait for it; of its own the second reviewer isn't asked.
    assert (done.failed, done.reviews, done.saved.calls) == (2 * TEXTS, 3 * TEXTS, TEXTS)
    with db.reading(engine) as session:
        # By now the other reviewer's 1 settles all: what failed is no longer needed.
        assert committee.plan_retry(session, exam, PAPER) is None
        retry = committee.plan_retry(session, exam, PAPER.at(2))
    assert retry is not None
    assert (retry.adaptive, retry.estimate.calls) == (True, 3 * TEXTS), "a 5 beside a 1 is above 2"


def test_a_teacher_that_is_stopped_holds_nobody_up(collect: Collect) -> None:
    def has_no_key(name: str, request: Request) -> Completion:
        if name == "rowan" and kind_of(request) == "review":
            return Completion(request.key, "", Finish.FAILED, "HTTP 401", fault=FaultKind.KEY)
        return answer(name, request)

    done, models = collect(PAPER, has_no_key)
    assert done.reasons[0].stopped
    written = {r.messages for m in models.values() for r in m.asked if kind_of(r) == "review" and m.name != "rowan"}
    assert len(written) >= 2 * TEXTS, "the rationales of the two others are reviewed without it"


def test_a_policy_without_bounds_leaves_nothing_out(collect: Collect) -> None:
    done, _ = collect(Policy("fair", leniency_adjusted=True), ones)
    assert (done.reviews, done.saved) == (REVIEWS, committee.SavedCalls(0, 0.0))


def test_stopped_and_started_again_nothing_is_asked_twice(engine: sa.Engine, exam: str, collect: Collect) -> None:
    keys: list[str] = []

    def reply(name: str, request: Request) -> Completion:
        keys.append(request.key)
        return answer(name, request)

    for limit in (10, 50, 80):
        with pytest.raises(Stopped):
            collect(STRICT, reply, stopping=lambda limit=limit: len(keys) >= limit)
    done, _ = collect(STRICT, reply)
    assert len(set(keys)) == len(keys)
    with db.reading(engine) as session:
        texts = content(session)
        assert len({text for text in texts if text[0] == "rationale"}) >= 3 * TEXTS
        calls = len(session.exec(select(t.Call.key).where(t.Call.outcome == "ok")).all())
    assert calls == len(keys)
    assert done.saved is not None
    assert calls + done.saved.calls == 2 * 3 * TEXTS + REVIEWS


def test_the_queue_index_has_them_rejected(engine: sa.Engine, exam: str, collect: Collect) -> None:
    with db.writing(engine) as session:
        saved_policies.set_policy(session, queries.exam(session, exam).id, "strict", None, by=ANN)
    collect(STRICT)
    derivation.catch_up_all(engine)
    with db.reading(engine) as session:
        rows = session.exec(
            select(t.Standing.committee_undecided, t.Standing.committee_cut)
            .join(t.Explanation, col(t.Standing.explanation_id) == t.Explanation.id)
            .join(t.Teacher, col(t.Explanation.author_id) == t.Teacher.id)
            .where(t.Teacher.name == "brook", t.Explanation.kind == "rationale")
        ).all()
    assert set(rows) == {(False, 0)}


def test_what_is_saved_has_the_estimate_s_price(engine: sa.Engine, collect: Collect) -> None:
    with db.writing(engine) as session:
        for row in session.exec(select(t.Teacher).where(col(t.Teacher.name).in_(NAMES))):
            row.kind, row.price = "openai", {"usd_in": 1, "usd_out": 2}
    done, _ = collect(STRICT)
    assert done.saved is not None
    # As the ledger has it: 9 tokens in and 3 out.
    assert done.saved.money == pytest.approx(done.saved.calls * (9 * 1.0 + 3 * 2.0) / 1e6)


def test_the_command_says_what_it_left_out(
    engine: sa.Engine, exam: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(teacher_models, "open_model", lambda _, row: Scripted(row.name, answer))
    run = runner(monkeypatch, capsys)
    way = ("collect", "--exam", exam, "--teachers", ",".join(NAMES), "--adaptive")
    done = json.loads(run(*way, "--json").out)
    calls = done["saved"]["calls"]
    assert (done["saved"], done["reviews"]) == ({"calls": calls, "money": 0.0}, REVIEWS - calls)
    assert calls > 3
    estimate = json.loads(run(*way, "--estimate", "--json").out)
    assert (estimate["calls"], estimate["left_out"]) == (0, calls)
    out = run(*way).out
    assert f"adaptive: {calls} reviews not asked: it can't change the verdict" in out
    assert "saved  " not in out
