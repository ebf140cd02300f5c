"""What a fitted policy knows of a feedback: its checks, the step that it criticises, scores, author, length. Pure.

    reading = read_feedback(text, votes, "87 + 290 = 377", "145", question)
    list_feedback_inputs(reading, Voices((), ("gpt", "gemini")))
    -> {("author", "gpt"): 1, ("states_gold", ""): 1, ("step_exists", ""): 1, ("log_length", ""): 4.8, …}

Feedback of most exams has no review: then nobody is a reviewer to the fit, and no vote is missing. Of each check both
states that say something are inputs; where it is silent both are 0. Repairs by people get no probability.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mapd.alignment import read_steps
from mapd.checks import CheckRecord, FeedbackChecks, State, check_feedback
from mapd.curation.inputs import Voices, list_votes
from mapd.domain import Item, Text, Vote
from mapd.policies import CheckStates
from mapd.probability import InputKey


@dataclass(frozen=True, slots=True)
class FeedbackReading:
    """A feedback with its votes that count and what the checks say; `answer`: the student's text that it is on."""

    text: Text
    votes: tuple[Vote, ...]
    checks: FeedbackChecks
    states: CheckStates
    answer: str
    record: CheckRecord | None = None


def read_feedback(
    text: Text, votes: Sequence[Vote], answer: str, gold: str, question: Item, record: CheckRecord | None = None
) -> FeedbackReading:
    """Read a feedback. `answer`: the student's text; `gold`: the gold answer, as corrected by people.

    `record`: what the checks said of it beside this gold answer, where that is known.
    """
    checks = record.checks if record else check_feedback(text.text, gold, question.task, question.options)
    assert isinstance(checks, FeedbackChecks)
    # Without a gold answer there is nothing to compare a stated one with.
    states_gold = checks.states_gold if gold.strip() else State.NOTHING
    return FeedbackReading(text, tuple(votes), checks, CheckStates(states_gold, checks.equations_true), answer, record)


def list_feedback_inputs(x: FeedbackReading, voices: Voices) -> dict[InputKey, float]:
    """Return the inputs of a feedback that aren't 0."""
    # It takes a while, and only a policy with a fit for feedback asks for it.
    steps = read_steps(x.answer, x.text.text, x.record)
    states = {
        ("equations_true", "equation_false"): x.states.equations_true,
        ("step_exists", "step_absent"): steps.step_exists,
        ("at_first_false", "past_first_false"): steps.at_first_false,
        ("states_gold", "states_other"): x.states.matches_gold,
    }
    values = list_votes(x.text, x.votes, voices)
    values["author", x.text.teacher] = float(x.text.teacher in voices.authors)
    values["log_length", ""] = math.log1p(len(x.text.text))
    for (holds, fails), state in states.items():
        values[holds, ""], values[fails, ""] = float(state is State.HOLDS), float(state is State.FAILS)
    return {key: value for key, value in values.items() if value}
