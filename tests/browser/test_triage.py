"""Triage in a real browser: fast keys, undo, two tabs, a restart."""

import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlparse

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlmodel import col, select

from mapd.curation import guidelines, repairing
from mapd.curation.judging import Target
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import tables as t
from tests.browser import resting
from tests.browser.conftest import App


@pytest.fixture
def judged(app: App) -> Iterator[Callable[[], list[t.Judgement]]]:
    """Reads every judgement since the test began, oldest first."""
    engine = db.open_store(Settings())

    def read(after: int = 0) -> list[t.Judgement]:
        with db.reading(engine) as session:
            wanted = select(t.Judgement).where(col(t.Judgement.id) > after).order_by(col(t.Judgement.id))
            return list(session.exec(wanted).all())

    before = max((queries.identity(row) for row in read()), default=0)
    yield lambda: read(before)
    engine.dispose()


READ = 450  # ms: a text is not decided sooner than it can be read


def open_triage(page: Page, app: App, query: str = "") -> None:
    resting.load(page, f"{app.url}/triage{query}", READ)


def press(page: Page, key: str) -> None:
    with resting.after(page, READ):
        page.keyboard.press(key, delay=30)


def focus(page: Page) -> str:
    return page.locator(".st-key-mapd_triage_focus .mapd-head").inner_text()


def test_two_are_accepted_one_is_rejected_with_a_reason_and_undone(page: Page, app: App, judged) -> None:
    open_triage(page, app)
    first = page.url
    press(page, "a")
    assert page.url != first
    press(page, "a")
    third = page.url
    page.keyboard.press("r")
    expect(page.locator('[class*="st-key-hotpanel_r"]')).to_be_visible()
    press(page, "2")
    expect(page.locator(".mapd-saved")).to_contain_text("rejected false step")
    assert [(j.decision, j.reason) for j in judged()] == [
        ("accept", None),
        ("accept", None),
        ("reject", "false_step"),
    ]
    press(page, "u")
    expect(page.locator(".mapd-saved")).to_contain_text("undone")
    assert page.url == third, "undo goes back to what it undid"
    assert judged()[-1].undoes_id == judged()[2].id
    press(page, "y")
    expect(page.locator(".mapd-saved")).to_contain_text("redone")


@pytest.mark.parametrize("mistakes", [8])
def test_twenty_fast_keys_decide_each_shown_text_once(page: Page, app: App, judged, mistakes: int) -> None:
    open_triage(page, app)
    with resting.after(page, READ):
        for _ in range(20):
            page.keyboard.press("a")
            page.wait_for_timeout(60)
    rows = judged()
    assert 0 < len(rows) <= 20
    assert len({j.explanation_id for j in rows}) == len(rows), "no text was decided twice"
    assert all(j.seconds >= 0.35 for j in rows), "no text was decided before it could be read"
    for _ in range(mistakes):  # what is left: had a press skipped a text, it would not come up
        if len(judged()) == 3 * mistakes:
            break
        press(page, "Enter")
    rows = judged()
    assert len(rows) == 3 * mistakes
    assert len({j.explanation_id for j in rows}) == 3 * mistakes
    expect(page.get_by_role("heading", name=f"All {mistakes} are decided.")).to_be_visible()


def test_a_reason_may_follow_at_once(page: Page, app: App, judged) -> None:
    open_triage(page, app)
    page.keyboard.press("r")
    press(page, "4")
    assert [(j.decision, j.reason) for j in judged()] == [("reject", "no_work")]


def test_a_class_is_decided_by_two_keys(page: Page, app: App, judged) -> None:
    open_triage(page, app, "?queue=no-work")
    page.keyboard.press("w")
    panel = page.locator('[class*="st-key-hotpanel_w"]')
    expect(panel).to_contain_text("of this class wait: no person has decided on them yet")
    number = int(panel.inner_text().split()[0])
    press(page, "1")
    assert [(j.decision, j.reason) for j in judged()] == [("reject", "no_work")] * number
    press(page, "u")
    assert len(judged()) == 2 * number
    expect(page.locator(".mapd-progress")).to_contain_text("0 decided")


def test_two_tabs_on_one_text(page: Page, app: App, judged) -> None:
    open_triage(page, app)
    other = page.context.new_page()
    resting.load(other, page.url, READ)
    press(page, "a")
    press(other, "s")
    expect(other.get_by_role("alert")).to_contain_text("in the meantime")
    assert [j.decision for j in judged()] == ["accept"], "what was seen no longer held: nothing was saved"
    press(other, "s")
    assert [j.decision for j in judged()] == ["accept", "skip"], "after the reload it counts"


def test_a_deep_link_opens_after_a_restart(page: Page, app: App) -> None:
    open_triage(page, app)
    press(page, "ArrowRight")
    press(page, "f")
    link, shown = page.url, focus(page)
    assert "feedback" in shown.lower()
    app.stop()
    app.start()
    page.goto("about:blank")
    resting.load(page, link)
    assert focus(page) == shown
    assert page.url == link


def test_back_in_the_browser_goes_to_the_mistake_before(page: Page, app: App) -> None:
    open_triage(page, app)
    shown = focus(page), page.url
    press(page, "ArrowRight")
    assert page.url != shown[1]
    with resting.after(page):
        page.go_back()
    assert (focus(page), page.url) == shown


def test_a_mistake_that_is_none_leaves_and_comes_back(page: Page, app: App, judged) -> None:
    open_triage(page, app)
    first = page.url
    page.keyboard.press("x")
    expect(page.locator('[class*="st-key-hotpanel_x"]')).to_be_visible()
    press(page, "1")
    assert [(j.target, j.decision) for j in judged()] == [("attempt", "reject")]
    expect(page.locator(".mapd-progress")).to_contain_text("/ 11 mistakes")
    press(page, "u")
    expect(page.locator(".mapd-progress")).to_contain_text("/ 12 mistakes")
    assert page.url.split("&text")[0] == first.split("&text")[0]


def type_note(page: Page, words: str) -> None:
    page.keyboard.press("n")
    expect(page.locator('[class*="st-key-hotpanel_n"] textarea')).to_be_focused()
    page.keyboard.type(words)


def test_ctrl_enter_saves_a_note_that_decides_nothing(page: Page, app: App, judged) -> None:
    open_triage(page, app)
    type_note(page, "a useful rationale")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".mapd-saved")).to_contain_text("note")
    assert [(j.decision, j.reason, j.note) for j in judged()] == [("skip", "note", "a useful rationale")]


def test_a_note_is_taken_along_and_enter_accepts_the_rest(page: Page, app: App, judged) -> None:
    open_triage(page, app)
    at = page.url
    type_note(page, "well said")
    with resting.after(page, READ):
        page.keyboard.press("Escape")
    expect(page.get_by_text("note · not saved yet")).to_be_visible()
    press(page, "a")
    assert page.url != at
    press(page, "Enter")
    expect(page.locator(".mapd-progress")).to_contain_text("1 decided")
    assert [(j.decision, j.note) for j in judged()] == [("accept", "well said"), ("accept", None), ("accept", None)]
    press(page, "u")
    expect(page.locator(".mapd-progress")).to_contain_text("0 decided")
    assert len(judged()) == 5, "one undo took both back"


def typed(page: Page, words: str) -> None:
    """A note, typed and left, and nothing awaited of it."""
    type_note(page, words)
    page.wait_for_timeout(500)  # so long a key is meant for the panel
    page.keyboard.press("Escape")
    expect(panel(page, "n")).to_be_hidden()


def test_a_note_is_taken_along_as_soon_as_it_is_typed(page: Page, app: App, judged) -> None:
    open_triage(page, app)
    typed(page, "well said")
    press(page, "a")
    type_note(page, "again")
    with resting.after(page, READ):
        page.locator('[class*="st-key-hot_a_"] button').click(delay=30)
    type_note(page, "and again")
    page.keyboard.press("Control+Shift+Enter")  # means nothing
    page.wait_for_timeout(500)
    page.keyboard.press("Escape")
    expect(panel(page, "n")).to_be_hidden()
    press(page, "s")
    assert [j.note for j in judged()] == ["well said", "again", "and again"]
    expect(page.locator(".mapd-draft")).to_have_count(0)


def test_what_was_saved_just_before_the_server_was_lost_is_not_offered_again(page: Page, app: App, judged) -> None:
    open_triage(page, app)
    at = page.url
    note = 'so </style> "well" --> 100 % said'
    typed(page, note)
    name = page.evaluate("Object.keys(sessionStorage).find(key => key.startsWith('mapd-draft'))")
    kept = f"sessionStorage.getItem({name!r})"
    press(page, "a")
    assert [j.note for j in judged()] == [note]
    assert page.evaluate(kept) is None
    # as if the answer had never come
    page.evaluate("([name, note]) => sessionStorage.setItem(name, note)", [name, note])
    resting.load(page, at, READ)
    page.wait_for_function(f"{kept} === null")
    expect(page.locator(".mapd-draft")).to_have_count(0)


def panel(page: Page, key: str):
    return page.locator(f'[class*="st-key-hotpanel_{key}"]')


SCROLLED = "document.querySelector('[data-testid=stMain]').scrollTop"
UNDER_THE_BAR = """() => {
  const last = [...document.querySelectorAll(".st-key-mapd_triage_focus .mapd-checks")].at(-1);
  return last.getBoundingClientRect().bottom > document.querySelector(".stBottom").getBoundingClientRect().top;
}"""
LEFT = "window.left = []; addEventListener('keydown', event => left.push(event.key))"  # to the browser and streamlit


def test_what_lies_under_the_bar_is_scrolled_to_by_keyboard(page: Page, app: App) -> None:
    page.set_viewport_size({"width": 1024, "height": 600})
    open_triage(page, app)
    assert page.evaluate("document.activeElement === document.body")
    assert page.evaluate(UNDER_THE_BAR)
    for there, back in (("End", "Home"), ("PageDown", "PageUp"), ("Space", "Shift+Space"), ("ArrowDown", "ArrowUp")):
        page.keyboard.press(there)
        assert page.evaluate(SCROLLED) > 0, there
        assert there != "End" or not page.evaluate(UNDER_THE_BAR)
        page.keyboard.press(back)
        assert page.evaluate(SCROLLED) == 0, back
    page.evaluate(LEFT)
    page.locator(".st-key-mapd_triage_bar [role=combobox]").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("listbox")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator(".mapd-response").focus()
    page.keyboard.press("PageDown")
    assert page.evaluate("left").pop() == "PageDown", "what has the focus has its keys"


def test_the_keys_are_listed_by_a_key_and_put_away_by_it(page: Page, app: App, judged) -> None:
    open_triage(page, app)
    page.set_viewport_size({"width": 1024, "height": 768})
    page.keyboard.press("?")
    first, last = (panel(page, "help").locator(f"dt:{which}-of-type") for which in ("first", "last"))
    expect(first).to_be_in_viewport()
    expect(last).not_to_be_in_viewport()
    page.keyboard.press("End")
    expect(last).to_be_in_viewport(ratio=1)
    page.keyboard.press("PageUp")
    expect(first).to_be_in_viewport(ratio=1)
    assert page.evaluate(SCROLLED) == 0, "what stands under the list stays where it is"
    page.keyboard.press("a")
    page.wait_for_timeout(READ)
    assert judged() == [], "what stands under the list is not decided"
    page.keyboard.press("?")
    expect(panel(page, "help")).to_be_hidden()


def test_why_a_text_is_here_is_read_by_keyboard(page: Page, app: App, judged) -> None:
    open_triage(page, app, "?queue=smart")
    why = page.locator(".mapd-why")
    why.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(why).to_contain_text("perhaps wrongly")
    expect(why.locator("span")).to_be_visible()
    assert judged() == []


def test_a_field_alone_in_its_panel_has_the_focus(page: Page, app: App, judged) -> None:
    open_triage(page, app)
    page.keyboard.press("c")
    expect(panel(page, "c").locator("input")).to_be_focused()
    page.keyboard.type("12")
    press(page, "Enter")
    assert [(j.target, j.decision, j.value) for j in judged()] == [("rationale", "correct", "12")]


def test_a_gold_answer_is_typed_after_tab_and_never_taken_for_a_reason(page: Page, app: App, judged) -> None:
    open_triage(page, app)
    page.keyboard.press("g")
    page.keyboard.press("Tab")
    page.keyboard.press("1")  # perhaps before the panel is there
    field = panel(page, "g").locator("input")
    expect(field).to_be_focused()
    page.wait_for_timeout(READ)
    field.fill("")
    page.keyboard.type("12")
    page.keyboard.press("Escape")
    expect(panel(page, "g")).to_be_hidden()
    page.wait_for_timeout(READ)
    assert judged() == [], "Escape saves nothing"
    page.keyboard.press("g")
    expect(panel(page, "g").get_by_placeholder("Tab, then type it")).to_be_visible()
    page.wait_for_timeout(READ)
    page.keyboard.press("Tab")
    expect(field).to_be_focused()
    page.keyboard.type("12")
    press(page, "Enter")
    assert [(j.target, j.decision, j.value) for j in judged()] == [("question", "correct", "12")]


def test_after_escape_enter_does_not_open_the_note_again(page: Page, app: App, judged) -> None:
    open_triage(page, app)
    type_note(page, "hm")
    with resting.after(page, READ):
        page.keyboard.press("Escape")
    expect(page.locator('[class*="st-key-hot_n_"] button')).not_to_be_focused()
    page.keyboard.press("Tab")
    near = "document.activeElement.closest('.st-key-mapd_triage_actions') !== null"
    assert page.evaluate(near), "Tab goes on from there"
    page.evaluate("document.activeElement.blur()")
    press(page, "Enter")
    assert [j.decision for j in judged()] == ["accept"] * 3


# What of the bar overlaps, and what of a text's line is cut.
CROWDED = """() => {
  const all = [...document.querySelectorAll(".st-key-mapd_triage_bar > *, .mapd-progress > *")];
  const boxes = all.filter(e => !e.querySelector(".mapd-progress"));
  const meet = (a, b) => a.right > b.left + 1 && b.right > a.left + 1 && a.bottom > b.top + 1 && b.bottom > a.top + 1;
  const pairs = boxes.flatMap((a, i) => boxes.slice(i + 1).map(b => [a, b]));
  const over = pairs.filter(([a, b]) => meet(a.getBoundingClientRect(), b.getBoundingClientRect()));
  const card = document.querySelector(".st-key-mapd_triage_texts").getBoundingClientRect();
  const parts = [...document.querySelectorAll(".mapd-textline *")];
  const wider = e => e.clientWidth && e.scrollWidth > e.clientWidth + 1;
  const cut = parts.filter(e => wider(e) || e.getBoundingClientRect().right > card.right);
  return [...over.map(pair => pair.map(e => e.innerText).join(" / ")), ...cut.map(e => e.outerHTML)];
}"""
COUNTS = "() => [...document.querySelectorAll('.mapd-textline-counts')].map(e => e.getBoundingClientRect().left)"


def test_at_1024_nothing_overlaps_or_is_cut_with_guidelines_and_sidebar(page: Page, app: App, judged) -> None:
    engine = db.open_store(Settings())
    with db.writing(engine) as session:
        latest = guidelines.current(session)
        guidelines.save(session, "Each step follows.", by=owner("ann"), seen=latest.uid if latest else None)
    engine.dispose()
    open_triage(page, app)
    press(page, "a")
    at = page.url
    page.keyboard.press("r")
    press(page, "2")  # one judged, one overridden
    page.set_viewport_size({"width": 1024, "height": 768})
    resting.load(page, at, READ)
    assert page.evaluate(CROWDED) == []
    assert len(set(page.evaluate(COUNTS))) == 1, "the verdicts stand under each other"
    press(page, "i")
    page.locator('[data-testid="stExpandSidebarButton"]').click()
    expect(page.locator("[data-testid=stSidebar]")).to_be_visible()
    page.wait_for_timeout(READ)
    assert page.evaluate(CROWDED) == []


NAME = "wilhelmina featherstonehaugh-cholmondeley"
OVER = """e => [...e.parentElement.children].filter(other => other !== e).some(other => {
  const a = e.getBoundingClientRect(), b = other.getBoundingClientRect();
  return a.right > b.left && b.right > a.left && a.bottom > b.top && b.bottom > a.top;
})"""


def test_a_long_name_in_a_texts_line_is_cut_and_told_whole(page: Page, app: App) -> None:
    page.set_viewport_size({"width": 1024, "height": 768})
    open_triage(page, app)
    engine = db.open_store(Settings())
    with db.writing(engine) as session:
        text = queries.explanation(session, "rationale", parse_qs(urlparse(page.url).query)["text"][0])
        target = Target("rationale", queries.identity(text))
        repairing.repair(session, target, "8 - 5 = 3. So 3.", by=owner(NAME), token="long name")
    engine.dispose()
    resting.load(page, page.url.split("&text")[0], READ)
    chip = page.locator(f'.mapd-textline > .mapd-chip[title="repair by {NAME}"]')
    expect(chip).to_be_visible()
    assert not chip.evaluate(OVER)
    name = chip.locator(".mapd-name")
    expect(name).to_have_css("text-overflow", "ellipsis")
    assert name.evaluate("e => e.scrollWidth > e.clientWidth")
    assert chip.evaluate("e => e.scrollWidth <= e.clientWidth"), "the name is cut, and not the chip"


def test_the_bar_fills_and_the_lost_connection_hides_no_name(page: Page, app: App) -> None:
    open_triage(page, app)
    press(page, "Enter")
    fill = page.locator(".mapd-progress .mapd-bar i")
    assert fill.bounding_box()["width"] > 5
    expect(fill).not_to_have_css("background-color", "rgba(0, 0, 0, 0)")
    app.stop()
    lost = page.locator(".stConnectionStatus")
    expect(lost).to_be_visible()
    name = page.locator(".st-key-mapd_header [data-testid='stPopover'] button").bounding_box()
    assert name["x"] + name["width"] <= lost.bounding_box()["x"]
    app.start()


def test_nothing_leaves_the_app(page: Page, app: App, requests: list[str]) -> None:
    open_triage(page, app)
    press(page, "f")
    assert [url for url in requests if not url.startswith((app.url, app.url.replace("http", "ws"), "data:"))] == []


def test_judged_first_nothing_is_told_until_it_is_decided(page: Page, app: App, judged) -> None:
    open_triage(page, app, "?judge=first")
    html = page.content().lower()
    told = ("gpt", "gemini", "mistral", ">reviews<", 'mapd-dots"', "shows work", 'title="accepted"', 'title="holds"')
    assert [word for word in told if word in html] == []
    at = page.url
    press(page, "a")
    expect(page.locator(".st-key-mapd_triage_focus")).to_contain_text("committee")
    assert page.url == at, "what is revealed is read first"
    press(page, "Enter")
    assert page.url != at
    press(page, "j")
    expect(page).to_have_url(re.compile("judge=assisted"))
    expect(page.locator(".st-key-mapd_triage_focus")).to_contain_text("committee")
    assert [(j.decision, j.revealed) for j in judged()] == [("accept", False)]


def test_two_people_at_once_have_two_mistakes_and_stay_two_people(
    page: Page, app: App, browser: Browser, judged
) -> None:
    elsewhere = browser.new_context()
    resting.listen(elsewhere)
    pages = {"ann": page, "bob": elsewhere.new_page()}
    page.context.clear_cookies()
    for name, own in pages.items():
        open_triage(own, app)
        expect(own.locator('[class*="st-key-hot_a_"]')).to_have_count(0)  # to read needs no name
        field = own.get_by_label("Your name")
        field.fill(name)
        with resting.after(own):
            field.press("Enter")
        expect(own.locator(".st-key-mapd_header [data-testid='stPopover'] button")).to_contain_text(name)
        own.wait_for_function("document.cookie.includes('mapd_person=')")
    page.locator(".st-key-mapd_header [data-testid='stPopover'] button").click()
    with resting.after(page):
        page.get_by_text("Only what judging needs").click()
    page.wait_for_function("document.cookie.includes('mapd_view=judging')")
    for own in pages.values():
        open_triage(own, app)  # a session of its own: the browser knows whose it is
    links = [own.locator("[data-testid=stSidebar] [data-testid=stPageLink]") for own in pages.values()]
    expect(links[0]).to_have_count(4)  # and what ann wants to see
    expect(links[1]).to_have_count(15)
    at = {name: mistake_in(own) for name, own in pages.items()}
    assert at["ann"] != at["bob"]
    for own in pages.values():
        press(own, "Enter")
        at[own] = mistake_in(own)
    assert len(set(at.values())) == 4, "nobody was given what the other one has or had"
    assert {(j.person, j.decision) for j in judged()} == {("ann", "accept"), ("bob", "accept")}
    assert len({j.explanation_id for j in judged()}) == len(judged()) == 6
    resting.load(pages["bob"], page.url)
    expect(pages["bob"].get_by_text("Open before others too: ann.")).to_be_visible()
    pages["bob"].context.close()


def mistake_in(page: Page) -> str:
    return parse_qs(urlparse(page.url).query)["mistake"][0]


@pytest.mark.parametrize("killed", [False, True], ids=["reloaded", "killed"])
def test_what_was_typed_survives_and_is_seen_not_to_be_saved(page: Page, app: App, killed: bool, judged) -> None:
    open_triage(page, app)
    note = page.locator('[class*="st-key-hot_n_"] button')
    page.keyboard.press("n")
    area = page.locator('[class*="st-key-hotpanel_n_"] textarea')
    expect(area).to_be_focused()
    page.keyboard.type("the second step is not")
    if killed:
        app.stop(kill=True)
        app.start()
    resting.load(page, page.url, READ)
    expect(page.locator(".mapd-draft")).to_have_count(1)
    press(page, "a")  # what would take the note along shows it
    expect(area).to_have_value("the second step is not")
    assert judged() == []
    page.keyboard.press("Escape")
    expect(note).to_contain_text("not saved yet")
    expect(page.locator(".mapd-draft")).to_have_count(0)  # the server knows
    press(page, "a")
    assert [(j.decision, j.note) for j in judged()] == [("accept", "the second step is not")]
    page.go_back()
    resting.load(page, page.url, READ)
    expect(page.locator(".mapd-draft")).to_have_count(0)


SAYS = "getComputedStyle(document.querySelector('.mapd-saved'), '::after').content"


@contextmanager
def stopped(app: App) -> Iterator[None]:
    """The server answers nothing meanwhile."""
    assert app.process is not None
    app.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        app.process.send_signal(signal.SIGCONT)


def test_a_press_without_an_answer_is_seen_to_wait(page: Page, app: App, judged) -> None:
    open_triage(page, app)
    assert page.evaluate(SAYS) == "none"
    with resting.after(page, READ), stopped(app):
        page.keyboard.press("a", delay=30)
        assert "saving" in page.evaluate(SAYS)
        assert not judged()
    assert len(judged()) == 1
    assert page.evaluate(SAYS) == "none"


@pytest.mark.parametrize("keys", [("a", "ArrowRight"), ("a", "u"), ("a", "s"), ("Enter", "ArrowLeft")], ids="-".join)
def test_nothing_is_taken_before_a_press_is_answered(page: Page, app: App, judged, keys: tuple[str, str]) -> None:
    open_triage(page, app)
    press(page, "a")
    first, other = keys
    with resting.after(page, READ), stopped(app):
        page.keyboard.press(first, delay=30)
        page.wait_for_timeout(READ)
        page.keyboard.press(other, delay=30)
        page.locator(".stSidebar a", has_text="Browse").dispatch_event("click")
    rows = judged()
    assert [j.decision for j in rows] == ["accept"] * (2 if first == "a" else 3)
    assert "too soon" in page.evaluate(SAYS)
    press(page, "u")
    assert page.evaluate(SAYS) == "none"
    assert {j.undoes_id for j in judged()[len(rows) :]} == {j.id for j in rows[1:]}, "the last act, and no older one"
