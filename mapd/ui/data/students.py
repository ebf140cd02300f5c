"""A student that was trained elsewhere, by upload: choose its adapter's two files, its parent, its snapshot; add it.

The function is that of `mapd students add NAME --adapter DIR` (exchange/adapters.py), so page and command refuse alike.
"""

import shlex
import tempfile
from collections.abc import Sequence
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.uploaded_file_manager import UploadedFile

from mapd import students
from mapd.errors import MapdError
from mapd.exchange import adapters
from mapd.exchange.adapters import AdapterImport
from mapd.models.adapters import FILES
from mapd.store import queries
from mapd.ui.data import forms
from mapd.ui.kit import actions, context, text, times

# The largest file. A larger adapter is added by the command.
MEGABYTES = 200
# Session state: a number in the uploader's key (another one empties it); what was added.
UPLOADER, ADDED = "adapter_turn", "adapter_added"
SHORT_NAME = 12


def draw() -> None:
    """Draw the form, and what it added last."""
    home = context.settings().home
    rows = [row for row in context.read(students.list_students) if students.is_here(row, home)]
    names = [row.name for row in rows]
    if not names:
        st.markdown("**No student can be its parent yet.** An adapter changes a model that is here: add that first.")
        context.link("pages/loop/exam.py", "Add a student", icon=":material/school:")
        forms.show_command("mapd students add NAME --path FOLDER")
        return
    uploader = st.session_state.get(UPLOADER, 0)
    files = st.file_uploader(
        f"The adapter: {' and '.join(FILES)}",
        type=["json", "safetensors"],
        accept_multiple_files=True,
        key=f"adapter_{uploader}",
        max_upload_size=MEGABYTES,
        help="As TRL, LLaMA-Factory, Axolotl or peft itself write it. Other files of the folder aren't needed.",
    )
    name_column, parent_column, snapshot_column = st.columns(3)
    name = name_column.text_input("Its name", max_chars=students.LONGEST_NAME, key=f"adapter_name_{uploader}").strip()
    # Most are trained on a base model.
    index = next((place for place, row in enumerate(rows) if row.adapter is None), 0)
    parent = parent_column.selectbox(
        "Trained on the student", names, index, format_func=text.one_line, key="adapter_parent"
    )
    snapshot = _choose_snapshot(snapshot_column)
    if files:
        st.session_state.pop(ADDED, None)
    elif (result := st.session_state.get(ADDED)) is not None:
        _draw_result(result)
    _draw_button(files, name, parent, snapshot)
    words = ["mapd students add", shlex.quote(name) if name else "NAME", "--adapter FOLDER"]
    words += [f"--parent {shlex.quote(text.one_line(parent, 200))}"]
    words += [f"--snapshot {snapshot[:SHORT_NAME]}"] if snapshot else []
    forms.show_command(" ".join(words))


def _choose_snapshot(column: DeltaGenerator) -> str | None:
    frozen = {
        row.sha256: f"{row.sha256[:SHORT_NAME]} · {row.pairs:,} pairs · {times.moment(row.created_at)}"
        for row in context.read(queries.snapshots)
    }
    choice: str = column.selectbox(
        "On the snapshot",
        ["", *frozen],
        format_func=lambda sha256: frozen.get(sha256, "none of this project"),
        key="adapter_snapshot",
    )
    return choice or None


def _draw_button(files: Sequence[UploadedFile], name: str, parent: str, snapshot: str | None) -> None:
    absent = [file for file in FILES if file not in {upload.name for upload in files}]
    with st.container(horizontal=True, vertical_alignment="center"):
        is_pressed = actions.button(
            "Add the student",
            type="primary",
            icon=":material/upload:",
            key="add_adapter",
            disabled=bool(absent) or not name,
        )
        hint = (
            f"Choose {' and '.join(absent)}." if absent else "Give it a name." if not name else "All of it or nothing."
        )
        st.caption(text.label(hint, 200))
    if not is_pressed:
        return
    try:
        with st.spinner("Looking whether it fits …"), tempfile.TemporaryDirectory() as folder:
            result = _add(files, Path(folder), name, parent, snapshot)
    except MapdError as error:
        text.complain(str(error).replace(folder, "the adapter"))
        return
    forms.empty_uploader(UPLOADER, files)
    st.session_state[ADDED] = result
    st.rerun()


def _add(files: Sequence[UploadedFile], folder: Path, name: str, parent: str, snapshot: str | None) -> AdapterImport:
    person, home = context.acting_person(), context.settings().make_home()
    for upload in files:
        # A name that a browser sends is foreign: only these two are written.
        if upload.name in FILES:
            (folder / upload.name).write_bytes(upload.getbuffer())
    engine = context.engine()
    return adapters.add(
        engine, name, folder, parent=parent, snapshot=snapshot, by=person, home=home, source=" and ".join(FILES)
    )


def _draw_result(result: AdapterImport) -> None:
    words = "Added" if result.is_new else "This adapter is in the project already, as"
    st.success(f"{words}: {text.label(result.name, 100)}, round {result.round}", icon=":material/check:")
    for note in result.notes:
        st.warning(text.label(note, 400), icon=":material/info:")
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(key="primary_link", width="content"):
            context.link("pages/loop/exam.py", "Examine it", icon=":material/quiz:")
        context.link("pages/train/finetune.py", "See where it comes from", icon=":material/model_training:")
