"""`mapd export …`: a snapshot for a trainer, people's judgements, the rows that a filter finds, tasks to label."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import sqlalchemy as sa
import typer

from mapd import interrupts
from mapd.cli.shared import AsJson, PersonName, counting, one_of, open_project, person_of, show, usage
from mapd.curation import saved_policies
from mapd.domain import RowKind
from mapd.errors import BadUsage
from mapd.exchange import browse_rows, judgements, label_studio, labelling, row_files
from mapd.exchange.training import FORMATS, authors_files, snapshots
from mapd.people import Person, person_name
from mapd.prompts import MOST_SHOTS
from mapd.review import filters, reasons
from mapd.review.queue_index import derivation
from mapd.store import db, queries

OF_SNAPSHOTS = "; ".join(f"{format_.name} ({format_.purpose})" for format_ in FORMATS.values())
FORMAT_HELP = f"Of a snapshot: {OF_SNAPSHOTS}. Of an exam: authors, {label_studio.FORMAT}."
Shots = Annotated[
    int | None,
    typer.Option(
        min=0, max=MOST_SHOTS, help="Worked examples before each question; by default as its student is asked."
    ),
]
WithJudgements = Annotated[
    bool, typer.Option("--judgements", help="All that people said in the exam, to a .csv or .jsonl.")
]
OfPerson = Annotated[str | None, typer.Option("--person", help="With --judgements: those of one person alone.")]
FilterText = Annotated[
    str | None,
    typer.Option(
        "--filter",
        metavar="FILTER",
        help='The rows that it finds, to a .csv or .jsonl: "verdict=accepted&matches_gold=fails"; "" finds all '
        "rationales. Browse writes it for what it shows.",
    ),
]
WithCommittee = Annotated[
    bool, typer.Option("--with-committee", help="With --format label-studio: show what the committee said.")
]


def export(
    path: Annotated[
        Path, typer.Option("--output", "-o", metavar="PATH", help="The new file or folder; nothing is written over.")
    ],
    snapshot: Annotated[str | None, typer.Argument(metavar="[SNAPSHOT]", help="How its sha256 begins.")] = None,
    format_: Annotated[str | None, typer.Option("--format", metavar="FORMAT", help=FORMAT_HELP)] = None,
    shots: Shots = None,
    exam: Annotated[str | None, typer.Option("--exam", help="The exam's id, uid or name.")] = None,
    with_judgements: WithJudgements = False,
    person: OfPerson = None,
    filter_: FilterText = None,
    with_committee: WithCommittee = False,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Write a snapshot, judgements or rows to a file or folder. It is whole, or it isn't there.

    \b
    mapd export 3f2a --format messages -o rows.jsonl
    mapd export --exam 1 --judgements -o verdicts.csv
    mapd export --exam 1 --filter "show=feedback&author=gpt" -o rows.jsonl
    mapd export --exam 1 --format authors -o folder       all of an exam, as the paper's authors have theirs
    mapd export --exam 1 --format label-studio -o tasks.json     its texts to judge in Label Studio; --filter narrows
    """
    ways = {"a SNAPSHOT": snapshot is not None, "--judgements": with_judgements, "--filter": filter_ is not None}
    chosen = [way for way, is_chosen in ways.items() if is_chosen]
    if exam is not None and format_ == label_studio.FORMAT and chosen in ([], ["--filter"]):
        _refuse_beside(f"--format {format_}", {"--person": person is not None, "--shots": shots is not None})
        labelling.check_path(path)
        _export_tasks(exam, filter_, path, person_of(by), with_committee, as_json)
        return
    if with_committee:
        raise BadUsage(f"--with-committee goes with --exam and --format {label_studio.FORMAT}; leave it out")
    if exam is not None and format_ == "authors" and not chosen:
        _export_exam(exam, path, person_of(by), as_json)
        return
    if len(chosen) != 1:
        raise BadUsage(f"an export is of one of {', '.join(ways)}, not of {' and '.join(chosen) or 'none'}")
    if snapshot is not None:
        _refuse_beside(chosen[0], {"--exam": exam is not None, "--person": person is not None})
        if format_ is None:
            raise BadUsage(f"a snapshot is exported in a format: --format is one of {', '.join(FORMATS)}")
        _export_snapshot(snapshot, one_of("--format", format_, FORMATS), path, shots, person_of(by), as_json)
        return
    _refuse_beside(chosen[0], {"--format": format_ is not None, "--shots": shots is not None})
    if exam is None:
        raise BadUsage(f"{chosen[0]} is of an exam: name it with --exam")
    row_files.ending_of(path)
    if filter_ is None:
        _export_judgements(exam, person, path, person_of(by), as_json)
    else:
        _refuse_beside(chosen[0], {"--person": person is not None})
        _export_rows(exam, filter_, path, person_of(by), as_json)


def _refuse_beside(way: str, others: dict[str, bool]) -> None:
    if clashing := [name for name, is_chosen in others.items() if is_chosen]:
        raise BadUsage(f"{way} is exported without {clashing[0]}; leave it out")


def _export_snapshot(snapshot: str, format_name: str, path: Path, shots: int | None, by: Person, as_json: bool) -> None:
    format_, engine = FORMATS[format_name], open_project()
    with counting("exporting", "pairs", as_json) as tell:
        result = snapshots.export(
            engine, snapshot, format_, path, by=by, shots=shots, announce=_announcer("rows", as_json), progress=tell
        )
    _show(asdict(result), as_json)


def _export_exam(exam: str, path: Path, by: Person, as_json: bool) -> None:
    _show(asdict(authors_files.export_exam(open_project(), exam, path, by=by)), as_json)


def _export_judgements(exam: str, person: str | None, path: Path, by: Person, as_json: bool) -> None:
    announce, name = _announcer("judgements", as_json), None if person is None else person_name(person)
    with counting("exporting", "judgements", as_json) as tell:
        result = judgements.export(open_project(), exam, path, by=by, of_person=name, announce=announce, progress=tell)
    _show(asdict(result), as_json)


def _export_rows(exam: str, filter_: str, path: Path, by: Person, as_json: bool) -> None:
    engine = open_project()
    exam_id, selection, threshold = _read_filter(engine, exam, filter_)
    derivation.catch_up(engine, exam_id)
    with counting("exporting", "rows", as_json) as tell:
        result = browse_rows.export(
            engine,
            exam_id,
            selection.filter,
            path,
            threshold=threshold,
            by=by,
            order=selection.order,
            announce=_announcer(selection.filter.show.value, as_json),
            progress=tell,
        )
    _show(asdict(result), as_json)


def _export_tasks(exam: str, filter_: str | None, path: Path, by: Person, with_committee: bool, as_json: bool) -> None:
    engine = open_project()
    exam_id, selection, threshold = _read_filter(engine, exam, filter_ or "")
    derivation.catch_up(engine, exam_id)
    with db.reading(engine) as session:
        words = [reasons.words(code) for code in reasons.list_offered(session)]
    with counting("exporting", "tasks", as_json) as tell:
        result = labelling.export(
            engine,
            exam_id,
            None if filter_ is None else selection.filter,
            path,
            threshold=threshold,
            reasons=words,
            by=by,
            order=selection.order,
            with_committee=with_committee,
            announce=_announcer("tasks", as_json),
            progress=tell,
        )
    _show(asdict(result), as_json)


def _read_filter(engine: sa.Engine, exam: str, filter_: str) -> tuple[int, filters.Selection, int]:
    """Return the exam's id, what the filter asks for, and the exam's threshold in hundredths."""
    with db.reading(engine) as session:
        info = queries.exam(session, exam)
        with usage():
            selection = filters.read(filter_, queries.voices(session, info.id), tuple(RowKind))
        return info.id, selection, round(saved_policies.exam_policy(session, info).threshold * 100)


def _announcer(unit: str, as_json: bool) -> Any:
    """Return the function that says how many will be written, before they are."""

    def announce(count: int) -> None:
        if not as_json:
            interrupts.say(f"{count:,} {unit} are to be written")

    return announce


def _show(result: dict[str, Any], as_json: bool) -> None:
    show({name: value for name, value in result.items() if value != ""}, as_json, "exported")
