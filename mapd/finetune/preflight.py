"""What a finetune would take, before it begins: its pairs and steps, memory, disk and time, and what to change.

    check(engine, snapshot_sha="3fa2…", hyperparameters=Hyperparameters(), by=owner("ann"), home=home)
        -> Preflight(pairs=144, tokens=43210, steps=54, memory_mb=1890, seconds=263.0, is_measured=True, advice=())

Time and memory are those of one step, the one with the most tokens, done on the student and thrown away. What is
clearly larger than the memory isn't tried: its memory is reckoned from the sizes of its weights.
"""

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from mapd import students
from mapd.finetune import run
from mapd.finetune.examples import Examples, check_format
from mapd.finetune.hyperparameters import RATES, Hyperparameters
from mapd.models import weights
from mapd.people import Person, Right, require

MB = 1 << 20
# Bytes a number: fp32, and what AdamW keeps of a trained one, two numbers; a gradient is one more.
FP32, ADAM = 4, 8
# Numbers that a layer keeps of each token for its gradient, in widths of the model; measured on Llama's layers.
WIDTHS_KEPT = 34
# From here on a model is large: the demo's learning rate is for a small one.
LARGE = 1_000_000_000
# A first step shorter than this is done again: it is mostly the machine getting warm.
WARM_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """What a finetune would take. `numbers`: of the model's weights, and `trained` those of them that are trained, or
    an adapter's. `tokens`: of an epoch's rows. Without a measured step only the memory is reckoned.

    `advice`: what to change, a line each.
    """

    student: str
    method: str
    numbers: int
    pairs: int
    validation_pairs: int | None = None
    cut: int = 0
    left_out: int = 0
    tokens: int | None = None
    steps: int | None = None
    trained: int | None = None
    memory_mb: float
    memory_free_mb: float
    disk_mb: float | None = None
    disk_free_mb: float
    tokens_per_s: float | None = None
    seconds: float | None = None
    is_measured: bool
    advice: tuple[str, ...]

    @property
    def in_words(self) -> str:
        """Return it in a line."""
        memory = f"about {self.memory_mb:,.0f} MB of memory, {self.memory_free_mb:,.0f} are free"
        if not self.is_measured:
            return f"{self.pairs:,} pairs; {memory}: no step was tried"
        validation = f", {self.validation_pairs:,} more for validation" if self.validation_pairs else ""
        return (
            f"{self.pairs:,} pairs ({self.tokens:,} tokens){validation}; {self.steps:,} steps, about "
            f"{(self.seconds or 0) / 60:,.1f} minutes; {memory}"
        )


def check(
    engine: sa.Engine,
    *,
    snapshot_sha: str,
    student: str | None = None,
    hyperparameters: Hyperparameters,
    by: Person,
    home: Path,
) -> Preflight:
    """Return what the finetune would take. Nothing is written.

    Raises: Forbidden; NotFound; BadInput, as `run.run` refuses it.
    """
    require(by, Right.RUN_JOBS)
    snapshot, parent = run.load_inputs(engine, snapshot_sha, student)
    check_format(snapshot.manifest)
    base = students.base_folder(engine, parent, home)
    from mapd.finetune import train  # torch takes seconds to import: what is refused is refused before it

    numbers, free = sum(weights.count_numbers(base)), train.measure_free_mb()
    memory = reckon_memory_mb(numbers, _read_sizes(base), hyperparameters)
    facts: dict[str, Any] = {
        "student": parent.name,
        "method": hyperparameters.method,
        "numbers": numbers,
        "memory_free_mb": free,
        "disk_free_mb": shutil.disk_usage(home).free / MB,
    }
    if memory > free:
        advice = (f"it needs about {memory:,.0f} MB, and {free:,.0f} MB are free", *_shrink(hyperparameters))
        return Preflight(**facts, pairs=snapshot.pairs, memory_mb=memory, is_measured=False, advice=advice)
    model, taught = run.load(engine, parent, snapshot, hyperparameters, home)
    return _measure(model, taught, hyperparameters, facts)


def _measure(model: Any, taught: Examples, hyperparameters: Hyperparameters, facts: dict[str, Any]) -> Preflight:
    """Do the step with the most tokens, and reckon the others from it."""
    from mapd.finetune import learners, train  # as above

    trainer = train.prepare(model, taught.items, hyperparameters, taught.validation)
    sizes, validation_sizes = (
        [len(example.weighted_by(hyperparameters.alpha)) for example in part]
        for part in (taught.items, taught.validation)
    )
    tokens_of = [sum(sizes[place] for place in step) for step in trainer.steps]
    largest = tokens_of.index(max(tokens_of))
    for _ in range(2):
        began = time.perf_counter()
        trainer.learn(largest + 1)
        seconds = time.perf_counter() - began
        if seconds > WARM_S:
            break
    pace = tokens_of[largest] / seconds
    # A validation has no gradient, which is about two thirds of a step.
    validation_tokens = sum(validation_sizes) * len(trainer.validated_steps) / 3
    trained = sum(parameter.numel() for parameter in learners.list_trainable(trainer.learner))
    # Two checkpoints at once, while a new one is written, the best learner, and the result.
    disk = (2 * trained * (FP32 + ADAM) + 2 * trained * FP32) / MB
    return Preflight(
        **facts,
        pairs=len(taught.items),
        validation_pairs=len(taught.validation),
        cut=taught.cut,
        left_out=taught.left_out,
        tokens=sum(sizes),
        steps=trainer.total,
        trained=trained,
        memory_mb=train.measure_memory_mb(),
        disk_mb=disk,
        tokens_per_s=pace,
        seconds=(sum(tokens_of) + validation_tokens) / pace,
        is_measured=True,
        advice=tuple(_advise(taught, hyperparameters, facts, disk)),
    )


def _advise(taught: Examples, hyperparameters: Hyperparameters, facts: dict[str, Any], disk: float) -> Iterator[str]:
    numbers, disk_free = facts["numbers"], facts["disk_free_mb"]
    if taught.cut or taught.left_out:
        yield (
            f"{taught.cut:,} explanations are cut at {hyperparameters.max_length:,} tokens, {taught.left_out:,} pairs "
            "have no room: --max-length gives more"
        )
    if disk > disk_free:
        yield f"its checkpoints need {disk:,.0f} MB, and {disk_free:,.0f} MB are free on the disk: free some space"
    if numbers >= LARGE and hyperparameters.learning_rate > RATES["qlora"][0]:
        yield (
            f"a model of {numbers / 1e9:.1f} billion numbers is usually taught at --lr {RATES['qlora'][0]:g} or less, "
            f"not {hyperparameters.learning_rate:g}"
        )


def reckon_memory_mb(numbers: int, sizes: tuple[int, int, int], hyperparameters: Hyperparameters) -> float:
    """Return about how much memory training takes. `sizes`: the model's layers, width and vocabulary."""
    layers, width, vocabulary = sizes
    is_full = hyperparameters.method == "full"
    weight = {"qlora": 0.6, "full": FP32}.get(
        hyperparameters.method, FP32 if hyperparameters.precision != "bf16" else 2
    )
    # Of an adapter's own numbers: rank times both sides of each layer's seven matrices, about ten widths wide in all.
    trained = numbers if is_full else 14 * layers * width * hyperparameters.rank
    # No step has more: a pair is two dialogues.
    tokens = min(hyperparameters.tokens_at_once, 2 * hyperparameters.max_length * hyperparameters.batch)
    kept_layers = 1 if hyperparameters.checkpointing else layers
    activations = tokens * width * (WIDTHS_KEPT * kept_layers + layers) * FP32
    # Half of the tokens are supervised or more: their logits, and the gradient of these.
    head = tokens * vocabulary * 2 * FP32
    return float(numbers * weight + trained * (FP32 + ADAM) + activations + head) / MB


def _shrink(hyperparameters: Hyperparameters) -> Iterator[str]:
    """Yield what makes it smaller, the one that helps most first."""
    if hyperparameters.method == "full":
        yield "--method lora trains an adapter: no gradients and optimizer's numbers of all weights"
    if not hyperparameters.checkpointing:
        yield "--gradient-checkpointing keeps a layer's input alone, and takes about a third more time"
    if hyperparameters.tokens_at_once > 256:
        yield f"--tokens-at-once 256 computes a step in smaller parts than {hyperparameters.tokens_at_once:,}"
    if hyperparameters.method in ("lora", "dora"):
        yield "--method qlora keeps the weights in 4 bits, on a CUDA GPU"


def _read_sizes(folder: Path) -> tuple[int, int, int]:
    """Return how many layers a model has, how wide they are, and its vocabulary; 0 where its config doesn't say."""
    config = json.loads((folder / "config.json").read_bytes())
    config |= config.get("text_config") or {}
    names = (("num_hidden_layers", "n_layer"), ("hidden_size", "n_embd"), ("vocab_size",))
    layers, width, vocabulary = (next((int(config[name]) for name in group if name in config), 0) for group in names)
    return layers, width, vocabulary
