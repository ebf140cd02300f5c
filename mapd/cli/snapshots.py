"""`mapd snapshots …`: what was frozen: list, compare, hold against dev and test, and describe for a paper.

$ mapd snapshots diff 3f2a 9c1e --json
{"before": "3f2a", "after": "9c1e", "same": 340, "settings": [{"name": "threshold", "older": "3", "newer": "4"}],
 "added": [], "dropped": [{"mistake": "5f…", "source_id": "chal-12", "question": "…", "why": ["its mean 3.50 …"]}], …}
"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

import typer

from mapd import lineage
from mapd.cli import shared
from mapd.cli.curate import describe_leakage
from mapd.curation import frozen_sets
from mapd.curation.leakage import Leakage
from mapd.curation.near_duplicates import USUAL
from mapd.curation.snapshot_diff import PairChange, SnapshotDiff
from mapd.domain import ExamInfo
from mapd.exchange.training import data_card
from mapd.lineage import SnapshotLineage
from mapd.store import queries
from mapd.store.snapshots import is_named, list_exams

commands = typer.Typer(no_args_is_help=True, help="What was frozen: compare, trace, check and describe it.")
Ref = Annotated[str, typer.Argument(metavar="SNAPSHOT", help="The beginning of its sha256.")]
# Changes that are printed of each kind; --json has all.
MOST_LINES = 20


@commands.command("list")
def list_snapshots(as_json: shared.AsJson = False) -> None:
    """List the snapshots, the newest first."""
    with shared.reading() as session:
        rows: list[dict[str, Any]] = [
            {
                "snapshot": row.sha256,
                "pairs": row.pairs,
                "exams": [str(exam["name"]) for exam in list_exams(row.manifest)] if is_named(row) else [],
                "by": row.person,
                "created_at": row.created_at.isoformat(),
            }
            for row in queries.snapshots(session)
        ]
    lines = (f"{x['snapshot'][:12]}  {x['pairs']:>8,} pairs  {', '.join(x['exams']) or 'damaged'}" for x in rows)
    shared.show_lines({"snapshots": rows}, as_json, lines)


@commands.command("diff")
def diff_snapshots(
    before: Annotated[str, typer.Argument(metavar="BEFORE", help="The beginning of the first one's sha256.")],
    after: Annotated[str, typer.Argument(metavar="AFTER", help="The beginning of the second one's.")],
    as_json: shared.AsJson = False,
) -> None:
    """Compare two snapshots, and say why a pair changed."""
    with shared.reading() as session:
        diff = frozen_sets.compare(session, before, after)
    shared.show_lines({"before": before, "after": after} | asdict(diff), as_json, _list_diff(diff))


def _list_diff(diff: SnapshotDiff) -> Iterator[str]:
    yield f"{diff.same:,} mistakes are taught alike"
    for setting in diff.settings:
        yield f"  {setting.name}: {setting.older} -> {setting.newer}"
    for word, changes in {"added": diff.added, "dropped": diff.dropped, "changed": diff.changed}.items():
        yield f"{len(changes):,} {word}"
        yield from map(_describe_change, changes[:MOST_LINES])
        if len(changes) > MOST_LINES:
            yield f"  and {len(changes) - MOST_LINES:,} more, which --json has"


def _describe_change(change: PairChange) -> str:
    return f"  {change.source_id or change.mistake[:12]}: {'; '.join(change.why)}"


@commands.command("lineage")
def show_lineage(ref: Ref, as_json: shared.AsJson = False) -> None:
    """Show what a snapshot comes from, and what came of it.

    Its exams before it; the students taught on it, and their exams."""
    with shared.reading() as session:
        line = lineage.follow(session, ref)
    shared.show_lines(_describe_lineage(line), as_json, _list_lineage(line))


def _describe_lineage(line: SnapshotLineage) -> dict[str, Any]:
    return {
        "snapshot": line.snapshot,
        "pairs": line.pairs,
        "mistakes": line.mistakes,
        "exams": [_describe_exam(info) for info in line.exams],
        "descends_from": [
            {"student": x.student, "round": x.round, "uid": x.uid, "snapshot": x.snapshot} for x in line.descents
        ],
        "students": [
            {"student": x.student, "round": x.round, "uid": x.uid}
            | {"exams": [_describe_exam(info) | {"score": asdict(score)} for info, score in x.exams]}
            for x in line.students
        ],
    }


def _describe_exam(info: ExamInfo) -> dict[str, Any]:
    names = {"exam": info.uid, "name": info.name, "questions": info.question_set, "split": info.split}
    return names | {"student": info.student, "round": info.round, "simulated": info.simulated}


def _list_lineage(line: SnapshotLineage) -> Iterator[str]:
    yield " -> ".join(x.student if x.snapshot is None else f"{x.snapshot[:8]} -> {x.student}" for x in line.descents)
    for info in line.exams:
        yield f"-> {info.name}"
    yield f"-> snapshot {line.snapshot[:8]}: {line.pairs:,} pairs of {line.mistakes:,} mistakes"
    for student in line.students:
        yield f"   -> {student.student}, round {student.round}"
        for info, score in student.exams:
            yield f"      -> {info.name}: {score.accuracy:.1%} right ({score.correct:,}/{score.n:,})"


@commands.command("leaks")
def show_leaks(ref: Ref, as_json: shared.AsJson = False) -> None:
    """Hold a snapshot's questions against dev and test."""
    with shared.reading() as session:
        leakage = frozen_sets.check_leakage(session, ref)
    result = {"snapshot": ref, "questions": leakage.taught} | describe_leakage(leakage)
    shared.show_lines(result, as_json, _list_leaks(leakage))


def _list_leaks(leakage: Leakage) -> Iterator[str]:
    held_out = f"{leakage.dev:,} dev and {leakage.test:,} test questions"
    yield f"{leakage.taught:,} questions, held against {held_out}: {len(leakage.leaks):,} leak"
    for leaks in (leakage.leaks, leakage.templates):
        yield from (f"  {leak.words}" for leak in leaks[:MOST_LINES])
        if len(leaks) > MOST_LINES:
            yield f"  and {len(leaks) - MOST_LINES:,} more, which --json has"


@commands.command("near")
def show_near(
    ref: Ref,
    likeness: Annotated[
        float, typer.Option("--at", help="The part of the words that both have in the same order, 0.7 to 1.")
    ] = USUAL,
    as_json: shared.AsJson = False,
) -> None:
    """List the pairs that say nearly what another one says."""
    with shared.reading() as session:
        near = frozen_sets.list_near_pairs(session, ref, likeness)
    lines = [f"{len(near):,} near-duplicates at {likeness:g}"]
    lines += [f"  {x.likeness:.2f}  {x.question}  |  {x.of_question}" for x in near[:MOST_LINES]]
    result = {"snapshot": ref, "at": likeness, "near_duplicates": [asdict(x) for x in near]}
    shared.show_lines(result, as_json, lines)


@commands.command("card")
def show_card(
    ref: Ref,
    kind: Annotated[
        str,
        typer.Option(
            "--as",
            metavar="|".join(data_card.WRITERS),
            help="card: the data card; methods: a paragraph for a paper; latex: that in LaTeX.",
        ),
    ] = "card",
    as_json: shared.AsJson = False,
) -> None:
    """Write a snapshot's data card or methods paragraph."""
    shared.one_of("--as", kind, data_card.WRITERS)
    with shared.reading() as session:
        text = data_card.WRITERS[kind](data_card.load_facts(session, ref))
    shared.show_lines({"snapshot": ref, "as": kind, "text": text}, as_json, text.rstrip("\n").split("\n"))
