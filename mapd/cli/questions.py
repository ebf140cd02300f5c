"""`mapd questions …`: bring in a set, look at it, make one, list them."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from mapd.answers.grading import Task
from mapd.cli import shared
from mapd.cli.delete import delete_command
from mapd.cli.rename import rename_command
from mapd.errors import BadInput, BadUsage
from mapd.questions import file_table, formats, generated, gym, imports, mapping, saved_mappings, sets, sources
from mapd.questions.mapping import FieldMapping
from mapd.questions.options import AnswerKey
from mapd.questions.rows import SHARES, SPLITS, QuestionRow, Shares, parse_shares
from mapd.trash import plan_questions_removal

commands = typer.Typer(no_args_is_help=True, help="Sets of questions: add files, make a set, look at it.")

SetName = Annotated[str, typer.Argument(metavar="NAME", help="The set's name in this project.")]
SharesText = Annotated[
    str | None, typer.Option("--shares", metavar="A,B,C", help="Shares of train, dev and test, such as 0.6,0.2,0.2.")
]
Seed = Annotated[int, typer.Option(help="Draws the questions or the splits; the same seed, the same set.")]
Count = Annotated[int, typer.Option(min=0, help="Questions of each family.")]
Files = Annotated[list[Path] | None, typer.Argument(metavar="FILE", help="Files, or folders that datasets saved.")]
PREVIEWED = 5


def _of_split(split: str) -> Any:
    return typer.Option(f"--{split}", metavar="FILE", help=f"A file of the {split} split; may be given several times.")


@commands.command("add")
def add_questions(
    name: SetName,
    paths: Files = None,
    train: Annotated[list[Path] | None, _of_split("train")] = None,
    dev: Annotated[list[Path] | None, _of_split("dev")] = None,
    test: Annotated[list[Path] | None, _of_split("test")] = None,
    hub: Annotated[str | None, typer.Option(metavar="ORG/NAME[:CONFIG]", help="A set on the hub.")] = None,
    format_: Annotated[str | None, typer.Option("--format", help=f"One of {', '.join(formats.FORMATS)}.")] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="PART=FIELD,…", help=f"Such as {mapping.EXAMPLE}; @NAME is one that was kept."),
    ] = None,
    save_map: Annotated[str | None, typer.Option(metavar="NAME", help="Keep the --map under a name.")] = None,
    task: Annotated[str | None, typer.Option(help="numeric, boolean, choice or text, where it can't be told.")] = None,
    answers: Annotated[str | None, typer.Option(help="What a key is: label, index0, index1 or text.")] = None,
    ignore: Annotated[list[str] | None, typer.Option(metavar="FIELD", help="Leave a long field out.")] = None,
    split: Annotated[str | None, typer.Option(help="Put all into train, dev or test.")] = None,
    shares: SharesText = None,
    seed: Seed = 0,
    skip_bad: shared.SkipBad = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the first questions; store nothing.")] = False,
    by: shared.PersonName = None,
    as_json: shared.AsJson = False,
) -> None:
    """Add files, folders or a set of the hub as one immutable set. Where they have no splits, these are drawn."""
    contents = _tables(paths or [], {"train": train, "dev": dev, "test": test}, hub)
    if any((train, dev, test)) and (split, shares) != (None, None):
        raise BadUsage("--train, --dev and --test give each file its split; leave out --split and --shares")
    if (split, shares) == (None, None):
        contents = sources.split_by_names(contents)
    instructions = imports.Instructions(
        format=None if format_ is None else shared.one_of("--format", format_, formats.FORMATS),
        mapping=_mapping(map_ or []),
        task=None if task is None else Task(shared.one_of("--task", task, list(Task))),
        answers=None if answers is None else AnswerKey(shared.one_of("--answers", answers, list(AnswerKey))),
        ignore=frozenset(ignore or ()),
        split=None if split is None else shared.one_of("--split", split, SPLITS),
        shares=_shares(shares, split),
        seed=seed,
    )
    question_import = imports.read(contents, instructions)
    question_import.refuse_unread()
    if skip_bad is None or not question_import.rows:
        question_import.refuse_bad()
    if dry_run:
        _show_preview(name, question_import, as_json)
        return
    if skip_bad is not None and question_import.bad:
        shared.write_bad(skip_bad, question_import.bad)
    if save_map is not None:
        with shared.writing() as session:
            saved_mappings.save(session, save_map, instructions.mapping, by=shared.person_of(by))
    source, files, summary = sources.describe(contents), sources.list_files(contents), _summary(question_import)
    rows = question_import.rows
    _store(name, rows, source=source, simulated=False, files=files, summary=summary, by=by, as_json=as_json)


def _tables(
    paths: Sequence[Path], by_split: dict[str, list[Path] | None], hub: str | None
) -> list[file_table.FileTable]:
    """Return every table that the command names, those of a split marked so."""
    contents = [table for path in paths for table in sources.read_path(path, formats.headings)]
    for split, of_split in by_split.items():
        for path in of_split or ():
            of_path = sources.read_path(path, formats.headings)
            if len(splits := sorted({table.split for table in of_path if table.split})) > 1:
                raise BadInput(f"--{split} {path} holds the splits {', '.join(splits)}; give it without --{split}")
            contents += (replace(table, split=split) for table in of_path)
    if hub is not None:
        contents += sources.read_hub(hub)
    if not contents:
        raise BadUsage("there is nothing to add; name a file or a folder, or a set on the hub with --hub ORG/NAME")
    return contents


def _mapping(texts: Sequence[str]) -> FieldMapping:
    """Return what `--map` says, kept mappings in the place of their names."""
    fields = FieldMapping()
    for text in texts:
        if text.startswith("@"):
            with shared.reading() as session:
                fields = saved_mappings.get(session, text[1:]).over(fields)
        else:
            with shared.usage():
                fields = mapping.parse(text).over(fields)
    return fields


def _shares(text: str | None, split: str | None = None) -> Shares | None:
    if text is None:
        return None
    if split is not None:
        raise BadUsage("--split puts all questions into one split, --shares draws them: give one of the two")
    return parse_shares(text)


def _summary(question_import: imports.QuestionImport) -> dict[str, Any]:
    """Return what a command says of an import, beside the splits."""
    summary: dict[str, Any] = {"format": question_import.format, "tasks": question_import.tasks}
    if question_import.answers is not None:
        summary["answers"] = question_import.answers.value
    return summary | {"not_read": question_import.not_read, "skipped": len(question_import.bad)}


def _show_preview(name: str, question_import: imports.QuestionImport, as_json: bool) -> None:
    sizes = {split: sum(row.split == split for row in question_import.rows) for split in SPLITS}
    summary = {"dry_run": name, "n": len(question_import.rows), **sizes, "mapping": str(question_import.mapping)}
    summary |= _summary(question_import)
    _show_rows(summary, question_import.rows[:PREVIEWED], as_json, "nothing was stored")


def _show_rows(summary: dict[str, Any], rows: Sequence[QuestionRow], as_json: bool, title: str) -> None:
    questions = imports.preview(rows)
    if as_json:
        shared.show(summary | {"rows": questions}, as_json, "")
        return
    shared.show(summary, as_json, title)
    for row in questions:
        shared.line("")
        shared.line(" · ".join(row[key] for key in ("id", "split", "task", "family") if key in row))
        for key in ("context", "question", "options", "gold", "note"):
            parts = row.get(key, [])
            for number, part in enumerate(parts if isinstance(parts, list) else parts.split("\n")):
                shared.line(f"  {'' if number else key:<9} {part}")


@commands.command("show")
def show_questions(
    name: SetName,
    split: Annotated[str | None, typer.Option(help="Of train, dev or test alone.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many questions.")] = PREVIEWED,
    as_json: shared.AsJson = False,
) -> None:
    """Show the first questions of a set as they are stored."""
    if split is not None:
        shared.one_of("--split", split, SPLITS)
    with shared.reading() as session:
        questions = sets.get(session, name)
        [listed_set] = sets.list_sets(session, questions.name)
        rows = sets.load_rows(session, questions, split, limit)
    sizes = {"train": listed_set.train, "dev": listed_set.dev, "test": listed_set.test}
    summary = {"questions": listed_set.name, "source": listed_set.source, "n": sum(sizes.values()), **sizes}
    _show_rows(summary, rows, as_json, "question set")


@commands.command("maps")
def list_mappings(as_json: shared.AsJson = False) -> None:
    """List the mappings that --save-map kept."""
    with shared.reading() as session:
        mappings = {name: str(fields) for name, fields in saved_mappings.list_mappings(session).items()}
    shared.show_lines({"maps": mappings}, as_json, (f"{name:<24} {text}" for name, text in mappings.items()))


@commands.command("gym")
def gym_questions(
    name: SetName,
    task: Annotated[str, typer.Argument(help="A task of reasoning-gym, such as leg_counting.")],
    count: Annotated[int, typer.Option(min=1, help="How many questions.")],
    shares: SharesText = None,
    seed: Seed = 0,
    by: shared.PersonName = None,
    as_json: shared.AsJson = False,
) -> None:
    """Make a set of reasoning-gym's questions. They come with the extra "gym":

    \b
      pip install 'mapd-studio[gym]'
    """
    rows = gym.rows(task, count, shares=_shares(shares) or SHARES, seed=seed)
    _store(name, rows, source=f"reasoning-gym {task}, seed {seed}", simulated=False, by=by, as_json=as_json)


@commands.command("generate")
def generate_questions(
    name: SetName,
    train: Count = 36,
    dev: Count = 70,
    test: Count = 0,
    seed: Seed = 0,
    by: shared.PersonName = None,
    as_json: shared.AsJson = False,
) -> None:
    """Make a set of the demo's three families. The simulated teachers can explain these."""
    if train + dev + test == 0:
        raise BadUsage("a set of no questions is refused; give --train, --dev or --test a number")
    questions = generated.draw(generated.FAMILIES, {"train": train, "dev": dev, "test": test}, seed)
    _store(name, sets.make_rows(questions), source=f"generated, seed {seed}", simulated=True, by=by, as_json=as_json)


@commands.command("list")
def list_questions(as_json: shared.AsJson = False) -> None:
    """List the sets, their splits, and openings of the test split."""
    with shared.reading() as session:
        summaries = sets.list_sets(session)
    if as_json:
        shared.show({"sets": [asdict(summary) for summary in summaries]}, as_json, "")
        return
    table = Table(box=None, pad_edge=False)
    for column in ("set", "source"):
        table.add_column(column)
    for column in ("train", "dev", "test", "test opened"):
        table.add_column(column, justify="right")
    for summary in summaries:
        source = f"{summary.source} (simulated)" if summary.simulated else summary.source
        table.add_row(summary.name, source, *map(str, (summary.train, summary.dev, summary.test, summary.openings)))
    shared.console.print(table)


def _store(
    name: str,
    rows: Sequence[QuestionRow],
    *,
    source: str,
    simulated: bool,
    by: str | None,
    as_json: bool,
    files: Sequence[tuple[str, str]] = (),
    summary: dict[str, Any] | None = None,
) -> None:
    with shared.writing() as session:
        person = shared.person_of(by)
        question_set = sets.add(session, name, rows, source=source, simulated=simulated, by=person, files=files)
        [added] = sets.list_sets(session, question_set.name)
    sizes = {split: getattr(added, split) for split in SPLITS}
    sizes = {"n": sum(sizes.values()), **sizes}
    shared.show({"questions": added.name, **sizes, **(summary or {})}, as_json, "question set")


commands.command("rename")(rename_command("question set"))
commands.command("delete")(delete_command("question set", plan_questions_removal))
