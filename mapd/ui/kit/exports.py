"""A file that is made on demand and then saved: a choice of formats, a button that makes it, and one that saves it.

exports.draw_form("snapshot", sha256, {"messages": "messages: chat JSONL"}, {"messages": "rows.jsonl"}, write)

The file is made by an act of its own, because it is noted under a name, takes a while, and may be refused in a line.
"""

import io
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import streamlit as st

from mapd.errors import MapdError
from mapd.people import Person, Right, may
from mapd.ui.kit import actions, context, text

# Rows of a file that a browser gets: it is in memory as a whole. A command writes more.
MOST_ROWS = 100_000


class Export(Protocol):
    """What an export wrote."""

    @property
    def rows(self) -> int:
        """Return the number of its rows."""
        ...


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A file to save, and what it was made of and as."""

    subject: object
    format: str
    name: str
    content: bytes
    rows: int


Write = Callable[[str, Path, Person], Export]


def is_allowed() -> bool:
    """Return whether this person may export."""
    return may(context.current_person(), Right.EXPORT)


def draw_form(key: str, subject: object, formats: Mapping[str, str], names: Mapping[str, str], write: Write) -> str:
    """Draw the form; return the format that is chosen.

    `subject`: what is exported; a file of another one isn't offered any more. `names`: the file's, by format. `write`
    makes a file or a folder; a folder is saved as a zip.
    """
    choice = str(st.selectbox("Format", list(formats), format_func=formats.__getitem__, key=f"{key}_format"))
    # A button that asks for a name would be a popover, and this form stands in one.
    if not context.current_person().name:
        actions.ask(key)
        return choice
    made_key = f"{key}_file"
    if st.button("Make the file", icon=":material/build:", key=f"{key}_make"):
        st.session_state.pop(made_key, None)
        with st.spinner("Writing …"):
            made = _make(subject, choice, write, names[choice])
        if isinstance(made, str):
            text.complain(made)
        else:
            st.session_state[made_key] = made
    made_file: MadeFile | None = st.session_state.get(made_key)
    if made_file is not None and (made_file.subject, made_file.format) == (subject, choice):
        st.download_button(
            f"Save {made_file.name}",
            made_file.content,
            made_file.name,
            icon=":material/download:",
            type="primary",
            on_click="ignore",
            key=f"{key}_save",
        )
        st.caption(f"{made_file.rows:,} rows, {len(made_file.content):,} bytes")
    return choice


def _make(subject: object, choice: str, write: Write, name: str) -> MadeFile | str:
    """Return the file; or why it can't be made."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        try:
            written = write(choice, path, context.acting_person())
        except MapdError as error:
            return str(error)
        if path.is_dir():
            return MadeFile(subject, choice, f"{name}.zip", _zip(path), written.rows)
        return MadeFile(subject, choice, name, path.read_bytes(), written.rows)


def _zip(folder: Path) -> bytes:
    """Return a folder as a zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, f"{folder.name}/{file.relative_to(folder).as_posix()}")
    return out.getvalue()
