"""The triage page as streamlit runs it: empty, full, and with an address that asks for what isn't there."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col, select
from streamlit.testing.v1 import AppTest

from mapd.checks import State
from mapd.curation import bulk, judging, policies, sharing
from mapd.curation.curated import Explained
from mapd.curation.queues import QUEUES
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from mapd.ui.triage import acts, cards
from mapd.verdicts import Act
from tests.pages.running import ROOT, errors, open_page, shown


def triage(**params: str) -> AppTest:
    return open_page("pages/review/triage.py", **params)


def button(app: AppTest, key: str):
    return next(b for b in app.button if b.key and b.key.startswith(f"hot_{key}_"))


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A press counts as soon as its button is there."""
    monkeypatch.setattr(acts, "DWELL", 0)


def judgements() -> list[t.Judgement]:
    """Every judgement so far, oldest first."""
    with db.reading(db.open_store(Settings())) as session:
        return list(session.exec(select(t.Judgement).order_by(col(t.Judgement.id))).all())


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


def test_the_combined_queue_says_why_a_text_stands_there(full_home: Path) -> None:
    app = triage(queue="smart")
    assert "perhaps wrongly: its answer is not the gold" in shown(app)
    assert "why here?" not in shown(triage(queue="smart", judge="first")), "the committee's verdict is hidden then"
    assert "why here?" not in shown(triage())


def test_what_is_marked_in_a_text_is_said_under_it_and_by_whom(full_home: Path) -> None:
    with db.reading(db.open_store(Settings())) as session:
        texts = list(judging.curated_set(session, 1).rationales)
    false = next(x for x in texts if any(not e.true for e in x.checks.equations))
    shown = cards.body(false, covered=False)
    assert 'class="mapd-mark">false equation</mark> found by the checks' in shown
    assert "mapd-named" not in shown
    right = next(x for x in texts if all(e.true for e in x.checks.equations) and x.checks.equations)
    assert "mapd-legend" not in cards.body(right, covered=False)
    equation = right.checks.equations[0]
    step = right.text.text[equation.start : equation.end]
    votes = tuple(replace(v, text=f"“{step}” is wrong.") for v in right.text.votes)
    named = replace(right, text=replace(right.text, votes=votes))
    shown = cards.body(named, covered=False)
    assert f'class="mapd-named">first wrong step</mark> named by {", ".join(v.reviewer for v in votes)}<' in shown
    assert "false equation" not in shown
    assert "<mark" not in cards.body(named, covered=True)


def test_the_address_gets_one_clear_line_for_each_thing_it_asks_in_vain(full_home: Path) -> None:
    assert "unknown queue: nonsense" in errors(triage(queue="nonsense"))[0]
    gone = triage(mistake="feed")
    assert "a mistake that this exam doesn" in errors(gone)[0]
    assert [b for b in gone.button if b.key and b.key.startswith("triage_go_")], "and offers where to go on"
    uid = triage().query_params["mistake"]
    assert "a text that this mistake doesn" in errors(triage(mistake=uid, text="feed"))[0]


def test_a_label_with_counts_that_are_gone_leads_to_no_queue(full_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = triage(queue="unjudged")
    field = app.selectbox(key="triage_queue_1")
    field.options[0] = "not judged yet · 377 of 377 wait"
    monkeypatch.setattr(type(field), "index", 0)  # as a fast press sends the label of before
    field.run()
    assert errors(app) == []
    assert app.query_params["queue"] == "unjudged"


def test_an_empty_queue_offers_the_others(full_home: Path) -> None:
    app = triage(queue="conflicts")
    assert any("Nothing is in this queue" in s.value for s in app.subheader)
    going = next(b for b in app.button if b.key == "triage_go_everything")
    going.click().run()
    assert app.query_params["queue"] == "everything"
    assert "1 / 12 mistakes" in shown(app)


def bar_of(app: AppTest) -> str:
    return next(e.proto.body for e in app.get("html") if "mapd-progress" in e.proto.body)


def saved(app: AppTest) -> str:
    """What the indicator of what was saved last says, without its markup."""
    (line,) = re.findall(r'<span class="mapd-saved.*', shown(app))
    return re.sub("<[^>]*>", "", line)


def test_what_left_a_queue_that_drains_is_said_to_have_left_it(full_home: Path, at_once: None) -> None:
    app = triage(queue="unjudged")
    assert "1 / 12 mistakes" in bar_of(app)
    button(app, "a").click().run()
    assert "decided · has left this queue" in bar_of(app)
    assert "0 decided" not in bar_of(app)
    elsewhere = triage(queue="disagree", mistake=triage().query_params["mistake"])
    assert "has left" not in bar_of(elsewhere)
    empty = triage(queue="conflicts")
    assert "queue" not in bar_of(empty)
    assert "decided" not in bar_of(empty)


def test_what_was_saved_is_named_as_what_it_was(full_home: Path, at_once: None) -> None:
    app = triage()
    indeed = next(b for b in app.button if b.label.endswith("a mistake indeed"))
    indeed.click().run()
    assert saved(app).startswith("✓ saved: a mistake indeed · attempt")
    (row,) = judgements()
    with db.writing(db.open_store(Settings())) as session:
        texts = list(judging.curated_set(session, 1).rationales)[:9]
        chosen = [bulk.Chosen(judging.Target("rationale", x.text.id), 0, "accepted") for x in texts]
        bulk.judge_all(session, chosen, Act.REJECT, by=owner(row.person), reason="no_work")
    app = triage()
    assert saved(app).startswith("✓ saved 9 judgements: rejected no work · rationale")
    button(app, "u").click().run()
    assert saved(app).startswith("✓ undone 9 judgements · ")
    button(app, "y").click().run()
    assert saved(app).startswith("✓ redone 9 judgements · ")


def test_feedback_unfolds_and_folds(full_home: Path) -> None:
    app = triage()
    button(app, "f").click().run()
    assert "feedback 1 of 3" in shown(app)
    assert button(app, "6")
    button(app, "f").click().run()
    assert "rationale 1 of 3" in shown(app)


def test_a_press_too_soon_decides_nothing(full_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acts, "DWELL", 60)  # seconds that this machine won't take
    app = triage()
    button(app, "a").click().run()
    assert "nothing saved yet" in shown(app), "within the dwell the press was meant for what stood there before"


def test_the_right_gold_is_typed(full_home: Path) -> None:
    app = triage()
    field = next(f for f in app.text_input if f.label == "The right gold answer")
    field.set_value("77").run()
    assert "corrected" in shown(app)
    assert "gold corrected to 77" in shown(app)


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
    assert "gold corrected to 77" in shown(app)


TOLD = (
    "gpt",
    "gemini",
    "mistral",
    ">committee<",
    ">reviews<",
    'class="mapd-dots"',
    "equations",
    "shows work",
    'title="accepted"',
)


def everything(app: AppTest) -> str:
    """All that the page sends to the browser."""
    labels = [f"{b.label} {b.key}" for b in app.button] + [str(m.value) for m in (*app.markdown, *app.caption)]
    return " ".join([shown(app), *labels]).lower()


def test_judged_first_nothing_is_told_before_the_decision(full_home: Path, at_once: None) -> None:
    app = triage(judge="first")
    assert [word for word in TOLD if word not in everything(triage())] == [], "assisted, all of it is there"
    assert [word for word in TOLD if word in everything(app)] == []
    assert not [b for b in app.button if b.proto.type == "primary"], "neither decision is the page's favourite"
    button(app, "a").click().run()
    assert [word for word in TOLD if word not in everything(app) and word not in ("gpt", "gemini", "mistral")] == []
    (row,) = judgements()
    assert (row.decision, row.revealed, row.queue, row.committee) == ("accept", False, "everything", row.committee)
    assert row.seconds is not None
    assert row.committee in ("accepted", "rejected")


def test_what_is_revealed_can_be_changed_by_a_second_judgement(full_home: Path, at_once: None) -> None:
    app = triage(judge="first")
    at = app.query_params["text"]
    button(app, "a").click().run()
    assert app.query_params["text"] == at
    reject = next(b for b in app.button if b.key.startswith("hot_2_") and b.key.endswith("-rationale_reject"))
    reject.click().run()
    assert [(j.decision, j.reason, j.revealed) for j in judgements()] == [
        ("accept", None, False),
        ("reject", "false_step", True),
    ]
    assert app.query_params["text"] != at, "and goes on"


def test_what_stands_goes_on_without_another_row(full_home: Path, at_once: None) -> None:
    app = triage(judge="first")
    at = app.query_params["text"]
    button(app, "a").click().run()
    button(app, "a").click().run()
    assert app.query_params["text"] != at
    assert len(judgements()) == 1
    button(app, "a").click().run()
    button(app, "enter").click().run()
    assert len({j.explanation_id for j in judgements()}) == 2


def test_a_look_at_all_is_remembered_by_the_next_judgement(full_home: Path, at_once: None) -> None:
    app = triage(judge="first")
    button(app, "j").click().run()
    assert app.query_params["judge"] == "assisted"
    assert ">committee<" in shown(app)
    button(app, "j").click().run()
    assert ">committee<" not in shown(app)
    button(app, "a").click().run()
    assert [j.revealed for j in judgements()] == [True], "it had been seen"


def test_the_way_of_judging_is_in_the_address(full_home: Path) -> None:
    assert triage().query_params["judge"] == "assisted"
    assert triage(judge="first").query_params["judge"] == "first"
    assert "asks for judge blindly" in errors(triage(judge="blindly"))[0]


def test_enter_accepts_the_rest_and_one_undo_takes_all_back(full_home: Path, at_once: None) -> None:
    app = triage()
    first = app.query_params["mistake"]
    reject = next(b for b in app.button if b.key.startswith("hot_2_") and b.key.endswith("-rationale_reject"))
    reject.click().run()
    assert "the rest is right" in button(app, "enter").label
    button(app, "enter").click().run()
    assert app.query_params["mistake"] != first
    assert [j.decision for j in judgements()] == ["reject", "accept", "accept"]
    assert len({j.explanation_id for j in judgements()}) == 3
    assert button(app, "u").label.endswith("undo 2")
    button(app, "u").click().run()
    assert app.query_params["mistake"] == first
    rows = judgements()
    assert {row.undoes_id for row in rows[3:]} == {row.id for row in rows[1:3]}
    assert button(app, "y").label.endswith("redo 2")
    button(app, "y").click().run()
    assert {row.undoes_id for row in judgements()[5:]} == {row.id for row in rows[3:]}
    assert button(app, "u").label.endswith("undo 2"), "and back again, as often as one likes"


def test_who_looks_again_at_what_a_person_accepted_has_the_last_word(full_home: Path, at_once: None) -> None:
    with db.writing(db.open_store(Settings())) as session:
        policies.set_policy(session, 1, "strict", None, by=owner("ann"))
        wrong = next(x for x in judging.curated_set(session, 1).rationales if x.states.matches_gold is State.FAILS)
        judging.judge(session, judging.Target("rationale", wrong.text.id), Act.ACCEPT, by=owner("ann"))
    app = triage(queue="person-accepted-wrong")
    assert app.query_params["text"] == wrong.text.uid
    assert "people decided" in shown(app)
    assert "people disagree" not in shown(app)
    button(app, "a").click().run()
    assert [(j.decision, j.role) for j in judgements()] == [("accept", "annotator"), ("accept", "adjudicator")]
    assert "decided · has left this queue" in bar_of(triage(queue="person-accepted-wrong", mistake=mistake_of(wrong)))


def mistake_of(x: Explained) -> str:
    with db.reading(db.open_store(Settings())) as session:
        about = select(t.Attempt.uid).where(t.Attempt.question_id == x.text.question_id)
        return session.exec(about).one()


def test_what_was_skipped_is_not_decided(full_home: Path, at_once: None) -> None:
    app = triage()
    first = app.query_params["mistake"]
    while app.query_params["mistake"] == first:
        button(app, "s").click().run()
    assert "0 decided, 1 skipped by you" in bar_of(app)
    for _ in range(3):
        button(app, "a").click().run()
    assert "1 decided, 1 skipped by you" in bar_of(app)
    with db.writing(db.open_store(Settings())) as session:
        for mistake in judging.curated_set(session, 1).mistakes:
            for x in mistake.rationales if mistake.attempt.uid != first else ():
                judging.judge(session, judging.Target("rationale", x.text.id), Act.ACCEPT, by=owner("ann"))
    app = triage()
    assert "Nothing waits for you here: 11 decided, 1 skipped by you." in [s.value for s in app.subheader]


def test_enter_accepts_what_is_marked_as_waiting_and_says_so(full_home: Path, at_once: None) -> None:
    app = triage()
    here = app.query_params["mistake"]
    assert waiting(app) == 3
    button(app, "s").click().run()
    button(app, "a").click().run()
    assert app.query_params["mistake"] == here
    assert (waiting(app), ">skipped<" in shown(app)) == (1, True)
    app = triage(mistake=here, text=uid_of(judgements()[-1]))  # a text that was decided is in focus
    field(app, "triage_note_").set_value("on the one in focus").run()
    assert button(app, "enter").label.endswith("the rest is right · 1")
    assert 'data-mapd-along="a r s"' in shown(app)
    button(app, "enter").click().run()
    skipped, decided, *rest = judgements()
    assert [j.decision for j in rest] == ["accept"]
    assert rest[0].explanation_id not in (skipped.explanation_id, decided.explanation_id)
    assert [j.note for j in judgements()] == [None] * 3, "a note is never put on another text"
    with db.reading(db.open_store(Settings())) as session:
        texts = judging.curated_set(session, 1)
        for j in (decided, *rest):
            assert j.committee == judging.explained(texts, "rationale", j.explanation_id).committee.verdict
        assert {j.committee for j in (decided, *rest)} == {"accepted", "rejected"}


def waiting(app: AppTest) -> int:
    """How many texts are marked as waiting."""
    return shown(app).count(">waits<")


def uid_of(judgement: t.Judgement) -> str:
    with db.reading(db.open_store(Settings())) as session:
        return session.get_one(t.Explanation, judgement.explanation_id).uid


def test_a_withdrawal_of_nothing_is_refused_and_takes_no_place_in_undo(full_home: Path, at_once: None) -> None:
    app = triage()
    next(b for b in app.button if b.key.endswith("-question_withdraw")).click().run()
    assert "has said nothing of this question: there is nothing to withdraw" in errors(app)[0]
    assert judgements() == []
    assert button(app, "u").disabled


def test_a_typed_answer_that_is_none_is_refused_where_it_was_typed(full_home: Path, at_once: None) -> None:
    app = triage()
    here = app.query_params["mistake"]
    next(t for t in app.text_input if t.label == "The right gold answer").set_value("banana").run()
    assert "a numeric question is answered by one number, not by 'banana'" in errors(app)[0].replace("&#x27;", "'")
    assert judgements() == []
    assert app.query_params["mistake"] == here


def test_all_that_was_undone_is_redone_in_order_until_something_new_is_done(full_home: Path, at_once: None) -> None:
    app = triage()
    for _ in range(3):
        button(app, "a").click().run()
    decided = [j.explanation_id for j in judgements()]
    for key in "uuuyy":
        button(app, key).click().run()
    rows = judgements()
    undone, redone = rows[3:6], rows[6:]
    assert [j.explanation_id for j in undone] == decided[::-1]
    assert [j.undoes_id for j in redone] == [undone[2].id, undone[1].id]
    assert not button(app, "y").disabled, "one is left"
    button(app, "a").click().run()
    assert button(app, "y").disabled


@pytest.mark.parametrize(("queue", "tells"), [("audit", False), ("audit-accepted", True), ("accepted-wrong", True)])
def test_a_queue_is_not_called_by_what_people_judge_first(full_home: Path, queue: str, tells: bool) -> None:
    def called(judge: str) -> str:
        box = triage(queue=queue, judge=judge).selectbox(key="triage_queue_1")
        return box.options[list(QUEUES).index(queue)]

    assert called("assisted").startswith(QUEUES[queue].title)
    assert called("first").startswith("its name would tell" if tells else QUEUES[queue].title)


def test_judge_first_switched_on_holds_in_the_next_queue(full_home: Path) -> None:
    def chosen(to: str, **params: str) -> list[str]:
        app = triage(**params)
        app.selectbox(key="triage_queue_1").set_value(to).run()
        return app.query_params["judge"]

    assert "first" in chosen("smart", judge="first")
    assert "assisted" in chosen("smart")
    assert "assisted" in chosen("smart", queue="audit"), "that queue's own way"
    app = triage(queue="unreadable", judge="first")
    next(b for b in app.button if b.key == "triage_go_smart").click().run()
    assert "first" in app.query_params["judge"], "by the buttons of an empty queue, too"


def opened(app: AppTest) -> AppTest:
    """The page with the class's panel open, which is drawn only then."""
    keys = (re.search(r"hot_w_\d+", p.proto.popover.id) for p in popovers(app))
    app.session_state[next(key[0] for key in keys if key)] = True
    return app.run()


def test_a_class_is_decided_at_once_and_undone_at_once(full_home: Path, at_once: None) -> None:
    app = opened(triage(queue="no-work"))
    number = int(re.search(r"(\d+) texts\*\* of this class wait: no person has decided", said(app))[1])
    assert number > 1
    reject = next(b for b in app.button if b.label == "`1` reject all: no work shown")
    reject.click().run()
    assert errors(app) == []
    assert [(j.decision, j.reason) for j in judgements()] == [("reject", "no_work")] * number
    assert any("are decided" in s.value for s in app.subheader), "and the page goes on"
    assert button(app, "u").label.endswith(f"undo {number}")
    button(app, "u").click().run()
    assert app.query_params["mistake"]
    opened(app)
    assert f"**{number:,} texts** of this class" in said(app)
    button(app, "y").click().run()
    assert not offered(triage(queue="no-work")), "nothing of it waits"


def test_a_class_is_not_decided_elsewhere_nor_judged_first(full_home: Path) -> None:
    assert offered(triage(queue="no-work"))
    assert not offered(triage(queue="no-work", judge="first"))
    assert not offered(triage(queue="false-step"))


def offered(app: AppTest) -> bool:
    return any("the whole class" in p.proto.popover.label for p in popovers(app))


def said(app: AppTest) -> str:
    return " ".join(m.value for m in app.markdown)


def test_feedback_is_judged_with_the_same_keys(full_home: Path, at_once: None) -> None:
    app = triage()
    button(app, "f").click().run()
    button(app, "a").click().run()
    button(app, "enter").click().run()
    assert [(j.target, j.decision) for j in judgements()] == [("feedback", "accept")] * 3


def test_a_note_goes_with_the_next_decision(full_home: Path, at_once: None) -> None:
    app = triage()
    next(f for f in app.text_area if f.label == "Note").set_value("a fine text").run()
    assert any("note · not saved yet" in p.proto.popover.label for p in popovers(app))
    button(app, "a").click().run()
    assert [(j.decision, j.note) for j in judgements()] == [("accept", "a fine text")]
    assert not any("not saved yet" in p.proto.popover.label for p in popovers(app))


def test_a_skip_that_takes_a_note_along_skips_and_a_note_alone_does_not(full_home: Path, at_once: None) -> None:
    app = triage()
    first = app.query_params["text"]
    next(f for f in app.text_area if f.label == "Note").set_value("not now").run()
    button(app, "s").click().run()
    second = app.query_params["text"]
    field = next(f for f in app.text_area if f.label == "Note")
    field.set_value("look again").run()
    next(b for b in app.button if b.key == f"{field.key}_save").click().run()
    assert app.query_params["text"] == second != first
    said = [("skip", None, "not now"), ("skip", "note", "look again")]
    assert [(j.decision, j.reason, j.note) for j in judgements()] == said
    assert "note · rationale" in shown(app), "the line of what was saved last"
    assert triage().query_params["text"] == second, "what was noted still waits, what was skipped doesn't"
    again = triage(mistake=app.query_params["mistake"], text=first)
    assert "skipped · not now" in shown(again)


def popovers(app: AppTest) -> list:
    return list(app.get("popover"))


def test_a_misread_answer_is_corrected_where_it_stands(full_home: Path) -> None:
    app = triage()
    field = next(f for f in app.text_input if f.label == "The rationale’s own answer is")
    field.set_value("77").run()
    assert [(j.target, j.decision, j.value) for j in judgements()] == [("rationale", "correct", "77")]
    assert "answer 77" in shown(app)


def test_a_text_is_repaired_shown_and_taken_back_in_one(full_home: Path, at_once: None) -> None:
    app = triage()
    at = app.query_params["text"]
    field = next(f for f in app.text_area if f.label == "Your corrected copy")
    field.set_value("Ann has 10 pens. 10 + 3 = 13. She has 13 pens.").run()
    assert any("repair · not saved yet" in p.proto.popover.label for p in popovers(app))
    next(b for b in app.button if b.key == f"{field.key}_save").click().run()
    assert errors(app) == []
    assert app.query_params["text"] != at
    assert "a repair of" in shown(app)
    assert "rationale 4 of 4" in shown(app)
    assert [(j.decision, j.note) for j in judgements()] == [("reject", "repaired"), ("accept", "repair")]
    assert saved(app).startswith("✓ saved repair · rationale")
    assert "repair by" in shown(app), "its line says what it is"
    repair = app.query_params["text"]
    button(app, "u").click().run()
    assert saved(app).startswith("✓ undone repair · rationale")
    assert len([j for j in judgements() if j.undoes_id]) == 2
    assert (app.query_params["text"], errors(app)) == (at, [])
    assert "rationale 4 of 4" not in shown(app)
    assert "of 3" in shown(app), "taken back it is no text"
    assert "taken back" in shown(app), "but in the history"
    button(app, "y").click().run()
    assert (app.query_params["text"], errors(app)) == (repair, [])
    assert "rationale 4 of 4" in shown(app)


# -- several people ---------------------------------------------------------------------------------------------------


def by(person: str, **params: str) -> AppTest:
    """The page as this person opens it."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30)
    app.session_state["person"] = person
    for name, value in params.items():
        app.query_params[name] = value
    app.switch_page("pages/review/triage.py").run()
    assert not app.exception
    return app


def wanting(judgements: int) -> None:
    with db.writing(db.open_store(Settings())) as session:
        sharing.want(session, 1, judgements_wanted=judgements, by=owner("ann"))


def test_two_people_are_given_two_mistakes(full_home: Path, at_once: None) -> None:
    ann, bob = by("ann"), by("bob")
    hers, his = ann.query_params["mistake"], bob.query_params["mistake"]
    assert hers != his
    assert "1 / 12" in shown(ann)
    assert "2 / 12" in shown(bob)
    button(ann, "enter").click().run()
    third = ann.query_params["mistake"]
    assert third not in (hers, his), "bob's is passed by"
    button(bob, "enter").click().run()
    assert bob.query_params["mistake"] not in (hers, his, third)
    assert len(judgements()) == 6


def test_a_link_to_what_somebody_has_opens_and_says_so(full_home: Path) -> None:
    ann = by("ann")
    bob = by("bob", mistake=ann.query_params["mistake"])
    assert bob.query_params["mistake"] == ann.query_params["mistake"]
    assert "Open before others too: ann." in shown(bob)
    assert "Open before others" not in shown(ann.run())


def test_what_was_taken_between_showing_and_pressing_is_passed_by(full_home: Path, at_once: None) -> None:
    ann = by("ann")
    bob = by("bob")
    ann_next = by("eve").query_params["mistake"]  # the one that ann's next press had in mind
    button(ann, "enter").click().run()
    assert len({bob.query_params["mistake"], ann_next, ann.query_params["mistake"]}) == 3


def test_where_all_is_with_others_it_says_with_whom(full_home: Path) -> None:
    uids = set()
    for n in range(12):
        uids.add(by(f"person {n}").query_params["mistake"])
    assert len(uids) == 12
    late = by("zoe")
    assert any("Nothing is free" in s.value for s in late.subheader)
    assert "12 still wait here, open before others: person 0, person 1" in shown(late)
    assert "mistake" not in late.query_params


def test_with_two_judgements_wanted_people_judge_first_and_see_nothing_of_each_other(
    full_home: Path, at_once: None
) -> None:
    wanting(2)
    ann, bob, eve = by("ann"), by("bob"), by("eve")
    at = ann.query_params["mistake"]
    assert ann.query_params["judge"] == "first"
    assert (bob.query_params["mistake"], eve.query_params["mistake"] == at) == (at, False), "two have it, not three"
    text = ann.query_params["text"]
    reject = next(b for b in ann.button if b.key.startswith("hot_2_") and b.key.endswith("-rationale_reject"))
    reject.click().run()
    seen = by("bob", mistake=at, text=text, judge="assisted")
    assert ">committee<" in shown(seen)
    assert "nobody yet" in shown(seen)
    assert "false step" not in " ".join(b for b in shown(seen).split("<") if "mapd-history" in b)
    assert "Nobody has judged this yet" in shown(seen)
    button(seen, "a").click().run()
    assert [(j.person, j.decision) for j in judgements()] == [("ann", "reject"), ("bob", "accept")]
    assert errors(seen) == []
    assert ">ann" in shown(by("bob", mistake=at, text=text, judge="assisted")), "after the own word all is told"


def disagree(app: AppTest) -> None:
    """Ann accepts and bob rejects the text that is shown, and both go home."""
    with db.writing(db.open_store(Settings())) as session:
        session.execute(sa.delete(t.Lease))
        text = session.exec(select(t.Explanation).where(t.Explanation.uid == app.query_params["text"])).one()
        target = judging.Target("rationale", text.id)
        judging.judge(session, target, Act.ACCEPT, by=owner("ann"))
        judging.judge(
            session, target, Act.REJECT, by=owner("bob"), reason="false_step", note="87 / 93 is no step of it"
        )


def test_where_people_disagree_an_adjudicator_has_the_last_word(full_home: Path, at_once: None) -> None:
    disagree(by("ann"))
    eve = by("eve", queue="conflicts")
    body = shown(eve)
    assert "people disagree" in body
    assert "87 / 93 is no step of it" in body
    assert "adjudicator" in body
    button(eve, "a").click().run()
    last = judgements()[-1]
    assert (last.person, last.decision, last.role, last.queue) == ("eve", "accept", "adjudicator", "conflicts")
    assert any("Nothing is in this queue" in s.value for s in eve.subheader)
    button(eve, "u").click().run()
    assert judgements()[-1].role == "adjudicator"
    assert "people disagree" in shown(by("eve", queue="conflicts")), "undone, it waits again"


def test_practice_comes_before_the_first_text_and_is_explained_after_it(full_home: Path, at_once: None) -> None:
    disagree(by("ann"))
    with db.writing(db.open_store(Settings())) as session:
        text = judgements()[0].explanation_id
        target = judging.Target("rationale", text)
        judging.judge(session, target, Act.REJECT, by=owner("eve"), role="adjudicator", note="the sum is never taken")
        sharing.want(session, 1, by=owner("eve"), practice=3)
    zoe = by("zoe")
    assert "Practice: decide first" in shown(zoe)
    assert "the sum is never taken" not in shown(zoe)
    params = {name: zoe.query_params[name] for name in ("queue", "mistake", "text", "judge")}
    assert "Practice: decide first" in shown(by("zoe", **params)), "a reload leaves it what it is"
    button(zoe, "a").click().run()
    assert "the sum is never taken" in shown(zoe)
    assert "You said otherwise." in shown(zoe)
    assert (judgements()[-1].queue, judgements()[-1].revealed) == ("practice", False)
    button(zoe, "u").click().run()
    assert zoe.query_params["text"] == params["text"]
    assert "Practice: decide first" in shown(zoe), "taken back, it is practice still"
    assert "You said otherwise." not in shown(zoe)
    button(zoe, "a").click().run()
    assert "You said otherwise." in shown(zoe)
    assert (judgements()[-1].queue, judgements()[-1].revealed) == ("practice", True)
    button(zoe, "u").click().run()
    button(zoe, "y").click().run()
    assert "You said otherwise." in shown(zoe), "redone, it is explained again"
    button(zoe, "enter").click().run()
    assert "Practice" not in shown(zoe)
    assert zoe.query_params["judge"] == "assisted", "and on to the queue's own way"
    assert errors(zoe) == []


def test_an_own_text_comes_again_as_if_it_were_new(full_home: Path, at_once: None) -> None:
    with db.writing(db.open_store(Settings())) as session:
        for x in list(judging.curated_set(session, 1).rationales)[:12]:
            judging.judge(
                session, judging.Target("rationale", x.text.id), Act.ACCEPT, by=owner("ann"), note="so it seemed"
            )
        sharing.want(session, 1, by=owner("ann"), repeat_every=12)
    ann = by("ann", judge="first")
    assert "Judge first" in shown(ann)
    assert "so it seemed" not in shown(ann)
    reject = next(b for b in ann.button if b.key.startswith("hot_2_") and b.key.endswith("-rationale_reject"))
    reject.click().run()
    last = judgements()[-1]
    assert (last.queue, last.revealed, last.decision) == ("repeat", False, "reject")
    assert last.explanation_id == judgements()[0].explanation_id
    assert ">committee<" in shown(ann)
    button(ann, "u").click().run()
    assert ">committee<" not in shown(ann), "taken back, it is to be judged again"
    button(ann, "y").click().run()
    assert ">committee<" in shown(ann)
    button(ann, "enter").click().run()
    assert "Judge first" in shown(ann)
    assert errors(ann) == []


def test_behind_a_repeat_the_queue_goes_on_where_it_was(full_home: Path, at_once: None) -> None:
    with db.writing(db.open_store(Settings())) as session:
        for x in list(judging.curated_set(session, 1).rationales)[:12]:
            judging.judge(session, judging.Target("rationale", x.text.id), Act.ACCEPT, by=owner("ann"))
    before = by("ann", judge="first")
    with db.writing(db.open_store(Settings())) as session:
        sharing.want(session, 1, by=owner("ann"), repeat_every=12)
    ann = by("ann", judge="first")
    assert ann.query_params["mistake"] != before.query_params["mistake"]
    assert number(ann) == number(before), "nothing tells that it is a repeat"
    for key in ("left", "right"):
        assert led(key) == led(key, mistake=before.query_params["mistake"]), f"nor does {key}"
    button(ann, "a").click().run()
    assert judgements()[-1].queue == "repeat"
    button(ann, "enter").click().run()
    assert ann.query_params["mistake"] == before.query_params["mistake"]


def led(key: str, **params: str) -> str:
    """The mistake to which this key leads from there."""
    app = by("ann", judge="first", **params)
    button(app, key).click().run()
    return app.query_params["mistake"]


def number(app: AppTest) -> str:
    """The mistake's number in the queue, as the bar has it."""
    return next(part for part in shown(app).split("<b>") if " / 12 mistakes" in part).partition(" /")[0]


def test_a_skip_goes_on_where_people_judge_first(full_home: Path, at_once: None) -> None:
    app = triage(judge="first")
    places = []
    for _ in range(4):
        places.append((app.query_params["mistake"], app.query_params["text"]))
        button(app, "s").click().run()
    assert len(set(places)) == 4
    assert len({j.explanation_id for j in judgements()}) == 4


def test_what_was_seen_is_remembered_by_another_tab(full_home: Path, at_once: None) -> None:
    seen = triage(judge="assisted")
    again = triage(judge="first", mistake=seen.query_params["mistake"], text=seen.query_params["text"])
    button(again, "a").click().run()
    assert [j.revealed for j in judgements()] == [True]


def test_a_note_and_a_repair_that_are_not_saved_wait_where_they_were_begun(full_home: Path, at_once: None) -> None:
    app = triage()
    here = app.query_params["text"]
    field(app, "triage_note_").set_value("hm").run()
    field(app, "triage_repair_").set_value("a better one").run()
    button(app, "right").click().run()
    assert app.query_params["text"] != here
    assert field(app, "triage_note_").value == ""
    button(app, "left").click().run()
    assert app.query_params["text"] == here
    assert (field(app, "triage_note_").value, field(app, "triage_repair_").value) == ("hm", "a better one")
    button(app, "enter").click().run()
    assert [j.note for j in judgements() if j.note] == ["hm"], "the rest is right, and the note goes along"
    assert len(judgements()) == 3


def test_the_browser_is_told_what_was_saved_last(full_home: Path, at_once: None) -> None:
    app = triage()
    text = app.query_params["text"]
    for n in range(7):
        field(app, "triage_note_").set_value(f"note {n}").run()
        button(app, "a").click().run()
    for _ in range(7):
        button(app, "u").click().run()
    assert app.query_params["text"] == text
    field(app, "triage_note_").set_value("a second one").run()
    button(app, "a").click().run()
    assert f'data-mapd-done="note {text} ' in shown(app)


def test_a_note_goes_along_with_a_decision_not_with_going_on(full_home: Path, at_once: None) -> None:
    app = triage(judge="first")
    assert 'data-mapd-along="a r s enter"' in shown(app)
    button(app, "a").click().run()
    assert 'data-mapd-along="r"' in shown(app), "a goes on here"


def field(app: AppTest, begins: str) -> Any:
    return next(area for area in app.text_area if area.key.startswith(begins))


def test_an_audit_is_drawn_anew_and_each_mistake_has_the_same_chance(full_home: Path, at_once: None) -> None:
    app = triage(queue="audit")
    first = app.query_params["mistake"]
    button(app, "d").click().run()
    assert app.query_params["draw"] == "2"
    assert app.query_params["mistake"] != first
    assert "<b>1 / 12 mistakes" in shown(app)
    assert triage(queue="audit", draw="2").query_params["mistake"] == app.query_params["mistake"], (
        "the address says which"
    )
    for _ in range(3):
        button(app, "a").click().run()
        button(app, "enter").click().run()
    assert {j.sampling_chance for j in judgements()} == {1 / 12}
    wrong = triage(queue="audit", draw="x")
    assert wrong.query_params["mistake"] == first
    assert "asks for draw x" in errors(wrong)[0]


def test_one_goes_on_where_a_typed_answer_made_it_no_mistake(full_home: Path, at_once: None) -> None:
    app = triage()
    here = app.query_params["mistake"]
    with db.reading(db.open_store(Settings())) as session:
        curated = judging.curated_set(session, 1)
        gold = next(m.question.gold for m in curated.mistakes if m.attempt.uid == here)
    next(t for t in app.text_input if t.label.startswith("The student")).set_value(gold).run()
    assert "counts as correct now" in app.subheader[0].value
    button(app, "enter").click().run()
    assert app.query_params["mistake"] != here


def test_the_order_in_which_the_texts_stood_is_stored(full_home: Path, at_once: None) -> None:
    button(triage(judge="assisted"), "a").click().run()
    app = triage(judge="first")
    button(app, "a").click().run()
    with db.reading(db.open_store(Settings())) as session:
        audit = session.exec(select(t.Audit).where(t.Audit.action == "judge accept").order_by(col(t.Audit.id))).all()
        texts = session.exec(select(t.Explanation.uid).join(t.Attempt, onclause(app))).all()
    assert "order" not in audit[0].detail
    assert sorted(audit[1].detail["order"]) == sorted(texts)
    assert audit[1].detail["order"] != texts, "by lot, not as they came in"


def onclause(app: AppTest) -> sa.ColumnElement[bool]:
    """Each text of the mistake that is shown."""
    of_mistake = (t.Attempt.uid == app.query_params["mistake"]) & (t.Attempt.question_id == t.Explanation.question_id)
    return of_mistake & (col(t.Explanation.attempt_id).is_(None) | (t.Explanation.attempt_id == t.Attempt.id))
