"""Model folders as an attacker or a broken disk would make them: no code of theirs runs, nothing goes on for ever."""

import json
import os
import pickle
import shutil
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from mapd.errors import BadInput
from mapd.models import dialogue, loader, sandbox, weights
from tests.finetune import tiny

ROOT = Path(__file__).parents[2]
RUN_CHECK = sandbox._run_check  # conftest has each test check in this process
TURNS = [{"role": "user", "content": "2 + 2?"}]


@pytest.fixture
def checks_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is checked in a process of its own, as the app does it: it imports for eight seconds."""
    monkeypatch.setattr(sandbox, "_run_check", RUN_CHECK)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tmp_path_factory.mktemp("good") / "model")


@pytest.fixture
def folder(good: Path, tmp_path: Path) -> Path:
    """A model that can be loaded, to be spoiled."""
    return Path(shutil.copytree(good, tmp_path / "model"))


@pytest.fixture
def marker(tmp_path: Path) -> Iterator[Path]:
    """A file that foreign code would write; nobody is at a terminal to be asked."""
    yield tmp_path / "marker"
    assert not (tmp_path / "marker").exists(), "foreign code ran"


def change(folder: Path, file: str, **fields: object) -> None:
    path = folder / file
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def write_code(folder: Path, marker: Path) -> None:
    (folder / "evil.py").write_text(
        f"from pathlib import Path\nPath({str(marker)!r}).write_text('ran')\n"
        "from transformers import LlamaConfig as C, LlamaForCausalLM as M, PreTrainedTokenizerFast as T\n"
    )


# --- Code -------------------------------------------------------------------------------------------------------------

CODE: dict[str, Callable[[Path], None]] = {
    "a model's": lambda folder: change(
        folder, "config.json", model_type="evil", auto_map={"AutoConfig": "evil.C", "AutoModelForCausalLM": "evil.M"}
    ),
    "a tokenizer's": lambda folder: change(
        folder, "tokenizer_config.json", tokenizer_class="Evil", auto_map={"AutoTokenizer": ["evil.T", "evil.T"]}
    ),
}


LOAD_EACH = """
import sys
from pathlib import Path
from mapd.errors import BadInput
from mapd.models import loader, sandbox
for folder in map(Path, sys.argv[1:]):
    for load in (sandbox._inspect, loader.load):
        try:
            load(folder)
        except (BadInput, ValueError) as error:
            print("refused:", "custom code" in str(error) or "code that it brings along" in str(error))
"""


def test_code_that_a_model_brings_is_not_run_and_nobody_is_asked(
    folder: Path, tmp_path: Path, marker: Path, checks_apart: None
) -> None:
    write_code(folder, marker)
    folders = [Path(shutil.copytree(folder, tmp_path / f"{number}")) for number in range(len(CODE))]
    for spoilt, spoil in zip(folders, CODE.values(), strict=True):
        spoil(spoilt)
    words = [sys.executable, "-c", LOAD_EACH, *map(str, folders)]
    process = subprocess.run(words, input=b"y\n" * 9, capture_output=True, cwd=ROOT, timeout=240)  # a yes runs nothing
    assert process.returncode == 0, process.stderr
    assert process.stdout.decode().splitlines() == ["refused: True"] * 2 * len(CODE)
    assert b"[y/N]" not in process.stdout + process.stderr
    with pytest.raises(BadInput, match="it needs code that it brings along, which is not run here") as refused:
        sandbox.check(folders[0])
    assert "\n" not in str(refused.value)


def test_a_model_that_can_do_without_its_code_does(folder: Path, marker: Path) -> None:
    write_code(folder, marker)
    change(folder, "config.json", auto_map={"AutoConfig": "evil.C", "AutoModelForCausalLM": "evil.M"})
    sandbox.check(folder)
    assert type(loader.load(folder)[0]).__name__ == "LlamaForCausalLM"


class Evil:
    """What a pickle runs when it is read."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.marker}",)


def test_pickles_are_no_weights(folder: Path, marker: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    (folder / "evil.bin").write_bytes(pickle.dumps(Evil(marker)))
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Evil(marker)))
    (folder / "model.safetensors").rename(folder / "z.safetensors")
    index = {"metadata": {}, "weight_map": dict.fromkeys(tensors, "evil.bin")}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    for load in (sandbox.check, loader.load):
        with pytest.raises(BadInput, match=r"names weights that are no safetensors beside it: 'evil\.bin'"):
            load(folder)
    (folder / "model.safetensors.index.json").unlink()
    (folder / "z.safetensors").unlink()
    for load in (sandbox.check, loader.load):
        with pytest.raises(BadInput, match="it has no weights in safetensors"):
            load(folder)


def test_weights_lie_in_the_folder(folder: Path, tmp_path: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    shutil.copy(folder / "model.safetensors", tmp_path / "outside.safetensors")
    index = {"metadata": {}, "weight_map": dict.fromkeys(tensors, "../outside.safetensors")}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(BadInput, match="no safetensors beside it"):
        loader.load(folder)


# --- What a folder may hold -------------------------------------------------------------------------------------------

DEEP = '{"a":' * 100_000 + "1" + "}" * 100_000
QUICKLY: dict[str, tuple[Callable[[Path], object], str]] = {  # without a process of its own
    "layers": (lambda f: change(f, "config.json", num_hidden_layers=10**8), "asks for 100,000,000 layers"),
    "layers further in": (lambda f: change(f, "config.json", text_config={"n_layer": 10**6}), "1,000,000 layers"),
    "a large config": (lambda f: (f / "config.json").write_text('{"a": "' + "x" * (2 << 20) + '"}'), "more than"),
    "a deep config": (lambda f: (f / "config.json").write_text(DEEP), "config.json is no JSON"),
    "half a config": (lambda f: (f / "config.json").write_text("{"), "config.json is no JSON"),
    "a config that is a list": (lambda f: (f / "config.json").write_text("[]"), "holds no JSON object"),
    "a config that never ends": (
        lambda f: ((f / "config.json").unlink(), (f / "config.json").symlink_to("/dev/zero")),
        "it has no config.json",
    ),
    "a tokenizer that never ends": (
        lambda f: ((f / "tokenizer.json").unlink(), (f / "tokenizer.json").symlink_to("/dev/zero")),
        "tokenizer.json is no file",
    ),
    "a pipe": (
        lambda f: ((f / "tokenizer.json").unlink(), os.mkfifo(f / "tokenizer.json")),
        "tokenizer.json is no file",
    ),
    "a tokenizer's config that is a list": (
        lambda f: (f / "tokenizer_config.json").write_text("[]"),
        "holds no JSON object",
    ),
    "how to generate as a list": (lambda f: (f / "generation_config.json").write_text("[1]"), "holds no JSON object"),
    "a large template": (lambda f: (f / "chat_template.jinja").write_text("x" * (1 << 19)), "more than 262,144"),
    "a kernel of the hub": (lambda f: change(f, "config.json", attn_implementation="org/evil"), "code from elsewhere"),
    "weights cut off": (
        lambda f: (f / "model.safetensors").write_bytes((f / "model.safetensors").read_bytes()[:-9]),
        "is no safetensors file, or was cut off",
    ),
    "weights of nothing": (lambda f: (f / "model.safetensors").write_bytes(b""), "is no safetensors file"),
    "weights of a long header": (
        lambda f: (f / "model.safetensors").write_bytes((1 << 60).to_bytes(8, "little") + b"{}"),
        "is no safetensors file",
    ),
}


@pytest.mark.parametrize("case", QUICKLY)
def test_a_file_that_cannot_be_is_one_line(folder: Path, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil, line = QUICKLY[case]
    spoil(folder)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("no process is needed"))
    for load in (sandbox.check, loader.load):
        with pytest.raises(BadInput, match=line) as refused:
            load(weights.require_model(folder))
        assert "\n" not in str(refused.value)
        assert str(folder) in str(refused.value)


# What may take a machine's time or memory, or end the process that reads it.
SLOWLY: dict[str, tuple[Callable[[Path], object], str]] = {
    "a wide config": (lambda f: change(f, "config.json", hidden_size=10**9), "its config asks for 1,"),
    "a deep tokenizer": (lambda f: (f / "tokenizer.json").write_text(DEEP), "recursion"),
    "a tokenizer that writes much": (
        lambda f: change(f, "tokenizer.json", normalizer={"type": "Prepend", "prepend": "x" * 10**6}),
        "its tokenizer makes 1,0",
    ),
    "a template that never ends": (
        lambda f: (f / "chat_template.jinja").write_text(
            "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
        ),
        "it takes more than 2 s of a processor",
    ),
}
IN_A_LIBRARY: dict[str, tuple[Callable[[Path], object], str]] = {
    "a tokenizer that is a list": (lambda f: (f / "tokenizer.json").write_text("[]"), "can't be loaded"),
    "a template that leaves the question out": (
        lambda f: (f / "chat_template.jinja").write_text("{{ messages[0]['content'][0] }}"),
        "it leaves out what the system says",
    ),
    "several templates, none of them the default": (
        lambda f: (
            (f / "chat_template.jinja").unlink(),
            change(f, "tokenizer_config.json", chat_template=[{"name": name, "template": name} for name in "ab"]),
        ),
        "multiple chat templates with no default",
    ),
    "no end": (lambda f: change(f, "tokenizer_config.json", eos_token=None), "names no token that ends a text"),
    "a template that fails": (lambda f: (f / "chat_template.jinja").write_text("{% for %}"), "chat template can't be"),
}


APART = "a deep tokenizer"  # it might end the process that reads it


@pytest.mark.slow
@pytest.mark.parametrize("case", SLOWLY)
def test_what_takes_too_much_is_one_line(folder: Path, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if case == APART:
        monkeypatch.setattr(sandbox, "_run_check", RUN_CHECK)
    spoil, line = SLOWLY[case]
    spoil(folder)
    with pytest.raises(BadInput, match=line) as refused:
        sandbox.check(folder)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("case", IN_A_LIBRARY)
def test_what_a_library_stumbles_over_is_one_line(folder: Path, case: str) -> None:
    spoil, line = IN_A_LIBRARY[case]
    spoil(folder)
    with pytest.raises(BadInput, match=line) as refused:
        sandbox.check(folder)
    assert "\n" not in str(refused.value)


def test_weights_that_lack_something_are_not_drawn_at_random(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    name = min(tensors)
    save_file({k: v for k, v in tensors.items() if k != name}, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BadInput, match="the model's weights lack 1 of its tensors"):
        loader.load(folder)
    save_file(tensors | {name: torch.zeros(3, 3)}, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BadInput, match="or have them in another size"):
        loader.load(folder)


# --- Templates --------------------------------------------------------------------------------------------------------


def test_a_dialogue_reads_as_the_library_writes_it(good: Path) -> None:
    original = tiny.tokenizer()
    bounded = loader.load(good)[1]
    for turns in (TURNS, [{"role": "system", "content": "é \u2028 <|im_end|> {{ 1 }}"}, *TURNS]):
        for prompt in (True, False):
            expected = original.apply_chat_template(turns, tokenize=False, add_generation_prompt=prompt)
            assert bounded.apply_chat_template(turns, tokenize=False, add_generation_prompt=prompt) == expected


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (
            "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
            "more than 2 s of a processor",
        ),
        (
            "{% for c in 'x' * 99999 %}{% for d in 'x' * 99999 %}{% endfor %}{% endfor %}",
            "more than 2 s of a processor",
        ),
        ("{{ 'a' * 10**11 }}", "MemoryError|Memory"),
        ("{{ 'a' * 3000000 }}", "it writes too much"),
        ("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", "recursion"),
        ("{% if 1 %}" * 5000 + "{% endif %}" * 5000, "."),
        ("{{ raise_exception('no\n\x1b[2J') }}", r"\(no \[2J\)"),
        ("{{ messages[0].content.__class__.__mro__ }}{{ ''.__class__.__base__.__subclasses__() }}", "unsafe"),
    ],
)
def test_a_template_that_does_not_end_is_ended(source: str, line: str) -> None:
    template = sandbox.Template(source, {})
    with pytest.raises(BadInput, match=f"the model's chat template can't be used .*{line}") as refused:
        template.render(TURNS, add_generation_prompt=True)
    assert str(refused.value).isprintable()


def test_a_template_is_ended_in_a_thread_too_and_rendered_again() -> None:
    template = sandbox.Template(
        "{% if 'x' in messages[0].content %}{% for i in range(99999) %}{% for j in range(99999) %}"
        "{% endfor %}{% endfor %}{% endif %}{{ messages[0].content }}",
        {},
    )
    answers: list[str] = []

    def ask(word: str) -> None:
        try:
            answers.append(template.render([{"role": "user", "content": word}], add_generation_prompt=True))
        except BadInput as error:
            answers.append(str(error)[:20])

    threads = [threading.Thread(target=ask, args=(word,)) for word in ("a", "x", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["a", "b", "the model's chat tem"]


def test_templates_share_a_process_and_none_is_left_of_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_RENDERERS", weakref.WeakValueDictionary())
    first, second = sandbox.Template("x", {}), sandbox.Template("y", {})
    assert [x.render(TURNS, add_generation_prompt=True) for x in (first, second)] == ["x", "y"]
    process = first.renderer.process
    assert process is not None
    assert second.renderer.process is process
    del first
    assert second.render(TURNS, add_generation_prompt=True) == "y"
    del second
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert process.returncode is not None


# --- Adapters ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base_model_name_or_path", ["/elsewhere"]),
        ("auto_mapping", {"base_model_class": "x", "parent_library": "os"}),
        ("megatron_core", "evil"),
        ("peft_type", "ADALORA"),
        ("modules_to_save", ["lm_head"]),
        ("use_dora", True),
        ("r", 10**9),
        ("r", "8"),
        ("target_modules", [1]),
        ("target_modules", None),
        ("something_new", True),
    ],
)
def test_an_adapter_is_one_that_a_finetune_writes(folder: Path, tmp_path: Path, field: str, value: object) -> None:
    from mapd.finetune.hyperparameters import Hyperparameters
    from mapd.finetune.train import train

    model, _ = loader.load(folder)
    hyperparameters = Hyperparameters(epochs=1, rank=4)
    adapter = train(model, tiny.examples(2), hyperparameters, tmp_path / "finetune", lambda _: None)
    assert loader.load(folder, adapter)
    change(adapter, "adapter_config.json", **{field: value})
    with pytest.raises(BadInput, match=r"adapter is none of ours|adapter can't be loaded") as refused:
        loader.load(folder, adapter)
    assert "\n" not in str(refused.value)


# --- A pattern that fails over some texts only ------------------------------------------------------------------------

ENDLESS = {"Regex": "(é+é+)+z"}  # over "éééé…!" the library gives up, and panics


def split_endlessly(folder: Path) -> None:
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    splitting = {"type": "Split", "pattern": ENDLESS, "behavior": "Isolated", "invert": False}
    both = {"type": "Sequence", "pretokenizers": [splitting, tokenizer["pre_tokenizer"]]}
    change(folder, "tokenizer.json", pre_tokenizer=both)


def replace_endlessly(folder: Path) -> None:
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    replacing = {"type": "Replace", "pattern": ENDLESS, "content": ""}
    both = {"type": "Sequence", "decoders": [tokenizer["decoder"], {"type": "Fuse"}, replacing]}
    change(folder, "tokenizer.json", decoder=both)


def test_a_tokenizer_that_fails_over_a_text_is_told_in_one_line(folder: Path) -> None:
    text = "é" * 4000 + "!"
    split_endlessly(folder)
    sandbox.check(folder)
    with pytest.raises(BadInput, match=r"the model's tokenizer fails over a text \(Onig: ") as refused:
        dialogue.encode(text, loader.load(folder)[1], {})
    assert "\n" not in str(refused.value)


def test_a_tokenizer_that_fails_over_an_answer_is_told_in_one_line(folder: Path) -> None:
    replace_endlessly(folder)
    sandbox.check(folder)
    tokenizer = loader.load(folder)[1]
    with pytest.raises(BadInput, match=r"the model's tokenizer fails over a text \("):
        dialogue.decode(dialogue.encode("é" * 4000 + "!", tokenizer, {}), tokenizer)
