"""Guidelines: how people are to judge, every version kept; and for which reasons they can reject a text."""

import streamlit as st

from mapd.curation.guidelines import Version
from mapd.ui import current, figures, guidelines, reasons, rendered, text, times


def page() -> None:
    """The version that the address asks for, the field for a new one, the reasons for a rejection, and all versions."""
    found = guidelines.read()
    if not found:
        st.markdown("**No guidelines yet.** What stands here, triage shows beside the work.")
    elif (shown := asked(found)) is not None:
        now = "the current one" if shown.until is None else f"until {times.moment(shown.until)}"
        st.caption(text.label(f"Version {shown.number}, by {shown.person}, {now}"))
        rendered.draw(shown.text, "guidelines")
    if current.owns():
        with st.expander("Write a new version", icon=":material/edit:", expanded=not found):
            guidelines.edit(found)
    reasons.draw()
    if found:
        guidelines.listed(found)


def asked(found: list[Version]) -> Version | None:
    """The version of the address; the current one where it names none."""
    number = st.query_params.get("version")
    shown = next((v for v in found if number in (None, str(v.number))), None)
    if shown is None:
        text.complain(f"this address asks for version {number} of the guidelines; there are {len(found)}")
    return shown


figures.style()
st.header("Guidelines", anchor=False)
page()
