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

from mapd import approvals, committee, teachers, work
from mapd.cli import jobs
from mapd.cli.shared import (
    AsJson,
    ExamRef,
    PersonName,
    agree,
    line,
    names_of,
    person_of,
    reading,
    show,
    usage,
    writing,
)
from mapd.errors import BadUsage, MapdError
from mapd.models.prices import dollars
from mapd.models.weights import PACKAGED
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t

teaching = typer.Typer(no_args_is_help=True, help="The models that teach: add one, list, test, disable them.")

TeacherName = Annotated[str, typer.Argument(help="The teacher's name.")]
Pairs = list[str] | None
PRICE = "US dollars a million tokens that go {}, where the list doesn't know it."
BUDGET = "What all calls of this exam may cost, those of earlier runs too. MAPD_BUDGET_USD is the default."
KeyEnv = typer.Option("--key-env", metavar="NAME", help="The NAME of the variable that holds its key, never the key.")
Yes = Annotated[bool, typer.Option("--yes", help="Yes, the key may go to that server; else you are asked.")]


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
    price_in: Annotated[float | None, typer.Option("--price-in", metavar="USD", help=PRICE.format("in"))] = None,
    price_out: Annotated[float | None, typer.Option("--price-out", metavar="USD", help=PRICE.format("out"))] = None,
    yes: Yes = False,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Add a teacher. The same one again may change its limits and price; other settings need another name.

    A key that is named here is approved for the server that stands beside it; one that is another server's is asked
    about first.
    """
    price = {"usd_in": price_in, "usd_out": price_out}
    if key_env is not None and kind in teachers.KEY_VARIABLES:
        with reading() as session:
            doubt = approvals.doubt(session, key_env, approvals.server(kind, base_url))
        if doubt is not None:
            agree(f"{doubt}: the key would be sent there", yes)
    with writing() as session, usage():
        row = teachers.add(
            session,
            name,
            kind=kind,
            model=model,
            base_url=base_url,
            key_env=key_env,
            sampling=_pairs("--set", settings or ()),
            limits=None if limits is None else _pairs("--limit", limits),
            price={name: usd for name, usd in price.items() if usd is not None},
            approved=True,  # it was asked above
            by=person_of(by),
        )
        result = _described(row)
    show(result, as_json, "teacher")


def _pairs(option: str, given: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals:
            raise BadUsage(f"{option} takes KEY=VALUE, not {text}")
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
        "price": teachers.price_in_words(row),
        "disabled": row.disabled,
        "origin": row.origin,
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
    state = [f"disabled{', from an archive' if row['origin'] else ''}"] if row["disabled"] else []
    where = [f"at {row['base_url']}"] if row["base_url"] else []
    key = [f"key in {row['key_env']} ({'set' if row['key_is_set'] else 'not set'})"] if row["key_env"] else []
    numbers = (row["sampling"] | row["limits"]).items()
    price = [f"price: {row['price']}"] if row["kind"] in teachers.KEY_VARIABLES else []
    return [*state, *where, *key, *(f"{name} {value}" for name, value in numbers if value is not None), *price]


@teaching.command("test")
def ask_teacher(name: TeacherName, as_json: AsJson = False) -> None:
    """Ask a teacher for a small sum: one real call, and what came back."""
    engine = db.open_store(Settings())
    with db.reading(engine) as session:
        row = teachers.get(session, name)
    tested = teachers.test(engine, row)
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
        result = _described(teachers.disable(session, name, person_of(by)))
    show(result, as_json, "disabled")


@teaching.command("enable")
def enable_teacher(
    name: TeacherName,
    key_env: Annotated[str | None, KeyEnv] = None,
    yes: Yes = False,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Ask a teacher again. For one that came with an archive it shows server, model and key, and asks first."""
    with reading() as session:
        effect = teachers.enabling(session, name, key_env)
    if effect.needs_yes:
        agree(effect.in_words, yes)
    with writing() as session:
        result = _described(teachers.enable(session, name, person_of(by), key_env=key_env, approved=True))
    show(result, as_json, "enabled")


def collect(
    exam: ExamRef,
    names: Annotated[str, typer.Option("--teachers", metavar="A,B,C", help="Who teaches, and reviews the others.")],
    samples: Annotated[int, typer.Option(min=1, help="Texts of each kind by each teacher.")] = 1,
    cut_off: Annotated[bool, typer.Option("--cut-off", help="Send responses that were cut off, too.")] = False,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Calls in flight, over all teachers.")] = None,
    budget: Annotated[float | None, typer.Option(metavar="USD", min=0, help=BUDGET)] = None,
    unknown_price: Annotated[
        bool, typer.Option("--unknown-price", help="Ask teachers whose price nobody knows, too.")
    ] = False,
    only_estimate: Annotated[bool, typer.Option("--estimate", help="Say what it may cost, and send nothing.")] = False,
    detach: jobs.Detach = False,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Ask teachers for feedback, rationales and reviews. Run again, it makes only the calls that are missing."""
    asked = names_of("--teachers", names)
    given = work.Collect(
        exam=exam,
        teachers=asked,
        samples=samples,
        cut_off=cut_off,
        concurrency=concurrency,
        budget=Settings().budget_usd if budget is None else budget,
        unknown_price=unknown_price,
    )
    if only_estimate or not as_json:
        _show_estimate(given, as_json)
    if only_estimate:
        return
    done = jobs.do(given, by=by, detach=detach, as_json=as_json)
    if done is None:
        return
    stopped = None if as_json else done.pop("stopped", None)
    show(done, as_json, "collected")
    if len(asked) == 1 and not as_json:
        line(f"no reviews: nobody but {asked[0]} was named, and no teacher reviews itself")
    if done["failed"] and not as_json:
        line("what failed gave no text; the same command asks again")
    if done["cut_off_not_sent"] and not as_json:
        not_sent = committee.not_sent_in_words(done["cut_off_not_sent"])
        line(f"{not_sent} (`mapd exam again {exam}`), or send them with --cut-off")
    if stopped:
        line(stopped)


def _show_estimate(given: work.Collect, as_json: bool) -> None:
    """What the missing calls may cost: a line a teacher, and one for all of them."""
    with reading() as session:
        estimate = committee.estimate(session, given.exam, given.teachers, given.samples, cut_off=given.cut_off)
    if as_json:
        whole = {name: getattr(estimate, name) for name in ("calls", "usd", "usd_at_most", "unknown")}
        show(whole | asdict(estimate), as_json, "")
        return
    for x in estimate.teachers:
        line(f"  {x.teacher:<20} {', '.join(_reckoned(x))}")
    line(estimate.in_words)


def _reckoned(x: committee.Reckoned) -> list[str]:
    calls = [f"{count:,} {kind}{'' if kind == 'feedback' else 's'}" for kind, count in x.calls.items()]
    if x.tokens_in is None or x.tokens_out is None:
        return [*calls, x.price_in_words]
    guess = "" if x.measured else f" (a reply of a kind that it hasn't given yet: {x.longest:,})"
    tokens = f"about {x.tokens_in:,} tokens in and {x.tokens_out:,} out{guess}"
    if x.usd is None or x.usd_at_most is None:
        return [*calls, tokens, "at an unknown price"]
    return [*calls, tokens, f"about {dollars(x.usd)}, at most {dollars(x.usd_at_most)}"]
