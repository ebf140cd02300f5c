"""Other names: uids stay, work goes on under the new name, and nothing that was there is made a second time."""

from pathlib import Path

import pytest
from sqlmodel import Session, select

from mapd import jobs, names, students, teachers
from mapd.domain import ExamInfo
from mapd.errors import BadInput, NotFound
from mapd.people import owner
from mapd.store import audit_log, exam_material, queries
from mapd.store import tables as t
from tests import samples
from tests.conftest import import_files


@pytest.mark.parametrize(
    ("kind", "ref"), [("exam", "1"), ("question set", "pens"), ("student", "Tiny-1b"), ("teacher", "gpt")]
)
def test_a_name_is_changed_and_no_uid(session: Session, exam: ExamInfo, kind: str, ref: str) -> None:
    before = dict(names.list_names(session, kind))
    ref = exam.uid if kind == "exam" else ref
    row = names.rename(session, kind, ref, "  another   name ", by=owner("ann"))
    assert row.name == "another name"
    after = dict(names.list_names(session, kind))
    assert after == before | {row.uid: "another name"}
    assert names.rename(session, kind, row.uid, "another name", by=owner("ann")).uid == row.uid, (
        "the same again is no act"
    )
    (audit,) = session.exec(select(t.Audit).where(t.Audit.action == "rename")).all()
    assert (audit.person, audit.target) == ("ann", f"{kind} {row.uid}")
    for wrong in ("", " ", "x" * 201, "a\nb\u202e"):
        with pytest.raises(BadInput, match=f"a {kind} can't be named"):
            names.rename(session, kind, row.uid, wrong, by=owner("ann"))
    with pytest.raises(NotFound):
        names.rename(session, kind, "nobody", "x", by=owner("ann"))


def test_a_name_that_another_has_and_a_persons_are_refused(session: Session, exam: ExamInfo) -> None:
    with pytest.raises(BadInput, match="another teacher is named 'gemini'"):
        names.rename(session, "teacher", "gpt", "gemini", by=owner("ann"))
    session.add(t.Teacher(name="zoe", kind="person"))
    session.flush()
    with pytest.raises(BadInput, match="zoe is a person who repaired a text"):
        names.rename(session, "teacher", "zoe", "Zoe", by=owner("ann"))
    assert "zoe" not in [name for _, name in names.list_names(session, "teacher")]


def test_what_comes_in_again_finds_those_that_were_renamed(session: Session, exam: ExamInfo, tmp_path: Path) -> None:
    for kind, ref in (("student", "Tiny-1b"), ("teacher", "gpt"), ("question set", "pens"), ("exam", exam.uid)):
        names.rename(session, kind, ref, f"new {kind}", by=owner("ann"))
    assert not import_files(session, *samples.files(tmp_path)).new
    other = queries.exam(session, import_files(session, *samples.files(tmp_path, start=60)).exam)
    assert (other.student, other.question_set) == ("new student", "pens")
    assert exam_material.material(session, other.id).teachers == ("new teacher", "gemini", "mistral")
    own = students.add(session, "mine", by=owner("ann"))
    names.rename(session, "student", "mine", "yours", by=owner("ann"))
    assert students.add(session, "mine", by=owner("ann")).uid == own.uid


def test_jobs_ask_by_the_new_name(session: Session, exam: ExamInfo) -> None:
    for name in ("sound", "slips"):
        teachers.add(session, name, kind="simulated", model=name, by=owner("ann"))
    collect = jobs.start(session, "collect", {"exam": exam.name, "teachers": ["sound", "slips"]}, by=owner("ann")).uid
    sit = jobs.start(
        session, "exam", {"student": "Tiny-1b", "questions": "pens", "split": "train"}, by=owner("ann")
    ).uid
    names.rename(session, "teacher", "slips", "brook", by=owner("ann"))
    names.rename(session, "exam", exam.uid, "first", by=owner("ann"))
    names.rename(session, "student", "Tiny-1b", "small", by=owner("ann"))
    names.rename(session, "question set", "pens", "pencils", by=owner("ann"))
    assert jobs.get(session, collect).parameters == {"exam": "first", "teachers": ["sound", "brook"]}
    assert jobs.get(session, sit).parameters == {"student": "small", "questions": "pencils", "split": "train"}


def test_a_project_has_a_name_of_its_own_or_its_folders(session: Session) -> None:
    assert audit_log.project_name(session) is None
    assert names.rename_project(session, " SVAMP   pilot ", by=owner("ann")) == "SVAMP pilot"
    assert names.rename_project(session, "SVAMP two", by=owner("ann")) == "SVAMP two"
    assert audit_log.project_name(session) == "SVAMP two"
    with pytest.raises(BadInput, match="a project can't be named"):
        names.rename_project(session, "x" * 201, by=owner("ann"))
    names.rename_project(session, "", by=owner("ann"))
    assert audit_log.project_name(session) is None
