"""The commands in one table, and how `mapd` ends: result, error in one line, exit code.

    $ mapd import authors --feedback F.json --rationales R.json --json
    {"exam": "5e…", "mistakes": 387, "feedback": 1161, "rationales": 1161, "reviews": 2322, "no_vote": 2, …}

With `--json` one line of JSON is all that standard output gets. An error is one line on standard error: exit 1, or 2
where the command itself was wrong, 130 where Ctrl+C or SIGTERM ended it.
"""

import os
import shlex
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import Abort, TyperException

from mapd import interrupts
from mapd.characters import visible
from mapd.cli import (
    archive,
    curate,
    exam,
    guidelines,
    import_,
    jobs,
    people,
    project,
    questions,
    read,
    students,
    teachers,
    trash,
)
from mapd.cli.app import run_app
from mapd.cli.collect import collect
from mapd.cli.demo import demo
from mapd.cli.doctor import doctor
from mapd.cli.finetune import finetune
from mapd.cli.history import history
from mapd.cli.judge import judge
from mapd.cli.judge_all import judge_all
from mapd.cli.openapi import describe_routes
from mapd.cli.repair import repair
from mapd.cli.results import compare
from mapd.cli.shared import line
from mapd.cli.trash import restore
from mapd.cli.undo import redo, undo
from mapd.cli.worker import run_worker
from mapd.errors import BadUsage, MapdError, Stopped

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
# As one goes round the loop: so the help lists them.
COMMANDS: dict[str, typer.Typer | Callable[..., None]] = {
    "app": run_app,
    "demo": demo,
    "doctor": doctor,
    "questions": questions.commands,
    "students": students.commands,
    "exam": exam.commands,
    "read": read.commands,
    "import": import_.commands,
    "teachers": teachers.commands,
    "collect": collect,
    "curate": curate.commands,
    "judge": judge,
    "judge-all": judge_all,
    "repair": repair,
    "undo": undo,
    "redo": redo,
    "history": history,
    "people": people.commands,
    "guidelines": guidelines.commands,
    "finetune": finetune,
    "results": compare,
    "jobs": jobs.commands,
    "worker": run_worker,
    "project": project.commands,
    "archive": archive.commands,
    "trash": trash.commands,
    "restore": restore,
    "openapi": describe_routes,
}


class _Commands(TyperGroup):
    """The commands, in their order; typer would put the groups elsewhere."""

    def list_commands(self, _: Any) -> list[str]:
        return list(COMMANDS)


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


for name, command in COMMANDS.items():
    if isinstance(command, typer.Typer):
        app.add_typer(command, name=name)
    else:
        app.command(name)(command)


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
