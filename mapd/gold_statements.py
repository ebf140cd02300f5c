"""Whether a feedback states the gold answer as the right one, and which of its steps it only quotes. Pure.

    "The student wrote 72. The correct answer is 145." against 145 -> True; against 72 -> False

A number that a text rejects ("not 72", "the student's answer of 72") is never its answer.
"""

import re
from bisect import bisect_left
from collections import deque
from fractions import Fraction
from itertools import takewhile

from mapd.answers.grading import Task, answers_equal, extract_answer
from mapd.answers.markup import blank_markup
from mapd.answers.numbers import Number, numbers, parse_number
from mapd.answers.places import CONCLUDES, Sentence, split_sentences
from mapd.answers.reading import NumberReading, read_numbers, value_of
from mapd.equations import Equation

# What a text calls the student's answer is blanked before its own answer is read.
_OTHERS_ANSWER = re.compile(
    r"\b(?:students?'?s?|your|given|provided|their)\s+(?:(?!correct)\w+\s+){0,2}answer\b(?! should)[^.\n,]{0,300}",
    re.IGNORECASE,
)
_CORRECT_ANSWER = re.compile(
    r"\b(?:(?:correct(?:ed)?|right|actual|final|true|accurate|proper)\s+(?:final\s+)?(?:answer|solution|result)"
    r"(?:\s{1,9}(?:to|for|in|given|provided|stated)\b[^.\n=,]{0,100}?)?\s{0,9}(?:\b(?:is|should|would|was|of|as)\b|:)"
    r"|answer\s+(?:to [^.\n0-9]{0,40} )?(?:should|would|must)\b)",
    re.IGNORECASE,
)
_RIGHT_VALUE = re.compile(
    r"(?:[=≈]|\b(?:equals?|equal to|results? in|resulting in|giv(?:es|ing)|to get|yields?|(?:which"
    r"|that) (?:is|means|would be)|find that|gives? (?:us|them|you|her|him)|mak(?:es|ing)"
    r"|total(?:s|ing|ling)?|adds? up to|leav(?:es|ing)|should be|should have been|is indeed|correct \w+ (?:is|of)"
    r"|(?:exact|actual) \w+ [^.0-9]{0,90}is))[^0-9.,=]{0,40}$",
    re.IGNORECASE,
)
_REJECTED = re.compile(
    r"\b(?:not\s+(?:\w+\s+){0,2}"
    r"|(?:instead of|rather than|(?<!correct )answer of|answered|wrote|concluded|claimed|got)\b[^,.;:0-9]{0,40}"
    r"|(?:student's|students'|your|their)\s+(?:\w+\s+){0,3}(?:is|was|of|being)\b[^,.;:0-9]{0,15})$",
    re.IGNORECASE,
)
# The words that the two patterns above may begin with: each is tried there alone, not at every character.
_RIGHT_HEAD = re.compile(
    r"[=≈]|\b(?:equal|result|giv|to get|yield|which|that|find|mak|total|add|leav|should|is indeed"
    r"|correct|exact|actual)",
    re.IGNORECASE,
)
_REJECTED_HEAD = re.compile(
    r"\b(?:not|instead|rather|answer|wrote|concluded|claimed|got|student's|students'|your|their)", re.IGNORECASE
)
# The last ones count: without a bound a long text of marks would take long.
_MAX_MARKS = 50
_BLAMES = re.compile(r"\b(?:incorrect\w*|mistake\w*|wrong\w*|error\w*|misunder\w*)\b", re.IGNORECASE)
# A sentence with these tells of the student: its numbers may be the student's.
_SPEAKS_OF_STUDENT = re.compile(r"\b(?:(?:the|this|that) student|student's|you|your|they|their)\b", re.IGNORECASE)
# Behind these a text speaks for itself again: "you added, but should subtract".
_TURNS = re.compile(r"\b(?:should|correct|but|however|need(?:s|ed)? to|actual(?:ly)?|in fact)\b", re.IGNORECASE)
# Behind these a text explains its result, and may name other numbers.
_EXPLAINING_CLAUSE = re.compile(
    r",? (?:which|because|since|as|(?<!divided )(?<!multiplied )by|that is|after|calculated)\b|,? not\b"
    r"|[.;](?![0-9])|\n\s*\n",
    re.IGNORECASE,
)


def states_gold(text: str, gold: str, task: Task, options: tuple[str, ...]) -> bool | None:
    """Return whether a text states the gold as the right answer; None where it states no answer."""
    value = parse_number(gold) if task is Task.NUMERIC else None
    if value is not None:
        return _states_number(blank_markup(text), value)
    answer = extract_answer(_OTHERS_ANSWER.sub(lambda m: " " * len(m[0]), text), task, options)
    if answer is None:
        return None
    return answers_equal(answer, gold, task, options)


def _states_number(plain: str, gold: Fraction) -> bool | None:
    """Return whether a text gives the gold as what it calls correct, concludes or calculates; never as rejected."""
    reading, sentences = read_numbers(plain), split_sentences(plain)
    rejections = _Leads(plain, _REJECTED, _REJECTED_HEAD, 80)
    candidates = [n for s in sentences for n in _drop_rejected(reading, s, rejections)]
    marks = deque(_CORRECT_ANSWER.finditer(plain), _MAX_MARKS)
    correct_values = {value for m in marks for value in _read_correct_values(plain, m.end(), candidates)}
    headings = [m for m in marks if _is_heading(plain, m.end())]
    correct_values |= _read_heading(plain[headings[-1].end() :]) if headings else set()
    conclusion, at = _read_conclusion(sentences, reading)
    right_leads = _Leads(plain, _RIGHT_VALUE, _RIGHT_HEAD, 120)
    derived_values = {n.value for n in candidates if n.start > at and right_leads.to(n)}
    if gold in correct_values | derived_values | {conclusion, _last_word(sentences, reading)}:
        return True
    return False if correct_values or derived_values or conclusion is not None else None


def _last_word(sentences: list[Sentence], reading: NumberReading) -> Fraction | None:
    # "he would have 1 bag, not 3": what explains the result stands behind it.
    last = sentences[-1].text if sentences else ""
    if _SPEAKS_OF_STUDENT.search(last):
        return None
    clause = _EXPLAINING_CLAUSE.search(last)
    return value_of(last[: clause.start()] if clause else last, reading)


def _is_heading(plain: str, at: int) -> bool:
    return not plain[at : at + 200].split("\n")[0].strip(" :")


def _read_correct_values(plain: str, at: int, candidates: list[Number]) -> list[Fraction | None]:
    """Return the numbers of the clause behind "the correct answer is"; of a calculation its result."""
    if _is_heading(plain, at):
        return []
    stop = min(len(plain), at + 300)
    first = bisect_left(candidates, at, key=lambda n: n.start)
    clause_numbers = list(takewhile(lambda n: n.end <= stop, candidates[first:]))
    for clause in _EXPLAINING_CLAUSE.finditer(plain, at, stop):
        if clause[0].strip(" .;") == "" or any(n.end <= clause.start() for n in clause_numbers):
            clause_numbers = [n for n in clause_numbers if n.end <= clause.start()]
            stop = clause.start()
            break
    sign = max(plain.rfind("=", at, stop), plain.rfind("≈", at, stop))
    return [n.value for n in clause_numbers if sign <= n.start]


def _read_heading(section: str) -> set[Fraction | None]:
    """Return what stands under the last "Correct answer:": its final answer, or labelled numbers ("Bananas: 145")."""
    answer = extract_answer(section, Task.NUMERIC)
    if answer is not None:
        return {parse_number(answer)}
    return {n.value for n in numbers(section) if section[max(0, n.start - 20) : n.start].rstrip().endswith(":")}


def _read_conclusion(sentences: list[Sentence], reading: NumberReading) -> tuple[Fraction | None, int]:
    """Return what the last sentence with "therefore" comes to, and where it ends."""
    for sentence in reversed(sentences):
        if not CONCLUDES.match(sentence.text):
            continue
        # "So your answer is wrong" concludes nothing of its own.
        if _SPEAKS_OF_STUDENT.search(sentence.text) and _BLAMES.search(sentence.text):
            continue
        clause = _EXPLAINING_CLAUSE.search(sentence.text)
        for text in (sentence.text[: clause.start()], sentence.text) if clause else (sentence.text,):
            if (value := value_of(text, reading)) is not None:
                return value, sentence.end
    return None, -1


class _Leads:
    """What leads up to a number: a pattern that ends right before it. Numbers are asked about in their order."""

    def __init__(self, plain: str, pattern: re.Pattern[str], head: re.Pattern[str], reach: int) -> None:
        # `head` is how the pattern begins: so no character is looked at twice, however many numbers there are.
        self.plain, self.pattern, self.head, self.reach = plain, pattern, head, reach
        self.heads: list[int] = []
        self.read = 0

    def to(self, number: Number, first: int = 0) -> bool:
        """Return whether the pattern stands before the number, no farther than its reach and not before `first`."""
        first = max(first, number.start - self.reach)
        unread = self.head.finditer(self.plain, max(first, self.read), number.start)
        self.heads += [match.start() for match in unread]
        self.read = number.start
        candidates = self.heads[bisect_left(self.heads, first) :]
        return any(self.pattern.match(self.plain, at, number.start) for at in candidates)


def _drop_rejected(reading: NumberReading, sentence: Sentence, rejections: _Leads) -> list[Number]:
    """Return a sentence's numbers without those that it rejects: "not 72", "the student's answer of 72"."""
    # Of "the student incorrectly added 7 and 65, but should …" only what stands behind the turn is the text's own.
    inside = reading.inside(sentence.start, sentence.end)
    if inside and _SPEAKS_OF_STUDENT.search(sentence.text) and _BLAMES.search(sentence.text):
        turn = _TURNS.search(sentence.text)
        inside = [n for n in inside if turn is not None and n.start >= sentence.start + turn.start()]
    return [n for n in inside if not rejections.to(n, sentence.start)]


def is_quoted(plain: str, equation: Equation) -> bool:
    """Return whether a false step is told of the student."""
    # Behind "but the correct calculation is" a step is the text's own.
    first = max(0, equation.start - 500)
    start = max(plain.rfind(end, first, equation.start) for end in (". ", "\n")) + 1
    lead = plain[max(start, first) : equation.start]
    return bool(_SPEAKS_OF_STUDENT.search(lead)) and not _TURNS.search(lead)
