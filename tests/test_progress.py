"""Where no terminal is, long work says now and then how far it is; standard output has the result alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import overlap
from mapd.cli.shared import EVERY_S, FIRST_S, Lines
from mapd.jobs import JobProgress
from mapd.settings import Settings
from tests.provider import Provider

QUESTIONS = 10
CALLS = QUESTIONS * overlap.CALLS_EACH
SOON = "import mapd.cli.shared as p\np.FIRST_S, p.EVERY_S = 0.2, 0.2\n"


def test_a_line_comes_after_a_while_and_then_now_and_then() -> None:
    now, said = [0.0], list[str]()
    lines = Lines(lambda: now[0], said.append)
    for second in range(int(FIRST_S + 2 * EVERY_S) + 1):
        now[0] = float(second)
        lines.tell(JobProgress("committee", second, 5184, "31.0 calls/s", 100))
    assert len(said) == 3
    assert said[0] == "committee: 10 of 5,184, 31.0 calls/s, 2 min left"
    assert JobProgress("loading the student").in_words == "loading the student: begun"


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_collect_without_a_terminal_says_how_far_it_is(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: tuple[str, ...]
) -> None:
    (tmp_path / "sitecustomize.py").write_text(SOON)
    monkeypatch.setenv("A_KEY", "sk-0123456789abcdef")
    root = Path(__file__).parents[1]
    with Provider(overlap.reply, delay=0.1) as provider:
        _, exam = overlap.project(Settings(), provider.url, QUESTIONS)
        command = [sys.executable, "-m", "mapd.cli", "collect", "--exam", exam, "--teachers", ",".join(overlap.NAMES)]
        path = {"PYTHONPATH": f"{root}{os.pathsep}{tmp_path}"}
        done = subprocess.run(
            [*command, *form], cwd=root, env=os.environ | path, capture_output=True, text=True, check=True
        )
    told = [line for line in done.stderr.splitlines() if line.startswith("mapd: committee: ")]
    assert told
    assert all(f" of {CALLS}, " in line and " calls/s" in line for line in told)
    if form:
        assert done.stdout.count("\n") == 1
        assert json.loads(done.stdout)["calls_made"] == CALLS
    else:
        assert "committee: " not in done.stdout
