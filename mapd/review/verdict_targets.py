"""What a file's verdicts are about, and what is wrong with each row: with its text, its person, or its parts together.

targets = load_targets(session, {"c1…"})      -> {"c1…": VerdictTarget("rationale", 12, …)}
check_rows(session, rows, targets, exam, is_known)        # row 3: reason: unknown: "too short"; one of …
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd.domain import MOST_MARKS, Act, ExamInfo
from mapd.errors import BadInput
from mapd.exchange.label_studio import UNKNOWN
from mapd.exchange.verdict_files import VerdictRow
from mapd.questions.values import short
from mapd.review import judging, reasons
from mapd.store import exam_material
from mapd.store import tables as t

# Rows in one statement.
BLOCK = 500


class VerdictTarget(NamedTuple):
    """What a row is about. `text`: what may be marked; `question_id`, `source_id`: its question.

    A repair that comes in with the file has no row yet: its `id` is below 0; `repairs`: what it repairs, by uid.
    """

    kind: str
    id: int
    uid: str
    question_id: int
    source_id: str
    text: str
    repairs: str | None = None


def load_targets(session: Session, rows: Sequence[VerdictRow]) -> dict[str, VerdictTarget]:
    """Return what the rows are about, by uid; what neither the project nor the file has is left out."""
    targets: dict[str, VerdictTarget] = {}
    uids = {uid for row in rows for uid in (row.uid, row.repairs) if uid}
    x, a, q = t.Explanation, t.Attempt, t.Question
    for block in blocks(sorted(uids)):
        queries_ = (
            sa.select(x.kind, x.id, x.uid, q.id, q.source_id, x.text)  # type: ignore[call-overload]
            .join(q, col(x.question_id) == col(q.id))
            .where(col(x.uid).in_(block)),
            sa.select(sa.literal("attempt"), a.id, a.uid, q.id, q.source_id, sa.literal(""))  # type: ignore[call-overload]
            .join(q, col(a.question_id) == col(q.id))
            .where(col(a.uid).in_(block)),
            sa.select(sa.literal("question"), q.id, q.uid, q.id, q.source_id, sa.literal("")).where(  # type: ignore[call-overload]
                col(q.uid).in_(block)
            ),
        )
        for query in queries_:
            targets |= {row[2]: VerdictTarget(*row) for row in session.execute(query)}
    _add_repairs(targets, rows)
    return targets


def _add_repairs(targets: dict[str, VerdictTarget], rows: Sequence[VerdictRow]) -> None:
    """Add the repairs that come in with their judgements; one of a repair behind that one."""
    repairs = {row.uid: row for row in rows if row.repair and row.repairs and row.uid not in targets}
    while ready := [uid for uid, row in repairs.items() if row.repairs in targets]:
        for uid in ready:
            row = repairs.pop(uid)
            broken = targets[row.repairs or ""]
            if broken.kind in ("rationale", "feedback"):
                place = -1 - len(targets)
                targets[uid] = broken._replace(id=place, uid=uid, text=row.repair or "", repairs=broken.uid)


def find_root(target: VerdictTarget, targets: dict[str, VerdictTarget]) -> VerdictTarget:
    """Return what the project has of a repair that comes in: the text at the beginning."""
    while target.repairs is not None:
        target = targets[target.repairs]
    return target


def blocks(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """Return the values in blocks of as many as one statement takes."""
    return (values[start : start + BLOCK] for start in range(0, len(values), BLOCK))


def _uids_of_exam(session: Session, exam: ExamInfo, uids: Sequence[str]) -> set[str]:
    """Return those of the uids whose texts, attempts and questions count in the exam."""
    inside: set[str] = set()
    asked = sa.select(col(t.Attempt.question_id)).where(exam_material.attempt_condition(exam.id, None))
    for block in blocks(uids):
        texts, attempts = exam_material.text_condition(exam.id), exam_material.attempt_condition(exam.id, None)
        inside |= set(session.exec(select(t.Explanation.uid).where(col(t.Explanation.uid).in_(block), texts)))
        inside |= set(session.exec(select(t.Attempt.uid).where(col(t.Attempt.uid).in_(block), attempts)))
        of_exam = col(t.Question.id).in_(asked)
        inside |= set(session.exec(select(t.Question.uid).where(col(t.Question.uid).in_(block), of_exam)))
    return inside


def check_rows(
    session: Session,
    rows: Sequence[VerdictRow],
    targets: dict[str, VerdictTarget],
    exam: ExamInfo | None,
    is_known: Callable[[str], bool],
) -> None:
    """Note what is wrong with each row: its text, its person, and what doesn't go together."""
    inside = set(targets) if exam is None else _uids_of_exam(session, exam, sorted(targets))
    offered = frozenset(reasons.list_offered(session))
    for row in rows:
        if row.person and not is_known(row.person):
            cure = "add them to MAPD_ANNOTATORS, or say who they are here with --person"
            row.faults.append(("person", f"unknown: {short(row.person)} is none of this project's people; {cure}"))
        if row.reason is not None:
            row.reason = reasons.code_of(" ".join(row.reason.casefold().split()))
        target = targets.get(row.uid)
        if target is None:
            if row.uid != UNKNOWN and not any(name == "uid" for name, _ in row.faults):
                row.faults.append(("uid", _explain_unknown(row)))
            continue
        if exam is not None and find_root(target, targets).uid not in inside:
            cure = "give that one with --exam, or leave --exam out"
            row.faults.append(("uid", f"{row.uid[:12]} is a {target.kind} of another exam than {exam.name}; {cure}"))
        _check_row(session, row, target, offered)


def _explain_unknown(row: VerdictRow) -> str:
    kind = row.kind or "text"
    return f"unknown: the project has no {kind} {short(row.uid)}; is it another project's?"


def _check_row(session: Session, row: VerdictRow, target: VerdictTarget, offered: frozenset[str]) -> None:
    if row.kind is not None and row.kind != target.kind:
        row.faults.append(("kind", f"{row.uid[:12]} is a {target.kind}, not a {row.kind}"))
        return
    if row.text is not None and row.text != target.text:
        row.faults.append(
            ("text", f"another one than the project's {target.kind} {row.uid[:12]}: was it changed there?")
        )
    is_of_question = row.question is None or row.question.lstrip("0") == target.source_id.lstrip("0")
    if row.judgement is not None and not is_of_question:
        cure = "was a column sorted by itself?"
        row.faults.append(("question", f"{short(row.question)}, and the uid is of {short(target.source_id)}; {cure}"))
    if row.undoes is not None:
        if row.decision is not Act.WITHDRAW:
            row.faults.append(("undoes", f"goes with withdraw, not with {row.decision}"))
        return
    if any(name == "decision" for name, _ in row.faults):
        # What goes with a decision that can't be read isn't known.
        return
    is_of_text = target.kind in ("rationale", "feedback")
    if row.decision is Act.REJECT and is_of_text and row.reason and row.reason not in offered:
        cure = f'offer it with `mapd guidelines add-reason "{row.reason.replace("_", " ")}"`'
        row.faults.append(("reason", f"unknown: {short(row.reason)}; one of {', '.join(sorted(offered))}, or {cure}"))
        return
    try:
        judging.check_decision(session, target.kind, row.decision, row.reason, row.note, row.value, row.marks)
    except BadInput as error:
        row.faults.append(("decision", str(error)))
    _check_marks(row, target)


def _check_marks(row: VerdictRow, target: VerdictTarget) -> None:
    if len(row.marks) > MOST_MARKS:
        row.faults.append(("marks", f"at most {MOST_MARKS} false steps are marked, not {len(row.marks):,}"))
    for start, end in row.marks:
        if not 0 <= start < end <= len(target.text):
            length = f"{len(target.text):,} characters"
            row.faults.append(("marks", f"{start:,} to {end:,} isn't within the text's {length}"))
