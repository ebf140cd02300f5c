"""`mapd curate …`: the curated set, counted and frozen."""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from sqlmodel import Session

from mapd.alignment import align
from mapd.checks import RationaleChecks, State
from mapd.cli import curate_compare, curate_measures
from mapd.cli.curate_options import Exams, PolicyName, Threshold
from mapd.cli.shared import AsJson, PersonName, person_of, reading, show, split_names, usage, writing
from mapd.curation import pairs as drawing
from mapd.curation import selection, snapshots
from mapd.curation.curated import Curated, Mistake, Narrowing
from mapd.curation.decided_texts import DecidedText
from mapd.curation.fitted_policies import describe_fit, find_all_differences
from mapd.curation.leakage import Leak, Leakage
from mapd.curation.pairs import DrawSettings, PairDraw, Texts
from mapd.curation.summary import summary
from mapd.curation.trimming import Balance, Trimming
from mapd.errors import BadInput
from mapd.settings import Settings
from mapd.store import exam_material, queries, queue_index

# Of a manifest's counts.
OPTIONAL_COUNTS = (
    *("pairs_without_feedback", "pairs_without_rationale", "repeated_pairs", "in_test_splits"),
    *("leaking_pairs", "near_duplicates", "unbalanced_pairs"),
)
# Digits of a number of pairs.
LONGEST_NUMBER = 10
commands = typer.Typer(no_args_is_help=True, help="The curated set: count it, freeze it into a snapshot.")
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
    feedback: Annotated[
        bool, typer.Option("--feedback", help="Every feedback too, with the steps that it criticises.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Count the curated set of one exam or several.

    Nothing is changed.
    """
    settings = DrawSettings(texts=_read_texts(texts), trimming=_read_trimming(drop_near, balance, without_leaks))
    with reading() as session:
        sets = _load_sets(session, exam, policy, threshold, _read_narrowing(teachers, task, family))
        guarded = snapshots.draw_pairs(session, sets, settings)
        differences = [note for curated in sets for note in _find_differences(session, curated)]
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
        result["notes"] = list(dict.fromkeys([*describe_fit(fit), *differences]))
    if items:
        result["items"] = [_item(m, x) for m in mistakes for x in m.rationales]
    if feedback:
        result["feedback_items"] = [_feedback_item(m, x) for m in mistakes for x in m.feedback]
    show(result, as_json, f"{', '.join(curated.exam.name for curated in sets)}: {len(mistakes)} mistakes")


def _find_differences(session: Session, curated: Curated) -> list[str]:
    if curated.policy.fit is None:
        return []
    fit, exam_id = curated.policy.fit, curated.exam.id
    has_gold = queue_index.has_gold(session, exam_id)
    voices = {kind: exam_material.load_voices(session, exam_id, kind) for kind in ("rationale", "feedback")}
    return find_all_differences(fit, voices["rationale"], voices["feedback"], has_gold=has_gold)


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
    return _describe_probability(x) | {
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


def _describe_probability(x: DecidedText) -> dict[str, float]:
    # Of a policy that is fitted for texts of its kind; a text that a person repaired has none.
    return {} if x.committee.probability is None else {"p": float(x.committee.probability)}


def _feedback_item(mistake: Mistake, x: DecidedText) -> dict[str, Any]:
    alignment = align(mistake.attempt.text, x.text.text)
    return _describe_probability(x) | {
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
        result |= {name: counts[name] for name in OPTIONAL_COUNTS if name in counts}
        result["path"] = str(folder)
    show(result, as_json, "frozen")


commands.command("compare")(curate_compare.curate_compare)
commands.command("fit")(curate_measures.curate_fit)
commands.command("remaining")(curate_measures.curate_remaining)
commands.command("agreement")(curate_measures.curate_agreement)
