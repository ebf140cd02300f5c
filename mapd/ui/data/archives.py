"""An archive by upload: choose, see what it brings, import. Nothing is written before."""

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from mapd.errors import BadInput
from mapd.exchange import archive
from mapd.exchange.archive import ArchiveContents, ArchiveImport
from mapd.ui import current, figures, text, uploads
from mapd.ui.data import writing

MEGABYTES = 200  # of a file
TURN, TOLD, SEEN = "archive_turn", "archive_told", "archive_seen"  # session state: another number empties the uploader
TABLES = {  # as people call what its rows are, those that are counted by themselves left out
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
    """Draw the uploader, and of a file what it would bring, with the button that brings it."""
    key = f"archive_{st.session_state.get(TURN, 0)}"
    file = st.file_uploader("Archive of a whole project", type="zip", key=key, max_upload_size=MEGABYTES)
    if file is not None:
        st.session_state.pop(TOLD, None)
    elif (message := st.session_state.get(TOLD)) is not None:
        st.success(text.label(message, 300), icon=":material/check:")
    if file is None:
        st.caption("Made by `mapd archive export FILE`. You see what it brings before anything is written.")
        return
    contents = _contents(file)
    if isinstance(contents, str):
        text.complain(contents)
        return
    _contents_of(contents)
    _import(file, contents)


def _contents(file: UploadedFile) -> ArchiveContents | str:
    """What the file would bring, looked at once; or why it can't be imported."""
    looked_at: tuple[str, ArchiveContents | str] | None = st.session_state.get(SEEN)
    if looked_at is None or looked_at[0] != file.file_id:
        with st.spinner("Reading the archive …"):
            try:
                with archive.stage(text.one_line(file.name, 120), file) as staging:
                    contents: ArchiveContents | str = archive.preview(
                        current.engine(), staging, current.settings().home
                    )
            except BadInput as error:
                contents = str(error)
        st.session_state[SEEN] = looked_at = (file.file_id, contents)
    return looked_at[1]


def _contents_of(contents: ArchiveContents) -> None:
    st.html(figures.row([(contents.new_rows.get(table, 0), word) for table, word in TABLES.items()]))
    known_rows = sum(contents.rows.values()) - sum(contents.new_rows.values())
    on_own = tuple(f"{number:,} {TABLES[table]}" for table, number in contents.on_own.items())
    st.html(
        figures.facts(
            [
                ("known here already", f"{known_rows:,} rows"),
                ("exams", _lines(contents.exams)),
                ("teachers, disabled and without a key", _lines(contents.teachers)),
                ("jobs, as ended", _lines(contents.jobs)),
                ("judgements", _lines(contents.judgements)),
                ("of them taking back another's", f"{contents.undoing_others:,}" if contents.undoing_others else None),
                ("on what is here, and weighed with it", _lines(on_own)),
                ("renamed", _lines(contents.renamed)),
            ]
        )
    )


def _lines(lines: tuple[str, ...]) -> figures.Html | None:
    return figures.Html("<br>".join(text.escape(text.one_line(line, 160)) for line in lines)) if lines else None


def _import(file: UploadedFile, contents: ArchiveContents) -> None:
    count = bool(contents.judgements) and st.checkbox(
        "Its people’s judgements count here, too",
        key=f"archive_count_{file.file_id}",
        help="Else the history alone shows them. The same archive imported again with this lets them count later.",
    )
    if not contents.new_rows and not count:
        st.caption("All of it is here already.")
    elif st.button("Import as history", type="primary", icon=":material/archive:", key=f"archive_{file.file_id}"):
        result = _load(file, contents.name, count)
        uploads.give_back([file])
        del st.session_state[SEEN]
        st.session_state[TURN] = st.session_state.get(TURN, 0) + 1
        st.session_state[TOLD] = f"Imported {contents.name}: {result.rows_new:,} rows"
        st.rerun()


def _load(file: UploadedFile, name: str, count: bool) -> ArchiveImport:
    """Import with a progress bar."""
    engine, home, person = current.engine(), current.settings().home, current.current_person()

    def write(progress: writing.Progress) -> ArchiveImport:
        with archive.stage(name, file) as staging:
            return archive.load(engine, staging, home, by=person, count_judgements=count, progress=progress)

    return writing.follow(write, "rows")
