"""The step that a reviewer calls wrong, found again in the text."""

import pytest

from mapd.review.disputed_steps import find_first_wrong_step

TEXT = "1. There are 87 oranges.\n2. 87 / 93  = 0.94.\nSo each group has 0.94 oranges."


@pytest.mark.parametrize(
    ("review", "marked"),
    [
        ("“87 / 93 = 0.94” is false. [2]", "87 / 93  = 0.94"),
        ('The step "87 / 93 = 0.94" is incorrect.', "87 / 93  = 0.94"),
        ("I find a mistake in `87 / 93 = 0.94`.", "87 / 93  = 0.94"),
        ("“There are 87 oranges” holds. “87 / 93 = 0.94” doesn't follow.", "87 / 93  = 0.94"),
        ("“So each group has…” is wrong, the rest is fine", "So each group has"),
        ("Step 1 is right. Step 2 is wrong: divide by 97.", "2. 87 / 93  = 0.94."),
        ("The error is in step 2.", "2. 87 / 93  = 0.94."),
        ("“87 / 93 = 0.94” is not wrong.", None),
        ("“87 / 93 = 0.94” is true.", None),
        ("“87 / 93 = 0.94” is true. The conclusion is wrong.", None),
        ("“1 + 1 = 3” is false.", None),
        ("Step 7 is wrong.", None),
        ("All of it is wrong.", None),
        ("“...” is wrong", None),
        ("", None),
    ],
)
def test_what_is_marked(review: str, marked: str | None) -> None:
    found = find_first_wrong_step(TEXT, review)
    assert (None if found is None else TEXT[slice(*found)]) == marked
