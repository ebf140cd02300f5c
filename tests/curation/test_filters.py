"""Which rows a filter finds, and in which order."""

import pytest
from sqlmodel import Session

from mapd.checks import State
from mapd.curation import judging
from mapd.curation.curated import Curated
from mapd.curation.filters import Filter, Kind, Order, People, find
from mapd.curation.judging import Target
from mapd.store.queries import ExamInfo
from mapd.verdicts import Act, Check, Verdict


@pytest.fixture
def curated(session: Session, exam: ExamInfo) -> Curated:
    return judging.curated_set(session, exam.id)


def test_no_filter_finds_every_row(curated: Curated) -> None:
    assert len(find(curated, Filter())) == len(find(curated, Filter(kind=Kind.FEEDBACK))) == 36
    assert [row.mistake for row in find(curated, Filter(kind=Kind.MISTAKES))] == list(curated.mistakes)


def test_filters_narrow_together(curated: Curated) -> None:
    wanted = Filter(teacher="mistral", verdict=Verdict.ACCEPTED, checks={Check.MATCHES_GOLD: State.FAILS})
    found = [row.text for row in find(curated, wanted)]
    assert len(found) == 4
    for x in found:
        assert x is not None
        assert (x.text.teacher, x.verdict, x.states.matches_gold) == ("mistral", Verdict.ACCEPTED, State.FAILS)


def test_a_mistake_leads_with_the_text_that_fits(curated: Curated) -> None:
    wanted = Filter(kind=Kind.MISTAKES, teacher="gemini", verdict=Verdict.REJECTED)
    found = find(curated, wanted)
    assert found
    assert all(row.text is not None and row.text.text.teacher == "gemini" for row in found)


def test_orders(curated: Curated) -> None:
    low = [row.text.committee.mean for row in find(curated, Filter(), Order.LOWEST) if row.text]
    assert low == sorted(low)
    high = [row.text.committee.mean for row in find(curated, Filter(), Order.HIGHEST) if row.text]
    assert high == sorted(high, reverse=True)


def test_what_people_said(session: Session, exam: ExamInfo, curated: Curated) -> None:
    accepted = find(curated, Filter(verdict=Verdict.ACCEPTED))[0].text
    assert accepted is not None
    target = Target("rationale", accepted.text.id)
    judging.judge(session, target, Act.REJECT, by="ann", reason="unclear")
    now = judging.curated_set(session, exam.id)
    for people in (People.JUDGED, People.OVERRIDDEN):
        assert [row.text.text.id for row in find(now, Filter(people=people)) if row.text] == [target.id]
    judging.judge(session, target, Act.ACCEPT, by="bob")
    now = judging.curated_set(session, exam.id)
    assert [row.text.text.id for row in find(now, Filter(people=People.CONFLICT)) if row.text] == [target.id]
    assert len(find(now, Filter(people=People.NOT_JUDGED))) == 35


def test_words_ignore_case(curated: Curated) -> None:
    assert len(find(curated, Filter(contains="ann HAS 15 pens"))) == 3
