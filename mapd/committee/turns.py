"""Adaptive collection: reviewers of a rationale are asked one after the other, only where one can change its verdict.

    find_turns(session, plan, [51, 52])   -> {51: ReviewTurn((3, 2), is_settled=False), 52: ReviewTurn((2,), True)}
    turns.pick(brook, missing, …)         -> [PlannedCall("review", explanation_id=51, …)]: teacher 3 is brook

Of rationale 51 teacher 2 waits until 3 has scored it; 52 is rejected whatever 2 says of it, so 2 isn't asked. Different
rationales go in parallel. Who gives no text is passed over in this run.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd import adaptive, prompts
from mapd.answers.grading import Task
from mapd.checks import RationaleChecks, check_rationale
from mapd.committee.plan import Plan, PlannedCall
from mapd.committee.streams import RunCounts, TeacherStream
from mapd.domain import Ruling, Vote
from mapd.own_answers import read_states
from mapd.policies import CheckStates, Policy
from mapd.store import exam_material
from mapd.store import tables as t

# Rationales that are looked at in one query.
BLOCK = 250


class ReviewTurn(NamedTuple):
    """Who gave a rationale no review, in the order in which they are asked, and whether none of them can change it."""

    to_ask: tuple[int, ...]
    is_settled: bool


def find_turns(session: Session, plan: Plan, rationales: Iterable[int]) -> dict[int, ReviewTurn]:
    """Return whose turn it is, by rationale; nothing where the plan isn't adaptive."""
    ids = set(rationales)
    return _look_at(session, plan, plan.policy, col(t.Explanation.id).in_(ids)) if plan.policy and ids else {}


def count_left_out(session: Session, plan: Plan) -> Counter[int]:
    """Return by teacher how many reviews of rationales that are there can't change a verdict."""
    counts: Counter[int] = Counter()
    if plan.policy is None:
        return counts
    ids = session.exec(select(t.Explanation.id).where(plan.is_rationale()).order_by(col(t.Explanation.id))).all()
    for start in range(0, len(ids), BLOCK):
        for turn in find_turns(session, plan, (x for x in ids[start : start + BLOCK] if x is not None)).values():
            counts.update(turn.to_ask if turn.is_settled else ())
    return counts


def _look_at(session: Session, plan: Plan, policy: Policy, condition: sa.ColumnElement[bool]) -> dict[int, ReviewTurn]:
    teachers = [x.id for x in plan.teachers if x.id is not None]
    # Who is named now counts in the exam from the run's beginning on.
    counts = exam_material.counts_in(t.Review.reviewer_id, plan.exam_id) | col(t.Review.reviewer_id).in_(teachers)
    review = sa.select(*map(col, (t.Review.explanation_id, t.Review.reviewer_id, t.Review.prompt_sha256)))
    review = review.add_columns(col(t.Review.score), col(t.Review.saw_gold))
    votes: dict[int, list[Vote]] = defaultdict(list)
    reviewers: dict[int, set[int]] = defaultdict(set)
    ids = sa.select(col(t.Explanation.id)).where(condition)
    for rationale, reviewer, prompt, score, saw_gold in session.execute(
        review.where(col(t.Review.explanation_id).in_(ids), counts)
    ):
        votes[rationale].append(Vote(str(reviewer), score, saw_gold=saw_gold))
        if prompt == prompts.REVIEW.sha256:
            reviewers[rationale].add(reviewer)
    x, q = t.Explanation, t.Question
    rows = sa.select(*map(col, (x.id, x.author_id, x.text, x.question_id, q.task, q.options)))
    turns = {}
    for id_, author, text, question, task, options in session.execute(
        rows.join(q, col(x.question_id) == col(q.id)).where(condition)
    ):
        to_ask = tuple(who for who in teachers if who != author and who not in reviewers[id_])
        if question not in plan.plain_golds or not to_ask:
            continue
        states = CheckStates()
        if policy.checks:
            gold, reading = plan.plain_golds[question], plan.readings.get(id_, Ruling())
            checks = _check(text, gold, Task(task), tuple(options))
            _, states = read_states(checks, gold, Task(task), options, reading)
        turns[id_] = ReviewTurn(to_ask, not adaptive.can_change(policy, votes[id_], len(to_ask), states))
    return turns


@lru_cache(maxsize=16_384)
def _check(text: str, gold: str, task: Task, options: tuple[str, ...]) -> RationaleChecks:
    # To read a text takes longer than all else here, and each reviewer's turn, and each estimate, needs it.
    return check_rationale(text, gold, task, options)


@dataclass
class Turns:
    """Whose turn it is in one run. Without an adaptive plan it is everybody's at once."""

    streams: Sequence[TeacherStream]
    counts: RunCounts
    saved: Counter[int] = field(default_factory=Counter)  # reviews that aren't asked for, by teacher
    # Rationales of which a review is over, in the order in which that was noted.
    over: list[int] = field(default_factory=list)
    # Who was asked for a review of which rationale and gave none: whoever comes next doesn't wait for it.
    without: set[tuple[int | None, int]] = field(default_factory=set)

    def pick(
        self, stream: TeacherStream, missing: Sequence[PlannedCall], turns: Mapping[int, ReviewTurn], mark: int
    ) -> list[PlannedCall]:
        """Return the stream's reviews that are due; those that wait for another reviewer stay with the stream by id.

        `mark`: how long `over` was before the turns were read.
        """
        due = []
        for planned in missing:
            id_ = planned.explanation_id
            turn = turns.get(id_) if id_ is not None else None
            if turn is None or id_ is None:
                due.append(planned)
            elif turn.is_settled:
                self.saved[planned.teacher.id or 0] += 1
                self.counts.total -= 1
            elif self._find_next(id_, turn) == planned.teacher.id:
                due.append(planned)
            else:
                stream.waiting.add(id_)
        # A review that was written after the turns were read may have been the one that is waited for.
        for id_ in self.over[mark:]:
            stream.recall(id_)
        return due

    def _find_next(self, rationale: int, turn: ReviewTurn) -> int | None:
        absent = {stream.teacher.id for stream in self.streams if stream.stopped or stream.ended}
        return next((who for who in turn.to_ask if who not in absent and (who, rationale) not in self.without), None)

    def note(self, calls: Iterable[PlannedCall], *, came: bool) -> None:
        """Note that these reviews are over, and let those who waited for them look again."""
        for planned in calls:
            if planned.explanation_id is not None:
                if not came:
                    self.without.add((planned.teacher.id, planned.explanation_id))
                self.over.append(planned.explanation_id)
                for stream in self.streams:
                    stream.recall(planned.explanation_id)

    def pass_over(self) -> None:
        """Let everybody look again, because a teacher is asked no more."""
        for stream in self.streams:
            for id_ in tuple(stream.waiting):
                stream.recall(id_)
