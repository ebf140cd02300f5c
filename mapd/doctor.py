"""What `mapd doctor` looks at: Python, the weights, the home, the database. Each finding names itself and the cure."""

import platform
import shutil
import sys
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session, func, select

from mapd.errors import MapdError
from mapd.models import weights
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t

ENOUGH_BYTES = 1 << 30
OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    what: str
    ok: bool
    found: str
    cure: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Everything worth knowing before work starts; nothing raises."""
    version = platform.python_version()
    findings = [Finding("python", sys.version_info >= OLDEST_PYTHON, version, "install Python 3.11 or newer")]
    findings.append(_weights())
    try:
        home = settings.make_home()
    except MapdError as error:
        return [*findings, Finding("home", False, str(settings.home), str(error))]
    free = shutil.disk_usage(home).free
    findings += [
        Finding("home", True, str(home)),
        Finding("disk", free > ENOUGH_BYTES, f"{free / (1 << 30):.1f} GiB free", "free at least 1 GiB"),
    ]
    try:
        findings.append(_database(db.open_store(settings)))
    except MapdError as error:
        findings.append(Finding("database", False, "can't be opened", str(error)))
    return findings


def _weights() -> Finding:
    file = weights.packaged()
    found = f"no package {weights.PACKAGE}" if file is None else file.name
    return Finding("the demo's student", file is not None, found, weights.GET_PACKAGE)


def _database(engine: sa.Engine) -> Finding:
    with Session(engine) as session:
        version = db.current_version(session.connection())
        exams = session.exec(select(func.count()).select_from(t.Exam)).one()
        said = "ok"
        if engine.dialect.name == "sqlite":
            said = str(session.connection().exec_driver_sql("PRAGMA quick_check").scalar_one())
    found = f"{engine.dialect.name}, schema {version}, {exams} {'exam' if exams == 1 else 'exams'}, check {said}"
    return Finding("database", said == "ok", found, "restore the database from a copy: SQLite finds it damaged")
