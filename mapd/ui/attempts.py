"""Attempts as rows: a question, the gold answer, and one answer or two side by side, the whole of it in a fold.

    attempts.draw([Shown(question, (("before", response), ("after", other)))])

Foreign text is escaped here; a fold is the browser's own <details> and opens without a rerun.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import streamlit as st

from mapd import prompts
from mapd.store.queries import Item, Response
from mapd.ui import current, figures, look, rows
from mapd.ui.text import escape, foreign_html, foreign_line_html, gold_html, one_line
from mapd.ui.text import found as hits

PAGE = rows.PAGE
LONGEST = rows.LONGEST


@dataclass(frozen=True, slots=True)
class Shown:
    """A question and the responses to it, each under its word; what people say of the question, as HTML."""

    question: Item
    responses: tuple[tuple[str, Response], ...]
    said: str = ""


def draw(shown: Sequence[Shown], words: Sequence[str], *, judge: bool = False, found: str = "") -> None:
    """Draw the rows. `words`: the heads of the answers' columns; `judge`: a link to triage for what is a mistake.

    `found`: what was searched for, to be marked.
    """
    heads = "".join(f"<span>{escape(word)}</span>" for word in ("no", "family", "question", "gold", *words))
    kind = f"mapd-rows-attempt mapd-answers-{len(words)}"
    body = "".join(_row(one, kind, judge, found) for one in shown)
    st.html(f'<div class="mapd-cells mapd-head {kind}">{heads}</div><div class="mapd-attempts">{body}</div>')


def _row(shown: Shown, kind: str, judge: bool, found: str) -> str:
    q = shown.question
    said = (
        f' <span class="mapd-state" style="--c:{look.PURPLE}" title="people said something">✎</span>'
        if shown.said
        else ""
    )
    cells = (
        f'<span class="c-no">{q.position + 1}</span>',
        f"<span>{escape(one_line((q.family or '–').replace('_', ' '), 24))}</span>",
        f"<span>{foreign_line_html(q.text, 240, found)}</span>",
        f"<span>{gold_html(q.gold, 24)}{said}</span>",
        *(f"<span>{_answer(response)}</span>" for _, response in shown.responses),
    )
    summary = f'<summary class="mapd-cells {kind}">{"".join(cells)}</summary>'
    return f'<details class="mapd-row">{summary}{_fold(shown, judge, found)}</details>'


def _answer(response: Response) -> str:
    return look.chip(response.outcome, one_line(response.answer or "", 18))


def _fold(shown: Shown, judge: bool, found: str) -> str:
    q = shown.question
    block = prompts.question_block(q.text, q.context, q.options)
    parts = [figures.titled("question", foreign_html(block, hits(block, found), LONGEST))]
    if shown.said:
        parts.append(figures.titled("people", shown.said))
    for word, response in shown.responses:
        parts.append(
            figures.titled(word, foreign_html(response.text, hits(response.text, found), LONGEST) + _ours(response))
        )
    last = shown.responses[-1][1]
    if judge and last.outcome != "correct":
        address = current.address("triage", mistake=last.uid)
        parts.append(f'<a href="{escape(address)}">Judge it in triage</a>')
    return f'<div class="mapd-pair-cells">{"".join(parts)}</div>'


def _ours(response: Response) -> str:
    """Our own reading, where the file that was imported says otherwise."""
    if response.our_outcome == response.outcome:
        return ""
    theirs = look.LOOKS[response.outcome].word
    ours = look.LOOKS[response.our_outcome].word
    read = f" {escape(one_line(response.our_answer, 40))}" if response.our_answer else ""
    return f'<span class="mapd-note">the file calls it {theirs}; as we read the answer{read}: {ours}</span>'


def pages(count: int, key: str = "page") -> int:
    """Draw the page numbers of so many rows; returns the page that is chosen, from 1."""
    total = max(1, -(-count // PAGE))
    return min(st.pagination(total, key=key, bind="query-params"), total)


def part(shown: Iterable[Shown], page: int) -> list[Shown]:
    """The rows of one page."""
    return list(shown)[(page - 1) * PAGE : page * PAGE]
