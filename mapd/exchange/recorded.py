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
from mapd.store import audit_log, db, queries

FOLDER = Path(__file__).parents[2] / "data" / "demo"
PROJECT, HOW = "project.zip", "how.json"
MADE_WITH = ("mapd-studio", "torch", "transformers", "peft")


def is_fresh(session: Session) -> bool:
    """Return whether the project holds no exam yet, or but a part of the recording: loading it was cut off."""
    return not queries.exams(session) or any(PROJECT in name for name in archive.list_unfinished(session))


def record(
    engine: sa.Engine, home: Path, command: str, result: Mapping[str, Any], *, by: Person, folder: Path = FOLDER
) -> Path:
    """Keep the project, and what the run printed, as the demo. Raises: Forbidden; BadInput: no place to write."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        exported = archive.export(engine, folder / PROJECT, home, by=by)
        note = {
            "command": command,
            "result": result,
            "simulated": "the teachers and the questions; the student and its training are real",
            "versions": {"python": platform.python_version(), **{name: version(name) for name in MADE_WITH}},
            "project_sha256": exported.sha256,
            "rows": exported.rows,
        }
        (folder / HOW).write_text(json.dumps(note, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise BadInput(
            f"the recorded demo can't be written to {folder} ({error.strerror}); unlock or free it"
        ) from error
    return folder


def load(engine: sa.Engine, home: Path, *, by: Person, folder: Path = FOLDER) -> bool:
    """Bring the recorded demo into a fresh project; return whether it did. Raises: Forbidden, BadInput."""
    person, file = require(by, Right.IMPORT), folder / PROJECT
    with db.reading(engine) as session:
        is_new = is_fresh(session)
    if not is_new or not file.is_file():
        return False
    with file.open("rb") as stream, archive.stage(file.name, stream) as staging:
        archive.load(engine, staging, home, by=by, count_judgements=True)
    # It is our own archive: its judgements count, and its teachers, which are simulated, can be asked at once.
    with db.writing(engine) as session:
        for teacher in teachers.list_teachers(session):
            if teacher.simulated and teacher.origin is not None:
                teachers.enable(session, teacher.name, by)
        audit_log.audit(session, person, audit_log.RECORDED_DEMO, f"archive {file.name}")
    return True
