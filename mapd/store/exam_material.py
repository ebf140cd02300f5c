"""What an exam gives to curation: its questions, the attempts, their explanations and votes, as frozen values."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from mapd.answers.grading import Task
from mapd.domain import ExamInfo, Item, Material, Response, Text, Vote
from mapd.store import committees
from mapd.store import tables as t
from mapd.store.queries import exam, shared_columns, shared_values, split_ids
from mapd.store.text_checks import load_checks

# These questions alone, by id; None: all of the exam.
QuestionIds = Sequence[int] | None


def material(session: Session, exam_id: int, only: QuestionIds = None, *, thoughts: bool = False) -> Material:
    """Return questions, attempts, explanations and votes of one exam, in the order of the set's questions."""
    # Thoughts are left out unless asked for: nothing is decided by them, and they are far longer than the texts.
    info = exam(session, exam_id)
    texts = _texts(session, exam_id, only, thoughts=thoughts)
    voices = {x.teacher for x in texts} | {v.reviewer for x in texts for v in x.votes}
    all_places = places(session)
    items, responses = questions(session, exam_id, only), attempts(session, exam_id, only, thoughts=thoughts)
    teachers = tuple(name for name in all_places if name in voices)
    checks = load_checks(session, text_condition(exam_id, only))
    return Material(info, items, responses, texts, teachers, all_places, checks)


def places(session: Session) -> dict[str, int | None]:
    """Return each teacher's place, by name, among the teachers of the project in the order in which they were added."""
    rows = session.exec(select(t.Teacher.name, t.Teacher.kind).order_by(col(t.Teacher.id))).all()
    # A person who repairs is an author, too, and has no place: nobody's place moves by it.
    place = count()
    return {name: None if kind == "person" else next(place) for name, kind in rows}


def attempt_condition(exam_id: int, only: QuestionIds) -> sa.ColumnElement[bool]:
    """Return the attempts of the exam (at these questions)."""
    of_exam = col(t.Attempt.exam_id) == exam_id
    return of_exam if only is None else of_exam & col(t.Attempt.question_id).in_(only)


def filter_asked(session: Session, exam_id: int, among: Iterable[int]) -> set[int]:
    """Return those of the questions, by id, that the exam asked."""
    conditions = (attempt_condition(exam_id, block) for block in split_ids(among))
    queries = (select(t.Attempt.question_id).where(condition) for condition in conditions)
    return {question_id for query in queries for question_id in session.exec(query)}


def questions(session: Session, exam_id: int, only: QuestionIds = None) -> dict[int, Item]:
    """Return the questions that the exam asked, by id, in the order of their set."""
    asked_ids = sa.select(col(t.Attempt.question_id)).where(attempt_condition(exam_id, only))
    rows = session.exec(select(t.Question).where(col(t.Question.id).in_(asked_ids)).order_by(col(t.Question.position)))
    return {q.id: q for q in map(_item, rows.all())}


def list_test_questions(session: Session) -> Sequence[sa.Row[str | None, str, list[str]]]:
    """Return context, text and options of each question that stands in a test split, whatever set it is of."""
    columns = map(col, (t.Question.context, t.Question.text, t.Question.options))
    return session.execute(sa.select(*columns).where(col(t.Question.split) == "test")).all()


def list_tasks(session: Session, set_id: int, split: str) -> list[Task]:
    """Return the tasks of a split's questions, each once."""
    query = select(t.Question.task).where(t.Question.set_id == set_id, t.Question.split == split)
    return sorted(map(Task, session.exec(query.distinct())))


def list_held_out(session: Session) -> Sequence[sa.Row[Any]]:
    """Return the questions of dev and test splits, whatever sets they are of, each with its set's name."""
    q = t.Question
    columns = (q.split, q.source_id, q.context, q.text, q.options, q.task, q.gold)
    query = sa.select(col(t.QuestionSet.name), *map(col, columns)).join(q, col(q.set_id) == t.QuestionSet.id)
    return session.execute(query.where(col(q.split).in_(("dev", "test")))).all()


def _item(q: t.Question) -> Item:
    return Item(**shared_values(Item, q) | {"task": Task(q.task), "options": tuple(q.options)})


def attempts(
    session: Session, exam_id: int, only: QuestionIds = None, *, thoughts: bool = False
) -> tuple[Response, ...]:
    """Return the exam's attempts, in the order of its questions."""
    columns = shared_columns(Response, t.Attempt)
    query = (
        sa.select(*columns.values())
        .join(t.Question, col(t.Attempt.question_id) == t.Question.id)
        .where(attempt_condition(exam_id, only))
        .order_by(col(t.Question.position), col(t.Attempt.sample))
    )
    values = [dict(zip(columns, row, strict=True)) for row in session.execute(query)]
    thought = attempt_thoughts(session, [value["id"] for value in values]) if thoughts else {}
    return tuple(Response(**value, thought=thought.get(value["id"])) for value in values)


def attempt_thoughts(session: Session, ids: Sequence[int]) -> dict[int, str]:
    """Return what a thinking student wrote before its responses, by attempt; those without a thought are absent."""
    return _thoughts(session, t.Attempt, ids)


def _thoughts(
    session: Session, table: type[t.Attempt | t.Explanation | t.Review], ids: Sequence[int], at_once: int = 500
) -> dict[int, str]:
    query = sa.select(col(table.id), col(table.thought)).where(col(table.thought).is_not(None))
    blocks = (ids[start : start + at_once] for start in range(0, len(ids), at_once))
    return {id_: thought for block in blocks for id_, thought in session.execute(query.where(col(table.id).in_(block)))}


def text_condition(exam_id: int, only: QuestionIds = None) -> sa.ColumnElement[bool]:
    """Return the condition that a text counts in the exam: a rationale of its questions, feedback on its attempts."""
    questions = sa.select(col(t.Attempt.question_id)).where(attempt_condition(exam_id, only))
    attempts = sa.select(col(t.Attempt.id)).where(attempt_condition(exam_id, only))
    rationale = (col(t.Explanation.kind) == "rationale") & col(t.Explanation.question_id).in_(questions)
    return (rationale | col(t.Explanation.attempt_id).in_(attempts)) & counts_in(t.Explanation.author_id, exam_id)


def counts_in(teacher_id: Any, exam_id: int) -> sa.ColumnElement[bool]:
    """Return the condition that a teacher's texts count in the exam: its committee named it, or it is a person."""
    members = sa.select(col(t.CommitteeMember.teacher_id)).where(col(t.CommitteeMember.exam_id) == exam_id)
    people = sa.select(col(t.Teacher.id)).where(col(t.Teacher.kind) == "person")
    # A bare column would have SQLite begin with all that a teacher ever wrote, by its index.
    return (col(teacher_id) + 0).in_(members.union_all(people))


def _texts(session: Session, exam_id: int, only: QuestionIds, *, thoughts: bool) -> tuple[Text, ...]:
    votes = _votes(session, exam_id, only, thoughts=thoughts)
    committee = committees.find_adaptive(session, exam_id)
    to_ask = committees.list_to_ask(session, committee, text_condition(exam_id, only)) if committee else {}
    columns = shared_columns(Text, t.Explanation) | {
        "teacher": col(t.Teacher.name),
        "teacher_kind": col(t.Teacher.kind),
        "simulated": col(t.Teacher.simulated),
    }
    query = (
        sa.select(*columns.values())
        .join(t.Teacher, col(t.Explanation.author_id) == t.Teacher.id)
        .where(text_condition(exam_id, only))
        .order_by(col(t.Explanation.question_id), col(t.Explanation.author_id), col(t.Explanation.id))
    )
    values = [dict(zip(columns, row, strict=True)) for row in session.execute(query)]
    thought = _thoughts(session, t.Explanation, [value["id"] for value in values]) if thoughts else {}
    return tuple(
        Text(
            **value,
            votes=tuple(votes.get(value["id"], ())),
            thought=thought.get(value["id"]),
            to_ask=to_ask.get(value["id"], ()),
        )
        for value in values
    )


def _votes(session: Session, exam_id: int, only: QuestionIds, *, thoughts: bool) -> dict[int, list[Vote]]:
    review = t.Review
    columns = (review.explanation_id, review.id, review.score, review.status, review.raw_score, review.saw_gold)
    query = (
        sa.select(*map(col, columns), col(review.text), col(t.Teacher.name))
        .join(t.Teacher, col(t.Review.reviewer_id) == t.Teacher.id)
        .join(t.Explanation, col(t.Review.explanation_id) == t.Explanation.id)
        .where(text_condition(exam_id, only), counts_in(t.Review.reviewer_id, exam_id))
        .order_by(col(t.Review.reviewer_id), col(t.Review.sample))
    )
    rows = session.execute(query).all()
    thought = _thoughts(session, review, [row.id for row in rows]) if thoughts else {}
    votes: dict[int, list[Vote]] = defaultdict(list)
    for text_id, review_id, score, status, raw_score, saw_gold, text, reviewer in rows:
        vote = Vote(reviewer, score, status, raw_score, saw_gold, text, thought.get(review_id))
        votes[text_id].append(vote)
    return votes


@dataclass(frozen=True, slots=True)
class ExamVoices:
    """Who wrote an exam's texts of a kind, people's repairs left out, and who scored them, in the teachers' order.

    `saw_gold`, `saw_no_gold`: whether there are votes that count by reviewers who saw the gold answer, and who didn't.
    """

    authors: tuple[str, ...]
    reviewers: tuple[str, ...]
    saw_gold: bool
    saw_no_gold: bool


def load_voices(session: Session, exam_id: int, kind: str = "rationale") -> ExamVoices:
    """Return whose texts of this kind, and whose votes on them, count in the exam."""
    text, review, seen = t.Explanation, t.Review, sa.orm.aliased(t.Review)
    is_author = sa.select(col(t.Teacher.id)).where(col(t.Teacher.kind) != "person")
    of_exam = text_condition(exam_id) & (col(text.kind) == kind) & col(text.author_id).in_(is_author)
    authors = set(session.scalars(sa.select(col(text.author_id)).where(of_exam).distinct()))
    # As `filter_votes` has it: beside a vote with sight of the gold one without counts for nothing.
    has_seen = sa.exists().where(
        *(col(seen.explanation_id) == col(review.explanation_id), col(seen.saw_gold), col(seen.score).is_not(None)),
        counts_in(seen.reviewer_id, exam_id),
    )
    query = (
        sa.select(col(review.reviewer_id), col(review.saw_gold))
        .join(text, col(review.explanation_id) == col(text.id))
        .where(of_exam, counts_in(review.reviewer_id, exam_id), col(review.score).is_not(None))
        .where(col(review.saw_gold) | ~has_seen)
        .distinct()
    )
    votes = [tuple(row) for row in session.execute(query)]
    reviewers = {reviewer for reviewer, _ in votes}
    teachers = session.exec(select(t.Teacher.id, t.Teacher.name).order_by(col(t.Teacher.id))).all()
    return ExamVoices(
        tuple(name for id_, name in teachers if id_ in authors),
        tuple(name for id_, name in teachers if id_ in reviewers),
        any(saw_gold for _, saw_gold in votes),
        not all(saw_gold for _, saw_gold in votes),
    )


def iterate_votes(
    session: Session, exam_id: int, only: QuestionIds = None
) -> Iterator[tuple[int, str, int | None, bool]]:
    """Yield every vote of the exam as (explanation, reviewer, score, saw the gold), one text after the other."""
    query = (
        sa.select(col(t.Review.explanation_id), col(t.Teacher.name), col(t.Review.score), col(t.Review.saw_gold))
        .join(t.Teacher, col(t.Review.reviewer_id) == col(t.Teacher.id))
        .join(t.Explanation, col(t.Review.explanation_id) == col(t.Explanation.id))
        .where(text_condition(exam_id, only), counts_in(t.Review.reviewer_id, exam_id))
        .order_by(col(t.Review.explanation_id), col(t.Review.reviewer_id), col(t.Review.sample))
    )
    return (tuple(row) for row in session.execute(query))


def list_answers(session: Session, exam_id: int) -> Sequence[sa.Row[str, str | None, str, str, str, int]]:
    """Return each question's uid, family and gold, and its first sample's outcome, finish and length, in order."""
    # Sample 0 alone: the pairs of McNemar's test have to be independent.
    question, attempt = t.Question, t.Attempt
    columns = (question.uid, question.family, question.gold, attempt.outcome, attempt.finish)
    query = (
        sa.select(*map(col, columns), func.length(attempt.text))
        .join(t.Attempt, col(t.Attempt.question_id) == t.Question.id)
        .where(col(t.Attempt.exam_id) == exam_id, col(t.Attempt.sample) == 0)
        .order_by(col(t.Question.position))
    )
    return session.execute(query).all()


def list_samples(session: Session, exam_id: int) -> Sequence[tuple[int, str, list[str], str | None, str]]:
    """Return each answer's question, its task and options, what was read and the outcome, question by question."""
    question, attempt = t.Question, t.Attempt
    query = (
        sa.select(*map(col, (question.id, question.task, question.options, attempt.answer, attempt.outcome)))
        .join(t.Attempt, col(t.Attempt.question_id) == t.Question.id)
        .where(col(t.Attempt.exam_id) == exam_id)
        .order_by(col(t.Question.position), col(t.Question.id), col(t.Attempt.sample))
    )
    return [tuple(row) for row in session.execute(query)]


def count_right(session: Session, exam_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Return by exam how many of its questions are answered, and how many right, by their first samples."""
    is_right = sa.case((col(t.Attempt.outcome) == "correct", 1), else_=0)
    query = (
        sa.select(col(t.Attempt.exam_id), func.count(), func.sum(is_right))
        .where(col(t.Attempt.exam_id).in_(exam_ids), col(t.Attempt.sample) == 0)
        .group_by(col(t.Attempt.exam_id))
    )
    return {exam_id: (n, right) for exam_id, n, right in session.execute(query)}


def count_questions(session: Session, exam: ExamInfo) -> int:
    """Return how many questions the exam asks."""
    set_id = select(t.Exam.set_id).where(t.Exam.id == exam.id).scalar_subquery()
    query = select(func.count()).select_from(t.Question).where(col(t.Question.set_id) == set_id)
    return session.exec(query.where(t.Question.split == exam.split)).one()


def count_samples(session: Session, exam_id: int) -> int:
    """Return the most answers that the exam has of a question."""
    return 1 + (session.exec(select(func.max(t.Attempt.sample)).where(t.Attempt.exam_id == exam_id)).one() or 0)


def list_texts(session: Session, exam_id: int) -> Sequence[tuple[str, int, str]]:
    """Return each answer's question uid, its sample and its text, in no order."""
    query = select(t.Question.uid, t.Attempt.sample, t.Attempt.text)
    query = query.join(t.Question, col(t.Attempt.question_id) == t.Question.id)
    return session.exec(query.where(t.Attempt.exam_id == exam_id)).all()
