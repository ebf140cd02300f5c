"""`import mapd` from a notebook: light, and the session of docs/python.md as it stands, inside a running event loop."""

import asyncio
import doctest
import subprocess
import sys
from pathlib import Path

import pytest

import mapd
from mapd.errors import BadInput, NotFound
from mapd.store import db
from tests import samples
from tests.conftest import import_files

ROOT = Path(__file__).parents[1]
SESSION = ROOT / "docs" / "python.md"


def test_the_import_is_light() -> None:
    heavy = ("torch", "transformers", "streamlit", "sqlalchemy", "pandas", "pydantic")
    code = f"import sys, mapd; print([name for name in {heavy} if name in sys.modules])"
    child = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert child.stdout.strip() == "[]"


@pytest.mark.slow
def test_the_session_of_the_docs_runs_as_it_stands(real_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Jupyter runs it: each cell inside an event loop."""
    monkeypatch.chdir(real_home.parent)
    parsed = doctest.DocTestParser().get_doctest(SESSION.read_text(encoding="utf-8"), {}, SESSION.name, None, 0)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)

    async def cells() -> doctest.TestResults:
        return runner.run(parsed)

    outcome = asyncio.run(cells())
    assert outcome.attempted > 20
    assert outcome.failed == 0


def test_the_session_names_every_method() -> None:
    from mapd.notebook import Project

    methods = {name for name in vars(Project) if not name.startswith("_")}
    assert {name for name in methods if f"project.{name}(" not in SESSION.read_text(encoding="utf-8")} == {"exams"}


def test_a_named_folder_is_its_own_project(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAPD_DATABASE_URL", "postgresql://nowhere")
    assert mapd.open(tmp_path / "own").home == (tmp_path / "own").resolve()
    monkeypatch.delenv("MAPD_DATABASE_URL")
    project = mapd.open(person="Ann")
    assert (project.home, project.person.name) == (home.resolve(), "ann")
    assert repr(project) == f"mapd.open({str(home.resolve())!r})"


def test_files_are_questions(home: Path, tmp_path: Path) -> None:
    (tmp_path / "sums.jsonl").write_text('{"question": "1 + 1?", "answer": 2}\n{"question": "2 + 1?", "answer": 3}\n')
    project = mapd.open(home)
    assert project.add_questions("sums", tmp_path / "sums.jsonl", split="train") == "sums"
    assert project.questions("sums", "train").gold.tolist() == ["2", "3"]
    assert project.exams().empty


def test_a_snapshot_is_of_several_exams_and_of_what_is_asked_for(full_home: Path, tmp_path: Path) -> None:
    project = mapd.open(full_home, person="ann")
    (first,) = project.exams().uid
    with db.writing(project.engine) as session:
        second = import_files(session, *samples.files(tmp_path, count=6, start=8)).exam
    whole = project.pairs(project.freeze([first, second], teachers=["gpt", "gemini"]))
    assert set(whole["rationale.teacher"]) | set(whole["feedback.teacher"]) == {"gpt", "gemini"}
    assert len(whole) > len(project.pairs(project.freeze(first, teachers=["gpt", "gemini"])))
    alone = project.pairs(project.freeze([second, first], texts="feedback", tasks=["numeric"]))
    assert [name for name in alone if name.startswith("rationale")] == []
    with pytest.raises(BadInput, match="is named twice"):
        project.freeze([first, first])
    with pytest.raises(BadInput, match=r"there is none"):
        project.freeze(first, families=["algebra"])


def test_refusals_are_one_line(home: Path) -> None:
    project = mapd.open(home)
    for act in (
        lambda: project.attempts("nowhere"),
        lambda: project.curated("nowhere"),
        lambda: project.pairs("0" * 64),
        lambda: project.losses("nobody"),
        lambda: project.run_exam("nobody", "sums"),
    ):
        with pytest.raises(NotFound, match=r"^[^\n]+$"):
            act()
    for act in (
        lambda: project.add_questions("sums"),
        lambda: project.run_exam("nobody", "sums", length=3),
        lambda: project.collect("1", ["sound"], samples="many"),
        lambda: project.add_questions("x", "no-such-file.jsonl"),
        lambda: project.add_teacher("a", kind="oracle", model="m"),
        lambda: project.add_student("a", path="no/such/folder"),
    ):
        with pytest.raises(BadInput, match=r"^[^\n]+$"):
            act()
