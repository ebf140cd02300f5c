"""The option that a text chooses, by its letter or its words. Pure.

read_choice("So it stays as it is: (C).", ("rises", "falls", "stays"))  -> Answer("C", "…")
"""

import re
from collections import deque
from collections.abc import Sequence

from mapd.answers import places
from mapd.answers.markup import blank_markup_but_letters, strip_latex
from mapd.answers.numbers import parse_number
from mapd.answers.places import Answer, Sentence
from mapd.answers.text import words_of
from mapd.answers.values import normalise

# A question's options have these letters, in their order.
LETTERS = "ABCDEFGHIJ"
MOST_OPTIONS = len(LETTERS)
_LETTER_FIRST = re.compile(
    r"[\s\W]*(?:(?:option|choice|answer|letter)\s+)?(?:\(([A-Ja-j])\)|([A-Ja-j])\s{0,9}[.):](?=\s|$)|([A-J])[.):](?=\w)"
    r"|([A-Ja-j])[\s\]'\"”’).,;:!?。]*$|([A-J])(?=\s*(?:[?,;(-]|because\b|since\b|as\b|is\b(?!\s+(?:\w+ly\s+)?(?:not|wrong|incorrect|false|ruled)))))"
)
_LETTER_NAMED = re.compile(r"\b(?:[Oo]ption|[Cc]hoice)\s+\(?([A-Ja-j])\b|\(([A-J])\)")
_TWO_LETTERS = re.compile(r"\(?\b[A-Ja-j]\)?\s*(?:and|or|[/&,|])\s*\(?[A-Ja-j]\b\)?(?=\s*(?:$|[.,;)]))")
_IS_CORRECT = re.compile(
    r"\b(?:option|choice|answer)?\s*\(?\b([A-J])\)?\s+(?:is|must be|would be)\s+(?:therefore\s+"
    r"|thus\s+)?(?:the\s+)?(?:correct|right|best)\b",
    re.IGNORECASE,
)
_OWN_LABEL = re.compile(r"\s*\(?([A-Ja-j])[.):]\s*(?=\S)")
_MATHS = re.compile(r"\\[()\[\]]|\$")
_MAY_BE_LETTER = re.compile(r"[\W_]*(?:(?:option|choice)\s+)?[A-Za-z](?![^\W_])(?:.{0,20})", re.IGNORECASE)
_I_CHOOSE = re.compile(
    r"\b(?:I(?:['’]ll| will| would|['’]d)?|we|my)\s+"
    r"(?:choose|chose|select|pick|go with|choice is|pick is|vote for)\b:?\s*",
    re.IGNORECASE,
)
_SO_IT_IS = re.compile(
    r"(?:^|[.!?,;]\s)\W{0,5}(?:(?:so|therefore|thus|hence|in conclusion|finally|probably|most likely"
    r"|I (?:think|guess|believe)),?\s+(?:it(?:['’]s| is| must be)\s+)?|it(?:['’]s| is| must be)\s+)"
    r"(?=(?:option\s|choice\s)?\(?[A-J]\)?\W*(?:$|\n))",
    re.IGNORECASE | re.MULTILINE,
)
_REASON = re.compile(r"\b(?:because|since)\b", re.IGNORECASE)
_OR_LETTER = re.compile(r"\bor\s+(?:option\s|choice\s)?\(?([A-J])\)?\W*$")
# Right before an option's text these words say that it is not the one.
_DENIES = re.compile(r"(?:\bnot|n't|\bnever|\bexcept|\bbut|\bneither|\bnor|\bno)\Z")
# "A is a tree" chooses nothing.
_ASSERTS = re.compile(
    r"\W*[A-J]\s+(?:is|was|has|are)\b(?!\s+(?:\w+ly\s+)?(?:the\s+)?(?:correct|right|best|answer|true))"
)
_WALKED = re.compile(r"^\W{0,9}(?:(?:option|choice)\s)?([A-J])\b", re.IGNORECASE | re.MULTILINE)
_CORRECT_IS = re.compile(
    r"\b(?:correct|right|best)\s+(?:option|choice|statement|one)\s*(?:is|:|would be)\s*"
    r"|^\W{0,5}(?:(?:my|the|final|selected)\s){0,2}(?:option|choice|selection|pick|conclusion|verdict)\s{0,3}[:：]\s*",
    re.IGNORECASE | re.MULTILINE,
)
NO_OPTION = "no option is named as the answer, or nothing tells which"
_AROUND_SIGN = re.compile(r" ?([-+*/^=<>≤≥(),]) ?")
_MINUS = re.compile(r"(?<![\w)])[-−](?=\$?[0-9.])")


def option_letter(answer: str, options: Sequence[str]) -> str | None:
    """Return the letter of the one option that a short answer names: "c", "(C)", "C. moss" and "moss" -> "C"."""
    index = _short_choice(answer, without_labels(options))
    return None if index is None else LETTERS[index]


def same_option(answer: str, gold: str, options: Sequence[str]) -> bool:
    """Return whether both name one option, or two with the same text: real sets hold options twice."""
    texts = without_labels(options)
    index, of_gold = _short_choice(answer, texts), _short_choice(gold, texts)
    if index is None or of_gold is None:
        return False
    return _first_alike(index, texts) == _first_alike(of_gold, texts)


def without_labels(options: Sequence[str]) -> tuple[str, ...]:
    """Return the options without labels of their own, where each has its place's: "A)125", "B)150" -> "125", "150"."""
    labels = [_OWN_LABEL.match(option) for option in options]
    if len(labels) < 2 or [label and label[1].upper() for label in labels] != list(LETTERS[: len(labels)]):
        return tuple(options)
    return tuple(option[label.end() :] for option, label in zip(options, labels, strict=True) if label)


def read_choice(text: str, options: Sequence[str]) -> Answer:
    """Return the letter of the option that a text chooses."""
    texts = without_labels(options)
    if (line := places.find_answer_line(text)) is not None:
        index = _option_of_mark(line.value, texts)
        why = "decides" if index is not None else f"doesn't name one option: {places.shorten(line.value)}"
        return Answer(None if index is None else LETTERS[index], f"{line.name} {why}")
    marks = places.find_marks(text, words=True)
    indexes = {index for mark in marks if (index := _option_of_mark(mark, texts)) is not None}
    if len({_first_alike(index, texts) for index in indexes}) > 1:
        return Answer(None, f"two marked answers differ: {' and '.join(LETTERS[index] for index in sorted(indexes))}")
    if indexes:
        return Answer(LETTERS[min(indexes)], "what is marked by \\boxed{} or #### decides")
    if unknown := [mark for mark in marks if _MAY_BE_LETTER.fullmatch(strip_latex(mark))]:
        return Answer(None, f"what is marked names no option, or several: {places.shorten(unknown[-1])}")
    return _read_sentences(blank_markup_but_letters(strip_latex(_MATHS.sub("  ", text))), texts)


def _read_sentences(plain: str, options: tuple[str, ...]) -> Answer:
    sentences = places.split_sentences(plain)
    if not sentences:
        return Answer(None, places.NOTHING)
    zones = [s.text for s in places.find_statements(plain, sentences)]
    for pattern in (_CORRECT_IS, _I_CHOOSE, _SO_IT_IS):
        matches = deque(pattern.finditer(plain), places.MAX_MARKS)
        zones += [plain[match.end() : match.end() + 300].split("\n")[0] for match in matches]
    indexes = {_option_in(zone, options) for zone in zones} - ({None} if len(zones) > 1 else set())
    indexes |= {_option_index(m[1], options) for m in _IS_CORRECT.finditer(plain) if m[1] != "a"}
    is_stated = bool(indexes)
    if not is_stated:
        indexes = _unstated_options(plain, sentences, options)
    if len(indexes) != 1 or None in indexes:
        letters = " and ".join(sorted(LETTERS[index] for index in indexes if index is not None))
        return Answer(None, f"it names two options: {letters}" if len(indexes - {None}) > 1 else NO_OPTION)
    why = "a sentence states the answer" if is_stated else "nothing marks an answer; its first or last line names it"
    return Answer(LETTERS[next(index for index in indexes if index is not None)], why)


def _option_of_mark(mark: str, options: tuple[str, ...]) -> int | None:
    """Return the option that a short answer names, also by a number written in another way than the option's."""
    plain = blank_markup_but_letters(strip_latex(_MATHS.sub(" ", mark))).strip(" \n{}")
    index = _option_in(plain, options)
    if index is not None or _MAY_BE_LETTER.match(plain) or _find_options(plain, options):
        return index
    if (value := parse_number(mark)) is None:
        return None
    alike = {_first_alike(i, options) for i, option in enumerate(options) if parse_number(option) == value}
    return alike.pop() if len(alike) == 1 else None


def _short_choice(answer: str, options: tuple[str, ...]) -> int | None:
    """Return the place of the option that is a bare letter, an option's whole text, or named as a response names it."""
    bare = answer.strip()
    if len(bare) == 1 and bare.upper() in LETTERS:
        return _option_index(bare, options)
    texts = [" ".join(option.split()) for option in options]
    answer_text = " ".join(bare.split())
    return texts.index(answer_text) if answer_text in texts else _option_in(strip_latex(bare), options)


def _unstated_options(plain: str, sentences: list[Sentence], options: tuple[str, ...]) -> set[int | None]:
    lines = [line for line in plain.split("\n") if line.strip()]
    letters = [letter.upper() for letter in _WALKED.findall(plain)]
    # A response that goes through the options, one a line, names each of them first.
    is_walk = letters[:2] == ["A", "B"]
    first = None if is_walk or _ASSERTS.match(lines[0]) else _option_in(lines[0], options)
    if len(lines) == 1 and len(sentences) <= 2:
        return {first}
    concludes = places.CONCLUDES.match(sentences[-1].text)
    goes_back = is_walk and letters[-1] < letters[-2]  # "A. … B. … C. …", and then "B"
    ends_so = concludes or (len(lines[-1]) < 120 and (goes_back or not is_walk))
    last_line = (first if len(lines) == 1 else _option_in(lines[-1], options)) if ends_so else None
    # The option comes first, and an explanation behind it.
    if first is not None and not concludes and not _LETTER_FIRST.match(lines[-1]):
        return {first}
    return {index for index in (first, last_line) if index is not None}


def _option_index(letter: str, options: tuple[str, ...]) -> int | None:
    """Return the place of a letter's option; None where the question has no such option."""
    index = LETTERS.index(letter.upper())
    return index if index < (len(options) or len(LETTERS)) else None


def _first_alike(index: int, options: Sequence[str]) -> int:
    texts = [" ".join(option.split()) for option in options]
    return texts.index(texts[index]) if texts else index


def _option_in(zone: str, options: tuple[str, ...]) -> int | None:
    """Return the one option that a zone names by its letter or its full text; None where it names none, or two."""
    if (index := _same_text(zone, options)) is not None:
        return index
    if _TWO_LETTERS.search(zone):
        return None
    indexes = _find_options(zone, options)
    alike = {index if index is None else _first_alike(index, options) for index in indexes}
    return indexes[0] if len(alike) == 1 else None


def _same_text(zone: str, options: tuple[str, ...]) -> int | None:
    # Sign for sign: "-2" is not "2", and "C++" is no letter.
    text = _plain(zone)
    return next((i for i, option in enumerate(options) if _plain(option) == text and not _is_letter(text)), None)


def _plain(text: str) -> str:
    return _AROUND_SIGN.sub(r"\1", normalise(text)).strip("\"'“”.").casefold()


def _find_options(zone: str, options: tuple[str, ...]) -> list[int | None]:
    """Return the options that a zone names, by letters and by texts; None for a letter that no option has."""
    letters: list[int | None] = []
    if match := _LETTER_FIRST.match(zone):
        zone = _REASON.split(zone, maxsplit=1)[0]
        letters.append(_option_index(next(group for group in match.groups() if group), options))
    if alternative := _OR_LETTER.search(zone):
        letters.append(_option_index(alternative[1], options))
    letters += [_option_index(m[1] or m[2], options) for m in _LETTER_NAMED.finditer(zone)]
    texts = _options_by_text(zone, options)
    # Where the options are letters themselves ("A. B"), what stands there is read as the letter.
    if letters:
        texts = [index for index in texts if not _is_letter(options[index])]
    return [*letters, *texts]


def _is_letter(option: str) -> bool:
    return option.strip().upper() in tuple(LETTERS)


def _options_by_text(zone: str, options: tuple[str, ...]) -> list[int]:
    words = f" {_signed_words(zone)} "
    norms = {i: f" {norm} " for i, option in enumerate(options[:MOST_OPTIONS]) if (norm := _signed_words(option))}
    inside = {i: norm for i, norm in norms.items() if norm in words and not _DENIES.search(words.partition(norm)[0])}
    # "Only Ann" inside "Only Ann and Bob" doesn't count.
    return [i for i, norm in inside.items() if not any(norm in longer and norm != longer for longer in inside.values())]


def _signed_words(text: str) -> str:
    # A minus sign in its number counts as a word: "-2 °C" is not "2 °C".
    return words_of(_MINUS.sub("minus", text))
