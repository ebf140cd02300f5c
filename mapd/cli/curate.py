"""`mapd curate …`: the curated set, counted and frozen."""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from sqlmodel import Session

from mapd.checks import RationaleChecks, State
from mapd.cli.shared import AsJson, ExamRef, PersonName, person_of, reading, show, split_names, writing
from mapd.curation import live_set, saved_policies, snapshots
from mapd.curation.curated import Curated, DecidedText, Mistake, narrow
from mapd.curation.summary import summary
from mapd.settings import Settings
from mapd.store import queries

commands = typer.Typer(no_args_is_help=True, help="The curated set: count it, freeze it into a snapshot.")
PolicyName = Annotated[str | None, typer.Option("--policy", help="paper, strict, or a saved policy's name.")]
Threshold = Annotated[
    float | None, typer.Option(min=0, max=5, help="Accept where the mean is strictly greater, 0 to 5.")
]
Teachers = Annotated[
    str | None,
    typer.Option(
        "--teachers", metavar="A,B,C", help="Only texts by these teachers; everybody's reviews of them count."
    ),
]


@commands.command("show")
def curate_show(
    exam: ExamRef,
    policy: PolicyName = None,
    threshold: Threshold = None,
    teachers: Teachers = None,
    items: Annotated[bool, typer.Option("--items", help="Every rationale too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Count the curated set under a policy; nothing is changed."""
    with reading() as session:
        curated = _curated(session, exam, policy, threshold, teachers)
    counts = asdict(summary(curated))
    for key in ("mistakes", "pairs"):
        counts.pop(key)
    result = {
        "exam": curated.exam.uid,
        "policy": curated.policy.name,
        "threshold": curated.policy.threshold,
        **({"teachers": list(curated.narrowed_to)} if curated.narrowed_to else {}),
        **counts,
    }
    if items:
        result["items"] = [_item(m, x) for m in curated.mistakes for x in m.rationales]
    show(result, as_json, f"{curated.exam.name}: {len(curated.mistakes)} mistakes")


def _curated(session: Session, exam: str, policy: str | None, threshold: float | None, teachers: str | None) -> Curated:
    names = () if teachers is None else split_names("--teachers", teachers)
    info = queries.exam(session, exam)
    rules = saved_policies.exam_policy(session, info) if policy is None else saved_policies.find_policy(session, policy)
    return narrow(live_set.load_curated(session, info.id, rules if threshold is None else rules.at(threshold)), names)


def _item(mistake: Mistake, x: DecidedText) -> dict[str, Any]:
    assert isinstance(x.checks, RationaleChecks)
    return {
        "rationale": x.text.uid,
        "source_id": mistake.question.source_id,
        "teacher": x.text.teacher,
        "verdict": x.verdict.value,
        "mean": None if x.committee.mean is None else float(x.committee.mean),
        "answer": mistake.show(x.answer),
        "matches_gold": _three_states(x.states.matches_gold),
        "false_steps": x.checks.false_steps,
        "shows_work": _three_states(x.states.shows_work),
        "attempt": mistake.attempt.uid,
        "question": mistake.question.uid,
        "feedback": [feedback.text.uid for feedback in mistake.feedback],
    }


def _three_states(state: State) -> bool | None:
    return {State.HOLDS: True, State.FAILS: False, State.NOTHING: None}[state]


@commands.command("snapshot")
def curate_snapshot(
    exam: ExamRef,
    policy: PolicyName = None,
    threshold: Threshold = None,
    teachers: Teachers = None,
    seed: Annotated[int, typer.Option(help="Draws one rationale and one feedback a mistake.")] = 0,
    everything: Annotated[bool, typer.Option("--all", help="A pair for every accepted rationale.")] = False,
    pairs: Annotated[int | None, typer.Option(min=1, help="So many of the pairs, drawn with the seed.")] = None,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Freeze the curated set. The same input returns the same snapshot."""
    with writing() as session:
        curated = _curated(session, exam, policy, threshold, teachers)
        snapshot = snapshots.freeze(session, curated, by=person_of(by), seed=seed, everything=everything, limit=pairs)
        folder = snapshots.write(snapshot, Settings().make_home())
        contents = snapshots.count_contents(snapshot.lines, snapshot.manifest)
        result = {"snapshot": snapshot.sha256, "pairs": contents.pairs}
        result |= {"mistakes": len(contents.mistakes), "wrong": contents.wrong}
        result["path"] = str(folder)
    show(result, as_json, "frozen")
