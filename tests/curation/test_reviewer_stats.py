"""Who gave whom what, and what a reviewer let pass."""

from fractions import Fraction

from sqlmodel import Session

from mapd.checks import State
from mapd.curation import live_set
from mapd.curation.reviewer_stats import matrix, reviewers
from mapd.curation.score_table import tabulate_curated
from mapd.domain import ExamInfo


def test_nobody_reviews_an_own_rationale_and_every_vote_is_counted(session: Session, exam: ExamInfo) -> None:
    curated = live_set.load_curated(session, exam.id)
    given = matrix(tabulate_curated(curated))
    assert set(given) == {(a, r) for a in curated.teachers for r in curated.teachers if a != r}
    votes = [v.score for x in curated.rationales for v in x.text.votes if v.reviewer == "gpt"]
    of_gpt = [g for (_, reviewer), g in given.items() if reviewer == "gpt"]
    assert sum(g.votes for g in of_gpt) == len(votes)
    assert sum((g.mean or 0) * g.votes for g in of_gpt) == sum(v for v in votes if v is not None)


def test_what_a_reviewer_caught_and_let_pass(session: Session, exam: ExamInfo) -> None:
    curated = live_set.load_curated(session, exam.id)
    wrong = [x for x in curated.rationales if x.states.matches_gold is State.FAILS]
    assert wrong, "the sample has false steps"
    for reviewer in reviewers(tabulate_curated(curated)):
        scores = [v.score for x in wrong for v in x.text.votes if v.reviewer == reviewer.name]
        assert reviewer.caught.of == len(scores)
        assert reviewer.caught.count == sum(score is not None and score <= 3 for score in scores)
        assert reviewer.caught.of + reviewer.passed.of == reviewer.votes
        assert reviewer.mean == Fraction(
            sum(v.score or 0 for x in curated.rationales for v in x.text.votes if v.reviewer == reviewer.name),
            reviewer.votes,
        )
