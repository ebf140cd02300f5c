"""Whether two short answers are the same, as numbers or as texts. Pure.

    same_number("18 apples", "18.0")      -> True
    same_text("x = 3 or x = 2", "{2, 3}")  -> True: both mean the same set of values
    same_text("(3, 2)", "(2, 3)")          -> False: a tuple keeps its order

Plain numbers compare as fractions; an expression by math-verify, which gets only an extracted, simple one: given whole
texts, it guesses.
"""

import re

from mapd.answers.expressions import is_formula, same_expression, spell
from mapd.answers.numbers import parse_number
from mapd.answers.text import words_beside_number, words_of
from mapd.answers.values import Kind, Values, normalise, read_values

_CURRENCIES = re.compile(r"[$€£¥₹]|\b(?:USD|EUR|GBP|dollars?|euros?|pounds?)\b", re.IGNORECASE)
_CURRENCY_NAMES = {"$": "dollar", "usd": "dollar", "€": "euro", "eur": "euro", "£": "pound", "gbp": "pound"}
# Signs that words leave out, and that change what an answer means.
_MEANING = re.compile(
    r"(?<![^\W_])[-−](?=\s?[0-9.\\A-Za-z])|[<>≤≥≠=±+*/^%√∪]|(?<=[0-9]):(?=[0-9])|(?<=[0-9])-(?=[0-9])"
)
_MATHS = re.compile(r"[0-9<>≤≥=±∪∅∞]|\\[A-Za-z]|(?<![A-Za-z])[A-Za-z](?![A-Za-z])")


def same_number(answer: str, gold: str) -> bool:
    """Whether both are one number, or one expression; units and trailing words don't matter."""
    if is_formula(answer) or is_formula(gold):  # whose numbers don't say what it is: x + 1 is not x - 1
        return spell(answer) == spell(gold) or _hold_same_values(answer, gold)
    number, number_of_gold = parse_number(answer), parse_number(gold)
    if number is not None and number_of_gold is not None:
        return number == number_of_gold
    if number is not None or number_of_gold is not None:
        return same_expression(answer, gold)
    return same_values(answer, gold)


def same_text(answer: str, gold: str) -> bool:
    """Whether both are the same words, or mean the same values."""
    if is_formula(answer) or is_formula(gold):
        return spell(answer) == spell(gold) or _hold_same_values(answer, gold)
    number, number_of_gold = parse_number(answer), parse_number(gold)
    if number is not None and number_of_gold is not None:
        if number != number_of_gold:
            return False
        # "Room 3" and "3" are two texts, and one number
        if words_beside_number(answer) == words_beside_number(gold):
            return _currency(answer) in ("", _currency(gold)) or not _currency(gold)
    return same_values(answer, gold)


def _currency(text: str) -> str:
    match = _CURRENCIES.search(text)
    name = match[0].lower() if match else ""
    return _CURRENCY_NAMES.get(name, name.rstrip("s"))


def same_values(answer: str, gold: str) -> bool:
    """Whether two answers have the same words, or hold the same values, in the same order where it matters."""
    return _same_words(answer, gold) or _hold_same_values(answer, gold)


def _hold_same_values(answer: str, gold: str) -> bool:
    values, values_of_gold = read_values(answer), read_values(gold)
    if values is None and values_of_gold is None:
        return same_expression(answer, gold)
    left = values or Values(Kind.LIST, (normalise(answer),))
    right = values_of_gold or Values(Kind.LIST, (normalise(gold),))
    if left.variable and right.variable and left.variable != right.variable:
        return False
    return _same_items(left, right) or (_is_maths(answer, gold) and same_expression(answer, gold))


def _same_words(answer: str, gold: str) -> bool:
    """Whether the words are the same, and no sign between them says something else: "[0, 1]" is not "(0, 1)"."""
    words = words_of(answer)
    if not words or words != words_of(gold):
        return False
    if not _is_maths(answer, gold):
        return True
    spellings = [spell(normalise(text)).casefold().strip(".") for text in (answer, gold)]
    if spellings[0] == spellings[1]:
        return True
    is_whole = read_values(answer) is None and read_values(gold) is None
    return is_whole and _MEANING.findall(normalise(answer)) == _MEANING.findall(normalise(gold))


def _is_maths(*texts: str) -> bool:
    return any(_MATHS.search(text) for text in texts)


def _same_items(left: Values, right: Values) -> bool:
    kinds = {left.kind, right.kind}
    is_unordered = (kinds <= {Kind.SET, Kind.LIST} and Kind.SET in kinds) or kinds == {Kind.UNION}
    if is_unordered:
        return _same_sets(left.items, right.items)
    if len(kinds) > 1 or len(left.items) != len(right.items) or left.brackets != right.brackets:
        return False
    return all(map(_same_item, left.items, right.items))


def _same_sets(left: tuple[str, ...], right: tuple[str, ...]) -> bool:
    """Whether each value of one is among the other's."""
    return all(any(_same_item(a, b) for b in right) for a in left) and all(
        any(_same_item(a, b) for a in left) for b in right
    )


def _same_item(left: str, right: str) -> bool:
    if spell(left) == spell(right):
        return True
    number, other = parse_number(left), parse_number(right)
    if number is not None and other is not None and not (is_formula(left) or is_formula(right)):
        return number == other and words_beside_number(left) == words_beside_number(right)
    values, others = read_values(left), read_values(right)
    if values is not None and others is not None and max(len(left), len(right)) < _NESTED:
        return _same_items(values, others)
    if words_of(left) and words_of(left) == words_of(right) and _MEANING.findall(left) == _MEANING.findall(right):
        return True
    return same_expression(left, right)


_NESTED = 100  # characters of an item that is taken apart once more
