"""A training that is watched: it answers held-out questions, is stopped and kept, goes on for more epochs, reports."""

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import torch
from safetensors.torch import load_file
from sqlmodel import col, select

from mapd.errors import BadInput, NotFound
from mapd.finetune import loss, stopping, trackers
from mapd.finetune import run as finetune
from mapd.finetune.asking import Asker
from mapd.finetune.hyperparameters import TrainingStep
from mapd.finetune.options import RunOptions
from mapd.finetune.train import train
from mapd.jobs.finetune_work import FinetuneWork
from mapd.jobs.work import WorkContext
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db, finetunes, queries
from mapd.store import tables as t
from tests.finetune import tiny
from tests.finetune.test_run import GIVEN, run, sha256  # noqa: F401 - a fixture
from tests.finetune.test_train import EXAMPLES, assert_same
from tests.finetune.test_train import GIVEN as TRAINED

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
# Here its length decides no rate: going on for an epoch more is the same as one more from the beginning.
STEADY = replace(GIVEN, schedule="constant", warmup=0.0, epochs=2)


def add_questions(engine: sa.Engine, sha: str, splits: str = "dev dev dev test train") -> None:
    """Questions beside those that are taught: held out, sealed, and one of the taught ones among the held-out."""
    with db.writing(engine) as session:
        set_id = session.get_one(t.Exam, queries.snapshot(session, sha).exam_id).set_id
        taught = session.exec(select(t.Question).where(t.Question.set_id == set_id)).first()
        assert taught is not None
        for place, split in enumerate(splits.split()):
            values = {"task": "numeric", "gold": "3", "position": 1000 + place, "source_id": f"more {place}"}
            session.add(t.Question(set_id=set_id, split=split, text=f"How much is {place} + {place}?", **values))
        again = taught.model_dump(include={"text", "context", "options", "task", "gold"})
        session.add(t.Question(set_id=set_id, split="dev", position=2000, source_id="again", **again))
        tested = {"text": "  A sealed question? ", "task": "numeric", "gold": "3", "position": 3000}
        for split in ("dev", "test"):
            session.add(t.Question(set_id=set_id, split=split, source_id=f"sealed {split}", **tested))


def losses_of(engine: sa.Engine, uid: str) -> list[tuple[Any, ...]]:
    with db.reading(engine) as session:
        steps = finetunes.steps(session, finetunes.find(session, uid).id)
        return [(s.step, s.loss_feedback, s.loss_rationale, s.gradient_norm) for s in steps]


def validations_of(engine: sa.Engine, uid: str) -> list[float | None]:
    with db.reading(engine) as session:
        return [s.validation_rationale for s in finetunes.steps(session, finetunes.find(session, uid).id)]


def adapter(uid: str) -> dict[str, torch.Tensor]:
    loaded: dict[str, torch.Tensor] = load_file(
        Settings().home / "finetunes" / uid / "adapter" / "adapter_model.safetensors"
    )
    return loaded


# --- Held-out questions -----------------------------------------------------------------------------------------------


def test_held_out_questions_are_asked_and_no_loss_changes(engine: sa.Engine, sha256: str) -> None:  # noqa: F811
    add_questions(engine, sha256)
    settings = replace(GIVEN, dropout=0.1, checkpointing=True)
    plain = run(engine, sha256, hyperparameters=settings, arm="plain")
    options = RunOptions(ask_every=4, ask_questions=9)
    asked = run(engine, sha256, hyperparameters=settings, arm="asked", options=options)
    assert losses_of(engine, asked.student) == losses_of(engine, plain.student)
    first, second = adapter(plain.student), adapter(asked.student)
    assert all(torch.equal(first[name], second[name]) for name in first)
    with db.reading(engine) as session:
        rows = finetunes.list_asked(session, finetunes.find(session, asked.student).id)
        assert finetunes.list_asked(session, finetunes.find(session, plain.student).id) == []
    assert {row.question.split for row in rows} == {"dev"}
    assert {row.question.text for row in rows} == {f"How much is {n} + {n}?" for n in range(3)}, "none that is taught"
    for row in rows:
        assert list(row.answers) == [0, 4, asked.steps]
        assert all(answer.outcome in ("correct", "incorrect", "no_answer") for answer in row.answers.values())
    assert any(len({answer.text for answer in row.answers.values()}) > 1 for row in rows), "it has learned something"


def test_broken_off_it_is_not_asked_twice(
    engine: sa.Engine,
    sha256: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add_questions(engine, sha256)
    generated: list[int] = []
    generate = Asker._generate

    def count(self: Asker, learner: Any, questions: Any) -> Any:
        generated.append(len(questions))
        return generate(self, learner, questions)

    monkeypatch.setattr(Asker, "_generate", count)
    options = RunOptions(ask_every=2, ask_questions=2)

    def break_off(step: TrainingStep) -> None:
        if step.step == 7:
            raise KeyboardInterrupt

    settings = replace(GIVEN, epochs=4)
    with pytest.raises(KeyboardInterrupt):
        run(engine, sha256, hyperparameters=settings, options=options, progress=break_off)
    assert generated == [2, 2, 2, 2]
    generated.clear()
    done = run(engine, sha256, hyperparameters=settings, options=options)
    asked = [step for step in range(6, done.steps + 1) if step % 2 == 0 or step == done.steps]
    assert generated == [0, *[2] * (len(asked) - 1)], "behind step 6, which is done again, nothing is missing"
    with db.reading(engine) as session:
        rows = session.exec(select(t.FinetuneAnswer)).all()
    assert len(rows) == len({(row.question_id, row.step) for row in rows}) == 2 * (3 + len(asked))


def test_without_a_held_out_question_it_is_refused(engine: sa.Engine, sha256: str) -> None:  # noqa: F811
    work = FinetuneWork(snapshot=sha256, student="tiny", ask_every=2)
    with db.reading(engine) as session, pytest.raises(BadInput, match=r"no dev question.*leave --ask-every out"):
        work.size(session)
    add_questions(engine, sha256, "test")
    with db.reading(engine) as session:
        assert work.size(session), "a page asks no question's words: the run does"
    with pytest.raises(BadInput, match=r"no dev question to ask.*have none that isn't taught or tested"):
        run(engine, sha256, options=RunOptions(ask_every=2))
    with db.reading(engine) as session:
        assert session.exec(select(t.Finetune)).all() == []


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"ask_every": -1}, "ask every is a number of steps"),
        ({"ask_questions": 0}, "ask questions is a number from 1 to 50, not 0"),
        ({"report_to": "tensorboard, mlflow"}, "report to is one of tensorboard, wandb, trackio, not 'mlflow'"),
    ],
)
def test_an_option_that_cannot_be_is_one_line(engine: sa.Engine, values: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        RunOptions(**values)
    with pytest.raises(BadInput, match=words):
        FinetuneWork.by_preset("default", snapshot="3f", student=None, **values)


# --- Stopped and kept -------------------------------------------------------------------------------------------------


def stop_at(engine: sa.Engine, step: int) -> Callable[[TrainingStep], None]:
    """Ask behind a step for the finetune that runs to be stopped."""

    def ask(told: TrainingStep) -> None:
        if told.step == step:
            with db.writing(engine) as session:
                rows = session.exec(select(t.Finetune).where(col(t.Finetune.student_id).is_(None))).all()
                stopping.request(session, rows[-1].uid, by=owner("ben"))

    return ask


def test_stopped_it_keeps_another_student_and_can_go_on_to_its_end(
    engine: sa.Engine,
    sha256: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    add_questions(engine, sha256)
    options = RunOptions(ask_every=3, ask_questions=1)
    kept = run(engine, sha256, options=options, progress=stop_at(engine, 3))
    assert kept.stopped == f"stopped at step 4 of {GIVEN.steps(kept.pairs)}: its student is of what it had learned " + (
        "until then"
    )
    assert kept.steps == 4
    with db.reading(engine) as session:
        whole, stopped = sorted(finetunes.finetunes(session), key=lambda x: x.id)
        new = session.exec(select(t.Student).where(t.Student.uid == kept.student)).one()
        asked = finetunes.list_asked(session, stopped.id)
    assert (whole.student, whole.stopped_at, whole.stop_requested_at) == (None, None, None)
    assert (stopped.student, stopped.stopped_at, stopped.steps_done) == (kept.name, 4, 4)
    assert (stopped.planned_steps, stopped.pairs) == (whole.planned_steps, whole.pairs)
    assert [list(row.answers) for row in asked] == [[0, 3, 4]], "where it ends, too"
    assert new.round == 1
    assert stopped.uid != whole.uid
    done = run(engine, sha256, options=options)
    assert done.student == whole.uid
    assert done.stopped is None
    again = run(engine, sha256, home=tmp_path / "elsewhere", arm="unbroken")
    assert losses_of(engine, again.student) == losses_of(engine, done.student)
    ours = adapter(done.student)
    folder = tmp_path / "elsewhere" / "finetunes" / again.student
    theirs = load_file(folder / "adapter" / "adapter_model.safetensors")
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert not any(torch.equal(adapter(kept.student)[name], ours[name]) for name in ours)


def test_what_does_not_run_cannot_be_stopped(engine: sa.Engine, sha256: str) -> None:  # noqa: F811
    done = run(engine, sha256)
    with db.writing(engine) as session:
        with pytest.raises(BadInput, match="has ended already"):
            stopping.request(session, done.student, by=owner("ann"))
        with pytest.raises(NotFound, match="no finetune is named 'zzzz'"):
            stopping.request(session, "zzzz", by=owner("ann"))

    def break_off(_: TrainingStep) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(engine, sha256, arm="paused", progress=break_off)
    with db.writing(engine) as session:
        paused = next(x for x in finetunes.finetunes(session) if x.arm == "paused")
        with pytest.raises(BadInput, match="isn't running: start it again"):
            stopping.request(session, paused.uid, by=owner("ann"))


def test_a_request_ends_with_the_run_that_it_was_made_to(engine: sa.Engine, sha256: str) -> None:  # noqa: F811
    ask = stop_at(engine, 3)

    def ask_and_break_off(step: TrainingStep) -> None:
        ask(step)
        if step.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(engine, sha256, progress=ask_and_break_off)
    with db.reading(engine) as session:
        assert finetunes.finetunes(session)[0].stop_requested_at is not None
    done = run(engine, sha256)
    assert (done.stopped, done.steps) == (None, GIVEN.steps(done.pairs))


def test_a_request_at_the_last_step_gives_the_whole_student(engine: sa.Engine, sha256: str) -> None:  # noqa: F811
    last = run(engine, sha256, arm="one").steps
    done = run(engine, sha256, arm="two", progress=stop_at(engine, last - 1))
    assert (done.steps, done.stopped) == (last, None)
    with db.reading(engine) as session:
        assert all(x.stop_requested_at is None for x in finetunes.finetunes(session))


def test_a_job_that_was_stopped_says_so(engine: sa.Engine, sha256: str) -> None:  # noqa: F811
    work = FinetuneWork(snapshot=sha256, student="tiny", epochs=2, batch=4, rank=2, max_length=2000)
    ask = stop_at(engine, 1)

    def tell(progress: Any) -> None:
        if progress.stage == "finetune":
            ask(TrainingStep(progress.completed, 9, 0, 0, 0, 0, 0, 0))

    outcome = work.run(WorkContext(engine, Settings().make_home(), owner("ann"), tell))
    assert str(outcome["stopped"]).startswith("stopped at step 2 of")
    with db.reading(engine) as session:
        whole = next(x for x in finetunes.finetunes(session) if x.student is None)
    again = FinetuneWork.of_training(whole).run(WorkContext(engine, Settings().make_home(), owner("ann")))
    assert again["student"] == whole.uid, "started again by its row, it is the same training"
    assert "stopped" not in again


# --- More epochs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["lora", "full"])
def test_more_epochs_are_those_of_one_that_had_them_from_the_beginning(
    engine: sa.Engine,
    sha256: str,  # noqa: F811
    method: str,
) -> None:
    add_questions(engine, sha256)
    settings, home = replace(STEADY, method=method, learning_rate=1e-3), Settings().make_home()
    first = run(engine, sha256, hyperparameters=settings, options=RunOptions(keep_optimizer=True))
    with db.reading(engine) as session:
        training = finetunes.find(session, first.name)
    work = FinetuneWork.of_more_epochs(training, 1, RunOptions(ask_every=100, ask_questions=1))
    assert (work.continues, work.epochs, work.student) == (first.student, 3, "tiny")
    heard: list[int] = []
    context = WorkContext(engine, home, owner("ann"), lambda p: heard.append(p.completed))

    def break_off() -> bool:
        return heard[-1] == first.steps + 1  # a step of its own

    with pytest.raises(finetune.Stopped):
        work.run(replace(context, stopping=break_off))
    more = work.run(context)
    whole = run(engine, sha256, hyperparameters=replace(settings, epochs=3))
    assert losses_of(engine, more["student"]) == losses_of(engine, whole.student)
    kind = "model/model.safetensors" if method == "full" else "adapter/adapter_model.safetensors"
    ours, theirs = (load_file(home / "finetunes" / uid / kind) for uid in (more["student"], whole.student))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert len({first.student, more["student"], whole.student}) == 3
    with db.reading(engine) as session:
        row = finetunes.find(session, str(more["student"]))
        student = session.exec(select(t.Student).where(t.Student.uid == row.uid)).one()
        (asked,) = finetunes.list_asked(session, row.id)
    assert (row.continues, row.parent, student.round) == (first.student, "tiny", 1)
    assert list(asked.answers) == [first.steps, more["steps"]], "before it goes on, and where it ends"
    assert work.run(context) == more, "it is done once"


def test_what_kept_no_optimizer_or_would_be_another_training_is_refused(
    engine: sa.Engine,
    sha256: str,  # noqa: F811
) -> None:
    def break_off(_: TrainingStep) -> None:
        raise KeyboardInterrupt

    context = WorkContext(engine, Settings().make_home(), owner("ann"))
    full = run(engine, sha256, hyperparameters=replace(STEADY, method="full", epochs=1))
    lora = run(engine, sha256, hyperparameters=replace(STEADY, epochs=1))
    with pytest.raises(KeyboardInterrupt):
        run(engine, sha256, hyperparameters=replace(STEADY, epochs=1), arm="begun", progress=break_off)
    with db.reading(engine) as session:
        work = FinetuneWork.of_more_epochs(finetunes.find(session, full.name), 2)
        more = FinetuneWork.of_more_epochs(finetunes.find(session, lora.name), 1)
        begun = next(x for x in finetunes.finetunes(session) if x.arm == "begun")
        with pytest.raises(BadInput, match="hasn't ended: start it again"):
            FinetuneWork.of_more_epochs(begun, 1)
        assert more.size(session) == 2 * lora.steps
    for changes, words in (
        ({"epochs": 1}, "has 1 epochs, and goes on to more, not to 1"),
        ({"seed": 4}, "its student, snapshot and hyper-parameters stay"),
        ({"continues": "nowhere"}, "isn't in this project"),
        ({"continues": begun.uid, "arm": "begun"}, "hasn't ended: start it again"),
    ):
        with pytest.raises(BadInput, match=words):
            more.model_copy(update=changes).run(context)
        with db.reading(engine) as session, pytest.raises(BadInput, match=words):
            more.model_copy(update=changes).size(session)
    with pytest.raises(BadInput, match="full finetuning keeps its optimizer only with --keep-optimizer"):
        work.run(context)
    folder = context.home / "finetunes" / lora.student
    shutil.rmtree(next(folder.glob("last-*")))
    with pytest.raises(BadInput, match="can't go on: its last step isn't beside its adapter"):
        more.run(context)
    shutil.rmtree(folder)
    with pytest.raises(BadInput, match=r"the files of finetune .* aren't here"):
        more.run(context)


def test_with_a_validation_slice_the_best_of_both_parts_is_kept(engine: sa.Engine, sha256: str) -> None:  # noqa: F811
    settings = replace(STEADY, validation=0.2, patience=1, learning_rate=1e-3)
    first = run(engine, sha256, hyperparameters=settings)
    with db.reading(engine) as session:
        work = FinetuneWork.of_more_epochs(finetunes.find(session, first.name), 1)
    more = work.run(WorkContext(engine, Settings().make_home(), owner("ann")))
    whole = run(engine, sha256, hyperparameters=replace(settings, epochs=3))
    assert validations_of(engine, str(more["student"])) == validations_of(engine, whole.student)
    ours, theirs = adapter(str(more["student"])), adapter(whole.student)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


# --- Trackers ---------------------------------------------------------------------------------------------------------


class ScriptedTracker:
    """Keeps what it is told, until it fails."""

    def __init__(self, fails_at: int = 0) -> None:
        self.logged: list[tuple[int | None, dict[str, Any]]] = []
        self.is_finished, self.fails_at = False, fails_at

    def log(self, values: dict[str, Any], step: int | None = None) -> None:
        if step == self.fails_at:
            raise OSError("No space left on device")
        self.logged.append((step, values))

    def finish(self) -> None:
        self.is_finished = True


def test_each_step_is_reported_once_and_nothing_else(
    engine: sa.Engine,
    sha256: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[tuple[Any, ...]] = []
    tracker = ScriptedTracker()

    def open_scripted(*values: Any) -> ScriptedTracker:
        opened.append(values)
        return tracker

    monkeypatch.setattr(trackers, "_open", open_scripted)
    monkeypatch.setattr(trackers, "require_installed", lambda names: None)

    def break_off(step: TrainingStep) -> None:
        if step.step == 6:
            raise KeyboardInterrupt

    options = RunOptions(report_to="trackio")
    with pytest.raises(KeyboardInterrupt):
        run(engine, sha256, options=options, progress=break_off)
    assert tracker.is_finished
    done = run(engine, sha256, options=options)
    assert [step for step, _ in tracker.logged] == list(range(1, done.steps + 1)), "step 6 is done twice, told once"
    assert {name for _, values in tracker.logged for name in values} == {
        *("loss/feedback", "loss/rationale", "learning_rate", "gradient_norm", "tokens_per_s", "memory_mb")
    }
    (name, uid, settings, folder), _ = opened
    assert (name, uid, folder) == ("trackio", done.student, Settings().home / "trackers")
    assert settings == {"student": "tiny", **GIVEN.as_dict()}


def test_a_tracker_that_fails_is_dropped_and_the_training_goes_on(
    engine: sa.Engine,
    sha256: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    opened = {"tensorboard": ScriptedTracker(fails_at=3), "trackio": ScriptedTracker()}
    monkeypatch.setattr(trackers, "_open", lambda name, *_: opened[name])
    monkeypatch.setattr(trackers, "require_installed", lambda names: None)
    with caplog.at_level(logging.WARNING):
        done = run(engine, sha256, options=RunOptions(report_to="tensorboard,trackio"))
    assert done.steps == GIVEN.steps(done.pairs)
    assert [[step for step, _ in tracker.logged] for tracker in opened.values()] == [
        *([1, 2], list(range(1, done.steps + 1)))
    ]
    assert all(tracker.is_finished for tracker in opened.values())
    assert [record.getMessage() for record in caplog.records] == [
        "tensorboard gets nothing more of this training (OSError: No space left on device)"
    ]


def test_where_one_tracker_cannot_be_opened_those_before_it_are_closed(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = ScriptedTracker()

    def open_first(name: str, *_: Any) -> ScriptedTracker:
        if name != "tensorboard":
            raise BadInput("trackio can't be opened")
        return first

    monkeypatch.setattr(trackers, "_open", open_first)
    row = t.Finetune(uid="9c1e" * 8, parent_id=1, snapshot_id=1, alpha=0.5, seed=0, hyperparameters={})
    with (
        pytest.raises(BadInput, match="trackio can't be opened"),
        trackers.open_trackers(("tensorboard", "trackio"), row, "tiny", tmp_path),
    ):
        raise AssertionError("it was opened")
    assert first.is_finished


def test_tensorboard_gets_each_steps_numbers(engine: sa.Engine, sha256: str) -> None:  # noqa: F811
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    done = run(engine, sha256, options=RunOptions(report_to="tensorboard"))
    written = events.EventAccumulator(str(Settings().home / "trackers" / "tensorboard" / done.student))
    written.Reload()
    with db.reading(engine) as session:
        steps = finetunes.steps(session, finetunes.find(session, done.student).id)
    for label, field in (("loss/rationale", "loss_rationale"), ("learning_rate", "learning_rate")):
        assert [event.step for event in written.Scalars(label)] == [step.step for step in steps]
        assert [event.value for event in written.Scalars(label)] == pytest.approx([getattr(s, field) for s in steps])
    assert set(written.Tags()["scalars"]) <= set(trackers.NUMBERS.values())


def test_a_tracker_that_is_not_installed_is_one_line(engine: sa.Engine, sha256: str) -> None:  # noqa: F811
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trackers.importlib.util, "find_spec", lambda _: None)
        with pytest.raises(BadInput, match=r"wandb isn't installed: pip install 'mapd-studio\[wandb\]'") as error:
            run(engine, sha256, options=RunOptions(report_to="wandb"))
        with db.reading(engine) as session, pytest.raises(BadInput, match="trackio isn't installed"):
            FinetuneWork(snapshot=sha256, student="tiny", report_to="trackio").size(session)
    assert "\n" not in str(error.value)


# --- What goes wrong --------------------------------------------------------------------------------------------------


@contextmanager
def failing(place: str, at: int, error: Exception | float) -> Iterator[None]:
    """Let a function of the loss fail at its `at`-th call, or give a loss that is no number."""
    usual, calls = getattr(loss, place), 0

    def fail(*values: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == at and isinstance(error, Exception):
            raise error
        losses = usual(*values, **options)
        return replace(losses, rationale=error) if calls == at and isinstance(error, float) else losses

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loss, place, fail)
        yield


@pytest.mark.parametrize(
    ("place", "at", "error", "words"),
    [
        ("backward", 6, torch.OutOfMemoryError("CUDA out of memory"), "step 6 doesn't fit into memory"),
        ("backward", 6, MemoryError(), "step 6 doesn't fit into memory"),
        ("backward", 6, RuntimeError("can't allocate memory: you tried"), "step 6 doesn't fit into memory"),
        ("backward", 6, float("nan"), "the loss is no number any more, at step 6"),
        ("backward", 6, float("inf"), "the loss is no number any more, at step 6"),
        ("evaluate", 2, MemoryError(), "step 6 doesn't fit into memory"),
        ("evaluate", 2, float("nan"), "the loss is no number any more, at step 6"),
    ],
)
def test_what_ends_a_training_is_one_line_and_the_checkpoint_before_stands(
    engine: sa.Engine, tmp_path: Path, place: str, at: int, error: Exception | float, words: str
) -> None:
    held_out = tiny.examples(4, seed=9)
    options: dict[str, Any] = {"checkpoint_every": 2, "validation": held_out}
    settings = replace(TRAINED, validation=0.2)
    with failing(place, at, error), pytest.raises(BadInput, match=words) as refused:
        train(tiny.model(), EXAMPLES, settings, tmp_path / "broken", lambda _: None, **options)
    assert "\n" not in str(refused.value)
    assert "the checkpoint before is kept" in str(refused.value)
    assert (tmp_path / "broken" / "checkpoints" / "000004").is_dir()
    told: list[int] = []
    train(tiny.model(), EXAMPLES, settings, tmp_path / "broken", lambda step: told.append(step.step), **options)
    assert told[0] == 5
    train(tiny.model(), EXAMPLES, settings, tmp_path / "whole", lambda _: None, **options)
    assert_same(tmp_path / "broken", tmp_path / "whole")


def test_a_question_that_cannot_be_answered_loses_no_training(
    engine: sa.Engine,
    sha256: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from mapd.models.decoding import DecodingBatch

    def fail(*_: object) -> None:
        raise RuntimeError("out of memory")

    add_questions(engine, sha256)
    monkeypatch.setattr(DecodingBatch, "join", fail)
    done = run(engine, sha256, options=RunOptions(ask_every=3))
    assert done.steps == GIVEN.steps(done.pairs)
    with db.reading(engine) as session:
        assert session.exec(select(t.FinetuneAnswer)).all() == []
