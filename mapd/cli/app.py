"""`mapd app`: the pages on this machine."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from mapd.cli import project
from mapd.cli.shared import derive_index, line, open_project, person_of
from mapd.errors import BadInput
from mapd.exchange import recorded
from mapd.settings import Settings
from mapd.store import db


def app(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port on this machine.")] = 8501,
    with_demo: Annotated[bool, typer.Option("--demo", help="Load the recorded demo into a fresh project.")] = False,
) -> None:
    """Open the app on http://127.0.0.1:PORT until Ctrl+C."""
    # What can't be used is said before a server starts.
    engine = open_project()
    if with_demo and recorded.load(engine, Settings().home, by=person_of(None)):
        derive_index(engine)
        line("the recorded demo is loaded: its teachers are simulated")
    with db.reading(engine) as session:
        name = project.name_of(session)
    script = Path(__file__).parents[2] / "app.py"
    if not script.is_file():
        raise BadInput(f"the app's pages are not installed: {script} is missing; run it from a checkout of the project")
    line(f"MAPD Studio: http://127.0.0.1:{port}   project {name}   (Ctrl+C ends it)")
    sys.stdout.flush()
    # Streamlit reads its configuration from the folder that it starts in.
    home = str(Settings().home.resolve())
    os.chdir(script.parent)
    os.environ["MAPD_HOME"] = home
    os.execv(sys.executable, [sys.executable, "-m", "mapd.ui.kit.server", str(script), str(port)])
