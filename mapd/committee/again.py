"""Ask the exam's latest committee again, for what is missing since some of its calls failed.

plan_retry(session, exam_id)   -> Retry(teachers=("mini", "ash"), samples=1, budget=2.0, failed=3, estimate=…)
"""

from dataclasses import dataclass

from sqlmodel import Session, col, select

from mapd.committee import estimate
from mapd.committee.estimate import Estimate
from mapd.store import ledger, queries
from mapd.store import tables as t


@dataclass(frozen=True, slots=True)
class Retry:
    """A further start. `failed`: calls that gave no text and stand so; `estimate`: of all that is missing."""

    teachers: tuple[str, ...]
    samples: int
    cut_off: bool
    concurrency: int | None
    budget: float | None
    failed: int
    estimate: Estimate


def plan_retry(session: Session, exam: str | int) -> Retry | None:
    """Return a further start of the exam's latest committee; None where none of its calls failed for good."""
    info = queries.exam(session, exam)
    acts = select(t.Audit).where(t.Audit.action == "collect", t.Audit.target == f"exam {info.uid}")
    act = session.exec(acts.order_by(col(t.Audit.id).desc())).first()
    if act is None:
        return None
    names = select(t.Teacher.name).where(col(t.Teacher.name).in_(act.detail["teachers"]), ~col(t.Teacher.disabled))
    enabled = set(session.exec(names))
    teachers = tuple(name for name in act.detail["teachers"] if name in enabled)
    # A rationale that failed has no reviews either: the estimate below counts these too.
    failed = ledger.unmended(session, info.id, teachers)
    if not failed:
        return None
    samples, cut_off = act.detail["samples"], act.detail["cut_off"]
    cost = estimate.estimate_calls(session, info.id, teachers, samples, cut_off=cut_off)
    retry = Retry(teachers, samples, cut_off, act.detail["concurrency"], act.detail["budget"], failed, cost)
    return retry if retry.estimate.calls else None
