"""`mapd repair`: a corrected copy of a text."""

from pathlib import Path
from typing import Annotated

import typer

from mapd.cli import shared
from mapd.cli.judge import CHECKS, KINDS, KindOfText, TextRef, describe, load_explained
from mapd.people import owner
from mapd.review import repairs
from mapd.review.judging import Target
from mapd.store import queries
from mapd.store import tables as t


def repair(
    kind: KindOfText,
    ref: TextRef,
    file: Annotated[Path, typer.Option(help="The corrected text, as UTF-8; - reads standard input.")],
    by: shared.JudgeName,
    as_json: shared.AsJson = False,
) -> None:
    """Keep a corrected copy of a text, and reject the old one. One undo takes both back."""
    shared.one_of("KIND", kind, KINDS)
    words = shared.read_file(file)
    with shared.writing() as session:
        row = queries.explanation(session, kind, ref)
        _, circumstances = describe(session, row)
        token = t.new_uid()
        target = Target(row.kind, queries.identity(row))
        copy = repairs.repair(session, target, words, by=owner(by), token=token, circumstances=circumstances)
        explained = load_explained(session, copy)
        checks = {name: getattr(explained.states, check).value for name, check in CHECKS.items()}
        result = {"id": copy.uid, "repairs": row.uid, "verdict": explained.verdict.value, "checks": checks}
    shared.show(result, as_json, "repaired")
