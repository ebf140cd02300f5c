"""Ctrl+C and SIGTERM: real signals to real processes, at any moment; a line, code 130, and nothing paid is lost."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa
from sqlmodel import func, select

from benchmarks import overlap
from mapd import students
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from tests.finetune import tiny
from tests.jobs.test_worker import until
from tests.provider import Provider

ROOT = Path(__file__).parents[1]


class Command:
    """A command of mapd in a process of its own, as a shell starts it."""

    def __init__(self, log: Path, *words: str) -> None:
        self.log = log
        with log.open("wb") as file:
            self.process = psutil.Popen(
                [sys.executable, "-m", "mapd.cli", *words],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )

    def hear(self, number: int = signal.SIGINT) -> None:
        self.process.send_signal(number)

    def has_computed(self, seconds: float) -> bool:
        """Whether it had so much of a processor, or has ended: how far it is, however busy the machine."""
        if self.process.poll() is not None:
            return True
        used = self.process.cpu_times()
        return bool(used.user + used.system >= seconds)

    def ended(self) -> tuple[int, list[str]]:
        """Its code and what it said."""
        code = self.process.wait(90)
        return code, self.log.read_text().splitlines()


Start = Callable[..., Command]


@pytest.fixture
def start(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    monkeypatch.setenv("A_KEY", "sk-0123456789abcdef")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    commands: list[Command] = []

    def run(*words: str) -> Command:
        commands.append(Command(tmp_path / f"log{len(commands)}", *words))
        return commands[-1]

    yield run
    for command in commands:
        if command.process.poll() is None:
            command.process.kill()
        command.process.wait()


def collects(start: Start, provider: Provider) -> tuple[sa.Engine, Command]:
    """A collect of 300 calls, eight in flight."""
    engine, exam = overlap.project(Settings(), provider.url)
    words = ("--teachers", ",".join(overlap.NAMES), "--concurrency", str(overlap.AT_ONCE))
    return engine, start("collect", "--exam", exam, *words)


def rows(engine: sa.Engine) -> int:
    with db.reading(engine) as session:
        return session.exec(select(func.count()).where(t.Call.outcome == "ok").select_from(t.Call)).one()


def test_what_is_in_flight_is_awaited_and_written(start: Start) -> None:
    with Provider(overlap.reply, delay=0.6) as provider:
        engine, command = collects(start, provider)
        until(lambda: rows(engine) > overlap.AT_ONCE)
        until(lambda: provider.flying.total() == overlap.AT_ONCE)
        command.hear()
        code, lines = command.ended()
    kept = len(provider.asked)
    assert (code, rows(engine)) == (130, kept)
    assert kept < overlap.CALLS
    assert re.fullmatch(
        r"mapd: stopping: \d calls in flight are awaited for up to 60 s; press Ctrl\+C again to end at once", lines[-2]
    )
    assert lines[-1] == f"mapd: stopped at {kept} of 300; what came is kept: started again it goes on from there"
    with db.reading(engine) as session:
        assert session.exec(select(t.Claim)).all() == []


def test_a_second_one_ends_at_once_and_says_what_is_lost(start: Start) -> None:
    with Provider(lambda asked: overlap.reply(asked) if len(provider.asked) <= 16 else "hang", delay=0.1) as provider:
        engine, command = collects(start, provider)
        until(lambda: rows(engine) == 16 and provider.flying.total() == overlap.AT_ONCE)
        time.sleep(0.3)
        command.hear()
        until(lambda: "stopping: 8 calls in flight" in command.log.read_text())
        command.hear()
        code, lines = command.ended()
    assert code == 130
    assert lines[-1] == (
        "mapd: ended at once: 8 calls that were in flight are given up, and may be paid; 16 of 300 are kept; the same "
        "command goes on from there"
    )
    assert rows(engine) == 16


def test_what_does_not_come_in_time_is_given_up(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sitecustomize.py").write_text("import mapd.committee.run as c\nc.AWAIT_S = 0.5\n")
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{tmp_path}")
    with Provider(lambda asked: overlap.reply(asked) if len(provider.asked) <= 16 else "hang") as provider:
        engine, command = collects(start, provider)
        until(lambda: rows(engine) == 16 and provider.flying.total() == overlap.AT_ONCE)
        command.hear()
        code, lines = command.ended()
    assert code == 130
    assert "stopped at 16 of 300, 8 calls in flight gave no reply in time; what came is kept" in lines[-1]


MOMENTS = (0.06, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # seconds of a processor; the imports take one


def test_at_whatever_moment_there_is_no_traceback(start: Start) -> None:
    with Provider(overlap.reply, delay=0.7) as provider:
        _, exam = overlap.project(Settings(), provider.url)
        words = ("collect", "--exam", exam, "--teachers", "one,two", "--concurrency", "2", "--json")
        for number in (signal.SIGINT, signal.SIGTERM):
            commands = [start(*words) for _ in MOMENTS[number % 2 :: 2]]
            for command, moment in zip(commands, MOMENTS[number % 2 :: 2], strict=True):
                until(lambda command=command, moment=moment: command.has_computed(moment))
                command.hear(number)
            for command in commands:
                code, lines = command.ended()
                assert code == 130, lines
                assert lines, "it says something"
                assert all(line.startswith("mapd: ") for line in lines), lines


@pytest.mark.slow
def test_every_long_command_stops_in_good_order(start: Start, real_home: Path, tmp_path: Path) -> None:
    engine = db.open_store(Settings())
    with db.writing(engine) as session:
        students.add(session, "tiny", path=tiny.save(tmp_path / "tiny"), by=owner("ann"))
    engine.dispose()
    asks = ("exam", "run", "--student", "tiny", "--questions", "q", "--split", "train", "--max-tokens", "400")
    with Provider(overlap.reply) as provider:
        overlap.project(Settings(), provider.url)
    commands = {
        "demo": start("demo"),
        "exam": start(*asks, "--samples", "40", "--temperature", "1"),
        "worker": start("worker", "--name", "w"),
    }
    for name, moment in (("demo", 3.0), ("exam", 5.0)):
        until(lambda name=name, moment=moment: commands[name].has_computed(moment))
    until(lambda: "worker w is there" in commands["worker"].log.read_text())
    for command in commands.values():
        command.hear()
    for name, command in commands.items():
        code, lines = command.ended()
        assert code == 130, (name, lines)
        assert "Traceback" not in "\n".join(lines), (name, lines)
        if name != "worker":
            assert "started again it goes on from there" in lines[-1], (name, lines)
