"""A page as streamlit runs it, without a browser."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

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
