"""An archive by upload: choose, preview, import. Nothing is written before the button."""

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from mapd.exchange import archive
from mapd.exchange.archive import ArchiveContents, ArchiveImport
from mapd.ui.data import forms
from mapd.ui.data.forms import UploadRefusal
from mapd.ui.kit import context, tables, text

# The largest file.
MEGABYTES = 200
# Session state; the uploader's number is in its key: another number empties it.
UPLOADER, MESSAGE, PREVIEW = ("archive_turn", "archive_told", "archive_seen")
# The words for a table's rows, of the tables that are counted.
TABLES = {
    "exam": "exams",
    "question": "questions",
    "attempt": "answers",
    "explanation": "explanations",
    "review": "reviews",
    "call": "calls",
    "snapshot": "snapshots",
    "finetune": "finetunes",
}


def draw() -> None:
    """Draw the uploader, what the chosen file would bring, and the button that imports it."""
    key = f"archive_{st.session_state.get(UPLOADER, 0)}"
    file = st.file_uploader("Archive of a whole project", type="zip", key=key, max_upload_size=MEGABYTES)
    if file is not None:
        st.session_state.pop(MESSAGE, None)
    elif (message := st.session_state.get(MESSAGE)) is not None:
        st.success(text.label(message, 300), icon=":material/check:")
    if file is None:
        st.caption("Made by `mapd archive export FILE`. You see what it brings before anything is written.")
        return
    contents = _read_contents(file)
    if isinstance(contents, UploadRefusal):
        text.complain(contents.message)
        return
    _draw_contents(contents)
    _import(file, contents)


def _read_contents(file: UploadedFile) -> ArchiveContents | UploadRefusal:
    """Return what the file would bring, read once; or why it can't be imported."""
    return forms.read_once(PREVIEW, file.file_id, "Reading the archive …", lambda: _preview(file))


def _preview(file: UploadedFile) -> ArchiveContents:
    with archive.stage(text.one_line(file.name, 120), file) as staging:
        return archive.preview(context.engine(), staging, context.settings().home)


def _draw_contents(contents: ArchiveContents) -> None:
    tables.draw_row(*((contents.new_rows.get(table, 0), word) for table, word in TABLES.items()))
    known_rows = sum(contents.rows.values()) - sum(contents.new_rows.values())
    new_judgements = tuple(f"{number:,} {TABLES[table]}" for table, number in contents.on_own.items())
    tables.draw_facts(
        ("already in this project", f"{known_rows:,} rows"),
        ("exams", _lines(contents.exams)),
        ("teachers, disabled and without a key", _lines(contents.teachers)),
        ("jobs, all ended", _lines(contents.jobs)),
        ("judgements", _lines(contents.judgements)),
        (
            "judgements that take back another person's",
            f"{contents.undoing_others:,}" if contents.undoing_others else None,
        ),
        ("new texts and votes on this project's own questions, which count here", _lines(new_judgements)),
        ("renamed", _lines(contents.renamed)),
    )


def _lines(lines: tuple[str, ...]) -> tables.Html | None:
    return tables.Html("<br>".join(text.line_html(line, 160) for line in lines)) if lines else None


def _import(file: UploadedFile, contents: ArchiveContents) -> None:
    is_counted = bool(contents.judgements) and st.checkbox(
        "Count the judgements of the archive’s people here, too",
        key=f"archive_count_{file.file_id}",
        help="Otherwise only the history shows them. To count them later, import the same archive again with "
        "this box ticked.",
    )
    if not contents.new_rows and not is_counted:
        st.caption("This project has all of it already.")
    elif st.button("Import as history", type="primary", icon=":material/archive:", key=f"archive_{file.file_id}"):
        result = _load(file, contents.name, is_counted)
        forms.empty_uploader(UPLOADER, [file])
        del st.session_state[PREVIEW]
        st.session_state[MESSAGE] = f"Imported {contents.name}: {result.rows_new:,} rows"
        st.rerun()


def _load(file: UploadedFile, name: str, is_counted: bool) -> ArchiveImport:
    engine, home, person = context.engine(), context.settings().home, context.current_person()

    def write(progress: forms.Progress) -> ArchiveImport:
        with archive.stage(name, file) as staging:
            return archive.load(engine, staging, home, by=person, count_judgements=is_counted, progress=progress)

    return forms.follow_progress(write, "rows")
