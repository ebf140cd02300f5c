"""A gold answer in words that is a worked solution is read for its answer, or refused."""

import pytest

from mapd.answers.grading import Task
from mapd.questions.golds import Gold, read_gold

WORKED = "She is the mother of his mother.\nAnswer: grandmother"


def test_a_solution_in_words_is_read_for_its_answer() -> None:
    assert read_gold(WORKED, Task.TEXT) == Gold("grandmother", Task.TEXT, WORKED)
    line = "She is his mother's mother. Answer: grandmother"
    assert read_gold(line, Task.TEXT) == Gold("grandmother", Task.TEXT, line)
    assert read_gold("grandmother", Task.TEXT) == Gold("grandmother", Task.TEXT)


def test_a_long_text_that_states_no_answer_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"is too long for an answer, and has no #### and no \\boxed\{…\}, no Answer: …"
    ):
        read_gold("She is the mother of his mother, and lives in Rome. " * 5, Task.TEXT)
