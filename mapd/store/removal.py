"""Rows taken out of the database with all that hangs on them, into a file, and put back from it.

    rows = closure(session, {"exam": {3}})        -> {"exam": {3}, "attempt": {12, 13, …}, "review": {…}, …}
    take_out(session, rows, path, {"name": "svamp · …"})
    put_back(session, path)                       -> PutBack(new=5031, present=0, renamed=())

The file is a zip: a manifest, and a JSONL of each table, a row a line with its id, as the table has it. One line of
judgement.jsonl (shortened):

    {"id": 88, "uid": "4b…", "target": "rationale", "explanation_id": 61, "person": "ann", "decision": "accept", …}

What hangs on a row follows from tables.py: whatever refers to it goes along, but for the references in LOOSE. Rows get
new ids when they are put back; their uids tell who they are.
"""

import json
import zipfile
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa
from sqlmodel import Session

from mapd.errors import BadInput
from mapd.store import db, queries, queue_index
from mapd.store import tables as t
from mapd.store.columns import UtcDateTime

FORMAT = 1
MANIFEST, LINKS = "manifest.json", "links.jsonl"
# Rows that are read, written or deleted at once.
BLOCK = 500
# By table, the columns that let go: the ledger stays (what was paid is never asked again), openings of a test split
# and students. They forget what they referred to, and the file remembers it.
LOOSE = {
    "call": {"teacher_id", "job_id", "exam_id"},
    "opening": {"exam_id"},
    "student": {"parent_id"},
    "finetune": {"student_id"},
}
# By table, the column whose row goes along where this one goes: a part takes the whole with it.
WHOLES = {"snapshot_exam": "snapshot_id"}
# Who has what open is of no use later.
TRANSIENT_TABLES = {"lease"}
# What is derived of a row goes with it by the database's own cascade, and is derived again of one that comes back.
DERIVED_TABLES = {"text_check"}
# What may be there again: without a uid, or the same text, collected anew from what the ledger has.
TWINS = {
    "explanation": ("kind", "question_id", "attempt_id", "author_id", "prompt_sha256", "sample"),
    "review": ("explanation_id", "reviewer_id", "prompt_sha256", "sample"),
    "seen": ("person", "explanation_id"),
    "finetune_step": ("finetune_id", "step"),
}
# What has to be the same, too.
OF_TWINS = {"explanation": ("text",), "review": ("score", "text")}
Ids = dict[str, set[int]]  # by table
Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PutBack:
    """What was put back: rows, those that were there already, and names that had been taken: "exam a -> a (2)"."""

    new: int
    present: int
    renamed: tuple[str, ...]


@cache
def references(table: sa.Table) -> Mapping[str, str]:
    """Return the table, by column, whose id a column holds."""
    return {
        column.name: key.column.table.name
        for column in table.c
        for key in column.foreign_keys
        if key.column.name == "id"
    }


# -- what hangs on it -------------------------------------------------------------------------------------------------


def closure(session: Session, seeds: Mapping[str, Collection[int]]) -> Ids:
    """Return these rows, by table, and all that refers to them. A snapshot goes with each exam that it is of."""
    rows: Ids = defaultdict(set, {name: set(ids) for name, ids in seeds.items()})
    _add_referring(session, rows)
    # A whole that goes along has rows of its own that refer to it.
    while _add_wholes(session, rows):
        _add_referring(session, rows)
    return {name: ids for name, ids in rows.items() if ids}


def _add_referring(session: Session, rows: Ids) -> None:
    for table in t.metadata.sorted_tables:
        if "id" not in table.c or table.name in DERIVED_TABLES:
            continue
        for column, parent in references(table).items():
            if column not in LOOSE.get(table.name, ()):
                rows[table.name] |= _find_referring(session, table, column, rows[parent])


def _add_wholes(session: Session, rows: Ids) -> bool:
    """Add the wholes of these parts; return whether there was one that isn't there yet."""
    is_added = False
    for name, column in WHOLES.items():
        table = t.metadata.tables[name]
        whole = references(table)[column]
        for block in queries.split_ids(rows[name]):
            ids = set(session.scalars(sa.select(table.c[column]).where(table.c.id.in_(block))))
            is_added |= not ids <= rows[whole]
            rows[whole] |= ids
    return is_added


def _find_referring(session: Session, table: sa.Table, column: str, parents: set[int]) -> set[int]:
    """Return the rows that refer to these; where a table refers to itself, on and on."""
    children: set[int] = set()
    new_ids = set(parents)
    while new_ids:
        rows = {
            row_id
            for block in queries.split_ids(new_ids)
            for row_id in session.scalars(sa.select(table.c.id).where(table.c[column].in_(block)))
        }
        new_ids = (rows - children - parents) if references(table)[column] == table.name else set()
        children |= rows
    return children


# -- out --------------------------------------------------------------------------------------------------------------


def take_out(session: Session, rows: Ids, path: Path, description: Mapping[str, Any]) -> None:
    """Write rows to a file, with a description, and delete them. Raises: BadInput where the file can't be written."""
    # The caller's transaction is all or nothing; a file of one that fails holds what is still there, and does no harm.
    links = [link for table in t.metadata.sorted_tables for link in _links(session, table, rows)]
    temporary = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as packed:
            manifest = {"format": FORMAT, "outside": _write_rows(session, packed, rows), **description}
            packed.writestr(LINKS, "".join(json.dumps(link) + "\n" for link in links))
            packed.writestr(MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1))
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise BadInput(f"the trash can't be written to {path} ({error.strerror}); nothing was deleted") from error
    for link in links:
        table = t.metadata.tables[link["table"]]
        session.execute(sa.update(table).where(table.c.uid == link["uid"]).values({link["column"]: None}))
    _delete(session, rows)


def _links(session: Session, table: sa.Table, rows: Ids) -> Iterator[Record]:
    """Yield what stays and refers to these rows."""
    staying = rows.get(table.name, set())
    for column in LOOSE.get(table.name, ()):
        for block in queries.split_ids(rows.get(references(table)[column], ())):
            query = sa.select(table.c.id, table.c.uid, table.c[column]).where(table.c[column].in_(block))
            for row_id, uid, to in session.execute(query):
                if row_id not in staying:
                    yield {"table": table.name, "uid": uid, "column": column, "to": to}


def _write_rows(session: Session, packed: zipfile.ZipFile, rows: Ids) -> dict[str, dict[str, str]]:
    """Write each table's rows; return by table the uids of what they refer to and that stays, by id."""
    missing: dict[str, set[int]] = defaultdict(set)
    for table in t.metadata.sorted_tables:
        parents = references(table)
        has_rows = table.name in rows or ("id" not in table.c and rows.keys() & parents.values())
        if table.name in TRANSIENT_TABLES or not has_rows:
            continue
        with packed.open(f"{table.name}.jsonl", "w") as file:
            for record in _records(session, table, rows):
                file.write((json.dumps(record, ensure_ascii=False, default=_as_json) + "\n").encode())
                for column, parent in parents.items():
                    if record[column] is not None and record[column] not in rows.get(parent, ()):
                        missing[parent].add(record[column])
    return {parent: _uids(session, t.metadata.tables[parent], ids) for parent, ids in missing.items()}


def _records(session: Session, table: sa.Table, rows: Ids) -> Iterator[Record]:
    """Return the rows of a table, in the order of their ids; of one without ids, those that refer to the others."""
    if "id" in table.c:
        column, ids = table.c.id, rows.get(table.name, set())
    else:
        ((name, parent),) = references(table).items()
        column, ids = table.c[name], rows.get(parent, set())
    for block in queries.split_ids(ids):
        query = sa.select(table).where(column.in_(block)).order_by(*table.primary_key.columns)
        for row in session.execute(query).mappings():
            yield dict(row)


def _as_json(value: Any) -> str:
    assert isinstance(value, datetime), f"{type(value)} has no place in a line"
    return value.isoformat()


def _uids(session: Session, table: sa.Table, ids: Iterable[int]) -> dict[str, str]:
    return {
        str(row_id): uid
        for block in queries.split_ids(set(ids))
        for row_id, uid in session.execute(sa.select(table.c.id, table.c.uid).where(table.c.id.in_(block)))
    }


def _delete(session: Session, rows: Ids) -> None:
    db.lock(session, queue_index.LOCK)
    for table in reversed(t.metadata.sorted_tables):
        parents = references(table)
        if "id" in table.c:
            for block in queries.split_ids(rows.get(table.name, ()), newest_first=True):
                session.execute(sa.delete(table).where(table.c.id.in_(block)))
        else:
            for column, parent in parents.items():
                for block in queries.split_ids(rows.get(parent, ())):
                    session.execute(sa.delete(table).where(table.c[column].in_(block)))
    for exam in rows.get("exam", ()):
        _forget(session, exam)
    for block in queries.split_ids(rows.get("question", ())):
        session.execute(sa.delete(t.metadata.tables["stale"]).where(sa.column("question_id").in_(block)))


def _forget(session: Session, exam: int) -> None:
    # Its id may be another exam's later: nothing that was derived of it (review/queue_index/index_writer.py) may stay.
    tables = t.metadata.tables
    bands = sa.select(tables["band"].c.id).where(tables["band"].c.exam_id == exam)
    for name in ("passed", "queued"):
        session.execute(sa.delete(tables[name]).where(tables[name].c.band_id.in_(bands)))
    for name in ("standing", "band"):
        session.execute(sa.delete(tables[name]).where(tables[name].c.exam_id == exam))
    session.execute(sa.delete(tables["standing_exam"]).where(tables["standing_exam"].c.id == exam))


# -- back -------------------------------------------------------------------------------------------------------------


def read_manifest(path: Path) -> dict[str, Any]:
    """Return what a file says of itself. Raises: BadInput where it is none, or damaged."""
    try:
        with zipfile.ZipFile(path) as packed:
            manifest: dict[str, Any] = json.loads(packed.read(MANIFEST))
        if manifest["format"] != FORMAT:
            raise BadInput(
                f"{path.name} is of trash format {manifest['format']}, this mapd reads {FORMAT}; upgrade mapd"
            )
    except (OSError, zipfile.BadZipFile, ValueError, LookupError, TypeError) as error:
        raise BadInput(f"{path.name} is no file of the trash, or it is damaged ({error})") from error
    return manifest


def put_back(session: Session, path: Path) -> PutBack:
    """Put a file's rows back, but those whose uid is here. Raises: BadInput: damaged, or their place is taken."""
    manifest = read_manifest(path)
    try:
        with zipfile.ZipFile(path) as packed:
            restorer = _RowRestorer(session, path.name, manifest["outside"])
            for table in t.metadata.sorted_tables:
                if f"{table.name}.jsonl" in packed.namelist():
                    with packed.open(f"{table.name}.jsonl") as file:
                        restorer.table(table, file)
            with packed.open(LINKS) as file:
                restorer.link(file)
            session.flush()
    except sa.exc.IntegrityError as error:
        reason = str(error.orig).splitlines()[0]
        raise BadInput(
            f"something in the project has the place of what {path.name} holds ({reason}); nothing was put "
            "back: delete or rename that first"
        ) from error
    except (OSError, zipfile.BadZipFile, ValueError, LookupError, TypeError) as error:
        raise BadInput(f"{path.name} is damaged ({error}); nothing was put back") from error
    return PutBack(restorer.new, restorer.present, tuple(restorer.renamed))


@dataclass
class _RowRestorer:
    """Puts rows back. `outside`: by table, the uids of what they refer to and that had stayed, by id."""

    session: Session
    file: str
    outside_uids: Mapping[str, Mapping[str, str]]
    new: int = 0
    present: int = 0
    renamed: list[str] = field(default_factory=list)
    ids: dict[str, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))  # by table, of the file's the new
    new_ids: Ids = field(default_factory=lambda: defaultdict(set))  # by table, the new ids of what wasn't there

    def table(self, table: sa.Table, lines: IO[bytes]) -> None:
        """Put one table's rows back; a block ends before a row that refers to one of it."""
        self_references = [column for column, parent in references(table).items() if parent == table.name]
        block: list[Record] = []
        for line in lines:
            record = json.loads(line)
            pending = {earlier.get("id") for earlier in block}
            parents = {record[column] for column in self_references if record[column] is not None}
            if len(block) == BLOCK or parents & pending:
                self._send(table, block)
                block = []
            block.append(record)
        self._send(table, block)

    def _send(self, table: sa.Table, block: Sequence[Record]) -> None:
        present = self._by_uid(table, block)
        fresh = []
        for record in block:
            values = {name: self._convert(table, name, value) for name, value in record.items() if name != "id"}
            twin = present.get(record.get("uid", "")) or self._twin(table, values)
            if twin is not None:
                self.present += 1
                self.ids[table.name][record.get("id", 0)] = twin
            else:
                fresh.append((record.get("id"), self._rename(table, values)))
        if fresh:
            self._insert(table, fresh)

    def _by_uid(self, table: sa.Table, rows: Iterable[Record]) -> dict[str, int]:
        """Return the ids of these rows that are in the project, by uid; of a table without uids nothing."""
        if "uid" not in table.c:
            return {}
        query = sa.select(table.c.uid, table.c.id).where(table.c.uid.in_([row["uid"] for row in rows]))
        return dict(self.session.execute(query).all())

    def _insert(self, table: sa.Table, fresh: Sequence[tuple[int | None, Record]]) -> None:
        self.new += len(fresh)
        values = [record for _, record in fresh]
        self.session.execute(sa.insert(table), values)
        # Much faster than RETURNING, with which SQLite takes row by row.
        ids = self._by_uid(table, values)
        for old, record in fresh:
            if old is not None and ids:
                self.ids[table.name][old] = ids[record["uid"]]
        self.new_ids[table.name].update(ids.values())

    def _convert(self, table: sa.Table, name: str, value: Any) -> Any:
        column, parent = table.c[name], references(table).get(name)
        if value is not None and parent is not None:
            return self._id(parent, value)
        if value is not None and isinstance(column.type, UtcDateTime):
            return datetime.fromisoformat(value)
        return value

    def _id(self, table: str, old: int) -> int:
        """Return the id that a row of the file, or one that had stayed, has now."""
        if old in self.ids[table]:
            return self.ids[table][old]
        uid = self.outside_uids.get(table, {}).get(str(old))
        column = t.metadata.tables[table].c
        row_id = self.session.scalar(sa.select(column.id).where(column.uid == uid))
        if row_id is None:
            raise BadInput(
                f"{self.file} refers to a row of {table} that isn't in the project any more; nothing was put back: if "
                "that is in the trash, too, bring it back first"
            )
        self.ids[table][old] = row_id
        return int(row_id)

    def _twin(self, table: sa.Table, values: Record) -> int | None:
        # A row may be the same though its uid isn't, or though it has none.
        columns = (*TWINS.get(table.name, ()), *OF_TWINS.get(table.name, ()))
        parents = references(table)
        if not columns or any(name in parents and values[name] in self.new_ids[parents[name]] for name in columns):
            return None
        conditions = [table.c[name].is_not_distinct_from(values[name]) for name in columns]
        key = table.c.id if "id" in table.c else sa.literal(0)
        row_id: int | None = self.session.scalar(sa.select(key).select_from(table).where(*conditions))
        return row_id

    def _rename(self, table: sa.Table, values: Record) -> Record:
        if "name" not in table.c or not table.c.name.unique:
            return values
        used_names = queries.names_like(self.session, table.c.name, values["name"])
        name = queries.free_name(values["name"], used_names)
        if name != values["name"]:
            self.renamed.append(f"{table.name} {values['name']} -> {name}")
        return values | {"name": name}

    def link(self, lines: IO[bytes]) -> None:
        """Let those that had stayed refer to the rows again, unless they refer to something else by now."""
        for line in lines:
            link = json.loads(line)
            table = t.metadata.tables[link["table"]]
            to = self._id(references(table)[link["column"]], link["to"])
            open_ = (table.c.uid == link["uid"]) & table.c[link["column"]].is_(None)
            self.session.execute(sa.update(table).where(open_).values({link["column"]: to}))
