"""`mapd students …`, `mapd exam …`: who is taught, and how it answers."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from mapd import exam as stage
from mapd import students
from mapd.cli.shared import AsJson, PersonName, errors, line, one_of, reading, show, writing
from mapd.errors import BadInput
from mapd.people import this_person
from mapd.settings import Settings
from mapd.store import db, queries

learning = typer.Typer(no_args_is_help=True, help="The students: add one, list them.")
examining = typer.Typer(no_args_is_help=True, help="Examine a student over a question set.")


@learning.command("add")
def add_student(
    name: Annotated[str, typer.Argument(help="As it is shown beside its answers.")],
    path: Annotated[Path | None, typer.Option(help="A folder that transformers can load.")] = None,
    hub: Annotated[str | None, typer.Option(metavar="ORG/NAME", help="A model on the hub.")] = None,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Add a student; without --path or --hub the packaged SmolLM2. The same one again changes nothing."""
    with writing() as session:
        row = students.add(session, name, path=path, hub=hub, by=by or this_person())
        result = {"student": row.uid, "name": row.name, "base": row.base}
    show(result, as_json, "student")


@learning.command("list")
def list_students(as_json: AsJson = False) -> None:
    """List every student, the newest first; imported ones too."""
    with reading() as session:
        rows = students.listed(session)
        names = {row.id: row.name for row in rows}
        found = [
            {"student": s.uid, "name": s.name, "base": s.base, "parent": names.get(s.parent_id), "round": s.round}
            for s in rows
        ]
    if as_json:
        show({"students": found}, as_json, "")
    for s in () if as_json else found:
        line(f"{s['name']:<24} round {s['round']}  {s['base']}" + (f"  from {s['parent']}" if s["parent"] else ""))


@examining.command("run")
def run_exam(
    student: Annotated[str, typer.Option(help="The student's name, uid or id.")],
    questions: Annotated[str, typer.Option(metavar="SET", help="The question set's name, uid or id.")],
    split: Annotated[str, typer.Option(help="train, dev or test.")],
    samples: Annotated[int, typer.Option(min=1, help="Answers to each question.")] = 1,
    seed: Annotated[int, typer.Option(help="Of sampled answers.")] = 0,
    temperature: Annotated[float, typer.Option(min=0, max=2, help="0 is greedy.")] = 0,
    max_tokens: Annotated[int, typer.Option(min=1, help="An answer's longest.")] = stage.GREEDY.max_tokens,
    batch_size: Annotated[int, typer.Option(min=1, help="Questions asked, and kept, at a time.")] = 32,
    open_test: Annotated[str | None, typer.Option(metavar="PURPOSE", help="Open the sealed test split.")] = None,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Examine a student. Started again, the same exam goes on where it was; complete, nothing is asked."""
    one_of("--split", split, ("train", "dev", "test"))
    settings = Settings()
    engine = db.open_store(settings)
    with db.reading(engine) as session:
        model = students.opened(students.get(session, student), settings.make_home(), batch_size)
    columns = (TextColumn("exam"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Bar(*columns, console=errors, disable=as_json or not errors.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=None)

        def tell(p: stage.Progress) -> None:
            told = f"{p.questions_per_s:.1f} questions/s, {p.seconds_left:.0f} s left"
            bar.update(task, completed=p.done, total=p.total, description=told)

        done = stage.run(
            engine,
            model,
            student=student,
            question_set=questions,
            split=split,
            by=by or this_person(),
            decoding=replace(stage.GREEDY, temperature=temperature, max_tokens=max_tokens),
            seed=seed,
            samples=samples,
            open_test=open_test,
            batch_size=batch_size,
            progress=tell,
        )
    result = asdict(done)
    failed, reason = result.pop("failed"), result.pop("reason")
    show(result, as_json, "examined")
    if failed:
        raise BadInput(f"{failed} answers failed ({reason}); what came is kept, the same command asks for the rest")


@examining.command("list")
def list_exams(as_json: AsJson = False) -> None:
    """List every exam, the newest first."""
    with reading() as session:
        rows = [{"name": info.name} | asdict(stage.result(session, info.id)) for info in queries.exams(session)]
    for row in rows:
        del row["failed"], row["reason"]
    if as_json:
        show({"exams": rows}, as_json, "")
    for row in () if as_json else rows:
        line(
            f"{row['name']:<48} {row['correct']:>5} of {row['n']} correct, {row['no_answer']} no answer  {row['exam']}"
        )
