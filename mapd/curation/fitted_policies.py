"""Fit a policy to an exam's labels and save it; say what it rests on, and where it is used on something else.

    policy = fit_policy(session, "careful", [exam], GOLD, uses_gold=False, by=owner("ann"))
    describe_fit(policy.fit)                         -> ["fitted on the gold check: …"]
    find_differences(policy.fit, curated)            -> ["claude scored here and not where the policy was fitted: …"]

A fit again is the next version of the name; snapshots and exams name versions, which stay.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlmodel import Session

from mapd.curation import live_set, saved_policies
from mapd.curation.curated import Curated, filter_votes
from mapd.curation.fitting import FitSource, fit_labels
from mapd.curation.labels import NAMED, LabelFile, Labels, label_by_gold, label_by_people, list_candidates, match_file
from mapd.domain import ExamInfo
from mapd.errors import BadInput
from mapd.people import Person, Right, require
from mapd.policies import PAPER, Policy
from mapd.probability import Fit
from mapd.questions.imports import refuse_rows
from mapd.store import db, queries

GOLD, PEOPLE = "gold", "people"
# A fitted policy's own threshold, until somebody chooses another.
THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class FittedPolicy:
    """A policy as it was fitted and saved, and what is to be said of it."""

    policy: Policy
    labels: Labels
    notes: tuple[str, ...]

    @property
    def fit(self) -> Fit:
        """Return its fit."""
        assert self.policy.fit is not None, "it was fitted"
        return self.policy.fit


def fit_policy(
    session: Session,
    name: str,
    exams: Sequence[ExamInfo],
    source: str | LabelFile,
    *,
    by: Person,
    uses_gold: bool = True,
    threshold: float = THRESHOLD,
) -> FittedPolicy:
    """Fit a policy on the exams' rationales, and save it under the name. `source`: "gold", "people", or a file.

    Raises: Forbidden; BadInput where labels are too few or of one kind, or an exam is over test questions; BadRows
    where a file's rows can't be read.
    """
    require(by, Right.CHANGE_POLICY)
    if sealed := [exam.name for exam in exams if exam.split == "test"]:
        raise BadInput(f"exam {sealed[0]} asked test questions, and no choice is made on these; fit on train or dev")
    sets = [live_set.load_curated(session, exam.id, PAPER) for exam in exams]
    candidates = list_candidates(sets)
    if isinstance(source, LabelFile):
        refuse_rows(source.bad, are_others=False)
        labels = match_file(candidates, source)
        if labels.contradictions:
            raise BadInput(
                f"{source.name} says two things of one rationale: {'; '.join(labels.contradictions[:NAMED])}"
            )
    else:
        labels = label_by_gold(candidates) if source == GOLD else label_by_people(candidates)
    moment = db.clock(session).isoformat(timespec="seconds")
    teachers = queries.teacher_uids(session)
    fit = fit_labels(candidates, labels, FitSource(tuple(exam.uid for exam in exams), teachers, uses_gold, moment))
    policy = saved_policies.save_policy(session, Policy(name, threshold, fit=fit), by=by)
    return FittedPolicy(policy, labels, (*describe_fit(fit), *_describe_unmatched(labels)))


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


def find_strangers(fit: Fit, voices: Collection[str]) -> list[str]:
    """Return which teachers of an exam the policy wasn't fitted on, and the other way round, in words."""
    fitted_voices = {*fit.reviewers, *fit.authors}
    strangers, absent = sorted(set(voices) - fitted_voices), sorted(fitted_voices - set(voices))
    notes = [f"the policy was fitted without {', '.join(strangers)}: it knows nothing of them"] if strangers else []
    return notes + (
        [f"{', '.join(absent)} had a part where the policy was fitted, and has none here"] if absent else []
    )


def find_differences(fit: Fit, curated: Curated) -> list[str]:
    """Return in what the exam differs from where the policy was fitted, in words; empty where it is alike."""
    texts = [x for x in curated.rationales if x.text.repairs_id is None]
    votes = [vote for x in texts for vote in filter_votes(x.text.votes) if vote.score is not None]
    reviewers, authors = {vote.reviewer for vote in votes}, {x.text.teacher for x in texts}
    notes = []
    if strangers := sorted(reviewers - set(fit.reviewers)):
        notes.append(
            f"{', '.join(strangers)} scored here and not where the policy was fitted: these scores aren't read"
        )
    if absent := [name for name in fit.reviewers if name not in reviewers] if texts else []:
        notes.append(
            f"{', '.join(absent)} scored where the policy was fitted and not here: each score counts as missing"
        )
    if strangers := sorted(authors - set(fit.authors)):
        notes.append(
            f"{', '.join(strangers)} wrote nothing where the policy was fitted: nothing is known of that author"
        )
    notes += _compare_conditions(fit, [vote.saw_gold for vote in votes])
    if fit.record.uses_gold and texts and not curated.has_gold:
        notes.append("the policy reads the gold check, and no question here has a gold answer")
    return notes


def _compare_conditions(fit: Fit, saw_gold: Sequence[bool]) -> list[str]:
    record = fit.record
    notes = []
    if any(saw_gold) and not record.votes_with_gold:
        notes.append("reviewers had seen the gold answer here, and not where the policy was fitted")
    if not all(saw_gold) and not record.votes_without_gold:
        notes.append("reviewers had not seen the gold answer here, but where the policy was fitted they had")
    return notes
