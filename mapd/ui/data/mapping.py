"""The widgets that say how files of questions are read: format, task, keys, and the role of each field.

    instructions = mapping.choose(key, tables, read)     # draws the widgets; an untouched one leaves it to the files
    mapping.decide(key, tables, instructions, "answers", ("index0", "index1"))    # a button for each reading

`mapd questions add` takes the same instructions; questions.py shows the command.
"""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from mapd.answers.grading import Task
from mapd.errors import BadInput
from mapd.questions import formats, imports, saved_mappings
from mapd.questions.file_table import FileTable
from mapd.questions.imports import Instructions, QuestionImport, RecognisedTable
from mapd.questions.mapping import ALONE, PARTS, FieldMapping
from mapd.questions.options import KEY_WORDS, AnswerKey
from mapd.questions.rows import Shares, parse_shares
from mapd.ui.kit import actions, context, refusals, tables, text

# Returns None where the files are refused.
Read = Callable[[Instructions], QuestionImport | None]
COLUMNS = 4
# So many rows are shown with their key in each of its readings.
MOST_KEY_ROWS = 5
HELP = {
    "question": "Several fields are joined, in the order in which they are chosen.",
    "options": "One field with all of them, or a field for each.",
    "answer": "Inside a field with a dot, such as answers.text.0 for the first of several.",
}


def choose(key: str, contents: Sequence[FileTable], read: Read) -> Instructions:
    """Draw the widgets and return their values. The expander is open where a person has to decide something.

    Raises: BadInput where a table holds no row.
    """
    recognised = imports.recognise(contents)
    # The reading without any instruction decides whether a person has to look.
    reading = read(Instructions())
    is_plain = (
        reading is not None and not reading.files_without_answers and not any(field.is_long for field in reading.unread)
    )
    with st.expander("How the files are read", expanded=not is_plain):
        format_column, task_column, answers_column = st.columns(3)
        format_ = format_column.selectbox(
            "Format",
            [None, *formats.FORMATS],
            format_func=lambda name: name or f"as recognised: {recognised.format or 'none'}",
            key=f"format_{key}",
        )
        task = task_column.selectbox(
            "Task", [None, *Task], format_func=lambda task: task or "decided by the answers", key=f"task_{key}"
        )
        answers = answers_column.selectbox(
            "What an answer names",
            [None, *AnswerKey],
            format_func=lambda kind: KEY_WORDS[kind] if kind else "decided by the file",
            key=f"answers_{key}",
            help="For questions with options.",
        )
        if format_ is not None:
            recognised = imports.recognise(contents, format_)
        fields = imports.make_override(recognised, _choose_fields(f"{key} {format_}", recognised), format_)
        shares, seed = _choose_shares(key) if all(table.split is None for table in contents) else (None, 0)
        instructions = Instructions(format_, fields, task, answers, frozenset(), None, shares, seed)
        ignore = _choose_ignored(key, read(instructions))
        _keep(fields)
    return Instructions(format_, fields, task, answers, ignore, None, shares, seed)


def _choose_fields(key: str, recognised: RecognisedTable) -> FieldMapping:
    mappings = context.read(saved_mappings.list_mappings)
    name = None
    if mappings:
        name = st.selectbox(
            "A saved mapping",
            [None, *mappings],
            format_func=lambda name: text.one_line(name) if name else "none",
            key=f"saved_{key}",
        )
    fields = recognised.mapping if name is None else mappings[name].over(recognised.mapping)
    names = list(dict.fromkeys([*recognised.fields, *fields.all_paths]))
    # Row by row, so that a narrow screen keeps the order.
    cells = [cell for _ in range(0, len(PARTS), COLUMNS) for cell in st.columns(COLUMNS)]
    parts = {}
    for cell, part in zip(cells, PARTS, strict=True):
        with cell:
            parts[part] = _choose_part(part, f"{part}_{key}_{name}", names, fields.paths(part))
    return FieldMapping({part: paths for part, paths in parts.items() if paths})


def _choose_part(part: str, widget_key: str, names: Sequence[str], paths: Sequence[str]) -> tuple[str, ...]:
    options: dict[str, Any] = {"format_func": text.one_line, "key": widget_key, "help": HELP.get(part)}
    if part not in ALONE:
        return tuple(st.multiselect(part.capitalize(), names, paths, placeholder="none", select_all=False, **options))
    options |= {"placeholder": "none", "accept_new_options": True}
    field = st.selectbox(part.capitalize(), names, names.index(paths[0]) if paths else None, **options)
    return (field,) if field else ()


def _choose_shares(key: str) -> tuple[Shares | None, int]:
    """Draw how the splits are drawn, where no file has one."""
    shares_column, seed_column = st.columns(2)
    shares_text = shares_column.text_input(
        "Shares of train, dev and test", key=f"shares_{key}", placeholder="the format's own, otherwise 0.6,0.2,0.2"
    )
    seed = seed_column.number_input(
        "Seed", 0, 2**31 - 1, 0, key=f"seed_{key}", help="Questions are drawn into the splits with this seed."
    )
    try:
        return parse_shares(shares_text) if shares_text and shares_text.strip() else None, int(seed)
    except BadInput as error:
        text.complain(str(error))
        return None, int(seed)


def _choose_ignored(key: str, reading: QuestionImport | None) -> frozenset[str]:
    if reading is None or not reading.not_read:
        return frozenset()
    names = reading.not_read
    selection = st.multiselect(
        "Fields to leave out",
        names,
        format_func=text.one_line,
        key=f"ignore_{key}",
        placeholder="none",
        help="A field with long texts stops the import until you choose it as one of the parts above, or leave "
        "it out here.",
    )
    return frozenset(selection)


def _keep(fields: FieldMapping) -> None:
    """Offer to store this mapping under a name, where it differs from the format's."""
    if not fields:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Save this mapping as", key="mapping_name", max_chars=saved_mappings.LONGEST, width=260)
        actions.button("Keep it", key="keep_mapping", icon=":material/bookmark:", on_click=_save, args=(name, fields))
    st.html(f'<span class="mapd-note">{text.line_html(str(fields), 300)}</span>')


@refusals.in_next_run
def _save(name: str, fields: FieldMapping) -> None:
    context.write(saved_mappings.save, name or "", fields, by=context.acting_person())


def decide(
    key: str, contents: Sequence[FileTable], instructions: Instructions, option: str, choices: Sequence[str]
) -> None:
    """Draw a button for each possible reading of the tables; for keys, also the first rows in each reading."""
    if option == "answers":
        kinds = [AnswerKey(choice) for choice in choices]
        rows = imports.read_keys(contents, instructions, kinds)[:MOST_KEY_ROWS]
        cells = [
            (
                text.one_line(row.key, 30),
                *(meaning and text.one_line(meaning, 40) for meaning in row.options),
                text.one_line(row.question, 60),
                row.where,
            )
            for row in rows
        ]
        header = ("answer", *(KEY_WORDS[kind] for kind in kinds), "question", "row")
        tables.draw_table(header, cells, words=len(header))
    with st.container(horizontal=True, key="decisions"):
        for choice in choices:
            word = KEY_WORDS[AnswerKey(choice)] if option == "answers" else choice
            st.button(
                f"It is {word}", key=f"{option}_is_{choice}", on_click=_decide, args=(f"{option}_{key}", option, choice)
            )


def _decide(state_key: str, option: str, choice: str) -> None:
    kinds = {"answers": AnswerKey, "task": Task}
    st.session_state[state_key] = kinds[option](choice) if option in kinds else choice
