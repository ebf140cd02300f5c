"""`mapd finetune` as scripts use it."""

import json
import sys
from pathlib import Path

import pytest

from mapd import cli, students
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db
from tests.finetune import tiny

Capture = pytest.CaptureFixture[str]


def mapd(capsys: Capture, *words: object) -> tuple[int, str, str]:
    """Run the command here; its code and what it wrote."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["mapd", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            cli.main()
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out, err


@pytest.fixture
def sha256(full_home: Path, tmp_path: Path, capsys: Capture) -> str:
    """A snapshot, and a tiny student beside the imported one."""
    with db.writing(db.open_store(Settings())) as session:
        students.add(session, "tiny", path=tiny.save(tmp_path / "tiny"), by=owner("ann"))
    return str(json.loads(mapd(capsys, "curate", "snapshot", "--exam", 1, "--json")[1])["snapshot"])


def test_one_line_of_json(sha256: str, capsys: Capture) -> None:
    words = ("finetune", "--snapshot", sha256, "--student", "tiny", "--epochs", 1, "--max-length", 2000, "--json")
    code, out, err = mapd(capsys, *words)
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert list(told) == ["student", "adapter", "pairs", "steps", "seconds"]
    assert (Path(told["adapter"]) / "adapter_model.safetensors").is_file()
    assert told["steps"] == -(-told["pairs"] // 8)
    assert json.loads(mapd(capsys, *words)[1]) == told  # the same finetune


def test_what_is_cut_is_said(sha256: str, capsys: Capture) -> None:
    words = ("finetune", "--snapshot", sha256, "--student", "tiny", "--epochs", 1, "--max-length", 300)
    code, out, err = mapd(capsys, *words)
    assert code == 0
    assert "the new student is tiny-" in out
    assert "explanations were cut at 300 tokens" in err


@pytest.mark.parametrize(
    ("words", "refused_with", "said"),
    [
        (("--student", "tiny", "--alpha", 1.5), 2, "alpha is a number from 0 to 1, not 1.5"),
        (("--student", "tiny", "--batch", 0), 2, "batch is a number from 1"),
        (("--student", "nobody"), 1, "unknown student: nobody"),
        ((), 1, "import, without weights"),
    ],
)
def test_bad_input_is_one_line(
    sha256: str, capsys: Capture, words: tuple[object, ...], refused_with: int, said: str
) -> None:
    code, out, err = mapd(capsys, "finetune", "--snapshot", sha256, "--json", *words)
    assert (code, out, err.count("\n")) == (refused_with, "", 1)
    assert said in err
