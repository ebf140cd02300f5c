"""`mapd teachers …`: the models that teach.

$ mapd teachers add mini --kind openai --model gpt-4o-mini --set temperature=0.7 --limit concurrency=16
$ mapd teachers test mini --json
{"name": "mini", "ok": true, "text": "2 + 2 + 2 = 6. …", "finish": "ok", "error": null, "latency_s": 0.71, …}
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from mapd import approvals, teacher_models, teachers
from mapd.cli import shared
from mapd.cli.rename import rename_command
from mapd.errors import MapdError
from mapd.models.weights import PACKAGED
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from mapd.teacher_prices import price_in_words
from mapd.teacher_settings import KEY_VARIABLES, read_names, read_pairs

commands = typer.Typer(no_args_is_help=True, help="The models that teach: add, list, test, change, disable them.")
TeacherName = Annotated[str, typer.Argument(help="The teacher's name.")]
Pairs = list[str] | None
PRICE = "US dollars a million tokens that go {}, where the list doesn't know it."
KeyEnv = typer.Option("--key-env", metavar="NAME", help="The NAME of the variable that holds its key, never the key.")
SET = "temperature, max_tokens, or any field of a request: reasoning_effort, top_k … VALUE is JSON, or a word."
HEADER = "A further header of each request, and the NAME of the variable that holds its value."
Header = typer.Option("--header", metavar="HEADER=NAME", help=HEADER)
Yes = Annotated[bool, typer.Option("--yes", help="Yes, the key may go to that server; else you are asked.")]


@commands.command("add")
def add_teacher(
    name: Annotated[str, typer.Argument(help="As it is shown beside its texts.")],
    kind: Annotated[str, typer.Option(help=" or ".join(teachers.KINDS))],
    model: Annotated[
        str, typer.Option(help="As its provider calls it; a profile; a folder, ORG/NAME, " + PACKAGED + ".")
    ],
    base_url: Annotated[str | None, typer.Option("--base-url", help="A server that isn't the provider's own.")] = None,
    key_env: Annotated[str | None, KeyEnv] = None,
    settings: Annotated[Pairs, typer.Option("--set", metavar="KEY=VALUE", help=SET)] = None,
    limits: Annotated[Pairs, typer.Option("--limit", metavar="KEY=VALUE", help="concurrency, per_minute …")] = None,
    price_in: Annotated[float | None, typer.Option("--price-in", metavar="USD", help=PRICE.format("in"))] = None,
    price_out: Annotated[float | None, typer.Option("--price-out", metavar="USD", help=PRICE.format("out"))] = None,
    headers: Annotated[Pairs, Header] = None,
    yes: Yes = False,
    by: shared.PersonName = None,
    as_json: shared.AsJson = False,
) -> None:
    """Add a teacher. The same one again may change its limits, max_tokens and price; the rest needs another name.

    A key, or a header's value, that is named here is approved for the server that stands beside it; one that is another
    server's is asked about first.
    """
    with shared.usage():
        further = read_names("--header", headers or ())
    # What is asked here stands as approved below.
    _ask_about_keys(kind, base_url, [*([key_env] if key_env else []), *further.values()], yes)
    with shared.writing() as session, shared.usage():
        row = teachers.add(
            session,
            name,
            kind=kind,
            model=model,
            base_url=base_url,
            key_env=key_env,
            sampling=read_pairs("--set", settings or ()),
            limits=None if limits is None else read_pairs("--limit", limits),
            price=_price(price_in, price_out),
            headers=further,
            approved=True,
            by=shared.person_of(by),
        )
        result = _as_json(row)
    shared.show(result, as_json, "teacher")


@commands.command("set")
def set_teacher(
    name: TeacherName,
    settings: Annotated[Pairs, typer.Option("--set", metavar="max_tokens=N", help="The longest reply.")] = None,
    limits: Annotated[Pairs, typer.Option("--limit", metavar="KEY=VALUE", help="concurrency, per_minute …")] = None,
    price_in: Annotated[float | None, typer.Option("--price-in", metavar="USD", help=PRICE.format("in"))] = None,
    price_out: Annotated[float | None, typer.Option("--price-out", metavar="USD", help=PRICE.format("out"))] = None,
    headers: Annotated[Pairs, Header] = None,
    forget: Annotated[bool, typer.Option("--forget", help="Forget what its server refused, and ask it anew.")] = False,
    yes: Yes = False,
    by: shared.PersonName = None,
    as_json: shared.AsJson = False,
) -> None:
    """Change a teacher's limits, max_tokens, price or headers.

    What isn't named stays. It stays the same teacher: what it wrote is not asked for again.
    """
    with shared.usage():
        further = read_names("--header", headers or ())
    with shared.reading() as session:
        row = teachers.get(session, name)
    # What is asked here stands as approved below.
    _ask_about_keys(row.kind, row.base_url, list(further.values()), yes)
    with shared.writing() as session, shared.usage():
        row = teachers.change_settings(
            session,
            name,
            sampling=read_pairs("--set", settings or ()),
            limits=read_pairs("--limit", limits or ()),
            price=_price(price_in, price_out),
            headers=further,
            forget=forget,
            approved=True,
            by=shared.person_of(by),
        )
        result = _as_json(row)
    shared.show(result, as_json, "changed")


def _price(usd_in: float | None, usd_out: float | None) -> dict[str, float]:
    return {name: usd for name, usd in (("usd_in", usd_in), ("usd_out", usd_out)) if usd is not None}


def _ask_about_keys(kind: str, base_url: str | None, variables: Sequence[str], yes: bool) -> None:
    if kind not in KEY_VARIABLES:
        return
    with shared.usage():
        server = approvals.server_of(kind, base_url)
    shared.ask_about_keys(server, variables, yes)


def _as_json(row: t.Teacher) -> dict[str, Any]:
    # It says whether the key is set, never the key.
    result = {name: getattr(row, name) for name in ("name", "kind", "model", "simulated", "base_url", "key_env")}
    return result | {
        "key_is_set": teacher_models.key_is_set(row),
        "sampling": row.sampling,
        "limits": row.limits,
        "price": price_in_words(row),
        "headers": row.headers,
        "notes": teacher_models.list_notes(row),
        "disabled": row.disabled,
        "origin": row.origin,
    }


@commands.command("list")
def list_teachers(as_json: shared.AsJson = False) -> None:
    """List every teacher, people and imported ones too."""
    with shared.reading() as session:
        rows = [_as_json(row) for row in teachers.list_teachers(session)]
    lines = (f"{row['name']:<20} {row['kind']:<10} {row['model']:<12} {_words(row)}".rstrip() for row in rows)
    shared.show_lines({"teachers": rows}, as_json, lines)


def _words(row: dict[str, Any]) -> str:
    state = [f"disabled{', from an archive' if row['origin'] else ''}"] if row["disabled"] else []
    where = [f"at {row['base_url']}"] if row["base_url"] else []
    key = [f"key in {row['key_env']} ({'set' if row['key_is_set'] else 'not set'})"] if row["key_env"] else []
    numbers = (row["sampling"] | row["limits"]).items()
    price = [f"price: {row['price']}"] if row["kind"] in KEY_VARIABLES else []
    settings = (f"{name} {_word(value)}" for name, value in numbers if value is not None)
    headers = (f"header {name} from {variable}" for name, variable in row["headers"].items())
    return ", ".join([*state, *where, *key, *settings, *headers, *price, *row["notes"]])


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@commands.command("test")
def ask_teacher(name: TeacherName, as_json: shared.AsJson = False) -> None:
    """Ask a teacher for a small sum: one real call, and what came back."""
    engine = db.open_store(Settings())
    with db.reading(engine) as session:
        row = teachers.get(session, name)
    trial = teacher_models.test(engine, row)
    if as_json or trial.ok:
        shared.show({"name": name, **asdict(trial)}, as_json, "tested")
    else:
        for note in trial.notes:
            shared.line(note)
    if not trial.ok:
        reason = trial.error or trial.text.strip()[:200] or "nothing came back"
        raise MapdError(
            f"teacher {name} gave no answer: {trial.finish.replace('_', ' ')} ({reason}); "
            "check its model, its address and its key"
        )


@commands.command("disable")
def disable_teacher(name: TeacherName, by: shared.PersonName = None, as_json: shared.AsJson = False) -> None:
    """Ask a teacher no more; what it wrote stays."""
    with shared.writing() as session:
        result = _as_json(teachers.disable(session, name, shared.person_of(by)))
    shared.show(result, as_json, "disabled")


@commands.command("enable")
def enable_teacher(
    name: TeacherName,
    key_env: Annotated[str | None, KeyEnv] = None,
    yes: Yes = False,
    by: shared.PersonName = None,
    as_json: shared.AsJson = False,
) -> None:
    """Ask a teacher again. For one that came with an archive it shows server, model and key, and asks first."""
    with shared.reading() as session:
        effect = teachers.preview_enabling(session, name, key_env)
    if effect.needs_yes:
        shared.agree(effect.in_words, yes)
    with shared.writing() as session:
        result = _as_json(teachers.enable(session, name, shared.person_of(by), key_env=key_env, approved=True))
    shared.show(result, as_json, "enabled")


commands.command("rename")(rename_command("teacher"))
