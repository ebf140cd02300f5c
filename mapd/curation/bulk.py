"""One act on many texts: all of them or none, and one undo takes all of it back.

    judge_all(session, chosen(said, "rationale"), Act.REJECT, by=ann, reason="no_work")  -> 76 judgements
    accept_rest(session, scene.rest, by=ann, token="3f…", note=Note(target, "fine"))     -> what waits of one mistake
    take_back(session, undoable(rows, ann.name), by=ann)                                -> 76 more, that cancel them
    take_back(session, redoable(rows, ann.name), by=ann)                                -> and 76 that bring them back

Each text gets a judgement of its own; what belongs to one act shares what stands before the "/" of its token.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from sqlmodel import Session

from mapd.curation import standing
from mapd.curation.judging import ON_ITS_OWN, Circumstances, Target, judge, undo
from mapd.curation.queues import Whole, done_with
from mapd.curation.records import last_words
from mapd.errors import BadInput
from mapd.people import Person, Right, require
from mapd.store import listing, queries
from mapd.store import tables as t
from mapd.store.listing import Said
from mapd.store.queries import ExamInfo, JudgementRow
from mapd.verdicts import VERDICT, Act, heard

QUEUE = "bulk"  # what such a judgement has as its queue
MOST = 5_000  # texts in one act: each is a judgement of its own, all in one transaction


@dataclass(frozen=True, slots=True)
class Chosen:
    """A text as it was shown: the latest judgement on it (0 = none), what the committee says of this one."""

    target: Target
    seen: int
    committee: str


@dataclass(frozen=True, slots=True)
class Note:
    """Words that belong to one of the texts."""

    target: Target
    words: str


def chosen(said: Iterable[Said], kind: str) -> list[Chosen]:
    """These texts of one kind as they stand."""
    return [Chosen(Target(kind, x.explanation_id), x.latest, x.committee) for x in said]


def waiting(session: Session, exam: ExamInfo, whole: Whole, threshold: int, person: str) -> list[Chosen]:
    """The class's texts that wait for this person's word, as `queues.wants` has it, at a threshold in hundredths.

    The exam's aggregate has to be up to date (standing.catch_up).
    """
    number = listing.count(session, exam.id, whole.wanted, threshold)
    said = listing.texts(session, exam.id, whole.wanted, threshold, number)
    settled = last_words(queries.judgements_settled(session, exam.id))
    return chosen(
        (
            x
            for x in said
            if person not in x.judged_by
            and len(x.judged_by) < exam.wanted
            and ("rationale", x.explanation_id) not in settled
        ),
        "rationale",
    )


def token_of(chosen: Sequence[Chosen], decision: Act, person: str) -> str:
    """The act's token: the same press twice is one act, another after an undo is another."""
    what = repr((person, decision.value, [(c.target.id, c.seen) for c in chosen]))
    return f"{QUEUE}-{hashlib.sha256(what.encode()).hexdigest()[:32]}"


def judge_all(
    session: Session,
    chosen: Sequence[Chosen],
    decision: Act,
    *,
    by: Person,
    reason: str | None = None,
    note: str | None = None,
) -> list[t.Judgement]:
    """Record the decision on every text that a filter finds.

    Raises: Forbidden, BadInput (a reason that doesn't fit), NotFound, Stale (somebody decided on one of them since).
    """
    require(by, Right.JUDGE_MANY)
    return judge_class(session, chosen, decision, by=by, reason=reason, note=note)


def judge_class(
    session: Session,
    chosen: Sequence[Chosen],
    decision: Act,
    *,
    by: Person,
    reason: str | None = None,
    note: str | None = None,
) -> list[t.Judgement]:
    """Record the decision on every text of a queue's class that waits for this person: who judges may do that.

    Raises: as `judge_all`.
    """
    token, at = token_of(chosen, decision, by.name), queries.moment(session)
    with session.no_autoflush:  # all are written at once
        rows = [
            judge(
                session,
                one.target,
                decision,
                by=by,
                reason=reason,
                note=note,
                token=f"{token}/{one.target.id}",
                seen=one.seen,
                circumstances=Circumstances(queue=QUEUE, committee=one.committee),
                follow=False,
                at=at,
            )
            for one in chosen
        ]
    standing.after_judgements(session, rows)
    return rows


def accept_rest(
    session: Session,
    rest: Sequence[Chosen],
    *,
    by: Person,
    token: str,
    seen_of: str | None = None,
    note: Note | None = None,
    circumstances: Circumstances = ON_ITS_OWN,
) -> list[t.Judgement]:
    """Accept the texts of a mistake that wait, each as it was shown and with the committee's verdict on it.

    `seen_of`: as in `judge`. `circumstances`: what they share.

    Raises: Forbidden; BadInput (one of them doesn't wait, or the note belongs to none of them), NotFound, Stale
    (somebody decided on one of them since).
    """
    person, at = require(by, Right.JUDGE), queries.moment(session)
    if note is not None and note.target not in [text.target for text in rest]:
        raise BadInput(f"the note is on {note.target.kind} {note.target.id}, which doesn't wait; save it by itself")
    for text in rest:
        _check_waits(session, text.target, person, seen_of, token)
    rows = [
        judge(
            session,
            text.target,
            Act.ACCEPT,
            by=by,
            note=note.words if note is not None and note.target == text.target else None,
            token=f"{token}/{text.target.id}",
            seen=text.seen,
            seen_of=seen_of,
            circumstances=replace(circumstances, committee=text.committee),
            follow=False,
            at=at,
        )
        for text in rest
    ]
    standing.after_judgements(session, rows)
    return rows


def _check_waits(session: Session, target: Target, person: str, seen_of: str | None, token: str) -> None:
    """Refuse a text that somebody decided on, as far as the person sees it, or that they skipped themselves.

    The same press again is no fault: its own judgement stands there then.
    """
    rows = [row for row in queries.history(session, (target.kind, target.id)) if row.counts]
    if any(row.batch == token for row in rows):
        return
    decided = heard((row.judged for row in rows if seen_of in (None, row.judged.person)), VERDICT)
    if decided or (target.kind, target.id) in done_with(rows, person):
        raise BadInput(f"{target.kind} {target.id} doesn't wait for {person}: it is decided, or was skipped")


def take_back(session: Session, rows: Sequence[JudgementRow], *, by: Person) -> list[t.Judgement]:
    """Undo (or redo) what was one act. The undo is one act too.

    Raises: as `judging.undo`.
    """
    at = queries.moment(session)
    with session.no_autoflush:
        undos = [
            undo(
                session,
                row.judged.id,
                by=by,
                token=f"{row.uid}-undo" if len(rows) == 1 else f"{row.batch}-undo/{row.target_id}",
                follow=False,
                at=at,
            )
            for row in rows
        ]
    standing.after_judgements(session, undos)
    return undos


def undoable(rows: Iterable[JudgementRow], person: str) -> tuple[JudgementRow, ...]:
    """What undo takes back: the person's latest act in force, or the redo that brought it back."""
    mine = [row for row in rows if row.judged.person == person]
    undos = _undos(mine)
    return _latest_act(mine, (row for row in reversed(mine) if row.judged.id not in undos))


def redoable(rows: Iterable[JudgementRow], person: str) -> tuple[JudgementRow, ...]:
    """What redo takes back: the person's latest undo in force, as long as they have done nothing new since."""
    mine = [row for row in rows if row.judged.person == person]
    undos = _undos(mine)
    since = takewhile(lambda row: row.judged.undoes is not None, reversed(mine))
    return _latest_act(mine, (row for row in since if row.judged.id in undos))


def _undos(mine: Iterable[JudgementRow]) -> set[int]:
    """The undos among the judgements, and what undoes a redo; a redo is an undo's undo."""
    found: set[int] = set()
    for row in mine:
        if row.judged.undoes is not None and row.judged.undoes not in found:
            found.add(row.judged.id)
    return found


def _latest_act(mine: Sequence[JudgementRow], among: Iterable[JudgementRow]) -> tuple[JudgementRow, ...]:
    """The act of the first of these that nobody took back."""
    undone = {row.judged.undoes for row in mine}
    found = next((row for row in among if row.judged.id not in undone), None)
    if found is None:
        return ()
    return tuple(row for row in mine if row.batch == found.batch and row.judged.id not in undone)
