"""A thought is split off its text, whatever tags it came in, and no word is lost without a word."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapd.thoughts import SplitText, closing_tag, opening_tag, split

WHOLE = [
    "<think>Half is 9.</think>\nAnswer: 18",
    "<THINK>Half is 9.</Think>\n\nAnswer: 18",
    "<think>\nHalf is 9.\n</think >Answer: 18",
    '<think duration="3">Half is 9.</think>Answer: 18',
    "Half is 9.\n</think>\n\nAnswer: 18",
    "<thinking>Half is 9.</thinking><output>Answer: 18</output>",
    "<thought>Half is 9.</thought>\nAnswer: 18",
    "<reasoning>Half is 9.</reasoning>Answer: 18",
    "<seed:think>Half is 9.</seed:think>Answer: 18",
    "[THINK]Half is 9.[/THINK]Answer: 18",
    "Half is 9.[/THINK]Answer: 18",
    "◁think▷Half is 9.◁/think▷Answer: 18",
    "<|begin_of_thought|>Half is 9.<|end_of_thought|><|begin_of_solution|>Answer: 18<|end_of_solution|>",
    "<|START_THINKING|>Half is 9.<|END_THINKING|><|START_RESPONSE|>Answer: 18<|END_RESPONSE|>",
    "<|channel>thought\nHalf is 9.\n<channel|>Answer: 18",
    "<unused94>thought\nHalf is 9.<unused95>Answer: 18",
    "<|channel|>analysis<|message|>Half is 9.<|end|><|start|>assistant<|channel|>final<|message|>Answer: 18<|return|>",
    "Half is 9.<|end|><|start|>assistant<|channel|>final<|message|>Answer: 18",
    "analysisHalf is 9.assistantfinalAnswer: 18",
    "Here is my thought process: Half is 9. Here is my response: Answer: 18",
    "Thinking...\nHalf is 9.\n...done thinking.\n\nAnswer: 18",
    "<longcat_think>Half is 9.</longcat_think>Answer: 18",
    "<reasoning_content>Half is 9.</reasoning_content>Answer: 18",
    "Half is 9.\n[BEGIN FINAL RESPONSE]\nAnswer: 18\n[END FINAL RESPONSE]",
    '<details type="reasoning" done="true">Half is 9.</details>\nAnswer: 18',
]
CUT_OFF = [
    "<think>Half is 9. Hmm, let me",
    "<Thinking>Half is 9. Hmm, let me",
    "<seed:think>Half is 9. Hmm, let me",
    "[THINK]Half is 9. Hmm, let me",
    "◁think▷Half is 9. Hmm, let me",
    "<|begin_of_thought|>Half is 9. Hmm, let me",
    "<|channel|>analysis<|message|>Half is 9. Hmm, let me",
    "analysisHalf is 9. Hmm, let me",
    "Half is 9. Hmm, let me</think>\n",
    "<think>Half is 9. Hmm, let me</think>",
]


@pytest.mark.parametrize("text", WHOLE)
def test_a_thought_is_split_off(text: str) -> None:
    assert split(text) == SplitText("Half is 9.", "Answer: 18", is_open=False)


@pytest.mark.parametrize("text", CUT_OFF)
def test_a_text_that_ends_within_its_thought_says_so(text: str) -> None:
    assert split(text) == SplitText("Half is 9. Hmm, let me", "", is_open=True)


@pytest.mark.parametrize(
    "text", ["", "9 + 9 = 18", "  two\n", "Is 3 < think > 4?", "It wrote `<think>` and never `</think>`.", "x<y>z"]
)
def test_a_text_without_a_thought_stays_as_it_is(text: str) -> None:
    assert split(text) == SplitText("", text, is_open=False)


@pytest.mark.parametrize(
    ("text", "thought", "rest"),
    [
        ("<think>\n\n</think>\n\nAnswer: 18", "", "Answer: 18"),
        ("Sure. <think>one</think>two <think>three</think>four", "one\n\nthree", "Sure. two four"),
        ("<think>one <think>two</think> three</think>four", "one <think>two</think> three", "four"),
        ("<think>I should open with <think> first.</think>four", "I should open with <think> first.", "four"),
        ('<think>Write "</think>" at the end.</think>four', 'Write "</think>" at the end.', "four"),
        ("<think>one</think>two</think>", "one", "two"),
        ("one</think>two</think>three", "one\n\ntwo", "three"),
        ("<think>one</thinking>two", "one", "two"),
        ("<think>one</think><answer>B</answer>", "one", "<answer>B</answer>"),
    ],
)
def test_several_nested_and_quoted_tags(text: str, thought: str, rest: str) -> None:
    assert split(text) == SplitText(thought, rest, is_open=False)


def test_a_thought_behind_the_answer_leaves_the_answer_and_says_that_it_is_open() -> None:
    assert split("Answer: 18\n<think>Let me check") == SplitText("Let me check", "Answer: 18", is_open=True)


@pytest.mark.parametrize(
    "tag",
    "<think> [THINK] ◁think▷ <seed:think> <|START_THINKING|> <|thinking|> <|begin_of_thought|> <|channel>thought"
    " <unused94>thought <|channel|>analysis<|message|>".split(),
)
def test_a_thought_that_a_prompt_opens_is_closed_by_its_own_tag(tag: str) -> None:
    assert opening_tag(f"<|assistant|>{tag}\n") == tag
    assert split(f"{tag}\nHalf is 9.{closing_tag(tag)}Answer: 18") == SplitText(
        "Half is 9.", "Answer: 18", is_open=False
    )


TAGS = "<think> </think> <reasoning> </reasoning> [THINK] [/THINK] <|end|>".split()
CHANNELS = ["<|channel|>analysis<|message|>", "<|channel|>final<|message|>"]
PIECES = st.sampled_from([*TAGS, *CHANNELS, "one ", "two ", "three\n", "four. "])


@given(st.lists(PIECES, max_size=12))
def test_no_word_is_lost_and_no_text_is_empty_without_a_word(pieces: list[str]) -> None:
    text = "".join(pieces)
    parts = split(text)
    words = sorted(re.findall(r"one|two|three|four", text))
    assert sorted(re.findall(r"one|two|three|four", parts.thought + " " + parts.text)) == words
    assert parts.text.strip() or not words or parts.is_open


@given(st.text(max_size=200))
def test_any_text_is_split(text: str) -> None:
    assert split(text).text in text
