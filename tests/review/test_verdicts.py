"""Verdicts out by file and back: the same judgements again, all or none, on both databases."""

import csv
import hashlib
import io
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, assume, given
from hypothesis import settings as of_property
from hypothesis import strategies as st
from openpyxl import Workbook
from sqlmodel import Session, select

from mapd.curation import live_set
from mapd.domain import Act, ExamInfo
from mapd.errors import BadInput, BadRows, Forbidden, Stale
from mapd.exchange import judgements, verdict_files
from mapd.judgements import ADJUDICATOR
from mapd.people import Person, Role, is_one_of, owner
from mapd.questions.file_table import QuestionFile
from mapd.review import judging, reasons, repairs, set_aside, verdict_matching, verdicts
from mapd.review.judging import Circumstances, Target
from mapd.review.queue_index import derivation
from mapd.review.verdict_matching import VerdictPlan
from mapd.review.verdicts import VerdictImport
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import tables as t
from tests import samples
from tests.conftest import import_files

HEADING = ("person", "kind", "uid", "decision", "reason", "note")


@pytest.fixture
def exam(engine: sa.Engine, tmp_path: Path) -> ExamInfo:
    """Twelve mistakes that nobody has judged, and a reason of the project's own."""
    with db.writing(engine) as session:
        info = queries.exam(session, import_files(session, *samples.files(tmp_path)).exam)
        reasons.add(session, "wrong units", by=owner("ann"))
    derivation.catch_up(engine, info.id)
    return info


def uids(session: Session, kind: str) -> list[str]:
    """The uids of all that can be judged of a kind."""
    table = judging.TABLES[kind]
    query = select(table.uid).order_by(table.id)  # type: ignore[arg-type]
    return list(session.exec(query if table is not t.Explanation else query.where(t.Explanation.kind == kind)))


def judge_all_sorts(engine: sa.Engine) -> None:
    """Judgements of every sort: undone, redone, adjudicated, marked, blind, corrected, withdrawn, noted, set aside."""
    with db.writing(engine) as session:
        texts = [queries.explanation(session, "rationale", uid).id for uid in uids(session, "rationale")]
        of = {n: Target("rationale", id_ or 0) for n, id_ in enumerate(texts)}
        ann, bob = owner("ann"), owner("bob")
        unseen = Circumstances(queue="smart", committee="accepted", revealed=False, seconds=4.25)
        judging.judge(session, of[0], Act.REJECT, by=ann, reason="false_step", marks=[(0, 4)], circumstances=unseen)
        judging.judge(session, of[0], Act.ACCEPT, by=bob)
        judging.judge(session, of[0], Act.REJECT, by=owner("eve"), reason="wrong_units", role=ADJUDICATOR)
        undone = judging.judge(session, of[1], Act.REJECT, by=ann, note='=HYPERLINK("x")\n"two", lines; and more')
        judging.undo(session, queries.identity(undone), by=ann)
        again = judging.judge(session, of[2], Act.ACCEPT, by=ann)
        undo = judging.undo(session, queries.identity(again), by=ann)
        session.flush()
        judging.undo(session, queries.identity(undo), by=ann)
        judging.judge(session, of[3], Act.ACCEPT, by=bob)
        judging.judge(session, of[3], Act.WITHDRAW, by=bob)
        judging.judge(session, of[4], Act.SKIP, by=bob, reason="note", note="-5")
        judging.judge(session, of[5], Act.CORRECT, by=ann, value="77")
        question, attempt = uids(session, "question")[3], uids(session, "attempt")[4]
        judging.judge(
            session, Target("question", queries.question(session, question).id or 0), Act.CORRECT, by=ann, value="88"
        )
        judging.judge(session, Target("attempt", queries.attempt(session, attempt).id or 0), Act.REJECT, by=bob)
        repair = repairs.repair(session, of[7], '=A "repair",\nin lines', by=ann, token="t")
        judging.judge(session, Target("rationale", repair.id or 0), Act.REJECT, by=bob)
        repairs.repair(session, Target("rationale", repair.id or 0), "Repaired again.", by=bob, token="u")
        judging.judge(session, of[6], Act.ACCEPT, by=owner("mallory"))
        set_aside.set_aside(session, 1, "mallory", "a bot", by=ann)


def export(engine: sa.Engine, exam: ExamInfo, path: Path) -> list[dict[str, Any]]:
    """The judgements in a file, and as their rows."""
    judgements.export(engine, exam.uid, path, by=owner("ann"))
    return rows(engine, exam, path.parent)


def rows(engine: sa.Engine, exam: ExamInfo, folder: Path) -> list[dict[str, Any]]:
    path = folder / f"{uuid4().hex}.jsonl"
    judgements.export(engine, exam.uid, path, by=owner("ann"))
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def forget(engine: sa.Engine) -> None:
    """Make the project a copy from before anybody judged or repaired."""
    repairs_ = "repairs_id IS NOT NULL"
    shown = f"explanation_id IN (SELECT id FROM explanation WHERE {repairs_})"
    leaves = {  # what nothing refers to goes first
        "judgement": "id NOT IN (SELECT undoes_id FROM judgement WHERE undoes_id IS NOT NULL)",
        "explanation": f"{repairs_} AND id NOT IN (SELECT repairs_id FROM explanation WHERE {repairs_})",
    }
    with db.writing(engine) as session:
        session.execute(sa.text(f"DELETE FROM standing WHERE {shown}"))
        for name, is_leaf in leaves.items():
            while session.execute(sa.text(f"DELETE FROM {name} WHERE {is_leaf}")).rowcount:  # type: ignore[attr-defined]
                pass


def read(engine: sa.Engine, name: str, content: bytes, **options: Any) -> VerdictPlan:
    people = options.pop("people", None)
    file = verdict_files.read(QuestionFile(name, content), people)
    with db.reading(engine) as session:
        return verdict_matching.match(session, file, **options)


def bring(engine: sa.Engine, name: str, content: bytes, **options: Any) -> VerdictImport:
    people = options.pop("people", None)
    file = verdict_files.read(QuestionFile(name, content), people)
    with db.writing(engine) as session:
        plan = verdict_matching.match(session, file, **options)
        return verdicts.store(session, plan, by=owner("lead"))


def verdicts_of(engine: sa.Engine, exam: ExamInfo) -> dict[str, str]:
    with db.reading(engine) as session:
        curated = live_set.load_curated(session, exam.id)
        return {x.text.uid: x.verdict.value for m in curated.mistakes for x in m.texts}


def table(
    rows_: Sequence[Sequence[object]], delimiter: str = ",", end: str = "\r\n", heading: Sequence[str] = HEADING
) -> str:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end)
    writer.writerows([heading, *rows_])
    return out.getvalue()


def in_table(engine: sa.Engine) -> int:
    with db.reading(engine) as session:
        return len(session.exec(select(t.Judgement.id)).all())


# --- Our own file, taken back -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_file_of_ours_gives_a_copy_the_same_verdicts(
    engine: sa.Engine, exam: ExamInfo, tmp_path: Path, ending: str
) -> None:
    judge_all_sorts(engine)
    path = tmp_path / f"v.{ending}"
    before, decided = export(engine, exam, path), verdicts_of(engine, exam)
    forget(engine)
    assert in_table(engine) == 0
    outcome = bring(engine, path.name, path.read_bytes(), exam=exam.uid)
    assert (outcome.new, outcome.known) == (len(before), 0)
    assert rows(engine, exam, tmp_path) == before
    assert verdicts_of(engine, exam) == decided
    assert {row["uid"] for row in before if row["repairs"]} & set(decided), "the repairs, too"
    again = bring(engine, path.name, path.read_bytes())
    assert (again.new, again.known, again.counted) == (0, len(before), 0)
    assert rows(engine, exam, tmp_path) == before
    with db.reading(engine) as session:
        origins = set(session.exec(select(t.Judgement.origin)))
        audit = session.exec(select(t.Audit).where(t.Audit.action == "import judgements")).all()
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert origins == {sha256}
    assert [(a.person, a.target, a.detail["file"], a.detail["sha256"], a.detail["rows"]) for a in audit] == [
        ("lead", f"exam {exam.uid}", path.name, sha256, len(before))
    ]


def test_a_file_of_ours_adds_nothing_where_it_came_from(engine: sa.Engine, exam: ExamInfo, tmp_path: Path) -> None:
    judge_all_sorts(engine)
    before = export(engine, exam, tmp_path / "v.csv")
    plan = read(engine, "v.csv", (tmp_path / "v.csv").read_bytes())
    assert (plan.bad, plan.new, plan.known, plan.silent) == ([], [], len(before), [])


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob", "eve@x.org"]),
        st.integers(0, 3),
        st.sampled_from(["accept", "reject", "skip", "correct", "undo", "withdraw", "mark", "adjudicate"]),
        st.text(max_size=8),
    ),
    min_size=1,
    max_size=14,
)


@given(acts=ACTS, ending=st.sampled_from(["csv", "jsonl"]), seed=st.integers(0, 999))
@of_property(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_verdicts_out_and_back_are_equal(
    full_home: Path, tmp_path: Path, acts: list[Any], ending: str, seed: int
) -> None:
    engine = db.open_store(Settings())
    forget(engine)
    with db.writing(engine) as session:
        info = queries.exam(session, 1)
        texts = [queries.explanation(session, "rationale", uid).id or 0 for uid in uids(session, "rationale")[:4]]
        for person, number, act, note in acts:
            act_once(session, Target("rationale", texts[number]), owner(person), act, note.replace("\x00", ""))
    path = tmp_path / f"{uuid4().hex}.{ending}"
    before = export(engine, info, path)
    assume(before)
    forget(engine)
    content = path.read_bytes()
    if ending == "csv":
        content = shuffle_columns(content, seed)
    bring(engine, path.name, content)
    assert rows(engine, info, tmp_path) == before
    assert bring(engine, path.name, content).new == 0
    engine.dispose()


def act_once(session: Session, target: Target, by: Person, act: str, note: str) -> None:
    """Do what is asked, where it can be done."""
    try:
        if act == "undo":
            mine = session.exec(select(t.Judgement).where(t.Judgement.person == by.name)).all()
            if mine:
                judging.undo(session, queries.identity(mine[-1]), by=by)
        elif act == "mark":
            judging.judge(session, target, Act.REJECT, by=by, reason="false_step", note=note, marks=[(0, 3), (5, 9)])
        elif act == "adjudicate":
            judging.judge(session, target, Act.ACCEPT, by=by, note=note, role=ADJUDICATOR)
        else:
            judging.judge(session, target, Act(act), by=by, note=note, value="77" if act == "correct" else None)
    except (BadInput, Stale) as error:
        if "to withdraw" not in str(error) and "undone already" not in str(error):
            raise
    session.flush()


def shuffle_columns(content: bytes, seed: int) -> bytes:
    """What a spreadsheet may do: other columns, in another order, semicolons, empty rows at the end."""
    entries = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    order = random.Random(seed).sample(range(len(entries[0])), len(entries[0]))
    shuffled = [
        [*(row[place] for place in order), "x" if number else "checked by"] for number, row in enumerate(entries)
    ]
    shuffled += [[""] * (len(order) + 1)] * 3
    out = io.StringIO()
    csv.writer(out, delimiter=";").writerows(shuffled)
    return out.getvalue().encode("utf-8-sig")


# --- Verdicts from anywhere -------------------------------------------------------------------------------------------


def test_rows_from_anywhere_become_their_peoples_judgements(engine: sa.Engine, exam: ExamInfo) -> None:
    with db.reading(engine) as session:
        one, two = uids(session, "rationale")[:2]
        question = uids(session, "question")[5]
    content = table(
        [
            ("Ann ", "rationale", one, "Reject", "false step", "x"),
            ("bob@x.org", "", two, "accept", "", ""),
            ("bob@x.org", "", question, "reject", "gold_wrong", ""),
        ]
    ).encode()
    plan = read(engine, "v.csv", content)
    assert (plan.people, plan.kinds) == ({"ann": 1, "bob@x.org": 2}, {"rationale": 2, "question": 1})
    assert (plan.decisions, plan.counted, plan.new_people) == ({"reject": 2, "accept": 1}, 3, ("ann", "bob@x.org"))
    assert plan.exam is not None
    assert plan.exam.uid == exam.uid
    outcome = bring(engine, "v.csv", content)
    assert (outcome.new, outcome.counted, outcome.people) == (3, 3, {"ann": 1, "bob@x.org": 2})
    assert bring(engine, "v.csv", content).new == 0
    assert bring(engine, "other.csv", content + b"\r\n\r\n").new == 0
    assert verdicts_of(engine, exam)[one] == "rejected"
    derivation.catch_up(engine, exam.id)
    with db.reading(engine) as session:
        standing = session.exec(select(t.Standing).where(t.Standing.judged_by != "")).all()
    assert {row.judged_by.strip() for row in standing} == {"ann", "bob@x.org"}, "the queues know"


def test_what_somebody_said_here_already_is_known_by_its_content(engine: sa.Engine, exam: ExamInfo) -> None:
    with db.writing(engine) as session:
        one = uids(session, "rationale")[0]
        target = Target("rationale", queries.explanation(session, "rationale", one).id or 0)
        judging.judge(session, target, Act.REJECT, by=owner("ann"), reason="unclear")
    plan = read(engine, "v.csv", table([("ann", "rationale", one, "reject", "unclear", "")] * 2).encode())
    assert (plan.known, len(plan.new), plan.conflicts) == (1, 1, 0)
    plan = read(engine, "v.csv", table([("bob", "rationale", one, "accept", "", "")]).encode())
    assert plan.conflicts == 1
    assert plan.conflict_lines == [f"line 2: bob says accept of rationale {one[:12]}, and ann said reject here"]


def test_people_of_a_file_who_differ_are_counted(engine: sa.Engine, exam: ExamInfo) -> None:
    with db.reading(engine) as session:
        one = uids(session, "rationale")[0]
    rows_ = [("ann", "", one, "reject", "", ""), ("bob", "", one, "accept", "", ""), ("ann", "", one, "accept", "", "")]
    plan = read(engine, "v.csv", table(rows_).encode())
    assert plan.conflict_lines == [f"line 3: bob says accept of rationale {one[:12]}, and ann said reject in line 2"]


def test_a_repair_without_its_text_or_of_an_unknown_text_is_named(engine: sa.Engine, exam: ExamInfo) -> None:
    with db.reading(engine) as session:
        one, question = uids(session, "rationale")[0], uids(session, "question")[0]
    row = {"person": "ann", "kind": "rationale", "uid": "d" * 32, "decision": "accept", "teacher": "ann"}
    for more in ({}, {"repairs": one}, {"repairs": "e" * 32, "text": "x"}, {"repairs": question, "text": "x"}):
        with pytest.raises(BadRows, match="row 1 uid: unknown: the project has no rationale"):
            bring(engine, "v.json", json.dumps([row | more]).encode())
    with pytest.raises(BadRows, match=r"row 1 text: .* has 30,000 characters"):
        bring(engine, "v.json", json.dumps([row | {"repairs": one, "text": "x" * 30_000}]).encode())
    assert bring(engine, "v.json", json.dumps([row | {"repairs": one, "text": "x"}]).encode()).new == 1
    with db.reading(engine) as session:
        repair = queries.explanation(session, "rationale", "d" * 32)
        author = session.get_one(t.Teacher, repair.author_id)
    assert (repair.text, author.name, author.kind) == ("x", "ann", "person")


def test_in_the_history_alone_nothing_is_decided_and_later_it_may_count(
    engine: sa.Engine, exam: ExamInfo, tmp_path: Path
) -> None:
    decided = verdicts_of(engine, exam)
    with db.reading(engine) as session:
        one = next(uid for uid in uids(session, "rationale") if decided[uid] == "accepted")
    content = table([("ann", "rationale", one, "reject", "", "")]).encode()
    assert bring(engine, "v.csv", content, counting=False).counted == 0
    assert verdicts_of(engine, exam) == decided
    assert (bring(engine, "v.csv", content).new, verdicts_of(engine, exam)[one]) == (0, "rejected")
    with db.writing(engine) as session:
        set_aside.set_aside(session, exam.id, "ann", "a bot", by=owner("lead"))
    assert bring(engine, "v.csv", content).counted == 0, "what was set aside stays so"
    assert verdicts_of(engine, exam) == decided


def test_undos_of_the_history_count_later_but_one_of_what_is_undone(
    engine: sa.Engine, exam: ExamInfo, tmp_path: Path
) -> None:
    judge_all_sorts(engine)
    before, decided = export(engine, exam, tmp_path / "v.jsonl"), verdicts_of(engine, exam)
    content = (tmp_path / "v.jsonl").read_bytes()
    forget(engine)
    assert bring(engine, "v.jsonl", content, counting=False).counted == 0
    assert not any(row["counts"] for row in rows(engine, exam, tmp_path))
    assert bring(engine, "v.jsonl", content).counted == sum(row["counts"] for row in before)
    assert rows(engine, exam, tmp_path) == before
    assert verdicts_of(engine, exam) == decided


def test_two_undos_of_one_judgement_undo_it_once(engine: sa.Engine, exam: ExamInfo) -> None:
    with db.writing(engine) as session:
        one = uids(session, "rationale")[0]
        target = Target("rationale", queries.explanation(session, "rationale", one).id or 0)
        judged = judging.judge(session, target, Act.ACCEPT, by=owner("ann"))
        judging.undo(session, queries.identity(judged), by=owner("ann"))
        uid = judged.uid
    undo = {"person": "ann", "uid": one, "decision": "withdraw", "undoes": uid}
    content = json.dumps([undo | {"judgement": "a" * 32}, undo | {"judgement": "b" * 32}]).encode()
    outcome = bring(engine, "v.json", content)
    assert (outcome.new, outcome.counted) == (2, 0)


def test_only_who_owns_the_project_brings_in_what_others_judged(engine: sa.Engine, exam: ExamInfo) -> None:
    with db.reading(engine) as session:
        content = table([("ann", "rationale", uids(session, "rationale")[0], "accept", "", "")]).encode()
        plan = read(engine, "v.csv", content)
        with pytest.raises(Forbidden, match="may not bring in what others judged"):
            verdicts.store(session, plan, by=Person("bob@x.org", Role.ANNOTATOR))


# --- What a row may be wrong in ---------------------------------------------------------------------------------------

Wrong = Callable[[dict[str, Any]], dict[str, Any]]
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "uid": ({"uid": "c" * 32}, r'row 2 uid: unknown: the project has no rationale "cccc.*is it another project'),
    "no uid": ({"uid": None}, "row 2 uid: missing"),
    "a number": ({"uid": "1.2E+31"}, "until a spreadsheet made a number of it"),
    "kind": ({"kind": "feedback"}, "row 2 kind: .* is a rationale, not a feedback"),
    "odd kind": ({"kind": "essay"}, "row 2 kind: unknown: .essay.; it is one of rationale"),
    "person": ({"person": " "}, "row 2 person: missing"),
    "long person": ({"person": "x" * 400}, "row 2 person: unknown: a person's name has 1 to"),
    "decision": ({"decision": "like"}, "row 2 decision: unknown: .like.; it is one of accept, reject, skip"),
    "no decision": ({"decision": ""}, "row 2 decision: missing"),
    "reason": ({"decision": "reject", "reason": "too short"}, 'unknown: "too_short"; one of .*add-reason "too short"'),
    "reason of accept": ({"reason": "false_step"}, "a reason goes with reject, not with accept"),
    "value": ({"decision": "correct", "value": "many"}, "row 2 value: a numeric question is answered by one number"),
    "no value": ({"decision": "correct"}, "correct needs one"),
    "marks": ({"decision": "reject", "marks": [[0, 99999]]}, "row 2 marks: 0 to 99,999 isn't within the text's"),
    "odd marks": ({"decision": "reject", "marks": "here"}, "write them as"),
    "deep marks": ({"decision": "reject", "marks": "[" * 100_000}, "write them as"),
    "at": ({"at": "yesterday"}, "row 2 at: .yesterday. is no time"),
    "either": ({"at": "3/4/2026 9:05"}, "may begin with the day or with the month"),
    "seconds": ({"seconds": "-1"}, "row 2 seconds: .-1. is no number of seconds"),
    "blind": ({"blind": "perhaps"}, "row 2 blind: .perhaps. is neither yes nor no"),
    "role": ({"role": "king"}, "row 2 role: unknown"),
    "undoes": ({"decision": "withdraw", "undoes": "a" * 32}, "neither file nor project has judgement aaaa"),
    "undoes odd": ({"decision": "withdraw", "undoes": "17"}, "is no judgement's uid"),
    "itself": ({"decision": "withdraw", "undoes": "a" * 32, "judgement": "a" * 32}, "row 2 undoes: .*itself"),
    "question": ({"judgement": "a" * 32, "question": "4"}, "was a column sorted by itself"),
    "note": ({"note": "x" * 20_001}, "has 20,001 characters"),
    "unstorable": ({"note": "a\x00"}, r"U\+0000 at character 1 can't be stored"),
    "nested": ({"note": {"a": [1]}}, "row 2 note: .* is no text"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_row_is_named_and_nothing_comes_in(engine: sa.Engine, exam: ExamInfo, name: str) -> None:
    values, line = WRONG[name]
    with db.reading(engine) as session:
        one, two = uids(session, "rationale")[:2]
    good = {"person": "ann", "kind": "rationale", "uid": one, "decision": "accept"}
    content = json.dumps([good, good | {"uid": two} | values]).encode()
    with pytest.raises(BadRows, match=line) as refusal:
        bring(engine, "v.json", content)
    assert str(refusal.value).startswith("1 bad row, nothing was imported: v.json row 2 ")
    assert in_table(engine) == 0


def test_a_text_of_another_exam_is_named(engine: sa.Engine, exam: ExamInfo, tmp_path: Path) -> None:
    with db.writing(engine) as session:
        import_files(session, *samples.files(tmp_path, start=100))
        last = uids(session, "rationale")[-1]
    content = table([("ann", "rationale", last, "accept", "", "")]).encode()
    with pytest.raises(
        BadRows, match=r"line 2 uid: .* is a rationale of another exam than .*; give that one with --exam"
    ):
        bring(engine, "v.csv", content, exam=exam.uid)
    assert bring(engine, "v.csv", content).new == 1


def test_another_persons_judgement_is_not_taken_back(engine: sa.Engine, exam: ExamInfo) -> None:
    with db.writing(engine) as session:
        one = uids(session, "rationale")[0]
        target = Target("rationale", queries.explanation(session, "rationale", one).id or 0)
        judgement = judging.judge(session, target, Act.ACCEPT, by=owner("ann")).uid
    row = {"person": "bob", "uid": one, "decision": "withdraw", "undoes": judgement}
    with pytest.raises(BadRows, match=r'is "ann"\'s of another text, or not theirs'):
        bring(engine, "v.json", json.dumps([row]).encode())
    row = {"person": "ann", "uid": one, "decision": "reject", "judgement": judgement}
    with pytest.raises(BadRows, match=r"decision: the project has judgement .* otherwise \(accept\)"):
        bring(engine, "v.json", json.dumps([row]).encode())
    rows_ = [
        {"person": "ann", "uid": one, "decision": "withdraw", "undoes": "ab"[n] * 32, "judgement": "ba"[n] * 32}
        for n in (0, 1)
    ]
    with pytest.raises(BadRows, match="take each other back in a circle"):
        bring(engine, "v.json", json.dumps(rows_).encode())


def test_where_people_sign_in_a_stranger_is_named(engine: sa.Engine, exam: ExamInfo) -> None:
    with db.reading(engine) as session:
        one = uids(session, "rationale")[0]
    content = table([("eve@y.org", "rationale", one, "accept", "", "")]).encode()

    def is_known(name: str) -> bool:
        return is_one_of(name, ["ann@x.org"], ["@x.org"])

    with pytest.raises(BadRows, match=r'person: unknown: "eve@y.org" is none of this project.s people'):
        bring(engine, "v.csv", content, is_known=is_known)
    assert bring(engine, "v.csv", content, is_known=is_known, people={"Eve@y.org": "bob@x.org"}).people == {
        "bob@x.org": 1
    }


# --- Spreadsheets -----------------------------------------------------------------------------------------------------


def test_a_spreadsheets_habits_are_read(engine: sa.Engine, exam: ExamInfo) -> None:
    with db.reading(engine) as session:
        one, two, three = uids(session, "rationale")[:3]
    heading = ("Decision", " Person ", "UID", "at", "seconds", "blind", "note", "checked")
    rows_ = [
        ("accept", "ann", one, "31.01.2026 10:00", "4,2", "TRUE", "'=1+1", "x"),
        ("accept", "ann", two, "46053,5", "", "no", "'-a", ""),
        ("accept", "ann", three, "01.02.2026 08:05:09", "7", "", "", ""),
    ]
    text = table(rows_, ";", heading=heading) + ";;;;;;;\r\n;;;;;;;\r\n"
    for content in (text.encode("utf-8-sig"), text.encode("utf-16"), b"sep=;\r\n" + text.encode()):
        plan = read(engine, "v.csv", content)
        assert plan.bad == []
        values = [(str(v.row.at), v.row.seconds, v.row.is_blind, v.row.note) for v in plan.new]
        assert values == [
            ("2026-01-31 10:00:00+00:00", 4.2, True, "=1+1"),
            ("2026-01-31 12:00:00+00:00", None, False, "-a"),
            ("2026-02-01 08:05:09+00:00", 7.0, False, None),
        ]


def test_a_table_that_went_through_excel_comes_back(engine: sa.Engine, exam: ExamInfo, tmp_path: Path) -> None:
    judge_all_sorts(engine)
    before = export(engine, exam, tmp_path / "v.csv")
    forget(engine)
    book = Workbook()
    with (tmp_path / "v.csv").open(encoding="utf-8-sig", newline="") as file:
        for row in csv.reader(file):
            book.active.append(
                [float(cell) if cell == "4.25" else {"yes": True, "no": False}.get(cell, cell or None) for cell in row]
            )
    book.create_sheet("notes of mine")
    book.save(tmp_path / "v.xlsx")
    bring(engine, "v.xlsx", (tmp_path / "v.xlsx").read_bytes())
    assert rows(engine, exam, tmp_path) == before


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("v.csv", b"", "v.csv is empty"),
        ("v.csv", b"person,uid\r\nann,x\r\n", "v.csv holds no verdicts; a row is .*: decision isn't among"),
        ("v.csv", b"\xff\xd8\xff\xe0", "v.csv is no|v.csv is not UTF-8"),
        ("v.csv", "person,uid,decision\r\nbjörn,x,accept".encode("latin-1"), "is not UTF-8 text at byte"),
        ("v.csv", b'person,uid,decision\r\nann,"x,accept', "can't be read as CSV"),
        ("v.csv", b"person,person,decision\r\nann,x,accept", "two columns named"),
        ("v.json", b"[" * 200_000, "nested too deeply"),
        ("v.json", b'{"a": 1}', "holds no verdicts"),
        ("v.jsonl", b"[1, 2]", "is no JSON object; a row is one"),
        ("v.csv", b"person,uid,decision\r\n" + b"a,b,accept\r\n" * 200_001, "more than 200,000 rows of verdicts"),
        ("v.csv", b"person,uid,decision\r\n" + b"x" * (129 << 20), "holds more than 128 MB"),
    ],
)
def test_a_file_that_is_none_is_one_line(full_home: Path, name: str, content: bytes, line: str) -> None:
    engine = db.open_store(Settings())
    with pytest.raises(BadInput, match=line) as refusal:
        bring(engine, name, content)
    assert "\n" not in str(refusal.value)
    assert in_table(engine) == 0
    engine.dispose()


TWICE: dict[str, tuple[str, str, str]] = {
    "capitals": ("person,uid,decision,Decision", "ann,{uid},accept,reject", "decision: .decision. has .accept., "),
    "another word": ("person,uid,decision,verdict", "ann,{uid},accept,reject", ".verdict. has .reject.: which of them"),
    "notes": (
        "person,uid,decision,note,comment",
        "ann,{uid},accept,a,b",
        "line 2 note: .note. has .a., .comment. has .b.",
    ),
}


@pytest.mark.parametrize("name", TWICE)
def test_two_columns_of_one_meaning_have_to_say_the_same(full_home: Path, name: str) -> None:
    heading, row, line = TWICE[name]
    engine = db.open_store(Settings())
    with db.reading(engine) as session:
        uid = uids(session, "rationale")[0]
    with pytest.raises(BadRows, match=line):
        bring(engine, "v.csv", f"{heading}\r\n{row.format(uid=uid)}".encode())
    assert in_table(engine) == 0
    engine.dispose()


def test_each_row_may_name_its_fields_in_its_own_way(full_home: Path) -> None:
    engine = db.open_store(Settings())
    with db.reading(engine) as session:
        first, second, third = uids(session, "rationale")[:3]
    lines = [
        {"person": "ann", "uid": first, "decision": "reject", "note": "one"},
        {"Person": "ann", "UID": second, "Decision": "reject", "comment": "two"},
        {"annotator": "ann", "uid": third, "verdict": "reject", "note": "three", "comment": "three"},
    ]
    assert bring(engine, "v.jsonl", "\n".join(map(json.dumps, lines)).encode()).new == 3
    with db.reading(engine) as session:
        assert session.exec(select(t.Judgement.note).order_by(t.Judgement.id)).all() == ["one", "two", "three"]
    engine.dispose()


ODD: dict[str, tuple[str, bytes, str]] = {
    "short rows": (
        "v.csv",
        b"person,uid,decision,note\r\nann,x,accept",
        "line 2 content: has 3 cells where the heading has 4",
    ),
    "utf-16": ("v.csv", "person,uid,decision\r\nann,x,accept".encode("utf-16-le"), "UTF-16 or UTF-32 text without"),
    "no name": ("v.jsonl", b'{"person": true, "uid": "x", "decision": "accept"}', "person: true is no name"),
    "no uid": ("v.jsonl", b'{"person": "ann", "uid": ["x"], "decision": "accept"}', r"uid: \[.x.\] is no uid"),
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_is_named(full_home: Path, name: str) -> None:
    file, content, line = ODD[name]
    engine = db.open_store(Settings())
    with pytest.raises(BadInput, match=line):
        bring(engine, file, content)
    engine.dispose()


def test_a_comma_in_a_quoted_heading_separates_nothing(full_home: Path) -> None:
    engine = db.open_store(Settings())
    with db.reading(engine) as session:
        uid = uids(session, "rationale")[0]
    content = f'person;uid;decision;"note, mine"\r\nann;{uid};accept;x'.encode()
    assert verdict_files.read(QuestionFile("v.csv", content)).ignored == ("note, mine",)
    assert bring(engine, "v.csv", content).new == 1
    engine.dispose()


def test_who_is_renamed_has_to_be_in_the_file() -> None:
    file = QuestionFile("v.csv", b"person,uid,decision\r\nann,x,accept")
    with pytest.raises(BadInput, match=r'v.csv has no verdict of "zoe"; its people are "ann"'):
        verdict_files.read(file, {"zoe": "eve"})
    assert verdict_files.read(file, {"ANN": "eve"}).rows[0].person == "eve"


def test_with_a_decision_that_is_none_nothing_else_is_wrong(full_home: Path) -> None:
    engine = db.open_store(Settings())
    with db.reading(engine) as session:
        uid = uids(session, "rationale")[0]
    with pytest.raises(BadRows, match=r"decision: unknown: .Rejected.") as refusal:
        bring(engine, "v.csv", f"person,uid,decision,reason\r\nann,{uid},Rejected,false step".encode())
    assert "reason for a skip" not in str(refusal.value)
    engine.dispose()


def test_a_huge_cell_is_a_bad_row(full_home: Path) -> None:
    engine = db.open_store(Settings())
    with db.reading(engine) as session:
        one = uids(session, "rationale")[0]
    with pytest.raises(BadRows, match=r"line 2 note: .* has 5,000,000 characters; at most 20,000 are kept") as refusal:
        bring(engine, "v.csv", table([("ann", "rationale", one, "accept", "", "x" * 5_000_000)]).encode())
    assert len(str(refusal.value)) < 400
    engine.dispose()
