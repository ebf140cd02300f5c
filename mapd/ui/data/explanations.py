"""Explanations that were written elsewhere, by upload: choose the file, see how it is read, import what can be read.

The functions are those of `mapd import explanations` (exchange/explanation_files.py, exchange/explanations.py).
"""

import hashlib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st
from sqlmodel import Session
from streamlit.runtime.uploaded_file_manager import UploadedFile

from mapd.domain import ExamInfo
from mapd.exchange import explanation_files, explanations
from mapd.exchange.explanations import ExplanationImport, ExplanationPlan, PlannedText
from mapd.questions import tables
from mapd.questions.file_table import FileTable, QuestionFile
from mapd.questions.imports import BadRow
from mapd.store import queries
from mapd.ui.data import forms
from mapd.ui.data.forms import UploadRefusal
from mapd.ui.kit import actions, context, text
from mapd.ui.kit import tables as figures

# The largest file.
MEGABYTES = 200
ENDINGS = ("csv", "tsv", "xlsx", "json", "jsonl", "parquet", "gz")
# So many texts are shown.
PREVIEW_SIZE = 10
# Session state: a number in the uploader's key (another one empties it); what came in; what the file holds.
UPLOADER, MESSAGE, PREVIEW = "explanations_turn", "explanations_told", "explanations_seen"


@dataclass(frozen=True, slots=True)
class ExplanationsPreview:
    """What a file would bring into the exam. `rows`: the first texts, as a table shows them."""

    new: int
    known: int
    reviews: int
    on_correct: int
    authors: Mapping[str, int]
    rows: Sequence[tuple[str | None, ...]]
    bad_rows: Sequence[BadRow]
    refusal: str | None


def draw() -> None:
    """Draw the uploader and, once there is a file, how it is read."""
    exam_id = context.require_exam()
    if exam_id is None:
        return
    exam = context.read(queries.exam, exam_id)
    key = f"explanations_{st.session_state.get(UPLOADER, 0)}"
    file = st.file_uploader(
        f"File of explanations for {text.label(exam.name, 120)}", type=ENDINGS, key=key, max_upload_size=MEGABYTES
    )
    if file is None:
        if (message := st.session_state.get(MESSAGE)) is not None:
            st.success(text.label(message, 300), icon=":material/check:")
            context.link("pages/review/browse.py", "See them", icon=":material/table_rows:", exam=exam.uid)
        st.caption(
            "CSV, Excel or JSON Lines with question (its id, uid or text), teacher, kind (rationale or feedback) and "
            "text; scores of 1 to 5 in a column score_NAME for each reviewer. Nothing is written before a preview."
        )
        forms.show_command(f"mapd import explanations FILE --exam {exam.uid}")
        return
    st.session_state.pop(MESSAGE, None)
    _offer(file, exam)


def _offer(file: UploadedFile, exam: ExamInfo) -> None:
    preview = _read(file, exam)
    command = f"mapd import explanations {shlex.quote(text.one_line(file.name, 120))} --exam {exam.uid}"
    if isinstance(preview, UploadRefusal):
        text.complain(preview.message)
    else:
        _draw_preview(preview)
        _draw_button(file, exam, preview)
        command += " --skip-bad bad-rows.jsonl" * bool(preview.bad_rows)
    forms.show_command(command)


def _read(file: UploadedFile, exam: ExamInfo) -> ExplanationsPreview | UploadRefusal:
    """Return what the file would bring, read once; or why it can't be imported."""
    question = (file.file_id, exam.uid)
    return forms.read_once(PREVIEW, question, "Reading the explanations …", lambda: _preview(file, exam))


def _match(session: Session, table: FileTable, exam: ExamInfo) -> ExplanationPlan:
    return explanations.match(session, explanation_files.parse(session, [table], exam), exam)


def _table(file: UploadedFile) -> FileTable:
    return tables.read(QuestionFile(text.one_line(file.name, 120), file.getvalue()))


def _preview(file: UploadedFile, exam: ExamInfo) -> ExplanationsPreview:
    plan = context.read(_match, _table(file), exam)
    return ExplanationsPreview(
        new=len(plan.new),
        known=len(plan.texts) - len(plan.new),
        reviews=plan.reviews,
        on_correct=plan.on_correct,
        authors=plan.authors,
        rows=[_row(plan, planned) for planned in plan.new[:PREVIEW_SIZE]],
        bad_rows=tuple(plan.bad),
        refusal=forms.find_refusal(plan.refuse_bad),
    )


def _row(plan: ExplanationPlan, planned: PlannedText) -> tuple[str | None, ...]:
    row = planned.row
    scores = ", ".join(f"{name} {score}" for name, score in row.scores.items())
    question = row.question.text if row.question is not None else ""
    return (
        text.one_line(plan.teachers[row.teacher], 30),
        row.kind,
        text.one_line(row.text, 100),
        text.one_line(scores, 60) or None,
        text.one_line(question, 60),
    )


def _draw_preview(preview: ExplanationsPreview) -> None:
    figures.draw_row(
        (preview.new, "new explanations"),
        (preview.reviews, "new scores"),
        (preview.known, "explanations here already"),
        *([(preview.on_correct, "on what is no mistake: not curated")] if preview.on_correct else []),
        (len(preview.bad_rows), "rows that match nothing or can't be read"),
    )
    if preview.refusal is not None:
        text.complain(preview.refusal)
        forms.draw_bad_rows(preview.bad_rows, key="bad_explanations_file")
    if preview.rows:
        words = ", ".join(f"{name} {number:,}" for name, number in preview.authors.items())
        figures.draw_facts(("by", text.one_line(words, 300)))
        figures.draw_table(("by", "kind", "explanation", "scores", "question"), preview.rows, words=5)
        st.caption(f"The first {len(preview.rows):,} of {preview.new:,}. A thought before an answer is kept apart.")


def _draw_button(file: UploadedFile, exam: ExamInfo, preview: ExplanationsPreview) -> None:
    if not preview.new and not preview.reviews:
        if preview.known:
            st.caption("All of it is here already.")
        return
    st.caption(
        "Texts are only ever added. To take them back, reject them, or delete the exam below: it goes into the trash."
    )
    label = forms.button_label("Import", preview.new, "explanation", preview.bad_rows)
    if actions.button(label, type="primary", icon=":material/upload:", key="import_explanations"):
        outcome = _load(file, exam)
        forms.empty_uploader(UPLOADER, [file])
        del st.session_state[PREVIEW]
        texts, scores = forms.count_noun(outcome.new, "explanation"), forms.count_noun(outcome.reviews, "score")
        st.session_state[MESSAGE] = f"{texts} and {scores} came in"
        st.rerun()


def _load(file: UploadedFile, exam: ExamInfo) -> ExplanationImport:
    person, table = context.acting_person(), _table(file)
    name, sha256 = text.one_line(file.name, 120), hashlib.sha256(file.getvalue()).hexdigest()

    def write(session: Session, progress: forms.Progress) -> ExplanationImport:
        plan = _match(session, table, exam)
        return explanations.store(session, plan, by=person, file=name, sha256=sha256, progress=progress)

    return forms.write_all(write, "explanations")
