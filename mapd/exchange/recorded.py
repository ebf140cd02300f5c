"""The recorded demo: the archive of a project in which `mapd demo` ran, with a note of how it was made. No weights.

    data/demo/project.zip      what `mapd archive import` reads
    data/demo/how.json         {"command": "mapd demo --seed 0 --record", "result": {"untuned": …}, "versions": …, …}

It lies in a checkout, as the pages do; `make app` loads it into a fresh project.
"""

import json
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlmodel import Session

from mapd.errors import BadInput
from mapd.people import Person, Right, require
from mapd.store import archive, queries

FOLDER = Path(__file__).parents[2] / "data" / "demo"
PROJECT, HOW = "project.zip", "how.json"
MADE_WITH = ("mapd-studio", "torch", "transformers", "peft")


def is_fresh(session: Session) -> bool:
    """Whether the project holds no exam yet."""
    return not queries.exams(session)


def record(
    session: Session, home: Path, command: str, result: Mapping[str, Any], *, by: Person, folder: Path = FOLDER
) -> Path:
    """Keep the project as the recorded demo. `result` is what the run printed, word for word.

    Raises: Forbidden; BadInput where the folder can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        saved = archive.export(session, folder / PROJECT, home, by=by)
        how = {
            "command": command,
            "result": result,
            "simulated": "the teachers and the questions; the student and its training are real",
            "versions": {"python": platform.python_version(), **{name: version(name) for name in MADE_WITH}},
            "project_sha256": saved.sha256,
            "rows": saved.rows,
        }
        (folder / HOW).write_text(json.dumps(how, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise BadInput(
            f"the recorded demo can't be written to {folder} ({error.strerror}); unlock or free it"
        ) from error
    return folder


def load(session: Session, home: Path, *, by: Person, folder: Path = FOLDER) -> bool:
    """Bring the recorded demo into a fresh project; returns whether it did. A project with an exam is left alone.

    Raises: Forbidden; BadInput where the recording can't be read.
    """
    file = folder / PROJECT
    if not is_fresh(session) or not file.is_file():
        return False
    archive.load(session, archive.read(file.name, file.read_bytes()), home, by=by)
    queries.audit(session, require(by, Right.IMPORT), queries.RECORDED_DEMO, f"archive {file.name}")
    return True
