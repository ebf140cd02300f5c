"""Read a foreign model's files in processes of their own, with little time and memory.

check(Path("models/mine"))                  raises where the folder's files can't be loaded in that time and memory
template = Template("{% for m in messages %}…", {"eos_token": "<|im_end|>"})
template.render([{"role": "user", "content": "2 + 2?"}], add_generation_prompt=True)
    -> "<|im_start|>user\\n2 + 2?<|im_end|>\\n<|im_start|>assistant\\n"

find_modules(Path("models/mine"), Path("adapter_model.safetensors"), settings)
                                            -> ["q_proj", "v_proj"], where the adapter fits the model; else raises

python -m mapd.models.sandbox check FOLDER      says in a line of JSON what is wrong
python -m mapd.models.sandbox fit FOLDER        reads settings, and the place of an adapter's weights: the same of these
python -m mapd.models.sandbox render            reads a dialogue a line, writes a text a line
"""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, Self

from mapd.errors import BadInput, in_a_line
from mapd.models import dialogue, weights
from mapd.models.adapters import AdapterSettings

# A config.json may name 100,000,000 layers, and a chat template is a program that may never end. A thread can't be
# stopped; a process can, by its own clock. Seconds are a processor's; most of the bytes torch only reserves.
CHECK_S, CHECK_BYTES = 30, 16 << 30
RENDER_S, RENDER_BYTES = 2, 4 << 30
# By the clock on the wall, on a machine that is busy.
PATIENCE_S = 600
LONGEST_RENDERED = 2_000_000  # characters of a dialogue
# How many more numbers a config may ask for than its weights hold: packed weights hold an eighth.
TIMES = 10
# A byte of text; a tokenizer of bytes makes one.
MOST_TOKENS = 8
# A tokenizer's regex may stumble over one kind of sign, so every kind is tried.
PROBE = "".join(chr(code) * 40 for code in range(32, 127)) + "\n\t é 中 2 + 2 = 4 " * 40
# The date that every template is told: a prompt must be the same on any day. Llama 3 has this one built in.
DAY = (2024, 7, 26)


def check(folder: Path) -> None:
    """See that a model's folder can be loaded: its config and tokenizer are read, and a model without numbers is made.

    Raises: BadInput where it can't, or takes too long or too much.
    """
    weights.check_files(weights.require_model(folder))
    _check_in_process("check", folder)


def check_tokenizer(folder: Path) -> None:
    """See that a folder's tokenizer can be loaded, its weights aside. Raises: BadInput, as `check`."""
    weights.check_files(weights.require_tokenizer(folder), with_weights=False)
    _check_in_process("check-tokenizer", folder)


def _check_in_process(kind: str, folder: Path) -> None:
    answer = _run_check(kind, folder, {})
    if "fault" in answer:
        raise BadInput(
            f"the model can't be loaded: {folder} ({answer['fault']}); check the folder, or take another model"
        )
    dialogue.find_form(Template(answer["template"], answer["fields"]).render)


def find_modules(base: Path, file: Path, settings: AdapterSettings) -> list[str]:
    """Return the modules that an adapter's weights change, by the shortest names that say which.

    `base`: the folder of a model that has been through `check`.

    Raises: BadInput where the weights are not those of such an adapter on this model, or hold what is no number.
    """
    answer = _run_check("fit", base, {"file": str(file), "settings": asdict(settings)})
    if "fault" in answer:
        raise BadInput(f"the adapter doesn't fit {base}: {answer['fault']}; name the student that it was trained on")
    modules: list[str] = answer["modules"]
    return modules


def _run_check(kind: str, folder: Path, question: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a process of its own says of the folder: what was asked, or what is wrong with it."""
    command = [sys.executable, "-m", "mapd.models.sandbox", kind, str(folder)]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    content = json.dumps(question).encode()
    try:
        process = subprocess.run(command, input=content, capture_output=True, env=environment, timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        return {"fault": f"reading it takes more than {PATIENCE_S} s"}
    last_line = process.stdout.decode("utf-8", "replace").strip().split("\n")[-1]
    if not last_line.startswith("{"):
        return {"fault": f"reading it takes more than {CHECK_S} s of a processor, or {CHECK_BYTES >> 30} GB"}
    answer: dict[str, Any] = json.loads(last_line)
    return answer


class Template:
    """A model's chat template, rendered by a process of its own. Several threads may ask; one is answered at a time."""

    def __init__(self, source: str, fields: Mapping[str, Any]) -> None:
        self.fields = {"chat_template": source, **fields}
        # A process takes seconds to import what it needs: the templates of this process have one, until the last goes.
        self.renderer = _RENDERERS.setdefault(os.getpid(), Renderer())

    def render(
        self, conversation: Sequence[Mapping[str, Any]], *, add_generation_prompt: bool, **variables: Any
    ) -> str:
        """Return the dialogue as the model reads it. Raises: BadInput where the template fails; TookTooMuch."""
        request = {"conversations": [list(conversation)], "add_generation_prompt": add_generation_prompt}
        answer = self.renderer.ask(self.fields | variables | request)
        if "text" not in answer:
            kind = dialogue.TookTooMuch if "is_killed" in answer else BadInput
            raise kind(f"the model's chat template can't be used ({answer['fault']}); take another model")
        return str(answer["text"])


class Renderer:
    """A process that renders dialogues. It is started when it is asked, and again where a template ended it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process: subprocess.Popen[bytes] | None = None

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Return the process's answer: a text, or a fault."""
        with self.lock:
            if self.process is None or self.process.poll() is not None:
                self.process = _start_rendering(self)
            return _ask(self.process, question)


# By the process that asks: what was forked from it has its own.
_RENDERERS: weakref.WeakValueDictionary[int, Renderer] = weakref.WeakValueDictionary()


def _start_rendering(renderer: Renderer) -> subprocess.Popen[bytes]:
    """Start the rendering process; it ends with the renderer, or with this process."""
    command = [sys.executable, "-m", "mapd.models.sandbox", "render"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    assert process.stdin is not None
    weakref.finalize(renderer, process.kill)
    return process


def _ask(process: subprocess.Popen[bytes], question: Mapping[str, Any]) -> dict[str, Any]:
    """Return the process's answer: a text, or a fault, also where it died over it."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(question).encode() + b"\n")
        process.stdin.flush()
        line = process.stdout.readline()
    except BrokenPipeError:
        line = b""
    if not line.endswith(b"\n"):
        process.kill()
        process.wait()
        fault = f"it takes more than {RENDER_S} s of a processor, or {RENDER_BYTES >> 30} GB"
        return {"fault": fault, "is_killed": True}
    answer: dict[str, Any] = json.loads(line)
    return answer


# --- In the process of its own ----------------------------------------------------------------------------------------


class _OneDay(datetime):
    """The clock of every template: a prompt is the same on any day."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        """Return the day, at midnight."""
        return cls(*DAY, tzinfo=tz)


def _render_on() -> None:
    # The clock kills the process: what it interrupts need not listen.
    resource.setrlimit(resource.RLIMIT_AS, (RENDER_BYTES, RENDER_BYTES))
    from transformers.utils import chat_template_utils

    chat_template_utils.datetime = _OneDay  # type: ignore[attr-defined]  # what a template's strftime_now asks
    for line in sys.stdin.buffer:
        question = json.loads(line)
        # A template may draw: the prompt must be the same each time.
        random.seed(0)
        signal.setitimer(signal.ITIMER_PROF, RENDER_S)
        try:
            rendered: Any = chat_template_utils.render_jinja_template(**question)
            text = rendered[0][0]
            answer = {"text": text} if len(text) <= LONGEST_RENDERED else {"fault": "it writes too much"}
        except Exception as error:  # noqa: BLE001 - a foreign program raises what it likes
            answer = {"fault": in_a_line(error)}
        signal.setitimer(signal.ITIMER_PROF, 0)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _answer(kind: str, folder: Path, question: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a check's question about a folder."""
    try:
        if kind == "fit":
            return _fit(folder, Path(question["file"]), question["settings"])
        return _inspect(folder) if kind == "check" else _inspect_tokenizer(folder)
    except BaseException as error:  # noqa: BLE001 - a library raises what it likes; the tokenizer's panic is no Exception
        code = "contains custom code" in str(error)
        return {"fault": "it needs code that it brings along, which is not run here" if code else in_a_line(error)}


def _inspect(folder: Path) -> dict[str, Any]:
    from transformers import GenerationConfig

    model = _make_empty(folder)
    config_numbers, held_numbers = sum(p.numel() for p in model.parameters()), sum(weights.count_numbers(folder))
    if config_numbers > TIMES * held_numbers:
        return {"fault": f"its config asks for {config_numbers:,} numbers, its weights hold {held_numbers:,}"}
    if (folder / "generation_config.json").is_file():
        GenerationConfig.from_pretrained(folder, local_files_only=True)
    return _inspect_tokenizer(folder)


def _inspect_tokenizer(folder: Path) -> dict[str, Any]:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    token_count = len(tokenizer(PROBE, add_special_tokens=False)["input_ids"])
    if token_count > MOST_TOKENS * len(PROBE.encode()):
        return {"fault": f"its tokenizer makes {token_count:,} tokens of {len(PROBE):,} characters"}
    if tokenizer.eos_token_id is None:
        return {"fault": "its tokenizer names no token that ends a text (eos_token)"}
    source, fields = dialogue.read_template(tokenizer)
    return {"template": source, "fields": fields}


def _make_empty(folder: Path) -> Any:
    """Return the folder's model without its numbers."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config, trust_remote_code=False)  # type: ignore[no-untyped-call]


def _fit(folder: Path, file: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Compare an adapter's tensors with those that peft would make on this model."""
    from safetensors import safe_open

    model = _make_empty(folder)
    architecture = settings["architecture"]
    if architecture not in (None, type(model).__name__):
        return {"fault": f"it was trained on a {architecture[:80]}, this is a {type(model).__name__}"}
    whole_names, expected = _expect(model, settings, settings["modules"])
    with safe_open(file, framework="pt") as tensors:
        shapes = {name: list(tensors.get_slice(name).get_shape()) for name in tensors.keys()}  # noqa: SIM118
        if (fault := _find_difference(shapes, expected)) is not None:
            return {"fault": fault}
        for name in shapes:
            if not tensors.get_tensor(name).isfinite().all():
                return {"fault": f"{name} holds what is no number"}
    names = sorted({name.rpartition(".")[2] for name in whole_names})
    plain = {"rank": settings["rank"], "excluded": (), "layers": (), "layers_pattern": ()}
    is_enough = _expect(_make_empty(folder), plain, names)[0] == whole_names
    return {"modules": names if is_enough else sorted(whole_names)}


def _expect(model: Any, settings: Mapping[str, Any], modules: Any) -> tuple[set[str], dict[str, list[int]]]:
    """Return the modules that such an adapter changes, and the shapes of its tensors."""
    from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
    from peft.tuners.lora import LoraLayer

    config = LoraConfig(
        r=settings["rank"],
        target_modules=modules,
        exclude_modules=settings["excluded"] or None,
        layers_to_transform=settings["layers"] or None,
        layers_pattern=settings["layers_pattern"] or None,
        task_type="CAUSAL_LM",
    )
    learner = get_peft_model(model, config, low_cpu_mem_usage=True)
    prefix = "base_model.model."
    names = {name.removeprefix(prefix) for name, module in learner.named_modules() if isinstance(module, LoraLayer)}
    state = get_peft_model_state_dict(learner, save_embedding_layers=False)
    return names, {name: list(tensor.shape) for name, tensor in state.items()}


def _find_difference(shapes: Mapping[str, Sequence[int]], expected: Mapping[str, Sequence[int]]) -> str | None:
    for name, shape in shapes.items():
        if name not in expected:
            what = "the adapter's file holds more than LoRA's tensors" if "lora_" not in name else "no module takes"
            return f"{what}: {name[:120]!a}, of {list(shape)}"
        if list(shape) != list(expected[name]):
            return f"{name[:120]} is of {list(shape)}, and would be of {list(expected[name])} here"
    absent = next((name for name in expected if name not in shapes), None)
    return None if absent is None else f"its file lacks {absent[:120]}"


if __name__ == "__main__":
    if sys.argv[1] == "render":
        _render_on()
    else:
        resource.setrlimit(resource.RLIMIT_CPU, (CHECK_S, CHECK_S))
        resource.setrlimit(resource.RLIMIT_AS, (CHECK_BYTES, CHECK_BYTES))
        answer = _answer(sys.argv[1], Path(sys.argv[2]), json.load(sys.stdin))
        sys.stdout.write("\n" + json.dumps(answer) + "\n")
