"""`mapd curate …`: the curated set, counted and frozen."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlmodel import Session

from mapd.checks import RationaleChecks, State
from mapd.cli.judge_file import read_file
from mapd.cli.shared import AsJson, PersonName, person_of, reading, show, split_names, usage, writing
from mapd.curation import pairs as drawing
from mapd.curation import selection, snapshots
from mapd.curation.curated import Curated, DecidedText, Mistake, Narrowing
from mapd.curation.fitted_policies import (
    GOLD,
    PEOPLE,
    THRESHOLD,
    FittedPolicy,
    describe_fit,
    find_differences,
    fit_policy,
)
from mapd.curation.leakage import Leak, Leakage
from mapd.curation.pairs import DrawSettings, PairDraw, Texts
from mapd.curation.summary import summary
from mapd.curation.trimming import Balance, Trimming
from mapd.errors import BadInput
from mapd.exchange import label_files
from mapd.settings import Settings
from mapd.store import queries

Exams = Annotated[
    list[str], typer.Option("--exam", metavar="EXAM", help="The exam's id, uid or name; several, with --exam for each.")
]
# Hundredths of P(right) at which a line says what is accepted.
FEW = (0, 30, 50, 60, 70, 80, 90, 95, 99)
# Of a manifest's counts.
SAID = (
    *("pairs_without_feedback", "pairs_without_rationale", "repeated_pairs", "in_test_splits"),
    *("leaking_pairs", "near_duplicates", "unbalanced_pairs"),
)
# Digits of a number of pairs.
LONGEST_NUMBER = 10
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

DropNear = Annotated[
    float | None,
    typer.Option(
        "--drop-near",
        metavar="LIKENESS",
        help="Leave out a pair that says nearly what one before it says: 0.9 is 90 % of the words in the same order.",
    ),
]
BalanceOf = Annotated[
    str | None,
    typer.Option(
        "--balance",
        metavar="task|teacher[:MOST]",
        help="teacher: as many pairs of each as of the one with the fewest; teacher:100: at most 100 of each.",
    ),
]
WithoutLeaks = Annotated[
    bool, typer.Option("--without-leaks", help="Leave out what dev or test holds, too; else it is refused.")
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
    drop_near: DropNear = None,
    balance: BalanceOf = None,
    without_leaks: WithoutLeaks = False,
    items: Annotated[bool, typer.Option("--items", help="Every rationale too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Count the curated set of one exam or several.

    Nothing is changed.
    """
    settings = DrawSettings(texts=_read_texts(texts), trimming=_read_trimming(drop_near, balance, without_leaks))
    with reading() as session:
        sets = _load_sets(session, exam, policy, threshold, _read_narrowing(teachers, task, family))
        guarded = snapshots.draw_pairs(session, sets, settings)
    pair_draw = guarded.pair_draw
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
        **_describe_trimming(settings.trimming, pair_draw),
        **describe_leakage(guarded.leakage, few=not as_json),
    }
    if (fit := sets[0].policy.fit) is not None:
        result |= {"policy_version": sets[0].policy.version, "labels": fit.record.labels}
        notes = [*describe_fit(fit), *(note for curated in sets for note in find_differences(fit, curated))]
        result["notes"] = list(dict.fromkeys(notes))
    if items:
        result["items"] = [_item(m, x) for m in mistakes for x in m.rationales]
    show(result, as_json, f"{', '.join(curated.exam.name for curated in sets)}: {len(mistakes)} mistakes")


def _read_narrowing(teachers: str | None, task: list[str] | None, family: list[str] | None) -> Narrowing:
    names = () if teachers is None else split_names("--teachers", teachers)
    return Narrowing(names, tuple(dict.fromkeys(task or ())), tuple(dict.fromkeys(family or ())))


def _read_texts(texts: str) -> tuple[Texts, ...]:
    with usage():
        return drawing.read_texts(split_names("--texts", texts))


def _read_trimming(near: float | None, balance: str | None, without_leaks: bool) -> Trimming:
    with usage():
        return Trimming(near, None if balance is None else _read_balance(balance), without_leaks)


def _read_balance(words: str) -> Balance:
    by, _, most = words.partition(":")
    if most and not (most.isascii() and most.isdigit() and len(most) < LONGEST_NUMBER):
        raise BadInput(f"a balance is written as teacher, or as teacher:100; not {words}")
    return Balance(by, int(most) if most else None)


def _describe_trimming(trimming: Trimming, pair_draw: PairDraw) -> dict[str, Any]:
    """Return what was left out by choice, where it was chosen."""
    near = {} if trimming.near is None else {"near_duplicates": len(pair_draw.near)}
    uneven = {} if trimming.balance is None else {"unbalanced_pairs": dict(pair_draw.uneven)}
    return near | uneven | ({"leaking_pairs": len(pair_draw.leaking)} if trimming.leaks else {})


def describe_leakage(leakage: Leakage, *, few: bool = False) -> dict[str, Any]:
    """Return as a command prints it what dev and test hold of the questions. `few`: of a list its length."""
    lists = {"leaks": leakage.leaks, "same_template": leakage.templates}
    return {name: len(leaks) if few else [describe_leak(leak) for leak in leaks] for name, leaks in lists.items()} | {
        "dev_questions": leakage.dev,
        "test_questions": leakage.test,
    }


def describe_leak(leak: Leak) -> dict[str, Any]:
    """Return a leak as JSON: names alone, for a test question is sealed."""
    held_out = {"question_set": leak.held_out.question_set, "split": leak.held_out.split}
    names = {"question": leak.taught.name, "held_out": held_out | {"source_id": leak.held_out.source_id}}
    return names | {"kind": leak.kind.value, "likeness": leak.likeness}


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
    drop_near: DropNear = None,
    balance: BalanceOf = None,
    without_leaks: WithoutLeaks = False,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Freeze the curated set of one exam or several.

    The same input returns the same snapshot. Where dev or test holds a question, too, it is refused, with the list.
    """
    kinds, trimming = _read_texts(texts), _read_trimming(drop_near, balance, without_leaks)
    with writing() as session:
        sets = _load_sets(session, exam, policy, threshold, _read_narrowing(teachers, task, family))
        snapshot = snapshots.freeze(
            session,
            *sets,
            by=person_of(by),
            seed=seed,
            everything=everything,
            limit=pairs,
            texts=kinds,
            trimming=trimming,
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
    source = labels if labels in (GOLD, PEOPLE) else label_files.read(read_file(Path(labels)))
    with writing() as session:
        infos = [queries.exam(session, ref) for ref in exam]
        selection.check_exams(infos)
        fitted = fit_policy(session, name, infos, source, by=person_of(by), uses_gold=gold_input, threshold=threshold)
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
        "wrong": record.wrong,
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
