"""Which texts were shown with all that is known of them: what somebody says of one later wasn't judged first.

note("ann", {17, 18})      # as they are shown
note("", {17, 18})         # to one who has given no name yet: kept in this tab, and noted for whoever gives one
"""

from collections.abc import Collection
from contextlib import suppress

import streamlit as st

from mapd.curation import seen
from mapd.errors import Busy
from mapd.store import db
from mapd.ui.current import engine, impatient_engine

NOTED = "reveals_noted"  # session state: whom this tab has shown which texts


def note(person: str, texts: Collection[int]) -> None:
    """Note that these texts are shown to this person. Where the database is busy the page's next run does it."""
    noted: set[tuple[str, int]] = st.session_state.setdefault(NOTED, set())
    unnamed = {text for name, text in noted if not name}
    fresh = {text for text in {*texts, *unnamed} if (person, text) not in noted}
    with suppress(Busy):
        if person and fresh:
            with db.reading(engine()) as session:
                unknown = fresh - seen.of(session, person, fresh)
            if unknown:
                with db.writing(impatient_engine()) as session:
                    seen.note(session, person, unknown)
        noted |= {(person, text) for text in fresh}
