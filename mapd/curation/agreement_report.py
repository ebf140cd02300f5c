"""Who agrees with whom in an exam, who is lenient, and what sways them: all that page and command tell of it.

report = load_report(session, exam_id)         # the queue index has to be there (review/queue_index)
report.reviewers[0].let_pass.value             -> 0.27
report.between_reviewers[0].alpha.value        -> 0.50: all reviewers
report.between_people[Moment.BEFORE], report.with_committee[Moment.AFTER], report.reviewer_biases, report.sways
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from sqlmodel import Session

from mapd.curation import agreement, biases, reviewer_stats, saved_policies
from mapd.curation.agreement import Agreement, Moment, Verdicts
from mapd.curation.biases import Bias, Sway
from mapd.curation.reviewer_stats import PairScores, Reviewer
from mapd.curation.score_table import MeasuredText, ScoreTable, tabulate
from mapd.curation.text_verdicts import list_verdicts
from mapd.domain import Verdict
from mapd.model_makers import find_maker
from mapd.policies import Policy
from mapd.store import agreement_rows, exam_material, judgement_log, queries


@dataclass(frozen=True, slots=True)
class AgreementReport:
    """The numbers of one exam under its policy."""

    policy: str
    threshold: float
    teachers: tuple[str, ...]
    rationales: int
    votes: int
    people: tuple[str, ...]
    matrix: Mapping[tuple[str, str], PairScores]
    reviewers: Sequence[Reviewer]
    # All reviewers, then every two.
    between_reviewers: Sequence[Agreement]
    # By moment: all people, then every two.
    between_people: Mapping[Moment, Sequence[Agreement]]
    with_committee: Mapping[Moment, Sequence[Agreement]]
    reviewer_biases: Sequence[Bias]
    people_biases: Sequence[Bias]
    sways: Sequence[Sway]


def load_report(session: Session, exam_id: int) -> AgreementReport:
    """Measure the exam as it is now, under its own policy. The exam's queue index has to be up to date."""
    policy = saved_policies.exam_policy(session, queries.exam(session, exam_id))
    table = load_table(session, exam_id, policy)
    verdicts = list_verdicts(judgement_log.judgements(session, exam_id))
    return measure(table, verdicts, load_makers(session), policy)


def load_table(session: Session, exam_id: int, policy: Policy) -> ScoreTable:
    """Return the exam's texts and votes as columns."""
    rows = agreement_rows.list_texts(session, exam_id, round(100 * policy.threshold))
    texts = (MeasuredText._make((*columns, Verdict(verdict))) for *columns, verdict in rows)
    places = exam_material.places(session)
    teachers = [name for name in queries.voices(session, exam_id) if places[name] is not None]
    return tabulate(texts, exam_material.iterate_votes(session, exam_id), teachers)


def load_makers(session: Session) -> dict[str, str | None]:
    """Return who made each teacher's model, by the teacher's name, where that is known."""
    # Of an import the name is all there is; a simulated teacher is nobody's model.
    return {
        name: None if teacher["simulated"] else find_maker(teacher["model"] or name)
        for name, teacher in queries.describe_teachers(session).items()
    }


def measure(table: ScoreTable, verdicts: Verdicts, makers: Mapping[str, str | None], policy: Policy) -> AgreementReport:
    """Measure it. `policy`: the one that the table's verdicts are by."""
    return AgreementReport(
        policy=policy.name,
        threshold=policy.threshold,
        teachers=table.teachers,
        rationales=int(table.is_rationale.sum()),
        votes=int((table.scores > 0).sum()),
        people=tuple(sorted(verdicts)),
        matrix=reviewer_stats.matrix(table),
        reviewers=reviewer_stats.reviewers(table),
        between_reviewers=agreement.compare_reviewers(table),
        between_people={moment: _compare_people(verdicts, table, moment) for moment in Moment},
        with_committee={moment: agreement.compare_with_committee(verdicts, table, moment) for moment in Moment},
        reviewer_biases=biases.measure_reviewers(table, makers),
        people_biases=biases.measure_people(verdicts, table),
        sways=biases.measure_sway(verdicts, table),
    )


def _compare_people(verdicts: Verdicts, table: ScoreTable, moment: Moment) -> list[Agreement]:
    kinds = ("rationale" if is_rationale else "feedback" for is_rationale in table.is_rationale.tolist())
    questions = dict(zip(zip(kinds, table.text_ids.tolist(), strict=True), table.questions.tolist(), strict=True))
    everybody = agreement.compare_everybody(verdicts, questions, moment)
    pairs = agreement.compare_people(verdicts, questions, moment)
    # Of two people alone, all people is those two.
    return pairs if everybody is None or len(pairs) == 1 else [everybody, *pairs]


def as_row(report: AgreementReport) -> dict[str, Any]:
    """Return the report as a command prints it."""
    return {
        "rationales": report.rationales,
        "votes": report.votes,
        "matrix": [
            {"author": author, "reviewer": reviewer} | _plain(asdict(scores))
            for (author, reviewer), scores in report.matrix.items()
        ],
        "reviewers": [_plain(asdict(reviewer)) for reviewer in report.reviewers],
        "between_reviewers": [_plain(asdict(x)) for x in report.between_reviewers],
        "between_people": {x.value: [_plain(asdict(y)) for y in report.between_people[x]] for x in Moment},
        "with_committee": {x.value: [_plain(asdict(y)) for y in report.with_committee[x]] for x in Moment},
        "reviewer_biases": [_plain(asdict(bias)) for bias in report.reviewer_biases],
        "people_biases": [_plain(asdict(bias)) for bias in report.people_biases],
        "sways": [_plain(asdict(sway)) for sway in report.sways],
    }


def _plain(value: Any) -> Any:
    """Return a value as JSON holds it, numbers with six digits."""
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return round(float(value), 6) if isinstance(value, float | Fraction) else value
