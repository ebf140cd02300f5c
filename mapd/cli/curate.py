"""`mapd curate …`: the curated set, counted and frozen."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlmodel import Session

from mapd.alignment import align
from mapd.checks import RationaleChecks, State
from mapd.cli import agreement_lines
from mapd.cli.shared import (
    AsJson,
    ExamRef,
    PersonName,
    open_project,
    person_of,
    reading,
    show,
    show_lines,
    split_names,
    usage,
    writing,
)
from mapd.curation import agreement_report, selection, snapshots
from mapd.curation import pairs as drawing
from mapd.curation.curated import Curated, DecidedText, Mistake, Narrowing
from mapd.curation.fitted_policies import (
    GOLD,
    PEOPLE,
    THRESHOLD,
    FittedPolicy,
    describe_fit,
    find_differences,
    fit_policy,
    plan_fit,
)
from mapd.curation.pairs import DrawSettings, Texts
from mapd.curation.saved_policies import save_policy
from mapd.curation.summary import summary
from mapd.errors import BadInput
from mapd.exchange import label_files
from mapd.questions.sources import load_file
from mapd.review import remaining
from mapd.review.queue_index import derivation
from mapd.settings import Settings
from mapd.store import exam_material, queries, queue_index

Exams = Annotated[
    list[str], typer.Option("--exam", metavar="EXAM", help="The exam's id, uid or name; several, with --exam for each.")
]
# Hundredths of P(right) at which a line says what is accepted.
FEW = (0, 30, 50, 60, 70, 80, 90, 95, 99)
# Of a manifest's counts.
OPTIONAL_COUNTS = ("pairs_without_feedback", "pairs_without_rationale", "repeated_pairs", "in_test_splits")
commands = typer.Typer(no_args_is_help=True, help="The curated set: count it, freeze it into a snapshot.")
PolicyName = Annotated[str | None, typer.Option("--policy", help="paper, strict, or a saved policy's name.")]
Threshold = Annotated[
    float | None,
    typer.Option(
        min=0, max=5, help="Accept where the mean is strictly greater, 0 to 5; of a fitted policy P(right), 0 to 1."
    ),
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
    feedback: Annotated[
        bool, typer.Option("--feedback", help="Every feedback too, with the steps that it criticises.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Count the curated set of one exam or several.

    Nothing is changed.
    """
    settings = DrawSettings(texts=_read_texts(texts))
    with reading() as session:
        sets = _load_sets(session, exam, policy, threshold, _read_narrowing(teachers, task, family))
        pair_draw = drawing.draw(*sets, settings=settings, sealed=snapshots.find_sealed(session))
        differences = [note for curated in sets for note in _find_differences(session, curated)]
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
    if (fit := sets[0].policy.fit) is not None:
        result |= {"policy_version": sets[0].policy.version, "labels": fit.record.labels}
        result["notes"] = list(dict.fromkeys([*describe_fit(fit), *differences]))
    if items:
        result["items"] = [_item(m, x) for m in mistakes for x in m.rationales]
    if feedback:
        result["feedback_items"] = [_feedback_item(m, x) for m in mistakes for x in m.feedback]
    show(result, as_json, f"{', '.join(curated.exam.name for curated in sets)}: {len(mistakes)} mistakes")


def _find_differences(session: Session, curated: Curated) -> list[str]:
    if curated.policy.fit is None:
        return []
    voices = exam_material.load_voices(session, curated.exam.id)
    has_gold = queue_index.has_gold(session, curated.exam.id)
    return find_differences(curated.policy.fit, voices, has_gold=has_gold)


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
    # Of a fitted policy alone; a text that a person repaired has none.
    probability = {} if x.committee.probability is None else {"p": float(x.committee.probability)}
    return probability | {
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


def _feedback_item(mistake: Mistake, x: DecidedText) -> dict[str, Any]:
    alignment = align(mistake.attempt.text, x.text.text)
    return {
        "feedback": x.text.uid,
        "source_id": mistake.question.source_id,
        "teacher": x.text.teacher,
        "verdict": x.verdict.value,
        "states_gold": _three_states(x.states.matches_gold),
        "false_steps": x.checks.false_steps,
        "step_exists": _three_states(alignment.step_exists),
        "at_first_false": _three_states(alignment.at_first_false),
        # Where each criticised step stands in the attempt's text, in characters.
        "steps": [list(step) for step in alignment.steps],
        "attempt": mistake.attempt.uid,
        "question": mistake.question.uid,
    }


def _three_states(state: State) -> bool | None:
    return {State.HOLDS: True, State.FAILS: False, State.NOTHING: None}[state]


@commands.command("agreement")
def curate_agreement(exam: ExamRef, as_json: AsJson = False) -> None:
    """Show who agrees with whom, how lenient each reviewer is, and what sways reviewers and people.

    A number comes with its 95 % interval; "too few" stands where there is too little for one.
    """
    with reading() as session:
        info = queries.exam(session, exam)
    derivation.catch_up(open_project(), info.id)
    with reading() as session:
        report = agreement_report.load_report(session, info.id)
    result = {"exam": info.uid, "simulated": info.simulated, "policy": report.policy, "threshold": report.threshold}
    show_lines(result | agreement_report.as_row(report), as_json, agreement_lines.list_lines(info, report))


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
        result |= {name: counts[name] for name in OPTIONAL_COUNTS if name in counts}
        result["path"] = str(folder)
    show(result, as_json, "frozen")


@commands.command("fit")
def curate_fit(
    exam: Exams,
    name: Annotated[str, typer.Option("--name", help="The policy's name; one that is there gets a next version.")],
    labels: Annotated[
        str,
        typer.Option(
            metavar="gold|people|FILE",
            help="What is right: the gold check, what people decided, or a file with a rationale and right or wrong a "
            "row.",
        ),
    ],
    gold_input: Annotated[
        bool,
        typer.Option("--gold-input/--no-gold-input", help="Whether the policy sees the gold check, where it decides."),
    ] = True,
    threshold: Annotated[
        float, typer.Option(min=0, max=1, help="Its own: accept where P(right) is strictly greater.")
    ] = THRESHOLD,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Fit a policy: how probable it is that a rationale is right.

    It learns from scores, authors, answers that agree and checks. All figures are cross-fitted by question.
    """
    source = labels if labels in (GOLD, PEOPLE) else label_files.read(load_file(Path(labels)))
    person = person_of(by)
    with reading() as session:
        infos = [queries.exam(session, ref) for ref in exam]
        selection.check_exams(infos)
        plan = plan_fit(session, name, infos, source, by=person, uses_gold=gold_input, threshold=threshold)
    # Nobody waits for the database meanwhile.
    fitted = fit_policy(plan)
    with writing() as session:
        fitted = replace(fitted, policy=save_policy(session, fitted.policy, by=person))
    show(
        describe_fitted(fitted, few=not as_json),
        as_json,
        f"fitted {fitted.policy.name}, version {fitted.policy.version}",
    )


def describe_fitted(fitted: FittedPolicy, *, few: bool = False) -> dict[str, Any]:
    """Return a fitted policy as a command prints it. `few`: the figures at a few probabilities alone."""
    policy, record = fitted.policy, fitted.fit.record
    at = [asdict(point) for point in record.at if not few or round(100 * point.p) in FEW]
    figures = {
        "policy": policy.name,
        "version": policy.version,
        "threshold": policy.threshold,
        "labels": record.labels,
        **({} if record.file is None else {"file": record.file}),
        "n": record.n,
        "right": record.right,
        "wrong": record.n - record.right,
        "questions": record.questions,
        "left_out": record.left_out,
        "uses_gold": record.uses_gold,
        "brier": round(record.brier, 6),
        "brier_of_share": round(record.brier_of_share, 6),
        "at": at if not few else [_describe_point(point) for point in at],
        "notes": list(fitted.notes),
    }
    return (
        figures if few else figures | {"unmatched": list(fitted.labels.unmatched), "inputs": fitted.fit.rule["inputs"]}
    )


def _describe_point(point: dict[str, Any]) -> str:
    precision = "–" if point["precision"] is None else f"{point['precision']:.3f}"
    return f"P > {point['p']:.2f}: precision {precision}, recall {point['recall']:.3f}, {point['accepted']:,} accepted"


@commands.command("remaining")
def curate_remaining(
    exam: Annotated[str, typer.Option("--exam", metavar="EXAM", help="The exam's id, uid or name.")],
    policy: PolicyName = None,
    threshold: Threshold = None,
    fitted: Annotated[
        str | None,
        typer.Option("--fitted", metavar="NAME", help="Also by this fitted policy's probabilities; else by its own."),
    ] = None,
    target: Annotated[float | None, typer.Option(min=0, help="Wrong rationales that may stay.")] = None,
    look_price: Annotated[float | None, typer.Option(min=0, help="What one more look costs.")] = None,
    wrong_price: Annotated[
        float | None, typer.Option(min=0, help="What a wrong rationale in the set costs, in the same money.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Estimate how many wrong rationales are still accepted.

    From people's judgements in the random audits; and how many more looks are worth it.
    """
    if (look_price is None) is not (wrong_price is None):
        raise BadInput("one price says nothing: name both, --look-price and --wrong-price")
    with reading() as session:
        (curated,) = _load_sets(session, [exam], policy, threshold, _read_narrowing(None, None, None))
        fitted_set = curated if curated.policy.fit is not None else None
        if fitted is not None:
            (fitted_set,) = _load_sets(session, [exam], fitted, None, _read_narrowing(None, None, None))
            if fitted_set.policy.fit is None:
                raise BadInput(
                    f"policy {fitted} isn't fitted, so it has no probabilities: fit one with mapd curate fit"
                )
    audit = remaining.measure(curated, fitted_set and remaining.list_probabilities(fitted_set))
    prices = {"look_price": look_price, "wrong_price": wrong_price}
    result = {
        "exam": curated.exam.uid,
        "policy": curated.policy.name,
        "threshold": curated.policy.threshold,
        "kept": audit.kept,
        "unseen": audit.unseen,
        "audit": asdict(audit.sample),
        "wrong_left": audit.by_audit and asdict(audit.by_audit),
        "wrong_left_by_probability": audit.by_probability and asdict(audit.by_probability),
        "looks": remaining.describe_plans(audit, target=target, **prices),
        "notes": remaining.list_notes(audit, fitted_set and fitted_set.policy.fit),
    }
    show(result, as_json, f"{curated.exam.name}: {audit.kept:,} rationales accepted, {audit.unseen:,} unseen by people")
