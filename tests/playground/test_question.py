"""Questions for the playground: picked ones, typed ones, and the sealed split."""

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from mapd import prompts
from mapd.answers.grading import Task
from mapd.errors import BadInput, NotFound
from mapd.playground.question import PlaygroundQuestion, find_sealed_words, pick, read_typed
from mapd.questions import search, sets
from mapd.questions.rows import QuestionRow
from mapd.store import db, queries
from mapd.store import tables as t
from tests.playground.scripted import ANN, fill

# In a test split, with a context and options; the stem stands in dev, too, with others.
SEALED = "If 5 pens cost 10 €, is one dearer than a cup?"
STEM, CONTEXT, OPTIONS = "Which of them is green?", "A frog sits beside a red cup.", ("The frog", "The cup")


@pytest.fixture
def uids(engine: sa.Engine) -> dict[str, str]:
    return fill(engine)


@pytest.fixture
def store(engine: sa.Engine, uids: dict[str, str]) -> Session:
    with db.reading(engine) as session:
        yield session


def test_a_picked_question_is_as_its_set_has_it(store: Session, uids: dict[str, str]) -> None:
    question = pick(store, uids["p-2"], ())
    place, tasks = "pens, dev, number p-2", (Task.CHOICE, Task.NUMERIC)
    assert question == PlaygroundQuestion(
        "What grows on a stone?", Task.CHOICE, "B", None, ("a cup", "moss"), uids["p-2"], place, tasks
    )
    assert PlaygroundQuestion.read(question.as_json()) == question
    assert pick(store, uids["p-4"], ()).gold is None, "without a gold answer nothing is graded"
    with pytest.raises(NotFound, match="unknown question: nothing"):
        pick(store, "nothing", ())


def test_a_gold_that_people_corrected_is_what_grades(engine: sa.Engine, uids: dict[str, str]) -> None:
    with db.writing(engine) as session:
        row = queries.question(session, uids["p-1"])
        on_it = {"target": "question", "question_id": row.id, "person": "ann", "decision": "correct"}
        session.add(t.Judgement(**on_it, value="8"))
        session.add(t.Judgement(**on_it | {"person": "bob"}, value="9", counts=False))
    with db.reading(engine) as session:
        question = pick(session, uids["p-1"], ())
        assert (question.gold, question.place) == ("8", "pens, train, number p-1, its gold corrected by people")


def test_nothing_of_a_sealed_split_is_offered_picked_or_typed(store: Session, uids: dict[str, str]) -> None:
    for act in (
        lambda: pick(store, uids["p-3"], ()),
        lambda: search.list_questions(store, "pens", "test"),
        lambda: read_typed(" A sealed  sum: 20 + 22? ", find_sealed_words(store)),
    ):
        with pytest.raises(BadInput, match="the test split is sealed, and only an exam opens it"):
            act()


def test_a_sealed_question_is_known_however_it_is_written(engine: sa.Engine) -> None:
    rows = (
        QuestionRow("s-1", "test", Task.BOOLEAN, SEALED, "false"),
        QuestionRow("s-2", "test", Task.CHOICE, STEM, "A", context=CONTEXT, options=OPTIONS),
        QuestionRow("s-3", "dev", Task.CHOICE, STEM, "B", context="A cup and a leaf.", options=("A cup", "A leaf")),
        QuestionRow("s-4", "dev", Task.CHOICE, STEM, "A", context=CONTEXT.upper(), options=OPTIONS),
    )
    with db.writing(engine) as session:
        sets.add(session, "sealed", rows, source="made", simulated=True, by=ANN)
    with db.reading(engine) as session:
        words = find_sealed_words(session)
        uids = {q.source_id: q.uid for q in session.exec(sa.select(t.Question)).scalars()}
        assert pick(session, uids["s-3"], words).text == STEM, "the same stem, of something else"
        with pytest.raises(BadInput, match="the letters and digits of this question stand in a test split"):
            pick(session, uids["s-4"], words)
    block = prompts.question_block(STEM, CONTEXT, OPTIONS)
    for text, options in (
        (SEALED.upper(), ()),
        (SEALED.replace("?", " !").replace(",", "\n"), ()),
        (SEALED.replace("cost", "co\u200bst").replace("pens", "ｐｅｎｓ"), ()),
        (f"{CONTEXT} {STEM}", ()),
        (block, ()),
        (block.partition("\n")[2], ()),
        (f"{STEM} {', '.join(OPTIONS)}?", ()),
        (STEM, ()),
        (STEM, OPTIONS),
        (STEM, OPTIONS[::-1]),
        (f"{CONTEXT}\n{STEM}", OPTIONS),
    ):
        with pytest.raises(BadInput, match="stand in a test split"):
            read_typed(text, words, options=options)
    assert read_typed(f"{SEALED} Why?", words).gold is None


def test_questions_are_listed_by_words_and_number(store: Session) -> None:
    def found(split: str, words: str) -> list[str]:
        return [x.source_id for x in search.list_questions(store, "pens", split, words)]

    assert found("dev", "") == ["p-2", "p-4"]
    assert found("dev", "CUPS half") == ["p-4"]
    assert found("dev", "100 %") == ["p-4"], "no sign of the search is a pattern"
    assert found("dev", "%x") == found("dev", "_____") == []
    assert found("train", "p-1") == ["p-1"]


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
    words: dict[str, object], task: Task, gold: str | None
) -> None:
    question = read_typed(" 2 + 2? ", (), **words)  # type: ignore[arg-type]
    assert (question.text, question.task, question.gold) == ("2 + 2?", task, gold)


@pytest.mark.parametrize(
    ("text", "words", "fault"),
    [
        (" ", {}, "1 to 20,000 characters, not 0; type one, or pick one"),
        ("x" * 20_001, {}, "not 20,001"),
        ("a\x00b", {}, r"U\+0000 at character 1"),
        ("2 + 2?", {"options": ["a", "b\x00"]}, r"U\+0000 at character 1"),
        ("2 + 2?", {"task": "text", "gold": "\ud800"}, r"U\+D800 at character 0"),
        ("2 + 2?", {"task": "numeric", "gold": "many"}, "answered by one number, not by 'many'"),
        ("2 + 2?", {"task": "choice"}, "name its options"),
        ("2 + 2?", {"task": "text", "options": ["a", "b"]}, "leave the options out"),
        ("2 + 2?", {"options": ["a"]}, "a choice has 2 to"),
        ("2 + 2?", {"options": ["a", "b"], "gold": "C"}, "an option's letter"),
    ],
)
def test_what_cannot_be_asked_is_one_line(text: str, words: dict[str, object], fault: str) -> None:
    with pytest.raises(BadInput, match=fault) as refused:
        read_typed(text, (), **words)  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)
