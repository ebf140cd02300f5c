"""The options of a choice question, the letters they are known by, and the keys that files name them with. Pure.

    read_options({"label": ["1", "2"], "text": ["oak", "granite"]})  -> Offered(("oak", "granite"), labels=("1", "2"))
    read_options(["A)125", "B)150"])                                 -> Offered(("125", "150"), labels=("A", "B"))
    key_readings("2", Offered(("oak", "granite", "trout")))          -> {INDEX0: 2, INDEX1: 1}
    show_answer("B", Task.CHOICE, ("oak", "granite"))                -> "B. granite"; `read_shown` reads it back

A stored gold answer is always a letter. What a bare digit in a file means is decided over the whole file
(`possible_keys`), or asked for, never guessed row by row.
"""

import ast
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mapd.answers.choice import LETTERS, MOST_OPTIONS, option_letter
from mapd.answers.grading import Task
from mapd.questions.values import as_text, as_whole_number, short

# The two fields of an option that is an object.
LABEL_FIELDS = (("label", "text"), ("key", "value"))
# Characters of a list that stands in a text field, as pandas writes one to CSV.
LONGEST_LIST = 20_000
_OWN_LABEL = re.compile(r"\(?([A-Ja-j]|[1-9]|10)(?:\s?[.)]|[:．）：、]|\)\.)\s*")
_OTHER_LABEL = re.compile(r"\(?([A-Z])\)\s*(?=\S)")  # "F) oak": no person's initial is written so
_NUMPY = re.compile(
    r"""(?P<item>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\})(?P<gap>\s+(?=['"{]))?|\barray\(|(?<=\])(?:,\s*dtype=\w+)?\)"""
)
_SHORT_KEY = re.compile(r"(?:(?:[Oo]ption|[Cc]hoice) )?[(\[]?([A-Za-z]|[0-9]{1,2})[.):\]]{0,2}")


class AnswerKey(StrEnum):
    """What an answer in a file may be: the option's label, its place counted from 0 or from 1, or its text."""

    LABEL = "label"
    INDEX0 = "index0"
    INDEX1 = "index1"
    TEXT = "text"


KEY_WORDS = {
    AnswerKey.LABEL: "a label",
    AnswerKey.INDEX0: "an index from 0",
    AnswerKey.INDEX1: "an index from 1",
    AnswerKey.TEXT: "an option's text",
}


@dataclass(frozen=True, slots=True)
class OptionList:
    """A question's options without their labels, and the labels that the file gives them, if it does."""

    texts: tuple[str, ...]
    labels: tuple[str, ...] = ()


def letter(index: int) -> str:
    """Return the letter of the option at a place: 0 -> "A"."""
    return LETTERS[index]


def letter_options(options: Sequence[str]) -> list[str]:
    """Return the options as they are shown: "A. oak", "B. granite"."""
    return [f"{mark}. {option}" for mark, option in zip(LETTERS, options, strict=False)]


def show_answer(answer: str, task: Task, options: Sequence[str]) -> str:
    """Return an answer as people and models read it: of a choice the letter and its text, else the answer itself."""
    mark = option_letter(answer, options) if task is Task.CHOICE and options else None
    return answer if mark is None else f"{mark}. {options[LETTERS.index(mark)]}"


def read_shown(text: str, task: Task, options: Sequence[str]) -> str:
    """Return the answer that `show_answer` shows so."""
    # "D. both A and B": an option's text may name other options, its letter stands first.
    lines = letter_options(options) if task is Task.CHOICE else []
    return LETTERS[lines.index(text)] if text in lines else text


def read_options(value: object) -> OptionList:
    """Read the options that a field holds: texts, {label, text} objects, two lists of them, letters with texts, texts
    with scores, or one text with an option a line or behind its letter ("a ) 38 , b ) 27 , …").

    Raises: ValueError, which says what is wrong with them.
    """
    labels, texts = _labels_and_texts(_parse_written(value))
    option_texts = [(text or "").strip() for text in texts]
    if not 2 <= len(option_texts) <= MOST_OPTIONS:
        raise ValueError(f"{len(option_texts)} of them; a choice has 2 to {MOST_OPTIONS}")
    if not labels:
        labels, option_texts = _own_labels(option_texts)
    if not all(option_texts):
        raise ValueError("one of them is empty or no text")
    marks = [as_text(label) or "" for label in labels]
    if labels and (len(marks) != len(option_texts) or len(set(marks)) != len(marks) or not all(marks)):
        raise ValueError(f"their labels {', '.join(marks)} are not one of its own for each")
    return OptionList(tuple(option_texts), tuple(marks))


def find_twins(options: Sequence[str]) -> str | None:
    """Return which options have the same text, in words; None where all differ."""
    places: dict[str, list[str]] = {}
    for mark, option in zip(LETTERS, options, strict=False):
        places.setdefault(" ".join(option.split()), []).append(mark)
    groups = [" and ".join(marks) for marks in places.values() if len(marks) > 1]
    return f"{', '.join(groups)} are the same text" if groups else None


def _parse_written(value: object) -> object:
    """Return the list behind a text that was written from one: in JSON, as Python or numpy prints it, or by lines."""
    if not isinstance(value, str) or len(value) > LONGEST_LIST:
        return value
    if not value.strip().startswith(("[", "{")):
        return _lines_of(value) or _split_letters(value) or value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(_NUMPY.sub(_as_python, value.strip()))
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return value


def _as_python(match: re.Match[str]) -> str:
    # A piece of numpy's notation: array(['a', 'b'], dtype=object) or ['a' 'b'] -> ['a', 'b'].
    return (match["item"] or "") + (", " if match["gap"] else "")


def _lines_of(text: str) -> list[str]:
    """Return the options of a text that has one a line: each begins with its label, or none does."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    labels = sum(_OWN_LABEL.match(line) is not None for line in lines)
    return lines if len(lines) > 1 and labels in (0, len(lines)) else []


def _split_letters(text: str) -> list[str]:
    # "a ) 38 , b ) 27 , c ) 30" -> ["A) 38", "B) 27", "C) 30"]: letters in their order, the first in front
    text, start = text.strip(), 0
    spans: list[tuple[int, int]] = []
    for mark in LETTERS:
        match = re.compile(rf"(?:^|[\s,;|])\(?{mark}\s?[).:]", re.IGNORECASE).search(text, start)
        if match is None or (not spans and match.start() > 0):
            break
        spans.append(match.span())
        start = match.end()
    ends = [*(begin for begin, _ in spans[1:]), len(text)]
    parts = [text[begin:end].strip(" \n\t,;|") for (_, begin), end in zip(spans, ends, strict=False)]
    return [f"{mark}) {part}" for mark, part in zip(LETTERS, parts, strict=False)] if len(parts) > 1 else []


def _labels_and_texts(value: object) -> tuple[list[Any], list[str | None]]:
    if isinstance(value, Mapping):
        if {"label", "text"} <= value.keys():
            labels, texts = value["label"], value["text"]
            if isinstance(labels, list) and isinstance(texts, list):
                return labels, [as_text(text) for text in texts]
            raise ValueError("label and text are no lists")
        if value and all(map(_is_score, value.values())):
            return [], list(value)
        if not all(isinstance(mark, str) and _SHORT_KEY.fullmatch(mark) for mark in value):
            raise ValueError(f"their keys {', '.join(map(str, value))[:60]} are no labels")
        # Parquet has all rows' labels in each row, and labelled texts have no order of their own.
        marks = [mark for mark in value if value[mark] is not None]
        marks.sort(key=lambda mark: (len(mark), mark))
        return marks, [as_text(value[mark]) for mark in marks]
    if not isinstance(value, list | tuple):
        raise ValueError("no list of texts, nor lines or lettered parts of one text")
    for label, text in LABEL_FIELDS:
        if value and all(isinstance(option, Mapping) and {label, text} <= option.keys() for option in value):
            return [option[label] for option in value], [as_text(option[text]) for option in value]
    return [], [as_text(option) for option in value]


def _own_labels(texts: list[str]) -> tuple[list[str], list[str]]:
    # "A)125", "B)150" -> labels and texts, where every option begins with the label that is its turn
    matches = [_OWN_LABEL.match(text) for text in texts]
    marks = [match[1].upper() if match else "" for match in matches]
    for alphabet in (list(LETTERS), [str(n) for n in range(1, MOST_OPTIONS + 1)]):
        if marks == alphabet[: len(texts)]:
            if alphabet[0] == "1" and not all(re.match(r"\(?\d+(?:\s?\)|[.:]\s)", text) for text in texts):
                # "1.5", "2.5" are numbers, not options 1 and 2.
                break
            rests = [text[match.end() :] for text, match in zip(texts, matches, strict=True) if match]
            return marks, rests
    matches_other = [match for text in texts if (match := _OTHER_LABEL.match(text))]
    marks = [match[1] for match in matches_other]
    # F, G, H, J stand on every second question of a test.
    if len(matches_other) == len(texts) and marks == sorted(set(marks)):
        return marks, [text[match.end() :] for text, match in zip(texts, matches_other, strict=True)]
    return [], texts


def _is_score(value: object) -> bool:
    return isinstance(value, bool | int | float) and value in (0, 1)


def place_of_score(value: object, options: OptionList) -> int | None:
    """Return the place of the one right option of an answer that scores them: [0, 1, 0], {"oak": 0, "moss": 1}."""
    if isinstance(value, Mapping):
        value = [value.get(text) for text in options.texts]
    if not isinstance(value, list) or len(value) != len(options.texts) or not all(map(_is_score, value)):
        return None
    return value.index(1) if sum(value) == 1 else None


# --- What a key names -------------------------------------------------------------------------------------------------


def key_readings(key: object, options: OptionList) -> dict[AnswerKey, int]:
    """Return the place of the option that a key names, for each way it can be read."""
    text, number, size = (as_text(key) or "").strip(), as_whole_number(key), len(options.texts)
    readings = {}
    if (place := _by_label(text, number, options)) is not None:
        readings[AnswerKey.LABEL] = place
    if number is not None and 0 <= number < size:
        readings[AnswerKey.INDEX0] = number
    if number is not None and 1 <= number <= size:
        readings[AnswerKey.INDEX1] = number - 1
    if (place := _by_text(text, options)) is not None:
        readings[AnswerKey.TEXT] = place
    return readings


def _by_label(text: str, number: int | None, options: OptionList) -> int | None:
    """Return the option with this label: "B", "(b)", "B. granite"; of labels that are digits also 2 and 2.0."""
    labels = [label.casefold() for label in options.labels or LETTERS[: len(options.texts)]]
    short = _SHORT_KEY.fullmatch(text)
    mark = str(number) if number is not None else short[1].casefold() if short else ""
    if mark in labels:
        return labels.index(mark)
    match = _OWN_LABEL.match(text)
    if match and match[1].casefold() in labels:
        place = labels.index(match[1].casefold())
        return place if _spaced(text[match.end() :]) == _spaced(options.texts[place]) else None
    return labels.index(text.casefold()) if text.casefold() in labels else None


def _by_text(text: str, options: OptionList) -> int | None:
    # Where several options have the same text, the first is taken: it is the same answer.
    # Capitals count only where options differ by nothing else.
    texts, text = [_spaced(option) for option in options.texts], _spaced(text)
    if text in texts:
        return texts.index(text)
    places = [place for place, option in enumerate(texts) if option.casefold() == text.casefold()]
    return places[0] if len(places) == 1 else None


def _spaced(text: str) -> str:
    return " ".join(text.split())


@dataclass(frozen=True, slots=True)
class KeyedRow:
    """A row's key, its options, where it stands in words, and the option that it names for each way to read it."""

    key: object
    options: OptionList
    where: str
    readings: Mapping[AnswerKey, int]


def possible_keys(rows: Sequence[KeyedRow]) -> list[AnswerKey]:
    """Return the ways to read the keys of a whole file: one where that is decided, several where a person must say."""
    # Without labels a reading must fit all the rows that can be read at all; where none does, all that fit some count.
    # A row's own labels decide, and a letter beats an option that is that letter.
    if all(row.options.labels for row in rows) and any(AnswerKey.LABEL in row.readings for row in rows):
        return [AnswerKey.LABEL]
    readings = [row.readings for row in rows if row.readings]
    candidates = [key for key in AnswerKey if all(key in places for places in readings)]
    if AnswerKey.LABEL in candidates:
        return [AnswerKey.LABEL]
    if not candidates:
        return [key for key in AnswerKey if any(key in places for places in readings)]
    # A float is what a library makes of an index in a column with gaps, and libraries count from 0.
    if AnswerKey.INDEX0 in candidates and all(isinstance(row.key, float) for row in rows):
        return [AnswerKey.INDEX0]
    is_decided = all(len({places[key] for key in candidates}) == 1 for places in readings)
    return candidates[:1] if is_decided else candidates


def describe_doubt(rows: Sequence[KeyedRow], keys: Sequence[AnswerKey]) -> str:
    """Return in words why the keys can be read in these ways."""
    counts = {key: sum(key in row.readings for row in rows) for key in keys}
    if min(counts.values()) < sum(bool(row.readings) for row in rows):
        return "no one reading fits all rows: " + ", ".join(f"{KEY_WORDS[key]} fits {n:,}" for key, n in counts.items())
    row = next(row for row in rows if len({row.readings[key] for key in keys if key in row.readings}) > 1)
    meanings = " or ".join(f"{KEY_WORDS[key]} ({short(row.options.texts[row.readings[key]])})" for key in keys)
    return f"{row.where}: the answer {short(row.key)} may be {meanings}"


def describe_misfit(row: KeyedRow, key: AnswerKey) -> str:
    """Return in words why a row's key names no option when it is read so."""
    if key is AnswerKey.LABEL and row.options.labels:
        return f"{short(row.key)} is none of its labels {', '.join(row.options.labels)}"
    return f"{short(row.key)} is not {KEY_WORDS[key]} of its {len(row.options.texts)} options"


def find_place(row: KeyedRow, key: AnswerKey) -> int | None:
    """Return the option that a row's key names when it is read so; a digit may be the label of options without any."""
    if key is AnswerKey.LABEL and not row.options.labels:
        return row.readings.get(AnswerKey.LABEL, row.readings.get(AnswerKey.INDEX1))
    return row.readings.get(key)
