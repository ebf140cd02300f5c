"""Questions for the playground: picked ones, typed ones, and the sealed split."""

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from mapd.answers.grading import Task
from mapd.errors import BadInput, NotFound
from mapd.playground.question import PlaygroundQuestion, pick, read_typed
from mapd.questions import search
from mapd.store import db
from tests.playground.scripted import fill


@pytest.fixture
def uids(engine: sa.Engine) -> dict[str, str]:
    return fill(engine)


@pytest.fixture
def store(engine: sa.Engine, uids: dict[str, str]) -> Session:
    with db.reading(engine) as session:
        yield session


def test_a_picked_question_is_as_its_set_has_it(store: Session, uids: dict[str, str]) -> None:
    question = pick(store, uids["p-2"])
    assert question == PlaygroundQuestion(
        "What grows on a stone?", Task.CHOICE, "B", None, ("a cup", "moss"), uids["p-2"], "pens, dev, number p-2"
    )
    assert PlaygroundQuestion.read(question.as_json()) == question
    assert pick(store, uids["p-4"]).gold is None, "without a gold answer nothing is graded"
    with pytest.raises(NotFound, match="unknown question: nothing"):
        pick(store, "nothing")


def test_nothing_of_a_sealed_split_is_offered_picked_or_typed(store: Session, uids: dict[str, str]) -> None:
    for act in (
        lambda: pick(store, uids["p-3"]),
        lambda: search.list_questions(store, "pens", "test"),
        lambda: read_typed(store, " A sealed  sum: 20 + 22? "),
    ):
        with pytest.raises(BadInput, match="the test split is sealed, and only an exam opens it"):
            act()


def test_questions_are_listed_by_words_and_number(store: Session) -> None:
    def found(split: str, words: str) -> list[str]:
        return [x.source_id for x in search.list_questions(store, "pens", split, words)]

    assert found("dev", "") == ["p-2", "p-4"]
    assert found("dev", "CUPS half") == ["p-4"]
    assert found("dev", "100 %") == ["p-4"], "no sign of the search is a pattern"
    assert found("dev", "%x") == found("dev", "_____") == []
    assert found("train", "p-1") == ["p-1"]
    assert len(search.list_questions(store, "pens", "dev", limit=1)) == 1


@pytest.mark.parametrize(
    ("words", "task", "gold"),
    [
        ({}, Task.NUMERIC, None),
        ({"gold": " 1,450 "}, Task.NUMERIC, "1450"),
        ({"gold": "True"}, Task.BOOLEAN, "true"),
        ({"gold": "the moss"}, Task.TEXT, "the moss"),
        ({"gold": "moss", "options": ["a cup", " moss", ""]}, Task.CHOICE, "B"),
        ({"task": "text", "gold": " "}, Task.TEXT, None),
    ],
)
def test_a_typed_question_takes_its_task_from_its_gold_or_options(
    store: Session, words: dict[str, object], task: Task, gold: str | None
) -> None:
    question = read_typed(store, " 2 + 2? ", **words)  # type: ignore[arg-type]
    assert (question.text, question.task, question.gold) == ("2 + 2?", task, gold)


@pytest.mark.parametrize(
    ("text", "words", "fault"),
    [
        (" ", {}, "1 to 20,000 characters, not 0; type one, or pick one"),
        ("x" * 20_001, {}, "not 20,001"),
        ("a\x00b", {}, r"U\+0000 at character 1"),
        ("2 + 2?", {"task": "numeric", "gold": "many"}, "answered by one number, not by 'many'"),
        ("2 + 2?", {"task": "choice"}, "name its options"),
        ("2 + 2?", {"task": "text", "options": ["a", "b"]}, "leave the options out"),
        ("2 + 2?", {"options": ["a"]}, "a choice has 2 to"),
        ("2 + 2?", {"options": ["a", "b"], "gold": "C"}, "an option's letter"),
    ],
)
def test_what_cannot_be_asked_is_one_line(store: Session, text: str, words: dict[str, object], fault: str) -> None:
    with pytest.raises(BadInput, match=fault) as refused:
        read_typed(store, text, **words)  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)
