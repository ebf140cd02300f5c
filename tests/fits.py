"""A fitted policy made by hand, for tests that need one and no labels."""

from collections.abc import Sequence
from dataclasses import replace

from mapd.policies import Policy
from mapd.probability import FeedbackFit, Fit, FitInput, FitRecord

RECORD = FitRecord(
    labels="people",
    uses_gold=False,
    exams=("e1",),
    teachers={},
    n=40,
    right=28,
    questions=20,
    folds=10,
    brier=0.05,
    brier_of_share=0.21,
    at=(),
    votes_with_gold=80,
    votes_without_gold=0,
    left_out={"nobody judged it": 3},
    penalty=10.0,
    library="scikit-learn 1.9.1",
    fitted_at="2026-11-30T03:00:00+00:00",
)


def make_fit(teachers: Sequence[str], *, record: FitRecord = RECORD) -> Fit:
    """A fit that goes by scores, votes that are missing, agreement and a false equation."""
    of_reviewers = (
        x
        for name in teachers
        for x in (FitInput("score", name, 0.5, 0.5, 1.5), FitInput("no_vote", name, -0.4, 0.1, 0.3))
    )
    of_text = (
        FitInput("one_agrees", "", 0.6, 0.4, 0.5),
        FitInput("peers_against", "", -0.7, 0.2, 1.1),
        FitInput("equation_false", "", -0.9, 0.1, 0.3),
        FitInput("log_length", "", 0.1, 4.0, 1.0),
    )
    return Fit(0.3, (*of_reviewers, *(FitInput("author", name, 0.1, 0.3, 0.5) for name in teachers), *of_text), record)


def make_feedback_fit(teachers: Sequence[str], *, record: FitRecord = RECORD) -> FeedbackFit:
    """A fit of feedback that goes by its step, a false equation, its author and its length."""
    of_text = (
        FitInput("step_exists", "", 0.8, 0.7, 0.5),
        FitInput("equation_false", "", -0.9, 0.1, 0.3),
        FitInput("log_length", "", 0.3, 4.0, 1.0),
    )
    return FeedbackFit(0.4, (*(FitInput("author", name, 0.1, 0.3, 0.5) for name in teachers), *of_text), record)


def make_policy(teachers: Sequence[str], name: str = "fitted", threshold: float = 0.5) -> Policy:
    """A policy by that fit."""
    return Policy(name, threshold, fit=make_fit(teachers))


def make_whole_policy(teachers: Sequence[str], name: str = "fitted", threshold: float = 0.5) -> Policy:
    """A policy with a fit of feedback, too."""
    return Policy(name, threshold, fit=replace(make_fit(teachers), feedback=make_feedback_fit(teachers)))
