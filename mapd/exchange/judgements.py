"""People's judgements of an exam as a file: who, when, what, why, and what the committee said at that moment.

    {"person": "ann", "kind": "rationale", "uid": "c1…", "decision": "reject", "reason": "false_step", "note": null,
     "value": null, "marks": [[12, 27]], "role": "annotator", "at": "2026-01-01T10:00:00+00:00", "seconds": 4.2,
     "blind": true, "queue": "smart", "committee": "accepted", "question": "0", "teacher": "gpt",
     "judgement": "9d…", "undoes": null, "undone_by": null, "counts": true,
     "repairs": null, "text": null}

Every judgement is a row, also one that was undone, an undo itself, and one that came with an archive and doesn't count.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from mapd.exchange import row_files
from mapd.exchange.archive.outgoing import one_moment
from mapd.exchange.row_files import Progress, RowsExport
from mapd.people import Person, Right, require
from mapd.store import audit_log, db, judgement_rows, queries
from mapd.store.judgement_rows import JudgementRecord

COLUMNS = (
    *("person", "kind", "uid", "decision", "reason", "note", "value", "marks", "role", "at", "seconds", "blind"),
    *("queue", "committee", "question", "teacher", "judgement", "undoes", "undone_by", "counts", "repairs"),
    "text",
)


def as_row(record: JudgementRecord) -> dict[str, Any]:
    """Return a judgement as the file has it."""
    return record._asdict() | {"at": record.created_at.isoformat(), "blind": not record.revealed}


def export(
    engine: sa.Engine,
    exam: str,
    path: Path,
    *,
    by: Person,
    of_person: str | None = None,
    announce: Callable[[int], None] = lambda _: None,
    progress: Progress = lambda *_: None,
) -> RowsExport:
    """Write an exam's judgements to a .csv or .jsonl. `announce` is told their number before.

    `of_person`: those of one person alone.

    Raises: Forbidden; NotFound; BadUsage for another ending; BadInput where the file can't be written.
    """
    person = require(by, Right.EXPORT)
    with one_moment(engine) as session:
        info = queries.exam(session, exam)
        count = judgement_rows.count_judgements(session, info.id, of_person)
        rows = map(as_row, judgement_rows.iterate_judgements(session, info.id, of_person))
        written = row_files.export_rows(path, COLUMNS, rows, count, announce, progress)
    with db.writing(engine) as session:
        detail = {"format": "judgements", "rows": written.rows, "file": path.name, "sha256": written.sha256}
        audit_log.audit(session, person, "export", f"exam {info.uid}", **detail)
    return written
