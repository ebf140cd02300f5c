"""The values that a short answer holds: a list, a set, a tuple, an interval, assignments. Pure.

read_values("x = 2 or x = 3")  -> Values(SET, ("2", "3"), variable="x")
read_values("(0, 1]")          -> Values(TUPLE, ("0", "1"), brackets="(]")
read_values("0 < x \\le 1")     -> the same, of the variable x
read_values("grandmother")     -> None: one value

"""

import re
from dataclasses import dataclass
from enum import StrEnum

# Characters of an answer that is taken apart.
LONGEST = 300
MOST_ITEMS = 30
_SIGNS = (
    (re.compile(r"\\(?:left|right|big|Big|bigl|bigr|displaystyle)(?![A-Za-z])|\\[,;!]|\$|\\[()\[\]](?=\s|$)"), " "),
    (re.compile(r"(?<=[0-9])\{,\}(?=[0-9]{3})"), ","),
    (re.compile(r"\\[{](?=.)|\\lbrace(?![a-z])"), "{"),
    (re.compile(r"\\[}]|\\rbrace(?![a-z])"), "}"),
    (re.compile(r"\\text\s?\{([^{}]{0,40})\}|\\(?:mathrm|mbox|textbf|mathbf)\s?\{([^{}]{0,40})\}"), r" \1\2 "),
    (re.compile(r"\\infty(?![a-z])|\binfinity\b|\binf\b"), "∞"),
    (re.compile(r"\\cup(?![a-z])|(?<=[\])])\s*U\s*(?=[\[(])"), "∪"),
    (re.compile(r"\\in(?![a-z])"), "∈"),
    (re.compile(r"\\pm(?![a-z])|\+/-|\+-"), "±"),
    (re.compile(r"\\leq?(?:slant)?(?![a-z])|<="), "≤"),
    (re.compile(r"\\geq?(?:slant)?(?![a-z])|>="), "≥"),
    (re.compile(r"\\lt(?![a-z])"), "<"),
    (re.compile(r"\\gt(?![a-z])"), ">"),
    (re.compile(r"\\langle(?![a-z])"), "⟨"),
    (re.compile(r"\\rangle(?![a-z])"), "⟩"),
    (re.compile(r"\\(?:emptyset|varnothing)(?![a-z])"), "∅"),
    (re.compile(r"[−–]"), "-"),
    (re.compile(r"\s+"), " "),
    (re.compile(r"\A ?\([A-Za-z](?:, ?[A-Za-z])+\) ?= ?(?=\()"), ""),  # "(x, y) = (2, 3)"
)
_NAMED = re.compile(r"([A-Za-z])\s*(?:=|∈|\bin\b(?=\s*[\[({]))\s*(?=\S)")
_ASSIGNMENT = re.compile(r"([A-Za-z])\s*=\s*([^=]+)")
_BETWEEN = re.compile(r"([^<>≤≥=]+?)\s*([<≤])\s*([A-Za-z])\s*([<≤])\s*([^<>≤≥=]+)")
_BETWEEN_DOWN = re.compile(r"([^<>≤≥=]+?)\s*([>≥])\s*([A-Za-z])\s*([>≥])\s*([^<>≤≥=]+)")
_BOUND = re.compile(r"([A-Za-z])\s*([<>≤≥])\s*([^<>≤≥=]+)")
_OR = re.compile(r"\s*(?:,?\s+or\s+|∨)\s*", re.IGNORECASE)
_JOINED = re.compile(r"\s*;\s*|\s*,\s*(?:(?:and|&)\s+)?|\s+(?:and|&)\s+", re.IGNORECASE)
_THOUSANDS = re.compile(r"[-+]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_OPENING, _CLOSING = "([{⟨", ")]}⟩"
_DOWN = {">": "<", "≥": "≤"}


class ValueKind(StrEnum):
    """How the values of an answer belong together."""

    # The order of a set doesn't matter: what stands in braces, and what is joined by "or".
    SET = "set"
    LIST = "list"
    # In brackets, which count: (0, 1) is not [0, 1].
    TUPLE = "tuple"
    UNION = "union"  # of intervals


@dataclass(frozen=True, slots=True)
class Values:
    """The values of an answer as texts, in their order, and the variable that they are values of, if it has one."""

    kind: ValueKind
    items: tuple[str, ...]
    brackets: str = ""
    variable: str = ""


def normalise(text: str) -> str:
    """Return a short answer with LaTeX's signs put plainly: "\\left[0, \\infty\\right)" -> "[0, ∞)"."""
    for pattern, plain in _SIGNS:
        text = pattern.sub(plain, text)
    return text.strip().strip(".").strip()


def read_values(text: str) -> Values | None:
    """Return the values of a short answer; None where it is one value, or words."""
    if len(text) > LONGEST:
        return None
    plain = normalise(text)
    return _read_inequality(plain) or _read_alternatives(plain) or _read_named(plain)


def _read_inequality(plain: str) -> Values | None:
    # "0 ≤ x < 1" is [0, 1), "x > 3" is (3, ∞)
    if match := _BETWEEN_DOWN.fullmatch(plain):
        high, first, variable, second, low = match.groups()
        plain = f"{low} {_DOWN[second]} {variable} {_DOWN[first]} {high}"
    if match := _BETWEEN.fullmatch(plain):
        low, first, variable, second, high = match.groups()
        brackets = ("[" if first == "≤" else "(") + ("]" if second == "≤" else ")")
        return Values(ValueKind.TUPLE, (low.strip(), high.strip()), brackets, variable)
    if match := _BOUND.fullmatch(plain):
        variable, sign, bound = match.groups()
        if sign in "<≤":
            return Values(ValueKind.TUPLE, ("-∞", bound.strip()), "(]" if sign == "≤" else "()", variable)
        return Values(ValueKind.TUPLE, (bound.strip(), "∞"), "[)" if sign == "≥" else "()", variable)
    return None


def _read_alternatives(plain: str) -> Values | None:
    # "x = 2 or x = 3", "x = 2, y = 3", "2 or 3": the order doesn't matter
    parts = _split(plain, _OR)
    if len(parts) > 1:
        parts = tuple(piece for part in parts for piece in _split(part, _JOINED))
        matches = [_ASSIGNMENT.fullmatch(part) for part in parts]
        variables = {match[1] for match in matches if match}
        if len(variables) > 1:
            return None
        values = tuple(match[2].strip() if match else part for match, part in zip(matches, parts, strict=True))
        return Values(ValueKind.SET, values, variable=variables.pop() if variables else "")
    parts = _split(plain, _JOINED)
    matches = [_ASSIGNMENT.fullmatch(part) for part in parts]
    if len(parts) < 2 or not all(matches):
        return None
    pairs = [(match[1], match[2].strip()) for match in matches if match]
    if len({name for name, _ in pairs}) == 1:
        return Values(ValueKind.SET, tuple(value for _, value in pairs), variable=pairs[0][0])
    return Values(ValueKind.LIST, tuple(f"{name}={value}" for name, value in sorted(pairs)))


def _read_named(plain: str) -> Values | None:
    variable = ""
    if (name := _NAMED.match(plain)) is not None:
        variable, plain = name[1], plain[name.end() :].strip()
    if plain.startswith("±") and plain[1:].strip():
        bare = plain[1:].strip()
        return Values(ValueKind.SET, (bare, f"-{bare}"), variable=variable)
    if plain == "∅":
        return Values(ValueKind.SET, (), variable=variable)
    if (union := plain.split("∪")) and len(union) > 1:
        return Values(ValueKind.UNION, tuple(part.strip() for part in union[:MOST_ITEMS]), variable=variable)
    if _is_enclosed(plain):
        return _read_brackets(plain, variable)
    items = _split(plain, _JOINED)
    if len(items) > 1:
        return Values(ValueKind.LIST, items, variable=variable)
    return Values(ValueKind.LIST, (plain,), variable=variable) if variable else None


def _read_brackets(plain: str, variable: str) -> Values | None:
    items = tuple(item for item in _split(plain[1:-1], _JOINED) if item)
    brackets = plain[0] + plain[-1]
    if brackets == "{}":
        return Values(ValueKind.SET, items, variable=variable)
    if len(items) > 2 and brackets == "[]":
        return Values(ValueKind.LIST, items, variable=variable)
    if len(items) > 1:
        return Values(ValueKind.TUPLE, items, brackets, variable)
    return Values(ValueKind.LIST, items, variable=variable) if items else None


def _is_enclosed(plain: str) -> bool:
    # The first bracket is closed by the last sign: "(1, 2)", not "(1, 2), (3, 4)".
    if len(plain) < 2 or plain[0] not in _OPENING or plain[-1] not in _CLOSING:
        return False
    depth = 0
    for at, sign in enumerate(plain):
        depth += (sign in _OPENING) - (sign in _CLOSING)
        if depth == 0:
            return at == len(plain) - 1
    return False


def _split(plain: str, separator: re.Pattern[str]) -> tuple[str, ...]:
    """Return the parts between separators that stand in no bracket and no number ("1,000")."""
    number_spans = [match.span() for match in _THOUSANDS.finditer(plain)]
    depths, depth = [], 0
    for sign in plain:
        depth += sign in _OPENING
        depths.append(depth)
        depth -= sign in _CLOSING and depth > 0
    parts, at = [], 0
    for match in separator.finditer(plain):
        inside_number = any(start < match.start() < end for start, end in number_spans) and match[0] == ","
        if match.start() == match.end() or depths[match.start()] or inside_number:
            continue
        parts.append(plain[at : match.start()].strip())
        at = match.end()
    return tuple([*parts, plain[at:].strip()][:MOST_ITEMS])
