"""`mapd guidelines …`: how people are to judge, and the reasons that a rejection can have."""

from pathlib import Path
from typing import Annotated

import typer

from mapd.cli.shared import AsJson, PersonName, moment, person_of, read_file, reading, show, show_lines, writing
from mapd.errors import NotFound
from mapd.review import guidelines, reasons

commands = typer.Typer(no_args_is_help=True, help="How people are to judge: markdown, every version kept.")


@commands.command("show")
def show_guidelines(
    version: Annotated[int | None, typer.Option(help="By default the current one.")] = None, as_json: AsJson = False
) -> None:
    """Show a version, and how many verdicts were given under it."""
    with reading() as session:
        versions = guidelines.versions(session)
    guideline = next((v for v in versions if version in (None, v.number)), None)
    if guideline is None:
        name = "no version" if version is None else f"no version {version}"
        raise NotFound(f"{name} of the guidelines: there are {len(versions)}")
    result = {"version": guideline.number, "of": len(versions), "by": guideline.person}
    result |= {"since": guideline.since.isoformat(), "verdicts": guideline.verdicts, "text": guideline.text}
    title = f"version {guideline.number} of {len(versions)}, by {guideline.person}, since {moment(guideline.since)}"
    show_lines(result, as_json, (title, guideline.text))


@commands.command("set")
def set_guidelines(
    file: Annotated[Path, typer.Argument(help="Markdown, as UTF-8; - reads standard input.")],
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Save a new version; the ones before are kept."""
    words = read_file(file)
    with writing() as session:
        last = guidelines.current(session)
        guidelines.save(session, words, by=person_of(by), base_uid=last.uid if last else None)
        number = len(guidelines.versions(session))
    show({"version": number}, as_json, "saved")


@commands.command("reasons")
def list_reasons(as_json: AsJson = False) -> None:
    """List the reasons for a rejection, usual and own."""
    with reading() as session:
        reasons_, own_reasons = reasons.list_offered(session), reasons.list_own(session)
    show({"reasons": reasons_, "own": own_reasons}, as_json, ", ".join(reasons_))


@commands.command("add-reason")
def add_reason(
    words: Annotated[str, typer.Argument(help="Such as 'wrong units'.")], by: PersonName = None, as_json: AsJson = False
) -> None:
    """Offer another reason for a rejection. Triage, browse and `mapd judge --reason` have it from then on."""
    with writing() as session:
        code = reasons.add(session, words, by=person_of(by))
    show({"reason": code}, as_json, "added")


@commands.command("remove-reason")
def remove_reason(
    code: Annotated[str, typer.Argument(help="As `mapd guidelines reasons` gives it.")],
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Take a reason out of the list. What was rejected for it stays."""
    with writing() as session:
        reasons.remove(session, code, by=person_of(by))
    show({"removed": code}, as_json, "removed")
