"""The commands in one table, and how `mapd` ends: result, error in one line, exit code.

    $ mapd import authors --feedback F.json --rationales R.json --json
    {"exam": "5e…", "mistakes": 387, "feedback": 1161, "rationales": 1161, "reviews": 2322, "no_vote": 2, …}

With `--json` one line of JSON is all that standard output gets. An error is one line on standard error: exit 1, or 2
where the command itself was wrong, 130 where Ctrl+C or SIGTERM ended it.
"""

import os
import shlex
import sys
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import Abort, TyperException

from mapd import interrupts
from mapd.characters import visible
from mapd.cli.shared import line
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
# Of the help: as one goes round the loop.
ORDER = (
    *("app", "demo", "doctor", "questions", "students", "exam", "read", "import", "teachers", "collect", "curate"),
    *(
        "snapshots",
        "judge",
        "judge-all",
        "repair",
        "undo",
        "redo",
        "history",
        "people",
        "guidelines",
        "export",
        "push",
        "finetune",
    ),
    *("finetunes", "results", "round", "rounds", "arms", "ask", "jobs", "worker", "project", "archive", "trash"),
    *("restore", "openapi"),
)
# A command stands in the file of its name; Python takes no module named `import`, and an undo brings its redo.
FILES = {"import": "import_", "redo": "undo"}


class _Commands(TyperGroup):
    """The commands, in their order; typer would put the groups elsewhere."""

    def list_commands(self, _: Any) -> list[str]:
        return list(ORDER)


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


for command in ORDER:
    function = command.replace("-", "_")
    file = import_module(f"mapd.cli.{FILES.get(command, function)}")
    if hasattr(file, "commands"):
        app.add_typer(file.commands, name=command)
    else:
        app.command(command)(getattr(file, function))


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
