"""`mapd results`: two exams on the same questions, before and after, compared."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.table import Table

from mapd import pooled_results, prompts, similar_pairs
from mapd import results as stage
from mapd.cli import shared
from mapd.errors import BadInput
from mapd.results import FamilyResult, Results, Score
from mapd.store import queries


def results(
    exam_before: Annotated[str, typer.Option("--before", help="The exam before: id, uid or name.")],
    exams_after: Annotated[
        list[str], typer.Option("--after", help="The exam after, on the same questions; several trainings' are pooled.")
    ],
    questions: Annotated[
        bool, typer.Option("--questions", help="List the questions' uids, too, by what became of each.")
    ] = False,
    similar: Annotated[
        str | None,
        typer.Option(metavar="UID", help="Show the training pairs nearest to this question: similar, not cause."),
    ] = None,
    nearest: Annotated[int, typer.Option(min=1, max=100, help="So many of them.")] = 3,
    as_json: shared.AsJson = False,
) -> None:
    """Compare two exams, before and after, question by question.

    With --after for each of several trainings: what they gain on the mean, and how far one is from another.
    """
    if similar is not None:
        _show_similar(exams_after[-1], similar, nearest, as_json)
        return
    if len(exams_after) > 1:
        _show_pooled(exam_before, exams_after, as_json)
        return
    with shared.reading() as session:
        comparison = stage.compare(stage.load(session, exam_before), stage.load(session, exams_after[0]))
    uids = {change.name.lower(): list(uids_) for change, uids_ in comparison.changes.items()}
    if as_json:
        families = {
            name: {"before": score(f.before), "after": score(f.after), "majority": f.majority, "mcnemar_p": f.mcnemar_p}
            | {"difference": f.difference}
            for name, f in comparison.by_family.items()
        }
        overall = comparison.overall
        result = {"before": score(overall.before), "after": score(overall.after), "fixed": comparison.fixed}
        result |= {"broken": comparison.broken, "mcnemar_p": overall.mcnemar_p, "majority": overall.majority}
        result |= {"difference": overall.difference}
        result |= {name: len(uids[name]) for name in ("still_wrong", "still_right")}
        result |= {"by_family": families, "caveats": stage.list_caveats(comparison)}
        result |= {"asked_otherwise": {name: list(pair) for name, pair in comparison.asked_otherwise.items()}}
        shared.show(result | ({"questions": uids} if questions else {}), as_json, "")
        return
    shared.line(f"{comparison.before.name}  →  {comparison.after.name}")
    shared.console.print(before_and_after(comparison.overall, comparison.by_family))
    shared.line(", ".join(f"{change.value} {len(uids_)}" for change, uids_ in comparison.changes.items()))
    for caveat in stage.list_caveats(comparison):
        shared.line(f"  {caveat}")
    if questions:
        for change, uids_ in comparison.changes.items():
            for uid in uids_:
                shared.line(f"{change.value:<12} {uid}")


def _show_similar(exam: str, question: str, most: int, as_json: bool) -> None:
    with shared.reading() as session:
        row, index = queries.question(session, question), similar_pairs.load_index(session, exam)
    if index is None:
        raise BadInput(
            f"the student of exam {exam} was taught on no snapshot of this project: it has no training pairs"
        )
    block = prompts.question_block(row.text, row.context, row.options)
    pairs = index.find_nearest([block], most)[0]
    result = [{"similarity": near.similarity} | dict(near.pair) for near in pairs]
    if as_json:
        shared.show({"question": row.uid, "snapshot": index.sha256, "similar": result}, as_json, "")
        return
    shared.line(f"{block}\n\nThe nearest pairs of snapshot {index.sha256[:12]}, by words: similar, not cause")
    for near in pairs:
        shared.line(f"\n{near.similarity:.2f}  {similar_pairs.write_question(near.pair['question'])}")
        for kind in ("rationale", "feedback"):
            if kind in near.pair:
                shared.line(f"      {kind}: {near.pair[kind]['text']}")


def _show_pooled(exam_before: str, exams_after: Sequence[str], as_json: bool) -> None:
    with shared.reading() as session:
        after = [stage.load(session, ref) for ref in exams_after]
        pooled = pooled_results.pool(stage.load(session, exam_before), after)
    if as_json:
        names = ("gain", "of_trainings", "of_questions", "deviation", "always", "never")
        result = {name: getattr(pooled, name) for name in names}
        result |= {"before": score(pooled.comparisons[0].overall.before)}
        shared.show(result | {"trainings": [_as_training(result) for result in pooled.comparisons]}, as_json, "")
        return
    shared.console.print(_as_table({result.after.name: result.overall for result in pooled.comparisons}))
    for line in pooled_results.describe(pooled):
        shared.line(line)


def _as_training(comparison: Results) -> dict[str, Any]:
    overall = comparison.overall
    result: dict[str, Any] = {"exam": comparison.after.uid, "student": comparison.after.student}
    result |= {"after": score(overall.after), "fixed": comparison.fixed, "broken": comparison.broken}
    return result | {"mcnemar_p": overall.mcnemar_p}


def score(result: Score) -> dict[str, float]:
    """Return a score as scripts get it."""
    names = ("n", "correct", "accuracy", "low", "high", "no_answer", "cut_off", "length")
    return {name: getattr(result, name) for name in names}


def before_and_after(overall: FamilyResult, by_family: Mapping[str, FamilyResult]) -> Table:
    """Return the table of a comparison, in all and by family."""
    return _as_table({name.replace("_", " "): result for name, result in by_family.items()} | {"all": overall})


def _as_table(results: Mapping[str, FamilyResult]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("", "before", "95 %", "after", "95 %", "p", "no answer", "majority"):
        table.add_column(column, justify="left" if not column else "right", overflow="fold")
    for name, family in results.items():
        cells = (*_cells(family.before), *_cells(family.after), f"{family.mcnemar_p:.2g}")
        unread = f"{family.before.no_answer} → {family.after.no_answer}"
        table.add_row(name, *cells, unread, f"{family.majority:.1%}")
    return table


def _cells(result: Score) -> tuple[str, str]:
    return f"{result.accuracy:.1%} ({result.correct}/{result.n})", f"{result.low:.1%}–{result.high:.1%}"
