"""What people decide refits the order of the queue: a job that nobody asks for, on both databases."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from mapd import jobs
from mapd.curation import live_set, saved_policies
from mapd.curation.order_fits import DEFAULT_NAME
from mapd.domain import Act, ExamInfo
from mapd.jobs import JobProgress, kinds, refit_work
from mapd.jobs.work import WorkContext, find_unended
from mapd.people import owner
from mapd.review import order_refit
from mapd.review.judging import Target, judge
from mapd.review.messages import WindowQuery
from mapd.review.queue_index import derivation
from mapd.review.queue_index.derivation import IndexState, find_state
from mapd.review.window import load_window
from mapd.store import db, queries, queue_index
from mapd.store import tables as t
from mapd.store.queue_index import PeopleCount
from tests import samples
from tests.conftest import import_files
from tests.review.test_queue_index import held

ANN = owner("ann")


@pytest.fixture
def exam(engine: sa.Engine, tmp_path: Path) -> ExamInfo:
    """Twelve mistakes, committed."""
    with db.writing(engine) as session:
        return queries.exam(session, import_files(session, *samples.files(tmp_path)).exam)


def decide_all(engine: sa.Engine, exam: ExamInfo, author: str, number: int = 36) -> None:
    """Ann rejects what this teacher wrote and accepts all else, whatever its answer is."""
    with db.writing(engine) as session:
        for x in list(live_set.load_curated(session, exam.id).rationales)[:number]:
            is_right = x.text.teacher != author
            act, reason = (Act.ACCEPT, None) if is_right else (Act.REJECT, "unclear")
            judge(session, Target("rationale", x.text.id), act, by=ANN, reason=reason, follow=False)
    derivation.catch_up_all(engine)


def waiting(engine: sa.Engine) -> list[t.Job]:
    with db.reading(engine) as session:
        rows = list(jobs.list_active(session))
        session.expunge_all()
        return rows


def order(engine: sa.Engine, exam: ExamInfo) -> str:
    with db.reading(engine) as session:
        return load_window(session, ANN, exam.id, WindowQuery(queue="smart")).queue.order or ""


def test_enough_judgements_start_one_refit_and_the_better_order_is_used(
    engine: sa.Engine, exam: ExamInfo, tmp_path: Path
) -> None:
    derivation.catch_up_all(engine)
    assert refit_work.start_due(engine, None) == (None, 0)
    decide_all(engine, exam, "gpt", 20)
    newest = refit_work.start_due(engine, None)
    assert waiting(engine) == [], "eight wrong ones are too few"
    decide_all(engine, exam, "gpt")
    with db.reading(engine) as session:
        assert queue_index.count_people(session, exam.id) == PeopleCount(24, 12, 12)
    with db.writing(engine) as session:
        session.add(t.DirtyQuestion(question_id=1, voted=False))
    assert refit_work.start_due(engine, newest) == newest, "what isn't derived yet is looked for again"
    newest = refit_work.start_due(engine, newest)
    (job,) = waiting(engine)
    assert (job.kind, job.person, job.parameters) == ("refit", "the app", {"exam": exam.uid})
    with db.reading(engine) as session:
        before = live_set.load_curated(session, exam.id)
        assert order(engine, exam) == f"order: {DEFAULT_NAME}"
    telling: list[JobProgress] = []
    result = kinds.read_job(job).run(WorkContext(engine, tmp_path, ANN, telling.append))
    assert (result["judgements"], result["is_used"]) == (36, True)
    assert result["why"].startswith("Brier score 0.0")
    assert telling[-1].in_words == "fitting: 36 of 36, 12 of 12 questions into the queues"
    words = order(engine, exam)
    assert words.startswith(f"order: fitted on 36 judgements of exam {exam.name}, 20")
    assert f"UTC; better than {DEFAULT_NAME} there (Brier score 0.0" in words
    with db.writing(engine) as session:
        assert find_state(session, exam.id) is IndexState.CURRENT
        after = live_set.load_curated(session, exam.id)
        assert [x.verdict for x in after.rationales] == [x.verdict for x in before.rationales]
        assert after.policy == before.policy
        assert not saved_policies.saved_policies(session)
        # Block by block, and in whole, the new order is the same.
        rows = held(session, exam.id)
        derivation.derive(session, exam.id)
        assert held(session, exam.id) == rows
        assert not order_refit.is_due(session, exam.id)
        jobs.end(session, jobs.take(session, "w", calls=True), "done", outcome=result)  # type: ignore[arg-type]
    refit_work.start_due(engine, newest)
    assert waiting(engine) == []


def test_the_queues_stay_open_while_the_order_changes_and_the_same_again_changes_nothing(
    engine: sa.Engine, exam: ExamInfo
) -> None:
    decide_all(engine, exam, "gpt")
    with db.writing(engine) as session:
        refit = order_refit.refit_order(order_refit.plan_refit(session, exam.id))
        order_refit.store_refit(session, exam.id, refit)
        # A job that is killed here leaves marks: an index job, or the resumed one, works them off.
        assert find_state(session, exam.id) is IndexState.BEHIND
    derivation.catch_up(engine, exam.id)
    with db.writing(engine) as session:
        order_refit.store_refit(session, exam.id, order_refit.refit_order(order_refit.plan_refit(session, exam.id)))
        assert find_state(session, exam.id) is IndexState.CURRENT


def test_a_refit_that_failed_waits_for_a_person(engine: sa.Engine, exam: ExamInfo) -> None:
    decide_all(engine, exam, "gpt")
    refit_work.start_due(engine, None)
    with db.writing(engine) as session:
        ref = jobs.take(session, "w", calls=True)
        assert ref is not None
        jobs.end(session, ref, "failed", error="no room")
        assert find_unended(session, "refit", exam.uid) is not None
    refit_work.start_due(engine, None)
    assert waiting(engine) == []
