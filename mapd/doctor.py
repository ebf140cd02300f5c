"""What `mapd doctor` looks at: Python, the home, the database and what lies beside it. Each names itself and the cure.

examine(Settings())[4]  -> Finding("database", True, "sqlite, schema 0023, 2 exams, check ok", "")
"""

import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlmodel import Session

from mapd import fingerprints, students, teachers
from mapd.errors import MapdError
from mapd.exchange import archive
from mapd.models import weights
from mapd.settings import Settings
from mapd.store import damage, db, lookup, queries

ENOUGH_BYTES = 1 << 30
OLDEST_PYTHON = (3, 11)
MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    subject: str
    ok: bool
    report: str
    cure: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Return everything worth knowing before work starts; nothing raises."""
    version = platform.python_version()
    findings = [Finding("python", sys.version_info >= OLDEST_PYTHON, version, "install Python 3.11 or newer")]
    file = weights.find_packaged()
    summary = f"no package {weights.PACKAGE}" if file is None else file.name
    findings.append(Finding("the demo's student", file is not None, summary, weights.GET_PACKAGE))
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
        engine = db.open_store(settings)
        findings.append(database := _database(engine))
        # In a damaged database nothing else is sure.
        findings += _contents(engine, home) if database.ok else ()
    except MapdError as error:
        findings.append(Finding("database", False, "can't be read", str(error)))
    return findings


def _database(engine: sa.Engine) -> Finding:
    with Session(engine) as session:
        connection = session.connection()
        version = db.current_version(connection)
        exams = queries.count_exams(session)
        faults = [*damage.find_broken(connection), *damage.find_differences(connection)]
        faults += damage.find_spoiled(connection)
    summary = "ok" if not faults else "; ".join(faults[:MOST_NAMED])
    report = f"{engine.dialect.name}, schema {version}, {exams} {'exam' if exams == 1 else 'exams'}, check {summary}"
    return Finding("database", not faults, report, f"{damage.COPY}: what is read of it may be wrong ({summary})")


def _contents(engine: sa.Engine, home: Path) -> Iterator[Finding]:
    """Yield findings on snapshots, students, local teachers and archives that can't be used as they are."""
    with db.reading(engine) as session:
        frozen = [row.sha256 for row in queries.snapshots(session)]
        learners = [(row.name, row.base, row.adapter, row.adapter_sha256) for row in students.list_students(session)]
        local = [row for row in teachers.list_teachers(session) if row.kind == "local"]
        local_teachers = [(f"teacher {row.name}", fingerprints.source_of(row.model), None, None) for row in local]
        sha256_of_source = lookup.list_fingerprints(session)
        unfinished = archive.list_unfinished(session)
    cure = "freeze the same set again, or restore the database from a copy"
    yield _all_well("snapshots", len(frozen), list(_snapshot_faults(engine, frozen)), cure)
    for subject, models in (("students", learners), ("local teachers", local_teachers)):
        faults = [fault for model in models if (fault := _model_fault(home, sha256_of_source, *model)) is not None]
        if models or subject == "students":
            yield _all_well(subject, len(models), faults, "put the files back, or add or finetune it again")
    if unfinished:
        cure = "import the same file again: it goes on where it was"
        yield Finding("archives", False, f"cut off while it came in: {'; '.join(unfinished)}", cure)


def _all_well(subject: str, number: int, faults: list[str], cure: str) -> Finding:
    result = f"{number:,} {subject if number != 1 else subject[:-1]}, {'; '.join(faults[:MOST_NAMED]) or 'ok'}"
    return Finding(subject, not faults, result, f"{'; '.join(faults[:MOST_NAMED])}: {cure}" if faults else "")


def _snapshot_faults(engine: sa.Engine, frozen: list[str]) -> Iterator[str]:
    for sha256 in frozen:
        try:
            with db.reading(engine) as session:
                queries.snapshot(session, sha256)
        except MapdError as error:
            yield str(error).partition(";")[0]


def _model_fault(
    home: Path, sha256_of_source: dict[str, str], name: str, base: str, adapter: str | None, sha256: str | None
) -> str | None:
    # Files that lie elsewhere are not looked into.
    kind, _, where = base.partition(":")
    folder = weights.converted_folder(home) if kind == "package" else Path(where)
    try:
        if kind == fingerprints.FINETUNE:
            folder = fingerprints.find_model(home, where) or folder
        if kind in ("package", "path", fingerprints.FINETUNE) and folder.is_dir():
            weights.check_files(weights.require_model(folder))
            if sha256_of_source.get(base, "") not in ("", weights.fingerprint(folder)):
                return f"{name}: the model's files in {folder} are others than before"
        if adapter is not None and (home / adapter).is_dir() and weights.fingerprint(home / adapter) != sha256:
            return f"{name}: the files of its adapter are not those that its finetune wrote"
    except MapdError as error:
        return f"{name}: {str(error).partition(';')[0]}"
    return None
