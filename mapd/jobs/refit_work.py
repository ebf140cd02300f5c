"""The work that refits the order of an exam's combined queue to what people decided, and what starts it.

    RefitWork(exam="5e…").run(WorkContext(engine, home, by))
    -> {"exam": "5e…", "judgements": 140, "is_used": True, "why": "Brier score 0.112, not 0.163; of 40 wrong …"}

The worker looks now and then whether people decided enough since: no request waits for it, and nobody has to ask.
"""

from typing import Any, ClassVar

import sqlalchemy as sa
from sqlmodel import Session

from mapd import jobs
from mapd.errors import Stopped
from mapd.jobs import JobProgress
from mapd.jobs.work import APP, Work, WorkContext, find_unended, followed_by_index
from mapd.review import order_refit
from mapd.review.order_refit import OrderRefit
from mapd.store import audit_log, db, queries, queue_index
from mapd.store import tables as t


class RefitWork(Work):
    """The order of an exam's queue, refitted to people's judgements. No verdict and no policy changes by it."""

    kind: ClassVar[str] = "refit"
    unit: ClassVar[str] = "judgements"
    awaits: ClassVar[str] = "the fit in work is finished; the order changes as a whole or not at all"
    exam: str

    @property
    def title(self) -> str:
        """Return what it refits."""
        return "Order of the queue, fitted on what people decided"

    def size(self, session: Session) -> int:
        """Return how many rationales people decided."""
        return queue_index.count_people(session, queries.exam(session, self.exam).id).number

    def run(self, run: WorkContext) -> dict[str, Any]:
        """Fit, compare, and have the index follow where the order changes."""
        # Killed once the order is written, its questions have their marks: who looks next has them derived.
        with followed_by_index(run) as followed:
            number, refit = self._refit(followed)
        is_used = refit.people_fit is not None and refit.people_fit.is_better
        return {"exam": self.exam, "judgements": number, "is_used": is_used, "why": refit.why}

    def _refit(self, run: WorkContext) -> tuple[int, OrderRefit]:
        with db.reading(run.engine) as session:
            exam_id = queries.exam(session, self.exam).id
            plan = order_refit.plan_refit(session, exam_id)
        number = len(plan.labels.is_right)
        run.tell(JobProgress("fitting", 0, number))
        refit = order_refit.refit_order(plan)
        if run.stopping():
            raise Stopped(0, number)
        with db.writing(run.engine) as session:
            order_refit.store_refit(session, exam_id, refit)
        run.tell(JobProgress("fitting", number, number))
        return number, refit


# The newest judgement, and how many acts changed which judgements count (beside a few that didn't).
JudgementEdition = tuple[int | None, int]


def start_due(engine: sa.Engine, newest: JudgementEdition | None) -> JudgementEdition | None:
    """Start a refit of each exam that is due and has none yet; return what people did so far, for the next look.

    `newest`: what the last look returned: where nothing came since, nothing is due. Raises: Busy.
    """
    with db.reading(engine) as session:
        latest = queries.newest(session, t.Judgement), audit_log.edition(session)
        if latest == newest:
            return newest
        is_behind = queue_index.count_marked(session) > 0
        # What a test split's questions show is learned by nothing.
        open_exams = [exam for exam in queries.exams(session) if exam.split != "test"]
        exams = [exam.uid for exam in open_exams if order_refit.is_due(session, exam.id)]
        due = [uid for uid in exams if find_unended(session, RefitWork.kind, uid) is None]
    for uid in due:
        with db.writing(engine) as session:
            # Two workers may look at once: the lock lets the second one find the first one's job.
            db.lock(session, jobs.LOCK)
            if find_unended(session, RefitWork.kind, uid) is None:
                jobs.start(session, RefitWork.kind, RefitWork(exam=uid).model_dump(), by=APP)
    # What the index doesn't know yet isn't counted: one looks again.
    return newest if is_behind else latest
