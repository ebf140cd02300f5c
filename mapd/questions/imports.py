"""An import of questions: tables of any format become questions, or each row says why not. Pure.

    read([Table("q.jsonl", "line", (Record(1, {"question": "1 + 1?", "answer": 2}),))], Instructions())
    -> Import(rows=(QuestionRow("0", "train", Task.NUMERIC, "1 + 1?", "2"),), bad=(), format="plain", …)

Nothing is dropped in silence: `bad` holds the rows that can't be read, `unread` the fields that aren't. A command
refuses both; a page shows them beside the rows that came out.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from mapd.answers.grading import Task
from mapd.errors import BadInput, BadRows, Undecided
from mapd.questions import formats, golds, mapping, options
from mapd.questions.drafts import FILE, Draft, Source, UnreadField, find_unread, make_drafts, printable, read_answers
from mapd.questions.file_table import MOST_ROWS, FileTable
from mapd.questions.formats.logiqa import from_lines
from mapd.questions.formats.plain import PLAIN
from mapd.questions.mapping import FieldMapping
from mapd.questions.options import AnswerKey
from mapd.questions.rows import SHARES, QuestionRow, Shares, draw, question_key
from mapd.questions.values import as_text, is_blank, short

# Rows of a file whose fields a page offers.
FIRST = 200
SKIP = "--skip-bad FILE imports the rest"


@dataclass(frozen=True, slots=True)
class Instructions:
    """What a person says of files. What is left open is read from the files themselves."""

    format: str | None = None
    mapping: FieldMapping = field(default_factory=FieldMapping)
    task: Task | None = None
    answers: AnswerKey | None = None
    ignore: frozenset[str] = frozenset()
    split: str | None = None
    shares: Shares | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that gave no question: where it stands, what is wrong (field, what), and the row as it was."""

    file: str
    unit: str
    number: int
    faults: tuple[tuple[str, str], ...]
    original: object


@dataclass(frozen=True, slots=True)
class RecognisedTable:
    """The format that tables' fields tell (None: none does), what it reads as what, and all their fields."""

    format: str | None
    mapping: FieldMapping
    fields: Sequence[str]


class KeyRow(NamedTuple):
    """A row whose key can be read in several ways: where, question, key, and the option for each of the ways."""

    where: str
    question: str
    key: str
    options: Sequence[str | None]


@dataclass(frozen=True, slots=True)
class QuestionImport:
    """What files gave."""

    rows: tuple[QuestionRow, ...]
    bad: tuple[BadRow, ...]
    format: str
    mapping: FieldMapping
    answers: AnswerKey | None
    unread: tuple[UnreadField, ...]
    # Files without an answer in any row.
    files_without_answers: tuple[str, ...] = ()

    @property
    def not_read(self) -> list[str]:
        """Return the names of all fields that aren't read."""
        return list(dict.fromkeys(field.name for field in self.unread))

    @property
    def tasks(self) -> list[str]:
        """Return the tasks of the questions, the most common first."""
        return [task.value for task, _ in Counter(row.task for row in self.rows).most_common()]

    def refuse_unread(self) -> None:
        """Refuse an import that leaves out a long text which nobody left out on purpose. Raises: BadInput."""
        if long := next((field for field in self.unread if field.is_long), None):
            cures = " or ".join(f"--map {part}={long.name}" for part in long.parts)
            raise BadInput(
                f"{long.file}: the field {long.name} isn't read, and is long ({long.example}): say what it is, such as "
                f"{cures}, or leave it out with --ignore {long.name}"
            )

    def refuse_bad(self) -> None:
        """Refuse an import with bad rows. Raises: BadInput where a whole file has no answers, else BadRows."""
        if self.files_without_answers:
            cure = f"; {SKIP}" if self.rows else ""
            raise BadInput(
                f"{self.files_without_answers[0]} has no answer in any of its rows (a test split without its key?): "
                f"leave it out, or name the field with --map answer=FIELD{cure}"
            )
        refuse_rows(self.bad, are_others=bool(self.rows))


def refuse_without_rows(table: FileTable) -> None:
    """Refuse a file in which no row could be read at all. Raises: BadRows, naming what is wrong with the rows."""
    if not table.records:
        refuse_rows(unreadable_rows(table), are_others=False)


def refuse_rows(bad: Sequence[BadRow], *, are_others: bool) -> None:
    """Refuse a file with bad rows; where there are others, those may be imported alone. Raises: BadRows."""
    if bad:
        faults = [(row.file, row.number, name, reason) for row in bad for name, reason in row.faults]
        units = {row.unit for row in bad}
        raise BadRows(faults, units.pop() if len(units) == 1 else "row", SKIP if are_others else "")


def unreadable_rows(table: FileTable) -> list[BadRow]:
    """Return the rows of a table that couldn't be read at all."""
    return [BadRow(table.name, table.unit, row.number, (("content", row.why),), row.original) for row in table.bad]


def format_bad_rows(bad: Sequence[BadRow]) -> str:
    """Return each bad row with its faults as a line of JSON: what --skip-bad writes, and the page hands out."""
    return "".join(f"{_format_bad_row(row)}\n" for row in bad)


def _format_bad_row(row: BadRow) -> str:
    faults = [{"field": name, "what": reason} for name, reason in row.faults]
    place = {"file": row.file, row.unit: row.number, "faults": faults}
    try:
        return json.dumps(place | {"row": row.original}, default=repr)
    except RecursionError:
        return json.dumps(place | {"row": "nested too deeply to be written"})


def preview(rows: Sequence[QuestionRow]) -> list[dict[str, Any]]:
    """Return questions as a person looks at them: options and gold answer lettered, empty parts left out."""
    questions = (
        {
            "id": row.source_id,
            "split": row.split,
            "task": row.task.value,
            "family": row.family,
            "context": row.context,
            "question": row.text,
            "options": options.letter_options(row.options),
            "gold": options.show_answer(row.gold, row.task, row.options),
            "note": row.gold_note,
        }
        for row in rows
    )
    return [{key: value for key, value in question.items() if value} for question in questions]


def read(tables: Sequence[FileTable], instructions: Instructions) -> QuestionImport:
    """Read tables as one set. Raises: BadInput where they can't be read; Undecided where a person must say how."""
    sources = [_source(table, instructions) for table in tables]
    if len(names := list(dict.fromkeys(source.format.name for source in sources))) > 1:
        raise BadInput(f"the files are of different formats, {' and '.join(names)}: add them as sets of their own")
    if sum(len(source.table.records) for source in sources) > MOST_ROWS:
        raise BadInput(f"the files hold more than {MOST_ROWS:,} rows; split them into several sets")
    _refuse_absent(sources, instructions.mapping)
    of_files = [make_drafts(source) for source in sources]
    drafts = [draft for file_drafts in of_files for draft in file_drafts]
    # The task, and what a key means, are decided over the whole file, never row by row.
    task = _task(sources[0], drafts, instructions)
    if instructions.answers is not None and task is not Task.CHOICE:
        raise BadInput(f"--answers {instructions.answers} is about the keys of options; these questions have none")
    shapes = list(dict.fromkeys(source.shape for source in sources))
    of_shapes = [[draft for draft in drafts if draft.source.shape is shape] for shape in shapes]
    keys = [read_answers(*pair, task, instructions.answers) for pair in zip(shapes, of_shapes, strict=True)]
    splits = _read_splits(sources, drafts, instructions)
    rows = [_row(draft, name) for draft, name in zip(drafts, _names(sources, of_files), strict=True)]
    _refuse_twins(drafts, rows)
    good = [place for place, draft in enumerate(drafts) if not draft.faults]
    if splits is None:
        shares = instructions.shares or sources[0].format.shares or SHARES
        row_splits = draw([str(rows[place].family) for place in good], shares, instructions.seed)
    else:
        row_splits = [splits[place] for place in good]
    return QuestionImport(
        rows=tuple(replace(rows[place], split=split) for place, split in zip(good, row_splits, strict=True)),
        bad=tuple(_bad_rows(sources, of_files)),
        format=sources[0].format.name,
        mapping=sources[0].mapping,
        answers=next((key for key in keys if key is not None), None),
        unread=tuple(find_unread(sources, instructions.ignore)),
        files_without_answers=tuple(
            source.table.name
            for source, file_drafts in zip(sources, of_files, strict=True)
            if all(draft.values["answer"] is None for draft in file_drafts)
        ),
    )


def recognise(tables: Sequence[FileTable], name: str | None = None) -> RecognisedTable:
    """Return tables' fields, and what a format reads of them. Raises: BadInput where a table holds no row."""
    plain = [_with_rows(table) for table in tables]
    rows = [record.fields for record in plain[0].records]
    names = _field_names(plain)
    try:
        format_, shape = formats.recognise(plain[0].name, rows, name)
    except BadInput:
        return RecognisedTable(None, _drop_missing(PLAIN.shapes[0].mapping, names), names)
    return RecognisedTable(format_.name, _drop_missing(shape.mapping, names), names)


def _drop_missing(fields: FieldMapping, names: Sequence[str]) -> FieldMapping:
    fields_of_part = {
        part: tuple(path for path in paths if path in names or path == FILE) for part, paths in fields.fields.items()
    }
    return FieldMapping({part: paths for part, paths in fields_of_part.items() if paths})


def make_override(table: RecognisedTable, fields: FieldMapping, format_: str | None = None) -> FieldMapping:
    """Return what `--map` says of a recognised table whose parts are to be read as `fields` has them, and no more."""
    # A mapping that gives question and answer is one of the plain format, unless --format names another.
    difference = fields.difference(table.mapping)
    if format_ is None and difference.paths("question") and difference.paths("answer"):
        return fields.difference(_drop_missing(PLAIN.shapes[0].mapping, table.fields))
    return difference


def read_keys(tables: Sequence[FileTable], instructions: Instructions, choices: Sequence[AnswerKey]) -> list[KeyRow]:
    """Return the first rows whose key names several options, with what it names for each way to read it."""
    rows = []
    for source in (_source(table, instructions) for table in tables):
        head = replace(source, table=replace(source.table, records=source.table.records[:FIRST]))
        for draft in make_drafts(head):
            key, keys = draft.values["answer"], options.key_readings(draft.values["answer"], draft.options)
            texts = [
                f"{options.letter(keys[k])}. {draft.options.texts[keys[k]]}" if k in keys else None for k in choices
            ]
            if len(set(texts)) > 1:
                rows.append(KeyRow(draft.where, draft.read_text("question") or "", as_text(key) or short(key), texts))
    return rows


def _with_rows(table: FileTable) -> FileTable:
    table = from_lines(table) if table.is_text else table
    if not table.records:
        raise BadInput(f"{table.name} {table.unit} {table.bad[0].number}: {table.bad[0].why}; no row can be read")
    return table


def _source(table: FileTable, instructions: Instructions) -> Source:
    table = _with_rows(table)
    override = instructions.mapping
    if instructions.format is None and override.paths("question") and override.paths("answer"):
        format_, shape = PLAIN, PLAIN.shapes[0]
    else:
        rows = [record.fields for record in table.records]
        format_, shape = formats.recognise(table.name, rows, instructions.format)
    return Source(table, format_, shape, override.over(shape.mapping))


def _refuse_absent(sources: Sequence[Source], fields: FieldMapping) -> None:
    rows = [record.fields for source in sources for record in source.table.records]
    for part, paths in fields.fields.items():
        for path in paths:
            if path != FILE and all(mapping.find(row, path) is mapping.MISSING for row in rows):
                names = ", ".join(map(printable, _field_names([source.table for source in sources])))
                raise BadInput(f"--map {part}={printable(path)}: no row has this field; there are {names[:200]}")


def _task(source: Source, drafts: Sequence[Draft], instructions: Instructions) -> Task | None:
    """Return the task of all questions; None where each has its own."""
    if (task := instructions.task or source.format.task) is not None or source.format.is_mixed:
        return task
    if sum(draft.values["options"] is not None for draft in drafts) > len(drafts) / 2:
        return Task.CHOICE
    answers = [draft.values["answer"] for draft in drafts if draft.values["answer"] is not None]
    if answers and (task := golds.guess_task(answers)) is None:
        if not any(as_text(answer) for answer in answers):
            raise BadInput(f"{source.table.name}: {short(answers[0])} is no single answer: {golds.ONE}")
        raise Undecided(
            f"{source.table.name}: the task can't be told from answers such as {short(answers[0])}; say it with "
            "--task text (or numeric, boolean, choice)",
            "task",
            tuple(Task),
        )
    return task


def _read_splits(sources: Sequence[Source], drafts: Sequence[Draft], instructions: Instructions) -> list[str] | None:
    """Return each row's split, as files or rows have it; None where they are drawn."""
    of_files = {source.table.split for source in sources}
    is_asked_for = instructions.split is not None or instructions.shares is not None
    # A lone "train" parts nothing: it may be drawn.
    if of_files != {None} and not (is_asked_for and len(of_files) == 1):
        if is_asked_for:
            raise BadInput("the files have splits of their own; leave out --split and --shares, or give one of them")
        if without := next((source.table.name for source in sources if source.table.split is None), None):
            raise BadInput(f"{without} has no split, and other files have one; give it with --train, --dev or --test")
        return [str(draft.source.table.split) for draft in drafts]
    if any(not is_blank(draft.values["split"]) for draft in drafts):
        if is_asked_for:
            raise BadInput(
                f"{sources[0].table.name} has splits of its own; leave out --split and --shares, or take them out of "
                "the file"
            )
        return [draft.read_split() for draft in drafts]
    return None if instructions.split is None else [instructions.split] * len(drafts)


def _names(sources: Sequence[Source], of_files: Sequence[Sequence[Draft]]) -> Iterator[str]:
    """Yield each row's id: its own, else its place."""
    # Ids that files share get the file's split, or its number, before them.
    ids = [[draft.read_name("id") for draft in drafts] for drafts in of_files]
    files_with = Counter(name for names in ids for name in set(names) if name is not None)
    is_shared = any(files > 1 for files in files_with.values())
    splits = [source.table.split for source in sources]
    labels = splits if None not in splits and len(set(splits)) == len(splits) else range(1, len(sources) + 1)
    place = 0
    for label, names in zip(labels, ids, strict=True):
        for name in names:
            if name is None:
                yield f"row-{place}" if files_with else str(place)
            else:
                yield f"{label}-{name}" if is_shared else name
            place += 1


def _row(draft: Draft, name: str) -> QuestionRow:
    """Return the question, in no split yet; where the draft has faults, with empty texts in their place."""
    if is_blank(draft.values["question"]):
        draft.fault("question", "missing")
    notes = [note for note in (draft.read_text("note"), draft.note) if note]
    return QuestionRow(
        source_id=name,
        split="",
        task=draft.task,
        text=draft.read_text("question") or "",
        gold=draft.gold,
        family=draft.read_name("family"),
        context=draft.read_text("context"),
        options=draft.options.texts if draft.task is Task.CHOICE else (),
        gold_note="\n".join(dict.fromkeys(notes)) or None,
    )


def _refuse_twins(drafts: Sequence[Draft], rows: Sequence[QuestionRow]) -> None:
    # Splits are disjoint by text, whatever files say: no question may stand in two.
    ids: dict[str, Draft] = {}
    texts: dict[tuple[str, ...], Draft] = {}
    for draft, row in zip(drafts, rows, strict=True):
        if draft.faults:
            # It is left out anyway, and must not keep out a good one.
            continue
        if (first := ids.setdefault(row.source_id, draft)) is not draft:
            draft.fault("id", f"{short(row.source_id)} stands in {first.where} too; --map id= leaves ids out")
        if (first := texts.setdefault(question_key(row), draft)) is not draft:
            draft.fault("question", f"{short(row.text)} stands in {first.where} too")


def _bad_rows(sources: Sequence[Source], of_files: Sequence[Sequence[Draft]]) -> Iterator[BadRow]:
    for source, drafts in zip(sources, of_files, strict=True):
        table = source.table
        bad = [BadRow(table.name, table.unit, d.number, tuple(d.faults), d.original) for d in drafts if d.faults]
        yield from sorted([*bad, *unreadable_rows(table)], key=lambda row: row.number)


# --- What isn't read --------------------------------------------------------------------------------------------------


def _field_names(tables: Sequence[FileTable]) -> list[str]:
    """Return the names that a mapping can use, those inside a field with a dot."""
    names: dict[str, None] = {}
    for record in (record for table in tables for record in table.records[:FIRST]):
        for key, value in record.fields.items():
            names[key] = None
            names |= dict.fromkeys(f"{key}.{inner}" for inner in value) if isinstance(value, Mapping) else {}
    return list(names)
