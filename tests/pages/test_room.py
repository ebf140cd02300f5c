"""The room vote as streamlit runs it: nothing is told before the hands are counted, nothing is stored."""

import re
from pathlib import Path

from sqlmodel import select
from streamlit.testing.v1 import AppTest

from mapd.curation import live_set
from mapd.domain import Act
from mapd.people import owner
from mapd.review import assignment, judging
from mapd.review.judging import Target
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from tests.pages.running import errors, open_page, shown

TOLD = ("gpt", "gemini", "mistral", ">committee<", ">reviews<", "gold answer", "equations", 'title="accepted"')


def room(**params: str) -> AppTest:
    return open_page("pages/review/room.py", **params)


def press(app: AppTest, key: str) -> AppTest:
    return next(b for b in app.button if b.key and b.key.startswith(f"hot_{key}_")).click().run()


def count(app: AppTest, *hands: int) -> None:
    for field, number in zip(app.number_input, hands, strict=True):
        field.set_value(number)


def test_without_an_exam_it_says_what_to_do(home: Path) -> None:
    app = room()
    assert [h.value for h in app.header] == ["Room vote"]
    assert "No exam yet" in " ".join(m.value for m in app.markdown)


def test_hands_are_counted_before_anything_is_told(full_home: Path) -> None:
    app = room()
    assert [word for word in TOLD if word in shown(app)] == []
    count(app, 23, 9)
    press(app, "enter")
    body = shown(app)
    assert [word for word in TOLD[3:] if word not in body] == []
    assert "23 of 32 hands accept" in body
    assert "The room and the committee" in body
    with db.reading(db.open_store(Settings())) as session:
        assert session.exec(select(t.Judgement)).all() == []


def test_the_next_one_is_hidden_again_and_is_an_address(full_home: Path) -> None:
    app = press(room(), "enter")
    assert ">committee<" in shown(app)
    press(app, "right")
    assert ">committee<" not in shown(app)
    assert "2 of 36" in shown(app)
    assert "2 of 36" in shown(room(text=app.query_params["text"]))


def test_a_wrong_address_is_said_once_and_the_first_has_its_own_at_once(full_home: Path) -> None:
    app = room(text="feed")
    assert "doesn&#x27;t have: feed" in errors(app)[0]
    assert app.query_params["text"] == room().query_params["text"], "the first is an address from the beginning"
    assert errors(app.run()) == []


def test_the_hands_stay_with_their_rationale_and_with_its_answer(full_home: Path) -> None:
    app = room()
    count(app, 23, 9)
    press(app, "enter")
    press(app, "right")
    assert [field.value for field in app.number_input] == [0, 0]
    count(app, 4, 5)
    press(app, "left")
    assert "23 of 32 hands accept" in shown(app)
    assert [field.value for field in app.number_input] == [23, 9]
    press(app, "right")
    assert [field.value for field in app.number_input] == [4, 5], "typed, and not revealed yet"
    assert ">committee<" not in shown(app)


def test_an_import_of_scores_alone_says_so_in_the_answer(full_home: Path) -> None:
    app = room()
    assert "only scores, no critique stored" not in shown(app)
    assert "only scores, no critique stored" in shown(press(app, "enter"))


def test_what_people_decided_stands_beside_the_committee_not_in_its_place(full_home: Path) -> None:
    with db.writing(db.open_store(Settings())) as session:
        x = next(x for x in live_set.load_curated(session, 1).rationales if x.committee.why == "mean 3.50 is above 3")
        judging.judge(session, Target("rationale", x.text.id), Act.REJECT, by=owner("ann"), reason="unclear")
    app = room(text=x.text.uid)
    count(app, 23, 9)
    body = shown(press(app, "enter"))
    answer = body[body.index("mapd-room-answer") :]
    committee = answer[answer.index(">committee<") : answer.index(">people<")].rpartition("</div>")[0]
    assert re.sub("<[^>]*>", " ", committee).split() == ">committee ✓ accepted 3.50 mean 3.50 is above 3".split()
    assert "rejected by ann: unclear, unlike the committee; people’s decision counts" in answer
    assert "The room and the committee agree." in answer
    with db.writing(db.open_store(Settings())) as session:
        assignment.set_judging(session, 1, by=owner("ann"), judgements_wanted=2)
    hidden = shown(press(room(text=x.text.uid), "enter"))
    assert ">people<" not in hidden, "what others said is kept back until one's own word, here too"
