"""The first wrong step that a reviewer names, found again in the text that it reviewed. Pure.

first_wrong("87 / 93 = 0.94 oranges a group", "“87 / 93 = 0.94” is false. [2]")   -> (0, 14)
first_wrong("1. Add.\n2. Divide by 93.", "Step 2 is wrong: divide by 97. [2]")    -> (8, 25)

A step is named by quoting it or by its number, beside a word that calls it wrong. What can't be found in the text is
left out: nothing is guessed.
"""

import re

_WRONG = re.compile(
    r"(?<!not )(?<!no )(?<!isn't )\b(?:false|wrong|incorrect|errors?|mistakes?|mistaken|invalid|untrue)\b"
    r"|\bnot (?:true|correct|right|valid)\b|\b(?:does not|doesn['’]t) (?:hold|follow)\b",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[“\"«`]([^“”\"«»`\n]{3,300})[”\"»`]")
_NUMBERED = re.compile(r"\bstep\s*#?(\d{1,2})\b", re.IGNORECASE)
BEFORE, BEHIND = 40, 60  # characters beside a step's name in which the word has to stand


def first_wrong(text: str, review: str) -> tuple[int, int] | None:
    """Where the step stands in `text` that `review` calls wrong first; None where it names none."""
    named = sorted([*_QUOTED.finditer(review), *_NUMBERED.finditer(review)], key=lambda m: m.start())
    for match in named:
        if _called_wrong(review, match):
            found = _numbered(text, match[1]) if match.re is _NUMBERED else _quoted(text, match[1])
            if found:
                return found
    return None


def _called_wrong(review: str, match: re.Match[str]) -> bool:
    """Whether the word stands in the same line, with no other sentence between."""
    behind = re.split(r"\n|[.!?] ", review[match.end() : match.end() + BEHIND])[0]
    before = re.split(r"\n|[.!?] ", review[max(0, match.start() - BEFORE) : match.start()])[-1]
    return bool(_WRONG.search(behind) or _WRONG.search(before))


def _quoted(text: str, quote: str) -> tuple[int, int] | None:
    """The quoted words in the text, whatever its spaces; a quote that was cut ends in …"""
    words = quote.strip(" .,;:…").removesuffix("...").split()
    found = re.search(r"\s+".join(map(re.escape, words)), text, re.IGNORECASE) if words else None
    return found.span() if found else None


def _numbered(text: str, number: str) -> tuple[int, int] | None:
    """The line that carries this number."""
    found = re.search(rf"^[ \t]*(?:step\s*)?{number}\s*[.):].*$", text, re.IGNORECASE | re.MULTILINE)
    return found.span() if found else None
