"""Answers that a model gave elsewhere, by upload: choose set and files, see how they are graded, import as an exam.

Rows are matched, graded and refused by the same functions as `mapd import attempts` (exchange/attempts.py).
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st
from sqlmodel import Session
from streamlit.runtime.uploaded_file_manager import UploadedFile

from mapd.errors import BadInput, Undecided
from mapd.exchange import attempts
from mapd.exchange.attempts import AnswerPreview
from mapd.questions import imports, sets, tables
from mapd.questions.imports import BadRow
from mapd.questions.tables import FileTable, QuestionFile
from mapd.store import db
from mapd.ui import acting, current, figures, look, text, uploads
from mapd.ui.data import faults, terminal, writing

MEGABYTES = 200  # of a file
KEPT = "15m"
FIRST = 10  # answers shown as they will be graded
TURN, IMPORTED = "attempts_turn", "attempts_imported"  # session state; the latter: uid and name of the exam


@dataclass(frozen=True, slots=True)
class Reading:
    """What files of answers give: the first as they are graded, and the rows that match no question."""

    number: int
    student: str
    split: str
    graded: Sequence[AnswerPreview]
    bad: Sequence[BadRow]
    refusal: str | None


@dataclass(frozen=True, slots=True)
class Refused:
    """Why files can't be read; `choices`: the splits of which a person has to choose one."""

    message: str
    choices: tuple[str, ...] = ()


def draw() -> None:
    """Draw the chooser and, of files, how their answers are graded."""
    with db.reading(current.engine()) as session:
        names = [row.name for row in sets.list_sets(session)]
    if not names:
        st.markdown("**No questions yet.** Answers are graded against a set's questions: add these first.")
        current.link("pages/loop/data.py", "Add questions", icon=":material/upload_file:", way="questions")
        return
    turn = st.session_state.get(TURN, 0)
    left, right = st.columns((2, 3))
    name = left.selectbox("Question set", names, format_func=text.one_line, key="attempts_set")
    student = left.text_input(
        "Student", key=f"attempts_student_{turn}", placeholder="as the rows or the file say", max_chars=80
    )
    files = right.file_uploader(
        "Files of answers", accept_multiple_files=True, key=f"attempts_{turn}", max_upload_size=MEGABYTES
    )
    if files:
        st.session_state.pop(IMPORTED, None)
        _offer(name, files, (student or "").strip() or None)
        return
    if (exam := st.session_state.get(IMPORTED)) is not None:
        _lead_on(*exam)
    st.caption(
        'Each row {"question_id": …, "response": …}; what `mapd exam export` writes; or samples_….jsonl of '
        "lm-evaluation-harness. They are graded here. Nothing is written before a preview."
    )
    terminal.show_command(f"mapd import attempts FILE --questions {shlex.quote(text.one_line(name, 200))}")


def _offer(name: str, files: Sequence[UploadedFile], student: str | None) -> None:
    """How the answers are graded, with the button that imports them; or why they can't be imported."""
    place = f"attempts_split_{' '.join(file.file_id for file in files)}"
    split = st.session_state.get(place)
    with db.reading(current.engine()) as session:
        uid = sets.get(session, name).uid
    reading = _read(uid, tuple(file.file_id for file in files), split, student, files)
    command = f"mapd import attempts {' '.join(shlex.quote(text.one_line(file.name, 120)) for file in files)}"
    command += f" --questions {shlex.quote(text.one_line(name, 200))}"
    command += f" --split {split}" if split else ""
    command += f" --student {shlex.quote(student)}" if student else ""
    if isinstance(reading, Refused):
        text.complain(reading.message)
        with st.container(horizontal=True):
            for choice in reading.choices:
                st.button(f"Those of {choice}", key=f"split_is_{choice}", on_click=_choose, args=(place, choice))
    else:
        _show(reading)
        if reading.number:
            command += _press(name, files, split, student, reading)
    terminal.show_command(command)


def _choose(place: str, split: str) -> None:
    st.session_state[place] = split


@st.cache_resource(max_entries=4, ttl=KEPT, show_spinner="Reading the answers …")
def _read(
    uid: str,
    file_ids: tuple[str, ...],  # noqa: ARG001 - part of the key
    split: str | None,
    student: str | None,
    _files: Sequence[UploadedFile],
) -> Reading | Refused:
    """Match the answers to the set of this uid: once for the same set, files, split and student."""
    try:
        with db.reading(current.engine()) as session:
            parsed = attempts.parse(session, _tables(_files), sets.get(session, uid), split=split, student=student)
            graded = attempts.preview(parsed, FIRST)
    except Undecided as error:
        return Refused(str(error), error.choices)
    except BadInput as error:
        return Refused(str(error))
    try:
        parsed.refuse_bad()
        refusal = None
    except BadInput as error:
        refusal = str(error)
    return Reading(len(parsed.answers), parsed.student, parsed.split, graded, parsed.bad, refusal)


def _tables(files: Sequence[UploadedFile]) -> list[FileTable]:
    return [_table(file.file_id, file) for file in files]


@st.cache_resource(max_entries=8, ttl=KEPT, show_spinner="Reading the file …")
def _table(file_id: str, _file: UploadedFile) -> FileTable:  # noqa: ARG001 - the key
    return tables.read(QuestionFile(text.one_line(_file.name, 120), _file.getvalue()))


def _show(reading: Reading) -> None:
    """The numbers, what matches no question, and the first answers as they will be graded."""
    st.html(
        figures.row(
            [
                (reading.number, "answers"),
                (text.one_line(reading.student, 40), "student"),
                (reading.split or None, "split"),
                (len(reading.bad), "rows that match no question or can't be read"),
            ]
        )
    )
    if reading.refusal is not None:
        text.complain(reading.refusal)
        faults.show([(row.file, row.number, name, what) for row in reading.bad for name, what in row.faults])
        st.download_button(
            "Download the bad rows",
            imports.format_bad_rows(reading.bad),
            "bad-rows.jsonl",
            "application/jsonl",
            icon=":material/download:",
            on_click="ignore",
            key="bad_attempts_file",
        )
    if reading.graded:
        header = ("graded", "read as", "gold", "response", "to", "")
        st.html(figures.table(header, map(_row, reading.graded), words=6))
        st.caption(f"The first {len(reading.graded):,} of {reading.number:,}, as they will be graded.")


def _row(graded: AnswerPreview) -> tuple[str | None, ...]:
    return (
        figures.Html(look.chip(graded.outcome)),
        None if graded.answer is None else text.one_line(graded.answer, 30),
        text.one_line(graded.gold, 30),
        text.one_line(graded.response, 80),
        text.one_line(graded.question_id, 30),
        text.one_line(graded.question, 60),
    )


def _press(name: str, files: Sequence[UploadedFile], split: str | None, student: str | None, reading: Reading) -> str:
    """The button, and the import; return what the command says beside the files."""
    purpose = None
    if reading.split == "test":
        purpose = (st.text_input("What is the test split opened for?", key="attempts_purpose") or "").strip() or None
        if purpose is None:
            st.caption("The test split is sealed: say what for, and the opening is recorded with your name.")
            return " --open-test PURPOSE"
    rest = faults.left_out(reading.bad)
    label = f"Import {faults.count(reading.number, 'answer')}{rest}"
    if acting.button(label, type="primary", icon=":material/upload:", key="import_attempts"):
        person, contents = current.acting_person(), _tables(files)

        def write(session: Session, progress: writing.Progress) -> attempts.AttemptImport:
            questions = sets.get(session, name)
            parsed = attempts.parse(session, contents, questions, split=split, student=student)
            return attempts.store(session, parsed, questions, by=person, open_test=purpose, progress=progress)

        exam = writing.run(write, "answers").exam
        _forget(files)
        st.session_state[IMPORTED] = exam, f"{reading.student} on {name}, {reading.split}"
        current.choose_exam(exam)
        st.rerun()
    more = f" --open-test {shlex.quote(text.one_line(purpose, 200))}" if purpose else ""
    return more + " --skip-bad bad-rows.jsonl" * bool(reading.bad)


def _forget(files: Sequence[UploadedFile]) -> None:
    """Empty the uploader from the next run on, and give back what it held."""
    uploads.give_back(files)
    for file in files:
        _table.clear(file.file_id, file)
    st.session_state[TURN] = st.session_state.get(TURN, 0) + 1


def _lead_on(uid: str, name: str) -> None:
    st.success(f"Imported as an exam: {text.label(name, 200)}", icon=":material/check:")
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(key="primary_link", width="content"):
            current.link("pages/loop/exam.py", "See the exam", icon=":material/quiz:", exam=uid)
        current.link("pages/loop/committee.py", "Ask teachers about its mistakes", icon=":material/groups:", exam=uid)
