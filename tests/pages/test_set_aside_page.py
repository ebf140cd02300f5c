"""A person's work set aside on the people page, and back."""

from pathlib import Path

import pytest

from mapd import people
from mapd.curation import live_set
from mapd.domain import Act
from mapd.people import Role, owner
from mapd.review import judging
from mapd.review.judging import Target
from mapd.settings import Settings
from mapd.store import db, judgement_log, queries
from tests.pages.running import errors, open_page, shown

PEOPLE = "pages/review/people.py"


def judge(count: int) -> None:
    """Eve rejects the first rationales."""
    with db.writing(db.open_store(Settings())) as session:
        exam = queries.exams(session)[0]
        for x in list(live_set.load_curated(session, exam.id).rationales)[:count]:
            judging.judge(session, Target("rationale", x.text.id), Act.REJECT, by=owner("<b>eve"))


def counted() -> int:
    with db.reading(db.open_store(Settings())) as session:
        return len(judgement_log.judgements_by(session, queries.exams(session)[0].id, "<b>eve"))


def test_a_persons_work_is_set_aside_and_counts_again(full_home: Path) -> None:
    judge(5)
    app = open_page(PEOPLE)
    app.button(key="aside_set").click().run()
    assert ["choose a person first" in line for line in errors(app)] == [True]
    app.selectbox(key="aside_person").set_value("<b>eve").run()
    app.button(key="aside_set").click().run()
    assert ["why are" in line for line in errors(app)] == [True]
    app.text_input(key="aside_reason").set_value("clicked through").run()
    app.button(key="aside_set").click().run()
    assert errors(app) == []
    assert counted() == 0
    assert "5 judgements by &lt;b&gt;eve are set aside, by me: clicked through" in shown(app)
    app.button(key="aside_back_0").click().run()
    assert (counted(), "are set aside" in shown(app)) == (5, False)


def test_who_only_judges_sees_nothing_of_it(full_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judge(5)
    monkeypatch.setattr(people, "RIGHTS", {Role.OWNER: people.RIGHTS[Role.ANNOTATOR]})
    assert [button for button in open_page(PEOPLE).button if button.key == "aside_set"] == []
