"""Refit what orders an exam's combined queue to what people decided there; it orders where it is the better one.

    is_due(session, exam_id)                 -> True: 25 rationales more are decided than the 100 of the last refit
    refit = refit_order(plan_refit(session, exam_id))
    refit.people_fit                         -> PeopleFit(fit, "9c…", True, "Brier score 0.112, not 0.163; …")
    store_refit(session, exam_id, refit)     # verdicts and policies stay as they are

Both orders are measured on the same rationales that people decided, the new one by fits without the question that it is
asked about. It is better where its Brier score is lower and it has no fewer wrong verdicts among its first ones: people
judge along the queue, so what they decided is no random sample, and a lower Brier score alone may only say so.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlmodel import Session

from mapd.curation import live_set, saved_policies, snapshots
from mapd.curation.fitting import LEAST_OF_EACH, LEAST_QUESTIONS, FitSource, fit_table, make_table
from mapd.curation.inputs import Voices, list_inputs
from mapd.curation.labels import LabelCandidate, Labels, label_by_people, leave_out_sealed, list_candidates
from mapd.curation.leakage import find_sealed
from mapd.curation.order_fits import OrderFit, PeopleFit
from mapd.domain import Verdict
from mapd.errors import BadInput
from mapd.review.priority import weigh_doubt
from mapd.review.queue_index.reordering import change_order
from mapd.store import db, queries, queue_index
from mapd.store import tables as t

# As many more decided rationales than at the last refit, and at least so many, make the next one due.
MORE_SHARE, LEAST_MORE = 0.25, 20


@dataclass(frozen=True, slots=True)
class RefitPlan:
    """What a refit needs. `judged`: the rationales that people decided, as the queue index counts them."""

    candidates: Sequence[LabelCandidate]
    labels: Labels
    source: FitSource
    base: OrderFit
    judged: int


@dataclass(frozen=True, slots=True)
class OrderRefit:
    """What came of a refit: a fit with its comparison, or why there is none."""

    judged: int
    people_fit: PeopleFit | None
    why: str


def is_due(session: Session, exam_id: int) -> bool:
    """Return whether people decided enough more than at the last refit, or enough of that counts no more.

    It reads the queue index alone.
    """
    row, people = session.get(t.StandingExam, exam_id), queue_index.count_people(session, exam_id)
    if row is None:
        return False
    # Judgements were taken back or set aside: the order isn't theirs any more.
    if row.judged and people.number <= row.judged - max(LEAST_MORE, MORE_SHARE * row.judged):
        return True
    if min(people.right, people.wrong) < LEAST_OF_EACH or people.questions < LEAST_QUESTIONS:
        return False
    return people.number >= row.judged + max(LEAST_MORE if row.judged else 0, MORE_SHARE * row.judged)


def plan_refit(session: Session, exam_id: int) -> RefitPlan:
    """Read what people decided, and what orders without it. Raises: NotFound."""
    exam, curated = queries.exam(session, exam_id), live_set.load_curated(session, exam_id)
    candidates = list_candidates([curated])
    held_out = find_sealed(snapshots.list_held_out(session))
    labels = leave_out_sealed(label_by_people(candidates), candidates, held_out)
    moment = db.clock(session).isoformat(timespec="seconds")
    source = FitSource((exam.uid,), queries.teacher_uids(session), uses_gold=True, fitted_at=moment)
    base = saved_policies.find_base_fit(session, exam, curated.policy)
    return RefitPlan(candidates, labels, source, base, queue_index.count_people(session, exam_id).number)


def refit_order(plan: RefitPlan) -> OrderRefit:
    """Fit what people decided, and compare both orders on it. No database is needed."""
    try:
        table = make_table(plan.candidates, plan.labels, plan.source.teachers, uses_gold=True)
        probabilities = table.cross_fit()
        fit = fit_table(table, probabilities, plan.labels, plan.source)
    except BadInput as error:
        # Of what is judged some stands in a test split, or all of one kind is of one question: the order stays.
        return OrderRefit(plan.judged, None, str(error))
    # In the table's order.
    labelled = [c for c in plan.candidates if c.x.text.uid in plan.labels.is_right]
    verdicts, old_probabilities = [c.x.committee.verdict for c in labelled], [_apply(plan.base, c) for c in labelled]
    # What each threshold would give is of no use to an order, and the row is read with each window.
    fit = replace(fit, record=replace(fit.record, at=()))
    is_better, comparison = compare(probabilities, old_probabilities, verdicts, table.is_right)
    return OrderRefit(plan.judged, PeopleFit(fit, plan.base.identity, is_better, comparison), comparison)


def _apply(order_fit: OrderFit, c: LabelCandidate) -> float:
    fit = order_fit.choose(c.reading)
    return float(fit.probability(list_inputs(c.reading, c.readings, Voices(fit.reviewers, fit.authors))))


def compare(
    new: Sequence[float], old: Sequence[float], verdicts: Sequence[Verdict], is_right: Sequence[bool]
) -> tuple[bool, str]:
    """Return whether the new probabilities order better than the old ones, and by which figures."""
    briers = [sum((p - label) ** 2 for p, label in zip(ps, is_right, strict=True)) / len(ps) for ps in (new, old)]
    wrong = [_is_wrong(verdict, label) for verdict, label in zip(verdicts, is_right, strict=True)]
    hits = [_count_hits(ps, verdicts, wrong) for ps in (new, old)]
    comparison = (
        f"Brier score {briers[0]:.3f}, not {briers[1]:.3f}; of {sum(wrong):,} wrong verdicts {hits[0]:,}, not "
        f"{hits[1]:,}, among the first {sum(wrong):,}"
    )
    return briers[0] < briers[1] and hits[0] >= hits[1], comparison


def _is_wrong(verdict: Verdict, is_right: bool) -> bool:
    return verdict is (Verdict.REJECTED if is_right else Verdict.ACCEPTED)


def _count_hits(probabilities: Sequence[float], verdicts: Sequence[Verdict], wrong: Sequence[bool]) -> int:
    """Count the wrong verdicts among as many rationales as there are wrong ones, the most doubtful first."""
    doubts = [weigh_doubt(p, verdict) for p, verdict in zip(probabilities, verdicts, strict=True)]
    order = sorted(range(len(doubts)), key=doubts.__getitem__, reverse=True)
    return sum(wrong[place] for place in order[: sum(wrong)])


def store_refit(session: Session, exam_id: int, refit: OrderRefit) -> None:
    """Let the refit order the exam's queue where it is the better one; where it isn't, what orders without it."""

    def write(row: t.StandingExam) -> None:
        row.judged = refit.judged
        row.order_fit = {} if refit.people_fit is None else refit.people_fit.as_dict()

    change_order(session, exam_id, write)
