"""Read a foreign model's files in processes of their own, with little time and memory.

check(Path("models/mine"))                  raises where the folder's files can't be loaded in that time and memory
template = Template("{% for m in messages %}…", {"eos_token": "<|im_end|>"})
template.render([{"role": "user", "content": "2 + 2?"}], add_generation_prompt=True)
    -> "<|im_start|>user\\n2 + 2?<|im_end|>\\n<|im_start|>assistant\\n"

python -m mapd.models.sandbox check FOLDER      says in a line of JSON what is wrong
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
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, Self

from mapd.errors import BadInput, in_a_line
from mapd.models import dialogue, weights

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
    _check_in_process(folder, "check")


def check_tokenizer(folder: Path) -> None:
    """See that a folder's tokenizer can be loaded, its weights aside. Raises: BadInput, as `check`."""
    weights.check_files(weights.require_tokenizer(folder), with_weights=False)
    _check_in_process(folder, "check-tokenizer")


def _check_in_process(folder: Path, check_name: str) -> None:
    answer = _run_check(folder, check_name)
    if "fault" in answer:
        raise BadInput(
            f"the model can't be loaded: {folder} ({answer['fault']}); check the folder, or take another model"
        )
    dialogue.find_form(Template(answer["template"], answer["fields"]).render)


def _run_check(folder: Path, check_name: str) -> dict[str, Any]:
    """Return what a process of its own says of the folder: its template, or what is wrong with it."""
    command = [sys.executable, "-m", "mapd.models.sandbox", check_name, str(folder)]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    try:
        process = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, env=environment, timeout=PATIENCE_S
        )
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
        self.lock = threading.Lock()
        self.process: subprocess.Popen[bytes] | None = None

    def render(
        self, conversation: Sequence[Mapping[str, Any]], *, add_generation_prompt: bool, **variables: Any
    ) -> str:
        """Return the dialogue as the model reads it. Raises: BadInput where the template fails or takes too much."""
        request = {"conversations": [list(conversation)], "add_generation_prompt": add_generation_prompt}
        question = self.fields | variables | request
        with self.lock:
            if self.process is None or self.process.poll() is not None:
                self.process = _start_rendering(self)
            answer = _ask(self.process, question)
        if "text" not in answer:
            raise BadInput(f"the model's chat template can't be used ({answer['fault']}); take another model")
        return answer["text"]


def _start_rendering(template: Template) -> subprocess.Popen[bytes]:
    """Start the rendering process; it ends with the template, or with this process."""
    command = [sys.executable, "-m", "mapd.models.sandbox", "render"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    assert process.stdin is not None
    weakref.finalize(template, process.kill)
    return process


def _ask(process: subprocess.Popen[bytes], question: Mapping[str, Any]) -> dict[str, str]:
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
        return {"fault": f"it takes more than {RENDER_S} s of a processor, or {RENDER_BYTES >> 30} GB"}
    answer: dict[str, str] = json.loads(line)
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


def _check(folder: Path, inspect: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    resource.setrlimit(resource.RLIMIT_CPU, (CHECK_S, CHECK_S))
    resource.setrlimit(resource.RLIMIT_AS, (CHECK_BYTES, CHECK_BYTES))
    try:
        return inspect(folder)
    except BaseException as error:  # noqa: BLE001 - a library raises what it likes; the tokenizer's panic is no Exception
        code = "contains custom code" in str(error)
        return {"fault": "it needs code that it brings along, which is not run here" if code else in_a_line(error)}


def _inspect(folder: Path) -> dict[str, Any]:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

    options: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
    config = AutoConfig.from_pretrained(folder, **options)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)  # type: ignore[no-untyped-call]
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


if __name__ == "__main__":
    if sys.argv[1] == "render":
        _render_on()
    else:
        inspections = {"check": _inspect, "check-tokenizer": _inspect_tokenizer}
        sys.stdout.write("\n" + json.dumps(_check(Path(sys.argv[2]), inspections[sys.argv[1]])) + "\n")
