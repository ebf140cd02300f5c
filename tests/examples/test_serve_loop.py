"""The example: its loop over HTTP with scripted students, and what keeps a server from starting."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from transformers.utils import import_utils

from examples import serve_loop
from tests.provider import Asked, Provider


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The example as it is called, without taking over the tests' own signals."""

    def run(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["serve_loop.py", *words])
        monkeypatch.setattr(serve_loop.signal, "signal", lambda *_: None)
        return serve_loop.main()

    return run


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder that looks like a model's, and is none."""
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("config.json", "model.safetensors"):
        (folder / name).write_text("{}")
    (folder / "generation_config.json").write_text('{"eos_token_id": 2}')
    return folder


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The one line of --json."""
    (line,) = capsys.readouterr().out.splitlines()
    result: dict[str, Any] = json.loads(line)
    return result


@pytest.mark.usefixtures("scripted")
def test_the_loop_goes_round_over_http(home: Path, command: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with Provider(lambda asked: "Good. [5]" if "square brackets" in asked.text else "ok") as provider:
        where = ("--base-url", provider.url + "/v1", "--model", "m", "--home", str(home), "--questions", "1")
        assert command(*where, "--json") == 0
        first = told(capsys)
        assert {asked.body["temperature"] for asked in provider.asked} == {0.3, 0.7, 1.0}
        made = len(provider.asked)
        assert command(*where, "--json") == 0
        assert len(provider.asked) == made, "started again, nothing is missing"
    assert first["calls"] == {"ok": made}
    assert first["committee"]["reviews"] == 6 * first["mistakes"]
    assert (first["policy"], first["pairs"]) == ("paper", first["mistakes"])
    assert first["steps"] == 2
    assert first["after"][1] == 3
    assert told(capsys)["snapshot"] == first["snapshot"]


@pytest.mark.usefixtures("scripted")
def test_without_a_vote_nothing_is_taught_and_it_says_so(
    home: Path, command: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    def silent(asked: Asked) -> str:
        return "I can't say." if "square brackets" in asked.text else "ok"

    with Provider(silent) as provider:
        where = ("--base-url", provider.url + "/v1", "--model", "m", "--home", str(home), "--questions", "1")
        assert command(*where) == 0
    said = capsys.readouterr().out
    assert "no rationale got a vote" in said
    assert "held out, after    not trained" in said
    result = json.loads(said.splitlines()[-1])
    assert result["committee"]["no_vote"] == result["committee"]["reviews"] > 0


def test_missing_packages_are_one_line(
    tmp_path: Path, model: Path, command: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(import_utils, "is_serve_available", lambda: False)
    assert command("--home", str(tmp_path / "home"), "--model-folder", str(model)) == 1
    assert capsys.readouterr().err == (
        "error: `transformers serve` misses packages; run: pip install 'transformers[serving]'\n"
    )


def test_a_server_that_doesn_t_come_up_says_why(
    tmp_path: Path, model: Path, command: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(import_utils, "is_serve_available", lambda: True)
    assert command("--home", str(tmp_path / "home"), "--model-folder", str(model)) == 1
    assert "the server didn't come up on port" in capsys.readouterr().err
    served = tmp_path / "home" / "serve" / "smollm2"
    assert json.loads((served / "generation_config.json").read_text()) == {"eos_token_id": 2, "do_sample": True}
    assert (served / "model.safetensors").resolve() == model / "model.safetensors"
    assert (tmp_path / "home" / "serve.log").read_text()
