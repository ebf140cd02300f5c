"""Questions a second as an exam asks, beside transformers' own `generate` one by one, and beside llama.cpp.

    python -m benchmarks.exam [--questions N] [--seconds 180]
    python -m benchmarks.exam --peers LLAMA/bin/python --questions 96 --turns 2

The reference asks for `--seconds` at most, the families in turn; ours then asks what it answered. Answers may differ
where two tokens tie: `largest_gap` is the difference of their logits there. `--peers`: llama.cpp on the packaged GGUF
too, with 16 and 32 slots, in an environment of its own, which one line makes:

    python -m venv LLAMA && LLAMA/bin/pip install xllamacpp

They take turns over the questions, each of which is asked once (no prompt is cached); `ratio` is the median over the
turns of its seconds as a multiple of ours, `token_ratio` that of its seconds a token: its activations are rounded to 8
bits, so its answers differ in words and length. The last line is JSON.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mapd.models  # noqa: F401  # isort: skip  - before torch, which reads then how its threads are to wait
import torch

from mapd import prompts
from mapd.answers.grading import Outcome, grade
from mapd.exam import GREEDY
from mapd.models import weights
from mapd.models.base import Request, stream
from mapd.models.loader import DEVICE, convert, load
from mapd.models.local import LocalModel
from mapd.questions import generated
from mapd.questions.generated import GeneratedQuestion
from mapd.settings import Settings

Answers = list[list[int]]  # by question, the tokens of its answer
SLOTS = (16, 32)
CONTEXT = 512  # tokens of a slot: prompts are about 60, answers 256 at most


class Student:
    """The weights and the questions that every way of asking shares."""

    def __init__(self, home: Path, questions: Sequence[GeneratedQuestion]) -> None:
        self.model, self.tokenizer = load(convert(home))
        self.local = LocalModel("student", *load(convert(home)))  # with weights of its own: it lays them out anew
        self.questions = questions
        self.messages = [prompts.exam_messages(q.text, q.task) for q in questions]
        self.prompts = [self.tokenizer(self._rendered(m), add_special_tokens=False)["input_ids"] for m in self.messages]

    def _rendered(self, messages: Any) -> str:
        turns = [message._asdict() for message in messages]
        return str(self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))

    def one_by_one(self, seconds: float) -> Answers:
        """By transformers' `generate`, in the order given, until the time is over."""
        started, answers = time.perf_counter(), []
        for prompt in self.prompts:
            answers += self._generated([prompt])
            if time.perf_counter() - started > seconds:
                break
        return answers

    def _generated(self, prompts: Answers) -> Answers:
        padded = self.tokenizer.pad({"input_ids": prompts}, padding=True, padding_side="left", return_tensors="pt")
        out = self.model.generate(
            **padded.to(DEVICE),
            max_new_tokens=GREEDY.max_tokens,
            do_sample=False,
            pad_token_id=self.tokenizer.pad_token_id,
        )
        new, end = out[:, padded["input_ids"].shape[1] :].tolist(), self.tokenizer.eos_token_id
        return [tokens[: tokens.index(end)] if end in tokens else tokens for tokens in new]

    def ours(self, first: int, end: int) -> list[tuple[str, int]]:
        """Text and tokens of some of the questions' answers, as an exam asks: sorted by length, 32 at once."""
        order = sorted(range(first, end), key=lambda place: len(self.messages[place][-1].content))
        requests = [Request(str(place), self.messages[place], GREEDY) for place in order]

        async def answers() -> dict[str, tuple[str, int]]:
            return {c.key: (c.text, c.tokens_out or 0) async for c in self.local.generate(stream(requests))}

        found = asyncio.run(answers())
        return [found[str(place)] for place in range(first, end)]

    def text(self, tokens: list[int]) -> str:
        """The answer as it is kept."""
        return str(self.tokenizer.decode(tokens, skip_special_tokens=True)).strip()

    def accuracy(self, texts: Sequence[str]) -> float:
        """The share of the first questions' answers that is right."""
        right = [
            grade(text, q.gold, q.task).outcome is Outcome.CORRECT
            for text, q in zip(texts, self.questions, strict=False)
        ]
        return round(sum(right) / len(right), 4)

    @torch.inference_mode()
    def gap(self, place: int, tokens: list[int], other: str) -> float:
        """How far apart the two best tokens were where another text leaves this answer: next to nothing in a tie."""
        same = next((n for n in range(len(tokens)) if not other.startswith(self.text(tokens[: n + 1]))), len(tokens))
        ids = torch.tensor([self.prompts[place] + tokens[:same]], device=DEVICE)
        best = self.model(input_ids=ids, logits_to_keep=1).logits[0, -1].topk(2).values
        return float(best[0] - best[1])


def timed(run: Any) -> tuple[Any, float]:
    """What it gives, and the seconds it took."""
    started = time.perf_counter()
    return run(), time.perf_counter() - started


class LlamaCpp:
    """llama.cpp in a process of its own, by another Python."""

    def __init__(self, interpreter: str, slots: int, folder: Path) -> None:
        gguf, path = weights.require_packaged(), folder / f"{slots}.json"
        job = {"gguf": str(gguf), "slots": slots, "threads": torch.get_num_threads(), "context": CONTEXT}
        path.write_text(json.dumps(job | {"max_tokens": GREEDY.max_tokens}))
        command = [interpreter, str(Path(__file__).with_name("llama_peer.py")), str(path)]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, text=True, **pipes)
        self.answers: list[tuple[str, int]] = []
        self.seconds: list[float] = []
        self._heard()

    def answer(self, prompts: Answers) -> None:
        """Its turn."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(prompts) + "\n")
        self.process.stdin.flush()
        reply = self._heard()
        self.seconds.append(reply["seconds"])
        self.answers += reply["answers"]

    def _heard(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("llama.cpp ended before its time: run llama_peer.py alone to see why")
        return json.loads(line)  # type: ignore[no-any-return]


def beside_llama_cpp(student: Student, interpreter: str, turns: int) -> dict[str, Any]:
    """All questions in so many turns, by ours and by llama.cpp with each number of slots."""
    probe = [interpreter, "-c", "import xllamacpp"]
    try:
        reason = subprocess.run(probe, capture_output=True, text=True).stderr.strip().rpartition("\n")[2]
    except OSError as error:
        reason = str(error)
    if reason:
        print(f"llama.cpp is left out: {interpreter} has none ({reason[:120]}); see the head of this file")
        return {}
    ours: list[float] = []
    tokens: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        peers = {slots: LlamaCpp(interpreter, slots, Path(folder)) for slots in SLOTS}
        size = -(-len(student.prompts) // turns)
        for first in range(0, len(student.prompts), size):
            end = min(first + size, len(student.prompts))
            answers, seconds = timed(lambda first=first, end=end: student.ours(first, end))
            ours.append(seconds)
            tokens.append(sum(count for _, count in answers))
            for peer in peers.values():
                peer.answer(student.prompts[first:end])
        for peer in peers.values():
            assert peer.process.stdin is not None
            peer.process.stdin.close()
    table = {f"{slots} slots": compare(student, peer, ours, tokens, size) for slots, peer in peers.items()}
    return {"ours_in_turns": speed(len(student.prompts), sum(tokens), sum(ours)), "llama_cpp": table}


def compare(student: Student, peer: LlamaCpp, ours: list[float], tokens: list[int], size: int) -> dict[str, Any]:
    """A peer's speed, and its seconds as a multiple of ours."""
    counts = [count for _, count in peer.answers]
    by_turn = [sum(counts[turn * size : (turn + 1) * size]) for turn in range(len(ours))]
    ratios = [theirs / own for theirs, own in zip(peer.seconds, ours, strict=True)]
    token_ratios = [ratio * own / theirs for ratio, own, theirs in zip(ratios, tokens, by_turn, strict=True)]
    return speed(len(counts), sum(counts), sum(peer.seconds)) | {
        "accuracy": student.accuracy([text for text, _ in peer.answers]),
        "ratio": round(statistics.median(ratios), 2),
        "token_ratio": round(statistics.median(token_ratios), 2),
    }


def speed(questions: int, tokens: int, seconds: float) -> dict[str, float]:
    """Questions and tokens a second."""
    return {"questions_per_s": round(questions / seconds, 3), "tokens_per_s": round(tokens / seconds, 1)}


def main() -> None:
    """Measure and print; the last line is JSON."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--questions", type=int, default=48)
    arguments.add_argument("--seconds", type=float, default=180, help="the reference's time")
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments.add_argument("--turns", type=int, default=1, help="parts of the questions, with --peers")
    arguments.add_argument(
        "--peers", nargs="?", const=sys.executable, metavar="PYTHON", help="llama.cpp too, by that Python or this"
    )
    arguments.add_argument("--json", action="store_true", help="the last line alone")
    given = arguments.parse_args()
    torch.set_num_threads(given.threads)
    each = -(-given.questions // len(generated.FAMILIES))
    made = [generated.generate(family, each, given.seed) for family in generated.FAMILIES]
    student = Student(Settings().make_home(), [q for turn in zip(*made, strict=True) for q in turn][: given.questions])
    student.model.generate(torch.tensor([student.prompts[0]], device=DEVICE), max_new_tokens=4)  # to warm up

    single, seconds = timed(lambda: student.one_by_one(given.seconds))
    texts = [student.text(tokens) for tokens in single]
    result: dict[str, Any] = {"questions": len(texts), "threads": torch.get_num_threads()}
    result["reference"] = {"questions_per_s": round(len(texts) / seconds, 3), "accuracy": student.accuracy(texts)}
    answers, ours = timed(lambda: student.ours(0, len(texts)))
    found = [text for text, _ in answers]
    result["ours"] = {"questions_per_s": round(len(texts) / ours, 3), "accuracy": student.accuracy(found)}
    result["speedup"] = round(seconds / ours, 2)
    differ = [place for place, (a, b) in enumerate(zip(texts, found, strict=True)) if a != b]
    result["same_answers"] = len(texts) - len(differ)
    result["largest_gap"] = max((student.gap(place, single[place], found[place]) for place in differ), default=0.0)
    if given.peers:
        result |= beside_llama_cpp(student, given.peers, given.turns)
    result["load"] = [round(value, 1) for value in os.getloadavg()]
    if not given.json:
        for name in ("reference", "ours", "llama_cpp"):
            print(name, result.get(name, "not asked for"))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
