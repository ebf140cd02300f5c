"""The browser's client of triage: ES modules without a build step, served as they stand, and the element they live in.

    st.html(element(token, exam.uid, "ann"), unsafe_allow_javascript=True)
    st.App("app.py", routes=[client.mount()])
"""

import html
import json
from pathlib import Path

import streamlit as st
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from mapd.ui import look

FOLDER = Path(__file__).parent
STYLE = FOLDER / "client.css"


class Modules(StaticFiles):
    """The modules; a browser asks each time whether one has changed, so that an update is never half there."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return the file's response; no Python is served."""
        response = await super().get_response(path if path.endswith(".js") else "-", scope)
        response.headers["cache-control"] = "no-cache"
        return response


def mount() -> Mount:
    """Return the modules at their place below the app's root."""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return Mount(f"/{base}/client" if base else "/client", Modules(directory=FOLDER))


def element(token: str, exam: str, person: str) -> str:
    """Return the element that triage lives in, as HTML, with the script that starts it there."""
    looks = {name: (x.word, x.sign, x.colour) for name, x in look.LOOKS.items()}
    dress = json.dumps({"looks": looks, "teachers": look.TEACHERS, "person": look.PERSON})
    data = {"token": token, "base": "./api", "exam": exam, "person": person, "look": dress}
    attributes = " ".join(f'data-{name}="{html.escape(value)}"' for name, value in data.items())
    return f'<div id="mapd-triage" {attributes}></div><script type="module" src="./client/entry.js"></script>'
