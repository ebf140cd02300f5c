"""The final answer of a text that comes to words, and the words of a text. Pure.

read_text("She is his mother's mother.\\nAnswer: the grandmother")  -> Answer("the grandmother", "…")
"""

import re

from mapd.answers import places
from mapd.answers.markup import blank_markup_but_letters
from mapd.answers.numbers import WORD_NUMBER
from mapd.answers.places import Answer, AnswerLine

_ARTICLES = frozenset({"a", "an", "the"})
_WORD = re.compile(r"[^\W_]+(?:[.'][^\W_]+)*")
_SHORT = 8
_HEADINGS = ("answer", "final answer")
_AROUND = "\"'“”.,;: "
_BOLD = re.compile(r"\*\*|__|`")
_VERBS = re.compile(r"\b(?:is|are|was|were|has|have|had|will|can|because|so|since|therefore|means)\b", re.IGNORECASE)
_ACRONYM = re.compile(r"(?<![\w.])[a-z](?:\.[a-z])+(?![^\W_])\.?")
_UNIT_BEHIND = re.compile(r"(?<=[0-9])(?=[A-Za-z])")


def read_text(text: str) -> Answer:
    """Return the words that a text answers, as they stand."""
    if (line := places.find_answer_line(text)) is not None:
        return _read_line(line)
    if marks := places.find_marks(text, words=True):
        if len({words_of(mark) or mark for mark in marks}) > 1:
            return Answer(None, f"two marked answers differ: {' and '.join(map(places.shorten, marks[-2:]))}")
        return Answer(marks[-1] or None, "what is marked by \\boxed{} or #### decides")
    plain = blank_markup_but_letters(text)
    sentences = places.split_sentences(plain)
    if not sentences:
        return Answer(None, places.NOTHING)
    statements = [s.text.strip().strip(_AROUND) for s in places.find_statements(plain, sentences)]
    statements = [s for s in statements if s and len(s) <= places.MAX_EXPRESSION]
    if statements:
        if len({words_of(statement) for statement in statements}) > 1:
            return Answer(None, f"two stated answers differ: {' and '.join(map(places.shorten, statements[-2:]))}")
        return Answer(statements[-1], "a sentence states the answer")
    bare = text.strip()
    if words_of(bare) in _HEADINGS or len(sentences) > 1 or len(bare.split()) > _SHORT or _VERBS.search(bare):
        return Answer(None, places.NOTHING)
    return Answer(blank_markup_but_letters(bare).strip().strip(_AROUND) or None, "the whole text is a short answer")


def _read_line(line: AnswerLine) -> Answer:
    boxes = places.find_marks(line.value)
    answer = boxes[0] if len(boxes) == 1 else _BOLD.sub("", line.value).strip().strip(_AROUND)
    if not answer:
        return Answer(None, f"{line.name} is empty")
    if len(answer) > places.MAX_EXPRESSION:
        return Answer(None, f"{line.name} is too long for an answer: {places.shorten(answer)}")
    return Answer(answer, f"{line.name} decides")


def words_of(text: str) -> str:
    """Return a text casefolded, without punctuation and articles: "The Grandmother." -> "grandmother"."""
    # "U.S.A." -> "usa"
    plain = _ACRONYM.sub(lambda letters: letters[0].replace(".", ""), text.casefold().replace("’", "'"))
    words = _WORD.findall(plain)
    return " ".join([word for word in words if word not in _ARTICLES] or words[-1:])


def words_beside_number(text: str) -> str:
    """Return the words around a number: a text answer "Room 3" isn't "3", but "3." is."""
    words = words_of(_UNIT_BEHIND.sub(" ", text)).split()  # "5cm" is "5 cm"
    if any(map(str.isdigit, text)):
        return " ".join(word for word in words if not any(map(str.isdigit, word)))
    return WORD_NUMBER.sub(" ", " ".join(words)).strip()  # "two apples"
