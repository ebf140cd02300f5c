"""Requests that meet: the same decision twice at once, two people on the same texts, leases raced for."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlmodel import col, select

from mapd.api import access
from mapd.people import owner
from mapd.store import db
from mapd.store import tables as t
from tests.api.client import Client, Json, Server, decision
from tests.api.conftest import EXAM


def judgements(server: Server) -> list[tuple[str, str, str]]:
    with db.reading(server.engine) as session:
        query = select(t.Judgement.person, t.Judgement.decision, t.Judgement.token).order_by(col(t.Judgement.id))
        return list(session.exec(query).all())


def send(client: Client, *decisions: Json) -> list[Json]:
    """The answers, sent again as long as the database is busy: as the outbox does."""
    for _ in range(20):
        body = {"decisions": list(decisions)}
        response = client.http.post("/api/decisions", json=body, headers=client.headers)
        if response.status_code == 200:
            found: list[Json] = response.json()["answers"]
            return found
        assert response.status_code == 503, response.text
    raise AssertionError("busy for ever")


def all_at_once(*calls: Any) -> list[Any]:
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(*call) for call in calls]]


def test_the_same_decision_sent_several_times_at_once_is_there_once(server: Server, ann: Client) -> None:
    cards = ann.window()["cards"]
    for card in cards[:3]:
        said = decision(card, "accept")
        answers = all_at_once(*[(send, ann, said)] * 4)
        assert [a[0]["status"] for a in answers] == ["saved"] * 4
    assert len(judgements(server)) == 3


def test_two_people_on_the_same_texts_in_opposite_order(server: Server, ann: Client, bob: Client) -> None:
    cards, same = ann.window()["cards"][:4], bob.window()["cards"][:4]
    hers = [decision(card, "accept", text) for card in cards for text in card["texts"][:3]]
    his = [decision(card, "reject", text) for card in same[::-1] for text in card["texts"][:3][::-1]]
    answers = all_at_once((send, ann, *hers), (send, bob, *his))
    statuses = [{a["status"] for a in mine} for mine in answers]
    assert sorted(statuses, key=sorted) == [{"saved"}, {"stale"}], "one was first, and the other is told"
    assert len(judgements(server)) == len(hers)


def test_what_both_decided_offline_is_all_kept(server: Server, ann: Client, bob: Client) -> None:
    cards, same = ann.window()["cards"][:4], bob.window()["cards"][:4]
    hers = [decision(card, "accept", text, offline=True) for card in cards for text in card["texts"][:3]]
    his = [decision(card, "reject", text, offline=True) for card in same[::-1] for text in card["texts"][:3]]
    halves = [(send, who, *part) for who, all_ in ((ann, hers), (bob, his)) for part in (all_[:6], all_[6:])]
    answers = all_at_once(*halves)
    assert {a["status"] for part in answers for a in part} == {"saved"}
    assert {token for _, _, token in judgements(server)} == {d["token"] for d in (*hers, *his)}
    told = [a for part in answers for a in part if a["since"]]
    assert len(told) == len(hers), "of two on one text the second is told"


@pytest.mark.parametrize("people", [4])
def test_of_those_who_want_one_mistake_one_has_it(server: Server, people: int) -> None:
    clients = [server.client(owner(f"p{n}"), EXAM) for n in range(people)]
    wanted = [card["mistake"] for card in clients[0].window()["cards"][:3]]

    def sit(client: Client, order: int) -> Json:
        front, *following = wanted if order % 2 else wanted[::-1]
        body = {"front": front, "next": following}
        response = client.http.post("/api/lease", json=body, headers=client.headers | {access.HEADER: client.token})
        found: Json = response.json()
        assert response.status_code in (200, 503), found
        return found

    answers = all_at_once(*[(sit, client, n) for n, client in enumerate(clients)])
    held = [lease["mistake"] for found in answers for lease in found.get("held", [])]
    assert len(held) == len(set(held))
    assert set(held) <= set(wanted)
    assert held
