"""A page as streamlit runs it, without a browser."""

import re
from pathlib import Path

from streamlit.testing.v1 import AppTest

from mapd.settings import Settings
from mapd.store import db
from tests.api.client import Client, Server

ROOT = Path(__file__).parents[2]


def open_page(path: str, *, name: str | None = "me", **params: str) -> AppTest:
    """The page at an address with these parameters, where somebody gave this name; no exception reaches it."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30)
    if name is not None:
        app.session_state["person"] = name
    for name, value in params.items():
        app.query_params[name] = value
    app.switch_page(path).run()
    assert not app.exception
    return app


def shown(app: AppTest) -> str:
    """All HTML of the page."""
    return " ".join(element.proto.body for element in app.get("html"))


def errors(app: AppTest) -> list[str]:
    """The one-line errors."""
    return [e.proto.body for e in app.get("html") if 'class="mapd-error"' in e.proto.body]


def has_triage(app: AppTest) -> bool:
    """Whether the page has the element that triage lives in."""
    return 'id="mapd-triage"' in shown(app)


def triage(**params: str) -> Client:
    """The routes as the triage page at this address opens them to its client."""
    return client_of(open_page("pages/review/triage.py", **params))


def client_of(app: AppTest) -> Client:
    """The routes as a triage page that is open opens them to its client."""
    (token,) = re.findall(r'data-token="([^"]+)"', shown(app))
    return Client(Server(db.open_store(Settings())).http, token)
