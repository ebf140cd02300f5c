"""Round by round: what a student's line learned, got back and forgot, on both databases and on the page."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session, select

from mapd import exam, lineage, rounds, students
from mapd.answers.grading import Outcome
from mapd.domain import ExamInfo
from mapd.errors import BadInput, NotFound
from mapd.people import owner
from mapd.results import ExamAnswer, ExamAnswers
from mapd.rounds import StopRule
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import tables as t
from tests import looped
from tests.commands import Mapd
from tests.pages.running import errors, open_page, shown

ANN = owner("ann")


def answers(info: ExamInfo, right: str) -> ExamAnswers:
    """An exam of a question a character: "1" is right, "0" is wrong."""
    outcomes = {"1": Outcome.CORRECT, "0": Outcome.INCORRECT}
    by_uid = {str(n): ExamAnswer(str(n), "", "7", outcomes[sign]) for n, sign in enumerate(right)}
    return ExamAnswers(info, by_uid, len(right))


@pytest.fixture(scope="module")
def info() -> ExamInfo:
    values: Mapping[str, object] = {"id": 1, "uid": "5e", "name": "dev", "student": "s", "question_set": "q"}
    fields = ExamInfo.__dataclass_fields__
    return ExamInfo(**{name: values.get(name, "") for name in fields})  # type: ignore[arg-type]


def test_learned_regained_and_forgotten(info: ExamInfo) -> None:
    first, second, third = rounds.measure(
        [("a", 0, answers(info, "11000")), ("b", 1, answers(info, "01100")), ("c", 2, answers(info, "10110"))]
    )
    assert (first.learned, first.forgotten, first.ever, first.mcnemar_p) == (0, 0, 2, None)
    assert (second.learned, second.regained, second.forgotten, second.ever) == (1, 0, 1, 3)
    assert (third.learned, third.regained, third.forgotten, third.ever) == (1, 1, 1, 4)
    assert [entry.score.correct for entry in (first, second, third)] == [2, 2, 3]


@given(st.lists(st.text("01", min_size=8, max_size=8), min_size=1, max_size=6))
def test_the_numbers_add_up(info: ExamInfo, lines: list[str]) -> None:
    entries = rounds.measure([(str(n), n, answers(info, line)) for n, line in enumerate(lines)])
    for before, after in pairwise(entries):
        gained = after.learned + after.regained - after.forgotten
        assert before.score.correct + gained == after.score.correct
        assert before.ever + after.learned == after.ever
        assert after.score.correct <= after.ever <= 8
        assert 0 <= (after.mcnemar_p or 0) <= 1


def third_round(engine: sa.Engine) -> str:
    """The loop once, and a student taught from the tuned one with an exam of its own; returns its uid."""
    looped.go_round(engine)
    with db.writing(engine) as session:
        parent = students.get(session, "small-tuned")
        session.add(t.Student(name="small-tuned-2", base=parent.base, parent_id=parent.id, round=2))
    model = looped.Scripted(3)
    return exam.run(engine, model, student="small-tuned-2", question_set=looped.SET, split="dev", by=ANN).exam


def test_the_line_is_that_of_the_exams_student(engine: sa.Engine) -> None:
    last = third_round(engine)
    with db.reading(engine) as session:
        entries = rounds.load(session, last)
        assert [(entry.student, entry.round) for entry in entries] == [
            ("small", 0),
            ("small-tuned", 1),
            ("small-tuned-2", 2),
        ]
        assert [entry.student for entry in rounds.load(session, entries[1].exam.uid)] == ["small", "small-tuned"]
        assert entries[0].forgotten == 0
        with pytest.raises(NotFound):
            rounds.load(session, "nothing")


def test_a_circle_of_parents_ends(engine: sa.Engine) -> None:
    last = third_round(engine)
    with db.writing(engine) as session:
        rows = {row.name: row for row in session.exec(select(t.Student))}
        rows["small"].parent_id = rows["small-tuned-2"].id
    with db.reading(engine) as session:
        assert len(rounds.load(session, last)) == 3


def drop_an_answer(session: Session, ref: str) -> None:
    session.delete(session.exec(select(t.Attempt).where(t.Attempt.exam_id == queries.exam(session, ref).id)).first())


def test_an_exam_that_is_not_finished_is_left_out_or_refused(engine: sa.Engine) -> None:
    last = third_round(engine)
    with db.writing(engine) as session:
        drop_an_answer(session, rounds.load(session, last)[1].exam.uid)
    with db.writing(engine) as session:
        assert [entry.student for entry in rounds.load(session, last)] == ["small", "small-tuned-2"]
        drop_an_answer(session, last)
    with db.reading(engine) as session, pytest.raises(BadInput, match="isn't finished"):
        rounds.load(session, last)


def test_the_command_and_the_page_show_each_round(home: Path, mapd: Mapd) -> None:
    engine = db.open_store(Settings())
    last = third_round(engine)
    with db.reading(engine) as session:
        first, second, _ = (entry.exam.uid for entry in rounds.load(session, last))
    engine.dispose()
    told = mapd("rounds", "--exam", last, "--json").json["rounds"]
    assert [entry["student"] for entry in told] == ["small", "small-tuned", "small-tuned-2"]
    assert told[0]["mcnemar_p"] is None
    assert "forgotten" in mapd("rounds", "--exam", last).out
    app = open_page("pages/train/results.py", before=first, after=last)
    assert "Round by round" in [subheader.value for subheader in app.subheader]
    assert "small-tuned-2" in shown(app)
    assert not errors(app)
    app = open_page("pages/train/results.py", before=first, after=second)
    assert "forgotten: right in the round before" not in " ".join(caption.value for caption in app.caption)
    assert shown(app).count('class="mapd-lineage-student"') == 2, "of two rounds the table above says the same"


# --- When they end ----------------------------------------------------------------------------------------------------


def line_of(info: ExamInfo, *right: int, of: int = 40) -> list[rounds.StudentRound]:
    """A round each, in which the first so many of the questions are right."""
    exams = [("1" * number).ljust(of, "0") for number in right]
    return rounds.measure([(str(n), n, answers(info, signs)) for n, signs in enumerate(exams)])


def test_a_gain_that_is_exactly_asked_for_goes_on(info: ExamInfo) -> None:
    line = line_of(info, 3, 6, of=300)
    assert rounds.find_stop(line, StopRule(gain=1)) is None
    words = "accuracy changed by +1.0 points in round 1: the rule asks for +1.1"
    assert rounds.find_stop(line, StopRule(gain=1.1)) == words
    assert rounds.find_stop(line_of(info, 6, 3, of=300), StopRule(gain=0)) == (
        "accuracy changed by -1.0 points in round 1: the rule asks for +0"
    )


def test_one_student_alone_ends_nothing(info: ExamInfo) -> None:
    assert rounds.find_stop(line_of(info, 3), StopRule(gain=100, patience=1)) is None
    assert rounds.find_stop([], StopRule(gain=100, patience=1)) is None
    assert rounds.find_stop(line_of(info, 3, 2), StopRule()) is None


def test_rounds_in_vain_are_counted_from_the_last_that_was_shown_to_be_better(info: ExamInfo) -> None:
    line = line_of(info, 2, 12, 13, 14)  # 10 more is shown to be better, 1 or 2 more isn't
    assert [entry.is_better for entry in line] == [False, True, False, False]
    assert [entry.best_round for entry in line] == [None, 0, 1, 1]
    assert rounds.find_stop(line, StopRule(patience=3)) is None
    assert rounds.find_stop(line, StopRule(patience=2)) == (
        "the last 2 rounds were not shown to be better than round 1: McNemar's p of the latest is 0.5"
    )
    assert (rounds.find_stop(line[:3], StopRule(patience=1)) or "").startswith("the last round was not shown")
    assert rounds.find_stop(line[:2], StopRule(patience=1)) is None


def test_small_gains_count_together(info: ExamInfo) -> None:
    line = line_of(info, 2, 5, 8, 11)
    assert [entry.is_better for entry in line] == [False, False, True, False], "6 more than the first, not 3 and 3"
    assert line[2].best_round == 0
    assert line[3].best_round == 2


def test_worse_is_not_better_however_sure_it_is(info: ExamInfo) -> None:
    last = line_of(info, 20, 2)[-1]
    assert last.best_p is not None
    assert last.best_p < 0.05
    assert not last.is_better


# --- Where they come from ---------------------------------------------------------------------------------------------


def test_a_lineage_names_exams_snapshot_and_pairs_as_far_as_they_are_here(engine: sa.Engine) -> None:
    last = third_round(engine)
    with db.writing(engine) as session:
        snapshot = session.exec(select(t.Snapshot)).one()
        sha256, pairs, mistakes = snapshot.sha256, snapshot.pairs, snapshot.manifest["counts"]["mistakes"]
        students.get(session, "small-tuned").snapshot_sha256 = sha256
        students.get(session, "small-tuned-2").snapshot_sha256 = "f" * 64
    with db.reading(engine) as session:
        first, second, third = lineage.trace(session, last)
        assert (first.student, first.snapshot, first.exams) == ("small", None, ())
        assert (second.snapshot, second.pairs, second.mistakes) == (sha256, pairs, mistakes)
        assert [info.split for info in second.exams] == ["train"]
        assert (third.snapshot, third.pairs, third.exams) == ("f" * 64, None, ()), "its snapshot isn't in the project"
    app = open_page("pages/train/results.py")
    assert not errors(app)
    assert "not in this project" in shown(app)
