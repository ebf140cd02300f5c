"""Check a teacher's text without asking anybody. Three states; pure, no I/O.

check_rationale("290 / 2 = 145. For the oranges 87 / 93 = 0.92", gold "145")
-> its answer: ambiguous, so nothing to compare; equations fail (87 / 93 is 0.94); shows work
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import islice

from mapd.answers.grading import Task, answers_equal, extract_answer
from mapd.answers.limits import name_limit
from mapd.answers.markup import blank_markup
from mapd.answers.numbers import numbers
from mapd.equations import Equation, read_equations
from mapd.gold_statements import is_quoted, states_gold


class State(StrEnum):
    """The result of a check; NOTHING = there was nothing to check."""

    HOLDS = "holds"
    FAILS = "fails"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class RationaleChecks:
    """A rationale's own final answer and what the checks say about it; `limit`: why something was not read."""

    answer: str | None
    matches_gold: State
    equations_true: State
    false_steps: int
    shows_work: State
    limit: str = ""


@dataclass(frozen=True, slots=True)
class FeedbackChecks:
    """What the checks say about a feedback; `limit`: why something was not read."""

    states_gold: State
    equations_true: State
    false_steps: int
    limit: str = ""


@dataclass(frozen=True, slots=True)
class CheckRecord:
    """What the checks say of a text beside a gold answer, as it is written down: reading takes longer than deciding.

    `step_exists` and `at_first_false` are a feedback's beside the student's answer (alignment.py).
    """

    gold: str
    checks: RationaleChecks | FeedbackChecks
    step_exists: State = State.NOTHING
    at_first_false: State = State.NOTHING


# Raise it whenever a check says something else of any text, so whenever a reader of texts changes: what was written
# down is then worked out again. Verdicts rest on it, and what is frozen.
CHECKS_VERSION = 1

# --- The checks ------------------------------------------------------------------------------------------------------


def check_rationale(text: str, gold: str, task: Task, options: Sequence[str] = ()) -> RationaleChecks:
    """Return whether a rationale's answer is the gold, its equations are true, and it shows work. Cached."""
    check = _check_rationale if len(text) <= SHORT else _check_long_rationale
    return check(text, gold, task, tuple(options))


# A card asks twice for each of its texts.
@lru_cache(maxsize=256)
def list_equations(kind: str, text: str) -> tuple[Equation, ...]:
    """Return the equations of a text that are checked, with their places; a feedback's quoted false ones aren't."""
    equations_, _ = ((), "") if name_limit(text, MAX_EXPLANATION) else read_equations(text)
    return equations_ if kind == "rationale" else _drop_quoted(text, equations_)


def check_feedback(text: str, gold: str, task: Task, options: Sequence[str] = ()) -> FeedbackChecks:
    """Return whether a feedback states the gold answer as the right one, and its own equations are true. Cached."""
    check = _check_feedback if len(text) <= SHORT else _check_long_feedback
    return check(text, gold, task, tuple(options))


# Characters of a text that is checked: it is read like an answer (limits.MAX_TEXT), and checked besides.
MAX_EXPLANATION = 60_000
# Characters; of longer texts fewer checks are kept, for a cache holds the texts themselves.
SHORT = 20_000


@lru_cache(maxsize=16_384)
def _check_rationale(text: str, gold: str, task: Task, options: tuple[str, ...]) -> RationaleChecks:
    if limit := name_limit(text, MAX_EXPLANATION):
        return RationaleChecks(None, State.NOTHING, State.NOTHING, 0, State.NOTHING, limit)
    answer = extract_answer(text, task, options)
    matches = _state(None if answer is None else answers_equal(answer, gold, task, options))
    equations_, limit = read_equations(text)
    state, false_steps = _sum_up(equations_, limit)
    return RationaleChecks(answer, matches, state, false_steps, _shows_work(text, task), limit)


@lru_cache(maxsize=16_384)
def _check_feedback(text: str, gold: str, task: Task, options: tuple[str, ...]) -> FeedbackChecks:
    if limit := name_limit(text, MAX_EXPLANATION):
        return FeedbackChecks(State.NOTHING, State.NOTHING, 0, limit)
    equations_, limit = read_equations(text)
    state, false_steps = _sum_up(_drop_quoted(text, equations_), limit)
    return FeedbackChecks(_state(states_gold(text, gold, task, options)), state, false_steps, limit)


_check_long_rationale = lru_cache(maxsize=64)(_check_rationale.__wrapped__)
_check_long_feedback = lru_cache(maxsize=64)(_check_feedback.__wrapped__)


def _drop_quoted(text: str, equations_: tuple[Equation, ...]) -> tuple[Equation, ...]:
    # A false step that a feedback quotes ("the student incorrectly wrote 2 + 2 = 5") is not its own.
    plain = blank_markup(text) if equations_ else ""
    return tuple(e for e in equations_ if e.true or not is_quoted(plain, e))


def _state(holds: bool | None) -> State:
    return State.NOTHING if holds is None else State.HOLDS if holds else State.FAILS


def _sum_up(equations_: tuple[Equation, ...], limit: str) -> tuple[State, int]:
    # A false step counts even where the rest was not read, true ones don't.
    false_steps = sum(not equation.true for equation in equations_)
    if false_steps:
        return State.FAILS, false_steps
    return (State.HOLDS if equations_ and not limit else State.NOTHING), 0


# --- Shows work ------------------------------------------------------------------------------------------------------

_SENTENCE = re.compile(r"[^.!?\n]++(?:\.[0-9][^.!?\n]*+)*+")
_SHORTEST = len("a b c d")  # a sentence of four words
_LETTER = re.compile(r"[^\W\d_]")
_ALPHANUMERIC = re.compile(r"[^\W_]")
# An operand, the words of its unit, an operator, an operand: "5 red apples + 3".
_CALCULATION = re.compile(
    r"[0-9)%][ ]*+(?:[^\W\d_][\w'/-]{0,30}+[ ]++){0,6}(?:\([^()=0-9\n]{0,60}+\)[ ]*+)?"
    r"(?:[-+*/]|[xX]|times|plus|minus|(?:divided|multiplied) (?:by|into))[ ]*[0-9(]"
)
_REASONS = re.compile(
    r"\b(?:because|since|so|thus|therefore|hence|means|add\w*|subtract\w*|multipl\w*|divid\w*|sum|difference|if|then"
    r"|given|not|each)\b",
    re.IGNORECASE,
)
_GIVES_REASON = re.compile(r"\b(?:because|since|as|if|given)\b", re.IGNORECASE)


def _shows_work(text: str, task: Task) -> State:
    """Return whether a text calculates, or reasons in sentences beside the one that states the answer."""
    if not _ALPHANUMERIC.search(text):
        return State.NOTHING
    plain = blank_markup(text)
    if task is Task.NUMERIC and _CALCULATION.search(plain):
        return State.HOLDS
    sentences = list(islice(_whole_sentences(plain), 3))
    if task is not Task.NUMERIC:
        return State.HOLDS if len(sentences) >= 2 or _reasons_in_one(sentences) else State.FAILS
    # "Since she has 20 marbles, she can make 5 groups of 4": two givens and what follows.
    if len(sentences) == 1:
        reasons = _GIVES_REASON.search(sentences[0]) and len(list(numbers(plain))) >= 3
        return State.HOLDS if reasons else State.FAILS
    return State.HOLDS if len(sentences) >= 3 or any(map(_REASONS.search, sentences)) else State.FAILS


def _whole_sentences(plain: str) -> Iterator[str]:
    # Of four words or more; a decimal point ends no sentence, and what has no letter begins none.
    for match in _SENTENCE.finditer(plain):
        start, end = match.span()
        if end - start < _SHORTEST:
            continue
        letter = _LETTER.search(plain, start, end)
        if letter is None:
            continue
        sentence = plain[plain.rfind(".", start, letter.start()) + 1 or start : end]
        if len(sentence.split(maxsplit=4)) >= 4:
            yield sentence


def _reasons_in_one(sentences: list[str]) -> bool:
    # "Yes, because Rome is older than Paris."
    return any(len(s.split()) >= 6 and re.search(r"\b(?:because|since|as|so)\b", s, re.IGNORECASE) for s in sentences)
