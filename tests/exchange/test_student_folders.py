"""A student is taken away: its adapter, one model, or llama.cpp's file; it answers there as here."""

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import torch
from huggingface_hub import ModelCard
from safetensors.torch import load_file
from sqlmodel import select
from transformers import AutoModelForCausalLM, AutoTokenizer

from mapd import fingerprints, students
from mapd.errors import BadInput, Forbidden, NotFound
from mapd.exchange import adapters as coming_in
from mapd.exchange import student_folders
from mapd.exchange.hub import parcels
from mapd.exchange.student_folders import StudentFolder
from mapd.models import adapters, loader, sandbox, weights
from mapd.people import Person, Role, owner
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from tests.commands import Mapd
from tests.exchange.test_adapters import write_adapter
from tests.finetune import tiny

ANN = owner("ann")
TOKENS = torch.arange(3, 60)[None]

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter; its base lies beside it."""
    folder = tmp_path_factory.mktemp("trained")
    return write_adapter(tiny.save(folder / "tiny"), folder / "out")


@pytest.fixture
def tuned(engine: sa.Engine, trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's student "tuned"; returns the folder of its adapter as it was trained."""
    monkeypatch.setattr(sandbox, "check", lambda folder: None)
    monkeypatch.setattr(sandbox, "find_modules", lambda *_: ["q_proj", "v_proj"])
    home = Settings().make_home()
    with db.writing(engine) as session:
        students.add(session, "tiny", path=trained.parent / "tiny", by=ANN)
    coming_in.add(engine, "tuned", trained, parent="tiny", by=ANN, home=home)
    return trained


@pytest.fixture
def whole(engine: sa.Engine, tuned: Path) -> str:
    """The project's student "whole", all of whose weights a full finetune wrote."""
    uid, home = "9c" * 16, Settings().home
    model = tiny.save(weights.result_folder(weights.finetune_folder(home, uid), "full"))
    with db.writing(engine) as session:
        parent = students.get(session, "tiny")
        base = students.source_of_finetune(uid)
        session.add(t.Student(name="whole", base=base, parent_id=parent.id, round=1))
        fingerprints.record(session, base, weights.fingerprint(model))
    return "whole"


def write(engine: sa.Engine, path: Path, form: str, name: str = "tuned", **options: Any) -> StudentFolder:
    return student_folders.write(engine, name, path, form, by=ANN, home=Settings().home, **options)


def logits(folder: Path) -> torch.Tensor:
    model: Any = AutoModelForCausalLM.from_pretrained(folder)
    return model(TOKENS).logits  # type: ignore[no-any-return]


def refused(engine: sa.Engine, line: str, path: Path, form: str, name: str = "tuned", **options: Any) -> None:
    """It is refused in one line, and leaves nothing."""
    before = sorted(path.parent.iterdir())
    with pytest.raises(BadInput, match=line) as refusal:
        write(engine, path, form, name, **options)
    assert "\n" not in str(refusal.value)
    assert sorted(path.parent.iterdir()) == before


def test_the_adapter_is_the_one_that_was_trained(engine: sa.Engine, tuned: Path, tmp_path: Path) -> None:
    result = write(engine, tmp_path / "away", "adapter")
    place = Path(result.path)
    assert result.files == ("README.md", adapters.CONFIG, adapters.WEIGHTS)
    ours, theirs = load_file(place / adapters.WEIGHTS), load_file(tuned / adapters.WEIGHTS)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert json.loads((place / adapters.CONFIG).read_text())["base_model_name_or_path"] == "tiny"
    with db.reading(engine) as session:
        entry = session.exec(select(t.Audit).order_by(t.Audit.id.desc())).first()  # type: ignore[union-attr]
        assert entry is not None
        assert (entry.action, entry.target) == ("export", f"student {students.get(session, 'tuned').uid}")
        assert (entry.detail["format"], entry.detail["sha256"]) == ("adapter", result.sha256)


def test_one_model_answers_as_the_adapter_over_its_base(engine: sa.Engine, tuned: Path, tmp_path: Path) -> None:
    result = write(engine, tmp_path / "away", "merged")
    place, base = Path(result.path), tuned.parent / "tiny"
    assert {"Modelfile", "README.md", "config.json", "model.safetensors", "tokenizer.json"} <= {*result.files}
    assert adapters.WEIGHTS not in result.files
    here, _ = loader.load(base, tuned)
    assert torch.allclose(logits(place), here(TOKENS).logits, atol=1e-4), "but for rounding"
    assert not torch.allclose(logits(place), logits(base), atol=1e-2), "the adapter is in it"
    theirs, ours = AutoTokenizer.from_pretrained(base), AutoTokenizer.from_pretrained(place)
    assert ours.chat_template == theirs.chat_template
    assert ours("2 + 2 = 4").input_ids == theirs("2 + 2 = 4").input_ids
    card = ModelCard((place / "README.md").read_text())
    assert card.data.to_dict()["library_name"] == "transformers"
    assert "with a LoRA adapter merged into it, round 0" in card.text
    for file in place.iterdir():
        assert str(tuned.parent).encode() not in file.read_bytes(), f"{file.name} names a place of this machine"


def test_greedy_answers_are_those_of_the_adapter(engine: sa.Engine, tuned: Path, tmp_path: Path) -> None:
    place = Path(write(engine, tmp_path / "away", "merged").path)
    model: Any = AutoModelForCausalLM.from_pretrained(place)
    over, _ = loader.load(tuned.parent / "tiny", tuned)
    options: dict[str, Any] = {"max_new_tokens": 40, "do_sample": False, "pad_token_id": 0}
    assert torch.equal(model.generate(TOKENS, **options), over.generate(input_ids=TOKENS, **options))


def test_all_weights_of_a_full_finetune_go_out(engine: sa.Engine, whole: str, tmp_path: Path) -> None:
    place = Path(write(engine, tmp_path / "away", "merged", whole).path)
    uid = "9c" * 16
    assert torch.equal(logits(place), logits(weights.finetune_folder(Settings().home, uid) / "model"))
    text = (place / "README.md").read_text()
    assert "All weights of `tiny`, finetuned" in text
    assert "LoRA" not in text
    refused(engine, "has no adapter here", tmp_path / "more", "adapter", whole)


def test_a_full_finetune_is_sent_to_the_hub_whole(engine: sa.Engine, whole: str, tmp_path: Path) -> None:
    parcel = parcels.pack_student(engine, whole, "org/whole", tmp_path / "sent", Settings().home)
    assert (parcel.format, parcel.identity) == ("model", "model.safetensors")
    assert 'AutoModelForCausalLM.from_pretrained("org/whole")' in (tmp_path / "sent" / "README.md").read_text()


# -- llama.cpp's file -------------------------------------------------------------------------------------------------

SCRIPT = """import pathlib, sys
folder, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[sys.argv.index("--outfile") + 1])
assert (folder / "tokenizer.json").is_file()
out.write_bytes(b"GGUF" + (folder / "model.safetensors").read_bytes()[:100])
"""


def converter(tmp_path: Path, script: str) -> Path:
    file = tmp_path / student_folders.CONVERTER
    file.write_text(script)
    return file


def test_the_converter_is_given_the_merged_model(engine: sa.Engine, tuned: Path, tmp_path: Path) -> None:
    result = write(engine, tmp_path / "away", "gguf", converter=converter(tmp_path, SCRIPT))
    assert result.files == ("Modelfile", "README.md", "model.gguf")
    assert "ollama create NAME" in (tmp_path / "away" / "README.md").read_text()
    assert "FROM ./model.gguf" in (tmp_path / "away" / "Modelfile").read_text()
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir() and path.name != "pilot") == ["away"]


@pytest.mark.parametrize(
    ("script", "line"),
    [
        ("import sys; sys.exit('an error\\nof two lines: no such architecture')", "of two lines: no such architecture"),
        ("", "it wrote nothing"),
        ("import os; os.kill(os.getpid(), 9)", "it wrote nothing"),
    ],
)
def test_a_converter_that_fails_is_one_line(
    engine: sa.Engine, tuned: Path, tmp_path: Path, script: str, line: str
) -> None:
    refused(engine, line, tmp_path / "away", "gguf", converter=converter(tmp_path, script))


def test_without_a_converter_the_line_says_where_to_get_one(
    engine: sa.Engine, tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    refused(engine, "the shell finds no convert_hf_to_gguf.py: clone llama.cpp", tmp_path / "away", "gguf")
    refused(engine, "there is no file .*missing", tmp_path / "away", "gguf", converter=tmp_path / "missing")
    file = converter(tmp_path, SCRIPT)
    file.chmod(0o755)
    assert student_folders.find_converter() == file


# -- what can't be ----------------------------------------------------------------------------------------------------


def test_what_can_not_be_is_one_line(engine: sa.Engine, tuned: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    refused(engine, "an export writes over nothing", tmp_path / "taken", "merged")
    refused(engine, "one of adapter, merged, gguf, not 'onnx'", tmp_path / "away", "onnx")
    refused(engine, "one of auto, fp32, bf16, not '4bit'", tmp_path / "away", "merged", precision="4bit")
    with pytest.raises(NotFound):
        write(engine, tmp_path / "away", "adapter", "nobody")
    reader = Person("eve", Role.ANNOTATOR)
    with pytest.raises(Forbidden):
        student_folders.write(engine, "tuned", tmp_path / "away", "adapter", by=reader, home=Settings().home)
    assert not (tmp_path / "away").exists()


def test_a_spoiled_adapter_does_not_go_out(engine: sa.Engine, tuned: Path, tmp_path: Path) -> None:
    with db.reading(engine) as session:
        folder = students.find_adapter(students.get(session, "tuned"), Settings().home)
    (folder / adapters.WEIGHTS).write_bytes(b"other")
    for form in ("adapter", "merged"):
        refused(engine, "is not the one that was added", tmp_path / "away", form)


def test_the_command_says_what_it_wrote(tuned: Path, tmp_path: Path, mapd: Mapd) -> None:
    run = mapd("students", "export", "tuned", "-o", str(tmp_path / "away"), "--as", "merged", "--json")
    assert run.code == 0, run.err
    assert json.loads(run.out)["form"] == "merged"
    run = mapd("students", "export", "tuned", "-o", str(tmp_path / "more"), "--as", "zip")
    assert (run.code, run.out) == (2, "")
    assert "one of adapter, merged, gguf, not 'zip'" in run.err
