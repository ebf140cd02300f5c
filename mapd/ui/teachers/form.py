"""The form that adds a teacher. A key itself is never typed here: only the name of its variable."""

from collections.abc import Iterable, Mapping
from typing import Any

import streamlit as st

from mapd import approvals, keys, teachers
from mapd.errors import BadInput, MapdError
from mapd.models.base import Limits, Sampling
from mapd.models.simulated import PROFILES
from mapd.models.weights import PACKAGED
from mapd.teacher_settings import KEY_VARIABLES, LONGEST_REPLY, read_names, read_pairs
from mapd.teachers import LONGEST_NAME
from mapd.ui.kit import actions, context, key_consent, refusals, text

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
        refusals.draw_message(REFUSAL)


def _draw_simulated_fields(version: int) -> dict[str, Any]:
    name_column, profile_column, seed_column = st.columns((2, 3, 1))
    name = name_column.text_input("Name", max_chars=LONGEST_NAME, key=f"teacher_name_{version}")
    model = profile_column.selectbox(
        "Profile", list(PROFILES), format_func=lambda p: PROFILE_WORDS.get(p, p), key=f"teacher_profile_{version}"
    )
    seed = seed_column.number_input("Seed", 0, 2**31 - 1, 0, key=f"teacher_seed_{version}")
    return {"name": name, "model": model, "sampling": {"seed": int(seed)}}


def _draw_model_fields(kind: str, version: int) -> dict[str, Any]:
    is_served = kind in KEY_VARIABLES
    name_column, model_column = st.columns(2)
    settings: dict[str, Any] = {}
    settings["name"] = name_column.text_input("Name", max_chars=LONGEST_NAME, key=f"teacher_name_{version}")
    hint = "as its provider calls it" if is_served else "a folder, or ORG/NAME of the hub"
    settings["model"] = model_column.text_input("Model", placeholder=hint, key=f"teacher_model_{version}")
    if is_served:
        settings |= _draw_server(kind, version)
    first, second, third, fourth = st.columns(4)
    temperature_hint = "its own" if is_served else f"{Sampling().temperature:g}"
    tokens_hint = str(LONGEST_REPLY if is_served else Sampling().max_tokens)
    settings["sampling"] = drop_unset(
        temperature=first.number_input(
            "Temperature", 0.0, 2.0, None, 0.1, placeholder=temperature_hint, key=f"teacher_temperature_{version}"
        ),
        max_tokens=second.number_input(
            "Max tokens", 1, 100_000, None, placeholder=tokens_hint, key=f"teacher_max_tokens_{version}"
        ),
    )
    if is_served:
        limits = drop_unset(
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
    field: dict[str, Any] = {"min_value": 0.0, "value": None, "step": 0.1, "format": "%g", "placeholder": "as listed"}
    prices = {}
    for column, way in zip(st.columns(2), ("in", "out"), strict=True):
        label, key = f"Price {way}, US dollars a million tokens", f"teacher_price_{way}_{version}"
        prices[f"usd_{way}"] = column.number_input(label, key=key, **field)
    return drop_unset(**prices)


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
        "The key itself stays in the environment, or in .streamlit/secrets.toml; this project stores only the "
        f"variable's name, and which server may get the key. Left empty: {text.label(KEY_VARIABLES[kind])}, or "
        "no key where a base URL is given."
    )
    return {"base_url": address.strip() or None, "key_env": variable.strip() or None}


def _confirm_server(kind: str, base_url: str | None, variables: Iterable[str | None]) -> bool:
    """Ask where a key or a header's value belongs to another server; return whether that is all agreed to."""
    try:
        server = approvals.server_of(kind, base_url)
        names = [keys.check_name(name) for name in dict.fromkeys(variables) if name is not None]
    except BadInput:
        # The form's button says what is wrong.
        return False
    return key_consent.confirm(server, names, "teacher")


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


def drop_unset(**settings: Any) -> dict[str, Any]:
    """Return the settings that have a value."""
    return {name: value for name, value in settings.items() if value is not None}
