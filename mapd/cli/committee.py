"""`mapd teachers …`, `mapd collect`: who teaches, and what they write."""

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from mapd import committee, teachers
from mapd.cli.shared import AsJson, ExamRef, PersonName, errors, line, reading, show, writing
from mapd.errors import BadInput
from mapd.people import this_person
from mapd.settings import Settings
from mapd.store import db

teaching = typer.Typer(no_args_is_help=True, help="The teachers: add one, list them.")


@teaching.command("add")
def add_teacher(
    name: Annotated[str, typer.Argument(help="As it is shown beside its texts.")],
    kind: Annotated[str, typer.Option(help=" or ".join(teachers.KINDS))],
    model: Annotated[str, typer.Option(help="A simulated one's profile, or a local model's folder or hub name.")],
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="May be repeated.")] = None,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Add a teacher. The same one again changes nothing; other settings need another name."""
    given = dict(_setting(text) for text in settings or ())
    with writing() as session:
        row = teachers.add(session, name, kind=kind, model=model, sampling=given, by=by or this_person())
        result = _described(row)
    show(result, as_json, "teacher")


def _setting(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise BadInput(f"--set takes KEY=VALUE, not {text}")
    try:
        return key.strip(), json.loads(value)
    except ValueError:
        return key.strip(), value  # a word


def _described(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("name", "kind", "model", "simulated", "sampling")}


@teaching.command("list")
def list_teachers(as_json: AsJson = False) -> None:
    """List every teacher, people and imported ones too."""
    with reading() as session:
        rows = [_described(row) for row in teachers.listed(session)]
    if as_json:
        show({"teachers": rows}, as_json, "")
    for row in () if as_json else rows:
        settings = ", ".join(f"{key} {value}" for key, value in row["sampling"].items())
        line(f"{row['name']:<20} {row['kind']:<10} {row['model']:<12} {settings}".rstrip())


def collect(
    exam: ExamRef,
    names: Annotated[str, typer.Option("--teachers", metavar="A,B,C", help="Who teaches, and reviews the others.")],
    samples: Annotated[int, typer.Option(min=1, help="Texts of each kind by each teacher.")] = 1,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Ask teachers for feedback, rationales and reviews. Run again, it makes only the calls that are missing."""
    engine = db.open_store(Settings())
    asked = [name.strip() for name in names.split(",") if name.strip()]
    with db.reading(engine) as session:
        models = {name: teachers.opened(teachers.get(session, name)) for name in asked}
    columns = (TextColumn("collecting"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Bar(*columns, console=errors, disable=as_json or not errors.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=None)

        def tell(p: committee.Progress) -> None:
            left = "" if p.seconds_left is None else f", {p.seconds_left:.0f} s left"
            bar.update(task, completed=p.done, total=p.total, description=f"{p.calls_per_s:.1f} calls/s{left}")

        done = committee.collect(
            engine, exam=exam, teachers=asked, models=models, by=by or this_person(), samples=samples, progress=tell
        )
    show(asdict(done), as_json, "collected")
    if len(asked) == 1 and not as_json:
        line(f"no reviews: nobody but {asked[0]} was named, and no teacher reviews itself")
    if done.failed and not as_json:
        line("what failed gave no text; the same command asks again")
