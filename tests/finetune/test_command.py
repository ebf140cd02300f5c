"""`mapd finetune` as scripts use it."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mapd import cli, students
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db, finetunes
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


def start_two(*words: object) -> subprocess.CompletedProcess[str]:
    """Run the command in two processes on this machine, as a launcher does."""
    launcher = ["-m", "torch.distributed.run", "--nproc-per-node=2", f"--master-port={free_port()}"]
    command = [sys.executable, *launcher, "-m", "mapd.cli", *map(str, words)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_two_processes_that_were_killed_go_on_to_the_same_losses(sha256: str, capsys: Capture) -> None:
    words = ["finetune", "--snapshot", sha256, "--student", "tiny", "--epochs", 4, "--batch", 2, "--max-length", 2000]
    words += ["--method", "full", "--validation", 0.2]
    assert mapd(capsys, *words, "--arm", "one", "--json")[0] == 0
    command = [sys.executable, "-m", "mapd.cli", *map(str, words), "--arm", "two", "--by", "ann", "--json"]
    place = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "OMP_NUM_THREADS": "1"}
    both = [
        subprocess.Popen(command, env=os.environ | place | {"RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in (0, 1)
    ]
    at = random.randrange(3, 7)
    while len(losses_of("two")) < at:
        assert both[0].poll() is None
        time.sleep(0.02)
    for process in both:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert len(losses_of("two")) < len(losses_of("one"))
    finished = start_two(*words, "--arm", "two", "--by", "ann", "--json")
    assert finished.returncode == 0, finished.stderr
    one, two = losses_of("one"), losses_of("two")
    assert len(one) == len(two)
    for first, second in zip(one, two, strict=True):
        assert second == pytest.approx(first, abs=1e-4), f"killed at step {at}"


def losses_of(arm: str) -> list[tuple[float | None, ...]]:
    """Each step's losses and gradient of a finetune, as far as it is."""
    with db.reading(db.open_store(Settings())) as session:
        ids = [f.id for f in finetunes.finetunes(session) if f.arm == arm]
        steps = [step for i in ids for step in finetunes.steps(session, i)]
    return [(s.loss_feedback, s.loss_rationale, s.validation_rationale, s.gradient_norm) for s in steps]
