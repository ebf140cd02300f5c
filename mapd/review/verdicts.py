"""Verdicts from a file into the project: all of them or none, each as the judgement of the person whom its row names.

    content = verdict_files.read(file)
    plan = verdict_matching.match(session, content, exam="1")
    verdicts.store(session, plan, by=owner("ann"))        -> VerdictImport(new=204, known=12, …)

They keep their times and their people, name the file as their origin, as those of an archive do, and count unless the
importer says that they stand in the history alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from mapd.errors import Stale
from mapd.people import Person, Right, require
from mapd.review import judging, repairs
from mapd.review.verdict_matching import NewVerdict, VerdictPlan
from mapd.review.verdict_targets import BLOCK, blocks
from mapd.store import audit_log, queries
from mapd.store import tables as t


@dataclass(frozen=True, slots=True)
class VerdictImport:
    """What an import did."""

    new: int
    known: int
    counted: int
    conflicts: int
    people: dict[str, int]
    kinds: dict[str, int]


def store(
    session: Session,
    plan: VerdictPlan,
    *,
    by: Person,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> VerdictImport:
    """Write what is new of a file; the same file again adds nothing.

    Raises: Forbidden; BadRows where a row can't come in: then none does; Stale where another import was faster.
    """
    person = require(by, Right.IMPORT_JUDGEMENTS)
    plan.refuse_bad()
    if plan.new or plan.silent:
        try:
            _Writing(session, plan).write(progress)
        # A row's uid comes from its content: two imports of one file write the same uids.
        except sa.exc.IntegrityError as error:
            raise Stale(
                f"somebody brought in judgements of {plan.content.name} at the same moment; nothing was changed: bring "
                "it in again"
            ) from error
        detail: dict[str, Any] = {
            "format": plan.content.format,
            "file": plan.content.name,
            "sha256": plan.content.sha256,
        }
        detail |= {"rows": len(plan.new), "people": plan.people, "counting": plan.counting}
        about = f"exam {plan.exam.uid}" if plan.exam else audit_log.PROJECT
        audit_log.audit(session, person, "import judgements", about, **detail)
        session.flush()
    return VerdictImport(len(plan.new), plan.known, plan.counted, plan.conflicts, plan.people, plan.kinds)


class _Writing:
    def __init__(self, session: Session, plan: VerdictPlan) -> None:
        self.session, self.plan = session, plan
        self.moment = queries.moment(session)
        # Of those that come in with the file.
        self.repair_ids: dict[str, int] = {}

    def write(self, progress: Callable[[int, int], None]) -> None:
        """Insert the judgements in the order of their times; an undo comes behind what it takes back."""
        self._keep_repairs()
        verdicts = [(self._time_of(place, verdict), place, verdict) for place, verdict in enumerate(self.plan.new)]
        verdicts.sort(key=lambda entry: entry[:2])
        block: dict[str, dict[str, Any]] = {}
        waiting = [(at, verdict) for at, _, verdict in verdicts]
        written, total = 0, len(waiting)
        new_uids = {verdict.uid for verdict in self.plan.new}
        ids: dict[str, int] = self._load_ids({v.row.undoes for v in self.plan.new if v.row.undoes} - new_uids)
        # Each round inserts something, for verdict_matching.py refused undos in a circle.
        while waiting:
            later: list[tuple[datetime, NewVerdict]] = []
            for at, verdict in waiting:
                undoes = verdict.row.undoes
                # An undo holds the id of what it takes back, which that gets when it is inserted.
                if undoes is not None and undoes in block:
                    ids |= self._insert(block)
                    block = {}
                if undoes is not None and undoes not in ids:
                    # A file's times may put an undo first.
                    later.append((at, verdict))
                    continue
                block[verdict.uid] = self._values(verdict, at, ids.get(undoes or ""))
                written += 1
                if len(block) == BLOCK:
                    ids |= self._insert(block)
                    block = {}
                    progress(written, total)
            ids |= self._insert(block)
            block, waiting = {}, later
        progress(written, total)
        for ids_ in blocks(self.plan.silent):
            self.session.execute(sa.update(t.Judgement).where(col(t.Judgement.id).in_(ids_)).values(counts=True))
            # Triggers mark the questions of new judgements; changed ones are marked here.
            queries.mark_stale(self.session, ids_)

    def _keep_repairs(self) -> None:
        """Make the repairs, each behind what it repairs."""
        # Their ids are below 0, and lower for a repair of a repair: so what it repairs is made first.
        for verdict in sorted(self.plan.repairs, key=lambda verdict: -verdict.target.id):
            target = verdict.target
            broken = queries.explanation(self.session, target.kind, target.repairs or "")
            row = repairs.keep(self.session, broken, target.text, verdict.row.repaired_by, target.uid)
            self.repair_ids[target.uid] = queries.identity(row)

    def _time_of(self, place: int, verdict: NewVerdict) -> datetime:
        # What is said here from now on comes behind it. Rows without a time keep their order.
        at = verdict.row.at
        return self.moment + timedelta(microseconds=place) if at is None else min(at, self.moment)

    def _load_ids(self, uids: set[str]) -> dict[str, int]:
        ids: dict[str, int] = {}
        for block in blocks(sorted(uids)):
            query = sa.select(col(t.Judgement.uid), col(t.Judgement.id)).where(col(t.Judgement.uid).in_(block))
            ids |= dict(self.session.execute(query).all())
        return ids

    def _insert(self, block: dict[str, dict[str, Any]]) -> dict[str, int]:
        if not block:
            return {}
        self.session.execute(sa.insert(t.Judgement), list(block.values()))
        return self._load_ids(set(block))

    def _values(self, verdict: NewVerdict, at: datetime, undoes_id: int | None) -> dict[str, Any]:
        row, target = verdict.row, verdict.target
        columns: dict[str, int | None] = dict.fromkeys(("explanation_id", "attempt_id", "question_id"))
        columns[f"{judging.TABLES[target.kind].__tablename__}_id"] = self.repair_ids.get(target.uid, target.id)
        return {
            **columns,
            "uid": verdict.uid,
            "created_at": at,
            "target": target.kind,
            "person": row.person,
            "role": row.role,
            "decision": row.decision.value,
            "reason": row.reason,
            "value": verdict.value,
            "note": (row.note or "").strip() or None,
            "marks": [list(mark) for mark in row.marks],
            "undoes_id": undoes_id,
            "committee": row.committee,
            "queue": row.queue,
            "revealed": not row.is_blind,
            "seconds": row.seconds,
            "token": t.new_uid(),
            "counts": verdict.counts,
            "origin": self.plan.content.sha256,
        }
