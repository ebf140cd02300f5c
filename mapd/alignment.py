"""Which step of the student's answer a feedback criticises: found in both texts, and checked. Pure.

    align("65 + 7 = 72. Answer: 72", "The student added 7 and 65, but should subtract.")
    -> Alignment(step_exists=HOLDS, at_first_false=NOTHING, parts=(AlignedPart(0, 26, (0, 11)),))

| check | holds | fails | nothing to check |
|---|---|---|---|
| `step_exists` | each step that the feedback tells of is in the answer | one isn't | it tells of none |
| `at_first_false` | a criticised step is the answer's first false equation | none is | no equation is false |

Exact matches come first (words, numbers, signs), then similar words (rapidfuzz). What is told without a number or a
quotation can be found, and not missed: a false alarm costs more trust than a silent one.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import combinations, islice
from math import prod
from typing import Literal, NamedTuple

from rapidfuzz import fuzz, process

from mapd.answers.limits import name_limit
from mapd.answers.markup import blank_markup
from mapd.answers.numbers import numbers
from mapd.answers.places import Sentence, split_sentences
from mapd.calculations import Calculation, Span, read_calculations
from mapd.checks import MAX_EXPLANATION, SHORT, CheckRecord, State
from mapd.criticisms import Criticism, read_criticisms
from mapd.equations import read_equations

# What a search for a step returns: where it stands, () where it isn't in the answer, None where that can't be said.
Finding = Span | tuple[()] | None
# Sentences and lines of an answer that are looked at.
MOST_SENTENCES = 300
# Numbers of one criticism that are calculated with, and pairs of them.
MOST_OPERANDS, MOST_PAIRS = 6, 20
# Characters of a sentence that is marked whole around a number, and of those that are compared.
LONGEST_STEP, LONGEST_COMPARED = 160, 600
# Of 100: how similar a quotation and a paraphrase are to their sentence; chosen on feedbacks that aren't measured.
QUOTE_LIKENESS, PARAPHRASE_LIKENESS = 85, 60
# Similar sentences that are looked at; what calculates counts as so much more similar.
MOST_MATCHES, CALCULATES = 8, 20
# Words of most feedbacks and answers, which tell no step from another.
_COMMON = frozenset(
    "the a an of to in and or is was are were be been it its that this they their them he his she her you your we"
    " student students answer answers mistake mistakes error errors incorrect incorrectly wrong wrongly made"
    " make has have had because by for on with from as at how many much then so also not calculated calculating"
    " calculation calculate number numbers there which seems like question".split()
)
STEP_WORDS = {
    State.HOLDS: "criticises a step of the answer",
    State.FAILS: "criticises what isn’t in the answer",
    State.NOTHING: "names no step to look for",
}
FIRST_WORDS = {
    State.HOLDS: "at the answer’s first false equation",
    State.FAILS: "passes over the answer’s first false equation",
}
_LETTERS = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True, slots=True)
class AlignedPart:
    """A criticism, feedback[start:end], and its step, answer[step[0]:step[1]]; None where it isn't in the answer."""

    start: int
    end: int
    step: Span | None


class StepCheck(NamedTuple):
    """A check of a feedback beside the answer, with its state in words."""

    name: Literal["step_exists", "at_first_false"]
    state: State
    words: str


class StepStates(NamedTuple):
    """The states of the two checks."""

    step_exists: State
    at_first_false: State


@dataclass(frozen=True, slots=True)
class Alignment:
    """What a feedback criticises in an answer. `limit`: why the texts were not read."""

    step_exists: State = State.NOTHING
    at_first_false: State = State.NOTHING
    parts: tuple[AlignedPart, ...] = ()
    first_false: Span | None = None
    limit: str = ""

    @property
    def steps(self) -> tuple[Span, ...]:
        """Return the criticised steps of the answer, each once, in its order."""
        return tuple(sorted({part.step for part in self.parts if part.step is not None}))

    @property
    def checks(self) -> list[StepCheck]:
        """Return the checks; the second only where it says something, for most answers have no false equation."""
        checks = [StepCheck("step_exists", self.step_exists, STEP_WORDS[self.step_exists])]
        if self.at_first_false is not State.NOTHING:
            checks.append(StepCheck("at_first_false", self.at_first_false, FIRST_WORDS[self.at_first_false]))
        return checks

    @property
    def skipped(self) -> Span | None:
        """Return the answer's first false equation where the feedback passes over it."""
        return self.first_false if self.at_first_false is State.FAILS else None


def align(answer: str, feedback: str) -> Alignment:
    """Return which steps of a student's answer a feedback criticises, and whether they are there. Cached."""
    return (_align if len(answer) + len(feedback) <= SHORT else _align_long)(answer, feedback)


def read_steps(answer: str, feedback: str, record: CheckRecord | None = None) -> StepStates:
    """Return what the checks say of a feedback's steps; from its record, where there is one, without reading it."""
    source = record or align(answer, feedback)
    return StepStates(source.step_exists, source.at_first_false)


@lru_cache(maxsize=16_384)
def _align(answer: str, feedback: str) -> Alignment:
    if limit := name_limit(answer, MAX_EXPLANATION) or name_limit(feedback, MAX_EXPLANATION):
        return Alignment(limit=limit)
    steps = _read_steps(answer)
    criticisms = [criticism for criticism in read_criticisms(feedback) if _tells_something(criticism)]
    parts = {part for criticism in criticisms if (part := steps.find_part(criticism)) is not None}
    # One that isn't found may be of the first false equation.
    are_found = len({(part.start, part.end) for part in parts}) == len(criticisms)
    parts |= set(_find_corrections(steps, feedback))
    return Alignment(
        step_exists=_check_existence(parts),
        at_first_false=_check_first(parts, steps.first_false, are_found),
        parts=tuple(sorted(parts, key=lambda part: (part.start, part.end, part.step or ()))),
        first_false=steps.first_false,
    )


_align_long = lru_cache(maxsize=64)(_align.__wrapped__)


def _check_existence(parts: set[AlignedPart]) -> State:
    if any(part.step is None for part in parts):
        return State.FAILS
    return State.HOLDS if parts else State.NOTHING


def _check_first(parts: set[AlignedPart], false: Span | None, are_found: bool) -> State:
    steps = [part.step for part in parts if part.step is not None]
    if false is None or not steps:
        return State.NOTHING
    if any(start < false[1] and false[0] < end for start, end in steps):
        return State.HOLDS
    return State.FAILS if are_found else State.NOTHING


def _tells_something(criticism: Criticism) -> bool:
    # "The student's answer is incorrect" names nothing to look for.
    return bool(criticism.operator or criticism.results or criticism.quotes or list_words(criticism.text))


def list_words(text: str) -> str:
    """Return the words by which a sentence can be told from others."""
    return " ".join(w for w in _LETTERS.findall(text[:LONGEST_COMPARED].lower()) if w not in _COMMON)


# --- The steps of an answer ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Steps:
    """The steps of an answer, to find a criticism among them."""

    answer: str

    @cached_property
    def plain(self) -> str:
        return blank_markup(self.answer)

    @cached_property
    def sentences(self) -> list[Sentence]:
        return split_sentences(self.plain)[:MOST_SENTENCES]

    @cached_property
    def words(self) -> list[str]:
        """Return the sentences' words; none of a sentence that has but one."""
        return [words if " " in (words := list_words(sentence.text)) else "" for sentence in self.sentences]

    @cached_property
    def calculations(self) -> list[Calculation]:
        return read_calculations(self.plain)

    @cached_property
    def places(self) -> dict[Fraction, Span]:
        """Return by value where it stands last; a negative number by its size."""
        return {abs(n.value): (n.start, n.end) for n in numbers(self.plain) if n.value is not None}

    @cached_property
    def first_false(self) -> Span | None:
        equations, _ = read_equations(self.answer)
        return next(((e.start, e.end) for e in equations if not e.true), None)

    def find_part(self, criticism: Criticism) -> AlignedPart | None:
        """Return the criticism with its step; None where nothing can be said of it."""
        # Nothing is in an empty answer.
        step: Finding = None if self.sentences else ()
        searches: tuple[Callable[[Criticism], Finding], ...] = (
            self._find_quotation,
            self._find_equation,
            self._find_calculation,
            self._find_result,
            self._find_paraphrase,
        )
        for search in searches:
            step = search(criticism) if step is None else step
        if step is None or not (step or criticism.is_sure):
            return None
        return AlignedPart(criticism.start, criticism.end, step or None)

    def _find_quotation(self, criticism: Criticism) -> Finding:
        texts = [sentence.text for sentence in self.sentences]
        for quote in criticism.quotes:
            words = quote.strip(" .,;:…$")
            if not words:
                continue
            if exact := re.search(re.escape(words), self.answer, re.IGNORECASE):
                return exact.span()
            match = process.extractOne(words, texts, scorer=fuzz.partial_ratio, score_cutoff=QUOTE_LIKENESS)
            return () if match is None else _trim(self.sentences[match[2]])
        return None

    def _find_equation(self, criticism: Criticism) -> Finding:
        """Look for a calculation that the criticism writes out: "2 - 1 = 1"."""
        for own in read_calculations(blank_markup(criticism.text)):
            alike = [c for c in self.calculations if c.holds(own.operands) and set(own.operators) <= set(c.operators)]
            alike.sort(key=lambda c: ((c.operators, c.operands) != (own.operators, own.operands), len(c.operands)))
            if alike:
                return alike[0].span
            if any(value not in self.places for value in (*own.operands, *own.results)):
                return ()
        return None

    def _find_calculation(self, criticism: Criticism) -> Finding:
        """Look for a calculation that the criticism tells in words: "added 7 and 65 to get 72"."""
        sign, operands = criticism.operator, criticism.operands[:MOST_OPERANDS]
        if not operands:
            return None
        if not sign:
            return self._find_named(criticism)
        alike = [c for c in self.calculations if c.holds(operands)]
        alike.sort(key=lambda c: not set(operands) <= set(c.operands))
        if step := next((c for c in alike if sign in c.operators), None):
            return step.span
        # Of a calculation that isn't shown the answer may have the result.
        for result in (*criticism.results, *_calculate(sign, operands)):
            if result in self.places and result not in operands:
                return self._widen(self.places[result])
        if len(operands) < 2:
            return None
        is_otherwise = any(not c.is_open for c in alike)
        return () if is_otherwise or any(operand not in self.places for operand in operands) else None

    def _find_named(self, criticism: Criticism) -> Finding:
        """Look for the calculation with most of the numbers that a criticism names; words decide between equals."""
        words = list_words(criticism.text)
        named = set(criticism.operands)

        def rank(calculation: Calculation) -> tuple[int, float]:
            shared = len(named & {*calculation.operands, *calculation.results})
            return shared, fuzz.token_set_ratio(words, self._words_around(calculation))

        best = max(self.calculations, key=rank, default=None)
        return best.span if best is not None and rank(best)[0] else None

    def _find_result(self, criticism: Criticism) -> Finding:
        for result in reversed(criticism.results):
            if result in self.places:
                return self._widen(self.places[result])
        return () if criticism.results else None

    def _find_paraphrase(self, criticism: Criticism) -> Finding:
        words = list_words(criticism.text)
        if not criticism.operator:
            return self._find_similar(words)
        alike = [c for c in self.calculations if criticism.operator in c.operators]
        best = max(alike, key=lambda c: fuzz.token_set_ratio(words, self._words_around(c)), default=None)
        # A sentence of the same words that doesn't calculate so is no such step.
        return None if best is None else best.span

    def _find_similar(self, words: str) -> Finding:
        # A single word is in many sentences.
        if " " not in words:
            return None
        matches = process.extract(
            words, self.words, scorer=fuzz.token_set_ratio, score_cutoff=PARAPHRASE_LIKENESS, limit=MOST_MATCHES
        )
        # Of similar sentences it is the one that calculates, not the one that announces it.
        best = max(matches, key=lambda match: match[1] + CALCULATES * self._calculates(match[2]), default=None)
        if best is None:
            return None
        # "We can set up the equation:" stands before its step.
        announced = best[2] + 1 if self.sentences[best[2]].text.rstrip().endswith(":") else best[2]
        return _trim(self.sentences[min(announced, len(self.sentences) - 1)])

    def _calculates(self, number: int) -> bool:
        sentence = self.sentences[number]
        return any(sentence.start <= c.start < sentence.end for c in self.calculations)

    def _words_around(self, calculation: Calculation) -> str:
        places = zip(self.sentences, self.words, strict=True)
        return next((words for s, words in places if s.start <= calculation.start < s.end), "")

    def _widen(self, place: Span) -> Span:
        """Return the calculation around a number; where there is none, its sentence, or the number in a long one."""
        if around := next((c for c in self.calculations if c.start <= place[0] and place[1] <= c.end), None):
            return around.span
        sentence = next((s for s in self.sentences if s.start <= place[0] < s.end), None)
        return place if sentence is None or len(sentence.text) > LONGEST_STEP else _trim(sentence)


# Several teachers write on one answer.
@lru_cache(maxsize=64)
def _read_steps(answer: str) -> _Steps:
    return _Steps(answer)


def _trim(sentence: Sentence) -> Span:
    words = sentence.text.strip()
    start = sentence.start + sentence.text.index(words)
    return start, start + len(words)


def _calculate(sign: str, operands: Sequence[Fraction]) -> Iterator[Fraction]:
    """Yield what numbers may come to: all of them added or multiplied, or two of them in either order."""
    if len(operands) < 2:
        return
    if sign == "+":
        yield sum(operands, Fraction(0))
    if sign == "*":
        yield Fraction(prod(operands))
    for first, second in islice(combinations(operands, 2), MOST_PAIRS):
        if sign == "-":
            yield abs(first - second)
        if sign == "/" and first and second:
            yield from (first / second, second / first)


def _find_corrections(steps: _Steps, feedback: str) -> Iterator[AlignedPart]:
    """Yield the steps that the feedback calculates again, with another result."""
    of_answer = {(c.operators, c.operands): c for c in reversed(steps.calculations) if c.results}
    if not of_answer:
        return
    for own in read_calculations(blank_markup(feedback)):
        step = of_answer.get((own.operators, own.operands))
        if step is not None and own.results and not set(own.results) & set(step.results):
            yield AlignedPart(own.start, own.end, step.span)
