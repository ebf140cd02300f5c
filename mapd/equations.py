"""Find the equations of a text and say which are true. Three answers: true, false, or nobody can be sure. Pure.

    equations("Cost: $5 × 3 = $16") -> (Equation(7, 18, "5 × 3 = $16", False),)

| read | `290 bananas / 2 groups = 145 bananas`, `87 ÷ 93 ≈ 0.94`, `17 / 5 = 3 R 2`, `a = b = c`, `<<58+44=102>>` |
|---|---|
| not read | algebra `x - $8 = 17`, labels `Step 1 = …`, ranges `3-5 = …`: there is nothing to check |

An equation that is true is kept. One that is false counts only if nothing about it is doubtful: a false alarm costs
more trust than a silent one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from mapd import arithmetic
from mapd.answers.limits import name_limit
from mapd.answers.markup import blank_markup
from mapd.arithmetic import BAD, BOUND, EQ, LP, NOTE, NUM, OP, PCT, RP, WORD, Side, Token

# Words, numbers and signs of a text's lines that hold an equals sign.
MAX_TOKENS = 8_000
# Tokens of one side.
_MAX_SIDE = 60
# An equation may run on in the next line, with its sign on either side of the break.
_CONTINUED = re.compile(r"\n(?=[ ]*[=≈][^=])|(?<=[=≈])\n|(?<=[=≈] )\n")
_ABOUT = frozenset("about approximately roughly around almost nearly".split())
_SKIPPED = frozenset("a an total of only exactly just".split())
_REMAINDER = frozenset("r remainder".split())
# What a percent sign multiplies by.
_CENT = Fraction(1, 100)
# Behind these a number may be a label: "Step 1 = …", "Group 2 = …".
_LABEL_WORDS = frozenset(
    "step day group part question problem mistake week month year chapter number no option case line page grade room"
    " class team box figure table example method equation round game level phase section item row column bag set"
    " point".split()
)
# These may change the number behind them: "twice 3 + 4", "the square root of 9 + 7".
_DOUBTFUL_BEFORE = frozenset(
    "not twice double triple thrice half quarter third of by than square root sum product difference times minus plus"
    " over negative average mean log sin cos".split()
)
# Behind these a lone number is no label: "so 12 = 3 * 4".
_BEFORE_LONE = frozenset("so thus therefore then and since because as is means hence".split())
_ROUNDS = re.compile(
    r"\b(?:round\w*|remainder|left ?over|remain\w*|whole|full|complete|at least|up to|nearest|extra)\b", re.IGNORECASE
)
_SIGNS = ("=", "≈", "equal", "\\approx")


@dataclass(frozen=True, slots=True)
class Equation:
    """One step of arithmetic: text[start:end] as it stands, and whether it is true."""

    start: int
    end: int
    text: str
    true: bool


def _read_left_side(tokens: list[Token], equals: int, percent: Fraction) -> tuple[Side, int] | None:
    """Return the longest closed expression that ends right before the sign, and where it starts."""
    # Each token is read once: what ends before the sign, or breaks off, is nowhere the beginning of what reaches it.
    at = lowest = _first_of_side(tokens, equals)
    while at < equals:
        token = tokens[at]
        if token.kind not in (NUM, LP) and not (token.kind == OP and token.text == "-" and _is_sign(tokens, at)):
            at += 1
            continue
        side = arithmetic.read_side(tokens, at, equals, percent)
        if isinstance(side, int):
            at = max(at + 1, side)
            continue
        if side.stop == equals:
            return (side, at) if _closed_on_the_left(tokens, at, lowest, side) else None
        at = max(at + 1, side.stop)
    return None


def _first_of_side(tokens: list[Token], equals: int) -> int:
    # No expression runs across another sign, a boundary, or a parenthesis that stays open.
    lowest, depth = max(0, equals - _MAX_SIDE), 0
    for at in range(equals - 1, lowest - 1, -1):
        kind = tokens[at].kind
        depth += (kind == RP) - (kind == LP)
        if kind in (EQ, BOUND, BAD) or depth < 0:
            return at + 1
    return lowest


def _is_sign(tokens: list[Token], at: int) -> bool:
    # "must be -7 - (-8)": the first minus is a sign, and so is the third.
    spaced_before = at == 0 or not tokens[at].glued or tokens[at - 1].kind in (EQ, BOUND, LP)
    value_before = at > 0 and tokens[at - 1].kind in (NUM, RP, PCT)
    return spaced_before and not value_before and at + 1 < len(tokens) and tokens[at + 1].glued


def _closed_on_the_left(tokens: list[Token], at: int, lowest: int, side: Side) -> bool:
    """Return whether nothing before the expression belongs to it ("x + 5 * 3"); what may do makes it doubtful."""
    previous = tokens[at - 1] if at > 0 else None
    if previous is None or previous.kind in (EQ, BOUND):
        return True
    if previous.kind in (OP, BAD, PCT):
        return False
    if previous.kind == LP:
        return not (previous.glued and at > 1 and tokens[at - 2].kind in (WORD, BAD, NUM))
    if previous.kind in (NUM, RP):
        side.doubts = True
    if previous.kind == WORD:
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


def _no_operator_before(tokens: list[Token], at: int, lowest: int, side: Side) -> bool:
    # "20 apples - her 5 + 3 = 18" is not 5 + 3: go back over the words in front, to an operator.
    back = at - 1
    while back >= lowest and tokens[back].kind in (WORD, NOTE):
        back -= 1
    if back < lowest or tokens[back].kind != OP:
        return True
    side.doubts = True
    return tokens[back].text == "-"


def _read_right_side(tokens: list[Token], equals: int, percent: Fraction) -> Side | None:
    """Return the expression that begins right behind the sign; None if it isn't closed ("= 12 + x", "= 3y")."""
    # "= about 5", "= a total of 12", "= ~5"
    at, about = equals + 1, tokens[equals].text == "≈"
    while at < len(tokens) and tokens[at].kind == WORD and (word := tokens[at].text.lower()) in _ABOUT | _SKIPPED:
        about |= word in _ABOUT
        at += 1
    if at < len(tokens) and tokens[at].text == "≈":
        about, at = True, at + 1
    stop = min(len(tokens), at + _MAX_SIDE)
    side = arithmetic.read_side(tokens, at, stop, percent)
    if isinstance(side, int):
        return None
    side.about = about
    after = tokens[side.stop] if side.stop < len(tokens) else None
    if after is not None and after.kind in (OP, PCT, LP) and not (after.text == "-" and side.doubts):
        return None
    if after is not None and after.kind == BAD and after.text.lower() not in _REMAINDER:
        return None
    return side


def _is_true(lhs: Side, rhs: Side, rounds: bool) -> bool | None:
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


def _is_rounded(side: Side, result: Side, rounds: bool) -> bool | None:
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


def _check_remainder(tokens: list[Token], equals: int, lhs: Side, rhs: Side) -> bool | None:
    # `17 / 5 = 3 R 2`: None if there is no remainder
    words_near = [t.text.lower() for t in tokens[max(0, rhs.stop - 4) : rhs.stop + 4]]
    if not _REMAINDER.intersection(words_near):
        return None
    later = [t for t in tokens[rhs.stop : rhs.stop + 6] if t.kind == NUM]
    if not later or lhs.operators != "/" or rhs.literal is None:
        return None
    remainder = arithmetic.parse_literal(later[0])
    divisors = (t for t in reversed(tokens[:equals]) if t.kind == NUM and t.end == lhs.end)
    divisor = next(map(arithmetic.parse_literal, divisors), None)
    if divisor is None or not divisor:
        return None
    return 0 <= remainder < divisor and lhs.value == rhs.value + remainder / divisor


def _judge_equation(tokens: list[Token], equals: int, line: "_Line") -> tuple[int, int, bool] | None:
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
            tokens = arithmetic.split_tokens(line, offset, budget + 1)
            budget -= len(tokens)
            if budget < 0:
                reason = f"too much to check: of lines with an equals sign {MAX_TOKENS:,} words and signs are read"
                return tuple(out), reason
            spans = _find_equations(tokens, _Line(line))
            out += [Equation(start, end, text[start:end], true) for start, end, true in spans]
        offset += len(line) + 1
    return tuple(out), ""


def _find_equations(tokens: list[Token], line: _Line) -> Iterator[tuple[int, int, bool]]:
    for at, token in enumerate(tokens):
        if token.kind == EQ and (equation := _judge_equation(tokens, at, line)) is not None:
            yield equation
