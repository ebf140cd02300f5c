"""Whether two short answers are the same, as numbers or as texts. Pure.

    same_number("18 apples", "18.0")      -> True
    same_text("x = 3 or x = 2", "{2, 3}")  -> True: both mean the same set of values
    same_text("(3, 2)", "(2, 3)")          -> False: a tuple keeps its order

Plain numbers compare as fractions; an expression by math-verify, which gets only an extracted, simple one: given whole
texts, it guesses.
"""

import re
from datetime import date, datetime

from mapd.answers.expressions import is_formula, plain_powers, same_expression, spell
from mapd.answers.numbers import parse_number, plain_quantity
from mapd.answers.text import words_beside_number, words_of
from mapd.answers.values import ValueKind, Values, normalise, read_values

# What stands beside a number and is no unit: a currency counts only where both name one.
_CURRENCY = re.compile(r"[$€£¥₹]|\b(?:usd|eur|gbp|dollars?|euros?|pounds?)\b", re.IGNORECASE)
_CURRENCY_NAMES = {"$": "dollar", "usd": "dollar", "€": "euro", "eur": "euro", "£": "pound", "gbp": "pound"}
_NO_UNIT = re.compile(r"\b(?:percent|per cent|degrees?)\b|\\(?:text|mathrm)\b", re.IGNORECASE)
# Signs that words leave out, and that change what an answer means.
_MEANING = re.compile(
    r"(?<![^\W_])[-−](?=\s?(?:[0-9.\\]|[A-Za-z](?![A-Za-z])))|[<>≤≥≠=±^%√∪]|(?<=[0-9A-Za-z])#|(?<=[0-9])!"
    r"|(?<=[\w)+])\+|(?<=[\w)])[*/](?=[\w(])|(?<=[0-9]):(?=[0-9])|(?<=[0-9])-(?=[0-9])"
)
_MATHS = re.compile(r"[0-9<>≤≥=±∪∅∞]|\\[A-Za-z]")
_NAME = re.compile(r"\s*([A-Za-z])\s*=\s*(?=[-+−0-9.])")
# Characters of an item that is taken apart once more: nesting must end.
_NESTED = 100
_YEAR = re.compile(r"(?<![0-9])[0-9]{4}(?![0-9])")
_NEEDLESS_IN_DATE = re.compile(r"(?<=[0-9])(?:st|nd|rd|th)\b|(?<=\bsep)t\b|\bof\b|[.,]", re.IGNORECASE)
_DATE_FORMS = ("%B %d %Y", "%b %d %Y", "%d %B %Y", "%d %b %Y", "%Y-%m-%d", "%Y %B %d")
_LONGEST_DATE = 40  # characters


def same_number(answer: str, gold: str) -> bool:
    """Return whether both are one number, or one expression; units and trailing words don't matter."""
    answer, gold = plain_powers(answer), plain_powers(gold)
    # A formula's numbers don't say what it is: x + 1 is not x - 1.
    if is_formula(answer) or is_formula(gold):
        return spell(answer) == spell(gold) or _hold_same_values(answer, gold)
    number, number_of_gold = parse_number(answer), parse_number(gold)
    if number is not None and number_of_gold is not None:
        return number == number_of_gold
    if number is not None or number_of_gold is not None:
        return same_expression(answer, gold)
    return same_values(answer, gold)


def same_text(answer: str, gold: str) -> bool:
    """Return whether both are the same words, or mean the same values or day."""
    answer, gold = plain_powers(answer), plain_powers(gold)
    if (day := _read_date(answer)) is not None and day == _read_date(gold):
        return True
    if is_formula(answer) or is_formula(gold):
        return spell(answer) == spell(gold) or _hold_same_values(answer, gold)
    number, number_of_gold = parse_number(answer), parse_number(gold)
    if number is not None and number_of_gold is not None:
        return number == number_of_gold and _same_units(answer, gold)
    return same_values(answer, gold)


def _same_units(answer: str, gold: str) -> bool:
    # The same words stand beside both: "Room 3" and "3" are two texts, "$3" and "x = 3" one.
    names = {name[1] for text in (answer, gold) if (name := _NAME.match(text))}
    signs = {sign[0].lower() for text in (answer, gold) if (sign := _CURRENCY.search(text))}
    currencies = {_CURRENCY_NAMES.get(sign, sign.rstrip("s")) for sign in signs}
    return len(names) < 2 and len(currencies) < 2 and _unit(answer) == _unit(gold)


def _unit(text: str) -> str:
    plain = _CURRENCY.sub(" ", _NO_UNIT.sub(" ", _NAME.sub(" ", plain_quantity(text))))
    return words_beside_number(normalise(plain))


def same_values(answer: str, gold: str) -> bool:
    """Return whether two answers have the same words, or hold the same values, in the same order where it matters."""
    return _same_words(answer, gold) or _hold_same_values(answer, gold)


def _hold_same_values(answer: str, gold: str) -> bool:
    values, values_of_gold = read_values(answer), read_values(gold)
    if values is None and values_of_gold is None:
        return same_expression(answer, gold)
    # A single value beside several is a list of one.
    first = values or Values(ValueKind.LIST, (normalise(answer),))
    second = values_of_gold or Values(ValueKind.LIST, (normalise(gold),))
    if first.variable and second.variable and first.variable != second.variable:
        return False
    if len(first.items) == len(second.items) == 1 and first.kind is second.kind is ValueKind.LIST:
        return _same_item(first.items[0], second.items[0])
    return _same_items(first, second)


def _same_words(answer: str, gold: str) -> bool:
    # No sign between the words may say something else: "[0, 1]" is not "(0, 1)".
    plain, plain_of_gold = normalise(answer), normalise(gold)
    words = words_of(plain)
    if not words or words != words_of(plain_of_gold) or _MEANING.findall(plain) != _MEANING.findall(plain_of_gold):
        return False
    is_maths = _MATHS.search(plain) or _MATHS.search(plain_of_gold)
    if not is_maths or spell(plain).casefold() == spell(plain_of_gold).casefold():
        return True
    return read_values(answer) is None and read_values(gold) is None


def _same_items(first: Values, second: Values) -> bool:
    kinds = {first.kind, second.kind}
    is_unordered = ValueKind.SET in kinds and kinds <= {ValueKind.SET, ValueKind.LIST}
    is_union = ValueKind.UNION in kinds and kinds <= {ValueKind.SET, ValueKind.UNION}  # "x < 2 or x > 3"
    if is_unordered or is_union:
        return _same_sets(first.items, second.items)
    if len(kinds) > 1 or len(first.items) != len(second.items) or first.brackets != second.brackets:
        return False
    return all(map(_same_item, first.items, second.items))


def _same_sets(first: tuple[str, ...], second: tuple[str, ...]) -> bool:
    return all(any(_same_item(a, b) for b in second) for a in first) and all(
        any(_same_item(a, b) for a in first) for b in second
    )


def _same_item(first: str, second: str) -> bool:
    if spell(first) == spell(second):
        return True
    first_number, second_number = parse_number(first), parse_number(second)
    if first_number is not None and second_number is not None and not (is_formula(first) or is_formula(second)):
        return first_number == second_number and _same_units(first, second)
    first_values, second_values = read_values(first), read_values(second)
    if first_values is not None and second_values is not None and max(len(first), len(second)) < _NESTED:
        return _same_items(first_values, second_values)
    if words_of(first) and words_of(first) == words_of(second) and _MEANING.findall(first) == _MEANING.findall(second):
        return True
    return same_expression(first, second)


def _read_date(text: str) -> date | None:
    """Return the day that a short text is: "May 1st, 2024"; None where it is none, or may be two: "05/01/2024"."""
    if len(text) > _LONGEST_DATE or not _YEAR.search(text):
        return None
    plain = " ".join(_NEEDLESS_IN_DATE.sub(" ", text).split())
    for form in _DATE_FORMS:
        try:
            return datetime.strptime(plain, form).date()
        except ValueError:
            continue
    return None
