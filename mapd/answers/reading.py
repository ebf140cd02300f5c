"""The numbers of a text, which of them are results, and the one that a sentence comes to. Pure.

value_of("So there are 145 bananas in each of 2 groups.", read_numbers("290 / 2 = 145 …"))  -> Fraction(145)
"""

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise

from mapd.answers.numbers import OPERATOR_BETWEEN, Number, count_parts, numbers, word_number
from mapd.answers.places import MAX_STATEMENT

# Numbers and equals signs of a sentence that is asked for one number.
_MAX_OF_SENTENCE = 100
_RESULT_BEFORE = re.compile(r"[=≈][ ]*(?:(?:about|approximately|roughly|only|a total of)[ ]+)?$")
_GOES_ON = re.compile(
    r"[ ]*+(?:[^\W\d_][\w'/-]{0,30}+[ ]++){0,6}(?:\([^()=0-9\n]{0,60}+\)[ ]*+)?(?:[-+*/^]|x(?=[ ]?[0-9(]))[ ]*+[0-9(]"
)
_ASIDE = re.compile(r"\([^()\n]{0,200}\)")
_SUBORDINATE = re.compile(
    r",? (?:if|so that|to have|after|before|because|since|when|than|out of|compared|instead|not|for each|in each|per"
    r"|with|from the|as|and still|on the|over the|within|who|which|that)\b",
    re.IGNORECASE,
)
_CALCULATED_BEHIND = re.compile(r"[^=]*=(?:[-+*/^().,0-9 ]|x(?= ?[0-9(]))+")  # "18 = 9 * 2", "18 (= 9 * 2)"
_SOLVES = re.compile(r" ?= ?[a-z](?![\w(])(?! ?[-+*/])")  # "4 = x"
_OPERATOR_END = re.compile(r"[-+*/(]\s*$")
_COORDINATED = re.compile(r"[^0-9]{0,80}\band (?:the )?$", re.IGNORECASE)
_ENDS_IN_TOTAL = re.compile(
    r", (?:for|making|giving|which is) a total of [^0-9]{0,10}[0-9][0-9.,]*+[^0-9]*+$", re.IGNORECASE
)
_CONDITION = re.compile(
    r"[\s\W]*(?:(?:so|therefore|thus|hence)\b\W+)?(?:even if|since|if|given|as|because|when|with|after|before|although"
    r"|while)\b[^,]{1,200},(?![0-9])",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class NumberReading:
    """The numbers of a text, and which of them are results: stand behind "=" and aren't calculated with at once."""

    plain: str
    numbers: list[Number]
    results: list[Number]

    def inside(self, start: int, end: int) -> list[Number]:
        """Return the numbers that stand in plain[start:end]."""
        first = bisect_left(self.numbers, start, key=lambda n: n.start)
        return self.numbers[first : bisect_right(self.numbers, end, key=lambda n: n.end)]

    def result_before(self, end: int) -> Number | None:
        """Return the last result before a position."""
        return next((result for result in reversed(self.results) if result.start < end), None)

    @cached_property
    def _last_use(self) -> dict[Fraction, int]:
        """Return where each value is last calculated with."""
        uses: dict[Fraction, int] = {}
        for n in self.numbers:
            uses.update(dict.fromkeys(n.parts, n.start))
            if n.value is not None and (
                _OPERATOR_END.search(self.plain, max(0, n.start - 4), n.start) or _GOES_ON.match(self.plain, n.end)
            ):
                uses[n.value] = n.start
        return uses

    def is_used(self, result: Number) -> bool:
        """Return whether a number is calculated with further on: then it is a step, not an answer beside another."""
        return result.value is not None and self._last_use.get(result.value, -1) > result.start

    def is_lonely(self, value: Fraction | None) -> bool:
        """Return whether a result stands beside the value, neither of them made from the other."""
        return any(r.value != value and not self.is_used(r) for r in self.results)


def read_numbers(plain: str) -> NumberReading:
    """Return the numbers and results of a blanked text."""
    numbers_ = list(numbers(plain))
    return NumberReading(plain, numbers_, [n for n in numbers_ if _is_result(plain, n)])


def _is_result(plain: str, number: Number) -> bool:
    if _RESULT_BEFORE.search(plain, max(0, number.start - 30), number.start):
        return not _GOES_ON.match(plain, number.end)
    return bool(_SOLVES.match(plain, number.end)) and not _OPERATOR_END.search(
        plain, max(0, number.start - 4), number.start
    )


def value_of(sentence: str, reading: NumberReading | None) -> Fraction | None:
    """Return the number that a sentence gives as the answer, None if there are several and nothing tells which."""
    if count_parts(sentence) > _MAX_OF_SENTENCE:
        return None
    if "=" in sentence or "≈" in sentence:
        equation = read_numbers(sentence)
        if not equation.results and _CALCULATED_BEHIND.fullmatch(sentence):
            return _only_number(sentence.partition("=")[0])
        value = equation.results[-1].value if equation.results else None
        return None if equation.is_lonely(value) else value
    main_text = _ASIDE.sub(lambda m: " " * len(m[0]), sentence)
    candidates = list(numbers(main_text)) or list(numbers(sentence))
    if not candidates:
        return None if any(map(str.isdigit, sentence)) else _counted_in_words(sentence)
    if any(OPERATOR_BETWEEN.fullmatch(main_text, a.end, b.start) for a, b in pairwise(candidates)):
        return None
    # "even if he studies for 86 days, the time remains the same"
    if (condition := _CONDITION.match(main_text)) and not any(n.start >= condition.end() for n in candidates):
        return None
    values = {number.value for number in candidates}
    return values.pop() if len(values) == 1 else _choose_number(main_text, candidates, reading)


def _choose_number(sentence: str, candidates: list[Number], reading: NumberReading | None) -> Fraction | None:
    """Return of several numbers the one that was just calculated, else the only one of the main clause."""
    for a, b in pairwise(candidates):
        # "8 planks for the walls and 592 nails"
        if a.value != b.value and _COORDINATED.fullmatch(sentence, a.end, b.start):
            return None
    values = {number.value for number in candidates}
    results = [] if reading is None else [r for r in reading.results if r.value in values and r.value is not None]
    if reading is not None and results:
        last = results[-1].value
        return last if all(reading.is_used(r) for r in results if r.value != last) else None
    if (
        reading is not None
        and reading.results
        and (rounded_value := rounded_in(values, reading.results[-1].value)) is not None
    ):
        return rounded_value
    if total := _ENDS_IN_TOTAL.search(sentence):
        return _only_number(sentence[total.start() :])
    if condition := _CONDITION.match(sentence):
        return _only_number(sentence[condition.end() :])
    cut = _SUBORDINATE.search(sentence)
    return _only_number(sentence[: cut.start()]) if cut else None


def _only_number(part: str) -> Fraction | None:
    values = {number.value for number in numbers(part)}
    return values.pop() if len(values) == 1 else None


def rounded_in(values: set[Fraction | None], result: Fraction | None) -> Fraction | None:
    """Return the whole number next to a result that has decimals: "0.62 … so there was 1 flower bed"."""
    if result is None or result.denominator == 1:
        return None
    neighbours = {Fraction(n) for n in (result.__floor__(), result.__ceil__())} & values
    return next(iter(neighbours)) if len(neighbours) == 1 else None


def _counted_in_words(sentence: str) -> Fraction | None:
    value = word_number(sentence) if len(sentence) <= MAX_STATEMENT else None
    # "one of the boys" counts nothing
    return None if value == 1 and len(sentence.split()) > 3 else value
