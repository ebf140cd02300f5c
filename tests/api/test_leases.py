"""Who has what: the card in front and the next two, for three minutes; nobody starves, nobody is locked out."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from mapd.people import Person, Role, owner
from mapd.review import assignment, leases, seats
from mapd.review.messages import LeaseWish
from mapd.store import db
from mapd.store import tables as t
from tests.api.client import Client, Json, Server, decision
from tests.api.conftest import EXAM
from tests.conftest import writing


def sit(client: Client, *mistakes: str, leave: tuple[str, ...] = (), **more: str) -> Json:
    """Have the first in front and the others next."""
    front = mistakes[0] if mistakes else None
    return client.post("lease", {"front": front, "next": list(mistakes[1:]), "leave": list(leave), **more})


def mistakes(client: Client, **query: object) -> list[str]:
    return [card["mistake"] for card in client.window(**query)["cards"]]


def expire(server: Server) -> None:
    with writing(server.engine) as session:
        session.execute(sa.update(t.Lease).values(until=t.now() - timedelta(seconds=1)))


def test_what_is_in_front_of_one_is_dealt_to_nobody_else(server: Server, ann: Client, bob: Client) -> None:
    whole = mistakes(ann)
    held = sit(ann, *whole[:3])
    assert [lease["mistake"] for lease in held["held"]] == whole[:3]
    assert held["seconds"] == 180
    assert mistakes(bob) == whole[3:]
    assert mistakes(ann) == whole, "one's own are dealt"
    refused = sit(bob, *whole[2:5])
    assert [lease["mistake"] for lease in refused["held"]] == whole[3:5]
    assert [(r["mistake"], [p["person"] for p in r["people"]]) for r in refused["refused"]] == [(whole[2], ["ann"])]
    window = bob.window(mistake=whole[0])
    assert (window["cards"][0]["mistake"], window["cards"][0]["free"]) == (whole[0], False), "a link opens it"
    assert window["cards"][0]["people_here"][0]["person"] == "ann"
    assert [(o["person"], o["mistakes"]) for o in window["others"]] == [("ann", 3)]


def test_what_is_prefetched_is_held_by_nobody(server: Server) -> None:
    """Twelve mistakes, four people who each prefetched all of them and sit at three: all have what they need."""
    clients = [server.client(owner(f"p{n}"), EXAM) for n in range(4)]
    for client in clients:
        assert client.window(number=12)["cards"]
    in_front: dict[int, list[str]] = {}
    for n, client in enumerate(clients):
        taken = [card["mistake"] for card in client.window(number=12)["cards"]][:3]
        assert sit(client, *taken)["refused"] == []
        in_front[n] = taken
    everything = [mistake for taken in in_front.values() for mistake in taken]
    assert len(set(everything)) == 12
    late = server.client(owner("late"), EXAM)
    window = late.window()
    assert window["cards"] == []
    assert [(other["person"], other["mistakes"]) for other in window["others"]] == [(f"p{n}", 3) for n in range(4)]
    assert {other["since"] for other in window["others"]}
    sit(clients[0], leave=tuple(in_front[0]))
    assert mistakes(late) == sorted(in_front[0], key=everything.index), "given back, they are there at once"


def test_people_who_work_side_by_side_decide_all_of_it_each_once(server: Server) -> None:
    clients = [server.client(owner(f"p{n}"), EXAM) for n in range(3)]
    held: dict[int, str] = {}
    decided: list[str] = []
    for turn in range(40):
        n = turn % 3
        window = clients[n].window(number=12)
        if not window["cards"]:
            continue
        for card in window["cards"]:
            leave = (held[n],) if n in held else ()
            answer = sit(clients[n], card["mistake"], leave=leave)
            if answer["held"]:
                held[n] = card["mistake"]
                statuses = clients[n].decide(*(decision(card, "accept", text) for text in card["texts"]))["answers"]
                assert {a["status"] for a in statuses} == {"saved"}
                decided.append(card["mistake"])
                break
    assert len(decided) == len(set(decided)) == 12


def test_what_others_decided_meanwhile_is_no_longer_next(server: Server, ann: Client, bob: Client) -> None:
    cards = bob.window()["cards"]
    mine, theirs, half, other = (card["mistake"] for card in cards[:4])
    ann.decide(*(decision(cards[1], "accept", text) for text in cards[1]["texts"] if text["kind"] == "rationale"))
    ann.decide(decision(cards[2], "accept"))
    answer = sit(bob, mine, theirs, half)
    assert [lease["mistake"] for lease in answer["held"]] == [mine, half]
    assert answer["refused"] == [{"mistake": theirs, "people": []}]
    assert [lease["mistake"] for lease in sit(bob, theirs, other)["held"]] == [theirs, other], "a link opens it"


def test_a_lease_runs_out_and_is_renewed(server: Server, ann: Client, bob: Client) -> None:
    whole = mistakes(ann)
    first = sit(ann, whole[0])["held"][0]
    assert sit(ann, whole[0])["held"][0]["until"] >= first["until"]
    expire(server)
    assert mistakes(bob)[0] == whole[0]
    sit(bob, whole[0])
    assert [p["person"] for p in sit(ann, whole[0])["refused"][0]["people"]] == ["bob"]


def test_with_the_clock_set_back_what_is_left_from_before_has_run_out(server: Server, ann: Client, bob: Client) -> None:
    first = mistakes(ann)[0]
    sit(ann, first)
    with writing(server.engine) as session:
        session.execute(sa.update(t.Lease).values(until=db.clock(session) + timedelta(hours=2)))
    assert mistakes(bob)[0] == first
    assert sit(bob, first)["refused"] == []


def test_a_person_has_so_many_at_once_as_two_tabs_show(server: Server, ann: Client) -> None:
    whole = mistakes(ann)
    for start in range(0, 12, 3):
        sit(ann, *whole[start : start + 3])
    with db.reading(server.engine) as session:
        assert len(leases.list_leases(session, EXAM)) == leases.TABS * leases.AT_ONCE


def test_as_many_may_have_a_mistake_as_judgements_are_wanted(server: Server, ann: Client, bob: Client) -> None:
    with writing(server.engine) as session:
        assignment.set_judging(session, EXAM, by=owner("eve"), judgements_wanted=2)
    card = ann.window()["cards"][0]
    assert sit(ann, card["mistake"])["refused"] == []
    assert mistakes(bob)[0] == card["mistake"]
    assert sit(bob, card["mistake"])["refused"] == []
    zoe = server.client(owner("zoe"), EXAM)
    assert len(sit(zoe, card["mistake"])["refused"]) == 1
    assert mistakes(zoe)[0] != card["mistake"]


def test_where_somebody_settles_what_people_decided_all_may_look(server: Server, ann: Client, bob: Client) -> None:
    card = ann.window()["cards"][0]
    for client, act in ((ann, "accept"), (bob, "reject")):
        client.decide(decision(card, act, offline=True))
    assert sit(ann, card["mistake"], queue="conflicts")["refused"] == []
    assert mistakes(bob, queue="conflicts") == [card["mistake"]]
    assert sit(bob, card["mistake"], queue="conflicts")["refused"] == []


def test_a_lease_needs_the_right_to_judge(server: Server) -> None:
    nobody = Person("", Role.OWNER)
    with db.writing(server.engine) as session, pytest.raises(Exception, match="give yours first"):
        seats.renew_leases(session, nobody, EXAM, LeaseWish())
