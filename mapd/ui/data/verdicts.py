"""Verdicts that were given elsewhere, by upload: choose the file, see what it brings, bring in all of it or nothing.

The functions are those of `mapd judge --file` (exchange/verdict_files.py, review/verdicts.py).
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st
from sqlmodel import Session
from streamlit.runtime.uploaded_file_manager import UploadedFile

from mapd.domain import ExamInfo
from mapd.errors import BadInput
from mapd.exchange import verdict_files
from mapd.people import Right, is_one_of, may, person_name
from mapd.questions.file_table import QuestionFile
from mapd.questions.imports import BadRow
from mapd.review import verdict_matching, verdicts
from mapd.review.verdict_matching import VerdictPlan
from mapd.review.verdicts import VerdictImport
from mapd.store import queries
from mapd.ui.data import forms
from mapd.ui.data.forms import UploadRefusal
from mapd.ui.kit import actions, context, tables, text

# The largest file.
MEGABYTES = verdict_files.MOST_BYTES >> 20
ENDINGS = ("csv", "tsv", "xlsx", "json", "jsonl", "gz")
# Session state: a number in the uploader's key (another one empties it); what was brought in; what the file holds.
UPLOADER, MESSAGE, PREVIEW = "verdicts_turn", "verdicts_told", "verdicts_seen"


@dataclass(frozen=True, slots=True)
class VerdictsPreview:
    """What a file would bring into the exam."""

    new: int
    known: int
    counted: int
    conflicts: int
    conflict_lines: Sequence[str]
    people: Mapping[str, int]
    new_people: Sequence[str]
    kinds: Mapping[str, int]
    decisions: Mapping[str, int]
    open_tasks: int
    ignored: tuple[str, ...]
    bad_rows: Sequence[BadRow]
    refusal: str | None

    @property
    def changes(self) -> bool:
        """Return whether anything is to be written."""
        return self.refusal is None and bool(self.new or self.counted)


def draw() -> None:
    """Draw the uploader and, once there is a file, what it would bring."""
    exam_id = context.require_exam()
    if exam_id is None:
        return
    if not may(context.current_person(), Right.IMPORT_JUDGEMENTS):
        st.caption("An owner of the project brings in what others judged.")
        return
    exam = context.read(queries.exam, exam_id)
    key = f"verdicts_{st.session_state.get(UPLOADER, 0)}"
    file = st.file_uploader(
        f"File of verdicts on {text.label(exam.name, 120)}", type=ENDINGS, key=key, max_upload_size=MEGABYTES
    )
    if file is None:
        if (message := st.session_state.get(MESSAGE)) is not None:
            st.success(text.label(message, 300), icon=":material/check:")
            context.link(
                "pages/review/people.py", "See who judged how, or set somebody's aside", icon=":material/group:"
            )
        st.caption(
            "CSV, Excel or JSON Lines with person, kind, uid, decision, reason and note; what Browse or `mapd export "
            "--judgements` wrote; or Label Studio's export (JSON). Nothing is written before a preview."
        )
        forms.show_command(f"mapd judge --file FILE --exam {exam.uid}")
        return
    st.session_state.pop(MESSAGE, None)
    _offer(file, exam)


def _offer(file: UploadedFile, exam: ExamInfo) -> None:
    people = st.text_input(
        "Who is called otherwise here",
        key=f"verdicts_people_{file.file_id}",
        placeholder="10=ann@example.org, 11=bob",
        help="Label Studio may give its people numbers alone.",
        max_chars=2_000,
    )
    counting = not st.checkbox(
        "They stand in the history alone, and don’t count",
        key=f"verdicts_history_{file.file_id}",
        help="To count them later, bring in the same file again without this.",
    )
    preview = _read(file, exam, people or "", counting=counting)
    if isinstance(preview, UploadRefusal):
        text.complain(preview.message)
    else:
        _draw_preview(preview)
        _draw_button(file, exam, people or "", preview, counting=counting)
    options = "".join(f" --person {shlex.quote(pair)}" for pair in _pairs(people or ""))
    command = f"mapd judge --file {shlex.quote(text.one_line(file.name, 120))} --exam {exam.uid}{options}"
    forms.show_command(command + (" --yes" if counting else " --history --yes"))


def _pairs(people: str) -> list[str]:
    return [text.one_line(pair.strip(), 300) for pair in people.split(",") if pair.strip()]


def _read_people(people: str) -> dict[str, str]:
    pairs = [pair.rpartition("=") for pair in _pairs(people)]
    if odd := next(("".join(pair) for pair in pairs if not (pair[0].strip() and pair[2].strip())), None):
        raise BadInput(f"who somebody is here is written as 10=ann@example.org, with commas between, not as {odd}")
    return {name.strip(): person_name(here) for name, _, here in pairs}


def _read(file: UploadedFile, exam: ExamInfo, people: str, *, counting: bool) -> VerdictsPreview | UploadRefusal:
    """Return what the file would bring, read once for the same choices; or why it can't come in."""
    question = (file.file_id, exam.uid, people, counting)
    return forms.read_once(
        PREVIEW, question, "Reading the verdicts …", lambda: _preview(file, exam, people, counting=counting)
    )


def _match(
    session: Session, name: str, content: bytes, exam: ExamInfo, people: dict[str, str], *, counting: bool
) -> VerdictPlan:
    settings = context.settings()
    file = verdict_files.read(QuestionFile(name, content), people)
    return verdict_matching.match(
        session,
        file,
        exam=exam.id,
        counting=counting,
        is_known=lambda person: is_one_of(person, settings.owners, settings.annotators),
    )


def _preview(file: UploadedFile, exam: ExamInfo, people: str, *, counting: bool) -> VerdictsPreview:
    name, names = text.one_line(file.name, 120), _read_people(people)
    plan = context.read(_match, name, file.getvalue(), exam, names, counting=counting)
    return VerdictsPreview(
        new=len(plan.new),
        known=plan.known,
        counted=plan.counted,
        conflicts=plan.conflicts,
        conflict_lines=tuple(plan.conflict_lines),
        people=plan.people,
        new_people=plan.new_people,
        kinds=plan.kinds,
        decisions=plan.decisions,
        open_tasks=plan.content.open_tasks,
        ignored=plan.content.ignored,
        bad_rows=tuple(plan.bad),
        refusal=forms.find_refusal(plan.refuse_bad),
    )


def _draw_preview(preview: VerdictsPreview) -> None:
    if preview.refusal is not None:
        text.complain(preview.refusal)
        forms.draw_bad_rows(preview.bad_rows, key="bad_verdicts_file")
        return
    tables.draw_row(
        (preview.new, "new judgements"),
        (preview.known, "here already"),
        (preview.counted, "count from now on"),
        (preview.conflicts, "at odds with what was said before"),
        *([(preview.open_tasks, "tasks not done yet")] if preview.open_tasks else []),
    )
    tables.draw_facts(
        ("of whom", _count(preview.people)),
        ("who never judged here before", text.one_line(", ".join(preview.new_people), 200) or None),
        ("on", _count(preview.kinds)),
        ("they say", _count(preview.decisions)),
        ("columns left alone", text.one_line(", ".join(preview.ignored), 200) or None),
        ("at odds, for example", text.one_line("; ".join(preview.conflict_lines), 400) or None),
    )


def _count(numbers: Mapping[str, int]) -> str | None:
    return text.one_line(", ".join(f"{name} {number:,}" for name, number in numbers.items()), 300) or None


def _draw_button(file: UploadedFile, exam: ExamInfo, people: str, preview: VerdictsPreview, *, counting: bool) -> None:
    if preview.refusal is not None:
        return
    if not preview.changes:
        st.caption("All of it is here already.")
        return
    st.caption(
        "Nothing of them can be deleted: to take them back, set a person’s judgements aside as a whole on People, or "
        "each undoes their own."
    )
    label = forms.button_label("Bring in", preview.new, "judgement", ())
    if actions.button(label, type="primary", icon=":material/upload:", key="import_verdicts"):
        outcome = _load(file, exam, people, counting=counting)
        forms.empty_uploader(UPLOADER, [file])
        del st.session_state[PREVIEW]
        st.session_state[MESSAGE] = f"{forms.count_noun(outcome.new, 'judgement')} came in, of {_count(outcome.people)}"
        st.rerun()


def _load(file: UploadedFile, exam: ExamInfo, people: str, *, counting: bool) -> VerdictImport:
    person, name, content = context.acting_person(), text.one_line(file.name, 120), file.getvalue()
    names = _read_people(people)

    def write(session: Session, progress: forms.Progress) -> VerdictImport:
        # Somebody may have judged since: what counts is what is there now.
        plan = _match(session, name, content, exam, names, counting=counting)
        return verdicts.store(session, plan, by=person, progress=progress)

    return forms.write_all(write, "judgements")
