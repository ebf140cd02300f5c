"""Fit a policy to exams' labels; say what it rests on, and where it is used on something else.

    plan = plan_fit(session, "careful", [exam], GOLD, uses_gold=False, by=owner("ann"))
    fitted = fit_policy(plan)                        minutes on a large exam, and no database is held meanwhile
    describe_fit(fitted.fit)                         -> ["it was fitted on the gold check, so …"]
    saved_policies.save_policy(session, fitted.policy, by=owner("ann"))

A fit again is the next version of the name; snapshots and exams name versions, which stay.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session

from mapd.curation import live_set, saved_policies, snapshots
from mapd.curation.fitting import FitSource, fit_labels
from mapd.curation.labels import (
    NAMED,
    LabelCandidate,
    LabelFile,
    Labels,
    label_by_gold,
    label_by_people,
    leave_out_sealed,
    list_candidates,
    match_file,
)
from mapd.curation.leakage import find_sealed
from mapd.domain import ExamInfo
from mapd.errors import BadInput
from mapd.people import Person, Right, require
from mapd.policies import HIGHEST_PROBABILITY, PAPER, Policy, check_threshold
from mapd.probability import GOLD, PEOPLE, Fit
from mapd.questions.imports import refuse_rows
from mapd.store import db, queries
from mapd.store.exam_material import ExamVoices

# A fitted policy's own threshold, until somebody chooses another.
THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class FitPlan:
    """All that a policy is fitted on."""

    name: str
    threshold: float
    candidates: Sequence[LabelCandidate]
    labels: Labels
    source: FitSource


@dataclass(frozen=True, slots=True)
class FittedPolicy:
    """A policy as it was fitted, and what is to be said of it."""

    policy: Policy
    labels: Labels
    notes: tuple[str, ...]

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
) -> FitPlan:
    """Read the exams' rationales and their labels. `source`: "gold", "people", or a file.

    Raises: Forbidden; BadInput where the policy couldn't be saved, an exam is over test questions, or a file says two
    things of one rationale; BadRows where a file's rows can't be read.
    """
    require(by, Right.CHANGE_POLICY)
    check_threshold(threshold, HIGHEST_PROBABILITY)
    name = saved_policies.check_name(session, name, is_fitted=True)
    if sealed := [exam.name for exam in exams if exam.split == "test"]:
        raise BadInput(f"exam {sealed[0]} asked test questions, and no choice is made on these; fit on train or dev")
    candidates = list_candidates(live_set.load_curated(session, exam.id, PAPER) for exam in exams)
    labels = leave_out_sealed(_label(candidates, source), candidates, find_sealed(snapshots.list_held_out(session)))
    moment = db.clock(session).isoformat(timespec="seconds")
    fit_source = FitSource(tuple(exam.uid for exam in exams), queries.teacher_uids(session), uses_gold, moment)
    return FitPlan(name, threshold, candidates, labels, fit_source)


def _label(candidates: Sequence[LabelCandidate], source: str | LabelFile) -> Labels:
    if not isinstance(source, LabelFile):
        return label_by_gold(candidates) if source == GOLD else label_by_people(candidates)
    refuse_rows(source.bad, are_others=False)
    labels = match_file(candidates, source)
    if labels.contradictions:
        raise BadInput(f"{source.name} says two things of one rationale: {'; '.join(labels.contradictions[:NAMED])}")
    return labels


def fit_policy(plan: FitPlan) -> FittedPolicy:
    """Fit a policy. Raises: BadInput where labels are too few, of one kind, or without a vote."""
    fit = fit_labels(plan.candidates, plan.labels, plan.source)
    notes = (*describe_fit(fit), *_describe_unmatched(plan.labels))
    return FittedPolicy(Policy(plan.name, plan.threshold, fit=fit), plan.labels, notes)


def describe_fit(fit: Fit) -> list[str]:
    """Return what a fit's figures can't show, in words."""
    record, notes = fit.record, []
    if record.labels == GOLD:
        notes.append("it was fitted on the gold check, so a right final answer that false steps lead to is right to it")
        if record.uses_gold:
            notes.append(
                "the gold check is label and input: the figures say how well it is repeated, and not how often it is "
                "right; leave it out with --no-gold-input, or label by people or a file"
            )
    elif record.labels == PEOPLE:
        notes.append(
            "the figures are of the rationales that people judged; were these chosen, they stand for no others"
        )
    if record.votes_with_gold and record.votes_without_gold:
        notes.append(
            f"{record.votes_with_gold:,} of its votes were given with sight of the gold answer, and "
            f"{record.votes_without_gold:,} without: it takes them for the same"
        )
    elif record.votes_with_gold:
        notes.append("the reviewers whose votes it was fitted on had seen the gold answer")
    return notes


def _describe_unmatched(labels: Labels) -> list[str]:
    if not labels.unmatched:
        return []
    more = f"; and {len(labels.unmatched) - NAMED:,} more" if len(labels.unmatched) > NAMED else ""
    listing = "; ".join(labels.unmatched[:NAMED])
    return [f"{len(labels.unmatched):,} rows of the file are about no one rationale of the exam: {listing}{more}"]


def find_differences(fit: Fit, voices: ExamVoices, *, has_gold: bool) -> list[str]:
    """Return in what an exam differs from where the policy was fitted, in words; empty where it is alike."""
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
