"""An archive's rows in a database of their own, which nobody sees: what can't stand there by itself is refused.

    with stage("p.zip", file) as archive:
        archive.blocks(table)            -> rows by blocks, in the order of the file, each with its id there
        archive.sha256, archive.rows     -> the file's sha256; {"attempt": 387, "teacher": 3, …}

It is SQLite's own temporary file, so that no archive fills the memory, with a project's tables and constraints. Two
rows of one uid, a row that refers to one that isn't there (or comes behind it: so no circle of undos), words and
numbers that no row may hold, and content that isn't what its name is the sha256 of, end here, in one line.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any
from uuid import NAMESPACE_URL, uuid5

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlmodel import col, select

from mapd.errors import BadInput
from mapd.exchange.archive import container, shapes
from mapd.exchange.archive.container import Container, damage_of
from mapd.exchange.archive.shapes import Record, carried_columns, referred_table, travelling_tables
from mapd.policies import HIGHEST_MEAN, HIGHEST_PROBABILITY, PRESETS
from mapd.questions import sets
from mapd.store import snapshots
from mapd.store import tables as t

BLOCK = 500  # rows
BLOCK_BYTES = 4 << 20
# The ids in a project of rows, by table and by their ids in the archive's own database. `is_new`: the row came in just
# now, and nothing in the project refers to it yet.
PLACES = sa.Table(
    "placed",
    sa.MetaData(),
    sa.Column("of", sa.String, primary_key=True),
    sa.Column("row", sa.Integer, primary_key=True),
    sa.Column("place", sa.Integer),
    sa.Column("is_new", sa.Boolean),
)
Progress = Callable[[int, int], None]  # rows read, rows in all


@dataclass(frozen=True, slots=True)
class Staging:
    """An archive that holds nothing but rows that can stand by themselves."""

    name: str
    sha256: str
    rows: Mapping[str, int]
    connection: sa.Connection

    @property
    def total(self) -> int:
        """Return the number of its rows."""
        return sum(self.rows.values())

    def blocks(self, table: sa.Table) -> Iterator[list[Record]]:
        """Yield the table's rows by blocks, in the order in which they came, with the ids that they have here."""
        # A block ends before a row that refers to one of it: the other must have its id in the project first.
        keys = list(table.primary_key.columns)
        self_references = [column.name for column in carried_columns(table) if referred_table(column) == table.name]
        last_key: tuple[Any, ...] | None = None
        while True:
            query = sa.select(table).order_by(*keys).limit(BLOCK)
            if last_key is not None:
                query = query.where(sa.tuple_(*keys) > sa.tuple_(*last_key))
            block: list[Record] = []
            size = 0
            for row in self.connection.execute(query.execution_options(yield_per=16)).mappings():
                refers = block and any((row[name] or 0) >= block[0]["id"] for name in self_references)
                if size > BLOCK_BYTES or refers:
                    break
                block.append(dict(row))
                size += sum(len(value) for value in row.values() if isinstance(value, str))
            if not block:
                return
            yield block
            last_key = tuple(block[-1][key.name] for key in keys)

    def forget(self) -> None:
        """Forget where in a project the rows are."""
        self.connection.execute(PLACES.delete())

    def place(self, table: str, places: Mapping[int, int], *, is_new: bool) -> None:
        """Remember which ids in the project rows of a table have, by their ids here."""
        rows = [{"of": table, "row": row, "place": place, "is_new": is_new} for row, place in places.items()]
        if rows:
            self.connection.execute(PLACES.insert(), rows)

    def places(self, table: str, rows: set[int]) -> dict[int, tuple[int, bool]]:
        """Return the ids in the project of those rows that are there, and whether they are new."""
        columns = (PLACES.c.row, PLACES.c.place, PLACES.c.is_new)
        query = sa.select(*columns).where(PLACES.c.of == table, PLACES.c.row.in_(rows))
        return {row: (place, is_new) for row, place, is_new in self.connection.execute(query)}


@contextmanager
def stage(name: str, file: IO[bytes], progress: Progress = lambda *_: None) -> Iterator[Staging]:
    """Read an archive into a database of its own, and check what can be checked there. Raises: BadInput."""
    engine = sa.create_engine("sqlite://", creator=_temporary, poolclass=sa.pool.StaticPool)
    try:
        with container.open_file(name, file) as archive, engine.connect() as connection:
            try:
                t.metadata.create_all(connection, tables=travelling_tables())
                PLACES.create(connection)
                connection.exec_driver_sql("BEGIN")
                writer = _StagingWriter(archive, connection, progress)
                for table in travelling_tables():
                    if table.name in archive.manifest.tables:
                        writer.table(table)
                _check_meaning(name, connection)
            except sa.exc.OperationalError as error:  # of a temporary file: the disk
                raise BadInput(
                    f"{name} can't be unpacked ({error.orig}); make room in the folder for temporary files"
                ) from error
            counts = {table: entry.rows for table, entry in archive.manifest.tables.items()}
            yield Staging(name, archive.sha256, counts, connection)
    finally:
        engine.dispose()


def _temporary() -> sqlite3.Connection:
    # On disk, without a name, and gone with the connection: an archive may be larger than the memory.
    connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    for pragma in ("foreign_keys = ON", "journal_mode = OFF", "synchronous = OFF", "cache_size = -16000"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


class _StagingWriter:
    def __init__(self, archive: Container, connection: sa.Connection, progress: Progress) -> None:
        self.archive, self.connection, self.progress = archive, connection, progress
        self.row_count, self.total = 0, sum(entry.rows for entry in archive.manifest.tables.values())

    def table(self, table: sa.Table) -> None:
        """Read a table's lines. A block ends before a row that refers to one of it: a judgement that undoes another."""
        self_references = [column.name for column in carried_columns(table) if referred_table(column) == table.name]
        block: list[Record] = []
        size, uids = 0, set[str]()
        for number, line in enumerate(self.archive.lines(table.name), start=1):
            record = self._row(table, number, line)
            is_full = len(block) == BLOCK or size > BLOCK_BYTES
            if is_full or any(record[column] in uids for column in self_references):
                self._insert(table, block, number)
                block, size, uids = [], 0, set()
            block.append(record)
            size += len(line)
            uids.add(record.get("uid", ""))
        self._insert(table, block, self.archive.manifest.tables[table.name].rows)

    def _row(self, table: sa.Table, number: int, line: bytes) -> Record:
        try:
            return shapes.row(table, line)
        except ValueError as error:
            raise damage_of(self.archive.name, f"{table.name}.jsonl line {number}: {error}") from error

    def _insert(self, table: sa.Table, block: list[Record], number: int) -> None:
        if not block:
            return
        for column in carried_columns(table):
            if (parent := referred_table(column)) is not None:
                self._refer(table, column.name, parent, block)
        mark = {"origin": self.archive.sha256} if "origin" in table.c else {}
        try:
            self.connection.execute(sa.insert(table), [record | mark for record in block])
        except sa.exc.IntegrityError as error:
            where = f"{table.name}.jsonl up to line {number}"
            raise damage_of(self.archive.name, f"{where}: {error.orig}") from error
        self.row_count += len(block)
        self.progress(self.row_count, self.total)

    def _refer(self, table: sa.Table, column: str, parent: str, block: list[Record]) -> None:
        uids = {record[column] for record in block if record[column] is not None}
        target = t.metadata.tables[parent]
        query = sa.select(target.c.uid, target.c.id).where(target.c.uid.in_(uids))
        ids = dict(self.connection.execute(query).all())
        if missing := uids - ids.keys():
            reason = f"a row of {table.name} refers to {parent} {min(missing)}, which isn't there before it"
            raise damage_of(self.archive.name, reason)
        for record in block:
            record[column] = ids.get(record[column])


# --- What rows have to say together -----------------------------------------------------------------------------------

# What is wrong, and the rows that have it.
FAULTS = {
    "a judgement is on a text of another kind": "SELECT j.uid FROM judgement j JOIN explanation x"
    " ON x.id = j.explanation_id WHERE x.kind <> j.target",
    "an undo is of another target than what it undoes": "SELECT j.uid FROM judgement j JOIN judgement o"
    " ON o.id = j.undoes_id WHERE j.decision <> 'withdraw' OR (j.target, coalesce(j.explanation_id, 0),"
    " coalesce(j.attempt_id, 0), coalesce(j.question_id, 0)) <> (o.target, coalesce(o.explanation_id, 0),"
    " coalesce(o.attempt_id, 0), coalesce(o.question_id, 0))",
    "a correction has no value, or another judgement has one": "SELECT uid FROM judgement"
    " WHERE (decision = 'correct') <> (trim(coalesce(value, '')) <> '')",
    "an answer is to a question of another set": "SELECT a.uid FROM attempt a JOIN exam e ON e.id = a.exam_id"
    " JOIN question q ON q.id = a.question_id WHERE q.set_id <> e.set_id",
    "a feedback is on an answer to another question": "SELECT x.uid FROM explanation x JOIN attempt a"
    " ON a.id = x.attempt_id WHERE a.question_id <> x.question_id",
    "a repair is of a text of another kind or question": "SELECT x.uid FROM explanation x JOIN explanation o"
    " ON o.id = x.repairs_id WHERE (x.kind, x.question_id, coalesce(x.attempt_id, 0))"
    " <> (o.kind, o.question_id, coalesce(o.attempt_id, 0))",
    "a finetune's student is taught by another snapshot": "SELECT f.uid FROM finetune f JOIN student s"
    " ON s.id = f.student_id JOIN snapshot o ON o.id = f.snapshot_id WHERE s.snapshot_sha256 <> o.sha256",
}


def _check_meaning(name: str, connection: sa.Connection) -> None:
    """See that rows fit together, and that what is named by a sha256 is what it is the sha256 of."""
    for fault, query in FAULTS.items():
        if (uid := connection.execute(sa.text(f"{query} LIMIT 1")).scalar()) is not None:
            raise damage_of(name, f"{fault}: {uid}")
    _check_policies(name, connection)
    with Session(connection) as session:
        for prompt in session.scalars(select(t.Prompt)):
            if hashlib.sha256(prompt.text.encode()).hexdigest() != prompt.sha256:
                raise damage_of(name, f"prompt {prompt.sha256[:12]} is not what its name is the sha256 of")
        for snapshot in session.scalars(select(t.Snapshot).execution_options(yield_per=1)):
            try:
                snapshots.check(snapshot)
            except BadInput as error:
                raise damage_of(name, str(error).partition(";")[0]) from error
            _check_exams(name, session, snapshot)
            session.expunge(snapshot)
        for questions in session.scalars(select(t.QuestionSet)).all():
            _check_questions(name, session, questions)


def _check_policies(name: str, connection: sa.Connection) -> None:
    columns = t.metadata.tables["policy"].c
    # By name: a policy on a mean takes no version on a probability, so an exam's threshold holds for all of them.
    highest = dict.fromkeys(PRESETS, HIGHEST_MEAN)
    for policy, fit in connection.execute(sa.select(columns.name, columns.fit)):
        most = HIGHEST_PROBABILITY if fit else HIGHEST_MEAN
        if highest.setdefault(policy, most) != most:
            raise damage_of(name, f"policy {policy!a} has versions on a mean and on a probability")
    for exam, policy, threshold in connection.execute(sa.text("SELECT name, policy, threshold_hundredths FROM exam")):
        if policy not in highest:
            raise damage_of(name, f"exam {exam} has a policy that isn't there: {policy!a}")
        if (threshold or 0) / 100 > highest[policy]:
            raise damage_of(name, f"exam {exam} has a threshold that policy {policy!a} can't have: {threshold / 100:g}")


def _check_exams(name: str, session: Session, snapshot: t.Snapshot) -> None:
    # What is deleted with an exam, and on which pages a snapshot stands, follows from these rows.
    if "exams" not in snapshot.manifest:
        return
    links = select(t.SnapshotExam.exam_id).where(t.SnapshotExam.snapshot_id == snapshot.id)
    ids = {snapshot.exam_id, *session.scalars(links)}
    uids = set(session.scalars(select(t.Exam.uid).where(col(t.Exam.id).in_(ids))))
    if uids != {exam["uid"] for exam in snapshot.manifest["exams"]}:
        raise damage_of(name, f"snapshot {snapshot.sha256[:12]} is of other exams than its manifest names")


def _check_questions(name: str, session: Session, questions: t.QuestionSet) -> None:
    # A set that was made of questions is named by their content; the authors' files name theirs otherwise.
    is_made_here = questions.uid == uuid5(NAMESPACE_URL, f"questions {questions.sha256}").hex
    if is_made_here and not sets.is_named(session, questions):
        raise damage_of(name, f"question set {questions.name} holds other questions than its sha256 names")
