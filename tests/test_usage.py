"""How each command is called: its help, and what it says of words that it can't use. All commands are walked."""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import typer

from mapd.cli.commands import app
from tests.commands import Mapd
from tests.test_cli import fails

WIDTH = 80  # of a terminal
NUMBERS = (int, float)


def walk(command: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and group with its words."""
    command = command or typer.main.get_command(app)
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from walk(inner, (*path, name))


TREE = list(walk())
COMMANDS = [(path, command) for path, command in TREE if not hasattr(command, "commands")]
GROUPS = [(path, command) for path, command in TREE if hasattr(command, "commands")]


def words_of(value: Any) -> str:
    return " ".join(value) if isinstance(value, tuple) else ""


def needed(command: Any, without: Any = None) -> list[str]:
    """Words for all that the command can't do without."""
    words = []
    for param in command.params:
        if param.required and param is not without:
            value = "1" if param.type_descriptor.annotation in NUMBERS else "x"
            words += [param.opts[0], value] if param.opts[0].startswith("-") else [value]
    return words


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=words_of)
def test_words_that_a_command_cannot_use_are_one_line_and_code_2(
    mapd: Mapd, path: tuple[str, ...], command: Any
) -> None:
    fails(mapd(*path, *needed(command), "--nonsense"), 2, "--nonsense", f"(in: mapd {' '.join(path)}")
    for param in command.params:
        if param.type_descriptor.annotation in NUMBERS:
            fails(mapd(*path, *needed(command, without=param), param.opts[0], "many"), 2, "many")
        if param.required:
            fails(mapd(*path, *needed(command, without=param)), 2, "Missing")
        if "--by" in param.opts:
            fails(mapd(*path, *needed(command, without=param), "--by", " "), 2, "a person's name has 1 to")


@pytest.mark.parametrize(("path", "command"), GROUPS, ids=words_of)
def test_an_unknown_command_is_one_line_and_none_the_help(mapd: Mapd, path: tuple[str, ...], command: Any) -> None:
    fails(mapd(*path, "nonsense"), 2, "nonsense")
    bare = mapd(*path)
    assert (bare.code, bare.out) == (2, "")
    assert "Commands:" in bare.err
    assert all(f"\n  {name} " in bare.err for name in command.commands)


@pytest.mark.parametrize(
    "words",
    [
        "questions add x f --split train --shares 1,0,0",
        "questions add x f --split holiday",
        "questions add x f --task essay",
        "questions add x f --answers both",
        "questions add x f --format gsm9k",
        "questions add x f --map question",
        "questions add x",
        "questions gym x leg_counting --count 5 --shares 1,2",
        "questions generate x --train 0 --dev 0",
        "questions show x --split holiday",
        "import attempts f --questions x --split holiday",
        "students add x --shots 4",
        "students add x --hub y",
        "students add x --hub org/y --path y",
        "exam run --student x --questions y --split holiday",
        "exam run --student x --questions y --split train --temperature 3",
        "teachers add x --kind oracle --model y",
        "teachers add x --kind simulated --model sound --set charm",
        "collect --exam 1 --teachers a,a",
        "collect --exam 1 --teachers ,",
        "collect --exam 1 --teachers a --budget -1",
        "curate show --exam 1 --threshold 6",
        "curate snapshot --exam 1 --pairs 0",
        "judge essay 1 --decision accept --by ann",
        "judge rationale 1 --decision like --by ann",
        "judge-all --exam 1 --decision skip --by ann",
        "judge-all --exam 1 --decision accept --verdict maybe --by ann",
        "judge question 1 --decision correct --by ann",
        "judge rationale 1 --decision accept --reason false_step --by ann",
        "people want --exam 1 --judgements 0",
        "finetune --snapshot x --alpha 2",
        "finetune --snapshot x --epochs 0",
        "demo --alpha 2",
        "demo --record --detach",
        "app --port 0",
    ],
)
def test_a_value_that_cannot_be_is_code_2(
    mapd: Mapd, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "f").write_text('{"question": "1 + 1?", "answer": "2"}\n')
    fails(mapd(*words.split()), 2)


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize(("path", "command"), TREE, ids=words_of)
def test_help_is_whole(mapd: Mapd, path: tuple[str, ...], command: Any, flag: str) -> None:
    ran = mapd(*path, flag)
    assert (ran.code, ran.err) == (0, "")
    assert f"Usage: mapd {' '.join(path)}".strip() in ran.out
    assert "..." not in ran.out.replace("]...", "").replace("}...", ""), "a line of the list is cut off"
    flat = "".join(ran.out.split())
    for param in command.params:
        words = getattr(param, "help", None)
        assert words or getattr(param, "hidden", False) or not words_of(path), f"{param.name} says nothing"
        if words and not getattr(param, "hidden", False):
            assert "".join(words.split()) in flat


def test_brackets_stay_in_help(mapd: Mapd) -> None:
    assert "pip install 'mapd-studio[gym]'" in mapd("questions", "gym", "-h").out
    assert "ORG/NAME[:CONFIG]" in mapd("questions", "add", "-h").out


def test_the_version_is_told(mapd: Mapd) -> None:
    assert mapd("--version").out == f"mapd {version('mapd-studio')}\n"


def test_a_shell_completes_commands_and_options(home: Path) -> None:
    def complete(*words: str) -> list[str]:
        asked = {"_MAPD_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
        command = [sys.executable, "-c", "import sys; sys.argv = ['mapd']; from mapd.cli import main; main()"]
        done = subprocess.run(command, env=os.environ | asked, capture_output=True, text=True, check=True)
        return done.stdout.split()

    assert complete("mapd", "col") == ["collect"]
    assert complete("mapd", "curate", "s") == ["show", "snapshot"]
    assert "--policy" in complete("mapd", "curate", "show", "--p")
