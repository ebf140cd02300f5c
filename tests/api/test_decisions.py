"""What is decided through the routes: saved once, stale or refused, with the reveal; undo, Enter, repairs, classes."""

import random
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlmodel import col, select

from mapd.domain import Act
from mapd.people import owner
from mapd.review import assignment, batches, judging
from mapd.review.judging import Target
from mapd.store import db
from mapd.store import tables as t
from tests.api.client import Client, Json, Server, decision, entered, on_attempt, on_question, rest, undo
from tests.api.conftest import EXAM
from tests.conftest import writing


def judgements(server: Server, **where: Any) -> list[t.Judgement]:
    """Every judgement so far, oldest first."""
    with db.reading(server.engine) as session:
        rows = session.exec(select(t.Judgement).filter_by(**where).order_by(col(t.Judgement.id))).all()
        session.expunge_all()
        return list(rows)


def answer(answers: Json, at: int = 0) -> tuple[str, str | None]:
    found = answers["answers"][at]
    return found["status"], found["line"]


def test_a_decision_is_saved_with_how_it_came_about(server: Server, ann: Client) -> None:
    card = ann.window(queue="accepted-wrong")["cards"][0]
    said = decision(card, "reject", reason="false_step", note="look again")
    answers = ann.decide(said)
    assert answers["answers"] == [
        {"token": said["token"], "status": "saved", "act": said["token"], "line": None}
        | {"since": [], "decided": 1, "of": 1}
    ]
    row = judgements(server)[0]
    assert (row.person, row.decision, row.reason, row.note) == ("ann", "reject", "false_step", "look again")
    assert (row.queue, row.committee, row.revealed, row.seconds) == ("accepted-wrong", "accepted", True, 1.5)
    text = next(x for x in answers["cards"][card["id"]]["texts"] if x["uid"] == card["enter"])
    assert text["said"] == {"decision": "reject", "reason": "false_step", "note": "look again", "value": None} | {
        "act": said["token"]
    }
    assert text["mark"] == "overridden"
    assert answers["queue"]["decided"] == 1


def test_the_same_decision_again_is_there_once(server: Server, ann: Client) -> None:
    card = ann.window()["cards"][0]
    said = decision(card, "accept")
    first = ann.decide(said, said)
    assert [a["status"] for a in first["answers"]] == ["saved", "saved"]
    assert ann.decide(said)["answers"] == first["answers"][:1]
    assert len(judgements(server)) == 1


def test_a_token_of_somebody_elses_is_refused(server: Server, ann: Client, bob: Client) -> None:
    card = ann.window()["cards"][0]
    said = decision(card, "accept")
    ann.decide(said)
    status, line = answer(bob.decide(said))
    assert status == "refused"
    assert line is not None
    assert "another decision has this token" in line
    assert len(judgements(server)) == 1


def test_two_hundred_decisions_doubled_and_repeated_are_two_hundred(server: Server, ann: Client) -> None:
    draw, sent = random.Random(14), 0
    window = ann.window(number=12)
    outbox: list[Json] = []
    for card in window["cards"]:
        for text in card["texts"]:
            acts = ("accept", "reject", "skip", "note")
            before = None
            for act in draw.sample(acts, 3):
                outbox.append(decision(card, act, text, after=before, note="n" if act == "note" else None))
                before = outbox[-1]["token"]
    outbox = outbox[:200]
    while sent < len(outbox):
        part = outbox[sent : sent + draw.randrange(1, 12)]
        ann.decide(*part)  # its answer is lost on the way
        answers = ann.decide(*part, *part[: draw.randrange(len(part))])
        assert {a["status"] for a in answers["answers"]} == {"saved"}
        sent += len(part)
    assert [row.token for row in judgements(server)] == [said["token"] for said in outbox]


def test_who_decides_second_is_told_and_nothing_is_overwritten(server: Server, ann: Client, bob: Client) -> None:
    card, same = ann.window()["cards"][0], bob.window()["cards"][0]
    bob.decide(decision(same, "reject", reason="unclear"))
    answers = ann.decide(decision(card, "accept"))
    status, line = answer(answers)
    assert status == "stale"
    assert line == "bob decided on this rationale in the meantime; nothing was saved: look at it again"
    assert [(w["person"], w["decision"], w["reason"]) for w in answers["answers"][0]["since"]] == [
        ("bob", "reject", "unclear")
    ]
    fresh = answers["cards"][card["id"]]
    assert entered(fresh)["people"][0]["person"] == "bob"
    assert len(judgements(server)) == 1
    assert answer(ann.decide(decision(fresh, "accept")))[0] == "saved", "as it is shown now it is decided"


def test_a_skip_or_a_note_of_another_holds_up_no_decision(server: Server, ann: Client, bob: Client) -> None:
    card, same = ann.window()["cards"][0], bob.window()["cards"][0]
    bob.decide(decision(same, "skip"), decision(same, "note", note="hm"))
    assert answer(ann.decide(decision(card, "accept")))[0] == "saved"


def test_what_was_decided_offline_is_kept_and_both_see_it(server: Server, ann: Client, bob: Client) -> None:
    card, same = ann.window()["cards"][0], bob.window()["cards"][0]
    theirs = decision(same, "reject", reason="unclear")
    bob.decide(theirs)
    said = ann.decide(decision(card, "accept", offline=True))["answers"][0]
    assert (said["status"], [w["person"] for w in said["since"]]) == ("saved", ["bob"])
    assert len(judgements(server)) == 2
    acts = bob.get("history")["acts"]
    assert [(a["act"], [w["person"] for w in a["since"]]) for a in acts] == [(theirs["token"], ["ann"])]
    conflict = ann.window(queue="conflicts")["cards"][0]
    assert (conflict["mistake"], entered(conflict)["adjudicate"]) == (card["mistake"], True)


def test_one_that_is_refused_holds_up_no_other(server: Server, ann: Client) -> None:
    one, other = ann.window()["cards"][:2]
    bad = decision(one, "reject", reason="nonsense")
    answers = ann.decide(bad, decision(one, "accept", after=bad["token"]), decision(other, "accept"))
    assert [a["status"] for a in answers["answers"]] == ["refused", "saved", "saved"]
    assert "unknown reason for a rationale: nonsense" in answers["answers"][0]["line"]
    assert [row.decision for row in judgements(server)] == ["accept", "accept"]


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"target": "feed"}, "unknown rationale: feed"),
        ({"target": None}, "what is decided isn't named"),
        ({"seen": None}, "what was seen of it isn't named"),
        ({"queue": "nonsense"}, "unknown queue: nonsense"),
        ({"act": "correct", "value": " "}, "correct needs one"),
        ({"act": "note", "note": " "}, "a note has no words"),
        ({"act": "withdraw"}, "there is nothing to withdraw"),
        ({"act": "undo", "undoes": "0123456789abcdef"}, "this act isn't there"),
        ({"act": "undo"}, "isn't named"),
        ({"act": "repair", "value": ""}, "a repair is another text"),
        ({"act": "rest"}, "no text is named"),
        ({"act": "class", "value": "reject"}, "can't be decided at once"),
        ({"marks": [{"start": 5, "end": 5}], "act": "reject"}, "marked within the text"),
        ({"marks": [{"start": 0, "end": 5}]}, "marked with a rejection"),
        ({"kind": "attempt"}, "unknown attempt"),
    ],
)
def test_what_can_not_be_says_why_in_one_line(server: Server, ann: Client, wrong: Json, line: str) -> None:
    card = ann.window()["cards"][0]
    status, said = answer(ann.decide(decision(card, "accept") | wrong))
    assert status == "refused"
    assert said is not None
    assert line in said
    assert "\n" not in said
    assert judgements(server) == []


def test_enter_accepts_exactly_what_is_marked_as_waiting(server: Server, ann: Client, bob: Client) -> None:
    card = ann.window()["cards"][0]
    first, skipped, *_ = card["rest"]["rationale"]
    by_uid = {text["uid"]: text for text in card["texts"]}
    card = ann.decide(decision(card, "skip", by_uid[skipped]))["cards"][card["id"]]
    assert skipped not in card["rest"]["rationale"]
    said = rest(card, note="fine", target=first)
    assert answer(ann.decide(said))[0] == "saved"
    rows = [row for row in judgements(server) if row.decision == "accept"]
    assert [row.token for row in rows] == [f"{said['token']}/{n}" for n in range(len(card["rest"]["rationale"]))]
    committee = {x["uid"]: x["committee"]["verdict"] for x in card["texts"]}
    with db.reading(server.engine) as session:
        uids = [session.get_one(t.Explanation, row.explanation_id).uid for row in rows]
    assert uids == card["rest"]["rationale"]
    assert [row.committee for row in rows] == [committee[uid] for uid in uids], "each with its own verdict"
    assert [row.note for row in rows] == ["fine" if uid == first else None for uid in uids]
    assert answer(ann.decide(said))[0] == "saved"
    assert len(judgements(server)) == 1 + len(rows), "sent again it is there once"


def test_enter_with_a_text_that_does_not_wait_saves_nothing(server: Server, ann: Client, bob: Client) -> None:
    card = ann.window()["cards"][0]
    said = rest(card)
    ann.decide(decision(card, "skip"))
    status, line = answer(ann.decide(said | {"texts": said["texts"]}))
    assert status in ("refused", "stale")
    assert line is not None
    assert [row.decision for row in judgements(server)] == ["skip"]


def test_undo_and_redo_of_each_kind_of_act(server: Server, ann: Client) -> None:
    cards = ann.window()["cards"]
    acts = [
        decision(cards[0], "reject", reason="unclear"),
        rest(cards[1]),
        decision(cards[2], "repair", value="1 + 1 = 2."),
        on_attempt(cards[3], "reject"),
        on_question(cards[4], "reject", reason="gold_wrong"),
        on_question(cards[5], "correct", value="7"),
    ]
    for act in acts:
        assert answer(ann.decide(act))[0] == "saved", act
        before = ann.get("history")
        assert before["undo"].startswith(act["token"])
        back = undo(act)
        answers = ann.decide(back)
        assert answer(answers) == ("saved", None)
        assert ann.get("history")["acts"][0]["undone"]
        again = undo(back)
        assert answer(ann.decide(again))[0] == "saved"
        assert not ann.get("history")["acts"][0]["undone"]
        status, line = answer(ann.decide(undo(act)))
        assert (status, "was undone already" in (line or "")) == ("stale", True), "the first undo stands in the way"


def test_undo_of_what_was_not_sent_yet(server: Server, ann: Client) -> None:
    card = ann.window()["cards"][0]
    said = decision(card, "accept")
    back = undo(said)
    again = decision(card, "reject", reason="unclear", after=back["token"])
    answers = ann.decide(said, back, again)
    assert [a["status"] for a in answers["answers"]] == ["saved"] * 3
    assert [row.decision for row in judgements(server)] == ["accept", "withdraw", "reject"]
    assert entered(answers["cards"][card["id"]])["said"]["decision"] == "reject"


def test_a_repair_is_a_text_of_its_own_and_goes_with_one_undo(server: Server, ann: Client) -> None:
    card = ann.window()["cards"][0]
    said = decision(card, "repair", value="10 + 3 = 13. There are 13 pens.")
    fresh = ann.decide(said)["cards"][card["id"]]
    own = next(text for text in fresh["texts"] if text["repairs"])
    assert (own["author"]["person"], own["repairs"]["uid"], own["said"]["decision"]) == (True, card["enter"], "accept")
    assert own["text"]["text"] == said["value"]
    assert answer(ann.decide(said))[0] == "saved"
    assert len(judgements(server)) == 2
    back = ann.decide(undo(said))["cards"][card["id"]]
    assert [text["uid"] for text in back["texts"]] == [text["uid"] for text in card["texts"]]
    past = ann.get("history", mistake=card["mistake"], text=card["enter"])
    assert past["taken_back"][0]["text"]["text"] == said["value"]


def test_a_false_step_is_marked_with_the_rejection(server: Server, ann: Client, bob: Client) -> None:
    card = ann.window()["cards"][0]
    text = entered(card)
    step = text["text"]["text"].index("10 + 3")
    said = decision(card, "reject", reason="false_step", marks=[{"start": step, "end": step + 11}])
    fresh = entered(ann.decide(said)["cards"][card["id"]])
    marked = [r for r in fresh["text"]["ranges"] if r["kind"] == "marked_step"]
    assert [(r["start"], r["end"], r["label"]) for r in marked] == [
        (step, step + 11, "ann marked this as the false step")
    ]
    assert judgements(server)[0].marks == [[step, step + 11]]


def test_an_attempt_that_is_no_mistake_is_gone_and_comes_back(server: Server, ann: Client) -> None:
    card = ann.window()["cards"][0]
    said = on_attempt(card, "reject")
    answers = ann.decide(said)
    assert answers["gone"][card["mistake"]]["code"] == "corrected"
    assert answers["cards"] == {}
    link = ann.window(mistake=card["mistake"])
    assert link["missing"]["code"] == "corrected"
    assert link["cards"], "and the queue goes on"
    assert answer(ann.decide(decision(card, "accept")))[0] == "saved", "what was decided on the way is kept"
    assert ann.decide(undo(said))["cards"][card["id"]]["mistake"] == card["mistake"]


def test_the_queue_of_attempts_decides_attempts(server: Server, ann: Client) -> None:
    with writing(server.engine) as session:
        session.execute(sa.update(t.Attempt).values(our_outcome="correct", our_answer="13"))
        session.execute(
            sa.insert(t.DirtyQuestion).from_select(["question_id", "voted"], sa.select(t.Question.id, sa.true()))
        )
    window = ann.window(queue="not-a-mistake")
    card = window["cards"][0]
    assert (window["queue"]["about"], card["about"], card["waits"]) == ("attempt", "attempt", True)
    assert card["attempt"]["doubt"] == "13"
    answers = ann.decide(on_attempt(card, "accept"))
    assert answer(answers)[0] == "saved"
    assert not answers["cards"][card["id"]]["waits"]
    assert answers["queue"]["decided"] == 1


def test_a_class_is_decided_piece_by_piece_and_undone_in_one(
    server: Server, ann: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "AT_ONCE", 1)
    panel = ann.get("counts", queue="no-work", panel=True)["class"]
    assert panel["texts"] > 1
    act = {"token": uuid4().hex, "act": "class", "queue": "no-work", "value": "reject", "version": panel["version"]}
    stale = act | {"token": uuid4().hex, "version": "other"}
    assert answer(ann.decide(stale))[0] == "stale"
    undone = {"token": uuid4().hex, "act": "undo", "undoes": act["token"]}
    for number in range(1, panel["texts"]):
        said = ann.decide(act, undone)["answers"]
        assert [(a["status"], a["decided"], a["of"]) for a in said] == [("saved", number, panel["texts"])], "undo waits"
    assert ann.decide(act)["answers"][0]["decided"] == panel["texts"]
    assert ann.decide(act)["answers"][0]["decided"] == panel["texts"], "and once more changes nothing"
    rows = judgements(server)
    assert {row.reason for row in rows} == {"no_work"}
    assert len(rows) == panel["texts"]
    assert ann.get("counts", queue="no-work", panel=True)["class"]["texts"] == 0
    back = ann.decide(undone)["answers"][0]
    assert (back["status"], back["decided"], back["of"]) == ("saved", panel["texts"], panel["texts"])
    assert ann.get("counts", queue="no-work", panel=True)["class"]["texts"] == panel["texts"]


def test_the_adjudicator_has_the_last_word_in_the_queue_that_settles(server: Server, ann: Client, bob: Client) -> None:
    card = ann.window()["cards"][0]
    for client, act in ((ann, "accept"), (bob, "reject")):
        client.decide(decision(card, act, offline=True))
    eve = server.client(owner("eve"), EXAM)
    found = eve.window(queue="conflicts")["cards"][0]
    text = entered(found)
    assert (text["adjudicate"], [w["person"] for w in text["people"]]) == (True, ["ann", "bob"])
    eve.decide(decision(found, "accept"))
    assert judgements(server)[-1].role == "adjudicator"
    assert eve.window(queue="conflicts")["cards"] == []


def test_a_decision_over_the_command_line_makes_the_card_stale(server: Server, ann: Client) -> None:
    card = ann.window()["cards"][0]
    with writing(server.engine) as session:
        text = session.exec(select(t.Explanation).where(t.Explanation.uid == card["enter"])).one()
        judging.judge(session, Target("rationale", text.id or 0), Act.ACCEPT, by=owner("cli"))
    assert answer(ann.decide(decision(card, "reject")))[0] == "stale"


def test_in_a_queue_by_lot_each_mistake_has_the_same_chance(server: Server, ann: Client) -> None:
    card = ann.window(queue="audit")["cards"][0]
    ann.decide(decision(card, "accept"))
    row = judgements(server)[0]
    assert (row.queue, row.sampling_chance, row.revealed) == ("audit", pytest.approx(1 / 12), False)
    with db.reading(server.engine) as session:
        detail = session.exec(select(t.Audit.detail).where(t.Audit.action == "judge accept")).one()
    shown = [text["uid"] for text in card["texts"]]
    assert detail["order"] == shown, "the order in which the texts stood"


def test_an_exam_that_wants_two_judgements_counts_both(server: Server, ann: Client, bob: Client) -> None:
    with writing(server.engine) as session:
        assignment.set_judging(session, EXAM, by=owner("eve"), judgements_wanted=2)
    card, same = ann.window()["cards"][0], bob.window()["cards"][0]
    assert (card["judge"], card["mistake"]) == ("first", same["mistake"])
    text = entered(card)
    ann.decide(decision(card, "accept"))
    again = next(x for x in same["texts"] if x["uid"] == text["uid"])
    answers = bob.decide(decision(same, "reject", again))
    assert answer(answers) == ("saved", None), "what the other said was not seen, and is no news"
    revealed = next(x for x in answers["cards"][same["id"]]["texts"] if x["uid"] == text["uid"])
    assert {w["person"] for w in revealed["people"]} == {"ann", "bob"}
    assert [row.revealed for row in judgements(server)] == [False, False]
