"""Snapshots of invented pairs for tests of the formats, with texts that are hard to hold."""

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from mapd.answers.grading import Task
from mapd.exchange.training.format import Origin, TrainingSource
from mapd.exchange.training.pairs import FrozenPair, FrozenText, read_pair

SHA256 = "3f2a9c1b7d20" + "0" * 52
HARD = (
    "=1+1",
    "'=1+1",
    "''",
    "-5",
    "+-@",
    "\t=x",
    "＝1",
    "a\r\nb",
    "\r",
    "\u2028",
    "\x85",
    '"',
    ",",
    "|",
    "```",
    "---",
)
HARD += ("<|im_end|>", "</question>", "{gold}", "**b**", "<b>", "null", "", " x ", "\ufeff", "{{ x }}", "{% x %}")
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30) | st.sampled_from(HARD)
NAMES = st.sampled_from(["gpt", "gemini", "mistral", "a|b `c`", "=cmd", "ann@x.org", "[x](y)"])


@st.composite
def explanations(draw: st.DrawFn, verdict: str) -> dict[str, Any]:
    """A text with its votes, and what decided it."""
    scores = draw(st.lists(st.integers(1, 5) | st.none(), max_size=3))
    valid = [score for score in scores if score is not None]
    act = {"accepted": "accept", "rejected": "reject"}[verdict]
    people = st.fixed_dictionaries(
        {
            "decision": st.sampled_from(["accept", "reject", act]),
            "reason": st.none() | st.sampled_from(["false_step", "other"]),
            "by": st.lists(NAMES, min_size=1, max_size=2, unique=True),
            "adjudicated": st.booleans(),
        }
    )
    return {
        "uid": draw(st.uuids()).hex,
        "teacher": draw(NAMES),
        "by_person": draw(st.booleans()),
        "simulated": draw(st.booleans()),
        **draw(st.sampled_from([{}, {"repairs": "ab" * 16}])),
        "text": draw(TEXTS),
        "verdict": verdict,
        "committee": {
            "verdict": draw(st.sampled_from(["accepted", "rejected", "undecided"])),
            "mean": sum(valid) / len(valid) if valid else None,
            "why": draw(TEXTS),
            "votes": [{"reviewer": draw(NAMES), "score": score} for score in scores],
        },
        "people": draw(st.none() | people),
    }


@st.composite
def pair_dicts(draw: st.DrawFn) -> dict[str, Any]:
    """A line of a snapshot, with both texts or one of them."""
    task = draw(st.sampled_from(list(Task)))
    options = ["3", "4 pens", "=5"] if task is Task.CHOICE else []
    question = {
        "uid": draw(st.uuids()).hex,
        "source_id": draw(st.sampled_from(["0", "17", "007", "chal-1", "=x"])),
        "task": task.value,
        "text": draw(TEXTS),
        "context": draw(st.none() | TEXTS),
        "options": options,
        "family": draw(st.none() | TEXTS),
        "gold": "B. 4 pens" if options else draw(TEXTS),
    }
    mistake = draw(st.uuids()).hex
    kinds = draw(st.sampled_from([("rationale", "feedback"), ("rationale",), ("feedback",)]))
    return {
        "mistake": mistake,
        "question": question,
        "attempt": {"uid": mistake, "text": draw(TEXTS), "answer": draw(st.none() | TEXTS)},
        **{kind: draw(explanations("accepted")) for kind in kinds},
        "rejected": draw(st.lists(explanations("rejected"), max_size=2)) if "rationale" in kinds else [],
    }


PAIRS = st.lists(pair_dicts().map(json.dumps).map(read_pair), min_size=1, max_size=3)


def plain_pair(number: int = 0, *kinds: str) -> FrozenPair:
    """A pair with nothing special, with these of its texts; without any named, with both."""
    committee = {"verdict": "accepted", "mean": 4.0, "why": "mean 4.00 is above 3", "votes": []}
    origin = {"teacher": "gpt", "by_person": False, "simulated": False, "verdict": "accepted", "people": None}
    question = {"uid": f"q{number}", "source_id": str(number), "task": "numeric", "text": f"1 + {number}?"}
    question |= {"context": None, "options": [], "family": None, "gold": str(1 + number)}
    texts = {
        kind: origin | {"uid": f"{kind}{number}", "text": f"{kind} {number}", "committee": committee}
        for kind in kinds or ("rationale", "feedback")
    }
    attempt = {"uid": f"a{number}", "text": "Answer: 9", "answer": "9"}
    line = {"mistake": f"a{number}", "question": question, "attempt": attempt, "rejected": [], **texts}
    return read_pair(json.dumps(line))


def texts_of(pair: FrozenPair) -> list[tuple[str, FrozenText]]:
    """What a pair teaches: kind and text, the rationale first."""
    texts = (("rationale", pair.rationale), ("feedback", pair.feedback))
    return [(kind, text) for kind, text in texts if text is not None]


def source(pairs: Sequence[FrozenPair], shots: int = 0, **changed: Any) -> TrainingSource:
    """The pairs as formats read them."""
    texts = [text for pair in pairs for text in (*dict(texts_of(pair)).values(), *pair.rejected)]
    names = {text.teacher for text in texts} | {vote.reviewer for text in texts for vote in text.committee.votes}
    counts = {
        **dict.fromkeys(("mistakes", "not_mistakes", "questions_excluded", "covered", "rationales", "accepted"), 9),
        **dict.fromkeys(("rejected", "undecided", "overridden", "accepted_wrong_answer"), 9),
        "pairs": len(pairs),
        "mistakes_in_pairs": len({pair.mistake for pair in pairs}),
        "preferences": sum(len(pair.rejected) for pair in pairs),
        "pairs_by_teacher": {},
        "pairs_without_feedback": sum(pair.feedback is None for pair in pairs),
        "pairs_without_rationale": sum(pair.rationale is None for pair in pairs),
    }
    manifest: dict[str, Any] = {
        "format": 2,
        "exam": {"name": "e", "student": "small", "questions": "pens", "split": "train", "round": 0},
        "policy": {"name": "paper", "threshold": 3.0, "min_votes": 1, "checks": [], "leniency_adjusted": False},
        "draw": {"seed": 0, "pairs": "one a mistake", "texts": ["both", "rationale", "feedback"]},
        "teachers": {name: {"kind": "imported", "simulated": False, "model": "", "sampling": {}} for name in names},
        "prompts": [],
        "judgements": [],
        "counts": counts,
        "lines_sha256": "0" * 64,
    }
    return TrainingSource(SHA256, manifest | changed, list(pairs), shots, Origin())
