"""Pairs a second and memory in training: the reference's way and TRL's beside ours; same student, pairs, seed, threads.

    python -m benchmarks.train [--steps 2] [--batch 8] [--alpha 0.5] [--threads 2] [--json]
    python -m benchmarks.train --peers TRL/bin/python [--alpha 0]

The reference pads every dialogue to 512 tokens and makes two passes, one over rationales and one over feedback, with
transformers' own loss. `--peers`: TRL's SFTTrainer too, in an environment of its own, which one line makes:

    python -m venv TRL && TRL/bin/pip install -c constraints.txt trl==1.16.0 peft torch

Each way runs in a process of its own, for its memory's peak, and they take turns step by step, so that whatever else
the machine does falls on both (on a busy machine take --threads 1: threads that wait for each other punish the shorter
steps). `ratio`, `trl_ratio`: the median over the steps of their seconds as a multiple of ours. `largest_difference`:
between two ways' losses of a step. The pairs are the demo's: about 90 + 130 tokens.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import mapd.models  # noqa: F401  # isort: skip  - before torch, which reads then how its threads are to wait
import torch
from peft import LoraConfig, get_peft_model

from mapd.finetune.examples import Example, example
from mapd.finetune.hyperparameters import Hyperparameters, TrainingStep
from mapd.finetune.train import rates, train
from mapd.models.loader import convert, load, load_tokenizer
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
            ids = torch.zeros(len(some), PADDED, dtype=torch.long, device=model.device)
            labels = torch.full_like(ids, -100)
            for row, (asked, said) in enumerate(some):
                ids[row, : len(asked) + len(said)] = torch.tensor(asked + said, device=ids.device)
                labels[row, len(asked) : len(asked) + len(said)] = torch.tensor(said, device=ids.device)
            lengths = torch.tensor([[len(asked) + len(said)] for asked, said in some])
            mask = (torch.arange(PADDED) < lengths).long().to(ids.device)
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

    def __init__(self, command: Sequence[str]) -> None:
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.steps: list[dict[str, float]] = []
        self.first = self.heard()

    def heard(self) -> dict[str, Any]:
        """The next line it tells."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args!r} ended before its time: see above")
        said: dict[str, Any] = json.loads(line)
        return said

    def go(self) -> dict[str, Any]:
        """Its turn."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return self.heard()


def write_peer_job(path: Path, folder: Path, examples: Sequence[Example], given: Hyperparameters, **more: Any) -> None:
    """What trl_peer.py is to do: the same pairs in the same order, as dialogues; the same rates."""
    order = [place for epoch in given.plan([len(example) for example in examples]) for step in epoch for place in step]
    kinds = [
        (1 - given.alpha, [(e.prompt, e.rationale) for e in (examples[place] for place in order)]),
        (given.alpha, [(e.prompt + e.correction, e.feedback) for e in (examples[place] for place in order)]),
    ]
    rows = [
        [
            weight,
            [{"input_ids": asked + said, "labels": (-100,) * len(asked) + said} for asked, said in dialogues],
        ]
        for weight, dialogues in kinds
        if weight
    ]
    steps = len(examples) // given.batch
    rate = rates(torch.optim.SGD([torch.zeros(1)]), given, steps)
    settings = {name: getattr(given, name) for name in ("batch", "rank", "seed", "weight_decay", "clip_norm")}
    job = {"folder": str(folder), "kinds": rows, "steps": steps, "rates": [rate(n + 1) for n in range(steps)]}
    path.write_text(json.dumps(settings | job | {"device": "cpu", "dtype": "float32"} | more))


def start_peer(interpreter: str, path: Path) -> Child | None:
    """TRL's way, or None where it isn't there, which is said."""
    try:
        probe = subprocess.run([interpreter, "-c", "import trl, peft, datasets"], capture_output=True, text=True)
        reason = probe.stderr.strip().rpartition("\n")[2]
    except OSError as error:
        reason = str(error)
    if reason:
        print(f"trl is left out: {interpreter} has none ({reason[:120]}); the head of this file says how to make one")
        return None
    return Child([interpreter, str(Path(__file__).with_name("trl_peer.py")), str(path)])


def main() -> None:
    """Let the ways take turns, and print what they took."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--steps", type=int, default=2)
    arguments.add_argument("--batch", type=int, default=8)
    arguments.add_argument("--alpha", type=float, default=0.5)
    arguments.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments.add_argument(
        "--peers", nargs="?", const=sys.executable, metavar="PYTHON", help="TRL too, by that Python or this"
    )
    arguments.add_argument("--without-reference", action="store_true", help="leave the slowest out")
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
    with ExitStack() as stack:
        ways = ("ours",) if given.without_reference else ("reference", "ours")
        children = {way: Child([sys.executable, __file__, "--way", way, *words]) for way in ways}
        if given.peers:
            folder, path = convert(Settings().make_home()), Path(stack.enter_context(tempfile.TemporaryDirectory()))
            examples = pairs(given.batch * given.steps, load_tokenizer(folder))
            write_peer_job(path / "job.json", folder, examples, hyperparameters, threads=given.threads)
            peer = start_peer(given.peers, path / "job.json")
            children |= {"trl": peer} if peer else {}
        take_turns(children, given.steps, quiet=given.json)
        table = {way: measure(child, given.batch * given.steps) for way, child in children.items()}
    print(json.dumps(table | compare(children) | {"pairs": given.batch * given.steps} | describe(given, children)))


def take_turns(children: dict[str, Child], steps: int, *, quiet: bool) -> None:
    """Let each make a step, then each the next."""
    for step in range(steps):
        for way, child in children.items():
            child.steps.append(child.go())
            if not quiet:
                print(f"step {step + 1} {way:9} loss {child.steps[-1]['loss']:.5f} {child.steps[-1]['seconds']:.1f} s")


def measure(child: Child, pairs: int) -> dict[str, Any]:
    """Its speed, its memory, its losses."""
    return {
        "pairs_per_s": round(pairs / sum(step["seconds"] for step in child.steps), 4),
        "peak_mb": child.go()["peak_mb"],
        "losses": [round(step["loss"], 6) for step in child.steps],
    }


def compare(children: dict[str, Child]) -> dict[str, float]:
    """The others' seconds as multiples of ours, and how far the losses lie apart."""
    ratios = {}
    for way, name in (("reference", "ratio"), ("trl", "trl_ratio")):
        if way in children:
            both = zip(children[way].steps, children["ours"].steps, strict=True)
            ratios[name] = round(statistics.median(other["seconds"] / own["seconds"] for other, own in both), 2)
    losses = zip(*([step["loss"] for step in child.steps] for child in children.values()), strict=True)
    return ratios | {"largest_difference": max(max(values) - min(values) for values in losses)}


def describe(given: argparse.Namespace, children: dict[str, Child]) -> dict[str, Any]:
    """What was measured, on what."""
    load = [round(value, 1) for value in os.getloadavg()]
    versions = children["trl"].first if "trl" in children else {}
    tokens = children["ours"].first["tokens"]
    return {"tokens": tokens, "alpha": given.alpha, "threads": given.threads, "load": load} | {"versions": versions}


if __name__ == "__main__":
    main()
