"""What the ledger says of an exam's calls over time, and exams of their questions: by the database itself."""

from datetime import UTC, datetime

from sqlmodel import Session, select

from mapd.domain import ExamInfo
from mapd.store import exam_material, ledger
from mapd.store import tables as t
from mapd.store.ledger import CallMinute

AT = datetime(2026, 11, 30, 23, 59, 59, 600_000, tzinfo=UTC)


def test_calls_are_counted_by_minute_and_an_unknown_cost_is_none(session: Session, exam: ExamInfo) -> None:
    one, two = session.exec(select(t.Teacher).order_by(t.Teacher.id)).all()[:2]  # type: ignore[arg-type]
    rows = [
        (one, AT, "ok", 0.25),
        (one, AT.replace(second=0, microsecond=0), "ok", None),
        (one, AT, "failed", None),
        (two, AT, "failed", None),
        (two, AT.replace(minute=0), "cut_off", 0.5),
    ]
    for number, (teacher, at, outcome, cost) in enumerate(rows):
        call = t.Call(key=str(number), kind="review", outcome=outcome, teacher_id=teacher.id, model="m", cost_usd=cost)
        call.exam_id, call.created_at = exam.id, at
        session.add(call)
    session.add(t.Call(key="of no exam", kind="review", outcome="ok", teacher_id=one.id, model="m"))
    session.flush()
    assert ledger.list_minutes(session, exam.id) == [
        CallMinute(datetime(2026, 11, 30, 23, 0, tzinfo=UTC), two.name, 1, 0.5, 0),
        CallMinute(datetime(2026, 11, 30, 23, 59, tzinfo=UTC), one.name, 3, 0.25, 1),
        CallMinute(datetime(2026, 11, 30, 23, 59, tzinfo=UTC), two.name, 1, None, 0),
    ]
    assert ledger.list_minutes(session, exam.id + 1) == []


def test_an_exams_first_answers_are_counted(session: Session, exam: ExamInfo) -> None:
    attempts = session.exec(select(t.Attempt).where(t.Attempt.exam_id == exam.id)).all()
    more = t.Attempt(exam_id=exam.id, question_id=attempts[0].question_id, sample=1, text="", outcome="correct")
    more.our_outcome = "correct"
    session.add(more)
    session.flush()
    right = sum(attempt.outcome == "correct" for attempt in attempts)
    assert exam_material.count_right(session, [exam.id, exam.id + 1]) == {exam.id: (len(attempts), right)}
