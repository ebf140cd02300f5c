"""The fields of a question file that hold something and are not read: nothing is dropped without a word."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from mapd.errors import BadInput
from mapd.questions import mapping, options
from mapd.questions.drafts import FILE, Source
from mapd.questions.values import as_texts, is_blank, short, text_length

# Characters: a field whose texts are longer is not left out without a word.
LONG = 80


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
    """Return whether a value may be the options of a choice."""
    return isinstance(value, list) and len(value) > 1 and as_texts(value) is not None


def printable(name: str) -> str:
    """Return a field's name as it may be shown."""
    # A field's name is foreign text.
    return name if name.isprintable() and len(name) <= LONG else short(name, LONG).strip('"')
