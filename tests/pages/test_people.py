"""The people page: who judged how, and one person's record by its address."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

from mapd.curation import live_set
from mapd.domain import Act
from mapd.people import owner
from mapd.review import judging
from mapd.review.judging import Circumstances, Target
from mapd.settings import Settings
from mapd.store import db, queries
from tests.pages.running import errors, open_page, shown


def people(**params: str) -> AppTest:
    return open_page("pages/review/people.py", **params)


def judged() -> None:
    """Ann and bob on six texts, blind; eve settles two of them."""
    with db.writing(db.open_store(Settings())) as session:
        curated = live_set.load_curated(session, 1)
        for n, x in enumerate(list(curated.rationales)[:6]):
            target, seen = Target("rationale", x.text.id), Circumstances(revealed=False, seconds=n + 2.0)
            judging.judge(session, target, Act.ACCEPT, by=owner("ann"), circumstances=seen)
            act = Act.ACCEPT if n % 2 else Act.REJECT
            reason = "false_step" if act is Act.REJECT else None
            judging.judge(session, target, act, by=owner("bob <img src=x>"), reason=reason, circumstances=seen)
            if n < 2:
                judging.judge(session, target, Act.REJECT, by=owner("eve"), role="adjudicator")


def test_without_anything_judged_it_leads_to_the_first(full_home: Path) -> None:
    assert people().info[0].value == "Nobody has judged a text of this exam."


def test_an_empty_project_and_one_without_judgements_say_so(home: Path) -> None:
    assert "No exam yet" in " ".join(m.value for m in people().markdown)


def test_each_has_a_line_and_agreement_says_how_little_it_is(full_home: Path) -> None:
    judged()
    body = shown(people())
    assert "/people?exam=" in body
    assert "record=ann" in body
    assert "<img" not in body
    assert "6 texts: too few to tell" in body
    assert "0 of 2" in body, "ann accepted both that eve rejected"
    assert "queue=conflicts" in body


def test_a_record_has_an_address(full_home: Path) -> None:
    judged()
    app = people(record="ann")
    assert [s.value for s in app.subheader] == ["The record of ann", "Agreement between people"]
    body = shown(app)
    assert "latest half" in body
    assert "4.5 s" in body, "the median of 2 to 7 seconds"
    assert any("decided these texts differently" in m.value for m in app.markdown)
    assert "record of nobody, who has judged nothing here" in errors(people(record="nobody"))[0]


def test_how_people_judge_is_set_here(full_home: Path) -> None:
    app = people()
    app.number_input[0].set_value(2).run()
    with db.reading(db.open_store(Settings())) as session:
        assert queries.exam(session, 1).judgements_per_text == 2
    assert app.number_input[0].value == 2
    app.number_input[2].set_value(15).run()
    with db.reading(db.open_store(Settings())) as session:
        info = queries.exam(session, 1)
    assert (info.judgements_per_text, info.practice, info.check_every, info.repeat_every) == (2, 0, 15, 0)


def test_what_waits_is_shared_out_by_links(full_home: Path) -> None:
    app = people()
    assert "open in triage" not in shown(app)
    app.session_state["shares"] = True
    app.run()
    body = shown(app)
    assert body.count("open in triage") == 2
    assert "part%3D1%252F2" in body
    assert "/triage?exam=" in body
    next(field for field in app.number_input if field.key == "shares_among").set_value(4).run()
    assert shown(app).count("open in triage") == 4
    assert not errors(app)
