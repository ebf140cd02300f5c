"""Where a response gives its answer."""

import pytest

from mapd.answers.places import has_answer_line


@pytest.mark.parametrize(
    ("text", "is_there"),
    [
        ("9 + 9 = 18\nAnswer: 18", True),
        ("**Answer:** B. moss\n\nQuestion: Tom", True),
        ("**Final Answer**: 18", True),
        ("Answer：18", True),
        ("9 + 9 = 18\n#### 18\n\nQuestion: Tom has", True),
        ("#### 1. Find the cost\n3 * 4 = 12", False),
        ("The answer is 9. Hmm", False),
        ("9 + 9 = 18\nAnswer: ", False),
        ("The answer: it depends", True),  # the reader of answers looks there, and finds none
        ("答案：18", True),
        ("<answer>18</answer>", True),
    ],
)
def test_the_answer_line_is_seen(text: str, is_there: bool) -> None:
    assert has_answer_line(text) is is_there
