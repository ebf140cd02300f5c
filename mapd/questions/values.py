"""Values as files hold them, as texts and numbers. Pure.

    as_text(7.0) -> "7"      as_text("7.0") -> "7.0"      as_text(["a"]) -> None      as_whole_number("2.0") -> 2

A nullable column turns whole numbers into floats (2 -> 2.0), wherever a table went through pandas or `datasets`.
"""

import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal

_WHOLE = re.compile(r"[+-]?[0-9]{1,15}(?:\.0*)?")
# Lists in lists that are looked into.
DEEPEST = 20
# Larger floats are not whole numbers that somebody wrote.
MOST_EXACT = 2**53


def is_blank(value: object) -> bool:
    """Return whether there is nothing: None, NaN, or a text of white space."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return True
    return isinstance(value, str) and not value.strip()


def as_text(value: object) -> str | None:
    """Return a text as it stands, a number as it is written; None for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return str(int(value)) if value.is_integer() and abs(value) < MOST_EXACT else str(value)
    return str(value)


def without_zeros(text: str) -> str:
    """Return a whole number that was written as a float without its zeros: "145.0" -> "145"; other texts unchanged."""
    bare = text.strip()
    return bare.partition(".")[0] if "." in bare and _WHOLE.fullmatch(bare) else text


def as_whole_number(value: object) -> int | None:
    """Return the whole number that a value is or writes: 2, 2.0, "2" and "2.0" -> 2."""
    if isinstance(value, bool):
        return None
    text = as_text(value)
    return int(float(text)) if text is not None and _WHOLE.fullmatch(text.strip()) else None


def as_texts(value: object, depth: int = DEEPEST) -> list[str] | None:
    """Return the texts of a list, lists inside it too; None where something else stands in it, or it is too deep."""
    if not isinstance(value, list | tuple):
        text = as_text(value)
        return None if text is None else [text]
    texts: list[str] = []
    for part in value:
        if depth == 0 or (inner := as_texts(part, depth - 1)) is None:
            return None
        texts += inner
    return texts


def text_length(value: object, depth: int = DEEPEST) -> int:
    """Return how many characters of text a value holds, as deep as anybody nests what is meant to be read."""
    if isinstance(value, str | bytes):
        return len(value)
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return sum(text_length(part, depth - 1) for part in parts) if depth else 0


def short(value: object, most: int = 40) -> str:
    """Return a value as a message quotes it, on one line."""
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=repr)
    except RecursionError:
        text = "a value that is nested too deeply"
    quotation = json.dumps(text[: 2 * most], ensure_ascii=False) if isinstance(value, str) else text
    return quotation if len(quotation) <= most else quotation[: most - 1] + "…"
