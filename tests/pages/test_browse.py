"""The browse page as streamlit runs it."""

from pathlib import Path

from sqlmodel import select
from streamlit.testing.v1 import AppTest

from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from mapd.verdicts import Act, Reason
from tests.pages.running import open_page, shown


def browse(**params: str) -> AppTest:
    return open_page("pages/review/browse.py", **params)


def rows(app: AppTest) -> int:
    return shown(app).count('<details class="mapd-row">')


def test_without_an_exam_it_says_what_to_do(home: Path) -> None:
    app = browse()
    assert "No exam yet" in " ".join(m.value for m in app.markdown)
    assert rows(app) == 0


def test_a_page_holds_25_of_36_rationales(full_home: Path) -> None:
    app = browse()
    assert "<b>36</b> of 36 rationales" in shown(app)
    assert rows(app) == 25
    assert rows(browse(page="2")) == 11


def test_the_address_filters(full_home: Path) -> None:
    wrong = browse(verdict="accepted", gold="fails")
    assert "<b>4</b> of 36 rationales" in shown(wrong)
    assert rows(browse(verdict="accepted", gold="fails", teacher="mistral")) == 4
    assert rows(browse(verdict="accepted", gold="fails", teacher="gpt")) == 0
    assert "<b>12</b> of 12 mistakes" in shown(browse(show="mistakes"))
    assert "of 36 feedback" in shown(browse(show="feedback"))


def test_words_are_found_in_question_and_text(full_home: Path) -> None:
    assert "<b>3</b> of 36" in shown(browse(q="Ann has 15 pens"))
    assert any("Nothing fits" in i.value for i in browse(q="no such words").info)


def test_what_the_address_asks_in_vain_is_one_line_and_no_filter(full_home: Path) -> None:
    app = browse(verdict="splendid", teacher="nobody")
    lines = [e.proto.body for e in app.get("html") if 'class="mapd-error"' in e.proto.body]
    assert len(lines) == 2
    assert "splendid" in " ".join(lines)
    assert "nobody" in " ".join(lines)
    assert "<b>36</b> of 36" in shown(app)


def test_clear_takes_every_filter_back(full_home: Path) -> None:
    app = browse(verdict="accepted", gold="fails", q="pens")
    next(b for b in app.button if b.label == "Clear").click().run()
    assert "<b>36</b> of 36 rationales" in shown(app)
    assert "verdict" not in app.query_params


def test_all_that_fit_are_judged_and_taken_back_in_one(full_home: Path) -> None:
    app = browse(verdict="accepted", gold="fails")
    assert "Judge all 4" in {p.proto.popover.label for p in app.get("popover")}
    assert app.button(key="bulk_save").disabled
    app.segmented_control(key="bulk_act").set_value(Act.REJECT).run()
    assert app.button(key="bulk_save").label == "Reject all 4"
    app.selectbox(key="bulk_reason").set_value(Reason.FALSE_STEP).run()
    app.button(key="bulk_save").click().run()
    assert any("Nothing fits" in i.value for i in app.info), "none is accepted any more"
    with db.reading(db.open_store(Settings())) as session:
        rows = session.exec(select(t.Judgement)).all()
    assert [(j.decision, j.reason, j.queue) for j in rows] == [("reject", "false_step", "bulk")] * 4
    undo = next(b for b in app.button if b.label == "Undo all 4")
    undo.click().run()
    assert "<b>4</b> of 36 rationales" in shown(app)
    assert next(b for b in app.button if b.label == "Redo all 4")
