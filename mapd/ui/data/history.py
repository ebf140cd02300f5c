"""What came in and what went out: when, by whom, how many, which file, and a link to what it made.

The address keeps which way is shown, and the page: /data?moved=out&moved_page=2
"""

import html

import streamlit as st

from mapd.store import exchange_log
from mapd.store.exchange_log import Direction, ExchangeEntry, Subject
from mapd.ui.kit import context, tables, text, times, url_state
from mapd.ui.kit.pagination import choose_start
from mapd.ui.kit.tables import Cell, Html

HEADER = ("when", "by", "", "what", "file, or from where", "sha256", "of what", "how many")
PAGE_SIZE = 25
WAYS = {"all": None, "in": Direction.IN, "out": Direction.OUT}
# The keys of the two widgets, and so of the address.
WAY, PAGE = "moved", "moved_page"
SHORT_NAME = 12
SIGNS = {Direction.IN: "↓ in", Direction.OUT: "↑ out"}


def draw() -> None:
    """Draw the acts by which something came in or went out, the newest first."""
    total = context.read(exchange_log.count_entries)
    st.subheader("In and out")
    if not total:
        st.caption("Nothing came in or went out yet. Each import and each export will be listed here.")
        return
    url_state.settle("history", None, **{WAY: "all", PAGE: 1})
    url_state.refuse_unknown(WAY, WAYS, "all")
    choice = st.segmented_control(
        "Which way",
        list(WAYS),
        key=WAY,
        required=True,
        default="all",
        label_visibility="collapsed",
        on_change=_go_to_first_page,
        **url_state.BOUND,
    )
    direction = WAYS[choice or "all"]
    count = context.read(exchange_log.count_entries, direction)
    if not count:
        st.caption(f"Nothing {'came in' if direction is Direction.IN else 'went out'} yet.")
        return
    table = st.container()
    start = choose_start(count, PAGE_SIZE, PAGE)
    with table:
        entries = context.read(exchange_log.list_entries, direction, limit=PAGE_SIZE, offset=start)
        tables.draw_table(HEADER, map(_row, entries), words=7)
        st.caption(f"{start + 1:,}–{start + len(entries):,} of {count:,} · `mapd project history` lists them, too")


def _go_to_first_page() -> None:
    st.session_state[PAGE] = 1


def _row(entry: ExchangeEntry) -> tuple[Cell, ...]:
    what = entry.action if entry.format in (None, *entry.action.split()) else f"{entry.action}, {entry.format}"
    file = entry.file or entry.origin
    return (
        times.cell(entry.at),
        text.one_line(entry.person, 30),
        SIGNS[entry.direction],
        text.one_line(what, 40),
        _titled(file, text.one_line(file, 40)) if file else None,
        _titled(entry.sha256, entry.sha256[:SHORT_NAME]) if entry.sha256 else None,
        _subject_cell(entry.subject),
        entry.rows,
    )


def _titled(value: str, beginning: str) -> Html:
    """Return the beginning of a name in code, with all of it in the tooltip."""
    title = html.escape(text.one_line(value, 500))
    return Html(f'<code class="mapd-file" title="{title}">{text.escape(beginning)}</code>')


def _subject_cell(subject: Subject) -> Cell:
    words = subject.kind.replace("_", " ")
    if subject.kind == "archive":
        return "the project"
    if subject.name is None:
        return f"{words}, not here any more"
    label = f"{words} {text.one_line(subject.name, SHORT_NAME if subject.kind == 'snapshot' else 40)}"
    addresses: dict[str, tuple[str, dict[str, object]]] = {
        "exam": ("exam", {"exam": subject.ref}),
        "question_set": ("exam", {"questions": subject.name}),
        "snapshot": ("snapshots", {"exam": subject.exam, "snapshot": subject.ref}),
        "student": ("finetune", {}),
    }
    if subject.kind not in addresses:
        return label
    page, params = addresses[subject.kind]
    return tables.link_cell(label, context.address(page, **params))
