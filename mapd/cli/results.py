"""`mapd results`: two exams on the same questions, compared."""

from typing import Annotated

import typer

from mapd import results
from mapd.cli.demo import before_and_after, score
from mapd.cli.shared import AsJson, console, line, reading, show


def compare(
    exam_before: Annotated[str, typer.Option("--before", help="The exam before: id, uid or name.")],
    exam_after: Annotated[str, typer.Option("--after", help="The exam after, on the same questions.")],
    questions: Annotated[
        bool, typer.Option("--questions", help="List the questions' uids, too, by what became of each.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare two exams, before and after, question by question."""
    with reading() as session:
        comparison = results.compare(results.load(session, exam_before), results.load(session, exam_after))
    uids = {change.name.lower(): list(uids_) for change, uids_ in comparison.changes.items()}
    if as_json:
        families = {
            name: {"before": score(f.before), "after": score(f.after), "majority": f.majority, "mcnemar_p": f.mcnemar_p}
            for name, f in comparison.by_family.items()
        }
        overall = comparison.overall
        result = {"before": score(overall.before), "after": score(overall.after), "fixed": comparison.fixed}
        result |= {"broken": comparison.broken, "mcnemar_p": overall.mcnemar_p, "majority": overall.majority}
        result |= {name: len(uids[name]) for name in ("still_wrong", "still_right")}
        result |= {"by_family": families, "caveats": results.list_caveats(comparison)}
        result |= {"asked_otherwise": {name: list(pair) for name, pair in comparison.asked_otherwise.items()}}
        show(result | ({"questions": uids} if questions else {}), as_json, "")
        return
    line(f"{comparison.before.name}  →  {comparison.after.name}")
    console.print(before_and_after(comparison.overall, comparison.by_family))
    line(", ".join(f"{change.value} {len(uids_)}" for change, uids_ in comparison.changes.items()))
    for caveat in results.list_caveats(comparison):
        line(f"  {caveat}")
    if questions:
        for change, uids_ in comparison.changes.items():
            for uid in uids_:
                line(f"{change.value:<12} {uid}")
