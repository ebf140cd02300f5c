"""One GPU in ten minutes: exam and training beside the usual ways, on a model of random weights; no hub, no key.

    python -m benchmarks.gpu [--trl TRL/bin/python] [--tiny] [--json]

The model has Qwen2.5-1.5B's shape, in bf16, and a tokenizer that is made here; nothing is downloaded. Each part is a
process of its own with a time limit. One that can't be run, or takes too long, says why in its place, and the others go
on. `--tiny`: all of it on a CPU, with a model of 100,000 numbers: that the script runs, not how fast.

    exam     tokens/s of answers of equal length: transformers' `generate` one by one, as an exam asks (32 at once,
             and 256), vLLM in process where `pip install mapd-studio[vllm]` was made
    losses   a step's joint loss in single precision: ours beside the padded two passes, and how far they lie apart
    train    tokens/s of both dialogues by LoRA: the reference (padded to 512, two passes), ours, TRL's SFTTrainer
             (`--trl`: a Python that has it; benchmarks/trl_peer.py says how to make one)

Beside torch, transformers, peft and accelerate it needs pydantic-settings, sqlmodel, httpx2, psutil, email-validator.
The last line is JSON: machine, exam, losses, train, seconds; peak memory in MB of the device.
"""

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # so that it runs where mapd isn't installed

TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


@dataclass(frozen=True, slots=True)
class Job:
    """What every part is told. `seconds`: how long a part measures one way, loading aside."""

    folder: str
    tiny: bool = False
    trl: str = sys.executable
    seconds: float = 20.0
    questions: int = 512
    answer_tokens: int = 128
    batch: int = 32
    steps: int = 6
    tokens_at_once: int = 8192


TINY: dict[str, Any] = {"seconds": 1.0, "questions": 8, "answer_tokens": 8, "batch": 2, "steps": 2}
# Seconds a part may take in all; together they stay under ten minutes.
LIMITS = {"model": 75, "exam": 120, "vllm": 140, "losses": 60, "train reference": 60, "train ours": 60, "train trl": 75}


def make_model(job: Job) -> dict[str, Any]:
    """Write a model of random weights with its tokenizer; Qwen2.5-1.5B's shape, or a tiny one's."""
    import torch
    from transformers import AutoModelForCausalLM, Qwen2Config

    sizes = {"hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28, "num_attention_heads": 12}
    sizes |= {"num_key_value_heads": 2, "vocab_size": 151936}
    if job.tiny:
        sizes = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
        sizes |= {"num_key_value_heads": 2, "vocab_size": 4096}
    ids: dict[str, Any] = {"pad_token_id": 0, "bos_token_id": None, "eos_token_id": 2, "tie_word_embeddings": True}
    torch.manual_seed(0)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        config = Qwen2Config(**sizes, **ids, max_position_embeddings=4096)
        dtype = torch.float32 if job.tiny else torch.bfloat16
        model: Any = AutoModelForCausalLM.from_config(config, dtype=dtype)
    model.save_pretrained(job.folder)
    make_tokenizer().save_pretrained(job.folder)
    return {"parameters": sum(parameter.numel() for parameter in model.parameters())} | name_machine()


def make_tokenizer() -> Any:
    """A tokenizer of at most 4,096 tokens, learned from the questions, and ChatML."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=4096, special_tokens=[*SPECIAL], initial_alphabet=alphabet)
    made.train_from_iterator([text for q in draw_questions(300) for text in (q.text, *_sound_texts(q))], trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=made, pad_token=SPECIAL[0], eos_token=SPECIAL[2])
    fast.chat_template = TEMPLATE
    return fast


def draw_questions(count: int) -> list[Any]:
    """Questions of the demo's families in turn."""
    from mapd.questions import generated

    each = -(-count // len(generated.FAMILIES))
    made = [generated.generate(family, each, seed=0) for family in generated.FAMILIES]
    return [question for row in zip(*made, strict=True) for question in row][:count]


def _sound_texts(question: Any) -> tuple[str, str]:
    from mapd.models.simulated import SimulatedTeacher

    teacher = SimulatedTeacher.of("sound", {})
    draw = teacher.rng(question.text)
    rationale = teacher.rationale(question, draw).text
    return rationale, teacher.feedback(question, "The answer is 101.\nAnswer: 101", question.gold, draw).text


def name_machine() -> dict[str, Any]:
    """The device and the versions."""
    import torch
    import transformers

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"cpu, {os.cpu_count()} cores"
    return {"device": device, "torch": torch.__version__, "transformers": transformers.__version__}


def load_requests(job: Job, tokenizer: Any) -> tuple[list[Any], list[list[int]]]:
    """The exam's requests, and their prompts as tokens."""
    from mapd import prompts
    from mapd.models import dialogue
    from mapd.models.base import Request, Sampling

    messages = [prompts.exam_messages(q.text, q.task) for q in draw_questions(job.questions)]
    sampling = Sampling(max_tokens=job.answer_tokens)
    requests = [Request(str(place), turns, sampling) for place, turns in enumerate(messages)]
    return requests, [dialogue.encode_prompt(turns, tokenizer) for turns in messages]


def measure_exam(job: Job) -> dict[str, Any]:
    """Tokens a second of transformers one by one, and as an exam asks."""
    import torch

    from mapd.models.loader import DEVICE, load
    from mapd.models.local import LocalModel

    model, tokenizer = load(Path(job.folder))
    requests, encoded = load_requests(job, tokenizer)

    def answer_one(prompt: list[int]) -> int:
        ids = torch.tensor([prompt], device=DEVICE)
        options = {"attention_mask": torch.ones_like(ids), "max_new_tokens": job.answer_tokens, "do_sample": False}
        return len(model.generate(ids, **options)[0]) - len(prompt)

    answer_one(encoded[0])  # to be warm
    result = {"reference": measure_speed(map(answer_one, encoded), job.seconds)}
    for at_once in (32, 256):
        local = LocalModel("student", model, tokenizer, batch_size=at_once)
        name = "ours" if at_once == 32 else f"ours, {at_once} at once"
        result[name] = measure_model(local, requests, job.seconds)
    return compare_tokens(result)


def measure_vllm(job: Job) -> dict[str, Any]:
    """Tokens a second of vLLM in process."""
    from mapd.models.loader import load_tokenizer
    from mapd.models.vllm import OfflineModel

    tokenizer = load_tokenizer(Path(job.folder))
    requests, _ = load_requests(job, tokenizer)
    model = OfflineModel("student", Path(job.folder), tokenizer)
    measure_model(model, requests[:8], job.seconds)  # to be warm
    return measure_model(model, requests, job.seconds)


def measure_model(model: Any, requests: Sequence[Any], seconds: float) -> dict[str, Any]:
    """Tokens a second of a model of ours, until all are answered or the time is over."""
    from mapd.models.base import Finish, stream

    began, counts, failures = time.perf_counter(), [], []

    async def answer() -> None:
        async for completion in model.generate(stream(requests)):
            counts.append(completion.tokens_out or 0)
            if completion.finish is Finish.FAILED:
                failures.append(completion.error)
            if time.perf_counter() - began > seconds:
                break

    asyncio.run(answer())
    took = time.perf_counter() - began
    if failures:
        raise RuntimeError(f"{len(failures)} answers failed: {failures[0]}")
    return summarise(len(counts), sum(counts), took)


def measure_speed(counts: Any, seconds: float) -> dict[str, Any]:
    """Tokens a second of answers that are made one by one, until the time is over."""
    began, answers, tokens = time.perf_counter(), 0, 0
    for count in counts:
        answers, tokens = answers + 1, tokens + count
        if time.perf_counter() - began > seconds:
            break
    return summarise(answers, tokens, time.perf_counter() - began)


def summarise(answers: int, tokens: int, seconds: float) -> dict[str, Any]:
    """Its speed, and the most memory so far."""
    speed = {"answers": answers, "tokens_per_s": round(tokens / seconds, 1)}
    return speed | {"answers_per_s": round(answers / seconds, 3), "peak_mb": peak_mb()}


def peak_mb() -> int:
    """The most memory held since the last time that this was asked: the device's, or the process's."""
    import torch

    if not torch.cuda.is_available():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> (20 if sys.platform == "darwin" else 10)
    peak = torch.cuda.max_memory_allocated() >> 20
    torch.cuda.reset_peak_memory_stats()
    return peak


def compare_tokens(ways: dict[str, Any]) -> dict[str, Any]:
    """Each way's tokens a second as a multiple of the reference's."""
    base = ways["reference"]["tokens_per_s"]
    return {name: way | {"ratio": round(way["tokens_per_s"] / base, 2)} for name, way in ways.items()}


def load_pairs(job: Job, precision: str = "auto") -> tuple[Any, Any, Any]:
    """The model, its pairs, and how it is taught."""
    from benchmarks.train import pairs
    from mapd.finetune.hyperparameters import Hyperparameters
    from mapd.models.loader import load

    model, tokenizer = load(Path(job.folder), precision=precision)
    given = Hyperparameters(batch=job.batch, epochs=1, tokens_at_once=job.tokens_at_once, rank=8 if job.tiny else 16)
    return model, pairs(job.batch * job.steps, tokenizer), given


def measure_losses(job: Job) -> dict[str, Any]:
    """A step's joint loss, ours and the reference's, in single precision."""
    from benchmarks.train import two_passes
    from mapd.finetune import learners, loss

    model, examples, given = load_pairs(job, "fp32")
    learner, step = learners.make(model, given), examples[: min(job.batch, 8)]
    ours = loss.backward(learner, step, given.alpha, job.tokens_at_once)
    joint = given.weigh(ours.feedback, ours.rationale)
    learner.zero_grad()
    reference = two_passes(learner, step, given.alpha)
    return {"reference": reference, "ours": joint, "difference": abs(reference - joint)}


def measure_training(job: Job, way: str) -> dict[str, Any]:
    """Training by ours or by the reference's way: the median of the steps behind the first."""
    from benchmarks import train

    model, examples, given = load_pairs(job)
    seconds, losses, began = [], [], time.perf_counter()

    def report(loss: float, taken: float) -> None:
        losses.append(loss)
        seconds.append(taken)
        if time.perf_counter() - began > 2 * job.seconds:
            raise TimeoutError

    with suppress(TimeoutError):  # the steps that were made count
        {"ours": train.ours, "reference": train.reference}[way](model, examples, given, report)
    return summarise_training(job, count_tokens(examples), seconds, losses) | {"peak_mb": peak_mb()}


def measure_trl(job: Job) -> dict[str, Any]:
    """Training by TRL's SFTTrainer, in a process of its own by another Python."""
    from benchmarks.train import pairs, start_peer, write_peer_job
    from mapd.finetune.hyperparameters import Hyperparameters
    from mapd.models.loader import DEVICE, load_tokenizer

    given = Hyperparameters(batch=job.batch, epochs=1, rank=8 if job.tiny else 16)
    examples = pairs(job.batch * job.steps, load_tokenizer(Path(job.folder)))
    path = Path(job.folder) / "trl.json"
    dtype = "float32" if DEVICE == "cpu" else "bfloat16"
    write_peer_job(path, Path(job.folder), examples, given, threads=os.cpu_count() or 1, device=DEVICE, dtype=dtype)
    if (peer := start_peer(job.trl, path)) is None:
        raise ModuleNotFoundError(f"no TRL in {Path(job.trl).name}; name a Python that has it, with --trl")
    steps = [peer.go() for _ in range(job.steps)]
    seconds, losses = [step["seconds"] for step in steps], [step["loss"] for step in steps]
    return summarise_training(job, count_tokens(examples), seconds, losses) | peer.go() | peer.first


def count_tokens(examples: Sequence[Any]) -> float:
    """Tokens of a pair's two dialogues, on average."""
    sizes = [len(e.prompt) * 2 + len(e.rationale) + len(e.correction) + len(e.feedback) for e in examples]
    return statistics.mean(sizes)


def summarise_training(job: Job, tokens: float, seconds: Sequence[float], losses: Sequence[float]) -> dict[str, Any]:
    """Its speed; the first step, in which kernels are chosen, is left out."""
    pace = job.batch / statistics.median(seconds[1:] or seconds)
    speed = {"pairs_per_s": round(pace, 2), "tokens_per_s": round(pace * tokens)}
    return speed | {"losses": [round(loss, 4) for loss in losses]}


PARTS: dict[str, Callable[[Job], dict[str, Any]]] = {
    "model": make_model,
    "losses": measure_losses,
    "exam": measure_exam,
    "train reference": partial(measure_training, way="reference"),
    "train ours": partial(measure_training, way="ours"),
    "train trl": measure_trl,
    "vllm": measure_vllm,
}


def run_part(name: str, job: Job) -> dict[str, Any]:
    """A part in a process of its own: what it measured, or why it couldn't."""
    command = [sys.executable, __file__, "--part", name, "--job", json.dumps(asdict(job))]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMITS[name], cwd=ROOT)
    except subprocess.TimeoutExpired:
        return {"skipped": f"it took longer than {LIMITS[name]} s"}
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        return {"skipped": (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1][:300]}
    result: dict[str, Any] = json.loads(lines[-1])
    return result


def run_all(job: Job, say: Callable[[str], None]) -> dict[str, Any]:
    """All parts, one after the other."""
    began, results = time.perf_counter(), {}
    for name in PARTS:
        started = time.perf_counter()
        results[name] = run_part(name, job)
        say(f"{name:16} {time.perf_counter() - started:5.1f} s  {json.dumps(results[name])}")
    exam = {"reference": results["exam"], "ours": results["exam"]} if "skipped" in results["exam"] else results["exam"]
    train = {way: results[f"train {way}"] for way in ("reference", "ours", "trl")}
    return {
        "machine": results["model"],
        "exam": exam | {"vllm": results["vllm"]},
        "losses": results["losses"],
        "train": train,
        "seconds": round(time.perf_counter() - began, 1),
    }


def main() -> None:
    """Run all parts, or the one that is named."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--trl", default=sys.executable, metavar="PYTHON", help="a Python that has TRL")
    arguments.add_argument("--tiny", action="store_true", help="a tiny model, on a CPU too")
    arguments.add_argument("--json", action="store_true", help="the last line alone")
    arguments.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    arguments.add_argument("--job", type=json.loads, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.part:
        print(json.dumps(PARTS[given.part](Job(**given.job))))
        return
    with tempfile.TemporaryDirectory() as folder:
        job = Job(folder, trl=given.trl)
        job = replace(job, tiny=True, **TINY) if given.tiny else job
        print(json.dumps(run_all(job, (lambda _: None) if given.json else print)))


if __name__ == "__main__":
    main()
