"""All that a person said of an exam. Rows are only added, so what was read is kept, and only the new ones are read.

    load(session, exam_id, "ann")[-1]     -> ann's latest judgement on the exam

A process that serves many keeps a few hundred people's.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

from sqlmodel import Session

from mapd.store import queries
from mapd.store.queries import JudgementRow

LATE = 20  # ids: on PostgreSQL a row may be committed after one with a higher id
MOST = 200  # people that are kept
Rows = tuple[JudgementRow, ...]


@dataclass(frozen=True, slots=True)
class _Kept:
    rows: Rows
    brought: int  # judgements of theirs that came with an archive and count


_KEPT: OrderedDict[tuple[str, int, str, int], _Kept] = OrderedDict()
_LOCK = Lock()


def load(session: Session, exam_id: int, person: str) -> Sequence[JudgementRow]:
    """Return every judgement of the person on the exam that counts, oldest first.

    Not for a session that has written judgements: what isn't committed may never be.
    """
    key = (str(session.connection().engine.url), exam_id, person, queries.edition(session))
    with _LOCK:
        kept = _KEPT.get(key, _Kept((), 0))
    brought = queries.count_brought(session, person)
    known = {row.judged.id: row for row in kept.rows} if brought == kept.brought else {}
    since = max(known, default=0) - LATE
    fresh = {row.judged.id: row for row in queries.judgements_by(session, exam_id, person, since=since)}
    if any(id_ > since and (id_ not in fresh or fresh[id_].uid != row.uid) for id_, row in known.items()):
        known = {}  # another database stands at this address by now
        fresh = {row.judged.id: row for row in queries.judgements_by(session, exam_id, person)}
    if brought != kept.brought or fresh.keys() - known.keys() or len(known) != len(kept.rows):
        rows = sorted((known | fresh).values(), key=lambda row: (row.created_at, row.judged.id))  # as a merge has them
        kept = _Kept(tuple(rows), brought)
    with _LOCK:
        _KEPT[key] = kept
        _KEPT.move_to_end(key)
        while len(_KEPT) > MOST:
            _KEPT.popitem(last=False)
    return kept.rows
