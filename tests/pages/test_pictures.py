"""Pictures beside tables: there where there is something, with the table's numbers; absent where there is nothing."""

import json
from pathlib import Path
from typing import Any

from sqlmodel import select
from streamlit.testing.v1 import AppTest

from mapd.curation import live_set
from mapd.curation.reviewer_stats import count_pairs, matrix
from mapd.curation.score_table import tabulate_curated
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import tables as t
from tests.pages.running import errors, open_page, shown
from tests.pages.test_people import judged

COMMITTEE, PEOPLE, EXAM = "pages/loop/committee.py", "pages/review/people.py", "pages/loop/exam.py"


def figures(app: AppTest) -> dict[str, Any]:
    """Each picture's figure, by its key."""
    protos = [element.proto for element in app.get("plotly_chart")]
    return {proto.id.split("-")[-1]: json.loads(proto.spec) for proto in protos}


def exam_uid(split: str) -> str:
    with db.reading(db.open_store(Settings())) as session:
        return next(exam.uid for exam in queries.exams(session) if exam.split == split)


def test_the_committee_has_its_scores_as_on_the_agreement_page(full_home: Path) -> None:
    with db.reading(db.open_store(Settings())) as session:
        curated = live_set.load_curated(session, 1)
    assert count_pairs(curated) == matrix(tabulate_curated(curated))
    app = open_page(COMMITTEE)
    (heat_map,) = figures(app).values()
    assert heat_map["data"][0]["type"] == "heatmap"
    (on_agreement,) = figures(open_page("pages/curate/agreement.py")).values()
    assert heat_map["data"][0]["text"] == on_agreement["data"][0]["text"]
    assert errors(app) == []


def test_calls_and_money_are_drawn_and_what_nobody_knows_is_said(looped_home: Path) -> None:
    with db.writing(db.open_store(Settings())) as session:
        row = session.exec(select(t.Teacher).where(t.Teacher.name == "slips")).one()
        row.kind, row.model, row.base_url = "openai", "m-1", "https://llm.example.org/v1"
    app = open_page(COMMITTEE, exam=exam_uid("train"))
    assert errors(app) == []
    keys, words = list(figures(app)), " ".join(x.value for x in app.caption)
    assert keys == ["committee_matrix", "calls_over_time"]
    assert "Replies whose cost nobody knows: slips" in words
    assert "there is no picture of the money" in words
    assert "sound" not in words.split("Replies whose")[1].split("picture")[0], "a simulated teacher costs nothing"


def test_people_have_progress_and_agreement(full_home: Path) -> None:
    assert figures(open_page(PEOPLE)) == {}
    judged()
    app = open_page(PEOPLE)
    progress, pairs = figures(app).values()
    assert [(line["name"], line["y"][-1]) for line in progress["data"]] == [("ann", 6), ("bob &lt;img src=x&gt;", 6)]
    assert [trace["x"] for trace in pairs["data"]] == [[], [0.5]], "too few for a filled mark"
    assert "<img" not in shown(app)


def test_an_exam_has_its_families_and_the_exams_on_the_same_questions(looped_home: Path) -> None:
    app = open_page(EXAM, exam=exam_uid("dev"))
    families, exams = figures(app).values()
    assert len(families["data"][0]["x"]) == 4, "all, and three families"
    assert sorted(x for trace in exams["data"] for x in trace["x"]) == [0.25, 0.5]
    assert "/exam?exam=" in shown(app)
    assert len(figures(open_page(EXAM, exam=exam_uid("train")))) == 1, "nobody else sat these"


def test_an_import_has_no_accuracy_to_draw(full_home: Path) -> None:
    assert figures(open_page(EXAM)) == {}
