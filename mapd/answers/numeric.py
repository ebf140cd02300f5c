"""The final answer of a text that comes to a number. Pure.

read_numeric("290 / 2 = 145\\nTherefore, he has 145.")  -> Answer("145", "nothing marks an answer; …")
"""

import re
from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction

from mapd.answers import numbers, places
from mapd.answers.expressions import is_closed_expression, is_formula
from mapd.answers.markup import blank_markup
from mapd.answers.numbers import Number, number_text, parse_number
from mapd.answers.places import Answer, AnswerLine, Sentence, StatedAnswer
from mapd.answers.reading import NumberReading, read_numbers, rounded_in, value_of

_NUMBER_FIRST = re.compile(r"[\s\W]*[0-9]")
_BARE = re.compile(r"[\s\W]*[0-9][^=]*\Z")
_STEP_BELOW = re.compile(r"\n(?:[^\n=]*=[^\n]*[0-9]|[ ]*####[ ]*[-$0-9])[^\n]*")
_COMPARES = re.compile(
    r"\b(?:more|fewer|less|\w+er)\b[^.]{1,80}\bthan\b|\b(?:in total|in all|altogether)\b", re.IGNORECASE
)
_LABEL_LINE = re.compile(r"[^=.!?]{1,60}:[^:]{1,40}")
_TOTAL = re.compile(r"\b(?:total|answer|result|difference|sum|altogether|final)\b", re.IGNORECASE)
_RESULT = re.compile(r"[=≈]|\\approx")
_NEGATED_PARENTHESIS = re.compile(r"-\s?\(")


@dataclass(frozen=True, slots=True)
class _Conclusion:
    """What the last sentence with a number comes to (None: can't be told), and whether it says that it concludes."""

    value: Fraction | None
    firm: bool
    index: int


def read_numeric(text: str) -> Answer:
    """Return the number that a text answers; an expression only where it is marked, as it stands."""
    text = numbers.plain_fractions(text)
    line = places.find_answer_line(text)
    if line is not None and (solution := _solution_behind(line, text)):
        return read_numeric(solution)
    plain = blank_markup(text)
    reading, sentences = read_numbers(plain), places.split_sentences(plain)
    if line is not None:
        return _read_line(line, reading, sentences, text)
    if marks := places.find_marks(text):
        return _read_marks(marks, _stated_behind(text, reading, sentences))
    if not sentences:
        return Answer(None, places.NOTHING)
    conclusion = _conclusion(reading, sentences)
    stated = places.find_statements(plain, sentences)
    statements = [(s, value) for s in stated if (value := value_of(s.text, reading)) is not None]
    if statements:
        return _read_statements(statements, conclusion)
    return _read_prose(reading, sentences, conclusion)


def _solution_behind(line: AnswerLine, text: str) -> str:
    """Return the worked solution that begins in an answer line, as those of GSM8K do behind "Answer:"; else nothing."""
    sentences = places.split_sentences(blank_markup(line.value))
    if not sentences or places.find_marks(line.value) or _BARE.match(sentences[0].text):
        return ""
    following = text[line.end :]
    if (step := _STEP_BELOW.match(following)) and not places.EXPLAINS.match(step[0]):
        return line.value + following
    values = {value_of(sentence.text, None) for sentence in sentences} - {None}
    return line.value if len(values) > 1 else ""


def _read_line(line: AnswerLine, reading: NumberReading, sentences: list[Sentence], text: str) -> Answer:
    """Read the answer line, unless what stands behind it takes it back."""
    boxes = places.find_marks(line.value)
    expression = _RESULT.split((boxes or [line.value])[0])[-1].strip("$ .")
    # "π/2" is not 2.
    if numbers.IRRATIONAL.search(expression):
        return Answer(expression, f"{line.name} decides")
    value = _value_of_line(line.value, reading)
    if value is None and len(boxes) == 1:
        value = _value_of_mark(boxes[0])
    if value is None:
        if is_closed_expression(expression) or is_formula(expression):
            return Answer(expression, f"{line.name} decides")
        return Answer(None, f"{line.name} doesn't give one number: {places.shorten(line.value)}")
    if not line.is_last and (end := _value_behind(line, reading, sentences, text)) not in (None, value):
        return Answer(None, f"{line.name} gives {number_text(value)}, and the text ends with {number_text(end)}")
    return Answer(number_text(value), f"{line.name} decides")


def _value_of_line(line: str, reading: NumberReading) -> Fraction | None:
    """Return what an answer line gives in its first sentence, if the others don't conclude something else."""
    plain = blank_markup(numbers.plain_quantity(line))
    if _NEGATED_PARENTHESIS.search(plain) or numbers.SEVERAL_VALUES.search(line):
        return None
    sentences = places.split_sentences(plain)
    if len(sentences) < 2:
        return value_of(plain, reading)
    value, last = value_of(sentences[0].text, reading), sentences[-1].text
    if value is None:
        return value_of(plain, reading)
    return value if not places.CONCLUDES.match(last) or value_of(last, reading) in (None, value) else None


def _value_behind(line: AnswerLine, reading: NumberReading, sentences: list[Sentence], text: str) -> Fraction | None:
    """Return what the text comes to behind its answer line, where it says that it concludes or ends in a mark."""
    last_line = text.rstrip().rpartition("\n")[2]
    if marks := places.find_marks(last_line):
        return _value_of_mark(marks[-1])
    if not sentences:
        return None
    conclusion = _conclusion(reading, sentences)
    return conclusion.value if conclusion.firm and sentences[conclusion.index].start >= line.end else None


def _stated_behind(text: str, reading: NumberReading, sentences: list[Sentence]) -> Fraction | None:
    """Return the number that a text states as the answer at its very end, behind its marks."""
    last = next((s for s in reversed(places.find_statements(reading.plain, sentences)) if s.last), None)
    return value_of(last.text, reading) if last and not places.BOXED.search(text, last.start) else None


def _read_marks(marks: list[str], ending: Fraction | None) -> Answer:
    values = {_value_of_mark(mark) for mark in marks}
    if len(values) > 1:
        return Answer(None, f"{len(marks)} marked answers differ: {' and '.join(map(places.shorten, marks[-2:]))}")
    value = values.pop()
    if value is not None and ending not in (None, value):
        return Answer(None, f"{number_text(value)} is marked, and the text ends with the answer {number_text(ending)}")
    if value is not None:
        return Answer(number_text(value), "what is marked by \\boxed{} or #### decides")
    expression = _RESULT.split(marks[-1])[-1].strip()
    if not expression or len(marks) > 1:
        return Answer(None, f"the marked answer is not one number: {places.shorten(marks[-1])}")
    return Answer(expression, "what is marked by \\boxed{} or #### decides, an expression")


def _value_of_mark(mark: str) -> Fraction | None:
    is_number = not numbers.IRRATIONAL.search(_RESULT.split(mark)[-1]) and not numbers.SEVERAL_VALUES.search(mark)
    return value_of(blank_markup(numbers.plain_quantity(mark)), None) if is_number else None


def _read_statements(statements: list[tuple[StatedAnswer, Fraction]], conclusion: "_Conclusion") -> Answer:
    values = list(dict.fromkeys(value for _, value in statements))
    last, value = statements[-1]
    if len(values) > 1:
        return Answer(None, f"two stated answers differ: {number_text(values[0])} and {number_text(values[1])}")
    if conclusion.firm and conclusion.value not in (None, value) and not last.last:
        return Answer(None, f"the text states {number_text(value)} and concludes {number_text(conclusion.value)}")
    return Answer(number_text(value), "a sentence states the answer")


def _read_prose(reading: NumberReading, sentences: list[Sentence], conclusion: "_Conclusion") -> Answer:
    leading = _leading(reading, sentences)
    if leading is not None and conclusion.value not in (None, leading):
        return Answer(None, f"it begins with {number_text(leading)} and ends with {number_text(conclusion.value)}")
    if leading is None and not conclusion.firm and _opens_otherwise(reading, sentences, conclusion.value):
        return Answer(None, "its first paragraph and its end come to two numbers")
    value = leading if conclusion.value is None else conclusion.value
    if value is None:
        return Answer(None, places.NOTHING)
    if any(places.REFUSES.search(s.text) and "assuming" not in s.text for s in sentences[conclusion.index :]):
        return Answer(None, "the text says that the question can't be answered")
    where = "gives the answer first" if conclusion.value is None else "comes to it at its end"
    return Answer(number_text(value), f"nothing marks an answer; the text {where}")


def _leading(reading: NumberReading, sentences: list[Sentence]) -> Fraction | None:
    """Return an answer given first, with the explanation behind it: "145 bananas. …", "He has 4.\n\nExplanation: …"."""
    first = sentences[0]
    if len(sentences) == 1 or first.text.rstrip().endswith(":"):
        return None
    if len(first.text.split()) <= 4 and _NUMBER_FIRST.match(first.text):
        return parse_number(first.text)
    return value_of(first.text, reading) if places.EXPLAINS.match(sentences[1].text) else None


def _opens_otherwise(reading: NumberReading, sentences: list[Sentence], value: Fraction | None) -> bool:
    """Return whether the first paragraph is one sentence with another number, from which nothing further is made."""
    first = sentences[0]
    inside = reading.inside(first.start, first.end)
    is_paragraph = len(sentences) > 1 and reading.plain[first.end : sentences[1].start].count("\n") > 1
    number = inside[-1] if inside else None
    if not is_paragraph or number is None or value_of(first.text, None) != number.value or number.value is None:
        return False
    return number.value != value and not reading.is_used(number)


def _conclusion(reading: NumberReading, sentences: list[Sentence]) -> _Conclusion:
    index = _last_with_number(reading, sentences)
    last = sentences[index]
    value = value_of(last.text, reading)
    if places.CONCLUDES.match(last.text):
        return _Conclusion(value, True, index)
    if value is None or not _is_final(reading, sentences, last, value):
        return _Conclusion(None, False, index)
    return _Conclusion(value, False, index)


def _last_with_number(reading: NumberReading, sentences: list[Sentence]) -> int:
    """Return the index of the last sentence that holds a number; 0 where none does."""
    for number in reversed(reading.numbers):
        index = bisect_right(sentences, number.start, key=lambda s: s.start) - 1
        # A number that ends behind its sentence took the sentence's "!" for a factorial.
        if index >= 0 and number.end <= sentences[index].end:
            return index
    return 0


def _is_final(reading: NumberReading, sentences: list[Sentence], last: Sentence, value: Fraction) -> bool:
    """Return whether a last sentence without a "therefore" gives the answer all the same."""
    if len(sentences) == 1 or (len(sentences) == 2 and last is sentences[0]):
        return True
    if _COMPARES.search(last.text.rpartition("=")[2]) and (
        "=" in last.text or _is_calculated(value, reading.result_before(last.start))
    ):
        return True
    if "=" in last.text or "≈" in last.text:
        return not reading.is_lonely(value)
    if _LABEL_LINE.fullmatch(last.text.strip()) and not _TOTAL.search(last.text):
        return value == (reading.results[-1].value if reading.results else None) and not reading.is_lonely(value)
    return _is_calculated(value, reading.result_before(last.start))


def _is_calculated(value: Fraction, result: Number | None) -> bool:
    return result is not None and (value == result.value or rounded_in({value}, result.value) is not None)
