"""The formats of question files, one small file a benchmark.

    recognise("q.jsonl", [{"Body": "…", "Question": "…", "Answer": 51.0, …}])  -> SVAMP, and which of its shapes

Another format is another such file, and its name in `FORMATS`.
"""

from collections.abc import Sequence

from mapd.errors import BadInput, Undecided
from mapd.questions.formats import mmlu
from mapd.questions.formats.aqua import AQUA
from mapd.questions.formats.arc import ARC
from mapd.questions.formats.commonsenseqa import COMMONSENSEQA
from mapd.questions.formats.format import Format, Rows, Shape
from mapd.questions.formats.gsm8k import GSM8K
from mapd.questions.formats.logiqa import LOGIQA
from mapd.questions.formats.math import MATH
from mapd.questions.formats.openbookqa import OPENBOOKQA
from mapd.questions.formats.plain import PLAIN
from mapd.questions.formats.strategyqa import STRATEGYQA
from mapd.questions.formats.svamp import SVAMP
from mapd.questions.values import short

_ALL = (GSM8K, SVAMP, STRATEGYQA, LOGIQA, AQUA, COMMONSENSEQA, ARC, OPENBOOKQA, mmlu.MMLU, MATH, PLAIN)
FORMATS = {format_.name: format_ for format_ in _ALL}
# Rows that a format is recognised by.
SAMPLE = 200


def headings(first: Sequence[str]) -> Sequence[str] | None:
    """Return the columns' names where a CSV's first row is a question already."""
    return mmlu.headings(first)


def get_format(name: str) -> Format:
    """Return the format of this name. Raises: BadInput."""
    if name not in FORMATS:
        raise BadInput(f"--format is one of {', '.join(FORMATS)}, not {name}")
    return FORMATS[name]


def recognise(file: str, rows: Rows, name: str | None = None) -> tuple[Format, Shape]:
    """Return the format, and its shape, that the rows' fields tell. Raises: BadInput for none, Undecided for two."""
    sample = rows[:: max(1, len(rows) // SAMPLE)]
    candidates = [get_format(name)] if name else [format_ for format_ in _ALL if format_ is not PLAIN]
    pairs = _fits(candidates, sample, by_fields_alone=name is not None)
    if not pairs and name is None:
        pairs = _fits([PLAIN], sample)
    fields = ", ".join(dict.fromkeys(short(key, 30).strip('"') for row in sample[:20] for key in row))[:200]
    if not pairs:
        needs = " or ".join(", ".join(shape.fields) for shape in candidates[0].shapes) if name else ""
        description = f"format {name} has {needs}" if name else "no format is known by these fields"
        raise BadInput(
            f"{file} has the fields {fields or 'of no row'}: {description}; say which is what with "
            "--map question=FIELD,answer=FIELD"
        )
    names = list(dict.fromkeys(format_.name for format_, _ in pairs))
    if len(names) > 1:
        raise Undecided(
            f"{file} may be {' or '.join(names)} by its fields {fields}: say which with --format {names[0]}",
            "format",
            tuple(names),
        )
    return pairs[0]


def _fits(candidates: Sequence[Format], rows: Rows, *, by_fields_alone: bool = False) -> list[tuple[Format, Shape]]:
    """Return the formats' shapes that rows fit, without those of which another one says more."""
    pairs = [
        (format_, shape)
        for format_ in candidates
        for shape in format_.shapes
        if shape.fits(rows, by_fields_alone=by_fields_alone)
    ]
    return [pair for pair in pairs if not any(pair[1].is_within(rival) for _, rival in pairs)]
