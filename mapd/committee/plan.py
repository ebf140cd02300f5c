"""Plan the committee's calls, page by page, and name each by the ledger's key. Nothing is sent or written here.

    plan.own_work(session, rowan, mistakes)  -> [PlannedCall(kind="rationale", question_id=7, …), feedback …], 0 written
    plan.reviews(session, brook, after=0)    -> PlannedCall(kind="review", explanation_id=12, …) for each rationale that
                                                another teacher wrote and brook has not reviewed yet

The texts stay in the database: a plan holds the ids of the mistakes alone.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from mapd import adaptive, domain, prompts, teacher_models
from mapd import teachers as named
from mapd.answers.grading import Task
from mapd.domain import Act, Judged, Ruling
from mapd.errors import BadInput
from mapd.judgements import READING, correct_attempts, ruling
from mapd.models.base import Message, Request
from mapd.policies import Policy
from mapd.store import exam_material, judgement_log, queries
from mapd.store import tables as t

# Mistakes, or rationales, that are planned at a time: so many texts are in memory, however large the exam is.
PAGE = 32
# Mistakes that are counted in one query: SQLite takes a limited number of parameters.
BLOCK = 500


class TaughtMistake(NamedTuple):
    """A mistake to be taught; `gold` as corrected by people, and as teachers are shown it."""

    attempt_id: int
    question_id: int
    gold: str
    plain_gold: str  # as a rationale's own answer is compared with it
    # Whether it is its question's first: one rationale a question is asked for, with this mistake.
    first: bool


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """One call, and the row that its reply will be. Its request's key is the ledger's."""

    kind: str
    teacher: t.Teacher
    request: Request
    sample: int
    question_id: int
    attempt_id: int | None = None  # of a feedback
    explanation_id: int | None = None  # of a review: the rationale that it judges
    question: str = ""  # of a review: what it read, and may quote
    solution: str = ""

    @property
    def key(self) -> str:
        """Return the ledger's key."""
        return self.request.key


def plan_call(
    kind: str, teacher: t.Teacher, messages: tuple[Message, ...], sample: int, question_id: int, **row: int | str | None
) -> PlannedCall:
    """Return the call to `teacher` with its key."""
    request = Request(ledger_key(teacher, messages, sample), messages, teacher_models.sampling_of(teacher, sample))
    return PlannedCall(kind, teacher, request, sample, question_id, **row)  # type: ignore[arg-type]


def ledger_key(teacher: t.Teacher, messages: Iterable[Message], sample: int) -> str:
    """Return a call's name: sha256 of everything that decides its reply, and of no local id.

    A whole reply is the same with a larger `max_tokens`, so the key leaves it out.
    """
    # Where max_tokens is raised, the keys stay, and only calls that were cut off are made again.
    sampling = {name: value for name, value in teacher.sampling.items() if name != "max_tokens"}
    # A teacher of an earlier version was keyed with it: it keeps that, so that its calls keep their names.
    if teacher.keyed_max_tokens is not None:
        sampling["max_tokens"] = teacher.keyed_max_tokens
    content = {
        "provider": teacher.kind,
        "base_url": teacher.base_url,
        "model": teacher.model,
        "sampling": sampling,
        "messages": [list(message) for message in messages],
        "sample": sample,
    }
    # Keys sorted, no spaces: the same content must give the same bytes in every project and version.
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8")).hexdigest()


class _TaughtMistakes(NamedTuple):
    mistakes: tuple[TaughtMistake, ...]
    not_sent: int
    readings: Mapping[int, Ruling]  # by rationale, whose own answer people corrected


def _load_mistakes(session: Session, exam_id: int, *, cut_off: bool) -> _TaughtMistakes:
    """Return the exam's mistakes after people's corrections, without those on questions that people took out.

    A response that was cut off may be no mistake: it is left out and counted, unless a person called it one, or with
    `cut_off`.
    """
    # People's judgements on questions and attempts, by target.
    judged: dict[tuple[str, int], list[Judged]] = defaultdict(list)
    for row in judgement_log.judgements(session, exam_id):
        judged[row.target, row.target_id].append(row.judged)
    questions, taught, question_ids, not_sent = exam_material.questions(session, exam_id), [], set(), 0
    attempts = exam_material.attempts(session, exam_id)
    answers = correct_attempts(questions, attempts, judged, queries.exam(session, exam_id).wrong_in)
    for attempt in attempts:
        question, gold = questions[attempt.question_id], answers.golds[attempt.question_id]
        if answers.of_question[question.id].decision is Act.REJECT or attempt.id not in answers.mistakes:
            continue
        # With more tokens it may turn out right: only a person's word makes it a mistake now.
        if attempt.is_cut_off and not cut_off and answers.of_attempt[attempt.id].decision is None:
            not_sent += 1
        else:
            is_first = question.id not in question_ids
            taught.append(TaughtMistake(attempt.id, question.id, question.show(gold), gold, is_first))
            question_ids.add(question.id)
    readings = {id_: ruling(rows, READING) for (target, id_), rows in judged.items() if target == "rationale"}
    return _TaughtMistakes(tuple(taught), not_sent, readings)


def list_attempts(session: Session, exam_id: int) -> tuple[TaughtMistake, ...]:
    """Return each answer of an exam as if it were a mistake: more of them there can't be over these questions."""
    questions, question_ids, all_attempts = exam_material.questions(session, exam_id), set[int](), []
    for attempt in exam_material.attempts(session, exam_id):
        question = questions[attempt.question_id]
        is_first = question.id not in question_ids
        gold = question.show(question.gold)
        all_attempts.append(TaughtMistake(attempt.id, question.id, gold, question.gold, is_first))
        question_ids.add(question.id)
    return tuple(all_attempts)


def make_plan(
    session: Session,
    exam: domain.ExamInfo,
    names: Sequence[str],
    samples: int,
    *,
    cut_off: bool = False,
    adaptive_policy: Policy | None = None,
) -> "Plan":
    """Return the plan of an exam's committee; `cut_off`: also for responses that were cut off.

    `adaptive_policy`: reviews that can't change a verdict under it are left out; none are where it has no bounds.

    Raises: BadInput for an exam over dev or test, or for nobody; NotFound for an unknown teacher.
    """
    if exam.split != "train":
        raise BadInput(
            f"exam {exam.name} asked the {exam.split} questions, which are never taught; collect for one over train"
        )
    if not names or len(set(names)) < len(names):
        raise BadInput(f"name each teacher once, and at least one, not: {', '.join(names) or 'nobody'}")
    if samples < 1:
        raise BadInput(f"at least 1 sample is needed, not {samples}")
    rows = tuple(named.get(session, name) for name in names)
    taught, not_sent, readings = _load_mistakes(session, exam.id, cut_off=cut_off)
    policy = adaptive_policy if adaptive_policy and adaptive.has_bounds(adaptive_policy) else None
    return Plan(exam.id, taught, rows, samples, not_sent, policy, readings)


# A rationale or feedback: kind, question, attempt (of a feedback), sample.
OwnText = tuple[str, int, int | None, int]


class ReviewPage(NamedTuple):
    """What a reviewer finds on one page of rationales: the reviews that are missing, how many it gave already."""

    missing: list[PlannedCall]
    review_count: int
    last: int  # the id behind which the next page begins
    has_more: bool


@dataclass(frozen=True)
class Plan:
    """All calls of one exam's committee."""

    exam_id: int
    mistakes: tuple[TaughtMistake, ...]
    teachers: tuple[t.Teacher, ...]
    samples: int
    not_sent: int = 0  # responses that were cut off
    policy: Policy | None = None  # of an adaptive one
    readings: Mapping[int, Ruling] = field(default_factory=dict)

    @cached_property
    def golds(self) -> dict[int, str]:
        """Return the gold answer by question, as teachers are shown it."""
        return {m.question_id: m.gold for m in self.mistakes}

    @cached_property
    def plain_golds(self) -> dict[int, str]:
        """Return the gold answer by question, as it is compared."""
        return {m.question_id: m.plain_gold for m in self.mistakes}

    @property
    def total(self) -> int:
        """Return how many calls there are if each is answered."""
        questions, teachers = len(self.golds), len(self.teachers)
        return teachers * self.samples * (len(self.mistakes) + questions + questions * (teachers - 1))

    def own_work(
        self, session: Session, teacher: t.Teacher, page: Sequence[TaughtMistake]
    ) -> tuple[list[PlannedCall], int]:
        """Return the rationales and feedback of a page that a teacher has yet to write, and how many it has written."""
        messages_by_mistake = self.load_messages(session, page)
        written, missing, total = self._load_written(session, teacher, page), [], 0
        for m in page:
            for text in self._texts_of(m):
                total += 1
                if text not in written:
                    kind, question_id, attempt_id, sample = text
                    messages = messages_by_mistake[m.attempt_id][kind]
                    missing.append(plan_call(kind, teacher, messages, sample, question_id, attempt_id=attempt_id))
        return missing, total - len(missing)

    def load_messages(
        self, session: Session, page: Sequence[TaughtMistake]
    ) -> dict[int, dict[str, tuple[Message, ...]]]:
        """Return what a teacher is asked about each mistake, by attempt and kind; a review without its solution."""
        golds = {m.attempt_id: m.gold for m in page}
        query = (
            select(t.Attempt, t.Question)
            .join(t.Question, col(t.Attempt.question_id) == t.Question.id)
            .where(col(t.Attempt.id).in_(golds))
        )
        messages = {}
        for attempt, question in session.exec(query):
            question_text, gold = show_question(question), golds[queries.identity(attempt)]
            messages[queries.identity(attempt)] = {
                "rationale": prompts.rationale_messages(question_text, Task(question.task)),
                "feedback": prompts.feedback_messages(question_text, attempt.text, gold),
                "review": prompts.review_messages(question_text, "", gold),
            }
        return messages

    def _texts_of(self, m: TaughtMistake) -> Iterator[OwnText]:
        """Yield the texts that each teacher is to write of a mistake."""
        for sample in range(self.samples):
            if m.first:
                yield "rationale", m.question_id, None, sample
            yield "feedback", m.question_id, m.attempt_id, sample

    def missing(self, session: Session, teacher: t.Teacher) -> Counter[str]:
        """Return how many rows of each kind the teacher has yet to write, reviews of rationales to come too."""
        counts: Counter[str] = Counter()
        for start in range(0, len(self.mistakes), BLOCK):
            page = self.mistakes[start : start + BLOCK]
            written = self._load_written(session, teacher, page)
            counts.update(text[0] for m in page for text in self._texts_of(m) if text not in written)
        review_counts = (
            select(t.Explanation.question_id, func.count())
            .join(t.Review, self._is_vote_of(teacher))
            .where(self._is_of_peers(teacher))
            .group_by(col(t.Explanation.question_id))
        )
        review_count = sum(count for question, count in session.exec(review_counts) if question in self.golds)
        counts["review"] = self.samples * len(self.golds) * (len(self.teachers) - 1) - review_count
        return counts

    def _load_written(self, session: Session, teacher: t.Teacher, page: Sequence[TaughtMistake]) -> set[OwnText]:
        x = t.Explanation
        # Only texts of the shipped wordings count: an import's came from other prompts, and stand beside these.
        wordings = (prompts.RATIONALE.sha256, prompts.FEEDBACK.sha256)
        query = (
            select(x.kind, x.question_id, x.attempt_id, x.sample)
            .where(x.author_id == teacher.id, col(x.question_id).in_({m.question_id for m in page}))
            .where(col(x.prompt_sha256).in_(wordings))
        )
        return {(kind, question, attempt, sample) for kind, question, attempt, sample in session.exec(query)}

    def reviews(self, session: Session, reviewer: t.Teacher, after: int, recalled: Sequence[int] = ()) -> ReviewPage:
        """Return one page of other teachers' rationales with ids above `after`, as `reviewer` finds it.

        `recalled`: these are looked at again instead, and the page after them is the same.
        """
        ids = col(t.Explanation.id)
        query = (
            select(t.Explanation, t.Question, t.Review.id)
            .join(t.Question, col(t.Explanation.question_id) == t.Question.id)
            .outerjoin(t.Review, self._is_vote_of(reviewer))
            .where(self._is_of_peers(reviewer), ids.in_(recalled) if recalled else ids > after)
            .order_by(ids)
            .limit(PAGE)
        )
        rows = session.exec(query).all()
        ours = [row for row in rows if row[1].id in self.golds]
        missing = [self._plan_review(reviewer, x, question) for x, question, review_id in ours if review_id is None]
        last = queries.identity(rows[-1][0]) if rows and not recalled else after
        return ReviewPage(missing, len(ours) - len(missing), last, bool(recalled) or len(rows) == PAGE)

    def _is_vote_of(self, reviewer: t.Teacher) -> sa.ColumnElement[bool]:
        return (
            (col(t.Review.explanation_id) == t.Explanation.id)
            & (col(t.Review.reviewer_id) == reviewer.id)
            & (col(t.Review.prompt_sha256) == prompts.REVIEW.sha256)
        )

    def _is_of_peers(self, reviewer: t.Teacher) -> sa.ColumnElement[bool]:
        return self.is_rationale() & (col(t.Explanation.author_id) != reviewer.id)

    def is_rationale(self) -> sa.ColumnElement[bool]:
        """Return the condition that an explanation is a rationale of this plan."""
        question_ids = sa.select(col(t.Attempt.question_id)).where(col(t.Attempt.exam_id) == self.exam_id)
        return (
            (col(t.Explanation.kind) == "rationale")
            & (col(t.Explanation.prompt_sha256) == prompts.RATIONALE.sha256)
            & (col(t.Explanation.sample) < self.samples)
            & col(t.Explanation.author_id).in_([x.id for x in self.teachers])
            & col(t.Explanation.question_id).in_(question_ids)
        )

    def _plan_review(self, reviewer: t.Teacher, x: t.Explanation, question: t.Question) -> PlannedCall:
        question_text, gold = show_question(question), self.golds[x.question_id]
        messages = prompts.review_messages(question_text, x.text, gold)
        material = {"question": question_text, "solution": x.text}
        return plan_call("review", reviewer, messages, 0, x.question_id, explanation_id=x.id, **material)


def show_question(question: t.Question) -> str:
    """Return the question as a teacher is shown it."""
    return prompts.question_block(question.text, question.context, question.options)
