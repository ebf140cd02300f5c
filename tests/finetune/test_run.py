"""A finetune in the project: one row, a row a step, a new student; broken off and started again, all of it once."""

import json
import shutil
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from safetensors.torch import load_file
from sqlmodel import col, select

from mapd import students
from mapd.curation import live_set, snapshots
from mapd.curation.pairs import Texts
from mapd.doctor import examine
from mapd.domain import Act
from mapd.errors import BadInput, NotFound
from mapd.finetune import loss
from mapd.finetune import run as finetune
from mapd.finetune.examples import examples
from mapd.finetune.hyperparameters import Hyperparameters, TrainingStep
from mapd.jobs import kinds
from mapd.jobs.work import WorkContext
from mapd.models import weights
from mapd.people import owner
from mapd.review.judging import Target, judge
from mapd.settings import Settings
from mapd.store import audit_log, claims, db, finetunes, queries
from mapd.store import snapshots as stored
from mapd.store import tables as t
from tests import samples
from tests.conftest import import_files
from tests.finetune import tiny

GIVEN = Hyperparameters(epochs=2, batch=4, rank=2, max_length=2000)


@pytest.fixture
def sha256(engine: sa.Engine, tmp_path: Path) -> str:
    """A snapshot of the twelve imported mistakes, and a tiny student named "tiny" to teach."""
    with db.writing(engine) as session:
        info = queries.exam(session, import_files(session, *samples.files(tmp_path)).exam)
        frozen = snapshots.freeze(session, live_set.load_curated(session, info.id), by=owner("ann"))
        students.add(session, "tiny", path=tiny.save(tmp_path / "tiny"), by=owner("ann"))
        return frozen.sha256


def run(engine: sa.Engine, sha256: str, **changed: Any) -> finetune.Finetuned:
    given = {
        "student": "tiny",
        "hyperparameters": GIVEN,
        "by": owner("Ann"),
        "home": Settings().make_home(),
        **changed,
    }
    return finetune.run(engine, snapshot_sha=sha256, **given)


def adapter(student: t.Student) -> dict[str, Any]:
    assert student.adapter is not None
    loaded: dict[str, Any] = load_file(Settings().home / student.adapter / "adapter_model.safetensors")
    return loaded


def test_makes_a_student_with_its_history(engine: sa.Engine, sha256: str) -> None:
    heard: list[TrainingStep] = []
    done = run(engine, sha256, progress=heard.append, arm="paper")
    with db.reading(engine) as session:
        row = session.exec(select(t.Finetune)).one()
        new, parent = students.get(session, done.student), students.get(session, "tiny")
        steps = session.exec(select(t.FinetuneStep).order_by(col(t.FinetuneStep.step))).all()
        acts = session.exec(select(t.Audit).where(t.Audit.action == "finetune")).all()
        frozen = queries.snapshot(session, sha256)
    assert (done.pairs, done.steps, done.cut, done.left_out) == (frozen.pairs, GIVEN.steps(frozen.pairs), 0, 0)
    assert (new.name, new.base, new.parent_id, new.round) == (done.name, parent.base, parent.id, parent.round + 1)
    assert (new.snapshot_sha256, new.adapter) == (sha256, f"finetunes/{row.uid}/adapter")
    assert done.name == f"tiny-{row.uid[:6]}"
    assert (row.student_id, row.alpha, row.seed, row.arm) == (new.id, 0.5, 0, "paper")
    assert GIVEN.as_dict() == {**row.hyperparameters, "alpha": row.alpha, "seed": row.seed}
    assert [step.step for step in steps] == [step.step for step in heard] == list(range(1, done.steps + 1))
    assert [step.loss_rationale for step in steps] == [step.loss_rationale for step in heard]
    assert done.seconds == round(sum(step.seconds for step in steps), 1)
    assert [(act.person, act.target, act.detail["pairs"]) for act in acts] == [
        ("ann", f"student {new.uid}", done.pairs)
    ]
    assert adapter(new)


def test_the_same_finetune_is_done_once(engine: sa.Engine, sha256: str) -> None:
    done = run(engine, sha256)
    heard: list[TrainingStep] = []
    assert run(engine, sha256[:9], progress=heard.append, by=owner("bob")) == done
    assert heard == []
    others: list[dict[str, Any]] = [
        {"hyperparameters": Hyperparameters(epochs=1, batch=8, rank=2, max_length=2000)},
        {"arm": "strict"},
    ]
    assert len({done.student, *(run(engine, sha256, **other).student for other in others)}) == 3
    with db.reading(engine) as session:
        assert len(session.exec(select(t.Finetune)).all()) == 3
        assert len(session.exec(select(t.Audit).where(t.Audit.action == "finetune")).all()) == 3


def test_broken_off_and_started_again_each_step_is_there_once(engine: sa.Engine, sha256: str, tmp_path: Path) -> None:
    whole = run(engine, sha256, home=tmp_path / "elsewhere")
    with db.writing(engine) as session:  # as it was before
        losses = [(s.step, s.loss_feedback) for s in session.exec(select(t.FinetuneStep)).all()]
        for table in (t.FinetuneStep, t.Finetune):
            session.exec(sa.delete(table))  # type: ignore[call-overload]
        session.delete(students.get(session, whole.student))

    def break_off(step: TrainingStep) -> None:
        if step.step == 6:  # the checkpoint is at 5
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(engine, sha256, progress=break_off)
    with db.reading(engine) as session:
        assert len(session.exec(select(t.FinetuneStep)).all()) == 6
        assert session.exec(select(t.Finetune)).one().student_id is None
    heard: list[TrainingStep] = []
    assert run(engine, sha256, progress=heard.append).student == whole.student
    assert heard[0].step == 6
    with db.reading(engine) as session:
        assert [(s.step, s.loss_feedback) for s in session.exec(select(t.FinetuneStep)).all()] == losses
        found = adapter(students.get(session, whole.student))
    unbroken = load_file(tmp_path / "elsewhere" / "finetunes" / whole.student / "adapter" / "adapter_model.safetensors")
    assert all(found[name].equal(unbroken[name]) for name in unbroken)


def test_the_next_round_trains_the_adapter_on(engine: sa.Engine, sha256: str) -> None:
    first = run(engine, sha256)
    second = run(engine, sha256, student=first.name)
    with db.reading(engine) as session:
        new, parent = students.get(session, second.student), students.get(session, first.student)
        assert (new.round, new.parent_id, new.base) == (2, parent.id, parent.base)
        one, other = adapter(parent), adapter(new)
    assert one.keys() == other.keys()
    assert not any(one[name].equal(other[name]) for name in one)


def test_what_cannot_be_is_refused_and_leaves_no_row(engine: sa.Engine, sha256: str) -> None:
    with pytest.raises(BadInput, match="import, without weights"):
        run(engine, sha256, student=None)  # the exam's own student
    with pytest.raises(NotFound, match="no snapshot begins with 'zz'"):
        run(engine, "zz")
    with pytest.raises(NotFound, match="unknown student: nobody"):
        run(engine, sha256, student="nobody")
    with pytest.raises(BadInput, match="no pair of the snapshot has room"):
        run(engine, sha256, hyperparameters=Hyperparameters(max_length=16))
    with db.writing(engine) as session:
        row = queries.snapshot(session, sha256)
        row.manifest = row.manifest | {"format": 7}
        row.sha256 = newer = stored.sha256(stored.manifest_text(row.manifest))
    with pytest.raises(BadInput, match="of format 7"):
        run(engine, newer)
    with db.reading(engine) as session:
        assert session.exec(select(t.Finetune)).all() == []


def test_a_refused_finetune_leaves_no_finetune_of_no_steps(
    engine: sa.Engine, sha256: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run(engine, sha256)
    with pytest.raises(BadInput, match="has rank 2, not 4"):  # only the loaded adapter says so
        run(engine, sha256, student=done.student, hyperparameters=Hyperparameters(rank=4, max_length=2000))
    monkeypatch.setattr(loss, "can_pack", lambda *_: False)
    with pytest.raises(BadInput, match="can't be trained on rows that share a prompt"):
        run(engine, sha256, hyperparameters=Hyperparameters(rank=8, max_length=2000))
    with db.reading(engine) as session:
        assert len(finetunes.finetunes(session)) == 1


def test_an_adapter_is_the_one_that_its_finetune_wrote(engine: sa.Engine, sha256: str) -> None:
    done, home = run(engine, sha256), Settings().home
    with db.reading(engine) as session:
        student = students.get(session, done.student)
    assert student.adapter_sha256 == weights.fingerprint(home / str(student.adapter))
    assert students.open_model(engine, student, home)
    file = home / str(student.adapter) / "adapter_model.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:-4] + bytes(4))
    refused = "is not the one that its finetune wrote"
    with pytest.raises(BadInput, match=refused):
        students.open_model(engine, student, home)
    with pytest.raises(BadInput, match=refused):
        run(engine, sha256, student=student.name)  # the next round
    with pytest.raises(BadInput, match=refused):
        run(engine, sha256)
    given = kinds.ExamWork(student=student.name, questions="pens", split="train")
    with pytest.raises(BadInput, match=refused) as said:
        given.run(WorkContext(engine, home, owner("ann")))
    assert "\n" not in str(said.value)
    shutil.rmtree(file.parent)
    with pytest.raises(BadInput, match="adapter is missing"):
        students.open_model(engine, student, home)
    assert run(engine, sha256).student == done.student
    file.write_bytes(whole)
    with db.reading(engine) as session:
        assert students.open_model(engine, students.get(session, done.student), home), (
            "the same training, the same bytes"
        )


def test_a_student_of_an_archive_is_trained_here_under_its_own_bytes(engine: sa.Engine, sha256: str) -> None:
    done, home = run(engine, sha256), Settings().home
    with db.writing(engine) as session:
        student = students.get(session, done.student)
        student.adapter_sha256 = None  # as from an archive of old
        session.add(student)
    shutil.rmtree(home / "finetunes")
    assert run(engine, sha256).student == done.student
    with db.reading(engine) as session:
        assert students.open_model(engine, students.get(session, done.student), home)


def test_a_checkpoint_that_was_changed_is_one_line(engine: sa.Engine, sha256: str) -> None:
    def break_off(step: TrainingStep) -> None:
        if step.step == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(engine, sha256, progress=break_off)
    (kept,) = (Settings().home / "finetunes").glob("*/checkpoints/0*")
    for name in ("optimizer.pt", "adapter_model.safetensors", "SHA256SUMS"):
        whole = (kept / name).read_bytes()
        (kept / name).write_bytes(whole[:-7])
        with pytest.raises(BadInput, match="the checkpoint was cut off or changed") as said:
            run(engine, sha256)
        assert "\n" not in str(said.value)
        (kept / name).write_bytes(whole)
    shutil.rmtree(kept.parent)
    assert run(engine, sha256).steps == GIVEN.steps(run(engine, sha256).pairs)


def test_lines_under_a_genuine_name_are_not_trained_on(engine: sa.Engine, sha256: str) -> None:
    with db.writing(engine) as session:
        row = queries.snapshot(session, sha256)
        row.lines = row.lines.replace("pens", "guns", 1)
        session.add(row)
    with pytest.raises(BadInput, match="its lines are not those that its manifest names") as said:
        run(engine, sha256)
    assert "\n" not in str(said.value)
    with pytest.raises(BadInput, match="its lines are not those"):
        kinds.FinetuneWork(snapshot=sha256, student="tiny").run(WorkContext(engine, Settings().home, owner("ann")))
    with db.reading(engine) as session:
        assert session.exec(select(t.Finetune)).all() == []


def test_of_two_at_once_one_trains_and_the_other_waits(
    engine: sa.Engine, sha256: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "POLL_S", 0.01)
    waits, heard, results = threading.Event(), list[TrainingStep](), list[finetune.Finetuned]()

    def wait() -> None:
        results.append(run(engine, sha256, waits=waits.set, progress=heard.append))

    other = threading.Thread(target=wait)

    def start_another(step: TrainingStep) -> None:
        if step.step == 1:
            other.start()
            assert waits.wait(60)

    results.append(run(engine, sha256, progress=start_another))
    other.join()
    assert results[0] == results[1]
    assert heard == [], "each step once"


def test_what_another_machine_made_meanwhile_is_said(
    engine: sa.Engine, sha256: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "POLL_S", 0.01)
    waits, said = threading.Event(), list[str]()
    (tmp_path / "elsewhere").mkdir()

    def wait() -> None:
        with pytest.raises(BadInput) as error:
            run(engine, sha256, home=tmp_path / "elsewhere", waits=waits.set)
        said.append(str(error.value))

    other = threading.Thread(target=wait)

    def start_another(step: TrainingStep) -> None:
        if step.step == 1:
            other.start()
            assert waits.wait(60)

    done = run(engine, sha256, progress=start_another)
    other.join()
    assert [line.partition(",")[0] for line in said] == [f"another machine made student {done.name} meanwhile"]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # PostgreSQL can't be told its size
def test_a_database_that_takes_no_step_is_one_line(engine: sa.Engine, sha256: str) -> None:
    @sa.event.listens_for(engine, "connect")
    def no_growth(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # as large as it is now: as on a full disk

    def fill(step: TrainingStep) -> None:
        with db.writing(engine) as session:
            audit_log.audit(session, "ann", "fill", "x" * 500_000)

    engine.dispose()
    with pytest.raises(BadInput, match=r"a step can't be recorded: .*full.*goes on from its last checkpoint"):
        run(engine, sha256, progress=fill)


@pytest.mark.parametrize(("alpha", "taught"), [(0.5, 12), (1.0, 11), (0.0, 11)])
def test_a_snapshot_whose_pairs_have_one_text_alone_is_taught(
    engine: sa.Engine, sha256: str, alpha: float, taught: int
) -> None:
    with db.writing(engine) as session:
        exam_id = queries.snapshot(session, sha256).exam_id
        first, second, *_ = live_set.load_curated(session, exam_id).mistakes
        for x in (*first.feedback, *second.rationales):
            judge(session, Target(x.text.kind, x.text.id), Act.REJECT, by=owner("ann"), reason="other")
        curated = live_set.load_curated(session, exam_id)
        mixed = snapshots.freeze(session, curated, by=owner("ann"), texts=tuple(Texts)).sha256
    hyperparameters = Hyperparameters(alpha=alpha, epochs=1, batch=4, rank=2, max_length=2000)
    with db.reading(engine) as session:
        work = kinds.FinetuneWork(snapshot=mixed, student="tiny", alpha=alpha, epochs=1, batch=4)
        assert work.size(session) == hyperparameters.steps(taught)
    done = run(engine, mixed, hyperparameters=hyperparameters)
    assert (done.pairs, done.steps, done.left_out) == (taught, hyperparameters.steps(taught), 0)
    with db.reading(engine) as session:
        (training,) = finetunes.finetunes(session)
        steps = finetunes.steps(session, training.id)
    assert (training.pairs, training.steps_done) == (taught, done.steps)
    assert all(step.loss_feedback is None for step in steps) is (alpha == 0)
    assert all(step.loss_rationale is None for step in steps) is (alpha == 1)


def test_full_finetuning_makes_a_student_whose_weights_are_its_own(engine: sa.Engine, sha256: str) -> None:
    settings, home = replace(GIVEN, method="full", learning_rate=1e-3), Settings().make_home()
    first = run(engine, sha256, hyperparameters=settings)
    with db.reading(engine) as session:
        student = students.get(session, first.student)
        training = finetunes.finetunes(session)[0]
    folder = home / "finetunes" / first.student / "model"
    assert (student.base, student.adapter, student.adapter_sha256) == (f"finetune:{first.student}", None, None)
    assert (first.adapter, training.student) == (str(folder), student.name)
    assert students.is_here(student, home)
    assert students.open_model(engine, student, home).name == student.name
    assert examine_students() == []
    assert run(engine, sha256, hyperparameters=settings) == first
    # The next round begins where it ended: an adapter on these very weights.
    second = run(engine, sha256, student=first.name)
    with db.reading(engine) as session:
        child = students.get(session, second.student)
        before = {f.uid: finetunes.steps(session, f.id)[-1] for f in finetunes.finetunes(session)}[first.student]
        after = finetunes.steps(session, finetunes.finetunes(session)[0].id)[0]
    assert (child.base, child.round) == (student.base, 2)
    assert child.adapter == f"finetunes/{second.student}/adapter"
    assert (after.loss_rationale or 9) < (before.loss_rationale or 0) + 1
    file = folder / "model.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:-4] + bytes(4))
    for lost in (student, child):
        with pytest.raises(BadInput, match="the model's files are others than when it was first named here"):
            students.open_model(engine, lost, home)
    assert examine_students() != []
    shutil.rmtree(folder)
    assert not students.is_here(child, home)
    with pytest.raises(BadInput, match=r"the weights of finetune .* are not here: put its folder back"):
        students.open_model(engine, child, home)
    assert run(engine, sha256, hyperparameters=settings).student == first.student
    with db.reading(engine) as session:
        assert students.open_model(engine, students.get(session, second.student), home), "made again, it counts"


def examine_students() -> list[str]:
    return [f.report for f in examine(Settings()) if f.subject == "students" and not f.ok]


@pytest.mark.parametrize("base", ["finetune:../../etc", "finetune:", "finetune:abc"])
def test_a_base_of_an_archive_that_names_another_place_is_not_here(engine: sa.Engine, base: str) -> None:
    row = t.Student(name="foreign", base=base)
    assert not students.is_here(row, Settings().make_home())
    with pytest.raises(BadInput, match=r"without weights|are not here"):
        students.open_model(engine, row, Settings().make_home())


def test_the_plan_and_what_each_step_reports_are_kept(engine: sa.Engine, sha256: str) -> None:
    heard: list[TrainingStep] = []
    settings = replace(GIVEN, validation=0.2, seed=4)
    done = run(engine, sha256, hyperparameters=settings, progress=heard.append)
    with db.reading(engine) as session:
        (training,) = finetunes.finetunes(session)
        steps = finetunes.steps(session, training.id)
        pairs = queries.snapshot(session, sha256).pairs
    assert (training.planned_steps, training.pairs) == (done.steps, done.pairs)
    assert (training.validation_pairs or 0) + training.pairs == pairs
    assert 0 < (training.validation_pairs or 0) < pairs / 2
    for step, told in zip(steps, heard, strict=True):
        for name in (
            *("learning_rate", "gradient_norm", "memory_mb", "seconds_left"),
            *("validation_feedback", "validation_rationale", "tokens_per_s"),
        ):
            assert getattr(step, name) == getattr(told, name)
    each = done.steps // 2
    assert [step.step for step in steps if step.validation_rationale is not None] == [each, 2 * each]
    assert all(step.gradient_norm and step.memory_mb for step in steps)


def test_no_question_of_the_validation_slice_is_taught(engine: sa.Engine, sha256: str) -> None:
    with db.reading(engine) as session:
        row = queries.snapshot(session, sha256)
        manifest, lines = row.manifest, row.lines.split("\n")
    pairs = [json.loads(line) for line in lines if line]
    # The same question again, of another set and with other spaces.
    again = json.loads(json.dumps(pairs[0]))
    again["question"] |= {"uid": "other", "text": f"  {again['question']['text']} "}
    text = "\n".join(json.dumps(pair) for pair in [*pairs, again])
    sides = set()
    for seed in range(8):
        parts = examples(manifest, text, tiny.tokenizer(), alpha=0.5, max_length=4000, validation=0.3, seed=seed)
        assert len(parts.items) + len(parts.validation) == len(pairs) + 1
        counts = Counter(example.rationale for example in (*parts.items, *parts.validation))
        (twice,) = [rationale for rationale, count in counts.items() if count == 2]
        sides.add(sum(example.rationale == twice for example in parts.validation))
    assert sides == {0, 2}, "both pairs of a question are on one side"
