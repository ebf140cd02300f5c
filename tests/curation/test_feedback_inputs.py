"""What a fit knows of a feedback: the states of its checks, the criticised step, and scores where there are any."""

import pytest

from mapd.answers.grading import Task
from mapd.curation.feedback_inputs import list_feedback_inputs, read_feedback
from mapd.curation.inputs import Voices
from mapd.domain import Item, Text, Vote

QUESTION = Item(1, "q1", "0", 0, Task.NUMERIC, "3 pens and 4 pens?", None, (), "7", None, None)
ANSWER = "There are 3 pens.\n\n4 - 3 = 2\n\nSo 2 pens."
NOBODY = Voices((), ())


def inputs(text: str, *votes: Vote, voices: Voices = NOBODY, gold: str = "7", answer: str = ANSWER) -> dict[str, float]:
    feedback = Text(1, "c1", "feedback", 1, 1, "gpt", "imported", False, "0", text, None, votes)
    values = list_feedback_inputs(read_feedback(feedback, votes, answer, gold, QUESTION), voices)
    return {f"{kind} {name}".strip(): value for (kind, name), value in values.items() if kind != "log_length"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The student wrote 4 - 3 = 2. The correct answer is 7.", {"states_gold", "step_exists", "at_first_false"}),
        ("The student wrote 4 - 3 = 2. The correct answer is 8.", {"states_other", "step_exists", "at_first_false"}),
        ('The student wrote "the pens are all blue".', {"step_absent"}),
        ("Add the pens: 3 + 4 = 7.", {"equations_true", "states_gold"}),
        ("Add the pens: 3 + 4 = 9.", {"equation_false", "states_other"}),
        # What is silent is neither of the two.
        ("Read the question again.", set()),
        ("", set()),
    ],
)
def test_each_state_is_an_input_and_silence_is_none(text: str, expected: set[str]) -> None:
    values = inputs(text)
    assert set(values) == expected
    assert set(values.values()) <= {1.0}


def test_it_passes_over_the_first_false_equation() -> None:
    answer = "4 - 3 = 2\n\nThe pens are blue: 3 + 3 = 6\n\nSo 6."
    assert {"step_exists", "past_first_false"} <= set(inputs("The student wrote 3 + 3 = 6.", answer=answer))


def test_without_a_gold_answer_nothing_is_stated() -> None:
    assert not {"states_gold", "states_other"} & set(inputs("The correct answer is 7.", gold=" "))


def test_where_nobody_reviews_feedback_no_vote_is_missing() -> None:
    voices = Voices(("gemini", "mistral"), ("gpt", "gemini"))
    assert inputs("Read it again.", voices=Voices((), ("gpt",))) == {"author gpt": 1}
    # Who was asked elsewhere, and not here, gave no low score.
    scored = inputs("Read it again.", Vote("gemini", 2, "ok"), voices=voices)
    assert scored == {"author gpt": 1, "score gemini": -1, "low gemini": 1, "no_vote mistral": 1}


def test_its_length_is_an_input() -> None:
    feedback = Text(1, "c1", "feedback", 1, 1, "gpt", "imported", False, "0", "Read it again.", None, ())
    values = list_feedback_inputs(read_feedback(feedback, (), ANSWER, "7", QUESTION), NOBODY)
    assert values == {("log_length", ""): pytest.approx(2.70805)}
