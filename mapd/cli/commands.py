"""The commands in one table, and how `mapd` ends: result, error in one line, exit code.

    $ mapd import authors --feedback F.json --rationales R.json --json
    {"exam": "5e…", "mistakes": 387, "feedback": 1161, "rationales": 1161, "reviews": 2322, "no_vote": 2, …}

With `--json` one line of JSON is all that standard output gets. An error is one line on standard error: exit 1, or 2
where the command itself was wrong, 130 where Ctrl+C or SIGTERM ended it.
"""

import os
import shlex
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import Abort, TyperException

from mapd import doctor as checkup
from mapd import interrupts
from mapd.characters import visible
from mapd.cli import attempts, committee, curate, demo, exam, jobs, judge, people, project, questions, read
from mapd.cli.shared import AsJson, derive_index, line, open_project, person_of, show
from mapd.errors import BadInput, BadUsage, MapdError, Stopped
from mapd.exchange import recorded
from mapd.settings import Settings
from mapd.store import db
from mapd.trash import plan_exam_removal, plan_questions_removal

HELP = """See a student model's mistakes, what teachers say of them, and decide what it should learn.

\b
  mapd app --demo                                          the pages, with a recorded demo
  mapd questions add sums sums.jsonl                       rows {"question": …, "answer": …}
  mapd students add smollm2
  mapd exam run --student smollm2 --questions sums --split train
  mapd teachers add mini --kind openai --model gpt-4o-mini
  mapd collect --exam 1 --teachers mini,sonnet             their feedback, rationales, reviews
  mapd curate snapshot --exam 1                            what is accepted, frozen
  mapd finetune --snapshot SHA256

The project lies in the folder MAPD_HOME. --json prints one line of JSON. An error is one line on standard error, with
code 1, or 2 where the command itself was wrong; Ctrl+C ends with 130."""
# Of the help: as one goes round the loop.
ORDER = (
    *("app", "demo", "doctor", "questions", "students", "exam", "read", "import", "teachers", "collect", "curate"),
    *("judge", "judge-all", "repair", "undo", "redo", "history", "people", "guidelines", "finetune", "results"),
    *("jobs", "worker", "project", "archive", "trash", "restore"),
)


class _Commands(TyperGroup):
    """The commands, in an order for people."""

    def list_commands(self, ctx: Any) -> list[str]:
        places = {name: place for place, name in enumerate(ORDER)}
        return sorted(super().list_commands(ctx), key=lambda name: places.get(name, len(ORDER)))


def _show_version(requested: bool) -> None:
    if requested:
        line(f"mapd {version('mapd-studio')}")
        raise typer.Exit


app = typer.Typer(
    cls=_Commands,
    help=HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # In a help text [gym] is a word, no markup.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def take_options(
    _: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Take what stands before the command."""


app.add_typer(questions.questioning, name="questions")
curate.importing.command("attempts")(attempts.import_attempts)
app.add_typer(curate.importing, name="import")
app.add_typer(curate.curating, name="curate")
for command in (judge.judge, judge.judge_all, judge.repair, judge.undo, judge.redo, judge.history):
    app.command(command.__name__.replace("_", "-"))(command)
app.add_typer(people.sharing_out, name="people")
app.add_typer(people.guiding, name="guidelines")
app.add_typer(committee.teaching, name="teachers")
app.command("collect")(committee.collect)
app.command("finetune")(exam.finetune)
app.add_typer(exam.learning, name="students")
exam.examining.command("export")(attempts.export_attempts)
app.add_typer(exam.examining, name="exam")
app.add_typer(project.naming, name="project")
app.add_typer(project.binning, name="trash")
app.command("restore")(project.restore)
for group, kind in (
    (exam.examining, "exam"),
    (questions.questioning, "question set"),
    (exam.learning, "student"),
    (committee.teaching, "teacher"),
):
    group.command("rename")(project.rename(kind))
exam.examining.command("delete")(project.delete("exam", plan_exam_removal))
questions.questioning.command("delete")(project.delete("question set", plan_questions_removal))
app.add_typer(read.reading_texts, name="read")
app.add_typer(project.archiving, name="archive")
app.command("results")(demo.compare)
app.command("demo")(demo.demo)
app.add_typer(jobs.handling, name="jobs")
app.command("worker")(jobs.run_worker)


@app.command("openapi")
def describe_routes(as_json: AsJson = False) -> None:
    """Describe the app's routes in OpenAPI, as the code has them."""
    # Here: its library is not needed for the other commands.
    from mapd.api import routes

    show(routes.describe(), as_json, "The routes below /api; --json prints all of it.")


@app.command("app")
def run_app(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port on this machine.")] = 8501,
    with_demo: Annotated[bool, typer.Option("--demo", help="Load the recorded demo into a fresh project.")] = False,
) -> None:
    """Open the app on http://127.0.0.1:PORT until Ctrl+C."""
    # What can't be used is said before a server starts.
    engine = open_project()
    if with_demo and recorded.load(engine, Settings().home, by=person_of(None)):
        derive_index(engine)
        line("the recorded demo is loaded: its teachers are simulated")
    with db.reading(engine) as session:
        name = project.name_of(session)
    script = Path(__file__).parents[2] / "app.py"
    if not script.is_file():
        raise BadInput(f"the app's pages are not installed: {script} is missing; run it from a checkout of the project")
    line(f"MAPD Studio: http://127.0.0.1:{port}   project {name}   (Ctrl+C ends it)")
    sys.stdout.flush()
    # Streamlit reads its configuration from the folder that it starts in.
    home = str(Settings().home.resolve())
    os.chdir(script.parent)
    os.environ["MAPD_HOME"] = home
    os.execv(sys.executable, [sys.executable, "-m", "mapd.ui.kit.server", str(script), str(port)])


@app.command("doctor")
def doctor(as_json: AsJson = False) -> None:
    """Say what works on this machine, what doesn't, and the cure."""
    findings = checkup.examine(Settings())
    if as_json:
        items = [{"what": f.subject, "ok": f.ok, "found": f.report, "cure": f.cure} for f in findings]
        show({"ok": all(f.ok for f in findings), "findings": items}, as_json, "")
    else:
        for finding in findings:
            line(f"{'ok ' if finding.ok else 'BAD'}  {finding.subject}: {finding.report}")
    if bad := [f for f in findings if not f.ok]:
        raise BadInput("; ".join(f"{f.subject}: {f.cure}" for f in bad))


def run() -> int:
    """Run the command of this process; return its exit code. Every error is one line on standard error."""
    try:
        outcome = app(standalone_mode=False, prog_name="mapd")
        sys.stdout.flush()
        # typer makes this code of a KeyboardInterrupt.
        if outcome == interrupts.CODE and interrupts.was_heard():
            return _complain(interrupts.HALF, interrupts.CODE)
        return outcome if isinstance(outcome, int) else 0
    except Stopped as stopped:
        return _complain(str(stopped), interrupts.CODE)
    except BadUsage as error:
        return _complain(str(error), 2)
    except MapdError as error:
        return _complain(str(error), 1)
    except TyperException as error:
        # Of a group without a command it is the whole help.
        if (message := error.format_message()).startswith("Usage:"):
            sys.stderr.write(f"{message}\n")
            return error.exit_code
        # typer's own message leaves the value out.
        words = shlex.join(sys.argv[1:])[:200]
        return _complain(f"{message} (in: mapd {words}; see mapd --help)", error.exit_code)
    except (Abort, KeyboardInterrupt):
        return _complain(interrupts.HALF, interrupts.CODE)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        # As a shell says of a program whose reader went away.
        return 141


def _complain(message: str, code: int) -> int:
    sys.stderr.write(f"mapd: {visible(' '.join(message.split()))}\n")
    return code
