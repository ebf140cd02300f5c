"""The rows that the filters find, as a file: a popover that makes it, and the command that does the same.

downloads.draw_popover(exam_id, request, page)
"""

import shlex
from pathlib import Path

import streamlit as st

from mapd.domain import RowKind
from mapd.exchange import browse_rows
from mapd.exchange.row_files import RowsExport
from mapd.people import Person
from mapd.review import filters
from mapd.store import queries
from mapd.ui.browse.page import BrowsePage, BrowseRequest, note_exposed
from mapd.ui.kit import context, exports

KEY = "rows"
FORMATS = {"csv": "CSV, for a spreadsheet", "jsonl": "JSON Lines, for a script"}


def draw_popover(exam_id: int, request: BrowseRequest, page: BrowsePage) -> None:
    """Draw the popover that writes these rows to a file."""
    with st.popover("Download these", icon=":material/download:", key="browse_download"):
        st.markdown(f"**{page.row_count:,} rows**, in this order, with all columns.")
        choice = "csv"
        if page.row_count > exports.MOST_ROWS:
            st.caption(f"More than {exports.MOST_ROWS:,} rows are written by the command.")
        else:
            subject = (exam_id, repr(request.filter), request.order)
            names = {name: f"mapd-{request.filter.show.value}.{name}" for name in FORMATS}
            choice = exports.draw_form(KEY, subject, FORMATS, names, _writer(exam_id, request, page))
        if request.filter.blind_person is None:
            _show_command(exam_id, request, choice)


def _writer(exam_id: int, request: BrowseRequest, page: BrowsePage) -> exports.Write:
    engine, shows_others = context.engine(), request.filter.blind_person is None
    has_overlap = context.read(queries.exam, exam_id).judgements_per_text > 1

    def write(_: str, path: Path, person: Person) -> RowsExport:
        texts: set[int] = set()
        result = browse_rows.export(
            engine,
            exam_id,
            request.filter,
            path,
            threshold=page.threshold,
            by=person,
            order=request.order,
            note_texts=texts.update,
        )
        # As on the page: what is seen with others' judgements isn't judged first later.
        if has_overlap and shows_others and request.filter.show is not RowKind.QUESTIONS:
            note_exposed(person.name, texts)
        return result

    return write


def _show_command(exam_id: int, request: BrowseRequest, ending: str) -> None:
    exam = context.read(queries.exam, exam_id)
    query = filters.write(request.filter, request.order, context.read(queries.voices, exam_id))
    st.caption("The same in a terminal:")
    command = f"mapd export --exam {exam.uid} --filter {shlex.quote(query)} -o rows.{ending}"
    st.code(command, language=None, wrap_lines=True)
