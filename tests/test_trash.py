"""The trash: what hangs on an exam goes along, what was paid stays, and all of it comes back as it was."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from mapd import committee, jobs, teacher_models, teachers, trash
from mapd.curation import live_set, saved_policies, snapshots
from mapd.curation.summary import summary
from mapd.domain import Act, ExamInfo, RowFilter
from mapd.errors import BadInput, NotFound
from mapd.exchange.archive.outgoing import find_masks, read_records
from mapd.exchange.archive.shapes import travelling_tables
from mapd.people import owner
from mapd.questions import mapping, saved_mappings
from mapd.review import batches, judging, leases, repairs
from mapd.review.judging import Target
from mapd.review.queue_index import derivation
from mapd.store import browse, db, exam_material, judgement_log, queries
from mapd.store import tables as t
from tests import choices, looped, samples
from tests.conftest import import_files
from tests.counting import Count


def content(session: Session, home: Path) -> dict[str, list[dict[str, Any]]]:
    """All that travels, by its uids, in no order: ids are given anew."""
    session.expire_all()
    masks = find_masks(session, home)
    rows = {table.name: read_records(session, table, masks) for table in travelling_tables()}
    return {name: sorted(records, key=lambda r: str(sorted(r.items()))) for name, records in rows.items()}


def number(session: Session, table: type[t.Table]) -> int:
    return session.exec(select(func.count()).select_from(table)).one()


def found(session: Session, exam: int, words: str) -> int:
    """How many rows of an exam the search finds."""
    return browse.count_rows(session, exam, RowFilter(words=words), 300)


@pytest.fixture
def judged(session: Session, exam: ExamInfo) -> ExamInfo:
    """An import with judgements of all kinds, a repair, a snapshot, and somebody who has a mistake open."""
    mistakes = live_set.load_curated(session, exam.id).mistakes
    text, other = (m.rationales[0].text for m in mistakes[:2])
    judging.judge(session, Target("rationale", text.id), Act.REJECT, by=owner("ann"), reason="unclear")
    judging.judge(session, Target("question", mistakes[3].question.id), Act.CORRECT, by=owner("bob"), value="7")
    judging.judge(session, Target("attempt", mistakes[4].attempt.id), Act.REJECT, by=owner("bob"))
    repairs.repair(session, Target("rationale", other.id), "It is 1 + 1 = 2. So 2.", by=owner("ann"), token="x")
    batches.take_back(
        session, batches.find_undoable(judgement_log.judgements(session, exam.id), "bob"), by=owner("bob")
    )
    leases.take(session, owner("ann"), {mistakes[0].attempt.id: 1})
    session.add(t.Exposure(person="ann", explanation_id=text.id))
    snapshots.freeze(session, live_set.load_curated(session, exam.id), by=owner("ann"))
    derivation.derive(session, exam.id)
    return queries.exam(session, exam.id)


def test_an_import_goes_with_all_that_hangs_on_it_and_comes_back(
    session: Session, judged: ExamInfo, home: Path
) -> None:
    before, count = content(session, home), summary(live_set.load_curated(session, judged.id))
    hits = found(session, judged.id, "pens")
    assert hits > 30
    removed = trash.plan_exam_removal(session, judged.name)
    assert removed.kind == "import"
    told = {"exams": 1, "question sets": 1, "questions": 12, "attempts": 12, "students": 1, "feedback": 36}
    assert told.items() <= removed.counts.items()
    assert (removed.counts["rationales"], removed.counts["reviews"], removed.counts["snapshots"]) == (37, 72, 1)
    path = trash.delete(session, home, removed, by=owner("ann"))
    for table in (t.Exam, t.Question, t.Attempt, t.Explanation, t.Review, t.Judgement, t.Snapshot, t.Student, t.Lease):
        assert number(session, table) == 0, table
    index = (t.TextCheck, t.Standing, t.QueueBand, t.QueueEntry, t.QueueSkip, t.StandingExam, t.DirtyQuestion)
    for derived in (*index, t.Exposure):
        assert number(session, derived) == 0, derived
    assert session.execute(sa.text("SELECT count(*) FROM words")).scalar_one() == 0
    assert number(session, t.Teacher) == 4, "they may have other exams, and keep their colours"
    (entry,) = trash.list_files(home)
    assert (entry.file, entry.kind, entry.name, entry.person, entry.counts) == (
        path.name,
        "import",
        judged.name,
        "ann",
        removed.counts,
    )
    _, done = trash.restore(session, home, path.name, by=owner("bob"))
    assert (done.present, done.renamed) == (0, ())
    assert content(session, home) == before
    back = queries.exam(session, judged.uid)
    assert summary(live_set.load_curated(session, back.id)) == count
    derivation.derive_marked(session)
    derivation.derive(session, back.id)
    assert found(session, back.id, "pens") == hits
    acts = [(a.person, a.action) for a in session.exec(select(t.Audit).order_by(col(t.Audit.id).desc()).limit(2)).all()]
    assert acts == [("bob", "restore"), ("ann", "delete")]


def test_what_was_brought_in_again_meanwhile_is_found_there(
    session: Session, judged: ExamInfo, home: Path, tmp_path: Path
) -> None:
    before = content(session, home)
    file = trash.delete(session, home, trash.plan_exam_removal(session, judged.id), by=owner("ann")).name
    again = import_files(session, *samples.files(tmp_path))
    assert (again.new, again.exam) == (True, judged.uid), "nothing of it was left in the way"
    text = next(live_set.load_curated(session, queries.exam(session, again.exam).id).rationales).text
    judging.judge(session, Target("rationale", text.id), Act.ACCEPT, by=owner("zoe"))
    _, done = trash.restore(session, home, file, by=owner("ann"))
    assert done.present > 150
    after = content(session, home)
    assert len(after["judgement"]) == len(before["judgement"]) + 1
    assert {r["uid"] for r in before["judgement"]} < {r["uid"] for r in after["judgement"]}
    assert {r["uid"] for r in after["explanation"]} == {r["uid"] for r in before["explanation"]}
    assert queries.exam(session, judged.uid).name == judged.name


# -- an exam of our own: a ledger, a second exam over the same questions, a finetune ----------------------------------


@pytest.fixture
def round_(engine: sa.Engine) -> sa.Engine:
    """A project that went once round the loop."""
    looped.go_round(engine)
    return engine


def of_training(session: Session) -> ExamInfo:
    return next(e for e in queries.exams(session) if e.split == "train")


def test_of_an_own_exam_what_was_paid_stays_and_nothing_is_asked_twice(round_: sa.Engine, home: Path) -> None:
    with db.writing(round_) as session:
        exam = of_training(session)
        count = Count(session, exam.id, saved_policies.exam_policy(session, exam))
        session.execute(sa.update(t.Call).values(cost_usd=0.01))
        spent, calls = committee.ledger.spent(session, exam.id), number(session, t.Call)
        before, rationales = content(session, home), len(count.each("rationale"))
        removed = trash.plan_exam_removal(session, exam.uid)
        assert removed.kind == "exam"
        assert removed.counts["finetunes"] == removed.counts["snapshots"] == removed.counts["exams"] == 1
        assert not removed.counts.keys() & {"questions", "students", "rationales"}
        stays = " · ".join(removed.stays)
        assert f"the {rationales:,} rationales on its questions" in stays
        assert f"{calls:,} calls in the ledger ($" in stays
        assert "small-tuned" in stays
        file = trash.delete(session, home, removed, by=owner("ann")).name
        assert {e.split for e in queries.exams(session)} == {"dev"}
        assert number(session, t.Call) == calls
        assert number(session, t.Finetune) == number(session, t.FinetuneStep) == number(session, t.Snapshot) == 0
        assert session.exec(select(t.Student).where(t.Student.name == "small-tuned")).one()
        assert session.exec(select(t.Call.exam_id).distinct()).all() == [None]
    with db.writing(round_) as session:
        _, done = trash.restore(session, home, file, by=owner("ann"))
        back = of_training(session)
        assert content(session, home) == before
        assert committee.ledger.spent(session, back.id) == pytest.approx(spent)
        assert done.new > 20


def test_asked_for_again_an_exam_costs_nothing_and_takes_its_old_words_back(round_: sa.Engine, home: Path) -> None:
    with db.writing(round_) as session:
        exam = of_training(session)
        feedback = next(x for x in exam_material.material(session, exam.id).texts if x.kind == "feedback")
        judging.judge(session, Target("feedback", feedback.id), Act.REJECT, by=owner("ann"), reason="other")
        calls, texts = number(session, t.Call), number(session, t.Explanation)
        file = trash.delete(session, home, trash.plan_exam_removal(session, exam.id), by=owner("ann")).name
    asked = looped.train(round_)
    assert asked == exam.uid
    with db.reading(round_) as session:
        models = {row.name: teacher_models.open_model(round_, row) for row in teachers.list_teachers(session)}
    done = committee.collect(round_, exam=asked, teachers=list(models), models=models, by=owner("ann"))
    assert (done.calls_made, done.failed) == (0, 0)
    assert done.calls_reused > 0
    with db.writing(round_) as session:
        assert (number(session, t.Call), number(session, t.Explanation)) == (calls, texts)
        trash.restore(session, home, file, by=owner("ann"))
        assert number(session, t.Explanation) == texts, "the same texts under other uids are the same"
        (row,) = judgement_log.judgements(session, queries.exam(session, asked).id)
        assert (row.judged.person, row.judged.decision) == ("ann", Act.REJECT)


def test_answers_from_elsewhere_go_with_their_student_and_come_back(session: Session, home: Path) -> None:
    exam = choices.fill(session)
    saved_mappings.save(session, "rocks", mapping.parse("answer=Key"), by=owner("ann"))
    before = content(session, home)
    removed = trash.plan_exam_removal(session, exam.id)
    assert removed.counts == {"exams": 1, "attempts": 4, "students": 1, "feedback": 4}
    assert "the question set rocks with the 4 rationales on its questions" in removed.stays
    file = trash.delete(session, home, removed, by=owner("ann")).name
    assert number(session, t.Student) == 0
    trash.restore(session, home, file, by=owner("ann"))
    assert content(session, home) == before
    everything = trash.plan_project_removal(session, "pilot")
    assert everything.counts["mappings"] == 1
    file = trash.delete(session, home, everything, by=owner("ann")).name
    assert not saved_mappings.list_mappings(session)
    trash.restore(session, home, file, by=owner("ann"))
    assert list(saved_mappings.list_mappings(session)) == ["rocks"]


def test_another_exam_over_the_same_questions_is_as_it_was(session: Session, judged: ExamInfo, home: Path) -> None:
    first = session.get_one(t.Exam, judged.id)
    other = t.Exam(name="again", student_id=first.student_id, set_id=first.set_id, split="train", graded_by="ours")
    session.add(other)
    session.flush()
    for q in session.exec(select(t.Question)).all():
        told = {"text": "1", "answer": "1", "outcome": "incorrect", "our_outcome": "incorrect"}
        session.add(t.Attempt(exam_id=queries.identity(other), question_id=queries.identity(q), **told))
    session.flush()
    derivation.derive(session, queries.identity(other))
    count = summary(live_set.load_curated(session, queries.identity(other)))
    removed = trash.plan_exam_removal(session, judged.id)
    assert not removed.counts.keys() & {"questions", "rationales", "students"}, "the other exam asks them"
    trash.delete(session, home, removed, by=owner("ann"))
    assert summary(live_set.load_curated(session, queries.identity(other))) == count
    held = session.exec(select(func.count()).where(t.Standing.kind == "rationale").select_from(t.Standing)).one()
    assert held == count.rationales


def test_a_question_set_goes_with_its_exams_and_its_rationales(round_: sa.Engine, home: Path) -> None:
    with db.writing(round_) as session:
        before, calls = content(session, home), number(session, t.Call)
        removed = trash.plan_questions_removal(session, "demo")
        assert removed.counts["exams"] == 3
        file = trash.delete(session, home, removed, by=owner("ann")).name
        assert number(session, t.Explanation) == number(session, t.Question) == number(session, t.Exam) == 0
        assert number(session, t.Call) == calls
        trash.restore(session, home, file, by=owner("ann"))
        assert content(session, home) == before


def test_the_project_goes_and_comes_back_and_its_ledger_stays(round_: sa.Engine, home: Path) -> None:
    with db.writing(round_) as session:
        jobs.start(session, "demo", {}, by=owner("ann"))
        session.execute(sa.update(t.Job).values(status="done"))
        saved_policies.set_policy(session, of_training(session).id, "strict", 3.5, by=owner("ann"))
        before, calls = content(session, home), number(session, t.Call)
        removed = trash.plan_project_removal(session, "pilot")
        file = trash.delete(session, home, removed, by=owner("ann")).name
        for table in (t.Exam, t.QuestionSet, t.Student, t.Snapshot, t.Job, t.Explanation, t.Judgement):
            assert number(session, table) == 0, table
        assert (number(session, t.Call), number(session, t.Teacher)) == (calls, 3)
        assert trash.list_files(home)[0].name == "pilot"
        trash.restore(session, home, file, by=owner("ann"))
        assert content(session, home) == before


# -- what can't be ----------------------------------------------------------------------------------------------------


def started(kind: str, **parameters: Any) -> Callable[[Session, ExamInfo], str]:
    def start(session: Session, exam: ExamInfo) -> str:
        sha256 = session.exec(select(t.Snapshot.sha256)).first() or ""
        given = {key: value.format(uid=exam.uid, sha256=sha256[:12]) for key, value in parameters.items()}
        return jobs.start(session, kind, given, by=owner("ann")).uid

    return start


@pytest.mark.parametrize(
    "start",
    [
        started("collect", exam="{uid}", teachers="sound"),
        started("exam", student="small", questions="demo", split="train"),
        started("finetune", snapshot="{sha256}"),
        started("demo"),
    ],
)
def test_what_is_worked_on_is_not_deleted(
    round_: sa.Engine, home: Path, start: Callable[[Session, ExamInfo], str]
) -> None:
    with db.writing(round_) as session:
        exam = of_training(session)
        job = start(session, exam)
        for removed in (trash.plan_exam_removal(session, exam.id), trash.plan_project_removal(session, "pilot")):
            with pytest.raises(BadInput, match=f"job {job[:8]} is queued and works on it; nothing was deleted"):
                trash.delete(session, home, removed, by=owner("ann"))
        jobs.cancel(session, job, by=owner("ann"))
        trash.delete(session, home, trash.plan_exam_removal(session, exam.id), by=owner("ann"))


def test_work_on_another_exam_is_no_hindrance(round_: sa.Engine, home: Path) -> None:
    with db.writing(round_) as session:
        jobs.start(session, "exam", {"student": "small", "questions": "demo", "split": "dev"}, by=owner("ann"))
        trash.delete(session, home, trash.plan_exam_removal(session, of_training(session).id), by=owner("ann"))


def test_a_trash_that_cannot_be_written_keeps_everything(session: Session, judged: ExamInfo, home: Path) -> None:
    (home / trash.FOLDER).write_text("in the way")
    before = content(session, home)
    with pytest.raises(BadInput, match=r"the trash can't be written to .*; nothing was deleted"):
        trash.delete(session, home, trash.plan_exam_removal(session, judged.id), by=owner("ann"))
    assert content(session, home) == before


def test_a_file_that_is_none_is_one_line(session: Session, judged: ExamInfo, home: Path) -> None:
    file = trash.delete(session, home, trash.plan_exam_removal(session, judged.id), by=owner("ann"))
    with pytest.raises(NotFound, match=f"the trash holds no file x.zip; it holds {file.name}"):
        trash.restore(session, home, "x.zip", by=owner("ann"))
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match="is no file of the trash, or it is damaged"):
        trash.restore(session, home, file.name, by=owner("ann"))
    assert "is no file of the trash" in trash.list_files(home)[0].fault
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("manifest.json", '{"format": 9}')
    with pytest.raises(BadInput, match="trash format 9, this mapd reads 1; upgrade mapd"):
        trash.restore(session, home, file.name, by=owner("ann"))


def test_what_else_has_its_name_leaves_it_one_with_a_number(session: Session, judged: ExamInfo, home: Path) -> None:
    file = trash.delete(session, home, trash.plan_exam_removal(session, judged.id), by=owner("ann")).name
    session.add(other := t.QuestionSet(name="pens", source="made", sha256="0"))
    session.add(t.Student(name="Tiny-1b", base="x"))
    session.flush()
    assert other.id is not None
    _, done = trash.restore(session, home, file, by=owner("ann"))
    assert done.renamed == ("question_set pens -> pens (2)", "student Tiny-1b -> Tiny-1b (2)")
    assert queries.exam(session, judged.uid).question_set == "pens (2)"
