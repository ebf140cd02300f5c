"""A committee of served teachers over real HTTP: every call a row, no limit exceeded, and the key nowhere."""

import json
import logging
import os
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col, select
from tenacity import wait_none

from mapd import cli, committee, jobs, teacher_models, teachers
from mapd.models import served
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import tables as t
from tests import provider, samples
from tests.conftest import import_files
from tests.provider import Asked, Provider

ROOT = Path(__file__).parents[1]
KEY = "sk-planted-9876543210"
NAMES = ("gpt-m", "claude-m", "own-m")


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served, "BACKOFF", wait_none())
    monkeypatch.setenv("PLANTED_KEY", KEY)


def move_key(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the key out of the environment, into the file of secrets of the folder that is worked in from now on."""
    monkeypatch.delenv("PLANTED_KEY")
    monkeypatch.chdir(folder)
    (folder / ".streamlit").mkdir()
    (folder / ".streamlit" / "secrets.toml").write_text(f'PLANTED_KEY = "{KEY}"\n')


def make_project(folder: Path, server: Provider, mistakes: int = 12, **limits: Any) -> sa.Engine:
    """An exam, and three teachers: two behind a key, on both wires, and one on a server that needs none."""
    engine = db.open_store(Settings())
    rows = [samples.row(number % 12) | {"id": number} for number in range(mistakes)]
    for number, row in enumerate(rows):
        row["question"] = f"{number}: {row['question']}"
    given: dict[str, Any] = {"model": "m-1", "by": owner("ann"), "limits": limits}
    with db.writing(engine) as session:
        import_files(session, *samples.write(folder, rows))
        for name, kind, path, key_env in (
            ("gpt-m", "openai", "/v1", "PLANTED_KEY"),
            ("claude-m", "anthropic", "", "PLANTED_KEY"),
            ("own-m", "openai", "/own/v1", None),
        ):
            teachers.add(session, name, kind=kind, base_url=server.url + path, key_env=key_env, **given)
    return engine


def collect(engine: sa.Engine, **given: Any) -> committee.CollectResult:
    with db.reading(engine) as session:
        models = {name: teacher_models.open_model(engine, teachers.get(session, name)) for name in NAMES}
    return committee.collect(engine, exam=1, teachers=NAMES, models=models, by=owner("ann"), **given)


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["mapd", *words])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return int(end.value.code or 0)


@pytest.mark.usefixtures("home")
def test_three_served_teachers_make_a_committee(tmp_path: Path) -> None:
    with Provider(delay=0.05) as server:
        done = collect(make_project(tmp_path, server, concurrency=4), concurrency=10)
    assert (done.feedback, done.rationales, done.reviews, done.failed, done.no_vote) == (36, 36, 72, 0, 0)
    assert 4 < server.most <= 10, "how near it comes is a matter of the machine's speed"
    assert max(server.most_at.values()) <= 4
    keys = {(asked.path, asked.key) for asked in server.asked}
    assert keys == {("/v1/chat/completions", KEY), ("/v1/messages", KEY), ("/own/v1/chat/completions", "none")}


@pytest.mark.usefixtures("home")
def test_what_a_priced_provider_was_paid_is_in_the_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mapd.teacher_prices.listed_usd", lambda kind, url, model, ins, outs: (ins + outs) / 1000)
    with Provider() as server:
        engine = make_project(tmp_path, server)
        collect(engine)
    with db.reading(engine) as session:
        assert set(session.exec(select(t.Call.cost_usd)).all()) == {0.012}


@pytest.mark.usefixtures("home")
def test_a_vote_without_a_score_is_asked_for_once_more(tmp_path: Path) -> None:
    def mumbling(asked: Asked) -> str:
        return "Well, well." if "square brackets" in asked.text and asked.tries == 1 else "ok"

    with Provider(mumbling) as server:
        engine = make_project(tmp_path, server)
        done = collect(engine)
    assert (done.reviews, done.no_vote, done.calls_made) == (72, 0, 144 + 72)
    with db.reading(engine) as session:
        first = session.exec(select(t.Call).where(t.Call.outcome == "unreadable")).all()
    assert {(call.try_number, call.reply) for call in first} == {(1, "Well, well.")}


def test_a_bad_day_ends_by_itself_with_a_row_for_every_call(home: Path, tmp_path: Path) -> None:
    """600 planned calls, one try in five fails at random: each planned call is a row with its outcome."""
    told: list[committee.CommitteeProgress] = []
    with Provider(provider.failing(0.2, seed=1), delay=0.002) as server:
        engine = make_project(tmp_path, server, mistakes=50, concurrency=16, timeout_s=2)
        done = collect(engine, concurrency=32, progress=told.append)
    assert told[-1].completed == told[-1].total == done.calls_made
    with db.reading(engine) as session:
        calls = session.exec(select(t.Call)).all()
        ended = Counter(call.outcome for call in calls)
        assert len({call.key for call in calls}) == len(calls) == done.calls_made
        assert ended["ok"] == done.feedback + done.rationales + done.reviews
        assert {"ok", "empty", "refused"} <= set(ended) <= {"ok", "empty", "refused", "failed"}
        assert all(bool(call.error) == (call.outcome == "failed") for call in calls)
    of_them = Counter(call.kind for call in calls)
    assert (of_them["feedback"], of_them["rationale"]) == (150, 150)
    assert of_them["review"] == 2 * done.rationales  # what was not written can't be reviewed
    assert server.most <= 32
    assert max(server.most_at.values()) <= 16
    assert len(server.asked) > len(calls)


@pytest.mark.parametrize("where", ["environment", "secrets"])
def test_the_key_is_nowhere(
    where: str,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A hostile server sends the key back in texts and errors. It is in no file of ours, no log and no output."""

    def echoing(asked: Asked) -> str | tuple[int, dict[str, str], str]:
        error = json.dumps({"error": {"message": f"Bearer {asked.key} is no good"}})
        kind = sum(asked.text.encode()) % 4
        return (f"I know {asked.key}! [4]", f"{asked.key} [2]", (400, {}, error), (503, {"retry-after": "0"}, error))[
            kind
        ]

    if where == "secrets":
        move_key(tmp_path, monkeypatch)
    with caplog.at_level(logging.DEBUG), Provider(echoing) as server:
        engine = make_project(tmp_path, server)
        done = collect(engine)
        assert done.failed
        assert done.feedback
        for words in (
            ("teachers", "list"),
            ("teachers", "list", "--json"),
            ("teachers", "test", "gpt-m"),
            ("teachers", "test", "claude-m", "--json"),
            ("collect", "--exam", "1", "--teachers", ",".join(NAMES), "--json"),
            ("archive", "export", str(tmp_path / "all.zip")),
            ("teachers", "add", "x", "--kind", "openai", "--model", "m", "--key-env", KEY),
            ("teachers", "add", "x", "--kind", "openai", "--model", "m", "--base-url", f"http://a:{KEY}@h/v1"),
        ):
            run(monkeypatch, *words)
    with db.reading(engine) as session:
        errors = session.exec(select(t.Call.error).where(col(t.Call.error).is_not(None))).all()
    assert any("[key]" in str(error) for error in errors)
    engine.dispose()
    printed = "".join(capsys.readouterr())
    assert "key in PLANTED_KEY (set)" in printed
    assert KEY not in caplog.text + printed + "".join(map(str, errors))
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files |= {str(path): path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert len(files) > 5
    assert [name for name, content in files.items() if KEY.encode() in content] == []


def test_a_job_reads_the_key_in_the_file_of_secrets(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A job's process works in its worker's folder; with a file that it can't read it says so, without the content."""
    move_key(tmp_path, monkeypatch)
    with Provider() as server:
        engine = make_project(tmp_path, server, mistakes=1)
        told = [job_by_itself(engine, tmp_path, ("gpt-m", "claude-m"))]
        (tmp_path / ".streamlit" / "secrets.toml").write_text(f"PLANTED_KEY = {KEY}")  # without its quotes
        told.append(job_by_itself(engine, tmp_path, ("claude-m",)))
    assert [job.status for job in told] == ["done", "failed"]
    assert (told[0].outcome["reviews"], {asked.key for asked in server.asked}) == (2, {KEY})
    assert str(told[1].error).startswith(".streamlit/secrets.toml is no TOML; write a line")
    assert run(monkeypatch, "teachers", "list") == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert KEY not in err + repr([(job.error, job.log, job.outcome) for job in told])


def job_by_itself(engine: sa.Engine, folder: Path, names: tuple[str, ...]) -> t.Job:
    """A collect in a process of its own, as a worker starts it."""
    with db.writing(engine) as session:
        given = {"exam": queries.exams(session)[0].uid, "teachers": names}
        uid = jobs.start(session, "collect", given, by=owner("ann")).uid
        jobs.take(session, "w", calls=True)
    command = [sys.executable, "-m", "mapd.jobs.process", f"{uid}:1", "w"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.PIPE, start_new_session=True) as child:
        assert child.wait(60) == 0
    with db.reading(engine) as session:
        return jobs.get(session, uid)


@pytest.mark.usefixtures("home")
def test_a_teacher_is_tested_by_one_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Provider(lambda asked: "500" if asked.path.startswith("/own") else "ok") as server:
        make_project(tmp_path, server)
        assert run(monkeypatch, "teachers", "test", "gpt-m", "--json") == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["name"], told["ok"], told["finish"], told["tokens_in"]) == ("gpt-m", True, "ok", 9)
        assert run(monkeypatch, "teachers", "test", "own-m") == 1
        out, err = capsys.readouterr()
        assert out == ""
        said = "mapd: teacher own-m gave no answer: failed (HTTP 500: overloaded); check its model, its address and its"
        assert err.startswith(said)
        assert len(server.asked) == 2  # a test tries once
        monkeypatch.delenv("PLANTED_KEY")
        assert run(monkeypatch, "teachers", "test", "claude-m") == 1
        assert "takes its key from the variable PLANTED_KEY, which is not set" in capsys.readouterr().err
        assert run(monkeypatch, "teachers", "list") == 0
        assert "key in PLANTED_KEY (not set)" in capsys.readouterr().out
        assert len(server.asked) == 2


@pytest.mark.usefixtures("home")
def test_served_teachers_on_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    add = ("teachers", "add", "own", "--kind", "openai", "--model", "m", "--base-url", "http://127.0.0.1:8000/v1")
    assert run(monkeypatch, *add, "--set", "temperature=0.5", "--limit", "concurrency=4", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["limits"], told["sampling"]["temperature"], told["disabled"]) == ({"concurrency": 4}, 0.5, False)
    assert run(monkeypatch, "teachers", "disable", "own", "--json") == 0
    assert json.loads(capsys.readouterr().out)["disabled"]
    assert run(monkeypatch, "teachers", "list") == 0
    shown = capsys.readouterr().out
    assert "disabled, at http://127.0.0.1:8000/v1, temperature 0.5, max_tokens 2048, concurrency 4" in shown
    assert run(monkeypatch, "collect", "--exam", "1", "--teachers", "own", "--json") == 1
    assert "own is disabled" in capsys.readouterr().err
    assert run(monkeypatch, "teachers", "enable", "own") == 0
    assert run(monkeypatch, *add, "--limit", "concurrency=0") == 2
    assert "concurrency must be a whole number" in capsys.readouterr().err
