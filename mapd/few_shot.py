"""Whether worked examples in its prompt do as much for a student as training. Pure but for what it loads.

    load(session, "dev · smollm2", "dev · smollm2-9c1e04")
    -> [FewShotResult(shots=1, comparison=12.4 % with the example, 30.5 % taught, mcnemar_p 2e-05)]

A student's twin has its weights, and is shown worked examples before each question (students.add_with_examples).
"""

import json
from dataclasses import dataclass

from sqlmodel import Session

from mapd import results, students
from mapd.domain import ExamInfo
from mapd.prompts import MOST_SHOTS
from mapd.results import ExamAnswers, Results
from mapd.store import queries


@dataclass(frozen=True, slots=True)
class FewShotExam:
    """A finished exam of a student that was shown so many worked examples."""

    shots: int
    answers: ExamAnswers


@dataclass(frozen=True, slots=True)
class FewShotResult:
    """The untaught student with so many examples in its prompt (before), beside the taught one (after)."""

    shots: int
    comparison: Results


def describe_asking(session: Session, info: ExamInfo) -> str:
    """Return what two exams share that were asked alike, but for worked examples: questions, sampling, seed."""
    row = queries.exam_row(session, info.id)
    decoding = {name: value for name, value in row.decoding.items() if name not in ("shots", "rendering")}
    return json.dumps([row.set_id, row.split, row.seed, decoding], sort_keys=True)


def list_exams(session: Session, exam: ExamInfo) -> list[FewShotExam]:
    """Return the finished exams of the student's twins that were asked like this one, by their number of examples."""
    student = students.get(session, exam.student)
    shots_of = {
        twin.name: shots
        for shots in range(MOST_SHOTS + 1)
        if (twin := students.find_twin(session, student, shots)) is not None
    }
    if not shots_of:
        return []
    unfinished, asking = queries.unfinished(session), describe_asking(session, exam)
    twins_exams = [e for e in queries.exams(session) if e.student in shots_of and e.id not in unfinished]
    alike = {shots_of[e.student]: e for e in reversed(twins_exams) if describe_asking(session, e) == asking}
    return [FewShotExam(shots, results.load(session, e.id)) for shots, e in sorted(alike.items())]


def load(session: Session, before: str | int, after: str | int) -> list[FewShotResult]:
    """Compare the exam after with those of the student before with worked examples. Raises: NotFound."""
    taught = results.load(session, after)
    exams = list_exams(session, queries.exam(session, before))
    # A set may have grown since.
    same = [exam for exam in exams if exam.answers.answers.keys() == taught.answers.keys()]
    return [FewShotResult(exam.shots, results.compare(exam.answers, taught)) for exam in same]


def describe(result: FewShotResult) -> str:
    """Say how well the examples alone do, and how much better the taught student is."""
    overall = result.comparison.overall
    prompted, taught = overall.before, overall.after
    examples = "1 worked example" if result.shots == 1 else f"{result.shots} worked examples"
    gain = taught.accuracy - prompted.accuracy
    words = (
        f"Untaught, with {examples} in its prompt, the student is right in {prompted.accuracy:.1%} "
        f"({prompted.correct:,} of {prompted.n:,}; {prompted.low:.1%} to {prompted.high:.1%})"
    )
    return f"{words}; training gives {gain:+.1%} beside that (McNemar's exact p is {overall.mcnemar_p:.2g})."
