"""A whole project as one file, and back: lossless, idempotent by uid. `mapd archive export FILE`, `… import FILE`

The file is a zip: a manifest, and a JSONL of each table, a row a line. One line of attempt.jsonl (shortened):

    {"uid": "9c…", "exam_id": "5e…", "question_id": "a0…", "created_at": "2026-01-01T10:00:00+00:00",
     "outcome": "incorrect", "sample": 0, "text": "87 / 93 = 0.92", …}

Where a column holds another row's id, the line has that row's uid; ids are given anew on import. All of this follows
from tables.py: a new column or table travels by itself. What travels is every table whose rows can be told apart
without a local id; so the audit, the log of one project's acts, stays. Weights and adapters are no rows, they stay too.
The same project gives the same bytes.
"""

import hashlib
import io
import json
import os
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.script import ScriptDirectory
from sqlmodel import Session

from mapd import keys
from mapd.errors import BadInput
from mapd.people import Person, Right, require
from mapd.store import db, queries
from mapd.store import tables as t
from mapd.verdicts import NOTE

FORMAT = 1
MANIFEST = "manifest.json"
BLOCK = 500  # rows an INSERT
SHORTEST_KEY = 16  # characters: "ollama" is no secret, and a word in many texts
NOTES_NAMED = "0011"  # the schema since which a note's reason says that it is one
Record = dict[str, Any]  # a row as its line has it
Records = dict[str, list[Record]]  # by table
TAKES: Mapping[type, tuple[type, ...]] = {  # what a column takes from JSON
    sa.JSON: (dict, list),
    sa.Boolean: (bool,),
    sa.Integer: (int,),
    sa.Float: (float, int),
    sa.String: (str,),
}

# What people set and work moves on while the row stays the same: the project's own value stands, it is no conflict.
MOVES: Mapping[str, frozenset[str]] = {
    "exam": frozenset(
        {"policy", "threshold_hundredths", "judgements_wanted", "practice", "check_every", "repeat_every"}
    ),
    "finetune": frozenset({"student_id"}),
    "job": frozenset(t.metadata.tables["job"].c.keys()) - {"uid", "created_at", "kind", "person"},
    "saved_mapping": frozenset({"text", "person"}),
    "saved_view": frozenset({"address", "person"}),
    "teacher": frozenset({"limits", "price", "disabled", "key_env"}),
}


@dataclass(frozen=True, slots=True)
class Archive:
    """A file's rows, checked against its manifest, nothing written yet."""

    name: str
    sha256: str
    records: Records


@dataclass(frozen=True, slots=True)
class Loaded:
    """What an import did. `exams`: the archive's, by the names they have here; `renamed`: "student a -> a (2)"."""

    rows_new: int
    rows_known: int
    exams: tuple[str, ...]
    renamed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Saved:
    """What an export wrote."""

    path: str
    rows: int
    sha256: str


def travelling() -> list[sa.Table]:
    """The tables that travel, each behind those it refers to."""
    return [table for table in t.metadata.sorted_tables if "uid" in table.c or "id" not in table.c]


# --- Out --------------------------------------------------------------------------------------------------------------


def export(session: Session, path: Path, home: Path, *, by: Person) -> Saved:
    """Write the project to `path`, whole or not at all; a file that is there is replaced.

    Raises: Forbidden; BadInput where the file can't be written.
    """
    person = require(by, Right.EXPORT)
    records = dump(session, home)
    content = pack(records, str(db.current_version(session.connection())))
    temporary = path.parent / f".{path.name}.{os.getpid()}"
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise BadInput(f"the archive can't be written to {path} ({error.strerror}); choose another place") from error
    saved = Saved(str(path), sum(map(len, records.values())), hashlib.sha256(content).hexdigest())
    queries.audit(session, person, "archive export", f"archive {saved.sha256}", rows=saved.rows)
    return saved


def dump(session: Session, home: Path) -> Records:
    """Every row that travels, in the order of the ids, which is the order in which rows came in.

    Work that is under way is written as cancelled, or the project that imports it would do it. Where a text names the
    project's folder, the person's, or holds a key of a teacher, "$MAPD_HOME", "~" or the key's variable stands.
    """
    uids: dict[str, dict[int, str]] = {}
    records: Records = {}
    for table in travelling():
        rows = session.execute(sa.select(table).order_by(*table.primary_key.columns)).mappings().all()
        if "uid" in table.c:
            uids[table.name] = {row["id"]: row["uid"] for row in rows}
        records[table.name] = [_record(table, row, uids) for row in rows]
    for job in records["job"]:
        job["worker"] = None  # a machine's name
        if job["status"] in ("queued", "running", "cancelling"):
            job["status"] = "cancelled"
    masks = _masks(home, [teacher["key_env"] for teacher in records["teacher"]])
    return {name: [_masked(record, masks) for record in rows] for name, rows in records.items()}


def _record(table: sa.Table, row: Mapping[Any, Any], uids: Mapping[str, Mapping[int, str]]) -> Record:
    record = {}
    for column in table.c:
        value, of = row[column.name], _refers_to(column)
        if of is not None and value is not None:
            value = uids[of][value]
        record[column.name] = value.isoformat() if isinstance(value, datetime) else value
    record.pop("id", None)
    return record


def _refers_to(column: sa.Column[Any]) -> str | None:
    """The table whose id the column holds. A key that is no local id, such as a prompt's sha256, travels as it is."""
    return next((key.column.table.name for key in column.foreign_keys if key.column.name == "id"), None)


def _masks(home: Path, variables: Iterable[str | None]) -> dict[str, str]:
    """What no archive holds (as patterns), and what stands for it: keys, which an error may repeat, and our folders."""
    held = {name: keys.key(name) for name in variables if name}
    masks = {re.escape(key): f"${name}" for name, key in sorted(held.items()) if len(key) >= SHORTEST_KEY}
    for folder, stands in ((home, "$MAPD_HOME"), (Path.home(), "~")):
        for spelled in (folder.resolve(), folder.absolute()):
            if spelled != Path(spelled.anchor):
                masks.setdefault(rf"(?<![\w/.-]){re.escape(str(spelled))}(?![\w-])", stands)
    return masks


def _masked(value: Any, masks: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _masked(one, masks) for key, one in value.items()}
    if isinstance(value, list):
        return [_masked(one, masks) for one in value]
    if isinstance(value, str):
        for pattern, stands in masks.items():
            value = re.sub(pattern, stands, value)
    return value


def pack(records: Records, schema: str) -> bytes:
    """The archive's bytes: no times, no order but the rows' own."""
    files = {f"{table}.jsonl": "".join(_canonical(r) + "\n" for r in rows).encode() for table, rows in records.items()}
    tables = {
        table: {"rows": len(rows), "sha256": hashlib.sha256(files[f"{table}.jsonl"]).hexdigest()}
        for table, rows in records.items()
    }
    manifest = {"format": FORMAT, "schema": schema, "tables": tables}
    files[MANIFEST] = (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name in sorted(files):
            packed.writestr(zipfile.ZipInfo(name), files[name], zipfile.ZIP_DEFLATED, compresslevel=9)
    return out.getvalue()


def _canonical(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


# --- In ---------------------------------------------------------------------------------------------------------------


def read(name: str, content: bytes) -> Archive:
    """Unpack an archive and check it against its manifest. `name` is for messages.

    Raises: BadInput where it is no archive, cut off, damaged, of another format, or of a newer schema.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            files = {info.filename: packed.read(info) for info in packed.infolist()}
        manifest = json.loads(files[MANIFEST])
        made = (manifest["format"], manifest["schema"])
        tables = {str(table): str(entry["sha256"]) for table, entry in manifest["tables"].items()}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise BadInput(f"{name} is no archive, or was cut off or damaged ({error}); take a whole copy of it") from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput(f"{name} has no manifest of a MAPD archive; make one with `mapd archive export FILE`") from error
    if made[0] != FORMAT:
        raise BadInput(f"{name} is of archive format {made[0]}, this mapd reads format {FORMAT}; upgrade mapd")
    scripts = ScriptDirectory(str(db.MIGRATIONS))
    if made[1] not in {script.revision for script in scripts.walk_revisions()}:
        head = scripts.get_current_head()
        raise BadInput(f"{name} is of a newer schema, {made[1]}; this mapd knows up to {head}; upgrade mapd")
    known = {table.name: table for table in travelling()}
    records = {}
    for table, sha256 in tables.items():
        lines = files.get(f"{table}.jsonl", b"")
        if table not in known or hashlib.sha256(lines).hexdigest() != sha256:
            raise BadInput(f"{name} is damaged: {table}.jsonl is not what its manifest names; take a whole copy of it")
        records[table] = list(_records(name, known[table], lines))
    if made[1] < NOTES_NAMED:
        _name_notes(records.get("judgement", []))
    return Archive(name, hashlib.sha256(content).hexdigest(), records)


def _name_notes(judgements: Iterable[Record]) -> None:
    """Say of a note that it is one, as migration 0011 did with the rows that were here."""
    for record in judgements:
        if record["decision"] == "skip" and record.get("note") is not None and record.get("reason") is None:
            record["reason"] = NOTE


def _records(name: str, table: sa.Table, lines: bytes) -> Iterator[Record]:
    """The rows of a file, each with nothing but values that its columns can hold."""
    needed = {c.name for c in table.c if c.name == "uid" or not (c.nullable or c.default or c.name == "id")}
    for number, line in enumerate(lines.splitlines(), start=1):
        try:
            record = json.loads(line)
            if not isinstance(record, dict) or "id" in record or not needed <= record.keys():
                raise TypeError("no whole row")
            for column, value in record.items():
                _value(table.c[column], value)
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            reason = f"{table.name}.jsonl line {number}: {error}"
            raise BadInput(f"{name} is damaged ({reason}); take a whole copy of it") from error
        yield record


def _value(column: sa.Column[Any], value: Any) -> Any:
    """The value as the database takes it. A reference is still a uid. SQLite checks no types, so they are checked here.

    Raises: ValueError, TypeError.
    """
    if value is None:
        return None
    if isinstance(column.type, t.UtcDateTime):
        return datetime.fromisoformat(value).astimezone(UTC)
    kind = column.type.impl_instance if isinstance(column.type, sa.types.TypeDecorator) else column.type
    wanted = (str,) if _refers_to(column) else next(takes for type_, takes in TAKES.items() if isinstance(kind, type_))
    if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
        raise TypeError(f"{column.name} can't be {json.dumps(value)[:40]}")
    if isinstance(value, str):
        value.encode()  # half of a surrogate pair is no text
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError(f"{column.name} is too large")
    return value


def load(session: Session, archive: Archive, home: Path, *, by: Person) -> Loaded:
    """Bring the archive's rows in; those whose uid is there are left as they are. All in the caller's transaction.

    A name that another row of the project has (another student "smollm2") gets a number: "smollm2 (2)".

    Raises: Forbidden; BadInput where rows of the same uid have another content, or the rows can't stand beside the
    project's.
    """
    person = require(by, Right.IMPORT)
    writer = _Writer(session, archive, dump(session, home))
    try:
        for table in travelling():
            writer.table(table, archive.records.get(table.name, []))
        if not writer.differing and writer.new:
            queries.audit(session, person, "archive import", f"archive {archive.sha256}", rows=writer.new)
            session.flush()
    except sa.exc.StatementError as error:
        reason = str(error.orig or error).splitlines()[0]
        raise BadInput(
            f"{archive.name} holds rows that can't stand beside this project's ({reason}); nothing was imported: "
            "import it into a project of its own, with MAPD_HOME=FOLDER"
        ) from error
    if writer.differing:
        raise BadInput(
            f"{len(writer.differing)} rows of {archive.name} are in this project with another content (the first: "
            f"{writer.differing[0]}); nothing was imported: import it into a project of its own, with MAPD_HOME=FOLDER"
        )
    return Loaded(writer.new, writer.known, tuple(writer.exams), tuple(writer.renamed))


class _Writer:
    """Puts an archive's rows beside those that are `here`."""

    def __init__(self, session: Session, archive: Archive, here: Records) -> None:
        self.session, self.archive, self.here = session, archive, here
        self.ids: dict[str, dict[str, int]] = {}
        self.new = self.known = 0
        self.differing: list[str] = []
        self.renamed: list[str] = []
        self.exams: list[str] = []

    def table(self, table: sa.Table, records: list[Record]) -> None:
        """One table: what is known is compared, what is new is inserted."""
        here = {_key(table, record): record for record in self.here[table.name]}
        taken = {record.get("name") for record in self.here[table.name]}
        if "uid" in table.c:
            self.ids[table.name] = _ids(self.session.execute(sa.select(table.c.uid, table.c.id)))
        new = []
        for record in records:
            found = here.get(_key(table, record))
            if found is None:
                new.append(self._named(table, record, taken))
            elif different := _differs(table, record, found):
                self.differing.append(f"{table.name} {record.get('uid', '')}, {different}")
            if table.name == "exam":
                self.exams.append((found or new[-1])["name"])
        self.known += len(records) - len(new)
        self.new += len(new)
        self._insert(table, new)

    def _named(self, table: sa.Table, record: Record, taken: set[Any]) -> Record:
        """The record, under a name that is free where names must differ."""
        if "name" not in table.c or not table.c.name.unique:
            return record
        name, number = record["name"], 2
        while name in taken:
            name, number = f"{record['name']} ({number})", number + 1
        taken.add(name)
        if name != record["name"]:
            self.renamed.append(f"{table.name} {record['name']} -> {name}")
        return record | {"name": name}

    def _insert(self, table: sa.Table, records: list[Record]) -> None:
        """Insert in blocks; a block ends before a row that refers to one of it (a judgement that undoes another)."""
        own = [column.name for column in table.c if _refers_to(column) == table.name]
        block: list[Record] = []
        waiting: set[str] = set()
        for record in records:
            if len(block) == BLOCK or any(record.get(column) in waiting for column in own):
                self._send(table, block)
                block, waiting = [], set()
            block.append(record)
            waiting.add(record.get("uid", ""))
        self._send(table, block)

    def _send(self, table: sa.Table, block: list[Record]) -> None:
        if not block:
            return
        values = [{name: self._restored(table, table.c[name], v) for name, v in r.items()} for r in block]
        if "uid" not in table.c:
            self.session.execute(sa.insert(table), values)
            return
        # In the order of the rows: "the latest" is the highest id in many a query.
        insert = sa.insert(table).returning(table.c.uid, table.c.id, sort_by_parameter_order=True)
        self.ids[table.name] |= _ids(self.session.execute(insert, values))

    def _restored(self, table: sa.Table, column: sa.Column[Any], value: Any) -> Any:
        of = _refers_to(column)
        if of is None or value is None:
            return _value(column, value)
        if value not in self.ids[of]:
            raise BadInput(
                f"{self.archive.name} is damaged: a row of {table.name} refers to {of} {value[:40]}, which isn't "
                "there; take a whole copy of it"
            )
        return self.ids[of][value]


def _ids(rows: sa.Result[Any]) -> dict[str, int]:
    """The ids by uid."""
    return {row.uid: row.id for row in rows}


def _key(table: sa.Table, record: Record) -> tuple[Any, ...]:
    """What makes it the same row in every project."""
    return (record["uid"],) if "uid" in table.c else tuple(record[c.name] for c in table.primary_key.columns)


def _differs(table: sa.Table, record: Record, here: Record) -> str | None:
    """The first column that differs, of those that never move. A name may have got a number here."""
    moves = MOVES.get(table.name, frozenset()) | {"name"}
    return next((name for name, value in record.items() if name not in moves and value != here[name]), None)
