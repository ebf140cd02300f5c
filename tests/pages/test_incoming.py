"""The data page's ways in for verdicts and for explanations: previewed, brought in, refused in a line."""

import json
from pathlib import Path

import pytest
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from tests.pages.running import errors, open_page, shown

PAGE = "pages/loop/data.py"
HEADING = "person,kind,uid,decision,reason"


def upload(way: str, name: str, content: str) -> AppTest:
    app = open_page(PAGE, way=way)
    app.file_uploader[0].set_value([(name, content.encode(), "text/csv")]).run()
    assert not app.exception
    return app


def rationales() -> list[str]:
    with db.reading(db.open_store(Settings())) as session:
        query = select(t.Explanation.uid).where(t.Explanation.kind == "rationale").order_by(t.Explanation.id)  # type: ignore[arg-type]
        return list(session.exec(query).all())


def judgements() -> list[tuple[str, str, bool]]:
    with db.reading(db.open_store(Settings())) as session:
        return list(session.exec(select(t.Judgement.person, t.Judgement.decision, t.Judgement.counts)).all())


@pytest.mark.parametrize("way", ["verdicts", "explanations"])
def test_without_an_exam_the_ways_to_one_are_shown(home: Path, way: str) -> None:
    app = open_page(PAGE, way=way)
    assert errors(app) == []
    assert not app.file_uploader
    assert "exam" in shown(app) + " ".join(m.value for m in app.markdown)


@pytest.mark.parametrize("way", ["verdicts", "explanations"])
def test_without_a_file_it_is_said_what_it_holds(full_home: Path, way: str) -> None:
    app = open_page(PAGE, way=way)
    assert any("Nothing is written before a preview" in caption.value for caption in app.caption)
    assert app.main.code[0].value.startswith(("mapd judge --file FILE", "mapd import explanations FILE"))


def test_verdicts_are_shown_before_they_come_in(full_home: Path) -> None:
    one, two = rationales()[:2]
    app = upload("verdicts", "v.csv", f"{HEADING}\nann,rationale,{one},reject,false_step\n10,rationale,{two},accept,\n")
    assert errors(app) == []
    for words in ("new judgements", "ann 1, label", "who never judged here before"):
        assert words.replace("label", "10") in shown(app)
    next(x for x in app.text_input if x.label == "Who is called otherwise here").set_value("10=Bob").run()
    assert "ann 1, bob 1" in shown(app)
    assert app.main.code[0].value.endswith("--person 10=Bob --yes")
    assert app.button(key="import_verdicts").label == "Bring in 2 judgements"
    assert judgements() == []
    app.button(key="import_verdicts").click().run()
    assert errors(app) == []
    assert [message.value.replace("\\", "") for message in app.success] == ["2 judgements came in, of ann 1, bob 1"]
    assert judgements() == [("ann", "reject", True), ("bob", "accept", True)]
    again = upload("verdicts", "v.csv", f"{HEADING}\nann,rationale,{one},reject,false_step\n")
    assert any("All of it is here already" in caption.value for caption in again.caption)
    assert not [button for button in again.button if button.key == "import_verdicts"]


def test_verdicts_may_stand_in_the_history_alone(full_home: Path) -> None:
    app = upload("verdicts", "v.csv", f"{HEADING}\nann,rationale,{rationales()[0]},reject,\n")
    app.checkbox[0].check().run()
    assert app.main.code[0].value.endswith("--history --yes")
    app.button(key="import_verdicts").click().run()
    assert judgements() == [("ann", "reject", False)]


def test_a_wrong_row_refuses_all_and_is_downloaded(full_home: Path) -> None:
    app = upload("verdicts", "v.csv", f"{HEADING}\nann,rationale,{rationales()[0]},reject,\nann,,{'c' * 32},like,\n")
    assert "1 bad row, nothing was imported: v.csv line 3" in errors(app)[0]
    assert app.dataframe[0].value["field"].to_list() == ["decision", "uid"]
    assert {button.proto.label for button in app.get("download_button")} >= {"Download the bad rows", "As CSV"}
    assert not [button for button in app.button if button.key == "import_verdicts"]
    assert judgements() == []


@pytest.mark.parametrize(
    ("way", "line"), [("verdicts", "holds no verdicts"), ("explanations", "holds no explanations")]
)
def test_a_file_that_is_none_is_one_line(full_home: Path, way: str, line: str) -> None:
    app = upload(way, "x.csv", "a,b\n1,2\n")
    assert len(errors(app)) == 1
    assert line in errors(app)[0]


def test_explanations_are_shown_and_come_in_without_the_bad_rows(full_home: Path) -> None:
    rows = [
        "question,teacher,kind,text,score_gpt",
        "0,me,rationale,13 pens,5",
        "2,me,feedback,Add.,",
        "99,me,rationale,x,",
    ]
    app = upload("explanations", "texts.csv", "\n".join(rows))
    assert "is no question of the exam" in errors(app)[0]
    for words in ("13 pens", "gpt 5", "new explanations", "me 2"):
        assert words in shown(app)
    assert app.main.code[0].value.endswith("--skip-bad bad-rows.jsonl")
    assert app.button(key="import_explanations").label == "Import 2 explanations, without 1 bad row"
    app.button(key="import_explanations").click().run()
    assert errors(app) == []
    assert [message.value for message in app.success] == ["2 explanations and 1 score came in"]
    with db.reading(db.open_store(Settings())) as session:
        texts = session.exec(select(t.Explanation.text).join(t.Teacher).where(t.Teacher.name == "me")).all()
    assert sorted(texts) == ["13 pens", "Add."]
    again = upload("explanations", "texts.csv", "\n".join(rows[:3]))
    assert any("All of it is here already" in caption.value for caption in again.caption)


def test_label_studios_export_comes_in(full_home: Path) -> None:
    result = [{"from_name": "decision", "to_name": "text", "type": "choices", "value": {"choices": ["accept"]}}]
    done = {"data": {"uid": rationales()[0]}, "annotations": [{"completed_by": 3, "result": result, "lead_time": 2}]}
    app = upload("verdicts", "export.json", json.dumps([done, {"data": {"uid": rationales()[1]}, "annotations": []}]))
    assert "label studio user 3 1" in shown(app)
    assert "tasks not done yet" in shown(app)
