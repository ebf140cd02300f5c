"""The numbers of a text, read exactly. Pure.

parse_number("$1,450 in all")  -> Fraction(1450)
parse_number("5 or 6")         -> None: two of them
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from mapd.answers.markup import blank_markup

_MAX_DIGITS = 100
_VULGAR = {"½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅖": (2, 5), "⅗": (3, 5)} | {
    "⅘": (4, 5), "⅙": (1, 6), "⅚": (5, 6), "⅛": (1, 8), "⅜": (3, 8), "⅝": (5, 8), "⅞": (7, 8)
}  # fmt: skip
_SIGNS = "".join(_VULGAR)
# Both begin with a set of characters: then the search for the next one runs in C.
_RUN = re.compile(rf"[0-9.{_SIGNS}](?:(?<=[0-9])[0-9.,:/]*+|(?<=[{_SIGNS}])|(?<=\.)(?<![0-9A-Za-z].)[0-9][0-9.,:/]*+)")
_PART = re.compile(rf"[0-9{_SIGNS}=≈](?:(?<=[0-9])[0-9.,:/]*+)?")
_PLAIN = re.compile(r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}|[0-9]+)(?:\.[0-9]*)?|\.[0-9]+")
# "1.450,00" can be read in one way only.
_CONTINENTAL = re.compile(r"[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]{1,2}")
_EXPONENT = re.compile(r"[eE]([+-]?[0-9]{1,2})(?![\w.])")
LETTER_RUN = re.compile(rf"[^\W\d_{_SIGNS}]{{1,30}}+")
_MIXED = re.compile(r"(?: and)? +([0-9]{1,6})/([0-9]{1,6})(?![0-9/.,]*[0-9])")
_AND_A_HALF = re.compile(r" and (?:a|one)[ -]half\b", re.IGNORECASE)
_POWER_OF_TEN = re.compile(
    r" {0,9}[*x×] {0,9}10(?:(?:\^|\*\*)[ {(]{0,3}([-+]?[0-9]{1,2})(?![0-9.])[ ]?[})]?|([⁻⁺]?[⁰¹²³⁴-⁹]{1,2}))"
)
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_SCALE = re.compile(r"[ -](hundred|thousand|million|billion|trillion|dozens?)\b", re.IGNORECASE)
_SCALES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
# From here on stand scripts that put no blank between a number and its word: "18个".
_CJK = "\u2e80"
_ONE_LETTER_UNITS = frozenset("mglLhsc")
_LABELS = re.compile(
    r"\b(?:step|question|problem|mistake|part|option|equation|example|method|no\.|#) ?$", re.IGNORECASE
)
_MINUS_WORD = re.compile(r"(?:\b(?:minus|negative) |= ?- )$", re.IGNORECASE)
_ORDINALS = frozenset({"st", "nd", "rd", "th"})
_CONSTANT_BEHIND = re.compile(r"[ ]?[*]?[ ]?(?:[π√]|\\pi(?![A-Za-z])|\\sqrt)")
_CONSTANT_BEFORE = re.compile(r"\\sqrt[ ]{0,3}$|(?:π|\\pi)[ ]{0,3}\)?[ ]{0,9}[/*][ ]{0,3}\(?[ ]{0,9}$")
_DIGIT_WORDS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty".split()  # noqa: E501
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_WORD_VALUES = {word: n for n, word in enumerate(_DIGIT_WORDS)} | {word: 10 * n for n, word in enumerate(_TENS, 2)}
WORD_NUMBER = re.compile(
    rf"\b(?:({'|'.join(_TENS)})[ -]({'|'.join(_DIGIT_WORDS[1:10])})|({'|'.join(_WORD_VALUES)}))\b", re.IGNORECASE
)
_PART_WORDS = re.compile(
    r"\b(?:half|halves|thirds?|quarters?|fourths?|fifths?|tenths?|dozens?|hundreds?|thousands?|millions?"
    r"|billions?|twice)\b",
    re.IGNORECASE,
)
OPERATOR_BETWEEN = re.compile(r"\s*(?:[-+*/^=≈:]|x|plus|minus|times|over|divided by|to)\s*", re.IGNORECASE)
_PART_OF_FRACTION = r"\s?(?:\{\s?([0-9]{1,12})\s?\}|([0-9]))"
# Not a power, and not what something is divided by.
_SIMPLE_FRACTION = re.compile(
    rf"(?<![/^÷])(?<![/^÷] )(?<!\^\{{)((?<=[0-9])\s?)?\\[dt]?frac{_PART_OF_FRACTION}{_PART_OF_FRACTION}"
    r"(?!\s?\^|[0-9])"
)
_SPACED_RATIO = re.compile(r"\s*(-?[0-9]{1,12})\s*/\s*([0-9]{1,12})\s*")
_SPACED_THOUSANDS = re.compile(r"(?<![0-9.,])(?<![0-9] )[0-9]{1,3}(?: [0-9]{3})+(?![0-9])(?! [0-9])")
_UNIT_POWER = re.compile(
    r"([0-9](?:\s|\\[,; ]|\\(?:text|mathrm)\s?\{|~){0,4}"
    r"(?:mm|cm|dm|m|km|in|ft|yd|mi|s|sec|units?|inch(?:es)?|feet|meters?|metres?|(?:m|km|ft|cm)/(?:s|sec|h))\s?\}?)"
    r"\s?\^\s?\{?-?[0-9]\}?"
)
_DEGREES = re.compile(r"\^\s?\{?\s?\\circ\s?\}?")
_WHOLE_RATIO = re.compile(r"\A\s{0,9}(-?[0-9]{1,12})\s{0,9}/\s{0,9}([0-9]{1,12})\s{0,9}\Z")
_SPACED_SIGN = re.compile(r"\A\s*[-−–]\s+(?=[$€£¥₹\\.]{0,3}[0-9])")
IRRATIONAL = re.compile(r"[π√]|\\(?:pi|sqrt)(?![A-Za-z])")
# "±3", "x > 10", "[0, ∞)"; not "<b>18</b>" and "18<br>"
SEVERAL_VALUES = re.compile(
    r"[±∞≤≥≠∪]|\\(?:pm|infty|cup|[gl]t|[gl]eq?(?:slant)?|neq?)(?![A-Za-z])|\A\s*[<>]=?\s*[-0-9.][^<>]*\Z"
    r"|(?:(?<![<\w])[A-Za-z]|[0-9])\s{0,9}[<>]=?\s{0,9}(?:[-0-9.(]|[A-Za-z](?![A-Za-z>]))"
)


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a blanked text; `value` is None where it is none that can be read ("10:30", "1,00", "2x")."""

    value: Fraction | None
    start: int
    end: int
    parts: tuple[Fraction, ...] = ()  # of "32.5/2"


def numbers(plain: str) -> Iterator[Number]:
    """Yield the numbers of a blanked text, in order. Ordinals and labels ("Step 3") are left out."""
    position = 0
    while match := _RUN.search(plain, position):
        number = _read_number(plain, match)
        position = match.end() if number is None else number.end
        if number is not None:
            yield number


def _read_number(plain: str, match: re.Match[str]) -> Number | None:
    start = match.start()
    run = match[0].rstrip(".,:/") or match[0]
    end = start + len(run)
    preceding = plain[start - 1] if start else " "
    letters = LETTER_RUN.match(plain, end)
    if (letters and letters[0].lower() in _ORDINALS) or _LABELS.search(plain, max(0, start - 12), start):
        return None
    is_factor = _CONSTANT_BEHIND.match(plain, end) or _CONSTANT_BEFORE.search(plain, max(0, start - 20), start)
    if (preceding.isalnum() and preceding < _CJK) or preceding in "_^√|\\" or is_factor:
        return Number(None, start, end)
    parts = _run_parts(run)
    value, end = _after_number(plain, _run_value(parts), run, end, letters)
    negative = preceding == "-" and (start < 2 or not (plain[start - 2].isalnum() or plain[start - 2] in ")%]"))
    if value is not None and (negative or _MINUS_WORD.search(plain, max(0, start - 10), start)):
        value = -value
    return Number(value, start - negative, end, parts if len(parts) > 1 else ())


def _run_parts(run: str) -> tuple[Fraction, ...]:
    # "1,000" -> (1000,); "32.5/2" -> (65/2, 2); empty for what is no number: "10:30", "1,00", "3/4/2024"
    if _CONTINENTAL.fullmatch(run):
        run = run.replace(".", "").replace(",", ".")
    if run in _VULGAR:
        return (Fraction(*_VULGAR[run]),)
    parts = run.split("/")
    if len(run) > _MAX_DIGITS or len(parts) > 2 or not all(_PLAIN.fullmatch(part) for part in parts):
        return ()
    return tuple(_fraction(part) for part in parts)


def _fraction(digits: str) -> Fraction:
    # Three times as fast as Fraction's own parser, which took a third of all the time here.
    integer, _, decimals = digits.replace(",", "").partition(".")
    return Fraction(int(integer + decimals), 10 ** len(decimals)) if decimals else Fraction(int(integer))


def _run_value(parts: tuple[Fraction, ...]) -> Fraction | None:
    if len(parts) == 2:
        return parts[0] / parts[1] if parts[1] else None
    return parts[0] if parts else None


def _after_number(
    plain: str, value: Fraction | None, run: str, end: int, letters: re.Match[str] | None
) -> tuple[Fraction | None, int]:
    """Return a number's value and end with what stands behind its digits: 1e3, 2½, 5 million; none for 2x, 5!."""
    if letters and (exponent := _EXPONENT.match(plain, end)):
        return (None if value is None else value * Fraction(10) ** int(exponent[1])), exponent.end()
    if letters:
        algebra = len(letters[0]) == 1 and letters[0] not in _ONE_LETTER_UNITS and letters[0] < _CJK
        if algebra or plain[letters.end() : letters.end() + 1].isdigit():
            return None, letters.end()
        return value, end
    following = plain[end : end + 1]
    if (following and following in "^²³!√π_\\") or plain.startswith("**", end):
        return None, end + 1
    if value is None:
        return None, end
    if power := _POWER_OF_TEN.match(plain, end):
        tens = int((power[1] or power[2]).translate(_RAISED))
        return (value * Fraction(10) ** tens if -30 <= tens <= 30 else None), power.end()
    if following in _VULGAR:
        return value + Fraction(*_VULGAR[following]), end + 1
    return _in_words_behind(plain, value, run, end) if following == " " else (value, end)


def _in_words_behind(plain: str, value: Fraction, run: str, end: int) -> tuple[Fraction | None, int]:
    if run.isdigit() and (mixed := _MIXED.match(plain, end)) and 0 < int(mixed[1]) < int(mixed[2]):
        return value + Fraction(int(mixed[1]), int(mixed[2])), mixed.end()
    if half := _AND_A_HALF.match(plain, end):
        return value + Fraction(1, 2), half.end()
    # "3 dozen" is 3 or 36: declined.
    if scale := _SCALE.match(plain, end):
        factor = _SCALES.get(scale[1].lower())
        return (None if factor is None else value * factor), scale.end()
    return value, end


def plain_fractions(text: str) -> str:
    """Return it with its simple fractions written plainly: "-\\frac{1}{4}" -> "-1/4", "2\\frac12" -> "2 1/2"."""
    return _SIMPLE_FRACTION.sub(_plain_fraction, text) if "frac" in text else text


def _plain_fraction(fraction: re.Match[str]) -> str:
    integer, over, over_digit, under, under_digit = fraction.groups()
    return f"{'' if integer is None else ' '}{over or over_digit}/{under or under_digit}"


def plain_quantity(text: str) -> str:
    """Return a short answer with its number written plainly: "9 500" -> "9,500", "5 cm^2" -> "5 cm"."""
    out = _WHOLE_RATIO.sub(r"\1/\2", plain_fractions(text))
    out = _SPACED_THOUSANDS.sub(lambda number: number[0].replace(" ", ","), out)
    out = _DEGREES.sub("°", _UNIT_POWER.sub(r"\1", out))
    return _SPACED_SIGN.sub("-", out)


def parse_number(text: str) -> Fraction | None:
    """Read one plain number: "1,000", "1/2", "$18.00", "2 1/2", "50%" (50), "1e3", "−3", "145 bananas", "three".

    Units and trailing words don't matter. None where there is no number, two different ones ("5 or 6"), a calculation
    ("5 + 5"), one that can be read in two ways ("1,00", "10:30", "3 dozen", "2x"), or no plain number ("π/2", "x > 2").
    """
    if len(text) > 500 or IRRATIONAL.search(text) or SEVERAL_VALUES.search(text):
        return None
    plain = blank_markup(plain_quantity(text))
    plain = _SPACED_RATIO.sub(r"\1/\2", plain) if _SPACED_RATIO.fullmatch(plain) else plain
    quantities = list(numbers(plain))
    if not quantities:
        return None if any(map(str.isdigit, plain)) else word_number(plain)
    for first, second in pairwise(quantities):
        if OPERATOR_BETWEEN.fullmatch(plain, first.end, second.start):
            return None
    values = {number.value for number in quantities}
    return values.pop() if len(values) == 1 else None


def word_number(plain: str) -> Fraction | None:
    """Return the one number that a text writes in words: "twenty-one pens" -> 21; no halves and dozens."""
    if _PART_WORDS.search(plain):
        return None
    values = {
        (-1 if _MINUS_WORD.search(plain, max(0, m.start() - 10), m.start()) else 1)
        * (_WORD_VALUES[m[1].lower()] + _WORD_VALUES[m[2].lower()] if m[1] else _WORD_VALUES[m[3].lower()])
        for m in WORD_NUMBER.finditer(plain)
    }
    return Fraction(values.pop()) if len(values) == 1 else None


def number_text(value: Fraction) -> str:
    """Return a number as the pages show it: "145", "0.92", and "1/3" where the decimals don't end (soon)."""
    if value.denominator == 1:
        return str(value.numerator)
    for places in range(1, 13):
        shifted_value = value * 10**places
        if shifted_value.denominator == 1:
            digits = str(abs(shifted_value.numerator)).rjust(places + 1, "0")
            return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}"
    return f"{value.numerator}/{value.denominator}"


def count_parts(plain: str) -> int:
    """Count the numbers and equals signs of a blanked text."""
    return sum(1 for _ in _PART.finditer(plain))
