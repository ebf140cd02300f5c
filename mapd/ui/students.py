"""The form that adds a student behind a server, with the command that does the same; and the ones to be enabled."""

import shlex
from collections.abc import Mapping
from typing import Any

import streamlit as st

from mapd import approvals, keys, served_students, server_access, students
from mapd.errors import BadInput, MapdError
from mapd.people import Right, require
from mapd.store import tables as t
from mapd.ui.kit import actions, context, key_consent, refusals, text

# Session state: why the form's last press added nothing; numbers in the fields' keys.
REFUSAL, FORM_VERSION, KEY_FIELD = "student_refused", "student_form", "student_key_field"
ABOUT = (
    "A model, or an adapter by its own name, at vLLM, SGLang, llama.cpp, Ollama, or any server that speaks OpenAI’s "
    "API. With its tokenizer it is sent its own prompt, the one of its training, in tokens; Ollama takes no tokens, so "
    "there its server writes the prompt."
)


def draw_form() -> None:
    """Draw the form that adds a served student. A refusal is one line, and what was typed stays."""
    version = st.session_state.get(FORM_VERSION, 0)
    with st.expander("Add a student behind a server"):
        st.caption(ABOUT)
        values = _draw_fields(version)
        st.caption("The same in a terminal:")
        st.code(write_command(values), language=None, wrap_lines=True)
        approved = _confirm_key(values)
        if actions.button("Add the student", key="add_served", icon=":material/add:", type="primary"):
            st.session_state[REFUSAL] = _add(values, approved=approved)
            st.rerun()
        refusals.draw_message(REFUSAL)
    _draw_disabled()


def _draw_fields(version: int) -> dict[str, Any]:
    first, second, third = st.columns(3)
    values: dict[str, Any] = {
        "name": first.text_input("Name", max_chars=students.LONGEST_NAME, key=f"served_name_{version}"),
        "model": second.text_input("Model at its server", placeholder="qwen-1.5b", key=f"served_model_{version}"),
        "base_url": third.text_input("Base URL", placeholder="http://127.0.0.1:8000/v1", key=f"served_url_{version}"),
    }
    first, second, third = st.columns(3)
    names = [row.name for row in context.read(students.list_students)]
    key_version = st.session_state.get(KEY_FIELD, 0)
    values["parent"] = first.selectbox(
        "Taught from", names, None, format_func=text.one_line, placeholder="no parent", key=f"served_parent_{version}"
    )
    values["tokenizer"] = second.text_input(
        "Tokenizer", placeholder="its parent’s, or a folder, ORG/NAME", key=f"served_tokenizer_{version}"
    )
    values["key_env"] = third.text_input(
        "Key’s variable", placeholder="no key", key=f"served_key_{version}_{key_version}"
    )
    at_once, chat = st.columns((1, 2), vertical_alignment="bottom")
    values["concurrency"] = at_once.number_input(
        "Calls at once", 1, 1024, None, placeholder=str(served_students.CONCURRENCY), key=f"served_at_once_{version}"
    )
    values["by_chat"] = chat.toggle(
        "Its server writes the prompt", key=f"served_chat_{version}", help="Compared with its own before each exam."
    )
    return {name: value.strip() if isinstance(value, str) else value for name, value in values.items()}


def write_command(values: Mapping[str, Any]) -> str:
    """Return the command that adds the student of these fields."""
    words = ["mapd", "students", "add", values["name"] or "NAME", "--served", values["model"] or "MODEL"]
    words += ["--base-url", values["base_url"] or "URL"]
    for option in ("parent", "tokenizer"):
        words += [f"--{option}", values[option]] if values[option] else []
    # What isn't the name of a variable may be the key itself.
    variable = values["key_env"] if keys.NAME.fullmatch(values["key_env"]) else "NAME"
    words += ["--key-env", variable] if values["key_env"] else []
    words += ["--chat"] if values["by_chat"] else []
    words += ["--limit", f"concurrency={values['concurrency']}"] if values["concurrency"] else []
    return shlex.join(words)


def _confirm_key(values: Mapping[str, Any]) -> bool:
    if not values["key_env"] or not values["base_url"]:
        return False
    try:
        server = approvals.server_of(served_students.API, values["base_url"])
        return key_consent.confirm(server, [keys.check_name(values["key_env"])], "student")
    except BadInput:
        # The form's button says what is wrong.
        return False


def _add(values: Mapping[str, Any], *, approved: bool) -> str | None:
    """Add the student and empty the form, or return why not."""
    try:
        if values["key_env"]:
            keys.check_name(values["key_env"])
    except BadInput as error:
        # Somebody may have typed the secret itself: it doesn't stay in the field.
        st.session_state[KEY_FIELD] = st.session_state.get(KEY_FIELD, 0) + 1
        return str(error)
    settings = {name: values[name] for name in ("name", "model", "base_url", "parent", "by_chat")}
    try:
        person = context.acting_person()
        # Before anything is fetched.
        require(person, Right.ADD_STUDENTS)
        server_access.check_base(served_students.API, values["base_url"])
        source = served_students.examine_tokenizer(values["tokenizer"]) if values["tokenizer"] else None
        limits = {"concurrency": int(values["concurrency"])} if values["concurrency"] else None
        settings |= {"key_env": values["key_env"] or None, "tokenizer": source, "limits": limits, "approved": approved}
        context.write(served_students.add, by=person, **settings)
    except MapdError as error:
        return str(error)
    st.session_state[FORM_VERSION] = st.session_state.get(FORM_VERSION, 0) + 1
    return None


def _draw_disabled() -> None:
    """Draw the served students that aren't asked, each with what enabling it would let happen."""
    rows = [row for row in context.read(students.list_students) if students.is_served(row) and row.disabled]
    if not rows:
        return
    with st.expander(f"Students behind a server that aren’t asked: {len(rows):,}"):
        st.caption("They came with an archive, or were disabled. Each is asked once somebody here enables it.")
        for row in rows:
            _draw_enable(row)


def _draw_enable(row: t.Student) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        name = st.text_input("Key’s variable", row.key_env or "", key=f"student_key_{row.uid}", placeholder="no key")
        try:
            effect = context.read(served_students.preview_enabling, row.uid, name.strip() or None)
        except MapdError as error:
            text.complain(str(error))
            return
        st.html(f"<p>{text.line_html(effect.in_words, 400)}.</p>")
        box = f"student_yes_{row.uid}_{effect.server}_{effect.key_env}"
        words = "Yes, use this server: prompts and the key go there"
        is_confirmed = not effect.needs_yes or st.checkbox(words, key=box)
        if st.button("Enable", key=f"student_turn_{row.uid}", disabled=not is_confirmed):
            person = context.current_person()
            context.write(served_students.enable, row.uid, person, key_env=effect.key_env, approved=True)
            st.rerun()
