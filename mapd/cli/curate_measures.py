"""`mapd curate fit`, `remaining`, `agreement`: what is measured of the curated set, and of those who judge it."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from mapd.cli import agreement_lines
from mapd.cli.curate_options import Exams, PolicyName, Threshold
from mapd.cli.shared import AsJson, ExamRef, PersonName, open_project, person_of, reading, show, show_lines, writing
from mapd.curation import agreement_report, selection
from mapd.curation.fitted_policies import THRESHOLD, FittedPolicy, fit_policy, plan_fit
from mapd.curation.saved_policies import save_policy
from mapd.errors import BadInput
from mapd.exchange import label_files
from mapd.probability import GOLD, PEOPLE, FitPoint, FitRecord
from mapd.questions.sources import load_file
from mapd.review import remaining
from mapd.review.queue_index import derivation
from mapd.store import queries

# Hundredths of P(right) at which a line says what is accepted.
FEW = (0, 30, 50, 60, 70, 80, 90, 95, 99)


def curate_agreement(exam: ExamRef, as_json: AsJson = False) -> None:
    """Show who agrees with whom, and what sways them.

    A number comes with its 95 % interval; "too few" stands where there is too little for one.
    """
    with reading() as session:
        info = queries.exam(session, exam)
    derivation.catch_up(open_project(), info.id)
    with reading() as session:
        report = agreement_report.load_report(session, info.id)
    result = {"exam": info.uid, "simulated": info.simulated, "policy": report.policy, "threshold": report.threshold}
    show_lines(result | agreement_report.as_row(report), as_json, agreement_lines.list_lines(info, report))


def curate_fit(
    exam: Exams,
    name: Annotated[str, typer.Option("--name", help="The policy's name; one that is there gets a next version.")],
    labels: Annotated[
        str,
        typer.Option(
            metavar="gold|people|FILE",
            help="What is right: the gold check, what people decided, or a file with a rationale or a feedback and "
            "right or wrong a row.",
        ),
    ],
    gold_input: Annotated[
        bool,
        typer.Option("--gold-input/--no-gold-input", help="Whether the policy sees the gold check, where it decides."),
    ] = True,
    threshold: Annotated[
        float, typer.Option(min=0, max=1, help="Its own: accept where P(right) is strictly greater.")
    ] = THRESHOLD,
    feedback: Annotated[
        bool,
        typer.Option(
            "--feedback/--no-feedback",
            help="Whether feedback gets a fit of its own, where people or the file label enough of it.",
        ),
    ] = True,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Fit a policy: how probable it is that a text is right.

    It learns from scores, authors, answers that agree and checks. All figures are cross-fitted by question.
    """
    source = labels if labels in (GOLD, PEOPLE) else label_files.read(load_file(Path(labels)))
    person = person_of(by)
    with reading() as session:
        infos = [queries.exam(session, ref) for ref in exam]
        selection.check_exams(infos)
        options = {"uses_gold": gold_input, "with_feedback": feedback}
        plan = plan_fit(session, name, infos, source, by=person, threshold=threshold, **options)
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
    policy, record, feedback = fitted.policy, fitted.fit.record, fitted.fit.feedback
    figures = {
        "policy": policy.name,
        "version": policy.version,
        "threshold": policy.threshold,
        "labels": record.labels,
        **({} if record.file is None else {"file": record.file}),
        "uses_gold": record.uses_gold,
        **_describe_record(record, few=few),
        "feedback": None if feedback is None else _describe_record(feedback.record, few=few),
        "no_feedback": fitted.no_feedback or None,
        "notes": list(fitted.notes),
    }
    if few:
        return figures
    if feedback is not None:
        figures["feedback"]["inputs"] = feedback.rule["inputs"]
    return figures | {"unmatched": list(fitted.unmatched), "inputs": fitted.fit.rule["inputs"]}


def _describe_record(record: FitRecord, *, few: bool) -> dict[str, Any]:
    """Return a fit's figures, cross-fitted."""
    points = [point for point in record.at if not few or round(100 * point.p) in FEW]
    return {
        "n": record.n,
        "right": record.right,
        "wrong": record.n - record.right,
        "questions": record.questions,
        "left_out": record.left_out,
        "brier": round(record.brier, 6),
        "brier_of_share": round(record.brier_of_share, 6),
        "at": [_describe_point(point) if few else asdict(point) for point in points],
    }


def _describe_point(point: FitPoint) -> str:
    precision = "–" if point.precision is None else f"{point.precision:.3f}"
    return f"P > {point.p:.2f}: precision {precision}, recall {point.recall:.3f}, {point.accepted:,} accepted"


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
        infos = [queries.exam(session, exam)]
        (curated,) = selection.load_sets(session, infos, policy, threshold)
        fitted_set = curated if curated.policy.fit is not None else None
        if fitted is not None:
            (fitted_set,) = selection.load_sets(session, infos, fitted)
            if fitted_set.policy.fit is None:
                raise BadInput(
                    f"policy {fitted} isn't fitted, so it has no probabilities: fit one with mapd curate fit"
                )
    probabilities = None if fitted_set is None else remaining.list_probabilities(fitted_set)
    audit = remaining.measure(curated, probabilities)
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
        "notes": remaining.list_notes(audit, None if fitted_set is None else fitted_set.policy.fit),
    }
    show(result, as_json, f"{curated.exam.name}: {audit.kept:,} rationales accepted, {audit.unseen:,} unseen by people")
