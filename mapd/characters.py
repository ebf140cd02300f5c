"""Characters that can't be seen or that act, and how a text with them is shown. Pure.

visible("ann\\x1b[2J")      -> "ann⟨U+001B⟩[2J"          for a terminal, a table cell, one line
find_unstorable("a\\x00")   -> "U+0000 at character 1"  in no text of PostgreSQL's, or in no UTF-8 at all
as_json({"name": "\\x9b"})  -> '{"name": "\\\\u009b"}'     for a script: the same value, and nothing that acts
"""

import json
import re
import unicodedata
from functools import cache
from typing import Any

# C0 and C1 controls but tab and newline, bidi controls, zero-width characters but the joiners that scripts and emoji
# need, separators, fillers and Braille's blank, invisible "tags", lone surrogates. Not the no-break spaces (U+00A0,
# U+2007, U+202F): they look like what they are, a space, and stand in so many numbers that boxes would hide the text.
HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)

# Behind these a text runs the other way.
TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Legal in JSON as \u escapes, and SQLite takes some.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def find_unstorable(text: str) -> str | None:
    """Return the first character that no database's text can hold, and its place; None where there is none."""
    bad = UNSTORABLE.search(text)
    return None if bad is None else f"{code(bad[0])} at character {bad.start()}"


def is_line(text: str) -> bool:
    """Return whether a text is one line of signs that can be stored and printed."""
    is_bad = (unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") or sign in TURNING for sign in text)
    return not any(is_bad)


def storable(text: str) -> str:
    """Return the text with U+FFFD in place of each character that no database's text can hold."""
    return UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def visible(text: str) -> str:
    """Return the text with each hidden character as ⟨U+202E⟩."""
    return HIDDEN.sub(lambda match: _bracketed(match[0]), text)


def code(character: str) -> str:
    """Return a character's number: "U+202E"."""
    return f"U+{ord(character):04X}"


def as_json(value: Any) -> str:
    """Return the value as one line of JSON in which each hidden character is escaped."""
    return HIDDEN.sub(lambda match: json.dumps(match[0])[1:-1], json.dumps(value, ensure_ascii=False))


@cache
def _bracketed(character: str) -> str:
    return f"⟨{code(character)}⟩"
