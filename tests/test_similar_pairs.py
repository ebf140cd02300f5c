"""The training pairs nearest to a question, by its words."""

import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import select

from mapd import prompts, similar_pairs, students
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import tables as t
from tests import looped
from tests.commands import Mapd
from tests.pages.running import errors, open_page, shown


def teach(engine: sa.Engine) -> tuple[str, str]:
    """The loop once, its tuned student taught on the snapshot; returns the uids of its exam and a question."""
    looped.go_round(engine)
    with db.writing(engine) as session:
        snapshot = session.exec(select(t.Snapshot)).one()
        students.get(session, "small-tuned").snapshot_sha256 = snapshot.sha256
        index = similar_pairs.build_index(session, snapshot.sha256)
        exam = next(info for info in queries.exams(session) if info.student == "small-tuned")
        return exam.uid, str(index.pairs[0]["question"]["uid"])


def test_the_same_words_are_nearest_and_none_in_common_is_nothing(engine: sa.Engine) -> None:
    exam, question = teach(engine)
    with db.reading(engine) as session:
        index = similar_pairs.load_index(session, exam)
        assert index is not None
        row = queries.question(session, question)
        block = prompts.question_block(row.text, row.context, row.options)
    same, odd, empty = index.find_nearest([block.upper(), "xyzzy", ""], 2)
    assert same[0].similarity == pytest.approx(1)
    assert same[0].pair["question"]["uid"] == question, "capitals are no difference"
    assert len(same) == 2
    assert same[0].similarity >= same[1].similarity > 0
    assert (odd, empty) == ([], [])
    assert index.find_nearest([], 2) == []


def test_a_student_that_was_taught_on_nothing_here_has_none(engine: sa.Engine) -> None:
    looped.go_round(engine)
    with db.writing(engine) as session:
        students.get(session, "small-tuned").snapshot_sha256 = "e" * 64
    with db.reading(engine) as session:
        assert [similar_pairs.load_index(session, info.uid) for info in queries.exams(session)] == [None] * 3


def test_the_command_shows_them(home: Path, mapd: Mapd) -> None:
    engine = db.open_store(Settings())
    exam, question = teach(engine)
    engine.dispose()
    words = ("results", "--before", "2", "--after", exam, "--similar", question)
    told = mapd(*words, "--nearest", "2", "--json").json
    assert told["question"] == question
    assert told["similar"][0]["question"]["uid"] == question
    assert told["similar"][0]["similarity"] == pytest.approx(1)
    assert "similar, not cause" in mapd(*words).out
    result = mapd("results", "--before", exam, "--after", "2", "--similar", question)
    assert "was taught on no snapshot of this project" in result.err
    assert mapd(*words[:-1], "nothing").err.startswith("mapd: unknown question: nothing")


def test_the_page_shows_them_in_each_questions_fold_where_asked(home: Path) -> None:
    engine = db.open_store(Settings())
    exam, _ = teach(engine)
    engine.dispose()
    usual = shown(open_page("pages/train/results.py", after=exam))
    assert "similar, not cause" not in usual
    app = open_page("pages/train/results.py", after=exam, nearest="true")
    assert not errors(app)
    folds = shown(app)
    assert "nearest training pairs: similar, not cause" in folds
    assert re.search(r'class="mapd-pair"><summary><span class="mapd-note">[01]\.\d\d<', folds)
    assert folds.count("before</div>") == usual.count("before</div>"), "both answers stay side by side"
    assert errors(open_page("pages/train/results.py", after=exam, nearest="maybe"))
