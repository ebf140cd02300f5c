"""`mapd import attempts`, `mapd exam export`: a model's answers, in and out as files."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mapd.cli.shared import AsJson, PersonName, SkipBad, counting, one_of, person_of, reading, show, write_bad, writing
from mapd.errors import BadInput
from mapd.exchange import attempt_files, attempts
from mapd.questions import sets, sources
from mapd.questions.rows import SPLITS
from mapd.store import queries


def import_attempts(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE", help="JSON Lines, or samples_….jsonl of lm-eval.")],
    questions: Annotated[str, typer.Option(metavar="SET", help="The question set's name, uid or id.")],
    split: Annotated[
        str | None, typer.Option(help="train, dev or test; needed where the answers are of several.")
    ] = None,
    student: Annotated[
        str | None, typer.Option(metavar="NAME", help="Its name; by default as stated in the rows or the file.")
    ] = None,
    open_test: Annotated[str | None, typer.Option(metavar="PURPOSE", help="Open the sealed test split.")] = None,
    skip_bad: SkipBad = None,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Import a model's answers as an exam, graded here. The same content again is the same exam."""
    if split is not None:
        one_of("--split", split, SPLITS)
    tables = [table for path in paths for table in sources.read_path(path)]
    with writing() as session, counting("grading", "answers", as_json) as tell:
        question_set = sets.get(session, questions)
        content = attempt_files.parse(session, tables, question_set, split=split, student=student)
        if skip_bad is None or not content.answers:
            content.refuse_bad()
        elif content.bad:
            write_bad(skip_bad, content.bad)
        outcome = attempts.store(session, content, question_set, by=person_of(by), open_test=open_test, progress=tell)
    result = asdict(outcome) | {"skipped": len(content.bad)}
    new = result.pop("new")
    show(result, as_json, "imported" if new else "these answers are imported already")


def export_attempts(
    exam: Annotated[str, typer.Argument(help="The exam's id, uid or name.")],
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write, JSON Lines.")],
    as_json: AsJson = False,
) -> None:
    """Write an exam's answers to a file. `mapd import attempts` reads it."""
    with reading() as session:
        rows = [json.dumps(row, ensure_ascii=False) for row in attempts.lines(session, queries.exam(session, exam))]
    try:
        path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    except OSError as error:
        raise BadInput(f"the answers can't be written to {path} ({error.strerror}); choose another place") from error
    show({"path": str(path), "answers": len(rows)}, as_json, "exported")
