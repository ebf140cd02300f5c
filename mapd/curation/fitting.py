"""Fit P(right) of a text to labels: scikit-learn's logistic regression, cross-fitted by question. No I/O.

    fit = fit_labels(candidates, labels, FitSource(("5e…",), {"gpt": "9c…"}, uses_gold=False, fitted_at="2026-…"))
    fit.record.brier, fit.record.at[70]       -> 0.0415, FitPoint(p=0.7, precision=0.98, recall=0.93, accepted=742)

The figures come from fits that saw nothing of the question they are asked about (GroupKFold); what is stored is fitted
on all labels. Rationales of no valid vote stay undecided under a policy, so they count as not accepted here; feedback
of no vote is decided by its probability like any other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mapd.characters import visible
from mapd.curation.inputs import Voices
from mapd.curation.labels import Candidate, FeedbackCandidate, LabelCandidate, Labels
from mapd.errors import BadInput
from mapd.probability import (
    ALL_REVIEWERS,
    FEEDBACK_GOLD_INPUTS,
    FEEDBACK_INPUTS,
    GOLD_INPUTS,
    LONGEST,
    STEPS,
    TEXT_INPUTS,
    FeedbackFit,
    Fit,
    FitInput,
    FitRecord,
    InputKey,
    list_points,
)

if TYPE_CHECKING:
    import numpy as np

# A tenth of the questions is held out at a time; what is left has to show both kinds.
FOLDS = 10
LEAST_OF_EACH, LEAST_QUESTIONS = 10, 10
# The inverse of the penalty on weights. Chosen on the authors' SVAMP files, where .1 to 3 come to much the same; with
# few labels the stronger penalty is the safer one.
STRENGTH = 0.1
MOST_ROUNDS = 1_000


@dataclass(frozen=True, slots=True)
class FitSource:
    """Where labels and texts come from, for the record."""

    exams: tuple[str, ...]
    # By name, each one's uid, in the order in which they were added; ALL_REVIEWERS alone tells nobody apart.
    teachers: Mapping[str, str]
    uses_gold: bool
    fitted_at: str


@dataclass(frozen=True, slots=True)
class FittedKind:
    """What a fit is of: its texts in words, its inputs beside those of teachers, and whether a vote is needed."""

    nouns: str
    text_inputs: tuple[str, ...]
    gold_inputs: tuple[str, ...]
    needs_vote: bool


RATIONALES = FittedKind("rationales", TEXT_INPUTS, GOLD_INPUTS, needs_vote=True)
FEEDBACK = FittedKind("feedbacks", FEEDBACK_INPUTS, FEEDBACK_GOLD_INPUTS, needs_vote=False)


@dataclass(frozen=True, slots=True)
class LabelTable:
    """The labelled texts as a regression takes them: a row each, with its label and the number of its question."""

    candidates: Sequence[Candidate]
    is_right: Sequence[bool]
    groups: Sequence[int]
    voices: Voices
    keys: Sequence[InputKey]
    values: "np.ndarray[Any, Any]"

    def cross_fit(self) -> list[float]:
        """Return each one's P(right), in whole steps, by a fit without its question.

        Raises: BadInput where a part shows one kind alone.
        """
        import numpy as np
        from sklearn.model_selection import GroupKFold

        labels, probabilities = np.array(self.is_right, dtype=int), np.zeros(len(self.is_right))
        for fit_rows, test_rows in GroupKFold(FOLDS).split(self.values, labels, self.groups):
            if len(set(labels[fit_rows])) < 2:
                raise BadInput(
                    "too few labels to fit on: nearly all of one kind are of one question, and without it the rest "
                    "shows the other kind alone; label more questions"
                )
            scaler, model = _train(self.values[fit_rows], labels[fit_rows])
            probabilities[test_rows] = model.predict_proba(scaler.transform(self.values[test_rows]))[:, 1]
        return [round(float(p) * STEPS) / STEPS for p in probabilities]

    def fit(self) -> tuple[float, tuple[FitInput, ...]]:
        """Return intercept and inputs of a fit on all rows."""
        scaler, model = _train(self.values, self.is_right)
        rows = zip(self.keys, model.coef_[0], scaler.mean_, scaler.scale_, strict=True)
        inputs = (FitInput(*key, float(weight), float(centre), float(scale)) for key, weight, centre, scale in rows)
        return float(model.intercept_[0]), tuple(inputs)


def _train(values: "np.ndarray[Any, Any]", is_right: Sequence[bool]) -> tuple[Any, Any]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    # An input that is the same everywhere tells nothing: the scaler leaves it at 0, and so comes out its weight.
    scaler = StandardScaler().fit(values)
    return scaler, LogisticRegression(C=STRENGTH, max_iter=MOST_ROUNDS).fit(scaler.transform(values), is_right)


def make_table(
    candidates: Sequence[Candidate],
    labels: Labels,
    teachers: Iterable[str],
    *,
    uses_gold: bool,
    kind: FittedKind = RATIONALES,
) -> LabelTable:
    """Return the table of the labelled candidates. `teachers`: by name, in the order in which they were added.

    Raises: BadInput where there are too few labels, they are of one kind, or no text has a vote and one is needed.
    """
    import numpy as np

    labelled = [c for c in candidates if c.x.text.uid in labels.is_right]
    is_right = [labels.is_right[c.x.text.uid] for c in labelled]
    _check_labels(labelled, is_right, labels, kind)
    voices = _list_voices(labelled, list(teachers))
    keys = _list_keys(voices, (*kind.text_inputs, *(kind.gold_inputs if uses_gold else ())))
    inputs = [c.list_inputs(voices) for c in labelled]
    values = np.array([[row.get(key, 0.0) for key in keys] for row in inputs], dtype=float)
    numbers: dict[tuple[str, ...], int] = {}
    groups = [numbers.setdefault(c.group, len(numbers)) for c in labelled]
    return LabelTable(labelled, is_right, groups, voices, keys, values)


def fit_labels(candidates: Sequence[LabelCandidate], labels: Labels, source: FitSource) -> Fit:
    """Fit the labelled candidates. Raises: BadInput where there are too few labels, of one kind, or without a vote."""
    table = make_table(candidates, labels, source.teachers, uses_gold=source.uses_gold)
    return fit_table(table, table.cross_fit(), labels, source)


def fit_table(table: LabelTable, probabilities: Sequence[float], labels: Labels, source: FitSource) -> Fit:
    """Fit a table of rationales. `probabilities`: what its cross-fit gave."""
    return Fit(*table.fit(), _make_record(table, probabilities, labels, source, needs_vote=True))


def fit_feedback(candidates: Sequence[FeedbackCandidate], labels: Labels, source: FitSource) -> FeedbackFit:
    """Fit the labelled feedback. Raises: BadInput where there are too few labels, or of one kind."""
    table = make_table(candidates, labels, source.teachers, uses_gold=source.uses_gold, kind=FEEDBACK)
    return FeedbackFit(*table.fit(), _make_record(table, table.cross_fit(), labels, source, needs_vote=False))


def _make_record(
    table: LabelTable, probabilities: Sequence[float], labels: Labels, source: FitSource, *, needs_vote: bool
) -> FitRecord:
    import sklearn

    is_right, voices = table.is_right, {*table.voices.reviewers, *table.voices.authors}
    # A rationale that nobody scored is never accepted.
    decisive = [
        p if c.x.committee.valid_votes or not needs_vote else None
        for p, c in zip(probabilities, table.candidates, strict=True)
    ]
    votes = [vote for c in table.candidates for vote in c.reading.votes if vote.score is not None]
    right, n = sum(is_right), len(is_right)
    return FitRecord(
        labels=labels.kind,
        uses_gold=source.uses_gold,
        exams=source.exams,
        teachers={name: uid for name, uid in source.teachers.items() if name in voices},
        n=n,
        right=right,
        questions=len(set(table.groups)),
        folds=FOLDS,
        brier=_brier(probabilities, is_right),
        brier_of_share=_brier([right / n] * n, is_right),
        at=list_points(decisive, is_right),
        votes_with_gold=sum(vote.saw_gold for vote in votes),
        votes_without_gold=sum(not vote.saw_gold for vote in votes),
        left_out=dict(labels.left_out),
        penalty=1 / STRENGTH,
        library=f"scikit-learn {sklearn.__version__}",
        fitted_at=source.fitted_at,
        # A file may be named as no line of a record may be.
        file=None if labels.file is None else " ".join(visible(labels.file.name).split())[:LONGEST],
        file_sha256=None if labels.file is None else labels.file.sha256,
    )


def _check_labels(labelled: Sequence[Candidate], is_right: Sequence[bool], labels: Labels, kind: FittedKind) -> None:
    right, n = sum(is_right), len(is_right)
    questions = len({c.group for c in labelled})
    # The gold check says nothing of a feedback.
    by_gold = "the gold check or by " if kind is RATIONALES else ""
    cure = {
        "gold": "label by people or by a file",
        "people": f"judge more of them, or label by {by_gold}a file",
        "file": f"add labels, or label by {by_gold}people",
    }[labels.kind]
    missing = ", ".join(f"{number:,}: {reason}" for reason, number in labels.left_out.items())
    counts = f"{right:,} right and {n - right:,} wrong of {n:,} labelled {kind.nouns} on {questions:,} questions"
    counts += f" (without a label are {missing})" if missing else ""
    if n and right in (0, n):
        raise BadInput(
            f"the labels are of one kind, and what sets right and wrong apart can't be learned from that: {counts}; "
            f"at least {LEAST_OF_EACH} of each are needed: {cure}"
        )
    if min(right, n - right) < LEAST_OF_EACH or questions < LEAST_QUESTIONS:
        raise BadInput(
            f"too few labels to fit on: {counts}; at least {LEAST_OF_EACH} of each kind on {LEAST_QUESTIONS} questions "
            f"are needed, for a tenth of the questions is held out at a time, and the rest has to show both: {cure}"
        )
    if kind.needs_vote and not any(c.x.committee.valid_votes for c in labelled):
        raise BadInput(
            f"no labelled rationale has a valid vote ({counts}), and a policy leaves undecided what nobody scored: "
            "have the committee review them first"
        )


def _list_voices(labelled: Sequence[Candidate], teachers: Sequence[str]) -> Voices:
    reviewers = {vote.reviewer for c in labelled for vote in c.reading.votes if vote.score is not None}
    reviewers.add(ALL_REVIEWERS)
    authors = {c.x.text.teacher for c in labelled}
    return Voices([name for name in teachers if name in reviewers], [name for name in teachers if name in authors])


def _list_keys(voices: Voices, of_texts: Iterable[str]) -> list[InputKey]:
    of_reviewers = [(kind, name) for name in voices.reviewers for kind in ("score", "five", "low", "no_vote")]
    return [*of_reviewers, *(("author", name) for name in voices.authors), *((kind, "") for kind in of_texts)]


def _brier(probabilities: Sequence[float], is_right: Sequence[bool]) -> float:
    """Return the mean squared distance of the probabilities from what was the case (Brier, 1950)."""
    return sum((p - label) ** 2 for p, label in zip(probabilities, is_right, strict=True)) / len(is_right)
