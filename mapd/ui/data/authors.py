"""The authors' files by upload: choose, preview, import. Nothing is written before the button.

What was imported is asked of the database by the content's sha256, so a reload, a second click or a second tab can't
import anything twice, and none of them is told anything wrong.
"""

import csv
import hashlib
import io
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from mapd.answers.grading import Task
from mapd.errors import BadInput, BadRows
from mapd.exchange import authors
from mapd.exchange.authors import File, Kind, Parsed, Row
from mapd.questions.options import show_answer
from mapd.score_forms import VoteStatus, vote
from mapd.store import db, queries
from mapd.ui import acting, current, figures, look, text, uploads
from mapd.ui.data import faults, terminal, writing

KINDS = (
    (Kind.FEEDBACK, "Feedback", "…_feedback_round0.json"),
    (Kind.RATIONALES, "Rationales and reviews", "…_rationale_round0.json"),
    (Kind.MISTAKES, "Mistakes (optional)", "…_false_round0.json"),
)
SWAPPED_UPLOADER = (
    "upload_swapped"  # session state: the turn of the uploaders whose first two files are taken the other way round
)
IMPORTED_EXAM = "imported_now"  # session state: uid and name of the exam that was imported just now
PREVIEW_SIZE = 3  # mistakes shown in the preview
MEGABYTES = 50  # of a file; the authors' largest has 2
CACHE_TTL = "15m"  # how long what was read of files is kept, for whoever only looks at it


@dataclass(frozen=True, slots=True)
class AuthorsRefusal:
    """Why the files can't be imported, kept in the cache without the exception's frames and bytes."""

    message: str
    faults: tuple[tuple[str, int, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class AuthorsUpload:
    """The chosen files by kind, and the sha256 of all their names and bytes."""

    files: dict[Kind, UploadedFile]
    sha256: str

    @property
    def is_complete(self) -> bool:
        """Whether the two files are there that an import needs."""
        return OTHER_KIND.keys() <= self.files.keys()


def draw() -> None:
    """Draw the uploaders, and what their files would bring, or why they can't be imported."""
    upload = choose_files()
    if upload.files:
        st.session_state.pop(IMPORTED_EXAM, None)
    if not upload.is_complete:
        if (imported_exam := st.session_state.get(IMPORTED_EXAM)) is not None:
            _link_to_exam("Imported", *imported_exam)
        st.caption(describe_missing(upload))
        show_command(upload)
        return
    parsed = read_files(upload)
    if isinstance(parsed, AuthorsRefusal):
        draw_refusal(parsed, upload)
    elif (exam := find_imported_exam(parsed)) is not None:
        _lead_to_exam(upload, *exam)
    else:
        _offer(parsed, upload)


def _offer(parsed: Parsed, upload: AuthorsUpload) -> None:
    """The preview, with the button above it."""
    parsed, is_pressed = choose_names(parsed, upload)
    if is_pressed:
        imported = import_files(parsed)
        exam = find_imported_exam(parsed)
        reset_files(upload)
        st.session_state[IMPORTED_EXAM] = exam
        current.choose_exam(imported.exam)
        st.rerun()
    draw_preview(parsed)
    show_command(upload, parsed)


def _link_to_exam(message: str, uid: str, name: str) -> None:
    """Say that the exam is in the project, and lead to it."""
    st.success(f"{message}: {text.label(name, 200)}", icon=":material/check:")
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(key="primary_link", width="content"):
            current.link("pages/loop/overview.py", "See the overview", icon=":material/sync:", exam=uid)
        current.link("pages/review/triage.py", "Begin to judge", icon=":material/rate_review:", exam=uid)


def _lead_to_exam(upload: AuthorsUpload, uid: str, name: str) -> None:
    """This content is in the project: open its exam, once, and lead on."""
    if st.session_state.get("imported_seen") != uid:
        st.session_state["imported_seen"] = uid
        current.choose_exam(uid)
        st.rerun()
    _link_to_exam("This content is imported already, and nothing was written", uid, name)
    st.button("Choose other files", type="tertiary", icon=":material/close:", on_click=reset_files, args=(upload,))


def choose_files() -> AuthorsUpload:
    """Draw the three uploaders, under each what its file holds. Another `upload_turn` empties them."""
    uploader = st.session_state.get("upload_turn", 0)
    files, columns = {}, st.columns(3)
    for column, (kind, label, example) in zip(columns, KINDS, strict=True):
        file = column.file_uploader(
            label,
            type="json",
            key=f"{kind}_{uploader}",
            help=f"In the authors' repository: {example}",
            max_upload_size=MEGABYTES,
        )
        if file is not None:
            files[kind] = file
    roles = {
        kind: OTHER_KIND.get(kind, kind) if st.session_state.get(SWAPPED_UPLOADER) == uploader else kind
        for kind in files
    }
    for column, (kind, _, _) in zip(columns, KINDS, strict=True):
        if kind in files:
            column.html(_chip(files[kind], kind, roles[kind]))
    files = {roles[kind]: file for kind, file in files.items()}
    digest = hashlib.sha256()
    for kind, file in files.items():
        digest.update(f"{kind}\n{file.name}\n{len(file.getbuffer())}\n".encode())
        digest.update(file.getbuffer())
    return AuthorsUpload(files, digest.hexdigest())


OTHER_KIND = {Kind.FEEDBACK: Kind.RATIONALES, Kind.RATIONALES: Kind.FEEDBACK}


def _chip(file: UploadedFile, kind: Kind, role: Kind) -> str:
    """HTML: what a file holds, what it is taken as, and its whole name, which the uploader cuts."""
    content = _look_at(file.file_id, file)
    name = f'<div class="mapd-note mapd-file">{text.escape(text.one_line(file.name, 300))}</div>'
    if content is None:
        return f"{look.chip('fails', word='can’t be read')}{name}"
    kinds, number = content
    sign, verdict = (
        ("fails", f", not {role}") if role not in kinds else ("holds", ", taken as such" * (kind is not role))
    )
    return f"{look.chip(sign, word=f'{authors.in_words(kinds)}{verdict}', note=f'{number:,} rows')}{name}"


@st.cache_data(max_entries=12, show_spinner=False)
def _look_at(file_id: str, _file: UploadedFile) -> tuple[frozenset[Kind], int] | None:  # noqa: ARG001 - the key
    try:
        return authors.look_at(File(_file.name, _file.getvalue()))
    except BadInput:
        return None  # `read` says why


def reset_files(upload: AuthorsUpload) -> None:
    """Empty the uploaders from the next run on, and give back what they held."""
    uploads.give_back(upload.files.values())
    _read.clear(upload.sha256, upload)
    st.session_state["upload_turn"] = st.session_state.get("upload_turn", 0) + 1


def describe_missing(upload: AuthorsUpload) -> str:
    """What has to be chosen before anything can be read."""
    missing = [f"the {kind} file ({example})" for kind, _, example in KINDS[:2] if kind not in upload.files]
    return f"Choose {' and '.join(missing)}: JSON, one list of rows a file. Nothing is written before a preview."


def read_files(upload: AuthorsUpload) -> Parsed | AuthorsRefusal:
    """The files read and checked, once for each content."""
    return _read(upload.sha256, upload)


@st.cache_resource(max_entries=2, ttl=CACHE_TTL, show_spinner="Reading the files …")
def _read(sha256: str, _upload: AuthorsUpload) -> Parsed | AuthorsRefusal:  # noqa: ARG001 - the key; a name with _ would be none
    files = {kind: File(file.name, file.getvalue()) for kind, file in _upload.files.items()}
    try:
        return authors.parse(files[Kind.FEEDBACK], files[Kind.RATIONALES], files.get(Kind.MISTAKES))
    except BadRows as error:
        return AuthorsRefusal(str(error), tuple(error.faults))
    except BadInput as error:
        return AuthorsRefusal(str(error))


def draw_refusal(refusal: AuthorsRefusal, upload: AuthorsUpload) -> None:
    """Say why: one line, or a table of every bad row that can be taken away as CSV. What was swapped can be changed."""
    if not refusal.faults:
        text.complain(refusal.message)
        if authors.are_swapped(*(_kinds(upload, kind) for kind in OTHER_KIND)):
            st.button("Take them the other way round", icon=":material/swap_horiz:", key="swap_files", on_click=_swap)
        return
    rows = len({fault[:2] for fault in refusal.faults})
    text.complain(
        f"{rows:,} bad {'row' if rows == 1 else 'rows'}: nothing was imported; mend what is listed and choose again"
    )
    lines = faults.draw_faults(refusal.faults)
    st.download_button(
        "Download as CSV",
        bad_rows_csv(faults.HEADER, lines),
        "bad-rows.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def _kinds(upload: AuthorsUpload, kind: Kind) -> frozenset[Kind]:
    """What the file holds that is taken as this one."""
    file = upload.files[kind]
    content = _look_at(file.file_id, file)
    return frozenset() if content is None else content[0]


def _swap() -> None:
    uploader = st.session_state.get("upload_turn", 0)
    st.session_state[SWAPPED_UPLOADER] = None if st.session_state.get(SWAPPED_UPLOADER) == uploader else uploader


def bad_rows_csv(header: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    """The table for a spreadsheet; a cell that one would run as a formula gets a leading apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows([f"'{cell}" if cell.startswith(("=", "+", "-", "@")) else cell for cell in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def choose_names(parsed: Parsed, upload: AuthorsUpload) -> tuple[Parsed, bool]:
    """The import under the names the person gives, prefilled from the files' names; and whether to import it now."""
    dataset_column, student_column, button_column = st.columns((2, 3, 3), vertical_alignment="bottom")
    key = upload.sha256[:12]
    dataset = dataset_column.text_input("Dataset", parsed.dataset, max_chars=authors.LONGEST_NAME, key=f"dataset_{key}")
    student = student_column.text_input("Student", parsed.student, max_chars=authors.LONGEST_NAME, key=f"student_{key}")
    with button_column.container(horizontal=True, vertical_alignment="center"):
        is_pressed = acting.button("Import", type="primary", icon=":material/upload:", key=f"import_{key}")
        st.caption("All of it or nothing.")
    renamed = replace(
        parsed, dataset=(dataset or "").strip() or parsed.dataset, student=(student or "").strip() or parsed.student
    )
    return renamed, is_pressed


def draw_preview(parsed: Parsed) -> None:
    """What the import would write."""
    rationales = [r for row in parsed.rows for r in row.rationales.values()]
    feedback = sum(len(row.feedback) for row in parsed.rows)
    st.html(
        figures.row(
            [
                (parsed.task.value, "task"),
                (len(parsed.rows), "mistakes"),
                (len(parsed.teachers), "teachers"),
                (feedback, "feedback"),
                (len(rationales), "rationales"),
                (sum(len(scores) for _, scores in rationales), "reviews"),
                (parsed.no_vote, "scores without a vote"),
                (len(parsed.skipped), "skipped"),
                (parsed.paper_differs, "decided otherwise than the file"),
            ]
        )
    )
    st.html(_teacher_chips(parsed))
    _draw_particulars(parsed)
    st.subheader(f"The first {min(PREVIEW_SIZE, len(parsed.rows))} of {len(parsed.rows):,} mistakes")
    for column, row in zip(st.columns(PREVIEW_SIZE), parsed.rows, strict=False):
        with column.container(border=True, height="stretch"):
            st.html(_mistake_card(row, parsed.task))


def _teacher_chips(parsed: Parsed) -> str:
    """HTML: the files' teachers in the colours that they will have: who is new comes behind those that are there."""
    with db.reading(current.engine()) as session:
        places = queries.places(session)
    number = sum(place is not None for place in places.values())
    new = {name: number + n for n, name in enumerate(name for name in parsed.teachers if name not in places)}
    return "".join(look.teacher_chip(name, (new | places)[name]) for name in parsed.teachers)


def _draw_particulars(parsed: Parsed) -> None:
    """The scores that are no vote, and what the files lack; nothing where there is nothing to tell."""
    no_votes = [*_no_votes(parsed.rows)]
    if no_votes:
        with st.expander(f"{len(no_votes)} scores outside 1-5: kept as they are, counted as no vote"):
            st.dataframe(no_votes, hide_index=True, width="content")
    if parsed.skipped:
        with st.expander(f"{len(parsed.skipped):,} skipped: what the files lack"):
            st.dataframe({"skipped": [text.one_line(line, 200) for line in parsed.skipped]}, hide_index=True)


def _no_votes(rows: Sequence[Row]) -> Iterator[dict[str, str]]:
    for row in rows:
        for teacher, (_, scores) in row.rationales.items():
            for reviewer, score in scores:
                if vote(score).status is not VoteStatus.OK:
                    names = {"id": row.source_id, "rationale by": teacher, "reviewer": reviewer, "score": str(score)}
                    yield {key: text.one_line(value, 40) for key, value in names.items()}


def _mistake_card(row: Row, task: Task) -> str:
    """One mistake as a card: question, gold, the student's answer, and how many teachers speak of it."""
    gold, answer = show_answer(row.gold, task, row.options), look.chip("no_answer")
    if row.answer is not None:
        answer = look.chip("incorrect", text.one_line(show_answer(row.answer, task, row.options), 24))
    return (
        figures.titled_block(
            f"Question {text.one_line(row.source_id, 24)}", text.foreign_html(row.question, max_chars=500)
        )
        + figures.titled_block("Gold answer", text.foreign_line_html(gold))
        + figures.titled_block("Student answered", answer + text.foreign_html(row.response, max_chars=300))
        + figures.titled_block("Explanations", f"{len(row.feedback)} feedback, {len(row.rationales)} rationales")
    )


def find_imported_exam(parsed: Parsed) -> tuple[str, str] | None:
    """The uid and name of the exam that holds this content already.

    Raises: BadInput where the exam of that name holds another.
    """
    with db.reading(current.engine()) as session:
        exam = authors.exam_of(session, parsed)
        return None if exam is None else (exam.uid, exam.name)


def import_files(parsed: Parsed) -> authors.Imported:
    """Import with a progress bar: all of it or nothing."""
    person = current.acting_person()
    return writing.write_all(
        lambda session, progress: authors.store(session, parsed, by=person, progress=progress), "mistakes"
    )


def show_command(upload: AuthorsUpload, parsed: Parsed | None = None) -> None:
    """Show the same import as a command."""
    names = {kind.value: file.name for kind, file in upload.files.items()}
    terminal.show_command(command(names, parsed))


def command(names: dict[str, str], parsed: Parsed | None = None) -> str:
    """`mapd import authors …` of these files; a placeholder where one is still to be chosen."""
    options = {"feedback": "FEEDBACK.json", "rationales": "RATIONALES.json"} | names
    if parsed is not None:
        options |= {"dataset": parsed.dataset, "student": parsed.student}
    words = (f"--{name} {shlex.quote(text.one_line(value, 200))}" for name, value in options.items())
    return " ".join(("mapd import authors", *words))
