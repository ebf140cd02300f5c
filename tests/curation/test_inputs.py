"""What a fit knows of a rationale: votes that are missing, answers that agree, and nothing of itself."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from mapd.answers.grading import Task
from mapd.checks import RationaleChecks, State
from mapd.curation.inputs import QuestionReadings, RationaleReading, Voices, agree, list_inputs
from mapd.domain import Item, Text, Vote
from mapd.policies import CheckStates

QUESTION = Item(1, "q1", "0", 0, Task.NUMERIC, "3 + 4?", None, (), "7", None, None)
VOICES = Voices(("gpt", "gemini", "mistral"), ("gpt", "gemini", "mistral"))


def reading(teacher: str, answer: str | None, *votes: tuple[str, int | None], **states: State) -> RationaleReading:
    text = Text(1, "c1", "rationale", 1, None, teacher, "imported", False, "0", "3 + 4 = 7", None, ())
    cast = tuple(Vote(reviewer, score, "ok" if score else "no score found") for reviewer, score in votes)
    checks = RationaleChecks(answer, State.NOTHING, State.NOTHING, 0, State.NOTHING)
    return RationaleReading(replace(text, votes=cast), cast, checks, answer, CheckStates(**states))


def inputs(x: RationaleReading, *peers: RationaleReading, voices: Voices = VOICES) -> dict[tuple[str, str], float]:
    return list_inputs(x, QuestionReadings(QUESTION, (x, *peers)), voices)


def of_text(x: RationaleReading, *peers: RationaleReading) -> dict[str, float]:
    values = inputs(x, *peers)
    names = ("one_agrees", "more_agree", "others_agree", "others_against", "peers_for", "peers_against")
    return {name: values[name, ""] for name in names if (name, "") in values}


def test_a_missing_vote_is_an_input_of_its_own() -> None:
    values = inputs(reading("gpt", "7", ("gemini", None), ("mistral", 3)))
    assert values["no_vote", "gemini"] == 1
    # A 3 lies in the middle, and is a vote all the same.
    assert not {("score", "gemini"), ("low", "gemini"), ("no_vote", "mistral"), ("score", "mistral")} & values.keys()


def test_nobody_misses_an_own_vote() -> None:
    values = inputs(reading("gpt", "7", ("gemini", 5)))
    assert ("no_vote", "gpt") not in values
    assert (values["author", "gpt"], values["no_vote", "mistral"]) == (1, 1)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([5], {"score": 2, "five": 1}),
        ([2], {"score": -1, "low": 1}),
        ([1], {"score": -2, "low": 1}),
        ([4, 5], {"score": 1.5}),
        ([1, None, 2], {"score": -1.5, "low": 1}),
    ],
)
def test_the_scores_of_a_reviewer(scores: Sequence[int | None], expected: dict[str, float]) -> None:
    values = inputs(reading("gpt", "7", *(("gemini", score) for score in scores)))
    assert {kind: value for (kind, name), value in values.items() if name == "gemini"} == expected


def test_who_was_not_there_is_not_read() -> None:
    values = inputs(reading("claude", "7", ("qwen", 1), ("gpt", 5)))
    assert {name for _, name in values} == {"", "gpt", "gemini", "mistral"}
    assert ("author", "claude") not in values


GPT, GEMINI, MISTRAL = (
    reading("gpt", "7", ("gemini", 5)),
    reading("gemini", "7.0", ("gpt", 4)),
    reading("mistral", "8", ("gpt", 1)),
)


def test_what_the_others_say() -> None:
    assert of_text(GPT, GEMINI, MISTRAL) == {"one_agrees": 1, "peers_for": 1, "peers_against": -2}
    against = {"others_agree": 1, "others_against": 1, "peers_against": 1.5}
    assert of_text(MISTRAL, GPT, GEMINI) == against
    assert of_text(GPT, GEMINI, replace(MISTRAL, answer="7")) == {
        "more_agree": 1,
        "others_agree": 1,
        "peers_for": -0.5,
    }
    assert of_text(GPT) == {}


def test_two_texts_of_one_author_are_one_voice() -> None:
    twice = (GEMINI, replace(GEMINI, answer="7"))
    assert "more_agree" not in of_text(GPT, *twice)
    assert "others_agree" not in of_text(MISTRAL, *twice)
    # An own text is no other's word.
    assert of_text(GPT, replace(GPT, answer="8")) == {}


def test_without_an_answer_there_is_nothing_to_agree_on() -> None:
    assert not agree(QUESTION, None, None)
    silent = [replace(x, answer=None) for x in (GPT, GEMINI)]
    assert of_text(silent[0], silent[1], MISTRAL) == {"peers_against": -0.5}
    assert ("readable", "") not in inputs(silent[0])


def test_the_checks() -> None:
    states = {"equations_true": State.FAILS, "shows_work": State.HOLDS, "matches_gold": State.NOTHING}
    values = inputs(reading("gpt", "7", **states))
    kinds = {"equation_false", "equations_true", "shows_work", "gold_holds", "gold_fails"}
    assert {kind for kind, _ in values} & kinds == {"equation_false", "shows_work"}
    assert inputs(reading("gpt", "7", matches_gold=State.FAILS))["gold_fails", ""] == 1
