"""A fit on people's judgements orders the queue where it is better there, and says by which figures."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlmodel import Session

from mapd.checks import State
from mapd.curation import live_set, saved_policies
from mapd.curation.order_fits import OrderFit, PeopleFit, load_default, read_people_fit
from mapd.domain import Act, ExamInfo, Verdict
from mapd.people import owner
from mapd.review import order_refit
from mapd.review.judging import Target, judge
from mapd.review.order_refit import OrderRefit, compare
from mapd.review.priority import estimate_error, explain_error
from mapd.review.queue_index import derivation
from mapd.review.queue_index.derivation import IndexState
from mapd.review.queues import QUEUES
from mapd.store import queries
from mapd.store import tables as t
from tests import samples
from tests.conftest import import_files
from tests.fits import RECORD, make_fit, make_policy
from tests.samples import TEACHERS

ANN = owner("ann")
ACCEPTED, REJECTED = Verdict.ACCEPTED, Verdict.REJECTED


@pytest.mark.parametrize(
    ("new", "old", "is_better", "words"),
    [
        # Surer of what is right, and the wrong one comes first.
        ((0.1, 0.9, 0.9), (0.9, 0.8, 0.9), True, "Brier score 0.010, not 0.287; of 1 wrong verdicts 1, not 0"),
        # Nearer to the share of right ones alone: the same order is no worse, and its probabilities hold.
        ((0.5, 0.6, 0.7), (0.1, 0.2, 0.3), True, "of 1 wrong verdicts 1, not 1"),
        # Nearer, but the wrong one comes later: judged along a queue, that is no better order.
        ((0.6, 0.5, 0.7), (0.1, 0.2, 0.3), False, "of 1 wrong verdicts 0, not 1"),
        ((0.1, 0.9, 0.9), (0.1, 0.9, 0.9), False, "Brier score 0.010, not 0.010"),
    ],
)
def test_better_is_nearer_and_no_later(new: tuple, old: tuple, is_better: bool, words: str) -> None:
    answer, comparison = compare(new, old, (ACCEPTED,) * 3, (False, True, True))
    assert answer is is_better
    assert words in comparison


def test_a_right_one_that_is_rejected_is_a_wrong_verdict_and_an_undecided_one_is_none() -> None:
    verdicts, is_right = (REJECTED, Verdict.UNDECIDED, ACCEPTED), (True, False, True)
    assert "of 1 wrong verdicts 1, not 0" in compare((0.9, 0.9, 0.9), (0.1, 0.1, 0.1), verdicts, is_right)[1]


def test_where_the_default_knows_better_it_stays_and_says_why(session: Session, tmp_path: Path) -> None:
    exam = queries.exam(session, import_files(session, *samples.files(tmp_path, count=36)).exam)
    # People say what the gold check says, which the default reads.
    for x in live_set.load_curated(session, exam.id).rationales:
        is_right = x.states.matches_gold is State.HOLDS
        act, reason = (Act.ACCEPT, None) if is_right else (Act.REJECT, "unclear")
        judge(session, Target("rationale", x.text.id), act, by=ANN, reason=reason, follow=False)
    derivation.derive(session, exam.id)
    session.execute(t.metadata.tables["stale"].delete())
    refit = order_refit.refit_order(order_refit.plan_refit(session, exam.id))
    order_refit.store_refit(session, exam.id, refit)
    assert refit.people_fit is not None
    assert not refit.people_fit.is_better
    assert derivation.find_state(session, exam.id) is IndexState.CURRENT, "nothing is derived for nothing"
    order_fit = saved_policies.find_order_fit(session, exam, saved_policies.exam_policy(session, exam))
    assert order_fit.digest == load_default().digest
    assert f"; a fit on 108 judgements of this exam isn’t better ({refit.why})" in order_fit.name


def test_what_is_in_the_queue_is_no_matter_of_what_people_judged(session: Session, exam: ExamInfo) -> None:
    curated, base = live_set.load_curated(session, exam.id), load_default()
    pessimist = replace(make_fit(TEACHERS), intercept=-20.0)
    smart = QUEUES["smart"]
    for mistake in curated.mistakes:
        ordered = replace(mistake, order_fit=OrderFit("people", pessimist, base=base)).change_texts(
            lambda texts: [replace(x) for x in texts]
        )
        plain = mistake.change_texts(lambda texts: [replace(x) for x in texts])
        uids = [[x.text.uid for x in smart.about(m, 3.0) or ()] for m in (ordered, plain)]
        assert uids[0] == uids[1]
        assert all(estimate_error(ordered, x) > 0.99 for x in ordered.rationales if x.committee.verdict is ACCEPTED)


def keep(session: Session, exam: ExamInfo, judged: int, people_fit: PeopleFit | None = None) -> None:
    order_refit.store_refit(session, exam.id, OrderRefit(judged, people_fit, "why"))


def test_it_is_due_with_a_quarter_more_and_at_least_twenty(
    session: Session, exam: ExamInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_due(right: int, wrong: int, questions: int = 30) -> bool:
        count = order_refit.queue_index.PeopleCount(right, wrong, questions)
        monkeypatch.setattr(order_refit.queue_index, "count_people", lambda *_: count)
        return order_refit.is_due(session, exam.id)

    derivation.derive(session, exam.id)
    assert (is_due(10, 10), is_due(9, 50), is_due(50, 9), is_due(50, 50, 9)) == (True, False, False, False)
    keep(session, exam, 40)
    assert (is_due(30, 29), is_due(30, 30)) == (False, True)
    keep(session, exam, 200)
    assert (is_due(130, 119), is_due(130, 120)) == (False, True)
    # Half of them were set aside: the order isn't that of what counts.
    assert (is_due(100, 50), is_due(100, 51), is_due(2, 1)) == (True, False, True)
    # The index anew forgets neither the count nor the fit; without an index there is nothing to order.
    derivation.derive(session, exam.id)
    assert not is_due(130, 119)
    session.delete(session.get_one(t.StandingExam, exam.id))
    session.flush()
    assert not is_due(500, 500)


def test_it_orders_only_beside_what_it_was_compared_with(session: Session, exam: ExamInfo) -> None:
    fit = make_fit(TEACHERS, record=replace(RECORD, teachers=queries.teacher_uids(session)))
    people_fit = PeopleFit(fit, load_default().digest, True, "Brier score 0.1, not 0.2")
    assert read_people_fit(people_fit.as_dict()) == people_fit
    derivation.derive(session, exam.id)
    keep(session, exam, 40, people_fit)

    def name() -> str:
        info = queries.exam(session, exam.id)
        return saved_policies.find_order_fit(session, info, saved_policies.exam_policy(session, info)).name

    assert name().startswith(f"fitted on 40 judgements of exam {exam.name}, 2026-11-30 03:00 UTC; better than")
    # A teacher's new name makes a fit no other one.
    base = OrderFit("policy", fit)
    renamed = replace(base, fit=fit.rename({uid: f"new {uid}" for uid in fit.record.teachers.values()}))
    assert (renamed.digest == base.digest, renamed.identity == base.identity) == (False, True)
    # A person fits a policy: its act counts, until people judged more.
    saved_policies.save_policy(session, make_policy(TEACHERS, "fair"), by=ANN)
    saved_policies.set_policy(session, exam.id, "fair", None, by=ANN)
    assert name() == "policy fair, version 1"
    # Both orders by a fit: the reason says the probability that orders, beside the one that decided.
    policy = saved_policies.find_policy(session, "fair")
    curated = live_set.load_curated(session, exam.id, policy)
    other = replace(load_default(), without_gold=None)
    mistake = replace(curated.mistakes[0], order_fit=other)
    assert ", P(right) " in explain_error(mistake, mistake.rationales[0])
    assert ", P(right) " not in explain_error(curated.mistakes[0], curated.mistakes[0].rationales[0])
