"""Named reads. They give plain frozen values (domain.py), never ORM objects, so that a page may keep them."""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from mapd.answers.grading import Task
from mapd.domain import Act, ExamInfo, Item, Judged, JudgementRow, Material, Response, Text, Vote
from mapd.errors import NotFound, Stale
from mapd.judgements import ADJUDICATOR
from mapd.store import db
from mapd.store import tables as t
from mapd.store.snapshots import check as check_snapshot

Target = TypeVar("Target", t.Explanation, t.Attempt, t.Question)


_EXAM = (
    select(t.Exam, t.Student.name, t.QuestionSet)
    .join(t.Student, col(t.Exam.student_id) == t.Student.id)
    .join(t.QuestionSet, col(t.Exam.set_id) == t.QuestionSet.id)
)


def _exam_info(exam: t.Exam, student: str, questions: t.QuestionSet) -> ExamInfo:
    threshold = exam.threshold_hundredths
    return ExamInfo(
        id=identity(exam),
        uid=exam.uid,
        name=exam.name,
        student=student,
        question_set=questions.name,
        split=exam.split,
        round=exam.round,
        graded_by=exam.graded_by,
        simulated=questions.simulated,
        policy=exam.policy,
        threshold=None if threshold is None else threshold / 100,
        judgements_per_text=exam.judgements_wanted,
        practice=exam.practice,
        check_every=exam.check_every,
        repeat_every=exam.repeat_every,
        shares_rationales=exam.decoding.get("samples", 1) != 1,
    )


def identity(row: t.Row) -> int:
    """Return the id of a row that the database has."""
    assert row.id is not None, f"{type(row).__name__} is not in the database yet"
    return row.id


def exams(session: Session) -> list[ExamInfo]:
    """Return every exam, the newest first."""
    return [_exam_info(*row) for row in session.exec(_EXAM.order_by(col(t.Exam.id).desc())).all()]


def unfinished(session: Session) -> set[int]:
    """Return the ids of the exams that lack answers: they are under way, or were stopped."""
    of_split = (col(t.Question.set_id), col(t.Question.split))
    query = select(*of_split, func.count()).group_by(*of_split)
    sizes = {(set_id, split): number for set_id, split, number in session.exec(query)}
    answers = dict(session.exec(select(t.Attempt.exam_id, func.count()).group_by(col(t.Attempt.exam_id))).all())
    exams = {identity(row): row for row in session.exec(select(t.Exam))}
    samples = {id_: row.decoding.get("samples") for id_, row in exams.items()}
    return {
        id_
        for id_, row in exams.items()
        if answers.get(id_, 0)
        < sizes.get((row.set_id, row.split), 0) * (number if isinstance(number := samples[id_], int) else 1)
    }


def exam(session: Session, ref: str | int) -> ExamInfo:
    """Return the exam by uid, id or name. Raises: NotFound."""
    row = session.exec(_EXAM.where(_is(t.Exam, ref) | (col(t.Exam.name) == str(ref)))).first()
    if row is None:
        names = ", ".join(e.name for e in exams(session)[:5]) or "none yet: `mapd import authors` makes one"
        raise NotFound(f"unknown exam: {ref}; the project's exams: {names}")
    return _exam_info(*row)


def count_exams(session: Session) -> int:
    """Return how many exams the project has."""
    return session.exec(select(func.count()).select_from(t.Exam)).one()


def exam_row(session: Session, exam_id: int) -> t.Exam:
    """Return the row of an exam that is there."""
    return session.get_one(t.Exam, exam_id)


def _is(table: type[t.Travelling], ref: str | int) -> sa.ColumnElement[bool]:
    # `ref` is the uid, or the id where it is a short number
    ref = str(ref)
    by_uid = col(table.uid) == ref
    return by_uid | (col(table.id) == int(ref)) if ref.isascii() and ref.isdigit() and len(ref) < 18 else by_uid


def explanation(session: Session, kind: str, ref: str | int) -> t.Explanation:
    """Return the rationale or feedback by uid or id. Raises: NotFound."""
    return _get(session, t.Explanation, kind, ref, t.Explanation.kind == kind)


def attempt(session: Session, ref: str | int) -> t.Attempt:
    """Return the student's answer by uid or id. Raises: NotFound."""
    return _get(session, t.Attempt, "attempt", ref)


def question(session: Session, ref: str | int) -> t.Question:
    """Return the question by uid or id. Raises: NotFound."""
    return _get(session, t.Question, "question", ref)


def _get(session: Session, table: type[Target], kind: str, ref: str | int, *where: Any) -> Target:
    row = session.exec(select(table).where(_is(table, ref), *where)).first()
    if row is None:
        raise NotFound(f"unknown {kind}: {ref}; `mapd curate show --items` lists them")
    return row


def exam_of(session: Session, row: t.Explanation | t.Attempt | t.Question) -> int:
    """Return the exam that a row belongs to: of its attempt, or the newest over its question (rounds share rationales).

    Raises: NotFound where no exam has asked the question, or the text counts in none.
    """
    if isinstance(row, t.Attempt):
        return row.exam_id
    question_id = row.id if isinstance(row, t.Question) else row.question_id
    exams = select(func.max(t.Attempt.exam_id)).where(t.Attempt.question_id == question_id)
    if isinstance(row, t.Explanation):
        if row.attempt_id is not None:
            exams = exams.where(t.Attempt.id == row.attempt_id)
        author = session.get_one(t.Teacher, row.author_id)
        if author.kind != "person":
            exam_ids = sa.select(col(t.CommitteeMember.exam_id)).where(col(t.CommitteeMember.teacher_id) == author.id)
            exams = exams.where(col(t.Attempt.exam_id).in_(exam_ids))
    newest = session.exec(exams).one()
    if newest is None:
        counts = "" if isinstance(row, t.Question) else f" with {author.name} in its committee: the text counts nowhere"
        raise NotFound(f"no exam has asked question {question_id}{counts}")
    return int(newest)


def snapshot(session: Session, sha256: str) -> t.Snapshot:
    """Return the snapshot whose sha256 begins so, checked. Raises: NotFound, also for several; BadInput: damaged."""
    begins = col(t.Snapshot.sha256).startswith(sha256.lower(), autoescape=True)
    rows = session.exec(select(t.Snapshot).where(begins)).all()
    if len(rows) != 1:
        raise NotFound(f"{'no' if not rows else 'more than one'} snapshot begins with {sha256!r}")
    check_snapshot(rows[0])
    return rows[0]


def snapshots(session: Session, exam_id: int | None = None) -> list[t.Snapshot]:
    """Return every snapshot (of one exam), the newest first, without its lines loaded."""
    query = select(t.Snapshot).options(sa.orm.defer(t.Snapshot.lines))  # type: ignore[arg-type]
    if exam_id is not None:
        query = query.where(t.Snapshot.exam_id == exam_id)
    return list(session.exec(query.order_by(col(t.Snapshot.id).desc())).all())


def snapshot_lines(session: Session, snapshot_id: int) -> str:
    """Return the lines of a snapshot that is there, unchecked."""
    return session.exec(select(t.Snapshot.lines).where(t.Snapshot.id == snapshot_id)).one()


def voices(session: Session, exam_id: int) -> dict[str, int]:
    """Return the id of each teacher, by name, that wrote or reviewed a text that counts in the exam, in their order."""
    of_exam = (
        "JOIN attempt a ON a.question_id = x.question_id AND a.exam_id = :exam"
        " AND (x.attempt_id IS NULL OR x.attempt_id = a.id)"
    )
    counting = (
        "SELECT teacher_id FROM committee_member WHERE exam_id = :exam"
        " UNION ALL SELECT id FROM teacher WHERE kind = 'person'"
    )
    texts = f"SELECT 1 FROM explanation x {of_exam} WHERE x.author_id = t.id"
    reviews = (
        f"SELECT 1 FROM review r JOIN explanation x ON x.id = r.explanation_id {of_exam}"
        f" WHERE r.reviewer_id = t.id AND x.author_id IN ({counting})"
    )
    query = (
        f"SELECT t.name, t.id FROM teacher t WHERE t.id IN ({counting}) AND (EXISTS ({texts}) OR EXISTS ({reviews}))"
        " ORDER BY t.id"
    )
    rows = session.execute(sa.text(query), {"exam": exam_id})
    return {name: int(id_) for name, id_ in rows}


def judges(session: Session) -> list[str]:
    """Return everybody who ever decided on something that counts here; not who only skipped or noted."""
    is_decision = col(t.Judgement.counts) & col(t.Judgement.decision).in_((Act.ACCEPT, Act.REJECT, Act.CORRECT))
    people = select(t.Judgement.person).where(is_decision).distinct()
    return list(session.exec(people.order_by(t.Judgement.person)).all())


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
    return Material(info, items, responses, texts, tuple(name for name in all_places if name in voices), all_places)


def places(session: Session) -> dict[str, int | None]:
    """Return each teacher's place, by name, among the teachers of the project in the order in which they were added."""
    rows = session.exec(select(t.Teacher.name, t.Teacher.kind).order_by(col(t.Teacher.id))).all()
    # A person who repairs is an author, too, and has no place: nobody's place moves by it.
    place = count()
    return {name: None if kind == "person" else next(place) for name, kind in rows}


def _exam_attempts(exam_id: int, only: QuestionIds) -> sa.ColumnElement[bool]:
    """Return the attempts of the exam (at these questions)."""
    of_exam = col(t.Attempt.exam_id) == exam_id
    return of_exam if only is None else of_exam & col(t.Attempt.question_id).in_(only)


def filter_asked(session: Session, exam_id: int, among: Iterable[int], at_once: int = 500) -> set[int]:
    """Return those of the questions, by id, that the exam asked."""
    ids = sorted(among)
    blocks = [ids[start : start + at_once] for start in range(0, len(ids), at_once)]
    queries = (select(t.Attempt.question_id).where(_exam_attempts(exam_id, block)) for block in blocks)
    return {question_id for query in queries for question_id in session.exec(query)}


def questions(session: Session, exam_id: int, only: QuestionIds = None) -> dict[int, Item]:
    """Return the questions that the exam asked, by id, in the order of their set."""
    asked_ids = sa.select(col(t.Attempt.question_id)).where(_exam_attempts(exam_id, only))
    rows = session.exec(select(t.Question).where(col(t.Question.id).in_(asked_ids)).order_by(col(t.Question.position)))
    return {q.id: q for q in map(_item, rows.all())}


def _item(q: t.Question) -> Item:
    return Item(
        id=identity(q),
        uid=q.uid,
        source_id=q.source_id,
        position=q.position,
        task=Task(q.task),
        text=q.text,
        context=q.context,
        options=tuple(q.options),
        gold=q.gold,
        gold_note=q.gold_note,
        family=q.family,
    )


def attempts(
    session: Session, exam_id: int, only: QuestionIds = None, *, thoughts: bool = False
) -> tuple[Response, ...]:
    """Return the exam's attempts, in the order of its questions."""
    query = (
        select(t.Attempt)
        .options(sa.orm.defer(t.Attempt.thought))  # type: ignore[arg-type]
        .join(t.Question, col(t.Attempt.question_id) == t.Question.id)
        .where(_exam_attempts(exam_id, only))
        .order_by(col(t.Question.position), col(t.Attempt.sample))
    )
    rows = session.exec(query).all()
    thought = attempt_thoughts(session, [identity(a) for a in rows]) if thoughts else {}
    return tuple(
        Response(
            id=identity(a),
            uid=a.uid,
            question_id=a.question_id,
            sample=a.sample,
            text=a.text,
            answer=a.answer,
            outcome=a.outcome,
            our_answer=a.our_answer,
            our_outcome=a.our_outcome,
            finish=a.finish,
            tokens_out=a.tokens_out,
            thought=thought.get(identity(a)),
        )
        for a in rows
    )


def attempt_thoughts(session: Session, ids: Sequence[int]) -> dict[int, str]:
    """Return what a thinking student wrote before its responses, by attempt; those without a thought are absent."""
    return _thoughts(session, t.Attempt, ids)


def _thoughts(
    session: Session, table: type[t.Attempt | t.Explanation | t.Review], ids: Sequence[int], at_once: int = 500
) -> dict[int, str]:
    query = sa.select(col(table.id), col(table.thought)).where(col(table.thought).is_not(None))
    blocks = (ids[start : start + at_once] for start in range(0, len(ids), at_once))
    return {id_: thought for block in blocks for id_, thought in session.execute(query.where(col(table.id).in_(block)))}


def _of_exam(exam_id: int, only: QuestionIds = None) -> sa.ColumnElement[bool]:
    """Return the condition that a text counts in the exam: a rationale of its questions, feedback on its attempts."""
    questions = sa.select(col(t.Attempt.question_id)).where(_exam_attempts(exam_id, only))
    attempts = sa.select(col(t.Attempt.id)).where(_exam_attempts(exam_id, only))
    rationale = (col(t.Explanation.kind) == "rationale") & col(t.Explanation.question_id).in_(questions)
    return (rationale | col(t.Explanation.attempt_id).in_(attempts)) & _counts(t.Explanation.author_id, exam_id)


def _counts(teacher_id: Any, exam_id: int) -> sa.ColumnElement[bool]:
    """Return the condition that a teacher's texts count in the exam: its committee named it, or it is a person."""
    members = sa.select(col(t.CommitteeMember.teacher_id)).where(col(t.CommitteeMember.exam_id) == exam_id)
    people = sa.select(col(t.Teacher.id)).where(col(t.Teacher.kind) == "person")
    # A bare column would have SQLite begin with all that a teacher ever wrote, by its index.
    return (col(teacher_id) + 0).in_(members.union_all(people))


def _texts(session: Session, exam_id: int, only: QuestionIds, *, thoughts: bool) -> tuple[Text, ...]:
    votes = _votes(session, exam_id, only, thoughts=thoughts)
    query = (
        select(t.Explanation, t.Teacher.name, t.Teacher.kind, t.Teacher.simulated)
        .options(sa.orm.defer(t.Explanation.thought))  # type: ignore[arg-type]
        .join(t.Teacher, col(t.Explanation.author_id) == t.Teacher.id)
        .where(_of_exam(exam_id, only))
        .order_by(col(t.Explanation.question_id), col(t.Explanation.author_id), col(t.Explanation.id))
    )
    rows = session.exec(query).all()
    thought = _thoughts(session, t.Explanation, [identity(row[0]) for row in rows]) if thoughts else {}
    return tuple(
        Text(
            id=identity(x),
            uid=x.uid,
            kind=x.kind,
            question_id=x.question_id,
            attempt_id=x.attempt_id,
            teacher=name,
            teacher_kind=kind,
            simulated=simulated,
            prompt_sha256=x.prompt_sha256,
            text=x.text,
            repairs_id=x.repairs_id,
            votes=tuple(votes[identity(x)]),
            thought=thought.get(identity(x)),
        )
        for x, name, kind, simulated in rows
    )


def _votes(session: Session, exam_id: int, only: QuestionIds, *, thoughts: bool) -> dict[int, list[Vote]]:
    query = (
        select(t.Review, t.Teacher.name)
        .options(sa.orm.defer(t.Review.thought))  # type: ignore[arg-type]
        .join(t.Teacher, col(t.Review.reviewer_id) == t.Teacher.id)
        .join(t.Explanation, col(t.Review.explanation_id) == t.Explanation.id)
        .where(_of_exam(exam_id, only), _counts(t.Review.reviewer_id, exam_id))
        .order_by(col(t.Review.reviewer_id), col(t.Review.sample))
    )
    rows = session.exec(query).all()
    thought = _thoughts(session, t.Review, [identity(r) for r, _ in rows]) if thoughts else {}
    votes: dict[int, list[Vote]] = defaultdict(list)
    for r, reviewer in rows:
        vote = Vote(reviewer, r.score, r.status, r.raw_score, r.saw_gold, r.text, thought.get(identity(r)))
        votes[r.explanation_id].append(vote)
    return votes


def iterate_votes(session: Session, exam_id: int) -> Iterator[tuple[int, str, int | None, bool]]:
    """Yield every vote of the exam as (explanation, reviewer, score, saw the gold), one text after the other."""
    query = (
        sa.select(col(t.Review.explanation_id), col(t.Teacher.name), col(t.Review.score), col(t.Review.saw_gold))
        .join(t.Teacher, col(t.Review.reviewer_id) == col(t.Teacher.id))
        .join(t.Explanation, col(t.Review.explanation_id) == col(t.Explanation.id))
        .where(_of_exam(exam_id), _counts(t.Review.reviewer_id, exam_id))
        .order_by(col(t.Review.explanation_id))
    )
    return (tuple(row) for row in session.execute(query))


def judgements(session: Session, exam_id: int, only: QuestionIds = None) -> list[JudgementRow]:
    """Return every judgement that counts on the exam's explanations, attempts and questions, oldest first."""
    texts = sa.select(col(t.Explanation.id)).where(_of_exam(exam_id, only))
    attempts = sa.select(col(t.Attempt.id)).where(_exam_attempts(exam_id, only))
    questions = sa.select(col(t.Attempt.question_id)).where(_exam_attempts(exam_id, only))
    return _judgements(
        session,
        col(t.Judgement.explanation_id).in_(texts)
        | col(t.Judgement.attempt_id).in_(attempts)
        | col(t.Judgement.question_id).in_(questions),
    )


def judgements_by(session: Session, exam_id: int, person: str, *, since: int = 0) -> list[JudgementRow]:
    """Return every judgement of one person on the exam that counts, oldest first; `since`: only higher ids."""
    is_own = (col(t.Judgement.person) == person) & (col(t.Judgement.id) > since)
    return _judgements(session, is_own & _on_exam(exam_id))


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
    return is_attempted & (col(t.Judgement.explanation_id).is_(None) | _counts(t.Explanation.author_id, exam_id))


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
            judged=Judged(identity(j), j.person, Act(j.decision), j.reason, j.value, j.role, j.undoes_id),
            uid=j.uid,
            target=j.target,
            target_id=next(n for n in (j.explanation_id, j.attempt_id, j.question_id) if n is not None),
            target_uid=target_uid,
            note=j.note,
            committee=j.committee,
            created_at=j.created_at,
            queue=j.queue,
            revealed=j.revealed,
            batch=batch_of(j.token),
            seconds=j.seconds,
            counts=j.counts,
            origin=j.origin,
            marks=tuple((start, end) for start, end in j.marks),
        )
        for j, target_uid in session.exec(query).all()
    ]


def batch_of(token: str) -> str:
    """Return the act that a judgement was part of: the judgements of one act share what stands before the "/"."""
    return token.partition("/")[0]


TARGET_COLUMN = {
    "rationale": t.Judgement.explanation_id,
    "feedback": t.Judgement.explanation_id,
    "attempt": t.Judgement.attempt_id,
    "question": t.Judgement.question_id,
}


def history(session: Session, *targets: tuple[str, int]) -> list[JudgementRow]:
    """Return every judgement on these targets, oldest first: undone ones, and those that don't count, too."""
    where = sa.or_(*(col(TARGET_COLUMN[target]) == target_id for target, target_id in targets))
    return _judgements(session, where, all_of_them=True)


def count_imported_judgements(session: Session, person: str) -> int:
    """Count the judgements of this person that came with an archive and count here."""
    query = select(func.count()).select_from(t.Judgement)
    is_imported = col(t.Judgement.origin).is_not(None) & col(t.Judgement.counts)
    return session.exec(query.where(t.Judgement.person == person, is_imported)).one()


def mark_stale(session: Session, judgements: Sequence[int]) -> None:
    """Mark the questions that these judgements are about, so that they are derived again before they are read."""
    question_id = sa.func.coalesce(t.Judgement.question_id, t.Explanation.question_id, t.Attempt.question_id)
    questions = (
        sa.select(question_id, sa.false())
        .select_from(t.Judgement)
        .outerjoin(t.Explanation, col(t.Judgement.explanation_id) == t.Explanation.id)
        .outerjoin(t.Attempt, col(t.Judgement.attempt_id) == t.Attempt.id)
        .where(col(t.Judgement.id).in_(judgements))
    )
    session.execute(sa.insert(t.DirtyQuestion).from_select(["question_id", "voted"], questions))


def moment(session: Session) -> datetime:
    """Return the time of an act that comes behind all acts before it, whatever the clock says."""
    # It is the database's time, and where that was set back a microsecond behind the latest: judgements stand in the
    # order of their times, and which guidelines were current, or what came behind a snapshot, their times tell too.
    tables = (t.Judgement, t.Guidelines, t.Snapshot)
    latest = session.execute(sa.select(*(select(func.max(x.created_at)).scalar_subquery() for x in tables))).one()
    earliest = max((at for at in latest if at is not None), default=datetime.min.replace(tzinfo=UTC))
    return max(db.clock(session), earliest + timedelta(microseconds=1))


# The audit's words: for the recorded demo, by which a page knows; for what changes ids or names, and what is renamed
# then; for a file of the trash that is gone.
RECORDED_DEMO = "load recorded demo"
DELETED, RESTORED, RENAMED = "delete", "restore", "rename"
PROJECT = "project"
PURGED = "delete for good"


def edition(session: Session, *acts: str) -> int:
    """Count what was deleted, put back or renamed."""
    # What was read before may have other ids or names by now.
    acts = acts or (DELETED, RESTORED, RENAMED)
    return session.exec(select(func.count()).select_from(t.Audit).where(col(t.Audit.action).in_(acts))).one()


def newest(session: Session, table: type[t.Row]) -> int | None:
    """Return the id of a table's newest row: what was read before is whole as long as it stays."""
    newest_id: int | None = session.exec(select(func.max(sa.inspect(table).c.id))).one()
    return newest_id


def check_ids(session: Session, edition_: int) -> None:
    """Refuse an act on ids that were read before something was deleted: they may be others' by now. Raises: Stale."""
    if edition(session, DELETED) != edition_:
        raise Stale("something was deleted from the project in the meantime; it was reloaded, nothing was saved")


def free_name(name: str, used_names: Container[str]) -> str:
    """Return the name, or with a number behind it where it is taken: "smollm2 (2)"."""
    candidates = (f"{name} ({number})" for number in count(2))
    return name if name not in used_names else next(filter(lambda free: free not in used_names, candidates))


def names_like(session: Session, column: Any, name: str) -> set[str]:
    """Return what of a column begins as the name does: those that one with a number behind it may meet."""
    return set(session.exec(select(column).where(col(column).startswith(name, autoescape=True))).all())


def project_name(session: Session) -> str | None:
    """Return the name that people gave the project last; none where it is called as its folder."""
    query = select(t.Audit.detail).where(t.Audit.action == RENAMED, t.Audit.target == PROJECT)
    latest = session.exec(query.order_by(col(t.Audit.id).desc()).limit(1)).first()
    return latest["to"] or None if latest else None


def audit(session: Session, person: str, action: str, target: str, **detail: Any) -> None:
    """Leave the row that every act leaves."""
    session.add(t.Audit(person=person, action=action, target=target, detail=detail))
