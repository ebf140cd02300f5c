"""The teachers page's parts: each teacher as it is set up, one call to see that it answers, and the form that adds one.

    answered("mini")      -> Answered(Tested(ok=True, text="2 + 2 + 2 = 6. …", latency_s=0.7, …), error=None)

A test is made by `mapd teachers test` in a process of its own: it may load torch, or a whole local model, which no page
does. Of a key there is nothing here but its variable's name, and whether that is set.
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
from mapd.store import db
from mapd.store import tables as t
from mapd.teacher_prices import price_in_words
from mapd.teacher_settings import KEY_VARIABLES, LONGEST_REPLY, read_names, read_pairs
from mapd.teachers import KINDS, LONGEST_NAME, TeacherTest
from mapd.ui import acting, current, figures, look, text
from mapd.ui.figures import Cell, Html

PATIENCE_S = 150  # for a test; a teacher's own patience is 120 s by default
LONGEST_SHOWN = 2000  # characters of what came back
ABOUT = {  # what each kind is
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
SERVERS = {"openai": "OpenAI's own", "anthropic": "Anthropic's own"}  # where no address is given
REFUSED = "teacher_refused"  # what the form's last press was answered with
FORM, KEY_FIELD = "teacher_form", "teacher_key_field"  # counters: a new number is an empty form, an empty field


def known() -> tuple[list[t.Teacher], list[t.Teacher]]:
    """Those that can be called, and the others: imported authors and people."""
    with db.reading(current.engine()) as session:
        rows = teachers.list_teachers(session)
    return [row for row in rows if row.kind in KINDS], [row for row in rows if row.kind not in KINDS]


# --- Those that are there ---------------------------------------------------------------------------------------------


def listed(rows: Sequence[t.Teacher]) -> None:
    """Each teacher in a frame, with its buttons and what its last test gave."""
    if not rows:
        st.markdown("**No teacher can be asked yet.** A simulated one needs no key and no network.")
    for row in rows:
        with st.container(border=True, key=f"teacher_{row.uid}", gap="xsmall"):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.html(_head(row), width="stretch")
                _buttons(row)
            st.html(_set_up(row))
            if (last := st.session_state.get(f"tested_{row.uid}")) is not None:
                _show(last)


def _head(row: t.Teacher) -> str:
    state = look.sign_chip("■", "disabled", look.GREY) if row.disabled else look.sign_chip("✓", "enabled", look.GREEN)
    if row.origin is not None:
        state += '<span class="mapd-note">came with an archive</span>'
    name = f'<b class="mapd-name">{text.escape(text.one_line(row.name, LONGEST_NAME))}</b>'
    return f'<div class="mapd-who">{name}<span class="mapd-note">{text.escape(row.kind)}</span>{state}</div>'


def _set_up(row: t.Teacher) -> str:
    """All that is set of a teacher, the same fields in the same places for each."""
    return figures.facts(
        [
            ("model", _path(row.model)),
            ("server", _path(row.base_url) if row.base_url else SERVERS.get(row.kind, "this machine")),
            ("key", _key(row)),
            ("sampling", text.one_line(_listed(row.sampling), 200) or None),
            ("limits", _limits(row) if row.kind in KEY_VARIABLES else None),
            ("price", price_in_words(row)),
            *([("headers", text.one_line(_listed(row.headers), 200))] if row.headers else []),
            *([("its server", text.one_line("; ".join(teachers.list_notes(row)), 300))] if row.learned else []),
        ]
    )


def _path(path: str) -> Html:
    """An address or a model's name, which may break behind a slash."""
    return Html("/<wbr>".join(text.escape(part) for part in text.one_line(path, 200).split("/")))


def _key(row: t.Teacher) -> Cell:
    """The variable's name and whether it is set; never what it holds."""
    if row.key_env is None:
        return "none needed"
    there = teachers.key_is_set(row)
    chip = look.sign_chip("✓", "set", look.GREEN) if there else look.sign_chip("✕", "not set", look.VERMILLION)
    return Html(f"<span>{text.escape(text.one_line(row.key_env, 64))} {chip}</span>")


def _listed(settings: Mapping[str, Any]) -> str:
    words = {key: value if isinstance(value, str) else json.dumps(value) for key, value in settings.items()}
    return ", ".join(f"{key.replace('_', ' ')} {words[key]}" for key, value in settings.items() if value is not None)


def _limits(row: t.Teacher) -> str:
    limits = Limits(**row.limits)
    minute = f"{limits.per_minute:,g} a minute, " if limits.per_minute else ""
    return f"{limits.concurrency:,} at once, {minute}{limits.timeout_s:,g} s a try"


def _buttons(row: t.Teacher) -> None:
    if acting.button("Test", key=f"test_{row.uid}", icon=":material/send:", type="tertiary", disabled=row.disabled):
        with st.spinner("Asking …", width="content"):
            tested = answered(row.name, by=current.acting_person())
        st.session_state[f"tested_{row.uid}"] = tested
    if row.kind in KEY_VARIABLES:
        _change(row)
    if row.disabled and (row.origin is not None or row.key_env is not None):
        _enable(row)
        return
    word, icon = ("Enable", ":material/play_arrow:") if row.disabled else ("Disable", ":material/block:")
    if acting.button(word, key=f"turn_{row.uid}", icon=icon, type="tertiary"):
        turn = teachers.enable if row.disabled else teachers.disable
        with db.writing(current.engine()) as session:
            turn(session, row.name, by=current.acting_person())
        st.rerun()


def _change(row: t.Teacher) -> None:
    """Change how much the teacher is asked, and how long its replies may be; it stays the same teacher."""
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
            _save(row, int(longest), _given(concurrency=int(at_once), per_minute=minute), forget=forget)


def _save(row: t.Teacher, longest: int, limits: Mapping[str, Any], *, forget: bool) -> None:
    """Write the change; a refusal is one line."""
    sampling, by = {"max_tokens": longest}, current.current_person()
    try:
        with db.writing(current.engine()) as session:
            teachers.change_settings(session, row.name, by=by, sampling=sampling, limits=limits, forget=forget)
    except MapdError as error:
        text.complain(str(error))
        return
    st.rerun()


def _enable(row: t.Teacher) -> None:
    """Show what enabling lets happen: which model is asked where, and which key goes there; then ask."""
    with st.popover("Enable", icon=":material/play_arrow:", type="tertiary", key=f"ask_{row.uid}"):
        variable = None
        if row.kind in KEY_VARIABLES:
            name = st.text_input("Key's variable", row.key_env or "", key=f"key_of_{row.uid}", placeholder="no key")
            variable = name.strip() or None
        try:
            with db.reading(current.engine()) as session:
                effect = teachers.preview_enabling(session, row.name, variable)
        except BadInput as error:
            text.complain(str(error))
            return
        st.html(f"<p>{text.escape(text.one_line(effect.in_words, 400))}.</p>")
        box = f"yes_{row.uid}_{effect.server}_{effect.key_env}"
        yes = not effect.needs_yes or st.checkbox("Yes, ask it there: prompts, and the key, go there", key=box)
        if st.button("Enable", key=f"turn_{row.uid}", type="primary", disabled=not yes):
            with db.writing(current.engine()) as session:
                by = current.current_person()
                teachers.enable(session, row.name, by, key_env=variable, approved=True)
            st.rerun()


def others(rows: Sequence[t.Teacher]) -> None:
    """Who wrote texts of this project, and can't be called."""
    if not rows:
        return
    st.subheader("Other authors", anchor=False)
    why = {"imported": "came with an import", "person": "a person"}
    lines = (
        f'<li><span class="mapd-name">{text.escape(text.one_line(row.name, LONGEST_NAME))}</span> '
        f'<span class="mapd-note">{why.get(row.kind, text.escape(row.kind))}; can\'t be asked</span></li>'
        for row in rows
    )
    st.html(f'<ul class="mapd-list">{"".join(lines)}</ul>')


# --- One call ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answered:
    """What a test gave: what came back, and the one line of what went wrong."""

    tested: TeacherTest | None
    error: str | None


def answered(name: str, *, by: Person) -> Answered:
    """Ask the teacher once, in a process of its own.

    Raises: Forbidden.
    """
    require(by, Right.MANAGE_TEACHERS)
    command = [sys.executable, "-m", "mapd.cli", "teachers", "test", "--json", "--", name]
    environment = os.environ | {"PYTHONIOENCODING": "utf-8:replace"}
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment,
            encoding="utf-8",
            errors="replace",
            timeout=PATIENCE_S,
        )
    except subprocess.TimeoutExpired:
        return Answered(None, f"teacher {name} gave no answer within {PATIENCE_S} s; is its server there, and awake?")
    except (OSError, ValueError) as fault:  # a name that no command takes
        return Answered(None, f"teacher {name} can't be tested: {fault}")
    said = [line.removeprefix("mapd: ") for line in done.stderr.split("\n") if line.startswith("mapd: ")]
    error = None
    if done.returncode:  # what broke unforeseen is not shown: it may hold anything
        error = said[-1] if said else f"the test of {name} broke off; `mapd teachers test` in a terminal tells more"
    return Answered(_read(done.stdout), error)


def _read(output: str) -> TeacherTest | None:
    """The line of JSON at its end."""
    line = output.strip().split("\n")[-1]
    if not line.startswith("{"):
        return None
    told = json.loads(line)
    return TeacherTest(**{key: told[key] for key in TeacherTest.__dataclass_fields__})


def _show(last: Answered) -> None:
    tested = last.tested
    if tested is not None:
        sign, colour = ("✓", look.GREEN) if tested.ok else ("✕", look.VERMILLION)
        numbers = [
            None if tested.latency_s is None else f"{tested.latency_s:.2f} s",
            None if tested.tokens_in is None else f"{tested.tokens_in:,} tokens in",
            None if tested.tokens_out is None else f"{tested.tokens_out:,} tokens out",
        ]
        note = " · ".join(["to “Calculate 2 + 2 + 2.”", *filter(None, numbers)])
        chip = look.sign_chip(sign, tested.finish.replace("_", " "), colour)
        st.html(f'<div>{chip}<span class="mapd-note">{note}</span></div>')
        if tested.text:
            came = text.foreign_html(tested.text, max_chars=LONGEST_SHOWN)
            st.html(f'<blockquote class="mapd-quote">{came}</blockquote>')
        for note in tested.notes:
            st.html(f'<div class="mapd-note">{text.escape(text.one_line(note, 200))}</div>')
    if last.error:
        text.complain(last.error)


# --- Another one ------------------------------------------------------------------------------------------------------


def form(*, opened: bool) -> None:
    """Add a teacher; a refusal is one line, and what was typed stays."""
    turn = st.session_state.get(FORM, 0)
    with st.expander("Add a teacher", expanded=opened):
        kind = st.segmented_control(
            "Kind",
            list(ABOUT),
            default="simulated",
            required=True,
            label_visibility="collapsed",
            key=f"teacher_kind_{turn}",
        )
        st.caption(ABOUT[kind])
        given = _simulated(turn) if kind == "simulated" else _real(kind, turn)
        if acting.button("Add", key="add_teacher", icon=":material/add:", type="primary"):
            st.session_state[REFUSED] = _add(kind, given)
            st.rerun()
        if (refused := st.session_state.pop(REFUSED, None)) is not None:
            text.complain(refused)


def _name(place: Any, turn: int) -> str:
    name: str = place.text_input("Name", max_chars=LONGEST_NAME, key=f"teacher_name_{turn}")
    return name


def _simulated(turn: int) -> dict[str, Any]:
    left, middle, right = st.columns((2, 3, 1))
    name = _name(left, turn)
    model = middle.selectbox(
        "Profile", list(PROFILES), format_func=lambda p: PROFILE_WORDS.get(p, p), key=f"teacher_profile_{turn}"
    )
    seed = right.number_input("Seed", 0, 2**31 - 1, 0, key=f"teacher_seed_{turn}")
    return {"name": name, "model": model, "sampling": {"seed": int(seed)}}


def _real(kind: str, turn: int) -> dict[str, Any]:
    """The fields of a served or a local teacher; what is left empty is not set."""
    served = kind in KEY_VARIABLES
    left, right = st.columns(2)
    given: dict[str, Any] = {"name": _name(left, turn)}
    hint = "as its provider calls it" if served else "a folder, or ORG/NAME of the hub"
    given["model"] = right.text_input("Model", placeholder=hint, key=f"teacher_model_{turn}")
    if served:
        given |= _server(kind, turn)
    first, second, third, fourth = st.columns(4)
    unset = "its own" if served else f"{Sampling().temperature:g}"
    reply = str(LONGEST_REPLY if served else Sampling().max_tokens)
    given["sampling"] = _given(
        temperature=first.number_input(
            "Temperature", 0.0, 2.0, None, 0.1, placeholder=unset, key=f"teacher_temperature_{turn}"
        ),
        max_tokens=second.number_input(
            "Max tokens", 1, 100_000, None, placeholder=reply, key=f"teacher_max_tokens_{turn}"
        ),
    )
    if served:
        limits = _given(
            concurrency=third.number_input(
                "Calls at once", 1, 1024, None, placeholder=str(Limits().concurrency), key=f"teacher_at_once_{turn}"
            ),
            per_minute=fourth.number_input(
                "Calls a minute", 0.1, 1e6, None, 1.0, "%g", placeholder="no limit", key=f"teacher_per_minute_{turn}"
            ),
        )
        given["limits"] = limits or None  # none given: those of a teacher that is there stay
        given["price"] = _price(turn)
        given |= _further(turn)
        given["approved"] = _approved(kind, given["base_url"], [given["key_env"], *_header_variables(given["headers"])])
    return given


def _further(turn: int) -> dict[str, str]:
    """Further fields and headers as they are typed, a line each; the button reads them."""
    left, right = st.columns(2)
    return {
        "fields": left.text_area(
            "Further fields of a request",
            placeholder='reasoning_effort=low\nchat_template_kwargs={"enable_thinking": false}',
            key=f"teacher_fields_{turn}",
        ),
        "headers": right.text_area(
            "Further headers",
            placeholder="x-team=MAPD_TEAM (the variable's name)",
            key=f"teacher_headers_{turn}_{st.session_state.get(KEY_FIELD, 0)}",
        ),
    }


def _header_variables(typed: str) -> list[str]:
    try:
        return list(read_names("a header", _lines(typed)).values())
    except BadInput:
        return []  # the form's button says what is wrong


def _lines(typed: str) -> list[str]:
    return [line.strip() for line in typed.splitlines() if line.strip()]


def _price(turn: int) -> dict[str, float]:
    left, right = st.columns(2)
    field: dict[str, Any] = {"min_value": 0.0, "value": None, "step": 0.1, "format": "%g", "placeholder": "as listed"}
    return _given(
        usd_in=left.number_input("Price in, US dollars a million tokens", key=f"teacher_price_in_{turn}", **field),
        usd_out=right.number_input("Price out, US dollars a million tokens", key=f"teacher_price_out_{turn}", **field),
    )


def _server(kind: str, turn: int) -> dict[str, Any]:
    left, right = st.columns(2)
    field = st.session_state.get(KEY_FIELD, 0)
    address = left.text_input("Base URL", placeholder=f"{SERVERS[kind]} if left empty", key=f"teacher_url_{turn}")
    variable = right.text_input("Key's variable", placeholder=KEY_VARIABLES[kind], key=f"teacher_key_{turn}_{field}")
    st.caption(
        "The key itself stays in the environment, or in .streamlit/secrets.toml; this stores the name alone, and to "
        f"which server it may go. Left empty: {text.label(KEY_VARIABLES[kind])}, or no key where a base URL is given."
    )
    return {"base_url": address.strip() or None, "key_env": variable.strip() or None}


def _approved(kind: str, base_url: str | None, variables: Iterable[str | None]) -> bool:
    """Ask where a key or a header's value is another server's: a box for each; return whether all are ticked."""
    try:
        to = approvals.server_of(kind, base_url)
        with db.reading(current.engine()) as session:
            names = [keys.check_name(name) for name in dict.fromkeys(variables) if name is not None]
            doubts = {name: doubt for name in names if (doubt := approvals.find_doubt(session, name, to)) is not None}
    except BadInput:
        return False  # the form's button says what is wrong
    boxes = [
        st.checkbox(text.label(f"Yes, send it there: {doubt}", 300), key=f"teacher_yes_{name}_{to}")
        for name, doubt in doubts.items()
    ]
    return bool(boxes) and all(boxes)


def _given(**settings: Any) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if value is not None}


def _add(kind: str, given: Mapping[str, Any]) -> str | None:
    """Add it, and begin the form anew; else the reason."""
    settings = dict(given)
    try:
        if (variable := given.get("key_env")) is not None:
            keys.check_name(variable)
        settings["headers"] = read_names("a header", _lines(settings.pop("headers", "")))
    except BadInput as error:
        st.session_state[KEY_FIELD] = st.session_state.get(KEY_FIELD, 0) + 1  # it may be a secret: it doesn't stay
        return str(error)
    try:
        fields = read_pairs("a further field", _lines(settings.pop("fields", "")))
        settings["sampling"] = {**settings.get("sampling", {}), **fields}
        with db.writing(current.engine()) as session:
            teachers.add(session, kind=kind, by=current.acting_person(), **settings)
    except MapdError as error:
        return str(error)
    st.session_state[FORM] = st.session_state.get(FORM, 0) + 1
    return None
