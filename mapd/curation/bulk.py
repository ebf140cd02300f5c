"""One act on many texts: all of them or none, and one undo takes all of it back.

    judge_all(session, chosen(said, "rationale"), Act.REJECT, by="ann", reason="no_work")  -> 76 judgements
    take_back(session, undoable(rows, "ann"), by="ann")                                  -> 76 more, that cancel them

Each text gets a judgement of its own; what belongs to one act shares what stands before the "/" of its token.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlmodel import Session

from mapd.curation.judging import Circumstances, Target, judge, undo
from mapd.store import tables as t
from mapd.store.listing import Said
from mapd.store.queries import JudgementRow
from mapd.verdicts import Act, in_force

QUEUE = "bulk"  # what such a judgement has as its queue


@dataclass(frozen=True, slots=True)
class Chosen:
    """A text as it was shown: the latest judgement on it (0 = none), what the committee said."""

    target: Target
    seen: int
    committee: str


def chosen(said: Iterable[Said], kind: str) -> list[Chosen]:
    """These texts of one kind as they stand."""
    return [Chosen(Target(kind, x.explanation_id), x.latest, x.committee) for x in said]


def token_of(chosen: Sequence[Chosen], decision: Act, person: str) -> str:
    """The act's token: the same press twice is one act, another after an undo is another."""
    what = repr((person, decision.value, [(c.target.id, c.seen) for c in chosen]))
    return f"{QUEUE}-{hashlib.sha256(what.encode()).hexdigest()[:32]}"


def judge_all(
    session: Session,
    chosen: Sequence[Chosen],
    decision: Act,
    *,
    by: str,
    reason: str | None = None,
    note: str | None = None,
) -> list[t.Judgement]:
    """Record the decision on every text.

    Raises: BadInput (a reason that doesn't fit), NotFound, Stale (somebody decided on one of them since).
    """
    token = token_of(chosen, decision, by)
    return [
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
        )
        for one in chosen
    ]


def take_back(session: Session, rows: Sequence[JudgementRow], *, by: str) -> list[t.Judgement]:
    """Undo (or redo) what was one act. The undo is one act too."""
    return [
        undo(
            session,
            row.judged.id,
            by=by,
            token=f"{row.uid}-undo" if len(rows) == 1 else f"{row.batch}-undo/{row.target_id}",
        )
        for row in rows
    ]


def undoable(rows: Iterable[JudgementRow], person: str) -> tuple[JudgementRow, ...]:
    """What undo takes back: the person's latest act in force, or the rows that brought it back last."""
    mine = [row for row in rows if row.judged.person == person]
    standing = in_force(row.judged for row in mine)
    if not standing:
        return ()
    undone_by = {row.judged.undoes: row for row in mine}
    found = next(row for row in mine if row.judged.id == standing[-1].id)
    while found.judged.id in undone_by:
        found = undone_by[found.judged.id]
    return tuple(row for row in mine if row.batch == found.batch and row.judged.id not in undone_by)


def redoable(rows: Iterable[JudgementRow], person: str) -> tuple[JudgementRow, ...]:
    """What redo takes back: the person's very latest act, where it is an undo (and not the undo of an undo)."""
    mine = {row.judged.id: row for row in rows if row.judged.person == person}
    row = latest = list(mine.values())[-1] if mine else None
    undone = False
    while row is not None and row.judged.undoes is not None:
        row, undone = mine[row.judged.undoes], not undone
    return tuple(row for row in mine.values() if latest and row.batch == latest.batch) if undone else ()
