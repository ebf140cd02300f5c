"""`mapd arms`: one committee's texts taught in several ways, at equal size, over several seeds, compared on dev.

$ mapd arms --exam demo --arms no-review,paper,untaught --seeds 0,1,2 --json
{"student": "smollm2", "size": 79, "untaught": {"n": 210, "correct": 6, …}, "arms": [{"arm": "no-review", …}, …], …}
"""

from collections.abc import Sequence
from dataclasses import fields
from typing import Annotated, Any

import typer
from rich.table import Table

from mapd import arm_results, results
from mapd.arm_results import ArmComparison, ArmDifference, ArmScore, Interval
from mapd.cli import jobs as job_commands
from mapd.cli import shared
from mapd.cli.results import score
from mapd.errors import BadInput, BadUsage
from mapd.finetune.hyperparameters import METHODS, PRESETS
from mapd.jobs.arms_work import ArmsWork
from mapd.loop.arms import ARMS, FEW_SHOT, TEACHER, UNTRAINED
from mapd.prompts import MOST_SHOTS

KNOWN = ", ".join([*ARMS, "paper", "strict", "a saved policy", f"{TEACHER}NAME", *UNTRAINED])
HEADER = ("arm", "right", "other questions", "other trainings", "gain", "by", "wrong pairs", "no answer", "seeds")


def arms(
    exam: shared.ExamRef,
    arms: Annotated[str, typer.Option(help=f"Some of {KNOWN}. Without: what was compared so far.")] = "",
    seeds: Annotated[str, typer.Option(help="A training of each arm for each.")] = "0,1,2",
    pairs: Annotated[int | None, typer.Option(min=1, help="Of each arm; else as many as the smallest has.")] = None,
    policy: Annotated[str | None, typer.Option(help="Of the arms that name none; else the exam's own.")] = None,
    before: Annotated[
        str | None, typer.Option(metavar="EXAM", help="The student's exam over dev; else its own set, greedily.")
    ] = None,
    against: Annotated[str | None, typer.Option(metavar="ARM", help="Also say how much better each is.")] = None,
    shots: Annotated[int, typer.Option(min=1, max=MOST_SHOTS, help=f"Worked examples of {FEW_SHOT}.")] = 1,
    preset: Annotated[str, typer.Option(help=f"Of the training: {' or '.join(PRESETS)}.")] = "default",
    method: Annotated[str | None, typer.Option(help=f"{', '.join(METHODS)}.")] = None,
    alpha: Annotated[float | None, typer.Option(help="Weight of the feedback's loss, 0 to 1.")] = None,
    epochs: Annotated[int | None, typer.Option(help="How often each pair is taught.")] = None,
    learning_rate: Annotated[float | None, typer.Option("--lr", help="The highest learning rate.")] = None,
    batch: Annotated[int | None, typer.Option(help="Pairs a step.")] = None,
    max_length: Annotated[int | None, typer.Option(help="Tokens a dialogue.")] = None,
    detach: job_commands.Detach = False,
    by: shared.PersonName = None,
    as_json: shared.AsJson = False,
) -> None:
    """Compare ways to curate and to teach. Equal size, the same seeds, dev alone.

    The exam and the calls are shared: an arm costs its training and its exam. Killed and started again it goes on;
    arms and seeds may be added later.
    """
    comparison_uid = None
    if arms:
        choices = {"method": method, "alpha": alpha, "epochs": epochs, "learning_rate": learning_rate}
        choices |= {"batch": batch, "max_length": max_length}
        with shared.usage():
            work_ = ArmsWork.by_preset(
                preset,
                exam=exam,
                arms=_split(arms),
                seeds=_read_seeds(seeds),
                pairs=pairs,
                policy=policy,
                before=before,
                shots=shots,
                **choices,
            )
        if against is not None and against not in work_.arms:
            raise BadUsage(f"--against names one of --arms, {', '.join(work_.arms)}; not {against}")
        result = job_commands.do(work_, by=by, detach=detach, as_json=as_json)
        if result is None:
            return
        comparison_uid = result["comparison"]
    elif detach:
        raise BadUsage("without --arms nothing is run: leave --detach out")
    _show(exam, comparison_uid, against, as_json)


def _show(exam: str, comparison_uid: str | None, against: str | None, as_json: bool) -> None:
    """Print the exam's comparisons, or the one that was just made."""
    with shared.reading() as session:
        comparisons = arm_results.load(session, exam)
    selected = [c for c in comparisons if comparison_uid in (None, c.uid)]
    if as_json:
        items = [_as_json(comparison, against) for comparison in selected]
        shared.show(items[0] if comparison_uid else {"comparisons": items}, as_json, "")
        return
    if not selected:
        shared.line("no arms were compared on this exam yet: name some with --arms")
    for comparison in selected:
        _print(comparison, against)


def _split(words: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in words.split(",") if word.strip())


def _read_seeds(words: str) -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in _split(words))
    except ValueError:
        raise BadInput(f"seeds are whole numbers, such as 0,1,2, not {words}") from None


def _find_reference(comparison: ArmComparison, name: str | None) -> ArmScore | None:
    if name is None:
        return None
    arm = comparison.find_arm(name)
    if arm is None:
        names = ", ".join(arm.name for arm in comparison.arms)
        raise BadInput(f"no arm is named {name} here; there is {names}")
    return arm


def _as_json(comparison: ArmComparison, against: str | None) -> dict[str, Any]:
    reference = _find_reference(comparison, against)
    result: dict[str, Any] = {name: getattr(comparison, name) for name in ("uid", "student", "size", "question_set")}
    result |= {"hyperparameters": dict(comparison.hyperparameters), "simulated": comparison.simulated}
    result |= {"untaught": _as_exam(comparison.untaught.exam.uid, comparison.untaught.answers.values())}
    result |= {
        "few_shot": [
            {"shots": exam.shots, **_as_exam(exam.answers.exam.uid, exam.answers.answers.values())}
            for exam in comparison.few_shot
        ]
    }
    result |= {"arms": [_arm_as_json(comparison, arm, reference) for arm in comparison.arms]}
    return result | {"caveats": arm_results.list_caveats(comparison)}


def _as_exam(uid: str, answers: Any) -> dict[str, Any]:
    return {"exam": uid, **score(results.score(answers))}


def _arm_as_json(comparison: ArmComparison, arm: ArmScore, reference: ArmScore | None) -> dict[str, Any]:
    names = ("alpha", "accuracy", "of_questions", "of_trainings", "wrong", "no_answer", "length")
    result: dict[str, Any] = {"arm": arm.name} | {name: getattr(arm, name) for name in names}
    result |= {"gain": _as_difference(arm_results.gain_on(arm, comparison.untaught))}
    if reference is not None:
        result |= {"against": _as_difference(arm_results.subtract(arm, reference))}
    trainings = [
        {"seed": run.seed, "student": run.student, "snapshot": run.snapshot, "exam": run.exam.uid, **score(run.score)}
        for run in arm.trainings
    ]
    return result | {"trainings": trainings}


def _as_difference(difference: ArmDifference) -> dict[str, Any]:
    return {field.name: getattr(difference, field.name) for field in fields(difference)}


def _print(comparison: ArmComparison, against: str | None) -> None:
    reference = _find_reference(comparison, against)
    shared.line(
        f"\nstudent {comparison.student}, {comparison.size} pairs an arm, examined on {comparison.question_set}, dev"
        + (" (generated questions, simulated teachers)" if comparison.simulated else "")
    )
    table = Table(box=None, pad_edge=False)
    for column in (*HEADER, *([f"against {reference.name}", "by"] if reference else [])):
        table.add_column(column, justify="left" if column == "arm" else "right", overflow="fold")
    count = len(comparison.untaught.answers)
    for row in _list_untrained(comparison):
        table.add_row(*row)
    for arm in comparison.arms:
        table.add_row(*_cells(comparison, arm, reference))
    shared.console.print(table)
    shared.line(f"  shares of {count:,} questions, the mean over the seeds; in brackets 95 %")
    for caveat in arm_results.list_caveats(comparison):
        shared.line(f"  {caveat}")


def _list_untrained(comparison: ArmComparison) -> Sequence[tuple[str, ...]]:
    rows = []
    for name, exam in comparison.untrained.items():
        result = results.score(exam.answers.values())
        share = f"{result.no_answer / result.n:.1%}"
        rows.append((name, f"{result.accuracy:.1%}", _span((result.low, result.high)), "", "", "", "", share, ""))
    return rows


def _cells(comparison: ArmComparison, arm: ArmScore, reference: ArmScore | None) -> tuple[str, ...]:
    gain = arm_results.gain_on(arm, comparison.untaught)
    cells = [arm.name, f"{arm.accuracy:.1%}", _span(arm.of_questions), _span(arm.of_trainings)]
    cells += [f"{gain.gain:+.1%}", _span(gain.of_questions), "" if arm.wrong is None else f"{arm.wrong:.1f}"]
    cells += [f"{arm.no_answer:.1%}", ", ".join(f"{run.seed}: {run.score.accuracy:.1%}" for run in arm.trainings)]
    if reference is not None:
        difference = arm_results.subtract(arm, reference)
        same = arm is reference
        cells += ["", ""] if same else [f"{difference.gain:+.1%}", _span(difference.of_questions)]
    return tuple(cells)


def _span(interval: Interval | None) -> str:
    return "" if interval is None else f"[{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]"
