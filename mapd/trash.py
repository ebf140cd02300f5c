"""The trash: an exam, a question set or the whole project goes into a file, with all that hangs on it, and comes back.

    exam = trash.plan_exam_removal(session, "svamp · Llama-2-7b-chat-hf · round 0")
    exam.counts        -> {"exams": 1, "questions": 387, "attempts": 387, "rationales": 1161, "judgements": 45, …}
    exam.stays         -> ("2,322 calls in the ledger ($3.20): what was paid is never asked for again", …)
    trash.delete(session, home, exam, by=owner("ann")) -> home/trash/20261129-101502-import-svamp.zip
    trash.restore(session, home, "20261129-101502-import-svamp.zip", by=owner("bob"))

Who deletes the file deletes it for good.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlmodel import Session

from mapd import jobs, students
from mapd.errors import BadInput, NotFound
from mapd.people import Person, Right, require
from mapd.questions import sets
from mapd.store import audit_log, queries, removal
from mapd.store import project as store
from mapd.store import tables as t
from mapd.store.removal import Ids, PutBack
from mapd.teacher_prices import format_dollars

FOLDER = "trash"
# A project's trash takes the rows of these tables, with all that hangs on them.
PROJECT = ("question_set", "student", "policy", "guidelines", "saved_view", "saved_mapping", "job")
WORDS = {  # of the tables whose rows are counted
    "exam": "exams",
    "question_set": "question sets",
    "question": "questions",
    "attempt": "attempts",
    "review": "reviews",
    "judgement": "judgements",
    "snapshot": "snapshots",
    "finetune": "finetunes",
    "student": "students",
    "teacher": "authors",  # of imports and repairs
    "policy": "policies",
    "guidelines": "guidelines",
    "saved_view": "views",
    "saved_mapping": "mappings",
    "job": "jobs",
}


@dataclass(frozen=True, slots=True)
class Removal:
    """What is to be deleted: its rows by table, how many of what that is, and what stays, in lines.

    `shared`: what goes along though it is also of something that stays, in lines.
    """

    kind: str
    name: str
    uid: str
    rows: Ids
    counts: Mapping[str, int]
    stays: tuple[str, ...]
    shared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrashEntry:
    """A file of the trash; one that can't be read says why in `fault`."""

    file: str
    kind: str
    name: str
    person: str
    at: datetime | None
    counts: Mapping[str, int]
    fault: str = ""


SINGULARS = {"policies": "policy", "guidelines": "version of the guidelines", "feedback": "feedback"}


def count_in_words(counts: Mapping[str, int]) -> str:
    """Return how many of what, in a line: "1 exam, 387 attempts"."""
    singular = {word: SINGULARS.get(word, word.removesuffix("s")) for word in counts}
    return ", ".join(f"{number:,} {singular[word] if number == 1 else word}" for word, number in counts.items())


def plan_exam_removal(session: Session, ref: str | int) -> Removal:
    """Return what goes with an exam. An import's questions go along, unless another exam asks them; and so does a
    student that came in with its answers.

    Raises: NotFound.
    """
    info = queries.exam(session, ref)
    row = queries.exam_row(session, info.id)
    seeds: Ids = {"exam": {info.id}}
    if info.graded_by == "import" and store.count_exams(session, row.set_id) == 1:
        seeds |= {"question_set": {row.set_id}}
    seeds |= _student_of_import(session, row)
    rows = removal.closure(session, seeds)
    stays = list(_list_kept(session, rows))
    # Rationales answer questions, not attempts: they stay with the set, and other exams share them.
    if "question_set" not in seeds:
        number = store.count_rationales(session, row.set_id)
        stays.insert(0, f"the question set {info.question_set} with the {number:,} rationales on its questions")
    kind = "import" if info.graded_by == "import" else "exam"
    return Removal(kind, info.name, info.uid, rows, _counts(session, rows), tuple(stays), _list_shared(session, rows))


def plan_questions_removal(session: Session, ref: str | int) -> Removal:
    """Return what goes with a question set: its exams, and all texts on its questions. Raises: NotFound."""
    row = sets.get(session, ref)
    rows = removal.closure(session, {"question_set": {queries.identity(row)}})
    stays = tuple(_list_kept(session, rows))
    shared = _list_shared(session, rows)
    return Removal("question set", row.name, row.uid, rows, _counts(session, rows), stays, shared)


def plan_project_removal(session: Session, name: str) -> Removal:
    """Return all that a project holds, but for its ledger, the teachers that can be asked, and the record of acts."""
    seeds = {table: store.list_ids(session, table) for table in PROJECT}
    seeds["teacher"] = store.list_mere_authors(session)
    rows = removal.closure(session, seeds)
    stays = tuple(_list_kept(session, rows, of_project=True))
    return Removal("project", name, "", rows, _counts(session, rows), stays)


def _student_of_import(session: Session, exam: t.Exam) -> Ids:
    """Return the student if it came with this import, has no weights, and nothing else needs it."""
    kind = session.get_one(t.Student, exam.student_id).base.partition(":")[0]
    if kind in students.KINDS or store.is_needed_elsewhere(session, exam):
        return {}
    return {"student": {exam.student_id}}


def _counts(session: Session, rows: Ids) -> dict[str, int]:
    counts = {word: len(rows.get(table, ())) for table, word in WORDS.items()}
    texts = store.count_texts(session, rows.get("explanation", ()))
    counts |= {"rationales" if kind == "rationale" else kind: number for kind, number in texts.items()}
    return {word: number for word, number in counts.items() if number}


def _list_kept(session: Session, rows: Ids, *, of_project: bool = False) -> Iterator[str]:
    """Yield what stays: calls, with what they cost, and who was asked or was made from these snapshots, and files."""
    calls, cost = store.count_calls(session, rows.get("exam", ()))
    if calls:
        paid = f" ({format_dollars(cost)})" if cost else ""
        yield f"{calls:,} calls in the ledger{paid}: what was paid is never asked for again"
    if of_project:
        if number := len(store.list_ids(session, "teacher") - rows.get("teacher", set())):
            yield f"{number:,} teachers, who can be asked again"
    elif names := store.list_tuned_students(session, rows.get("finetune", ())):
        yield f"the students that its snapshots made, with their exams: {', '.join(names)}"
    if rows.get("snapshot"):
        yield "the files of snapshots, checkpoints and adapters"
    if of_project:
        yield "the record of who did what"


def _list_shared(session: Session, rows: Ids) -> tuple[str, ...]:
    """Return the snapshots that go with one of their exams while others of them stay."""
    gone = rows.get("exam", set())
    lines = []
    for snapshot in queries.snapshots(session):
        if snapshot.id in rows.get("snapshot", set()):
            exams = queries.exams_of_snapshot(session, queries.identity(snapshot))
            staying = ", ".join(exam.name for exam in exams if exam.id not in gone)
            lines += [f"snapshot {snapshot.sha256[:12]}, which is of {staying}, too"] if staying else []
    return tuple(lines)


def delete(session: Session, home: Path, removed: Removal, *, by: Person) -> Path:
    """Move it into the trash; return the file. All in the caller's transaction.

    Raises: Forbidden; BadInput where work on it is under way, or the file can't be written.
    """
    person = require(by, Right.DELETE)
    if at_work := _at_work(session, removed):
        raise BadInput(
            f"job {at_work.uid[:8]} is {at_work.status} and works on it; nothing was deleted: cancel it first, or wait"
        )
    moment = t.now()
    path = _free_path(home / FOLDER, f"{moment:%Y%m%d-%H%M%S}-{removed.kind.replace(' ', '-')}-{_slug(removed.name)}")
    about: dict[str, Any] = {"kind": removed.kind, "name": removed.name, "uid": removed.uid, "person": person}
    about |= {"at": moment.isoformat(), "gone": dict(removed.counts)}
    removal.take_out(session, removed.rows, path, about)
    target = f"{removed.kind} {removed.uid or removed.name}"
    audit_log.audit(session, person, audit_log.DELETED, target, name=removed.name, file=path.name, **removed.counts)
    session.flush()
    return path


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "unnamed"


def _free_path(folder: Path, stem: str) -> Path:
    numbered = (folder / f"{stem}{f'-{n}' if n else ''}.zip" for n in range(10_000))
    return next(path for path in numbered if not path.exists())


def _at_work(session: Session, removed: Removal) -> t.Job | None:
    """Return a job under way that uses what is to be deleted; for a set or the project any job under way."""
    active = jobs.list_active(session)
    if removed.kind not in ("exam", "import"):
        return next(iter(active), None)
    exam = queries.exam_row(session, queries.exam(session, removed.uid).id)
    refs_by_parameter = {
        "exam": _refs(exam),
        "student": _refs(session.get_one(t.Student, exam.student_id)),
        "questions": _refs(session.get_one(t.QuestionSet, exam.set_id)),
    }
    hashes = [row.sha256 for row in queries.snapshots(session, exam.id)]
    return next((job for job in active if _works_on(job, exam, refs_by_parameter, hashes)), None)


def _refs(row: t.Exam | t.Student | t.QuestionSet) -> set[str]:
    return {row.uid, row.name, str(row.id)}


def _works_on(job: t.Job, exam: t.Exam, refs_by_parameter: Mapping[str, set[str]], hashes: Iterable[str]) -> bool:
    """Return whether the job is about the exam: a demo may be about any."""
    parameters = job.parameters
    if job.kind == "collect":
        return str(parameters.get("exam")) in refs_by_parameter["exam"]
    if job.kind == "exam":
        same = (str(parameters.get(key)) in refs_by_parameter[key] for key in ("student", "questions"))
        return all(same) and parameters.get("split") == exam.split
    if job.kind == "finetune":
        return any(sha256.startswith(str(parameters.get("snapshot"))) for sha256 in hashes)
    return True


def restore(session: Session, home: Path, file: str, *, by: Person) -> tuple[TrashEntry, PutBack]:
    """Put back what a file of the trash holds, in the caller's transaction. `discard` the file once that is committed.

    Raises: Forbidden; NotFound where the trash has no such file; BadInput where it can't be read, or put back.
    """
    person, path = require(by, Right.DELETE), _path(home, file)
    entry, rows = _entry(path), removal.put_back(session, path)
    details: dict[str, Any] = {"name": entry.name, "file": path.name, "rows": rows.new}
    audit_log.audit(session, person, audit_log.RESTORED, f"{entry.kind} {entry.name}", **details)
    session.flush()
    return entry, rows


def discard(home: Path, file: str) -> None:
    """Delete a file of the trash whose rows were put back. Raises: NotFound."""
    _path(home, file).unlink()


def forget(session: Session, home: Path, file: str, *, by: Person) -> None:
    """Delete a file of the trash for good: nothing brings back what it holds. Raises: Forbidden; NotFound."""
    person, path = require(by, Right.DELETE), _path(home, file)
    entry = _entry(path)
    audit_log.audit(session, person, audit_log.PURGED, f"{entry.kind or 'file'} {entry.name}", file=path.name)
    session.flush()
    path.unlink()


def _path(home: Path, file: str) -> Path:
    path = home / FOLDER / Path(file).name
    if not path.is_file():
        file_names = ", ".join(entry.file for entry in list_files(home)[:5]) or "nothing"
        raise NotFound(f"the trash holds no file {file}; it holds {file_names}")
    return path


def list_files(home: Path) -> list[TrashEntry]:
    """Return what is in the trash, the newest first."""
    entries = [_entry(path) for path in (home / FOLDER).glob("*.zip")]
    return sorted(entries, key=lambda entry: (entry.at or datetime.min.replace(tzinfo=UTC), entry.file), reverse=True)


def _entry(path: Path) -> TrashEntry:
    try:
        about = removal.read_manifest(path)
        at = datetime.fromisoformat(about["at"])
        return TrashEntry(path.name, about["kind"], about["name"], about["person"], at, about["gone"])
    except (BadInput, LookupError, TypeError, ValueError) as error:
        return TrashEntry(path.name, "", path.name, "", None, {}, str(error))
