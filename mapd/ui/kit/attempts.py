"""Attempts as rows: a question, its gold answer, and one response or two side by side. A fold holds the whole texts.

Foreign text is escaped here. A fold is the browser's own <details>: it opens without a rerun.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from mapd import attempts, prompts
from mapd.answers.limits import name_limit
from mapd.characters import visible
from mapd.domain import Item, Response
from mapd.store import exam_material
from mapd.ui.kit import context, rows, tables, theme
from mapd.ui.kit.rows import Column
from mapd.ui.kit.text import escape, foreign_html, foreign_line_html, gold_html, line_html, one_line, thought_html
from mapd.ui.kit.text import find_hits as hits

LONGEST_TEXT = rows.LONGEST_TEXT


@dataclass(frozen=True, slots=True)
class AnswerCell:
    """A response under its heading; `chip`: its outcome as HTML."""

    heading: str
    response: Response
    chip: str


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """A question and its responses. Responses beyond the columns stand in the fold alone.

    `people_html`: what people said of question and responses. `right_count`: how many responses are right, in words.
    `below_html`: what stands below the responses in the fold.
    """

    question: Item
    answers: tuple[AnswerCell, ...]
    people_html: str = ""
    right_count: str = "–"
    below_html: str = ""


def make_answer_cell(heading: str, question: Item, response: Response) -> AnswerCell:
    """Return the cell of a response as it was recorded."""
    outcome_html = outcome_chip(response.outcome, response.answer and question.show(response.answer))
    return AnswerCell(heading, response, outcome_html + cut_off_chip(response))


def cut_off_chip(response: Response) -> str:
    """Return the chip (HTML) of a response that ran into its exam's max_tokens; otherwise ""."""
    return theme.chip("cut_off") if response.is_cut_off else ""


def outcome_chip(outcome: str, answer: str | None, word: str | None = None) -> str:
    """Return a chip (HTML) with an outcome and the answer; `word` replaces the outcome's usual word."""
    return theme.chip(outcome, one_line(answer or "", 18), word=word)


FIRST_COLUMNS = {
    "no": rows.NUMBER_COLUMN,
    "family": Column("family", 7, 3),
    "question": Column("question", 11, 0, grows=True),
    "gold": Column("gold", 5.4, 2),
}
LAST_COLUMNS = {
    "right": Column("right", 4.2, 6),
    "people": Column("people", 7.5, 4),
    "task": Column("task", 4.2, 5),
    "length": Column("words", 3, 7),
}
ANSWER_REM = 9.6


def list_columns(headings: Sequence[str]) -> dict[str, Column]:
    """Return all columns by name. `headings`: those of the columns of responses."""
    return FIRST_COLUMNS | {word: Column(escape(word), ANSWER_REM, 1, wraps=True) for word in headings} | LAST_COLUMNS


def draw_rows(
    attempt_rows: Sequence[AttemptRow],
    headings: Sequence[str],
    column_names: Sequence[str] = (),
    *,
    with_links: bool = False,
    words: str = "",
) -> None:
    """Draw the rows. `headings`: those of the columns of responses; `column_names`: the columns, if not the usual ones.

    `with_links`: add a link to triage to each mistake. `words`: the words of a search, which are marked.
    """
    columns, names = list_columns(headings), column_names or [*FIRST_COLUMNS, *headings]
    # Imports have no families: the column would be empty.
    if not any(row.question.family for row in attempt_rows):
        names = [name for name in names if name != "family"]
    thoughts = context.read(
        exam_material.attempt_thoughts, [a.response.id for row in attempt_rows for a in row.answers]
    )
    with rows.draw_table("attempts", columns, names, with_links=with_links):
        # Without links all rows are one element.
        bodies = [
            rows.fold_row(columns, names, _cells(row, headings, with_links, words), _fold(row, words, thoughts))
            for row in attempt_rows
        ]
        if not with_links:
            st.html("".join(bodies))
            return
        for number, (row, body) in enumerate(zip(attempt_rows, bodies, strict=True)):
            # Triage judges the attempt of the last column.
            last = row.answers[len(headings) - 1].response
            is_called_mistake = last.outcome != "correct" or row.people_html
            rows.draw_row(body, f"attempts_{number}", {"mistake": last.uid} if is_called_mistake else None)


def _cells(row: AttemptRow, headings: Sequence[str], with_response: bool, words: str) -> dict[str, rows.Cell]:
    """Return a row's cells by column. `with_response`: the response stands below its question."""
    question = row.question
    mark = (
        f' <span class="mapd-state" style="--c:{theme.PURPLE}" title="people judged this">✎</span>'
        if row.people_html
        else ""
    )
    answers = row.answers[: len(headings)]
    lines = (question.text, answers[-1].response.text or "no text") if with_response else (question.text,)
    return {
        "no": rows.number_cell(question),
        "family": line_html((question.family or "–").replace("_", " "), 24),
        "question": "".join(foreign_line_html(line, 240, words) for line in lines),
        "gold": f"{gold_html(question.show(question.gold), 24)}{mark}",
        **{word: answer.chip for word, answer in zip(headings, answers, strict=True)},
        "right": row.right_count,
        "people": row.people_html or "–",
        "task": question.task.value,
        "length": f"{len(answers[-1].response.text.split()):,}",
    }


def _fold(row: AttemptRow, words: str, thoughts: Mapping[int, str]) -> str:
    question = row.question
    block = prompts.question_block(question.text, question.context, question.options)
    gold = f'<div class="mapd-note">gold {gold_html(question.show(question.gold), 200)}</div>'
    parts = [tables.titled_block("question", foreign_html(block, hits(block, words), LONGEST_TEXT) + gold)]
    if row.people_html:
        parts.append(tables.titled_block("people", row.people_html))
    for answer in row.answers:
        response = answer.response
        text = foreign_html(response.text, hits(response.text, words), LONGEST_TEXT)
        limit = name_limit(response.text)
        note = f'<span class="mapd-note">{limit}</span>' if limit else _how_read(question, response)
        thought = thought_html(thoughts.get(response.id), LONGEST_TEXT)
        tokens = response.tokens_out
        length = "" if tokens is None else f'<span class="mapd-note">{tokens:,} tokens</span>'
        body = f"{answer.chip}{length}{thought}{text}{_ours(question, response)}{note}"
        parts.append(tables.titled_block(answer.heading, body))
    if row.below_html:
        parts.append(f'<div class="mapd-below">{row.below_html}</div>')
    return f'<div class="mapd-pair-cells">{"".join(parts)}</div>'


def _how_read(question: Item, response: Response) -> str:
    """Return a fold (HTML) with our reading of the answer and its reason."""
    reading = attempts.read_response(response.text, response.finish, question.task, question.options)
    value = "no answer" if reading.value is None else one_line(question.show(reading.value), 80)
    return (
        '<details class="mapd-note"><summary>how is this read?</summary>'
        f"{escape(value)}: {escape(visible(reading.why))}</details>"
    )


def _ours(question: Item, response: Response) -> str:
    """Return a note (HTML) where the imported file's outcome differs from our own."""
    if response.our_outcome == response.outcome:
        return ""
    file_word = theme.LOOKS[response.outcome].word
    our_word = theme.LOOKS[response.our_outcome].word
    answer = f" {line_html(question.show(response.our_answer), 40)}" if response.our_answer else ""
    return f'<span class="mapd-note">the file calls it {file_word}; as we read the answer{answer}: {our_word}</span>'
