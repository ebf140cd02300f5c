"""Judge first: what isn't known yet is in nothing that the browser gets, whatever is asked and decided on the way."""

import json
import random
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col, select

from mapd.domain import Act, Order, RowFilter
from mapd.people import owner
from mapd.review import assignment, judging
from mapd.review.filters import write
from mapd.review.judging import Target
from mapd.review.queues import QUEUES
from mapd.store import db, queries
from mapd.store import tables as t
from tests import hostile
from tests.api.client import Client, Json, Server, decision, on_attempt, undo
from tests.api.conftest import EXAM
from tests.conftest import writing

COVERED = {"uid", "seen", "adjudicate", "said", "kind", "number", "of", "covered", "text", "words", "markup", "mark"}


@pytest.fixture
def marked(server: Server) -> Server:
    """Each text has a review and somebody's note that name it, and each question a gold that was corrected."""
    with writing(server.engine) as session:
        session.execute(sa.text("UPDATE review SET text = 'review' || explanation_id || '.'"))
        assignment.set_judging(session, EXAM, by=owner("eve"), judgements_wanted=3)
        for x in session.exec(select(t.Explanation)).all():
            act = Act.ACCEPT if (x.id or 0) % 2 else Act.REJECT
            judging.judge(session, Target(x.kind, x.id or 0), act, by=owner("eve"), note=f"note{x.id}.")
        for question in session.exec(select(t.Question).limit(4)).all():
            judging.judge(session, Target("question", question.id or 0), Act.CORRECT, by=owner("eve"), value="777")
            question.gold_note = f"worked{question.id}."
    return server


def secrets_of(server: Server, person: str) -> dict[str, list[str]]:
    """By text, what may not be told of it before this person has accepted or rejected it."""
    decided = (Act.ACCEPT, Act.REJECT)
    with db.reading(server.engine) as session:
        mine = select(t.Judgement.explanation_id).where(
            t.Judgement.person == person, col(t.Judgement.decision).in_(decided)
        )
        told = set(session.exec(mine).all())
        texts = session.exec(select(t.Explanation.id, t.Explanation.uid)).all()
    return {uid: [f"review{id_}.", f"note{id_}."] for id_, uid in texts if id_ not in told}


def check(server: Server, answer: Any, person: str) -> None:
    """See that nothing is in an answer that this person may not know."""
    said, hidden = json.dumps(answer), secrets_of(server, person)
    for uid, secrets in hidden.items():
        assert not [secret for secret in secrets if secret in said], uid
    cards = [*answer.get("cards", ())] if isinstance(answer.get("cards"), list) else [*answer.get("cards", {}).values()]
    for card in cards:
        for text in card["texts"]:
            if text["uid"] in hidden:
                assert text.keys() == COVERED
                assert {found["kind"] for found in text["text"]["ranges"]} <= {"hidden"}
                assert text["said"] is None or text["said"]["decision"] == "skip"
        if any(text["covered"] for text in card["texts"]):
            assert card["blind"]
            assert (card["question"]["gold_was"], card["attempt"]["doubt"], card["attempt"]["reread"]) == (
                None,
                None,
                False,
            )
            assert card["question"]["people"] == card["attempt"]["people"] == []


@pytest.mark.parametrize("seed", range(2))
def test_nothing_is_told_before_it_is_decided(marked: Server, ann: Client, seed: int) -> None:
    draw = random.Random(seed)
    names = [name for name, queue in QUEUES.items() if not queue.second_look]
    last: Json | None = None
    for _ in range(16):
        window = ann.window(queue=draw.choice(names), judge="first", number=draw.randrange(1, 6))
        check(marked, window, "ann")
        if not window["cards"]:
            continue
        card = draw.choice(window["cards"])
        text = draw.choice(card["texts"])
        acts = {
            "accept": lambda card=card, text=text: decision(card, "accept", text),
            "reject": lambda card=card, text=text: decision(card, "reject", text, reason="unclear"),
            "skip": lambda card=card, text=text: decision(card, "skip", text),
            "note": lambda card=card, text=text: decision(card, "note", text, note="mine"),
            "attempt": lambda card=card: on_attempt(card, "accept"),
        }
        made = undo(last) if last and draw.random() < 0.2 else draw.choice([*acts.values()])()
        check(marked, ann.decide(made), "ann")
        last = made
        check(marked, ann.get("history", mistake=card["mistake"], text=text["uid"], judge="first"), "ann")
        check(marked, ann.get("history"), "ann")
        check(marked, ann.get("counts"), "ann")
        wish = {"front": card["mistake"], "judge": "first", "queue": card["queue"]}
        check(marked, ann.post("lease", wish), "ann")


def test_a_selection_of_browse_asks_nothing_of_what_others_said_before_the_own_word(
    marked: Server, ann: Client
) -> None:
    for people in ("judged", "conflict", "overridden", "not judged"):
        window = ann.window(queue="browse", filter=write(RowFilter(people=people), Order.DOUBT, {}), number=25)
        assert window["cards"] == []
        check(marked, window, "ann")


def test_assisted_an_exam_that_wants_several_tells_nothing_of_what_others_said(marked: Server, ann: Client) -> None:
    window = ann.window(judge="assisted", number=25)
    said = json.dumps(window)
    assert "review1." in said
    assert "note" not in said.replace('"note"', "")
    texts = [text for card in window["cards"] for text in card["texts"]]
    assert {text["seen"] for text in texts} == {"own:"}
    assert [text for text in texts if text["people"] or text["overridden"] or text["mark"] == "judged"] == []


def test_what_was_in_front_of_somebody_uncovered_was_not_judged_first(server: Server, ann: Client) -> None:
    assisted = ann.window()["cards"]
    ann.post("lease", {"front": assisted[0]["mistake"], "shown": [assisted[1]["mistake"]], "judge": "assisted"})
    cards = {card["mistake"]: card for card in ann.window(judge="first", number=12)["cards"]}
    for place in range(3):
        card = cards[assisted[place]["mistake"]]
        ann.decide(decision(card, "accept"))
    with db.reading(server.engine) as session:
        rows = session.exec(select(t.Judgement).order_by(col(t.Judgement.id))).all()
    assert [row.revealed for row in rows] == [True, True, False]


def test_the_title_of_a_queue_that_tells_is_kept_back(server: Server, ann: Client) -> None:
    assert ann.window(queue="accepted-wrong", judge="first")["queue"]["title"] is None
    assert ann.window(queue="accepted-wrong", judge="assisted")["queue"]["title"] == "accepted, but wrong answer"
    smart = ann.window(queue="smart", judge="first")["cards"][0]
    assert "why_here" not in json.dumps(smart)


def test_the_corpus_of_hostile_texts_goes_through_unchanged(server: Server) -> None:
    with writing(server.engine) as session:
        hostile.fill(session)
        exams = [exam.id for exam in queries.exams(session)]
        stored = {x.uid: x.text for x in session.exec(select(t.Explanation)).all()}
    checked = 0
    for exam in exams:
        client = server.client(owner("ann"), exam)
        for judge in ("first", "assisted"):
            window = client.window(judge=judge, number=25)
            for card in window["cards"]:
                for text in card["texts"]:
                    assert stored[text["uid"]].startswith(text["text"]["text"])
                    assert len(text["text"]["text"]) + text["text"]["cut"] == len(stored[text["uid"]])
                    checked += 1
            for card in [card for card in window["cards"] if card["texts"]][:2]:
                said = [decision(card, "accept", text, note=hostile.TEXTS[0]) for text in card["texts"]]
                assert {a["status"] for a in client.decide(*said)["answers"]} == {"saved"}
            client.get("history")
            client.get("counts")
    assert checked > 100
