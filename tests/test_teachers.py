"""Teachers are added once, named when one is unknown, and opened by their kind."""

import sys

import pytest
import sqlalchemy as sa
from sqlmodel import Session, select

from mapd import approvals, cli, teacher_models, teachers
from mapd.errors import BadInput, NotFound
from mapd.models.base import Sampling
from mapd.people import owner
from mapd.store import db
from mapd.store import tables as t

PASTED = "sk-proj-0123456789abcdef"  # a key where none belongs


def add(session: Session, name: str = "brook", **given: object) -> t.Teacher:
    return teachers.add(session, name, **({"kind": "simulated", "model": "slips", "by": owner("Ann")} | given))  # type: ignore[arg-type]


def test_a_simulated_teacher_is_marked_and_keeps_all_its_settings(engine: sa.Engine, session: Session) -> None:
    row = add(session, sampling={"flaw_share": 0.4})
    assert row.simulated
    assert row.sampling["flaw_share"] == 0.4
    assert {"leniency", "noise", "reviewer_quality", "seed"} < set(row.sampling)  # another default changes no teacher
    assert teacher_models.open_model(engine, row).profile.flaw_share == 0.4  # type: ignore[attr-defined]
    assert session.exec(select(t.Audit.person, t.Audit.action)).all() == [("ann", "add teacher")]


def test_the_same_teacher_again_is_the_one_that_is_there(session: Session) -> None:
    assert add(session).uid == add(session).uid
    with pytest.raises(BadInput, match="there is another teacher named brook: simulated slips; choose another name"):
        add(session, model="sound")
    assert [x.name for x in teachers.list_teachers(session)] == ["brook"]


@pytest.mark.parametrize(
    ("given", "what"),
    [
        (
            {"kind": "gemini"},
            "kind 'gemini' can't be called by this version; kinds: simulated, local, openai, anthropic",
        ),
        ({"kind": "imported"}, "kind 'imported'"),
        ({"model": "genius"}, "genius"),
        ({"sampling": {"flaw_share": 2}}, "flaw_share"),
        ({"sampling": {"charm": 1}}, "charm"),
        ({"kind": "local", "model": "a/b", "sampling": {"charm": 1}}, "no setting 'charm': it is one of temperature"),
        (
            {"kind": "local", "model": "a/b", "sampling": {"max_tokens": "many"}},
            "max_tokens must be a whole number from 1 to 100,000",
        ),
        (
            {"kind": "local", "model": "a/b", "sampling": {"temperature": -1}},
            "temperature must be a number from 0 to 2, not -1",
        ),
        ({"kind": "local", "limits": {"concurrency": 2}}, "works on this machine: it takes no base_url, no key and no"),
        ({"kind": "openai", "model": " "}, "a teacher needs a model"),
        ({"kind": "openai", "limits": {"concurrency": 0}}, "concurrency must be a whole number from 1 to 1,024, not 0"),
        ({"kind": "openai", "limits": {"concurrency": True}}, "concurrency must be a whole number"),
        ({"kind": "openai", "limits": {"per_minute": 0}}, "per_minute must be a number from 0.1 to 1,000,000, not 0"),
        (
            {"kind": "openai", "limits": {"speed": 1}},
            "no limit 'speed': it is one of concurrency, per_minute, timeout_s",
        ),
        ({"kind": "openai", "sampling": {"temperature": None}}, "temperature must be a number from 0 to 2, not None"),
        (
            {"kind": "anthropic", "sampling": {"seed": 1}},
            "no setting 'seed': it is one of temperature, top_p, max_tokens",
        ),
        ({"kind": "openai", "base_url": "ftp://host/v1"}, "must begin with http:// or https://"),
        ({"kind": "openai", "base_url": "127.0.0.1:8000"}, "must begin with http:// or https://"),
        ({"kind": "openai", "base_url": "http://host:port/v1"}, "the base_url can't be read"),
        ({"kind": "openai", "base_url": f"https://me:{PASTED}@host/v1"}, "may hold no user, password"),
        ({"kind": "openai", "base_url": f"https://host/v1?key={PASTED}"}, "may hold no user, password"),
        ({"kind": "openai", "key_env": PASTED}, "takes the NAME of the variable"),
        ({"kind": "openai", "key_env": "gsk_7Hd83hdKq9"}, "takes the NAME of the variable"),
        ({"kind": "openai", "key_env": "MY KEY"}, "takes the NAME of the variable"),
        ({"name": "a,b"}, "no comma"),
        ({"name": " "}, "1 to 80 characters"),
        ({"name": "x" * 81}, "1 to 80 characters"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(session: Session, given: dict[str, object], what: str) -> None:
    with pytest.raises(BadInput) as refused:
        add(session, **({"name": "brook"} | given))  # type: ignore[arg-type]
    assert what in str(refused.value)
    assert "\n" not in str(refused.value)
    assert PASTED not in str(refused.value)
    assert teachers.list_teachers(session) == []


def test_an_unknown_teacher_is_answered_with_the_known_ones(session: Session) -> None:
    with pytest.raises(NotFound, match="unknown teacher: plato; known: none yet, `mapd teachers add` adds one"):
        teachers.get(session, "plato")
    add(session)
    session.add(t.Teacher(name="ann", kind="person"))
    with pytest.raises(NotFound, match=r"unknown teacher: plato; known: brook$"):
        teachers.get(session, "plato")


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (t.Teacher(name="gpt", kind="imported"), "gpt is of kind imported, which nobody can ask"),
        (t.Teacher(name="brook", kind="simulated", model="slips", disabled=True), "brook is disabled"),
    ],
)
def test_who_cannot_be_asked_is_said(engine: sa.Engine, row: t.Teacher, what: str) -> None:
    with pytest.raises(BadInput, match=what):
        teacher_models.open_model(engine, row)


def test_each_sample_draws_by_a_seed_of_its_own(session: Session) -> None:
    seeded = add(session, "local", kind="local", model="some/model", sampling={"temperature": 0.8, "seed": 5})
    assert teacher_models.sampling_of(seeded, 2) == Sampling(temperature=0.8, seed=7)
    unseeded = add(session, "free", kind="local", model="some/model", sampling={"temperature": 0.8})
    assert teacher_models.sampling_of(unseeded, 2) == Sampling(temperature=0.8)
    assert teacher_models.sampling_of(add(session), 1).seed == 1


def test_a_served_teacher_keeps_where_it_is_and_what_was_set(session: Session) -> None:
    row = add(session, kind="openai", model="m", base_url="http://127.0.0.1:8000/v1/", sampling={"temperature": 0.7})
    assert (row.base_url, row.key_env, row.limits) == ("http://127.0.0.1:8000/v1", None, {})
    assert row.sampling == {"temperature": 0.7, "top_p": None, "max_tokens": 2048, "seed": None}
    assert teacher_models.sampling_of(row) == Sampling(0.7, None, 2048)
    assert add(session, "claude", kind="anthropic", model="m").key_env == "ANTHROPIC_API_KEY"
    with pytest.raises(BadInput, match="another teacher named brook"):
        add(session, kind="openai", model="m", base_url="http://elsewhere/v1", sampling={"temperature": 0.7})


def test_limits_may_change_and_the_rest_may_not(session: Session) -> None:
    uid = add(session, kind="openai", model="m").uid
    row = add(session, kind="openai", model="m", limits={"concurrency": 32}, key_env="OTHER_KEY")
    assert (row.uid, row.limits, row.key_env) == (uid, {"concurrency": 32}, "OTHER_KEY")
    assert add(session, kind="openai", model="m").limits == {"concurrency": 32}  # none are given: none change
    acts = session.exec(select(t.Audit.action).order_by(t.Audit.id)).all()  # type: ignore[arg-type]
    assert acts == ["add teacher", "approve key", "change teacher", "change teacher"]
    assert add(session, kind="openai", model="m", sampling={"max_tokens": 9}).sampling["max_tokens"] == 9
    assert add(session, kind="openai", model="m").sampling["max_tokens"] == 9
    with pytest.raises(BadInput, match="another teacher named brook"):
        add(session, kind="openai", model="m", sampling={"temperature": 0.5})


def test_a_disabled_teacher_is_not_asked_until_it_is_enabled(engine: sa.Engine, session: Session) -> None:
    add(session)
    assert teachers.disable(session, "brook", owner("ann")).disabled
    with pytest.raises(BadInput, match="brook is disabled; `mapd teachers enable`"):
        teacher_models.open_model(engine, teachers.get(session, "brook"))
    assert not teachers.enable(session, "brook", owner("ann")).disabled
    assert teacher_models.open_model(engine, teachers.get(session, "brook"))
    acts = session.exec(select(t.Audit.action).order_by(t.Audit.id)).all()  # type: ignore[arg-type]
    assert acts == ["add teacher", "disable teacher", "enable teacher"]


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (None, "takes its key from the variable A_KEY, which is not set; export A_KEY=…"),
        (" ", "which is not set"),
        ("short", "holds no key: at least 8 plain characters"),
        ("sk-with a space", "holds no key"),
        ("sk-schlüssel", "holds no key"),
    ],
)
def test_a_key_that_is_none_is_said_before_any_call(
    engine: sa.Engine, value: str | None, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with db.writing(engine) as session:
        approvals.approve(session, "A_KEY", "https://api.openai.com", by=owner("ann"))
    monkeypatch.delenv("A_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("A_KEY", value)
    with pytest.raises(BadInput) as refused:
        teacher_models.open_model(engine, t.Teacher(name="gpt", kind="openai", model="m", key_env="A_KEY"))
    assert what in str(refused.value)
    assert "schlüssel" not in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "sampling", "may"),
    [
        ("simulated", {}, False),
        ("local", {}, False),
        ("local", {"temperature": 0.8}, True),
        ("local", {"temperature": 0.8, "seed": 1}, False),
        ("openai", {}, True),
        ("anthropic", {"temperature": 0}, True),
    ],
)
def test_who_may_answer_otherwise(kind: str, sampling: dict[str, object], may: bool) -> None:
    assert teacher_models.may_answer_otherwise(t.Teacher(name="x", kind=kind, sampling=sampling)) is may


def test_a_simulated_teacher_is_tested_as_any_other(engine: sa.Engine, session: Session) -> None:
    tested = teacher_models.test(engine, add(session, model="sound"))
    assert tested.ok
    assert tested.text.endswith("Answer: 6")


def test_teachers_on_the_command_line(
    home: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["mapd", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return int(end.value.code or 0)

    assert run("teachers", "add", "brook", "--kind", "simulated", "--model", "slips", "--set", "flaw_share=0.25") == 0
    capsys.readouterr()
    assert run("teachers", "list", "--json") == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert '"name": "brook", "kind": "simulated", "model": "slips", "simulated": true' in out
    assert '"base_url": null, "key_env": null, "key_is_set": null' in out
    assert '"flaw_share": 0.25' in out
    assert run("teachers", "list") == 0
    assert "flaw_share 0.25" in capsys.readouterr().out
    assert run("teachers", "add", "ash", "--kind", "simulated", "--model", "slips", "--set", "flaw_share") == 2
    assert capsys.readouterr().err == "mapd: --set takes KEY=VALUE, not flaw_share\n"
