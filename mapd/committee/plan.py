"""Which calls the committee's work consists of, read page by page. Nothing is sent or written here.

    plan.own_work(session, rowan, mistakes)   -> [Planned(kind="rationale", question_id=7, key="3f…", …), feedback …]
    plan.reviews(session, brook, after=0)     -> Planned(kind="review", explanation_id=12, …) for each rationale that
                                                 another teacher wrote and brook has not reviewed yet

The texts stay in the database: a plan holds the ids of the mistakes alone.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from mapd import prompts
from mapd import teachers as named
from mapd.answers.grading import Task
from mapd.errors import BadInput
from mapd.mistakes import apply_correction, is_mistake
from mapd.models.base import Message, Request
from mapd.store import queries
from mapd.store import tables as t
from mapd.verdicts import Act, Judged, ruling

PAGE = 32  # mistakes, or rationales, that are planned at a time: so many texts are in memory
BLOCK = 500  # mistakes that are counted in one query


class TaughtMistake(NamedTuple):
    """A mistake to be taught; `gold` as corrected by people."""

    attempt_id: int
    question_id: int
    gold: str
    first: bool  # of its question: the rationale is asked for with it


@dataclass(frozen=True, slots=True)
class Planned:
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
        """The ledger's key."""
        return self.request.key


def planned(
    kind: str, teacher: t.Teacher, messages: tuple[Message, ...], sample: int, question_id: int, **row: int | str | None
) -> Planned:
    """The call to `teacher` with its key."""
    request = Request(ledger_key(teacher, messages, sample), messages, named.sampling_of(teacher, sample))
    return Planned(kind, teacher, request, sample, question_id, **row)  # type: ignore[arg-type]


def ledger_key(teacher: t.Teacher, messages: Iterable[Message], sample: int) -> str:
    """The name of a call: sha256 of what decides its reply, and of no local id.

    A whole reply is the same with a larger `max_tokens`, which is therefore left out: where it is raised, only what was
    cut off is asked again. A teacher of an earlier version keeps the one it had, so that its calls keep their names.
    """
    sampling = {name: value for name, value in teacher.sampling.items() if name != "max_tokens"}
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
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8")).hexdigest()


class Mistakes(NamedTuple):
    """An exam's mistakes that are taught, and how many responses aren't sent because they were cut off."""

    taught: tuple[TaughtMistake, ...]
    not_sent: int


def mistakes(session: Session, exam_id: int, *, cut_off: bool = False) -> Mistakes:
    """The exam's mistakes after people's corrections, without those on questions that people took out.

    A response that was cut off may be no mistake: it is left out, unless a person called it one, or with `cut_off`.
    """
    said: dict[tuple[str, int], list[Judged]] = defaultdict(list)
    for row in queries.judgements(session, exam_id):
        said[row.target, row.target_id].append(row.judged)
    questions, found, seen, not_sent = queries.questions(session, exam_id), [], set(), 0
    for attempt in queries.attempts(session, exam_id):
        question = questions[attempt.question_id]
        of_question, of_attempt = ruling(said["question", question.id]), ruling(said["attempt", attempt.id])
        gold = apply_correction(question.gold, of_question)
        if of_question.decision is Act.REJECT or not is_mistake(attempt, question, gold, of_attempt):
            continue
        if attempt.is_cut_off and not cut_off and of_attempt.decision is None:
            not_sent += 1
        else:
            found.append(TaughtMistake(attempt.id, question.id, question.show(gold), question.id not in seen))
            seen.add(question.id)
    return Mistakes(tuple(found), not_sent)


def made(
    session: Session, exam: queries.ExamInfo, names: Sequence[str], samples: int, *, cut_off: bool = False
) -> "Plan":
    """The plan of an exam's committee; `cut_off`: also for responses that were cut off.

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
    taught, not_sent = mistakes(session, exam.id, cut_off=cut_off)
    return Plan(exam.id, taught, rows, samples, not_sent)


Own = tuple[str, int, int | None, int]  # a rationale or feedback: kind, question, attempt of a feedback, sample


class Reviews(NamedTuple):
    """What a reviewer finds on one page of rationales: the reviews that are missing, how many it gave already."""

    missing: list[Planned]
    given: int
    last: int  # the id behind which the next page begins
    more: bool


@dataclass(frozen=True)
class Plan:
    """All calls of one exam's committee."""

    exam_id: int
    mistakes: tuple[TaughtMistake, ...]
    teachers: tuple[t.Teacher, ...]
    samples: int
    not_sent: int = 0  # responses that were cut off

    @cached_property
    def golds(self) -> dict[int, str]:
        """The gold answer by question."""
        return {m.question_id: m.gold for m in self.mistakes}

    @property
    def total(self) -> int:
        """How many calls there are if each is answered."""
        questions, teachers = len(self.golds), len(self.teachers)
        return teachers * self.samples * (len(self.mistakes) + questions + questions * (teachers - 1))

    def own_work(
        self, session: Session, teacher: t.Teacher, page: Sequence[TaughtMistake]
    ) -> tuple[list[Planned], int]:
        """The rationales and feedback of a page of mistakes that a teacher has not written, and how many it has."""
        asked = self.asked(session, page)
        there, missing, all_of_it = self._written(session, teacher, page), [], 0
        for m in page:
            for own in self._own(m):
                all_of_it += 1
                if own not in there:
                    kind, question_id, attempt_id, sample = own
                    messages = asked[m.attempt_id][kind]
                    missing.append(planned(kind, teacher, messages, sample, question_id, attempt_id=attempt_id))
        return missing, all_of_it - len(missing)

    def asked(self, session: Session, page: Sequence[TaughtMistake]) -> dict[int, dict[str, tuple[Message, ...]]]:
        """What a teacher is asked about each of the mistakes, by attempt and kind; a review without its solution."""
        golds = {m.attempt_id: m.gold for m in page}
        query = (
            select(t.Attempt, t.Question)
            .join(t.Question, col(t.Attempt.question_id) == t.Question.id)
            .where(col(t.Attempt.id).in_(golds))
        )
        found = {}
        for attempt, question in session.exec(query):
            shown, gold = block(question), golds[queries.identity(attempt)]
            found[queries.identity(attempt)] = {
                "rationale": prompts.rationale(shown, Task(question.task)),
                "feedback": prompts.feedback(shown, attempt.text, gold),
                "review": prompts.review(shown, "", gold),
            }
        return found

    def _own(self, m: TaughtMistake) -> Iterator[Own]:
        """The texts that each teacher is to write of a mistake."""
        for sample in range(self.samples):
            if m.first:
                yield "rationale", m.question_id, None, sample
            yield "feedback", m.question_id, m.attempt_id, sample

    def missing(self, session: Session, teacher: t.Teacher) -> Counter[str]:
        """How many rows of each kind the teacher has not written, reviews of rationales that are to come too."""
        found: Counter[str] = Counter()
        for start in range(0, len(self.mistakes), BLOCK):
            page = self.mistakes[start : start + BLOCK]
            there = self._written(session, teacher, page)
            found.update(own[0] for m in page for own in self._own(m) if own not in there)
        given = (
            select(t.Explanation.question_id, func.count())
            .join(t.Review, self._vote(teacher))
            .where(self._of_peers(teacher))
            .group_by(col(t.Explanation.question_id))
        )
        there_are = sum(count for question, count in session.exec(given) if question in self.golds)
        found["review"] = self.samples * len(self.golds) * (len(self.teachers) - 1) - there_are
        return found

    def _written(self, session: Session, teacher: t.Teacher, page: Sequence[TaughtMistake]) -> set[Own]:
        x = t.Explanation
        wordings = (prompts.RATIONALE.sha256, prompts.FEEDBACK.sha256)
        query = (
            select(x.kind, x.question_id, x.attempt_id, x.sample)
            .where(x.author_id == teacher.id, col(x.question_id).in_({m.question_id for m in page}))
            .where(col(x.prompt_sha256).in_(wordings))
        )
        return {(kind, question, attempt, sample) for kind, question, attempt, sample in session.exec(query)}

    def reviews(self, session: Session, reviewer: t.Teacher, after: int) -> Reviews:
        """One page of other teachers' rationales with ids above `after`, as `reviewer` finds it."""
        query = (
            select(t.Explanation, t.Question, t.Review.id)
            .join(t.Question, col(t.Explanation.question_id) == t.Question.id)
            .outerjoin(t.Review, self._vote(reviewer))
            .where(self._of_peers(reviewer), col(t.Explanation.id) > after)
            .order_by(col(t.Explanation.id))
            .limit(PAGE)
        )
        found = session.exec(query).all()
        ours = [row for row in found if row[1].id in self.golds]
        missing = [self._review(reviewer, x, question) for x, question, given in ours if given is None]
        last = queries.identity(found[-1][0]) if found else after
        return Reviews(missing, len(ours) - len(missing), last, len(found) == PAGE)

    def _vote(self, reviewer: t.Teacher) -> sa.ColumnElement[bool]:
        """The reviewer's review of a rationale."""
        return (
            (col(t.Review.explanation_id) == t.Explanation.id)
            & (col(t.Review.reviewer_id) == reviewer.id)
            & (col(t.Review.prompt_sha256) == prompts.REVIEW.sha256)
        )

    def _of_peers(self, reviewer: t.Teacher) -> sa.ColumnElement[bool]:
        """The other teachers' rationales of the exam's questions."""
        asked = sa.select(col(t.Attempt.question_id)).where(col(t.Attempt.exam_id) == self.exam_id)
        return (
            (col(t.Explanation.kind) == "rationale")
            & (col(t.Explanation.prompt_sha256) == prompts.RATIONALE.sha256)
            & (col(t.Explanation.sample) < self.samples)
            & col(t.Explanation.author_id).in_([x.id for x in self.teachers if x.id != reviewer.id])
            & col(t.Explanation.question_id).in_(asked)
        )

    def _review(self, reviewer: t.Teacher, x: t.Explanation, question: t.Question) -> Planned:
        asked, gold = block(question), self.golds[x.question_id]
        messages, read = prompts.review(asked, x.text, gold), {"question": asked, "solution": x.text}
        return planned("review", reviewer, messages, 0, x.question_id, explanation_id=x.id, **read)


def block(question: t.Question) -> str:
    """The question as a teacher is shown it."""
    return prompts.question_block(question.text, question.context, question.options)
