"""What two questions share: their normal form, their template, their numbers, and how alike their words are. Pure.

    list_words("Tom’s 1,000 pens: 5 − 2?")          -> ["tom", "1000", "pens", "5", "-", "2"]
    read_wording(["Tom has 1,000 red pens and 4 blue ones."])
    -> QuestionWords(normal="tom has 1000 red pens and 4 blue ones", template="# has # red pens and # blue ones",
               numbers=("1000", "4"), features={"1000", "4", "tom", "red", "pen", "blue", "1000 red", "4 blue", …})

A name is a word in capitals that is no function word. Other words for the same are not seen: words are compared, not
what they mean. The leakage guard and the playground's seal know a question again by these words.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from mapd.characters import HIDDEN

_TOKEN = re.compile(r"\d[\d,]*(?:\.\d+)?|[^\W\d_]+(?:['’][^\W\d_]+)?|[-+*/=<>%$€£^]")
# One sign in several shapes.
_SIGNS = str.maketrans("−–‐×÷⁄", "---*//")
_POWER = re.compile("[²³¹⁰⁴-⁹]+")
_THOUSANDS_SPACE = re.compile(r"(?<=\d)[\u00a0\u2009\u202f](?=\d{3}(?!\d))")
_VALUES = {
    word: str(value)
    for value, word in enumerate(
        "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
        "eighteen nineteen twenty".split(),
        2,
    )
}
# Words that a question may change without asking for anything else, and that begin a sentence without being a name.
_FUNCTION_WORDS = frozenset(
    "a about after all altogether am an and any are as at be been before being but by can could did do does each every "
    "find for from had has have he her here hers him his how i if in into is it its let many may me more most much my "
    "now of on one ones or other our out over she should so some than that the their them then there these they this "
    "those to total together under until up was we were what when where which while who whom whose why will with would "
    "you your calculate compute determine work".split()
)
# They go with a name.
_PRONOUNS = {"he": "they", "she": "they", "him": "them", "his": "their", "her": "their", "hers": "theirs"}
_BLANK = "#"
# Words of a question that count: what stands behind a longer one's would cost and tell nothing.
_MOST_TOKENS, _FEWEST_WORDS = 2_000, 3


@dataclass(frozen=True, slots=True)
class QuestionWords:
    """A question's words, as far as another question is held against them."""

    normal: str
    template: str
    numbers: tuple[str, ...]
    features: frozenset[str]

    @property
    def says_enough(self) -> bool:
        """Return whether it has words enough to be known again: of "What is 4 + 7 - 2?" only the order of signs is."""
        return sum(feature[0].isalpha() and " " not in feature for feature in self.features) >= _FEWEST_WORDS


def list_words(text: str) -> list[str]:
    """Return the words, numbers and signs of arithmetic of a text, each in one spelling."""
    return [_normalize(token) for token in _list_tokens(text)]


def _list_tokens(text: str) -> list[str]:
    # What copying from a page or a PDF puts between letters; some of it ends a line.
    text = HIDDEN.sub(lambda match: " " if match[0].isspace() else "", text)
    # NFKC would make 32 of 3², and 1 000 of what is written with a thin space.
    text = _THOUSANDS_SPACE.sub("", _POWER.sub(r"^\g<0>", text))
    return _TOKEN.findall(unicodedata.normalize("NFKC", text).translate(_SIGNS))


def read_wording(parts: Sequence[str]) -> QuestionWords:
    """Return the wording of a question's parts: context, text and options."""
    tokens = [token for part in parts for token in _list_tokens(part)][:_MOST_TOKENS]
    words = [_normalize(token) for token in tokens]
    blanked = [
        _BLANK if _is_blank(token, word) else _PRONOUNS.get(word, word)
        for token, word in zip(tokens, words, strict=True)
    ]
    return QuestionWords(
        " ".join(words),
        # Names of two words are one blank.
        re.sub(rf"{_BLANK}(?: {_BLANK})+", _BLANK, " ".join(blanked)),
        tuple(word for word in words if word[0].isdigit()),
        _list_features(tokens, words),
    )


def _normalize(token: str) -> str:
    if token[0].isdigit():
        digits, _, part = token.replace(",", "").partition(".")
        return f"{digits.lstrip('0') or '0'}{'.' + part.rstrip('0') if part.strip('0') else ''}"
    word = re.sub(r"['’]s?$", "", token.casefold())
    return _VALUES.get(word, word.replace("’", "'"))


def _is_blank(token: str, word: str) -> bool:
    return word[0].isdigit() or (token[0].isupper() and word not in _FUNCTION_WORDS)


def _list_features(tokens: Sequence[str], words: Sequence[str]) -> frozenset[str]:
    """Return the words that say what is asked, and each number and name once more with the word behind it."""
    content = [
        (_stem(word), _is_blank(token, word))
        for token, word in zip(tokens, words, strict=True)
        if word not in _FUNCTION_WORDS
    ]
    # "3 hens and 2 cows" isn't "3 cows and 2 hens".
    bound = {f"{word} {follower}" for (word, is_blank), (follower, _) in pairwise(content) if is_blank}
    return frozenset({word for word, _ in content} | bound)


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def measure_likeness(first: frozenset[str], second: frozenset[str]) -> float:
    """Return the share of the features of two that both have (Jaccard), from 0 to 1."""
    union = len(first | second)
    return len(first & second) / union if union else 1.0
