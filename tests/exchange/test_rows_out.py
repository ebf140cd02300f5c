"""What a filter finds, and what people said, as files: exactly that, on both databases."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd.curation import live_set, saved_policies
from mapd.curation.curated import Curated
from mapd.domain import OF_QUESTIONS, OF_TEXTS, Act, ExamInfo, RowFilter, RowKind, Verdict
from mapd.errors import BadInput, BadUsage
from mapd.exchange import browse_rows, judgements, row_files
from mapd.exchange.spreadsheets import read_cell
from mapd.people import owner
from mapd.review import assignment, blinding, judging
from mapd.review.judging import Circumstances, Target
from mapd.review.queue_index import derivation
from mapd.store import browse, db, queries
from mapd.store import tables as t
from tests import samples
from tests.conftest import import_files

AT = 300


@pytest.fixture
def judged(engine: sa.Engine, tmp_path: Path) -> ExamInfo:
    """Twelve mistakes: texts that ann and bob judged, a gold answer and an answer that were corrected."""
    with db.writing(engine) as session:
        exam = queries.exam(session, import_files(session, *samples.files(tmp_path)).exam)
        curated = live_set.load_curated(session, exam.id)
        texts = [x.text.id for x in curated.rationales]
        for number, act, who, reason in (
            (0, Act.REJECT, "ann", "false_step"),
            (5, Act.ACCEPT, "ann", None),
            (0, Act.ACCEPT, "bob", None),
        ):
            judging.judge(session, Target("rationale", texts[number]), act, by=owner(who), reason=reason)
        mistake = curated.mistakes[3]
        judging.judge(session, Target("question", mistake.question.id), Act.CORRECT, by=owner("ann"), value="77")
        attempt = Target("attempt", curated.mistakes[4].attempt.id)
        judging.judge(session, attempt, Act.CORRECT, by=owner("ann"), value="88")
    derivation.catch_up(engine, exam.id)
    return exam


def jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def exported(engine: sa.Engine, exam: ExamInfo, row_filter: RowFilter, path: Path, **options: Any) -> list[Any]:
    counts: list[int] = []
    written = browse_rows.export(
        engine, exam.uid, row_filter, path, threshold=AT, by=owner("ann"), announce=counts.append, **options
    )
    rows = jsonl(path)
    assert counts == [written.rows] == [len(rows)]
    return rows


def curated_set(engine: sa.Engine, exam: ExamInfo) -> Curated:
    with db.reading(engine) as session:
        assert saved_policies.exam_policy(session, exam).threshold * 100 == AT
        return live_set.load_curated(session, exam.id)


FILTERS = (
    RowFilter(),
    RowFilter(RowKind.FEEDBACK),
    RowFilter(RowKind.MISTAKES, verdict="rejected"),
    RowFilter(verdict="accepted", checks={"matches_gold": "fails"}),
    RowFilter(people="judged"),
    RowFilter(words="15 pens"),
    RowFilter(words="no such words"),
)


@pytest.mark.parametrize("block", [1, 7, 400])
def test_the_file_has_the_rows_that_browse_shows_in_its_order(
    engine: sa.Engine, judged: ExamInfo, tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browse_rows, "BLOCK", block)
    asked = [(row_filter, order) for row_filter in FILTERS for order in OF_TEXTS]
    asked += [(RowFilter(RowKind.QUESTIONS), order) for order in OF_QUESTIONS]
    for number, (row_filter, order) in enumerate(asked):
        rows = exported(engine, judged, row_filter, tmp_path / f"{number}.jsonl", order=order)
        with db.reading(engine) as session:
            shown = browse.list_rows(session, judged.id, row_filter, AT, order=order, number=1000)
            uids = dict(session.exec(select(t.Explanation.id, t.Explanation.uid)).all())
            mistakes = dict(session.exec(select(t.Attempt.id, t.Attempt.uid)).all())
        assert [(row["uid"], row["mistake"]) for row in rows] == [
            (uids.get(row.explanation_id or 0), mistakes[row.attempt_id]) for row in shown
        ]


def test_a_row_says_what_the_rules_say(engine: sa.Engine, judged: ExamInfo, tmp_path: Path) -> None:
    curated = curated_set(engine, judged)
    rows = exported(engine, judged, RowFilter(), tmp_path / "rows.jsonl")
    texts = {(m.attempt.uid, x.text.uid): (m, x) for m in curated.mistakes for x in m.rationales}
    assert len(rows) == len(texts)
    for row in rows:
        mistake, x = texts[row["mistake"], row["uid"]]
        assert (row["verdict"], row["committee"]) == (x.verdict.value, x.committee.verdict.value)
        assert row["mean"] == (None if x.committee.mean is None else pytest.approx(float(x.committee.mean), abs=0.01))
        assert row["scores"] == [{"reviewer": v.reviewer, "score": v.score} for v in x.text.votes]
        assert row["matches_gold"] == x.states.matches_gold.value
        assert (row["gold"], row["student_answer"]) == (mistake.shown_gold, mistake.show(mistake.answer))
        assert (row["text"], row["teacher"], row["number"]) == (
            x.text.text,
            x.text.teacher,
            mistake.question.source_id,
        )
    assert {row["gold"] for row in rows} & {"77"}, "the corrected gold answer"
    assert {row["student_answer"] for row in rows} & {"88"}
    conflict = next(row for row in rows if row["people"] == "conflict")
    assert (conflict["verdict"], conflict["judged_by"]) == ("undecided", ["ann", "bob"])


def test_what_waits_for_a_person_is_kept_back_in_the_file_too(
    engine: sa.Engine, judged: ExamInfo, tmp_path: Path
) -> None:
    with db.writing(engine) as session:
        assignment.set_judging(session, judged.id, by=owner("ann"), judgements_wanted=3)
    derivation.catch_up(engine, judged.id)
    curated = curated_set(engine, judged)
    rows = exported(engine, judged, RowFilter(blind_person="bob"), tmp_path / "rows.jsonl")
    seen = {x.text.uid: x for m in curated.mistakes for x in blinding.show_to(m, "bob", 3).rationales}
    for row in rows:
        x = seen[row["uid"]]
        assert row["verdict"] == x.verdict.value
        assert bool(row["judged_by"]) == bool(x.people.by)
    assert [row["judged_by"] for row in rows if row["judged_by"]] == [["ann", "bob"]]


def test_a_table_of_rows_is_safe_to_open(engine: sa.Engine, judged: ExamInfo, tmp_path: Path) -> None:
    with db.writing(engine) as session:
        text = session.exec(select(t.Explanation).where(t.Explanation.kind == "rationale")).first()
        assert text is not None
        session.execute(
            sa.update(t.Explanation).where(col(t.Explanation.id) == text.id).values(text='=HYPERLINK("http://x";"y")')
        )
    path = tmp_path / "rows.csv"
    browse_rows.export(engine, judged.uid, RowFilter(), path, threshold=AT, by=owner("ann"))
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    (cell,) = [row["text"] for row in rows if "HYPERLINK" in row["text"]]
    assert cell.startswith("'=")
    assert read_cell(cell) == '=HYPERLINK("http://x";"y")'


# --- Judgements -------------------------------------------------------------------------------------------------------


def test_every_judgement_is_a_row_with_who_when_what_and_why(
    engine: sa.Engine, judged: ExamInfo, tmp_path: Path
) -> None:
    with db.writing(engine) as session:
        x = next(iter(live_set.load_curated(session, judged.id).rationales))
        target = Target("rationale", x.text.id)
        circumstances = Circumstances(queue="smart", committee=Verdict.ACCEPTED, revealed=False, seconds=4.25)
        made = judging.judge(
            session,
            target,
            Act.REJECT,
            by=owner("eve"),
            reason="false_step",
            note="=1+1",
            marks=[(0, 4)],
            circumstances=circumstances,
        )
        undo = judging.undo(session, queries.identity(made), by=owner("eve"))
        made_uid, undo_uid, at = made.uid, undo.uid, made.created_at
    counts: list[int] = []
    written = judgements.export(engine, judged.uid, tmp_path / "v.jsonl", by=owner("ann"), announce=counts.append)
    rows = jsonl(tmp_path / "v.jsonl")
    with db.reading(engine) as session:
        everything = session.scalar(sa.select(sa.func.count()).select_from(t.Judgement))
    assert counts == [written.rows] == [len(rows)] == [everything] == [7]
    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
    rejected = next(row for row in rows if row["judgement"] == made_uid)
    assert rejected == {
        **{"person": "eve", "kind": "rationale", "uid": x.text.uid, "decision": "reject", "reason": "false_step"},
        **{"note": "=1+1", "value": None, "marks": [[0, 4]], "role": "annotator", "at": at.isoformat()},
        **{"seconds": 4.25, "blind": True, "queue": "smart", "committee": "accepted", "question": "0"},
        **{"teacher": x.text.teacher, "judgement": made_uid, "undoes": None, "undone_by": undo_uid, "counts": True},
        **{"repairs": None, "text": None},
    }
    kinds = {row["kind"] for row in rows}
    assert kinds == {"rationale", "question", "attempt"}
    assert next(row for row in rows if row["kind"] == "question")["value"] == "77"


def test_judgements_of_another_exam_stay_there(engine: sa.Engine, judged: ExamInfo, tmp_path: Path) -> None:
    with db.writing(engine) as session:
        other = queries.exam(session, import_files(session, *samples.files(tmp_path, start=100)).exam)
        x = next(iter(live_set.load_curated(session, other.id).rationales))
        judging.judge(session, Target("rationale", x.text.id), Act.ACCEPT, by=owner("eve"))
    judgements.export(engine, judged.uid, tmp_path / "v.jsonl", by=owner("ann"))
    assert "eve" not in {row["person"] for row in jsonl(tmp_path / "v.jsonl")}
    assert judgements.export(engine, other.uid, tmp_path / "o.jsonl", by=owner("ann")).rows == 1


def test_a_table_of_judgements_reads_as_the_lines_do(engine: sa.Engine, judged: ExamInfo, tmp_path: Path) -> None:
    judgements.export(engine, judged.uid, tmp_path / "v.jsonl", by=owner("ann"))
    judgements.export(engine, judged.uid, tmp_path / "v.csv", by=owner("ann"))
    with (tmp_path / "v.csv").open(encoding="utf-8-sig", newline="") as file:
        table = list(csv.DictReader(file))
    for row, line in zip(table, jsonl(tmp_path / "v.jsonl"), strict=True):
        assert list(row) == list(line)
        for name in ("person", "kind", "uid", "decision", "judgement", "at"):
            assert row[name] == line[name]
        assert row["blind"] == ("yes" if line["blind"] else "no")
        assert row["reason"] == (line["reason"] or "")


# --- What is refused --------------------------------------------------------------------------------------------------


def test_another_ending_is_refused_before_anything_is_read(session: Session, exam: ExamInfo, tmp_path: Path) -> None:
    with pytest.raises(BadUsage, match=r"it ends in .csv or .jsonl, not as rows.txt"):
        row_files.export_rows(tmp_path / "rows.txt", ("a",), iter(()), 0)


@pytest.mark.parametrize("count", [1, 3])
def test_where_other_rows_come_than_were_counted_nothing_is_kept(tmp_path: Path, count: int) -> None:
    rows = ({"a": number} for number in range(2))
    with pytest.raises(BadInput, match=f"{count} rows were counted and 2 came: nothing was written"):
        row_files.export_rows(tmp_path / "rows.jsonl", ("a",), rows, count)
    assert list(tmp_path.iterdir()) == []
