"""What can be checked about a teacher's text without asking anybody. Three states; pure, no I/O.

    check_rationale("290 / 2 = 145. For the oranges 87 / 93 = 0.92", gold "145")
    -> its answer: ambiguous, so nothing to compare; equations fail (87 / 93 is 0.94); shows work

Only closed arithmetic is read: `290 bananas / 2 groups = 145 bananas`, `87 ÷ 93 ≈ 0.94`, `17 / 5 = 3 R 2`, chains
`a = b = c`, `<<58+44=102>>`. Algebra (`x - $8 = 17`), labels (`Step 1 = …`), ranges (`3-5 = …`) are nothing to check.
"""

import re
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import islice, takewhile
from typing import NamedTuple

from mapd.answers.grading import Task, answers_equal, extract_answer
from mapd.answers.limits import name_limit
from mapd.answers.markup import blank_markup
from mapd.answers.numbers import Number, numbers, parse_number
from mapd.answers.places import CONCLUDES, Sentence, split_sentences
from mapd.answers.reading import NumberReading, read_numbers, value_of


class State(StrEnum):
    """What a check found; NOTHING = there was nothing to check."""

    HOLDS = "holds"
    FAILS = "fails"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Equation:
    """One step of arithmetic: text[start:end] as it stands, and whether it is true."""

    start: int
    end: int
    text: str
    true: bool


@dataclass(frozen=True, slots=True)
class RationaleChecks:
    """A rationale's own final answer and what the checks say about it; `limit`: why something was not read."""

    answer: str | None
    matches_gold: State
    equations_true: State
    false_steps: int
    shows_work: State
    equations: tuple[Equation, ...]
    limit: str = ""


@dataclass(frozen=True, slots=True)
class FeedbackChecks:
    """What the checks say about a feedback; `limit`: why something was not read."""

    states_gold: State
    equations_true: State
    false_steps: int
    equations: tuple[Equation, ...]
    limit: str = ""


# --- The checks ------------------------------------------------------------------------------------------------------


def check_rationale(text: str, gold: str, task: Task, options: Sequence[str] = ()) -> RationaleChecks:
    """Return whether a rationale's answer is the gold, its equations are true, and it shows work. Cached."""
    check = _check_rationale if len(text) <= SHORT else _check_long_rationale
    return check(text, gold, task, tuple(options))


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
        return RationaleChecks(None, State.NOTHING, State.NOTHING, 0, State.NOTHING, (), limit)
    answer = extract_answer(text, task, options)
    matches = State.NOTHING
    if answer is not None:
        matches = State.HOLDS if answers_equal(answer, gold, task, options) else State.FAILS
    equations_, limit = read_equations(text)
    state, false_steps = _sum_up(equations_, limit)
    return RationaleChecks(answer, matches, state, false_steps, _shows_work(text, task), equations_, limit)


@lru_cache(maxsize=16_384)
def _check_feedback(text: str, gold: str, task: Task, options: tuple[str, ...]) -> FeedbackChecks:
    if limit := name_limit(text, MAX_EXPLANATION):
        return FeedbackChecks(State.NOTHING, State.NOTHING, 0, (), limit)
    equations_, limit = read_equations(text)
    # A false step that the text quotes ("the student incorrectly wrote 2 + 2 = 5") is not its own.
    plain = blank_markup(text) if equations_ else ""
    own_equations = tuple(e for e in equations_ if e.true or not _is_quoted(plain, e))
    state, false_steps = _sum_up(own_equations, limit)
    return FeedbackChecks(_states_gold(text, gold, task, options), state, false_steps, own_equations, limit)


_check_long_rationale = lru_cache(maxsize=64)(_check_rationale.__wrapped__)
_check_long_feedback = lru_cache(maxsize=64)(_check_feedback.__wrapped__)


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
_CALCULATION = re.compile(
    r"[0-9)%][ ]*+(?:[^\W\d_][\w'/-]{0,30}+[ ]++){0,6}(?:\([^()=0-9\n]{0,60}+\)[ ]*+)?"
    r"(?:[-+*/]|[xX]|times|plus|minus|(?:divided|multiplied) (?:by|into))[ ]*[0-9(]"
)
_REASONS = re.compile(
    r"\b(?:because|since|so|thus|therefore|hence|means|add\w*|subtract\w*|multipl\w*|divid\w*|sum"
    r"|difference|if|then|given"
    r"|not|each)\b",
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


# --- States the gold -------------------------------------------------------------------------------------------------

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
_MAX_MARKS = 50
_BLAMES = re.compile(r"\b(?:incorrect\w*|mistake\w*|wrong\w*|error\w*|misunder\w*)\b", re.IGNORECASE)
_SPEAKS_OF_STUDENT = re.compile(r"\b(?:(?:the|this|that) student|student's|you|your|they|their)\b", re.IGNORECASE)
_TURNS = re.compile(r"\b(?:should|correct|but|however|need(?:s|ed)? to|actual(?:ly)?|in fact)\b", re.IGNORECASE)
_EXPLAINING_CLAUSE = re.compile(
    r",? (?:which|because|since|as|(?<!divided )(?<!multiplied )by|that is|after|calculated)\b|,? not\b"
    r"|[.;](?![0-9])|\n\s*\n",
    re.IGNORECASE,
)


def _states_gold(text: str, gold: str, task: Task, options: tuple[str, ...]) -> State:
    value = parse_number(gold) if task is Task.NUMERIC else None
    if value is not None:
        return _states_number(blank_markup(text), value)
    answer = extract_answer(_OTHERS_ANSWER.sub(lambda m: " " * len(m[0]), text), task, options)
    if answer is None:
        return State.NOTHING
    return State.HOLDS if answers_equal(answer, gold, task, options) else State.FAILS


def _states_number(plain: str, gold: Fraction) -> State:
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
        return State.HOLDS
    return State.FAILS if correct_values or derived_values or conclusion is not None else State.NOTHING


def _last_word(sentences: list[Sentence], reading: NumberReading) -> Fraction | None:
    # "he would have 1 bag, not 3": what explains the result stands behind it.
    last = sentences[-1].text if sentences else ""
    if _SPEAKS_OF_STUDENT.search(last):
        return None
    clause = _EXPLAINING_CLAUSE.search(last)
    return value_of(last[: clause.start()] if clause else last, reading)


def _is_heading(plain: str, at: int) -> bool:
    """Return whether "Correct answer:" has a line of its own."""
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


def _is_quoted(plain: str, equation: Equation) -> bool:
    """Return whether a false step is told of the student."""
    # Behind "but the correct calculation is" a step is the text's own.
    first = max(0, equation.start - 500)
    start = max(plain.rfind(end, first, equation.start) for end in (". ", "\n")) + 1
    lead = plain[max(start, first) : equation.start]
    return bool(_SPEAKS_OF_STUDENT.search(lead)) and not _TURNS.search(lead)


# --- Equations: tokens -----------------------------------------------------------------------------------------------

_NUM, _WORD, _OP, _LP, _RP, _EQ, _PCT, _BOUND, _BAD = "num", "word", "op", "(", ")", "=", "%", "|", "bad"
# Words in parentheses: "12 tickets (used)".
_NOTE = "note"
# Words, numbers and signs of a text's lines that hold an equals sign.
MAX_TOKENS = 8_000
# Tokens of one side.
_MAX_SIDE = 60
_MAX_DEPTH = 12
_MAX_BITS = 512
_TOKEN = re.compile(
    r"\s*+(?:(?P<num>\.?[0-9][0-9.,:]*+)"
    r"|(?P<note>\((?=[^()=]{1,80}\))[^\W\d][^()=0-9\n]*\))"
    r"|(?P<word>[^\W\d_][^\W\d]*+(?:['/-][^\W\d_]++)*+)"
    r"|(?P<eq>(?<![<>!=])=(?![>=])|==|≈)"
    r"|(?P<op>\*\*|[-+*/^²³])"
    r"|(?P<lp>[(\[])|(?P<rp>[)\]])|(?P<pct>%)"
    r"|(?P<bound><<|>>|=>|<=|>=|!=|[.,:;?!|\"“”→⇒≠<>≤≥—…])"
    r"|(?P<bad>.))",
    re.DOTALL,
)
_KINDS = {"num": _NUM, "note": _NOTE, "word": _WORD, "eq": _EQ, "op": _OP, "lp": _LP, "rp": _RP, "pct": _PCT}
_PLAIN_NUMBER = re.compile(r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+")
_WORD_OPERATORS = {"times": "*", "plus": "+", "minus": "-", "x": "*"}
_TWO_WORD_OPERATORS = {"divided": "/", "multiplied": "*"}
_UNITS = frozenset("km cm mm dm kg mg ml dl lb lbs oz ft hr hrs in yd".split())
# "3 m" may be three of a variable as well: doubtful.
_LETTER_UNITS = frozenset("gmlhs")
_LETTER_WORDS = _LETTER_UNITS | {"a", "i"}
_OPERAND_NEXT = re.compile(r"\s*+[0-9(.]")
_BY_NEXT = re.compile(r" by(?=\s*+[0-9(])")
_ATTACHED_LETTERS = re.compile(r"[^\W\d_]+")
_CONTINUED = re.compile(r"\n(?=[ ]*[=≈][^=])|(?<=[=≈])\n|(?<=[=≈] )\n")


class _Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int
    # Nothing stands between it and the token before.
    glued: bool


def _split_tokens(line: str, offset: int, most: int) -> list[_Token]:
    """Return a line's tokens, no more than `most`; positions are the text's."""
    out: list[_Token] = []
    end = 0
    while len(out) < most and (match := _TOKEN.match(line, end)):
        group = match.lastgroup or ""
        start, previous_end, text = match.start(group), end, match[group]
        kind, end = _KINDS.get(group, group), match.end()
        if kind == _NUM:
            kind, end = _number_kind(line, start, end)
            text = line[start:end]
        elif kind == _WORD:
            kind, text, end = _word_kind(line, text, end, out)
        glued = bool(out) and previous_end == start
        if glued and kind == _NUM and out[-1].kind == _WORD:
            kind = _BAD  # "A1", "CO2"
        out.append(_Token(kind, text, start + offset, end + offset, glued))
    return out


def _number_kind(line: str, start: int, end: int) -> tuple[str, int]:
    # A number, or something that only looks like one: "10:30", "1,00", "2x", "3rd".
    while line[end - 1] in ".,:":
        end -= 1
    if not _PLAIN_NUMBER.fullmatch(line, start, end) or end - start > 20:
        return _BAD, end
    letters = _ATTACHED_LETTERS.match(line, end)
    if letters is None:
        return (_BAD if line[end : end + 1] in ("_", "√", "π", "°", "\\") else _NUM), end
    word = letters[0].lower()
    if word == "x" and _OPERAND_NEXT.match(line, letters.end()):
        return _NUM, end
    if word in ("st", "nd", "rd", "th"):
        return _WORD, letters.end()
    # "2x", "2Added" are algebra.
    return (_NUM, end) if word in _UNITS | _LETTER_UNITS else (_BAD, letters.end())


def _word_kind(line: str, text: str, end: int, tokens: list[_Token]) -> tuple[str, str, int]:
    # A word, an operator in words ("5 times 3", "5 x 3"), or a variable.
    word = text.lower()
    after_operand = bool(tokens) and tokens[-1].kind in (_NUM, _WORD, _RP, _PCT, _NOTE)
    if word in _TWO_WORD_OPERATORS and (by := _BY_NEXT.match(line, end)):
        return _OP, _TWO_WORD_OPERATORS[word], by.end()
    if word in _WORD_OPERATORS and after_operand and _OPERAND_NEXT.match(line, end):
        return _OP, _WORD_OPERATORS[word], end
    if len(word) == 1 and word not in _LETTER_WORDS:
        return _BAD, text, end
    return _WORD, text, end


# --- Equations: one side ---------------------------------------------------------------------------------------------


class _UnreadableError(Exception):
    """This is no closed arithmetic."""


@dataclass(slots=True)
class _Side:
    """One side of an equation, as read: its value, and what makes it less than sure."""

    value: Fraction = Fraction(0)
    stop: int = 0  # index of the first token that doesn't belong to it
    end: int = 0  # where its last number or parenthesis ends
    operators: str = ""
    literal: str | None = None  # the digits, if it is a single number
    first: Fraction = Fraction(0)  # its first number: "3 + 4 = 7 * 2 = 14" runs on
    percent: bool = False
    # What comes out false with these is no false step.
    doubts: bool = False
    about: bool = False
    tight_minus: bool = False
    units: set[str] = field(default_factory=set)


_CLAUSE_WORDS = frozenset(
    "is are was were be has have had so then and which that gives give get gets we he she they it there"
    " to if because since by"
    " but or who when while until than more less fewer twice half double triple left remaining other".split()
)
_HARMLESS = frozenset("more less fewer left remaining other have of in the a an per each".split())
_MEASURES = frozenset(
    "second minute hour day week month year inch foot feet yard mile meter metre kilometer cm mm km m"
    " gram kilogram kg g pound"
    " ounce dollar cent penny dime nickel quarter dozen gallon quart pint cup liter litre ml percent"
    " hundred thousand million"
    " half pair score".split()
)
_ABOUT = frozenset("about approximately roughly around almost nearly".split())
_SKIPPED = frozenset("a an total of only exactly just".split())
_REMAINDER = frozenset("r remainder".split())


class _Parser:
    """Reads tokens from `at` as arithmetic with units: expr := term (+|- term)*, and so on."""

    def __init__(self, tokens: list[_Token], at: int, stop: int, percent: Fraction) -> None:
        # No eval: the texts are foreign. Depth, digits and numbers are bounded, so that none takes long.
        self.tokens, self.at, self.stop, self.percent = tokens, at, stop, percent
        self.side = _Side()
        self.count = self.depth = 0

    def peek(self, ahead: int = 0) -> _Token | None:
        at = self.at + ahead
        return self.tokens[at] if at < self.stop else None

    def is_op(self, signs: str) -> bool:
        token = self.peek()
        return token is not None and token.kind == _OP and token.text in signs

    def read(self) -> _Side:
        value = self.expression()
        side = self.side
        side.value, side.stop = value, self.at
        if side.operators or self.count != 1:
            side.literal = None
        return side

    def expression(self) -> Fraction:
        value = self.term()
        while self.is_op("+-"):
            operator = self.tokens[self.at]
            if not self.operand_follows():
                break
            self.at += 1
            self.note(operator)
            rhs = self.term()
            value = value + rhs if operator.text == "+" else value - rhs
        return self.check_size(value)

    def operand_follows(self) -> bool:
        """Return whether an operand follows an operator."""
        following = self.peek(1)
        if following is not None and following.kind in (_NUM, _LP):
            return True
        if following is not None and following.kind == _OP and following.text == "-":
            return True
        # A dash behind a finished number may be prose: "= 12 apples - which is right".
        if self.tokens[self.at].text == "-" and not self.depth:
            self.side.doubts = True
            return False
        raise _UnreadableError

    def note(self, operator: _Token) -> None:
        side = self.side
        side.operators += operator.text[0]
        following = self.peek()
        if operator.text == "-" and operator.glued and following is not None and following.glued:
            side.tight_minus = True

    def term(self) -> Fraction:
        value = self.factor()
        while True:
            token = self.peek()
            if token is None:
                break
            if token.kind == _OP and token.text in "*/":
                if token.text == "/" and self.is_unit_slash():
                    continue
                self.at += 1
                self.note(token)
                rhs = self.factor()
                if token.text == "/" and not rhs:
                    raise _UnreadableError
                value = value * rhs if token.text == "*" else value / rhs
            # 2(3 + 4)
            elif token.kind == _LP:
                self.side.doubts |= not token.glued
                self.side.operators += "*"
                value *= self.factor()
            elif token.kind == _WORD and token.text.lower() == "of" and self.of_multiplies():
                value *= self.factor()
            else:
                break
            value = self.check_size(value)
        return value

    def is_unit_slash(self) -> bool:
        """Return whether a slash is that of a unit, and go behind it: "5 apples / day"."""
        following = self.peek(1)
        if following is None or following.kind != _WORD or self.tokens[self.at - 1].kind not in (_WORD, _NUM):
            return False
        self.side.doubts = True
        self.at += 2
        self.skip_units()
        return True

    def of_multiplies(self) -> bool:
        """Return whether an "of" multiplies: "50% of 200", "1/2 of 10"."""
        # In "3 packs of 5 pens" it is likely, and not sure.
        ahead = 2 if (token := self.peek(1)) is not None and token.text.lower() in ("the", "her", "his") else 1
        operand = self.peek(ahead)
        if operand is None or operand.kind not in (_NUM, _LP):
            return False
        sure = self.tokens[self.at - 1].kind == _PCT or self.side.operators.endswith("/")
        self.side.doubts |= not sure
        self.side.operators += "*"
        self.at += ahead
        return True

    def factor(self) -> Fraction:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise _UnreadableError
        if self.is_op("-+"):
            sign = -1 if self.tokens[self.at].text == "-" else 1
            self.at += 1
            value = sign * self.factor()
            self.side.literal = None if self.side.literal is None else self.side.literal
        else:
            value = self.power(self.atom())
        self.depth -= 1
        return value

    def power(self, base: Fraction) -> Fraction:
        token = self.peek()
        if token is None or token.kind != _OP or token.text not in ("^", "**", "²", "³"):
            return base
        self.at += 1
        self.side.operators += "^"
        self.side.end = token.end
        exponent = Fraction({"²": 2, "³": 3}.get(token.text, 0)) or self.atom()
        if exponent.denominator != 1 or not 0 <= exponent <= 30 or self.is_op("^**"):
            raise _UnreadableError
        if max(base.numerator.bit_length(), base.denominator.bit_length()) * int(exponent) > _MAX_BITS:
            raise _UnreadableError
        return base ** int(exponent)

    def atom(self) -> Fraction:
        token = self.peek()
        if token is None:
            raise _UnreadableError
        if token.kind == _LP:
            return self.parenthesis()
        if token.kind != _NUM:
            raise _UnreadableError
        self.at += 1
        value = self.mixed(_parse_literal(token))
        self.side.doubts |= len(token.text) > 1 and token.text[0] == "0" and token.text[1] != "."
        self.first_number(value, token)
        self.side.end = self.tokens[self.at - 1].end
        if (after := self.peek()) is not None and after.kind == _PCT:
            self.at += 1
            self.side.percent, self.side.end = True, after.end
            self.side.doubts |= self.side.operators.endswith(("+", "-"))
            value *= self.percent
        self.skip_units()
        return value

    def parenthesis(self) -> Fraction:
        self.at += 1
        value = self.expression()
        token = self.peek()
        if token is None or token.kind != _RP:
            raise _UnreadableError
        self.at += 1
        self.side.end = token.end
        # "(5)" is no literal: what it means is less sure.
        self.count += 1
        self.skip_units()
        return value

    def first_number(self, value: Fraction, token: _Token) -> None:
        if not self.count:
            self.side.first, self.side.literal = value, token.text
        self.count += 1
        if self.count > 40:
            raise _UnreadableError

    def mixed(self, integer: Fraction) -> Fraction:
        """Return a mixed number, "2 1/2", where a fraction follows a whole number; else the whole number."""
        parts = [self.peek(n) for n in range(3)]
        if None in parts or [p.kind for p in parts if p] != [_NUM, _OP, _NUM]:
            return integer
        top, slash, bottom = (p for p in parts if p)
        if slash.text != "/" or not slash.glued or not bottom.glued or top.glued:
            return integer
        numerator, denominator = _parse_literal(top), _parse_literal(bottom)
        if not 0 < numerator < denominator or integer.denominator != 1:
            return integer
        self.at += 3
        return integer + numerator / denominator

    def skip_units(self) -> None:
        words = clauses = 0
        while (token := self.peek()) is not None and token.kind in (_WORD, _NOTE):
            if token.kind == _WORD:
                word = token.text.lower()
                if word == "of" and (following := self.peek(1)) is not None and following.kind in (_NUM, _LP):
                    break
                words += 1
                clauses += word in _CLAUSE_WORDS and word not in _HARMLESS
                self.side.doubts |= word in _LETTER_UNITS
                self.side.units |= {part.rstrip("s") for part in re.split(r"[/-]", word)} & _MEASURES_SINGULAR
            self.at += 1
        # Only where the words lead up to an operator could they hide a boundary of the expression.
        self.side.doubts |= words > 8 or (clauses > 0 and token is not None and token.kind == _OP)

    def check_size(self, value: Fraction) -> Fraction:
        if value.numerator.bit_length() > _MAX_BITS or value.denominator.bit_length() > _MAX_BITS:
            raise _UnreadableError
        return value


_MEASURES_SINGULAR = frozenset(word.rstrip("s") for word in _MEASURES)


def _parse_literal(token: _Token) -> Fraction:
    return Fraction(token.text.replace(",", ""))


# --- Equations: left and right of one sign ----------------------------------------------------------------------------

_CENT = Fraction(1, 100)
_LABEL_WORDS = frozenset(
    "step day group part question problem mistake week month year chapter number no option case line"
    " page grade room class team box"
    " figure table example method equation round game level phase section item row column bag set point".split()
)
_DOUBTFUL_BEFORE = frozenset(
    "not twice double triple thrice half quarter third of by than square root sum product difference"
    " times minus plus over negative"
    " average mean log sin cos".split()
)
_BEFORE_LONE = frozenset("so thus therefore then and since because as is means hence".split())


def _read_left_side(tokens: list[_Token], equals: int, percent: Fraction) -> tuple[_Side, int] | None:
    """Return the longest closed expression that ends right before the sign, and where it starts."""
    # Each token is read once: what ends before the sign, or breaks off, is nowhere the beginning of what reaches it.
    at = lowest = _first_of_side(tokens, equals)
    while at < equals:
        token = tokens[at]
        if token.kind not in (_NUM, _LP) and not (token.kind == _OP and token.text == "-" and _is_sign(tokens, at)):
            at += 1
            continue
        parser = _Parser(tokens, at, equals, percent)
        try:
            side = parser.read()
        except _UnreadableError:
            at = max(at + 1, parser.at)
            continue
        if side.stop == equals:
            return (side, at) if _closed_on_the_left(tokens, at, lowest, side) else None
        at = max(at + 1, side.stop)
    return None


def _first_of_side(tokens: list[_Token], equals: int) -> int:
    # No expression runs across another sign, a boundary, or a parenthesis that stays open.
    lowest, depth = max(0, equals - _MAX_SIDE), 0
    for at in range(equals - 1, lowest - 1, -1):
        kind = tokens[at].kind
        depth += (kind == _RP) - (kind == _LP)
        if kind in (_EQ, _BOUND, _BAD) or depth < 0:
            return at + 1
    return lowest


def _is_sign(tokens: list[_Token], at: int) -> bool:
    # "must be -7 - (-8)": the first minus is a sign, and so is the third.
    spaced_before = at == 0 or not tokens[at].glued or tokens[at - 1].kind in (_EQ, _BOUND, _LP)
    value_before = at > 0 and tokens[at - 1].kind in (_NUM, _RP, _PCT)
    return spaced_before and not value_before and at + 1 < len(tokens) and tokens[at + 1].glued


def _closed_on_the_left(tokens: list[_Token], at: int, lowest: int, side: _Side) -> bool:
    """Return whether nothing before the expression belongs to it ("x + 5 * 3"); what may do makes it doubtful."""
    previous = tokens[at - 1] if at > 0 else None
    if previous is None or previous.kind in (_EQ, _BOUND):
        return True
    if previous.kind in (_OP, _BAD, _PCT):
        return False
    if previous.kind == _LP:
        return not (previous.glued and at > 1 and tokens[at - 2].kind in (_WORD, _BAD, _NUM))
    if previous.kind in (_NUM, _RP):
        side.doubts = True
    if previous.kind == _WORD:
        word = previous.text.lower()
        # f(2 + 1)
        if tokens[at].glued:
            return False
        # "Group 1 = …", "Total 5 = …"
        if not side.operators and word not in _BEFORE_LONE:
            return False
        side.doubts |= word in _LABEL_WORDS or word in _DOUBTFUL_BEFORE
        # "pages 3-5 = 3 pages"
        side.doubts |= side.tight_minus and side.value < 0
    return _no_operator_before(tokens, at, lowest, side)


def _no_operator_before(tokens: list[_Token], at: int, lowest: int, side: _Side) -> bool:
    # "20 apples - her 5 + 3 = 18" is not 5 + 3: go back over the words in front, to an operator.
    back = at - 1
    while back >= lowest and tokens[back].kind in (_WORD, _NOTE):
        back -= 1
    if back < lowest or tokens[back].kind != _OP:
        return True
    side.doubts = True
    return tokens[back].text == "-"


def _read_right_side(tokens: list[_Token], equals: int, percent: Fraction) -> _Side | None:
    """Return the expression that begins right behind the sign; None if it isn't closed ("= 12 + x", "= 3y")."""
    # "= about 5", "= a total of 12", "= ~5"
    at, about = equals + 1, tokens[equals].text == "≈"
    while at < len(tokens) and tokens[at].kind == _WORD and (word := tokens[at].text.lower()) in _ABOUT | _SKIPPED:
        about |= word in _ABOUT
        at += 1
    if at < len(tokens) and tokens[at].text == "≈":
        about, at = True, at + 1
    stop = min(len(tokens), at + _MAX_SIDE)
    try:
        side = _Parser(tokens, at, stop, percent).read()
    except _UnreadableError:
        return None
    side.about = about
    after = tokens[side.stop] if side.stop < len(tokens) else None
    if after is not None and after.kind in (_OP, _PCT, _LP) and not (after.text == "-" and side.doubts):
        return None
    if after is not None and after.kind == _BAD and after.text.lower() not in _REMAINDER:
        return None
    return side


# --- Equations: true or not -------------------------------------------------------------------------------------------

_ROUNDS = re.compile(
    r"\b(?:round\w*|remainder|left ?over|remain\w*|whole|full|complete|at least|up to|nearest|extra)\b", re.IGNORECASE
)


def _is_true(lhs: _Side, rhs: _Side, rounds: bool) -> bool | None:
    """Return true, false, or None where nobody can be sure."""
    if lhs.value == rhs.value:
        return True
    if lhs.operators and rhs.literal is not None:
        close = _is_rounded(lhs, rhs, rounds)
    elif rhs.operators and lhs.literal is not None:
        close = _is_rounded(rhs, lhs, rounds)
    else:
        inexact = "/" in lhs.operators + rhs.operators or rhs.about
        close = None if inexact and abs(lhs.value - rhs.value) <= abs(lhs.value) * _CENT * 2 else False
    if close is not False:
        return close
    # A false alarm costs more trust than a silent one: what is false counts only if nothing about it is doubtful.
    is_doubtful = lhs.doubts or rhs.doubts or (lhs.tight_minus and lhs.value < 0)
    # 3 + 4 = 7 * 2 = 14
    is_chain = bool(rhs.operators) and rhs.first == lhs.value
    is_converted = len(lhs.units | rhs.units) > 1
    return None if is_doubtful or is_chain or is_converted else False


def _is_rounded(side: _Side, result: _Side, rounds: bool) -> bool | None:
    """Return whether a literal is the side's value, rounded to the digits that it shows; `rounds`: the line says so."""
    digits = (result.literal or "").replace(",", "")
    places = len(digits.partition(".")[2])
    unit = Fraction(1, 10**places)
    about = side.about or result.about
    # 98 * 52 ≈ 5,000 is rounded to thousands.
    if about and not places:
        unit = Fraction(10 ** (len(digits) - len(digits.rstrip("0"))))
    off = abs(side.value - result.value)
    if about:
        return off < unit
    if "/" in side.operators:
        if places or rounds:
            return off < unit
        # 290 / 3 = 97 is rounding; 5 / 2 = 3 may be meant so.
        if off < unit:
            return True if off <= unit / 2 and off <= abs(side.value) / 20 else None
        return False
    if places and ("*" in side.operators or "^" in side.operators):
        return off <= unit / 2
    return False


def _check_remainder(tokens: list[_Token], equals: int, lhs: _Side, rhs: _Side) -> bool | None:
    # `17 / 5 = 3 R 2`: None if there is no remainder
    at = rhs.stop
    words = 0
    while (
        at < len(tokens)
        and words < 3
        and tokens[at].kind == _WORD
        and tokens[at].text.lower() in ("with", "a", "and", "of")
    ):
        at, words = at + 1, words + 1
    words_near = [t.text.lower() for t in tokens[max(0, rhs.stop - 4) : rhs.stop + 4]]
    if not _REMAINDER.intersection(words_near):
        return None
    later = [t for t in tokens[rhs.stop : rhs.stop + 6] if t.kind == _NUM]
    if not later or lhs.operators != "/" or rhs.literal is None:
        return None
    remainder = _parse_literal(later[0])
    divisor = next((_parse_literal(t) for t in reversed(tokens[:equals]) if t.kind == _NUM and t.end == lhs.end), None)
    if divisor is None or not divisor:
        return None
    return 0 <= remainder < divisor and lhs.value == rhs.value + remainder / divisor


def _judge_equation(tokens: list[_Token], equals: int, line: "_Line") -> tuple[int, int, bool] | None:
    """Return the equation at one sign: start, end, truth; None if it isn't closed arithmetic or not sure."""
    rhs = _read_right_side(tokens, equals, _CENT)
    lhs = None if rhs is None else _read_left_side(tokens, equals, _CENT)
    if lhs is None or rhs is None or not (lhs[0].operators or rhs.operators):
        return None
    start = tokens[lhs[1]].start
    verdict = _check_remainder(tokens, equals, lhs[0], rhs)
    if verdict is None:
        verdict = _is_true(lhs[0], rhs, line.rounds)
    # 5 / 20 * 100 = 25%: a percent sign may be a unit on either side.
    if verdict is False and (lhs[0].percent or rhs.percent):
        for left_percent, right_percent in ((Fraction(1), Fraction(1)), (_CENT, Fraction(1)), (Fraction(1), _CENT)):
            new_lhs = _read_left_side(tokens, equals, left_percent)
            new_rhs = _read_right_side(tokens, equals, right_percent)
            if new_lhs and new_rhs and _is_true(new_lhs[0], new_rhs, line.rounds):
                verdict = True
    return None if verdict is None else (start, rhs.end, verdict)


# --- Equations: the text ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Line:
    text: str

    @cached_property
    def rounds(self) -> bool:
        """Return whether the line speaks of rounding, or of a remainder."""
        return _ROUNDS.search(self.text) is not None


def equations(text: str) -> tuple[Equation, ...]:
    """Return the closed equations of a text, in order; spans are the text's own, markup included.

    "Cost: $5 × 3 = $16" -> (Equation(7, 18, "5 × 3 = $16", False),). What `read_equations` doesn't read has none.
    """
    return read_equations(text)[0]


def read_equations(text: str) -> tuple[tuple[Equation, ...], str]:
    """Return a text's equations, and in words the limit where it, or the rest of it, was not read."""
    if limit := name_limit(text):
        return (), limit
    if not any(sign in text for sign in _SIGNS):
        return (), ""
    plain = _CONTINUED.sub(" ", blank_markup(text))
    out: list[Equation] = []
    offset, budget = 0, MAX_TOKENS
    for line in plain.split("\n"):
        if "=" in line or "≈" in line:
            tokens = _split_tokens(line, offset, budget + 1)
            budget -= len(tokens)
            if budget < 0:
                reason = f"too much to check: of lines with an equals sign {MAX_TOKENS:,} words and signs are read"
                return tuple(out), reason
            spans = _find_equations(tokens, _Line(line))
            out += [Equation(start, end, text[start:end], true) for start, end, true in spans]
        offset += len(line) + 1
    return tuple(out), ""


_SIGNS = ("=", "≈", "equal", "\\approx")


def _find_equations(tokens: list[_Token], line: _Line) -> Iterator[tuple[int, int, bool]]:
    for at, token in enumerate(tokens):
        if token.kind == _EQ and (equation := _judge_equation(tokens, at, line)) is not None:
            yield equation
