"""A student of the hub is of one commit, whatever its main branch is today: exam, training, exam again, archive."""

import json
import shutil
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import sqlalchemy as sa
from peft import AutoPeftModelForCausalLM
from sqlmodel import Session, select

from mapd import cli, fingerprints, students
from mapd.curation import live_set, snapshots
from mapd.errors import BadInput
from mapd.finetune import run as finetune
from mapd.finetune.hyperparameters import Hyperparameters
from mapd.models import hub as hub_module
from mapd.models import weights
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import tables as t
from tests import samples
from tests.conftest import import_files
from tests.finetune import tiny

V1, V2 = "1" * 40, "2" * 40
ANN = owner("ann")


class Hub:
    """A hub in a folder, laid out as the library's cache; `main` is the commit that a name leads to today."""

    def __init__(self, folder: Path) -> None:
        self.snapshots = folder / "models--org--tiny" / "snapshots"
        self.main = V1
        self.calls: list[tuple[str | None, tuple[str, ...]]] = []
        tiny.save(self.snapshots / V1)
        shutil.copytree(self.snapshots / V1, self.snapshots / V2)
        (self.snapshots / V2 / "chat_template.jinja").write_text("{{ 'Another. ' }}" + tiny.TEMPLATE)

    def snapshot_download(self, name: str, *, revision: str | None, allow_patterns: list[str]) -> str:
        """In the library's place."""
        assert name == "org/tiny"
        self.calls.append((revision, tuple(allow_patterns)))
        return str(self.snapshots / (revision or self.main))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    made = Hub(tmp_path / "hub")
    monkeypatch.setattr(hub_module, "snapshot_download", made.snapshot_download)
    return made


def add(engine: sa.Engine, name: str = "tiny") -> t.Student:
    with db.writing(engine) as session:
        row = students.add(session, name, hub="org/tiny", by=ANN)
        session.flush()
        session.refresh(row)
        session.expunge(row)
        return row


def prompt(engine: sa.Engine, student: t.Student) -> str:
    tokenizer = students.load_model(engine, student, Settings().make_home())[1]
    return str(tokenizer.apply_chat_template([{"role": "user", "content": "2 + 2?"}], add_generation_prompt=True))


def test_the_commit_of_the_day_it_was_added_is_used_from_then_on(engine: sa.Engine, home: Path, hub: Hub) -> None:
    student = add(engine)
    assert (student.base, student.revision) == ("hub:org/tiny", V1)
    first = prompt(engine, student)
    hub.main = V2
    assert prompt(engine, student) == first
    assert hub.calls[0] == (None, ("config.json",)), "a quantized one is refused before its weights are fetched"
    assert [revision for revision, _ in hub.calls[1:]] == [V1, V1, V1]


def test_another_commit_is_another_student(engine: sa.Engine, home: Path, hub: Hub) -> None:
    first = add(engine)
    hub.main = V2
    with pytest.raises(BadInput, match=f"another student named tiny: hub:org/tiny@{V1}, not hub:org/tiny@{V2}"):
        add(engine)
    second = add(engine, "tiny 2")
    assert second.revision == V2
    assert second.uid != first.uid
    assert prompt(engine, second).startswith("Another. ")
    assert not prompt(engine, first).startswith("Another. ")


def test_a_hub_that_gives_another_commit_is_refused(engine: sa.Engine, home: Path, hub: Hub, monkeypatch: Any) -> None:
    student = add(engine)
    monkeypatch.setattr(hub_module, "snapshot_download", lambda *_, **__: str(hub.snapshots / V2))
    with pytest.raises(BadInput, match="the hub gives another commit than the student is of") as refused:
        prompt(engine, student)
    assert "\n" not in str(refused.value)


def test_a_commit_whose_files_changed_is_refused(engine: sa.Engine, home: Path, hub: Hub) -> None:
    student = add(engine)
    (hub.snapshots / V1 / "chat_template.jinja").write_text("{{ 'Another. ' }}" + tiny.TEMPLATE)
    with pytest.raises(BadInput, match=f"others than when it was first named here: hub:org/tiny@{V1}"):
        prompt(engine, student)


def test_a_student_that_came_without_a_commit_gets_one_at_its_first_use(
    engine: sa.Engine, home: Path, hub: Hub
) -> None:
    with db.writing(engine) as session:
        session.add(t.Student(name="old", base="hub:org/tiny"))
    with db.reading(engine) as session:
        old = students.get(session, "old")
        session.expunge_all()
    first = prompt(engine, old)
    hub.main = V2
    with db.reading(engine) as session:
        old = students.get(session, "old")
        session.expunge_all()
    assert old.revision == V1
    assert prompt(engine, old) == first


def freeze(session: Session, folder: Path) -> str:
    """Return the sha256 of a snapshot of the sample files."""
    info = queries.exam(session, import_files(session, *samples.files(folder)).exam)
    return snapshots.freeze(session, live_set.load_curated(session, info.id), by=ANN).sha256


def finetune_briefly(engine: sa.Engine, sha256: str, student: str) -> finetune.Finetuned:
    """Return what a finetune of one epoch made."""
    hyperparameters = Hyperparameters(epochs=1, batch=8, rank=2, max_length=2000)
    home = Settings().make_home()
    return finetune.run(
        engine, snapshot_sha=sha256, student=student, hyperparameters=hyperparameters, by=ANN, home=home
    )


def test_a_finetuned_student_is_of_its_parents_commit(
    engine: sa.Engine, home: Path, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(engine)
    with db.writing(engine) as session:
        sha256 = freeze(session, tmp_path)
    hub.main = V2
    done = finetune_briefly(engine, sha256, "tiny")
    with db.reading(engine) as session:
        new = students.get(session, done.student)
        session.expunge_all()
    assert (new.base, new.revision) == ("hub:org/tiny", V1)
    assert not prompt(engine, new).startswith("Another. ")
    config = json.loads((Path(done.adapter) / "adapter_config.json").read_text())
    assert (config["base_model_name_or_path"], config["revision"]) == ("org/tiny", V1)


def test_the_adapter_of_a_folders_student_loads_anywhere(engine: sa.Engine, home: Path, tmp_path: Path) -> None:
    with db.writing(engine) as session:
        sha256 = freeze(session, tmp_path)
        students.add(session, "mine", path=tiny.save(tmp_path / "mine"), by=ANN)
    done = finetune_briefly(engine, sha256, "mine")
    model = AutoPeftModelForCausalLM.from_pretrained(done.adapter)
    assert model.peft_config["default"].base_model_name_or_path == str(tmp_path / "mine")
    with db.reading(engine) as session:
        new = students.get(session, done.student)
        session.expunge_all()
    assert students.load_model(engine, new, Settings().make_home()), "and here, where its sha256 is known"


@pytest.mark.parametrize("where", ["path", "hub"])
@pytest.mark.parametrize("nested", [False, True])
def test_a_quantized_base_is_refused_when_it_is_added(
    engine: sa.Engine, home: Path, hub: Hub, where: str, nested: bool
) -> None:
    config = hub.snapshots / V1 / "config.json"
    quantized: dict[str, Any] = {"quantization_config": {"quant_method": "gptq", "bits": 4}}
    config.write_text(
        json.dumps(json.loads(config.read_text()) | ({"text_config": quantized} if nested else quantized))
    )
    base: dict[str, Any] = {"hub": "org/tiny"} if where == "hub" else {"path": hub.snapshots / V1}
    with db.writing(engine) as session, pytest.raises(BadInput, match=r"weights are quantized \(gptq\)") as refused:
        students.add(session, "q", by=ANN, **base)
    assert "\n" not in str(refused.value)
    assert len(hub.calls) <= 1
    with db.reading(engine) as session:
        assert session.exec(select(t.Student)).all() == []


def test_without_a_network_it_is_one_line(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("sys.argv", ["mapd", "students", "add", "x", "--hub", "nobody/nothing"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    told = capsys.readouterr().err
    assert (end.value.code, told.count("\n")) == (1, 1)
    assert "the hub doesn't give the model: nobody/nothing" in told
    assert "check the name and the network" in told


def test_a_folder_is_named_as_others_find_it(tmp_path: Path) -> None:
    assert weights.published_name(tmp_path / f"models--org--a-b.c/snapshots/{V1}") == ("org/a-b.c", V1)
    assert weights.published_name(tmp_path / "mine") == (str(tmp_path / "mine"), None)
    assert fingerprints.source_of("org/tiny") == "hub:org/tiny"
