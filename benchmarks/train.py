"""Pairs a second and memory in training: the reference's way beside ours; same student, pairs, seed and threads.

    python benchmarks/train.py [--steps 2] [--batch 8] [--alpha 0.5] [--threads 2] [--json]

The reference pads every dialogue to 512 tokens and makes two passes, one over rationales and one over feedback, with
transformers' own loss. Each way runs in a process of its own, for its memory's peak, and they take turns step by step,
so that whatever else the machine does falls on both (on a busy machine take --threads 1: threads that wait for
each other punish the shorter steps). The pairs are the demo's: about 90 + 130 tokens.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model

from mapd.finetune.examples import Example, example
from mapd.finetune.hyperparameters import Hyperparameters, TrainingStep
from mapd.finetune.train import rates, train
from mapd.models.loader import convert, load
from mapd.models.simulated import SimulatedTeacher
from mapd.questions import generated
from mapd.settings import Settings

PADDED = 512
AT_ONCE = 4  # dialogues of a reference's pass; all eight at once would take 15 GB
FAMILIES = ("leg_counting", "chain_sum", "kinship")


def pairs(count: int, tokenizer: Any) -> list[Example]:
    """So many pairs of the demo's families in turn: a short wrong answer, the sound teacher's texts."""
    teacher = SimulatedTeacher.of("sound", {})
    made = [generated.generate(family, -(-count // len(FAMILIES)), seed=0) for family in FAMILIES]
    questions = [question for row in zip(*made, strict=True) for question in row][:count]
    examples = []
    for q in questions:
        rng, wrong = teacher.rng(q.text), "cousin" if q.family == "kinship" else "101"
        answer = f"The answer is {wrong}.\nAnswer: {wrong}"
        pair = {
            "question": {"text": q.text, "context": None, "options": [], "task": q.task, "gold": q.gold},
            "attempt": {"text": answer},
            "rationale": {"text": teacher.rationale(q, rng).text},
            "feedback": {"text": teacher.feedback(q, answer, q.gold, rng).text},
        }
        examples.append(example(pair, tokenizer))
    return examples


Report = Callable[[float, float], None]  # a step's loss and seconds; returns when it is this way's turn again


def ours(model: Any, examples: Sequence[Example], given: Hyperparameters, report: Report) -> None:
    """As `mapd finetune` does it."""

    def on_step(step: TrainingStep) -> None:
        parts = ((given.alpha, step.loss_feedback), (1 - given.alpha, step.loss_rationale))
        report(sum(weight * loss for weight, loss in parts if loss is not None), step.seconds)

    with tempfile.TemporaryDirectory() as folder:
        train(model, examples, given, Path(folder), on_step)


def reference(model: Any, examples: Sequence[Example], given: Hyperparameters, report: Report) -> None:
    """The released code's way, with the same adapter, optimizer and order."""
    torch.manual_seed(given.seed)
    config = LoraConfig(r=given.rank, lora_alpha=2 * given.rank, target_modules="all-linear", task_type="CAUSAL_LM")
    learner = get_peft_model(model, config).eval()
    trained = [parameter for parameter in learner.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, weight_decay=given.weight_decay)
    steps = [step for epoch in given.plan([len(example) for example in examples]) for step in epoch]
    rate = rates(optimizer, given, len(steps))
    for step, places in enumerate(steps, start=1):
        started = time.perf_counter()
        loss = two_passes(learner, [examples[i] for i in places], given.alpha)
        torch.nn.utils.clip_grad_norm_(trained, given.clip_norm)
        for group in optimizer.param_groups:
            group["lr"] = rate(step)
        optimizer.step()
        optimizer.zero_grad()
        report(loss, time.perf_counter() - started)


def two_passes(model: Any, examples: Sequence[Example], alpha: float) -> float:
    """The step's loss and gradient, each dialogue padded to 512 tokens and labelled -100 but for its completion."""
    kinds = (
        (1 - alpha, [(e.prompt, e.rationale) for e in examples]),
        (alpha, [(e.prompt + e.correction, e.feedback) for e in examples]),
    )
    whole = 0.0
    for weight, dialogues in kinds:
        supervised = sum(len(said) for _, said in dialogues)
        for start in range(0, len(dialogues), AT_ONCE):
            some = dialogues[start : start + AT_ONCE]
            ids = torch.zeros(len(some), PADDED, dtype=torch.long)
            labels = torch.full_like(ids, -100)
            for row, (asked, said) in enumerate(some):
                ids[row, : len(asked) + len(said)] = torch.tensor(asked + said)
                labels[row, len(asked) : len(asked) + len(said)] = torch.tensor(said)
            mask = (torch.arange(PADDED) < torch.tensor([[len(asked) + len(said)] for asked, said in some])).long()
            out = model(input_ids=ids, attention_mask=mask, labels=labels, num_items_in_batch=supervised)
            loss = weight * out.loss
            loss.backward()
            whole += loss.item()
    return whole


def work(way: str, given: Hyperparameters, steps: int) -> None:
    """A child: at each line on standard input make a step and print it; at the end the memory's peak."""
    folder = convert(Settings().make_home())
    model, tokenizer = load(folder)
    examples = pairs(given.batch * steps, tokenizer)
    sizes = [(len(e.prompt + e.rationale), len(e.prompt + e.correction + e.feedback)) for e in examples]
    tell({"tokens": [round(sum(size) / len(size)) for size in zip(*sizes, strict=True)]})
    sys.stdin.readline()
    run = {"ours": ours, "reference": reference}[way]
    run(model, examples[:1], Hyperparameters(alpha=given.alpha, batch=1, epochs=1), lambda *_: None)  # to be warm
    model, _ = load(folder)

    def report(loss: float, seconds: float) -> None:
        tell({"loss": loss, "seconds": seconds})
        sys.stdin.readline()

    run(model, examples, given, report)
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10  # getrusage counts bytes there, kilobytes elsewhere
    tell({"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit})


def tell(said: dict[str, Any]) -> None:
    """One line of JSON to the parent."""
    print(json.dumps(said), flush=True)


class Child:
    """One way in a process of its own."""

    def __init__(self, way: str, words: Sequence[str]) -> None:
        command = [sys.executable, __file__, "--way", way, *words]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.steps: list[dict[str, float]] = []
        self.first = self.heard()

    def heard(self) -> dict[str, Any]:
        """The next line it tells."""
        assert self.process.stdout is not None
        said: dict[str, Any] = json.loads(self.process.stdout.readline())
        return said

    def go(self) -> dict[str, Any]:
        """Its turn."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return self.heard()


def main() -> None:
    """Let both take turns, and print what they took."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--steps", type=int, default=2)
    arguments.add_argument("--batch", type=int, default=8)
    arguments.add_argument("--alpha", type=float, default=0.5)
    arguments.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments.add_argument("--json", action="store_true", help="nothing but the last line")
    arguments.add_argument("--way", choices=("ours", "reference"), help=argparse.SUPPRESS)
    given = arguments.parse_args()
    torch.set_num_threads(given.threads)
    hyperparameters = Hyperparameters(alpha=given.alpha, batch=given.batch, epochs=1)
    if given.way:
        work(given.way, hyperparameters, given.steps)
        return
    passed = {"--steps": given.steps, "--batch": given.batch, "--alpha": given.alpha, "--threads": given.threads}
    words = [str(word) for pair in passed.items() for word in pair]
    children = {way: Child(way, words) for way in ("reference", "ours")}
    for step in range(given.steps):
        for way, child in children.items():
            child.steps.append(child.go())
            if not given.json:
                print(f"step {step + 1} {way:9} loss {child.steps[-1]['loss']:.5f} {child.steps[-1]['seconds']:.1f} s")
    table: dict[str, Any] = {
        way: {
            "pairs_per_s": round(given.batch * given.steps / sum(step["seconds"] for step in child.steps), 4),
            "peak_mb": child.go()["peak_mb"],
            "losses": [round(step["loss"], 6) for step in child.steps],
        }
        for way, child in children.items()
    }
    ratio = table["ours"]["pairs_per_s"] / table["reference"]["pairs_per_s"]
    told = {"ratio": round(ratio, 2), "pairs": given.batch * given.steps, "tokens": children["ours"].first["tokens"]}
    print(json.dumps(table | told | {"threads": given.threads}))


if __name__ == "__main__":
    main()
