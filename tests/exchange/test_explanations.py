"""Explanations from a spreadsheet into an exam: matched, split from their thoughts, scored, and never twice."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given
from hypothesis import settings as of_property
from hypothesis import strategies as st
from openpyxl import Workbook
from sqlmodel import Session, select

from mapd import teachers
from mapd.curation import live_set
from mapd.domain import ExamInfo
from mapd.errors import BadInput, BadRows
from mapd.exchange import explanation_files, explanations, spreadsheets
from mapd.exchange.explanations import ExplanationImport, ExplanationPlan
from mapd.people import owner
from mapd.questions import tables
from mapd.questions.file_table import QuestionFile
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import tables as t
from tests import samples
from tests.commands import Mapd
from tests.conftest import import_files

HEADING = ("question", "teacher", "kind", "text", "score_gpt", "score gemini", "scores", "remarks")


@pytest.fixture
def exam(engine: sa.Engine, tmp_path: Path) -> ExamInfo:
    with db.writing(engine) as session:
        return queries.exam(session, import_files(session, *samples.files(tmp_path)).exam)


def table(*rows: tuple[object, ...], heading: tuple[str, ...] = HEADING, delimiter: str = ",") -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(
        [heading, *([*row, *[""] * (len(heading) - len(row))] for row in rows)]
    )
    return out.getvalue().encode("utf-8-sig")


def match(session: Session, name: str, content: bytes) -> ExplanationPlan:
    info = queries.exam(session, 1)
    file = tables.read(QuestionFile(name, content))
    return explanations.match(session, explanation_files.parse(session, [file], info), info)


def bring(engine: sa.Engine, content: bytes, name: str = "texts.csv", *, skip: bool = False) -> ExplanationImport:
    with db.writing(engine) as session:
        plan = match(session, name, content)
        if not skip:
            plan.refuse_bad()
        return explanations.store(session, plan, by=owner("ann"), file=name, sha256="0" * 64)


def texts_of(engine: sa.Engine, teacher: str) -> list[t.Explanation]:
    with db.reading(engine) as session:
        query = select(t.Explanation).join(t.Teacher).where(t.Teacher.name == teacher)
        rows = session.exec(query.order_by(t.Explanation.id)).all()  # type: ignore[arg-type]
        session.expunge_all()
        return list(rows)


def counts(engine: sa.Engine) -> dict[str, int]:
    with db.reading(engine) as session:
        names = ("teacher", "explanation", "review", "committee_member", "audit")
        return {name: session.scalar(sa.text(f"SELECT count(*) FROM {name}")) or 0 for name in names}


def test_rows_become_texts_votes_and_teachers_of_the_exam(engine: sa.Engine, exam: ExamInfo) -> None:
    text = "Ann has 10 pens and gets 3 more. How many pens has she now?"
    content = table(
        ("0", "me", "rationale", "<think>Hm, 13?</think>10 + 3 = 13", "5", "4"),
        (text, "me", "Feedback", "'=Add them.", "", "", '{"gpt": 2}'),
        ("2", "you", "rationale", "11 + 4 = 15", "", "9"),
    )
    outcome = bring(engine, content)
    assert (outcome.new, outcome.rationales, outcome.feedback) == (3, 2, 1)
    assert (outcome.reviews, outcome.no_vote, outcome.on_correct) == (4, 1, 0)
    rationale, feedback = texts_of(engine, "me")
    assert (rationale.text, rationale.thought) == ("10 + 3 = 13", "Hm, 13?")
    assert (feedback.text, feedback.kind) == ("=Add them.", "feedback")
    with db.reading(engine) as session:
        kinds = dict(session.exec(select(t.Teacher.name, t.Teacher.kind)).all())
        curated = live_set.load_curated(session, exam.id)
        audit = session.exec(select(t.Audit).where(t.Audit.action == "import explanations")).one()
    assert (kinds["me"], kinds["you"]) == ("imported", "imported")
    (mine,) = [x for x in curated.rationales if x.text.teacher == "me"]
    assert [(vote.reviewer, vote.score) for vote in mine.text.votes] == [("gpt", 5), ("gemini", 4)]
    assert mine.verdict.value == "accepted"
    assert (audit.detail["rows"], audit.detail["file"], audit.detail["format"]) == (3, "texts.csv", "explanations")


def test_the_same_file_again_adds_nothing_and_another_score_is_added(engine: sa.Engine, exam: ExamInfo) -> None:
    content = table(("0", "me", "rationale", "13 pens", "5"), ("0", "me", "rationale", "13 pens", "", "4"))
    assert (bring(engine, content).new, counts(engine)["explanation"]) == (1, 73)
    before = counts(engine)
    again = bring(engine, content)
    assert (again.new, again.known, again.reviews) == (0, 1, 0)
    assert counts(engine) == before
    more = bring(engine, table(("0", "me", "rationale", "13 pens", "5", "4", '{"mistral": 3}')))
    assert (more.new, more.reviews) == (0, 1)
    with pytest.raises(BadRows, match="score of gpt: gpt gave this text 5 already, not 1"):
        bring(engine, table(("0", "me", "rationale", "13 pens", "1")))


def test_what_the_authors_files_brought_is_there_already(engine: sa.Engine, exam: ExamInfo) -> None:
    (first, *_) = texts_of(engine, "gpt")
    outcome = bring(
        engine,
        json.dumps([{"question": "0", "teacher": "gpt", "kind": "rationale", "text": first.text}]).encode(),
        "x.json",
    )
    assert (outcome.new, outcome.known) == (0, 1)


def test_a_second_text_of_a_teacher_is_another_sample(engine: sa.Engine, exam: ExamInfo) -> None:
    bring(engine, table(("0", "me", "rationale", "one"), ("0", "me", "rationale", "two")))
    bring(engine, table(("0", "me", "rationale", "three")))
    assert [(x.text, x.sample) for x in texts_of(engine, "me")] == [("one", 0), ("two", 1), ("three", 2)]


def test_a_name_of_another_kind_of_teacher_gets_a_word_behind_it(engine: sa.Engine, exam: ExamInfo) -> None:
    with db.writing(engine) as session:
        teachers.add(session, "mini", kind="simulated", model="sound", by=owner("ann"))
    assert bring(engine, table(("0", "mini", "rationale", "one"))).teachers == ("mini (imported)",)
    assert len(texts_of(engine, "mini (imported)")) == 1


WRONG: dict[str, tuple[tuple[object, ...], str]] = {
    "question": (("999", "me", "rationale", "x"), 'line 3 question: "999" is no question of the exam'),
    "no question": (("", "me", "rationale", "x"), "line 3 question: missing"),
    "teacher": (("2", "", "rationale", "x"), "line 3 teacher: missing; a teacher's name has 1 to 200 characters"),
    "odd teacher": (("2", "a\x1b[2J", "rationale", "x"), "line 3 teacher: .*; a teacher's name"),
    "kind": (("2", "me", "essay", "x"), "line 3 kind: .essay.; it is rationale or feedback"),
    "text": (("2", "me", "rationale", " "), "line 3 text: missing"),
    "a thought": (("2", "me", "rationale", "<think>Hm"), "line 3 text: it ends within its thought"),
    "a long text": (("2", "me", "rationale", "x" * 200_001), "has 200,001 characters; at most 200,000 are kept"),
    "a score": (("2", "me", "rationale", "x", "good"), "score of .gpt.: .good. is no whole number of 1 to 5"),
    "a fraction": (("2", "me", "rationale", "x", "4.5"), "4.5. is no whole number"),
    "own score": (("2", "gpt", "rationale", "x", "4"), "nobody reviews a text of their own"),
    "two scores": (("2", "me", "rationale", "x", "4", "", '{"gpt": 3}'), "score of .gpt.: 3 and 4: which of them"),
    "twice in an object": (("2", "me", "rationale", "x", "", "", '{"a": 5, "a": 3}'), "score of .a.: 5 and 3: which"),
    "twice in a list": (
        ("2", "me", "rationale", "x", "", "", '[{"reviewer": "a", "score": 4}, {"reviewer": "a", "score": 3}]'),
        "score of .a.: 4 and 3: which of them",
    ),
    "nobody's": (("2", "me", "rationale", "x", "", "", '[{"score": 4}]'), "line 3 scores: .*; a teacher's name has 1"),
    "no object": (("2", "me", "rationale", "x", "", "", "five"), "line 3 scores: .five. is no object such as"),
    "nested": (("2", "me", "rationale", "x", "", "", "[" * 90_000), r"line 3 scores: .* is no object such as"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_row_is_named_and_the_rest_may_come_in(engine: sa.Engine, exam: ExamInfo, name: str) -> None:
    row, line = WRONG[name]
    content, before = table(("0", "me", "rationale", "13 pens"), row), counts(engine)
    with pytest.raises(BadRows, match=line) as refusal:
        bring(engine, content)
    assert "nothing was imported" in str(refusal.value)
    assert "--skip-bad FILE imports the rest" in str(refusal.value)
    assert counts(engine) == before
    assert bring(engine, content, skip=True).new == 1


@pytest.mark.parametrize("heading", ["score", "Score", "gpt_score", "gpt score", "gpt-score"])
def test_a_score_of_nobody_is_asked_about(engine: sa.Engine, exam: ExamInfo, heading: str) -> None:
    content = table(("0", "me", "rationale", "x", "5"), heading=("question", "teacher", "kind", "text", heading))
    with pytest.raises(BadRows, match=r'whose score is "5"\? name the column score_NAME'):
        bring(engine, content)


def test_two_columns_of_one_reviewer_are_two_scores(engine: sa.Engine, exam: ExamInfo) -> None:
    heading = ("question", "teacher", "kind", "text", "score_gpt", "Score gpt", "score-gpt")
    with pytest.raises(BadRows, match=r"score of .gpt.: 5 and 3: which of them"):
        bring(engine, table(("0", "me", "rationale", "x", "5", "3", ""), heading=heading))
    assert bring(engine, table(("0", "me", "rationale", "x", "5", "", "5"), heading=heading)).reviews == 1


def test_two_names_of_one_teacher_do_not_review_each_other(engine: sa.Engine, exam: ExamInfo) -> None:
    with db.writing(engine) as session:
        teachers.add(session, "mini", kind="simulated", model="sound", by=owner("ann"))
    heading = ("question", "teacher", "kind", "text", "score_mini (imported)")
    with pytest.raises(BadRows, match=r"are one teacher here, mini \(imported\): nobody reviews their own text"):
        bring(engine, table(("0", "mini", "rationale", "x", "5"), heading=heading))


def test_where_no_row_can_be_read_the_rows_say_why(engine: sa.Engine, exam: ExamInfo) -> None:
    with pytest.raises(BadRows, match="line 2 content: has 3 cells where the heading has 4"):
        bring(engine, b"question,teacher,kind,text\r\n0,me,rationale\r\n")


def test_an_id_and_a_text_name_the_same_question(engine: sa.Engine, exam: ExamInfo) -> None:
    heading = ("id", "question", "teacher", "kind", "text")
    text = "Ann has 10 pens and gets 3 more. How many pens has she now?"
    assert bring(engine, table(("17 of mine", text, "me", "rationale", "x"), heading=heading)).new == 1
    with pytest.raises(BadRows, match="are two questions of the exam: which is it"):
        bring(engine, table(("4", text, "me", "rationale", "y"), heading=heading))


@given(
    entries=st.lists(
        st.tuples(
            st.integers(0, 5),
            st.sampled_from(["me", "you", "=a", "ß teacher"]),
            st.sampled_from(["rationale", "feedback"]),
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=20).map(
                lambda text: f"So {text}."
            ),
            st.dictionaries(st.sampled_from(["r1", "r2"]), st.integers(-1, 7), max_size=2),
        ),
        min_size=1,
        max_size=6,
        unique_by=lambda entry: entry[:4],
    ),
    as_csv=st.booleans(),
)
@of_property(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_goes_in_stands_there_and_twice_is_once(full_home: Path, entries: list[Any], as_csv: bool) -> None:
    engine = db.open_store(Settings())
    rows = [
        {"question": str(2 * n), "teacher": teacher, "kind": kind, "text": text, "scores": json.dumps(scores)}
        for n, teacher, kind, text, scores in entries
    ]
    path = full_home / "texts.csv"
    spreadsheets.write_table(path, list(rows[0]), rows)
    content = path.read_bytes() if as_csv else "".join(json.dumps(row) + "\n" for row in rows).encode()
    name = "texts.csv" if as_csv else "texts.jsonl"
    first, again = bring(engine, content, name), bring(engine, content, name)
    assert first.new + first.known == len(rows)
    assert (again.new, again.known, again.reviews) == (0, len(rows), 0)
    with db.reading(engine) as session:
        stored = {
            (x.kind, teacher, q.source_id, x.text): x.uid
            for x, teacher, q in session.exec(
                select(t.Explanation, t.Teacher.name, t.Question)
                .join(t.Teacher, t.Explanation.author_id == t.Teacher.id)  # type: ignore[arg-type]
                .join(t.Question, t.Explanation.question_id == t.Question.id)  # type: ignore[arg-type]
            )
        }
        raw = {
            (
                session.get_one(t.Explanation, v.explanation_id).uid,
                session.get_one(t.Teacher, v.reviewer_id).name,
            ): v.raw_score
            for v in session.exec(select(t.Review))
        }
    for row in rows:
        uid = stored[row["kind"], row["teacher"], row["question"], row["text"]]
        for reviewer, score in json.loads(row["scores"]).items():
            assert raw[uid, reviewer] == str(score)
    engine.dispose()


# --- Workbooks --------------------------------------------------------------------------------------------------------


def workbook(*rows: tuple[object, ...]) -> bytes:
    book, out = Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(out)
    return out.getvalue()


def test_a_workbook_is_read_as_a_table(engine: sa.Engine, exam: ExamInfo) -> None:
    content = workbook(
        HEADING, (), (0, "me", "rationale", "13 pens", 5, 4.0), (2.0, "me", "feedback", "Add.", None, None, None, "x")
    )
    outcome = bring(engine, content, "texts.xlsx")
    assert (outcome.rationales, outcome.feedback, outcome.reviews) == (1, 1, 2)
    with pytest.raises(BadRows, match=r"texts.xlsx row 3 kind: .essay."):
        bring(engine, workbook(HEADING, (0, "me", "rationale", "13 pens", 5), (0, "me", "essay", "x")), "texts.xlsx")


# --- From zero --------------------------------------------------------------------------------------------------------


def test_questions_answers_and_explanations_give_a_curated_set_and_a_snapshot(mapd: Mapd, tmp_path: Path) -> None:
    questions, answers, texts = (tmp_path / name for name in ("q.csv", "a.jsonl", "texts.csv"))
    questions.write_text("id,question,answer\n" + "".join(f"s{n},What is {n} + {n}?,{2 * n}\n" for n in range(1, 5)))
    answers.write_text(
        "".join(
            json.dumps({"question_id": f"s{n}", "response": f"Answer: {2 * n + (n < 4)}"}) + "\n" for n in range(1, 5)
        )
    )
    rows = [
        (f"s{n}", teacher, "rationale", f"{n} + {n} = {2 * n}", *scores)
        for n in (1, 2, 3, 4)
        for teacher, scores in (("gpt", ("", 5)), ("gemini", (2, "")))
    ]
    rows += [(f"s{n}", "gpt", "feedback", f"Add {n} twice.") for n in (1, 2, 3)]
    texts.write_bytes(table(*rows, ("s9", "gpt", "rationale", "?")))
    mapd("questions", "add", "sums", questions, "--split", "train")
    exam = mapd("import", "attempts", answers, "--questions", "sums", "--json").json
    assert exam["mistakes"] == 3
    words = ("import", "explanations", texts, "--exam", exam["exam"])
    code, _, err = mapd(*words)
    assert (code, err.count("\n")) == (1, 1)
    assert 'line 13 question: "s9" is no question of the exam' in err
    bad = tmp_path / "bad.jsonl"
    result = mapd(*words, "--skip-bad", bad, "--json").json
    assert (result["rationales"], result["feedback"], result["reviews"], result["skipped"]) == (8, 3, 8, 1)
    assert result["on_correct"] == 2
    assert json.loads(bad.read_text())["faults"][0]["field"] == "question"
    assert mapd(*words, "--skip-bad", bad, "--json").json["new"] == 0
    items = mapd("curate", "show", "--exam", exam["exam"], "--items", "--json").json["items"]
    assert sorted({(item["teacher"], item["verdict"]) for item in items}) == [
        ("gemini", "rejected"),
        ("gpt", "accepted"),
    ]
    snapshot = mapd("curate", "snapshot", "--exam", exam["exam"], "--json").json
    assert snapshot["snapshot"]
    out = tmp_path / "rows.jsonl"
    assert mapd("export", snapshot["snapshot"], "--format", "messages", "-o", out, "--json").json["rows"] > 0


def test_a_file_that_is_none_is_one_line(full_home: Path) -> None:
    engine = db.open_store(Settings())
    for content, line in (
        (b"question,text\n0,x\n", "holds no explanations; a row is .*: teacher, kind isn't among"),
        (b"question,teacher,kind,text\n", "holds no rows behind its heading"),
        (
            b"question,teacher,kind,text\n" + b"0,a,b,c\n" * 300_001,
            "holds more than 300,000 rows; split it, and import",
        ),
        (b"PK\x03\x04nothing", "is a ZIP archive or an old Excel file"),
    ):
        with pytest.raises(BadInput, match=line):
            bring(engine, content)
    engine.dispose()
