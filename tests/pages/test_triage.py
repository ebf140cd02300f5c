"""The triage page as streamlit runs it: empty, full, and with an address that asks for what isn't there."""

from datetime import timedelta
from pathlib import Path

from sqlmodel import select
from streamlit.testing.v1 import AppTest

from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from tests.pages.running import errors, open_page, shown


def triage(**params: str) -> AppTest:
    return open_page("pages/review/triage.py", **params)


def button(app: AppTest, key: str):
    return next(b for b in app.button if b.key and b.key.startswith(f"hot_{key}_"))


def test_without_an_exam_it_says_what_to_do(home: Path) -> None:
    app = triage()
    assert not app.button
    assert "No exam yet" in " ".join(m.value for m in app.markdown)


def test_a_mistake_stands_beside_its_texts_and_its_keys(full_home: Path) -> None:
    app = triage()
    body = shown(app)
    assert "Ann has" in body
    assert "1 / 12 mistakes" in body
    assert "committee" in body
    keys = {b.key.split("_")[1] for b in app.button if b.key and b.key.startswith("hot_")}
    assert {"1", "2", "3", "f", "a", "s", "u", "y", "left", "right"} <= keys
    assert app.query_params["mistake"]


def test_the_address_gets_one_clear_line_for_each_thing_it_asks_in_vain(full_home: Path) -> None:
    assert "unknown queue: nonsense" in errors(triage(queue="nonsense"))[0]
    gone = triage(mistake="feed")
    assert "a mistake that this exam doesn" in errors(gone)[0]
    assert [b for b in gone.button if b.key and b.key.startswith("triage_go_")], "and offers where to go on"
    uid = triage().query_params["mistake"]
    assert "a text that this mistake doesn" in errors(triage(mistake=uid, text="feed"))[0]


def test_an_empty_queue_offers_the_others(full_home: Path) -> None:
    app = triage(queue="conflicts")
    assert any("Nothing is in this queue" in s.value for s in app.subheader)
    going = next(b for b in app.button if b.key == "triage_go_everything")
    going.click().run()
    assert app.query_params["queue"] == "everything"
    assert "1 / 12 mistakes" in shown(app)


def test_feedback_unfolds_and_folds(full_home: Path) -> None:
    app = triage()
    button(app, "f").click().run()
    assert "feedback 1 of 3" in shown(app)
    assert button(app, "6")
    button(app, "f").click().run()
    assert "rationale 1 of 3" in shown(app)


def test_a_press_too_soon_decides_nothing(full_home: Path) -> None:
    app = triage()
    button(app, "a").click().run()
    assert "nothing saved yet" in shown(app), "within the dwell the press was meant for what stood there before"


def test_the_right_gold_is_typed(full_home: Path) -> None:
    app = triage()
    field = next(f for f in app.text_input if f.label == "The right gold answer")
    field.set_value("77").run()
    assert "corrected" in shown(app)
    assert "read as 77" in shown(app)


def test_a_judgement_that_a_merge_brought_in_late_stops_nobody(full_home: Path) -> None:
    """Its id is the highest, its time is not."""
    uid = triage().query_params["mistake"]
    with db.writing(db.open_store(Settings())) as session:
        attempt = session.exec(select(t.Attempt).where(t.Attempt.uid == uid)).one()
        for person, age in (("ann", 1), ("ben", 2)):
            judgement = t.Judgement(target="question", question_id=attempt.question_id, person=person, decision="skip")
            judgement.created_at = t.now() - timedelta(hours=age)
            session.add(judgement)
            session.flush()
    app = triage()
    next(f for f in app.text_input if f.label == "The right gold answer").set_value("77").run()
    assert errors(app) == []
    assert "read as 77" in shown(app)
