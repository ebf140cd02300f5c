"""What a pair teaches, as dialogues: the prompts are the exam's own and those of our finetune. Pure.

rationale, feedback = taught_rows(pair, "3f2a9c1b7d20-17")      # a row each; of a pair with one text alone that row
rationale.prompt        -> (system "You solve …", user "There are 87 oranges … End with …")
feedback.prompt         -> the same, then assistant "Answer: … 0.92", user "The right answer is 145. What went …"
feedback.completion     -> "It seems that the student …", which alone is to be learned
columns(rationale)      -> {"kind": "rationale", "pair": "3f2a9c1b7d20-17", "teacher": "gpt", "mean": "5.0", …}

preferences(pair, "3f2a9c1b7d20-17")    -> the accepted rationale with each rejected one of its question
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mapd import prompts
from mapd.exchange.training.pairs import FrozenPair, FrozenText
from mapd.models.base import Message

RATIONALE, FEEDBACK = "rationale", "feedback"


@dataclass(frozen=True, slots=True)
class TaughtRow:
    """One text to learn, and the dialogue before it. `name`: its pair's, which a rationale and a feedback may share."""

    kind: str
    name: str
    pair: FrozenPair
    text: FrozenText
    prompt: tuple[Message, ...]

    @property
    def completion(self) -> str:
        """Return what is learned: as in our finetune, without blanks around it."""
        return self.text.text.strip()

    @property
    def messages(self) -> tuple[Message, ...]:
        """Return the whole dialogue."""
        return *self.prompt, Message("assistant", self.completion)


@dataclass(frozen=True, slots=True)
class Preference:
    """An accepted and a rejected rationale of one question."""

    name: str
    pair: FrozenPair
    prompt: tuple[Message, ...]
    chosen: FrozenText
    rejected: FrozenText

    @property
    def margin(self) -> float:
        """Return how far the chosen mean is above the rejected one's; 0 where nobody voted on one of the two.

        It is below 0 where people, or a fitted policy, decided against the scores.
        """
        # A reward trainer asks for this margin, and takes no null: 0 asks for none.
        has_means = self.chosen.mean is not None and self.rejected.mean is not None
        return (self.chosen.mean or 0.0) - (self.rejected.mean or 0.0) if has_means else 0.0


def taught_rows(pair: FrozenPair, name: str, shots: int = 0) -> Iterator[TaughtRow]:
    """Yield what a pair teaches: its rationale, then its feedback. `shots`: worked examples before the question."""
    q = pair.question
    question = prompts.question_block(q.text, q.context, q.options)
    if (rationale := pair.rationale) is not None:
        # The last turn is the text itself, which the row holds apart from its prompt.
        *turns, _ = prompts.rationale_dialogue(question, q.task, rationale.text, shots)
        yield TaughtRow(RATIONALE, name, pair, rationale, tuple(turns))
    if (feedback := pair.feedback) is not None:
        *turns, _ = prompts.feedback_dialogue(question, q.task, pair.attempt.text, q.gold, feedback.text, shots)
        yield TaughtRow(FEEDBACK, name, pair, feedback, tuple(turns))


def preferences(pair: FrozenPair, name: str, shots: int = 0) -> Iterator[Preference]:
    """Yield the pair's rationale with each rejected one of its question; nothing where it has no rationale."""
    q, rationale = pair.question, pair.rationale
    if rationale is None:
        return
    prompt = prompts.exam_messages(prompts.question_block(q.text, q.context, q.options), q.task, shots)
    for number, rejected in enumerate(pair.rejected, 1):
        yield Preference(f"{name}-{number}", pair, prompt, rationale, rejected)


def distinct_preferences(pairs: Iterable[tuple[str, FrozenPair]], shots: int = 0) -> Iterator[Preference]:
    """Yield the preferences of all pairs, each once: attempts at one question share its rationales."""
    question, seen_uids = "", set[tuple[str, str]]()
    for name, pair in pairs:
        # A snapshot has the pairs of a question one behind the other: what was seen of another need not be kept.
        if pair.question.uid != question:
            question, seen_uids = pair.question.uid, set()
        for preference in preferences(pair, name, shots):
            key = preference.chosen.uid, preference.rejected.uid
            if key not in seen_uids:
                seen_uids.add(key)
                yield preference


def as_dicts(messages: Iterable[Message]) -> list[dict[str, str]]:
    """Return messages as JSON has them."""
    return [{"role": message.role, "content": message.content} for message in messages]


def split_dialogue(prompt: Sequence[Message]) -> tuple[str, list[list[str]], str]:
    """Return a prompt's system text, its earlier turns as [question, answer], and its last turn."""
    system, *turns = (message.content for message in prompt)
    return system, [list(turn) for turn in zip(turns[:-1:2], turns[1:-1:2], strict=True)], turns[-1]


# What each row of JSON says of where it comes from. Trainers read JSON Lines through `datasets`, which takes a column's
# type from the first megabytes: so no value is ever null, and what may be missing is a text that may be empty.


def columns(row: TaughtRow) -> dict[str, Any]:
    """Return where a row comes from and what decided it, as columns of JSON Lines."""
    return {"kind": row.kind, "pair": row.name, **_question_columns(row.pair), **_text_columns(row.text)}


def preference_columns(preference: Preference) -> dict[str, Any]:
    """Return where a preference comes from, and what decided its two rationales, as columns of JSON Lines."""
    sides = {"chosen": preference.chosen, "rejected": preference.rejected}
    decided = {f"{side}_{name}": value for side, text in sides.items() for name, value in _text_columns(text).items()}
    return {"kind": "preference", "pair": preference.name, **_question_columns(preference.pair), **decided}


def _question_columns(pair: FrozenPair) -> dict[str, str]:
    return {"mistake": pair.mistake, "question": pair.question.uid, "source_id": pair.question.source_id}


def _text_columns(text: FrozenText) -> dict[str, Any]:
    return {
        "uid": text.uid,
        "teacher": text.teacher,
        "by_person": text.by_person,
        "simulated": text.simulated,
        "mean": "" if text.mean is None else str(text.mean),
        # A score may be null, which no column may be: so the scores are one text.
        "scores": json.dumps(scores(text), ensure_ascii=False),
        "decided_by": "committee" if not text.decided_by else ", ".join(text.decided_by),
        "why": text.why,
    }


def scores(text: FrozenText) -> list[Mapping[str, Any]]:
    """Return the votes that count, as JSON has them."""
    return [{"reviewer": vote.reviewer, "score": vote.score} for vote in text.committee.votes]
