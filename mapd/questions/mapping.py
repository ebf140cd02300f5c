"""Which field of a file is what: the mapping that a format has, and that `--map` writes. Pure.

    parse("question=Body+Question,answer=Answer,options=choices.text")
    -> FieldMapping({"question": ("Body", "Question"), "answer": ("Answer",), "options": ("choices.text",)})
    find({"question": {"stem": "Why?"}}, "question.stem") -> "Why?"

Fields joined by + are put behind one another; each is one option where they are options.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mapd.errors import BadInput

PARTS = ("question", "answer", "context", "options", "id", "family", "note", "split")
ALONE = ("answer", "split")  # these come from one field
JOINS = {"question": " ", "context": "\n", "id": "-", "family": ", ", "note": "\n"}
EXAMPLE = "question=Body+Question,answer=Answer"
MISSING = object()


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """The fields that each part of a question is read from."""

    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __str__(self) -> str:
        return ",".join(f"{part}={'+'.join(paths)}" for part, paths in self.fields.items())

    def __bool__(self) -> bool:
        return bool(self.fields)

    def paths(self, part: str) -> tuple[str, ...]:
        """Return the fields that a part is read from."""
        return self.fields.get(part, ())

    @property
    def all_paths(self) -> Iterator[str]:
        """Every field that is read."""
        return (path for paths in self.fields.values() for path in paths)

    def over(self, other: "FieldMapping") -> "FieldMapping":
        """Return the other mapping with this one's parts in place of its own."""
        return FieldMapping({**other.fields, **self.fields})


def parse(text: str) -> FieldMapping:
    """Read a mapping as it is written: part=field, several fields joined by +, parts separated by commas.

    Raises: BadInput, which names what can't be read.
    """
    fields: dict[str, tuple[str, ...]] = {}
    for entry in filter(str.strip, text.split(",")):
        part, equals, value = (word.strip() for word in entry.partition("="))
        paths = tuple(path.strip() for path in value.split("+"))
        if not equals or not all(paths):
            raise BadInput(f"a mapping is part=field, such as {EXAMPLE}, not {entry.strip()}")
        if part not in PARTS:
            raise BadInput(f"a mapping gives {', '.join(PARTS)}; there is no part {part}")
        if part in fields or (part in ALONE and len(paths) > 1):
            raise BadInput(f"a mapping gives {part} once, from one field, not {entry.strip()}")
        fields[part] = paths
    return FieldMapping(fields)


def find(fields: Mapping[str, Any], path: str) -> Any:
    """Return the value under a field's name, or inside it where the name has dots; MISSING where there is none."""
    if path in fields:
        return fields[path]
    value: Any = fields
    for step in path.split("."):
        if not isinstance(value, Mapping) or step not in value:
            return MISSING
        value = value[step]
    return value
