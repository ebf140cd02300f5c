"""A project into one file, row by row: nothing is held in memory but a block of rows. `mapd archive export FILE`

The file is a zip: a JSONL of each table, a row a line, and last a manifest with their sha256. One line of
attempt.jsonl (shortened):

    {"uid": "9c…", "exam_id": "5e…", "question_id": "a0…", "created_at": "2026-01-01T10:00:00+00:00",
     "outcome": "incorrect", "sample": 0, "text": "87 / 93 = 0.92", …}

Where a column holds another row's id, the line has that row's uid; ids are given anew on import. All of this follows
from tables.py: a new column or table travels by itself, unless it says that it stays. What travels is every table whose
rows can be told apart without a local id; so the audit, the log of one project's acts, stays. Weights and adapters are
no rows, they stay too. The same project gives the same bytes.
"""

import hashlib
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, select

from mapd import keys
from mapd.errors import BadInput, Damaged
from mapd.exchange import files
from mapd.exchange.archive.container import FORMAT, LONGEST_LINE, MANIFEST, MOST_BYTES, MOST_PACKED, file_of
from mapd.exchange.archive.shapes import carried_columns, referred_table, travelling_tables
from mapd.people import Person, Right, require
from mapd.store import audit_log, damage, db, snapshots
from mapd.store import tables as t

# Rows that are read at once.
BLOCK = 500
# Characters: "ollama" is no secret, and a word in many texts.
SHORTEST_KEY = 16
# What no archive holds, as patterns, and what stands for it.
Masks = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ArchiveExport:
    """What an export wrote."""

    path: str
    rows: int
    sha256: str


def export(engine: sa.Engine, path: Path, home: Path, *, by: Person) -> ArchiveExport:
    """Write the project to `path`, whole or not at all; a file that is there is replaced.

    It sees one moment of the project, and keeps nobody from writing meanwhile.

    Raises: Forbidden; BadInput where the file can't be written, a row or the whole is larger than an archive may be, or
    a snapshot is damaged: nobody could import it. Damaged where a value of the database is.
    """
    person = require(by, Right.EXPORT)
    with files.whole(path, replaces=True) as place:
        with one_moment(engine) as session, place.open("wb") as file:
            if (fault := next(damage.find_spoiled(session.connection()), None)) is not None:
                raise Damaged(f"the database is damaged: {damage.place_of(engine)} ({fault}); {damage.COPY}")
            for snapshot in session.scalars(select(t.Snapshot).execution_options(yield_per=1)):
                snapshots.check(snapshot)
                session.expunge(snapshot)
            rows = _pack(session, file, find_masks(session, home))
        sha256 = files.sha256_of(place)
    with db.writing(engine) as session:
        detail = {"format": "archive", "rows": rows, "file": path.name, "sha256": sha256}
        audit_log.audit(session, person, "archive export", f"archive {sha256}", **detail)
    return ArchiveExport(str(path), rows, sha256)


def one_moment(engine: sa.Engine) -> AbstractContextManager[Session]:
    """Return a session whose reads all see one moment of the database."""
    # SQLite's always do.
    if engine.dialect.name == "postgresql":
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    return db.reading(engine)


def _pack(session: Session, file: Any, masks: Masks) -> int:
    """Write every table's lines, then the manifest; return the number of rows."""
    # No times, and no order but the rows' own: the same project gives the same bytes.
    tables: dict[str, dict[str, Any]] = {}
    with zipfile.ZipFile(file, "w") as zip_file:
        for table in sorted(travelling_tables(), key=lambda table: table.name):
            digest, rows = hashlib.sha256(), 0
            with zip_file.open(_entry(file_of(table.name)), "w", force_zip64=True) as stream:
                for record in read_records(session, table, masks):
                    line = write_line(record)
                    if len(line) > LONGEST_LINE:
                        raise BadInput(
                            f"a row of {table.name} is too large for an archive: {len(line):,} bytes, of "
                            f"{LONGEST_LINE:,}; freeze smaller snapshots"
                        )
                    digest.update(line)
                    stream.write(line)
                    rows += 1
            tables[table.name] = {"rows": rows, "sha256": digest.hexdigest()}
        if sum(entry.file_size for entry in zip_file.infolist()) > MOST_BYTES or file.tell() > MOST_PACKED:
            raise BadInput(
                f"the project is too large for an archive, which has {MOST_BYTES:,} bytes at most, {MOST_PACKED:,} "
                "packed; delete what isn't needed (`mapd exam delete`), or copy the database as it is"
            )
        manifest = {"format": FORMAT, "schema": str(db.current_version(session.connection())), "tables": tables}
        zip_file.writestr(_entry(MANIFEST), json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    return sum(int(entry["rows"]) for entry in tables.values())


def _entry(name: str) -> zipfile.ZipInfo:
    # It is dated 1980 by default, so that the same project gives the same bytes.
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def read_records(session: Session, table: sa.Table, masks: Masks) -> Iterator[dict[str, Any]]:
    """Yield the table's rows as lines have them, in the order of the ids: as they came in."""
    # Work that is under way is written as cancelled. Where a text names the project's folder, the person's, or holds a
    # key of a teacher, "$MAPD_HOME", "~" or the key's variable stands.
    source: Any = table
    columns: list[sa.ColumnElement[Any]] = []
    for column in carried_columns(table):
        if (parent := referred_table(column)) is not None:
            target = t.metadata.tables[parent].alias()
            source = source.outerjoin(target, column == target.c.id)
            columns.append(target.c.uid.label(column.name))
        else:
            columns.append(column)
    query = sa.select(*columns).select_from(source).order_by(*table.primary_key.columns)
    for row in session.execute(query.execution_options(yield_per=BLOCK)).mappings():
        record = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}
        if table.name == "job" and record["status"] in ("queued", "running", "cancelling"):
            record["status"] = "cancelled"
        yield mask(record, masks)


def find_masks(session: Session, home: Path) -> Masks:
    """Return what no archive holds: keys, which an error may repeat, and this machine's folders."""
    columns = (t.Teacher.key_env, t.Student.key_env, t.KeyApproval.key_env)
    names = [name for column in columns for name in session.exec(select(column)).all()]
    key_of_name = {name: keys.read_key(name) for name in names if name}
    masks = {re.escape(key): f"${name}" for name, key in sorted(key_of_name.items()) if len(key) >= SHORTEST_KEY}
    for folder, placeholder in ((home, "$MAPD_HOME"), (Path.home(), "~")):
        for spelling in (folder.resolve(), folder.absolute()):
            if spelling != Path(spelling.anchor):
                masks.setdefault(rf"(?<![\w/.-]){re.escape(str(spelling))}(?![\w-])", placeholder)
    return masks


def mask(value: Any, masks: Masks) -> Any:
    """Return the value, a text of it or in it without what no archive holds."""
    if isinstance(value, dict):
        return {key: mask(inner, masks) for key, inner in value.items()}
    if isinstance(value, list):
        return [mask(inner, masks) for inner in value]
    if isinstance(value, str):
        for pattern, placeholder in masks.items():
            value = re.sub(pattern, placeholder, value)
    return value


def write_line(record: Mapping[str, Any]) -> bytes:
    """Return the record's line: the same record has one spelling."""
    return (json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n").encode()
