"""What the routes in api/ need from the running app, and the token that the triage page gives to its client."""

import time
from functools import cache

import streamlit as st
from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.routing import Mount
from starlette.types import Scope

from mapd.api import access, routes
from mapd.api.access import Visitor
from mapd.store import sign_ins
from mapd.ui.kit import context, gate, rich_text, scripts
from mapd.ui.kit import sign_in as signing_in

# Session state: the person, role, exam and sign-in of the token, its time, and the token.
TOKEN = "triage_token"
# An older token is replaced.
FRESH_S = access.LIFE.total_seconds() / 2


def token(exam_id: int) -> str:
    """Return this tab's token; a new one where person, role, exam or sign-in changed.

    Raises: Forbidden where the app isn't open to this session any more.
    """
    person, sign_in = context.acting_person(), sign_ins.key_of(st.user.to_dict()) if signing_in.is_needed() else ""
    subject = (person.name, person.role, exam_id, sign_in)
    entry = st.session_state.get(TOKEN)
    if entry is None or entry[0] != subject or time.monotonic() - entry[1] > FRESH_S:
        if entry is not None and entry[0][0] != person.name:
            # The person before at this tab: their token must not judge any more.
            context.write(access.revoke_tokens, entry[0][0])
        new_token = context.write(access.issue_token, person, exam_id, sign_in)
        entry = st.session_state[TOKEN] = (subject, time.monotonic(), new_token)
    return str(entry[2])


def visitor(scope: Scope) -> Visitor | None:
    """Return the person of a request's cookies; None where the app isn't open to them."""
    person = gate.visitor(scope)
    if person is None:
        return None
    return Visitor(person, sign_ins.key_of(gate.cookie_claims(scope)) if signing_in.is_set_up() else "")


def origins(scope: Scope) -> set[str]:
    """Return the origins of this app's own pages, for a request."""
    return gate.app_origins(Headers(scope=scope).get("host", "").lower(), *gate.own_address())


HOUSE = routes.AppHooks(context.engine, visitor, origins, rich_text.themed_document)


def mount() -> Mount:
    """Return the routes at their path below the app's root."""
    return Mount(f"{scripts.base_path()}/api", _make_once())


# Streamlit runs app.py again for each click, and what is made of the routes' models takes longer than most pages.
@cache
def _make_once() -> FastAPI:
    return routes.make(HOUSE)
