"""`mapd students …`: the models that are taught.

$ mapd students add qwen --served qwen-1.5b --base-url http://127.0.0.1:8000/v1 --tokenizer Qwen/Qwen2.5-1.5B-Instruct
$ mapd students test qwen --json
{"name": "qwen", "ok": true, "rendering": "its own, sent as tokens", "text": "3 + 4 = 7 pens. Answer: 7", …}
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlmodel import Session

from mapd import approvals, served_students, server_access, student_models, students
from mapd.cli import shared
from mapd.cli.rename import rename_command
from mapd.cli.shared import AsJson, PersonName, line, open_project, person_of, reading, show, show_lines, usage, writing
from mapd.errors import BadUsage, MapdError
from mapd.exchange import adapters, student_folders
from mapd.people import Person
from mapd.prompts import MOST_SHOTS
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from mapd.teacher_settings import read_pairs

commands = typer.Typer(no_args_is_help=True, help="The models that are taught: add one, list, test them.")
StudentName = Annotated[str, typer.Argument(help="The student's name, uid or id.")]
KeyEnv = typer.Option("--key-env", metavar="NAME", help="The NAME of the variable that holds its key, never the key.")
Yes = Annotated[bool, typer.Option("--yes", help="Yes, the key may go to that server; else you are asked.")]
TOKENIZER = "Its tokenizer and chat template; without, its parent's."
# By the option that says where a student comes from, those that go with it. Without any it is the packaged one.
OPTIONS = {
    "--path": ("--shots",),
    "--hub": ("--shots",),
    "--like": ("--shots",),
    "--adapter": ("--parent", "--snapshot"),
    "--served": ("--base-url", "--key-env", "--parent", "--tokenizer", "--chat", "--limit", "--shots"),
}
NEEDED = {
    "--adapter": ("--parent", "the student that it was trained on"),
    "--like": ("--shots", "how many worked examples it is shown"),
    "--served": ("--base-url", "its server, such as http://127.0.0.1:8000/v1"),
}


@commands.command("add")
def add_student(
    name: Annotated[str, typer.Argument(help="As it is shown beside its answers.")],
    path: Annotated[Path | None, typer.Option(help="A folder that transformers can load.")] = None,
    hub: Annotated[str | None, typer.Option(metavar="ORG/NAME", help="A model on the hub.")] = None,
    shots: Annotated[
        int, typer.Option(min=0, max=MOST_SHOTS, help="Worked examples that it is shown before each question.")
    ] = 0,
    like: Annotated[
        str | None, typer.Option(metavar="STUDENT", help="The same weights as that student's, asked with --shots.")
    ] = None,
    adapter: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A LoRA adapter that was trained elsewhere, as peft wrote it.")
    ] = None,
    parent: Annotated[
        str | None, typer.Option(metavar="STUDENT", help="Of an adapter, here or served: the one it was trained on.")
    ] = None,
    snapshot: Annotated[
        str | None, typer.Option(metavar="SHA", help="With --adapter: the snapshot whose export it was trained on.")
    ] = None,
    served: Annotated[str | None, typer.Option(metavar="MODEL", help="A model or an adapter at a server.")] = None,
    base_url: Annotated[str | None, typer.Option("--base-url", help="The server: http://HOST:PORT/v1.")] = None,
    key_env: Annotated[str | None, KeyEnv] = None,
    tokenizer: Annotated[str | None, typer.Option(metavar="DIR|ORG/NAME", help=TOKENIZER)] = None,
    chat: Annotated[bool, typer.Option("--chat", help="Its server writes the prompt, compared with its own.")] = False,
    limits: Annotated[
        list[str] | None, typer.Option("--limit", metavar="KEY=VALUE", help="concurrency, per_minute, timeout_s.")
    ] = None,
    yes: Yes = False,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Add a student; by default the packaged SmolLM2. The same one again changes nothing.

    A served one is sent its own prompt, in tokens, where its tokenizer is known; else its server writes the prompt. It
    may be added again with other limits, or another key.

    \b
    mapd students add mine --path FOLDER
    mapd students add mine-2 --like mine --shots 2                                shown two worked examples
    mapd students add tuned --adapter FOLDER --parent mine --snapshot 3f2a        trained elsewhere, on an export
    mapd students add big --served MODEL --base-url http://HOST:PORT/v1           behind a server
    """
    options: dict[str, Any] = {"--path": path, "--hub": hub, "--like": like, "--adapter": adapter, "--served": served}
    options |= {"--shots": shots, "--parent": parent, "--snapshot": snapshot, "--base-url": base_url}
    options |= {"--key-env": key_env, "--tokenizer": tokenizer, "--chat": chat, "--limit": limits}
    _check_options({option: value for option, value in options.items() if value not in (None, 0, False)})
    person = person_of(by)
    if adapter is not None and parent is not None:
        _add_adapter(name, adapter, parent, snapshot, person, as_json)
    elif served is not None and base_url is not None:
        settings: dict[str, Any] = {"model": served, "parent": parent, "by_chat": chat, "shots": shots}
        with usage():
            settings |= {"limits": None if limits is None else read_pairs("--limit", limits)}
        _add_served(name, base_url, key_env, tokenizer, settings, person, yes=yes, as_json=as_json)
    elif like is not None:
        with writing() as session, usage():
            result = _describe(session, students.add_with_examples(session, like, shots, by=person, name=name))
        _show(result, as_json)
    else:
        _add_local(name, path, hub, shots, person, as_json)


def _check_options(options: Mapping[str, Any]) -> None:
    """See that the student comes from one place, and that each option goes with it. Raises: BadUsage."""
    places = [place for place in OPTIONS if place in options]
    if len(places) > 1:
        first, second, *_ = (f"{place} {options[place]}" for place in places)
        raise BadUsage(f"a student comes from one place: {first} or {second}, not both")
    place = places[0] if places else ""
    taken = (place, *OPTIONS.get(place, ("--shots",)))
    if (stray := next((option for option in options if option not in taken), None)) is not None:
        owners = " or ".join(owner for owner, names in OPTIONS.items() if stray in names)
        raise BadUsage(f"{stray} goes with {owners}" + (f", not with {place}" if place else ""))
    option, words = NEEDED.get(place, ("", ""))
    if option and option not in options:
        raise BadUsage(f"{place} {options[place]} needs {option}, {words}")


def _add_local(name: str, path: Path | None, hub: str | None, shots: int, by: Person, as_json: bool) -> None:
    with usage():
        students.check_source(path, hub)
    base = students.examine_base(path=path, hub=hub)
    with writing() as session, usage():
        result = _describe(session, students.add(session, name, base=base, shots=shots, by=by))
    _show(result, as_json)


def _add_adapter(name: str, folder: Path, parent: str, snapshot: str | None, by: Person, as_json: bool) -> None:
    home = Settings().make_home()
    result = asdict(adapters.add(open_project(), name, folder, parent=parent, snapshot=snapshot, by=by, home=home))
    is_new, notes = result.pop("is_new"), result["notes"]
    if not as_json:
        result = {key: value for key, value in result.items() if value is not None and key != "notes"}
    show(result, as_json, "student" if is_new else "this adapter is in the project already")
    for note in () if as_json else notes:
        line(f"  mind: {note}")


def _add_served(
    name: str,
    base_url: str,
    key_env: str | None,
    tokenizer: str | None,
    settings: Mapping[str, Any],
    by: Person,
    *,
    yes: bool,
    as_json: bool,
) -> None:
    with usage():
        server = approvals.server_of(served_students.API, server_access.check_base(served_students.API, base_url))
    shared.ask_about_keys(server, [] if key_env is None else [key_env], yes)
    source = None if tokenizer is None else served_students.examine_tokenizer(tokenizer)
    # Whoever came here has said yes to the key.
    options: dict[str, Any] = {"base_url": base_url, "key_env": key_env, "tokenizer": source, "approved": True}
    with writing() as session, usage():
        result = _describe(session, served_students.add(session, name, **settings, **options, by=by))
    _show(result, as_json)


def _describe(session: Session, row: t.Student) -> dict[str, Any]:
    parent = None if row.parent_id is None else session.get(t.Student, row.parent_id)
    result: dict[str, Any] = {"student": row.uid, "name": row.name, "base": students.source_of(row)}
    result |= {"parent": None if parent is None else parent.name, "round": row.round}
    result |= {"prompt": students.describe_prompting(row), "origin": students.describe_origin(row)}
    if students.is_served(row):
        result |= {"base_url": row.base_url, "key_env": row.key_env, "limits": row.limits, "tokenizer": row.tokenizer}
        result |= {"disabled": row.disabled, "archive": row.origin}
    return result


def _show(result: Mapping[str, Any], as_json: bool) -> None:
    """Print a student that was added: as text, what there is to say of it."""
    words = {name: value for name, value in result.items() if value is not None and value != {} and value is not False}
    show(result if as_json else words, as_json, "student")


@commands.command("list")
def list_students(as_json: AsJson = False) -> None:
    """List every student, the newest first; imported ones too."""
    with reading() as session:
        items = [_describe(session, row) for row in students.list_students(session)]
    show_lines({"students": items}, as_json, (text for item in items for text in _make_lines(item)))


def _make_lines(item: Mapping[str, Any]) -> list[str]:
    place = f" at {item['base_url']}" if item.get("base_url") else ""
    place += ", disabled" if item.get("disabled") else ""
    parent = f"  from {item['parent']}" if item["parent"] else ""
    further = [f"{'':<24} {words}" for words in (item["origin"], item["prompt"]) if words]
    return [f"{item['name']:<24} round {item['round']}  {item['base']}{place}{parent}", *further]


@commands.command("export")
def export_student(
    name: StudentName,
    out: Annotated[Path, typer.Option("-o", "--out", help="The folder; it may not be there yet.")],
    form: Annotated[str, typer.Option("--as", metavar="FORM", help="adapter, merged or gguf.")] = "adapter",
    precision: Annotated[str, typer.Option(help="Of a whole model: auto (as it is asked here), fp32, bf16.")] = "auto",
    converter: Annotated[
        Path | None, typer.Option(metavar="FILE", help="llama.cpp's convert_hf_to_gguf.py, if the shell finds none.")
    ] = None,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Write a student to a folder, with its card.

    \b
    mapd students export tuned -o DIR                 its adapter, as peft has it
    mapd students export tuned --as merged -o DIR     one model, for transformers, vLLM and Ollama
    mapd students export tuned --as gguf -o DIR       one file, for llama.cpp and Ollama
    """
    with usage():
        student_folders.check(form, precision)
    person, home = person_of(by), Settings().home
    result = student_folders.write(
        open_project(), name, out, form, precision=precision, converter=converter, by=person, home=home
    )
    head = f"{result.path}: {len(result.files):,} files, {result.bytes:,} bytes"
    show_lines(asdict(result), as_json, (head, *(f"  {file}" for file in result.files)))


@commands.command("test")
def try_student(name: StudentName, as_json: AsJson = False) -> None:
    """Ask a student one small sum; say who writes its prompt."""
    settings = Settings()
    engine = db.open_store(settings)
    with db.reading(engine) as session:
        row = students.get(session, name)
    trial = student_models.test(engine, row, settings.make_home())
    if as_json or trial.ok:
        show({"name": row.name, **asdict(trial)}, as_json, "tested")
    if not trial.ok:
        raise MapdError(
            f"student {row.name} gave no answer: {trial.finish.replace('_', ' ')} "
            f"({trial.error or trial.text.strip()[:200] or 'nothing came back'}); check its model and its server"
        )


@commands.command("disable")
def disable_student(name: StudentName, by: PersonName = None, as_json: AsJson = False) -> None:
    """Ask a served student no more; its answers stay."""
    with writing() as session:
        result = _describe(session, served_students.disable(session, name, person_of(by)))
    show(result, as_json, "disabled")


@commands.command("enable")
def enable_student(
    name: StudentName,
    key_env: Annotated[str | None, KeyEnv] = None,
    yes: Yes = False,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Ask a served student again. For one that came with an archive it shows server, model and key, and asks first."""
    with reading() as session:
        effect = served_students.preview_enabling(session, name, key_env)
    if effect.needs_yes:
        shared.agree(effect.in_words, yes)
    with writing() as session:
        row = served_students.enable(session, name, person_of(by), key_env=key_env, approved=True)
        result = _describe(session, row)
    show(result, as_json, "enabled")


commands.command("rename")(rename_command("student"))
