"""The authors' files by upload: choose, preview, import. Nothing is written before the button.

The database knows the content's sha256, so a reload, a second click or a second tab imports nothing twice.
"""

import hashlib
import io
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from mapd.answers.grading import Task
from mapd.errors import BadInput
from mapd.exchange import authors, spreadsheets
from mapd.exchange.authors import AuthorsContent, AuthorsFile, AuthorsRow, FileKind
from mapd.questions.options import show_answer
from mapd.score_forms import VoteStatus, vote
from mapd.store import exam_material
from mapd.ui.data import forms
from mapd.ui.data.forms import UploadRefusal
from mapd.ui.kit import actions, context, tables, text, theme

KINDS = (
    (FileKind.FEEDBACK, "Feedback", "…_feedback_round0.json"),
    (FileKind.RATIONALES, "Rationales and reviews", "…_rationale_round0.json"),
    (FileKind.MISTAKES, "Mistakes (optional)", "…_false_round0.json"),
)
# Session state: the number of the uploaders whose first two files change roles.
SWAPPED_UPLOADER = "upload_swapped"
# Session state: uid and name of the exam that was just imported.
IMPORTED_EXAM = "imported_now"
# So many mistakes are shown.
PREVIEW_SIZE = 3
# The largest file: that of the authors has 2.
MEGABYTES = 50
# Session state: a number in the uploaders' keys; another one empties them.
UPLOADER = "upload_turn"


@dataclass(frozen=True, slots=True)
class AuthorsUpload:
    """The chosen files by kind, and the sha256 of their names and bytes."""

    files: dict[FileKind, UploadedFile]
    sha256: str


def draw() -> None:
    """Draw the uploaders, and what their files would bring or why they can't be imported."""
    upload = choose_files()
    if upload.files:
        st.session_state.pop(IMPORTED_EXAM, None)
    # An import needs both of these files.
    if not OTHER_KIND.keys() <= upload.files.keys():
        if (imported_exam := st.session_state.get(IMPORTED_EXAM)) is not None:
            _link_to_exam("Imported", *imported_exam)
        missing = [f"the {kind} file ({example})" for kind, _, example in KINDS[:2] if kind not in upload.files]
        st.caption(
            f"Choose {' and '.join(missing)}: JSON, one list of rows a file. Nothing is written before a preview."
        )
        show_command(upload)
        return
    # Once for the same content.
    parsed = _read(upload.sha256, upload)
    if isinstance(parsed, UploadRefusal):
        draw_refusal(parsed, upload)
    elif (exam := find_imported_exam(parsed)) is not None:
        _lead_to_exam(upload, *exam)
    else:
        _offer(parsed, upload)


def _offer(parsed: AuthorsContent, upload: AuthorsUpload) -> None:
    parsed, is_pressed = choose_names(parsed, upload)
    if is_pressed:
        person = context.acting_person()
        result = forms.write_all(
            lambda session, progress: authors.store(session, parsed, by=person, progress=progress), "mistakes"
        )
        exam = find_imported_exam(parsed)
        reset_files(upload)
        st.session_state[IMPORTED_EXAM] = exam
        context.choose_exam(result.exam)
        st.rerun()
    draw_preview(parsed)
    show_command(upload, parsed)


def _link_to_exam(message: str, uid: str, name: str) -> None:
    st.success(f"{message}: {text.label(name, 200)}", icon=":material/check:")
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(key="primary_link", width="content"):
            context.link("pages/loop/overview.py", "See the overview", icon=":material/sync:", exam=uid)
        context.link("pages/review/triage.py", "Start judging", icon=":material/rate_review:", exam=uid)


def _lead_to_exam(upload: AuthorsUpload, uid: str, name: str) -> None:
    """Say that this content is imported already; make its exam the current one, once."""
    # Once: afterwards the person may choose another exam while the files stay.
    if st.session_state.get("imported_seen") != uid:
        st.session_state["imported_seen"] = uid
        context.choose_exam(uid)
        st.rerun()
    _link_to_exam("This content is imported already, and nothing was written", uid, name)
    st.button("Choose other files", type="tertiary", icon=":material/close:", on_click=reset_files, args=(upload,))


def choose_files() -> AuthorsUpload:
    """Draw the three uploaders, each with what its file holds. Another number in their keys empties them."""
    uploader = st.session_state.get(UPLOADER, 0)
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
        # The length keeps two different pairs of files from having the same bytes in a row.
        digest.update(f"{kind}\n{file.name}\n{len(file.getbuffer())}\n".encode())
        digest.update(file.getbuffer())
    return AuthorsUpload(files, digest.hexdigest())


OTHER_KIND = {FileKind.FEEDBACK: FileKind.RATIONALES, FileKind.RATIONALES: FileKind.FEEDBACK}


def _chip(file: UploadedFile, kind: FileKind, role: FileKind) -> str:
    """Return as HTML what a file holds, its role, and its whole name, which the uploader cuts."""
    content = _look_at(file.file_id, file)
    name = f'<div class="mapd-note mapd-file">{text.line_html(file.name, 300)}</div>'
    if content is None:
        return f"{theme.chip('fails', word='can’t be read')}{name}"
    kinds, number = content
    sign, verdict = (
        ("fails", f", not {role}") if role not in kinds else ("holds", ", used as that" * (kind is not role))
    )
    return f"{theme.chip(sign, word=f'{authors.describe_kinds(kinds)}{verdict}', note=f'{number:,} rows')}{name}"


@st.cache_data(max_entries=12, show_spinner=False)
def _look_at(file_id: str, _file: UploadedFile) -> tuple[frozenset[FileKind], int] | None:  # noqa: ARG001 - the key
    try:
        return authors.inspect_file(AuthorsFile(_file.name, _file.getvalue()))
    except BadInput:
        # `_read` says why.
        return None


def reset_files(upload: AuthorsUpload) -> None:
    """Empty the uploaders from the next run on, and free their memory."""
    forms.empty_uploader(UPLOADER, upload.files.values())
    _read.clear(upload.sha256, upload)


@st.cache_resource(max_entries=2, ttl=forms.CACHE_TTL, show_spinner="Reading the files …")
def _read(sha256: str, _upload: AuthorsUpload) -> AuthorsContent | UploadRefusal:  # noqa: ARG001 - the key; a name with _ would be none
    files = {kind: AuthorsFile(file.name, file.getvalue()) for kind, file in _upload.files.items()}
    feedback, rationales, mistakes = files[FileKind.FEEDBACK], files[FileKind.RATIONALES], files.get(FileKind.MISTAKES)
    return forms.read_or_refuse(lambda: authors.parse(feedback, rationales, mistakes))


def draw_refusal(refusal: UploadRefusal, upload: AuthorsUpload) -> None:
    """Say why: one line, or a table of every bad row with a CSV to download. Swapped files can change roles."""
    if not refusal.faults:
        text.complain(refusal.message)
        if authors.are_swapped(*(_kinds(upload, kind) for kind in OTHER_KIND)):
            st.button("Take them the other way round", icon=":material/swap_horiz:", key="swap_files", on_click=_swap)
        return
    rows = len({fault[:2] for fault in refusal.faults})
    text.complain(
        f"{rows:,} bad {'row' if rows == 1 else 'rows'}: nothing was imported; mend what is listed and choose again"
    )
    lines = forms.draw_faults(refusal.faults)
    st.download_button(
        "Download as CSV",
        bad_rows_csv(lines),
        "bad-rows.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def _kinds(upload: AuthorsUpload, kind: FileKind) -> frozenset[FileKind]:
    """Return the kinds of rows in the file that has this role."""
    file = upload.files[kind]
    content = _look_at(file.file_id, file)
    return frozenset() if content is None else content[0]


def _swap() -> None:
    uploader = st.session_state.get(UPLOADER, 0)
    st.session_state[SWAPPED_UPLOADER] = None if st.session_state.get(SWAPPED_UPLOADER) == uploader else uploader


def bad_rows_csv(rows: Sequence[Sequence[str]]) -> bytes:
    """Return the table as CSV. A cell that a spreadsheet would run as a formula gets a leading apostrophe."""
    out = io.StringIO()
    table = spreadsheets.CsvTable(out, forms.HEADER)
    for row in rows:
        table.write(dict(zip(forms.HEADER, row, strict=True)))
    return out.getvalue().encode(spreadsheets.ENCODING)


def choose_names(parsed: AuthorsContent, upload: AuthorsUpload) -> tuple[AuthorsContent, bool]:
    """Draw the fields for dataset and student, prefilled from the files; return the import, and whether to run it."""
    dataset_column, student_column, button_column = st.columns((2, 3, 3), vertical_alignment="bottom")
    key = upload.sha256[:12]
    dataset = dataset_column.text_input("Dataset", parsed.dataset, max_chars=authors.LONGEST_NAME, key=f"dataset_{key}")
    student = student_column.text_input("Student", parsed.student, max_chars=authors.LONGEST_NAME, key=f"student_{key}")
    with button_column.container(horizontal=True, vertical_alignment="center"):
        is_pressed = actions.button("Import", type="primary", icon=":material/upload:", key=f"import_{key}")
        st.caption("All of it or nothing.")
    import_ = replace(
        parsed, dataset=(dataset or "").strip() or parsed.dataset, student=(student or "").strip() or parsed.student
    )
    return import_, is_pressed


def draw_preview(parsed: AuthorsContent) -> None:
    """Draw what the import would write."""
    rationales = [r for row in parsed.rows for r in row.rationales.values()]
    feedback = sum(len(row.feedback) for row in parsed.rows)
    tables.draw_row(
        (parsed.task.value, "task"),
        (len(parsed.rows), "mistakes"),
        (len(parsed.teachers), "teachers"),
        (feedback, "feedback"),
        (len(rationales), "rationales"),
        (sum(len(scores) for _, scores in rationales), "reviews"),
        (parsed.no_vote, "scores without a vote"),
        (len(parsed.skipped), "skipped"),
        (parsed.paper_differs, "verdicts that differ from the file's"),
    )
    st.html(_teacher_chips(parsed))
    _draw_particulars(parsed)
    st.subheader(f"The first {min(PREVIEW_SIZE, len(parsed.rows))} of {len(parsed.rows):,} mistakes")
    for column, row in zip(st.columns(PREVIEW_SIZE), parsed.rows, strict=False):
        with column.container(border=True, height="stretch"):
            st.html(_mistake_card(row, parsed.task))


def _teacher_chips(parsed: AuthorsContent) -> str:
    """Return the files' teachers as HTML in their future colours: new teachers come after the project's own."""
    places = context.read(exam_material.places)
    number = sum(place is not None for place in places.values())
    new = {name: number + n for n, name in enumerate(name for name in parsed.teachers if name not in places)}
    return "".join(theme.teacher_chip(name, (new | places)[name]) for name in parsed.teachers)


def _draw_particulars(parsed: AuthorsContent) -> None:
    no_votes = [*_no_votes(parsed.rows)]
    if no_votes:
        with st.expander(f"{len(no_votes)} scores outside 1-5: kept as they are, counted as no vote"):
            st.dataframe(no_votes, hide_index=True, width="content")
    if parsed.skipped:
        with st.expander(f"{len(parsed.skipped):,} skipped: parts are missing in the files"):
            st.dataframe({"skipped": [text.one_line(line, 200) for line in parsed.skipped]}, hide_index=True)


def _no_votes(rows: Sequence[AuthorsRow]) -> Iterator[dict[str, str]]:
    for row in rows:
        for teacher, (_, scores) in row.rationales.items():
            for reviewer, score in scores:
                if vote(score).status is not VoteStatus.OK:
                    names = {"id": row.source_id, "rationale by": teacher, "reviewer": reviewer, "score": str(score)}
                    yield {key: text.one_line(value, 40) for key, value in names.items()}


def _mistake_card(row: AuthorsRow, task: Task) -> str:
    """Return one mistake as HTML: question, gold, the student's answer, and the number of explanations."""
    gold, answer = show_answer(row.gold, task, row.options), theme.chip("no_answer")
    if row.answer is not None:
        answer = theme.chip("incorrect", text.one_line(show_answer(row.answer, task, row.options), 24))
    return (
        tables.titled_block(
            f"Question {text.one_line(row.source_id, 24)}", text.foreign_html(row.question, max_chars=500)
        )
        + tables.titled_block("Gold answer", text.foreign_line_html(gold))
        + tables.titled_block("Student answered", answer + text.foreign_html(row.response, max_chars=300))
        + tables.titled_block("Explanations", f"{len(row.feedback)} feedback, {len(row.rationales)} rationales")
    )


def find_imported_exam(parsed: AuthorsContent) -> tuple[str, str] | None:
    """Return the uid and name of the exam that already holds this content.

    Raises: BadInput where the exam of that name holds other content.
    """
    exam = context.read(authors.exam_of, parsed)
    return None if exam is None else (exam.uid, exam.name)


def show_command(upload: AuthorsUpload, parsed: AuthorsContent | None = None) -> None:
    """Show the same import as a command, with placeholders for missing files."""
    options = {"feedback": "FEEDBACK.json", "rationales": "RATIONALES.json"}
    options |= {kind.value: file.name for kind, file in upload.files.items()}
    if parsed is not None:
        options |= {"dataset": parsed.dataset, "student": parsed.student}
    words = (f"--{name} {shlex.quote(text.one_line(value, 200))}" for name, value in options.items())
    forms.show_command(" ".join(("mapd import authors", *words)))
