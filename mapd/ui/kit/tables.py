"""Numbers in rows, bars and tables: aligned, every text escaped."""

import html
from collections.abc import Iterable, Sequence
from itertools import count
from pathlib import Path

import streamlit as st

from mapd.curation.resampling import Measurement
from mapd.ui.kit.text import escape

STYLE = Path(__file__).parent / "tables.css"


class Html(str):
    """A string that is HTML already; any other string is escaped."""

    __slots__ = ()


Cell = str | int | None
# How numbers with an interval are written.
NUMBER, SIGNED, SIGNED_TENTHS, PERCENT = "{:.2f}", "{:+.2f}", "{:+.1f}", "{:.0%}"


def cell_html(cell: Cell) -> str:
    """Return a cell as HTML: numbers with thousands separators, None as a dash."""
    if cell is None:
        return '<span class="mapd-note">–</span>'
    if isinstance(cell, Html):
        return cell
    return f"{cell:,}" if isinstance(cell, int) else escape(cell)


def link_cell(cell: Cell, address: str) -> Html:
    """Return a cell that links to its rows; 0 and None have no link."""
    return Html(f'<a href="{html.escape(address)}">{cell_html(cell)}</a>' if cell else cell_html(cell))


def interval_cell(words: str, low: float, high: float, form: str = PERCENT) -> Html:
    """Return a number, in words, with its interval."""
    return Html(f'{words} <span class="mapd-note">[{_format(low, form)}, {_format(high, form)}]</span>')


def estimate_cell(estimate: Measurement, form: str, scale: float = 1) -> Cell:
    """Return a number with its interval; where there is none, why."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return Html(f'<span class="mapd-note">{escape(estimate.why)}</span>') if estimate.why else None
    value, low, high = (scale * number for number in (estimate.value, estimate.low, estimate.high))
    return interval_cell(_format(value, form), low, high, form)


def _format(number: float, form: str) -> str:
    # "-0.00" is 0, too.
    plain = form.format(number).replace("-", "−")
    return plain.removeprefix("−") if plain.startswith("−") and not any(c in "123456789" for c in plain) else plain


def draw_row(*items: tuple[Cell, str]) -> None:
    """Draw numbers beside each other, each above its word."""
    cells = (f"<div><dd>{cell_html(value)}</dd><dt>{escape(word)}</dt></div>" for value, word in items)
    st.html(f'<dl class="mapd-figures">{"".join(cells)}</dl>')


def draw_facts(*items: tuple[str, Cell]) -> None:
    """Draw words with their values, in columns that align from one such list to the next."""
    cells = (f"<div><dt>{escape(word)}</dt><dd>{cell_html(value)}</dd></div>" for word, value in items)
    st.html(f'<dl class="mapd-setup">{"".join(cells)}</dl>')


def titled_block(title: str, body: str) -> str:
    """Return a piece of HTML with a small heading; `body` is HTML already."""
    return f'<div class="mapd-titled"><div class="mapd-section">{escape(title)}</div>{body}</div>'


def draw_table(
    header: Sequence[str], rows: Iterable[Sequence[Cell]], words: int = 1, groups: Sequence[tuple[str, int]] = ()
) -> None:
    """Draw a table. Its first `words` columns are aligned left; the others are numbers, aligned right.

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
    st.html(f'<div class="mapd-scroll mapd-wide" tabindex="0"><table class="mapd-table">{"".join(lines)}</table></div>')


def _cells(tag: str, cells: Iterable[str], words: int) -> str:
    classes = ("mapd-word" if n < words else "mapd-number" for n in count())
    return "".join(f'<{tag} class="{name}">{cell}</{tag}>' for name, cell in zip(classes, cells, strict=False))


def bar(number: int, total: int) -> str:
    """Return a bar for `number` in `of`, for screens alone: the numbers stand beside it."""
    share = min(1.0, number / total) if total else 0.0
    return f'<span class="mapd-bar" aria-hidden="true"><i style="width:{share:.1%}"></i></span>'


def draw_bars(lines: Iterable[tuple[str, int, int, str]]) -> None:
    """Draw a line with a bar for each name, number, out of, and note."""
    lines_html = (
        f'<span>{escape(name)}</span><b>{number:,}</b><span class="mapd-note">of {total:,}</span>{bar(number, total)}'
        f'<span class="mapd-note">{escape(note)}</span>'
        for name, number, total, note in lines
    )
    st.html(f'<div class="mapd-bars">{"".join(lines_html)}</div>')
