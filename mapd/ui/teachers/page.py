"""The parts of the teachers page: each teacher's settings with its buttons, and the other authors.

This page knows of a key only its variable's name, and whether that is set.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from mapd import teacher_models, teachers
from mapd.errors import BadInput
from mapd.models.base import Limits
from mapd.store import tables as t
from mapd.teacher_prices import price_in_words
from mapd.teacher_settings import KEY_VARIABLES, LONGEST_REPLY
from mapd.teachers import KINDS, LONGEST_NAME
from mapd.ui.kit import actions, context, run_session, tables, text, theme
from mapd.ui.kit.tables import Cell, Html
from mapd.ui.teachers import form, trial


def load_teachers() -> tuple[list[t.Teacher], list[t.Teacher]]:
    """Return the teachers that can be called, and the other authors: imported ones and people."""
    rows = context.read(teachers.list_teachers)
    return [row for row in rows if row.kind in KINDS], [row for row in rows if row.kind not in KINDS]


def draw_teachers(rows: Sequence[t.Teacher]) -> None:
    """Draw each teacher in a box, with its buttons and its last test."""
    if not rows:
        st.markdown("**No teacher can be asked yet.** A simulated one needs no key and no network.")
    for row in rows:
        with st.container(border=True, key=f"teacher_{row.uid}", gap="xsmall"):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.html(_heading(row), width="stretch")
                _draw_buttons(row)
            _draw_facts(row)
            if (result := st.session_state.get(f"tested_{row.uid}")) is not None:
                trial.draw_result(result)


def _heading(row: t.Teacher) -> str:
    state = (
        theme.sign_chip("■", "disabled", theme.GREY) if row.disabled else theme.sign_chip("✓", "enabled", theme.GREEN)
    )
    if row.origin is not None:
        state += '<span class="mapd-note">came with an archive</span>'
    name = f'<b class="mapd-name">{text.line_html(row.name, LONGEST_NAME)}</b>'
    return f'<div class="mapd-who">{name}<span class="mapd-note">{text.escape(row.kind)}</span>{state}</div>'


def _draw_facts(row: t.Teacher) -> None:
    """Draw a teacher's settings, the same fields in the same places for each."""
    tables.draw_facts(
        ("model", _path(row.model)),
        ("server", _path(row.base_url) if row.base_url else form.DEFAULT_SERVERS.get(row.kind, "this machine")),
        ("key", _key(row)),
        ("sampling", text.one_line(_settings_words(row.sampling), 200) or None),
        ("limits", _limits(row) if row.kind in KEY_VARIABLES else None),
        ("price", price_in_words(row)),
        *([("headers", text.one_line(_settings_words(row.headers), 200))] if row.headers else []),
        *([("its server", text.one_line("; ".join(teacher_models.list_notes(row)), 300))] if row.learned else []),
    )


def _path(path: str) -> Html:
    """Return an address or a model's name, which may break after a slash."""
    return Html("/<wbr>".join(text.escape(part) for part in text.one_line(path, 200).split("/")))


def _key(row: t.Teacher) -> Cell:
    """Return the variable's name and whether it is set; never its value."""
    if row.key_env is None:
        return "none needed"
    is_set = teacher_models.key_is_set(row)
    chip = theme.sign_chip("✓", "set", theme.GREEN) if is_set else theme.sign_chip("✕", "not set", theme.VERMILLION)
    return Html(f"<span>{text.line_html(row.key_env, 64)} {chip}</span>")


def _settings_words(settings: Mapping[str, Any]) -> str:
    words = {key: value if isinstance(value, str) else json.dumps(value) for key, value in settings.items()}
    return ", ".join(f"{key.replace('_', ' ')} {words[key]}" for key, value in settings.items() if value is not None)


def _limits(row: t.Teacher) -> str:
    limits = Limits(**row.limits)
    minute = f"{limits.per_minute:,g} a minute, " if limits.per_minute else ""
    return f"{limits.concurrency:,} at once, {minute}{limits.timeout_s:,g} s a try"


def _draw_buttons(row: t.Teacher) -> None:
    if actions.button("Test", key=f"test_{row.uid}", icon=":material/send:", type="tertiary", disabled=row.disabled):
        run_session.end_reading()
        with st.spinner("Asking …", width="content"):
            result = trial.run_test(row.name, by=context.acting_person())
        st.session_state[f"tested_{row.uid}"] = result
    if row.kind in KEY_VARIABLES:
        _draw_change(row)
    if row.disabled and (row.origin is not None or row.key_env is not None):
        _draw_enable(row)
        return
    word, icon = ("Enable", ":material/play_arrow:") if row.disabled else ("Disable", ":material/block:")
    if actions.button(word, key=f"turn_{row.uid}", icon=icon, type="tertiary"):
        turn = teachers.enable if row.disabled else teachers.disable
        context.write(turn, row.name, by=context.acting_person())
        st.rerun()


def _draw_change(row: t.Teacher) -> None:
    with st.popover("Change", icon=":material/tune:", type="tertiary", key=f"change_{row.uid}"):
        limits = Limits(**row.limits)
        longest = st.number_input(
            "Max tokens", 1, 100_000, row.sampling.get("max_tokens", LONGEST_REPLY), key=f"longest_of_{row.uid}"
        )
        at_once = st.number_input("Calls at once", 1, 1024, limits.concurrency, key=f"at_once_of_{row.uid}")
        minute = st.number_input(
            "Calls a minute", 0.1, 1e6, limits.per_minute, 1.0, "%g", placeholder="no limit", key=f"minute_of_{row.uid}"
        )
        forget = bool(row.learned) and st.checkbox("Forget what its server refused", key=f"forget_{row.uid}")
        if st.button("Save", key=f"save_{row.uid}", type="primary"):
            changes: dict[str, Any] = {"sampling": {"max_tokens": int(longest)}, "forget": forget}
            changes["limits"] = form.drop_unset(concurrency=int(at_once), per_minute=minute)
            actions.write_and_rerun(
                lambda session, person: teachers.change_settings(session, row.name, by=person, **changes)
            )


def _draw_enable(row: t.Teacher) -> None:
    """Draw which model would be called where, and which key goes there; then enable after a yes."""
    with st.popover("Enable", icon=":material/play_arrow:", type="tertiary", key=f"ask_{row.uid}"):
        variable = None
        if row.kind in KEY_VARIABLES:
            name = st.text_input("Key's variable", row.key_env or "", key=f"key_of_{row.uid}", placeholder="no key")
            variable = name.strip() or None
        try:
            effect = context.read(teachers.preview_enabling, row.name, variable)
        except BadInput as error:
            text.complain(str(error))
            return
        st.html(f"<p>{text.line_html(effect.in_words, 400)}.</p>")
        box = f"yes_{row.uid}_{effect.server}_{effect.key_env}"
        is_confirmed = not effect.needs_yes or st.checkbox(
            "Yes, use this server: prompts and the key go there", key=box
        )
        if st.button("Enable", key=f"turn_{row.uid}", type="primary", disabled=not is_confirmed):
            context.write(teachers.enable, row.name, context.current_person(), key_env=variable, approved=True)
            st.rerun()


def draw_other_authors(rows: Sequence[t.Teacher]) -> None:
    """Draw the authors of this project's texts that can't be called."""
    if not rows:
        return
    st.subheader("Other authors", anchor=False)
    reasons = {"imported": "came with an import", "person": "a person"}
    lines = (
        f'<li><span class="mapd-name">{text.line_html(row.name, LONGEST_NAME)}</span> '
        f'<span class="mapd-note">{reasons.get(row.kind, text.escape(row.kind))}; can\'t be asked</span></li>'
        for row in rows
    )
    st.html(f'<ul class="mapd-list">{"".join(lines)}</ul>')
