"""What was said of a card, and what a person did last: as far as they may know it.

of_card(session, ann, exam_id, HistoryQuery(mistake="9d2e…", text="a1b2…"))     -> History(words=[…])
of_person(session, ann, exam_id, 10)     -> History(acts=[…], undo="7f9c…", redo=None)
"""

from collections.abc import Iterable, Mapping, Sequence

from sqlmodel import Session, col, func, select

from mapd.curation import bulk
from mapd.curation.curated import Mistake
from mapd.errors import NotFound
from mapd.people import Person
from mapd.review import blinding, cards, curated_part, own_judgements, quality_control, window
from mapd.review.blinding import TEXTS
from mapd.review.messages import CardWord, History, HistoryQuery, PastAct, PastWord, TakenBack
from mapd.review.passages import line, passage
from mapd.store import queries
from mapd.store import tables as t
from mapd.store.queries import JudgementRow
from mapd.verdicts import Act, in_force

WORDS = (Act.ACCEPT, Act.REJECT, Act.CORRECT)  # what others may see that it differs


def of_card(session: Session, person: Person, exam_id: int, query: HistoryQuery) -> History:
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
    dealt = quality_control.dealt_cards(session, exam_id, person.name, [query.card or ""]).get(query.card or "")
    repeats = dealt is not None and x is not None and dealt.kind == "repeat" and dealt.explanation_id == x.text.id
    judge_first = query.judge == "first" or dealt is not None
    queue = window.queue_of(person, query.queue)
    sight = blinding.look(part, mistake, person.name, queue, judge_first=judge_first)
    targets = [("attempt", mistake.attempt.id), ("question", mistake.question.id)]
    targets += [(x.text.kind, x.text.id)] if x else []
    rows = sight.visible(queries.history(session, *targets))
    covered = x is not None and (x.text.id in sight.hidden or repeats)
    if covered:
        rows = [row for row in rows if row.judged.person == person.name and not repeats]
    undone = [] if covered or x is None else [text for text in mistake.taken_back if text.repairs_id == x.text.id]
    return History(
        words=_words(rows, mistake, covered=covered),
        taken_back=[TakenBack(by=line(text.by, 60), text=passage(text.text)) for text in undone],
    )


def _words(rows: Sequence[JudgementRow], mistake: Mistake, *, covered: bool) -> list[PastWord]:
    """The judgements as they were made. What doesn't count stands in no force."""
    standing = {j.id for j in in_force(row.judged for row in rows if row.counts)}
    by_id = {row.judged.id: row for row in rows}
    return [_word(row, by_id, standing, mistake, covered=covered) for row in rows]


def _word(
    row: JudgementRow, by_id: Mapping[int, JudgementRow], standing: set[int], mistake: Mistake, *, covered: bool
) -> PastWord:
    verb, about = undo_of(row, by_id)
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
            "stands": bool(verb) or row.judged.id in standing,
            "role": row.judged.role,
            "queue": None if covered or verb or row.queue is None else line(row.queue, 60),
            "blind": not row.revealed,
            "committee": None if covered or verb else row.committee,
            "archive": None if row.origin is None else "counts" if row.counts else "doesn’t count",
        }
    )


def undo_of(row: JudgementRow, by_id: Mapping[int, JudgementRow]) -> tuple[str, JudgementRow]:
    """Return "undone" or "redone" with the judgement that an undo is about; any other judgement with no word."""
    verb, about = "", row
    while about.judged.undoes is not None and about.judged.undoes in by_id:
        verb, about = "redone" if verb == "undone" else "undone", by_id[about.judged.undoes]
    return verb, about


# -- a person's last acts ---------------------------------------------------------------------------------------------


def of_person(session: Session, person: Person, exam_id: int, number: int) -> History:
    """Return the person's last acts, the newest first, and what undo and redo take back now."""
    own = own_judgements.load(session, exam_id, person.name)
    undo, redo = bulk.undoable(own, person.name), bulk.redoable(own, person.name)
    acts: dict[str, list[JudgementRow]] = {}
    for row in reversed(own):
        if row.judged.undoes is None:
            if row.batch not in acts and len(acts) == number:
                break
            acts.setdefault(row.batch, []).append(row)
    standing = {j.id for j in in_force(row.judged for row in own)}
    places = _places(session, exam_id, [rows[-1] for rows in acts.values()])
    later = _others(session, person.name, [rows[-1] for rows in acts.values()])
    return History(
        acts=[_act(rows[-1], rows, standing, places, later) for rows in acts.values()],
        undo=undo[0].batch if undo else None,
        redo=redo[0].batch if redo else None,
    )


def _act(
    row: JudgementRow,
    rows: Sequence[JudgementRow],
    standing: set[int],
    places: Mapping[tuple[str, int], tuple[str | None, str | None]],
    later: Sequence[JudgementRow],
) -> PastAct:
    mistake, question = places.get((row.target, row.target_id), (None, None))
    stands = any(other.judged.id in standing for other in rows)
    value = row.judged.value
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
        since=_since(row, later) if stands and row.judged.decision in WORDS else [],
    )


def _since(row: JudgementRow, later: Iterable[JudgementRow]) -> list[CardWord]:
    """What others said of the same target after this person did, which they know of since."""
    same = (other for other in later if (other.target, other.target_id) == (row.target, row.target_id))
    return [cards.word(other) for other in same if other.judged.id > row.judged.id]


def _others(session: Session, person: str, rows: Sequence[JudgementRow]) -> list[JudgementRow]:
    """What others say of the same targets, as far as it is in force."""
    targets = sorted({(row.target, row.target_id) for row in rows})
    if not targets:
        return []
    rows_said = [row for row in queries.history(session, *targets) if row.counts]
    standing = {j.id for j in in_force(row.judged for row in rows_said)}
    return [
        row
        for row in rows_said
        if row.judged.person != person and row.judged.id in standing and row.judged.decision in WORDS
    ]


def _places(
    session: Session, exam_id: int, rows: Sequence[JudgementRow]
) -> dict[tuple[str, int], tuple[str | None, str | None]]:
    """By target, the uid of the mistake at which it is looked at, and the question's own number."""
    texts = [row.target_id for row in rows if row.target in TEXTS]
    x, attempt, question = t.Explanation, t.Attempt, t.Question
    of_text = {
        id_: (of, by)
        for id_, of, by in session.exec(select(x.id, x.question_id, x.attempt_id).where(col(x.id).in_(texts))).all()
    }
    attempts = {row.target_id for row in rows if row.target == "attempt"} | {by for _, by in of_text.values() if by}
    questions = {row.target_id for row in rows if row.target == "question"} | {
        of for of, by in of_text.values() if not by
    }
    firsts = select(func.min(attempt.id)).where(attempt.exam_id == exam_id, col(attempt.question_id).in_(questions))
    first_ids = session.exec(firsts.group_by(col(attempt.question_id))).all()
    query = select(attempt.id, attempt.uid, question.id, question.source_id).join(
        question, col(attempt.question_id) == question.id
    )
    located = session.exec(query.where(col(attempt.id).in_({*attempts, *first_ids}))).all()
    by_attempt = {id_: (uid, line(number, 40)) for id_, uid, _, number in located}
    by_question = {of: (uid, line(number, 40)) for id_, uid, of, number in located if id_ in set(first_ids)}
    places: dict[tuple[str, int], tuple[str | None, str | None]] = {}
    for row in rows:
        of, by = of_text.get(row.target_id, (None, None)) if row.target in TEXTS else (None, None)
        if row.target == "attempt" or by:
            places[row.target, row.target_id] = by_attempt.get(by or row.target_id, (None, None))
        else:
            places[row.target, row.target_id] = by_question.get(of or row.target_id, (None, None))
    return places
