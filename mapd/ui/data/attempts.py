"""Answers that a model gave elsewhere, by upload: choose set and files, preview the grading, import as an exam.

The functions that match, grade and refuse rows are those of `mapd import attempts` (exchange/attempts.py).
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st
from sqlmodel import Session
from streamlit.runtime.uploaded_file_manager import UploadedFile

from mapd.exchange import attempt_files, attempts
from mapd.exchange.attempts import AnswerPreview
from mapd.questions import sets, tables
from mapd.questions.file_table import FileTable, QuestionFile
from mapd.questions.imports import BadRow
from mapd.ui.data import forms
from mapd.ui.data.forms import UploadRefusal
from mapd.ui.kit import actions, context, start_forms, text, theme
from mapd.ui.kit import tables as figures

# The largest file.
MEGABYTES = 200
# So many graded answers are shown.
PREVIEW_SIZE = 10
# Session state: a number in the uploader's key (another one empties it); uid and name of the exam.
UPLOADER, IMPORTED_EXAM = "attempts_turn", "attempts_imported"


@dataclass(frozen=True, slots=True)
class AnswersPreview:
    """What files of answers hold: the first answers as they are graded, and the rows that match no question."""

    count: int
    student: str
    split: str
    graded: Sequence[AnswerPreview]
    bad_rows: Sequence[BadRow]
    refusal: str | None


def draw() -> None:
    """Draw the uploader and, once there are files, how their answers are graded."""
    names = [row.name for row in context.read(sets.list_sets)]
    if not names:
        st.markdown("**No questions yet.** Answers are graded against a set's questions: add these first.")
        context.link("pages/loop/data.py", "Add questions", icon=":material/upload_file:", way="questions")
        return
    uploader = st.session_state.get(UPLOADER, 0)
    set_column, files_column = st.columns((2, 3))
    name = set_column.selectbox("Question set", names, format_func=text.one_line, key="attempts_set")
    student = set_column.text_input(
        "Student", key=f"attempts_student_{uploader}", placeholder="as stated in the rows or the file", max_chars=80
    )
    files = files_column.file_uploader(
        "Files of answers", accept_multiple_files=True, key=f"attempts_{uploader}", max_upload_size=MEGABYTES
    )
    if files:
        st.session_state.pop(IMPORTED_EXAM, None)
        _offer(name, files, (student or "").strip() or None)
        return
    if (exam := st.session_state.get(IMPORTED_EXAM)) is not None:
        _link_to_exam(*exam)
    st.caption(
        'Each row {"question_id": …, "response": …}; what `mapd exam export` writes; or samples_….jsonl of '
        "lm-evaluation-harness. They are graded here. Nothing is written before a preview."
    )
    forms.show_command(f"mapd import attempts FILE --questions {shlex.quote(text.one_line(name, 200))}")


def _offer(name: str, files: Sequence[UploadedFile], student: str | None) -> None:
    # Other files ask again for their split.
    state_key = f"attempts_split_{' '.join(file.file_id for file in files)}"
    split = st.session_state.get(state_key)
    uid = context.read(sets.get, name).uid
    preview = _read(uid, tuple(file.file_id for file in files), split, student, files)
    command = f"mapd import attempts {' '.join(shlex.quote(text.one_line(file.name, 120)) for file in files)}"
    command += f" --questions {shlex.quote(text.one_line(name, 200))}"
    command += f" --split {split}" if split else ""
    command += f" --student {shlex.quote(student)}" if student else ""
    if isinstance(preview, UploadRefusal):
        text.complain(preview.message)
        with st.container(horizontal=True):
            for choice in preview.choices:
                st.button(f"Those of {choice}", key=f"split_is_{choice}", on_click=_choose, args=(state_key, choice))
    else:
        _show(preview)
        if preview.count:
            command += _draw_import(name, files, split, student, preview)
    forms.show_command(command)


def _choose(state_key: str, split: str) -> None:
    st.session_state[state_key] = split


@st.cache_resource(max_entries=4, ttl=forms.CACHE_TTL, show_spinner="Reading the answers …")
def _read(
    uid: str,
    file_ids: tuple[str, ...],  # noqa: ARG001 - part of the key
    split: str | None,
    student: str | None,
    _files: Sequence[UploadedFile],
) -> AnswersPreview | UploadRefusal:
    """Match the answers to the set of this uid, once for the same set, files, split and student."""
    return forms.read_or_refuse(lambda: _grade(uid, split, student, _files))


def _grade(uid: str, split: str | None, student: str | None, files: Sequence[UploadedFile]) -> AnswersPreview:
    questions = context.read(sets.get, uid)
    parsed = context.read(attempt_files.parse, _tables(files), questions, split=split, student=student)
    graded = attempts.preview(parsed, PREVIEW_SIZE)
    refusal = forms.find_refusal(parsed.refuse_bad)
    return AnswersPreview(len(parsed.answers), parsed.student, parsed.split, graded, parsed.bad, refusal)


def _tables(files: Sequence[UploadedFile]) -> list[FileTable]:
    return [_table(file.file_id, file) for file in files]


@st.cache_resource(max_entries=8, ttl=forms.CACHE_TTL, show_spinner="Reading the file …")
def _table(file_id: str, _file: UploadedFile) -> FileTable:  # noqa: ARG001 - the key
    return tables.read(QuestionFile(text.one_line(_file.name, 120), _file.getvalue()))


def _show(preview: AnswersPreview) -> None:
    figures.draw_row(
        (preview.count, "answers"),
        (text.one_line(preview.student, 40), "student"),
        (preview.split or None, "split"),
        (len(preview.bad_rows), "rows that match no question or can't be read"),
    )
    if preview.refusal is not None:
        text.complain(preview.refusal)
        forms.draw_bad_rows(preview.bad_rows, key="bad_attempts_file")
    if preview.graded:
        header = ("graded", "read as", "gold", "response", "to", "")
        figures.draw_table(header, map(_row, preview.graded), words=6)
        st.caption(f"The first {len(preview.graded):,} of {preview.count:,}, as they will be graded.")


def _row(graded: AnswerPreview) -> tuple[str | None, ...]:
    return (
        figures.Html(theme.chip(graded.outcome)),
        None if graded.answer is None else text.one_line(graded.answer, 30),
        text.one_line(graded.gold, 30),
        text.one_line(graded.response, 80),
        text.one_line(graded.question_id, 30),
        text.one_line(graded.question, 60),
    )


def _draw_import(
    name: str, files: Sequence[UploadedFile], split: str | None, student: str | None, preview: AnswersPreview
) -> str:
    """Draw the button and import at its press; return the command's options after the files."""
    purpose = start_forms.ask_purpose("attempts_purpose") if preview.split == "test" else None
    if preview.split == "test" and purpose is None:
        return " --open-test PURPOSE"
    label = forms.button_label("Import", preview.count, "answer", preview.bad_rows)
    if actions.button(label, type="primary", icon=":material/upload:", key="import_attempts"):
        person, contents = context.acting_person(), _tables(files)

        def write(session: Session, progress: forms.Progress) -> attempts.AttemptImport:
            questions = sets.get(session, name)
            parsed = attempt_files.parse(session, contents, questions, split=split, student=student)
            return attempts.store(session, parsed, questions, by=person, open_test=purpose, progress=progress)

        exam = forms.write_all(write, "answers").exam
        forms.empty_uploader(UPLOADER, files)
        for file in files:
            _table.clear(file.file_id, file)
        st.session_state[IMPORTED_EXAM] = exam, f"{preview.student} on {name}, {preview.split}"
        context.choose_exam(exam)
        st.rerun()
    options = f" --open-test {shlex.quote(text.one_line(purpose, 200))}" if purpose else ""
    return options + " --skip-bad bad-rows.jsonl" * bool(preview.bad_rows)


def _link_to_exam(uid: str, name: str) -> None:
    st.success(f"Imported as an exam: {text.label(name, 200)}", icon=":material/check:")
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(key="primary_link", width="content"):
            context.link("pages/loop/exam.py", "See the exam", icon=":material/quiz:", exam=uid)
        context.link("pages/loop/committee.py", "Ask teachers about its mistakes", icon=":material/groups:", exam=uid)
