"""Two expressions, compared by math-verify where they are simple enough to compute. Pure.

same_expression("2\\\\sqrt{3}", "\\\\sqrt{12}")  -> True
"""

import logging
import re
from functools import lru_cache

from mapd.answers.numbers import LETTER_RUN, parse_number
from mapd.answers.places import MAX_EXPRESSION

# It warns about the time-outs that are left out on purpose, below: a script's standard error is ours.
logging.getLogger("math_verify").setLevel(logging.ERROR)

# sympy computes what it is given. It gets short expressions alone: no tower, no sum to a high power, no root of a root.
_COMMANDS = "dfrac tfrac frac sqrt cdot times div pi infty pm left right text mathrm circ degree".split()
_UNSAFE = re.compile(
    rf"!|\\(?!(?:{'|'.join(_COMMANDS)})(?![A-Za-z])|[^A-Za-z])"
    r"|[0-9]\s?_|[0-9]{14}|\*\*|[=<>|]|\^\s*\{?[^}]*\^"
    r"|\^(?!\s*(?:(?:[0-9]{1,2}|[A-Za-z])(?![0-9])|[{(]\s*-?(?:[0-9]{1,2}(?:/[0-9])?|[A-Za-z])\s*[})]|[{(]?\\circ\b"
    r"|\{\s*\\[dt]?frac\s*\{[0-9]\}\s*\{[0-9]\}\s*\}))"
    r"|(?<![0-9])\s*\^\s*[{(]?\s*-?[0-9]{2}|[0-9]{4}\s*\^\s*[{(]?\s*-?[0-9]{2}"
)
_VARIABLE = re.compile(r"(?<![A-Za-z\\])[A-Za-z](?![A-Za-z])")
_OF_FORMULA = re.compile(r"(?:\\[A-Za-z]++|(?<![A-Za-z])[A-Za-z](?![A-Za-z])|[0-9.,\s{}()\[\]+\-−*/^<>=_±≤≥$])++")
_OPERATION = re.compile(r"[-−+^<>±≤≥]|\\(?:[dt]?frac|sqrt|pm|[gl]eq?)(?![A-Za-z])")
_QUANTITY = re.compile(
    r"\s*+[-+]?[0-9][0-9.,]*+\s*+[A-Za-z](?:\^-?[0-9])?(?:/[A-Za-z](?:\^-?[0-9])?)?\s*+"
)  # 9.8 m/s^2
_SCIENTIFIC = re.compile(r"(?<=[0-9])[eE][-+]?(?=[0-9])")
_SPELLINGS = str.maketrans({"≥": "\\ge", "≤": "\\le", "−": "-", " ": "", "$": ""})
_SPELLED_WORD = re.compile(r"\\(?:([gl]e)q|left|right|,|;|!)(?![A-Za-z])")
_NAME = re.compile(r"\s{0,9}([A-Za-z](?:\([A-Za-z]\))?)\s{0,9}=")
# A word with an e in it is no expression.
_MATHEMATICAL = re.compile(r"[0-9\\π√^]|\be\b")
_FORMULA_PART = re.compile(r"\\[A-Za-z]++|[A-Za-z]|[0-9][0-9.,]*+|[^\s\w{}]")
_POWER = re.compile(r"([^0-9\s])\s*\^\s*[{(]?\s*-?([0-9])")
_ROOT = re.compile(r"\^\s*[{(]\s*-?(?:[0-9]+/|\\)")
# sympy looks for the factors of what is under a root, and of a long number beside letters.
_NO_SMALL_NUMBER = re.compile(r"[0-9]\.[0-9]|\.[0-9]|[0-9]{5}")
_LONG_NUMBER = re.compile(r"[0-9]{10}")
# Characters of an expression that sympy may compute.
_MAX_FORMULA = 100
_MAX_FORMULA_PARTS = 24  # its numbers, letters, commands and signs
_MAX_FORMULA_DEPTH = 3  # of its braces and parentheses
_MAX_ROOTS = 3
_MAX_DEGREE = 5  # its powers of sums and roots, added up
_MAX_DEGREE_OF_LETTERS = 18  # its powers of letters, added up
_CONSTANT = re.compile(r"\\(?:[dt]?frac|sqrt|pi)(?![A-Za-z])|[π√^]")
_LETTERS_OF_CONSTANT = re.compile(r"π|\\(?:[dt]?frac|sqrt|pi|cdot|times|left|right|text|circ)(?![A-Za-z])")
_RAISED = re.compile(r"(?:(?<=[)\]}])|(?<![A-Za-z/][A-Za-z])(?<=[A-Za-z]))⁻?[⁰¹²³⁴-⁹]{1,2}")
_LOWERED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_ROOT_SIGN = re.compile(r"√\s?(?:([0-9]{1,9}|[A-Za-z])|\(([^()]{1,40})\))")


def same_expression(answer: str, gold: str) -> bool:
    """Return whether two simple expressions are equal for math-verify."""
    (name, first), (gold_name, second) = _without_name(answer), _without_name(gold)
    if name and gold_name and name != gold_name:
        return False
    return is_simple(first) and is_simple(second) and _verify(first, second)


def is_closed_expression(side: str) -> bool:
    """Return whether a short text is one constant that is no plain number: "3\\sqrt{2}", "2π", "10^6"."""
    is_constant = _CONSTANT.search(side) is not None and not LETTER_RUN.search(_LETTERS_OF_CONSTANT.sub("", side))
    return is_constant and "," not in side and is_simple(side)


def is_formula(side: str) -> bool:
    """Return whether it computes with letters: "x + 1" and "\\frac{a}{b}", not "well-known", "5 m/s" or "x = 5"."""
    if len(side) > MAX_EXPRESSION:
        return False
    formula = _SCIENTIFIC.sub("0", _without_name(side)[1])
    is_computed = _VARIABLE.search(formula) and _OPERATION.search(formula) and _OF_FORMULA.fullmatch(formula)
    return is_computed is not None and not _QUANTITY.fullmatch(formula)


def spell(side: str) -> str:
    """Return the expression in one spelling: "x \\geq 3" and "x≥3" -> "x\\ge3"."""
    return _SPELLED_WORD.sub(lambda word: f"\\{word[1]}" if word[1] else "", side).translate(_SPELLINGS)


def plain_powers(side: str) -> str:
    """Return it with the powers of a letter or a bracket as LaTeX writes them: "x² + 1" -> "x^{2} + 1"."""
    return _RAISED.sub(lambda power: f"^{{{power[0].translate(_LOWERED)}}}", side)


def _without_name(side: str) -> tuple[str, str]:
    # "y = 2x + 1" -> ("y", "2x + 1")
    name = _NAME.match(side)
    return (name[1], side[name.end() :]) if name else ("", side)


def is_simple(side: str) -> bool:
    """Return whether sympy may compute an expression: it is short, and no tower of powers or roots."""
    if not 0 < len(side) <= _MAX_FORMULA or not (_MATHEMATICAL.search(side) or is_formula(side)):
        return False
    if _UNSAFE.search(side):
        return False
    parts = _FORMULA_PART.findall(side)
    roots = parts.count("\\sqrt") + parts.count("√") + len(_ROOT.findall(side))
    if len(parts) > _MAX_FORMULA_PARTS or roots > _MAX_ROOTS or (roots and _NO_SMALL_NUMBER.search(side)):
        return False
    if _LONG_NUMBER.search(side) and LETTER_RUN.search(side):
        return False
    powers = [(base.isalpha(), int(power)) for base, power in _POWER.findall(side)]
    if sum(power for is_letter, power in powers if not is_letter) > _MAX_DEGREE:
        return False
    if sum(power for _, power in powers) > _MAX_DEGREE_OF_LETTERS:
        return False
    return _depth(side) <= _MAX_FORMULA_DEPTH and (parse_number(side) is not None or len(side.split()) <= 12)


def _depth(side: str) -> int:
    depth = deepest = 0
    for sign in side:
        depth += (sign in "{[(") - (sign in "}])")
        deepest = max(deepest, depth)
    return deepest


def _as_latex(side: str) -> str:
    # math-verify reads LaTeX's π and roots alone: "2√3" -> "2\sqrt{3}".
    return _ROOT_SIGN.sub(lambda root: f"\\sqrt{{{root[1] or root[2]}}}", side.replace("π", "\\pi "))


@lru_cache(maxsize=4_096)
def _verify(answer: str, gold: str) -> bool:
    # Here alone: it imports sympy, which is slow to load.
    from math_verify import parse, verify

    # No timeouts: they work by signals, and pages are threads, where those raise.
    try:
        sides = [parse(f"${_as_latex(side)}$", parsing_timeout=None) for side in (gold, answer)]
        return all(sides) and bool(verify(sides[0], sides[1], timeout_seconds=None))
    except Exception:  # noqa: BLE001 - sympy raises anything on foreign text; what can't be compared isn't equal
        return False
