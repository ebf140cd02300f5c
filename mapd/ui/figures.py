"""Numbers in rows, bars and tables as HTML of our own: aligned, calm, every text escaped.

st.html(figures.row([(387, "mistakes"), (1161, "rationales")]))
st.html(figures.table(["teacher", "accepted"], [["gpt", 286], [Html(chip), linked(221, "/browse?…")]]))
"""

import html
from collections.abc import Iterable, Sequence
from itertools import count
from pathlib import Path

import streamlit as st

from mapd.ui.text import escape

STYLE = Path(__file__).parent / "figures.css"


class Html(str):
    """A string that is HTML already; any other string is escaped."""

    __slots__ = ()


Cell = str | int | None


def add_style() -> None:
    """Put the stylesheet of these parts on the page."""
    st.html(STYLE)


def cell_html(cell: Cell) -> str:
    """A cell as HTML: thousands apart, nothing as a dash."""
    if cell is None:
        return '<span class="mapd-note">–</span>'
    if isinstance(cell, Html):
        return cell
    return f"{cell:,}" if isinstance(cell, int) else escape(cell)


def link_cell(cell: Cell, address: str) -> Html:
    """A cell that leads to its rows; 0 and nothing lead nowhere."""
    return Html(f'<a href="{html.escape(address)}">{cell_html(cell)}</a>' if cell else cell_html(cell))


def row(items: Iterable[tuple[Cell, str]]) -> str:
    """Figures beside each other, each over its word."""
    cells = (f"<div><dd>{cell_html(value)}</dd><dt>{escape(word)}</dt></div>" for value, word in items)
    return f'<dl class="mapd-figures">{"".join(cells)}</dl>'


def facts(items: Iterable[tuple[str, Cell]]) -> str:
    """Words with what is said to each, in columns that stand under each other from one such list to the next."""
    cells = (f"<div><dt>{escape(word)}</dt><dd>{cell_html(value)}</dd></div>" for word, value in items)
    return f'<dl class="mapd-setup">{"".join(cells)}</dl>'


def titled_block(title: str, body: str) -> str:
    """A small heading over a piece of HTML; `body` is HTML already."""
    return f'<div class="mapd-titled"><div class="mapd-section">{escape(title)}</div>{body}</div>'


def table(
    header: Sequence[str], rows: Iterable[Sequence[Cell]], words: int = 1, groups: Sequence[tuple[str, int]] = ()
) -> str:
    """A table whose first `words` columns read from the left; the others are numbers, aligned at the right.

    `groups`: a line above the header, as (words, columns that it spans).
    """
    begin, spans = 0, ""
    for name, width in groups:
        side = "mapd-word" if begin < words else "mapd-number"
        spans += f'<th colspan="{width}" class="mapd-group {side}">{escape(name)}</th>'
        begin += width
    lines = [f"<tr>{spans}</tr>"] if groups else []
    lines.append(f"<tr>{_cells('th', map(escape, header), words)}</tr>")
    lines += [f"<tr>{_cells('td', map(cell_html, cells), words)}</tr>" for cells in rows]
    return f'<div class="mapd-scroll mapd-wide" tabindex="0"><table class="mapd-table">{"".join(lines)}</table></div>'


def _cells(tag: str, cells: Iterable[str], words: int) -> str:
    classes = ("mapd-word" if n < words else "mapd-number" for n in count())
    return "".join(
        f'<{tag} class="{class_name}">{cell}</{tag}>' for class_name, cell in zip(classes, cells, strict=False)
    )


def bar(number: int, of: int) -> str:
    """A calm bar of `number` in `of`; the figures stand beside it."""
    share = min(1.0, number / of) if of else 0.0
    return f'<span class="mapd-bar" aria-hidden="true"><i style="width:{share:.1%}"></i></span>'


def bars(lines: Iterable[tuple[str, Cell, int, int, str]]) -> str:
    """Lines of name, count as shown, count, out of, and a note, each with its bar."""
    return '<div class="mapd-bars">' + "".join(_bar_line(*line) for line in lines) + "</div>"


def _bar_line(name: str, cell: Cell, number: int, of: int, note: str) -> str:
    return (
        f"<span>{escape(name)}</span><b>{cell_html(cell)}</b>"
        f'<span class="mapd-note">of {of:,}</span>{bar(number, of)}<span class="mapd-note">{escape(note)}</span>'
    )
