"""The filters of browse: widgets that live in the address, read into one `Filter`.

wanted, order = chosen(exam_id, curated)      # /browse?show=rationales&verdict=accepted&gold=fails&page=2
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import streamlit as st

from mapd.checks import State
from mapd.curation.curated import Curated
from mapd.curation.filters import Filter, Kind, Order, People
from mapd.ui import address, text
from mapd.ui.look import LOOKS
from mapd.verdicts import Check, Verdict

CHECKS = {"gold": Check.MATCHES_GOLD, "equations": Check.EQUATIONS_TRUE, "work": Check.SHOWS_WORK}
PAGE = ("page",)  # another filter begins on its first page
DEFAULTS: dict[str, Any] = {
    "show": Kind.RATIONALES.value,
    "q": "",
    "teacher": None,
    "verdict": None,
    "gold": None,
    "equations": None,
    "work": None,
    "people": None,
    "order": Order.QUESTION.value,
    "page": 1,
}


def chosen(exam_id: int, curated: Curated) -> tuple[Filter, Order]:
    """Draw the filters; returns what they say. What the address asks in vain is said in one line and left out."""
    known = {
        "show": _values(Kind),
        "teacher": list(curated.teachers),
        "verdict": _values(Verdict),
        **{name: _values(State) for name in CHECKS},
        "people": _values(People),
        "order": _values(Order),
    }
    for wrong in _drop_unknown(known):
        text.complain(wrong)
    address.settle("browse", exam_id, **DEFAULTS)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="mapd_browse"):
        st.segmented_control(
            "Show",
            known["show"],
            key="show",
            bind="query-params",
            required=True,
            default="rationales",
            on_change=address.first_page,
            args=PAGE,
        )
        words = st.text_input(
            "Words",
            key="q",
            bind="query-params",
            placeholder="in question or text",
            width=200,
            on_change=address.first_page,
            args=PAGE,
        )
        teacher = _choice("teacher", known["teacher"])
        verdict = _choice("verdict", known["verdict"])
        checks = {check: _choice(name, known[name]) for name, check in CHECKS.items()}
        people = _choice("people", known["people"])
        order = st.selectbox(
            "Order",
            known["order"],
            key="order",
            bind="query-params",
            width=150,
            on_change=address.first_page,
            args=PAGE,
        )
        st.button("Clear", icon=":material/filter_alt_off:", on_click=_clear, disabled=not _any_set())
    wanted = Filter(
        kind=Kind(st.session_state["show"] or Kind.RATIONALES),
        teacher=teacher,
        verdict=Verdict(verdict) if verdict else None,
        checks={check: State(state) for check, state in checks.items() if state},
        people=People(people) if people else None,
        contains=words or "",
    )
    return wanted, Order(order)


def _values(of: type[StrEnum]) -> list[str]:
    return [member.value for member in of]


def _choice(name: str, options: Sequence[str]) -> str | None:
    return st.selectbox(
        name.capitalize(),
        options,
        index=None,
        key=name,
        bind="query-params",
        placeholder="any",
        width=118,
        format_func=lambda value: text.one_line(LOOKS[value].word if value in LOOKS else value, 60),
        on_change=address.first_page,
        args=PAGE,
    )


def _any_set() -> bool:
    return any(st.session_state.get(key) != value for key, value in DEFAULTS.items() if key not in ("page", "show"))


def _clear() -> None:
    for key, value in DEFAULTS.items():
        if key != "show":
            st.session_state[key] = value


def _drop_unknown(known: Mapping[str, Sequence[str]]) -> list[str]:
    """Take values out of the address that its filters don't have; returns a line for each."""
    wrong = []
    for key, options in known.items():
        value = st.query_params.get(key)
        if value is not None and value not in options:
            del st.query_params[key]
            wrong.append(f"this address asks for {key} {value}, which isn't here; one of {', '.join(options)}")
    return wrong
