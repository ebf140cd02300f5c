"""The exam: each answer once, graded, kept as it comes; what is interrupted goes on to the same end."""

import asyncio
import json
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from mapd import cli, exam, prompts, results, students
from mapd.committee import plan
from mapd.curation import live_set
from mapd.curation.summary import summary
from mapd.errors import BadInput, NotFound, Stopped
from mapd.models import loader, local
from mapd.models.base import Completion, Finish, Request, Sampling
from mapd.people import owner
from mapd.questions import generated, sets
from mapd.questions.rows import QuestionRow
from mapd.review.queue_index import derivation
from mapd.settings import Settings
from mapd.store import claims, db, queries
from mapd.store import tables as t

Rows = list[tuple[str, str, int, str, str | None, str]]
SAMPLED = Sampling(temperature=0.8, max_tokens=8)


class Scripted:
    """A student whose words follow from the request alone; `stumbles` may spoil a completion, or end it all."""

    def __init__(
        self,
        stumbles: Callable[[int], Completion | None] = lambda _: None,
        goes_on: Callable[[int], bool] = lambda _: True,
    ) -> None:
        self.name, self.asked, self.stumbles = "scripted", [], stumbles  # type: ignore[var-annotated]
        self.goes_on = goes_on  # by how many were asked: until then nothing more comes, and what came is kept

    async def generate(self, requests: AsyncIterable[Request]) -> AsyncIterator[Completion]:
        for request in [request async for request in requests][::-1]:  # they finish in whatever order
            while not self.goes_on(len(self.asked)):
                await asyncio.sleep(0.01)
            self.asked.append(request)
            made = generated.read(request.messages[-1].content.split("\n")[0])
            assert made is not None
            words = {0: f"Answer: {made.gold}", 1: "Answer: 1001", 2: "I can not say."}[len(made.text) % 3]
            text = f"seed {request.sampling.seed}\n{words}"
            yield self.stumbles(len(self.asked)) or Completion(request.key, text, Finish.OK)


def prepare(session: Session, count: int = 5) -> None:
    """A student, and a set of three families with `count` dev questions each."""
    drawn = generated.draw(generated.FAMILIES, {"train": 1, "dev": count, "test": 2}, 0)
    sets.add(session, "demo", sets.make_rows(drawn), source="generated", simulated=True, by=owner("ann"))
    students.add(session, "s", by=owner("ann"))


@pytest.fixture
def store(engine: sa.Engine) -> sa.Engine:
    with db.writing(engine) as session:
        prepare(session)
    return engine


def sit(engine: sa.Engine, model: object, split: str = "dev", **words: object) -> exam.ExamResult:
    given = {"student": "s", "question_set": "demo", "by": owner("ann")} | words
    return exam.run(engine, model, split=split, **given)  # type: ignore[arg-type]


def attempts(engine: sa.Engine) -> Rows:
    query = (
        select(t.Attempt.uid, t.Question.source_id, t.Attempt.sample, t.Attempt.text, t.Attempt.answer)
        .add_columns(t.Attempt.outcome)  # type: ignore[arg-type]
        .join(t.Question)
        .order_by(t.Question.source_id, t.Attempt.sample)  # type: ignore[arg-type]
    )
    with db.reading(engine) as session:
        return [tuple(row) for row in session.exec(query).all()]  # type: ignore[misc, call-overload]


def test_every_answer_is_graded_and_counted(store: sa.Engine) -> None:
    done = sit(store, Scripted())
    rows = attempts(store)
    outcomes = [row[-1] for row in rows]
    assert done.n == len(rows) == 15
    assert done.correct == outcomes.count("correct") > 0
    assert done.no_answer == outcomes.count("no_answer") > 0
    assert done.mistakes == 15 - done.correct
    assert (done.failed, done.reason) == (0, None)
    with db.reading(store) as session:
        info = queries.exam(session, done.exam)
        assert (info.name, info.graded_by, info.simulated) == ("demo · s · dev · round 0", "ours", True)
        kept = session.exec(select(t.Exam)).one()
        assert kept.decoding == {
            **{"temperature": 0.0, "top_p": 1.0, "max_tokens": 256, "samples": 1},
            "prompt": prompts.EXAM.sha256,
        }
        assert session.exec(select(t.Prompt.text)).one() == prompts.EXAM.text
        for attempt in session.exec(select(t.Attempt)).all():
            assert (attempt.our_answer, attempt.our_outcome) == (attempt.answer, attempt.outcome)
        assert session.exec(select(t.Audit).where(t.Audit.action == "exam")).one().person == "ann"


def test_the_curated_set_reads_the_exam(store: sa.Engine) -> None:
    done = sit(store, Scripted())
    with db.reading(store) as session:
        assert summary(live_set.load_curated(session, queries.exam(session, done.exam).id)).mistakes == done.mistakes


def test_questions_are_asked_by_length_with_the_exams_prompt(store: sa.Engine) -> None:
    model = Scripted()
    sit(store, model)
    asked = [request.messages for request in model.asked[::-1]]
    lengths = [len(messages[-1].content) for messages in asked]
    assert lengths == sorted(lengths)
    assert {messages[0].content for messages in asked} == {prompts.EXAM.system}


def test_a_complete_exam_asks_nothing(store: sa.Engine) -> None:
    first = sit(store, Scripted())
    again = Scripted()
    assert sit(store, again) == first
    assert again.asked == []
    with db.reading(store) as session:
        assert len(session.exec(select(t.Exam)).all()) == 1
        assert len(session.exec(select(t.Audit).where(t.Audit.action == "exam")).all()) == 1


def test_other_words_are_another_exam(store: sa.Engine) -> None:
    words = [{}, {"seed": 1}, {"decoding": SAMPLED}, {"decoding": SAMPLED, "samples": 2}, {"split": "train"}]
    found = [sit(store, Scripted(), **w).exam for w in words]
    assert len(set(found)) == len(words)
    with db.reading(store) as session:
        assert len({info.name for info in queries.exams(session)}) == len(words)


def test_each_sample_has_a_seed_of_its_own(store: sa.Engine) -> None:
    model = Scripted()
    assert sit(store, model, decoding=SAMPLED, samples=3, seed=5).n == 45
    seeds = {request.key.split()[1]: request.sampling.seed for request in model.asked}
    assert len(set(seeds.values())) == len(seeds) == 3
    assert {row[2] for row in attempts(store)} == {0, 1, 2}
    other = Scripted()
    sit(store, other, decoding=SAMPLED, samples=3, seed=6)
    assert not {request.sampling.seed for request in other.asked} & set(seeds.values())


def test_samples_need_a_temperature(store: sa.Engine) -> None:
    with pytest.raises(BadInput, match="2 samples at temperature 0"):
        sit(store, Scripted(), samples=2)


def test_what_failed_is_no_attempt_and_is_asked_again(store: sa.Engine) -> None:
    spoiled = Completion("", "", Finish.FAILED, error="memory ran out")

    class Forgetful(Scripted):
        async def generate(self, requests: AsyncIterable[Request]) -> AsyncIterator[Completion]:
            async for c in super().generate(requests):
                yield Completion(c.key, "", spoiled.finish, spoiled.error) if len(self.asked) in (3, 7) else c

    done = sit(store, Forgetful())
    assert (done.n, done.failed, done.reason) == (13, 2, "memory ran out")
    again = Scripted()
    whole = sit(store, again)
    assert (whole.n, whole.failed, len(again.asked)) == (15, 0, 2)


def test_an_empty_answer_is_an_attempt_without_an_answer(store: sa.Engine) -> None:
    class Silent(Scripted):
        async def generate(self, requests: AsyncIterable[Request]) -> AsyncIterator[Completion]:
            async for request in requests:
                yield Completion(request.key, "", Finish.EMPTY)

    done = sit(store, Silent())
    assert (done.n, done.no_answer, done.failed) == (15, 15, 0)


def test_a_text_is_kept_as_it_is_but_for_what_no_database_holds(store: sa.Engine) -> None:
    class Odd(Scripted):
        async def generate(self, requests: AsyncIterable[Request]) -> AsyncIterator[Completion]:
            async for request in requests:
                yield Completion(request.key, "  <b>1\0</b>\n\tπ ", Finish.CUT_OFF)

    sit(store, Odd())
    assert {row[3] for row in attempts(store)} == {"  <b>1\ufffd</b>\n\tπ "}


def test_an_interrupted_exam_goes_on_to_the_same_end(store: sa.Engine, tmp_path: Path) -> None:
    def breaks_at(number: int) -> Callable[[int], None]:
        def stumble(asked: int) -> None:
            if asked == number:
                raise KeyboardInterrupt

        return stumble

    words = {"decoding": SAMPLED, "samples": 2, "seed": 3}
    for number in (6, 9):
        with pytest.raises(KeyboardInterrupt):
            sit(store, Scripted(breaks_at(number)), **words)
    kept = len(attempts(store))
    assert 0 < kept < 30
    rest = Scripted()
    assert sit(store, rest, **words).n == 30
    assert len(rest.asked) == 30 - kept

    unbroken = db.connect(f"sqlite:///{tmp_path / 'unbroken.db'}")
    db.migrate(unbroken)
    with db.writing(unbroken) as session:
        prepare(session)
    sit(unbroken, Scripted(), **words)
    assert attempts(store) == attempts(unbroken)


def test_a_killed_exam_goes_on_to_the_same_end(home: Path) -> None:
    engine = db.open_store(Settings())
    with db.writing(engine) as session:
        prepare(session)
    engine.dispose()

    def dies(asked: int) -> None:
        if asked == 7:
            os.kill(os.getpid(), signal.SIGKILL)

    if (child := os.fork()) == 0:
        try:
            sit(
                db.open_store(Settings()),
                Scripted(dies, lambda asked: asked != 6 or len(attempts(engine)) == 6),
                home=home,
            )
        finally:
            os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert len(attempts(engine)) == 6
    rest = Scripted()
    assert sit(engine, rest, home=home).n == 15
    assert len(rest.asked) == 9
    assert len({row[0] for row in attempts(engine)}) == 15


def test_of_two_runs_at_once_one_asks_and_the_other_waits(store: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "POLL_S", 0.01)
    told, results = list[exam.ExamProgress](), list[exam.ExamResult]()
    waits, second = threading.Event(), Scripted()

    def tell(p: exam.ExamProgress) -> None:
        told.append(p)
        waits.set()

    def run() -> None:
        results.append(sit(store, second, progress=tell))

    other = threading.Thread(target=run)

    def start_another(asked: int) -> None:
        if asked == 5:
            other.start()
            assert waits.wait(60)

    first = Scripted(start_another, lambda asked: asked != 4 or len(attempts(store)) == 4)
    results.append(sit(store, first))
    other.join()
    assert results[0] == results[1]
    assert (len(first.asked), len(second.asked)) == (15, 0)
    assert (told[0].completed, told[0].elsewhere) == (4, True)


def test_one_that_waits_can_be_stopped(store: sa.Engine) -> None:
    def start_another(asked: int) -> None:
        if asked == 5:
            with pytest.raises(Stopped, match=r"^stopped at 4 of 15"):
                sit(store, Scripted(), stopping=lambda: True)

    first = Scripted(start_another, lambda asked: asked != 4 or len(attempts(store)) == 4)
    assert sit(store, first).n == 15


def test_progress_counts_what_was_there_before(store: sa.Engine) -> None:
    def stop(asked: int) -> None:
        if asked == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sit(store, Scripted(stop))
    kept = len(attempts(store))
    told: list[exam.ExamProgress] = []
    sit(store, Scripted(), progress=told.append)
    assert kept > 0
    assert all(kept <= p.completed and p.total == 15 for p in told)
    assert (told[-1].completed, told[-1].seconds_left) == (15, 0)
    assert all(p.questions_per_s > 0 for p in told)


def test_the_test_split_is_sealed(store: sa.Engine) -> None:
    model = Scripted()
    for purpose in (None, "  "):
        with pytest.raises(BadInput, match="sealed"):
            sit(store, model, split="test", open_test=purpose)
    with db.reading(store) as session:
        assert queries.exams(session) == []
    assert model.asked == []


def test_an_opening_is_counted_once_an_exam(store: sa.Engine) -> None:
    first = sit(store, Scripted(), split="test", open_test="the paper's table")
    assert sit(store, Scripted(), split="test") == first  # it is open
    sit(store, Scripted(), split="test", seed=1, open_test="another seed")
    with db.reading(store) as session:
        rows = session.exec(select(t.Opening).order_by(t.Opening.id)).all()  # type: ignore[arg-type]
        assert [(row.person, row.purpose) for row in rows] == [("ann", "the paper's table"), ("ann", "another seed")]


def test_what_is_not_there_is_named(store: sa.Engine) -> None:
    with pytest.raises(NotFound, match="unknown student: t"):
        sit(store, Scripted(), student="t")
    with pytest.raises(NotFound, match="unknown question set: d; the project's question sets: demo"):
        sit(store, Scripted(), question_set="d")
    with db.writing(store) as session:
        row = QuestionRow("1", "dev", generated.generate("chain_sum", 1, 9)[0].task, "2 + 2?", "4")
        sets.add(session, "small", [row], source="mine", simulated=False, by=owner("ann"))
    with pytest.raises(BadInput, match=r"has no train questions; its splits: dev \(1\)"):
        sit(store, Scripted(), question_set="small", split="train")


def test_the_command_gives_one_line_of_json(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with db.writing(db.open_store(Settings())) as session:
        prepare(session)
    monkeypatch.setattr(students, "open_model", lambda *_: Scripted())

    def mapd(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mapd", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return (int(end.value.code or 0), *capsys.readouterr())

    run = ("exam", "run", "--student", "s", "--questions", "demo", "--json", "--split")
    code, out, err = mapd(*run, "dev")
    assert (code, err, out.count("\n")) == (0, "", 1)
    assert list(json.loads(out)) == ["exam", "n", "correct", "mistakes", "no_answer", "cut_off"]
    assert json.loads(mapd("exam", "list", "--json")[1])["exams"] == [
        {"name": "demo · s · dev · round 0", **json.loads(out)}
    ]
    code, out, err = mapd(*run, "test")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "--open-test" in err
    assert mapd(*run, "test", "--open-test", "the end")[0] == 0
    assert json.loads(mapd("students", "list", "--json")[1])["students"][0]["name"] == "s"


class Dicing(Scripted):
    """A student that knows the answer where its seed is even."""

    async def generate(self, requests: AsyncIterable[Request]) -> AsyncIterator[Completion]:
        async for request in requests:
            made = generated.read(request.messages[-1].content.split("\n")[0])
            assert made is not None
            seed = request.sampling.seed or 0
            yield Completion(request.key, f"seed {seed}\nAnswer: {1001 if seed % 2 else made.gold}", Finish.OK)


def test_several_answers_to_each_question_have_their_scores(
    store: sa.Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sampled = sit(store, Dicing(), decoding=SAMPLED, samples=4, seed=5).exam
    single = sit(store, Dicing(), decoding=SAMPLED, samples=1, seed=5).exam
    with db.reading(store) as session:
        outcomes = session.exec(select(t.Attempt.outcome).join(t.Exam).where(t.Exam.uid == sampled)).all()
        scores = results.load_sampled(session, sampled)
        assert results.load_sampled(session, single) is None
    assert scores is not None
    share = outcomes.count("correct") / len(outcomes)  # the seeds are the same for each question
    assert 0 < share < 1
    assert (scores.k, scores.questions, scores.mean.value) == (4, 15, pytest.approx(share))
    assert (scores.passed[1].value, scores.passed[4].value) == (pytest.approx(share), 1.0)
    monkeypatch.setattr(sys, "argv", ["mapd", "exam", "show", sampled, "--json"])
    with pytest.raises(SystemExit):
        cli.main()
    shown = json.loads(capsys.readouterr().out)
    assert (shown["exam"], shown["n"], shown["sampled"]["k"]) == (sampled, 60, 4)
    assert set(shown["sampled"]["passed"]) == {"1", "2", "4"}
    assert shown["sampled"]["mean"]["low"] <= share <= shown["sampled"]["mean"]["high"]


class Uneven(Scripted):
    """A student whose share of right answers hangs on the question."""

    async def generate(self, requests: AsyncIterable[Request]) -> AsyncIterator[Completion]:
        async for request in requests:
            made = generated.read(request.messages[-1].content.split("\n")[0])
            assert made is not None
            right = (request.sampling.seed or 0) // 7 % 5 < len(made.text) % 5
            yield Completion(request.key, f"I see.\nAnswer: {made.gold if right else 1001}", Finish.OK)


def test_a_mistake_is_wrong_in_so_many_of_its_samples(
    store: sa.Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    uid = sit(store, Uneven(), "train", decoding=SAMPLED, samples=4, seed=5).exam
    with db.reading(store) as session:
        info = queries.exam(session, uid)
        rows = session.exec(select(t.Attempt.question_id, t.Attempt.outcome)).all()
        wrong = Counter(question for question, outcome in rows if outcome != "correct")
        assert len({*wrong.values()}) > 1, "questions are wrong in other numbers of samples"
    every = derived(store, info.id)
    with db.reading(store) as session:
        assert len(live_set.load_curated(session, info.id).mistakes) == every == wrong.total()
    most = max(wrong.values())
    monkeypatch.setattr(sys, "argv", ["mapd", "exam", "mistakes", uid, "--wrong-in", str(most), "--json"])
    with pytest.raises(SystemExit):
        cli.main()
    often = most * sum(number == most for number in wrong.values())
    assert json.loads(capsys.readouterr().out)["mistakes"] == often < every
    assert derived(store, info.id) == often, "the queues hold them alone"
    with db.reading(store) as session:
        assert len(plan._load_mistakes(session, info.id, cut_off=False)[0]) == often, "the committee is asked no more"
    with db.writing(store) as session, pytest.raises(BadInput, match="wrong in 1 to 4 of them, not 5"):
        exam.set_wrong_in(session, uid, 5, by=owner("ann"))


def derived(engine: sa.Engine, exam_id: int) -> int:
    """How many mistakes the queue index holds of the exam."""
    derivation.catch_up(engine, exam_id)
    with db.reading(engine) as session:
        kind = col(t.Standing.kind) == "mistake"
        return session.exec(select(func.count()).where(t.Standing.exam_id == exam_id, kind)).one()


def test_a_preset_sets_what_no_option_sets(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with db.writing(db.open_store(Settings())) as session:
        prepare(session)
    monkeypatch.setattr(students, "open_model", lambda *_: Scripted())

    def decoding(*options: str) -> dict[str, Any]:
        words = ["mapd", "exam", "run", "--student", "s", "--questions", "demo", "--split", "dev", "--json", *options]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert not end.value.code
        with db.reading(db.open_store(Settings())) as session:
            uid = json.loads(capsys.readouterr().out)["exam"]
            return dict(session.exec(select(t.Exam.decoding).where(t.Exam.uid == uid)).one())

    names = ("temperature", "top_p", "max_tokens")
    assert [decoding("--preset", "paper")[name] for name in names] == [0.3, 0.9, 512]
    assert [decoding("--preset", "paper", "--max-tokens", "64")[name] for name in names] == [0.3, 0.9, 64]
    assert [decoding()[name] for name in names] == [0, 1, 256]


def test_the_real_student_goes_on_with_the_same_answers(
    pytestconfig: pytest.Config, home: Path, tmp_path: Path
) -> None:
    assert pytestconfig.cache is not None
    folder = loader.convert(pytestconfig.cache.mkdir("mapd-home"))

    class Interrupted(local.LocalModel):
        async def generate(self, requests: AsyncIterable[Request]) -> AsyncIterator[Completion]:
            answered = 0
            async for completion in super().generate(requests):
                yield completion
                answered += 1
                if answered == 3:
                    raise KeyboardInterrupt

    found = []
    loaded = loader.load(folder)
    for name in ("broken", "unbroken"):
        engine = db.connect(f"sqlite:///{tmp_path / name}.db")
        db.migrate(engine)
        with db.writing(engine) as session:
            prepare(session, count=2)
        if name == "broken":
            with pytest.raises(KeyboardInterrupt):
                sit(engine, Interrupted("s", *loaded, batch_size=3), decoding=SAMPLED)
            assert len(attempts(engine)) == 3
        assert sit(engine, local.LocalModel("s", *loaded, batch_size=3), decoding=SAMPLED).n == 6
        found.append(attempts(engine))
    assert found[0] == found[1]
