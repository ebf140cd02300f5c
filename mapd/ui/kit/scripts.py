"""The scripts that the browser runs, and what pages draw for them: ES modules without a build step.

    st.App("app.py", routes=[*scripts.mounts()])
    scripts.run("room")                            # on a page: client/room.js, which presses the buttons of keys
    st.button(scripts.key_label("enter", "reveal"), key=scripts.key_name("enter", uid))

They come from the app's own address, so the Content-Security-Policy needs no exception for them (responses.py). A
module's body runs once for each load of the page, however often the page is drawn.
"""

from pathlib import Path

import streamlit as st
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parents[1] / "client"
TRIAGE = Path(__file__).parents[1] / "triage" / "client"
KEY_SIGNS = {"left": "←", "right": "→", "enter": "Enter"}


class Modules(StaticFiles):
    """A folder of modules. The browser asks each time whether a file changed, so versions never mix."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return the file's response."""
        response = await super().get_response(path, scope)
        # Not no-store: the browser keeps the file and asks whether it changed.
        response.headers["cache-control"] = "no-cache"
        return response


def base_path() -> str:
    """Return the path of the app's root, "/studio"; "" at the server's own root."""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}" if base else ""


def mounts() -> list[Mount]:
    """Return the folders at their paths below the app's root."""
    root = f"{base_path()}/client"
    return [Mount(f"{root}/triage", Modules(directory=TRIAGE)), Mount(root, Modules(directory=FOLDER))]


def tag(name: str) -> str:
    """Return the HTML that runs a module: "triage/triage"."""
    return f'<script type="module" src="./client/{name}.js"></script>'


def run(name: str) -> None:
    """Run a module on this page."""
    st.html(tag(name), unsafe_allow_javascript=True)


def keep_history() -> None:
    """Have the browser's Back undo one press. Another page of rows, and another mistake, start scrolled to their top.

    Streamlit adds an entry whenever the server completes or corrects the address: a link to another page made three,
    and a filter set by hand made none. Here the first change of the address after a press makes an entry, and later
    changes complete it; so do changes after a load, Back or Forward. Two presses within one run share an entry.
    """
    with st.container(key="mapd_history"):
        run("history")


def key_name(key: str, uid: str) -> str:
    """Return a widget key that gives the button this key of the keyboard."""
    return f"hot_{key}_{uid}"


def focus_name(uid: str) -> str:
    """Return a container key that gives the container's first field the focus, once: people type there first.

    Until they type something the left and right arrows stay the page's keys.
    """
    return f"hotfocus_{uid}"


def key_label(key: str, words: str = "") -> str:
    """Return a button's label that shows its key."""
    return f"`{KEY_SIGNS.get(key, key)}` {words}".rstrip()
