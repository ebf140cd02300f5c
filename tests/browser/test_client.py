"""Triage's client against a scripted server: what the real one can't be told to do, and what depends on the moment."""

import random
import re
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser import presses
from tests.browser.presses import Act, focus, meant, press, settle, told
from tests.browser.scripted import NOW, Server


def open_triage(page: Page, server: Server, query: str = "") -> None:
    presses.open_triage(page, server.url, query)


def made(decisions: list[dict[str, Any]]) -> list[Act]:
    """What arrived, as `meant` has it."""
    return [
        (
            d["act"],
            tuple(t["uid"] for t in d["texts"]) if d["act"] == "rest" else () if d["act"] == "undo" else (d["target"],),
        )
        for d in decisions
    ]


MIXED = ["a", "s", "r", "2", "a", "Enter", "r", "1", "u", "a"]  # 8 decisions


MOVES = ["f", "1", "2", "3", "4", "5", "ArrowRight", "ArrowLeft", "?", "Escape", "i"]


def test_each_of_many_fast_presses_decides_the_text_on_the_screen_whatever_fails(page: Page, serve) -> None:
    draw, server = random.Random(1), serve(59, beat=0.1)
    open_triage(page, server)
    press(page, *"aaas")
    for _ in range(120):
        decisions = [["a"], ["a"], ["s"], ["r", str(draw.randrange(8))], ["Enter"], ["u"]]
        press(page, *draw.choice([*decisions, [draw.choice(MOVES)]]))
        page.wait_for_timeout(draw.choice([0, 5, 60]))
        if draw.random() < 0.04:
            server.fault = draw.choice([None, 503, "cut"])
    server.fault = None
    settle(page)
    assert len(server.decisions) > 60
    assert made(server.decisions) == meant(page)
    assert len({d["token"] for d in server.decisions}) == len(server.decisions)


@pytest.mark.parametrize("fault", ["offline", 503, "cut"])
def test_no_network_and_no_answer_double_and_lose_nothing(page: Page, serve, fault) -> None:
    server = serve(60)
    open_triage(page, server)
    press(page, *MIXED, gap=60)
    settle(page)
    server.fault = fault
    page.context.set_offline(fault == "offline")
    press(page, *MIXED * 2, gap=60)
    expect(page.locator(".mapd-saved")).to_contain_text("16 not saved yet, trying")
    server.fault = None
    page.context.set_offline(False)
    settle(page)
    assert made(server.decisions) == meant(page)


def test_what_was_decided_in_a_closed_tab_is_sent_by_the_next(page: Page, context: BrowserContext, serve) -> None:
    server = serve()
    open_triage(page, server)
    server.fault = 503
    press(page, "a", "a", "r", "2", gap=60)
    acts = meant(page)
    page.close()
    assert server.decisions == []
    other = context.new_page()
    open_triage(other, server)
    assert focus(other) == "r1-1", "what waits to be sent is decided here, too"
    server.fault = None
    settle(other)
    assert made(server.decisions) == acts


def test_a_tab_that_is_duplicated_sends_each_decision_once(page: Page, serve) -> None:
    server = serve()
    open_triage(page, server)
    server.fault = 503
    press(page, "a", "a")
    with page.expect_popup() as popup:  # it has a copy of this tab's session storage
        page.evaluate("open(location.href)")
    other = popup.value
    expect(other.locator(".mapd-textline[aria-current]")).to_be_visible()
    other.keyboard.press("ArrowRight")
    for _ in range(4):
        page.bring_to_front()
        page.keyboard.press("a")
        other.bring_to_front()
        other.keyboard.press("a")
    server.fault = None
    for tab in (page, other):
        settle(tab)
    acts = meant(page) + meant(other)
    assert sorted(made(server.decisions)) == sorted(acts)


def test_in_another_order_the_next_cards_are_those_at_its_beginning(page: Page, serve) -> None:
    server = serve(60)
    open_triage(page, server)
    page.wait_for_timeout(300)
    server.order = "order: fitted on 30 judgements"
    server.places.clear()
    for _ in range(20):
        if len(server.places) >= 2:
            break
        press(page, "Enter", gap=60)
    (after, _), (anew, held), *others = server.places
    assert (after is not None, anew, held > 0) == (True, None, True), "first behind the last card"
    assert all(place is not None for place, _ in others), "once alone"
    settle(page)
    assert made(server.decisions) == meant(page)


def test_without_a_network_one_judges_what_was_fetched_and_is_told_so(page: Page, serve) -> None:
    server = serve(60)
    page.clock.install()
    open_triage(page, server)
    page.wait_for_timeout(500)
    page.context.set_offline(True)
    press(page, "Enter", "Enter")
    page.clock.run_for(300_000)
    pressed = 2
    while page.locator(".mapd-empty").is_hidden():
        page.keyboard.press("Enter")
        pressed += 1
        assert pressed < 60
    assert pressed >= 12
    expect(page.locator(".mapd-empty")).to_contain_text("You have judged all that was fetched.")
    expect(page.locator(".mapd-empty")).to_contain_text(f"{pressed} decisions of yours will be saved then")
    page.keyboard.press("a")
    assert "loading" in told(page) or "no mistake" in told(page)
    page.context.set_offline(False)
    expect(page.locator(".mapd-textline[aria-current]")).to_be_visible()
    settle(page)
    assert made(server.decisions) == meant(page)
    assert [d["offline"] for d in server.decisions] == [False] * 2 + [True] * (pressed - 2)


def test_a_stale_decision_is_said_and_its_note_is_in_the_field_again(page: Page, serve) -> None:
    server = serve()
    open_triage(page, server)
    server.fault = "stale"
    page.keyboard.press("n")
    page.keyboard.type("13 + 6 is 19")
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    notice = page.locator(".mapd-notice")
    expect(notice).to_contain_text("bob decided on this rationale in the meantime")
    assert told(page) == "not saved: accepted · rationale 1"
    server.fault = None
    notice.get_by_role("button", name="look at it").click()
    assert focus(page) == "r0-1"
    page.keyboard.press("n")
    expect(page.locator(".mapd-field")).to_have_value("13 + 6 is 19")
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    page.keyboard.press("2")
    settle(page)
    assert [(d["act"], d["note"]) for d in server.decisions] == [("reject", "13 + 6 is 19")]
    server.fault = "stale"
    for _ in range(5):
        press(page, "a", "ArrowRight")  # what is stale waits again: another press would decide it again
    expect(page.locator(".mapd-notice")).to_have_count(6)
    for number, times in enumerate((2, 1, 1, 1, 1)):
        expect(page.locator(".mapd-notice", has_text=f"question {number}")).to_have_count(times)


def test_a_dead_token_closes_the_page_and_keeps_the_decisions(page: Page, serve) -> None:
    server = serve()
    open_triage(page, server)
    server.fault = 503
    press(page, "a", "a")
    server.fault = 401
    expect(page.locator(".mapd-saved")).to_contain_text("2 not saved: the script answers 401")
    expect(page.locator(".mapd-work")).not_to_contain_text("pens")
    server.fault = None
    page.get_by_role("button", name="reload").click()
    settle(page)
    assert len(server.decisions) == 2


def test_undo_and_redo_come_at_once_and_lead_back(page: Page, serve) -> None:
    server = serve()
    open_triage(page, server)
    server.fault = 503  # nothing is sent
    press(page, "a", "Enter", gap=20)
    assert focus(page) == "r1-1"
    page.keyboard.press("u")
    assert focus(page) == "r0-3"
    expect(page.locator(".mapd-waits")).to_have_count(2)
    page.keyboard.press("u")
    assert focus(page) == "r0-1"
    expect(page.locator(".mapd-waits")).to_have_count(3)
    page.keyboard.press("y")
    expect(page.locator(".mapd-waits")).to_have_count(2)
    assert "redone: accepted · rationale 1" in told(page)
    server.fault = None
    settle(page)
    assert [d["act"] for d in server.decisions] == ["accept", "rest", "undo", "undo", "undo"]
    assert server.decisions[4]["undoes"] == server.decisions[3]["token"]
    expect(page.locator(".mapd-waits")).to_have_count(2)


def test_what_is_typed_survives_a_reload_and_is_another_persons_secret(page: Page, serve) -> None:
    server = serve()
    open_triage(page, server)
    page.keyboard.press("n")
    page.keyboard.type("the second step is not")
    page.reload()
    expect(page.locator('[data-act="note"]')).to_contain_text("not saved")
    server.person = "bea"
    page.reload()
    expect(page.locator('[data-act="note"]')).to_be_visible()
    expect(page.locator('[data-act="note"]')).not_to_contain_text("not saved")
    server.person = "ann"
    page.reload()
    expect(page.locator('[data-act="note"]')).to_contain_text("not saved")
    page.keyboard.press("a")
    settle(page)
    assert [d["note"] for d in server.decisions] == ["the second step is not"]


def test_the_address_follows_and_back_and_a_reload_lead_to_it(page: Page, serve) -> None:
    server = serve()
    open_triage(page, server)
    expect(page).to_have_url(re.compile("mistake=m0&text=r0-1"))
    page.wait_for_timeout(400)
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile("mistake=m1"))
    page.go_back()
    expect(page).to_have_url(re.compile("mistake=m0"))
    expect(page.locator(".mapd-question")).to_contain_text("question 0")
    page.goto(f"{server.url}?queue=smart&mistake=m7&text=f7-2")
    expect(page.locator("h2")).to_have_text("feedback 2 of 3")
    page.reload()
    expect(page.locator("h2")).to_have_text("feedback 2 of 3")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".mapd-question")).to_contain_text("question 6")


def test_what_a_key_cannot_do_is_said(page: Page, serve) -> None:
    server = serve()
    open_triage(page, server)
    for key, line in (
        ("9", "there is no 9"),
        ("y", "nothing to redo"),
        ("u", "nothing to undo"),
        ("d", "random audit"),
        ("m", "no maths"),
    ):
        page.keyboard.press(key)
        assert line in told(page), key
    page.keyboard.press("r")
    page.keyboard.press("a")
    assert "means nothing while this is open" in told(page)
    page.keyboard.press("Escape")
    assert server.decisions == []


def test_what_the_feedback_in_focus_criticises_is_marked_in_both_texts(page: Page, serve) -> None:
    open_triage(page, serve(3))
    expect(page.locator(".mapd-criticised")).to_have_count(0)
    press(page, "f")
    expect(page.locator(".mapd-focus .mapd-criticised")).to_have_text("Step 1: we add 1 and 1, which is 2")
    expect(page.locator(".mapd-response .mapd-criticised")).to_have_text("13 - 6 = 7")
    expect(page.locator(".mapd-legend")).to_have_text("criticises a step of the answer")
    press(page, "f")
    expect(page.locator(".mapd-criticised")).to_have_count(0)


def test_feedback_is_left_for_the_text_that_one_came_from(page: Page, serve) -> None:
    server = serve()
    open_triage(page, server)
    page.keyboard.press("2")
    page.keyboard.press("f")
    assert focus(page) == "f0-1"
    page.keyboard.press("f")
    assert focus(page) == "r0-2"
    page.keyboard.press("f")
    expect(page.locator(".mapd-textline:has(.mapd-waits)")).to_have_count(3)  # what Enter would accept: no rationale
    press(page, "a", "a", "a", gap=20)
    assert focus(page) == "r0-2", "what the queue is about waits here"


def test_a_false_step_is_marked_with_a_rejection(page: Page, serve) -> None:
    server = serve()
    open_triage(page, server, "?mistake=m1")
    page.keyboard.press("r")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".mapd-chosen")).to_have_text(["We add the pens: ", "13 + 6 = 20", "."])
    page.keyboard.press("2")
    settle(page)
    page.locator(".mapd-thought summary").click()
    page.locator(".mapd-thought > .mapd-text").select_text()  # is no step of the text
    press(page, "r", "1")
    page.keyboard.press("3")
    page.locator(".mapd-focus > .mapd-text").select_text()
    press(page, "r", "2")
    settle(page)
    whole = server.card(1)["texts"][2]["text"]["text"]
    marks = [[{"start": 0, "end": 29}], [], [{"start": 0, "end": len(whole)}]]
    assert [d["marks"] for d in server.decisions] == marks


def test_a_thought_is_folded_and_marked(page: Page, serve) -> None:
    open_triage(page, serve())
    thought = page.locator(".mapd-focus .mapd-thought")
    expect(thought).to_have_text(re.compile("^thought, 6 words: not graded, not taught"))
    expect(thought.locator(".mapd-text")).to_be_hidden()
    press(page, "3")
    expect(thought).to_have_count(0)


def test_a_long_text_is_read_by_keyboard_wherever_the_focus_is(page: Page, serve) -> None:
    server = serve()
    open_triage(page, server)
    scrolled = "document.querySelector('.mapd-focus').scrollTop"
    for node in (
        "document.body",
        "document.querySelector('.mapd-textline')",
        "document.querySelector('[data-act=skip]')",
    ):
        page.evaluate(f"{node}.focus?.()")
        page.keyboard.press("End")
        assert page.evaluate(scrolled) > 100, node
        page.keyboard.press("Home")
        assert page.evaluate(scrolled) == 0, node
        page.keyboard.press("PageDown")
        page.keyboard.press("ArrowDown")
        assert page.evaluate(scrolled) > 100, node
        page.keyboard.press("Home")
    page.locator(".mapd-response").click()
    page.keyboard.press("Space")
    assert page.evaluate(scrolled) > 100


def test_an_attempt_is_decided_where_the_queue_is_about_it(page: Page, serve) -> None:
    server = serve(about="attempt")
    open_triage(page, server)
    press(page, "a", "r", "s", "2", "a", gap=30)
    settle(page)
    assert [(d["act"], d["kind"], d["target"]) for d in server.decisions] == [
        ("accept", "attempt", "m0"),
        ("reject", "attempt", "m1"),
        ("skip", "attempt", "m2"),
        ("accept", "attempt", "m3"),
    ]


def test_a_mistake_that_others_took_meanwhile_is_passed_by(page: Page, serve) -> None:
    server = serve()
    open_triage(page, server)
    server.others = {"m2": "bea"}
    press(page, "Enter", gap=400)
    press(page, "Enter", gap=400)
    assert focus(page) == "r3-1"
    assert all(len(wish["next"]) <= 2 for wish in server.leases)


def test_guidelines_and_a_rendered_text_stand_in_frames(page: Page, serve) -> None:
    server = serve()
    open_triage(page, server)
    page.keyboard.press("i")
    frame = page.frame_locator(".mapd-beside iframe")
    expect(frame.locator("h1")).to_have_text("Accept a rationale if")
    frame.locator("h1").click()
    page.keyboard.press("2")
    assert focus(page) == "r0-2", "keys in the frame are the page's"
    page.keyboard.press("m")
    expect(page.frame_locator(".mapd-right iframe").locator("p")).to_be_visible()
    page.keyboard.press("m")
    expect(page.locator(".mapd-right iframe")).to_have_count(0)


@pytest.mark.parametrize("early", [False, True])
def test_a_class_of_thousands_shows_its_progress_and_its_undo_leads_back(page: Page, serve, early: bool) -> None:
    server = serve(texts=12_000, beat=0.2)
    open_triage(page, server, "?mistake=m5")
    press(page, "2", "w")
    expect(page.locator(".mapd-panel")).to_contain_text("12,000 texts of this class are waiting")
    press(page, "1")
    expect(page.locator(".mapd-told")).to_contain_text("5,000 of 12,000")
    if not early:
        settle(page)
        expect(page.locator(".mapd-textline[aria-current]")).to_be_visible()
    press(page, "u")
    settle(page)
    expect(page.locator(".mapd-question")).to_contain_text("question 5")
    assert focus(page) == "r5-2"
    first, second = server.decisions
    assert (first["act"], first["value"], first["reason"], first["version"]) == ("class", "reject", "no_work", "v1")
    assert (second["act"], second["undoes"]) == ("undo", first["token"])
    assert list(server.progress.values()) == [12_000, 12_000]


SMALL = """() => [...document.querySelectorAll("#mapd-triage :is(button, select, summary)")]
  .filter(e => e.checkVisibility()).map(e => [e.innerText, e.getBoundingClientRect()])
  .filter(([, { width, height }]) => width < 44 || height < 44).map(([words]) => words)"""


def test_a_thumb_finds_each_button_and_the_bar_never_leaves(page: Page, serve) -> None:
    server = serve()
    page.set_viewport_size({"width": 390, "height": 844})
    open_triage(page, server)
    assert page.evaluate(SMALL) == []
    for name in ("accept", "reject", "skip", "undo"):
        expect(page.locator(".mapd-foot").get_by_role("button", name=name, exact=True)).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.documentElement.scrollWidth <= 390")
    page.locator('[data-act="reject"]').click()
    page.locator("[data-choice='2']").click()
    settle(page)
    assert [(d["act"], d["reason"]) for d in server.decisions] == [("reject", "false_step")]


def swipe(page: Page, x: int, y: int = 0, fingers: int = 1) -> None:
    """Fingers from the text in focus, so far to the right and down."""
    box = page.locator(".mapd-focus").bounding_box()
    assert box
    starts = [(box["x"] + box["width"] / 2, box["y"] + 20), (box["x"] + 20, box["y"] + 20)][:fingers]
    touch = page.context.new_cdp_session(page)
    for kind, part in (("Start", 0), ("Move", 0.5), ("Move", 1), ("Move", 1)):
        points = [{"id": n, "x": left + part * x, "y": top + part * y} for n, (left, top) in enumerate(starts)]
        touch.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
        page.wait_for_timeout(60)  # else it is a fling, and the tap after it only stops that
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    touch.detach()


def test_a_swipe_accepts_or_asks_for_a_reason(browser: Browser, serve) -> None:
    server = serve()
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    open_triage(page, server, "?mistake=m1")
    swipe(page, 40)
    swipe(page, 120, 90)  # it scrolls
    swipe(page, 130, fingers=2)  # it zooms
    assert server.decisions == []
    assert focus(page) == "r1-1"
    swipe(page, 130)
    assert focus(page) == "r1-2"
    swipe(page, -130)
    expect(page.locator('.mapd-panel[data-panel="reject"]')).to_be_visible()
    page.locator('[data-choice="2"]').tap()
    page.locator('[data-act="skip"]').tap()
    settle(page)
    acts = [("accept", "r1-1", None), ("reject", "r1-2", "false_step"), ("skip", "r1-3", None)]
    assert [(d["act"], d["target"], d.get("reason")) for d in server.decisions] == acts
    page.locator('[data-act="guidelines"]').tap()
    expect(page.locator(".mapd-beside iframe")).to_be_in_viewport()
    context.close()


def test_what_stands_is_not_said_again_and_the_focus_stays(page: Page, serve) -> None:
    server = serve()
    open_triage(page, server)
    server.fault = "stale"
    press(page, "a")
    notice = page.locator(".mapd-notice").first
    expect(notice).to_be_visible()
    server.fault = None
    notice.evaluate("node => { node.isOld = true }")
    page.locator('[data-act="help"]').focus()
    press(page, "a", "s")
    settle(page)
    assert notice.evaluate("node => node.isOld"), "a screen reader would hear it anew"
    expect(page.locator('[data-act="help"]')).to_be_focused()


@pytest.mark.parametrize("key", ["?", "l"])
def test_what_is_opened_while_the_first_mistake_loads_stays_open(page: Page, serve, key: str) -> None:
    server = serve(beat=1)
    page.goto(server.url)
    expect(page.locator('[data-act="undo"]')).to_be_visible()
    expect(page.locator(".mapd-textline")).to_have_count(0)
    press(page, key)
    panel = page.locator(".mapd-panel")
    expect(panel).to_be_visible()
    expect(page.locator(".mapd-textline[aria-current]")).to_be_visible()
    expect(panel).to_be_visible()
    press(page, key)
    expect(panel).to_be_hidden()


def heap(page: Page) -> str:
    """All that the page's scripts still hold."""
    chunks: list[str] = []
    session = page.context.new_cdp_session(page)
    session.on("HeapProfiler.addHeapSnapshotChunk", lambda part: chunks.append(part["chunk"]))
    session.send("HeapProfiler.takeHeapSnapshot")
    session.detach()
    return "".join(chunks)


def test_who_turns_to_judge_first_has_nothing_that_is_hidden_in_the_browser(page: Page, serve) -> None:
    word = {"about": "rationale", "person": "bob", "decision": "reject", "reason": "unclear", "value": None}
    word |= {"note": "bob is not convinced", "at": NOW, "verb": "", "stands": True, "role": "annotator"}
    word |= {"queue": "smart", "blind": False, "committee": "accepted", "archive": None, "marks": 0}
    server = serve(words=[word])
    open_triage(page, server)
    press(page, "h")
    expect(page.locator(".mapd-panel")).to_contain_text("bob is not convinced")
    press(page, "Escape", "ArrowRight")
    hidden = ("mean 3.50 is above 3", "bob is not convinced")
    assert [hidden[0] in page.content(), *(words in heap(page) for words in hidden)][:2] == [True, True]
    server.judge = "first"
    press(page, "j")
    expect(page.locator(".mapd-right")).to_contain_text("Judge first")
    left = heap(page) + page.content()
    assert [words for words in hidden if words in left] == []


COVERS = """() => [...document.querySelectorAll(".mapd-top button, .mapd-queue, .mapd-foot button")]
  .filter(e => e.checkVisibility()).filter(e => {
    const { left, top, width, height } = e.getBoundingClientRect();
    return !e.contains(document.elementFromPoint(left + width / 2, top + height / 2));
  }).map(e => e.innerText)"""


@pytest.mark.parametrize("size", [(390, 844), (720, 450)], ids=str)
@pytest.mark.parametrize("key", ["r", "?", "e", "n", "h"])
def test_no_panel_covers_the_bars(page: Page, serve, size: tuple[int, int], key: str) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    open_triage(page, serve())
    press(page, key)
    head = page.locator(".mapd-panel-head")
    expect(head).to_be_in_viewport(ratio=1)
    assert page.evaluate(COVERS) == []
    head.get_by_role("button").click()
    expect(page.locator(".mapd-panel")).to_be_hidden()
