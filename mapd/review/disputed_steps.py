"""The first wrong step that a reviewer names, found again in the text that it reviewed. Pure.

find_first_wrong_step("87 / 93 = 0.94 oranges a group", "“87 / 93 = 0.94” is false. [2]")   -> (0, 14)
find_first_wrong_step("1. Add.\n2. Divide by 93.", "Step 2 is wrong: divide by 97. [2]")    -> (8, 25)

A step is named by quoting it or by its number, beside a word that calls it wrong. What can't be found in the text is
left out: nothing is guessed.
"""

import re
from collections.abc import Iterator
from functools import cached_property
from itertools import islice

_WRONG = re.compile(
    r"(?<!not )(?<!no )(?<!isn't )\b(?:false|wrong|incorrect|errors?|mistakes?|mistaken|invalid|untrue)\b"
    r"|\bnot (?:true|correct|right|valid)\b|\b(?:does not|doesn['’]t) (?:hold|follow)\b",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[“\"«`]([^“”\"«»`\n]{3,300})[”\"»`]")
_NUMBERED = re.compile(r"\bstep\s{0,9}#?([0-9]{1,2})\b", re.IGNORECASE)
_BLANK = re.compile(r"\s")
# The word has to stand so near to the step's name.
CHARACTERS_BEFORE, CHARACTERS_BEHIND = 40, 60
# Characters of a text, and of its review, that are read.
LONGEST = 100_000
# Names of steps in a review that are looked at, and of them wrong ones that are looked for.
MOST = 50


def find_first_wrong_step(text: str, review: str) -> tuple[int, int] | None:
    """Return where the step stands in `text` that `review` calls wrong first; None where it names none."""
    steps = sorted((*_find_names(_QUOTED, review), *_find_names(_NUMBERED, review)), key=lambda m: m.start())
    wrong = [match for match in steps if _is_called_wrong(review, match)]
    quotable = _Quotable(text[:LONGEST])
    for match in wrong[:MOST]:
        step = _find_numbered(quotable.text, match[1]) if match.re is _NUMBERED else quotable.find(match[1])
        if step:
            return step
    return None


def _find_names(pattern: re.Pattern[str], review: str) -> Iterator[re.Match[str]]:
    return islice(pattern.finditer(review, 0, LONGEST), MOST)


def _is_called_wrong(review: str, match: re.Match[str]) -> bool:
    """Return whether a word for "wrong" stands in the same line, with no other sentence between."""
    tail = re.split(r"\n|[.!?] ", review[match.end() : match.end() + CHARACTERS_BEHIND])[0]
    head = re.split(r"\n|[.!?] ", review[max(0, match.start() - CHARACTERS_BEFORE) : match.start()])[-1]
    return bool(_WRONG.search(tail) or _WRONG.search(head))


class _Quotable:
    """A text in which quoted words are found whatever its spaces and capitals are."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def _plain(self) -> tuple[str, list[int]]:
        """Return the text in small letters with single spaces, and where each of its characters stands."""
        # Some capitals become two characters ("İ"): then the places would shift, and case is left as it is.
        lower = self.text.lower() if len(self.text.lower()) == len(self.text) else self.text
        spaced = _BLANK.sub(" ", lower)
        places = [at for at, sign in enumerate(spaced) if sign != " " or spaced[at - 1 : at] != " "]
        return "".join(map(spaced.__getitem__, places)), places

    def find(self, quote: str) -> tuple[int, int] | None:
        """Return where the quoted words stand; a quote that was cut ends in …"""
        words = " ".join(quote.lower().strip(" .,;:…").removesuffix("...").split())
        plain, places = self._plain
        at = plain.find(words) if words else -1
        return None if at < 0 else (places[at], places[at + len(words) - 1] + 1)


def _find_numbered(text: str, number: str) -> tuple[int, int] | None:
    line = re.search(rf"^[ \t]*+(?:step\s{{0,9}})?{number}\s{{0,9}}[.):].*$", text, re.IGNORECASE | re.MULTILINE)
    return line.span() if line else None
