"""Snapshots looked into: two beside each other, one held against dev and test, one for near-duplicates.

compare(session, "3f2a", "9c1e").dropped[0].why     -> ("its mean 3.50 is not above 4",)
check_leakage(session, "3f2a").leaks                -> () where neither dev nor test holds a question of it
list_near_pairs(session, "3f2a", 0.9)[0]            -> NearPair(mistake="5f…", question="Ann …", of="a1…", …)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from mapd.answers.grading import Task
from mapd.curation.leakage import Leakage, TaughtQuestion, find_leaks
from mapd.curation.near_duplicates import PairTexts, find_near_duplicates
from mapd.curation.snapshot_diff import FrozenSet, SnapshotDiff, diff_snapshots
from mapd.curation.snapshots import list_held_out
from mapd.questions.options import read_shown
from mapd.questions.rows import QuestionRow, question_key
from mapd.store import lookup, queries
from mapd.store import tables as t
from mapd.store.snapshots import lines_of, list_exams, read_line


@dataclass(frozen=True, slots=True)
class NearPair:
    """A pair of a snapshot that says nearly what an earlier one does: both by mistake and question."""

    mistake: str
    question: str
    of: str
    of_question: str
    likeness: float


def compare(session: Session, older: str, newer: str) -> SnapshotDiff:
    """Return what the second snapshot has otherwise than the first. Raises: NotFound; BadInput: one is damaged."""
    rows = [queries.snapshot(session, ref) for ref in (older, newer)]
    exams = [{str(exam.get("uid")) for exam in list_exams(row.manifest)} for row in rows]
    return diff_snapshots(*(_read_set(session, row, names_exams=exams[0] != exams[1]) for row in rows))


def _read_set(session: Session, row: t.Snapshot, *, names_exams: bool) -> FrozenSet:
    pairs = [read_line(line) for line in lines_of(row.lines)]
    # Lines hold no exam: it is looked up where the two are of different ones.
    exams = lookup.find_exams(session, {pair["mistake"] for pair in pairs}) if names_exams else {}
    return FrozenSet(row.sha256, row.manifest, pairs, exams)


def check_leakage(session: Session, ref: str) -> Leakage:
    """Hold a snapshot's questions against the project's dev and test, as they are now.

    Raises: NotFound; BadInput where it is damaged.
    """
    row = queries.snapshot(session, ref)
    sets = sorted({f"{exam['questions']} {exam['split']}" for exam in list_exams(row.manifest)})
    pairs = (read_line(line) for line in lines_of(row.lines))
    taught = {question.key: question for question in (_describe(pair["question"], sets) for pair in pairs)}
    return find_leaks(tuple(taught.values()), list_held_out(session))


def _describe(question: Mapping[str, Any], sets: list[str]) -> TaughtQuestion:
    task = Task(question["task"])
    gold = read_shown(question["gold"], task, tuple(question["options"]))
    # Of several sets a line doesn't say which.
    name = " ".join([*(sets if len(sets) == 1 else ()), str(question.get("source_id", ""))])
    return TaughtQuestion(_make_key(question), name, task.value, gold)


def _make_key(question: Mapping[str, Any]) -> tuple[str, ...]:
    text, context, options = question["text"], question["context"], tuple(question["options"])
    return question_key(QuestionRow("", "", Task(question["task"]), text, "", context=context, options=options))


def list_near_pairs(session: Session, ref: str, threshold: float) -> list[NearPair]:
    """Return a snapshot's pairs that say nearly what one before them does, in their order.

    Raises: NotFound; BadInput where it is damaged, or for such a threshold.
    """
    pairs = [read_line(line) for line in lines_of(queries.snapshot(session, ref).lines)]
    texts = tuple(
        PairTexts(_make_key(x["question"]), tuple(x[kind]["text"] for kind in ("rationale", "feedback") if kind in x))
        for x in pairs
    )
    return [
        NearPair(
            pairs[near.place]["mistake"],
            pairs[near.place]["question"]["text"],
            pairs[near.of]["mistake"],
            pairs[near.of]["question"]["text"],
            near.likeness,
        )
        for near in find_near_duplicates(texts, threshold)
    ]
