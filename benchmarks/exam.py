"""Questions a second, one by one by transformers' own `generate`, and in an exam's batches: same student and questions.

    python benchmarks/exam.py [--questions N] [--peers]

The reference asks for `--seconds` at most, the families in turn; ours then asks what it answered. Answers may differ
where two tokens tie: `largest_gap` is the difference of their logits there. The last line is JSON.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mapd.models  # noqa: F401  # isort: skip  - before torch, which reads then how its threads are to wait
import torch

from mapd import prompts
from mapd.answers.grading import Outcome, grade
from mapd.exam import GREEDY
from mapd.models.base import Request, stream
from mapd.models.loader import DEVICE, convert, load
from mapd.models.local import LocalModel
from mapd.questions import generated
from mapd.questions.generated import GeneratedQuestion
from mapd.settings import Settings

Answers = list[list[int]]  # by question, the tokens of its answer


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

    def in_batches(self, count: int, size: int = 32) -> None:
        """The first `count` by transformers' `generate`, sorted by length, padded on the left."""
        order = sorted(self.prompts[:count], key=len)
        for start in range(0, count, size):
            self._generated(order[start : start + size])

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

    def ours(self, count: int) -> list[str]:
        """The first `count` as an exam asks: sorted by length, 32 at a time."""
        order = sorted(range(count), key=lambda place: len(self.messages[place][-1].content))
        requests = [Request(str(place), self.messages[place], GREEDY) for place in order]

        async def answers() -> dict[str, str]:
            groups = [requests[start : start + 32] for start in range(0, len(requests), 32)]
            return {c.key: c.text for group in groups async for c in self.local.generate(stream(group))}

        found = asyncio.run(answers())
        return [found[str(place)] for place in range(len(requests))]

    def text(self, tokens: list[int]) -> str:
        """The answer as it is kept."""
        return str(self.tokenizer.decode(tokens, skip_special_tokens=True)).strip()

    def accuracy(self, texts: Sequence[str]) -> float:
        """The share that is right."""
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


def main() -> None:
    """Measure and print; the last line is JSON."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--questions", type=int, default=48)
    arguments.add_argument("--seconds", type=float, default=180, help="the reference's time")
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--peers", action="store_true", help="transformers' generate in padded batches of 32, too")
    arguments.add_argument("--json", action="store_true", help="the last line alone")
    given = arguments.parse_args()
    each = -(-given.questions // len(generated.FAMILIES))
    made = [generated.generate(family, each, given.seed) for family in generated.FAMILIES]
    student = Student(Settings().make_home(), [q for turn in zip(*made, strict=True) for q in turn][: given.questions])
    student.model.generate(torch.tensor([student.prompts[0]], device=DEVICE), max_new_tokens=4)  # to warm up

    single, seconds = timed(lambda: student.one_by_one(given.seconds))
    texts = [student.text(tokens) for tokens in single]
    result: dict[str, Any] = {"questions": len(texts), "threads": torch.get_num_threads()}
    result["reference"] = {"questions_per_s": round(len(texts) / seconds, 3), "accuracy": student.accuracy(texts)}
    found, ours = timed(lambda: student.ours(len(texts)))
    result["ours"] = {"questions_per_s": round(len(texts) / ours, 3), "accuracy": student.accuracy(found)}
    result["speedup"] = round(seconds / ours, 2)
    differ = [place for place, (a, b) in enumerate(zip(texts, found, strict=True)) if a != b]
    result["same_answers"] = len(texts) - len(differ)
    result["largest_gap"] = max((student.gap(place, single[place], found[place]) for place in differ), default=0.0)
    if given.peers:
        _, peer = timed(lambda: student.in_batches(len(texts)))
        result["peers"] = {"transformers, padded batches of 32": {"questions_per_s": round(len(texts) / peer, 3)}}
    if not given.json:
        for name in ("reference", "ours", "peers"):
            print(name, result.get(name, "not asked for"))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
