"""`mapd curate …`: the curated set, counted and frozen."""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from sqlmodel import Session

from mapd.checks import RationaleChecks, State
from mapd.cli.shared import AsJson, PersonName, person_of, reading, show, split_names, usage, writing
from mapd.curation import pairs as drawing
from mapd.curation import selection, snapshots
from mapd.curation.curated import Curated, DecidedText, Mistake, Narrowing
from mapd.curation.pairs import DrawSettings, Texts
from mapd.curation.summary import summary
from mapd.settings import Settings
from mapd.store import queries

Exams = Annotated[
    list[str], typer.Option("--exam", metavar="EXAM", help="The exam's id, uid or name; several, with --exam for each.")
]
# Of a manifest's counts.
SAID = ("pairs_without_feedback", "pairs_without_rationale", "repeated_pairs", "in_test_splits")
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
Tasks = Annotated[
    list[str] | None,
    typer.Option("--task", metavar="TASK", help="Only questions of this task, such as numeric; may be given again."),
]
Families = Annotated[
    list[str] | None,
    typer.Option("--family", metavar="NAME", help="Only questions of this family; may be given again."),
]
TextsOfPair = Annotated[
    str,
    typer.Option(
        "--texts",
        metavar="A,B",
        help="What a pair may have. both: a rationale and a feedback; rationale, feedback: one without the other. "
        "both,rationale: both, or a rationale alone where no feedback stands; both,rationale,feedback: whatever there "
        "is.",
    ),
]


@commands.command("show")
def curate_show(
    exam: Exams,
    policy: PolicyName = None,
    threshold: Threshold = None,
    teachers: Teachers = None,
    task: Tasks = None,
    family: Families = None,
    texts: TextsOfPair = Texts.BOTH.value,
    items: Annotated[bool, typer.Option("--items", help="Every rationale too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Count the curated set of one exam or several.

    Nothing is changed.
    """
    settings = DrawSettings(texts=_read_texts(texts))
    with reading() as session:
        sets = _load_sets(session, exam, policy, threshold, _read_narrowing(teachers, task, family))
        pair_draw = drawing.draw(*sets, settings=settings, sealed=snapshots.find_sealed(session))
    mistakes = [mistake for curated in sets for mistake in curated.mistakes]
    result = {
        **({"exam": sets[0].exam.uid} if len(sets) == 1 else {"exams": [curated.exam.uid for curated in sets]}),
        "policy": sets[0].policy.name,
        "threshold": sets[0].policy.threshold,
        **_describe_narrowing(sets[0].narrowing),
        **_add_counts(sets),
        "pairs": len(pair_draw.pairs),
        "repeated_pairs": pair_draw.repeated,
        "in_test_splits": pair_draw.sealed,
    }
    if items:
        result["items"] = [_item(m, x) for m in mistakes for x in m.rationales]
    show(result, as_json, f"{', '.join(curated.exam.name for curated in sets)}: {len(mistakes)} mistakes")


def _read_narrowing(teachers: str | None, task: list[str] | None, family: list[str] | None) -> Narrowing:
    names = () if teachers is None else split_names("--teachers", teachers)
    return Narrowing(names, tuple(dict.fromkeys(task or ())), tuple(dict.fromkeys(family or ())))


def _read_texts(texts: str) -> tuple[Texts, ...]:
    with usage():
        return drawing.read_texts(split_names("--texts", texts))


def _load_sets(
    session: Session, exams: list[str], policy: str | None, threshold: float | None, narrowing: Narrowing
) -> tuple[Curated, ...]:
    infos = [queries.exam(session, exam) for exam in exams]
    return selection.load_sets(session, infos, policy, threshold, narrowing)


def _describe_narrowing(narrowing: Narrowing) -> dict[str, list[str]]:
    return {name: list(chosen) for name, chosen in asdict(narrowing).items() if chosen}


def _add_counts(sets: tuple[Curated, ...]) -> dict[str, Any]:
    """Return the counts of all sets together: a text that two exams share is counted in each."""
    counts = [asdict(summary(curated)) for curated in sets]
    sums: dict[str, Any] = {}
    for name in counts[0]:
        values = [of_set[name] for of_set in counts]
        if name == "by_teacher":
            sums[name] = {teacher: sum(x.get(teacher, 0) for x in values) for of_set in values for teacher in of_set}
        elif name not in ("mistakes", "pairs"):
            sums[name] = sum(values)
    return sums


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
    exam: Exams,
    policy: PolicyName = None,
    threshold: Threshold = None,
    teachers: Teachers = None,
    task: Tasks = None,
    family: Families = None,
    texts: TextsOfPair = Texts.BOTH.value,
    seed: Annotated[int, typer.Option(help="Draws one rationale and one feedback a mistake.")] = 0,
    everything: Annotated[bool, typer.Option("--all", help="A pair for every accepted rationale.")] = False,
    pairs: Annotated[int | None, typer.Option(min=1, help="So many of the pairs, drawn with the seed.")] = None,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Freeze the curated set of one exam or several.

    The same input returns the same snapshot.
    """
    kinds = _read_texts(texts)
    with writing() as session:
        sets = _load_sets(session, exam, policy, threshold, _read_narrowing(teachers, task, family))
        snapshot = snapshots.freeze(
            session, *sets, by=person_of(by), seed=seed, everything=everything, limit=pairs, texts=kinds
        )
        folder = snapshots.write(snapshot, Settings().make_home())
        contents = snapshots.count_contents(snapshot.lines, snapshot.manifest)
        counts = snapshot.manifest["counts"]
        result = {"snapshot": snapshot.sha256, "pairs": contents.pairs}
        result |= {"mistakes": len(contents.mistakes), "wrong": contents.wrong}
        # What was left out, and what stands alone, is said where there can be any.
        result |= {name: counts[name] for name in SAID if name in counts}
        result["path"] = str(folder)
    show(result, as_json, "frozen")
