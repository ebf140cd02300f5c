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
from mapd.exchange.authors import AuthorsContent, AuthorsFile, AuthorsRow, FileKind
from mapd.questions.options import show_answer
from mapd.score_forms import VoteStatus, vote
from mapd.store import db, queries
from mapd.ui import acting, current, figures, look, text, uploads
from mapd.ui.data import faults, terminal, writing

KINDS = (
    (FileKind.FEEDBACK, "Feedback", "…_feedback_round0.json"),
    (FileKind.RATIONALES, "Rationales and reviews", "…_rationale_round0.json"),
    (FileKind.MISTAKES, "Mistakes (optional)", "…_false_round0.json"),
)
SWAP = "upload_swapped"  # session state: the turn of the uploaders whose first two files are taken the other way round
NOW = "imported_now"  # session state: uid and name of the exam that was imported just now
FIRST = 3  # mistakes shown in the preview
MEGABYTES = 50  # of a file; the authors' largest has 2
KEPT = "15m"  # how long what was read of files is kept, for whoever only looks at it


@dataclass(frozen=True, slots=True)
class Refused:
    """Why the files can't be imported, kept in the cache without the exception's frames and bytes."""

    message: str
    faults: tuple[tuple[str, int, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Upload:
    """The chosen files by kind, and the sha256 of all their names and bytes."""

    files: dict[FileKind, UploadedFile]
    sha256: str

    @property
    def enough(self) -> bool:
        """Whether the two files are there that an import needs."""
        return OTHER_WAY.keys() <= self.files.keys()


def draw() -> None:
    """Draw the uploaders, and what their files would bring, or why they can't be imported."""
    upload = choose()
    if upload.files:
        st.session_state.pop(NOW, None)
    if not upload.enough:
        if (now := st.session_state.get(NOW)) is not None:
            _lead_on("Imported", *now)
        st.caption(still_needed(upload))
        in_a_terminal(upload)
        return
    parsed = read(upload)
    if isinstance(parsed, Refused):
        refuse(parsed, upload)
    elif (exam := imported_as(parsed)) is not None:
        _imported(upload, *exam)
    else:
        _offer(parsed, upload)


def _offer(parsed: AuthorsContent, upload: Upload) -> None:
    """The preview, with the button above it."""
    named, go = with_names(parsed, upload)
    if go:
        done = run(named)
        exam = imported_as(named)
        choose_others(upload)
        st.session_state[NOW] = exam
        current.choose_exam(done.exam)
        st.rerun()
    preview(named)
    in_a_terminal(upload, named)


def _lead_on(message: str, uid: str, name: str) -> None:
    """Say that the exam is in the project, and lead to it."""
    st.success(f"{message}: {text.label(name, 200)}", icon=":material/check:")
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(key="primary_link", width="content"):
            current.link("pages/loop/overview.py", "See the overview", icon=":material/sync:", exam=uid)
        current.link("pages/review/triage.py", "Begin to judge", icon=":material/rate_review:", exam=uid)


def _imported(upload: Upload, uid: str, name: str) -> None:
    """This content is in the project: open its exam, once, and lead on."""
    if st.session_state.get("imported_seen") != uid:
        st.session_state["imported_seen"] = uid
        current.choose_exam(uid)
        st.rerun()
    _lead_on("This content is imported already, and nothing was written", uid, name)
    st.button(
        "Choose other files",
        type="tertiary",
        icon=":material/close:",
        on_click=choose_others,
        args=(upload,),
    )


def choose() -> Upload:
    """Draw the three uploaders, under each what its file holds. Another `upload_turn` empties them."""
    turn = st.session_state.get("upload_turn", 0)
    files, columns = {}, st.columns(3)
    for column, (kind, label, example) in zip(columns, KINDS, strict=True):
        file = column.file_uploader(
            label,
            type="json",
            key=f"{kind}_{turn}",
            help=f"In the authors' repository: {example}",
            max_upload_size=MEGABYTES,
        )
        if file is not None:
            files[kind] = file
    roles = {kind: OTHER_WAY.get(kind, kind) if st.session_state.get(SWAP) == turn else kind for kind in files}
    for column, (kind, _, _) in zip(columns, KINDS, strict=True):
        if kind in files:
            column.html(_chip(files[kind], kind, roles[kind]))
    files = {roles[kind]: file for kind, file in files.items()}
    digest = hashlib.sha256()
    for kind, file in files.items():
        digest.update(f"{kind}\n{file.name}\n{len(file.getbuffer())}\n".encode())
        digest.update(file.getbuffer())
    return Upload(files, digest.hexdigest())


OTHER_WAY = {FileKind.FEEDBACK: FileKind.RATIONALES, FileKind.RATIONALES: FileKind.FEEDBACK}


def _chip(file: UploadedFile, kind: FileKind, role: FileKind) -> str:
    """HTML: what a file holds, what it is taken as, and its whole name, which the uploader cuts."""
    content = _look_at(file.file_id, file)
    name = f'<div class="mapd-note mapd-file">{text.escape(text.one_line(file.name, 300))}</div>'
    if content is None:
        return f"{look.chip('fails', word='can’t be read')}{name}"
    kinds, number = content
    sign, verdict = (
        ("fails", f", not {role}") if role not in kinds else ("holds", ", taken as such" * (kind is not role))
    )
    return f"{look.chip(sign, word=f'{authors.describe_kinds(kinds)}{verdict}', note=f'{number:,} rows')}{name}"


@st.cache_data(max_entries=12, show_spinner=False)
def _look_at(file_id: str, _file: UploadedFile) -> tuple[frozenset[FileKind], int] | None:  # noqa: ARG001 - the key
    try:
        return authors.inspect_file(AuthorsFile(_file.name, _file.getvalue()))
    except BadInput:
        return None  # `read` says why


def choose_others(upload: Upload) -> None:
    """Empty the uploaders from the next run on, and give back what they held."""
    uploads.give_back(upload.files.values())
    _read.clear(upload.sha256, upload)
    st.session_state["upload_turn"] = st.session_state.get("upload_turn", 0) + 1


def still_needed(upload: Upload) -> str:
    """What has to be chosen before anything can be read."""
    missing = [f"the {kind} file ({example})" for kind, _, example in KINDS[:2] if kind not in upload.files]
    return f"Choose {' and '.join(missing)}: JSON, one list of rows a file. Nothing is written before a preview."


def read(upload: Upload) -> AuthorsContent | Refused:
    """The files read and checked, once for each content."""
    return _read(upload.sha256, upload)


@st.cache_resource(max_entries=2, ttl=KEPT, show_spinner="Reading the files …")
def _read(sha256: str, _upload: Upload) -> AuthorsContent | Refused:  # noqa: ARG001 - the key; a name with _ would be none
    files = {kind: AuthorsFile(file.name, file.getvalue()) for kind, file in _upload.files.items()}
    try:
        return authors.parse(files[FileKind.FEEDBACK], files[FileKind.RATIONALES], files.get(FileKind.MISTAKES))
    except BadRows as error:
        return Refused(str(error), tuple(error.faults))
    except BadInput as error:
        return Refused(str(error))


def refuse(refused: Refused, upload: Upload) -> None:
    """Say why: one line, or a table of every bad row that can be taken away as CSV. What was swapped can be changed."""
    if not refused.faults:
        text.complain(refused.message)
        if authors.are_swapped(*(_kinds(upload, kind) for kind in OTHER_WAY)):
            st.button("Take them the other way round", icon=":material/swap_horiz:", key="swap_files", on_click=_swap)
        return
    rows = len({fault[:2] for fault in refused.faults})
    text.complain(
        f"{rows:,} bad {'row' if rows == 1 else 'rows'}: nothing was imported; mend what is listed and choose again"
    )
    lines = faults.show(refused.faults)
    st.download_button(
        "Download as CSV",
        bad_rows_csv(faults.NAMES, lines),
        "bad-rows.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def _kinds(upload: Upload, kind: FileKind) -> frozenset[FileKind]:
    """What the file holds that is taken as this one."""
    file = upload.files[kind]
    content = _look_at(file.file_id, file)
    return frozenset() if content is None else content[0]


def _swap() -> None:
    turn = st.session_state.get("upload_turn", 0)
    st.session_state[SWAP] = None if st.session_state.get(SWAP) == turn else turn


def bad_rows_csv(header: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    """The table for a spreadsheet; a cell that one would run as a formula gets a leading apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows([f"'{cell}" if cell.startswith(("=", "+", "-", "@")) else cell for cell in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def with_names(parsed: AuthorsContent, upload: Upload) -> tuple[AuthorsContent, bool]:
    """The import under the names the person gives, prefilled from the files' names; and whether to import it now."""
    left, middle, right = st.columns((2, 3, 3), vertical_alignment="bottom")
    key = upload.sha256[:12]
    dataset = left.text_input("Dataset", parsed.dataset, max_chars=authors.LONGEST_NAME, key=f"dataset_{key}")
    student = middle.text_input("Student", parsed.student, max_chars=authors.LONGEST_NAME, key=f"student_{key}")
    with right.container(horizontal=True, vertical_alignment="center"):
        go = acting.button("Import", type="primary", icon=":material/upload:", key=f"import_{key}")
        st.caption("All of it or nothing.")
    named = replace(
        parsed,
        dataset=(dataset or "").strip() or parsed.dataset,
        student=(student or "").strip() or parsed.student,
    )
    return named, go


def preview(parsed: AuthorsContent) -> None:
    """What the import would write."""
    given = [r for row in parsed.rows for r in row.rationales.values()]
    feedback = sum(len(row.feedback) for row in parsed.rows)
    st.html(
        figures.row(
            [
                (parsed.task.value, "task"),
                (len(parsed.rows), "mistakes"),
                (len(parsed.teachers), "teachers"),
                (feedback, "feedback"),
                (len(given), "rationales"),
                (sum(len(scores) for _, scores in given), "reviews"),
                (parsed.no_vote, "scores without a vote"),
                (len(parsed.skipped), "skipped"),
                (parsed.paper_differs, "decided otherwise than the file"),
            ]
        )
    )
    st.html(_teachers(parsed))
    _particulars(parsed)
    st.subheader(f"The first {min(FIRST, len(parsed.rows))} of {len(parsed.rows):,} mistakes")
    for column, row in zip(st.columns(FIRST), parsed.rows, strict=False):
        with column.container(border=True, height="stretch"):
            st.html(_mistake(row, parsed.task))


def _teachers(parsed: AuthorsContent) -> str:
    """HTML: the files' teachers in the colours that they will have: who is new comes behind those that are there."""
    with db.reading(current.engine()) as session:
        places = queries.places(session)
    number = sum(place is not None for place in places.values())
    new = {name: number + n for n, name in enumerate(name for name in parsed.teachers if name not in places)}
    return "".join(look.teacher_chip(name, (new | places)[name]) for name in parsed.teachers)


def _particulars(parsed: AuthorsContent) -> None:
    """The scores that are no vote, and what the files lack; nothing where there is nothing to tell."""
    no_votes = [*_no_votes(parsed.rows)]
    if no_votes:
        with st.expander(f"{len(no_votes)} scores outside 1-5: kept as they are, counted as no vote"):
            st.dataframe(no_votes, hide_index=True, width="content")
    if parsed.skipped:
        with st.expander(f"{len(parsed.skipped):,} skipped: what the files lack"):
            st.dataframe({"skipped": [text.one_line(line, 200) for line in parsed.skipped]}, hide_index=True)


def _no_votes(rows: Sequence[AuthorsRow]) -> Iterator[dict[str, str]]:
    for row in rows:
        for teacher, (_, given) in row.rationales.items():
            for reviewer, score in given:
                if vote(score).status is not VoteStatus.OK:
                    names = {"id": row.source_id, "rationale by": teacher, "reviewer": reviewer, "score": str(score)}
                    yield {key: text.one_line(value, 40) for key, value in names.items()}


def _mistake(row: AuthorsRow, task: Task) -> str:
    """One mistake as a card: question, gold, the student's answer, and how many teachers speak of it."""
    gold, answer = show_answer(row.gold, task, row.options), look.chip("no_answer")
    if row.answer is not None:
        answer = look.chip("incorrect", text.one_line(show_answer(row.answer, task, row.options), 24))
    return (
        figures.titled(f"Question {text.one_line(row.source_id, 24)}", text.foreign_html(row.question, max_chars=500))
        + figures.titled("Gold answer", text.foreign_line_html(gold))
        + figures.titled("Student answered", answer + text.foreign_html(row.response, max_chars=300))
        + figures.titled("Explanations", f"{len(row.feedback)} feedback, {len(row.rationales)} rationales")
    )


def imported_as(parsed: AuthorsContent) -> tuple[str, str] | None:
    """The uid and name of the exam that holds this content already.

    Raises: BadInput where the exam of that name holds another.
    """
    with db.reading(current.engine()) as session:
        exam = authors.exam_of(session, parsed)
        return None if exam is None else (exam.uid, exam.name)


def run(parsed: AuthorsContent) -> authors.AuthorsImport:
    """Import with a progress bar: all of it or nothing."""
    person = current.acting_person()
    return writing.run(
        lambda session, progress: authors.store(session, parsed, by=person, progress=progress), "mistakes"
    )


def in_a_terminal(upload: Upload, parsed: AuthorsContent | None = None) -> None:
    """Show the same import as a command."""
    names = {kind.value: file.name for kind, file in upload.files.items()}
    terminal.show_command(command(names, parsed))


def command(names: dict[str, str], parsed: AuthorsContent | None = None) -> str:
    """`mapd import authors …` of these files; a placeholder where one is still to be chosen."""
    options = {"feedback": "FEEDBACK.json", "rationales": "RATIONALES.json"} | names
    if parsed is not None:
        options |= {"dataset": parsed.dataset, "student": parsed.student}
    said = (f"--{name} {shlex.quote(text.one_line(value, 200))}" for name, value in options.items())
    return " ".join(("mapd import authors", *said))
