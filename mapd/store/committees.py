"""Who teaches in an exam: texts and votes of its committee count there, and people's; those of other teachers don't.

    name_members(session, 1, [2, 3])     # by `mapd collect`, the committee page, an import
    members(session, 1)                  -> (2, 3), the teachers' ids

One row of `committee_member`: exam_id=1, teacher_id=2 (gemini). Rows are only added: who was named once stays named.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd import prompts
from mapd.adaptive import has_bounds
from mapd.policies import Policy
from mapd.store import db
from mapd.store import tables as t

COLLECT = "collect"  # the act in the audit


def members(session: Session, exam_id: int) -> tuple[int, ...]:
    """Return the ids of the teachers whom the exam's committee named, in their order."""
    query = select(t.CommitteeMember.teacher_id).where(t.CommitteeMember.exam_id == exam_id)
    return tuple(session.exec(query.order_by(col(t.CommitteeMember.teacher_id))).all())


def member_uids(session: Session, exam_id: int) -> list[str]:
    """Return the uids of these teachers."""
    member = t.CommitteeMember
    query = select(t.Teacher.uid).join(member, col(member.teacher_id) == t.Teacher.id)
    return list(session.exec(query.where(member.exam_id == exam_id)))


def name_members(session: Session, exam_id: int, teachers: Collection[int]) -> None:
    """Name these teachers for the exam's committee; who is in it already stays."""
    pairs = select(t.Exam.id, t.Exam.uid, t.Teacher.id, t.Teacher.uid).join(t.Teacher, sa.true())
    rows = session.execute(pairs.where(t.Exam.id == exam_id, col(t.Teacher.id).in_(teachers))).all()
    if rows:
        # Another run may be first.
        statement = db.insert(session, t.CommitteeMember).on_conflict_do_nothing()
        session.execute(statement, [member_row(*row) for row in rows])


def member_row(exam_id: int, exam: str, teacher_id: int, teacher: str) -> dict[str, Any]:
    """Return one row; its uid is the same in every project."""
    uid = uuid5(NAMESPACE_URL, f"committee {exam} {teacher}").hex
    return {"uid": uid, "created_at": t.now(), "exam_id": exam_id, "teacher_id": teacher_id}


@dataclass(frozen=True, slots=True)
class AdaptiveCommittee:
    """An exam's latest committee, asked for reviews only where they can change a verdict: its teachers, in order."""

    ids: tuple[int, ...]
    names: tuple[str, ...]
    samples: int


def find_adaptive(session: Session, exam_id: int) -> AdaptiveCommittee | None:
    """Return the exam's latest committee where it is adaptive; None where it isn't, or none was asked here."""
    target = sa.select("exam " + col(t.Exam.uid)).where(col(t.Exam.id) == exam_id).scalar_subquery()
    acts = select(t.Audit).where(t.Audit.action == COLLECT, t.Audit.target == target)
    act = session.exec(acts.order_by(col(t.Audit.id).desc()).limit(1)).first()
    if act is None or not (uids := act.detail.get("adaptive")):
        return None
    rows = session.exec(select(t.Teacher).where(col(t.Teacher.uid).in_(uids))).all()
    teachers = sorted(rows, key=lambda row: uids.index(row.uid))
    ids = tuple(row.id for row in teachers if row.id is not None)
    return AdaptiveCommittee(ids, tuple(row.name for row in teachers), act.detail.get("samples", 1))


def describe(session: Session, exam_id: int, policy: Policy) -> str:
    """Return who counts in the exam, and how an adaptive committee leaves reviews out, as derived rows name it."""
    words, few = f"committee {members(session, exam_id)}", find_adaptive(session, exam_id)
    if few is None or not has_bounds(policy):
        return words
    # What is rejected for want of reviews that nobody asked for may hang on the threshold.
    at = f" at {policy.threshold:g}" if policy.min_votes > 1 else ""
    return f"{words}, adaptive {few.ids} {few.samples}{at}"


def list_to_ask(
    session: Session, committee: AdaptiveCommittee, rationales: sa.ColumnElement[bool]
) -> dict[int, tuple[str, ...]]:
    """Return by rationale who of an adaptive committee gave it no review. `rationales`: which are looked at."""
    x, r = t.Explanation, t.Review
    is_review = (col(r.explanation_id) == col(x.id)) & (col(r.prompt_sha256) == prompts.REVIEW.sha256)
    query = (
        sa.select(col(x.id), col(x.author_id), col(r.reviewer_id))
        .outerjoin(r, is_review)
        .where(rationales, col(x.kind) == "rationale", col(x.author_id).in_(committee.ids))
        .where(col(x.prompt_sha256) == prompts.RATIONALE.sha256, col(x.sample) < committee.samples)
    )
    who_by_rationale: dict[int, set[int | None]] = {}
    for rationale, author, reviewer in session.execute(query):
        who_by_rationale.setdefault(rationale, {author}).add(reviewer)
    members = tuple(zip(committee.ids, committee.names, strict=True))
    return {
        rationale: tuple(name for id_, name in members if id_ not in who) for rationale, who in who_by_rationale.items()
    }
