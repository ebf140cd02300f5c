"""Fit a policy to exams' labels; say what it rests on, and where it is used on something else.

    plan = plan_fit(session, "careful", [exam], GOLD, uses_gold=False, by=owner("ann"))
    fitted = fit_policy(plan)                        minutes on a large exam, and no database is held meanwhile
    describe_fit(fitted.fit)                         -> ["it was fitted on the gold check, so …"]
    saved_policies.save_policy(session, fitted.policy, by=owner("ann"))

A fit again is the next version of the name; snapshots and exams name versions, which stay. Feedback gets a fit of its
own where people or the file label enough of it; else the policy is fitted without, and `no_feedback` says why.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlmodel import Session

from mapd.curation import live_set, saved_policies, snapshots
from mapd.curation.fitting import FitSource, fit_feedback, fit_labels
from mapd.curation.labels import (
    NAMED,
    Candidate,
    FeedbackCandidate,
    LabelCandidate,
    LabelFile,
    Labels,
    label_by_gold,
    label_by_people,
    leave_out_sealed,
    list_candidates,
    list_feedback,
    match_file,
    split_file,
)
from mapd.curation.leakage import find_sealed
from mapd.domain import ExamInfo
from mapd.errors import BadInput
from mapd.people import Person, Right, require
from mapd.policies import HIGHEST_PROBABILITY, PAPER, Policy, check_threshold
from mapd.probability import GOLD, PEOPLE, Fit, FitRecord, Regression
from mapd.questions.imports import refuse_rows
from mapd.store import db, queries
from mapd.store.exam_material import ExamVoices

# A fitted policy's own threshold, until somebody chooses another.
THRESHOLD = 0.5


NO_FEEDBACK = "feedback is decided as ever, by its checks, its scores and people: "
NOT_BY_GOLD = "the gold check says nothing of it; label by people or by a file"
NOT_WANTED = "its fit was left out"


@dataclass(frozen=True, slots=True)
class FeedbackPlan:
    """The feedback that a policy is fitted on, and its labels."""

    candidates: Sequence[FeedbackCandidate]
    labels: Labels


@dataclass(frozen=True, slots=True)
class FitPlan:
    """All that a policy is fitted on. `feedback`: or why there is to be no fit for feedback."""

    name: str
    threshold: float
    candidates: Sequence[LabelCandidate]
    labels: Labels
    source: FitSource
    feedback: FeedbackPlan | str = NOT_BY_GOLD


@dataclass(frozen=True, slots=True)
class FittedPolicy:
    """A policy as it was fitted, and what is to be said of it. `no_feedback`: why feedback has no fit of its own."""

    policy: Policy
    labels: Labels
    notes: tuple[str, ...]
    no_feedback: str = ""
    unmatched: tuple[str, ...] = ()  # rows of the file that are about no text of the exam

    @property
    def fit(self) -> Fit:
        """Return its fit."""
        assert self.policy.fit is not None, "it was fitted"
        return self.policy.fit


def plan_fit(
    session: Session,
    name: str,
    exams: Sequence[ExamInfo],
    source: str | LabelFile,
    *,
    by: Person,
    uses_gold: bool = True,
    threshold: float = THRESHOLD,
    with_feedback: bool = True,
) -> FitPlan:
    """Read the exams' texts and their labels. `source`: "gold", "people", or a file.

    Raises: Forbidden; BadInput where the policy couldn't be saved, an exam is over test questions, or a file says two
    things of one text; BadRows where a file's rows can't be read.
    """
    require(by, Right.CHANGE_POLICY)
    check_threshold(threshold, HIGHEST_PROBABILITY)
    name = saved_policies.check_name(session, name, is_fitted=True)
    if sealed := [exam.name for exam in exams if exam.split == "test"]:
        raise BadInput(f"exam {sealed[0]} asked test questions, and no choice is made on these; fit on train or dev")
    sets = [live_set.load_curated(session, exam.id, PAPER) for exam in exams]
    candidates, of_feedback = list_candidates(sets), list_feedback(sets)
    labels, feedback_labels = _label(candidates, of_feedback, source)
    sealed_questions = find_sealed(snapshots.list_held_out(session))
    labels = leave_out_sealed(labels, candidates, sealed_questions)
    feedback: FeedbackPlan | str = NOT_BY_GOLD if with_feedback else NOT_WANTED
    if with_feedback and feedback_labels is not None:
        feedback = FeedbackPlan(of_feedback, leave_out_sealed(feedback_labels, of_feedback, sealed_questions))
    moment = db.clock(session).isoformat(timespec="seconds")
    fit_source = FitSource(tuple(exam.uid for exam in exams), queries.teacher_uids(session), uses_gold, moment)
    return FitPlan(name, threshold, candidates, labels, fit_source, feedback)


def _label(
    candidates: Sequence[LabelCandidate], feedback: Sequence[FeedbackCandidate], source: str | LabelFile
) -> tuple[Labels, Labels | None]:
    """Return the labels of the rationales, and those of the feedback, of which the gold check has none."""
    if source == GOLD:
        return label_by_gold(candidates), None
    if not isinstance(source, LabelFile):
        return label_by_people(candidates), label_by_people(feedback)
    refuse_rows(source.bad, are_others=False)
    of_rationales, of_feedback = split_file(source, feedback)
    return _match(candidates, of_rationales, "rationale"), _match(feedback, of_feedback, "feedback")


def _match(candidates: Sequence[Candidate], file: LabelFile, noun: str) -> Labels:
    labels = match_file(candidates, file, f"{noun}s")
    if labels.contradictions:
        raise BadInput(f"{file.name} says two things of one {noun}: {'; '.join(labels.contradictions[:NAMED])}")
    return labels


def fit_policy(plan: FitPlan) -> FittedPolicy:
    """Fit a policy. Raises: BadInput where labels are too few, of one kind, or without a vote."""
    fit, feedback = fit_labels(plan.candidates, plan.labels, plan.source), plan.feedback
    reason, unmatched = "" if isinstance(feedback, FeedbackPlan) else feedback, plan.labels.unmatched
    if isinstance(feedback, FeedbackPlan):
        unmatched += feedback.labels.unmatched
        try:
            fit = replace(fit, feedback=fit_feedback(feedback.candidates, feedback.labels, plan.source))
        except BadInput as refusal:
            reason = str(refusal)
    notes = (*describe_fit(fit), *_describe_unmatched(unmatched))
    no_feedback = NO_FEEDBACK + reason if reason else ""
    return FittedPolicy(Policy(plan.name, plan.threshold, fit=fit), plan.labels, notes, no_feedback, unmatched)


def describe_fit(fit: Fit) -> list[str]:
    """Return what a fit's figures can't show, in words."""
    notes = _describe_record(fit.record, "rationales")
    if fit.feedback is None:
        return notes
    record = fit.feedback.record
    notes.append(f"feedback has a fit of its own, on {record.n:,} labels")
    return notes + [f"of feedback: {note}" for note in _describe_record(record, "feedbacks")]


def _describe_record(record: FitRecord, nouns: str) -> list[str]:
    notes = []
    if record.labels == GOLD:
        notes.append("it was fitted on the gold check, so a right final answer that false steps lead to is right to it")
        if record.uses_gold:
            notes.append(
                "the gold check is label and input: the figures say how well it is repeated, and not how often it is "
                "right; leave it out with --no-gold-input, or label by people or a file"
            )
    elif record.labels == PEOPLE:
        notes.append(f"the figures are of the {nouns} that people judged; were these chosen, they stand for no others")
    if record.votes_with_gold and record.votes_without_gold:
        notes.append(
            f"{record.votes_with_gold:,} of its votes were given with sight of the gold answer, and "
            f"{record.votes_without_gold:,} without: it takes them for the same"
        )
    elif record.votes_with_gold:
        notes.append("the reviewers whose votes it was fitted on had seen the gold answer")
    return notes


def _describe_unmatched(rows: Sequence[str]) -> list[str]:
    if not rows:
        return []
    more = f"; and {len(rows) - NAMED:,} more" if len(rows) > NAMED else ""
    return [f"{len(rows):,} rows of the file are about no one text of the exam: {'; '.join(rows[:NAMED])}{more}"]


def find_all_differences(fit: Fit, voices: ExamVoices, of_feedback: ExamVoices, *, has_gold: bool) -> list[str]:
    """Return in what an exam's rationales, and its feedback, differ from where the policy was fitted, in words."""
    notes = find_differences(fit, voices, has_gold=has_gold)
    if fit.feedback is not None:
        of_its_fit = find_differences(fit.feedback, of_feedback, has_gold=has_gold)
        notes += [f"of feedback: {note}" for note in of_its_fit]
    return notes


def find_differences(fit: Regression, voices: ExamVoices, *, has_gold: bool) -> list[str]:
    """Return in what an exam differs from where the policy was fitted, in words; empty where it is alike.

    `voices`: of the rationales, or of the feedback, as the fit is.
    """
    notes = []
    if strangers := [name for name in voices.reviewers if name not in fit.reviewers]:
        notes.append(
            f"{', '.join(strangers)} scored here and not where the policy was fitted: these scores aren't read"
        )
    if absent := [name for name in fit.reviewers if name not in voices.reviewers] if voices.authors else []:
        notes.append(
            f"{', '.join(absent)} scored where the policy was fitted and not here: each score counts as missing"
        )
    if strangers := [name for name in voices.authors if name not in fit.authors]:
        notes.append(
            f"{', '.join(strangers)} wrote nothing where the policy was fitted: nothing is known of that author"
        )
    if voices.saw_gold and not fit.record.votes_with_gold:
        notes.append("reviewers had seen the gold answer here, and not where the policy was fitted")
    if voices.saw_no_gold and not fit.record.votes_without_gold:
        notes.append("reviewers had not seen the gold answer here, but where the policy was fitted they had")
    if fit.record.uses_gold and voices.authors and not has_gold:
        notes.append("the policy reads the gold check, and no question here has a gold answer")
    return notes
