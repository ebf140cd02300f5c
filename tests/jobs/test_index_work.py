"""The queue index is derived by who wrote the rows, or by one job: never by who reads."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import select

from mapd import jobs
from mapd.curation import saved_policies
from mapd.domain import Act, ExamInfo
from mapd.errors import Stopped
from mapd.jobs import AttemptRef, JobProgress, kinds
from mapd.jobs.kinds import IndexWork
from mapd.jobs.work import WorkContext, followed_by_index
from mapd.people import owner
from mapd.review import judging
from mapd.review.judging import Target
from mapd.review.queue_index import derivation
from mapd.review.queue_index.derivation import IndexState, find_state
from mapd.settings import Settings
from mapd.store import db, queries, queue_index
from mapd.store import tables as t
from tests import looped, samples
from tests.commands import Mapd
from tests.conftest import import_files
from tests.review.test_queue_index import held


@pytest.fixture
def exam_of(engine: sa.Engine, tmp_path: Path) -> ExamInfo:
    """Twelve mistakes, committed, and not derived."""
    with db.writing(engine) as session:
        return queries.exam(session, import_files(session, *samples.files(tmp_path)).exam)


@pytest.fixture
def blocks_of_five(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derivation, "BLOCK", 5)
    monkeypatch.setattr(derivation, "PAUSE_S", 0)


def state(engine: sa.Engine, exam: ExamInfo) -> IndexState:
    with db.reading(engine) as session:
        return find_state(session, exam.id)


def work(engine: sa.Engine, home: Path, exam: ExamInfo, **more: object) -> WorkContext:
    context = WorkContext(engine, home, owner("ann"), **more)
    IndexWork(exam=exam.uid).run(context)
    return context


def is_as_derived_in_whole(engine: sa.Engine, exam: ExamInfo) -> None:
    with db.writing(engine) as session:
        rows = held(session, exam.id)
        assert rows["queued"]
        derivation.derive(session, exam.id, measure=False)
        assert held(session, exam.id) == rows


@pytest.mark.usefixtures("blocks_of_five")
def test_a_job_derives_block_by_block_and_tells_how_far_it_is(engine: sa.Engine, home: Path, exam_of: ExamInfo) -> None:
    told: list[JobProgress] = []
    assert state(engine, exam_of) is IndexState.MISSING
    work(engine, home, exam_of, tell=told.append)
    assert state(engine, exam_of) is IndexState.CURRENT
    assert [p.completed for p in told] == sorted(p.completed for p in told)
    assert len(told) > 3
    is_as_derived_in_whole(engine, exam_of)


@pytest.mark.usefixtures("blocks_of_five")
def test_stopped_in_the_middle_judgements_follow_and_the_next_job_does_the_rest(
    engine: sa.Engine, home: Path, exam_of: ExamInfo
) -> None:
    def is_in_part() -> bool:
        with db.reading(engine) as session:
            return bool(session.exec(select(t.Standing.id)).first())

    with pytest.raises(Stopped):
        work(engine, home, exam_of, stopping=is_in_part)
    with db.reading(engine) as session:
        missing = queue_index.list_missing(session, exam_of.id, 0, 100)
        texts = {x.question_id: x for x in session.exec(select(t.Explanation))}
    assert len(missing) == 7
    assert state(engine, exam_of) is IndexState.MISSING, "a part is not shown"
    for question in (missing[0], min(texts.keys() - set(missing))):
        target = Target(texts[question].kind, queries.identity(texts[question]))
        with db.writing(engine) as session:
            judging.judge(session, target, Act.REJECT, by=owner("ann"))
    told: list[JobProgress] = []
    work(engine, home, exam_of, tell=told.append)
    assert min(p.completed for p in told) > 5, "it goes on from there"
    assert state(engine, exam_of) is IndexState.CURRENT
    is_as_derived_in_whole(engine, exam_of)


@pytest.mark.usefixtures("blocks_of_five")
def test_other_rules_while_it_is_derived_begin_it_anew(engine: sa.Engine, home: Path, exam_of: ExamInfo) -> None:
    def change(_: JobProgress) -> None:
        with db.writing(engine) as session:
            saved_policies.set_policy(session, exam_of.id, "strict", None, by=owner("ann"))

    work(engine, home, exam_of, tell=change)
    assert state(engine, exam_of) is IndexState.CURRENT
    is_as_derived_in_whole(engine, exam_of)


def test_one_job_waits_at_most_and_the_next_takes_its_place(engine: sa.Engine, home: Path, exam_of: ExamInfo) -> None:
    uid = kinds.prepare_index(engine, exam_of.id)
    assert kinds.prepare_index(engine, exam_of.id) == uid
    with db.writing(engine) as session:
        (job,) = jobs.list_jobs(session)
        assert (job.uid, job.kind, job.person, job.parameters) == (uid, "index", "the app", {"exam": exam_of.uid})
        ref = jobs.take(session, "w", calls=True)
        assert ref == AttemptRef(job.uid, 1), "it doesn't wait behind a finetune"
        result = kinds.read_job(job)
        jobs.end(session, ref, "done", outcome={"exam": exam_of.uid, "questions": 12})
    assert result.run(WorkContext(engine, home, owner("ann"))) == {"exam": exam_of.uid, "questions": 12}
    assert kinds.prepare_index(engine, exam_of.id) not in (uid, None)


def test_a_job_that_failed_stays_until_somebody_resumes_it(engine: sa.Engine, exam_of: ExamInfo) -> None:
    uid = kinds.prepare_index(engine, exam_of.id)
    with db.writing(engine) as session:
        ref = jobs.take(session, "w", calls=True)
        assert ref is not None
        jobs.end(session, ref, "failed", error="no room")
    assert kinds.prepare_index(engine, exam_of.id) == uid


def test_where_work_brings_rows_no_job_is_started_beside_it(engine: sa.Engine, home: Path, exam_of: ExamInfo) -> None:
    work(engine, home, exam_of)
    with db.writing(engine) as session:
        jobs.start(session, "collect", {"exam": exam_of.uid}, by=owner("ann"))
        jobs.take(session, "w", calls=True)
        session.add(t.DirtyQuestion(question_id=1, voted=False))
    assert state(engine, exam_of) is IndexState.BEHIND
    assert kinds.prepare_index(engine, exam_of.id) is None


def test_the_index_follows_work_now_and_then_and_at_its_end(
    engine: sa.Engine, home: Path, exam_of: ExamInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mapd.jobs.work.FOLLOW_S", 0.01)
    told: list[JobProgress] = []
    with followed_by_index(WorkContext(engine, home, owner("ann"), tell=told.append)) as run:
        run.tell(JobProgress("exam", 5, 12))
        while state(engine, exam_of) is not IndexState.CURRENT:
            pass
        monkeypatch.setattr("mapd.jobs.work.FOLLOW_S", 1000)
        with db.writing(engine) as session:
            saved_policies.set_policy(session, exam_of.id, "strict", None, by=owner("ann"))
    assert state(engine, exam_of) is IndexState.CURRENT
    assert {(p.stage, p.completed, p.total) for p in told} == {("exam", 5, 12)}, "a pace is measured by its numbers"


def test_commands_leave_an_index_that_is_up_to_date(mapd: Mapd, tmp_path: Path) -> None:
    feedback, rationales = map(str, samples.files(tmp_path))
    uid = mapd("import", "authors", "--feedback", feedback, "--rationales", rationales, "--json").json["exam"]
    engine = db.open_store(Settings())

    def is_current() -> bool:
        with db.reading(engine) as session:
            return all(find_state(session, e.id) is IndexState.CURRENT for e in queries.exams(session))

    assert is_current()
    assert mapd("people", "want", "--exam", uid, "--judgements", "2").code == 0
    assert is_current()


@pytest.mark.usefixtures("scripted")
def test_an_exam_leaves_an_index_that_is_up_to_date(home: Path) -> None:
    engine = db.open_store(Settings())
    looped.go_round(engine)
    work_ = kinds.ExamWork(student="small", questions=looped.SET, split="train", seed=7, temperature=1.0)
    result = work_.run(WorkContext(engine, home, owner("ann")))
    with db.reading(engine) as session:
        assert find_state(session, queries.exam(session, result["exam"]).id) is IndexState.CURRENT
