"""Arms compared: how each did over its seeds, beside the untaught student and beside another arm. Pure but for `load`.

    load(session, "svamp · train")
    -> [ArmComparison(untaught=6/210, arms=(ArmScore("no-review", accuracy=.31, of_questions=(.25, .37), …), …), …)]
    subtract(comparison, "paper", "no-review")  -> ArmDifference(.11, of_questions=(.06, .16), …)

An arm's share of a question is the share of its trainings that got it right. `of_questions` says what other questions
of this kind may give (a bootstrap over the questions), `of_trainings` what other trainings may (Student's t over the
seeds; None of a single one). Each interval is of 95 % by itself: the best of many arms looks better than it is.
"""

import hashlib
import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlmodel import Session

from mapd import few_shot, results
from mapd.answers.grading import Outcome
from mapd.curation import snapshots
from mapd.domain import ExamInfo
from mapd.errors import BadInput
from mapd.few_shot import FewShotExam, describe_asking
from mapd.finetune import controls
from mapd.probability import PEOPLE
from mapd.results import ExamAnswers, Score
from mapd.statistics import bootstrap_mean, student_interval
from mapd.store import finetunes, queries
from mapd.store import tables as t
from mapd.store.finetunes import ArmTraining
from mapd.store.snapshots import is_named

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class TrainingScore:
    """One training of an arm, and its student's exam."""

    seed: int
    student: str
    snapshot: str
    exam: ExamInfo
    score: Score


@dataclass(frozen=True, slots=True)
class ArmScore:
    """An arm over its trainings. `name`: with its alpha where the same arm was taught with several.

    `shares`: by question the share of its trainings that were right.
    `wrong`: of the pairs that it was taught, the mean number whose rationale ends in a wrong answer; None where no
    teacher's text was taught as the answer to its own question. `no_answer`, `length`: means over its exams.
    `labels`: what its policy was fitted on; None where it is on means.
    """

    name: str
    alpha: float
    trainings: tuple[TrainingScore, ...]
    shares: Mapping[str, float]
    wrong: float | None
    accuracy: float
    of_questions: Interval
    of_trainings: Interval | None
    no_answer: float
    length: float
    labels: str | None = None


@dataclass(frozen=True, slots=True)
class ArmDifference:
    """How much an arm is better than another one, in shares of the questions; None where there is no interval."""

    gain: float
    of_questions: Interval | None
    of_trainings: Interval | None


@dataclass(frozen=True, slots=True)
class ArmComparison:
    """Arms of one student, taught so many pairs each in one way, and examined alike on the same dev questions."""

    student: str
    size: int
    question_set: str
    hyperparameters: Mapping[str, Any]
    untaught: ExamAnswers
    few_shot: tuple[FewShotExam, ...]
    arms: tuple[ArmScore, ...]
    simulated: bool

    @property
    def uid(self) -> str:
        """Return what tells it from the exam's other comparisons, in an address too."""
        return name_comparison(self.untaught.exam.uid, self.size, self.hyperparameters)

    @property
    def untrained(self) -> Mapping[str, ExamAnswers]:
        """Return the exams of students that weren't taught, by what each is called beside the arms."""
        few_shot = {f"untaught, {exam.shots}-shot": exam.answers for exam in self.few_shot}
        return {"untaught": self.untaught, **few_shot}

    def find_arm(self, name: str) -> ArmScore | None:
        """Return the arm of a name."""
        return next((arm for arm in self.arms if arm.name == name), None)


# What an arm may change of the hyper-parameters that the others have.
OF_ARMS = ("alpha", "control", "seed")


def name_comparison(before: str, size: int, hyperparameters: Mapping[str, Any]) -> str:
    """Return a comparison's uid, of the exam before, the pairs of an arm, and what its trainings share."""
    settings = json.dumps(_drop_own(hyperparameters), sort_keys=True)
    return f"{before[:8]}-{size}-{hashlib.sha256(settings.encode()).hexdigest()[:8]}"


def _drop_own(hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in hyperparameters.items() if name not in OF_ARMS}


def load(session: Session, ref: str | int) -> list[ArmComparison]:
    """Return the comparisons of arms that were taught on an exam's curated sets, the newest first. Raises: NotFound.

    A training counts once its student's exam is finished, and once its parent sat the same one.
    """
    exam = queries.exam(session, ref)
    unfinished = queries.unfinished(session)
    exams = [e for e in queries.exams(session) if e.split == "dev" and e.id not in unfinished]
    exams_by_student: dict[str, list[ExamInfo]] = defaultdict(list)
    for info in exams:
        exams_by_student[info.student].append(info)
    trainings = finetunes.list_arms(session, exam.id)
    groups: dict[tuple[int, int, str, str], list[tuple[ArmTraining, ExamInfo]]] = defaultdict(list)
    for training in trainings:
        student = session.get_one(t.Student, training.student_id)
        for info in exams_by_student[student.name]:
            settings = json.dumps(_drop_own(training.hyperparameters), sort_keys=True)
            groups[training.parent_id, training.size, settings, describe_asking(session, info)].append((training, info))
    comparisons = [_compare(session, group, exams_by_student) for group in groups.values()]
    return [comparison for comparison in reversed(comparisons) if comparison is not None]


def _compare(
    session: Session,
    group: Sequence[tuple[ArmTraining, ExamInfo]],
    exams_by_student: Mapping[str, Sequence[ExamInfo]],
) -> ArmComparison | None:
    first, first_exam = group[0]
    asking = describe_asking(session, first_exam)
    parent = session.get_one(t.Student, first.parent_id)

    def find_exam(student: str) -> ExamAnswers | None:
        alike = (e for e in exams_by_student.get(student, ()) if describe_asking(session, e) == asking)
        return next((results.load(session, exam.id) for exam in alike), None)

    untaught = find_exam(parent.name)
    if untaught is None:
        return None
    arms: dict[tuple[str, float], list[tuple[ArmTraining, ExamAnswers]]] = defaultdict(list)
    for training, info in group:
        answers = results.load(session, info.id)
        # A set may have grown since.
        if answers.answers.keys() == untaught.answers.keys():
            arms[training.arm, training.alpha].append((training, answers))
    return ArmComparison(
        student=parent.name,
        size=first.size,
        question_set=untaught.exam.question_set,
        hyperparameters=_drop_own(first.hyperparameters),
        untaught=untaught,
        few_shot=tuple(few_shot.list_exams(session, untaught.exam)),
        arms=tuple(
            _score_arm(session, name, alpha, arms[arm, alpha]) for (arm, alpha), name in _name_arms(arms).items()
        ),
        simulated=untaught.exam.simulated,
    )


def _name_arms(arms: Collection[tuple[str, float]]) -> dict[tuple[str, float], str]:
    alphas = Counter(arm for arm, _ in arms)
    return {(arm, alpha): f"{arm}, α {alpha:g}" if alphas[arm] > 1 else arm for arm, alpha in arms}


def _score_arm(
    session: Session, name: str, alpha: float, trainings: Sequence[tuple[ArmTraining, ExamAnswers]]
) -> ArmScore:
    ordered = sorted(trainings, key=lambda pair: pair[0].seed)
    scores = tuple(
        TrainingScore(
            training.seed,
            answers.exam.student,
            training.snapshot,
            answers.exam,
            results.score(answers.answers.values()),
        )
        for training, answers in ordered
    )
    is_control = any(training.hyperparameters.get("control", controls.NONE) != controls.NONE for training, _ in ordered)
    wrong = None if is_control or alpha == 1 else _count_wrong(session, [training.snapshot for training, _ in ordered])
    score = measure(name, alpha, scores, [answers for _, answers in ordered], wrong)
    return replace(score, labels=_find_labels(session, ordered[0][0].snapshot))


def _find_labels(session: Session, sha256: str) -> str | None:
    row = queries.find_snapshot(session, sha256, with_lines=False)
    # Of a damaged one nothing is known: the snapshots page says so.
    fit = row.manifest["policy"].get("fit") if is_named(row) else None
    return None if fit is None else str(fit["labels"])


def _count_wrong(session: Session, shas: Iterable[str]) -> float | None:
    try:
        rows = [queries.snapshot(session, sha) for sha in shas]
        return statistics.fmean(snapshots.count_contents(row.lines, row.manifest).wrong for row in rows)
    except BadInput:  # damaged: the snapshots page says so
        return None


def measure(
    name: str, alpha: float, scores: tuple[TrainingScore, ...], answers: Sequence[ExamAnswers], wrong: float | None
) -> ArmScore:
    """Return an arm's scores over its trainings' exams on the same questions."""
    shares = {
        uid: statistics.fmean(exam.answers[uid].outcome is Outcome.CORRECT for exam in answers)
        for uid in answers[0].answers
    }
    accuracies = [training.score.accuracy for training in scores]
    return ArmScore(
        name=name,
        alpha=alpha,
        trainings=scores,
        shares=shares,
        wrong=wrong,
        accuracy=statistics.fmean(accuracies),
        of_questions=bootstrap_mean(list(shares.values())),
        of_trainings=_clip(student_interval(accuracies)) if len(accuracies) > 1 else None,
        no_answer=statistics.fmean(training.score.no_answer / training.score.n for training in scores),
        length=statistics.fmean(training.score.length for training in scores),
    )


def _clip(interval: Interval) -> Interval:
    # Student's t knows nothing of shares.
    return max(0.0, interval[0]), min(1.0, interval[1])


def gain_on(arm: ArmScore, untaught: ExamAnswers) -> ArmDifference:
    """Return how much an arm is better than a student that was not taught."""
    was_right = {uid: float(answer.outcome is Outcome.CORRECT) for uid, answer in untaught.answers.items()}
    accuracy = statistics.fmean(was_right.values())
    return _subtract(arm.shares, was_right, [training.score.accuracy - accuracy for training in arm.trainings])


def subtract(arm: ArmScore, reference: ArmScore) -> ArmDifference:
    """Return how much an arm is better than another one; its trainings are paired by their seeds."""
    accuracies = {training.seed: training.score.accuracy for training in reference.trainings}
    gains = [t.score.accuracy - accuracies[t.seed] for t in arm.trainings if t.seed in accuracies]
    return _subtract(arm.shares, reference.shares, gains)


def _subtract(shares: Mapping[str, float], reference: Mapping[str, float], gains: Sequence[float]) -> ArmDifference:
    changes = [share - reference[uid] for uid, share in shares.items()]
    return ArmDifference(
        statistics.fmean(changes),
        bootstrap_mean(changes) if any(changes) else None,
        student_interval(gains) if len(gains) > 1 else None,
    )


def list_caveats(comparison: ArmComparison) -> list[str]:
    """Return what a comparison can't show, in words."""
    number = len(comparison.arms) + len(comparison.few_shot)
    lines = [
        f"Each interval is of 95 % by itself: of {number} arms the best one looks better than it is."
        if number > 1
        else "One arm alone is compared with the untaught student; a second one says what its texts are worth."
    ]
    if any(arm.of_trainings is None for arm in comparison.arms):
        lines.append("An arm with one seed says nothing of another training: give it two more.")
    seeds = {tuple(training.seed for training in arm.trainings) for arm in comparison.arms}
    if len(seeds) > 1:
        lines.append("The arms do not have the same seeds yet: compare those that have.")
    if comparison.untaught.samples > 1:
        lines.append(
            f"Questions were answered {comparison.untaught.samples} times; only each first answer counts here."
        )
    if fitted := [arm.name for arm in comparison.arms if arm.labels is not None]:
        lines.append(
            f"{', '.join(fitted)}: a fitted policy looks better on the exam that it was fitted on than on another one."
        )
    if by_people := [arm.name for arm in comparison.arms if arm.labels == PEOPLE]:
        lines.append(f"{', '.join(by_people)}: fitted on what people decided, so it isn't the committee's work alone.")
    lines.append("These are dev questions: an arm that is chosen by them may look better than it is.")
    if comparison.simulated:
        lines.append("The questions are generated: it shows the loop, not the method's worth.")
    return lines
