"""All that a person said of an exam. Rows are only added, so what was read is kept, and only the new ones are read.

    load(session, exam_id, "ann")[-1]     -> ann's latest judgement on the exam

A process that serves many keeps a few hundred people's.
"""

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

from sqlmodel import Session

from mapd.domain import JudgementRow
from mapd.store import audit_log, judgement_log

# Ids that are read again each time: on PostgreSQL a row may be committed after one with a higher id.
LATE = 20
MOST = 200  # people that are kept
Rows = tuple[JudgementRow, ...]


# Beside a person's judgements so many of them as came with an archive and count.
_CACHE: OrderedDict[tuple[str, int, str, int], tuple[Rows, int]] = OrderedDict()
_LOCK = Lock()


def load(session: Session, exam_id: int, person: str) -> Sequence[JudgementRow]:
    """Return every judgement of the person on the exam that counts, oldest first.

    Not for a session that has written judgements: what isn't committed may never be.
    """
    key = (str(session.connection().engine.url), exam_id, person, audit_log.edition(session))
    with _LOCK:
        rows, from_archive = _CACHE.get(key, ((), 0))
    brought = judgement_log.count_imported_judgements(session, person)
    rows_by_id = {row.judged.id: row for row in rows} if brought == from_archive else {}
    since = max(rows_by_id, default=0) - LATE
    fresh = {row.judged.id: row for row in judgement_log.judgements_by(session, exam_id, person, since=since)}
    # A known row that is gone or another one: another database stands at this address by now.
    if any(id_ > since and (id_ not in fresh or fresh[id_].uid != row.uid) for id_, row in rows_by_id.items()):
        rows_by_id = {}
        fresh = {row.judged.id: row for row in judgement_log.judgements_by(session, exam_id, person)}
    if brought != from_archive or fresh.keys() - rows_by_id.keys() or len(rows_by_id) != len(rows):
        # By time first: after a merge of archives ids tell no time.
        rows = tuple(sorted((rows_by_id | fresh).values(), key=lambda row: (row.created_at, row.judged.id)))
    with _LOCK:
        _CACHE[key] = rows, brought
        _CACHE.move_to_end(key)
        while len(_CACHE) > MOST:
            _CACHE.popitem(last=False)
    return rows
