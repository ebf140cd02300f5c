"""The judgements of people, oldest first. The table is insert-only; those of an undone act don't count."""

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from mapd.domain import Act, Judged, JudgementRow
from mapd.judgements import ADJUDICATOR, apply_correction, ruling
from mapd.store import tables as t
from mapd.store.exam_material import QuestionIds, attempt_condition, counts_in, text_condition
from mapd.store.queries import identity, shared_values

TARGET_COLUMN = {
    "rationale": t.Judgement.explanation_id,
    "feedback": t.Judgement.explanation_id,
    "attempt": t.Judgement.attempt_id,
    "question": t.Judgement.question_id,
}


def judges(session: Session) -> list[str]:
    """Return everybody who ever decided on something that counts here; not who only skipped or noted."""
    is_decision = col(t.Judgement.counts) & col(t.Judgement.decision).in_((Act.ACCEPT, Act.REJECT, Act.CORRECT))
    people = select(t.Judgement.person).where(is_decision).distinct()
    return list(session.exec(people.order_by(t.Judgement.person)).all())


def judgements(session: Session, exam_id: int, only: QuestionIds = None) -> list[JudgementRow]:
    """Return every judgement that counts on the exam's explanations, attempts and questions, oldest first."""
    return _judgements(session, judgement_condition(exam_id, only))


def judgement_condition(exam_id: int, only: QuestionIds = None) -> sa.ColumnElement[bool]:
    """Return the condition that a judgement is on an explanation, an attempt or a question of the exam."""
    texts = sa.select(col(t.Explanation.id)).where(text_condition(exam_id, only))
    attempts = sa.select(col(t.Attempt.id)).where(attempt_condition(exam_id, only))
    questions = sa.select(col(t.Attempt.question_id)).where(attempt_condition(exam_id, only))
    return (
        col(t.Judgement.explanation_id).in_(texts)
        | col(t.Judgement.attempt_id).in_(attempts)
        | col(t.Judgement.question_id).in_(questions)
    )


def judgements_by(session: Session, exam_id: int, person: str, *, since: int = 0) -> list[JudgementRow]:
    """Return every judgement of one person on the exam that counts, oldest first; `since`: only higher ids."""
    is_own = (col(t.Judgement.person) == person) & (col(t.Judgement.id) > since)
    return _judgements(session, is_own & _on_exam(exam_id))


def corrected_gold(session: Session, question: t.Question) -> str:
    """Return a question's gold answer: as people corrected it, else as its set has it."""
    rows = _judgements(session, col(t.Judgement.question_id) == question.id)
    return apply_correction(question.gold, ruling(row.judged for row in rows))


def adjudicated_judgements(session: Session, exam_id: int) -> list[JudgementRow]:
    """Return every judgement that counts on those texts of the exam that an adjudicator has judged, oldest first."""
    adjudicated_ids = sa.select(col(t.Judgement.explanation_id)).where(
        col(t.Judgement.role) == ADJUDICATOR, col(t.Judgement.explanation_id).is_not(None), col(t.Judgement.counts)
    )
    return _judgements(session, col(t.Judgement.explanation_id).in_(adjudicated_ids) & _on_exam(exam_id))


def _on_exam(exam_id: int) -> sa.ColumnElement[bool]:
    """Return the condition that a judgement is on what counts in the exam."""
    # For judgements that another condition picks: it looks at one question of each.
    exam_attempt = sa.orm.aliased(t.Attempt)
    question_id = sa.func.coalesce(t.Explanation.question_id, t.Attempt.question_id, t.Judgement.question_id)
    attempt_id = sa.func.coalesce(t.Explanation.attempt_id, t.Judgement.attempt_id, exam_attempt.id)
    same = (col(exam_attempt.question_id) == question_id, col(exam_attempt.id) == attempt_id)
    is_attempted = sa.exists().where(*same, col(exam_attempt.exam_id) == exam_id)
    return is_attempted & (col(t.Judgement.explanation_id).is_(None) | counts_in(t.Explanation.author_id, exam_id))


def _judgements(session: Session, where: sa.ColumnElement[bool], *, all_of_them: bool = False) -> list[JudgementRow]:
    """Return the judgements, oldest first; those alone that count, unless all are asked for."""
    uid = sa.func.coalesce(t.Explanation.uid, t.Attempt.uid, t.Question.uid)
    query = (
        select(t.Judgement, uid)
        .outerjoin(t.Explanation, col(t.Judgement.explanation_id) == t.Explanation.id)
        .outerjoin(t.Attempt, col(t.Judgement.attempt_id) == t.Attempt.id)
        .outerjoin(t.Question, col(t.Judgement.question_id) == t.Question.id)
        .where(where, sa.true() if all_of_them else col(t.Judgement.counts))
        # By time: ids alone would tell when a merged archive came in.
        .order_by(col(t.Judgement.created_at), col(t.Judgement.id))
    )
    return [
        JudgementRow(
            **shared_values(JudgementRow, j) | {"marks": tuple((start, end) for start, end in j.marks)},
            judged=Judged(identity(j), j.person, Act(j.decision), j.reason, j.value, j.role, j.undoes_id),
            target_id=next(n for n in (j.explanation_id, j.attempt_id, j.question_id) if n is not None),
            target_uid=target_uid,
            batch=batch_of(j.token),
        )
        for j, target_uid in session.exec(query).all()
    ]


def batch_of(token: str) -> str:
    """Return the act that a judgement was part of: the judgements of one act share what stands before the "/"."""
    return token.partition("/")[0]


def history(session: Session, *targets: tuple[str, int]) -> list[JudgementRow]:
    """Return every judgement on these targets, oldest first: undone ones, and those that don't count, too."""
    where = sa.or_(*(col(TARGET_COLUMN[target]) == target_id for target, target_id in targets))
    return _judgements(session, where, all_of_them=True)


def count_imported_judgements(session: Session, person: str) -> int:
    """Count the judgements of this person that came with an archive and count here."""
    query = select(func.count()).select_from(t.Judgement)
    is_imported = col(t.Judgement.origin).is_not(None) & col(t.Judgement.counts)
    return session.exec(query.where(t.Judgement.person == person, is_imported)).one()
