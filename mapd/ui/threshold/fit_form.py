"""Fit a policy from the threshold page: the form that starts the job, and what a fit is worth.

draw_form(exam_id)          # the job runs above the form; the policy is chosen in the lab once it is there
draw_fit(draft)             # n = 1,066, Brier score .032 (.176 by the share alone), precision and recall over p
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from mapd.curation.fitted_policies import THRESHOLD
from mapd.exchange import label_files
from mapd.jobs.fit_work import FitWork, keep_labels, name_labels
from mapd.people import Right, may
from mapd.policies import Policy
from mapd.probability import FILE, GOLD, PEOPLE, FitPoint, FitRecord
from mapd.questions.file_table import QuestionFile
from mapd.questions.imports import BadRow, refuse_rows
from mapd.store import queries
from mapd.ui import jobs
from mapd.ui.data import forms
from mapd.ui.data.forms import UploadRefusal
from mapd.ui.kit import context, policy_charts, tables, text, uploads
from mapd.ui.kit.tables import Cell
from mapd.ui.kit.theme import FIGURE_CONFIG

SOURCES = {GOLD: "The gold check", PEOPLE: "People’s judgements", FILE: "A file of labels"}
ENDINGS = ("csv", "tsv", "xlsx", "json", "jsonl", "gz")
MEGABYTES = label_files.MOST_BYTES >> 20
# Hundredths of P(right) at which the table says what is accepted.
FEW = (0, 30, 50, 60, 70, 80, 90, 95, 99)
# Session state: what the file of labels holds.
PREVIEW = "labels_preview"


@dataclass(frozen=True, slots=True)
class LabelsPreview:
    """What a file of labels holds."""

    right: int
    wrong: int
    open: int
    sha256: str
    bad_rows: tuple[BadRow, ...]
    refusal: str | None


def choose_fitted(exam_id: int) -> None:
    """Choose in the lab what was fitted in this session, once it is there: before the lab's controls are drawn."""
    job = jobs.find_ended(FitWork.kind)
    if job is not None and job.outcome["exam"] == context.read(queries.exam, exam_id).uid:
        st.session_state["policy_saved"] = job.outcome["policy"]


def draw_form(exam_id: int) -> None:
    """Draw the fits that run, and the form that starts one."""
    exam = context.read(queries.exam, exam_id)
    jobs.draw_active(FitWork.kind, exam=exam.uid)
    with st.expander("Fit a policy", icon=":material/model_training:", expanded="fit" in st.query_params):
        if not may(context.current_person(), Right.CHANGE_POLICY):
            st.caption("An owner of the project fits policies.")
            return
        if exam.split == "test":
            st.caption("This exam asked test questions, and no choice is made on these: open one on train or dev.")
            return
        st.caption(
            "How probable is it that a rationale is right? A logistic regression learns it from scores, authors, "
            "answers that agree and checks, and from what is known to be right. Nothing is decided by it until an exam "
            "uses it."
        )
        _draw_fields(exam_id, exam.uid)


def _draw_fields(exam_id: int, exam_uid: str) -> None:
    name_column, labels_column, threshold_column = st.columns([3, 4, 2], vertical_alignment="bottom")
    name = name_column.text_input("Name of the policy", key="fit_name", max_chars=60, placeholder="fair")
    source = labels_column.selectbox(
        "What says which are right", list(SOURCES), format_func=SOURCES.__getitem__, key="fit_labels"
    )
    threshold = threshold_column.number_input(
        "Accept above P(right)", 0.0, 1.0, THRESHOLD, 0.01, key="fit_threshold", help="The lab’s slider moves it later."
    )
    uses_gold = st.toggle(
        "The policy sees the gold check, where it decides",
        value=True,
        key="fit_gold",
        help="Off: it also serves where no gold answer is known, and its figures say more where the gold check is "
        "what says which are right.",
    )
    with_feedback = _choose_feedback(source)
    more_exams = _choose_exams(exam_id)
    options: dict[str, Any] = {"uses_gold": uses_gold, "threshold": round(float(threshold), 2)}
    options |= {"with_feedback": with_feedback}
    options |= {"more_exams": more_exams, "labels": source}
    keep = None
    if source == FILE:
        file = _upload()
        if file is None:
            return
        content = file.getvalue()
        options |= {"file": text.one_line(file.name, 120), "file_sha256": name_labels(content)}

        def keep() -> None:
            keep_labels(context.settings().make_home(), content)

    if not (name or "").strip():
        st.caption("Give it a name. A name that is there gets a next version.")
        return
    jobs.draw_start(lambda: FitWork(exam=exam_uid, name=name, **options), "Fit the policy", "start_fit", keep=keep)


def _choose_feedback(source: str) -> bool:
    # Streamlit forgets a switch that isn't drawn.
    st.session_state["fit_feedback"] = st.session_state.get("fit_feedback", True)
    if source == GOLD:
        st.caption("The gold check says nothing of a feedback: its checks, its scores and people go on deciding on it.")
        return True
    return st.toggle(
        "Feedback gets a fit of its own",
        key="fit_feedback",
        help="Where people or the file label enough of it. Else its checks, its scores and people decide on it.",
    )


def _choose_exams(exam_id: int) -> tuple[str, ...]:
    exams = {
        exam.uid: text.one_line(exam.name, 120)
        for exam in context.read(queries.exams)
        if exam.id != exam_id and exam.split != "test"
    }
    if not exams:
        return ()
    chosen_uids = st.multiselect(
        "Also on the rationales of", list(exams), format_func=exams.__getitem__, key="fit_exams", placeholder="no other"
    )
    return tuple(chosen_uids)


def _upload() -> UploadedFile | None:
    """Draw the uploader of a file of labels and what the file holds; return it where it can be used."""
    uploads.allow()
    file = st.file_uploader("File of labels", type=ENDINGS, key="fit_file", max_upload_size=MEGABYTES)
    if file is None:
        st.caption(
            "A row names a rationale (its uid, or its teacher and its question: id or text) and has a label: right or "
            "wrong. With kind: feedback it names a feedback."
        )
        return None
    preview = forms.read_once(PREVIEW, file.file_id, "Reading the labels …", lambda: _read(file))
    if isinstance(preview, UploadRefusal):
        text.complain(preview.message)
        return None
    if preview.refusal is not None:
        text.complain(preview.refusal)
        forms.draw_bad_rows(preview.bad_rows, key="bad_labels")
        return None
    tables.draw_row((preview.right, "right"), (preview.wrong, "wrong"), (preview.open, "left open"))
    return file


def _read(file: UploadedFile) -> LabelsPreview:
    labels = label_files.read(QuestionFile(text.one_line(file.name, 120), file.getvalue()))
    marks = [row.is_right for row in labels.rows]
    refusal = forms.find_refusal(lambda: refuse_rows(labels.bad, are_others=False))
    return LabelsPreview(
        marks.count(True), marks.count(False), marks.count(None), labels.sha256, tuple(labels.bad), refusal
    )


# -- what a fit is worth ----------------------------------------------------------------------------------------------


def draw_fit(policy: Policy, saved: Policy) -> None:
    """Draw the figures of a fitted policy: how far its probabilities are off, and what each threshold would give."""
    if policy.fit is None:
        return
    record, feedback = policy.fit.record, policy.fit.feedback
    with st.expander("How good the fit is", icon=":material/query_stats:", expanded=policy.name != saved.name):
        _draw_figures({"rationales": record} | ({} if feedback is None else {"feedback": feedback.record}))
        if feedback is None:
            st.caption("Feedback has no fit of its own: its checks, its scores and people decide on it.")
        if record.at:
            _draw_points(record.at, policy.threshold)
        st.caption(
            f"Cross-fitted: the questions are split into {record.folds} parts, and each is decided by a fit on the "
            "others. “Use for this exam” above lets the exam be decided by it."
        )


def _draw_figures(records: Mapping[str, FitRecord]) -> None:
    """Draw how much each fit was fitted on, and how far its probabilities are off."""
    rows: list[tuple[Cell, ...]] = [
        (kind, x.n, x.right, x.questions, f"{x.brier:.3f}", f"{x.brier_of_share:.3f}") for kind, x in records.items()
    ]
    header = ("", "labelled", "of them right", "questions", "Brier score, 0 is best", "by the share of right ones")
    tables.draw_table(header, rows)
    for kind, record in records.items():
        if record.brier >= record.brier_of_share:
            st.caption(f"Of {kind} the fit says no more than the share of right ones.")


def _draw_points(points: Sequence[FitPoint], threshold: float) -> None:
    """Draw precision and recall at each threshold, and beneath or beside the picture those at a few."""
    with st.container(key="mapd_fit_view"):
        chart_column, table_column = st.columns([60, 40], gap="medium", vertical_alignment="center")
    with chart_column:
        alt = "Precision and recall at each probability above which rationales are accepted"
        figure = policy_charts.fit_figure(points, threshold)
        st.plotly_chart(figure, key="fit_figure", config=FIGURE_CONFIG, alt=alt)
    with table_column:
        few = {*FEW, round(100 * threshold)}
        rows = [_point_row(point) for point in points if round(100 * point.p) in few]
        tables.draw_table(("rationales, P(right) >", "precision", "recall", "accepted"), rows)


def _point_row(point: FitPoint) -> tuple[Cell, ...]:
    precision = None if point.precision is None else f"{point.precision:.3f}"
    return f"{point.p:.2f}", precision, f"{point.recall:.3f}", point.accepted
