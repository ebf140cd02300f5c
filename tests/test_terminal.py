"""What a terminal gets: names and texts with their control characters shown, never sent."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.progress import Progress, TextColumn

from mapd.characters import HIDDEN, as_json, visible
from mapd.cli.shared import Terminal
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from tests import hostile
from tests.commands import Mapd

# Colours, clears the screen, fills the clipboard (OSC 52), links (OSC 8), C1's own CSI, turns the reading order, rich
ACTS = "[bold red]ann[/] :smile: \x1b[31m\x1b[2J\x1b]52;c;aGk=\x07\x1b]8;;http://evil.test\x1b\\ \x9b31m \u202e \r \x7f"
OWN = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")  # what rich itself sends to a terminal: styles and the bar's moves
COMMANDS = (
    "teachers list", "students list", "exam list", "questions list", "jobs list", "jobs show {job}", "guidelines show",
    "people show --exam 1", "curate show --exam 1 --items", "results --before 2 --after 3 --questions",
)  # fmt: skip
AS_JSON = ("students list --json", "jobs show {job} --json", "curate show --exam 1 --items --json")


@pytest.fixture
def job(home: Path) -> str:
    """The uid of a job in a project whose every name and text is hostile."""
    with db.writing(db.open_store(Settings())) as session:
        _, uid = hostile.fill(session)
        session.add(t.Student(name=ACTS, base=ACTS))
        session.add(t.Teacher(name=ACTS, kind="openai", model=ACTS))
    assert home.is_dir()
    return uid


def test_no_command_sends_what_a_name_or_text_holds(mapd: Mapd, job: str) -> None:
    printed = {}
    for command in (*COMMANDS, *AS_JSON):
        words = tuple(command.format(job=job).split())
        ran = printed[words] = mapd(*words)
        assert ran.code == 0, (words, ran.err)
        assert not HIDDEN.search(ran.out + ran.err), words
        if words[-1] == "--json":
            json.loads(ran.out)
    assert "⟨U+001B⟩]52;c;aGk=⟨U+0007⟩" in printed["teachers", "list"].out
    assert "[bold red]ann[/] :smile: " in printed["students", "list"].out, "no markup of rich's"
    names = [student["name"] for student in json.loads(printed["students", "list", "--json"].out)["students"]]
    assert ACTS in names, "JSON holds the same value"


def test_an_error_line_shows_the_value(mapd: Mapd, job: str) -> None:
    for words in (("curate", "show", "--exam", ACTS), ("teachers", "test", "none \x1b]0;x\x07"), ("\x9b31m",)):
        ran = mapd(*words)
        assert ran.code in (1, 2)
        assert ran.err.count("\n") == 1
        assert "⟨U+" in ran.err
        assert not HIDDEN.search(ran.out + ran.err)


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_nor_does_it_on_a_terminal(job: str) -> None:
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "mapd.cli", "jobs", "show", job]
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, env=dict(os.environ))
    os.close(theirs)
    sent = b""
    try:
        while block := os.read(ours, 65_536):
            sent += block
    except OSError:  # Linux says so that the other end is closed
        pass
    os.close(ours)
    assert process.wait(60) == 0
    assert not HIDDEN.search(OWN.sub("", sent.decode().replace("\r\n", "\n")))


def test_a_bar_and_its_words_send_nothing() -> None:
    out = io.StringIO()
    columns = (TextColumn("{task.description}", markup=False), TextColumn("{task.fields[said]}", markup=False))
    with Progress(*columns, console=Terminal(file=out, force_terminal=True, width=200)) as bar:
        bar.add_task(ACTS, total=1, said=ACTS)
    assert not HIDDEN.search(OWN.sub("", out.getvalue()).replace("\r", ""))
    assert "[bold red]ann[/]" in out.getvalue()


def test_a_log_line_shows_them() -> None:
    code = "import logging; from mapd.cli.shared import log_to_terminal; log_to_terminal()"
    code += f"; logging.getLogger('mapd.jobs.worker').warning('worker %s waits', {ACTS!r})"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HIDDEN.search(ran.stderr)
    assert "mapd: worker [bold red]ann[/] :smile: ⟨U+001B⟩[31m" in ran.stderr


@given(st.text(st.characters()))
def test_json_is_the_same_value_without_hidden_characters(text: str) -> None:
    assert json.loads(as_json({"text": text})) == {"text": text}
    assert not HIDDEN.search(as_json([text]))
    assert not HIDDEN.search(visible(text))
