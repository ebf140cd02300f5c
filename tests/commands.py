"""`mapd …` in the tests' own process: what the fixture `mapd` (conftest.py) returns.

mapd("exam", "list").out                  # what was printed
mapd("exam", "list", "--json").json       # -> {"exams": […]}
code, out, err = mapd("collect")
"""

import json
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from mapd import cli


class CommandResult(NamedTuple):
    """The exit code, and what was printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one line that a command which succeeded prints with --json."""
        assert self.code == 0, self.err
        assert self.out.count("\n") == 1
        return json.loads(self.out)


Mapd = Callable[..., CommandResult]


def runner(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Mapd:
    """Return the function that runs a command."""

    def run(*words: object) -> CommandResult:
        monkeypatch.setattr(sys, "argv", ["mapd", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return CommandResult(int(end.value.code or 0), *capsys.readouterr())

    return run
