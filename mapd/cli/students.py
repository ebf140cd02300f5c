"""`mapd students …`: the models that are taught.

$ mapd students add qwen --served qwen-1.5b --base-url http://127.0.0.1:8000/v1 --tokenizer Qwen/Qwen2.5-1.5B-Instruct
$ mapd students test qwen --json
{"name": "qwen", "ok": true, "rendering": "its own, sent as tokens", "text": "3 + 4 = 7 pens. Answer: 7", …}
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlmodel import Session

from mapd import approvals, served_students, server_access, student_models, students
from mapd.cli import shared
from mapd.cli.rename import rename_command
from mapd.cli.shared import AsJson, PersonName, line, person_of, reading, show, usage, writing
from mapd.errors import BadUsage, MapdError
from mapd.prompts import MOST_SHOTS
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from mapd.teacher_settings import read_pairs

commands = typer.Typer(no_args_is_help=True, help="The models that are taught: add one, list, test them.")
StudentName = Annotated[str, typer.Argument(help="The student's name, uid or id.")]
KeyEnv = typer.Option("--key-env", metavar="NAME", help="The NAME of the variable that holds its key, never the key.")
Yes = Annotated[bool, typer.Option("--yes", help="Yes, the key may go to that server; else you are asked.")]
SERVED = "Served"  # a panel of the help
TOKENIZER = "Its tokenizer and chat template; without, its parent's."


@commands.command("add")
def add_student(
    name: Annotated[str, typer.Argument(help="As it is shown beside its answers.")],
    path: Annotated[Path | None, typer.Option(help="A folder that transformers can load.")] = None,
    hub: Annotated[str | None, typer.Option(metavar="ORG/NAME", help="A model on the hub.")] = None,
    shots: Annotated[
        int, typer.Option(min=0, max=MOST_SHOTS, help="Worked examples, for a base model without a chat template.")
    ] = 0,
    served: Annotated[str | None, typer.Option(metavar="MODEL", help="A model or an adapter at a server.")] = None,
    base_url: Annotated[str | None, typer.Option("--base-url", help="The server: http://HOST:PORT/v1.")] = None,
    key_env: Annotated[str | None, KeyEnv] = None,
    parent: Annotated[str | None, typer.Option(metavar="STUDENT", help="The student it was taught from.")] = None,
    tokenizer: Annotated[str | None, typer.Option(metavar="DIR|ORG/NAME", help=TOKENIZER)] = None,
    chat: Annotated[bool, typer.Option("--chat", help="Its server writes the prompt, compared with its own.")] = False,
    limits: Annotated[
        list[str] | None, typer.Option("--limit", metavar="KEY=VALUE", help="concurrency, per_minute, timeout_s.")
    ] = None,
    yes: Yes = False,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Add a student; by default the packaged SmolLM2.

    The same one again changes nothing. A served one is sent its own prompt, in tokens, where its tokenizer is known;
    else its server writes the prompt. It may be added again with other limits, or another key.
    """
    options: dict[str, Any] = {"--base-url": base_url, "--key-env": key_env, "--parent": parent}
    options |= {"--tokenizer": tokenizer, "--chat": chat or None, "--limit": limits}
    with usage():
        _check_place(path, hub, served, base_url, [name for name, value in options.items() if value is not None])
    if served is None or base_url is None:
        base = students.examine_base(path=path, hub=hub)
        with writing() as session, usage():
            row = students.add(session, name, base=base, shots=shots, by=person_of(by))
            result = _describe(session, row)
    else:
        # What is asked here stands as approved below.
        with usage():
            server = approvals.server_of(served_students.API, server_access.check_base(served_students.API, base_url))
        shared.ask_about_keys(server, [] if key_env is None else [key_env], yes)
        source = None if tokenizer is None else served_students.examine_tokenizer(tokenizer)
        with writing() as session, usage():
            row = served_students.add(
                session,
                name,
                model=served,
                base_url=base_url,
                key_env=key_env,
                parent=parent,
                tokenizer=source,
                by_chat=chat,
                shots=shots,
                limits=None if limits is None else read_pairs("--limit", limits),
                approved=True,
                by=person_of(by),
            )
            result = _describe(session, row)
    show({name: value for name, value in result.items() if value not in (None, {}, False)}, as_json, "student")


def _check_place(
    path: Path | None, hub: str | None, served: str | None, base_url: str | None, extra: Sequence[str]
) -> None:
    """See that the student comes from one place. Raises: BadInput."""
    students.check_source(path, hub)
    if served is None and extra:
        raise BadUsage(f"{extra[0]} is of a served student: name its model with --served MODEL")
    if served is not None and (path is not None or hub is not None):
        raise BadUsage(f"a student comes from one place: --served {served} or {'--hub' if path is None else '--path'}")
    if served is not None and base_url is None:
        raise BadUsage(f"--served {served} needs its server: --base-url http://HOST:PORT/v1")


def _describe(session: Session, row: t.Student) -> dict[str, Any]:
    parent = None if row.parent_id is None else session.get(t.Student, row.parent_id)
    result: dict[str, Any] = {"student": row.uid, "name": row.name, "base": students.source_of(row)}
    result |= {"parent": None if parent is None else parent.name, "round": row.round}
    result |= {"prompt": students.describe_prompting(row)}
    if students.is_served(row):
        result |= {"base_url": row.base_url, "key_env": row.key_env, "limits": row.limits, "tokenizer": row.tokenizer}
        result |= {"disabled": row.disabled, "origin": row.origin}
    return result


@commands.command("list")
def list_students(as_json: AsJson = False) -> None:
    """List every student, the newest first; imported ones too."""
    with reading() as session:
        items = [_describe(session, row) for row in students.list_students(session)]
    if as_json:
        show({"students": items}, as_json, "")
    for s in () if as_json else items:
        place = f" at {s['base_url']}" if s.get("base_url") else ""
        place += ", disabled" if s.get("disabled") else ""
        parent = f"  from {s['parent']}" if s["parent"] else ""
        line(f"{s['name']:<24} round {s['round']}  {s['base']}{place}{parent}")
        if s["prompt"]:
            line(f"{'':<24} {s['prompt']}")


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
