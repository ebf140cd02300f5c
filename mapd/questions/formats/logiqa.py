"""LogiQA: a passage, a question about it, four options. The first release is text, eight lines a question:

    <empty>
    c
    Some Cantonese don't like chili, so some southerners don't like chili.
    Which of the following can guarantee the above argument?
    A.Some Cantonese love chili.
    B.Some people who like peppers are southerners.
    C.All Cantonese are southerners.
    D.Some Cantonese like neither peppers nor sweets.

LogiQA 2 is JSON Lines, in files named .txt; its answers count from 0:

    {"id": 10471, "answer": 0, "text": "The medieval Arabs had many manuscripts …", "type": {"Sufficient Conditional
     Reasoning": true}, "question": "Which of the following …?", "options": ["Some medieval …", …]}

Copies on the hub have {"context", "query", "options", "correct_option": 0} or {"label": "a", "context", "question",
"options"}.
"""

from mapd.answers.grading import Task
from mapd.errors import BadInput
from mapd.questions.file_table import BadRecord, FileRecord, FileTable
from mapd.questions.formats.format import Format, shape, shares_of
from mapd.questions.options import AnswerKey
from mapd.questions.values import short

# Lines of a question, without the empty one before it.
LINES = 7

LOGIQA = Format(
    "logiqa",
    Task.CHOICE,
    (
        shape(
            "question=query,context=context,options=options,answer=correct_option,id=id",
            fields="context query options",
            answers=AnswerKey.INDEX0,
        ),
        shape(
            "question=question,context=context,options=options,answer=label,id=id",
            fields="context question options label",
        ),
        shape(
            "question=question,context=text,options=options,answer=answer,id=id,family=type",
            fields="text question options",
            answers=AnswerKey.INDEX0,
        ),
    ),
    shares=shares_of(7376, 0, 651),
)


def from_lines(table: FileTable) -> FileTable:
    """Read the first release's text, each question's lines as the hub's fields. Raises: BadInput for another text."""
    block: list[FileRecord] = []
    records: list[FileRecord] = []
    bad: list[BadRecord] = []
    for line in (*table.records, FileRecord(0, {"line": ""})):
        text = line.fields["line"].strip()
        if text:
            block.append(line)
        elif block:
            _read_block(block, records, bad)
            block = []
    if not records:
        first = next(record for record in table.records if record.fields["line"].strip())
        raise BadInput(
            f"{table.name} is no table of questions: it begins with {short(first.fields['line'])}; known are JSON, "
            "JSON Lines, CSV (named .csv), TSV, Parquet, and LogiQA's own text of 8 lines a question"
        )
    return FileTable(table.name, table.unit, tuple(records), tuple(bad), table.split)


def _read_block(block: list[FileRecord], records: list[FileRecord], bad: list[BadRecord]) -> None:
    number, lines = block[0].number, [record.fields["line"].strip() for record in block]
    if len(lines) != LINES or lines[0].lower() not in ("a", "b", "c", "d"):
        why = f"{short(lines[0])} begins no question of 7 lines: letter, passage, question, four options"
        bad.append(BadRecord(number, why, "\n".join(lines)))
        return
    key, context, query, *options = lines
    records.append(FileRecord(number, {"context": context, "query": query, "options": options, "correct_option": key}))
