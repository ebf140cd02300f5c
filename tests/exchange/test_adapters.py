"""A student that was trained elsewhere: TRL trains it on an exported snapshot, and it is examined as our own are."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from sqlmodel import select

from mapd import students
from mapd.curation import live_set, snapshots
from mapd.errors import BadInput, Forbidden, NotFound
from mapd.exchange import adapters as coming_in
from mapd.exchange import archive
from mapd.exchange.adapters import AdapterImport
from mapd.models import adapters, loader, sandbox
from mapd.people import Person, Role, owner
from mapd.settings import Settings
from mapd.store import db, finetunes, queries
from mapd.store import tables as t
from tests import samples
from tests.commands import Mapd
from tests.conftest import import_files
from tests.finetune import tiny

ANN = owner("ann")
ROOT = Path(__file__).parents[2]


def write_adapter(base: Path, folder: Path, **settings: Any) -> Path:
    """An adapter as peft writes it, with numbers that change something."""
    from transformers import AutoModelForCausalLM

    options = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"], "task_type": "CAUSAL_LM"} | settings
    torch.manual_seed(1)
    learner = get_peft_model(AutoModelForCausalLM.from_pretrained(base), LoraConfig(**options))
    for name, parameter in learner.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter)
    learner.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(scope="module")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_adapter(base, tmp_path_factory.mktemp("trained") / "out")


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    """An adapter that can be added, to be spoiled."""
    return Path(shutil.copytree(trained, tmp_path / "out"))


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny student is ours; and what fits it is looked at in a process of its own, which takes seconds."""
    monkeypatch.setattr(sandbox, "check", lambda folder: None)
    monkeypatch.setattr(sandbox, "find_modules", lambda *_: ["q_proj", "v_proj"])


@pytest.fixture
def parent(engine: sa.Engine, base: Path, unchecked: None) -> str:
    with db.writing(engine) as session:
        return students.add(session, "tiny", path=base, by=ANN).name


@pytest.fixture
def snapshot(engine: sa.Engine, tmp_path: Path) -> str:
    with db.writing(engine) as session:
        exam = queries.exam(session, import_files(session, *samples.files(tmp_path)).exam)
        return snapshots.freeze(session, live_set.load_curated(session, exam.id), by=ANN).sha256


def add(engine: sa.Engine, folder: Path, name: str = "mine", **options: Any) -> AdapterImport:
    return coming_in.add(
        engine, name, folder, **{"parent": "tiny", "by": ANN, "home": Settings().make_home(), **options}
    )


def leftovers() -> list[str]:
    """What lies in the folder of added adapters."""
    place = Settings().home / finetunes.ADDED
    return sorted(path.name for path in place.iterdir() if path.suffix != ".lock") if place.is_dir() else []


def one_line(refused: pytest.ExceptionInfo[BadInput]) -> str:
    assert "\n" not in str(refused.value)
    return str(refused.value)


# --- The way round ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_trl_trains_on_an_export_and_the_student_is_compared(
    mapd: Mapd, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from datasets import load_dataset
    from trl import SFTConfig, SFTTrainer

    feedback, rationales = samples.files(tmp_path)
    mapd("import", "authors", "--feedback", feedback, "--rationales", rationales)
    sha256 = mapd("curate", "snapshot", "--exam", 1, "--json").json["snapshot"]
    student = tiny.save(tmp_path / "tiny")
    mapd("students", "add", "tiny", "--path", student)
    (tmp_path / "sums.jsonl").write_text(
        "".join(f'{{"question": "{n} + 1?", "answer": "{n + 1}"}}\n' for n in range(4))
    )
    mapd("questions", "add", "sums", "--dev", tmp_path / "sums.jsonl", "--task", "numeric")
    sitting = ("--questions", "sums", "--split", "dev", "--max-tokens", 4, "--json")
    before = mapd("exam", "run", "--student", "tiny", *sitting).json["exam"]

    mapd("export", sha256, "--format", "prompt-completion", "-o", tmp_path / "rows.jsonl")
    rows = load_dataset(
        "json", data_files=str(tmp_path / "rows.jsonl"), split="train", cache_dir=str(tmp_path / "cache")
    )
    settings = SFTConfig(
        output_dir=str(tmp_path / "out"), max_steps=2, max_length=1_500, use_cpu=True, bf16=False, report_to="none"
    )
    lora = LoraConfig(r=4, lora_alpha=8, lora_dropout=0.05, target_modules="all-linear")
    trainer = SFTTrainer(str(student), settings, train_dataset=rows, peft_config=lora)
    trainer.train()
    trainer.save_model()
    capsys.readouterr()  # what the trainer printed

    words = ("students", "add", "mine", "--adapter", tmp_path / "out", "--parent", "tiny", "--snapshot", sha256[:8])
    result = mapd(*words, "--json").json
    assert (result["parent"], result["round"], result["snapshot"], result["notes"]) == ("tiny", 1, sha256, [])
    after = mapd("exam", "run", "--student", "mine", *sitting).json["exam"]
    comparison = mapd("results", "--before", before, "--after", after, "--json").json
    assert (comparison["before"]["n"], comparison["after"]["n"], comparison["asked_otherwise"]) == (4, 4, {})
    listed = mapd("students", "list", "--json").json["students"][0]
    assert (listed["name"], listed["parent"], listed["round"]) == ("mine", "tiny", 1)
    assert listed["origin"] == f"trained elsewhere, on snapshot {sha256[:12]}"
    assert "in the project already" in mapd(*words).out

    added = load_file(Path(result["adapter"]) / adapters.WEIGHTS)
    theirs = load_file(tmp_path / "out" / adapters.WEIGHTS)
    assert added.keys() == theirs.keys()
    assert mapd("doctor").code == 0


@pytest.mark.parametrize(
    "settings",
    [
        {"target_modules": "all-linear", "task_type": None, "lora_dropout": 0.1},
        {"target_modules": r".*layers\.1\..*(q|v)_proj", "use_rslora": True},
        {"target_modules": ["q_proj", "up_proj"], "layers_to_transform": [0], "init_lora_weights": "gaussian"},
        {"target_modules": ["q_proj", "v_proj"], "exclude_modules": ["model.layers.0.self_attn.q_proj"]},
    ],
)
def test_it_answers_as_where_it_was_trained(base: Path, tmp_path: Path, settings: dict[str, Any]) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    folder, place = write_adapter(base, tmp_path / "out", **settings), tmp_path / "place"
    place.mkdir()
    read = adapters.read_settings(folder)
    adapters.copy_weights(folder, place)
    adapters.write_config(place, read, sandbox.find_modules(base, place / adapters.WEIGHTS, read), ("tiny", None))
    tokens = torch.arange(3, 40)[None]
    theirs = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), str(folder)).eval()
    ours, _ = loader.load(base, place)
    assert torch.allclose(ours(tokens).logits.float(), theirs(tokens).logits.float(), atol=1e-5)


# --- What is kept -----------------------------------------------------------------------------------------------------


def test_its_row_says_what_it_is(engine: sa.Engine, parent: str, snapshot: str, folder: Path) -> None:
    result = add(engine, folder, snapshot=snapshot[:8])
    with db.reading(engine) as session:
        row = students.get(session, "mine")
        entry = session.exec(select(t.Audit).order_by(t.Audit.id.desc())).first()  # type: ignore[union-attr]
        assert row.parent_id == students.get(session, "tiny").id
        assert (row.round, row.snapshot_sha256, row.adapter) == (1, snapshot, f"adapters/{row.uid}")
        assert students.is_here(row, Settings().home)
        assert entry is not None
        assert (entry.action, entry.target) == ("add student", f"student {row.uid}")
        assert entry.detail["file"] == "out"
        assert entry.detail["sha256"] == result.sha256
    assert (result.is_new, result.round, leftovers()) == (True, 1, [result.student])
    assert sorted(path.name for path in Path(result.adapter).iterdir()) == sorted(adapters.FILES)


def test_without_a_snapshot_the_round_stays(engine: sa.Engine, parent: str, folder: Path) -> None:
    assert add(engine, folder).round == 0
    with db.reading(engine) as session:
        assert students.describe_origin(students.get(session, "mine")) == "trained elsewhere, on what isn't said"
        assert students.describe_origin(students.get(session, "tiny")) is None


def test_the_same_again_is_the_one_that_is_there(engine: sa.Engine, parent: str, snapshot: str, folder: Path) -> None:
    first = add(engine, folder, snapshot=snapshot)
    again = add(engine, folder, "another name", snapshot=snapshot)
    assert (again.student, again.name, again.is_new) == (first.student, "mine", False)
    with pytest.raises(BadInput, match="in the project already, as student mine, of") as refused:
        add(engine, folder, "third")
    one_line(refused)
    assert leftovers() == [first.student]


def test_a_lost_adapter_is_put_back_by_the_same_command(engine: sa.Engine, parent: str, folder: Path) -> None:
    result = add(engine, folder)
    (Path(result.adapter) / adapters.WEIGHTS).write_bytes(b"spoiled")
    with db.reading(engine) as session:
        row = students.get(session, "mine")
        session.expunge_all()
    with pytest.raises(BadInput, match=r"is not the one that was added: .*; add it again"):
        students.load_model(engine, row, Settings().home)
    shutil.rmtree(result.adapter)
    with pytest.raises(BadInput, match=r"adapter is missing: .*; add it again"):
        students.load_model(engine, row, Settings().home)
    assert not add(engine, folder).is_new
    assert students.load_model(engine, row, Settings().home)


def test_a_kill_leaves_nothing_half_copied(engine: sa.Engine, parent: str, folder: Path, monkeypatch: Any) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sandbox, "find_modules", die)
        with pytest.raises(KeyboardInterrupt):
            add(engine, folder)
    assert leftovers() == []
    place = Settings().home / finetunes.ADDED / coming_in.UNFINISHED
    place.mkdir(parents=True)
    (place / adapters.WEIGHTS).write_bytes(b"half of")
    with monkeypatch.context() as patch:
        patch.setattr(coming_in, "_put_in", die)
        with pytest.raises(KeyboardInterrupt):
            add(engine, folder)
    assert add(engine, folder).is_new, "what was moved before the kill is taken"
    assert len(leftovers()) == 1


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_killed_with_nine_at_any_moment_it_comes_in_whole(engine: sa.Engine, parent: str, folder: Path) -> None:
    code = (
        "import os, sys, threading\n"
        "from pathlib import Path\n"
        "from mapd.exchange import adapters\n"
        "from mapd.models import sandbox\n"
        "from mapd.people import owner\n"
        "from mapd.settings import Settings\n"
        "from mapd.store import db\n"
        "sandbox.find_modules = lambda *_: ['q_proj', 'v_proj']\n"
        "name, seen = sys.argv[2], [0]\n"
        "def audit(event, words):\n"
        "    if event in ('open', 'os.rename', 'os.mkdir', 'shutil.rmtree') and 'adapters' in str(words):\n"
        "        seen[0] += 1\n"
        "        if seen[0] == int(name): os._exit(9)\n"
        "sys.addaudithook(audit)\n"
        "adapters.add(db.open_store(Settings()), 'mine', Path(sys.argv[1]), parent='tiny', by=owner('ann'),"
        " home=Settings().home)\n"
    )
    codes = []
    for moment in (2, 4, 6, 7, 8, 9):
        command = [sys.executable, "-c", code, str(folder), str(moment)]
        codes.append(subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}).returncode)
        whole = [name for name in leftovers() if name != coming_in.UNFINISHED]
        for name in whole:
            assert load_file(Settings().home / finetunes.ADDED / name / adapters.WEIGHTS).keys()
    assert 9 in codes
    add(engine, folder)
    assert coming_in.UNFINISHED not in leftovers()


# --- What can't come in -----------------------------------------------------------------------------------------------


def change(folder: Path, **fields: object) -> None:
    path = folder / adapters.CONFIG
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def cut_off(folder: Path) -> None:
    path = folder / adapters.WEIGHTS
    path.write_bytes(path.read_bytes()[:-10])


def into_pickle(folder: Path) -> None:
    (folder / adapters.WEIGHTS).rename(folder / "adapter_model.bin")


def lead_out(folder: Path) -> None:
    outside = folder.parent / "elsewhere.safetensors"
    (folder / adapters.WEIGHTS).rename(outside)
    (folder / adapters.WEIGHTS).symlink_to(outside)


def lead_out_by_config(folder: Path) -> None:
    (folder / adapters.CONFIG).unlink()
    (folder / adapters.CONFIG).symlink_to("/etc/passwd")


def lead_to_itself(folder: Path) -> None:
    (folder / adapters.WEIGHTS).unlink()
    (folder / adapters.WEIGHTS).symlink_to(adapters.WEIGHTS)


def make_pipe(folder: Path) -> None:
    (folder / adapters.WEIGHTS).unlink()
    os.mkfifo(folder / adapters.WEIGHTS)


def make_huge(folder: Path) -> None:
    with (folder / adapters.WEIGHTS).open("r+b") as file:
        file.truncate(adapters.MOST_WEIGHTS + 1)


SPOILED: dict[str, tuple[Callable[[Path], object], str]] = {
    "nowhere": (shutil.rmtree, "there is no folder"),
    "no config": (lambda f: (f / adapters.CONFIG).unlink(), "it has no adapter_config.json"),
    "no weights": (lambda f: (f / adapters.WEIGHTS).unlink(), "it has no adapter_model.safetensors"),
    "a pickle": (into_pickle, "a pickle, which may hold code and is never opened"),
    "cut off": (cut_off, "no safetensors file, or was cut off"),
    "empty": (lambda f: (f / adapters.WEIGHTS).write_bytes(b""), "no safetensors file, or was cut off"),
    "no tensors": (lambda f: save_file({}, f / adapters.WEIGHTS), "holds nothing"),
    "no JSON": (lambda f: (f / adapters.CONFIG).write_text("{"), "is no JSON"),
    "a list": (lambda f: (f / adapters.CONFIG).write_text("[]"), "holds no JSON object"),
    "deep": (lambda f: (f / adapters.CONFIG).write_text("[" * 100_000), "is no JSON"),
    "a large config": (lambda f: (f / adapters.CONFIG).write_text(" " * (2 << 20)), "is larger than"),
    "a link out": (lead_out, "leads out of its folder"),
    "a config's link out": (lead_out_by_config, "leads out of its folder"),
    "a link to itself": (lead_to_itself, "adapter can't be read"),
    "a pipe": (make_pipe, "is no file"),
    "huge": (make_huge, "bytes, more than"),
    "no LoRA": (lambda f: change(f, peft_type="IA3"), "has 'peft_type' 'IA3'"),
    "a classifier": (lambda f: change(f, task_type="SEQ_CLS"), "has 'task_type' 'SEQ_CLS'"),
    "whole modules": (lambda f: change(f, modules_to_save=["lm_head"]), "has 'modules_to_save'"),
    "DoRA": (lambda f: change(f, use_dora=True), "has 'use_dora' 'True'"),
    "PiSSA": (lambda f: change(f, init_lora_weights="pissa"), "has 'init_lora_weights' 'pissa'"),
    "code": (lambda f: change(f, megatron_core="evil"), "has 'megatron_core' 'evil'"),
    "something new": (lambda f: change(f, something_new={"x": 1}), "has 'something_new'"),
    "rank": (lambda f: change(f, r=10**9), "has the rank 1000000000"),
    "a rank in words": (lambda f: change(f, r="8"), "has the rank 8"),
    "alpha": (lambda f: change(f, lora_alpha=float("nan")), "has the alpha nan"),
    "modules": (lambda f: change(f, target_modules=[1]), "no names of modules in target_modules"),
    "no modules": (lambda f: change(f, target_modules=None), "names no modules"),
    "a long pattern": (lambda f: change(f, target_modules="(a+)+" * 1_000), "no names of modules in target_modules"),
    "layers": (lambda f: change(f, layers_to_transform=["1"]), "no names of modules in layers_to_transform"),
}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", SPOILED)
def test_what_can_not_come_in_is_one_line(engine: sa.Engine, parent: str, folder: Path, name: str) -> None:
    spoil, line = SPOILED[name]
    spoil(folder)
    with pytest.raises(BadInput, match=re.escape(line)) as refused:
        add(engine, folder)
    one_line(refused)
    assert leftovers() == []
    with db.reading(engine) as session:
        assert [row.name for row in students.list_students(session)] == ["tiny"]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_names_and_references_that_can_not_be(engine: sa.Engine, parent: str, folder: Path) -> None:
    for options, error, line in (
        ({"parent": "nobody"}, NotFound, "unknown student: nobody"),
        ({"snapshot": "ffff"}, NotFound, "no snapshot begins with 'ffff'"),
        ({"name": "tiny"}, BadInput, "can't have its parent's name"),
        ({"name": " "}, BadInput, "a student's name has 1 to"),
        ({"by": Person("bob@x.org", Role.ANNOTATOR)}, Forbidden, "may not add students"),
    ):
        with pytest.raises(error, match=line):
            add(engine, folder, **options)  # type: ignore[arg-type]
    with db.writing(engine) as session:
        students.ensure_imported(session, "Llama")
    with pytest.raises(BadInput, match="came with an import, without weights"):
        add(engine, folder, parent="Llama")
    with pytest.raises(BadInput, match="there is another student named Llama"):
        add(engine, folder, "Llama")
    assert leftovers() == []


# --- Does it fit? -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "line"),
    [
        ({"hidden_size": 64}, r"q_proj\.lora_A\.weight is of \[4, 64\], and would be of \[4, 32\] here"),
        ({"num_hidden_layers": 3}, r"no module takes: .*layers\.2\."),
        ({"num_hidden_layers": 1}, r"its file lacks .*layers\.1\."),
    ],
)
def test_an_adapter_of_another_model_does_not_fit(base: Path, tmp_path: Path, sizes: dict[str, int], line: str) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    LlamaForCausalLM(LlamaConfig(**tiny.SIZES | sizes)).save_pretrained(tmp_path / "other")
    folder = write_adapter(tmp_path / "other", tmp_path / "out")
    with pytest.raises(BadInput, match=line) as refused:
        sandbox.find_modules(base, folder / adapters.WEIGHTS, adapters.read_settings(folder))
    one_line(refused)


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"target_modules": ["c_attn"]}, r"Target modules .* not found"),
        ({"target_modules": ["q_proj", "v_proj", "up_proj"]}, "its file lacks .*up_proj"),
        (
            {"auto_mapping": {"base_model_class": "GPT2LMHeadModel"}},
            "it was trained on a GPT2LMHeadModel, this is a Llama",
        ),
    ],
)
def test_a_config_of_another_model_does_not_fit(base: Path, folder: Path, fields: dict[str, Any], line: str) -> None:
    change(folder, **fields)
    with pytest.raises(BadInput, match=line) as refused:
        sandbox.find_modules(base, folder / adapters.WEIGHTS, adapters.read_settings(folder))
    one_line(refused)


@pytest.mark.parametrize(
    ("name", "tensor", "line"),
    [
        ("base_model.model.lm_head.weight", torch.zeros(260, 32), "more than LoRA's tensors: .*lm_head"),
        (
            "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
            torch.full((4, 32), float("nan")),
            "holds what is no number",
        ),
    ],
)
def test_other_tensors_do_not_fit(base: Path, folder: Path, name: str, tensor: torch.Tensor, line: str) -> None:
    save_file(load_file(folder / adapters.WEIGHTS) | {name: tensor}, folder / adapters.WEIGHTS)
    with pytest.raises(BadInput, match=line) as refused:
        sandbox.find_modules(base, folder / adapters.WEIGHTS, adapters.read_settings(folder))
    one_line(refused)


def notes(folder: Path, parent: t.Student, base: Path, **fields: object) -> list[str]:
    change(folder, **fields)
    return list(coming_in._compare_bases(adapters.read_settings(folder), parent, base, folder))


def test_the_base_is_compared_by_name(base: Path, folder: Path) -> None:
    own = t.Student(name="tiny", base=f"path:{base}")
    hub = t.Student(name="hers", base="hub:org/Tiny-1.5b", revision="1" * 40)
    assert notes(folder, own, base) == []
    (elsewhere,) = notes(folder, own, base, base_model_name_or_path="/root/ckpt")
    assert elsewhere.startswith("it calls its base /root/ckpt, and the parent's is")
    assert notes(folder, hub, base, base_model_name_or_path="org/Tiny-1.5b", revision=None) == []
    assert len(notes(folder, hub, base, base_model_name_or_path="unsloth/tiny-1.5B")) == 1
    with pytest.raises(BadInput, match=r"trained on org/Tiny-7b, and the parent hers is org/Tiny-1\.5b") as refused:
        notes(folder, hub, base, base_model_name_or_path="org/Tiny-7b")
    one_line(refused)
    (commit,) = notes(folder, hub, base, base_model_name_or_path="org/Tiny-1.5b", revision="2" * 40)
    assert "it was trained on commit 2222" in commit
    (unnamed,) = notes(folder, own, base, base_model_name_or_path=None, revision=None)
    assert "doesn't say on which model" in unnamed


def test_what_else_is_to_be_minded(base: Path, folder: Path) -> None:
    tuned = t.Student(name="tuned", base=f"path:{base}", adapter="finetunes/x/adapter")
    (stands,) = notes(folder, tuned, base)
    assert "in place of the adapter of tuned" in stands
    (folder / "chat_template.jinja").write_text("{{ 'Another.' }}")
    (template,) = notes(folder, t.Student(name="tiny", base=f"path:{base}"), base)
    assert "another chat template, which isn't used" in template


def test_the_vocabulary_is_compared_where_it_comes_along(base: Path, folder: Path) -> None:
    own = t.Student(name="tiny", base=f"path:{base}")
    tokenizer = json.loads((base / adapters.TOKENIZER).read_text())
    (folder / adapters.TOKENIZER).write_text(json.dumps(tokenizer))
    assert notes(folder, own, base) == []
    more = [*tokenizer["added_tokens"], {"id": 900, "content": "<tool>"}]
    (folder / adapters.TOKENIZER).write_text(json.dumps(tokenizer | {"added_tokens": more}))
    assert notes(folder, own, base) == ["its tokenizer has 1 more tokens, which the student isn't given"]
    first, second, *_ = tokenizer["model"]["vocab"]
    swapped = tokenizer["model"]["vocab"] | {first: 1, second: 0}
    (folder / adapters.TOKENIZER).write_text(
        json.dumps({"model": tokenizer["model"] | {"vocab": swapped}, "added_tokens": []})
    )
    with pytest.raises(
        BadInput, match=r"trained with another vocabulary: token .* is 1 there, and 0 of tiny"
    ) as refused:
        notes(folder, own, base)
    one_line(refused)
    for content in ("", "{", "[]", '{"model": {"vocab": 7}}', '{"model": {"vocab": {"a": "b"}}}', "[" * 100_000):
        (folder / adapters.TOKENIZER).write_text(content)
        assert notes(folder, own, base) == []


def test_an_archive_carries_the_row_and_the_same_command_brings_the_files(
    engine: sa.Engine, parent: str, snapshot: str, base: Path, folder: Path, tmp_path: Path
) -> None:
    first = add(engine, folder, snapshot=snapshot)
    archive.export(engine, tmp_path / "p.zip", Settings().home, by=ANN)
    home = tmp_path / "other"
    other = db.open_store(Settings(home=home, database_url=None))
    with (tmp_path / "p.zip").open("rb") as stream, archive.stage("p.zip", stream) as staging:
        archive.load(other, staging, home, by=ANN)
    with db.reading(other) as session:
        (entry,) = finetunes.list_added(session)
        row = students.get(session, "mine")
        assert (entry.name, entry.parent, entry.snapshot, entry.person) == ("mine", "tiny", snapshot, None)
        assert (row.round, students.is_here(row, home)) == (1, False)
    again = coming_in.add(other, "mine", folder, parent="tiny", snapshot=snapshot, by=ANN, home=home)
    assert (again.student, again.is_new) == (first.student, False)
    with db.reading(other) as session:
        assert students.is_here(students.get(session, "mine"), home)
    other.dispose()


def test_a_file_of_the_hubs_cache_is_taken(folder: Path, tmp_path: Path) -> None:
    blobs = tmp_path / "models--org--out" / "blobs"
    cached = tmp_path / "models--org--out" / "snapshots" / ("1" * 40)
    for place in (blobs, cached):
        place.mkdir(parents=True)
    for name in adapters.FILES:
        (folder / name).rename(blobs / name)
        (cached / name).symlink_to(blobs / name)
    (tmp_path / "place").mkdir()
    assert adapters.read_settings(cached).rank == 4
    assert adapters.copy_weights(cached, tmp_path / "place")
