"""`mapd …`: what the pages do, for terminals and scripts.

    $ mapd import authors --feedback F.json --rationales R.json --json
    {"exam": "5e…", "mistakes": 387, "feedback": 1161, "rationales": 1161, "reviews": 2322, "no_vote": 2, …}

With `--json` one line of JSON is all that standard output gets. An error is one line on standard error: exit 1, or 2
where the command itself was wrong.
"""

import json
import os
import shlex
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text
from sqlmodel import Session
from typer.exceptions import Abort, TyperException

from mapd import doctor as checkup
from mapd.checks import RationaleChecks, State
from mapd.curation import judging, snapshots
from mapd.curation.curated import Curated, Explained, summary
from mapd.errors import BadInput, MapdError
from mapd.exchange import authors
from mapd.people import this_person
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.verdicts import Act, Policy

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
importing = typer.Typer(no_args_is_help=True, help="Bring files of other tools into the project.")
curating = typer.Typer(no_args_is_help=True, help="The curated set: look at it, freeze it.")
app.add_typer(importing, name="import")
app.add_typer(curating, name="curate")

AsJson = Annotated[bool, typer.Option("--json", help="One line of JSON on standard output, nothing else.")]
ExamRef = Annotated[str, typer.Option("--exam", help="The exam's id, uid or name.")]
PolicyName = Annotated[str | None, typer.Option("--policy", help="paper, strict, or a saved policy's name.")]
Threshold = Annotated[float | None, typer.Option(help="Accept where the mean is strictly greater.")]
PersonName = Annotated[str | None, typer.Option("--by", help="Who acts; by default the machine's user.")]

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


@importing.command("authors")
def import_authors(
    feedback: Annotated[Path, typer.Option(help="The authors' …_feedback_….json.")],
    rationales: Annotated[Path, typer.Option(help="The authors' …_rationale_….json.")],
    mistakes: Annotated[Path | None, typer.Option(help="The authors' …_false_….json.")] = None,
    dataset: Annotated[str | None, typer.Option(help="By default from the file's name.")] = None,
    student: Annotated[str | None, typer.Option(help="By default from the file's name.")] = None,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Import the paper authors' files as one exam. The same content twice returns the same exam."""
    files = [_file(feedback), _file(rationales), None if mistakes is None else _file(mistakes)]
    parsed = authors.parse(files[0], files[1], files[2], dataset, student)  # type: ignore[arg-type]
    with (
        _writing() as session,
        Progress(console=errors, disable=as_json or not errors.is_terminal, transient=True) as bar,
    ):
        task = bar.add_task("importing", total=len(parsed.rows))
        done = authors.store(
            session, parsed, by=by or this_person(), progress=lambda n, _: bar.update(task, completed=n)
        )
    result = asdict(done)
    new = result.pop("new")
    _print(result, as_json, "imported" if new else "this content is imported already")


def _file(path: Path) -> authors.File:
    try:
        return authors.File(path.name, path.read_bytes())
    except OSError as error:
        raise BadInput(f"the file can't be read: {path} ({error.strerror}); check the path") from error


@curating.command("show")
def curate_show(
    exam: ExamRef,
    policy: PolicyName = None,
    threshold: Threshold = None,
    items: Annotated[bool, typer.Option("--items", help="Every rationale too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Count the curated set under a policy; nothing is changed."""
    with _reading() as session:
        curated = _curated(session, exam, policy, threshold)
    counts = asdict(summary(curated))
    for key in ("mistakes", "pairs"):
        counts.pop(key)
    result = {
        "exam": curated.exam.uid,
        "policy": curated.policy.name,
        "threshold": curated.policy.threshold,
        **counts,
    }
    if items:
        result["items"] = [_item(m.question.source_id, x) for m in curated.mistakes for x in m.rationales]
    _print(result, as_json, f"{curated.exam.name}: {len(curated.mistakes)} mistakes")


def _curated(session: Session, exam: str, policy: str | None, threshold: float | None) -> Curated:
    info = queries.exam(session, exam)
    return judging.curated_set(session, info.id, _policy(session, info, policy, threshold))


def _policy(session: Session, exam: queries.ExamInfo, name: str | None, threshold: float | None) -> Policy:
    policy = judging.exam_policy(session, exam) if name is None else judging.policy_named(session, name)
    return policy if threshold is None else policy.at(threshold)


def _item(source_id: str, x: Explained) -> dict[str, Any]:
    assert isinstance(x.checks, RationaleChecks)
    return {
        "rationale": x.text.uid,
        "source_id": source_id,
        "teacher": x.text.teacher,
        "verdict": x.verdict.value,
        "mean": None if x.committee.mean is None else float(x.committee.mean),
        "answer": x.answer,
        "matches_gold": _three_states(x.states.matches_gold),
        "false_steps": x.checks.false_steps,
        "shows_work": _three_states(x.states.shows_work),
    }


def _three_states(state: State) -> bool | None:
    return {State.HOLDS: True, State.FAILS: False, State.NOTHING: None}[state]


@curating.command("snapshot")
def curate_snapshot(
    exam: ExamRef,
    policy: PolicyName = None,
    threshold: Threshold = None,
    seed: Annotated[int, typer.Option(help="Draws one rationale and one feedback a mistake.")] = 0,
    everything: Annotated[bool, typer.Option("--all", help="A pair for every accepted rationale.")] = False,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Freeze the curated set. The same input returns the same snapshot."""
    with _writing() as session:
        curated = _curated(session, exam, policy, threshold)
        frozen = snapshots.freeze(session, curated, by=by or this_person(), seed=seed, everything=everything)
        folder = snapshots.write(frozen, Settings().make_home())
        result = {"snapshot": frozen.sha256, "pairs": frozen.pairs, "path": str(folder)}
    _print(result, as_json, "frozen")


@app.command("judge")
def judge(
    kind: Annotated[str, typer.Argument(help="rationale or feedback.")],
    ref: Annotated[str, typer.Argument(metavar="ID", help="As `mapd curate show --items` gives it.")],
    decision: Annotated[str, typer.Option(help="accept, reject or withdraw.")],
    by: Annotated[str, typer.Option(help="Who judges.")],
    reason: Annotated[str | None, typer.Option(help="With reject: wrong_answer, false_step, …")] = None,
    note: Annotated[str | None, typer.Option(help="In your words.")] = None,
    as_json: AsJson = False,
) -> None:
    """Accept or reject one explanation, or withdraw what you said of it. A judgement stands whatever the threshold."""
    _one_of("KIND", kind, ("rationale", "feedback"))
    act = Act(_one_of("--decision", decision, ("accept", "reject", "withdraw")))
    with _writing() as session:
        row = queries.explanation(session, kind, ref)
        exam = queries.exam_of(session, row)
        before = judging.explained(judging.curated_set(session, exam), kind, queries.identity(row))
        circumstances = judging.Circumstances(queue="cli", committee=before.committee.verdict)
        target = judging.Target(kind, queries.identity(row))
        judging.judge(session, target, act, by=by, reason=reason, note=note, circumstances=circumstances)
        after = judging.explained(judging.curated_set(session, exam), kind, queries.identity(row))
        result = {"id": row.uid, "verdict_before": before.verdict.value, "verdict_after": after.verdict.value}
    _print(result, as_json, "judged")


def _one_of(name: str, value: str, known: Iterable[str]) -> str:
    if value not in known:
        raise BadInput(f"{name} is one of {', '.join(known)}, not {value}")
    return value


@app.command("app")
def run_app(port: Annotated[int, typer.Option(min=1, max=65535)] = 8501) -> None:
    """Open the app on http://127.0.0.1:PORT until Ctrl+C."""
    with _reading():  # a home or database that can't be used is said here, before a server starts
        pass
    script = Path(__file__).parent.parent / "app.py"
    if not script.is_file():
        raise BadInput(f"the app's pages are not installed: {script} is missing; run it from a checkout of the project")
    console.print(f"MAPD Studio: http://127.0.0.1:{port}   project {Settings().project}   (Ctrl+C ends it)")
    sys.stdout.flush()
    home = str(Settings().home.resolve())  # streamlit reads its configuration from the folder it starts in
    os.chdir(script.parent)
    os.environ["MAPD_HOME"] = home
    os.execv(sys.executable, [sys.executable, "-m", "streamlit", "run", str(script), f"--server.port={port}"])


@app.command("doctor")
def doctor(as_json: AsJson = False) -> None:
    """Look at this machine and project: what works, what doesn't, and the cure."""
    findings = checkup.examine(Settings())
    if as_json:
        _print({"ok": all(f.ok for f in findings), "findings": [asdict(f) for f in findings]}, as_json, "")
    else:
        for finding in findings:
            _line(f"{'ok ' if finding.ok else 'BAD'}  {finding.what}: {finding.found}")
    if bad := [f for f in findings if not f.ok]:
        raise BadInput("; ".join(f"{f.what}: {f.cure}" for f in bad))


def _reading() -> Any:
    return db.reading(db.open_store(Settings()))


def _writing() -> Any:
    return db.writing(db.open_store(Settings()))


def _print(result: Mapping[str, Any], as_json: bool, title: str) -> None:
    if as_json:
        sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
        return
    _line(title)
    for key, value in result.items():
        if key == "items":
            _print_items(value)
        elif isinstance(value, Mapping):
            _line(f"  {key:<22} {', '.join(f'{k} {v}' for k, v in value.items())}")
        elif isinstance(value, list | tuple):
            _line(f"  {key:<22} {len(value)}")
            for one in value:
                _line(f"    {one}")
        else:
            _line(f"  {key:<22} {value}")


def _line(text: str) -> None:
    console.print(Text(text), soft_wrap=True)  # as text: nothing in a name is markup


def _print_items(items: list[dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False)
    columns = ("source_id", "teacher", "verdict", "mean", "answer", "matches_gold", "false_steps", "rationale")
    for column in columns:
        table.add_column(column)
    words = {True: "yes", False: "no", None: "–"}
    for item in items:
        shown = (words[v] if v is None or isinstance(v, bool) else str(v) for v in map(item.get, columns))
        table.add_row(*map(Text, shown))
    console.print(table)


def main() -> NoReturn:
    """The console script: every error is one line on standard error."""
    try:
        outcome = app(standalone_mode=False)
        code = outcome if isinstance(outcome, int) else 0
    except MapdError as error:
        code = _complain(str(error), 1)
    except TyperException as error:
        given = shlex.join(sys.argv[1:])[:200]  # typer's own message leaves the value out
        code = _complain(f"{error.format_message()} (in: mapd {given}; see mapd --help)", error.exit_code)
    except (Abort, KeyboardInterrupt):
        code = _complain("interrupted: nothing half-done was kept", 130)
    except BrokenPipeError:
        code = 141  # as a shell says of a program whose reader went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def _complain(message: str, code: int) -> int:
    sys.stderr.write("mapd: " + " ".join(message.split()) + "\n")
    return code


if __name__ == "__main__":
    main()
