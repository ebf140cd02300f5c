"""What is left: the audit's numbers on a real exam, the plans, and intervals that hold in 500 simulated audits."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session

from mapd.curation import live_set
from mapd.curation.curated import Curated
from mapd.domain import Act, ExamInfo
from mapd.people import owner
from mapd.review import remaining
from mapd.review.judging import Circumstances, Target, judge
from mapd.review.queues import draw_lot
from mapd.review.remaining import LookPlan, WrongCount, count_left, measure, plan, scale_risks
from mapd.statistics import predict_count, predict_from_risks
from mapd.store import queries
from tests import samples
from tests.conftest import import_files


@pytest.fixture
def large(session: Session, tmp_path: Path) -> ExamInfo:
    """Thirty-six mistakes, with twelve rationales that end in a wrong answer."""
    return queries.exam(session, import_files(session, *samples.files(tmp_path, count=36)).exam)


def load(session: Session, exam: ExamInfo) -> Curated:
    return live_set.load_curated(session, exam.id)


def judge_first(session: Session, exam: ExamInfo, number: int, queue: str = "audit-accepted", wrong: int = 2) -> None:
    """Judge so many questions in the lot's order; of their texts the first `wrong` are rejected."""
    mistakes = sorted(load(session, exam).mistakes, key=lambda m: -draw_lot(m.attempt.uid))
    texts = [x for m in mistakes[:number] for x in m.rationales if x.committee.verdict == "accepted"]
    for place, x in enumerate(texts):
        act, reason = (Act.REJECT, "wrong_answer") if place < wrong else (Act.ACCEPT, None)
        seen = Circumstances(queue=queue)
        judge(session, Target("rationale", x.text.id), act, by=owner("ann"), reason=reason, circumstances=seen)


def test_without_an_audit_it_says_what_is_missing(session: Session, large: ExamInfo) -> None:
    audit = measure(load(session, large))
    assert (audit.by_audit, audit.lack) == (None, "nobody has judged an accepted rationale in a random audit yet")
    judge_first(session, large, 3)
    audit = measure(load(session, large))
    assert audit.by_audit is None
    assert "3 questions were audited, and of 10" in audit.lack


def test_the_audited_share_stands_for_those_behind(session: Session, large: ExamInfo) -> None:
    judge_first(session, large, 12)
    curated = load(session, large)
    audit = measure(curated)
    accepted = sum(x.committee.verdict == "accepted" for x in curated.rationales)
    assert (audit.sample.questions, audit.sample.wrong, audit.sample.in_order) == (12, 2, True)
    assert audit.kept == accepted - 2
    assert audit.unseen == accepted - audit.sample.texts
    assert audit.by_audit is not None
    assert audit.by_audit.count == pytest.approx(audit.unseen * 2 / audit.sample.texts)
    assert 0 <= audit.by_audit.low < audit.by_audit.count < audit.by_audit.high < audit.unseen
    assert sum(audit.risks) == pytest.approx(audit.by_audit.count)


def test_what_people_caught_elsewhere_is_gone(session: Session, large: ExamInfo) -> None:
    judge_first(session, large, 12, wrong=6)
    before = measure(load(session, large)).by_audit
    mistakes = sorted(load(session, large).mistakes, key=lambda m: -draw_lot(m.attempt.uid))
    last = next(x for x in mistakes[-1].rationales if x.committee.verdict == "accepted")
    seen = Circumstances(queue="accepted-wrong")
    judge(session, Target("rationale", last.text.id), Act.REJECT, by=owner("bob"), reason="unclear", circumstances=seen)
    after = measure(load(session, large)).by_audit
    assert before is not None
    assert after is not None
    assert after.count == pytest.approx(before.count - 1)


def test_an_audit_in_another_order_is_taken_as_drawn_at_random(session: Session, large: ExamInfo) -> None:
    mistakes = sorted(load(session, large).mistakes, key=lambda m: draw_lot(m.attempt.uid))
    for m in mistakes[:12]:
        for x in m.rationales:
            seen = Circumstances(queue="audit")
            judge(session, Target("rationale", x.text.id), Act.ACCEPT, by=owner("ann"), circumstances=seen)
    audit = measure(load(session, large))
    assert (audit.sample.in_order, audit.sample.wrong) == (False, 0)
    assert audit.by_audit is not None
    assert (audit.by_audit.count, audit.by_audit.low) == (0, 0)
    assert audit.by_audit.high > 0
    assert any("at random" in note for note in remaining.list_notes(audit))


def test_probabilities_order_the_looks_and_are_corrected_by_the_audit(session: Session, large: ExamInfo) -> None:
    judge_first(session, large, 12, wrong=4)
    curated = load(session, large)
    probabilities = {x.text.id: 0.5 if place % 5 == 0 else 0.95 for place, x in enumerate(curated.rationales)}
    audit = measure(curated, probabilities)
    assert audit.by_probability is not None
    assert sum(audit.risks) == pytest.approx(audit.by_probability.count)
    assert list(audit.risks) == sorted(audit.risks, reverse=True)
    assert audit.risks[0] == pytest.approx(10 * audit.risks[-1])


@pytest.mark.parametrize("probability", [1.0, 0.0])
def test_a_policy_that_is_certain_breaks_nothing(session: Session, large: ExamInfo, probability: float) -> None:
    judge_first(session, large, 12, wrong=3)
    curated = load(session, large)
    audit = measure(curated, {x.text.id: probability for x in curated.rationales})
    assert audit.by_probability is not None
    assert 0 <= audit.by_probability.low <= audit.by_probability.count <= audit.by_probability.high <= audit.unseen
    assert all(0 <= risk <= 1 for risk in audit.risks)


def test_a_plan_looks_at_the_likely_ones_first() -> None:
    risks = [0.9, 0.5, 0.1, 0.1]
    assert count_left(risks) == pytest.approx([1.6, 0.7, 0.2, 0.1, 0.0])
    assert plan(risks, target=0.7) == LookPlan(to_target=1, worthwhile=None)
    assert plan(risks, target=0) == LookPlan(to_target=4, worthwhile=None)
    assert plan(risks, look_price=1, wrong_price=4) == LookPlan(to_target=None, worthwhile=2)
    assert plan([], target=0, look_price=1, wrong_price=1) == LookPlan(0, 0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(0, 1))
def test_scaled_risks_add_up_and_stay_risks(risks: list[float], share: float) -> None:
    risks, total = sorted(risks, reverse=True), share * len(risks)
    scaled = scale_risks(risks, total)
    assert all(0 <= risk <= 1 for risk in scaled)
    assert sum(scaled) == pytest.approx(total, abs=1e-6)


def draw_population(rng: random.Random) -> list[list[tuple[bool, float]]]:
    """Return 400 questions with up to three texts; what makes one of them wrong makes the others wrong, too."""
    questions = []
    for _ in range(400):
        hardness = rng.betavariate(0.4, 2.4)
        risks = [min(0.98, max(0.02, rng.betavariate(20 * hardness + 0.1, 20 * (1 - hardness) + 0.1))) for _ in "abc"]
        questions.append([(rng.random() < risk, risk) for risk in risks[: rng.randint(1, 3)]])
    return questions


@pytest.mark.parametrize("audited", [20, 60, 150])
def test_intervals_hold_in_500_audits(audited: int) -> None:
    rng = random.Random(audited)
    hits = {"audit": 0, "risks": 0}
    population = draw_population(rng)
    for _ in range(500):
        rng.shuffle(population)
        sample, rest = population[:audited], population[audited:]
        truth = sum(wrong for units in rest for wrong, _ in units)
        counts = [(sum(wrong for wrong, _ in units), len(units)) for units in sample]
        _, low, high = predict_count(counts, sum(map(len, rest)))
        hits["audit"] += low <= truth <= high
        _, low, high = predict_from_risks(sample, sum(risk for units in rest for _, risk in units))
        hits["risks"] += low <= truth <= high
    shares = {name: count / 500 for name, count in hits.items()}
    assert 0.93 <= shares["audit"] <= 0.97, shares
    assert 0.93 <= shares["risks"] <= 0.985, shares


def test_an_estimate_is_inside_its_interval_and_nothing_is_left_of_nothing() -> None:
    def order(ends: Sequence[float]) -> bool:
        return ends[1] <= ends[0] <= ends[2]

    assert predict_count([(0, 3), (0, 2)], 0) == (0, 0, 0)
    assert order(predict_count([(0, 3)] * 20, 100))
    assert order(predict_count([(3, 3)] * 20, 100))
    assert predict_count([(3, 3)] * 20, 100)[2] == 100
    assert order(predict_from_risks([[(False, 0.01)]] * 20, 5.0))
    assert WrongCount(*predict_count([(1, 2)] * 20, 10)).count == 5
