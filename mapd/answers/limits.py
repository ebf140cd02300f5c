"""How long a text may be to be read. Pure.

name_limit(120_000 * "a")   -> "too long to check: 120,000 characters, 70,000 are read"
"""

from functools import lru_cache

from mapd.answers.markup import blank_markup
from mapd.answers.numbers import count_parts
from mapd.answers.places import SENTENCE

# What is read of a text at most. A teacher's longest reply by default is 2,048 tokens: about 8,000 characters.
MAX_TEXT = 70_000  # characters
MAX_NUMBERS = 1_500  # numbers and equals signs
MAX_SENTENCES = 5_000  # sentences and lines


@lru_cache(maxsize=64)
def name_limit(text: str, longest: int = MAX_TEXT) -> str:
    """Return the limit that a text exceeds, in words; empty where it is read. `longest`: of so many characters."""
    if len(text) > longest:
        return f"too long to check: {len(text):,} characters, {longest:,} are read"
    plain = blank_markup(text)
    if (parts := count_parts(plain)) > MAX_NUMBERS:
        return f"too much to check: {parts:,} numbers and equals signs, {MAX_NUMBERS:,} are read"
    if (sentences := sum(1 for _ in SENTENCE.finditer(plain))) > MAX_SENTENCES:
        return f"too much to check: {sentences:,} sentences and lines, {MAX_SENTENCES:,} are read"
    return ""
