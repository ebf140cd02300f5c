"""The data page's ways in: questions of every kind, answers from elsewhere, and each refusal with what helps."""

import gzip
import html
import json
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from mapd.exchange import attempt_files
from mapd.questions import saved_mappings, sets, sources
from mapd.questions.file_table import FileRecord, FileTable
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import tables as t
from tests.pages.running import errors, open_page, shown
from tests.questions.shapes import SHAPES, jsonl

PAGE = "pages/loop/data.py"
ROCKS = {"question": "Which is a rock?", "options": ["oak", "granite", "trout", "moss"]}


def choose(app: AppTest, *files: tuple[str, bytes]) -> AppTest:
    """Upload files into the way's first uploader."""
    app.file_uploader[0].set_value([(name, content, "application/octet-stream") for name, content in files]).run()
    assert not app.exception
    return app


def uploaded(*files: tuple[str, bytes], way: str = "questions") -> AppTest:
    return choose(open_page(PAGE, way=way), *files)


def add(app: AppTest, name: str = "mine") -> AppTest:
    next(field for field in app.text_input if field.label == "The set's name").set_value(name).run()
    app.button(key="add_questions").click().run()
    assert not app.exception
    assert errors(app) == []
    return app


def stored(name: str = "mine") -> list[t.Question]:
    with db.reading(db.open_store(Settings())) as session:
        rows = session.exec(select(t.Question).where(t.Question.set_id == sets.get(session, name).id)).all()
        session.expunge_all()
        return list(rows)


def refusals(app: AppTest) -> list[str]:
    """The one-line errors as people read them."""
    return [html.unescape(line) for line in errors(app)]


def written(app: AppTest) -> str:
    """The command that does the same."""
    return app.main.code[0].value


def setting(app: AppTest, label: str) -> Any:
    """A widget of how the files are read, by its label."""
    return next(w for w in (*app.selectbox, *app.multiselect, *app.text_input) if w.label == label)


def test_an_empty_project_is_told_what_can_come_in(home: Path) -> None:
    app = open_page(PAGE)
    assert errors(app) == []
    assert written(app) == "mapd questions add NAME FILE…"
    assert len(app.file_uploader) == 1
    app = open_page(PAGE, way="attempts")
    assert any("No questions yet" in m.value for m in app.markdown)
    assert len(open_page(PAGE, way="authors").file_uploader) == 3
    assert "this address asks for way nonsense" in errors(open_page(PAGE, way="nonsense"))[0]


@pytest.mark.parametrize("title", SHAPES)
def test_a_benchmark_is_recognised_previewed_and_added(home: Path, title: str) -> None:
    shape = SHAPES[title]()
    app = uploaded((shape.name, shape.content))
    assert errors(app) == []
    assert f">{shape.format}</dd>" in shown(app)
    assert all(f">{field}</td>" in shown(app) for field in shape.not_read)
    with db.reading(db.open_store(Settings())) as session:
        assert session.exec(select(t.QuestionSet)).all() == [], "nothing is written before the button"
    add(app)
    assert any("Added: mine" in s.value for s in app.success)
    assert "| ".join(q.gold for q in stored()) == "| ".join(gold.partition(". ")[0] for gold in shape.golds)


def test_a_choice_is_shown_with_letters_and_texts_and_no_index(home: Path) -> None:
    page = shown(
        uploaded(("q.jsonl", jsonl([ROCKS | {"answer": 1, "subject": "stones", "choices": ROCKS["options"]}])))
    )
    assert "B. granite" in page
    assert "A. oak\nB. granite\nC. trout\nD. moss" in page


def test_files_have_the_splits_of_their_names_and_these_can_be_changed(home: Path) -> None:
    def rows(word: str) -> bytes:
        return jsonl([{"question": f"{word} {n}?", "answer": n} for n in range(4)])

    app = uploaded(("train.jsonl", rows("a")), ("valid.jsonl.gz", gzip.compress(rows("b"))), ("rest.jsonl", rows("c")))
    assert "rest.jsonl has no split, and other files have one" in refusals(app)[0]
    setting(app, "Split of rest\\.jsonl").select("test").run()
    assert written(app) == "mapd questions add plain --train train.jsonl --dev valid.jsonl.gz --test rest.jsonl"
    add(app)
    assert [q.split for q in stored()] == ["train"] * 4 + ["dev"] * 4 + ["test"] * 4


def test_a_file_without_splits_is_drawn_as_one_says(home: Path) -> None:
    app = uploaded(("q.jsonl", jsonl([{"question": f"{n}?", "answer": n} for n in range(10)])))
    setting(app, "Shares of train, dev and test").set_value("0.5,0.5").run()
    assert "--shares are three numbers" in refusals(app)[0]
    setting(app, "Shares of train, dev and test").set_value("0.5,0.5,0").run()
    assert written(app) == "mapd questions add q q.jsonl --shares 0.5,0.5,0"
    add(app)
    assert sorted(q.split for q in stored()) == ["dev"] * 5 + ["train"] * 5


def test_an_undecided_key_shows_its_readings_and_one_press_decides(home: Path) -> None:
    app = uploaded(("arc.jsonl", jsonl([ROCKS | {"answer": "2"}])))
    assert "say which with --answers index0 or index1" in refusals(app)[0]
    assert "C. trout" in shown(app)
    assert "B. granite" in shown(app)
    assert not [b for b in app.button if b.key == "add_questions"]
    app.button(key="answers_is_index1").click().run()
    assert errors(app) == []
    assert setting(app, "What an answer names").value == "index1"
    assert "--answers index1" in written(app)
    add(app)
    assert [q.gold for q in stored()] == ["B"]


def test_a_long_text_is_mapped_or_left_out(home: Path) -> None:
    rows = [{"question": f"{n}?", "answer": n, "passage": f"{n} is told of in a long passage. " * 9} for n in range(4)]
    app = uploaded(("q.jsonl", jsonl(rows)))
    assert "the field passage isn't read, and is long" in refusals(app)[0]
    assert not [b for b in app.button if b.key == "add_questions"]
    setting(app, "Fields to leave out").set_value(["passage"]).run()
    assert errors(app) == []
    assert "--ignore passage" in written(app)
    setting(app, "Fields to leave out").set_value([]).run()
    setting(app, "Context").set_value(["passage"]).run()
    assert "--map context=passage" in written(app)
    assert "--ignore" not in written(app)
    add(app)
    assert stored()[0].context.startswith("0 is told of")


def test_fields_that_no_format_knows_are_mapped_and_the_mapping_is_kept(home: Path) -> None:
    rows = [{"Story": f"Ann has {n} pens.", "Ask": f"How many are {n}?", "Sum": float(n)} for n in range(5)]
    app = uploaded(("stories.jsonl", jsonl(rows)))
    assert "has the fields Story, Ask, Sum: no format is known by these fields" in refusals(app)[0]
    setting(app, "Question").set_value(["Story", "Ask"]).run()
    setting(app, "Answer").select("Sum").run()
    assert errors(app) == []
    assert "--map question=Story+Ask,answer=Sum" in written(app)
    app.text_input(key="mapping_name").set_value("stories").run()
    app.button(key="keep_mapping").click().run()
    assert errors(app) == []
    add(app)
    assert stored()[0].text == "Ann has 0 pens. How many are 0?"
    again = uploaded(("other.jsonl", jsonl([{"Story": "Ben has 7 pens.", "Ask": "How many?", "Sum": 7}])))
    setting(again, "A saved mapping").select("stories").run()
    assert errors(again) == []
    assert "Ben has 7 pens. How many?" in shown(again)
    with db.reading(db.open_store(Settings())) as session:
        assert str(saved_mappings.get(session, "stories")) == "question=Story+Ask,answer=Sum"


def test_bad_rows_have_reasons_and_the_rest_comes_in(home: Path) -> None:
    app = uploaded(("q.jsonl", jsonl([{"question": f"{n}?", "answer": n if n else None} for n in range(4)])))
    assert "1 bad row, nothing was imported" in refusals(app)[0]
    assert "no answer (a test split?)" in app.dataframe[0].value["what is wrong"].to_list()[0]
    assert app.button(key="add_questions").label == "Add 3 questions, without 1 bad row"
    assert written(app).endswith("--skip-bad bad-rows.jsonl")
    add(app)
    assert len(stored()) == 3


def test_a_name_that_a_set_has_is_suggested_with_a_number(home: Path) -> None:
    for number in (1, 2):
        app = uploaded(
            ("sums.jsonl", jsonl([{"question": f"{number} + {n}?", "answer": n + number} for n in range(3)]))
        )
        (name,) = (field for field in app.text_input if field.label == "The set's name")
        assert name.value == ("sums" if number == 1 else "sums-2")
        app.button(key="add_questions").click().run()
    assert len(stored("sums")) == len(stored("sums-2")) == 3


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("empty.jsonl", b" \n", "empty.jsonl is empty: it holds no rows"),
        ("cut.json", b'[{"question": "1?", "ans', "cut.json can't be read: no whole JSON"),
        ("q.xlsx", b"PK\x03\x04", "is a ZIP archive or an old Excel file"),
        ("photo.jsonl", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\xff", "photo.jsonl is no table: save it as JSON Lines"),
        ("words.txt", b"Once upon a time", "words.txt is no table of questions"),
        ("q.jsonl", '{"question": "é"}'.encode("latin-1"), "q.jsonl is not UTF-8 text at byte"),
        ("test.jsonl", jsonl([{"question": "1?", "answer": None}]), "has no answer in any of its rows"),
        ("list.jsonl", jsonl([{"question": "1?", "answer": ["1", "one"]}]), "is no single answer"),
        ("q.jsonl", b'{"question": "1?"\n', "q.jsonl can't be read: no whole JSON"),
    ],
)
def test_a_mistaken_file_gets_one_line(home: Path, name: str, content: bytes, line: str) -> None:
    app = uploaded((name, content))
    assert len(errors(app)) == 1
    assert line in refusals(app)[0]
    assert not [b for b in app.button if b.key == "add_questions"]


def test_the_same_content_again_leads_to_the_set_that_is_there(home: Path) -> None:
    file = ("q.jsonl", jsonl([{"question": f"{n}?", "answer": n} for n in range(5)]))
    add(uploaded(file))
    again = uploaded(file)
    assert any("in the project already, as: mine" in s.value for s in again.success)
    other = uploaded(("p.jsonl", jsonl([{"question": "9?", "answer": 9}])))
    next(field for field in other.text_input if field.label == "The set's name").set_value("mine").run()
    other.button(key="add_questions").click().run()
    assert "there is a question set named mine with other content" in refusals(other)[0]


def test_a_hub_that_cannot_be_reached_is_one_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    app = open_page(PAGE)
    setting(app, "Or a set of the Hugging Face hub").set_value("not a name").run()
    assert "a set on the hub is named ORG/NAME" in refusals(app)[0]


def test_a_set_of_the_hub_has_its_splits_and_its_commit(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_hub(ref: str) -> list[FileTable]:
        record = FileRecord(1, {"question": f"{ref}?", "answer": 7})
        return [FileTable(f"{ref}/train", "row", (record,), split="train", origin={"hub": ref, "commit": "c0ffee"})]

    monkeypatch.setattr(sources, "read_hub", read_hub)
    app = open_page(PAGE)
    setting(app, "Or a set of the Hugging Face hub").set_value("org/pens:main").run()
    assert written(app) == "mapd questions add org/pens:main --hub org/pens:main"
    add(app)
    assert [(q.split, q.gold) for q in stored()] == [("train", "7")]
    with db.reading(db.open_store(Settings())) as session:
        assert sets.get(session, "mine").source == "hub org/pens:main at c0ffee"


def test_of_many_files_the_names_tell_the_splits(home: Path) -> None:
    def file(n: int) -> tuple[str, bytes]:
        row = f"What is {n}?,a {n},b {n},c {n},d {n},{'ABCD'[n % 4]}\n"
        return f"subject_{n}_{'test' if n % 2 else 'val'}.csv", row.encode()

    app = uploaded(*map(file, range(20)))
    assert errors(app) == []
    assert any("the name of each tells its split" in c.value for c in app.caption)
    add(app)
    assert {(q.family, q.split, q.gold) for q in stored()} == {
        (f"subject_{n}", "test" if n % 2 else "dev", "ABCD"[n % 4]) for n in range(20)
    }


def test_a_field_with_a_comma_in_its_name_is_mapped_and_kept(home: Path) -> None:
    app = uploaded(("q.jsonl", jsonl([{"question": "1?", "answer": 1, "why, then": "so+so"}])))
    setting(app, "Note").set_value(["why, then"]).run()
    assert r"--map 'note=why\, then'" in written(app)
    app.text_input(key="mapping_name").set_value("odd").run()
    app.button(key="keep_mapping").click().run()
    assert errors(app) == []
    with db.reading(db.open_store(Settings())) as session:
        assert saved_mappings.get(session, "odd").paths("note") == ("why, then",)


def test_the_exam_page_opens_on_the_set_that_was_added(home: Path) -> None:
    add(uploaded(("a.jsonl", jsonl([{"question": "1?", "answer": 1}]))), "first")
    add(uploaded(("b.jsonl", jsonl([{"question": "2?", "answer": 2}]))), "second")
    app = open_page("pages/loop/exam.py", questions="first")
    app.button(key="add_student").click().run()
    assert setting(app, "Questions").value == "first"


# --- Answers from elsewhere -------------------------------------------------------------------------------------------


@pytest.fixture
def rocks(home: Path) -> str:
    """A set of four questions of a train and a dev split."""
    rows = [ROCKS | {"id": f"r{n}", "question": f"Which is a rock, {n}?", "answer": "B"} for n in range(4)]
    rows = [row | {"split": "train" if n < 3 else "dev"} for n, row in enumerate(rows)]
    add(uploaded(("rocks.jsonl", jsonl(rows))), "rocks")
    return "rocks"


def test_answers_are_shown_as_they_will_be_graded_and_become_an_exam(
    rocks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    replies = [{"question_id": f"r{n}", "response": f"Answer: {letter}"} for n, letter in enumerate("BCX")]
    replies.append({"question_id": "r9", "response": "Answer: A"})
    app = uploaded(("llama.jsonl", jsonl(replies)), way="attempts")
    assert "1 bad row, nothing was imported" in refusals(app)[0]
    assert '"r9" is no question of the set' in app.dataframe[0].value["what is wrong"].to_list()[0].replace("“", '"')
    for word in ("C. trout", "B. granite", "right", "wrong", "no answer"):
        assert word in shown(app)
    with monkeypatch.context() as without:
        without.delattr(attempt_files, "parse")  # another run of the page doesn't read them again
        assert not app.run().exception
    with db.reading(db.open_store(Settings())) as session:
        assert queries.exams(session) == []
    assert app.button(key="import_attempts").label == "Import 3 answers, without 1 bad row"
    assert written(app) == "mapd import attempts llama.jsonl --questions rocks --skip-bad bad-rows.jsonl"
    app.button(key="import_attempts").click().run()
    assert errors(app) == []
    assert any("Imported as an exam: llama on rocks" in s.value for s in app.success)
    with db.reading(db.open_store(Settings())) as session:
        [exam] = queries.exams(session)
        outcomes = session.exec(select(t.Attempt.outcome).order_by(t.Attempt.id)).all()
    assert exam.student == "llama"
    assert outcomes == ["correct", "incorrect", "no_answer"]


def test_answers_of_several_splits_ask_which(rocks: str) -> None:
    replies = [{"question_id": f"r{n}", "response": "Answer: B"} for n in range(4)]
    app = uploaded(("a.jsonl", jsonl(replies)), way="attempts")
    assert "the answers are to questions of several splits" in refusals(app)[0]
    app.button(key="split_is_dev").click().run()
    assert app.button(key="import_attempts").label == "Import 1 answer, without 3 bad rows"
    assert "--split dev" in written(app)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"[]", "holds no rows"),
        (b"just words", "a.jsonl is no JSON: it begins with"),
        (json.dumps({"question_id": "zz", "response": "B"}).encode(), "is no question of the set"),
        (
            json.dumps({"doc": {"question": "?"}, "resps": [[[-1.5, False]]]}).encode(),
            "take the samples of a task that",
        ),
    ],
)
def test_a_mistaken_file_of_answers_gets_one_line(rocks: str, content: bytes, line: str) -> None:
    app = uploaded(("a.jsonl", content), way="attempts")
    assert len(errors(app)) == 1
    assert line in refusals(app)[0]
    assert not [b for b in app.button if b.key == "import_attempts"]


def test_the_test_split_is_opened_for_a_purpose(home: Path) -> None:
    add(uploaded(("test.jsonl", jsonl([{"id": "t", "question": "1?", "answer": 1}]))))
    app = uploaded(("a.jsonl", jsonl([{"question_id": "t", "response": "Answer: 1"}])), way="attempts")
    assert any("The test split is sealed" in c.value for c in app.caption)
    app.text_input(key="attempts_purpose").set_value("the paper's table").run()
    assert "--open-test 'the paper'" in written(app)
    app.button(key="import_attempts").click().run()
    with db.reading(db.open_store(Settings())) as session:
        assert session.exec(select(t.Opening.purpose)).all() == ["the paper's table"]
