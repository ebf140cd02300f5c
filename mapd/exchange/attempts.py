"""Answers that a model gave elsewhere, as an exam that is graded here; and an exam's answers as such a file.

    {"question_id": "chal-1", "sample": 0, "response": "76 - 25 = 51", "student": "smollm2", …}      -> an attempt

attempt_files.py reads the file.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, uuid5

import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd import attempts, domain, students
from mapd import exam as stage
from mapd.answers.grading import Grade, Task
from mapd.characters import find_unstorable
from mapd.errors import BadInput
from mapd.exchange import files
from mapd.exchange.archive.outgoing import one_moment
from mapd.exchange.attempt_files import AttemptsContent, ImportedAnswer
from mapd.exchange.row_files import RowsExport
from mapd.models.base import Completion, Finish, split_thought
from mapd.people import Person, Right, require
from mapd.questions.options import show_answer
from mapd.questions.rows import LONGEST_NAME
from mapd.questions.values import short
from mapd.store import audit_log, db, queries
from mapd.store import tables as t

BLOCK = 500
FORMAT = "attempts"  # as the audit names it


class AnswerPreview(NamedTuple):
    """An answer as a person looks at it: its question, the response, what is read in it, the gold and the outcome."""

    question_id: str
    question: str
    response: str
    answer: str | None
    gold: str
    outcome: str


@dataclass(frozen=True, slots=True)
class AttemptImport:
    """What an import gave."""

    exam: str
    student: str
    split: str
    questions: int
    n: int
    correct: int
    mistakes: int
    no_answer: int
    new: bool


# --- Rows of a file ---------------------------------------------------------------------------------------------------


def preview(content: AttemptsContent, first: int) -> list[AnswerPreview]:
    """Return the first answers as they would be graded, answer and gold of a choice with their texts."""
    rows = []
    for answer in content.answers[:first]:
        q, (response, _, grade_) = answer.question, _grade(answer)
        task, options = Task(q.task), tuple(q.options)
        answer_text = None if grade_.answer is None else show_answer(grade_.answer, task, options)
        gold = show_answer(q.gold, task, options)
        rows.append(AnswerPreview(q.source_id, q.text, response.text, answer_text, gold, grade_.outcome))
    return rows


# --- The exam ---------------------------------------------------------------------------------------------------------


def store(
    session: Session,
    content: AttemptsContent,
    questions: t.QuestionSet,
    *,
    by: Person,
    open_test: str | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> AttemptImport:
    """Write the answers as one exam, graded by us; the same content again returns the exam that is there.

    Raises: Forbidden; BadInput where there are none, the student's name can't be used, or a sealed test split isn't
    opened.
    """
    person, name = require(by, Right.IMPORT), content.student.strip()
    if not content.answers:
        raise BadInput("the file has no answer to any question of the set; nothing was imported")
    if not 0 < len(name) <= LONGEST_NAME or find_unstorable(name) or not name.isprintable():
        raise BadInput(f"a student's name has 1 to {LONGEST_NAME} characters, not {short(name)}; give --student NAME")
    answers_json = [[answer.question.uid, answer.sample, answer.text] for answer in content.answers]
    identity = json.dumps([name, questions.uid, content.split, answers_json], sort_keys=True)
    sha256 = hashlib.sha256(identity.encode()).hexdigest()
    exam = session.exec(select(t.Exam).where(t.Exam.sha256 == sha256)).first()
    is_new = exam is None
    if exam is None:
        exam = _new_exam(session, content, questions, name, sha256)
        if content.split == "test":
            stage.unseal(session, exam, open_test, by=by)
        for start in range(0, len(content.answers), BLOCK):
            block = content.answers[start : start + BLOCK]
            session.execute(sa.insert(t.Attempt), [_attempt(exam, answer) for answer in block])
            progress(start + len(block), len(content.answers))
        detail = {"format": FORMAT, "rows": len(content.answers), **audit_log.describe_files(content.files)}
        audit_log.audit(session, person, "import attempts", f"exam {exam.uid}", **detail)
    counts = stage.count_outcomes(session, exam.uid)
    return AttemptImport(
        exam=exam.uid,
        student=session.get_one(t.Student, exam.student_id).name,
        split=content.split,
        questions=len({answer.question.uid for answer in content.answers}),
        n=counts.n,
        correct=counts.correct,
        mistakes=counts.mistakes,
        no_answer=counts.no_answer,
        new=is_new,
    )


def _new_exam(session: Session, content: AttemptsContent, questions: t.QuestionSet, name: str, sha256: str) -> t.Exam:
    """Add the exam's row, and the student's where it isn't there."""
    student = students.ensure_imported(session, name)
    title = f"{questions.name} · {student.name} · {content.split} · round {student.round} · answered elsewhere"
    exam = t.Exam(
        uid=uuid5(NAMESPACE_URL, f"attempts {sha256}").hex,
        name=stage.free_name(session, title),
        student_id=queries.identity(student),
        set_id=queries.identity(questions),
        split=content.split,
        round=student.round,
        decoding={"samples": 1 + max(answer.sample for answer in content.answers)},
        graded_by="ours",
        sha256=sha256,
    )
    session.add(exam)
    session.flush()
    return exam


def _grade(answer: ImportedAnswer) -> tuple[Completion, str | None, Grade]:
    """Return the response without its thought, how it ended (none where that isn't known), and its grade."""
    q = answer.question
    response = split_thought(
        Completion("", answer.text, Finish(answer.finish) if answer.finish else Finish.OK, thought=answer.thought)
    )
    # It ended within its thought, for whatever reason.
    is_open = response.finish is not Finish.OK and not answer.finish
    finish = Finish.CUT_OFF if is_open else answer.finish
    return response, finish, attempts.grade_response(response.text, finish, q.gold, Task(q.task), tuple(q.options))


def _attempt(exam: t.Exam, answer: ImportedAnswer) -> dict[str, Any]:
    q = answer.question
    response, finish, grade_ = _grade(answer)
    return {
        "uid": uuid5(NAMESPACE_URL, f"attempt {exam.uid} {q.uid} {answer.sample} {answer.text}").hex,
        "exam_id": exam.id,
        "question_id": q.id,
        "sample": answer.sample,
        "text": response.text,
        "thought": response.thought,
        "finish": finish,
        "answer": grade_.answer,
        "outcome": grade_.outcome,
        "our_answer": grade_.answer,
        "our_outcome": grade_.outcome,
    }


def export(engine: sa.Engine, exam: str, path: Path, *, by: Person) -> RowsExport:
    """Write an exam's answers to a file, whole or not at all; one that is there is replaced.

    Raises: Forbidden; NotFound; BadInput where the file can't be written.
    """
    person = require(by, Right.EXPORT)
    with files.whole(path, replaces=True) as place, one_moment(engine) as session:
        info = queries.exam(session, exam)
        count = files.write_lines(place, lines(session, info))
    sha256 = files.sha256_of(path)
    with db.writing(engine) as session:
        detail = {"format": FORMAT, "rows": count, "file": path.name, "sha256": sha256}
        audit_log.audit(session, person, "export", f"exam {info.uid}", **detail)
    return RowsExport(str(path), count, sha256)


def lines(session: Session, exam: domain.ExamInfo) -> Iterator[dict[str, Any]]:
    """Return each answer of an exam as a line that `parse` reads; of a choice with its text."""
    query = (
        select(t.Attempt, t.Question)
        .join(t.Question, col(t.Attempt.question_id) == t.Question.id)
        .where(t.Attempt.exam_id == exam.id)
        .order_by(col(t.Question.position), col(t.Attempt.sample))
    )
    for attempt, q in session.exec(query):
        task, options = Task(q.task), tuple(q.options)
        yield {
            "question_id": q.source_id,
            "question_uid": q.uid,
            "sample": attempt.sample,
            "response": attempt.text,
            "thought": attempt.thought,
            "finish": attempt.finish,
            "student": exam.student,
            "answer": None if attempt.answer is None else show_answer(attempt.answer, task, options),
            "outcome": attempt.outcome,
            "gold": show_answer(q.gold, task, options),
        }
