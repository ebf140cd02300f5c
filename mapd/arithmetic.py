"""Read one side of an equation: closed arithmetic in prose, with its units. Pure, no eval; exact fractions.

    "290 bananas / 2 groups" -> Side(value=145, operators="/"); "x + 5" -> 0, the token where reading broke off

What a text may mean otherwise is read, and marked with `doubts`: "3 packs of 5 pens", "3-5", "12 - which is right".
"""

import re
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

NUM, WORD, OP, LP, RP, EQ, PCT, BOUND, BAD = "num", "word", "op", "(", ")", "=", "%", "|", "bad"
# Words in parentheses: "12 tickets (used)".
NOTE = "note"
# Parentheses in parentheses: a foreign text must not exhaust the stack.
_MAX_DEPTH = 12
# Bits of a numerator or denominator: 9^9^9 must not exhaust the memory.
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
_KINDS = {"num": NUM, "note": NOTE, "word": WORD, "eq": EQ, "op": OP, "lp": LP, "rp": RP, "pct": PCT}
# Commas stand between groups of three digits alone: "1,00" may be another country's 1.00.
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
# These may begin another clause: an operator behind them may not go on with the expression.
_CLAUSE_WORDS = frozenset(
    "is are was were be has have had so then and which that gives give get gets we he she they it there to if because"
    " since by but or who when while until than more less fewer twice half double triple left remaining other".split()
)
# Of these, the words that may belong to a unit, too: "12 more apples + 3".
_HARMLESS = frozenset("more less fewer left remaining other have of in the a an per each".split())
_MEASURES = frozenset(
    "second minute hour day week month year inch foot feet yard mile meter metre kilometer cm mm km m gram kilogram kg"
    " g pound ounce dollar cent penny dime nickel quarter dozen gallon quart pint cup liter litre ml percent hundred"
    " thousand million half pair score".split()
)
_MEASURES_SINGULAR = frozenset(word.rstrip("s") for word in _MEASURES)


class Token(NamedTuple):
    """A number, word or sign of a line; `start` and `end` are the text's."""

    kind: str
    text: str
    start: int
    end: int
    # Nothing stands between it and the token before.
    glued: bool


def split_tokens(line: str, offset: int, most: int) -> list[Token]:
    """Return a line's tokens, no more than `most`; positions are the text's."""
    out: list[Token] = []
    end = 0
    while len(out) < most and (match := _TOKEN.match(line, end)):
        group = match.lastgroup or ""
        start, previous_end, text = match.start(group), end, match[group]
        kind, end = _KINDS.get(group, group), match.end()
        if kind == NUM:
            kind, end = _number_kind(line, start, end)
            text = line[start:end]
        elif kind == WORD:
            kind, text, end = _word_kind(line, text, end, out)
        glued = bool(out) and previous_end == start
        if glued and kind == NUM and out[-1].kind == WORD:
            kind = BAD  # "A1", "CO2"
        out.append(Token(kind, text, start + offset, end + offset, glued))
    return out


def _number_kind(line: str, start: int, end: int) -> tuple[str, int]:
    # A number, or something that only looks like one: "10:30", "1,00", "2x", "3rd".
    while line[end - 1] in ".,:":
        end -= 1
    if not _PLAIN_NUMBER.fullmatch(line, start, end) or end - start > 20:
        return BAD, end
    letters = _ATTACHED_LETTERS.match(line, end)
    if letters is None:
        return (BAD if line[end : end + 1] in ("_", "√", "π", "°", "\\") else NUM), end
    word = letters[0].lower()
    if word == "x" and _OPERAND_NEXT.match(line, letters.end()):
        return NUM, end
    if word in ("st", "nd", "rd", "th"):
        return WORD, letters.end()
    # "2x", "2Added" are algebra.
    return (NUM, end) if word in _UNITS | _LETTER_UNITS else (BAD, letters.end())


def _word_kind(line: str, text: str, end: int, tokens: list[Token]) -> tuple[str, str, int]:
    # A word, an operator in words ("5 times 3", "5 x 3"), or a variable.
    word = text.lower()
    after_operand = bool(tokens) and tokens[-1].kind in (NUM, WORD, RP, PCT, NOTE)
    if word in _TWO_WORD_OPERATORS and (by := _BY_NEXT.match(line, end)):
        return OP, _TWO_WORD_OPERATORS[word], by.end()
    if word in _WORD_OPERATORS and after_operand and _OPERAND_NEXT.match(line, end):
        return OP, _WORD_OPERATORS[word], end
    if len(word) == 1 and word not in _LETTER_WORDS:
        return BAD, text, end
    return WORD, text, end


class _UnreadableError(Exception):
    """Says that something is no closed arithmetic."""


@dataclass(slots=True)
class Side:
    """One side of an equation, as read: its value, and what makes it less than sure."""

    value: Fraction = Fraction(0)
    # Index of the first token that doesn't belong to it.
    stop: int = 0
    end: int = 0  # where its last number or parenthesis ends
    operators: str = ""
    literal: str | None = None  # the digits, if it is a single number
    # Its first number: "3 + 4 = 7 * 2 = 14" runs on.
    first: Fraction = Fraction(0)
    percent: bool = False
    # What comes out false with these is no false step.
    doubts: bool = False
    about: bool = False
    tight_minus: bool = False
    units: set[str] = field(default_factory=set)


def read_side(tokens: list[Token], at: int, stop: int, percent: Fraction) -> Side | int:
    """Return the expression that begins at a token; where there is none, the index at which reading broke off."""
    parser = _Parser(tokens, at, stop, percent)
    try:
        return parser.read()
    except _UnreadableError:
        return parser.at


class _Parser:
    """Reads tokens from `at` as arithmetic with units: expr := term (+|- term)*, and so on."""

    def __init__(self, tokens: list[Token], at: int, stop: int, percent: Fraction) -> None:
        # No eval: the texts are foreign. Depth, digits and numbers are bounded, so that none takes long.
        self.tokens, self.at, self.stop, self.percent = tokens, at, stop, percent
        self.side = Side()
        self.count = self.depth = 0

    def peek(self, ahead: int = 0) -> Token | None:
        at = self.at + ahead
        return self.tokens[at] if at < self.stop else None

    def is_op(self, signs: str) -> bool:
        token = self.peek()
        return token is not None and token.kind == OP and token.text in signs

    def read(self) -> Side:
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
        if following is not None and following.kind in (NUM, LP):
            return True
        if following is not None and following.kind == OP and following.text == "-":
            return True
        # A dash behind a finished number may be prose: "= 12 apples - which is right".
        if self.tokens[self.at].text == "-" and not self.depth:
            self.side.doubts = True
            return False
        raise _UnreadableError

    def note(self, operator: Token) -> None:
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
            if token.kind == OP and token.text in "*/":
                if token.text == "/" and self.is_unit_slash():
                    continue
                self.at += 1
                self.note(token)
                rhs = self.factor()
                if token.text == "/" and not rhs:
                    raise _UnreadableError
                value = value * rhs if token.text == "*" else value / rhs
            # 2(3 + 4)
            elif token.kind == LP:
                self.side.doubts |= not token.glued
                self.side.operators += "*"
                value *= self.factor()
            elif token.kind == WORD and token.text.lower() == "of" and self.of_multiplies():
                value *= self.factor()
            else:
                break
            value = self.check_size(value)
        return value

    def is_unit_slash(self) -> bool:
        """Return whether a slash is that of a unit, and go behind it: "5 apples / day"."""
        following = self.peek(1)
        if following is None or following.kind != WORD or self.tokens[self.at - 1].kind not in (WORD, NUM):
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
        if operand is None or operand.kind not in (NUM, LP):
            return False
        sure = self.tokens[self.at - 1].kind == PCT or self.side.operators.endswith("/")
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
        else:
            value = self.power(self.atom())
        self.depth -= 1
        return value

    def power(self, base: Fraction) -> Fraction:
        token = self.peek()
        if token is None or token.kind != OP or token.text not in ("^", "**", "²", "³"):
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
        if token.kind == LP:
            return self.parenthesis()
        if token.kind != NUM:
            raise _UnreadableError
        self.at += 1
        value = self.mixed(parse_literal(token))
        self.side.doubts |= len(token.text) > 1 and token.text[0] == "0" and token.text[1] != "."
        self.first_number(value, token)
        self.side.end = self.tokens[self.at - 1].end
        if (after := self.peek()) is not None and after.kind == PCT:
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
        if token is None or token.kind != RP:
            raise _UnreadableError
        self.at += 1
        self.side.end = token.end
        # "(5)" is no literal: what it means is less sure.
        self.count += 1
        self.skip_units()
        return value

    def first_number(self, value: Fraction, token: Token) -> None:
        if not self.count:
            self.side.first, self.side.literal = value, token.text
        self.count += 1
        if self.count > 40:
            raise _UnreadableError

    def mixed(self, integer: Fraction) -> Fraction:
        """Return a mixed number, "2 1/2", where a fraction follows a whole number; else the whole number."""
        parts = [self.peek(n) for n in range(3)]
        if None in parts or [p.kind for p in parts if p] != [NUM, OP, NUM]:
            return integer
        top, slash, bottom = (p for p in parts if p)
        if slash.text != "/" or not slash.glued or not bottom.glued or top.glued:
            return integer
        numerator, denominator = parse_literal(top), parse_literal(bottom)
        if not 0 < numerator < denominator or integer.denominator != 1:
            return integer
        self.at += 3
        return integer + numerator / denominator

    def skip_units(self) -> None:
        words = clauses = 0
        while (token := self.peek()) is not None and token.kind in (WORD, NOTE):
            if token.kind == WORD:
                word = token.text.lower()
                if word == "of" and (following := self.peek(1)) is not None and following.kind in (NUM, LP):
                    break
                words += 1
                clauses += word in _CLAUSE_WORDS and word not in _HARMLESS
                self.side.doubts |= word in _LETTER_UNITS
                self.side.units |= {part.rstrip("s") for part in re.split(r"[/-]", word)} & _MEASURES_SINGULAR
            self.at += 1
        # Only where the words lead up to an operator could they hide a boundary of the expression.
        self.side.doubts |= words > 8 or (clauses > 0 and token is not None and token.kind == OP)

    def check_size(self, value: Fraction) -> Fraction:
        if value.numerator.bit_length() > _MAX_BITS or value.denominator.bit_length() > _MAX_BITS:
            raise _UnreadableError
        return value


def parse_literal(token: Token) -> Fraction:
    """Return the value of a number's token."""
    return Fraction(token.text.replace(",", ""))
