"""How files of questions were read: format and sizes, unread fields, bad rows, and the questions themselves."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from mapd.questions import imports
from mapd.questions.drafts import UnreadField
from mapd.questions.imports import QuestionImport
from mapd.questions.options import KEY_WORDS
from mapd.questions.rows import SPLITS, QuestionRow
from mapd.ui.kit import tables, text, theme
from mapd.ui.kit.tables import Html

# Questions beside each other.
CARDS_PER_PAGE = 3
# Of a text on a card.
MOST_CHARACTERS = 600
# Of cards.
MOST_PAGES = 200


def draw_reading(reading: QuestionImport) -> None:
    """Draw format, task, keys, the splits' sizes, and the fields that aren't read."""
    sizes = [sum(row.split == split for row in reading.rows) for split in SPLITS]
    tables.draw_row(
        (reading.format, "format"),
        (", ".join(reading.tasks[:2]) or None, "task"),
        *([(KEY_WORDS[reading.answers], "an answer names")] if reading.answers else []),
        (len(reading.rows), "questions"),
        *zip(sizes, SPLITS, strict=True),
        (len(reading.bad), "bad rows"),
    )
    if reading.rows and not sizes[SPLITS.index("dev")]:
        st.caption(
            "No question is in dev, so students can't be compared before the test split is opened. "
            "Choose dev for one of the files, or draw the splits."
        )
    if reading.unread:
        tables.draw_table(("not read", "for example", ""), map(_unread_row, reading.unread), words=3)


def _unread_row(field: UnreadField) -> tuple[str, str, str]:
    name, example = text.one_line(field.name, 60), text.one_line(field.example, 80)
    chip = (
        theme.chip("undecided", word="a long text: say below what it is, or leave it out")
        if field.is_long
        else "left out"
    )
    return name, example, Html(chip)


def draw_questions(rows: Sequence[QuestionRow]) -> None:
    """Draw the questions as they will be stored, a few on each page."""
    if not rows:
        return
    st.subheader("The questions as they will be stored", anchor=False)
    pages = min(-(-len(rows) // CARDS_PER_PAGE), MOST_PAGES)
    page = min(st.pagination(pages, key="questions_page"), pages) if pages > 1 else 1
    part = imports.preview(rows[(page - 1) * CARDS_PER_PAGE : page * CARDS_PER_PAGE])
    for column, question in zip(st.columns(CARDS_PER_PAGE), part, strict=False):
        with column.container(border=True, height="stretch"):
            st.html(_card(question))


def _card(question: Mapping[str, Any]) -> str:
    head = " · ".join(str(question[key]) for key in ("id", "split", "task", "family") if key in question)
    parts = [f'<div class="mapd-note mapd-file">{text.line_html(head, 80)}</div>']
    if "context" in question:
        parts.append(tables.titled_block("Context", _text(question["context"])))
    parts.append(tables.titled_block("Question", _text(question.get("question", ""))))
    if "options" in question:
        parts.append(tables.titled_block("Options", _text("\n".join(question["options"]))))
    parts.append(tables.titled_block("Gold answer", text.foreign_html(question.get("gold", ""), max_chars=200)))
    if "note" in question:
        parts.append(tables.titled_block("Note", _text(question["note"])))
    return "".join(parts)


def _text(value: str) -> str:
    return text.foreign_html(value, max_chars=MOST_CHARACTERS)
