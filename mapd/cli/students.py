"""`mapd students …`: the models that are taught."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from mapd import students
from mapd.cli.rename import rename_command
from mapd.cli.shared import AsJson, PersonName, line, open_project, person_of, reading, show, show_lines, usage, writing
from mapd.errors import BadUsage
from mapd.exchange import adapters
from mapd.people import Person
from mapd.prompts import MOST_SHOTS
from mapd.settings import Settings

commands = typer.Typer(no_args_is_help=True, help="The models that are taught: add one, list them.")


@commands.command("add")
def add_student(
    name: Annotated[str, typer.Argument(help="As it is shown beside its answers.")],
    path: Annotated[Path | None, typer.Option(help="A folder that transformers can load.")] = None,
    hub: Annotated[str | None, typer.Option(metavar="ORG/NAME", help="A model on the hub.")] = None,
    shots: Annotated[
        int, typer.Option(min=0, max=MOST_SHOTS, help="Worked examples, for a base model without a chat template.")
    ] = 0,
    adapter: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A LoRA adapter that was trained elsewhere, as peft wrote it.")
    ] = None,
    parent: Annotated[
        str | None, typer.Option(metavar="STUDENT", help="With --adapter: the student that it was trained on.")
    ] = None,
    snapshot: Annotated[
        str | None, typer.Option(metavar="SHA", help="With --adapter: the snapshot whose export it was trained on.")
    ] = None,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Add a student; without --path or --hub the packaged SmolLM2. The same one again changes nothing.

    \b
    mapd students add mine --path FOLDER
    mapd students add tuned --adapter FOLDER --parent mine --snapshot 3f2a        trained elsewhere, on an export
    """
    if adapter is not None:
        if parent is None:
            raise BadUsage("--adapter needs --parent, the student that it was trained on")
        if path is not None or hub is not None or shots:
            raise BadUsage("an adapter is on its parent's base: leave --path, --hub and --shots out")
        _add_adapter(name, adapter, parent, snapshot, person_of(by), as_json)
        return
    if parent is not None or snapshot is not None:
        raise BadUsage("--parent and --snapshot are of an adapter: name its folder with --adapter")
    with usage():
        students.check_source(path, hub)
    base = students.examine_base(path=path, hub=hub)
    with writing() as session, usage():
        row = students.add(session, name, base=base, shots=shots, by=person_of(by))
        result = {"student": row.uid, "name": row.name, "base": students.source_of(row)}
        result |= {"prompt": prompt} if (prompt := students.describe_prompting(row)) else {}
    show(result, as_json, "student")


def _add_adapter(name: str, folder: Path, parent: str, snapshot: str | None, by: Person, as_json: bool) -> None:
    home = Settings().make_home()
    result = asdict(adapters.add(open_project(), name, folder, parent=parent, snapshot=snapshot, by=by, home=home))
    is_new, notes = result.pop("is_new"), result["notes"]
    if not as_json:
        result = {key: value for key, value in result.items() if value is not None and key != "notes"}
    show(result, as_json, "student" if is_new else "this adapter is in the project already")
    for note in () if as_json else notes:
        line(f"  mind: {note}")


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
                "origin": students.describe_origin(s),
            }
            for s in rows
        ]
    show_lines({"students": items}, as_json, (text for item in items for text in _describe(item)))


def _describe(item: dict[str, Any]) -> list[str]:
    parent = f"  from {item['parent']}" if item["parent"] else ""
    further = [f"{'':<24} {words}" for words in (item["origin"], item["prompt"]) if words]
    return [f"{item['name']:<24} round {item['round']}  {item['base']}{parent}", *further]


commands.command("rename")(rename_command("student"))
