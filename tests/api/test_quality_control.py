"""Practice, hidden checks and repeats, dealt among the cards: nothing tells a check from a card, and each is judged."""

from typing import Any

import pytest
from sqlmodel import col, select

from mapd.domain import Act
from mapd.judgements import ADJUDICATOR
from mapd.people import owner
from mapd.review import assignment, judging
from mapd.review.judging import Target
from mapd.store import db
from mapd.store import tables as t
from tests.api.client import Client, Server, decision, entered, undo
from tests.api.conftest import EXAM
from tests.conftest import writing


def want(server: Server, **numbers: int) -> None:
    with writing(server.engine) as session:
        assignment.set_judging(session, EXAM, by=owner("eve"), **numbers)


def settle(server: Server, number: int) -> list[str]:
    """Have eve decide and explain the last rationales as the adjudicator; returns their uids."""
    with writing(server.engine) as session:
        texts = session.exec(
            select(t.Explanation).where(t.Explanation.kind == "rationale").order_by(col(t.Explanation.id).desc())
        ).all()[:number]
        for x in texts:
            target = Target("rationale", x.id or 0)
            judging.judge(session, target, Act.REJECT, by=owner("eve"), role=ADJUDICATOR, note="the sum is never taken")
        return [x.uid for x in texts]


def last(server: Server) -> t.Judgement:
    with db.reading(server.engine) as session:
        row = session.exec(select(t.Judgement).order_by(col(t.Judgement.id).desc()).limit(1)).one()
        session.expunge_all()
        return row


def dealt(server: Server) -> list[str]:
    """The names of the cards that were dealt beside a queue."""
    with db.reading(server.engine) as session:
        return list(session.exec(select(t.DealtCard.card).order_by(col(t.DealtCard.id))).all())


def keys(found: Any) -> Any:
    """The shape of a card: its keys, whatever they hold."""
    if isinstance(found, dict):
        return {key: keys(value) for key, value in found.items() if key not in ("ranges", "rest", "reviews", "people")}
    return [keys(found[0])] if isinstance(found, list) and found else None


def test_practice_comes_first_and_is_explained_after_the_decision(server: Server, ann: Client) -> None:
    texts = settle(server, 3)
    want(server, practice=2)
    cards = ann.window()["cards"]
    assert [card["beside"] for card in cards[:3]] == ["practice", "practice", None]
    card = cards[0]
    assert card["enter"] in texts
    assert (card["judge"], card["explained"], entered(card)["covered"]) == ("first", None, True)
    assert [c["id"] for c in ann.window()["cards"][:2]] == [c["id"] for c in cards[:2]], "a reload leaves it what it is"
    said = decision(card, "accept")
    after = ann.decide(said)["cards"][card["id"]]
    assert (after["explained"]["decision"], after["explained"]["note"]) == ("reject", "the sum is never taken")
    assert (last(server).queue, last(server).revealed) == ("practice", False)
    back = undo(said)
    assert ann.decide(back)["cards"][card["id"]]["explained"] is None
    assert ann.window()["cards"][0]["id"] == card["id"], "taken back, it is practice still"
    ann.decide(undo(back))
    remaining = ann.window()["cards"]
    assert [c["id"] for c in remaining if c["beside"]] == [cards[1]["id"]]
    ann.decide(decision(remaining[0], "accept"))
    assert [c for c in ann.window()["cards"] if c["beside"]] == []


def test_a_check_comes_at_its_place_and_looks_like_any_card(server: Server, ann: Client) -> None:
    texts = settle(server, 6)
    want(server, check_every=4)
    window = ann.window(judge="first", number=12)
    cards = window["cards"]
    checks = [place for place, card in enumerate(cards) if card["id"] in dealt(server)]
    assert checks, "one is due among them"
    check = cards[checks[0]]
    text = next(text for text in check["texts"] if text["uid"] in texts and text["uid"] in check["open"])
    assert check["enter"] == check["open"][0], "one begins where one does on any card"
    behind = [card["mistake"] for card in cards[checks[0] + 1 :] if card["id"] not in dealt(server)]
    assert check["mistake"] not in behind, "its mistake comes but once"
    so_far = sum(len(card["open"]) for card in cards[: checks[0]])
    assert 4 <= so_far < 8
    plain = next(card for card in cards if card["id"] != check["id"] and card["blind"])
    assert keys(check) == keys(plain)
    assert check["number"] == cards[checks[0] + 1]["number"], "the number of what waits behind it"
    assert check["beside"] is None
    history = ann.get("history", card=check["id"], mistake=check["mistake"], text=text["uid"], judge="first")
    assert history["words"] == []
    answers = ann.decide(decision(check, "accept", text))
    assert (last(server).queue, last(server).revealed, last(server).role) == ("check", False, "annotator")
    revealed = next(x for x in answers["cards"][check["id"]]["texts"] if x["uid"] == text["uid"])
    assert {word["person"] for word in revealed["people"]} == {"eve", "ann"}
    if others := answers["cards"][check["id"]]["open"]:
        other = next(x for x in check["texts"] if x["uid"] == others[0])
        ann.decide(decision(check, "accept", other))
        assert last(server).queue == "everything", "the texts beside it are the queue's"
    assert ann.window(judge="assisted")["cards"][0]["id"] != check["id"]


def test_no_check_is_due_before_its_texts_are_judged_nor_twice(server: Server, ann: Client) -> None:
    settle(server, 6)
    want(server, check_every=9)
    ann.window(judge="first", number=2)
    assert dealt(server) == []
    ann.window(judge="first", number=2, ahead=9)
    first = dealt(server)
    assert len(first) == 1
    again = ann.window(judge="first", number=2, ahead=12)
    assert dealt(server) == first, "it is the same one until it is answered"
    assert first[0] in [card["id"] for card in again["cards"]]


@pytest.mark.parametrize("answer", ["reject", "skip"])
def test_an_own_text_comes_again_as_if_it_were_new(server: Server, ann: Client, answer: str) -> None:
    cards = ann.window(number=12)["cards"]
    for card in cards[:4]:
        for text in card["texts"]:
            if text["kind"] == "rationale":
                ann.decide(decision(card, "accept", text, note="so it seemed"))
    want(server, repeat_every=12)
    card = ann.window(judge="first")["cards"][0]
    text = entered(card)
    assert card["mistake"] == cards[0]["mistake"]
    assert (text["covered"], text["said"], card["open"]) == (True, None, [text["uid"]])
    assert "so it seemed" not in str(text)
    history = ann.get("history", card=card["id"], mistake=card["mistake"], text=text["uid"], judge="first")
    assert [word for word in history["words"] if word["about"] == "rationale"] == []
    said = decision(card, answer, reason="unclear" if answer == "reject" else None)
    answers = ann.decide(said)
    assert answers["answers"][0]["status"] == "saved"
    assert (last(server).queue, last(server).revealed) == ("repeat", False)
    if answer == "reject":
        shown = next(x for x in answers["cards"][card["id"]]["texts"] if x["uid"] == text["uid"])
        assert (shown["covered"], shown["said"]["decision"]) == (False, "reject")
        back = undo(said)
        covered = entered(ann.decide(back)["cards"][card["id"]])
        assert covered["covered"], "taken back, it is to be judged again"
        ann.decide(undo(back))
    assert ann.window(judge="first")["cards"][0]["id"] != card["id"]


def test_where_nothing_of_it_is_wanted_nothing_is_written(server: Server, ann: Client) -> None:
    settle(server, 6)
    ann.window(judge="first", ahead=500)
    with db.reading(server.engine) as session:
        assert session.exec(select(t.DealtCard)).all() == []


def test_another_persons_check_is_no_check(server: Server, ann: Client, bob: Client) -> None:
    settle(server, 6)
    want(server, check_every=1)
    ann.window(judge="first", ahead=5)
    hers = dealt(server)[0]
    card = bob.window(judge="first")["cards"][-1]
    bob.decide(decision(card, "accept") | {"card": hers})
    assert last(server).queue == "everything"
