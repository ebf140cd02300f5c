"""The playground's buttons and answers: they are drawn again at each token, and nothing of them is stored."""

import shlex
import time
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mapd import prompts, students
from mapd.characters import visible
from mapd.errors import MapdError
from mapd.people import Right, may
from mapd.playground.asking import AnswerStage, Decoding, PlaygroundAnswer
from mapd.playground.helper import AnswerProcess, PlaygroundInquiry
from mapd.playground.question import PlaygroundQuestion
from mapd.ui.kit import actions, attempts, context, run_session, start_forms, tables, text, theme
from mapd.ui.kit.rows import LONGEST_TEXT
from mapd.ui.playground.form import draw_question

# Session state: what was asked last.
INQUIRY = "playground_inquiry"
TICK_S = 0.05
# So often the page sees whether the app is still open to this session.
REFUSED_S = 3.0
STAGES: Mapping[AnswerStage, tuple[str, str]] = {
    AnswerStage.WAITING: ("…", theme.GREY),
    AnswerStage.LOADING: ("…", theme.GREY),
    AnswerStage.ANSWERING: ("▸", theme.GREEN),
    AnswerStage.DONE: ("✓", theme.GREEN),
    AnswerStage.STOPPED: ("■", theme.AMBER),
    AnswerStage.FAILED: ("✕", theme.VERMILLION),
}


def draw_buttons(refs: Sequence[str], question: PlaygroundQuestion | None, decoding: Decoding) -> None:
    """Draw the button that asks and the one that stops; each stays where it is."""
    inquiry: PlaygroundInquiry | None = st.session_state.get(INQUIRY)
    is_at_work = inquiry is not None and not inquiry.is_over
    label = "Ask both" if len(refs) > 1 else "Ask"
    options: dict[str, Any] = {"type": "primary", "icon": ":material/play_arrow:"}
    is_asked = actions.button(label, key="playground_ask", disabled=is_at_work or question is None, **options)
    is_stopped = st.button("Stop", key="playground_stop", icon=":material/stop:", disabled=not is_at_work)
    if is_stopped and inquiry is not None:
        _process().stop(inquiry)
    if is_asked and question is not None:
        try:
            names = {ref: context.read(students.get, ref).name for ref in refs}
            st.session_state[INQUIRY] = _process().ask(names, question, decoding, by=context.acting_person())
        except MapdError as error:
            text.complain(str(error))
            return
        st.rerun()


def _process() -> AnswerProcess:
    settings = context.settings()
    return _keep_process(settings.url, str(settings.home))


@st.cache_resource(max_entries=4, show_spinner=False)
def _keep_process(url: str, home: str) -> AnswerProcess:  # noqa: ARG001 - the cache's key
    return AnswerProcess()


def draw_command(refs: Sequence[str], question: PlaygroundQuestion | None, decoding: Decoding) -> None:
    """Draw the command that asks the same."""
    if question is None:
        return
    rows = [context.read(students.get, ref) for ref in refs]
    with st.expander("The prompt, and the same in a terminal"):
        block = prompts.question_block(question.text, question.context, question.options)
        # By number of worked examples: most often both are asked alike.
        names: dict[int, list[str]] = {}
        for row in rows:
            names.setdefault(row.shots, []).append(text.one_line(row.name, 60))
        for shots, of_students in names.items():
            if len(names) > 1:
                st.caption(f"The prompt of {of_students[0]}:")
            for message in prompts.exam_messages(block, question.task, shots):
                st.html(tables.titled_block(message.role, text.foreign_html(message.content, max_chars=LONGEST_TEXT)))
        for row in rows:
            if (prompting := students.describe_prompting(row)) is not None:
                start_forms.draw_note(f"{text.one_line(row.name, 60)}: {prompting}.")
        command = write_command([row.name for row in rows], question, decoding)
        st.code(visible(command), language=None, wrap_lines=True)


def write_command(names: Sequence[str], question: PlaygroundQuestion, decoding: Decoding) -> str:
    """Return the command that asks these students in this way."""
    words = ["mapd", "ask"]
    for name in names:
        words += ["--student", name]
    usual = Decoding()
    for option, field in (("--temperature", "temperature"), ("--top-p", "top_p"), ("--seed", "seed")):
        if (value := getattr(decoding, field)) != getattr(usual, field):
            words += [option, str(value)]
    words += [] if decoding.max_tokens is None else ["--max-tokens", str(decoding.max_tokens)]
    if question.uid is not None:
        return shlex.join([*words, "--question", question.uid])
    words += ["--task", question.task.value]
    words += ["--options", "|".join(question.options)] if question.options else []
    words += ["--gold", question.gold] if question.gold is not None else []
    # "--": a question may begin with a dash.
    return shlex.join([*words, "--", question.text])


# --- Answers ----------------------------------------------------------------------------------------------------------


def draw_answers(question: PlaygroundQuestion | None) -> None:
    """Draw the answers to what was asked last, token by token until nothing more comes; `question`: what is above."""
    inquiry: PlaygroundInquiry | None = st.session_state.get(INQUIRY)
    if inquiry is None:
        return
    if inquiry.question != question:
        st.caption("Answers to another question:")
        draw_question(inquiry.question)
    columns = st.columns(len(inquiry.students))
    cells = [column.container(border=True).empty() for column in columns]
    was_over = inquiry.is_over
    # Nothing is read while the answers are awaited.
    run_session.end_reading()
    _watch(inquiry, cells)
    if not was_over:
        st.rerun()


def _watch(inquiry: PlaygroundInquiry, cells: Sequence[DeltaGenerator]) -> None:
    """Draw the answers each time that they have changed, until nothing more comes. A press ends this run."""
    bodies = [""] * len(cells)
    checked_at = time.monotonic()
    while True:
        # In this order: what comes behind the last look would be lost.
        is_over, answers = inquiry.is_over, inquiry.look()
        for place, answer in enumerate(answers):
            if (body := answer_html(answer, inquiry.question)) != bodies[place]:
                bodies[place] = body
                cells[place].html(body)
        if is_over:
            return
        time.sleep(TICK_S)
        # Streamlit ends a run only where it is called: here it is, also while nothing comes.
        _ = st.session_state[INQUIRY]
        if time.monotonic() - checked_at > REFUSED_S:
            context.rerun_if_refused()
            run_session.end_reading()
            checked_at = time.monotonic()


def answer_html(answer: PlaygroundAnswer, question: PlaygroundQuestion) -> str:
    """Return an answer as HTML: who, how far, the text, and how it is read."""
    sign, colour = STAGES[answer.stage]
    chip = theme.sign_chip(sign, answer.stage.value, colour)
    if answer.outcome is not None:
        chip = attempts.outcome_chip(answer.outcome, answer.answer and question.show(answer.answer))
    if answer.finish == "cut_off":
        chip += theme.chip("cut_off")
    name = f'<b class="mapd-name">{text.line_html(answer.student, 60)}</b>'
    parts = [f'<div class="mapd-who">{name}{chip}<span class="mapd-note">{answer.measures}</span></div>']
    if answer.rendering is not None:
        parts.append(f'<div class="mapd-note">its prompt: {text.line_html(answer.rendering, 160)}</div>')
    parts.append(text.thought_html(answer.thought, LONGEST_TEXT))
    if answer.text or answer.stage is AnswerStage.DONE:
        parts.append(text.foreign_html(answer.text, max_chars=LONGEST_TEXT))
    if answer.stage is AnswerStage.DONE:
        value = "no answer" if answer.answer is None else text.one_line(question.show(answer.answer), 80)
        reading = f"{text.escape(value)}: {text.escape(visible(answer.why or ''))}"
        parts.append(f'<div class="mapd-note">read as {reading}</div>')
    if answer.error:
        parts.append(f'<div class="mapd-error"><b aria-hidden="true">✕</b>{text.line_html(answer.error, 600)}</div>')
    return "".join(parts)


def link_html(refs: Sequence[str], question_uid: str) -> str:
    """Return a link (HTML) that brings a question and its two students here; "" where this person may ask nobody."""
    if not may(context.current_person(), Right.RUN_JOBS):
        return ""
    params = dict(zip("ab", refs, strict=False))
    address = context.address("playground", **params, question=question_uid)
    return str(tables.link_cell("ask both again in the playground", address))
