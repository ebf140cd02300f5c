"""The calculations of a text as they stand there: signs and numbers, whether true, false or only half written. Pure.

    read_calculations("Pens in all = 4 boxes x 12 = 47") -> [Calculation(14, 31, "*", (4, 12), (47,), is_open=False)]

Beside mapd/equations.py, which judges closed ones alone, this reads what can be told again in other words.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from mapd import arithmetic
from mapd.arithmetic import EQ, LP, NOTE, NUM, OP, PCT, RP, WORD, Token

Span = tuple[int, int]
# Words and signs of a text's calculations that are read, and calculations.
MOST_TOKENS, MOST_CALCULATIONS = 4_000, 200
_SIGN = re.compile(r"[-+*/=]|\bx\b|\b(?:times|plus|minus|divided|multiplied)\b", re.IGNORECASE)
_DIGIT = re.compile(r"[0-9]")
_OF_CALCULATIONS = frozenset({NUM, OP, EQ, WORD, NOTE, LP, RP, PCT})


@dataclass(frozen=True, slots=True)
class Calculation:
    """A calculation as it stands in a text: its signs, the numbers before the first equals sign, those behind it.

    `is_open`: it goes on from something that is no number ("x + 30 = 47").
    """

    start: int
    end: int
    operators: str
    operands: tuple[Fraction, ...]
    results: tuple[Fraction, ...]
    is_open: bool

    @property
    def span(self) -> Span:
        """Return where it stands."""
        return self.start, self.end

    def holds(self, values: Sequence[Fraction]) -> bool:
        """Return whether all these numbers are in it."""
        return set(values) <= {*self.operands, *self.results}


def read_calculations(plain: str) -> list[Calculation]:
    """Return the calculations of a blanked text, whether they are closed or not, no more than are looked at."""
    calculations: list[Calculation] = []
    budget, offset = MOST_TOKENS, 0
    for line in plain.split("\n"):
        if budget > 0 and _DIGIT.search(line) and _SIGN.search(line):
            tokens = arithmetic.split_tokens(line, offset, budget)
            budget -= len(tokens)
            calculations += _split_calculations(tokens)
        offset += len(line) + 1
    return calculations[:MOST_CALCULATIONS]


def _split_calculations(tokens: Sequence[Token]) -> Iterator[Calculation]:
    """Yield the runs of numbers that signs join; words and parentheses may stand between."""
    run: list[Token] = []
    for token in tokens:
        if token.kind not in _OF_CALCULATIONS or (token.kind == NUM and run and run[-1].kind == NUM):
            yield from _close(run)
            run = []
        # "Pens in all = 4 x 12 = 48" begins behind its first sign.
        if token.kind in (NUM, OP) or (token.kind == EQ and run):
            run.append(token)
    yield from _close(run)


def _close(run: Sequence[Token]) -> Iterator[Calculation]:
    operators = "".join(token.text[0] for token in run if token.kind == OP)
    sizes = [(at, abs(arithmetic.parse_literal(token))) for at, token in enumerate(run) if token.kind == NUM]
    if len(sizes) < 2 or not operators:
        return
    equals = next((at for at, token in enumerate(run) if token.kind == EQ), len(run))
    values = [token for token in run if token.kind == NUM]
    yield Calculation(
        start=values[0].start,
        end=values[-1].end,
        operators=operators,
        operands=tuple(size for at, size in sizes if at < equals),
        results=tuple(size for at, size in sizes if at > equals),
        is_open=run[0].kind == OP,
    )
