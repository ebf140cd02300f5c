"""Approve the servers that a key may be sent to: its provider's own, and those that a person named for it.

    approve(session, "MY_KEY", "https://llm.example.org", by=owner("ann")) writes a row of `key_approval`
    find_doubt(session, "MY_KEY", "https://else.example.org")  -> "MY_KEY is a key for https://llm.example.org, …"
    require(session, "MY_KEY", "https://else.example.org")     raises: the key is not read

Every call asks here first, so that no edit, import or changed row sends a key elsewhere. No archive carries the rows.
"""

import re
from urllib.parse import urlsplit

from sqlmodel import Session, col, select

from mapd import people
from mapd.errors import BadInput
from mapd.models.base import HOMES
from mapd.people import Person, Right
from mapd.store import audit_log
from mapd.store import tables as t

PORTS = {"http": 80, "https": 443}
# Keys that need no approval for their provider's own server.
OF_PROVIDERS = {"OPENAI_API_KEY": "openai", "ANTHROPIC_API_KEY": "anthropic"}
# What urlsplit and a HTTP client read alike: no blank, backslash, control or percent sign can move the host.
ADDRESS = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[\w~.:+/-]*)?", re.ASCII)


def check_address(base_url: str) -> str:
    """Return a server's address as it is kept. What is wrong with it is said without it: it may hold a password.

    Raises: BadInput where it can't be used.
    """
    address = base_url.strip().rstrip("/")
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018 - raises where it is no number
    except ValueError as error:
        raise BadInput("the base_url can't be read; write it as http://HOST:PORT/v1") from error
    if parts.scheme not in PORTS or not parts.hostname:
        raise BadInput("the base_url must begin with http:// or https:// and a host; write it as http://HOST:PORT/v1")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise BadInput("the base_url may hold no user, password, ? or #; a key belongs into a variable, see --key-env")
    if not ADDRESS.fullmatch(address):
        raise BadInput(
            "the base_url holds a character that no server's address has; write it as http://HOST:PORT/v1, a name of "
            "other letters in its ASCII form (xn--…)"
        )
    return address


def server_of(kind: str, base_url: str | None) -> str:
    """Return the server that a teacher's calls go to: "https://api.openai.com", or with a port that isn't usual.

    Raises: BadInput where the address can't be used.
    """
    parts = urlsplit(check_address(base_url or HOMES[kind]))
    host = (parts.hostname or "").removesuffix(".")
    port = "" if parts.port in (None, PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"


def list_servers(session: Session, variable: str) -> list[str]:
    """Return the servers that the key under this name may be sent to."""
    query = select(t.KeyApproval.server).where(t.KeyApproval.key_env == variable).order_by(col(t.KeyApproval.id))
    homes = [server_of(OF_PROVIDERS[variable], None)] if variable in OF_PROVIDERS else []
    return [*homes, *session.exec(query).all()]


def find_doubt(session: Session, variable: str, to: str) -> str | None:
    """Return why sending the key to this server needs a yes of its own: it is a key for another one. Else None."""
    destinations = list_servers(session, variable)
    if not destinations or to in destinations:
        return None
    return f"{variable} is a key for {', '.join(destinations)}, not for {to}"


def approve(session: Session, variable: str, to: str, *, by: Person) -> None:
    """Let the key under this name be sent to this server from now on. Raises: Forbidden."""
    person = people.require(by, Right.MANAGE_TEACHERS)
    if to not in list_servers(session, variable):
        session.add(t.KeyApproval(key_env=variable, server=to, person=person))
        audit_log.audit(session, person, "approve key", f"key {variable}", server=to)
        session.flush()


def require(session: Session, variable: str, to: str) -> None:
    """See that the key may be sent to this server. Raises: BadInput where nobody approved that."""
    destinations = list_servers(session, variable)
    if to not in destinations:
        reason = f"it is approved for {', '.join(destinations)}" if destinations else "it is approved for no server"
        raise BadInput(f"the key {variable} is not sent to {to}: {reason}; `mapd teachers enable` shows both and asks")
