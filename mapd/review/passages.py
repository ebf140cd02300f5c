"""A foreign text with its ranges, counted in UTF-16 code units: what JavaScript's `slice` counts. Pure.

passage("a\\u202eb 1 + 1 = 3", [TextSpan(4, 13, "false_equation", "false equation")])
    -> Passage(text="a\\u202eb 1 + 1 = 3", ranges=[Range(1, 2, "hidden", "U+202E"), Range(4, 13, …)])
characters("😀 no", [(3, 5)])     -> [(2, 4)], the same place counted as Python does
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from mapd.characters import HIDDEN, code, visible
from mapd.errors import BadInput
from mapd.review.card_messages import LONGEST_TEXT, Passage, Range, RangeKind

# Hidden characters of one text that are labelled; behind them the text is cut.
MOST_RANGES = 2_000
MARKUP = re.compile(r"[*_`#$\\|~]|^ {0,3}(?:[-+>]|\d+[.)]) ", re.MULTILINE)


class TextSpan(NamedTuple):
    """A part of a text, counted in characters."""

    start: int
    end: int
    kind: RangeKind
    label: str


def passage(text: str, spans: Iterable[TextSpan] = ()) -> Passage:
    """Return the text, as much of it as is sent, with its hidden characters and these spans."""
    hidden = [
        TextSpan(m.start(), m.end(), "hidden", code(m[0]))
        for m in HIDDEN.finditer(text, 0, LONGEST_TEXT)
        if not (m[0] == "\r" and text[m.end() : m.end() + 1] == "\n")
    ]
    # Cut where the labels end, so that no hidden character is sent without one.
    end = hidden[MOST_RANGES].start if len(hidden) > MOST_RANGES else min(len(text), LONGEST_TEXT)
    sent = text[:end]
    within = [s for s in (*hidden, *spans) if 0 <= s.start < s.end <= end]
    units = _Units(sent)
    ranges = [Range(start=units.of(s.start), end=units.of(s.end), kind=s.kind, label=s.label) for s in sorted(within)]
    return Passage(text=units.text, cut=len(text) - end, ranges=ranges)


def has_markup(text: str) -> bool:
    """Return whether the text can look otherwise with its markdown and LaTeX rendered."""
    return MARKUP.search(text) is not None


def characters(text: str, marks: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return these places of a text in characters. Raises: BadInput where one is empty or isn't in the text."""
    encoded = text.encode("utf-16-le", "surrogatepass")
    places = []
    for start, end in marks:
        if not 0 <= start < end <= len(encoded) // 2:
            raise BadInput(f"a false step is marked within the text, not from {start} up to {end}; mark it again")
        first, last = (len(encoded[: 2 * at].decode("utf-16-le", "replace")) for at in (start, end))
        places.append((first, last))
    return places


def line(text: str, longest: int = 200) -> str:
    """Return the text on one line, hidden characters as ⟨U+202E⟩, cut with …: for names and values."""
    joined = visible(" ".join(text.split())[: longest + 1])
    return joined if len(joined) <= longest else joined[: longest - 1].rstrip() + "…"


class _Units:
    """Counts a text's places in UTF-16 code units. Lone surrogates, which JSON can't carry, become U+FFFD."""

    def __init__(self, text: str) -> None:
        self.text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        self._astral = [at for at, sign in enumerate(text) if ord(sign) > 0xFFFF]

    def of(self, at: int) -> int:
        return at + sum(1 for place in self._astral if place < at)
