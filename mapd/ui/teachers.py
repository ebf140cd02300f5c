"""The parts of the teachers page: each teacher's settings, a test call, and the form that adds a teacher.

    run_test("mini", by=ann)      -> TestResult(TeacherTest(ok=True, text="2 + 2 = 4", latency_s=0.7, …), error=None)

A test runs `mapd teachers test` in its own process: it may load torch or a whole local model, which no page does. This
page knows of a key only its variable's name, and whether that is set.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from mapd import approvals, keys, teachers
from mapd.errors import BadInput, MapdError
from mapd.models.base import Limits, Sampling
from mapd.models.simulated import PROFILES
from mapd.models.weights import PACKAGED
from mapd.people import Person, Right, require
from mapd.store import tables as t
from mapd.teacher_prices import price_in_words
from mapd.teacher_settings import KEY_VARIABLES, LONGEST_REPLY, read_names, read_pairs
from mapd.teachers import KINDS, LONGEST_NAME, TeacherTest
from mapd.ui.kit import actions, context, tables, text, theme
from mapd.ui.kit.tables import Cell, Html

# For a test; a teacher's own patience is 120 s by default.
PATIENCE_S = 150
# Characters of a reply.
LONGEST_SHOWN = 2000
# What each kind is.
KIND_WORDS = {
    "simulated": "Solves the demo's generated questions by rule, with a known weakness: no key, no network.",
    "openai": "Any server that speaks OpenAI's API: OpenAI, Gemini, Mistral, DeepInfra, OpenRouter, Ollama, vLLM, "
    "llama.cpp, transformers serve.",
    "anthropic": "Anthropic's API, or a server that speaks it.",
    "local": f"A transformers model: a folder, ORG/NAME of the hub, or {PACKAGED}, a small one that is installed with "
    "the rest. A job loads it in its own process; a test loads it, too, for one call.",
}
PROFILE_WORDS = {
    "sound": "sound: makes no mistakes",
    "slips": "slips: often a wrong step, and a wrong answer",
    "lucky": "lucky: often a false step to the right answer",
}
# Where a teacher has no address.
DEFAULT_SERVERS = {"openai": "OpenAI's own", "anthropic": "Anthropic's own"}
# Session state: why the form's last press added nothing.
REFUSAL = "teacher_refused"
# Session state: numbers in the fields' keys; another number empties the form, or the key's field.
FORM_VERSION, KEY_FIELD = "teacher_form", "teacher_key_field"


def load_teachers() -> tuple[list[t.Teacher], list[t.Teacher]]:
    """Return the teachers that can be called, and the other authors: imported ones and people."""
    rows = context.read(teachers.list_teachers)
    return [row for row in rows if row.kind in KINDS], [row for row in rows if row.kind not in KINDS]


# --- Those that are there ---------------------------------------------------------------------------------------------


def draw_teachers(rows: Sequence[t.Teacher]) -> None:
    """Draw each teacher in a box, with its buttons and its last test."""
    if not rows:
        st.markdown("**No teacher can be asked yet.** A simulated one needs no key and no network.")
    for row in rows:
        with st.container(border=True, key=f"teacher_{row.uid}", gap="xsmall"):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.html(_heading(row), width="stretch")
                _draw_buttons(row)
            st.html(_facts(row))
            if (result := st.session_state.get(f"tested_{row.uid}")) is not None:
                _draw_result(result)


def _heading(row: t.Teacher) -> str:
    state = (
        theme.sign_chip("■", "disabled", theme.GREY) if row.disabled else theme.sign_chip("✓", "enabled", theme.GREEN)
    )
    if row.origin is not None:
        state += '<span class="mapd-note">came with an archive</span>'
    name = f'<b class="mapd-name">{text.line_html(row.name, LONGEST_NAME)}</b>'
    return f'<div class="mapd-who">{name}<span class="mapd-note">{text.escape(row.kind)}</span>{state}</div>'


def _facts(row: t.Teacher) -> str:
    """Return a teacher's settings as HTML, the same fields in the same places for each."""
    return tables.facts(
        [
            ("model", _path(row.model)),
            ("server", _path(row.base_url) if row.base_url else DEFAULT_SERVERS.get(row.kind, "this machine")),
            ("key", _key(row)),
            ("sampling", text.one_line(_settings_words(row.sampling), 200) or None),
            ("limits", _limits(row) if row.kind in KEY_VARIABLES else None),
            ("price", price_in_words(row)),
            *([("headers", text.one_line(_settings_words(row.headers), 200))] if row.headers else []),
            *([("its server", text.one_line("; ".join(teachers.list_notes(row)), 300))] if row.learned else []),
        ]
    )


def _path(path: str) -> Html:
    """Return an address or a model's name, which may break after a slash."""
    return Html("/<wbr>".join(text.escape(part) for part in text.one_line(path, 200).split("/")))


def _key(row: t.Teacher) -> Cell:
    """Return the variable's name and whether it is set; never its value."""
    if row.key_env is None:
        return "none needed"
    is_set = teachers.key_is_set(row)
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
        context.end_reading()
        with st.spinner("Asking …", width="content"):
            result = run_test(row.name, by=context.acting_person())
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
            _save(row, int(longest), _drop_unset(concurrency=int(at_once), per_minute=minute), forget=forget)


def _save(row: t.Teacher, longest: int, limits: Mapping[str, Any], *, forget: bool) -> None:
    sampling, person = {"max_tokens": longest}, context.current_person()
    try:
        context.write(teachers.change_settings, row.name, by=person, sampling=sampling, limits=limits, forget=forget)
    except MapdError as error:
        text.complain(str(error))
        return
    st.rerun()


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
        is_confirmed = not effect.needs_yes or st.checkbox("Yes, ask it there: prompts, and the key, go there", key=box)
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


# --- One call ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TestResult:
    """The result of a test: the reply, and one line on what went wrong."""

    tested: TeacherTest | None
    error: str | None


def run_test(name: str, *, by: Person) -> TestResult:
    """Call the teacher once, in a process of its own.

    Raises: Forbidden.
    """
    require(by, Right.MANAGE_TEACHERS)
    # "--": a name may begin with a dash.
    command = [sys.executable, "-m", "mapd.cli", "teachers", "test", "--json", "--", name]
    # Replies may hold characters that the console's encoding lacks.
    environment = os.environ | {"PYTHONIOENCODING": "utf-8:replace"}
    try:
        process = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment,
            encoding="utf-8",
            errors="replace",
            timeout=PATIENCE_S,
        )
    except subprocess.TimeoutExpired:
        return TestResult(None, f"teacher {name} gave no answer within {PATIENCE_S} s; is its server there, and awake?")
    # A name that no command line takes.
    except (OSError, ValueError) as fault:
        return TestResult(None, f"teacher {name} can't be tested: {fault}")
    lines = [line.removeprefix("mapd: ") for line in process.stderr.split("\n") if line.startswith("mapd: ")]
    error = None
    # Unforeseen errors are not shown: they may hold anything.
    if process.returncode:
        error = lines[-1] if lines else f"the test of {name} broke off; `mapd teachers test` in a terminal tells more"
    return TestResult(_parse_result(process.stdout), error)


def _parse_result(output: str) -> TeacherTest | None:
    """Return the test in the last line of the output, which is JSON."""
    line = output.strip().split("\n")[-1]
    if not line.startswith("{"):
        return None
    values = json.loads(line)
    return TeacherTest(**{key: values[key] for key in TeacherTest.__dataclass_fields__})


def _draw_result(result: TestResult) -> None:
    test = result.tested
    if test is not None:
        sign, colour = ("✓", theme.GREEN) if test.ok else ("✕", theme.VERMILLION)
        numbers = [
            None if test.latency_s is None else f"{test.latency_s:.2f} s",
            None if test.tokens_in is None else f"{test.tokens_in:,} tokens in",
            None if test.tokens_out is None else f"{test.tokens_out:,} tokens out",
        ]
        note = " · ".join(["to “Calculate 2 + 2 + 2.”", *filter(None, numbers)])
        chip = theme.sign_chip(sign, test.finish.replace("_", " "), colour)
        st.html(f'<div>{chip}<span class="mapd-note">{note}</span></div>')
        if test.text:
            reply_html = text.foreign_html(test.text, max_chars=LONGEST_SHOWN)
            st.html(f'<blockquote class="mapd-quote">{reply_html}</blockquote>')
        for note in test.notes:
            st.html(f'<div class="mapd-note">{text.line_html(note, 200)}</div>')
    if result.error:
        text.complain(result.error)


# --- Another one ------------------------------------------------------------------------------------------------------


def draw_form(*, is_open: bool) -> None:
    """Draw the form that adds a teacher. A refusal is one line, and what was typed stays."""
    version = st.session_state.get(FORM_VERSION, 0)
    with st.expander("Add a teacher", expanded=is_open):
        kind = st.segmented_control(
            "Kind",
            list(KIND_WORDS),
            default="simulated",
            required=True,
            label_visibility="collapsed",
            key=f"teacher_kind_{version}",
        )
        st.caption(KIND_WORDS[kind])
        settings = _draw_simulated_fields(version) if kind == "simulated" else _draw_model_fields(kind, version)
        if actions.button("Add", key="add_teacher", icon=":material/add:", type="primary"):
            st.session_state[REFUSAL] = _add(kind, settings)
            st.rerun()
        if (refusal := st.session_state.pop(REFUSAL, None)) is not None:
            text.complain(refusal)


def _draw_name(column: Any, version: int) -> str:
    name: str = column.text_input("Name", max_chars=LONGEST_NAME, key=f"teacher_name_{version}")
    return name


def _draw_simulated_fields(version: int) -> dict[str, Any]:
    name_column, profile_column, seed_column = st.columns((2, 3, 1))
    name = _draw_name(name_column, version)
    model = profile_column.selectbox(
        "Profile", list(PROFILES), format_func=lambda p: PROFILE_WORDS.get(p, p), key=f"teacher_profile_{version}"
    )
    seed = seed_column.number_input("Seed", 0, 2**31 - 1, 0, key=f"teacher_seed_{version}")
    return {"name": name, "model": model, "sampling": {"seed": int(seed)}}


def _draw_model_fields(kind: str, version: int) -> dict[str, Any]:
    is_served = kind in KEY_VARIABLES
    name_column, model_column = st.columns(2)
    settings: dict[str, Any] = {"name": _draw_name(name_column, version)}
    hint = "as its provider calls it" if is_served else "a folder, or ORG/NAME of the hub"
    settings["model"] = model_column.text_input("Model", placeholder=hint, key=f"teacher_model_{version}")
    if is_served:
        settings |= _draw_server(kind, version)
    first, second, third, fourth = st.columns(4)
    temperature_hint = "its own" if is_served else f"{Sampling().temperature:g}"
    tokens_hint = str(LONGEST_REPLY if is_served else Sampling().max_tokens)
    settings["sampling"] = _drop_unset(
        temperature=first.number_input(
            "Temperature", 0.0, 2.0, None, 0.1, placeholder=temperature_hint, key=f"teacher_temperature_{version}"
        ),
        max_tokens=second.number_input(
            "Max tokens", 1, 100_000, None, placeholder=tokens_hint, key=f"teacher_max_tokens_{version}"
        ),
    )
    if is_served:
        limits = _drop_unset(
            concurrency=third.number_input(
                "Calls at once", 1, 1024, None, placeholder=str(Limits().concurrency), key=f"teacher_at_once_{version}"
            ),
            per_minute=fourth.number_input(
                "Calls a minute", 0.1, 1e6, None, 1.0, "%g", placeholder="no limit", key=f"teacher_per_minute_{version}"
            ),
        )
        # Without any, a teacher of that name keeps its limits.
        settings["limits"] = limits or None
        settings["price"] = _draw_price(version)
        settings |= _draw_extra_fields(version)
        settings["approved"] = _confirm_server(
            kind, settings["base_url"], [settings["key_env"], *_header_variables(settings["headers"])]
        )
    return settings


def _draw_extra_fields(version: int) -> dict[str, str]:
    """Draw further fields and headers, a line each; return them as typed."""
    fields_column, headers_column = st.columns(2)
    return {
        "fields": fields_column.text_area(
            "Further fields of a request",
            placeholder='reasoning_effort=low\nchat_template_kwargs={"enable_thinking": false}',
            key=f"teacher_fields_{version}",
        ),
        "headers": headers_column.text_area(
            "Further headers",
            placeholder="x-team=MAPD_TEAM (the variable's name)",
            key=f"teacher_headers_{version}_{st.session_state.get(KEY_FIELD, 0)}",
        ),
    }


def _header_variables(headers_text: str) -> list[str]:
    try:
        return list(read_names("a header", _lines(headers_text)).values())
    except BadInput:
        # The form's button says what is wrong.
        return []


def _lines(typed: str) -> list[str]:
    return [line.strip() for line in typed.splitlines() if line.strip()]


def _draw_price(version: int) -> dict[str, float]:
    in_column, out_column = st.columns(2)
    field: dict[str, Any] = {"min_value": 0.0, "value": None, "step": 0.1, "format": "%g", "placeholder": "as listed"}
    return _drop_unset(
        usd_in=in_column.number_input(
            "Price in, US dollars a million tokens", key=f"teacher_price_in_{version}", **field
        ),
        usd_out=out_column.number_input(
            "Price out, US dollars a million tokens", key=f"teacher_price_out_{version}", **field
        ),
    )


def _draw_server(kind: str, version: int) -> dict[str, Any]:
    address_column, key_column = st.columns(2)
    key_version = st.session_state.get(KEY_FIELD, 0)
    address = address_column.text_input(
        "Base URL", placeholder=f"{DEFAULT_SERVERS[kind]} if left empty", key=f"teacher_url_{version}"
    )
    variable = key_column.text_input(
        "Key's variable", placeholder=KEY_VARIABLES[kind], key=f"teacher_key_{version}_{key_version}"
    )
    st.caption(
        "The key itself stays in the environment, or in .streamlit/secrets.toml; this stores the name alone, and to "
        f"which server it may go. Left empty: {text.label(KEY_VARIABLES[kind])}, or no key where a base URL is given."
    )
    return {"base_url": address.strip() or None, "key_env": variable.strip() or None}


def _confirm_server(kind: str, base_url: str | None, variables: Iterable[str | None]) -> bool:
    """Ask where a key or a header's value belongs to another server: a box for each; return whether all are ticked."""
    try:
        server = approvals.server_of(kind, base_url)
        names = [keys.check_name(name) for name in dict.fromkeys(variables) if name is not None]
        all_doubts = {name: context.read(approvals.find_doubt, name, server) for name in names}
        doubts = {name: doubt for name, doubt in all_doubts.items() if doubt is not None}
    except BadInput:
        # The form's button says what is wrong.
        return False
    boxes = [
        st.checkbox(text.label(f"Yes, send it there: {doubt}", 300), key=f"teacher_yes_{name}_{server}")
        for name, doubt in doubts.items()
    ]
    return bool(boxes) and all(boxes)


def _drop_unset(**settings: Any) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if value is not None}


def _add(kind: str, form_values: Mapping[str, Any]) -> str | None:
    """Add the teacher and empty the form, or return why not."""
    settings = dict(form_values)
    try:
        if (variable := form_values.get("key_env")) is not None:
            keys.check_name(variable)
        settings["headers"] = read_names("a header", _lines(settings.pop("headers", "")))
    except BadInput as error:
        # Somebody may have typed the secret itself: it doesn't stay in the field.
        st.session_state[KEY_FIELD] = st.session_state.get(KEY_FIELD, 0) + 1
        return str(error)
    try:
        fields = read_pairs("a further field", _lines(settings.pop("fields", "")))
        settings["sampling"] = {**settings.get("sampling", {}), **fields}
        context.write(teachers.add, kind=kind, by=context.acting_person(), **settings)
    except MapdError as error:
        return str(error)
    st.session_state[FORM_VERSION] = st.session_state.get(FORM_VERSION, 0) + 1
    return None
