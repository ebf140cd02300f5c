"""The scripts that the browser runs: ES modules without a build step, each file served as it is.

    st.App("app.py", routes=[*scripts.mounts()])
    scripts.run("room")                            # on a page: client/room.js

They come from the app's own address, so the Content-Security-Policy needs no exception for them (headers.py). A
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


class Modules(StaticFiles):
    """A folder of modules. The browser asks each time whether a file changed, so versions never mix."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return the file's response."""
        response = await super().get_response(path, scope)
        # Not no-store: the browser keeps the file and asks whether it changed.
        response.headers["cache-control"] = "no-cache"
        return response


def mounts() -> list[Mount]:
    """Return the folders at their paths below the app's root."""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    root = f"/{base}/client" if base else "/client"
    return [Mount(f"{root}/triage", Modules(directory=TRIAGE)), Mount(root, Modules(directory=FOLDER))]


def tag(name: str) -> str:
    """Return the HTML that runs a module: "triage/triage"."""
    return f'<script type="module" src="./client/{name}.js"></script>'


def run(name: str) -> None:
    """Run a module on this page."""
    st.html(tag(name), unsafe_allow_javascript=True)
