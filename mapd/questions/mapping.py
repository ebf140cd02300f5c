"""Which field of a file is what: the mapping that a format has, and that `--map` writes. Pure.

    parse("question=Body+Question,answer=Answer,options=choices.text")
    -> FieldMapping({"question": ("Body", "Question"), "answer": ("Answer",), "options": ("choices.text",)})
    find({"question": {"stem": "Why?"}}, "question.stem") -> "Why?"

Fields joined by + are put behind one another; each is one option where they are options. A part without a field, such
as `note=`, is left out. A comma or + of a field's own name has a \\ before it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mapd.errors import BadInput

PARTS = ("question", "answer", "context", "options", "id", "family", "note", "split")
ALONE = ("answer", "split")  # these come from one field
NEEDED = ("question", "answer")  # these come from some field
JOINS = {"question": " ", "context": "\n", "id": "-", "family": ", ", "note": "\n"}
EXAMPLE = "question=Body+Question,answer=Answer"
MISSING = object()
_COMMA, _PLUS = re.compile(r"(?<!\\),"), re.compile(r"(?<!\\)\+")
_ESCAPED = re.compile(r"\\([,+])")


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """The fields that each part of a question is read from."""

    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __str__(self) -> str:
        return ",".join(f"{part}={'+'.join(map(_escape, paths))}" for part, paths in self.fields.items())

    def __bool__(self) -> bool:
        return bool(self.fields)

    def paths(self, part: str) -> tuple[str, ...]:
        """Return the fields that a part is read from."""
        return self.fields.get(part, ())

    @property
    def all_paths(self) -> Iterator[str]:
        """Yield every field that is read."""
        return (path for paths in self.fields.values() for path in paths)

    def difference(self, base: "FieldMapping") -> "FieldMapping":
        """Return the parts that this mapping reads otherwise than the other one: `other` with them over it is this."""
        parts = {**base.fields, **self.fields}
        return FieldMapping({part: self.paths(part) for part in parts if self.paths(part) != base.paths(part)})

    def over(self, base: "FieldMapping") -> "FieldMapping":
        """Return the other mapping with this one's parts in place of its own."""
        return FieldMapping({**base.fields, **self.fields})


def parse(text: str) -> FieldMapping:
    """Read a mapping as it is written: part=field+field, part=field. Raises: BadInput, which names the fault."""
    fields: dict[str, tuple[str, ...]] = {}
    for entry in filter(str.strip, _COMMA.split(text)):
        part, equals, value = (word.strip() for word in entry.partition("="))
        paths = tuple(_ESCAPED.sub(r"\1", path.strip()) for path in _PLUS.split(value)) if value else ()
        if not equals or not all(paths) or (part in NEEDED and not paths):
            raise BadInput(f"a mapping is part=field, such as {EXAMPLE}, not {entry.strip()}")
        if part not in PARTS:
            raise BadInput(f"a mapping gives {', '.join(PARTS)}; there is no part {part}")
        if part in fields or (part in ALONE and len(paths) > 1):
            raise BadInput(f"a mapping gives {part} once, from one field, not {entry.strip()}")
        fields[part] = paths
    return FieldMapping(fields)


def _escape(path: str) -> str:
    # A comma or a plus of a field's own name: "a, b" -> "a\, b".
    return re.sub("([,+])", r"\\\1", path)


def find(fields: Mapping[str, Any], path: str) -> Any:
    """Return the value under a field's name, or inside it where the name has dots; MISSING where there is none."""
    if path in fields:
        return fields[path]
    value: Any = fields
    for step in path.split("."):
        inside = parts_of(value)
        if step not in inside:
            return MISSING
        value = inside[step]
    return value


def parts_of(value: object) -> Mapping[str, Any]:
    """Return what stands inside a value, by name; in a list by its place, counted from 0."""
    if isinstance(value, list):
        return {str(place): part for place, part in enumerate(value)}
    return value if isinstance(value, Mapping) else {}
