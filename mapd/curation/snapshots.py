"""Freezing the curated set: lines (JSONL) and a manifest, named by the manifest's sha256.

The manifest holds the sha256 of the lines, so its name stands for both files.

One line, from the authors' SVAMP file (shortened):

    {"mistake": "5f…", "question": {"uid": "a0…", "text": "There are 87 oranges …", "gold": "145", …},
     "attempt": {"text": "Answer: …", "answer": "0.92"}, "rationale": {"uid": "c1…", "teacher": "gpt", "text": "…",
     "verdict": "accepted", "committee": {"verdict": "accepted", "mean": 5.0, "why": "mean 5.00 is above 3",
     "votes": [{"reviewer": "gemini", "score": 5}, …]}, "people": null},
     "feedback": {"uid": "77…", "teacher": "mistral", "text": "It seems …", …}, "rejected": [{"uid": "0b…", …}, …]}

`rejected` has the question's rejected rationales, for preferences. Votes and verdicts are frozen with the texts: both
change afterwards, and an export of a snapshot gives the same rows on any day. Where it was chosen so, a line has a
rationale without feedback, or feedback without a rationale: it has no field for the text that it lacks.

count_contents(row.lines, row.manifest) counts them: 365 pairs of 365 mistakes, 44 of them with a wrong answer.

A set that was narrowed says so in its manifest: `"narrowed_to": ["gemini", "gpt"]` (teachers), `"tasks"`, `"families"`.
A snapshot of several exams has `"exams"` there, each with its counts, where another has `"exam"`; its own counts are
their sums, so a text that two exams share is counted twice. How many pairs were left out because another one teaches
the same is `"repeated_pairs"`, and how many mistakes because their question stands in a test split `"in_test_splits"`.
A text that a person repaired carries `"by_person": true` and, as `"repairs"`, the uid of what it stands in for. No
times and no local ids are in it, so the same input gives the same name on every machine.
"""

import os
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select

from mapd.answers.grading import Task
from mapd.checks import State, check_rationale
from mapd.curation.curated import Curated
from mapd.curation.leakage import GuardedDraw, HeldOutQuestion, draw_guarded
from mapd.curation.manifests import make_manifest, write_lines
from mapd.curation.pairs import DrawSettings, PairDraw, Texts, read_texts, sort_sets
from mapd.curation.trimming import UNTRIMMED, Trimming
from mapd.domain import Act, Judged, Ruling
from mapd.errors import BadInput
from mapd.judgements import READING, ruling
from mapd.own_answers import read_own_answer
from mapd.people import Person, Right, require
from mapd.questions.options import read_shown
from mapd.questions.rows import question_key
from mapd.store import audit_log, exam_material, queries
from mapd.store import tables as t
from mapd.store.snapshots import check, fault, lines_of, manifest_text, read_line, sha256

# By what a pair may have: what a set without any lacks.
MISSING = {
    Texts.BOTH: "an accepted rationale and a standing feedback",
    Texts.RATIONALE: "an accepted rationale",
    Texts.FEEDBACK: "a standing feedback",
}


def freeze(
    session: Session,
    *sets: Curated,
    by: Person,
    seed: int = 0,
    everything: bool = False,
    limit: int | None = None,
    texts: Sequence[Texts] = (Texts.BOTH,),
    trimming: Trimming = UNTRIMMED,
) -> t.Snapshot:
    """Make the snapshot of the curated sets, one an exam; the same input returns the one that is there, mended where it
    is damaged. `pairs.draw` says which pairs that gives.

    Raises: Forbidden; BadInput where no pair can be made, or fewer than `limit`, where dev or test holds a question,
    too, where an exam isn't over train questions, or the sets are not of different exams under one policy.
    """
    person = require(by, Right.FREEZE)
    sets = tuple(sort_sets(sets))
    _check_sets(sets)
    settings = DrawSettings(seed, everything, limit, read_texts(texts), trimming)
    guarded = draw_pairs(session, sets, settings)
    if not guarded.pair_draw.pairs:
        raise BadInput(describe_emptiness(sets, settings.texts, guarded.pair_draw))
    guarded.refuse_leaks()
    lines = write_lines(guarded.pair_draw.pairs)
    manifest = make_manifest(sets, guarded, settings, queries.describe_teachers(session), sha256(lines))
    return _store(session, sets, manifest, lines, person)


def draw_pairs(session: Session, sets: Sequence[Curated], settings: DrawSettings) -> GuardedDraw:
    """Draw the pairs that freezing would write, held against the project's dev and test. Raises: BadInput."""
    return draw_guarded(sets, settings, list_held_out(session))


def list_held_out(session: Session) -> tuple[HeldOutQuestion, ...]:
    """Return the questions of the project's dev and test splits."""
    rows = exam_material.list_held_out(session)
    return tuple(
        HeldOutQuestion(row.name, row.split, row.source_id, question_key(row), row.task, row.gold) for row in rows
    )


def describe_emptiness(sets: Sequence[Curated], texts: Sequence[Texts], pair_draw: PairDraw) -> str:
    """Return the line that says why no pair can be made."""
    sealed = pair_draw.sealed
    if pair_draw.leaking:
        return f"an empty snapshot is refused: dev or test holds the questions of all {len(pair_draw.leaking):,} pairs"
    missing, policy = " or ".join(MISSING[x] for x in texts), sets[0].policy
    exams = f"exam {sets[0].exam.name} has" if len(sets) == 1 else f"{', '.join(c.exam.name for c in sets)} have"
    test = f" on a question that isn't in a test split ({sealed:,} are)" if sealed else ""
    return (
        f"an empty snapshot is refused: {exams} no mistake with {missing}{test} under policy {policy.name} at "
        f"{policy.threshold:g}; lower the threshold"
    )


def _check_sets(sets: Sequence[Curated]) -> None:
    for curated in sets:
        if curated.exam.split != "train":
            raise BadInput(
                f"exam {curated.exam.name} asked the {curated.exam.split} questions, which are never taught; freeze "
                "one over train"
            )
        if curated.policy != sets[0].policy:
            raise BadInput(
                f"{curated.exam.name} and {sets[0].exam.name} are curated under different policies; take one for both"
            )
    if len({curated.exam.id for curated in sets}) < len(sets):
        raise BadInput("a snapshot is of different exams; name each once")


def _store(session: Session, sets: Sequence[Curated], manifest: dict[str, Any], lines: str, person: str) -> t.Snapshot:
    name, pairs = sha256(manifest_text(manifest)), manifest["counts"]["pairs"]
    row, act = _find_stored(session, name), "freeze"
    content: dict[str, Any] = {"sha256": name, "pairs": pairs, "lines": lines, "manifest": manifest}
    if row is None:
        moment = queries.moment(session)
        # The uid is part of the name, so that the same snapshot is the same row in every project.
        row = t.Snapshot(created_at=moment, uid=name[:32], exam_id=sets[0].exam.id, person=person, **content)
    # The same input gives the same name, so this snapshot is there already.
    elif fault(row) is None:
        return row
    else:
        # What is stored doesn't fit its name: it is written anew.
        act = "freeze again"
        row.sqlmodel_update(content)
    session.add(row)
    audit_log.audit(session, person, act, f"snapshot {name}", pairs=pairs)
    session.flush()
    _link(session, row, sets[1:])
    return row


def _link(session: Session, row: t.Snapshot, sets: Iterable[Curated]) -> None:
    """Name the further exams that the snapshot is of, where they aren't named yet."""
    linked = {exam.id for exam in queries.exams_of_snapshot(session, queries.identity(row))}
    for curated in (curated for curated in sets if curated.exam.id not in linked):
        # Made of the two, so that it is the same row in every project.
        uid = sha256(f"{row.sha256} {curated.exam.uid}")[:32]
        link = t.SnapshotExam(snapshot_id=queries.identity(row), exam_id=curated.exam.id, uid=uid)
        session.add(link.sqlmodel_update({"created_at": row.created_at}))
        session.flush()


def _find_stored(session: Session, name: str) -> t.Snapshot | None:
    # Its uid still begins with the name where somebody changed the name.
    query = select(t.Snapshot).where((col(t.Snapshot.sha256) == name) | (col(t.Snapshot.uid) == name[:32]))
    return next((row for row in session.exec(query) if row.sha256 == name or fault(row) is not None), None)


@dataclass(frozen=True, slots=True)
class SnapshotContents:
    """What a snapshot's own lines hold: how many pairs, of which mistakes, and how many end in a wrong answer."""

    pairs: int
    mistakes: frozenset[str]  # the attempts' uids
    wrong: int


def count_contents(lines: str, manifest: Mapping[str, Any]) -> SnapshotContents:
    """Count a snapshot's pairs from its lines. What people read of a rationale's answer is in the manifest.

    Raises: BadInput where they are not what a snapshot holds.
    """
    try:
        readings = _group_readings(manifest["judgements"])
        pairs = [read_line(line) for line in lines_of(lines)]
        rationales = [pair for pair in pairs if "rationale" in pair]
        wrong = sum(_ends_wrong(pair, ruling(readings[pair["rationale"]["uid"]], READING)) for pair in rationales)
        return SnapshotContents(len(pairs), frozenset(pair["mistake"] for pair in pairs), wrong)
    except (ValueError, LookupError, TypeError) as error:
        raise BadInput(f"a snapshot of this exam is damaged ({error}): import its project again") from error


def _group_readings(judgements: Sequence[Mapping[str, Any]]) -> Mapping[str, list[Judged]]:
    readings: dict[str, list[Judged]] = defaultdict(list)
    for number, row in enumerate(judgements):
        if row["target"] == "rationale" and row["decision"] == Act.CORRECT:
            # A manifest holds no ids: a judgement's place in its list stands in.
            judged = Judged(number, row["person"], Act.CORRECT, row["reason"], row["value"], row["role"])
            readings[row["uid"]].append(judged)
    return readings


def _ends_wrong(pair: Mapping[str, Any], reading: Ruling) -> bool:
    question, task, options = pair["question"], Task(pair["question"]["task"]), tuple(pair["question"]["options"])
    gold = read_shown(question["gold"], task, options)
    checks = check_rationale(pair["rationale"]["text"], gold, task, options)
    _, matches_gold = read_own_answer(checks, gold, task, options, reading)
    return matches_gold is State.FAILS


def write(snapshot: t.Snapshot, home: Path) -> Path:
    """Put the snapshot's two files under `home`/snapshots/SHA and return that folder. What is there is left as it is.

    Raises: BadInput where the folder can't be written, or holds other content under this name, or the snapshot is
    damaged.
    """
    # The name becomes a folder's: this sees that it is the sha256 of the manifest.
    check(snapshot)
    folder = home / "snapshots" / snapshot.sha256
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in {"pairs.jsonl": snapshot.lines, "manifest.json": manifest_text(snapshot.manifest)}.items():
            _write_once(folder / name, text)
    except OSError as error:
        raise BadInput(f"the snapshot can't be written to {folder} ({error.strerror}); free or unlock it") from error
    return folder


def _write_once(path: Path, text: str) -> None:
    if path.exists():
        if path.read_text(encoding="utf-8") != text:
            raise BadInput(f"{path} was changed by hand: a snapshot never changes; move the file away")
        return
    # It lies in the same folder, for a rename within one file system is a single step.
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
    # The file appears whole or not at all.
    Path(temporary).replace(path)
