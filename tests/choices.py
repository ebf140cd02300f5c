"""A project of choice questions: its gold answers are letters, and one of its options names others.

fill(session)      -> an exam of four mistakes
"""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from mapd import domain
from mapd.exchange import attempt_files, attempts
from mapd.people import owner
from mapd.questions import imports, sets
from mapd.questions.file_table import QuestionFile
from mapd.questions.imports import Instructions
from mapd.questions.tables import read
from mapd.store import committees, queries
from mapd.store import tables as t
from tests.questions import shapes

ROCKS = [
    {
        "question": f"Which is rock {n}?",
        "options": [f"oak {n}", f"granite {n}", f"moss {n}", "both A and B"],
        "answer": (1, 0, 2, 3)[n],
    }
    for n in range(4)
]
GOLDS = ("B. granite 0", "A. oak 1", "C. moss 2", "D. both A and B")
WRONG = ("A. oak 0", "B. granite 1", "B. granite 2", "A. oak 3")


TEACHERS = ("flint", "chalk", "slate")
PROMPT = "1" * 64


def fill(session: Session) -> domain.ExamInfo:
    """Make an exam of four wrong choices, each with a rationale that two reviewers accept and a feedback."""
    whole = imports.read([read(QuestionFile("q.jsonl", shapes.jsonl(ROCKS)))], Instructions(split="train"))
    questions = sets.add(session, "rocks", whole.rows, source="q.jsonl", simulated=False, by=owner("ann"))
    answers = [{"question_id": str(n), "response": f"Answer: {wrong[0]}"} for n, wrong in enumerate(WRONG)]
    table = read(QuestionFile("a.jsonl", shapes.jsonl(answers)))
    parsed = attempt_files.parse(session, [table], questions, split=None, student="small")
    exam = queries.exam(session, attempts.store(session, parsed, questions, by=owner("ann")).exam)
    teachers = [t.Teacher(name=name, kind="imported") for name in TEACHERS]
    session.add_all([*teachers, t.Prompt(sha256=PROMPT, kind="imported", text="")])
    session.flush()
    committees.name_members(session, exam.id, [queries.identity(teacher) for teacher in teachers])
    taken = session.exec(select(t.Attempt).where(t.Attempt.exam_id == exam.id).order_by(col(t.Attempt.question_id)))
    for attempt, gold in zip(taken.all(), GOLDS, strict=True):
        explain(session, attempt, gold[0], [queries.identity(teacher) for teacher in teachers])
    return exam


def explain(session: Session, attempt: t.Attempt, letter: str, teachers: Sequence[int]) -> None:
    """Add the first teacher's rationale, which the others accept, and feedback."""
    written = {"question_id": attempt.question_id, "author_id": teachers[0], "prompt_sha256": PROMPT}
    rationale = t.Explanation(kind="rationale", text=f"A rock is hard.\nAnswer: {letter}", **written)
    session.add_all([rationale, t.Explanation(kind="feedback", attempt_id=attempt.id, text="No rock.", **written)])
    session.flush()
    of = {"explanation_id": queries.identity(rationale), "prompt_sha256": PROMPT, "score": 5, "status": "ok"}
    session.add_all([t.Review(reviewer_id=reviewer, saw_gold=True, **of) for reviewer in teachers[1:]])
    session.flush()
