"""A row on its way to a question: what the mapping finds in it, read part by part, each fault noted at its field. Pure.

    {"Body": "Ann has 3 pens.", "Question": "How many?", "Answer": 3.0} under question=Body+Question,answer=Answer
    -> read_text("question") "Ann has 3 pens. How many?", and after read_answers gold "3"

Answers are read for all the rows of a file together, because what a key means is one thing for the whole file.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from mapd.answers.choice import LETTERS
from mapd.answers.grading import Task, extract_answer
from mapd.characters import find_unstorable
from mapd.errors import BadInput, Undecided
from mapd.questions import golds, mapping, options
from mapd.questions.file_table import FileTable
from mapd.questions.formats.format import Format, Shape
from mapd.questions.mapping import FieldMapping
from mapd.questions.options import AnswerKey, KeyedRow, OptionList
from mapd.questions.rows import LONGEST_NAME, SPLIT_WORDS, SPLITS
from mapd.questions.values import as_text, as_texts, is_blank, short, text_length, without_zeros

# In a mapping: the file's name without its split, such as MMLU's subject.
FILE = "@file"
NO_OPTIONS = OptionList(())
NO_ANSWER = "no answer (a test split?)"
# Characters: a field whose texts are longer is not left out without a word.
LONG = 80


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A table, the format that it is read as, and which of its fields is what."""

    table: FileTable
    format: Format
    shape: Shape
    mapping: FieldMapping


@dataclass(slots=True, eq=False)
class Draft:
    """A row: the values that the mapping finds, what was read from them, and what is wrong."""

    source: Source
    number: int
    original: dict[str, Any]
    values: dict[str, Any]
    task: Task = Task.TEXT
    options: OptionList = NO_OPTIONS
    gold: str = ""
    # The solution that the gold was read from.
    note: str | None = None
    faults: list[tuple[str, str]] = field(default_factory=list)

    @property
    def where(self) -> str:
        """Return the row's file and line, in words."""
        return f"{self.source.table.name} {self.source.table.unit} {self.number}"

    @property
    def names_right_option(self) -> bool:
        """Return whether the options are put together of the right one's field and the others'."""
        answer, paths = self.source.mapping.paths("answer"), self.source.mapping.paths("options")
        return len(paths) > 1 and bool(set(answer) & set(paths))

    def fault(self, part: str, reason: str) -> None:
        """Note what is wrong, under the name that the file has for it."""
        self.faults.append(("+".join(self.source.mapping.paths(part)) or part, reason))

    def read_text(self, part: str) -> str | None:
        """Return a part as text; None where there is none."""
        value = self.values[part]
        if is_blank(value):
            return None
        text = as_text(value)
        if text is None:
            self.fault(part, f"{short(value)} is no text")
        elif (bad := find_unstorable(text)) is not None:
            self.fault(part, f"{bad} can't be stored; take it out")
        return text

    def read_name(self, part: str) -> str | None:
        """Return a text of at most LONGEST_NAME characters: an id, or a family."""
        text = self.read_text(part)
        if text is not None and len(text) > LONGEST_NAME:
            self.fault(part, f"{short(text)} has more than {LONGEST_NAME} characters")
        return None if text is None else without_zeros(text)

    def read_split(self) -> str:
        """Return the row's own split, by any of its names."""
        split = SPLIT_WORDS.get((as_text(self.values["split"]) or "").strip().lower())
        if split is None:
            self.fault("split", f"{short(self.values['split'])} is not one of {', '.join(SPLITS)}")
        return split or SPLITS[0]


def make_drafts(source: Source) -> list[Draft]:
    """Return a draft for each row of a table, its options read."""
    family = _family_of_file(source.table.name)
    drafts = []
    for record in source.table.records:
        values = {part: _value(record.fields, part, source.mapping.paths(part), family) for part in mapping.PARTS}
        draft = Draft(source, record.number, record.fields, values)
        if values["options"] is not None:
            _read_options(draft)
        drafts.append(draft)
    return drafts


def _value(fields: Mapping[str, Any], part: str, paths: Sequence[str], family: str | None) -> Any:
    """Return what a part's fields hold: one value as it stands, or several put together; None for nothing."""
    values = [family if path == FILE else mapping.find(fields, path) for path in paths]
    values = [None if value is mapping.MISSING or is_blank(value) or value in ([], {}) else value for value in values]
    if part == "options" and len(values) > 1:
        # Four options where a table has room for five.
        while values and values[-1] is None:
            values.pop()
        return [text for value in values for text in (value if isinstance(value, list) else [value])] or None
    values = [value for value in values if value is not None]
    if not values or (len(values) == 1 and (isinstance(values[0], str) or part in ("options", "answer", "question"))):
        return values[0] if values else None
    texts = [_joinable(value) for value in values]
    return values if None in texts else mapping.JOINS.get(part, " ").join(text.strip() for text in texts if text)


def _joinable(value: Any) -> str | None:
    """Return a text, a number, a list of texts (a line each), or what is true in {"Categorical Reasoning": true}."""
    if isinstance(value, dict) and value and all(isinstance(truth, bool) for truth in value.values()):
        return ", ".join(name for name, truth in value.items() if truth)
    texts = as_texts(value)
    return None if texts is None else "\n".join(texts)


def _family_of_file(name: str) -> str | None:
    # "test/abstract_algebra_test.csv" -> "abstract_algebra"
    stem = name.lower().removesuffix(".gz").rpartition("/")[2].rpartition(".")[0]
    return "_".join(word for word in stem.split("_") if word not in SPLIT_WORDS) or None


def _read_options(draft: Draft) -> None:
    try:
        draft.options = options.read_options(draft.values["options"])
    except ValueError as error:
        draft.fault("options", f"{short(draft.values['options'])}: {error}")
        return
    if draft.names_right_option and not draft.options.labels:
        draft.options = OptionList(_draw_order(draft.options.texts, draft.values["question"]))
    if twins := options.find_twins(draft.options.texts):
        draft.fault("options", twins)
    if find_unstorable("".join(draft.options.texts)):
        draft.fault("options", "hold a character that can't be stored; take it out")


def _draw_order(texts: Sequence[str], question: object) -> tuple[str, ...]:
    # As the file has them, the right one would always stand at the same place.
    order = sorted(texts)
    random.Random(as_text(question)).shuffle(order)
    return tuple(order)


# --- Answers ----------------------------------------------------------------------------------------------------------


def read_answers(shape: Shape, drafts: Sequence[Draft], task: Task | None, key: AnswerKey | None) -> AnswerKey | None:
    """Read all rows' gold answers; return what a choice's keys are. Raises: Undecided where they are unclear."""
    for draft in drafts:
        if draft.values["answer"] is None:
            draft.fault("answer", NO_ANSWER)
    with_answer = [draft for draft in drafts if draft.values["answer"] is not None]
    if task is Task.CHOICE:
        return _read_keys(shape, with_answer, key)
    for draft in with_answer:
        _read_gold(draft, task, solved=shape.solved)
    return None


def _read_gold(draft: Draft, task: Task | None, *, solved: bool) -> None:
    if draft.options.texts:
        draft.fault("options", f"a {task} question has none; with options it is --task choice")
    try:
        gold = golds.read_gold(draft.values["answer"], task, solved=solved)
    except ValueError as error:
        draft.fault("answer", str(error))
        return
    draft.gold, draft.task, draft.note = gold.answer, gold.task, gold.note
    if find_unstorable(gold.answer):
        draft.fault("answer", "holds a character that can't be stored; take it out")


def _read_keys(shape: Shape, drafts: Sequence[Draft], key: AnswerKey | None) -> AnswerKey | None:
    """Return the letter of each gold answer, all of a file's keys read alike."""
    rows: dict[Draft, KeyedRow] = {}
    for draft in drafts:
        draft.task = Task.CHOICE
        if draft.options.texts:
            answer = _key(draft)
            readings = options.key_readings(answer, draft.options)
            rows[draft] = KeyedRow(answer, draft.options, draft.where, readings)
        elif draft.values["options"] is None:
            draft.fault("options", "missing; a choice needs them")
    if not rows:
        return key
    key = _choose_key(shape.answers, list(rows.values()), key)
    for draft, row in rows.items():
        place = options.find_place(row, key)
        if place is None:
            draft.fault("answer", options.describe_misfit(row, key))
        else:
            draft.gold = options.letter(place)
    return key


def _key(draft: Draft) -> object:
    """Return the key; the label of what an option's score or own field says; of a worked solution what it comes to."""
    value = draft.values["answer"]
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    place = options.place_of_score(value, draft.options)
    if place is None and draft.names_right_option:
        place = options.key_readings(value, draft.options).get(AnswerKey.TEXT)
    if place is not None:
        return draft.options.labels[place] if draft.options.labels else options.letter(place)
    if not isinstance(value, str) or not golds.states_answer(value) or options.key_readings(value, draft.options):
        return value
    if (answer := extract_answer(value, Task.CHOICE, draft.options.texts)) is None:
        return value
    draft.note = value
    return draft.options.labels[LETTERS.index(answer)] if draft.options.labels else answer


def _choose_key(usual: AnswerKey | None, rows: Sequence[KeyedRow], key: AnswerKey | None) -> AnswerKey:
    """Return what the keys are: as a person says, as all rows can be read, or in doubt as the format has them."""
    if key is not None:
        return key
    keys = options.possible_keys(rows)
    if usual in keys and all(usual in row.readings for row in rows if row.readings):
        return usual
    is_usual = any(usual in row.readings for row in rows)
    if len(keys) == 1 and (not is_usual or keys == [AnswerKey.LABEL]):
        return keys[0]
    if not keys:
        return usual or AnswerKey.LABEL
    choices = list(dict.fromkeys((*([usual] if usual else []), *keys)))
    doubt = options.describe_doubt(rows, choices)
    raise Undecided(f"{doubt}; say which with --answers {' or '.join(choices)}", "answers", tuple(choices))


# --- Fields that hold something and are not read: nothing is dropped without a word -----------------------------------


@dataclass(frozen=True, slots=True)
class UnreadField:
    """A field that isn't read. `is_long`: the questions may need it, and nobody left it out on purpose."""

    name: str
    file: str
    is_long: bool
    # The parts of a question that it may be.
    parts: tuple[str, ...]
    example: str


def find_unread(sources: Sequence[Source], ignore: frozenset[str]) -> Iterator[UnreadField]:
    """Yield the fields that hold something and aren't read, each once."""
    values: dict[str, list[tuple[Source, Any]]] = {}
    for source in sources:
        paths = {path for path in source.mapping.all_paths if path != FILE}
        for record in source.table.records:
            for name, value in _leaves(record.fields, paths):
                values.setdefault(name, []).append((source, value))
    _refuse_ignored(sources, ignore - values.keys(), list(values))
    for name, uses in values.items():
        source, example = uses[0]
        is_meant = name in ignore or name in source.format.left_out
        is_list = all(_is_list_of_texts(value) for _, value in uses)
        is_long = is_list or median(text_length(value) for _, value in uses) > LONG
        parts = ("options", "note") if is_list else ("context", "note")
        yield UnreadField(printable(name), source.table.name, is_long and not is_meant, parts, short(example, 60))


def _refuse_ignored(sources: Sequence[Source], names_ignored: frozenset[str], unread: Sequence[str]) -> None:
    # A typing error would leave nothing out, without a word. A field that holds nothing may be left out.
    names = {name for source in sources for record in source.table.records for name in record.fields}
    parts = {path: part for source in sources for part, paths in source.mapping.fields.items() for path in paths}
    for name in sorted(names_ignored):
        if name not in names:
            raise BadInput(f"--ignore {name}: there is no such field; not read are {', '.join(unread) or 'none'}")
        if name in parts:
            raise BadInput(f"--ignore {name}: it is read as the {parts[name]}; say otherwise with --map {parts[name]}=")


def _leaves(fields: Mapping[str, Any], paths: set[str], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the fields that no path reads, those inside a field that is read in part by their dotted name."""
    for key, value in fields.items():
        name = f"{prefix}{key}"
        if is_blank(value) or value in ([], {}):
            continue
        if name in paths:
            yield from _option_extras(name, value)
            continue
        if any(path.startswith(f"{name}.") for path in paths):
            yield from _leaves(mapping.parts_of(value), paths, f"{name}.")
        else:
            yield name, value


def _option_extras(name: str, value: object) -> Iterator[tuple[str, Any]]:
    """Return what stands in labelled options beside label and text."""
    if not isinstance(value, list) or not value or not all(isinstance(option, Mapping) for option in value):
        return
    pair = next((pair for pair in options.LABEL_FIELDS if set(pair) <= value[0].keys()), None)
    if pair is not None:
        for option in value:
            yield from ((f"{name}.{key}", option[key]) for key in option.keys() - set(pair))


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and len(value) > 1 and as_texts(value) is not None


def printable(name: str) -> str:
    """Return a field's name as it may be shown."""
    # A field's name is foreign text.
    return name if name.isprintable() and len(name) <= LONG else short(name, LONG).strip('"')
