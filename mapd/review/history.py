"""What was said of a card, and what a person did last: as far as they may know it.

load_card_history(session, ann, exam_id, HistoryQuery(mistake="9d2e…", text="a1b2…"))     -> History(words=[…])
load_person_history(session, ann, exam_id, 10)     -> History(acts=[…], undo="7f9c…", redo=None)
"""

from collections.abc import Mapping, Sequence

from sqlmodel import Session, col, func, select

from mapd.curation.curated import Mistake
from mapd.domain import DECISIVE, JudgementRow
from mapd.errors import NotFound
from mapd.judgements import drop_undone
from mapd.people import Person
from mapd.review import batches, blinding, curated_part, deals, own_judgements, quality_control, window
from mapd.review.blinding import TEXTS
from mapd.review.messages import History, HistoryQuery, PastAct, PastWord, UndoneRepair
from mapd.review.passages import line, passage
from mapd.store import judgement_log
from mapd.store import tables as t

# The uid of the mistake at which something is looked at, and its question's own number.
Place = tuple[str | None, str | None]
NOWHERE: Place = (None, None)


def load_card_history(session: Session, person: Person, exam_id: int, query: HistoryQuery) -> History:
    """Return every judgement on a card's text, attempt and question that this person may know of, oldest first.

    Raises: NotFound, BadInput (no such queue).
    """
    attempt = t.Attempt
    of_mistake = select(attempt.question_id).where(attempt.uid == query.mistake, attempt.exam_id == exam_id)
    question = session.exec(of_mistake).first()
    if question is None:
        raise NotFound(f"unknown mistake: {line(query.mistake or '', 70)}; it is none of this exam's")
    part = curated_part.load(session, curated_part.load_setting(session, exam_id), [question])
    mistake = next((m for m in part.mistakes if m.attempt.uid == query.mistake), None)
    if mistake is None:
        return History()
    x = next((x for x in mistake.texts if x.text.uid == query.text), None)
    dealt = quality_control.find_dealt_cards(session, exam_id, person.name, [query.card or ""]).get(query.card or "")
    repeats = dealt is not None and x is not None and dealt.kind == "repeat" and dealt.explanation_id == x.text.id
    judge_first = query.judge == "first" or dealt is not None
    queue = window.queue_of(person, query.queue)
    sight = blinding.blind(part, mistake, person.name, queue, judge_first=judge_first)
    targets = [("attempt", mistake.attempt.id), ("question", mistake.question.id)]
    targets += [(x.text.kind, x.text.id)] if x else []
    rows = sight.visible(judgement_log.history(session, *targets))
    covered = x is not None and (x.text.id in sight.hidden or repeats)
    if covered:
        rows = [row for row in rows if row.judged.person == person.name and not repeats]
    undone = [] if covered or x is None else [text for text in mistake.undone_repairs if text.repairs_id == x.text.id]
    # One that doesn't count is never in force.
    ids_in_force = {j.id for j in drop_undone(row.judged for row in rows if row.counts)}
    by_id = {row.judged.id: row for row in rows}
    return History(
        words=[_past_word(row, by_id, ids_in_force, mistake, covered=covered) for row in rows],
        taken_back=[UndoneRepair(by=line(text.by, 60), text=passage(text.text)) for text in undone],
    )


def _past_word(
    row: JudgementRow, by_id: Mapping[int, JudgementRow], ids_in_force: set[int], mistake: Mistake, *, covered: bool
) -> PastWord:
    verb, about = describe_undo(row, by_id)
    value = about.judged.value
    return PastWord.model_validate(
        {
            "about": row.target,
            "person": line(row.judged.person, 60),
            "decision": "note" if about.judged.only_notes else about.judged.decision.value,
            "reason": None if about.judged.only_notes else about.judged.reason,
            "value": None if value is None else line(mistake.question.show(value)),
            "note": None if verb or row.note is None else line(row.note, 2_000),
            "marks": len(about.marks),
            "at": row.created_at,
            "verb": verb,
            "stands": bool(verb) or row.judged.id in ids_in_force,
            "role": row.judged.role,
            "queue": None if covered or verb or row.queue is None else line(row.queue, 60),
            "blind": not row.revealed,
            "committee": None if covered or verb else row.committee,
            "archive": None if row.origin is None else "counts" if row.counts else "doesn’t count",
        }
    )


def describe_undo(row: JudgementRow, by_id: Mapping[int, JudgementRow]) -> tuple[str, JudgementRow]:
    """Return "undone" or "redone" with the judgement that an undo is about; any other judgement with no word."""
    verb, about = "", row
    while about.judged.undoes is not None and about.judged.undoes in by_id:
        verb, about = "redone" if verb == "undone" else "undone", by_id[about.judged.undoes]
    return verb, about


# -- a person's last acts ---------------------------------------------------------------------------------------------


def load_person_history(session: Session, person: Person, exam_id: int, number: int) -> History:
    """Return the person's last acts, the newest first, and what undo and redo take back now."""
    own_rows = own_judgements.load(session, exam_id, person.name)
    undo, redo = batches.find_undoable(own_rows, person.name), batches.find_redoable(own_rows, person.name)
    acts: dict[str, list[JudgementRow]] = {}
    for row in reversed(own_rows):
        if row.judged.undoes is None:
            if row.batch not in acts and len(acts) == number:
                break
            acts.setdefault(row.batch, []).append(row)
    ids_in_force = {j.id for j in drop_undone(row.judged for row in own_rows)}
    latest = [rows[-1] for rows in acts.values()]
    places, later = _locate(session, exam_id, latest), _load_others(session, person.name, latest)
    standing = [any(row.judged.id in ids_in_force for row in rows) for rows in acts.values()]
    return History(
        acts=[_past_act(rows, stands, places, later) for rows, stands in zip(acts.values(), standing, strict=True)],
        undo=undo[0].batch if undo else None,
        redo=redo[0].batch if redo else None,
    )


def _past_act(
    rows: Sequence[JudgementRow], stands: bool, places: Mapping[tuple[str, int], Place], later: Sequence[JudgementRow]
) -> PastAct:
    row = rows[-1]
    mistake, question = places.get((row.target, row.target_id), NOWHERE)
    value, tells = row.judged.value, stands and row.judged.decision in DECISIVE
    return PastAct(
        act=row.batch,
        decision="note" if row.judged.only_notes else row.judged.decision,
        reason=None if row.judged.only_notes else row.judged.reason,
        value=None if value is None else line(value),
        note=None if row.note is None else line(row.note, 2_000),
        marks=len(row.marks),
        about=row.target,
        number=len(rows),
        at=row.created_at,
        mistake=mistake,
        text=row.target_uid if row.target in TEXTS else None,
        question=question,
        queue=row.queue,
        judge="assisted" if row.revealed else "first",
        undone=not stands,
        since=[deals.word(other) for other in later if tells and _is_later(other, row)],
    )


def _is_later(judgement: JudgementRow, row: JudgementRow) -> bool:
    same_target = (judgement.target, judgement.target_id) == (row.target, row.target_id)
    return same_target and judgement.judged.id > row.judged.id


def _load_others(session: Session, person: str, rows: Sequence[JudgementRow]) -> list[JudgementRow]:
    targets = sorted({(row.target, row.target_id) for row in rows})
    if not targets:
        return []
    judgements = [row for row in judgement_log.history(session, *targets) if row.counts]
    in_force = {j.id for j in drop_undone(row.judged for row in judgements) if j.decision in DECISIVE}
    return [row for row in judgements if row.judged.id in in_force and row.judged.person != person]


def _locate(session: Session, exam_id: int, rows: Sequence[JudgementRow]) -> dict[tuple[str, int], Place]:
    texts = [row.target_id for row in rows if row.target in TEXTS]
    x, attempt, question = t.Explanation, t.Attempt, t.Question
    text_rows = session.exec(select(x.id, x.question_id, x.attempt_id).where(col(x.id).in_(texts))).all()
    of_text = {id_: (of, by) for id_, of, by in text_rows}
    attempts = {row.target_id for row in rows if row.target == "attempt"} | {by for _, by in of_text.values() if by}
    questions = {row.target_id for row in rows if row.target == "question"}
    questions |= {of for of, by in of_text.values() if not by}
    # A rationale belongs to a question: it is looked at the exam's first attempt at that.
    firsts = select(func.min(attempt.id)).where(attempt.exam_id == exam_id, col(attempt.question_id).in_(questions))
    first_ids = session.exec(firsts.group_by(col(attempt.question_id))).all()
    query = select(attempt.id, attempt.uid, question.id, question.source_id)
    query = query.join(question, col(attempt.question_id) == question.id)
    located = session.exec(query.where(col(attempt.id).in_({*attempts, *first_ids}))).all()
    by_attempt: dict[int | None, Place] = {id_: (uid, line(number, 40)) for id_, uid, _, number in located}
    by_question: dict[int | None, Place] = {
        of: (uid, line(number, 40)) for id_, uid, of, number in located if id_ in set(first_ids)
    }
    places: dict[tuple[str, int], Place] = {}
    for row in rows:
        of, by = of_text.get(row.target_id, (None, None)) if row.target in TEXTS else (None, None)
        known_places, id_ = (by_attempt, by) if row.target == "attempt" or by else (by_question, of)
        places[row.target, row.target_id] = known_places.get(id_ or row.target_id, NOWHERE)
    return places
