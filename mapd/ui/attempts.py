"""Attempts as rows: a question, the gold answer, and one answer or two side by side, the whole of it in a fold.

    attempts.draw([Shown(question, (answer("before", response), answer("after", other)))], ("before", "after"))

Foreign text is escaped here; a fold is the browser's own <details> and opens without a rerun.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from mapd import exam, prompts
from mapd.answers.limits import name_limit
from mapd.characters import visible
from mapd.store import db, queries
from mapd.store.queries import Item, Response
from mapd.ui import current, figures, look, rows
from mapd.ui.rows import Column
from mapd.ui.text import escape, foreign_html, foreign_line_html, gold_html, one_line, thought_html
from mapd.ui.text import found as hits

PAGE = rows.PAGE
LONGEST = rows.LONGEST


@dataclass(frozen=True, slots=True)
class Answer:
    """A response under its word, and as HTML what it comes to."""

    word: str
    response: Response
    chip: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A question and the answers to it; those without a column stand in the fold alone."""

    question: Item
    answers: tuple[Answer, ...]
    said: str = ""  # what people say of question and answers, as HTML
    right: str = "–"  # how many of the answers are


def answer(word: str, question: Item, response: Response) -> Answer:
    """A response as it was recorded."""
    read = chip(response.outcome, response.answer and question.show(response.answer))
    return Answer(word, response, read + cut_off(response))


def cut_off(response: Response) -> str:
    """HTML: that a response ran into its exam's max_tokens, where it did."""
    return look.chip("cut_off") if response.is_cut_off else ""


def chip(outcome: str, answer: str | None, word: str | None = None) -> str:
    """HTML: an outcome, by its word or another, and the answer."""
    return look.chip(outcome, one_line(answer or "", 18), word=word)


FIRST = {
    "no": rows.NUMBER,
    "family": Column("family", 7, 3),
    "question": Column("question", 11, 0, grows=True),
    "gold": Column("gold", 5.4, 2),
}
LAST = {
    "right": Column("right", 4.2, 6),
    "people": Column("people", 7.5, 4),
    "task": Column("task", 4.2, 5),
    "length": Column("words", 3, 7),
}
ANSWER = 9.6  # rem


def columns(words: Sequence[str]) -> dict[str, Column]:
    """All the columns that there are. `words`: the heads of the answers' columns."""
    return FIRST | {word: Column(escape(word), ANSWER, 1, wraps=True) for word in words} | LAST


def draw(
    shown: Sequence[Shown],
    words: Sequence[str],
    chosen: Sequence[str] = (),
    *,
    judge: bool = False,
    found: str = "",
) -> None:
    """Draw the rows. `words`: the heads of the answers' columns; `chosen`: the columns, where others than usual.

    `judge`: a link to triage for what is a mistake, or was called one. `found`: what was searched for, to be marked.
    Where no question has a family there is no column of it.
    """
    of, names = columns(words), chosen or [*FIRST, *words]
    if not any(one.question.family for one in shown):
        names = [name for name in names if name != "family"]
    with db.reading(current.engine()) as session:
        thoughts = queries.attempt_thoughts(session, [a.response.id for one in shown for a in one.answers])
    with rows.table("attempts", of, names, links=judge):
        bodies = [
            rows.folded(of, names, _cells(one, words, judge, found), _fold(one, found, thoughts)) for one in shown
        ]
        if not judge:
            st.html("".join(bodies))
            return
        for number, (one, body) in enumerate(zip(shown, bodies, strict=True)):
            last = one.answers[len(words) - 1].response
            called_one = last.outcome != "correct" or one.said
            rows.beside(body, f"attempts_{number}", {"mistake": last.uid} if called_one else None)


def _cells(shown: Shown, words: Sequence[str], both: bool, found: str) -> dict[str, rows.Cell]:
    """A row's cells by column; `both`: the response under its question."""
    q = shown.question
    said = (
        f' <span class="mapd-state" style="--c:{look.PURPLE}" title="people said something">✎</span>'
        if shown.said
        else ""
    )
    own = shown.answers[: len(words)]
    lines = (q.text, own[-1].response.text or "no text") if both else (q.text,)
    no, title = rows.number_cell(q)
    cells = {
        "no": no,
        "family": escape(one_line((q.family or "–").replace("_", " "), 24)),
        "question": "".join(foreign_line_html(line, 240, found) for line in lines),
        "gold": f"{gold_html(q.show(q.gold), 24)}{said}",
        **{word: one.chip for word, one in zip(words, own, strict=True)},
        "right": shown.right,
        "people": shown.said or "–",
        "task": q.task.value,
        "length": f"{len(own[-1].response.text.split()):,}",
    }
    return {name: (inside, title if name == "no" else "") for name, inside in cells.items()}


def _fold(shown: Shown, found: str, thoughts: Mapping[int, str]) -> str:
    q = shown.question
    block = prompts.question_block(q.text, q.context, q.options)
    gold = f'<div class="mapd-note">gold {gold_html(q.show(q.gold), 200)}</div>'
    parts = [figures.titled("question", foreign_html(block, hits(block, found), LONGEST) + gold)]
    if shown.said:
        parts.append(figures.titled("people", shown.said))
    for one in shown.answers:
        response = one.response
        text = foreign_html(response.text, hits(response.text, found), LONGEST)
        limit = name_limit(response.text)
        note = f'<span class="mapd-note">{limit}</span>' if limit else _how_read(q, response)
        thought = thought_html(thoughts.get(response.id), LONGEST)
        parts.append(
            figures.titled(one.word, f"{one.chip}{_length(response)}{thought}{text}{_ours(q, response)}{note}")
        )
    return f'<div class="mapd-pair-cells">{"".join(parts)}</div>'


def _length(response: Response) -> str:
    """How many tokens a response took, where that is known."""
    return "" if response.tokens_out is None else f'<span class="mapd-note">{response.tokens_out:,} tokens</span>'


def _how_read(question: Item, response: Response) -> str:
    """How we read the answer, and why, in a fold of its own."""
    answer = exam.read_response(response.text, response.finish, question.task, question.options)
    value = "no answer" if answer.value is None else one_line(question.show(answer.value), 80)
    return (
        '<details class="mapd-note"><summary>how is this read?</summary>'
        f"{escape(value)}: {escape(visible(answer.why))}</details>"
    )


def _ours(question: Item, response: Response) -> str:
    """Our own reading, where the file that was imported says otherwise."""
    if response.our_outcome == response.outcome:
        return ""
    theirs = look.LOOKS[response.outcome].word
    ours = look.LOOKS[response.our_outcome].word
    read = f" {escape(one_line(question.show(response.our_answer), 40))}" if response.our_answer else ""
    return f'<span class="mapd-note">the file calls it {theirs}; as we read the answer{read}: {ours}</span>'


def pages(count: int, key: str = "page") -> int:
    """Draw the page numbers of so many rows; returns the page that is chosen, from 1."""
    total = max(1, -(-count // PAGE))
    return min(st.pagination(total, key=key, bind="query-params"), total)


def part(shown: Iterable[Shown], page: int) -> list[Shown]:
    """The rows of one page."""
    return list(shown)[(page - 1) * PAGE : page * PAGE]
