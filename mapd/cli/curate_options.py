"""The options that several commands of `mapd curate …` have: which exams, which policy, at which threshold."""

from typing import Annotated

import typer

Exams = Annotated[
    list[str], typer.Option("--exam", metavar="EXAM", help="The exam's id, uid or name; several, with --exam for each.")
]
PolicyName = Annotated[str | None, typer.Option("--policy", help="paper, strict, or a saved policy's name.")]
Threshold = Annotated[
    float | None,
    typer.Option(
        min=0, max=5, help="Accept where the mean is strictly greater, 0 to 5; of a fitted policy P(right), 0 to 1."
    ),
]
