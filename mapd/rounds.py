"""A student's line, round by round: how often each is right, what it learned, and what it forgot. Pure but for `load`.

    load(session, "dev · smollm2-2")
    -> [StudentRound("smollm2", round=0, score=6/210, …), StudentRound("smollm2-1", …), StudentRound("smollm2-2",
        score=92/210, learned=31, regained=4, forgotten=22, ever=101, mcnemar_p=0.07)]

A question is forgotten where the round before was right and this one isn't. What came back isn't learned twice: it is
regained where some earlier round, but not the one before, was right.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session

from mapd import results
from mapd.answers.grading import Outcome
from mapd.domain import ExamInfo
from mapd.results import ExamAnswers, Score
from mapd.statistics import mcnemar
from mapd.store import queries
from mapd.store import tables as t


@dataclass(frozen=True, slots=True)
class StudentRound:
    """One student of the line, by its latest finished exam on the questions.

    `learned`, `regained`, `forgotten`: questions, against the exam before it in the line; 0 and no p in the first.
    `ever`: the questions that one of the line has been right on, up to here.
    """

    student: str
    round: int
    exam: ExamInfo
    score: Score
    learned: int = 0
    regained: int = 0
    forgotten: int = 0
    ever: int = 0
    mcnemar_p: float | None = None


def load(session: Session, ref: str | int) -> list[StudentRound]:
    """Return the rounds of the line that ends with this exam's student, on its questions; the first student first.

    A student of the line that has no finished exam on the same questions is left out.

    Raises: NotFound; BadInput where this exam isn't finished, or is an import.
    """
    last = results.load(session, ref)
    results.require_finished(last)
    unfinished = queries.unfinished(session)
    # The newest comes first.
    latest: dict[str, ExamInfo] = {}
    for exam in queries.exams(session):
        is_alike = (exam.question_set, exam.split) == (last.exam.question_set, last.exam.split)
        if is_alike and exam.graded_by != "import" and exam.id not in unfinished:
            latest.setdefault(exam.student, exam)
    latest[last.exam.student] = last.exam
    rows = [row for row in _line(session, last) if row.name in latest]
    line = [(row.name, row.round, results.load(session, latest[row.name].id)) for row in rows]
    # A set may have grown since.
    return measure([entry for entry in line if entry[2].answers.keys() == last.answers.keys()])


def _line(session: Session, last: ExamAnswers) -> list[t.Student]:
    """Return the exam's student and those that it was taught from, the first of them first."""
    row: t.Student | None = session.get_one(t.Student, queries.exam_row(session, last.exam.id).student_id)
    line: list[t.Student] = []
    # An archive's rows are foreign: they may name each other in a circle.
    while row is not None and row not in line:
        line.insert(0, row)
        row = None if row.parent_id is None else session.get(t.Student, row.parent_id)
    return line


def measure(line: Sequence[tuple[str, int, ExamAnswers]]) -> list[StudentRound]:
    """Compare exams on the same questions, in the order of the line: each a student, its round, its answers."""
    rounds: list[StudentRound] = []
    before: set[str] | None = None
    ever: set[str] = set()
    for student, number, answers in line:
        right = {uid for uid, answer in answers.answers.items() if answer.outcome is Outcome.CORRECT}
        score = results.score(answers.answers.values())
        if before is None:
            entry = StudentRound(student, number, answers.exam, score, ever=len(right))
        else:
            fixed, forgotten = right - before, before - right
            entry = StudentRound(
                student,
                number,
                answers.exam,
                score,
                learned=len(fixed - ever),
                regained=len(fixed & ever),
                forgotten=len(forgotten),
                ever=len(ever | right),
                mcnemar_p=mcnemar(len(fixed), len(forgotten)),
            )
        rounds.append(entry)
        before, ever = right, ever | right
    return rounds
