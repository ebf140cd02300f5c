"""Two students at one question: the exam's prompt and decoding, token by token, graded, stopped, and never stored."""

import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col, select

from mapd import exam, students
from mapd.answers.grading import Task
from mapd.attempts import LONGEST
from mapd.errors import BadInput, Forbidden
from mapd.people import Person, Role
from mapd.playground import asking
from mapd.playground.asking import AnswerStage, Decoding, PlaygroundAnswer, StudentModels
from mapd.playground.question import PlaygroundQuestion, pick
from mapd.questions import sets
from mapd.questions.rows import QuestionRow
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from tests.playground.scripted import ANN, Watched, fill, script

SUM = PlaygroundQuestion("3 + 4?", Task.NUMERIC, "7")
RIGHT, WRONG = "It is 3 + 4.\nAnswer: 7", "<think>Hmm, 8?</think>Answer: 8"


@pytest.fixture
def store(home: Path) -> sa.Engine:
    engine = db.open_store(Settings())
    fill(engine)
    return engine


def ask(store: sa.Engine, home: Path, question: PlaygroundQuestion = SUM, **options: Any) -> list[PlaygroundAnswer]:
    refs, decoding = options.pop("refs", ("before", "after")), options.pop("decoding", Decoding())
    return asking.ask_here(StudentModels(store, home), refs, question, decoding, by=ANN, **options)


def count_rows(store: sa.Engine) -> dict[str, int]:
    with db.reading(store) as session:
        return {
            table.name: session.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in t.metadata.sorted_tables
        }


def test_both_are_told_token_by_token_and_graded_and_nothing_is_stored(
    store: sa.Engine, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(monkeypatch, {"before": Watched(WRONG), "after": Watched(RIGHT)})
    before, told = count_rows(store), []
    answers = ask(store, home, tell=lambda place, answer: told.append((place, answer)))
    wrong, right = answers
    assert (wrong.student, wrong.text, wrong.thought, wrong.answer) == ("before", "Answer: 8", "Hmm, 8?", "8")
    assert (wrong.outcome, right.outcome, right.answer) == ("incorrect", "correct", "7")
    assert right.why == "the last line that begins with Answer: decides"
    assert (right.stage, right.finish, right.tokens, right.seconds) == (AnswerStage.DONE, "ok", 6, 0.6)
    assert right.pace == pytest.approx(10)
    stages = [answer.stage for place, answer in told if place == 1]
    assert stages[:2] == [AnswerStage.LOADING, AnswerStage.ANSWERING]
    assert stages[-1] is AnswerStage.DONE
    parts = [answer.text for place, answer in told if place == 1 and answer.stage is AnswerStage.ANSWERING]
    assert parts[1:4] == ["It", "It is", "It is 3"]
    assert any(answer.thought == "Hmm," and not answer.text for place, answer in told if place == 0)
    assert count_rows(store) == before
    assert PlaygroundAnswer.read(right.as_json()) == right


def test_prompt_and_decoding_are_the_exams(store: sa.Engine, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Watched(RIGHT)
    script(monkeypatch, {"before": model})
    with db.writing(store) as session:
        students.get(session, "before").shots = 2
    for number, decoding in enumerate((exam.GREEDY, exam.Sampling(0.3, 0.9, max_tokens=99))):
        way = {} if number == 0 else {"decoding": decoding, "seed": 5}
        exam.run(store, model, student="before", question_set="pens", split="train", by=ANN, **way)
        with db.reading(store) as session:
            row = session.exec(select(t.Question).where(t.Question.source_id == "p-1")).one()
            question = pick(session, row.uid, ())
        own = Decoding() if number == 0 else Decoding(0.3, 0.9, 5, 99)
        ask(store, home, question, refs=["before"], decoding=own)
        examined, asked = model.requests[-2:]
        assert (asked.messages, asked.sampling) == (examined.messages, examined.sampling)


def test_an_answer_is_as_long_as_an_exam_of_its_split_allows(
    store: sa.Engine, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Watched(RIGHT)
    script(monkeypatch, {"before": model})
    rows = [QuestionRow(f"m-{task}", "dev", task, f"A {task}?", "1") for task in (Task.NUMERIC, Task.TEXT)]
    with db.writing(store) as session:
        sets.add(session, "mixed", rows, source="made", simulated=True, by=ANN)
    with db.reading(store) as session:
        uids = {
            q.task: q.uid for q in session.exec(select(t.Question).where(col(t.Question.source_id).startswith("m-")))
        }
        question = pick(session, uids[Task.TEXT], ())
        longest = exam.default_tokens(session, "mixed", "dev", model)
    ask(store, home, question, refs=["before"])
    ask(store, home, PlaygroundQuestion("A text?", Task.TEXT), refs=["before"])
    assert [request.sampling.max_tokens for request in model.requests] == [longest, LONGEST[Task.TEXT]]
    assert longest > LONGEST[Task.TEXT]


def test_without_a_gold_the_answer_is_read_and_not_graded(
    store: sa.Engine, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(monkeypatch, {"before": Watched(RIGHT), "after": Watched("I can't say.")})
    right, silent = ask(store, home, PlaygroundQuestion("3 + 4?", Task.NUMERIC))
    assert (right.answer, right.outcome, silent.answer, silent.outcome) == ("7", None, None, None)
    assert silent.why


def test_stopped_what_came_stays_and_is_not_graded(
    store: sa.Engine, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(monkeypatch, {"before": Watched("So it goes on", 60), "after": Watched(" ".join("abcdefgh" * 99), 0.01)})
    stop = threading.Event()

    def tell(place: int, answer: PlaygroundAnswer) -> None:
        if place == 1 and answer.text == "a b c":
            stop.set()

    waiting, begun = ask(store, home, tell=tell, stopping=stop.is_set)
    assert (waiting.stage, waiting.text) == (AnswerStage.STOPPED, "")
    assert begun.stage is AnswerStage.STOPPED
    assert begun.text.startswith("a b c")
    assert (begun.answer, begun.outcome, begun.error) == (None, None, None)


def test_one_that_takes_too_long_is_stopped(store: sa.Engine, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(monkeypatch, {"before": Watched("So it goes on", 60)})
    monkeypatch.setattr(asking, "LONGEST_S", 0.1)
    (answer,) = ask(store, home, refs=["before"])
    assert (answer.stage, answer.error) == (AnswerStage.STOPPED, "it took longer than 0 s; ask for fewer tokens")


def test_one_that_cannot_be_asked_says_why_and_the_other_answers(
    store: sa.Engine, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with db.writing(store) as session:
        session.add(t.Student(name="imported", base="imported"))
        session.add(t.Student(name="guest", base="served:m", base_url="http://h/v1", disabled=True))
        session.add(t.Student(name="tuned", base="path:/nowhere", adapter="finetunes/x/adapter"))
    refs = {"imported": "without weights", "guest": "mapd students enable guest", "tuned": "finetune again"}
    for name, cure in refs.items():
        (failed,) = ask(store, home, refs=[name])
        assert failed.stage is AnswerStage.FAILED
        assert cure in (failed.error or "")
    script(monkeypatch, {"after": Watched(RIGHT)})
    failed, right = ask(store, home, refs=["nobody", "after"])
    assert (failed.error or "").startswith("unknown student: nobody")
    assert right.outcome == "correct"


@pytest.mark.parametrize("fault", [OSError("no such file\nor so"), RuntimeError("CUDA out of memory"), MemoryError()])
def test_weights_that_cannot_be_loaded_are_one_line(
    store: sa.Engine, home: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def load(_: sa.Engine, row: t.Student, *__: object) -> Watched:
        if row.name == "before":
            raise fault
        return Watched(RIGHT)

    monkeypatch.setattr("mapd.student_models.open_model", load)
    failed, right = ask(store, home)
    reason = " ".join(str(fault).split()) or "MemoryError"
    assert (failed.stage, failed.error) == (
        AnswerStage.FAILED,
        f"it can't be asked here ({reason}); ask again, or see to its files and the memory",
    )
    assert right.outcome == "correct"


def test_a_served_one_is_opened_anew_and_takes_no_place_in_memory(
    store: sa.Engine, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with db.writing(store) as session:
        session.add(t.Student(name="guest", base="served:m", base_url="http://h/v1"))
    opened: list[str] = []

    def load(_: sa.Engine, row: t.Student, *__: object) -> Watched:
        opened.append(row.name)
        return Watched(RIGHT)

    monkeypatch.setattr("mapd.student_models.open_model", load)
    monkeypatch.setattr("mapd.student_models.find_rendering", lambda *_: None)
    models = StudentModels(store, home)
    first, *_, second = [models.open(name).model for name in ("guest", "before", "after", "before", "after", "guest")]
    assert opened == ["guest", "before", "after", "guest"]
    assert first is not second, "what it watches, and whether it failed, is of one question"
    assert (second.limits.concurrency, second.tries) == (1, asking.TRIES)  # type: ignore[attr-defined]


def test_of_local_models_two_stay_and_a_changed_row_is_another(
    store: sa.Engine, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with db.writing(store) as session:
        session.add(t.Student(name="third", base="path:/nowhere/third"))
    opened: list[str] = []

    def load(_: sa.Engine, row: t.Student, *__: object) -> Watched:
        opened.append(row.name)
        return Watched(RIGHT)

    monkeypatch.setattr("mapd.student_models.open_model", load)
    models = StudentModels(store, home)
    for name in ("before", "after", "before", "after", "third", "after", "before"):
        models.open(name)
    assert opened == ["before", "after", "third", "before"]
    with db.writing(store) as session:
        row = students.get(session, "before")
        row.name, row.learned = "renamed", {"x": 1}
    models.open("renamed")
    assert len(opened) == 4
    with db.writing(store) as session:
        students.get(session, "renamed").adapter_sha256 = "another"
    models.open("renamed")
    assert opened[4:] == ["renamed"]


def test_what_may_not_be_asked(store: sa.Engine, home: Path) -> None:
    for refs in ((), ("a", "a"), ("a", "b", "c")):
        with pytest.raises(BadInput, match="one or two students are asked, each once"):
            ask(store, home, refs=refs)
    with db.reading(store) as session:
        uid = students.get(session, "before").uid
    with pytest.raises(BadInput, match=f"each once; not before, {uid}"):
        ask(store, home, refs=("before", uid))
    for decoding in (Decoding(max_tokens=9_000), Decoding(3.0), Decoding(top_p=0)):
        with pytest.raises(BadInput, match="not "):
            ask(store, home, decoding=decoding)
    with pytest.raises(Forbidden, match="may not start, stop or do work"):
        asking.ask_here(StudentModels(store, home), ["before"], SUM, Decoding(), by=Person("bob@x.org", Role.ANNOTATOR))
