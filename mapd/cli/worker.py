"""`mapd worker`: the process that takes jobs."""

from typing import Annotated

import typer

from mapd import interrupts
from mapd.cli import shared
from mapd.jobs import worker as process
from mapd.settings import Settings


def worker(
    name: Annotated[str, typer.Option(help="Its name, one a machine; by default the machine's.")] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Wait until another worker of this name has ended.")] = False,
    with_parent: Annotated[bool, typer.Option("--with-parent", hidden=True)] = False,
) -> None:
    """Take jobs and do them, until Ctrl+C. The app starts one by itself."""
    shared.log_to_terminal()
    process.serve(Settings(), name, wait=wait, with_parent=with_parent)
    raise typer.Exit(interrupts.CODE)
