"""The loop over a real server: `transformers serve` on this machine, SmolLM2 behind it as all three teachers.

    pip install 'mapd-studio[serve]'                   # in a checkout: pip install -e '.[serve]'
    python examples/serve_loop.py [--questions N] [--home DIR] [--model-folder DIR] [--json]
    python examples/serve_loop.py --base-url http://127.0.0.1:11434/v1 --model qwen3:4b     # a server that runs already

What it shows is the wire: an exam, a committee over HTTP, a snapshot, a few steps of training, the exam again. Teachers
of 135 million parameters teach nothing, and its numbers say nothing of real ones. It needs no key and no network, and
ends the server that it started, also on Ctrl+C. Started again with the same --home it asks for what is missing only.
The server draws every reply from one stream of numbers, so with several calls in flight a seed repeats no text.
The last line is JSON.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlmodel import col, select

from mapd import committee, exam, students, teacher_models, teachers
from mapd.curation import live_set, snapshots
from mapd.curation.curated import Curated
from mapd.curation.summary import summary
from mapd.errors import BadInput, MapdError
from mapd.finetune import run as finetuning
from mapd.finetune.hyperparameters import Hyperparameters
from mapd.models import weights
from mapd.models.loader import convert
from mapd.people import Person, machine_user, owner
from mapd.policies import PAPER, Policy
from mapd.questions import generated, sets
from mapd.settings import Settings
from mapd.store import db, ledger, queries
from mapd.store import tables as t

SERVED = "smollm2"  # the folder's name beside which the server starts, and so the model's
TEACHERS: Mapping[str, dict[str, Any]] = {
    "cool": {"temperature": 0.3, "seed": 1},
    "warm": {"temperature": 0.7, "seed": 2},
    "hot": {"temperature": 1.0, "seed": 3},
}
LIMITS = {"concurrency": 1, "timeout_s": 600}  # a teacher's; the server answers one call after the other
STUDENT = "smollm2"
ANYTHING = Policy("anything with a vote", threshold=0)
FEW_STEPS = Hyperparameters(epochs=2, batch=4)
START_S = 180.0


@dataclass
class Told:
    """What the run came to."""

    by: Person
    seconds: dict[str, float] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)
    quiet: bool = False

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Run a stage and keep its time."""
        self.say(f"{name} …")
        started = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - started, 1)

    def say(self, text: str) -> None:
        """A line on the screen."""
        if not self.quiet:
            print(text, flush=True)


# --- The server -------------------------------------------------------------------------------------------------------


@contextmanager
def server(folder: Path, home: Path, port: int) -> Iterator[str]:
    """`transformers serve` over a model's folder: its base_url, once it answers. It ends with the block.

    Raises: BadInput where its packages are missing, or it doesn't come up.
    """
    from transformers.utils.import_utils import is_serve_available

    if not is_serve_available():
        raise BadInput("`transformers serve` misses packages; run: pip install 'transformers[serving]'")
    beside = _sampling(folder, home)
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", SERVED]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    log = home / "serve.log"
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            command,
            cwd=beside,
            env=os.environ | {"HF_HUB_OFFLINE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl+C is ours to hear first
        )
    try:
        _wait(process, port, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _sampling(folder: Path, home: Path) -> Path:
    """A folder with the model under its short name, told to sample: the server heeds no temperature otherwise."""
    if (reason := weights.missing_part(folder)) is not None:
        raise BadInput(f"no model at {folder}: {reason}; name a folder that transformers can load")
    served = home / "serve" / SERVED
    served.mkdir(parents=True, exist_ok=True)
    for file in (x for x in folder.resolve().iterdir() if x.name != "generation_config.json"):
        (served / file.name).unlink(missing_ok=True)
        (served / file.name).symlink_to(file)
    given = folder / "generation_config.json"
    settings = json.loads(given.read_text(encoding="utf-8")) if given.is_file() else {}
    (served / given.name).write_text(json.dumps(settings | {"do_sample": True}), encoding="utf-8")
    return served.parent


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    """Until the server answers, and names our model."""
    ends = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < ends:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                pass
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=5) as reply:
                if SERVED in {model["id"] for model in json.load(reply)["data"]}:
                    return
        except OSError:
            pass
        time.sleep(0.5)
    said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["nothing"]
    raise BadInput(f"the server didn't come up on port {port} (its last line: {said[-1][:200]}); all of it: {log}")


def port_for(engine: sa.Engine) -> int:
    """The port of a run before, as a teacher's address is a part of what it is; else a free one."""
    with db.reading(engine) as session:
        address = session.exec(select(t.Teacher.base_url).where(col(t.Teacher.name).in_(TEACHERS))).first()
    if address and (port := urlsplit(address).port):
        return port
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


# --- The loop ---------------------------------------------------------------------------------------------------------


def loop(engine: sa.Engine, home: Path, base_url: str, model: str, given: argparse.Namespace, told: Told) -> None:
    """Once round, every stage called as it is."""
    questions = _begin(engine, base_url, model, given, told.by)
    with told.stage("exam"):
        taught = _examine(engine, home, STUDENT, questions, "train", told)
    with told.stage("exam before"):
        before = _examine(engine, home, STUDENT, questions, "dev", told)
    with told.stage("committee"):
        collected = _collect(engine, taught.exam, told)
    told.result |= {
        "mistakes": taught.mistakes,
        "committee": asdict(collected),
        "calls": _outcomes(engine, taught.exam),
    }
    told.result |= {"before": [before.correct, before.n], "after": None, "pairs": 0}
    with told.stage("snapshot"):
        curated = _curated(engine, taught.exam, told)
    if curated is None:
        return
    with db.writing(engine) as session:
        frozen = snapshots.freeze(session, curated, by=told.by)
        told.result |= {"policy": curated.policy.name, "pairs": frozen.pairs, "snapshot": frozen.sha256}
        sha256 = frozen.sha256
    with told.stage("finetune"):
        tuned = finetuning.run(engine, snapshot_sha=sha256, hyperparameters=FEW_STEPS, by=told.by, home=home)
    with told.stage("exam after"):
        after = _examine(engine, home, tuned.name, questions, "dev", told)
    told.result |= {"steps": tuned.steps, "after": [after.correct, after.n]}


def _begin(engine: sa.Engine, base_url: str, model: str, given: argparse.Namespace, by: Person) -> str:
    """The questions, the student, the teachers; returns the name of the questions."""
    per_split = {"train": given.questions, "dev": given.questions}
    rows = sets.make_rows(generated.draw(generated.FAMILIES, per_split, seed=0))
    with db.writing(engine) as session:
        students.add(session, STUDENT, by=by)
        for name, sampling in TEACHERS.items():
            sampling = sampling | {"max_tokens": given.max_tokens}
            place: dict[str, Any] = {"kind": "openai", "base_url": base_url, "model": model, "limits": LIMITS}
            teachers.add(session, name, sampling=sampling, by=by, **place)
        return sets.add(session, f"wire-{given.questions}", rows, source="generated", simulated=True, by=by).name


def _examine(engine: sa.Engine, home: Path, student: str, questions: str, split: str, told: Told) -> exam.ExamResult:
    with db.reading(engine) as session:
        model = students.open_model(engine, students.get(session, student), home)
    done = exam.run(engine, model, student=student, question_set=questions, split=split, by=told.by)
    told.say(f"  {student} on {split}: {done.correct} of {done.n} correct, {done.no_answer} without an answer")
    return done


def _collect(engine: sa.Engine, taught: str, told: Told) -> committee.CollectResult:
    with db.reading(engine) as session:
        models = {name: teacher_models.open_model(engine, teachers.get(session, name)) for name in TEACHERS}
    heard = 0

    def tell(p: committee.CommitteeProgress) -> None:
        nonlocal heard
        if p.completed >= heard + 10:
            heard = p.completed
            told.say(f"  {p.completed} of {p.total} calls, {p.calls_per_s:.2f}/s")

    return committee.collect(engine, exam=taught, teachers=list(TEACHERS), models=models, by=told.by, progress=tell)


def _outcomes(engine: sa.Engine, exam: str) -> dict[str, int]:
    """The exam's calls in the ledger by outcome, those of earlier starts too."""
    with db.reading(engine) as session:
        tally = ledger.tally(session, queries.exam(session, exam).id)
        counted = sum((Counter(calls.outcomes) for calls in tally), Counter[str]())
    return dict(counted.most_common())


def _curated(engine: sa.Engine, taught: str, told: Told) -> Curated | None:
    """The curated set under the paper's policy; where it gives no pair, of all that got a vote; None without any."""
    for policy in (PAPER, ANYTHING):
        curated = judged_by(engine, taught, policy)
        counts = summary(curated)
        told.say(f"  policy {policy.name!r}: {counts.accepted} rationales accepted, {counts.pairs} pairs")
        if counts.pairs:
            return curated
        if policy is PAPER:
            told.say("  no mean above 3: to go on, each rationale with a vote is taken, right or wrong, unchecked")
    told.say("  no rationale got a vote: there is nothing to freeze and to teach; start again with the same --home")
    return None


def judged_by(engine: sa.Engine, taught: str, policy: Policy) -> Curated:
    """The exam's curated set under the policy."""
    with db.reading(engine) as session:
        return live_set.load_curated(session, queries.exam(session, taught).id, policy)


# --- The command ------------------------------------------------------------------------------------------------------


def show(told: Told) -> None:
    """The table, then the line of JSON."""
    got, asked = told.result["committee"], told.result
    told.say("")
    rows = {
        "calls by outcome": ", ".join(f"{count} {outcome}" for outcome, count in asked["calls"].items()),
        "feedback": got["feedback"],
        "rationales": got["rationales"],
        "reviews": f"{got['reviews']}, of them {got['no_vote']} no vote",
        "pairs taught": f"{asked['pairs']} (policy {asked['policy']})" if asked["pairs"] else "0",
        "held out, before": "{} of {}".format(*asked["before"]),
        "held out, after": "{} of {}".format(*asked["after"]) if asked["after"] else "not trained",
        "seconds": ", ".join(f"{name} {seconds:g}" for name, seconds in told.seconds.items()),
    }
    for name, value in rows.items():
        told.say(f"{name:<18} {value}")
    print(json.dumps(told.result | {"seconds": told.seconds}, ensure_ascii=False))


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=2, help="a family (of three), for train and for dev each")
    parser.add_argument("--max-tokens", type=int, default=192, help="a teacher's longest text")
    parser.add_argument("--home", type=Path, help="the project's folder, kept; by default a temporary one")
    parser.add_argument("--model-folder", type=Path, help="what is served; by default the packaged SmolLM2")
    parser.add_argument("--base-url", help="a server that runs already, instead of starting one")
    parser.add_argument("--model", help="as that server names it")
    parser.add_argument("--json", action="store_true", help="the last line alone")
    given = parser.parse_args()
    if bool(given.base_url) != bool(given.model):
        parser.error("--base-url and --model go together")
    return given


def run(given: argparse.Namespace, home: Path) -> None:
    """Everything, in this project."""
    told = Told(owner(machine_user()), quiet=given.json)
    engine = db.open_store(Settings(home=home, database_url=None))  # never a database that the environment names
    try:
        if given.base_url:
            loop(engine, home, given.base_url, given.model, given, told)
        else:
            with told.stage("weights"):
                folder = given.model_folder or convert(home)
            told.say("server …")
            started = time.monotonic()
            with server(folder, home, port_for(engine)) as base_url:
                told.seconds["server"] = round(time.monotonic() - started, 1)
                told.say(f"  transformers serve at {base_url}, model {SERVED}")
                loop(engine, home, base_url, SERVED, given, told)
    finally:
        engine.dispose()
    show(told)


def main() -> int:
    """Run; what goes wrong is one line."""
    given = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server is ended then, too
    try:
        if given.home:
            run(given, given.home.resolve())
        else:
            with tempfile.TemporaryDirectory(prefix="serve-loop-") as home:
                run(given, Path(home).resolve())
    except MapdError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; with --home what came is kept", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
