"""A snapshot into a file or a folder, pair by pair: its size doesn't matter. `mapd export SNAPSHOT --format FORMAT`

export(engine, "3f2a", FORMATS["messages"], Path("rows.jsonl"), by=ann)
-> SnapshotExport(path="rows.jsonl", format="messages", pairs=365, rows=730, sha256="9b…", …)
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlmodel import Session

from mapd.domain import ExamInfo
from mapd.errors import BadInput
from mapd.exchange import files
from mapd.exchange.archive.outgoing import one_moment
from mapd.exchange.training.format import Origin, TrainingFormat, TrainingSource
from mapd.exchange.training.pairs import FrozenPair, read_pair
from mapd.people import Person, Right, require
from mapd.store import audit_log, db, queries, snapshot_lines
from mapd.store.snapshot_lines import SnapshotHead
from mapd.store.snapshots import FORMAT, damaged

# Pairs between two reports of progress.
BLOCK = 1_000
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class SnapshotExport:
    """What an export wrote. `sha256`: of the file, or of a list of the folder's files. `note`: what to mind."""

    path: str
    format: str
    snapshot: str
    pairs: int
    rows: int
    sha256: str
    note: str


@dataclass(frozen=True, slots=True)
class _StoredPairs:
    """A snapshot's pairs, read from the database each time that they are asked for."""

    session: Session
    head: SnapshotHead
    progress: Progress

    def __iter__(self) -> Iterator[FrozenPair]:
        for number, line in enumerate(snapshot_lines.iterate_lines(self.session, self.head), 1):
            try:
                pair = read_pair(line)
            except ValueError as error:
                raise damaged(self.head.sha256, f"its line {number} is no pair") from error
            yield pair
            if number % BLOCK == 0 or number == self.head.pairs:
                self.progress(number, self.head.pairs)


def find_source(
    session: Session, ref: str, shots: int | None = None, progress: Progress = lambda *_: None
) -> TrainingSource:
    """Return the snapshot whose sha256 begins so, to be written in a format.

    `shots`: worked examples before each question; by default as its student is asked.

    Raises: NotFound; BadInput where it is damaged, or of a format that doesn't hold what exports write.
    """
    head = snapshot_lines.find_head(session, ref)
    if head.manifest.get("format") != FORMAT:
        raise BadInput(
            f"snapshot {head.sha256[:12]} was frozen before scores stood in its lines (format "
            f"{head.manifest.get('format')}): freeze the set again, with the same seed, and export that"
        )
    exams = queries.exams_of_snapshot(session, head.id)
    sources = snapshot_lines.load_sources(session, [exam.id for exam in exams])
    origin = Origin(sources, snapshot_lines.load_prompts(session, head.manifest["prompts"]))
    pairs = _StoredPairs(session, head, progress)
    shots = _find_shots(session, exams) if shots is None else shots
    return TrainingSource(head.sha256, head.manifest, pairs, shots, origin)


def _find_shots(session: Session, exams: Sequence[ExamInfo]) -> int:
    """Return how many worked examples the exams' students are shown. Raises: BadInput where these differ."""
    shots_by_student = snapshot_lines.load_shots(session, [exam.id for exam in exams])
    if len(set(shots_by_student.values())) > 1:
        students = ", ".join(f"{name} {number}" for name, number in shots_by_student.items())
        raise BadInput(f"its exams' students are shown different numbers of worked examples ({students}): name --shots")
    return next(iter(shots_by_student.values()))


def export(
    engine: sa.Engine,
    ref: str,
    format_: TrainingFormat,
    path: Path,
    *,
    by: Person,
    shots: int | None = None,
    announce: Callable[[int], None] = lambda _: None,
    progress: Progress = lambda *_: None,
) -> SnapshotExport:
    """Write a snapshot to `path`, whole or not at all. `announce` is told the number of rows before.

    Raises: Forbidden; NotFound; BadInput where there is something at `path`, or it can't be written, or the snapshot is
    damaged, of an older format, or gives no row.
    """
    person = require(by, Right.EXPORT)
    with one_moment(engine) as session:
        source = find_source(session, ref, shots, progress)
        expected = format_.count(source.manifest)
        if not expected:
            raise BadInput(
                f"snapshot {source.sha256[:12]} gives no row of {format_.name}: it holds no accepted rationale of a "
                "question that has a rejected one; take another format"
            )
        # A name that is taken is refused before any row is announced.
        with files.whole(path) as place:
            announce(expected)
            rows = format_.write(place, source)
            # A snapshot made by hand may fit its own sums: its counts are held against its rows.
            if rows != expected:
                raise damaged(source.sha256, f"it gave {rows} rows of {format_.name}, not {expected}")
            sha256 = files.sha256_of(place)
    pairs = int(source.manifest["counts"]["pairs"])
    with db.writing(engine) as session:
        detail = {"format": format_.name, "rows": rows, "file": path.name, "sha256": sha256}
        audit_log.audit(session, person, "export", f"snapshot {source.sha256}", **detail)
    return SnapshotExport(str(path), format_.name, source.sha256, pairs, rows, sha256, format_.note)


def note_download(session: Session, sha256: str, file: str, content: bytes, pairs: int, *, by: Person) -> None:
    """Note that a snapshot went out as it is, by a browser's download. Raises: Forbidden; BadInput without a name."""
    person = require(by, Right.EXPORT)
    detail = {"format": "snapshot", "rows": pairs, "file": file, "sha256": hashlib.sha256(content).hexdigest()}
    audit_log.audit(session, person, "export", f"snapshot {sha256}", **detail)
