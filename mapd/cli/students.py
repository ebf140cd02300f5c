"""`mapd students …`: the models that are taught."""

from pathlib import Path
from typing import Annotated

import typer

from mapd import students
from mapd.cli.rename import rename_command
from mapd.cli.shared import AsJson, PersonName, line, person_of, reading, show, usage, writing
from mapd.prompts import MOST_SHOTS

commands = typer.Typer(no_args_is_help=True, help="The models that are taught: add one, list them.")


@commands.command("add")
def add_student(
    name: Annotated[str, typer.Argument(help="As it is shown beside its answers.")],
    path: Annotated[Path | None, typer.Option(help="A folder that transformers can load.")] = None,
    hub: Annotated[str | None, typer.Option(metavar="ORG/NAME", help="A model on the hub.")] = None,
    shots: Annotated[
        int, typer.Option(min=0, max=MOST_SHOTS, help="Worked examples, for a base model without a chat template.")
    ] = 0,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Add a student; without --path or --hub the packaged SmolLM2. The same one again changes nothing."""
    with usage():
        students.check_source(path, hub)
    base = students.examine_base(path=path, hub=hub)
    with writing() as session, usage():
        row = students.add(session, name, base=base, shots=shots, by=person_of(by))
        result = {"student": row.uid, "name": row.name, "base": students.source_of(row)}
        result |= {"prompt": prompt} if (prompt := students.describe_prompting(row)) else {}
    show(result, as_json, "student")


@commands.command("list")
def list_students(as_json: AsJson = False) -> None:
    """List every student, the newest first; imported ones too."""
    with reading() as session:
        rows = students.list_students(session)
        names = {row.id: row.name for row in rows}
        items = [
            {
                "student": s.uid,
                "name": s.name,
                "base": students.source_of(s),
                "parent": names.get(s.parent_id),
                "round": s.round,
                "prompt": students.describe_prompting(s),
            }
            for s in rows
        ]
    if as_json:
        show({"students": items}, as_json, "")
    for s in () if as_json else items:
        line(f"{s['name']:<24} round {s['round']}  {s['base']}" + (f"  from {s['parent']}" if s["parent"] else ""))
        if s["prompt"]:
            line(f"{'':<24} {s['prompt']}")


commands.command("rename")(rename_command("student"))
