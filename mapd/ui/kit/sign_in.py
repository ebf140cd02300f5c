"""Who may see the app: everybody at this machine or, with `[auth]` in .streamlit/secrets.toml, people who sign in.

Streamlit does the sign-in (OpenID Connect), stores it in a signed cookie, and reads that when a session begins. The
database is asked as well (store/sign_ins.py): a session may outlive its sign-in.
"""

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode

import streamlit as st
from streamlit.auth_util import get_secrets_auth_section
from streamlit.errors import StreamlitAPIException

from mapd.errors import BadInput, MapdError
from mapd.people import READER, Person, admit
from mapd.settings import Settings
from mapd.store import sign_ins
from mapd.ui.kit import cookies, text

OPEN_TO_NETWORK = (
    "this app can be reached from other machines, and nobody has to sign in: {address}; start it on 127.0.0.1, or have"
    " people sign in (README, Signing in)"
)
NO_SIGN_IN = (
    "MAPD_OWNERS or MAPD_ANNOTATORS names people, but nobody can sign in: .streamlit/secrets.toml has no readable"
    " [auth]; write it (README, Signing in), or unset both"
)
# Session state: whether this session went back to where the sign-in interrupted somebody.
HAS_RETURNED = "returned"


# What streamlit knows of a visitor; None where nobody signs in here.
Claims = Mapping[str, object] | None
# context.read, which asks the database.
Read = Callable[..., Any]


def is_set_up() -> bool:
    """Return whether people sign in here; for code outside of a page."""
    return bool(get_secrets_auth_section())


def is_needed() -> bool:
    """Return whether people sign in here; for a page: streamlit then knows of a visitor whether they did."""
    return "is_logged_in" in st.user


def _claims() -> Claims:
    return st.user.to_dict() if is_needed() else None


def session_person(settings: Settings) -> Person:
    """Return the person of this session, as `person_of` does."""
    return person_of(_claims(), settings)


def person_of(claims: Claims, settings: Settings) -> Person:
    """Return who signed in, in their current role; a reader without a name where nobody signs in.

    Raises: BadInput where they didn't sign in, or the e-mail isn't verified; Forbidden for somebody without a role.
    """
    if claims is None:
        return READER
    if not claims.get("is_logged_in"):
        raise BadInput("sign in first")
    return admit(claims, settings.owners, settings.annotators)


def session_refusal(settings: Settings, read: Read) -> str | None:
    """Return why this session is shown nothing, as `find_refusal` does."""
    return find_refusal(_claims(), settings, read)


def find_refusal(claims: Claims, settings: Settings, read: Read) -> str | None:
    """Return why the app is closed to a visitor: a line, "" where they only have to sign in; None where it is open."""
    if claims is not None:
        if not claims.get("is_logged_in"):
            return ""
        if read(sign_ins.is_over, claims):
            return ""
        try:
            person_of(claims, settings)
        except MapdError as error:
            return str(error)
        return None
    # Somebody meant to restrict the app: better closed than open to all.
    if settings.owners or settings.annotators:
        return NO_SIGN_IN
    address = str(st.get_option("server.address") or "every address")
    return None if is_loopback(address) else OPEN_TO_NETWORK.format(address=address)


def is_loopback(address: str) -> bool:
    """Return whether only this machine reaches a server at this address."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def draw_sign_in(refusal: str, page: str) -> None:
    """Draw the sign-in in place of the page; it leads back to the address that was asked for."""
    middle = st.container(horizontal_alignment="center")
    with middle.container(key="mapd_sign_in", border=True, width=440):
        st.html('<div class="mapd-brand"><i aria-hidden="true">◑</i>MAPD Studio</div>')
        if refusal:
            text.complain(refusal)
            if is_needed():
                st.button("Sign out", on_click=st.logout, icon=":material/logout:")
            return
        if st.user.get("is_logged_in"):
            st.markdown(f"You signed out, or signed in more than {sign_ins.LONGEST.days} days ago.")
        st.markdown("The people of this project sign in; their judgements carry their e-mail.")
        for provider, label in providers(st.secrets["auth"]):
            st.button(label, key=f"sign_in_{label}", on_click=_sign_in, args=(provider,), type="primary")
    cookies.keep(cookies.RETURN_ADDRESS, f"{page}?{urlencode(address_params(), doseq=True)}")


def address_params() -> dict[str, list[str]]:
    """Return the address's parameters, each with all its values."""
    return {key: st.query_params.get_all(key) for key in st.query_params}


def providers(auth: Mapping[str, Any]) -> list[tuple[str | None, str]]:
    """Return each provider's name in the secrets (None for a single one), and its button's label."""
    names = [name for name, value in auth.items() if isinstance(value, Mapping) and "client_id" in value]
    return [(name, f"Sign in with {name}") for name in names] or [(None, "Sign in")]


def _sign_in(provider: str | None) -> None:
    try:
        st.login(provider)
    except StreamlitAPIException as error:
        text.complain(f"signing in isn't set up yet: {' '.join(str(error).split())}")


def take_return_address(page: str) -> tuple[str, dict[str, list[str]]] | None:
    """Return the page and parameters asked for before the sign-in: once, where it led to the start page."""
    address = cookies.read(cookies.RETURN_ADDRESS) if is_needed() else ""
    if not address:
        return None
    # The cookie is used once, and only where the provider leads to the start page.
    if st.session_state.get(HAS_RETURNED) or page or st.query_params:
        cookies.keep(cookies.RETURN_ADDRESS, "")
        return None
    st.session_state[HAS_RETURNED] = True
    path, _, query = address.partition("?")
    return path, parse_qs(query)
