"""`mapd guidelines …`: how people are to judge."""

from pathlib import Path
from typing import Annotated

import typer

from mapd.cli.shared import AsJson, PersonName, line, moment, person_of, reading, show, writing, written
from mapd.curation import guidelines, reasons
from mapd.errors import NotFound

guiding = typer.Typer(no_args_is_help=True, help="How people are to judge: markdown, every version kept.")


@guiding.command("show")
def show_guidelines(
    version: Annotated[int | None, typer.Option(help="By default the current one.")] = None, as_json: AsJson = False
) -> None:
    """Show a version, and how many verdicts were given under it."""
    with reading() as session:
        found = guidelines.versions(session)
    one = next((v for v in found if version in (None, v.number)), None)
    if one is None:
        which = "no version" if version is None else f"no version {version}"
        raise NotFound(f"{which} of the guidelines: there are {len(found)}")
    if as_json:
        told = {"version": one.number, "of": len(found), "by": one.person, "since": one.since.isoformat()}
        show(told | {"verdicts": one.verdicts, "text": one.text}, as_json, "")
        return
    line(f"version {one.number} of {len(found)}, by {one.person}, since {moment(one.since)}")
    line(one.text)


@guiding.command("set")
def set_guidelines(
    file: Annotated[Path, typer.Argument(help="Markdown, as UTF-8; - reads standard input.")],
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Save a new version; the ones before are kept."""
    words = written(file)
    with writing() as session:
        last = guidelines.current(session)
        guidelines.save(session, words, by=person_of(by), base_uid=last.uid if last else None)
        number = len(guidelines.versions(session))
    show({"version": number}, as_json, "saved")


@guiding.command("reasons")
def list_reasons(as_json: AsJson = False) -> None:
    """List the reasons for a rejection, usual and own."""
    with reading() as session:
        offered, own = reasons.list_offered(session), reasons.list_own(session)
    show({"reasons": offered, "own": own}, as_json, ", ".join(offered))


@guiding.command("add-reason")
def add_reason(
    words: Annotated[str, typer.Argument(help="Such as 'wrong units'.")], by: PersonName = None, as_json: AsJson = False
) -> None:
    """Offer another reason for a rejection. Triage, browse and `mapd judge --reason` have it from then on."""
    with writing() as session:
        code = reasons.add(session, words, by=person_of(by))
    show({"reason": code}, as_json, "added")


@guiding.command("remove-reason")
def remove_reason(
    code: Annotated[str, typer.Argument(help="As `mapd guidelines reasons` gives it.")],
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Take a reason out of the list. What was rejected for it stays."""
    with writing() as session:
        reasons.remove(session, code, by=person_of(by))
    show({"removed": code}, as_json, "removed")
