"""An archive's rows into a project: those that are there stay as they are, the others come in as history.

    Merge(engine, archive, home).look()                          -> what is new, known, renamed; nothing is written
    Merge(engine, archive, home, counting=True).write("ann")     -> the same, written

Looking comes first, and says what can't stand in the project. Then the rows come in block by block. Killed in between,
the same import goes on where it was, for a row is known by its uid.

What comes in acts on nothing: jobs have ended, teachers are disabled and name no key, judgements count only where the
importer says so, a reply answers no call here, guidelines stand behind the project's own, and a policy or another name
that the project has gets a number.
"""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd.errors import BadInput, Busy, Stale
from mapd.exchange.archive import shapes
from mapd.exchange.archive.outgoing import find_masks, mask
from mapd.exchange.archive.shapes import Record, carried_columns, referred_table, stays, travelling_tables
from mapd.exchange.archive.staging import Progress, Staging
from mapd.store import audit_log, db, queries
from mapd.store import tables as t

# The audit's words; the first without the second was cut off.
BEGUN, DONE = "begin archive import", "archive import"
OWN_PROJECT = "import it into a project of its own, with MAPD_HOME=FOLDER"
# Behind a block.
LONGEST_PAUSE_S = 0.2
# The id of a row that isn't in the project yet.
ABSENT = -1
# Kinds of teachers that nobody can ask: there is nothing to disable.
UNASKED_KINDS = ("imported", "person")


@dataclass(slots=True)
class MergeOutcome:
    """What an import comes to. `counted_judgements`: those that count from now on."""

    new_rows: Counter[str] = field(default_factory=Counter)  # by table
    known_rows: int = 0
    # New texts and votes, by table, on what the project has.
    on_own: Counter[str] = field(default_factory=Counter)
    counted_judgements: int = 0
    renamed: list[str] = field(default_factory=list)  # "student a -> a (2)"
    exams: list[str] = field(default_factory=list)  # the archive's, by the names they have here
    conflicts: int = 0
    first_conflict: str = ""  # the first one

    @property
    def changes(self) -> bool:
        """Return whether anything is to be written."""
        return bool(self.new_rows or self.counted_judgements)

    def note_conflict(self, table: str, uid: str, column: str) -> None:
        """Note a row that the project has otherwise."""
        self.conflicts += 1
        self.first_conflict = self.first_conflict or f"{table} {uid}, {column}"


def list_unfinished(session: Session) -> list[str]:
    """Return the archives, "archive SHA (NAME)", whose import was begun and not ended: the same import goes on."""
    beginning, end = t.Audit, sa.orm.aliased(t.Audit)
    later = (col(end.target) == beginning.target, col(end.id) > beginning.id)
    has_ended = sa.exists().where(col(end.action) == DONE, *later)
    query = select(beginning).where(beginning.action == BEGUN, ~has_ended).order_by(col(beginning.id))
    return list(dict.fromkeys(f"{row.target} ({row.detail.get('name', '')})" for row in session.exec(query)))


class Merge:
    """Puts an archive's rows beside a project's. `counting`: its judgements count here."""

    def __init__(self, engine: sa.Engine, archive: Staging, home: Path, *, counting: bool = False) -> None:
        self.engine, self.archive, self.counting = engine, archive, counting
        with db.reading(engine) as session:
            self.masks, self.moment = find_masks(session, home), db.clock(session)

    def look(self) -> MergeOutcome:
        """Compare every row; nothing is written. Raises: BadInput where rows differ, or can't stand here."""
        outcome = self._pass(write=False)
        if outcome.conflicts:
            raise BadInput(
                f"{outcome.conflicts:,} rows of {self.archive.name} are in this project with another content (the "
                f"first: {outcome.first_conflict}); nothing was imported: {OWN_PROJECT}"
            )
        return outcome

    def write(self, person: str, progress: Progress = lambda *_: None) -> MergeOutcome:
        """Bring in what is new, a block a transaction. Raises: BadInput; what came in before stays."""
        self._note(person, BEGUN)
        try:
            outcome = self._pass(write=True, progress=progress)
        except (sa.exc.IntegrityError, sa.exc.DataError, Stale) as error:
            raise BadInput(
                f"{self.archive.name} holds rows that can't stand beside what the project has got since "
                f"({_first_line(error)}); what came in stays: {OWN_PROJECT}"
            ) from error
        except (sa.exc.OperationalError, Busy) as error:  # a full disk, a database that is away
            raise BadInput(
                f"{self.archive.name} came in in part ({_first_line(error)}); mend that, and import it again: it goes "
                "on where it was"
            ) from error
        if outcome.conflicts:
            raise BadInput(
                f"the project has changed while {self.archive.name} came in ({outcome.first_conflict}); what came in "
                f"stays: {OWN_PROJECT}"
            )
        self._note(person, DONE, rows=outcome.new_rows.total(), judgements_count=self.counting)
        return outcome

    def _note(self, person: str, act: str, **detail: Any) -> None:
        archive = self.archive
        detail |= {"format": "archive", "file": archive.name, "sha256": archive.sha256}
        with db.writing(self.engine) as session:
            audit_log.audit(session, person, act, f"archive {archive.sha256}", name=archive.name, **detail)

    def _pass(self, *, write: bool, progress: Progress = lambda *_: None) -> MergeOutcome:
        outcome, policies = MergeOutcome(), dict[str, str]()
        self.archive.forget()
        transaction, row_count = (db.writing if write else db.reading), 0
        for table in travelling_tables():
            for rows in self.archive.blocks(table):
                # A transaction a block: nobody waits for longer; whoever looks meanwhile sees a part.
                start = time.monotonic()
                with transaction(self.engine) as session:
                    _Block(self, session, table, outcome, policies).take(rows, write=write)
                row_count += len(rows)
                progress(row_count, self.archive.total)
                # SQLite's writers wait by looking in now and then: leave them a gap.
                if write and self.engine.dialect.name == "sqlite":
                    time.sleep(min(time.monotonic() - start, LONGEST_PAUSE_S))
        return outcome


@dataclass(slots=True)
class _Block:
    """Some rows of one table, in one transaction. `policies`: the archive's names that are others here."""

    merge: Merge
    session: Session
    table: sa.Table
    outcome: MergeOutcome
    policies: dict[str, str]
    # By column, ids that nothing of the project refers to.
    fresh_ids: dict[str, set[int]] = field(default_factory=dict)

    def take(self, rows: Sequence[Record], *, write: bool) -> None:
        """Compare the rows that are known; bring in the others."""
        records = self._resolve(rows)
        known_rows = {self._key(row): row for row in self._rows(self._keys, map(self._key, records))}
        places: dict[int, int] = {}  # the ids here by the archive's
        new_records: list[tuple[int, Record]] = []
        for row, record in zip(rows, records, strict=True):
            known_row = known_rows.get(self._key(record))
            if known_row is None:
                new_records.append((row.get("id", 0), record))
                continue
            places[row.get("id", 0)] = known_row.get("id", 0)
            self._compare(record, known_row)
            if self.table.name == "exam":
                self.outcome.exams.append(known_row["name"])
        new_records = self._assign_numbers(new_records, places)
        self._find_clashes([record for _, record in new_records])
        self.outcome.known_rows += len(rows) - len(new_records)
        self.outcome.new_rows.update({self.table.name: len(new_records)} if new_records else {})
        if on_own := sum(self._is_on_own(record) for _, record in new_records):
            self.outcome.on_own[self.table.name] += on_own
        values = [self._make_history(record) for _, record in self._assign_names(new_records)]
        self._count_judgements(records, known_rows, values, write=write)
        ids = self._insert(values) if write and values else []
        if "id" in self.table.c:
            new_places = dict(zip((id_ for id_, _ in new_records), ids, strict=False))
            self.merge.archive.place(self.table.name, places, is_new=False)
            self.merge.archive.place(self.table.name, new_places, is_new=True)

    def _resolve(self, rows: Sequence[Record]) -> list[Record]:
        """Return the rows with this project's ids where they refer to others."""
        records = [{column.name: row[column.name] for column in carried_columns(self.table)} for row in rows]
        for column in carried_columns(self.table):
            if (parent := referred_table(column)) is None:
                continue
            places = self.merge.archive.places(parent, {r[column.name] for r in records if r[column.name] is not None})
            self.fresh_ids[column.name] = {place for place, is_new in places.values() if is_new} | {ABSENT}
            for record in records:
                if record[column.name] is not None:
                    record[column.name] = places.get(record[column.name], (ABSENT, True))[0]
        return records

    @property
    def _keys(self) -> list[str]:
        """Return what makes it the same row in every project."""
        return ["uid"] if "uid" in self.table.c else [column.name for column in self.table.primary_key.columns]

    def _key(self, record: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(record[name] for name in self._keys)

    def _rows(self, names: Sequence[str], values: Iterable[tuple[Any, ...]]) -> list[Record]:
        columns = [self.table.c[name] for name in names]
        search_values = [value for value in dict.fromkeys(values) if not self._is_fresh(names, value)]
        if not search_values:
            return []
        if len(columns) == 1:
            where: Any = columns[0].in_([value for (value,) in search_values])
        else:
            where = sa.or_(*(sa.and_(*map(_is, columns, value)) for value in search_values))
        return [dict(row) for row in self.session.execute(sa.select(self.table).where(where)).mappings()]

    def _is_fresh(self, names: Sequence[str], value: Sequence[Any]) -> bool:
        # The project has nothing that goes with a row that came in just now: there is nothing to look for.
        return any(part in self.fresh_ids.get(name, ()) for name, part in zip(names, value, strict=True))

    def _is_on_own(self, record: Record) -> bool:
        # A text or a vote on what the project has will count there with the others: the importer is told so.
        if self.table.name not in ("explanation", "review"):
            return False
        subject = next(n for n in ("explanation_id", "attempt_id", "question_id") if record.get(n) is not None)
        return not self._is_fresh((subject,), (record[subject],))

    def _compare(self, record: Record, known_row: Record) -> None:
        """Note the first column that differs, of those that never move."""
        moves = shapes.MOVES.get(self.table.name, frozenset()) | shapes.ALWAYS_MOVE
        for name, value in record.items():
            if name not in moves and value != known_row[name] and value != mask(known_row[name], self.merge.masks):
                self.outcome.note_conflict(self.table.name, record.get("uid", ""), name)
                return

    def _find_clashes(self, records: Sequence[Record]) -> None:
        names = shapes.UNIQUE.get(self.table.name)
        if names is None:
            return
        values = [tuple(record[name] for name in names) for record in records]
        rows = self._rows(names, [value for value in values if None not in value])
        taken_values = {tuple(row[name] for name in names) for row in rows}
        for record, value in zip(records, values, strict=True):
            if value in taken_values:
                self.outcome.note_conflict(self.table.name, record["uid"], names[-1])

    def _assign_numbers(self, rows: Sequence[tuple[int, Record]], places: dict[int, int]) -> list[tuple[int, Record]]:
        """Return the rows that are new after all, each with a number that is free in its group."""
        numbering = shapes.NUMBERED.get(self.table.name)
        if numbering is None:
            return list(rows)
        groups: dict[tuple[Any, ...], list[Record]] = {}
        group_keys = [tuple(record[name] for name in numbering.group) for _, record in rows]
        for row in self._rows(numbering.group, group_keys):
            groups.setdefault(tuple(row[name] for name in numbering.group), []).append(row)
        new_records = []
        for id_, record in rows:
            value = tuple(record[name] for name in numbering.group)
            if self._is_fresh(numbering.group, value):
                new_records.append((id_, record))
                continue
            group = groups.setdefault(value, [])
            twins = (row for row in group if "id" in row and all(row[name] == record[name] for name in numbering.same))
            if numbering.same and (twin := next(twins, None)) is not None:
                places[id_] = twin["id"]
                continue
            numbers = {row[numbering.number] for row in group}
            if record[numbering.number] in numbers:
                record[numbering.number] = max(numbers) + 1
            group.append(record)
            new_records.append((id_, record))
        return new_records

    def _assign_names(self, rows: Sequence[tuple[int, Record]]) -> list[tuple[int, Record]]:
        """Return the rows under names that are free where names must differ."""
        name = self.table.c.get("name")
        if name is None or not (name.unique or self.table.name == "policy") or not rows:
            return list(rows)
        taken_names = set(self.session.execute(sa.select(name)).scalars())
        for _, record in rows:
            archive_name = record["name"]
            # All versions of a policy go under one name; the project's own stays what it was.
            if self.table.name == "policy":
                record["name"] = self.policies.setdefault(archive_name, queries.free_name(archive_name, taken_names))
            else:
                record["name"] = queries.free_name(archive_name, taken_names)
                taken_names.add(record["name"])
            rename = f"{self.table.name} {archive_name} -> {record['name']}"
            if record["name"] != archive_name and rename not in self.outcome.renamed:
                self.outcome.renamed.append(rename)
            if self.table.name == "exam":
                self.outcome.exams.append(record["name"])
        return list(rows)

    def _make_history(self, record: Record) -> Record:
        """Return the row as it comes in, without what belongs to one project alone."""
        # That isn't the sender's to say: it is empty, and acts on nothing.
        history_values: Record = {column.name: None for column in self.table.c if stays(column) and column.nullable}
        if "origin" in self.table.c:
            history_values["origin"] = self.merge.archive.sha256
        if self.table.name == "teacher":
            history_values["disabled"] = record["kind"] not in UNASKED_KINDS
        elif self.table.name == "student":
            history_values["disabled"] = record["base_url"] is not None
        elif self.table.name == "job" and record["status"] in ("queued", "running", "cancelling"):
            history_values["status"] = "cancelled"
        elif self.table.name == "judgement":
            history_values["counts"] = record["counts"] and self.merge.counting
        elif self.table.name == "exam":
            history_values["policy"] = self.policies.get(record["policy"], record["policy"])
        # What is said here from now on comes behind it.
        if "created_at" in record:
            history_values["created_at"] = min(record["created_at"], self.merge.moment)
        return record | history_values

    def _count_judgements(
        self, records: Sequence[Record], known_rows: Mapping[Any, Record], values: list[Record], *, write: bool
    ) -> None:
        # Those count that an import before brought without; an undo of what is undone here already counts for nothing.
        if self.table.name != "judgement" or not self.merge.counting:
            return
        pairs = [(record, known_rows[self._key(record)]) for record in records if self._key(record) in known_rows]
        silent_rows = [
            row for record, row in pairs if record["counts"] and not row["counts"] and row["origin"] is not None
        ]
        undoing = {row["undoes_id"] for row in (*values, *silent_rows)} - {None, ABSENT}
        undone_query = select(t.Judgement.undoes_id).where(t.Judgement.counts, col(t.Judgement.undoes_id).in_(undoing))
        undone_ids = set(self.session.exec(undone_query).all())
        for row in values:
            row["counts"] = row["counts"] and row["undoes_id"] not in undone_ids
        silent_rows = [row for row in silent_rows if row["undoes_id"] not in undone_ids]
        self.outcome.counted_judgements += len(silent_rows) + sum(row["counts"] for row in values)
        if write and silent_rows:
            ids = [row["id"] for row in silent_rows]
            self.session.execute(sa.update(t.Judgement).where(col(t.Judgement.id).in_(ids)).values(counts=True))
            queries.mark_stale(self.session, ids)

    def _insert(self, values: list[Record]) -> list[int]:
        """Insert the rows; return their ids, in the order of the rows."""
        # The order counts: "the latest" is the highest id in many a query.
        self.session.connection().execute(sa.insert(self.table), values)
        if "id" not in self.table.c:
            return []
        uid, id_ = self.table.c.uid, self.table.c.id
        query = sa.select(uid, id_).where(uid.in_([value["uid"] for value in values]))
        ids = dict(self.session.execute(query).all())
        return [ids[value["uid"]] for value in values]


def _first_line(error: Exception) -> str:
    if isinstance(error, Busy):
        return error.reason
    return str(getattr(error, "orig", None) or error).splitlines()[0]


def _is(column: sa.Column[Any], value: Any) -> sa.ColumnElement[bool]:
    return column.is_(None) if value is None else column == value
