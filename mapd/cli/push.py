"""`mapd push ORG/NAME`: a snapshot, or a student's adapter, onto the Hugging Face hub."""

from dataclasses import asdict
from typing import Annotated

import typer

from mapd.cli.shared import AsJson, PersonName, line, open_project, person_of, show, usage
from mapd.errors import BadInput, BadUsage
from mapd.exchange import hub
from mapd.models import weights
from mapd.settings import Settings


def push(
    repository: Annotated[
        str, typer.Argument(metavar="ORG/NAME", help="The repository; it is made where it isn't there.")
    ],
    snapshot: Annotated[
        str | None, typer.Option(metavar="SHA", help="A snapshot, as a `datasets` folder with its card.")
    ] = None,
    student: Annotated[str | None, typer.Option(metavar="NAME", help="A student's adapter, with its card.")] = None,
    private: Annotated[bool, typer.Option("--private/--public", help="Who may see a repository that is made.")] = True,
    revision: Annotated[
        str, typer.Option(metavar="BRANCH", help="A branch; a new one begins with this alone.")
    ] = hub.MAIN,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")] = False,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Send a snapshot or a student to the hub, with a card. Run again it goes on; it writes over nothing else.

    The token is HF_TOKEN's, or what `hf auth login` keeps.

    \b
    mapd push ann/pens --snapshot 3f2a --dry-run
    mapd push ann/pens-student --student mine
    """
    if (snapshot is None) == (student is None):
        raise BadUsage("what is sent is one of --snapshot SHA and --student NAME")
    with usage():
        if not weights.is_hub_name(repository):
            raise BadInput(f"a repository on the hub is named ORG/NAME, not {repository[:120]!r}")
    result = hub.push(
        open_project(),
        repository,
        snapshot=snapshot,
        student=student,
        private=private,
        revision=revision,
        dry_run=dry_run,
        by=person_of(by),
        home=Settings().home,
    )
    if as_json:
        show(asdict(result) | {"dry_run": dry_run}, as_json, "")
        return
    sight = "private" if result.private else "public"
    verb = "would be sent to" if dry_run else "is at"
    line(f"{len(result.files):,} files, {result.bytes:,} bytes: {result.kind} {verb} {result.repository}, {sight}")
    for file in result.files:
        state = "" if dry_run or file.path in result.changed else "  was there"
        line(f"  {file.bytes:>14,}  {file.sha256[:12]}  {file.path}{state}")
    if dry_run:
        line("README.md:")
        for text in result.card.splitlines():
            line(f"  {text}")
    else:
        line(f"{result.url} at commit {result.commit}")
    if result.note:
        line(result.note)
