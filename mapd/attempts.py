"""The attempts of an exam: read and grade a response, store it once, take it over into an exam with more tokens."""

import random
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid5

from sqlmodel import Session, col, select

from mapd.answers.grading import Grade, Outcome, Task, grade, read_answer
from mapd.answers.places import Answer, has_answer_line
from mapd.characters import storable
from mapd.errors import BadInput
from mapd.models.base import Completion, Finish, Model, Request, split_thought
from mapd.store import queries
from mapd.store import tables as t

# A response that ended by itself: with more tokens it would be the same.
WHOLE = (Finish.OK, Finish.EMPTY)
# Of the packaged student's answers that end by themselves nearly all end within these (benchmarks/answer_lengths.py).
LONGEST = {Task.NUMERIC: 256, Task.BOOLEAN: 256, Task.CHOICE: 256, Task.TEXT: 128}
# A thinking student's chat template: the thought takes tokens, too.
LONGEST_WITH_THOUGHT = 4096


@dataclass(frozen=True, slots=True)
class Inquiry:
    """One answer to come: whose attempt it is, what grades it, what is sent."""

    question_id: int
    question_uid: str
    task: Task
    gold: str
    options: tuple[str, ...]
    sample: int
    request: Request


def seed_of_sample(seed: int, sample: int) -> int:
    """Return the seed of one sample of an exam's answers."""
    return random.Random(f"{seed} {sample}").getrandbits(31)


def longest_answer(tasks: Iterable[Task], model: Model) -> int:
    """Return how long an answer may be by default: as its task needs, and far longer where a thought comes first."""
    thinks = getattr(model, "thinks", False)  # only a local model knows its template
    return LONGEST_WITH_THOUGHT if thinks else max(LONGEST[task] for task in tasks)


def take_over(session: Session, exam: t.Exam, earlier_id: int) -> None:
    """Copy the whole responses of an exam that was asked alike with fewer tokens. Raises: BadInput where it wasn't."""
    earlier = session.get_one(t.Exam, earlier_id)
    same_fields = ("student_id", "set_id", "split", "round", "seed")
    ways = [{key: value for key, value in row.decoding.items() if key != "max_tokens"} for row in (earlier, exam)]
    is_alike = all(getattr(earlier, name) == getattr(exam, name) for name in same_fields) and ways[0] == ways[1]
    earlier_tokens, tokens = (row.decoding.get("max_tokens", 0) for row in (earlier, exam))
    if not is_alike or not earlier_tokens < tokens:
        raise BadInput(
            f"exam {earlier.name} can't be asked again with {tokens:,} tokens: it took {earlier_tokens:,}"
            + ("; take more" if is_alike else ", and was asked in another way, or other questions")
        )
    # The lock keeps other runs from storing answers between the look below and the copies.
    session.exec(select(t.Exam.id).where(t.Exam.id == exam.id).with_for_update()).one()
    answered = load_answered(session, queries.identity(exam))
    ended_attempts = select(t.Attempt, t.Question.uid).join(t.Question, col(t.Attempt.question_id) == t.Question.id)
    ended_attempts = ended_attempts.where(t.Attempt.exam_id == earlier.id, col(t.Attempt.finish).in_(WHOLE))
    for attempt, question_uid in session.exec(ended_attempts):
        if (attempt.question_id, attempt.sample) not in answered:
            content = attempt.model_dump(exclude={"id", "created_at"})
            uid = _attempt_uid(exam.uid, question_uid, attempt.sample, attempt.text)
            session.add(t.Attempt(**content | {"uid": uid, "exam_id": queries.identity(exam)}))
    session.flush()


def load_answered(session: Session, exam_id: int, questions: Collection[int] | None = None) -> set[tuple[int, int]]:
    """Return the questions of an exam, or of these, that have an answer, each with its sample's number."""
    query = select(t.Attempt.question_id, t.Attempt.sample).where(t.Attempt.exam_id == exam_id)
    return set(session.exec(query if questions is None else query.where(col(t.Attempt.question_id).in_(questions))))


def store_answers(
    session: Session, exam_id: int, uid: str, group: Sequence[Inquiry], answers: Sequence[Completion]
) -> None:
    """Grade and store the group's answers; those that another process kept meanwhile stand."""
    session.exec(select(t.Exam.id).where(t.Exam.id == exam_id).with_for_update()).one()
    inquiries = {inquiry.request.key: inquiry for inquiry in group}
    answered = load_answered(session, exam_id, {inquiries[answer.key].question_id for answer in answers})
    for answer in answers:
        inquiry, completion = inquiries[answer.key], split_thought(answer)
        if (inquiry.question_id, inquiry.sample) in answered:
            continue
        text = storable(completion.text)
        graded_answer = grade_response(text, completion.finish, inquiry.gold, inquiry.task, inquiry.options)
        attempt = t.Attempt(
            uid=_attempt_uid(uid, inquiry.question_uid, inquiry.sample, text),
            exam_id=exam_id,
            question_id=inquiry.question_id,
            sample=inquiry.sample,
            text=text,
            thought=completion.thought and storable(completion.thought),
            finish=completion.finish,
            tokens_in=completion.tokens_in,
            tokens_out=completion.tokens_out,
            answer=graded_answer.answer,
            outcome=graded_answer.outcome,
            our_answer=graded_answer.answer,
            our_outcome=graded_answer.outcome,
        )
        session.add(attempt)


def grade_response(text: str, finish: str | None, gold: str, task: Task, options: Sequence[str]) -> Grade:
    """Grade a response by what `read_response` reads in it."""
    answer = read_response(text, finish, task, options)
    return Grade(None, Outcome.NO_ANSWER, answer.why) if answer.value is None else grade(text, gold, task, options)


def read_response(text: str, finish: str | None, task: Task, options: Sequence[str]) -> Answer:
    """Read a response's answer."""
    # A cut-off response may have gone on to another answer: only an answer line counts.
    if finish == Finish.CUT_OFF and not has_answer_line(text):
        return Answer(None, "it was cut off before an answer line")
    return read_answer(text, task, options)


def _attempt_uid(exam_uid: str, question_uid: str, sample: int, text: str) -> str:
    # Named by its content: draws that are seeded by it are then alike in every project.
    return uuid5(NAMESPACE_URL, f"attempt {exam_uid} {question_uid} {sample} {text}").hex
