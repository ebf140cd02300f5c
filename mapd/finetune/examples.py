"""Turn a frozen snapshot into training examples: token ids, no torch.

A line of the authors' SVAMP snapshot becomes, with SmolLM2's chat template, one row that two dialogues share:

    prompt      "<|im_start|>system … There are 87 oranges … <|im_start|>assistant"     the exam's own
    rationale   "290 bananas divided into 2 groups = 145 …<|im_end|>"                   supervised
    correction  "Answer: 0.92<|im_end|> … The right answer is 145. What went wrong? …"  its wrong answer, and a turn
    feedback    "It seems that the student …<|im_end|>"                                 supervised

Some templates write an earlier turn anew (they drop the thought that they opened). Then the two dialogues part within
the exam's prompt, and its remaining tokens are the `lead`:

    prompt      "<｜User｜>There are 87 oranges …<｜Assistant｜>"     lead  "<think>\n"
    rationale   "\n</think>\n\n290 bananas … = 145 …<｜end▁of▁sentence｜>"     no thought is taught: it is closed
"""

import json
import random
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mapd import prompts
from mapd.answers.grading import Task
from mapd.errors import BadInput
from mapd.finetune import controls
from mapd.finetune.controls import replace_texts
from mapd.models import dialogue
from mapd.models.base import Message
from mapd.questions.rows import wording_key
from mapd.store.snapshots import READABLE


@dataclass(frozen=True, slots=True)
class Example:
    """One mistake as token ids. A part that isn't taught is empty; its dialogue is left out then.

    prompt + lead + rationale is the one dialogue, prompt + correction + feedback the other.
    """

    prompt: tuple[int, ...]
    rationale: tuple[int, ...]
    correction: tuple[int, ...]
    feedback: tuple[int, ...]
    # The end of the exam's prompt where the feedback's dialogue doesn't share it.
    lead: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.prompt) + len(self.lead) + len(self.rationale) + len(self.correction) + len(self.feedback)

    @property
    def has_both(self) -> bool:
        """Return whether both of its dialogues are taught."""
        return bool(self.rationale and self.feedback)

    @property
    def dialogues(self) -> "list[Example]":
        """Return its dialogues, each as an example of its own."""
        return [self.weighted_by(0), self.weighted_by(1)] if self.has_both else [self]

    def weighted_by(self, alpha: float) -> "Example":
        """Keep what has weight in the loss: no feedback at alpha 0, no rationale at alpha 1."""
        if alpha == 0:
            return replace(self, correction=(), feedback=())
        return replace(self, lead=(), rationale=()) if alpha == 1 else self


@dataclass(frozen=True, slots=True)
class Examples:
    """The examples of a snapshot, and what the length limit did to them.

    Where a pair lacks a text, its example has the other one. Where that one has no weight, there is no example.
    """

    items: tuple[Example, ...]
    cut: int  # explanations that lost their end
    # Pairs whose prompt alone is too long: nothing to learn would be left.
    left_out: int
    validation: tuple[Example, ...] = ()  # of questions that none of the items is of


def check_format(manifest: dict[str, Any]) -> None:
    """Refuse a snapshot of another format. Raises: BadInput."""
    if manifest.get("format") not in READABLE:
        raise BadInput(
            f"the snapshot is of format {manifest.get('format')}, this mapd reads {' and '.join(map(str, READABLE))}: "
            "freeze it again with `mapd curate snapshot`"
        )


def examples(
    manifest: dict[str, Any],
    lines: str,
    tokenizer: Any,
    *,
    alpha: float,
    max_length: int = 512,
    shots: int = 0,
    validation: float = 0.0,
    seed: int = 0,
    control: str = controls.NONE,
) -> Examples:
    """Return every line of a snapshot as an example, each dialogue of at most `max_length` tokens.

    `shots`: how many worked examples the student is shown, at an exam as here. `validation`: the share of the questions
    whose pairs are not taught, drawn by `seed`. `control`: what stands in for the explanations (controls.py).

    Raises: BadInput where the snapshot is of another format, or no pair is left.
    """
    check_format(manifest)
    try:
        # Not splitlines(): it splits at characters that stand inside texts, too.
        pairs = [json.loads(line) for line in lines.split("\n") if line]
        taught = replace_texts([p for p in pairs if _is_taught(p, alpha)], control, seed, pair_key)
        uncut = [example(pair, tokenizer, alpha=alpha, shots=shots) for pair in taught]
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"the snapshot's lines can't be read ({error!r}): freeze it again") from error
    if not taught:
        raise BadInput(
            f"no pair of the snapshot has a {'feedback' if alpha == 1 else 'rationale'}, and alpha {alpha:g} teaches "
            "nothing else: take another --alpha, or another snapshot"
        )
    fitting = [(uncut_example, _cut_to(uncut_example, max_length)) for uncut_example in uncut]
    taught_pairs = [(uncut_example, fit) for uncut_example, fit in fitting if fit is not None]
    if not taught_pairs:
        raise BadInput(
            f"no pair of the snapshot has room for an explanation in {max_length} tokens: raise --max-length"
        )
    cut = sum((len(f.rationale) < len(o.rationale)) + (len(f.feedback) < len(o.feedback)) for o, f in taught_pairs)
    keys = [pair_key(pair) for pair, (_, fit) in zip(taught, fitting, strict=True) if fit is not None]
    slice_keys = draw_validation(keys, validation, seed)
    keyed = [(key in slice_keys, fit) for key, (_, fit) in zip(keys, taught_pairs, strict=True)]
    return Examples(
        tuple(fit for is_validation, fit in keyed if not is_validation),
        cut,
        len(fitting) - len(taught_pairs),
        tuple(fit for is_validation, fit in keyed if is_validation),
    )


def draw_validation(keys: Sequence[Hashable], share: float, seed: int) -> set[Hashable]:
    """Return the questions of the validation slice, at least one. Raises: BadInput where none would be taught then."""
    # In the order of the first pair of each: a snapshot's order never changes.
    questions = list(dict.fromkeys(keys))
    if not share:
        return set()
    if len(questions) == 1:
        raise BadInput("all pairs are of one question: nothing would be taught beside a validation slice; leave it out")
    count = min(max(1, round(share * len(questions))), len(questions) - 1)
    return set(random.Random(f"validation {seed}").sample(questions, count))


def pair_key(pair: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the words of a pair's question: sets may share questions, under other ids."""
    question = pair["question"]
    return wording_key(question["context"], question["text"], question["options"])


def _is_taught(pair: dict[str, Any], alpha: float) -> bool:
    """Return whether a line has a text that has weight: at alpha 1 a rationale has none, at alpha 0 a feedback."""
    return alpha not in (0, 1) or ("feedback" if alpha == 1 else "rationale") in pair


def example(pair: dict[str, Any], tokenizer: Any, *, alpha: float = 0.5, shots: int = 0) -> Example:
    """Return one line of a snapshot as an example, of whatever length; only what has weight in the loss is made.

    Raises: BadInput where feedback has weight and the student's chat template takes no turn behind an answer.
    """
    q, texts = pair["question"], {kind: pair[kind]["text"] for kind in ("rationale", "feedback") if kind in pair}
    question, task = prompts.question_block(q["text"], q["context"], q["options"]), Task(q["task"])
    *exam_turns, rationale = prompts.rationale_dialogue(question, task, texts.get("rationale", ""), shots)
    *correction_turns, feedback = prompts.feedback_dialogue(
        question, task, pair["attempt"]["text"], q["gold"], texts.get("feedback", ""), shots
    )
    marks = dialogue.mark(correction_turns, tokenizer)
    prompt = dialogue.render(exam_turns, tokenizer, marks)
    # Each part is encoded alone: at an exam, too, the student goes on behind a prompt that is encoded already.
    prompt_ids = dialogue.encode(prompt, tokenizer, marks)
    rationale_ids = _completion(rationale, tokenizer) if "rationale" in texts else ()
    if alpha == 0 or "feedback" not in texts:
        return Example(tuple(prompt_ids), rationale_ids, (), ())
    if not dialogue.template_form(tokenizer).has_second_turn:
        raise BadInput(
            "the student can't be taught feedback: its chat template takes no turn behind an answer; --alpha 0 teaches "
            "rationales alone, or take another student"
        )
    longer = dialogue.render(correction_turns, tokenizer, marks)
    if longer.startswith(prompt):
        shared, correction = len(prompt_ids), dialogue.encode(longer[len(prompt) :], tokenizer, marks)
    else:
        longer_ids = dialogue.encode(longer, tokenizer, marks)
        shared = _count_shared(prompt_ids, longer_ids)
        correction = longer_ids[shared:]
    whole_example = Example(
        prompt=tuple(prompt_ids[:shared]),
        lead=tuple(prompt_ids[shared:]),
        rationale=rationale_ids,
        correction=tuple(correction),
        feedback=_completion(feedback, tokenizer),
    )
    return whole_example.weighted_by(alpha if "rationale" in texts else 1)


def _count_shared(first: Sequence[int], second: Sequence[int]) -> int:
    both = zip(first, second, strict=False)
    return next(
        (place for place, (token, other_token) in enumerate(both) if token != other_token), min(len(first), len(second))
    )


def _completion(turn: Message, tokenizer: Any) -> tuple[int, ...]:
    """Return the ids that the student learns to write, with the end of its turn."""
    # A thought that the prompt opened is closed first: no thought is taught.
    closing = dialogue.encode_text(dialogue.template_form(tokenizer).closing, tokenizer, special=True)
    ids = dialogue.encode_text(turn.content.strip(), tokenizer)
    return (*closing, *ids, dialogue.end_of_turn(tokenizer))


def _cut_to(example: Example, limit: int) -> Example | None:
    """Cut both dialogues at their end; None where an explanation would be cut away altogether."""
    rationale = example.rationale[: max(0, limit - len(example.prompt) - len(example.lead))]
    feedback = example.feedback[: max(0, limit - len(example.prompt) - len(example.correction))]
    if bool(example.rationale) != bool(rationale) or bool(example.feedback) != bool(feedback):
        return None
    return replace(example, rationale=rationale, feedback=feedback)
