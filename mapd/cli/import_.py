"""`mapd import …`: files of other tools, brought into the project."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mapd.cli.shared import AsJson, ExamRef, PersonName, SkipBad, counting, one_of, person_of, show, write_bad, writing
from mapd.errors import BadInput
from mapd.exchange import attempt_files, attempts, authors, explanation_files, explanations, files
from mapd.questions import sets, sources
from mapd.questions.rows import SPLITS
from mapd.store import queries

commands = typer.Typer(no_args_is_help=True, help="Bring files of other tools into the project.")


@commands.command("authors")
def import_authors(
    feedback: Annotated[Path, typer.Option(help="The authors' …_feedback_….json.")],
    rationales: Annotated[Path, typer.Option(help="The authors' …_rationale_….json.")],
    mistakes: Annotated[Path | None, typer.Option(help="The authors' …_false_….json.")] = None,
    dataset: Annotated[str | None, typer.Option(help="By default from the file's name.")] = None,
    student: Annotated[str | None, typer.Option(help="By default from the file's name.")] = None,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Import the paper authors' files as one exam. The same content twice returns the same exam."""
    files = [_file(feedback), _file(rationales), None if mistakes is None else _file(mistakes)]
    content = authors.parse(files[0], files[1], files[2], dataset, student)  # type: ignore[arg-type]
    with writing() as session, counting("importing", "rows", as_json) as tell:
        outcome = authors.store(session, content, by=person_of(by), progress=tell)
    result = asdict(outcome)
    new = result.pop("new")
    show(result, as_json, "imported" if new else "this content is imported already")


def _file(path: Path) -> authors.AuthorsFile:
    try:
        return authors.AuthorsFile(path.name, path.read_bytes())
    except OSError as error:
        raise BadInput(f"the file can't be read: {path} ({error.strerror}); check the path") from error


@commands.command("attempts")
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


@commands.command("explanations")
def import_explanations(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="CSV, JSON Lines or .xlsx: question (id, uid or text), teacher, kind (rationale or feedback), text, "
            "and scores: a column score_NAME for each reviewer, or an object.",
        ),
    ],
    exam: ExamRef,
    skip_bad: SkipBad = None,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Import explanations and scores from elsewhere into an exam. The same file again adds nothing."""
    tables = sources.read_path(path)
    with writing() as session, counting("importing", "explanations", as_json) as tell:
        info = queries.exam(session, exam)
        plan = explanations.match(session, explanation_files.parse(session, tables, info), info)
        if skip_bad is None or not plan.texts:
            plan.refuse_bad()
        elif plan.bad:
            write_bad(skip_bad, plan.bad)
        sha256 = files.sha256_of(path)
        outcome = explanations.store(session, plan, by=person_of(by), file=path.name, sha256=sha256, progress=tell)
    result = asdict(outcome) | {"skipped": len(plan.bad)}
    show(result, as_json, "imported" if outcome.new or outcome.reviews else "these explanations are imported already")
