"""Teachers are added once, named when one is unknown, and opened by their kind."""

import sys

import pytest
from sqlmodel import Session, select

from mapd import cli, teachers
from mapd.errors import BadInput, NotFound
from mapd.models.base import Sampling
from mapd.store import tables as t


def add(session: Session, name: str = "brook", **given: object) -> t.Teacher:
    return teachers.add(session, name, **({"kind": "simulated", "model": "slips", "by": "Ann"} | given))  # type: ignore[arg-type]


def test_a_simulated_teacher_is_marked_and_keeps_all_its_settings(session: Session) -> None:
    row = add(session, sampling={"flaw_share": 0.4})
    assert row.simulated
    assert row.sampling["flaw_share"] == 0.4
    assert {"leniency", "noise", "reviewer_quality", "seed"} < set(row.sampling)  # another default changes no teacher
    assert teachers.opened(row).profile.flaw_share == 0.4  # type: ignore[attr-defined]
    assert session.exec(select(t.Audit.person, t.Audit.action)).all() == [("ann", "add teacher")]


def test_the_same_teacher_again_is_the_one_that_is_there(session: Session) -> None:
    assert add(session).uid == add(session).uid
    with pytest.raises(BadInput, match="there is another teacher named brook: simulated slips; choose another name"):
        add(session, model="sound")
    assert [x.name for x in teachers.listed(session)] == ["brook"]


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"kind": "gemini"}, "kind 'gemini' can't be called by this version; kinds: simulated, local, openai, anthropic"),
        ({"kind": "imported"}, "kind 'imported'"),
        ({"model": "genius"}, "genius"),
        ({"sampling": {"flaw_share": 2}}, "flaw_share"),
        ({"sampling": {"charm": 1}}, "charm"),
        ({"kind": "local", "sampling": {"charm": 1}}, "no setting 'charm': it is one of temperature"),
        ({"kind": "local", "sampling": {"max_tokens": "many"}}, "max_tokens must be a whole number from 1 to 100,000"),
        ({"kind": "local", "sampling": {"temperature": -1}}, "temperature must be a number from 0 to 2, not -1"),
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
    assert teachers.listed(session) == []


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
def test_who_cannot_be_asked_is_said(row: t.Teacher, what: str) -> None:
    with pytest.raises(BadInput, match=what):
        teachers.opened(row)


def test_each_sample_draws_by_a_seed_of_its_own(session: Session) -> None:
    seeded = add(session, "local", kind="local", model="some/model", sampling={"temperature": 0.8, "seed": 5})
    assert teachers.sampling_of(seeded, 2) == Sampling(temperature=0.8, seed=7)
    unseeded = add(session, "free", kind="local", model="some/model", sampling={"temperature": 0.8})
    assert teachers.sampling_of(unseeded, 2) == Sampling(temperature=0.8)
    assert teachers.sampling_of(add(session), 1).seed == 1


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
    assert '"flaw_share": 0.25' in out
    assert run("teachers", "list") == 0
    assert "flaw_share 0.25" in capsys.readouterr().out
    assert run("teachers", "add", "ash", "--kind", "simulated", "--model", "slips", "--set", "flaw_share") == 1
    assert capsys.readouterr().err == "mapd: --set takes KEY=VALUE, not flaw_share\n"
