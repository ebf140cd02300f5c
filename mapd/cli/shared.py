"""What every command shares: its options, the store, and how a result is printed.

Names and texts are foreign: a terminal shows their control characters, in ⟨U+001B⟩, and never gets them. All that a
command prints passes here: a result and a line (`show`, `line`, a table), a bar, an error, a line of the log.
"""

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import rich.progress
import sqlalchemy as sa
import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text
from sqlmodel import Session

from mapd import approvals, interrupts
from mapd.characters import HIDDEN, as_json, visible
from mapd.errors import BadInput, BadUsage
from mapd.jobs import JobProgress
from mapd.people import Person, machine_user, owner, person_name
from mapd.questions.imports import BadRow, format_bad_rows
from mapd.review.queue_index import derivation
from mapd.settings import Settings
from mapd.store import db

AsJson = Annotated[bool, typer.Option("--json", help="One line of JSON on standard output, nothing else.")]
ExamRef = Annotated[str, typer.Option("--exam", help="The exam's id, uid or name.")]
# The variable that saves typing --by.
PERSON = "MAPD_PERSON"
SkipBad = Annotated[
    Path | None, typer.Option("--skip-bad", metavar="FILE", help="Import the rest; write the bad rows and why to FILE.")
]
# From the start to the first line, and between two.
FIRST_S, EVERY_S = 10.0, 60.0


class Terminal(Console):
    """A console to which text is only text: no markup, no emoji, no control character but those that rich makes."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **settings)

    def render_str(self, text: str, **settings: Any) -> Text:
        """Make the text of a string; rich would leave some control characters out, and send the others."""
        return super().render_str(visible(text.replace("\r\n", "\n")), **settings)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render anything else, a bar's columns among it; a segment of rich's own control characters says so."""
        for segment in super().render(renderable, options):
            acts = segment.control is None and HIDDEN.search(segment.text)
            yield Segment(visible(segment.text), segment.style) if acts else segment


# A file's lines are not broken at 80.
console = Terminal(width=None if sys.stdout.isatty() else 160)
errors = Terminal(stderr=True)


class _LogLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))


def log_to_terminal() -> None:
    """Print what this process logs, a line each, on standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(_LogLines("mapd: %(message)s"))
    logging.basicConfig(handlers=[handler])
    logging.getLogger("mapd").setLevel(logging.INFO)


class Lines:
    """The lines of one piece of work. A short one has none."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, say: Callable[[str], None] = interrupts.say
    ) -> None:
        self.clock, self.say = clock, say
        self.due = clock() + FIRST_S

    def tell(self, progress: JobProgress) -> None:
        """Write how far the work is, where a line is due."""
        if self.clock() >= self.due:
            self.due = self.clock() + EVERY_S
            self.say(progress.in_words)


def one_of(name: str, value: str, choices: Iterable[str]) -> str:
    """Return the value, if it is one of the known ones. Raises: BadUsage."""
    if value not in choices:
        raise BadUsage(f"{name} is one of {', '.join(choices)}, not {value}")
    return value


def check_person(name: str | None) -> str | None:
    """Return a person's name as it is kept. Raises: BadUsage where it can't be one."""
    with usage():
        return None if name is None else person_name(name)


@contextmanager
def usage() -> Iterator[None]:
    """Let a value that is refused be a fault of the command's words, not of the work."""
    try:
        yield
    except BadInput as error:
        raise BadUsage(str(error)) from error


PersonName = Annotated[
    str | None,
    typer.Option("--by", envvar=PERSON, callback=check_person, help="Who does it; by default the machine's user."),
]
JudgeName = Annotated[str, typer.Option("--by", envvar=PERSON, callback=check_person, help="Who judges: your name.")]


def split_names(option: str, text: str) -> tuple[str, ...]:
    """Return the names between commas, each once. Raises: BadUsage."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names or len(set(names)) < len(names):
        raise BadUsage(f"{option} takes names, such as A,B,C, each once; not {text or 'nothing'}")
    return names


def person_of(by: str | None) -> Person:
    """Return who acts: whoever can run a command here owns the project. Nobody named is the machine's user."""
    return owner(machine_user() if by is None else by)


def moment(at: datetime) -> str:
    """Return a time as this machine's clock has it, with how far that is from UTC. JSON keeps UTC."""
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S%z}"


def open_project(seconds: float = 60, say: Callable[[str], None] = interrupts.say) -> sa.Engine:
    """Return the project's database; where it can't be used just now it is waited for, for so long, with a line."""
    return db.open_store(Settings(), db.Patience(seconds, say))


def reading() -> Any:
    """Return a session to read the project with."""
    return db.reading(open_project())


@contextmanager
def writing() -> Iterator[Session]:
    """Open a session that commits at the end; then the queue index follows what was written."""
    engine = open_project()
    with db.writing(engine) as session:
        yield session
    derive_index(engine)


def derive_index(engine: sa.Engine) -> None:
    """Bring the queue index of all exams up to date, with a line now and then where that takes long."""
    lines = Lines()
    derivation.catch_up_all(engine, lambda done, total: lines.tell(JobProgress("queues", done, total)))


def agree(question: str, yes: bool) -> None:
    """Ask the question at the terminal, unless --yes answers it. Raises: BadInput where nobody says yes."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise BadInput(f"{question}: nothing was done, for nobody is at a terminal to say yes; --yes says it")
    if not typer.confirm(f"{question}. Yes?", err=True):
        raise BadInput("nothing was done: the answer was no")


def ask_about_keys(server: str, variables: Iterable[str], yes: bool) -> None:
    """Ask whether each key may go to the server, where it is another server's. Raises: BadInput where nobody agrees."""
    for variable in variables:
        with reading() as session:
            doubt = approvals.find_doubt(session, variable, server)
        if doubt is not None:
            agree(f"{doubt}: the key would be sent there", yes)


def read_file(file: Path) -> str:
    """Return the text of a file, or of standard input where it is "-"."""
    try:
        return sys.stdin.read() if file == Path("-") else file.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"the file can't be read: {file} ({error.strerror}); check the path") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"the text is not UTF-8: {file} ({error.reason} at byte {error.start:,})") from error


def write_bad(path: Path, bad: Sequence[BadRow]) -> None:
    """Write each bad row with its faults as a line of JSON; a file that is there stays."""
    content = format_bad_rows(bad)
    try:
        if path.exists() and path.read_text(encoding="utf-8") != content:
            raise BadInput(f"there is a file {path} with other content; give --skip-bad another name")
        path.write_text(content, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"the bad rows can't be written to {path} ({error}); give --skip-bad another name") from error


def show(result: Mapping[str, Any], json: bool, title: str) -> None:
    """Print a result: one line of JSON, or the title and a line a value."""
    if json:
        sys.stdout.write(as_json(result) + "\n")
        return
    line(title)
    for key, value in result.items():
        if key == "items":
            _print_items(value)
        elif isinstance(value, Mapping):
            line(f"  {key:<22} {', '.join(f'{k} {v}' for k, v in value.items())}")
        elif isinstance(value, list | tuple):
            line(f"  {key:<22} {len(value)}")
            for item in value:
                line(f"    {item}")
        else:
            line(f"  {key:<22} {value}")


def show_lines(result: Mapping[str, Any], json: bool, lines: Iterable[str]) -> None:
    """Print a result: one line of JSON, or these lines, which may be made only then."""
    if json:
        show(result, json, "")
    else:
        for text in lines:
            line(text)


def line(text: str) -> None:
    """Print one line as text."""
    console.print(text, soft_wrap=True)


def _print_items(items: list[dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False)
    # Of a fitted policy alone.
    p = ("p",) if any("p" in item for item in items) else ()
    columns = ("source_id", "teacher", "verdict", "mean", *p, "answer", "matches_gold", "false_steps", "rationale")
    for column in columns:
        table.add_column(column)
    words = {True: "yes", False: "no", None: "–"}
    for item in items:
        cells = (words[v] if v is None or isinstance(v, bool) else str(v) for v in map(item.get, columns))
        table.add_row(*cells)
    console.print(table)


@contextmanager
def counting(title: str, unit: str, as_json: bool) -> Iterator[Callable[[int, int], None]]:
    """Yield a function that is told how many of something are done, and of how many."""
    # Its lines come with --json, too: standard output has the result alone.
    lines, began = Lines(), time.monotonic()
    bar = rich.progress.Progress(console=errors, disable=as_json or not errors.is_terminal, transient=True)
    with bar:
        task = bar.add_task(title, total=None)

        def tell(count: int, total: int) -> None:
            bar.update(task, completed=count, total=total)
            if not errors.is_terminal:
                pace = count / max(time.monotonic() - began, 1e-9)
                seconds_left = (total - count) / pace if pace else None
                lines.tell(JobProgress(title, count, total, f"{pace:,.0f} {unit}/s", seconds_left))

        yield tell
