"""What can be seen of an open snapshot beside its pairs: another one, its lineage, dev and test, its card, its record.

?snapshot=3f2a…&view=Compare&against=9c1e…
"""

import json
from collections.abc import Callable, Mapping, Sequence

import streamlit as st
from sqlmodel import Session

from mapd.curation import frozen_sets
from mapd.curation.near_duplicates import USUAL
from mapd.curation.snapshot_diff import PairChange, SnapshotDiff
from mapd.errors import MapdError
from mapd.exchange.training import data_card
from mapd.exchange.training import snapshots as outgoing
from mapd.people import Person
from mapd.store import queries
from mapd.store import tables as t
from mapd.ui import lineage_boxes, trimming_form
from mapd.ui.kit import actions, context, exports, tables, text, times, url_state
from mapd.ui.kit.pagination import take_page

PAIRS = "Pairs"
AGAINST = "against"
SHORT_NAME, LINES = 12, 20
REFUSAL = "card_refusal"


def choose_view() -> str:
    """Draw the choice of what is seen of the snapshot; return it."""
    views = [PAIRS, *VIEWS]
    url_state.refuse_unknown("view", views, PAIRS)
    choice = st.segmented_control(
        "View", views, key="view", bind="query-params", default=PAIRS, required=True, label_visibility="collapsed"
    )
    return str(choice or PAIRS)


def draw_view(view: str, row: t.Snapshot) -> None:
    """Draw one view of the snapshot; where it can't be made, why."""
    try:
        VIEWS[view](row)
    except MapdError as error:
        text.complain(str(error))


# --- Compare ----------------------------------------------------------------------------------------------------------


def _draw_diff(row: t.Snapshot) -> None:
    candidates = {other.sha256: other for other in context.read(queries.snapshots) if other.sha256 != row.sha256}
    if not candidates:
        st.caption("No other snapshot yet: freeze another one, and what changed is seen here.")
        return
    requested = st.query_params.get(AGAINST)
    if requested is not None and requested not in candidates:
        text.complain(f"this address compares with a snapshot that isn't there: {requested}")
    names = list(candidates)
    # No `bind`: streamlit would put the words of an option into the address.
    choice = st.selectbox(
        "Changes since",
        names,
        names.index(requested) if requested in candidates else 0,
        format_func=lambda sha256: _describe_other(candidates[sha256]),
        width=460,
    )
    if choice != requested:
        st.query_params[AGAINST] = choice
    _draw_changes(_load_diff(choice, row.sha256))
    _draw_command(f"diff {choice[:SHORT_NAME]} {row.sha256[:SHORT_NAME]}")


def _describe_other(row: t.Snapshot) -> str:
    return f"{row.sha256[:SHORT_NAME]} · {row.pairs:,} pairs · {times.moment(row.created_at)}"


@st.cache_data(max_entries=16, show_spinner="Comparing …")
def _load_diff(older: str, newer: str) -> SnapshotDiff:
    # Snapshots never change, and their names are their contents.
    return context.read(frozen_sets.compare, older, newer)


def _draw_changes(diff: SnapshotDiff) -> None:
    parts = {"added": diff.added, "dropped": diff.dropped, "changed": diff.changed}
    tables.draw_row(*((len(changes), f"mistakes {word}") for word, changes in parts.items()), (diff.same, "as before"))
    if diff.settings:
        rows = [(x.name, text.one_line(x.older, 100), text.one_line(x.newer, 100)) for x in diff.settings]
        tables.draw_table(("made otherwise", "before", "here"), rows, words=3)
    lines = [(word, change) for word, changes in parts.items() for change in changes]
    if lines:
        tables.draw_table(("", "question", "why"), map(_change_cells, take_page(lines, LINES, "diff_page")), words=3)


def _change_cells(line: tuple[str, PairChange]) -> tuple[tables.Cell, ...]:
    word, change = line
    return word, text.one_line(f"{change.source_id}: {change.question}", 110), text.one_line("; ".join(change.why), 300)


# --- The others -------------------------------------------------------------------------------------------------------


def _draw_lineage(row: t.Snapshot) -> None:
    lineage_boxes.draw_snapshot(row.sha256)
    _draw_command(f"lineage {row.sha256[:SHORT_NAME]}")


def _draw_leakage(row: t.Snapshot) -> None:
    leakage = context.read(frozen_sets.check_leakage, row.sha256)
    tables.draw_row(
        (leakage.taught, "questions"),
        (leakage.dev, "dev questions of the project"),
        (leakage.test, "test questions of the project"),
        (len(leakage.leaks), "stand there, too"),
        (len(leakage.templates), "share a template"),
    )
    if not leakage.leaks:
        st.caption("None is equal to a question of dev or test, or nearly the same words with the same numbers.")
    trimming_form.draw_leakage(leakage, is_frozen=True)
    _draw_command(f"leaks {row.sha256[:SHORT_NAME]}")


def _draw_near(row: t.Snapshot) -> None:
    url_state.refuse_unknown("at", list(AT), f"{USUAL:.0%}")
    choice = st.selectbox("Words in the same order", list(AT), key="at", bind="query-params", index=2, width=190)
    near = _load_near(row.sha256, AT[choice])
    if not near:
        st.caption("None: no pair says nearly what another one says.")
    else:
        rows = [
            (f"{x.likeness:.0%}", text.one_line(x.question, 100), text.one_line(x.of_question, 100))
            for x in take_page(near, LINES, "near_page")
        ]
        tables.draw_table(("like", f"{len(near):,} near-duplicates", "say nearly what this one says"), rows, words=3)
    _draw_command(f"near {row.sha256[:SHORT_NAME]} --at {AT[choice]:g}")


AT = {f"{x} %": x / 100 for x in (70, 80, 90, 95, 100)}


@st.cache_data(max_entries=16, show_spinner="Looking for near-duplicates …")
def _load_near(sha256: str, threshold: float) -> Sequence[frozen_sets.NearPair]:
    return context.read(frozen_sets.list_near_pairs, sha256, threshold)


def _draw_card(row: t.Snapshot) -> None:
    facts = context.read(data_card.load_facts, row.sha256)
    texts = {kind: write(facts) for kind, write in data_card.WRITERS.items()}
    if exports.is_allowed():
        _draw_downloads(row, texts)
    for title, kind in (("Methods paragraph", "methods"), ("The same in LaTeX", "latex"), ("Data card", "card")):
        st.html(f'<div class="mapd-section">{title}</div>')
        st.code(texts[kind], language=None, wrap_lines=True)
    _draw_command(f"card {row.sha256[:SHORT_NAME]} --as latex")


def _draw_downloads(row: t.Snapshot, texts: Mapping[str, str]) -> None:
    if not context.current_person().name:
        actions.ask("snapshot_card", "Download")
        return
    with st.container(horizontal=True, gap="small"):
        for kind, body in texts.items():
            name = f"snapshot-{row.sha256[:SHORT_NAME]}-{data_card.ENDINGS[kind]}"
            download = (row.sha256, name, body.encode(), row.pairs)
            st.download_button(
                data_card.ENDINGS[kind],
                body,
                name,
                icon=":material/download:",
                on_click=_note_download,
                args=download,
                key=f"get_card_{kind}",
            )
    if reason := st.session_state.pop(REFUSAL, None):
        text.complain(reason)


def _note_download(sha256: str, name: str, body: bytes, pairs: int) -> None:
    def note(session: Session, person: Person) -> None:
        outgoing.note_download(session, sha256, name, body, pairs, by=person)

    actions.write(note, REFUSAL)


def _draw_manifest(row: t.Snapshot) -> None:
    st.code(json.dumps(row.manifest, indent=2, ensure_ascii=False), language=None, wrap_lines=True)


def _draw_command(words: str) -> None:
    st.caption("The same in a terminal:")
    st.code(f"mapd snapshots {words}", language=None, wrap_lines=True)


VIEWS: Mapping[str, Callable[[t.Snapshot], None]] = {
    "Compare": _draw_diff,
    "Lineage": _draw_lineage,
    "Dev and test": _draw_leakage,
    "Near-duplicates": _draw_near,
    "Card": _draw_card,
    "Manifest": _draw_manifest,
}
