"""Notes which texts a person saw unblinded: a later judgement on them wasn't made first.

note("ann", {17, 18})      # as they are shown
note("", {17, 18})         # without a name: kept in this tab until the person enters one
"""

from collections.abc import Collection
from contextlib import suppress

import streamlit as st

from mapd.errors import Busy
from mapd.review import seats
from mapd.store import db
from mapd.ui.kit.context import impatient_engine, read

# Session state: the pairs of person and text that this tab noted.
NOTES = "reveals_noted"


def note(person: str, texts: Collection[int]) -> None:
    """Note that this person sees these texts. Where the database is busy, the page's next run notes them."""
    notes: set[tuple[str, int]] = st.session_state.setdefault(NOTES, set())
    nameless_texts = {text for name, text in notes if not name}
    fresh = {text for text in {*texts, *nameless_texts} if (person, text) not in notes}
    # Noting must not hold up the page: nobody pressed anything.
    with suppress(Busy):
        if person and fresh:
            unknown = fresh - read(seats.find_exposed, person, fresh)
            if unknown:
                with db.writing(impatient_engine()) as session:
                    seats.record_exposed(session, person, unknown)
        notes |= {(person, text) for text in fresh}
