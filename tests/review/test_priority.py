"""How likely a verdict is wrong, and the reasons in words."""

import re
from dataclasses import replace

import pytest
from sqlmodel import Session

from mapd.checks import State
from mapd.curation import live_set
from mapd.curation.curated import Curated, DecidedText, Mistake
from mapd.domain import ExamInfo, Verdict
from mapd.review.priority import suspicion
from mapd.review.queues import QUEUES
from tests.fits import make_policy
from tests.review.filled import fill
from tests.samples import TEACHERS


@pytest.fixture
def curated(session: Session, exam: ExamInfo) -> Curated:
    return live_set.load_curated(session, exam.id)


def blind(mistake: Mistake) -> Mistake:
    """As a project without gold answers has it."""
    unknown = [replace(x, states=replace(x.states, matches_gold=State.NOTHING)) for x in mistake.rationales]
    return replace(mistake, rationales=tuple(unknown))


def wrong(curated: Curated) -> tuple[Mistake, DecidedText]:
    return next(
        (m, x)
        for m in curated.mistakes
        for x in m.rationales
        if x.committee.verdict is Verdict.ACCEPTED and x.states.matches_gold is State.FAILS
    )


def test_the_reasons_are_in_words_the_weightiest_first(curated: Curated) -> None:
    words = suspicion(*wrong(curated)).words
    assert words.startswith("Accepted at ")
    assert ", perhaps wrongly: its answer is not the gold; " in words
    assert "the other authors agree on another answer" in words


def test_what_nothing_speaks_against_says_so(curated: Curated) -> None:
    least = min((suspicion(m, x) for m in curated.mistakes for x in m.rationales), key=lambda s: s.score)
    assert least.words == "Accepted at 5.00: no check, review or answer contradicts it"


def test_under_a_fitted_policy_it_names_the_probability(session: Session, exam: ExamInfo) -> None:
    fitted = live_set.load_curated(session, exam.id, make_policy(TEACHERS))
    words = [suspicion(m, x).words for m in fitted.mistakes for x in m.rationales]
    assert all(re.match(r"(Accepted|Rejected) at P [01]\.\d\d", line) for line in words)


def test_it_works_without_a_gold_answer(curated: Curated) -> None:
    """Wrong answers are still in front: the other authors' answers and the false equation tell."""
    seen = replace(curated, mistakes=tuple(map(blind, curated.mistakes)))
    first = fill(seen, QUEUES["smart"], "ann").entries[0]
    assert first.texts[0].text.id in {
        x.text.id for m in curated.mistakes for x in m.rationales if x.states.matches_gold is State.FAILS
    }
    mistake, x = wrong(curated)
    assert suspicion(mistake, x, gold=False).score < suspicion(mistake, x).score
    assert "gold" not in suspicion(mistake, x, gold=False).words
    hidden = blind(mistake)
    same = next(y for y in hidden.rationales if y.text.id == x.text.id)
    assert suspicion(hidden, same).score == suspicion(mistake, x, gold=False).score


def test_a_question_without_a_gold_answer_has_nothing_to_compare(curated: Curated) -> None:
    assert all(x.states.matches_gold is State.NOTHING for m in map(blind, curated.mistakes) for x in m.rationales)
