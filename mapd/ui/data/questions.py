"""Questions by upload or from the hub: choose, preview, change how they are read, add them.

Page and command refuse by the same functions (`tables.read`, `imports.read`, `QuestionImport.refuse_unread`,
`QuestionImport.refuse_bad`, `sets.add`), so in the same words. Nothing is written before the button.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

import streamlit as st
from sqlmodel import Session
from streamlit.runtime.uploaded_file_manager import UploadedFile

from mapd.errors import BadInput
from mapd.questions import formats, imports, sets, sources, tables
from mapd.questions.file_table import FileTable, QuestionFile
from mapd.questions.imports import Instructions, QuestionImport
from mapd.questions.rows import SPLITS, split_of_name
from mapd.ui.data import forms, mapping, preview
from mapd.ui.data.forms import UploadRefusal
from mapd.ui.kit import actions, context, text

# The largest file.
MEGABYTES = 200
# Up to so many files each has its choice of split; for more, the names decide.
MOST_FILES = 12
# Session state: a number in the uploader's key (another one empties it); the new set's name.
UPLOADER, ADDED_SET = ("questions_turn", "questions_added")
# In place of a split.
RANDOM_SPLIT = "drawn"
SPLIT_WORDS = {RANDOM_SPLIT: "drawn from all", **{split: split for split in SPLITS}}


@dataclass(frozen=True, slots=True)
class QuestionsUpload:
    """What a person chose: files, or a set of the hub. `key` differs for each choice."""

    files: Sequence[UploadedFile]
    hub: str
    key: str


def draw() -> None:
    """Draw the uploader, and how the chosen files are read."""
    upload = _choose_upload()
    if not upload.files and not upload.hub:
        if (name := st.session_state.get(ADDED_SET)) is not None:
            link_to_set("Added", name)
        st.caption(
            "JSON Lines, JSON, CSV, TSV, .xlsx or Parquet, each also as .gz; several files are one set. Formats that "
            f"are recognised by their fields: {', '.join(formats.FORMATS)}. Nothing is written before a preview."
        )
        forms.show_command("mapd questions add NAME FILE…")
        return
    st.session_state.pop(ADDED_SET, None)
    contents = _read_tables(upload)
    if isinstance(contents, UploadRefusal):
        text.complain(contents.message)
        if upload.hub:
            st.button("Try again", key="hub_again", icon=":material/refresh:", on_click=_read_hub.clear)
        return
    contents = _choose_splits(upload, contents)
    _offer(upload, contents)


def _choose_upload() -> QuestionsUpload:
    uploader = st.session_state.get(UPLOADER, 0)
    files_column, hub_column = st.columns((3, 2))
    files = files_column.file_uploader(
        "Files of questions", accept_multiple_files=True, key=f"questions_{uploader}", max_upload_size=MEGABYTES
    )
    hub = hub_column.text_input(
        "Or a set of the Hugging Face hub",
        key=f"questions_hub_{uploader}",
        placeholder="ORG/NAME or ORG/NAME:CONFIG",
        disabled=bool(files),
        max_chars=200,
    )
    hub = "" if files else (hub or "").strip()
    return QuestionsUpload(files, hub, " ".join([hub, *(file.file_id for file in files)]))


def _read_tables(upload: QuestionsUpload) -> list[FileTable] | UploadRefusal:
    if upload.hub:
        return _read_hub(upload.hub)
    contents = []
    for file in upload.files:
        table = _read_file(file.file_id, file)
        if isinstance(table, UploadRefusal):
            return table
        contents.append(table)
    return contents


@st.cache_resource(max_entries=4, ttl=forms.CACHE_TTL, show_spinner="Reading from the hub …")
def _read_hub(ref: str) -> list[FileTable] | UploadRefusal:
    return forms.read_or_refuse(lambda: sources.read_hub(ref))


@st.cache_resource(max_entries=64, ttl=forms.CACHE_TTL, show_spinner="Reading the file …")
def _read_file(file_id: str, _file: UploadedFile) -> FileTable | UploadRefusal:  # noqa: ARG001 - the key
    file = QuestionFile(text.one_line(_file.name, 120), _file.getvalue())
    return forms.read_or_refuse(lambda: tables.read(file, formats.headings))


def _choose_splits(upload: QuestionsUpload, contents: Sequence[FileTable]) -> list[FileTable]:
    """Draw each table's name, size and split, guessed from its name; return the tables with their splits."""
    if len(contents) > MOST_FILES:
        st.caption(f"{len(contents):,} files: the name of each tells its split.")
        return [replace(table, split=table.split or split_of_name(table.name)) for table in contents]
    split_tables = []
    for number, table in enumerate(contents):
        guess = table.split or split_of_name(table.name) or RANDOM_SPLIT
        with st.container(horizontal=True, vertical_alignment="center", key=f"file_{number}"):
            split = st.selectbox(
                f"Split of {text.label(table.name, 60)}",
                list(SPLIT_WORDS),
                list(SPLIT_WORDS).index(guess),
                format_func=SPLIT_WORDS.__getitem__,
                key=f"split_{upload.key}_{number}",
                label_visibility="collapsed",
                width=170,
            )
            note = f'<span class="mapd-note">{len(table.records) + len(table.bad):,} {table.unit}s</span>'
            st.html(f'<span class="mapd-file">{text.line_html(table.name, 200)} {note}</span>')
        split_tables.append(replace(table, split=None if split == RANDOM_SPLIT else split))
    return split_tables


def _offer(upload: QuestionsUpload, contents: Sequence[FileTable]) -> None:
    # The counts and the button stand above the widgets, but depend on them.
    top = st.container()

    def try_reading(candidate: Instructions) -> QuestionImport | None:
        reading = _read(upload, contents, candidate)
        return None if isinstance(reading, UploadRefusal) else reading

    try:
        instructions = mapping.choose(upload.key, contents, try_reading)
    # No row of a file can be read.
    except BadInput as error:
        text.complain(str(error))
        return
    reading = _read(upload, contents, instructions)
    with top:
        if isinstance(reading, UploadRefusal):
            text.complain(reading.message)
            if reading.option is not None:
                mapping.decide(upload.key, contents, instructions, reading.option, reading.choices)
            forms.show_command(command(upload, contents, instructions))
            return
        preview.draw_reading(reading)
        _draw_add(upload, contents, instructions, reading)
    preview.draw_questions(reading.rows)


def _key(upload: QuestionsUpload, contents: Sequence[FileTable], instructions: Instructions) -> str:
    return f"{upload.key} {[table.split for table in contents]} {instructions}"


def _read(
    upload: QuestionsUpload, contents: Sequence[FileTable], instructions: Instructions
) -> QuestionImport | UploadRefusal:
    return _read_import(_key(upload, contents, instructions), contents, instructions)


@st.cache_resource(max_entries=4, ttl=forms.CACHE_TTL, show_spinner="Reading the questions …")
def _read_import(
    key: str,  # noqa: ARG001 - the cache's key
    _contents: Sequence[FileTable],
    _instructions: Instructions,
) -> QuestionImport | UploadRefusal:
    return forms.read_or_refuse(lambda: imports.read(_contents, _instructions))


def _draw_add(
    upload: QuestionsUpload, contents: Sequence[FileTable], instructions: Instructions, reading: QuestionImport
) -> None:
    """Draw the name and the button, or why there is none; each bad row with its reason."""
    command_line = command(upload, contents, instructions, is_skipping=bool(reading.bad and reading.rows))
    refusal = forms.find_refusal(reading.refuse_unread, reading.refuse_bad)
    if refusal is not None:
        text.complain(refusal)
    if reading.bad:
        forms.draw_bad_rows(reading.bad, key="bad_rows_file")
    if refusal is None or (reading.rows and not any(field.is_long for field in reading.unread)):
        name = _choose_name(upload, contents, reading, _sha256(_key(upload, contents, instructions), reading))
        if name is not None:
            _draw_add_button(name, upload, contents, reading)
            command_line = command_line.replace("NAME", shlex.quote(name), 1)
    forms.show_command(command_line)


@st.cache_data(max_entries=16, ttl=forms.CACHE_TTL, show_spinner=False)
def _sha256(key: str, _reading: QuestionImport) -> str:  # noqa: ARG001
    return sets.sha256_of(_reading.rows)


def _choose_name(
    upload: QuestionsUpload, contents: Sequence[FileTable], reading: QuestionImport, sha256: str
) -> str | None:
    """Draw the field for the set's name and return it; None where the project holds the same questions already."""
    if (namesake := context.read(sets.find_content, sha256)) is not None:
        link_to_set("These questions are in the project already, as", namesake.name)
        return None
    suggestion = context.read(sets.free_name, _suggest_name(contents, reading))
    return st.text_input("The set's name", suggestion, max_chars=200, key=f"set_name_{upload.key}", width=360).strip()


def _suggest_name(contents: Sequence[FileTable], reading: QuestionImport) -> str:
    """Return a name for the set: the file's, or the format's where the file's names only the split."""
    origin = contents[0].origin
    stem = origin["hub"] if origin else contents[0].name.rpartition("/")[2].partition(".")[0]
    return reading.format if (len(contents) > 1 and not origin) or split_of_name(stem) else stem


def _draw_add_button(
    name: str, upload: QuestionsUpload, contents: Sequence[FileTable], reading: QuestionImport
) -> None:
    """Draw the button that adds the questions; at its press, add them and empty the form."""
    with st.container(horizontal=True, vertical_alignment="center"):
        is_pressed = actions.button(
            forms.button_label("Add", len(reading.rows), "question", reading.bad),
            type="primary",
            icon=":material/upload:",
            key="add_questions",
        )
        st.caption("All of them or nothing. A set never changes.")
    if not is_pressed:
        return
    person, source, files = context.acting_person(), sources.describe(contents), sources.list_files(contents)

    def write(session: Session, progress: forms.Progress) -> str:
        return sets.add(
            session, name, reading.rows, source=source, simulated=False, by=person, files=files, progress=progress
        ).name

    set_name = forms.write_all(write, "questions")
    forms.empty_uploader(UPLOADER, upload.files)
    for file in upload.files:
        _read_file.clear(file.file_id, file)
    st.session_state[ADDED_SET] = set_name
    st.rerun()


def link_to_set(message: str, name: str) -> None:
    """Say that a set is in the project, and link to its exam."""
    st.success(f"{message}: {text.label(name, 200)}", icon=":material/check:")
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(key="primary_link", width="content"):
            context.link("pages/loop/exam.py", "Examine a student on it", icon=":material/quiz:", questions=name)
        with st.container(key="follow", width="content"):
            context.link("pages/loop/data.py", "Add answers from elsewhere", icon=":material/forum:", way="attempts")


def command(
    upload: QuestionsUpload, contents: Sequence[FileTable], instructions: Instructions, *, is_skipping: bool = False
) -> str:
    """Return `mapd questions add NAME …` for these files and instructions."""
    words = ["mapd questions add NAME"]
    if upload.hub:
        words.append(f"--hub {shlex.quote(upload.hub)}")
    else:
        names = [(table.split, shlex.quote(table.name)) for table in contents]
        words += [name if split is None else f"--{split} {name}" for split, name in names]
    options = {
        "format": instructions.format,
        "map": str(instructions.mapping) or None,
        "task": instructions.task,
        "answers": instructions.answers,
        "shares": instructions.shares and ",".join(f"{share:g}" for share in instructions.shares),
        "seed": str(instructions.seed) if instructions.seed else None,
    }
    words += [f"--{option} {shlex.quote(text.one_line(str(value), 500))}" for option, value in options.items() if value]
    words += [f"--ignore {shlex.quote(text.one_line(field, 200))}" for field in sorted(instructions.ignore)]
    return " ".join(words + ["--skip-bad bad-rows.jsonl"] * is_skipping)
