"""Mistakes x teachers -> feedback, rationales, reviews (paper, section 3.2-3.3).

    collect(engine, exam="5e…", teachers=["rowan", "brook", "ash"], models={…}, by=owner("ann"))
        -> CollectResult(feedback=432, rationales=432, reviews=864, no_vote=2, calls_made=1728, calls_reused=0,
                         failed=0, spent_usd=0.83, not_made=0)

    teacher 1   rationale 1 · feedback 1 · review of 2's rationale 1 · rationale 2 · …      -> its model
    teacher 2   rationale 1 · review of 1's rationale 1 · feedback 1 · …                    -> its model

A review enters its reviewer's stream soon after the rationale is written. A stream ends when no rationale can come any
more. Where the run is told to stop, a model breaks, or the budget has no room, nothing new is sent; calls in flight are
awaited for AWAIT_S, and their replies written.

`plan.py` lists the calls, `estimate.py` their cost; `turns.py` says which reviews adaptive collection leaves out;
`claiming.py` decides which calls this run sends, within the budget; `run.py` is all teachers' `streams.py` at once;
`ledger.py` writes the replies, `faults.py` counts those without a text.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import sqlalchemy as sa
from sqlmodel import Session, col, func

from mapd import domain, event_loops
from mapd.committee import ledger
from mapd.committee.claiming import RunLimits, check_budget
from mapd.committee.estimate import (
    CommitteeSettings,
    Estimate,
    Retry,
    TeacherEstimate,
    calls_in_words,
    count_missing,
    estimate_ahead,
    estimate_saved,
    find_settings,
    not_sent_in_words,
    plan_retry,
)
from mapd.committee.estimate import estimate_calls as estimate
from mapd.committee.faults import FailureReason, stops
from mapd.committee.plan import BLOCK, Plan, make_plan
from mapd.committee.run import AWAIT_S, CommitteeRun
from mapd.committee.streams import CollectResult, CommitteeProgress, SavedCalls, TeacherStream
from mapd.committee.turns import count_left_out
from mapd.models.base import Model
from mapd.people import Person, Right, require
from mapd.policies import Policy
from mapd.store import audit_log, claims, committees, db, queries
from mapd.store import tables as t
from mapd.teacher_prices import format_dollars

__all__ = [
    "AWAIT_S",
    "CollectResult",
    "CommitteeProgress",
    "CommitteeSettings",
    "Estimate",
    "FailureReason",
    "Retry",
    "SavedCalls",
    "TeacherEstimate",
    "calls_in_words",
    "check_budget",
    "collect",
    "count_calls",
    "count_spent",
    "describe_end",
    "estimate",
    "estimate_ahead",
    "find_settings",
    "not_sent_in_words",
    "plan_retry",
    "stops",
]


def collect(
    engine: sa.Engine,
    *,
    exam: str | int,
    teachers: Sequence[str],
    models: Mapping[str, Model],
    by: Person,
    samples: int = 1,
    cut_off: bool = False,
    adaptive: Policy | None = None,
    concurrency: int | None = None,
    budget: float | None = None,
    unknown_price: bool = False,
    progress: Callable[[CommitteeProgress], None] = lambda _: None,
    stopping: Callable[[], bool] = lambda: False,
    home: Path | None = None,
) -> CollectResult:
    """Ask each teacher for feedback on each mistake and a rationale of its question, and the others for reviews.

    Each reply is committed as it comes. The same call again asks only for what is missing, failed calls too.
    `models`: by teacher's name. `samples`: texts of each kind by each teacher. `cut_off`: send cut-off responses, too.
    `adaptive`: reviews that can't change a rationale's verdict under this policy are left out; those of a rationale are
    asked one after the other.
    `concurrency`: requests in flight over all teachers; each model has its own limit, too. `budget`: US dollars that
    all of the exam's calls may cost, those of earlier runs too. `unknown_price`: teachers of unknown price may be
    asked; no budget holds them. `home`: the project's folder, which tells at once that another run here was killed.

    Raises: Forbidden; BadInput for an exam over dev or test, or a price that is unknown without a yes to that; NotFound
    for an unknown teacher; MapdError where a reply can't be written (a full disk), a model breaks or ends before its
    answers, or doesn't tell the tokens that a budget counts; Stopped where it was told to stop.
    """
    person = require(by, Right.RUN_JOBS)
    with db.reading(engine) as session:
        info = queries.exam(session, exam)
        committee_plan = make_plan(session, info, teachers, samples, cut_off=cut_off, adaptive_policy=adaptive)
        spent = ledger.spent(session, info.id)
    limits = RunLimits(concurrency, budget, unknown_price)
    check_budget(committee_plan.teachers, budget, unknown_price)
    with db.writing(engine) as session:
        _begin(session, info, committee_plan, limits, person, cut_off=cut_off, is_adaptive=adaptive is not None)
    with claims.ClaimHolder(engine, home) as claimer, ThreadPoolExecutor(max_workers=1) as store:
        streams = [TeacherStream(x, models[x.name]) for x in committee_plan.teachers]
        run = CommitteeRun(engine, store, claimer, committee_plan, streams, limits, progress, stopping)
        run.counts.spent, run.person, run.exam_uid = spent, person, info.uid
        try:
            event_loops.run(run.run_to_end())
        # The first error ended the other tasks: theirs are only cancellations.
        except ExceptionGroup as several:
            raise several.exceptions[0] from None
    with db.reading(engine) as session:
        return CollectResult(
            **_totals(session, committee_plan),
            **run.counts.totals,
            spent_usd=ledger.spent(session, info.id),
            not_made=count_missing(session, committee_plan) if run.at_budget else 0,
            cut_off_not_sent=committee_plan.not_sent,
            reasons=run.tally.reasons,
            saved=None if adaptive is None else estimate_saved(session, committee_plan, run.turns.saved),
        )


def _begin(
    session: Session,
    exam: domain.ExamInfo,
    committee_plan: Plan,
    limits: RunLimits,
    person: str,
    *,
    cut_off: bool,
    is_adaptive: bool,
) -> None:
    """Write what stands before the first call: the prompts, the committee's members, who asks whom and how."""
    ledger.keep_prompts(session)
    committees.name_members(session, exam.id, [queries.identity(x) for x in committee_plan.teachers])
    act = {"teachers": [x.name for x in committee_plan.teachers], "samples": committee_plan.samples, "cut_off": cut_off}
    act |= {"concurrency": limits.concurrency, "budget": limits.budget}
    # By uid: names change, and by this act curation knows who isn't asked.
    act |= {"adaptive": [x.uid for x in committee_plan.teachers]} if is_adaptive else {}
    audit_log.audit(session, person, committees.COLLECT, f"exam {exam.uid}", **act)


def count_calls(
    session: Session,
    exam: str | int,
    teachers: Sequence[str],
    samples: int = 1,
    *,
    cut_off: bool = False,
    adaptive: Policy | None = None,
) -> int:
    """Return how many calls there are in all, made ones too, but for reviews that are left out by now.

    Raises: BadInput, NotFound, as `collect`.
    """
    info = queries.exam(session, exam)
    committee_plan = make_plan(session, info, teachers, samples, cut_off=cut_off, adaptive_policy=adaptive)
    return committee_plan.total - count_left_out(session, committee_plan).total()


def count_spent(session: Session, exam: str | int) -> float:
    """Return the US dollars that the exam's calls cost, as far as their replies told. Raises: NotFound."""
    return ledger.spent(session, queries.exam(session, exam).id)


def describe_end(collected: CollectResult, budget: float | None) -> str:
    """Say why a run ended before its last call: the budget, or a teacher that is asked no more; else ""."""
    ends = []
    if collected.not_made:
        left_out = f"{collected.not_made:,} calls not made; raise it and start again"
        spent = format_dollars(collected.spent_usd)
        ends.append(f"stopped at the budget of {format_dollars(budget or 0)} ({spent} spent), {left_out}")
    ends += [f"{r.teacher} was stopped: {r.reason}; {r.cure}" for r in collected.reasons if r.stopped]
    return "; ".join(ends)


def _totals(session: Session, committee_plan: Plan) -> dict[str, int]:
    """Count the teachers' texts on these mistakes, and their reviews of each other."""
    ids = [x.id for x in committee_plan.teachers]
    is_theirs = col(t.Explanation.author_id).in_(ids)
    is_vote = (col(t.Review.reviewer_id) != col(t.Explanation.author_id)) & col(t.Review.reviewer_id).in_(ids)
    feedback = sa.select(func.count()).select_from(t.Explanation).where(is_theirs)
    rationales = feedback.where(col(t.Explanation.kind) == "rationale")
    reviews = sa.select(func.count(), func.count(col(t.Review.score))).select_from(t.Review)
    reviews = reviews.join(t.Explanation, col(t.Review.explanation_id) == t.Explanation.id)
    reviews = reviews.where(is_theirs, is_vote, col(t.Explanation.kind) == "rationale")
    sums: Counter[str] = Counter()
    for start in range(0, len(committee_plan.mistakes), BLOCK):
        block = committee_plan.mistakes[start : start + BLOCK]
        of_attempt = col(t.Explanation.attempt_id).in_([m.attempt_id for m in block])
        of_question = col(t.Explanation.question_id).in_([m.question_id for m in block if m.first])
        review_count, votes = session.execute(reviews.where(of_question)).one()
        sums["feedback"] += session.execute(feedback.where(of_attempt)).scalar_one()
        sums["rationales"] += session.execute(rationales.where(of_question)).scalar_one()
        sums["reviews"] += review_count
        sums["no_vote"] += review_count - votes
    return {name: sums[name] for name in ("feedback", "rationales", "reviews", "no_vote")}
