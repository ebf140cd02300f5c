"""A corrected answer as its question's task reads it: what can't be read is refused before it is kept. Pure, no I/O.

    read_correction("Yes.", Task.BOOLEAN)                              -> "true"
    read_correction("145.0 bananas", Task.NUMERIC)                     -> "145"
    read_correction("trout", Task.CHOICE, ("oak", "granite", "trout")) -> "C"
    read_correction("banana", Task.BOOLEAN)                            -> BadInput: … is answered by true or false …

The value is kept in one form, so that two people who write "145" and "145.0" agree; a choice as its letter.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from mapd.answers.choice import LETTERS, option_letter
from mapd.answers.grading import Task, answers_equal
from mapd.answers.numbers import number_text, parse_number
from mapd.errors import BadInput
from mapd.questions.options import read_shown

# Characters of a corrected answer.
LONGEST = 500
# A numeric answer that is no plain number: "2√3".
EXPRESSION = re.compile(r"\\(?:sqrt|pi|[dt]?frac)|[√π^]")
TRUTHS = {"true": "true", "yes": "true", "false": "false", "no": "false"}


def read_correction(value: str, task: Task, options: Sequence[str] = ()) -> str:
    """Return the value as such an answer is stored. Raises: BadInput where it is none, or may be two."""
    words = " ".join(value.split())
    answer = _READERS[task](words, options) if 0 < len(words) <= LONGEST else None
    if answer is None:
        text = words if len(words) <= 40 else f"{words[:39]}…"
        kinds = _describe_answers(task, options)
        raise BadInput(f"a {task} question is answered by {kinds}, not by {text!r}; nothing was saved")
    return answer


def _describe_answers(task: Task, options: Sequence[str]) -> str:
    if task is Task.CHOICE:
        return f"an option's letter (A to {LETTERS[len(options) - 1]}) or its words" if options else "an option"
    return {Task.NUMERIC: "one number", Task.BOOLEAN: "true or false"}.get(task, "words or a number")


def _read_number(words: str, _: Sequence[str]) -> str | None:
    number = parse_number(words)
    if number is not None:
        canonical = number_text(number)
        return words if "/" in canonical and "/" not in words else canonical  # many decimals are no fraction
    return words if EXPRESSION.search(words) and any(map(str.isalnum, words)) else None


def _read_truth(words: str, _: Sequence[str]) -> str | None:
    return TRUTHS.get(words.rstrip(".!").casefold())


def _read_choice(words: str, options: Sequence[str]) -> str | None:
    """Return the letter that the words are, else that of the one option that they name."""
    if not options:
        return None
    answer = read_shown(words, Task.CHOICE, options)
    letter = answer.strip("().:").upper()
    if len(letter) == 1 and letter in LETTERS[: len(options)]:
        return letter
    matches = [n for n, option in enumerate(options) if words.casefold() == " ".join(option.split()).casefold()]
    # A bare digit may mean an option's place, counted from 0 or from 1: only its whole text is sure.
    if matches or words.isdigit():
        return LETTERS[matches[0]] if len(matches) == 1 else None
    return option_letter(words, options)


def _read_text(words: str, _: Sequence[str]) -> str | None:
    return words if answers_equal(words, words, Task.TEXT) else None


_READERS: Mapping[Task, Callable[[str, Sequence[str]], str | None]] = {
    Task.NUMERIC: _read_number,
    Task.BOOLEAN: _read_truth,
    Task.CHOICE: _read_choice,
    Task.TEXT: _read_text,
}
