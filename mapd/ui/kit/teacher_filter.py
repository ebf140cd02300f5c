"""The choice of teachers that a curated set is narrowed to, in the address: `teachers=gpt&teachers=gemini`."""

import streamlit as st

from mapd.store import exam_material, queries
from mapd.ui.kit import context, text, url_state

KEY = "teachers"


def choose(exam_id: int) -> tuple[str, ...]:
    """Draw the choice; return the teachers' names."""
    voices, places = context.read(queries.voices, exam_id), context.read(exam_material.places)
    names = {line: name for line, name in text.distinct_lines(voices).items() if places[name] is not None}
    url_state.settle(KEY, exam_id, teachers=[])
    url_state.refuse_unknown_choices(KEY, list(names), [])
    if len(names) < 2:
        return ()
    lines = st.multiselect(
        "Teachers",
        list(names),
        key=KEY,
        bind="query-params",
        placeholder="All",
        help="The set with the texts of these teachers alone, and people’s repairs of them. Reviews by all count.",
        width=320,
    )
    return tuple(names[line] for line in lines)
