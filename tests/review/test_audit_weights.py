"""What people judged is weighted by its chance to be drawn: so it gives the truth of all, whoever judged the rest."""

import pytest
from sqlmodel import Session

from mapd.curation.curated import Curated
from mapd.curation.cut_columns import tabulate_cuts
from mapd.curation.precision_recall import NO_SAMPLE, PLAIN, measure
from mapd.domain import Act, ExamInfo
from mapd.people import owner
from mapd.probability import PEOPLE
from mapd.review.audit_weights import is_audited, weigh_judgements
from mapd.review.judging import Circumstances, Target, judge
from mapd.review.queues import draw_lot
from tests.review.test_remaining import judge_first, large, load

__all__ = ["large"]


def split(curated: Curated) -> tuple[list[int], list[int]]:
    """The texts, by id, that the committee accepts, and the others."""
    ids: tuple[list[int], list[int]] = ([], [])
    for x in curated.rationales:
        ids[x.committee.verdict != "accepted"].append(x.text.id)
    return ids


def test_without_an_audit_each_stands_for_itself(session: Session, large: ExamInfo) -> None:
    first = load(session, large).mistakes[0].rationales[0]
    judge(session, Target("rationale", first.text.id), Act.ACCEPT, by=owner("ann"))
    curated = load(session, large)
    assert weigh_judgements(curated) == PLAIN
    assert not is_audited(curated.judgements)


def test_an_audit_of_what_is_accepted_stands_for_all_of_it_and_for_nothing_else(
    session: Session, large: ExamInfo
) -> None:
    judge_first(session, large, 18, wrong=9)
    curated = load(session, large)
    # People looked for wrong ones elsewhere, too: those weren't drawn.
    accepted, rejected = split(curated)
    audited = {x.text.id for x in curated.rationales if x.judged}
    elsewhere = [id_ for id_ in accepted if id_ not in audited][-1]
    seen = Circumstances(queue="accepted-wrong")
    judge(session, Target("rationale", elsewhere), Act.REJECT, by=owner("ann"), reason="other", circumstances=seen)
    curated = load(session, large)
    assert is_audited(curated.judgements)
    weights = weigh_judgements(curated)
    assert weights.by_text is not None
    assert weights.by_text == dict.fromkeys(audited, pytest.approx(len(accepted) / len(audited)))
    assert weights.open_ids == set(rejected)
    quality = measure(tabulate_cuts(curated), PEOPLE, weights)
    assert quality.precision.at(300).value == pytest.approx(1 - 9 / len(audited))
    assert quality.precision.at(100).why == NO_SAMPLE
    assert quality.recall.at(300).why == NO_SAMPLE


def test_an_audit_of_everything_weighs_each_kind_by_itself(session: Session, large: ExamInfo) -> None:
    judge_first(session, large, 18, wrong=0)
    judge_rejected(session, large, 12)
    curated = load(session, large)
    accepted, rejected = split(curated)
    weights = weigh_judgements(curated)
    assert weights.by_text is not None
    # They stand for all texts of the exam.
    assert sum(weights.by_text.values()) == pytest.approx(len(accepted) + len(rejected))
    assert len({round(weights.by_text[id_], 9) for id_ in accepted if id_ in weights.by_text}) == 1
    assert not weights.open_ids
    quality = measure(tabulate_cuts(curated), PEOPLE, weights)
    # All that were accepted are right, and of the rejected ones each: so much is missed.
    assert quality.recall.at(300).value == pytest.approx(len(accepted) / (len(accepted) + len(rejected)))


def judge_rejected(session: Session, exam: ExamInfo, number: int) -> None:
    """Accept the first rejected texts in the lot's order."""
    mistakes = sorted(load(session, exam).mistakes, key=lambda m: -draw_lot(m.attempt.uid))
    texts = [x for m in mistakes for x in m.rationales if x.committee.verdict == "rejected"]
    for x in texts[:number]:
        seen = Circumstances(queue="audit-rejected")
        judge(session, Target("rationale", x.text.id), Act.ACCEPT, by=owner("ann"), circumstances=seen)
