"""Fit P(right) of a rationale to labels: scikit-learn's logistic regression, cross-fitted by question. No I/O.

    fit = fit_labels(candidates, labels, FitSettings(uses_gold=False), teachers, library="scikit-learn 1.9.1", …)
    fit.record.brier, fit.record.at[70]       -> 0.0415, FitPoint(p=0.7, precision=0.98, recall=0.93, accepted=742)

The figures come from fits that saw nothing of the question they are asked about (GroupKFold); what is stored is fitted
on all labels. Texts of no valid vote stay undecided under a policy, so they count as not accepted here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mapd.curation.inputs import Voices, list_inputs
from mapd.curation.labels import LabelCandidate, Labels
from mapd.errors import BadInput
from mapd.probability import GOLD_INPUTS, STEPS, TEXT_INPUTS, Fit, FitInput, FitRecord, InputKey, list_points

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
    # By name, each one's uid, in the order in which they were added.
    teachers: Mapping[str, str]
    uses_gold: bool
    fitted_at: str


def fit_labels(candidates: Sequence[LabelCandidate], labels: Labels, source: FitSource) -> Fit:
    """Fit the labelled candidates. Raises: BadInput where there are too few labels, or of one kind."""
    import sklearn

    labelled = [c for c in candidates if c.x.text.uid in labels.is_right]
    is_right = [labels.is_right[c.x.text.uid] for c in labelled]
    _check_labels(labelled, is_right, labels)
    voices = _list_voices(labelled, source.teachers)
    keys = _list_keys(voices, source.uses_gold)
    values = [list_inputs(c.reading, c.question, c.readings, voices) for c in labelled]
    table = _make_table(values, keys)
    groups = _number_groups(labelled)
    probabilities = _cross_fit(table, is_right, groups)
    intercept, inputs = _fit(table, is_right, keys)
    votes = [vote for c in labelled for vote in c.reading.votes if vote.score is not None]
    right, n = sum(is_right), len(is_right)
    rounded = [round(p * STEPS) / STEPS for p in probabilities]
    decided = [p if c.x.committee.valid_votes else None for p, c in zip(rounded, labelled, strict=True)]
    return Fit(
        intercept,
        inputs,
        FitRecord(
            labels=labels.kind,
            uses_gold=source.uses_gold,
            exams=source.exams,
            teachers={
                name: uid for name, uid in source.teachers.items() if name in {*voices.reviewers, *voices.authors}
            },
            n=n,
            right=right,
            wrong=n - right,
            questions=len(set(groups)),
            folds=FOLDS,
            brier=_brier(rounded, is_right),
            brier_of_share=_brier([right / n] * n, is_right),
            at=list_points(decided, is_right),
            votes_with_gold=sum(vote.saw_gold for vote in votes),
            votes_without_gold=sum(not vote.saw_gold for vote in votes),
            left_out=dict(labels.left_out),
            penalty=1 / STRENGTH,
            library=f"scikit-learn {sklearn.__version__}",
            fitted_at=source.fitted_at,
            file=None if labels.file is None else labels.file.name,
            file_sha256=None if labels.file is None else labels.file.sha256,
        ),
    )


def cross_fit(
    candidates: Sequence[LabelCandidate], labels: Labels, teachers: Mapping[str, str], *, uses_gold: bool
) -> dict[str, float]:
    """Return P(right) of each labelled candidate, by uid, by a fit without its question. Raises: BadInput."""
    labelled = [c for c in candidates if c.x.text.uid in labels.is_right]
    is_right = [labels.is_right[c.x.text.uid] for c in labelled]
    _check_labels(labelled, is_right, labels)
    voices = _list_voices(labelled, teachers)
    values = [list_inputs(c.reading, c.question, c.readings, voices) for c in labelled]
    table = _make_table(values, _list_keys(voices, uses_gold))
    probabilities = _cross_fit(table, is_right, _number_groups(labelled))
    return {c.x.text.uid: round(p * STEPS) / STEPS for c, p in zip(labelled, probabilities, strict=True)}


def fit_rule(
    candidates: Sequence[LabelCandidate], labels: Labels, teachers: Mapping[str, str], *, uses_gold: bool
) -> tuple[float, tuple[FitInput, ...]]:
    """Return intercept and inputs of a fit, without its figures. Raises: BadInput."""
    labelled = [c for c in candidates if c.x.text.uid in labels.is_right]
    is_right = [labels.is_right[c.x.text.uid] for c in labelled]
    _check_labels(labelled, is_right, labels)
    voices = _list_voices(labelled, teachers)
    keys = _list_keys(voices, uses_gold)
    values = [list_inputs(c.reading, c.question, c.readings, voices) for c in labelled]
    return _fit(_make_table(values, keys), is_right, keys)


def _check_labels(labelled: Sequence[LabelCandidate], is_right: Sequence[bool], labels: Labels) -> None:
    right, n = sum(is_right), len(is_right)
    questions = len({c.group for c in labelled})
    cure = {
        "gold": "label by people or by a file",
        "people": "judge more of them, or label by the gold check or by a file",
        "file": "add labels, or label by the gold check or by people",
    }[labels.kind]
    missing = ", ".join(f"{number:,}: {reason}" for reason, number in labels.left_out.items())
    counts = f"{right:,} right and {n - right:,} wrong of {n:,} labelled rationales on {questions:,} questions"
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


def _list_voices(labelled: Sequence[LabelCandidate], teachers: Mapping[str, str]) -> Voices:
    reviewers = {vote.reviewer for c in labelled for vote in c.reading.votes if vote.score is not None}
    authors = {c.x.text.teacher for c in labelled}
    return Voices([name for name in teachers if name in reviewers], [name for name in teachers if name in authors])


def _list_keys(voices: Voices, uses_gold: bool) -> list[InputKey]:
    of_reviewers = [(kind, name) for name in voices.reviewers for kind in ("score", "five", "low", "no_vote")]
    of_text = [(kind, "") for kind in (*TEXT_INPUTS, *(GOLD_INPUTS if uses_gold else ()))]
    return [*of_reviewers, *(("author", name) for name in voices.authors), *of_text]


def _make_table(values: Sequence[Mapping[InputKey, float]], keys: Sequence[InputKey]) -> "np.ndarray[Any, Any]":
    import numpy as np

    return np.array([[row.get(key, 0.0) for key in keys] for row in values], dtype=float)


def _number_groups(labelled: Sequence[LabelCandidate]) -> list[int]:
    numbers: dict[tuple[str, ...], int] = {}
    return [numbers.setdefault(c.group, len(numbers)) for c in labelled]


def _cross_fit(table: "np.ndarray[Any, Any]", is_right: Sequence[bool], groups: Sequence[int]) -> list[float]:
    """Return each text's probability by a fit without its question. Raises: BadInput where a part shows one kind."""
    import numpy as np
    from sklearn.model_selection import GroupKFold

    labels, probabilities = np.array(is_right, dtype=int), np.zeros(len(is_right))
    for fit_rows, test_rows in GroupKFold(FOLDS).split(table, labels, groups):
        if len(set(labels[fit_rows])) < 2:
            raise BadInput(
                "too few labels to fit on: nearly all of one kind are of one question, and without it the rest shows "
                "the other kind alone; label more questions"
            )
        centre, scale, model = _train(table[fit_rows], labels[fit_rows])
        probabilities[test_rows] = model.predict_proba((table[test_rows] - centre) / scale)[:, 1]
    return [float(p) for p in probabilities]


def _train(table: "np.ndarray[Any, Any]", labels: "np.ndarray[Any, Any]") -> tuple[Any, Any, Any]:
    from sklearn.linear_model import LogisticRegression

    centre, scale = table.mean(axis=0), table.std(axis=0)
    # An input that is the same everywhere tells nothing; its weight comes out as 0.
    scale[scale == 0] = 1.0
    model = LogisticRegression(C=STRENGTH, max_iter=MOST_ROUNDS).fit((table - centre) / scale, labels)
    return centre, scale, model


def _fit(
    table: "np.ndarray[Any, Any]", is_right: Sequence[bool], keys: Sequence[InputKey]
) -> tuple[float, tuple[FitInput, ...]]:
    import numpy as np

    centre, scale, model = _train(table, np.array(is_right, dtype=int))
    rows = zip(keys, model.coef_[0], centre, scale, strict=True)
    inputs = (FitInput(*key, float(weight), float(middle), float(unit)) for key, weight, middle, unit in rows)
    return float(model.intercept_[0]), tuple(inputs)


def _brier(probabilities: Sequence[float], is_right: Sequence[bool]) -> float:
    """Return the mean squared distance of the probabilities from what was the case (Brier, 1950)."""
    return sum((p - label) ** 2 for p, label in zip(probabilities, is_right, strict=True)) / len(is_right)
