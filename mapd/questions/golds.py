"""A gold answer as files give it, read for its task: a value, or a worked solution that ends in it. Pure.

    read_gold("48 / 2 = 24 …\\n#### 72", Task.NUMERIC)    -> Gold("72", Task.NUMERIC, note="48 / 2 = 24 …")
    read_gold("… so it is $\\boxed{\\frac{1}{2}}$.", None)  -> Gold("\\frac{1}{2}", Task.NUMERIC, note="… so it is …")
    read_gold("perhaps", Task.BOOLEAN)                     -> ValueError: "perhaps" can't be read as true or false

A person's correction is read for its question's task, too, and kept in one form: two people who write "145" and "145.0"
agree. What can't be read is refused before it is kept:

    read_correction("trout", Task.CHOICE, ("oak", "granite", "trout")) -> "C"
    read_correction("banana", Task.BOOLEAN)                            -> BadInput: … is answered by true or false …

The gold answers of a choice question are read in options.py, over the whole file.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mapd.answers.choice import LETTERS, option_letter
from mapd.answers.grading import Task, answers_equal, extract_answer
from mapd.answers.numbers import number_text, parse_number
from mapd.answers.places import MAX_EXPRESSION, find_first_answer
from mapd.errors import BadInput
from mapd.questions.options import read_shown
from mapd.questions.values import as_text, short, without_zeros

# Words of a number by itself ("18 red apples"); a longer text is a worked solution.
LONGEST_NUMBER = 4
LONGEST_TRUTH = 80  # characters
# Characters of a corrected answer.
LONGEST_CORRECTION = 500
# A numeric answer that is no plain number: "2√3".
EXPRESSION = re.compile(r"\\(?:sqrt|pi|[dt]?frac)|[√π^]")
TRUTHS = {"true": "true", "yes": "true", "false": "false", "no": "false"}
_TRUTHS_IN_FILES = TRUTHS | {"1": "true", "0": "false"}
_TRUTH_FIRST = re.compile(r"\s*(true|yes|false|no)\s*(?:[.,:;\t\n]\s*(?P<note>.+))?[.!]?\s*", re.IGNORECASE | re.DOTALL)
_NUMBER = re.compile(r"\s*[-+−]?[$€£¥₹]?\s?(?:[0-9][0-9,]*(?:\.[0-9]*)?|\.[0-9]+)(?:/[0-9]+|[eE][-+]?[0-9]+)?\s?%?\s*")
_BOX = re.compile(r"(?P<box>\\f?box(?:ed)?\s*(?:\{|(?P<bare>[^\s{}$]+)))|[{}]")
_FRACTION = re.compile(r"\\[dt]?frac\s?\{\s*([0-9]+)\s*\}\s?\{\s*([0-9]+)\s*\}")
_UNIT = re.compile(r"\\(?:text|mathrm|mbox)\s?\{[^{}]*\}(?:\^\{?[0-9]\}?)?\s*$")
_STATES = re.compile(r"\banswer\b|####|\\f?box", re.IGNORECASE)
ONE = "a question has one; name its place with --map answer=FIELD.0 (the first), or answer=FIELD.NAME"
_MARKS = "#### and no \\boxed{…}"
_READABLE = {Task.NUMERIC: "one number", Task.BOOLEAN: "true or false", Task.TEXT: "an answer"}


@dataclass(frozen=True, slots=True)
class Gold:
    """A gold answer, the task that it answers, and the solution that it was read from."""

    answer: str
    task: Task
    note: str | None = None


def read_gold(value: object, task: Task | None, *, solved: bool = False) -> Gold:
    """Read a gold answer; without a task a number is one, and anything else is text.

    `solved`: it is a worked solution, and one that marks no answer is refused.

    Raises: ValueError, which says what can't be read.
    """
    if task is Task.BOOLEAN:
        return _truth(value)
    text = as_text(value[0] if isinstance(value, list) and len(value) == 1 else value)
    if text is None and isinstance(value, list | Mapping):
        raise ValueError(f"{short(value)} is no single answer: {ONE}")
    if text is None:
        raise ValueError(f"{short(value)} can't be read as {_READABLE[task or Task.TEXT]}")
    answer, note = _answer_of(text.strip(), task)
    if solved and note is None and not is_number(answer):
        raise ValueError(f"{short(text)} is a solution without an answer: it has no {_MARKS}")
    if is_number(answer):
        answer = without_zeros(_plain(answer))
    if task is None:
        task = Task.NUMERIC if is_number(answer) else Task.TEXT
    if task is Task.TEXT and note is None:
        answer, note = _answer_of_words(answer)
    if parse_number(answer) is None if task is Task.NUMERIC else not answers_equal(answer, answer, task):
        subject = f"the answer of its solution, {short(answer)}," if note else short(text)
        raise ValueError(f"{subject} can't be read as {_READABLE[task]}")
    return Gold(answer, task, note)


def _truth(value: object) -> Gold:
    if isinstance(value, bool):
        return Gold(str(value).lower(), Task.BOOLEAN)
    text = (as_text(value) or "").strip()
    if (word := _TRUTHS_IN_FILES.get(without_zeros(text).lower())) is not None:
        return Gold(word, Task.BOOLEAN)
    if match := _TRUTH_FIRST.fullmatch(text):
        return Gold(_TRUTHS_IN_FILES[match[1].lower()], Task.BOOLEAN, match["note"])
    answer = extract_answer(text, Task.BOOLEAN) if len(text) > LONGEST_TRUTH else None
    if answer is None:
        raise ValueError(f"{short(value)} can't be read as {_READABLE[Task.BOOLEAN]}")
    return Gold(answer, Task.BOOLEAN, text)


def _answer_of(text: str, task: Task | None) -> tuple[str, str | None]:
    """Return the answer and the solution around it; the text as it stands where it is an answer by itself."""
    if "####" in text:
        note, _, answer = text.rpartition("####")
        return answer.strip(), note.strip() or None
    if (boxed_answer := last_boxed(text)) is not None:
        return boxed_answer, text
    if task is Task.NUMERIC and (len(text.split()) > LONGEST_NUMBER or states_answer(text)):
        answer = extract_answer(text, Task.NUMERIC) or ""
        if not answer:
            raise ValueError(f"{short(text)} is a solution without an answer: it has no {_MARKS}, no Answer: …")
        return answer, text
    return text, None


def _answer_of_words(text: str) -> tuple[str, str | None]:
    """Return the answer of a solution in words, and the solution; an answer by itself as it stands."""
    is_short = len(text) <= MAX_EXPRESSION
    answer = None if is_short and find_first_answer(text) is None else extract_answer(text, Task.TEXT)
    if answer is None and is_short:
        return text, None
    if answer is None:
        raise ValueError(f"{short(text)} is too long for an answer, and has no {_MARKS}, no Answer: … that gives one")
    return answer, text


def states_answer(text: str) -> bool:
    """Return whether a text is a solution that says what its answer is, not an answer by itself."""
    return _STATES.search(text) is not None


def last_boxed(text: str) -> str | None:
    """Return what stands in the last `\\boxed{…}` of a solution that is closed. One pass, whatever the braces."""
    answer = None
    # Where the text of each open box begins; None for another brace.
    open_boxes: list[int | None] = []
    for match in _BOX.finditer(text):
        if match["bare"] is not None:
            answer = match["bare"].rstrip(".,")
        elif match["box"]:
            open_boxes.append(match.end())
        elif match[0] == "{":
            open_boxes.append(None)
        elif open_boxes and (start := open_boxes.pop()) is not None:
            answer = text[start : match.start()].strip()
    return answer or None


def guess_task(values: Sequence[object]) -> Task | None:
    """Return the task that most of the answers fit: truths, or numbers; None where they are words."""
    truths = sum(
        isinstance(value, bool) or (as_text(value) or "").strip().lower().rstrip(".") in TRUTHS for value in values
    )
    if truths > len(values) / 2:
        return Task.BOOLEAN
    answers = (as_text(value[0] if isinstance(value, list) and len(value) == 1 else value) or "" for value in values)
    numbers = sum(is_number(_answer_of(answer.rpartition("####")[2].strip(), None)[0]) for answer in answers)
    return Task.NUMERIC if numbers > len(values) / 2 else None


def is_number(text: str) -> bool:
    """Return whether a text is a number and only its currency, unit or LaTeX beside: "$1,450", "\\frac{3}{4}"."""
    return _NUMBER.fullmatch(_FRACTION.sub(r"\1/\2", _UNIT.sub("", _plain(text)))) is not None


def _plain(text: str) -> str:
    # LaTeX's way to write thousands, money and percent: "1{,}450\%" -> "1,450%".
    for latex, plain in (("{,}", ","), ("\\!", ""), ("\\,", ""), ("\\$", "$"), ("\\%", "%")):
        text = text.replace(latex, plain)
    return text


# --- Corrections ------------------------------------------------------------------------------------------------------


def read_correction(value: str, task: Task, options: Sequence[str] = ()) -> str:
    """Return the value as such an answer is stored. Raises: BadInput where it is none, or may be two."""
    words = " ".join(value.split())
    answer = _READERS[task](words, options) if 0 < len(words) <= LONGEST_CORRECTION else None
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
