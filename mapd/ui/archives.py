"""An archive by upload, as the data page draws it: choose, see what it brings, import. Nothing is written before."""

from concurrent.futures import ThreadPoolExecutor, wait

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from mapd.errors import BadInput
from mapd.exchange import archive
from mapd.exchange.archive import Contents, Loaded
from mapd.ui import current, figures, text, uploads

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


def offer() -> None:
    """Draw the uploader, and of a file what it would bring, with the button that brings it."""
    with st.expander("A whole project, from an archive", expanded=TOLD in st.session_state):
        key = f"archive_{st.session_state.get(TURN, 0)}"
        file = st.file_uploader("Archive", type="zip", key=key, max_upload_size=MEGABYTES)
        if file is not None:
            st.session_state.pop(TOLD, None)
        elif (told := st.session_state.get(TOLD)) is not None:
            st.success(text.label(told, 300), icon=":material/check:")
        if file is None:
            st.caption("Made by `mapd archive export FILE`. You see what it brings before anything is written.")
            return
        contents = _contents(file)
        if isinstance(contents, str):
            text.complain(contents)
            return
        _draw(contents)
        _import(file, contents)


def _contents(file: UploadedFile) -> Contents | str:
    """What the file would bring, looked at once; or why it can't be imported."""
    seen: tuple[str, Contents | str] | None = st.session_state.get(SEEN)
    if seen is None or seen[0] != file.file_id:
        with st.spinner("Reading the archive …"):
            try:
                with archive.staged(text.one_line(file.name, 120), file) as staged:
                    found: Contents | str = archive.preview(current.engine(), staged, current.settings().home)
            except BadInput as error:
                found = str(error)
        st.session_state[SEEN] = seen = (file.file_id, found)
    return seen[1]


def _draw(contents: Contents) -> None:
    st.html(figures.row([(contents.new.get(table, 0), word) for table, word in TABLES.items()]))
    known = sum(contents.rows.values()) - sum(contents.new.values())
    st.html(
        figures.facts(
            [
                ("known here already", f"{known:,} rows"),
                ("exams", _lines(contents.exams)),
                ("teachers, disabled and without a key", _lines(contents.teachers)),
                ("jobs, as ended", _lines(contents.jobs)),
                ("judgements", _lines(contents.judgements)),
                ("of them taking back another's", f"{contents.undoing_others:,}" if contents.undoing_others else None),
                ("renamed", _lines(contents.renamed)),
            ]
        )
    )


def _lines(lines: tuple[str, ...]) -> figures.Html | None:
    return figures.Html("<br>".join(text.escape(text.one_line(line, 160)) for line in lines)) if lines else None


def _import(file: UploadedFile, contents: Contents) -> None:
    count = bool(contents.judgements) and st.checkbox(
        "Its people’s judgements count here, too",
        key=f"archive_count_{file.file_id}",
        help="Else the history alone shows them. The same archive imported again with this lets them count later.",
    )
    if not contents.new and not count:
        st.caption("All of it is here already.")
    elif st.button("Import as history", type="primary", icon=":material/archive:", key=f"archive_{file.file_id}"):
        loaded = _load(file, contents.name, count)
        uploads.give_back([file])
        del st.session_state[SEEN]
        st.session_state[TURN] = st.session_state.get(TURN, 0) + 1
        st.session_state[TOLD] = f"Imported {contents.name}: {loaded.rows_new:,} rows"
        st.rerun()


def _load(file: UploadedFile, name: str, count: bool) -> Loaded:
    """Import with a progress bar. The work has a thread of its own: a click meanwhile ends this run, but not it."""
    engine, home, person = current.engine(), current.settings().home, current.current_person()
    done = (0, 1)

    def note(rows: int, total: int) -> None:
        nonlocal done
        done = (rows, total)

    def write() -> Loaded:
        with archive.staged(name, file) as staged:
            return archive.load(engine, staged, home, by=person, count_judgements=count, progress=note)

    bar = st.progress(0.0, "Importing …")
    with ThreadPoolExecutor(max_workers=1) as pool:
        future = pool.submit(write)
        while not future.done():
            wait([future], timeout=0.1)
            bar.progress(done[0] / done[1], f"{done[0]:,} of {done[1]:,} rows")
        return future.result()
