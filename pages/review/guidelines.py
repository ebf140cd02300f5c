"""Guidelines: how people are to judge, every version kept; and for which reasons they can reject a text."""

import streamlit as st

from mapd.review.guidelines import Version, versions
from mapd.ui import guidelines
from mapd.ui.kit import context, frame, rich_text, text, times


def draw_page() -> None:
    """Draw a version, the field for a new one, the reasons for a rejection, and all versions."""
    all_versions = context.read(versions)
    if not all_versions:
        st.markdown("**No guidelines yet.** Triage shows them beside the work.")
    elif (version := find_version(all_versions)) is not None:
        period = "the current one" if version.until is None else f"until {times.moment(version.until)}"
        st.caption(text.label(f"Version {version.number}, by {version.person}, {period}"))
        # In a frame: the text may come from an archive.
        rich_text.draw(version.text, "guidelines")
    if context.owns():
        with st.expander("Write a new version", icon=":material/edit:", expanded=not all_versions):
            guidelines.draw_editor(all_versions)
    guidelines.draw_reasons()
    if all_versions:
        guidelines.draw_versions(all_versions)


def find_version(all_versions: list[Version]) -> Version | None:
    """Return the version in the address, or else the current one."""
    number = st.query_params.get("version")
    version = next((v for v in all_versions if number in (None, str(v.number))), None)
    if version is None:
        text.complain(f"this address asks for version {number} of the guidelines; there are {len(all_versions)}")
    return version


frame.head("Guidelines")
draw_page()
