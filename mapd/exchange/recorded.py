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

import sqlalchemy as sa
from sqlmodel import Session

from mapd import teachers
from mapd.errors import BadInput
from mapd.exchange import archive
from mapd.people import Person, Right, require
from mapd.store import db, queries

FOLDER = Path(__file__).parents[2] / "data" / "demo"
PROJECT, HOW = "project.zip", "how.json"
MADE_WITH = ("mapd-studio", "torch", "transformers", "peft")


def is_fresh(session: Session) -> bool:
    """Whether the project holds no exam yet, or but a part of the recording: loading it was cut off."""
    return not queries.exams(session) or any(PROJECT in name for name in archive.list_unfinished(session))


def record(
    engine: sa.Engine, home: Path, command: str, result: Mapping[str, Any], *, by: Person, folder: Path = FOLDER
) -> Path:
    """Keep the project as the recorded demo. `result` is what the run printed, word for word.

    Raises: Forbidden; BadInput where the folder can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        saved = archive.export(engine, folder / PROJECT, home, by=by)
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


def load(engine: sa.Engine, home: Path, *, by: Person, folder: Path = FOLDER) -> bool:
    """Bring the recorded demo into a fresh project; returns whether it did. A project with an exam is left alone.

    It is our own archive: its judgements count, and its teachers, which are simulated, can be asked at once.

    Raises: Forbidden; BadInput where the recording can't be read.
    """
    person, file = require(by, Right.IMPORT), folder / PROJECT
    with db.reading(engine) as session:
        is_new = is_fresh(session)
    if not is_new or not file.is_file():
        return False
    with file.open("rb") as stream, archive.stage(file.name, stream) as staging:
        archive.load(engine, staging, home, by=by, count_judgements=True)
    with db.writing(engine) as session:
        for teacher in teachers.list_teachers(session):
            if teacher.simulated and teacher.origin is not None:
                teachers.enable(session, teacher.name, by)
        queries.audit(session, person, queries.RECORDED_DEMO, f"archive {file.name}")
    return True
