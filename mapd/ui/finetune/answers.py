"""What a student answered to held-out questions while it was trained, side by side over the steps."""

from collections.abc import Sequence

import streamlit as st

from mapd.answers.grading import Task
from mapd.questions.options import show_answer
from mapd.store import finetunes
from mapd.store.finetunes import AskedQuestion, Training
from mapd.store.tables import FinetuneAnswer
from mapd.ui.kit import attempts, context, refusals, tables, text
from mapd.ui.kit.tables import Cell, Html

LIVE_S = 2.0
# Columns at once: the first, before the training, and the latest.
MOST_STEPS = 8
LONGEST = 4000


def draw_answers(training: Training, *, is_live: bool) -> None:
    """Draw each question with its gold answer and what was answered by step; nothing where none was asked.

    `is_live`: refresh until the student is there.
    """
    if is_live and training.student is None:
        _draw_live_answers(training)
    else:
        _draw_answers(training)


@st.fragment(run_every=LIVE_S)
@refusals.in_place
def _draw_live_answers(training: Training) -> None:
    context.rerun_if_refused()
    _draw_answers(training)


def _draw_answers(training: Training) -> None:
    questions = context.read(finetunes.list_asked, training.id)
    if not questions:
        return
    steps = sorted({step for row in questions for step in row.answers})
    st.subheader("Held-out answers", anchor=False)
    columns = steps if len(steps) <= MOST_STEPS else [steps[0], *steps[1 - MOST_STEPS :]]
    header = ("question", "gold", *("before" if step == 0 else f"step {step:,}" for step in columns))
    tables.draw_table(header, [_make_row(row, columns) for row in questions], words=len(header))
    omitted = f" {len(steps) - len(columns):,} earlier times are left out." if len(columns) < len(steps) else ""
    st.caption(
        f"Dev questions that aren't taught, answered greedily by the student as it was at that step.{omitted} They are "
        "no exam: a few answers show what changes, not how good it is."
    )


def _make_row(row: AskedQuestion, steps: Sequence[int]) -> tuple[Cell, ...]:
    question = row.question
    parts = "\n".join([*([question.context] if question.context else []), question.text])
    title = f"<details><summary>{text.line_html(question.text, 60)}</summary>{text.foreign_html(parts)}</details>"
    gold = text.gold_html(show_answer(question.gold, Task(question.task), question.options), 24)
    return (Html(title), Html(gold), *(_make_cell(row, row.answers.get(step)) for step in steps))


def _make_cell(row: AskedQuestion, answer: FinetuneAnswer | None) -> Cell:
    if answer is None:
        return None
    shown = answer.answer and show_answer(answer.answer, Task(row.question.task), row.question.options)
    chip = attempts.outcome_chip(answer.outcome, shown)
    body = text.thought_html(answer.thought, LONGEST) + text.foreign_html(answer.text, max_chars=LONGEST)
    return Html(f"<details><summary>{chip}</summary>{body}</details>")
