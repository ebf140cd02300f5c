"""The next cards: in the queue's order, by link, behind, before, of a selection, in a constant number of statements."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import select

from mapd.curation import live_set, saved_policies
from mapd.domain import Order, RowFilter, RowKind
from mapd.people import owner
from mapd.review import filters, guidelines, reasons
from mapd.review.queues import QUEUES
from mapd.store import browse, db, queries
from mapd.store import tables as t
from tests.api.client import Client, Server, decision, entered, on_question
from tests.api.conftest import EXAM
from tests.conftest import writing
from tests.fits import make_policy
from tests.review.filled import fill
from tests.samples import TEACHERS


@contextmanager
def counting(server: Server) -> Iterator[list[str]]:
    """The SQL statements that are sent meanwhile."""
    statements: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        statements.append(statement)

    sa.event.listen(server.engine, "before_cursor_execute", note)
    yield statements
    sa.event.remove(server.engine, "before_cursor_execute", note)


def mistakes(window: dict[str, Any]) -> list[str]:
    return [card["mistake"] for card in window["cards"]]


@pytest.mark.parametrize("queue", [name for name, queue in QUEUES.items() if not queue.settles])
def test_the_cards_come_in_the_order_that_the_rules_give(server: Server, ann: Client, queue: str) -> None:
    with db.reading(server.engine) as session:
        filled = fill(live_set.load_curated(session, EXAM), QUEUES[queue], "ann")
    window = ann.window(queue=queue, judge="assisted", number=25)
    assert mistakes(window) == [entry.mistake.attempt.uid for entry in filled.entries if not entry.is_settled]
    entries = {entry.mistake.attempt.uid: entry for entry in filled.entries}
    for number, card in enumerate(window["cards"], 1):
        entry = entries[card["mistake"]]
        assert (card["number"], card["all"], card["where"]) == (number, len(filled.entries), "queue")
        assert card["enter"] == (entry.enter.text.uid if entry.enter else None)
        assert card["open"] == [x.text.uid for x in entry.waiting]
    assert window["end"]


def test_a_card_says_what_decided(server: Server, ann: Client) -> None:
    def committees() -> dict[str, Any]:
        (card,) = ann.window(judge="assisted", number=1)["cards"]
        return {x["uid"]: x["committee"] for x in card["texts"] if x["kind"] == "rationale"}

    assert {committee["p"] for committee in committees().values()} == {None}
    with writing(server.engine) as session:
        saved_policies.save_policy(session, make_policy(TEACHERS), by=owner("ann"))
        saved_policies.set_policy(session, EXAM, "fitted", None, by=owner("ann"))
        decided = {x.text.uid: x.committee.probability for x in live_set.load_curated(session, EXAM).rationales}
    assert all(committee["p"] == float(decided[uid] or 0) > 0 for uid, committee in committees().items())


def test_a_window_costs_the_same_however_many_cards_it_has(server: Server, ann: Client) -> None:
    numbers = []
    for number in (1, 4, 12):
        ann.window(number=number)
        with counting(server) as statements:
            window = ann.window(number=number)
        assert len(window["cards"]) == number
        numbers.append(len(statements))
    assert len(set(numbers)) == 1, numbers
    assert numbers[0] <= 35, numbers


def test_one_goes_on_behind_the_last_and_round_at_the_end(server: Server, ann: Client) -> None:
    whole = mistakes(ann.window(number=12))
    first = ann.window(number=5)
    assert (mistakes(first), first["end"]) == (whole[:5], False)
    second = ann.window(number=5, after=whole[4])
    assert [card["number"] for card in second["cards"]] == [6, 7, 8, 9, 10]
    third = ann.window(number=5, after=whole[9])
    assert mistakes(third) == [*whole[10:], *whole[:3]]
    assert mistakes(ann.window(number=12, after=whole[9], has=whole[:10])) == whole[10:]
    ann.decide(*(decision(card, "skip", text) for card in first["cards"][:1] for text in card["texts"]))
    assert whole[0] not in mistakes(ann.window(number=12))


def test_what_was_decided_is_walked_to_with_the_arrows(server: Server, ann: Client) -> None:
    cards = ann.window(number=12)["cards"]
    whole = [card["mistake"] for card in cards]
    ann.decide(*(decision(cards[1], "accept", text) for text in cards[1]["texts"]))
    assert mistakes(ann.window(before=whole[3], number=2)) == [whole[2], whole[1]]
    behind = ann.window(after=whole[0], settled=True, number=2)
    assert mistakes(behind) == [whole[1], whole[2]]
    assert (behind["cards"][0]["waits"], behind["cards"][0]["open"]) == (False, [])
    assert mistakes(ann.window(before=whole[0])) == []


def test_a_link_opens_its_mistake_and_its_text(server: Server, ann: Client) -> None:
    card = ann.window(number=12)["cards"][7]
    other = next(text for text in card["texts"] if text["uid"] != card["enter"])
    link = ann.window(mistake=card["mistake"], text=other["uid"], number=3)
    assert (link["cards"][0]["mistake"], link["cards"][0]["enter"]) == (card["mistake"], other["uid"])
    assert link["cards"][0]["number"] == 8
    assert [c["number"] for c in link["cards"][1:]] == [9, 10], "and the queue goes on from there"
    number = card["question"]["number"]
    for asked in (number, card["question"]["uid"]):
        assert ann.window(question=asked, number=1)["cards"][0]["mistake"] == card["mistake"]
    outside = ann.window(queue="conflicts", mistake=card["mistake"])
    assert (outside["cards"][0]["where"], outside["cards"][0]["number"]) == ("outside", None)


def test_the_address_gets_a_line_for_each_thing_it_asks_in_vain(server: Server, ann: Client) -> None:
    card = ann.window()["cards"][0]
    window = ann.window(queue="nonsense", judge="blindly", mistake=card["mistake"], text="feed")
    assert [line.split(":")[0] for line in window["problems"]] == [
        "unknown queue",
        "this address asks for judge blindly, which isn't here; one of first, assisted",
        "this address asks for a text that this mistake doesn't have",
    ]
    assert window["queue"]["name"] == "everything"
    assert window["cards"][0]["mistake"] == card["mistake"]
    missing = ann.window(mistake="feed\n<b>")
    assert missing["missing"]["code"] == "unknown"
    assert "\n" not in missing["missing"]["line"]
    assert missing["cards"]
    ann.decide(on_question(card, "reject", reason="gold_wrong"))
    assert ann.window(mistake=card["mistake"])["missing"]["code"] == "excluded"


def test_another_draw_begins_somewhere_else_and_holds_the_same(server: Server, ann: Client) -> None:
    one, two = (ann.window(queue="audit", draw=draw, number=12) for draw in (1, 2))
    assert sorted(mistakes(one)) == sorted(mistakes(two))
    assert mistakes(one) != mistakes(two)
    assert [card["number"] for card in two["cards"]] == list(range(1, 13))


def test_an_empty_queue_says_what_the_exam_lacks(server: Server, ann: Client) -> None:
    assert ann.window(queue="conflicts")["lacking"] is None
    with writing(server.engine) as session:
        session.execute(sa.delete(t.Review))
        session.execute(
            sa.insert(t.DirtyQuestion).from_select(["question_id", "voted"], sa.select(t.Question.id, sa.true()))
        )
    assert ann.window(queue="disagree")["lacking"] == "No rationale of this exam has a valid vote yet."


def test_new_guidelines_come_with_the_next_window(server: Server, ann: Client) -> None:
    assert ann.window()["guidelines"] is None
    with writing(server.engine) as session:
        guidelines.save(session, "# Accept\nif right", by=owner("eve"), base_uid=None)
    found = ann.window()["guidelines"]
    assert (found["text"], found["person"]) == ("# Accept\nif right", "eve")
    assert ann.window(guidelines=found["uid"])["guidelines"] is None
    card = ann.window()["cards"][0]
    assert ann.decide(decision(card, "accept"))["guidelines"] == found["uid"]
    assert ann.window(render="guidelines", theme="dark")["rendered"]["document"] == "<html data-theme=dark>17</html>"


def test_a_text_is_rendered_on_demand(server: Server, ann: Client) -> None:
    card = ann.window()["cards"][0]
    window = ann.window(render=card["enter"])
    assert window["rendered"] == {
        "uid": card["enter"],
        "document": f"<html data-theme=light>{len(entered(card)['text']['text'])}</html>",
    }
    assert window["cards"] == []


WANTED = [
    RowFilter(),
    RowFilter(RowKind.FEEDBACK),
    RowFilter(RowKind.MISTAKES, verdict="accepted"),
    RowFilter(verdict="accepted", checks={"matches_gold": "fails"}),
    RowFilter(committee="rejected", spread=2, means=(200, 400)),
    RowFilter(words="pens", author_id=1),
]


ORDERS = (Order.QUESTION, Order.DOUBT, Order.LOWEST, Order.HIGHEST)
# Each order of all rows, and each filter in one of the orders: that they cross is test_browse's, in tests/store.
SELECTIONS = [*((WANTED[0], order) for order in ORDERS), *zip(WANTED[1:], cycle(ORDERS))]


@pytest.mark.parametrize(("wanted", "order"), SELECTIONS, ids=str)
def test_a_selection_of_browse_comes_as_browse_shows_it(
    server: Server, ann: Client, wanted: RowFilter, order: Order
) -> None:
    ann.window()
    with db.reading(server.engine) as session:
        rows = browse.list_rows(session, EXAM, wanted, 300, order=order, number=1000)
        voices = queries.voices(session, EXAM)
        texts = dict(session.exec(select(t.Explanation.id, t.Explanation.uid)).all())
        attempts = dict(session.exec(select(t.Attempt.id, t.Attempt.uid)).all())
    expected = [(attempts[row.attempt_id], texts[row.explanation_id]) for row in rows]
    filter_ = filters.write(wanted, order, voices)
    assert filters.read(filter_, voices) == filters.Selection(wanted, order)
    shown: list[tuple[str, str]] = []
    more: dict[str, str] = {}
    for _ in range(len(expected) + 1):
        window = ann.window(queue="browse", filter=filter_, number=5, **more)
        shown += [(card["mistake"], card["enter"]) for card in window["cards"]]
        assert window["queue"]["all"] == len(expected)
        if window["end"]:
            break
        more = {"after": shown[-1][0], "after_text": shown[-1][1]}
    assert shown == expected
    numbers = [card["number"] for card in window["cards"]]
    assert numbers == list(range(len(expected) - len(numbers) + 1, len(expected) + 1))
    if len(expected) > 3:
        mistake, text = expected[2]
        link = ann.window(queue="browse", filter=filter_, mistake=mistake, text=text, number=3)
        assert [(card["mistake"], card["enter"]) for card in link["cards"]] == expected[2:5]
        back = ann.window(queue="browse", filter=filter_, before=mistake, after_text=text, number=5)
        assert [(card["mistake"], card["enter"]) for card in back["cards"]] == expected[:2][::-1]


def test_a_filter_that_can_not_be_is_said(server: Server, ann: Client) -> None:
    for filter_ in ("verdict=nonsense", "author=nobody", "mean_from=5.5", "colour=red", "words=" + "x" * 400):
        window = ann.window(queue="browse", filter=filter_)
        assert len(window["problems"]) == 1
        assert "\n" not in window["problems"][0]


def test_counts_say_the_same_everywhere(server: Server, ann: Client) -> None:
    card = ann.window(queue="everything")["cards"][0]
    ann.decide(*(decision(card, "accept", text) for text in card["texts"]))
    skipped = ann.window(queue="everything")["cards"][0]
    answers = ann.decide(*(decision(skipped, "skip", text) for text in skipped["texts"]))
    of_window = ann.window()["queue"]
    of_counts = next(queue for queue in ann.get("counts")["queues"] if queue["name"] == "everything")
    keys = ("waiting", "decided", "skipped", "all")
    expected = (10, 1, 1, 12)
    for found in (answers["queue"], of_window, of_counts):
        assert tuple(found[key] for key in keys) == expected


def test_reasons_of_the_projects_own_come_behind_the_usual_ones(server: Server, ann: Client) -> None:
    with writing(server.engine) as session:
        for words in ("wrong units", "too long", "not in English"):
            reasons.add(session, words, by=owner("eve"))
    window = ann.window()
    offered = window["reasons"]["rationale"]
    assert [(reason["key"], reason["words"]) for reason in offered[6:]] == [
        ("7", "other"),
        ("8", "wrong units"),
        ("9", "too long"),
        ("", "not in english"),
    ]
    answers = ann.decide(decision(window["cards"][0], "reject", reason="wrong_units"))
    assert answers["answers"][0]["status"] == "saved"
