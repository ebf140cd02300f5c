"""`mapd results`: two exams on the same questions, compared."""

from typing import Annotated

import typer

from mapd import results
from mapd.cli.demo import before_and_after, score
from mapd.cli.shared import AsJson, console, line, reading, show


def compare(
    before: Annotated[str, typer.Option(help="The exam before: id, uid or name.")],
    after: Annotated[str, typer.Option(help="The exam after, on the same questions.")],
    questions: Annotated[
        bool, typer.Option("--questions", help="List the questions' uids, too, by what became of each.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare two exams, before and after, question by question."""
    with reading() as session:
        told = results.compare(results.load(session, before), results.load(session, after))
    uids = {change.name.lower(): list(found) for change, found in told.changes.items()}
    if as_json:
        families = {
            name: {"before": score(f.before), "after": score(f.after), "majority": f.majority, "mcnemar_p": f.mcnemar_p}
            for name, f in told.by_family.items()
        }
        overall = told.overall
        result = {"before": score(overall.before), "after": score(overall.after), "fixed": told.fixed}
        result |= {"broken": told.broken, "mcnemar_p": overall.mcnemar_p, "majority": overall.majority}
        result |= {name: len(uids[name]) for name in ("still_wrong", "still_right")}
        result |= {"by_family": families, "caveats": results.list_caveats(told)}
        result |= {"asked_otherwise": {name: list(pair) for name, pair in told.asked_otherwise.items()}}
        show(result | ({"questions": uids} if questions else {}), as_json, "")
        return
    line(f"{told.before.name}  →  {told.after.name}")
    console.print(before_and_after(told.overall, told.by_family))
    line(", ".join(f"{change.value} {len(found)}" for change, found in told.changes.items()))
    for said in results.list_caveats(told):
        line(f"  {said}")
    if questions:
        for change, found in told.changes.items():
            for uid in found:
                line(f"{change.value:<12} {uid}")
