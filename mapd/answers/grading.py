"""Read the final answer out of a text, and compare it with the gold answer. Pure, no I/O.

    grade("Answer: 145 bananas.\n\nGroup of oranges: 87 / 93 = 0.92", "145", Task.NUMERIC)  -> answer "145", correct
    grade("Group of bananas: 290 / 2 = 145\nGroup of oranges: 87 / 93 = 0.92", …)           -> no_answer

The extraction is ours and declines rather than guesses: two different stated answers, two results of which neither
uses the other, "5 or 6" are no answer. It reads, in this order: a mark (`#### 18`, `\\boxed{18}`), a statement ("the
answer is 18", "Answer: 18"), and, where they agree, an answer given first and a conclusion at the end ("Therefore,
there are 18 apples.", "290 / 2 = 145", "18"). Plain numbers compare as fractions; units and trailing words don't
matter. math-verify compares only an extracted expression that is not a plain number: given whole texts, it guesses.
"""

import logging
import re
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import NamedTuple

# It warns about the time-outs that are left out on purpose, below: a script's standard error is ours.
logging.getLogger("math_verify").setLevel(logging.ERROR)

# What is read of a text at most. A teacher's longest reply by default is 2,048 tokens: about 8,000 characters.
MAX_TEXT = 100_000  # characters
MAX_NUMBERS = 1_500  # numbers and equals signs
MAX_SENTENCES = 5_000  # sentences and lines
_MAX_DIGITS = 100
_MAX_EXPRESSION = 200
_MAX_MARKS = 20  # marks, and statements of the answer: the last ones of a text
_MAX_STATEMENT = 1_000  # characters behind "the answer is"
_MAX_OF_SENTENCE = 100  # numbers and equals signs of a sentence that is asked for one number


class Task(StrEnum):
    """What kind of answer a question has."""

    NUMERIC = "numeric"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    TEXT = "text"


class Outcome(StrEnum):
    """What an attempt came to."""

    CORRECT = "correct"
    INCORRECT = "incorrect"
    NO_ANSWER = "no_answer"


@dataclass(frozen=True, slots=True)
class Grade:
    """The extracted answer, None where there is none or it is ambiguous, and what it came to."""

    answer: str | None
    outcome: Outcome


def grade(text: str, gold: str, task: Task, options: Sequence[str] = ()) -> Grade:
    """Extract the text's final answer and compare it with the gold: the two functions below, in one step."""
    answer = extract_answer(text, task, options)
    if answer is None:
        return Grade(None, Outcome.NO_ANSWER)
    right = answers_equal(answer, gold, task, options)
    return Grade(answer, Outcome.CORRECT if right else Outcome.INCORRECT)


def extract_answer(text: str, task: Task, options: Sequence[str] = ()) -> str | None:
    """The text's final answer, or None where it states none or is ambiguous.

    numeric: canonical ("10,011 flowers" -> "10011"; an expression only from `\\boxed{…}`, as it stands);
    boolean: "true" or "false"; choice: the option's letter ("C"); text: the words as they stand.
    """
    if name_limit(text) or not text.strip():
        return None
    if task is Task.NUMERIC:
        return _numeric_answer(text)
    if task is Task.BOOLEAN:
        return _boolean_answer(text)
    if task is Task.CHOICE:
        return _choice_answer(text, tuple(options))
    return _text_answer(text)


@lru_cache(maxsize=64)
def name_limit(text: str, longest: int = MAX_TEXT) -> str:
    """Return the limit that a text exceeds, in words; empty where it is read. `longest`: so many characters are read.

    name_limit(120_000 * "a")   -> "too long to check: 120,000 characters, 100,000 are read"
    """
    if len(text) > longest:
        return f"too long to check: {len(text):,} characters, {longest:,} are read"
    plain = blank_markup(text)
    if (parts := count_parts(plain)) > MAX_NUMBERS:
        return f"too much to check: {parts:,} numbers and equals signs, {MAX_NUMBERS:,} are read"
    if (sentences := sum(1 for _ in _SENTENCE.finditer(plain))) > MAX_SENTENCES:
        return f"too much to check: {sentences:,} sentences and lines, {MAX_SENTENCES:,} are read"
    return ""


def count_parts(plain: str) -> int:
    """Count the numbers and equals signs of a blanked text."""
    return sum(1 for _ in _PART.finditer(plain))


def answers_equal(answer: str, gold: str, task: Task, options: Sequence[str] = ()) -> bool:
    """Whether an extracted answer is the gold one. What can't be read equals nothing."""
    if len(answer) > MAX_TEXT or len(gold) > MAX_TEXT:
        return False
    if task is Task.BOOLEAN:
        left, right = _truth(answer), _truth(gold)
        return left is not None and left == right
    if task is Task.CHOICE:
        return _same_option(answer, gold, tuple(options))
    if _is_formula(answer) or _is_formula(gold):  # whose words, or numbers, don't say what it is: x + 1 is not x - 1
        return _spelled(answer) == _spelled(gold) or _same_expression(answer, gold)
    left_number, right_number = parse_number(answer), _gold_number(gold, task)
    if left_number is not None and right_number is not None:
        # "Room 3" and "3" are two texts, and one number
        return left_number == right_number and (task is Task.NUMERIC or _tidy_number(answer) == _tidy_number(gold))
    if _words(answer) == _words(gold) and _words(gold):
        return task is Task.TEXT or left_number == right_number
    return _same_expression(answer, gold)


def _gold_number(gold: str, task: Task) -> Fraction | None:
    number = parse_number(gold)
    if number is None and task is Task.NUMERIC:  # GSM8K's gold is a worked solution that ends in "#### 18"
        answer = extract_answer(gold, task)
        return None if answer is None else parse_number(answer)
    return number


# --- The text without its markup -------------------------------------------------------------------------------------

_CURRENCY = "$€£¥₹"
_SAME_LENGTH = str.maketrans(
    {"−": "-", "–": "-", "‐": "-", "‑": "-", "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\t": " ", "\r": " "}
    | {"×": "*", "✕": "*", "·": "*", "⋅": "*", "∙": "*", "∗": "*", "÷": "/", "⁄": "/", "∕": "/"}
    | {"≅": "≈", "≃": "≈", "∼": "≈", "~": "≈", "＝": "=", "’": "'", "‘": "'", "`": " "}
    | dict.fromkeys(_CURRENCY, " ")
)
_LATEX_WORDS = {"times": "*", "cdot": "*", "ast": "*", "div": "/", "approx": "≈", "simeq": "≈", "sim": "≈"}
_LATEX_BLANKS = "left right text textbf mathrm mathbf boxed fbox displaystyle quad qquad".split()
_LATEX_LEFT = str.maketrans("&{}", "   ")
_LATEX_WORD = re.compile(rf"\\({'|'.join([*_LATEX_WORDS, *_LATEX_BLANKS])})(?![A-Za-z])")
_LATEX_KEPT_SIGN = re.compile(r"\\([%*])")
_LATEX_SIGN = re.compile(r"\\[^A-Za-z]")
_FRACTION = re.compile(r"\\[dt]?frac\s?\{([^{}\n]{1,60}+)\}\s?\{([^{}\n]{1,60}+)\}")
_THOUSANDS_SPACE = re.compile(r"(?<=[0-9])[\u00a0\u202f\u2009](?=[0-9]{3}(?![0-9]))")
_SIGNED_MONEY = re.compile(rf"([-−–])([{_CURRENCY}])(?=\s?[0-9])")
_BOLD = re.compile(r"__|(?!(?<=[0-9)])\*\*[0-9(])(?!(?<=[0-9)] )\*\* [0-9(])\*\*")  # not the power of "5**3"
_ITALIC = re.compile(r"(?<![\w*)])\*(?=[^\W\d_])([^*\n]{1,200})\*(?![\w*(])")
_EQUALS = re.compile(r"\b(?:is equal to|are equal to|equals to|equals)\b(?=[^.\n]{0,30}[0-9])", re.IGNORECASE)
_BULLET = re.compile(r"^[ ]*(?:[-*•●▪>]|#{1,6}|\(?[a-zA-Z][.)])(?=[ ]+\S)", re.MULTILINE)
_NUMBERED = re.compile(r"^[ ]*(?:#{1,6} )?\(?[0-9]{1,2}[.)](?=[ ]+\S)", re.MULTILINE)
_NUMBERED_FROM_ONE = re.compile(r"^[ ]*(?:#{1,6} )?\(?1[.)][ ]", re.MULTILINE)


@lru_cache(maxsize=64)
def blank_markup(text: str) -> str:
    """The text with Markdown, LaTeX, bullets and currency signs blanked or put plainly, at the **same length**.

    "**Total:** $5 \\times 3$" -> "  Total:    5 *      3 ": a span found in the result is a span of the text.
    """
    out = _THOUSANDS_SPACE.sub(",", text)
    out = _SIGNED_MONEY.sub(r" \1", out)
    if "\\" in out:
        out = _FRACTION.sub(_plain_fraction, out)
        out = _plain_latex(out).translate(_LATEX_LEFT)
    out = _BOLD.sub("  ", out)
    out = out.translate(_SAME_LENGTH)
    if "equal" in out:
        out = _EQUALS.sub(lambda m: "=".ljust(len(m[0])), out)
    out = _ITALIC.sub(r" \1 ", out)
    out = _BULLET.sub(lambda m: " " * len(m[0]), out)
    if _NUMBERED_FROM_ONE.search(out):  # "12. Because 6 * 2 = 12." is an answer, not the twelfth point of a list
        out = _NUMBERED.sub(lambda m: " " * len(m[0]), out)
    return out


def _plain_fraction(match: re.Match[str]) -> str:
    short = f"(({match[1]})/({match[2]}))"
    return "((" + " " * (len(match[0]) - len(short)) + short[2:]


def _plain_latex(text: str) -> str:
    """Put LaTeX's words and signs plainly. Two backslashes go first: in "\\\\%" the sign is no LaTeX."""
    out = text.replace("\\\\", "\n ")
    out = _LATEX_WORD.sub(lambda m: _LATEX_WORDS.get(m[1], "").ljust(len(m[0])), out)
    return _LATEX_SIGN.sub("  ", _LATEX_KEPT_SIGN.sub(r" \1", out))


# --- Numbers ---------------------------------------------------------------------------------------------------------

_VULGAR = {"½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅖": (2, 5), "⅗": (3, 5)} | {
    "⅘": (4, 5), "⅙": (1, 6), "⅚": (5, 6), "⅛": (1, 8), "⅜": (3, 8), "⅝": (5, 8), "⅞": (7, 8)
}  # fmt: skip
_SIGNS = "".join(_VULGAR)
# Both begin with a set of characters: then the search for the next one runs in C.
_RUN = re.compile(rf"[0-9.{_SIGNS}](?:(?<=[0-9])[0-9.,:/]*+|(?<=[{_SIGNS}])|(?<=\.)(?<![0-9A-Za-z].)[0-9][0-9.,:/]*+)")
_PART = re.compile(rf"[0-9{_SIGNS}=≈](?:(?<=[0-9])[0-9.,:/]*+)?")
_PLAIN = re.compile(r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]*)?|\.[0-9]+")
_EXPONENT = re.compile(r"[eE]([+-]?[0-9]{1,2})(?![\w.])")
_LETTERS = re.compile(r"[^\W\d_]{1,30}+")
_MIXED = re.compile(r"(?: and)? +([0-9]{1,6})/([0-9]{1,6})(?![0-9/.,]*[0-9])")
_AND_A_HALF = re.compile(r" and (?:a|one)[ -]half\b", re.IGNORECASE)
_SCALE = re.compile(r"[ -](hundred|thousand|million|billion|trillion|dozens?)\b", re.IGNORECASE)
_SCALES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_ONE_LETTER_UNITS = frozenset("mglLhsc")
_LABELS = re.compile(
    r"\b(?:step|question|problem|mistake|part|option|equation|example|method|no\.|#) ?$", re.IGNORECASE
)
_MINUS_WORD = re.compile(r"(?:\b(?:minus|negative) |= ?- )$", re.IGNORECASE)
_ORDINALS = frozenset({"st", "nd", "rd", "th"})


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a blanked text; `value` is None where it is none that can be read ("10:30", "1,00", "2x")."""

    value: Fraction | None
    start: int
    end: int
    parts: tuple[Fraction, ...] = ()  # of "32.5/2"


def numbers(plain: str) -> Iterator[Number]:
    """The numbers of a text that `blank_markup` has passed, in order. Ordinals and labels ("Step 3") are left out."""
    position = 0
    while match := _RUN.search(plain, position):
        found = _read_number(plain, match)
        position = match.end() if found is None else found.end
        if found is not None:
            yield found


def _read_number(plain: str, match: re.Match[str]) -> Number | None:
    start = match.start()
    run = match[0].rstrip(".,:/") or match[0]
    end = start + len(run)
    before = plain[start - 1] if start else " "
    letters = _LETTERS.match(plain, end)
    if (letters and letters[0].lower() in _ORDINALS) or _LABELS.search(plain, max(0, start - 12), start):
        return None
    if before.isalnum() or before in "_^√|\\":
        return Number(None, start, end)
    parts = _run_parts(run)
    value, end = _after_number(plain, _run_value(parts), run, end, letters)
    negative = before == "-" and (start < 2 or not (plain[start - 2].isalnum() or plain[start - 2] in ")%]"))
    if value is not None and (negative or _MINUS_WORD.search(plain, max(0, start - 10), start)):
        value = -value
    return Number(value, start - negative, end, parts if len(parts) > 1 else ())


def _run_parts(run: str) -> tuple[Fraction, ...]:
    """ "1,000" -> (1000,); "32.5/2" -> (65/2, 2); empty for what is no number: "10:30", "1,00", "3/4/2024"."""
    if run in _VULGAR:
        return (Fraction(*_VULGAR[run]),)
    parts = run.split("/")
    if len(run) > _MAX_DIGITS or len(parts) > 2 or not all(_PLAIN.fullmatch(part) for part in parts):
        return ()
    return tuple(_fraction(part) for part in parts)


def _fraction(digits: str) -> Fraction:
    """Three times as fast as Fraction's own parser, which takes a third of all the time here."""
    whole, _, decimals = digits.replace(",", "").partition(".")
    return Fraction(int(whole + decimals), 10 ** len(decimals)) if decimals else Fraction(int(whole))


def _run_value(parts: tuple[Fraction, ...]) -> Fraction | None:
    if len(parts) == 2:
        return parts[0] / parts[1] if parts[1] else None
    return parts[0] if parts else None


def _after_number(
    plain: str, value: Fraction | None, run: str, end: int, letters: re.Match[str] | None
) -> tuple[Fraction | None, int]:
    """What stands behind the digits changes their value: 1e3, 2 1/2, 2½, 5 million; or takes it: 2x, 5!, 3 dozen."""
    if letters and (exponent := _EXPONENT.match(plain, end)):
        return (None if value is None else value * Fraction(10) ** int(exponent[1])), exponent.end()
    if letters:
        algebra = len(letters[0]) == 1 and letters[0] not in _ONE_LETTER_UNITS
        if algebra or plain[letters.end() : letters.end() + 1].isdigit():
            return None, letters.end()
        return value, end
    following = plain[end : end + 1]
    if (following and following in "^²³!√π_\\") or plain.startswith("**", end):
        return None, end + 1
    if value is None:
        return None, end
    if following in _VULGAR:
        return value + Fraction(*_VULGAR[following]), end + 1
    return _in_words_behind(plain, value, run, end) if following == " " else (value, end)


def _in_words_behind(plain: str, value: Fraction, run: str, end: int) -> tuple[Fraction | None, int]:
    if run.isdigit() and (mixed := _MIXED.match(plain, end)) and 0 < int(mixed[1]) < int(mixed[2]):
        return value + Fraction(int(mixed[1]), int(mixed[2])), mixed.end()
    if half := _AND_A_HALF.match(plain, end):
        return value + Fraction(1, 2), half.end()
    if scale := _SCALE.match(plain, end):  # "3 dozen" is 3 or 36: declined
        factor = _SCALES.get(scale[1].lower())
        return (None if factor is None else value * factor), scale.end()
    return value, end


_DIGIT_WORDS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty".split()  # noqa: E501
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_WORD_VALUES = {word: n for n, word in enumerate(_DIGIT_WORDS)} | {word: 10 * n for n, word in enumerate(_TENS, 2)}
_WORD_NUMBER = re.compile(
    rf"\b(?:({'|'.join(_TENS)})[ -]({'|'.join(_DIGIT_WORDS[1:10])})|({'|'.join(_WORD_VALUES)}))\b", re.IGNORECASE
)
_PART_WORDS = re.compile(
    r"\b(?:half|halves|thirds?|quarters?|fourths?|fifths?|tenths?|dozens?|hundreds?|thousands?|millions?"
    r"|billions?|twice)\b",
    re.IGNORECASE,
)
_OPERATOR_BETWEEN = re.compile(r"\s*(?:[-+*/^=≈:]|x|plus|minus|times|over|divided by|to)\s*", re.IGNORECASE)
_SIMPLE_FRACTION = re.compile(r"\\[dt]?frac\s?\{\s?([0-9]{1,12})\s?\}\s?\{\s?([0-9]{1,12})\s?\}")
_SPACED_RATIO = re.compile(r"\s*(-?[0-9]{1,12})\s*/\s*([0-9]{1,12})\s*")


def parse_number(text: str) -> Fraction | None:
    """One plain number: "1,000", "0.50", "1/2", "$18.00", "2 1/2", "50%" (50), "1e3", "−3", "145 bananas", "three".

    Units and trailing words don't matter. None where there is no number, two different ones ("5 or 6"), a calculation
    ("5 + 5"), or one that can be read in two ways ("1,00", "10:30", "3 dozen", "2x").
    """
    if len(text) > 500:
        return None
    plain = blank_markup(_SIMPLE_FRACTION.sub(r" \1/\2", text))
    plain = _SPACED_RATIO.sub(r"\1/\2", plain) if _SPACED_RATIO.fullmatch(plain) else plain
    found = list(numbers(plain))
    if not found:
        return None if any(map(str.isdigit, plain)) else _word_number(plain)
    for left, right in pairwise(found):
        if _OPERATOR_BETWEEN.fullmatch(plain, left.end, right.start):
            return None
    values = {number.value for number in found}
    return values.pop() if len(values) == 1 else None


def _word_number(plain: str) -> Fraction | None:
    if _PART_WORDS.search(plain):
        return None
    values = {
        _WORD_VALUES[m[1].lower()] + _WORD_VALUES[m[2].lower()] if m[1] else _WORD_VALUES[m[3].lower()]
        for m in _WORD_NUMBER.finditer(plain)
    }
    return Fraction(values.pop()) if len(values) == 1 else None


def number_text(value: Fraction) -> str:
    """A number as the pages show it: "145", "0.92", and "1/3" where the decimals don't end (soon)."""
    if value.denominator == 1:
        return str(value.numerator)
    for places in range(1, 13):
        scaled = value * 10**places
        if scaled.denominator == 1:
            digits = str(abs(scaled.numerator)).rjust(places + 1, "0")
            return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}"
    return f"{value.numerator}/{value.denominator}"


# --- Marks, statements, sentences: where an answer is given -----------------------------------------------------------

_HASHES = re.compile(r"^[ \t]*####[ \t]*([-+−$€£¥₹.0-9][^\n]{0,200})$", re.MULTILINE)
_BOXED = re.compile(r"\\f?box(?:ed)?\s?\{")
_BRACE = re.compile(r"[{}]")
_STATED = re.compile(
    r"\banswer(?: to (?:the|this|your) (?:\w+ ){0,2}(?:question|problem))?\s{0,3}"
    r"(?:(?:is|was|should be|would be|must be|will be)\b[ ]*[:=]?|[:=])(?!=)[ ]*",
    re.IGNORECASE,
)
_NOT_THE_ANSWER = re.compile(r"(?:not|n't|incorrect|wrong|correct|right|unclear|ambiguous)\b", re.IGNORECASE)
_SENTENCE = re.compile(r"(?:[^.!?\n]++|[.!?](?![\s)\]\"'*]|$)|\n(?=[ ]*+[=≈]))++")
_ALPHANUMERIC = re.compile(r"[^\W_]")
_EXPLAINS = re.compile(
    r"[\s\W]*(?:here(?:'s| is| are)|(?:my |detailed )?(?:explanation|solution|reason(?:ing)?"
    r"|justification|rationale)|because|this is because|to (?:find|get) this"
    r"|calculations?|working|work|proof|steps|let me explain|(?:the )?(?:reason|explanation) (?:is|for))\b",
    re.IGNORECASE,
)
CONCLUDES = re.compile(
    r"[\s\W]*(?:and |now,? )?(?:so|therefore|thus|hence|finally|in (?:conclusion|total|all|summary|short)"
    r"|overall|altogether"
    r"|consequently|as a result|this (?:means|leaves|gives)|that (?:means|leaves|gives)|total|final)\b|∴",
    re.IGNORECASE,
)
_REFUSES = re.compile(
    r"\b(?:(?:cannot|can't|can not|couldn't|unable to|(?:im|not )possible to)\s+(?:be\s+|\w+ly\s+)*"
    r"(?:determin|answer|calculat|sa[yi]|know|find|provid|solve|figure)\w*"
    r"|(?:mistake|error|typo) in the (?:\w+ )?(?:problem|question|given|statement|equation|information)"
    r"|\w*n[o']t (?:make sense|logical|possible|specif|provide)\w*"
    r"|(?:not enough|insufficient) information|unanswerable|contradict\w*|inconsisten\w*)",
    re.IGNORECASE,
)


class Sentence(NamedTuple):
    """A sentence or a line of a blanked text, and where it stands."""

    text: str
    start: int
    end: int


def split_sentences(plain: str) -> list[Sentence]:
    """The sentences and lines of a blanked text that hold letter or digit; "145.5" and "\\n= 145" don't part them."""
    runs = (match.span() for match in _SENTENCE.finditer(plain))
    return [Sentence(plain[start:end], start, end) for start, end in runs if _ALPHANUMERIC.search(plain, start, end)]


def _marked(text: str) -> list[str]:
    """Return what stands behind `####` and in `\\boxed{…}`: nobody writes these but to mark the answer.

    Each mark once, where it stands last; of more than 20 different ones the last 20.
    """
    marks = [match[1].strip() for match in _HASHES.finditer(text)]
    boxes = {match.end() for match in _BOXED.finditer(text)}
    closings = _closing_braces(text) if boxes else {}
    for start in sorted(boxes & closings.keys()):
        if closings[start] - start < _MAX_EXPRESSION:
            marks.append(text[start : closings[start]].strip())
    return list(dict.fromkeys(reversed(marks)))[_MAX_MARKS - 1 :: -1]


def _closing_braces(text: str) -> dict[int, int]:
    """Return the place of each closing brace by the place behind its opening one."""
    opened: list[int] = []
    closings = {}
    for brace in _BRACE.finditer(text):
        if brace[0] == "{":
            opened.append(brace.end())
        elif opened:
            closings[opened.pop()] = brace.start()
    return closings


@dataclass(frozen=True, slots=True)
class _Statement:
    """What stands behind "the answer is" or "Answer:"; `last` if nothing but it ends the text."""

    text: str
    start: int
    last: bool


def _statements(plain: str, sentences: list[Sentence]) -> list[_Statement]:
    out = []
    for match in deque(_STATED.finditer(plain), _MAX_MARKS):
        if _NOT_THE_ANSWER.match(plain, match.end()):
            continue
        index = bisect_right(sentences, match.end(), key=lambda s: s.end)
        if index == len(sentences):
            continue
        inline = plain[match.end() : sentences[index].end] if sentences[index].start <= match.end() else ""
        if not _ALPHANUMERIC.search(inline):  # "Answer:" is a heading: read on if what follows is one short statement
            index += bool(sentences[index].start <= match.end())
            if index >= len(sentences) or not _alone(sentences, index):
                continue
            inline = sentences[index].text
        out.append(_Statement(inline[:_MAX_STATEMENT], match.start(), index >= len(sentences) - 1))
    return out


def _alone(sentences: list[Sentence], index: int) -> bool:
    """Whether the line under a heading "Answer:" is the answer, and not the first of several lines of working."""
    if index == len(sentences) - 1:
        return True
    is_bare = len(sentences[index].text.split()) <= 4 and "=" not in sentences[index].text
    return "=" not in sentences[index].text and (is_bare or bool(_EXPLAINS.match(sentences[index + 1].text)))


# --- Numeric ----------------------------------------------------------------------------------------------------------

_RESULT_BEFORE = re.compile(r"[=≈][ ]*(?:(?:about|approximately|roughly|only|a total of)[ ]+)?$")
_GOES_ON = re.compile(
    r"[ ]*+(?:[^\W\d_][\w'/-]{0,30}+[ ]++){0,6}(?:\([^()=0-9\n]{0,60}+\)[ ]*+)?(?:[-+*/^]|x(?=[ ]?[0-9(]))[ ]*+[0-9(]"
)
_ASIDE = re.compile(r"\([^()\n]{0,200}\)")
_SUBORDINATE = re.compile(
    r",? (?:if|so that|to have|after|before|because|since|when|than|out of|compared|instead|not|for each"
    r"|in each|per|with"
    r"|from the|as|and still|on the|over the|within|who|which|that)\b",
    re.IGNORECASE,
)
_SOLVES = re.compile(r" ?= ?[a-z](?![\w(])(?! ?[-+*/])")  # "4 = x"
_OPERATOR_END = re.compile(r"[-+*/(]\s*$")
_NUMBER_FIRST = re.compile(r"[\s\W]*[0-9]")
_COMPARES = re.compile(
    r"\b(?:more|fewer|less|\w+er)\b[^.]{1,80}\bthan\b|\b(?:in total|in all|altogether)\b", re.IGNORECASE
)
_COORDINATED = re.compile(r"[^0-9]{0,80}\band (?:the )?$", re.IGNORECASE)
_ENDS_IN_TOTAL = re.compile(
    r", (?:for|making|giving|which is) a total of [^0-9]{0,10}[0-9][0-9.,]*+[^0-9]*+$", re.IGNORECASE
)
_CONDITION = re.compile(
    r"[\s\W]*(?:(?:so|therefore|thus|hence)\b\W+)?(?:even if|since|if|given|as|because|when|with|although"
    r"|while)\b[^,]{1,200},(?![0-9])",
    re.IGNORECASE,
)
_LABEL_LINE = re.compile(r"[^=.!?]{1,60}:[^:]{1,40}")
_TOTAL = re.compile(r"\b(?:total|answer|result|difference|sum|altogether|final)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Reading:
    """The numbers of a text, and which of them are results: stand behind "=" and aren't calculated with at once."""

    plain: str
    numbers: list[Number]
    results: list[Number]

    def inside(self, start: int, end: int) -> list[Number]:
        """The numbers that stand in plain[start:end]."""
        first = bisect_left(self.numbers, start, key=lambda n: n.start)
        return self.numbers[first : bisect_right(self.numbers, end, key=lambda n: n.end)]

    def before(self, end: int) -> Number | None:
        """The last result before a position."""
        return next((result for result in reversed(self.results) if result.start < end), None)

    @cached_property
    def _last_use(self) -> dict[Fraction, int]:
        """Where each value is last calculated with."""
        uses: dict[Fraction, int] = {}
        for n in self.numbers:
            uses.update(dict.fromkeys(n.parts, n.start))
            if n.value is not None and (
                _OPERATOR_END.search(self.plain, max(0, n.start - 4), n.start) or _GOES_ON.match(self.plain, n.end)
            ):
                uses[n.value] = n.start
        return uses

    def is_used(self, result: Number) -> bool:
        """Whether a number is calculated with further on: then it is a step, not an answer beside another."""
        return result.value is not None and self._last_use.get(result.value, -1) > result.start

    def is_lonely(self, value: Fraction | None) -> bool:
        """Whether a result stands beside the value, neither of them made from the other."""
        return any(r.value != value and not self.is_used(r) for r in self.results)


@dataclass(frozen=True, slots=True)
class _Conclusion:
    """What the last sentence with a number comes to (None: can't be told), and whether it says that it concludes."""

    value: Fraction | None
    firm: bool
    index: int


def read_numbers(plain: str) -> Reading:
    """The numbers and results of a blanked text."""
    found = list(numbers(plain))
    results = [n for n in found if _is_result(plain, n)]
    return Reading(plain, found, results)


def _is_result(plain: str, number: Number) -> bool:
    if _RESULT_BEFORE.search(plain, max(0, number.start - 30), number.start):
        return not _GOES_ON.match(plain, number.end)
    return bool(_SOLVES.match(plain, number.end)) and not _OPERATOR_END.search(
        plain, max(0, number.start - 4), number.start
    )


def _numeric_answer(text: str) -> str | None:
    marked = _marked(text)
    if marked:
        return _one_of_marked(marked)
    plain = blank_markup(text)
    reading, sentences = read_numbers(plain), split_sentences(plain)
    if not sentences:
        return None
    conclusion = _conclusion(reading, sentences)
    stated = [(s, v) for s in _statements(plain, sentences) if (v := value_of(s.text, reading)) is not None]
    if stated:
        values = {value for _, value in stated}
        contradicted = conclusion.firm and conclusion.value not in (None, stated[-1][1]) and not stated[-1][0].last
        return None if len(values) > 1 or contradicted else number_text(values.pop())
    leading = _leading(reading, sentences)
    if leading is not None and conclusion.value not in (None, leading):
        return None
    if leading is None and not conclusion.firm and _opens_otherwise(reading, sentences, conclusion.value):
        return None
    value = leading if conclusion.value is None else conclusion.value
    takes_back = any(_REFUSES.search(s.text) and "assuming" not in s.text for s in sentences[conclusion.index :])
    return None if value is None or takes_back else number_text(value)


def _one_of_marked(marked: list[str]) -> str | None:
    values = {value_of(blank_markup(_SIMPLE_FRACTION.sub(r" \1/\2", m)), None) for m in marked}
    if len(values) > 1:
        return None
    value = values.pop()
    if value is not None:
        return number_text(value)
    expression = marked[-1].rpartition("=")[2].strip()
    return expression if expression and len(set(marked)) == 1 else None


def value_of(sentence: str, reading: Reading | None) -> Fraction | None:
    """The number that a sentence gives as the answer, None if there are several and nothing tells which."""
    if count_parts(sentence) > _MAX_OF_SENTENCE:
        return None
    if "=" in sentence or "≈" in sentence:
        own = read_numbers(sentence)
        value = own.results[-1].value if own.results else None
        return None if own.is_lonely(value) else value
    aside = _ASIDE.sub(lambda m: " " * len(m[0]), sentence)
    found = list(numbers(aside)) or list(numbers(sentence))
    if not found:
        return None if any(map(str.isdigit, sentence)) else _counted_in_words(sentence)
    if any(_OPERATOR_BETWEEN.fullmatch(aside, a.end, b.start) for a, b in pairwise(found)):
        return None
    if (condition := _CONDITION.match(aside)) and not any(n.start >= condition.end() for n in found):
        return None  # "even if he studies for 86 days, the time remains the same"
    values = {number.value for number in found}
    return values.pop() if len(values) == 1 else _chosen(aside, found, reading)


def _chosen(sentence: str, found: list[Number], reading: Reading | None) -> Fraction | None:
    """Of several numbers the one that was just calculated, else the only one of the main clause."""
    for a, b in pairwise(found):
        if a.value != b.value and _COORDINATED.fullmatch(sentence, a.end, b.start):
            return None  # "8 planks for the walls and 592 nails"
    values = {number.value for number in found}
    calculated = [] if reading is None else [r for r in reading.results if r.value in values and r.value is not None]
    if reading is not None and calculated:
        last = calculated[-1].value
        return last if all(reading.is_used(r) for r in calculated if r.value != last) else None
    if (
        reading is not None
        and reading.results
        and (rounded := _rounded_in(values, reading.results[-1].value)) is not None
    ):
        return rounded
    if total := _ENDS_IN_TOTAL.search(sentence):
        return _only_number(sentence[total.start() :])
    if condition := _CONDITION.match(sentence):
        return _only_number(sentence[condition.end() :])
    cut = _SUBORDINATE.search(sentence)
    return _only_number(sentence[: cut.start()]) if cut else None


def _only_number(part: str) -> Fraction | None:
    values = {number.value for number in numbers(part)}
    return values.pop() if len(values) == 1 else None


def _rounded_in(values: set[Fraction | None], result: Fraction | None) -> Fraction | None:
    """The whole number next to a result that has decimals: "0.62 … so there was 1 flower bed"."""
    if result is None or result.denominator == 1:
        return None
    near = {Fraction(n) for n in (result.__floor__(), result.__ceil__())} & values
    return next(iter(near)) if len(near) == 1 else None


def _counted_in_words(sentence: str) -> Fraction | None:
    value = _word_number(sentence) if len(sentence) <= _MAX_STATEMENT else None
    # "one of the boys" counts nothing
    return None if value == 1 and len(sentence.split()) > 3 else value


def _leading(reading: Reading, sentences: list[Sentence]) -> Fraction | None:
    """An answer given first, with the explanation behind it: "145 bananas. …", "He has 4.\n\nExplanation: …"."""
    first = sentences[0]
    if len(sentences) == 1 or first.text.rstrip().endswith(":"):
        return None
    if len(first.text.split()) <= 4 and _NUMBER_FIRST.match(first.text):
        return parse_number(first.text)
    return value_of(first.text, reading) if _EXPLAINS.match(sentences[1].text) else None


def _opens_otherwise(reading: Reading, sentences: list[Sentence], value: Fraction | None) -> bool:
    """Whether the first paragraph is one sentence that gives another number, which nothing further on is made from."""
    first = sentences[0]
    inside = reading.inside(first.start, first.end)
    is_paragraph = len(sentences) > 1 and reading.plain[first.end : sentences[1].start].count("\n") > 1
    number = inside[-1] if inside else None
    if not is_paragraph or number is None or value_of(first.text, None) != number.value or number.value is None:
        return False
    return number.value != value and not reading.is_used(number)


def _conclusion(reading: Reading, sentences: list[Sentence]) -> _Conclusion:
    index = _last_with_number(reading, sentences)
    last = sentences[index]
    value = value_of(last.text, reading)
    if CONCLUDES.match(last.text):
        return _Conclusion(value, True, index)
    if value is None or not _is_final(reading, sentences, last, value):
        return _Conclusion(None, False, index)
    return _Conclusion(value, False, index)


def _last_with_number(reading: Reading, sentences: list[Sentence]) -> int:
    """Return the index of the last sentence that holds a number; 0 where none does."""
    for number in reversed(reading.numbers):
        index = bisect_right(sentences, number.start, key=lambda s: s.start) - 1
        if index >= 0 and number.end <= sentences[index].end:  # else the sentence's "!" was read as a factorial
            return index
    return 0


def _is_final(reading: Reading, sentences: list[Sentence], last: Sentence, value: Fraction) -> bool:
    """Whether a last sentence without a "therefore" gives the answer all the same."""
    if len(sentences) == 1 or (len(sentences) == 2 and last is sentences[0]):
        return True
    if _COMPARES.search(last.text.rpartition("=")[2]) and (
        "=" in last.text or _is_calculated(value, reading.before(last.start))
    ):
        return True
    if "=" in last.text or "≈" in last.text:
        return not reading.is_lonely(value)
    if _LABEL_LINE.fullmatch(last.text.strip()) and not _TOTAL.search(last.text):
        return value == (reading.results[-1].value if reading.results else None) and not reading.is_lonely(value)
    return _is_calculated(value, reading.before(last.start))


def _is_calculated(value: Fraction, result: Number | None) -> bool:
    return result is not None and (value == result.value or _rounded_in({value}, result.value) is not None)


# --- Boolean ----------------------------------------------------------------------------------------------------------

_TRUTH = {"true": "true", "yes": "true", "false": "false", "no": "false", "correct": "true", "incorrect": "false"}
_TRUTH_WORD = re.compile(r"\b(true|false|yes|no)\b", re.IGNORECASE)
_BARE_TRUTH = re.compile(r"[\s\W]*(true|false|yes|no)\b(?=\s*(?:$|[.,;:!\n(*-]|because|since|as\b))", re.IGNORECASE)
_BOTH = re.compile(
    r"\b(?:true|yes)\s*(?:/|or|and)\s*(?:false|no)\b|\b(?:false|no)\s*(?:/|or|and)\s*(?:true|yes)\b", re.IGNORECASE
)
_NEGATED = re.compile(r"\b(?:not|n't|neither|isn't|cannot)\s+(?:\w+\s+)?(?:true|false|yes|no)\b", re.IGNORECASE)
_IS_TRUE = re.compile(
    r"\b(?:statement|claim|question|assertion|answer|it|this|that|which)\s+(?:is|would be|must be|was|seems)\s+"
    r"(?:\w+ly\s+|thus\s+|therefore\s+)?(true|false|yes|no)\b(?!\s+(?:that|if))",
    re.IGNORECASE,
)
_CONCLUDES_TRUTH = re.compile(
    r"[\s\W]*(?:so|therefore|thus|hence|finally|in conclusion|overall|consequently)\W+(true|false|yes"
    r"|no)\b(?=\s*(?:$|[.,;:!]))",
    re.IGNORECASE,
)


def _truth(text: str) -> str | None:
    """ "Yes." -> "true"; StrategyQA's gold "false.\\t<facts>" -> "false"."""
    match = re.match(r"[\W_]*([A-Za-z]+)(?=[\W_]|$)", text[:200])
    return _TRUTH.get(match[1].lower()) if match else None


def _boolean_answer(text: str) -> str | None:
    marked = [_only_truth(m) for m in _marked(text)]
    if marked:
        return marked[0] if len(set(marked)) == 1 else None
    plain = blank_markup(text)
    sentences = split_sentences(plain)
    if not sentences:
        return None
    found: set[str | None] = set()
    for statement in _statements(plain, sentences):
        if _TRUTH_WORD.search(statement.text):
            found.add(_only_truth(statement.text))
    if match := _BARE_TRUTH.match(sentences[0].text):
        both = _BOTH.search(sentences[0].text)
        found.add(None if both else _TRUTH[match[1].lower()])
    last = sentences[-1].text
    if len(sentences) == 1 or CONCLUDES.match(last) or _BARE_TRUTH.match(last):
        found |= _concluded_truths(last)
    return found.pop() if len(found) == 1 else None


def _concluded_truths(sentence: str) -> set[str | None]:
    if _BOTH.search(sentence) or _NEGATED.search(sentence):
        return {None}
    patterns = (_CONCLUDES_TRUTH, _BARE_TRUTH)
    found: set[str | None] = {_TRUTH[m[1].lower()] for p in patterns if (m := p.match(sentence))}
    return found | {_TRUTH[m[1].lower()] for m in _IS_TRUE.finditer(sentence)}


def _only_truth(text: str) -> str | None:
    """The one truth word of a short statement; None where it has both, or denies one."""
    if _NEGATED.search(text) or _BOTH.search(text):
        return None
    # "the answer is yes, no doubt": what follows the first comma explains
    head = re.split(r"[,;:(]|\bbecause\b|\bsince\b|\bas\b", text, maxsplit=1)[0]
    found = {_TRUTH[m[1].lower()] for m in _TRUTH_WORD.finditer(head if _TRUTH_WORD.search(head) else text)}
    return found.pop() if len(found) == 1 else None


# --- Choice -----------------------------------------------------------------------------------------------------------

LETTERS = "ABCDEFGHIJ"  # a question's options have these letters, in their order
MOST_OPTIONS = len(LETTERS)
_LETTER_FIRST = re.compile(
    r"[\s\W]*(?:(?:option|choice|answer|letter)\s+)?(?:\(([A-Ja-j])\)|([A-Ja-j])[.):](?=\s|$)|([A-J])[.):](?=\w)"
    r"|([A-Ja-j])[\s\]'\"”’)]*$|([A-J])(?=\s*(?:[,;-]|because\b|since\b|as\b|is\b)))",
)
_LETTER_NAMED = re.compile(r"\b(?:[Oo]ption|[Cc]hoice)\s+\(?([A-Ja-j])\b|\(([A-J])\)")
_TWO_LETTERS = re.compile(r"\(?\b[A-Ja-j]\)?\s*(?:and|or|/|&|,)\s*\(?[A-Ja-j]\b\)?(?=\s*(?:$|[.,;)]))")
_IS_CORRECT = re.compile(
    r"\b(?:option|choice|answer)?\s*\(?\b([A-J])\)?\s+(?:is|must be|would be)\s+(?:therefore\s+"
    r"|thus\s+)?(?:the\s+)?(?:correct|right|best)\b",
    re.IGNORECASE,
)
_CORRECT_IS = re.compile(
    r"\b(?:correct|right|best)\s+(?:option|choice|statement|one)\s*(?:is|:|would be)\s*", re.IGNORECASE
)


def option_letter(answer: str, options: Sequence[str]) -> str | None:
    """Return the letter of the one option that a short answer names: "c", "(C)", "C. moss" and "moss" -> "C"."""
    index = _short_choice(answer, tuple(options))
    return None if index is None else LETTERS[index]


def _same_option(answer: str, gold: str, options: tuple[str, ...]) -> bool:
    """Whether both name one option, or two with the same text: real sets hold options twice."""
    index, of_gold = _short_choice(answer, options), _short_choice(gold, options)
    if index is None or of_gold is None:
        return False
    return _first_alike(index, options) == _first_alike(of_gold, options)


def _short_choice(answer: str, options: tuple[str, ...]) -> int | None:
    """The place of the option that is a bare letter, an option's whole text, or named as a response names it."""
    bare = answer.strip()
    if len(bare) == 1 and bare.upper() in LETTERS:
        return _option_index(bare, options)
    texts = [" ".join(option.split()) for option in options]
    spaced = " ".join(bare.split())
    return texts.index(spaced) if spaced in texts else _option_in(_without_latex(bare), options)


def _choice_answer(text: str, options: tuple[str, ...]) -> str | None:
    marked = [_option_in(_without_latex(m), options) for m in _marked(text)]
    if marked:
        return _letter_of(set(marked))
    plain = blank_markup_but_letters(text)
    sentences = split_sentences(plain)
    if not sentences:
        return None
    zones = [s.text for s in _statements(plain, sentences)]
    named = deque(_CORRECT_IS.finditer(plain), _MAX_MARKS)
    zones += [plain[m.end() : m.end() + 300].split("\n")[0] for m in named]
    found = {_option_in(zone, options) for zone in zones} - ({None} if len(zones) > 1 else set())
    found |= {_option_index(m[1], options) for m in _IS_CORRECT.finditer(plain) if m[1] != "a"}
    if not found:
        found = _unstated_options(plain, sentences, options)
    return _letter_of(found)


def _unstated_options(plain: str, sentences: list[Sentence], options: tuple[str, ...]) -> set[int | None]:
    lines = [line for line in plain.split("\n") if line.strip()]
    first = _option_in(lines[0], options)
    if len(lines) == 1 and len(sentences) <= 2:
        return {first}
    ends_so = CONCLUDES.match(sentences[-1].text) or len(lines[-1]) < 120
    last_line = (first if len(lines) == 1 else _option_in(lines[-1], options)) if ends_so else None
    return {index for index in (first, last_line) if index is not None}


def _letter_of(found: set[int | None]) -> str | None:
    if len(found) != 1:
        return None
    index = next(iter(found))
    return None if index is None else LETTERS[index]


def _option_index(letter: str, options: tuple[str, ...]) -> int | None:
    """The place of a letter's option; None where the question has no such option."""
    index = LETTERS.index(letter.upper())
    return index if index < (len(options) or len(LETTERS)) else None


def _first_alike(index: int, options: Sequence[str]) -> int:
    """The place of the first option with the same text."""
    texts = [" ".join(option.split()) for option in options]
    return texts.index(texts[index]) if texts else index


def blank_markup_but_letters(text: str) -> str:
    """As `blank_markup`, but "C) Only two" keeps its letter, which there is a bullet."""
    return _BOLD.sub("  ", text).translate(_SAME_LENGTH)


def _without_latex(text: str) -> str:
    """A short answer without LaTeX's wrapping: `\\text{B}` -> `B`."""
    return _plain_latex(text).translate(_LATEX_LEFT).strip() if "\\" in text else text


def _option_in(zone: str, options: tuple[str, ...]) -> int | None:
    """The one option that a zone names by its letter or its full text; None for none, for two, or where they differ."""
    if _TWO_LETTERS.search(zone):
        return None
    letters: list[int | None] = []
    if match := _LETTER_FIRST.match(zone):
        letters.append(_option_index(next(group for group in match.groups() if group), options))
    letters += [_option_index(m[1] or m[2], options) for m in _LETTER_NAMED.finditer(zone)]
    texts = _options_by_text(zone, options)
    if letters:  # where the options are letters themselves ("A. B"), what stands there is read as the letter
        texts = [index for index in texts if not _is_letter(options[index])]
    named = [*letters, *texts]
    alike = {index if index is None else _first_alike(index, options) for index in named}
    return named[0] if len(alike) == 1 else None


def _is_letter(option: str) -> bool:
    return option.strip().upper() in tuple(LETTERS)


def _options_by_text(zone: str, options: tuple[str, ...]) -> list[int]:
    """Options whose whole text stands in the zone; "Only Ann" inside "Only Ann and Bob" doesn't count."""
    words = f" {_words(zone)} "
    read = options[:MOST_OPTIONS]
    inside = {i: f" {norm} " for i, option in enumerate(read) if (norm := _words(option)) and f" {norm} " in words}
    return [i for i, norm in inside.items() if not any(norm in other and norm != other for other in inside.values())]


# --- Text -------------------------------------------------------------------------------------------------------------

_ARTICLES = frozenset({"a", "an", "the"})
_WORD = re.compile(r"[^\W_]+(?:[.'][^\W_]+)*")
_SHORT = 8
_VERBS = re.compile(r"\b(?:is|are|was|were|has|have|had|will|can|because|so|since|therefore|means)\b", re.IGNORECASE)


def _words(text: str) -> str:
    """Casefolded, without punctuation and articles: "The Grandmother." -> "grandmother"."""
    found = [word for word in _WORD.findall(text.casefold().replace("’", "'")) if word not in _ARTICLES]
    return " ".join(found)


def _tidy_number(text: str) -> str:
    """The words around a number: a text answer "Room 3" isn't "3", but "3." is."""
    return " ".join(word for word in _words(text).split() if not any(c.isdigit() for c in word))


def _text_answer(text: str) -> str | None:
    marked = _marked(text)
    if marked:
        return marked[-1] if len({_words(m) or m for m in marked}) == 1 and marked[-1] else None
    plain = blank_markup_but_letters(text)
    sentences = split_sentences(plain)
    if not sentences:
        return None
    stated = [s.text.strip().strip("\"'“”.,;: ") for s in _statements(plain, sentences)]
    stated = [s for s in stated if s and len(s) <= _MAX_EXPRESSION]
    if stated:
        return stated[-1] if len({_words(s) for s in stated}) == 1 else None
    bare = text.strip()
    if len(sentences) > 1 or len(bare.split()) > _SHORT or _VERBS.search(bare):
        return None
    return blank_markup_but_letters(bare).strip().strip("\"'“”.,;: ") or None


# --- Expressions ------------------------------------------------------------------------------------------------------

# sympy computes what it is given. It gets short expressions alone: no tower, no sum to a high power, no root of a root.
_COMMANDS = "dfrac tfrac frac sqrt cdot times div pi infty pm left right text mathrm circ degree".split()
_UNSAFE = re.compile(
    rf"!|\\(?!(?:{'|'.join(_COMMANDS)})(?![A-Za-z])|[^A-Za-z])"
    r"|[0-9]{14}|\*\*|[=<>|]|\^\s*\{?[^}]*\^"
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
_MATHEMATICAL = re.compile(r"[0-9\\π√^]|\be\b")  # a word with an e in it is no expression
_FORMULA_PART = re.compile(r"\\[A-Za-z]++|[A-Za-z]|[0-9][0-9.,]*+|[^\s\w{}]")
_POWER = re.compile(r"([^0-9\s])\s*\^\s*[{(]?\s*-?([0-9])")
_ROOT = re.compile(r"\^\s*[{(]\s*-?(?:[0-9]+/|\\)")
_NO_SMALL_NUMBER = re.compile(r"[0-9]\.[0-9]|\.[0-9]|[0-9]{5}")  # sympy looks for the factors of what is under a root
_LONG_NUMBER = re.compile(r"[0-9]{10}")  # not beside letters: there sympy looks for its factors, too
_MAX_FORMULA = 100  # characters of an expression that sympy may compute
_MAX_FORMULA_PARTS = 24  # its numbers, letters, commands and signs
_MAX_FORMULA_DEPTH = 3  # of its braces and parentheses
_MAX_ROOTS = 3
_MAX_DEGREE = 5  # its powers of sums and roots, added up
_MAX_DEGREE_OF_LETTERS = 18  # its powers of letters, added up


def _same_expression(answer: str, gold: str) -> bool:
    """Whether two expressions are equal for math-verify, which imports sympy: only here, and only for simple ones."""
    (first, left), (second, right) = _without_name(answer), _without_name(gold)
    return (
        (not first or not second or first == second) and _is_simple(left) and _is_simple(right) and _verify(left, right)
    )


def _is_formula(side: str) -> bool:
    """Whether it computes with letters: "x + 1" and "\\frac{a}{b}", not "well-known", "5 m/s" or "x = 5"."""
    if len(side) > _MAX_EXPRESSION:
        return False
    formula = _SCIENTIFIC.sub("0", _without_name(side)[1])
    is_computed = _VARIABLE.search(formula) and _OPERATION.search(formula) and _OF_FORMULA.fullmatch(formula)
    return is_computed is not None and not _QUANTITY.fullmatch(formula)


def _spelled(side: str) -> str:
    """The expression in one spelling: "x \\geq 3" and "x≥3" -> "x\\ge3"."""
    return _SPELLED_WORD.sub(lambda word: f"\\{word[1]}" if word[1] else "", side).translate(_SPELLINGS)


def _without_name(side: str) -> tuple[str, str]:
    """ "y = 2x + 1" -> ("y", "2x + 1")."""
    name = _NAME.match(side)
    return (name[1], side[name.end() :]) if name else ("", side)


def _is_simple(side: str) -> bool:
    if not 0 < len(side) <= _MAX_FORMULA or not _MATHEMATICAL.search(side) or _UNSAFE.search(side):
        return False
    parts = _FORMULA_PART.findall(side)
    roots = parts.count("\\sqrt") + parts.count("√") + len(_ROOT.findall(side))
    if len(parts) > _MAX_FORMULA_PARTS or roots > _MAX_ROOTS or (roots and _NO_SMALL_NUMBER.search(side)):
        return False
    if _LONG_NUMBER.search(side) and _LETTERS.search(side):
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


@lru_cache(maxsize=4_096)
def _verify(answer: str, gold: str) -> bool:
    from math_verify import parse, verify

    try:  # pages are threads, where its own timeouts raise
        sides = [parse(f"${side}$", parsing_timeout=None) for side in (gold, answer)]
        return all(sides) and bool(verify(sides[0], sides[1], timeout_seconds=None))
    except Exception:  # noqa: BLE001 - sympy raises anything on foreign text; what can't be compared isn't equal
        return False
