"""`mapd teachers …`, `mapd collect`: who teaches, and what they write.

$ mapd teachers add mini --kind openai --model gpt-4o-mini --set temperature=0.7 --limit concurrency=16
$ mapd teachers test mini --json
{"name": "mini", "ok": true, "text": "2 + 2 + 2 = 6. …", "finish": "ok", "error": null, "latency_s": 0.71, …}
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from mapd import teachers, work
from mapd.cli import jobs
from mapd.cli.shared import AsJson, ExamRef, PersonName, line, reading, show, writing
from mapd.errors import BadInput, MapdError
from mapd.models.weights import PACKAGED
from mapd.people import this_person
from mapd.store import tables as t

teaching = typer.Typer(no_args_is_help=True, help="The teachers: add one, list, test, disable, enable them.")

TeacherName = Annotated[str, typer.Argument(help="The teacher's name.")]
Pairs = list[str] | None
KeyEnv = typer.Option("--key-env", metavar="NAME", help="The NAME of the variable that holds its key, never the key.")


@teaching.command("add")
def add_teacher(
    name: Annotated[str, typer.Argument(help="As it is shown beside its texts.")],
    kind: Annotated[str, typer.Option(help=" or ".join(teachers.KINDS))],
    model: Annotated[
        str, typer.Option(help="As its provider calls it; a profile; a folder, ORG/NAME, " + PACKAGED + ".")
    ],
    base_url: Annotated[str | None, typer.Option("--base-url", help="A server that isn't the provider's own.")] = None,
    key_env: Annotated[str | None, KeyEnv] = None,
    settings: Annotated[Pairs, typer.Option("--set", metavar="KEY=VALUE", help="temperature, max_tokens …")] = None,
    limits: Annotated[Pairs, typer.Option("--limit", metavar="KEY=VALUE", help="concurrency, per_minute …")] = None,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Add a teacher. The same one again may change its limits; other settings need another name."""
    with writing() as session:
        row = teachers.add(
            session,
            name,
            kind=kind,
            model=model,
            base_url=base_url,
            key_env=key_env,
            sampling=_pairs("--set", settings or ()),
            limits=None if limits is None else _pairs("--limit", limits),
            by=by or this_person(),
        )
        result = _described(row)
    show(result, as_json, "teacher")


def _pairs(option: str, given: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals:
            raise BadInput(f"{option} takes KEY=VALUE, not {text}")
        try:
            found[key.strip()] = json.loads(value)
        except ValueError:
            found[key.strip()] = value  # a word
    return found


def _described(row: t.Teacher) -> dict[str, Any]:
    """What there is to say of a teacher; of its key whether it is set, never more."""
    told = {name: getattr(row, name) for name in ("name", "kind", "model", "simulated", "base_url", "key_env")}
    return told | {
        "key_is_set": teachers.key_is_set(row),
        "sampling": row.sampling,
        "limits": row.limits,
        "disabled": row.disabled,
    }


@teaching.command("list")
def list_teachers(as_json: AsJson = False) -> None:
    """List every teacher, people and imported ones too."""
    with reading() as session:
        rows = [_described(row) for row in teachers.listed(session)]
    if as_json:
        show({"teachers": rows}, as_json, "")
    for row in () if as_json else rows:
        line(f"{row['name']:<20} {row['kind']:<10} {row['model']:<12} {', '.join(_words(row))}".rstrip())


def _words(row: dict[str, Any]) -> list[str]:
    state = ["disabled"] if row["disabled"] else []
    where = [f"at {row['base_url']}"] if row["base_url"] else []
    key = [f"key in {row['key_env']} ({'set' if row['key_is_set'] else 'not set'})"] if row["key_env"] else []
    numbers = (row["sampling"] | row["limits"]).items()
    return [*state, *where, *key, *(f"{name} {value}" for name, value in numbers if value is not None)]


@teaching.command("test")
def ask_teacher(name: TeacherName, as_json: AsJson = False) -> None:
    """Ask a teacher for a small sum: one real call, and what came back."""
    with reading() as session:
        row = teachers.get(session, name)
    tested = teachers.test(row)
    if as_json or tested.ok:
        show({"name": name, **asdict(tested)}, as_json, "tested")
    if not tested.ok:
        reason = tested.error or tested.text.strip()[:200] or "nothing came back"
        raise MapdError(
            f"teacher {name} gave no answer: {tested.finish.replace('_', ' ')} ({reason}); "
            "check its model, its address and its key"
        )


@teaching.command("disable")
def disable_teacher(name: TeacherName, by: PersonName = None, as_json: AsJson = False) -> None:
    """Ask a teacher no more; what it wrote stays."""
    with writing() as session:
        result = _described(teachers.disable(session, name, by or this_person()))
    show(result, as_json, "disabled")


@teaching.command("enable")
def enable_teacher(name: TeacherName, by: PersonName = None, as_json: AsJson = False) -> None:
    """Ask a teacher again."""
    with writing() as session:
        result = _described(teachers.enable(session, name, by or this_person()))
    show(result, as_json, "enabled")


def collect(
    exam: ExamRef,
    names: Annotated[str, typer.Option("--teachers", metavar="A,B,C", help="Who teaches, and reviews the others.")],
    samples: Annotated[int, typer.Option(min=1, help="Texts of each kind by each teacher.")] = 1,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Calls in flight, over all teachers.")] = None,
    detach: jobs.Detach = False,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Ask teachers for feedback, rationales and reviews. Run again, it makes only the calls that are missing."""
    asked = tuple(name.strip() for name in names.split(",") if name.strip())
    given = work.Collect(exam=exam, teachers=asked, samples=samples, concurrency=concurrency)
    done = jobs.do(given, by=by, detach=detach, as_json=as_json)
    if done is None:
        return
    show(done, as_json, "collected")
    if len(asked) == 1 and not as_json:
        line(f"no reviews: nobody but {asked[0]} was named, and no teacher reviews itself")
    if done["failed"] and not as_json:
        line("what failed gave no text; the same command asks again")
