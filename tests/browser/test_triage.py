"""Triage in a real browser, on the real routes: keys, undo, blinding, two people, a server that is killed."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, expect
from sqlmodel import Session, col, select

from mapd.curation import live_set
from mapd.domain import Act
from mapd.people import owner
from mapd.review import assignment, guidelines, judging, reasons
from mapd.review.judging import Target
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import tables as t
from tests.browser import presses
from tests.browser.conftest import NAMED, App
from tests.browser.presses import focus, meant, mistake, press, settle, told
from tests.conftest import writing

Judged = Callable[[], list[t.Judgement]]


@pytest.fixture
def engine(app: App) -> Iterator[Any]:
    """The shared project."""
    engine = db.open_store(Settings())
    yield engine
    engine.dispose()


@pytest.fixture
def judged(engine: Any) -> Judged:
    """Read every judgement since the test began, oldest first."""

    def read(after: int = 0) -> list[t.Judgement]:
        with db.reading(engine) as session:
            return list(
                session.exec(select(t.Judgement).where(col(t.Judgement.id) > after).order_by(col(t.Judgement.id)))
            )

    before = max((queries.identity(row) for row in read()), default=0)
    return lambda: read(before)


def open_triage(page: Page, app: App, query: str = "") -> None:
    presses.open_triage(page, f"{app.url}/triage", query)


def exam_of(session: Session) -> int:
    return max(session.exec(select(t.Exam.id)).all())  # type: ignore[type-var, return-value]


def written(engine: Any, rows: list[t.Judgement]) -> list[presses.Act]:
    """What was saved, an act each, in the order in which it was made, as `meant` has it."""
    with db.reading(engine) as session:
        uids = dict(session.exec(select(t.Explanation.id, t.Explanation.uid)).all())
    acts: dict[str, presses.Act] = {}
    for row in rows:
        act, _, number = row.token.partition("/")
        name = "undo" if row.undoes_id else "rest" if number or act in acts else row.decision
        texts = () if row.undoes_id else (uids[row.explanation_id],)
        acts[act] = name, acts.get(act, ("", ()))[1] + texts
    return list(acts.values())


def alike(acts: list[presses.Act]) -> list[presses.Act]:
    """Enter on one text is an acceptance like another."""
    return [("accept", texts) if act == "rest" and len(texts) == 1 else (act, texts) for act, texts in acts]


def test_two_are_accepted_one_is_rejected_with_a_reason_and_undone(page: Page, app: App, judged: Judged) -> None:
    open_triage(page, app)
    press(page, "a", "a")
    third = focus(page)
    press(page, "r", "2")
    assert "rejected · false step" in told(page)
    settle(page)
    assert [(j.decision, j.reason) for j in judged()] == [("accept", None), ("accept", None), ("reject", "false_step")]
    press(page, "u")
    assert focus(page) == third, "undo goes back to what it undid"
    settle(page)
    assert judged()[-1].undoes_id == judged()[2].id
    press(page, "y")
    assert "redone" in told(page)
    settle(page)
    assert judged()[-1].undoes_id == judged()[3].id


MIXED = ["a", "s", "r", "2", "a", "Enter", "r", "1", "u", "a"]


@pytest.mark.slow
@pytest.mark.parametrize("mistakes", [35])
def test_eighty_decisions_pressed_fast_are_eighty_decisions(
    page: Page, app: App, engine: Any, judged: Judged, mistakes: int
) -> None:
    open_triage(page, app)
    press(page, *MIXED * 10, gap=60)
    settle(page)
    acts = meant(page)
    assert len(acts) == 80
    assert alike(written(engine, judged())) == alike(acts)


@pytest.mark.slow
@pytest.mark.parametrize("mistakes", [35])
def test_a_lost_network_a_second_tab_and_a_closed_one_lose_and_double_nothing(
    page: Page, app: App, engine: Any, judged: Judged, mistakes: int
) -> None:
    open_triage(page, app)
    press(page, *MIXED * 2, gap=60)
    page.context.set_offline(True)
    press(page, *MIXED * 2, gap=60)
    page.context.set_offline(False)
    press(page, *MIXED * 2, gap=60)
    with page.expect_popup() as popup:  # as "duplicate": with a copy of this tab's session storage
        page.evaluate("open(location.href)")
    other = popup.value
    expect(other.locator(".mapd-textline[aria-current]")).to_be_visible()
    press(other, *MIXED * 2, gap=60)
    acts = meant(page) + meant(other)
    again = page.context.new_page()
    for tab in (page, other):
        tab.close()  # at once: what isn't sent yet waits in the browser
    open_triage(again, app)
    press(again, *MIXED * 2, gap=60)
    settle(again)
    acts += meant(again)
    assert len(acts) == 80
    assert alike(written(engine, judged())) == alike(acts)


@pytest.mark.slow
@pytest.mark.timeout(900)  # two starts of the app on a busy machine
@pytest.mark.parametrize("mistakes", [20])
def test_a_server_that_is_killed_twice_loses_and_doubles_nothing(
    page: Page, app: App, engine: Any, judged: Judged, mistakes: int
) -> None:
    open_triage(page, app)
    for _ in range(2):
        press(page, *MIXED, *MIXED, gap=60)
        app.stop(kill=True)
        press(page, "a", "s", "r", "2", "a", gap=60)
        app.start()
        expect(page.locator(".mapd-textline[aria-current]")).to_be_visible()
    settle(page)
    acts = meant(page)
    assert len(acts) == 40
    assert alike(written(engine, judged())) == alike(acts)


def test_a_class_is_decided_by_two_keys_and_undone_by_one(page: Page, app: App, judged: Judged) -> None:
    open_triage(page, app, "?queue=no-work")
    press(page, "w")
    expect(page.locator(".mapd-panel")).to_contain_text("of this class are waiting")
    number = int(page.locator(".mapd-panel b").inner_text().split()[0])
    press(page, "1")
    settle(page)
    assert [(j.decision, j.reason) for j in judged()] == [("reject", "no_work")] * number
    press(page, "u")
    settle(page)
    assert len(judged()) == 2 * number


def test_two_people_on_one_text(page: Page, app: App, browser: Browser, judged: Judged) -> None:
    open_triage(page, app)
    context = browser.new_context()
    context.add_cookies([{"name": "mapd_person", "value": "bob", "url": app.url}])
    other = context.new_page()
    open_triage(other, app, f"?mistake={mistake(page)}")
    expect(other.locator(".mapd-notice")).to_contain_text("me has this open since")
    assert focus(other) == focus(page)
    press(page, "r", "2")
    settle(page)
    press(other, "a")
    notice = other.locator(".mapd-notice", has_text="me decided on it meanwhile")  # bob had no lease: it is kept
    notice.get_by_role("button", name="look at it").click()
    press(other, "h")
    for words in ("me rejected", "bob accepted"):
        expect(other.locator(".mapd-panel")).to_contain_text(words)
    assert [(j.person, j.decision) for j in judged()] == [("me", "reject"), ("bob", "accept")]
    context.close()


def test_one_changes_in_a_second_tab_what_one_said_in_the_first(page: Page, app: App, judged: Judged) -> None:
    open_triage(page, app)
    other = page.context.new_page()
    open_triage(other, app)
    assert focus(other) == focus(page)
    press(page, "a")
    settle(page)
    expect(other.locator(".mapd-head")).to_contain_text("you: accepted")
    press(other, "r", "2")
    settle(other)
    expect(other.locator(".mapd-notice")).to_have_count(0)
    assert [(j.decision, j.reason) for j in judged()] == [("accept", None), ("reject", "false_step")]


def test_after_a_killed_server_a_link_opens_and_what_was_typed_is_there(page: Page, app: App, judged: Judged) -> None:
    open_triage(page, app)
    press(page, "ArrowRight", "f")
    page.wait_for_timeout(500)
    link, text = page.url, focus(page)
    press(page, "n")
    page.keyboard.type("the second step is not")
    app.stop(kill=True)
    app.start()
    page.goto("about:blank")
    page.goto(link)
    expect(page.locator("h2")).to_contain_text("feedback 1 of 3")
    assert (page.url, focus(page)) == (link, text)
    expect(page.locator('[data-act="note"]')).to_contain_text("not saved")
    press(page, "a")
    settle(page)
    assert [(j.decision, j.note) for j in judged()] == [("accept", "the second step is not")]
    page.reload()
    expect(page.locator('[data-act="note"]')).to_have_text("nnote")


def test_back_in_the_browser_goes_to_the_mistake_before(page: Page, app: App) -> None:
    open_triage(page, app)
    first = mistake(page), focus(page)
    press(page, "ArrowRight")
    assert mistake(page) != first[0]
    page.go_back()
    expect(page).to_have_url(re.compile(first[0]))
    assert focus(page) == first[1]


def test_a_mistake_that_is_none_leaves_and_comes_back(page: Page, app: App, judged: Judged) -> None:
    open_triage(page, app)
    first = mistake(page)
    press(page, "x", "1")
    settle(page)
    assert [(j.target, j.decision) for j in judged()] == [("attempt", "reject")]
    assert mistake(page) != first
    press(page, "ArrowLeft")
    assert mistake(page) != first, "it is none any more"
    press(page, "u")
    settle(page)
    assert mistake(page) == first


def test_notes_go_along_or_alone(page: Page, app: App, judged: Judged) -> None:
    open_triage(page, app)
    press(page, "n")
    page.keyboard.type("a useful rationale")
    press(page, "Control+Enter")
    settle(page)
    assert [(j.decision, j.reason, j.note) for j in judged()] == [("skip", "note", "a useful rationale")]
    press(page, "n")
    page.keyboard.type("well said")
    press(page, "Escape", "a", "Enter")
    settle(page)
    assert [(j.decision, j.note) for j in judged()][1:] == [("accept", "well said"), ("accept", None), ("accept", None)]
    press(page, "u")
    settle(page)
    assert len(judged()) == 6, "one undo took both back"


def test_fields_are_typed_after_tab_and_never_taken_for_a_reason(page: Page, app: App, judged: Judged) -> None:
    open_triage(page, app)
    press(page, "g", "Tab", "1")
    field = page.locator(".mapd-field")
    expect(field).to_be_focused()
    expect(field).to_have_value("1")
    press(page, "Escape")
    expect(page.locator(".mapd-panel")).to_be_hidden()
    assert judged() == [], "Escape saves nothing"
    press(page, "g", "Tab")
    expect(field).to_have_value("1")
    page.keyboard.type("2")
    press(page, "Enter")
    settle(page)
    press(page, "c")
    page.keyboard.type("34")
    press(page, "Enter")
    settle(page)
    assert [(j.target, j.decision, j.value) for j in judged()] == [
        ("question", "correct", "12"),
        ("rationale", "correct", "34"),
    ]


def test_a_repair_stands_in_for_the_text_and_is_taken_back(page: Page, app: App, judged: Judged) -> None:
    open_triage(page, app)
    press(page, "e", "Control+a")
    page.keyboard.type("8 - 5 = 3. So 3.")
    press(page, "Control+Enter")
    settle(page)
    assert sorted(j.decision for j in judged()) == ["accept", "reject"]
    expect(page.locator(".mapd-textline", has_text="✎ me")).to_be_visible()
    press(page, "u")
    settle(page)
    expect(page.locator(".mapd-textline", has_text="✎ me")).to_have_count(0)


def listen(page: Page) -> list[str]:
    """Return what the page receives from the routes from now on."""
    received: list[str] = []
    page.on("response", lambda response: received.append(response.text()) if "/api/" in response.url else None)
    return received


def test_judged_first_nothing_reaches_the_browser_before_the_decision(
    page: Page, app: App, engine: Any, judged: Judged
) -> None:
    with db.writing(engine) as session:
        for table in (t.Attempt, t.Explanation, t.Review):
            session.execute(sa.update(table).values(thought="Hmm, let me count."))
    received = listen(page)
    open_triage(page, app, "?judge=first")
    page.wait_for_timeout(500)
    hidden = ('"gpt"', '"gemini"', '"mistral"', '"committee"', '"checks"', '"reviews"', '"verdict"', "let me count")
    assert not [word for body in received for word in hidden if word in body]
    at = focus(page)
    press(page, "a")
    expect(page.locator(".mapd-right")).to_contain_text("committee")
    thought = page.locator(".mapd-focus > .mapd-thought")
    expect(thought).to_contain_text("thought, 4 words: not graded, not taught")
    expect(thought.locator(".mapd-text")).to_be_hidden()
    assert focus(page) == at, "what is revealed is read first"
    press(page, "r", "2")
    settle(page)
    press(page, "Enter")
    assert focus(page) != at
    press(page, "j")
    expect(page.locator(".mapd-right")).to_contain_text("committee")
    expect(page).not_to_have_url(re.compile("judge=first"))
    assert [(j.decision, j.revealed) for j in judged()] == [("accept", False), ("reject", True)]


def test_what_was_read_uncovered_was_not_judged_first_whatever_the_network_did(
    page: Page, app: App, judged: Judged
) -> None:
    page.route("**/api/lease", lambda route: route.abort())  # the server isn't told what is read
    open_triage(page, app)
    press(page, "j")
    expect(page.locator('[data-act="help"]')).to_be_visible()
    page.unroute("**/api/lease")
    expect(page.locator(".mapd-right")).to_contain_text("Judge first")
    press(page, "a")
    settle(page)
    assert [(j.decision, j.revealed) for j in judged()] == [("accept", True)]


def test_a_look_at_what_is_hidden_ends_judging_first_for_its_texts(page: Page, app: App, judged: Judged) -> None:
    open_triage(page, app, "?judge=first")
    for words in ("committee", "Judge first"):
        press(page, "j")
        expect(page.locator(".mapd-right")).to_contain_text(words)
    press(page, "a")
    settle(page)
    assert [(j.decision, j.revealed) for j in judged()] == [("accept", True)]


def test_two_people_at_once_have_two_mistakes(page: Page, app: App, browser: Browser, judged: Judged) -> None:
    context = browser.new_context()
    context.add_cookies([{"name": "mapd_person", "value": "bob", "url": app.url}])
    other = context.new_page()
    open_triage(page, app)
    page.wait_for_timeout(1000)
    open_triage(other, app)
    assert mistake(page) != mistake(other)
    press(page, "Enter")
    press(other, "Enter")
    page.wait_for_timeout(1000)
    assert mistake(page) != mistake(other)
    settle(page)
    settle(other)
    assert {j.person for j in judged()} == {"me", "bob"}
    assert len({j.explanation_id for j in judged()}) == 6
    context.close()


def test_who_has_no_name_reads_and_is_asked_for_it(page: Page, app: App, judged: Judged) -> None:
    page.context.clear_cookies()
    open_triage(page, app)
    press(page, "a")
    assert "give your name" in told(page)
    page.get_by_label("Your name").fill("ann")
    page.keyboard.press("Enter")
    expect(page.locator('#mapd-triage[data-person="ann"] [data-act="accept"]')).to_be_visible()
    page.wait_for_timeout(500)  # what was read without a name is noted for ann
    press(page, "j")
    expect(page).to_have_url(re.compile("judge=first"))
    press(page, "a")
    settle(page)
    assert [(j.person, j.revealed) for j in judged()] == [("ann", True)]


def disagree(session: Session, uid: str) -> Target:
    """Ann accepts and bob rejects a text."""
    text = session.exec(select(t.Explanation).where(t.Explanation.uid == uid)).one()
    target = Target("rationale", queries.identity(text))
    judging.judge(session, target, Act.ACCEPT, by=owner("ann"))
    judging.judge(session, target, Act.REJECT, by=owner("bob"), reason="false_step", note="87 / 93 is no step of it")
    return target


def test_where_people_disagree_an_adjudicator_has_the_last_word(
    page: Page, app: App, engine: Any, judged: Judged
) -> None:
    open_triage(page, app)
    with db.writing(engine) as session:
        disagree(session, focus(page))
    page.goto(f"{app.url}/triage?queue=conflicts")
    expect(page.locator(".mapd-people")).to_contain_text("87 / 93 is no step of it")
    press(page, "a")
    expect(page.locator(".mapd-empty")).to_be_visible()
    settle(page)
    last = judged()[-1]
    assert (last.person, last.decision, last.role, last.queue) == ("me", "accept", "adjudicator", "conflicts")
    press(page, "u")
    expect(page.locator(".mapd-people")).to_contain_text("people disagree")


def test_a_conflict_overrides_nothing(page: Page, app: App, engine: Any) -> None:
    open_triage(page, app)
    at = focus(page)
    with db.writing(engine) as session:
        disagree(session, at)
    page.reload()
    line = page.locator(f'.mapd-textline[data-text="{at}"]')
    expect(line).to_contain_text("conflict")
    expect(line).to_contain_text("judged")
    expect(line).not_to_contain_text("overridden")


def test_practice_comes_first_and_is_explained_after_it(page: Page, app: App, engine: Any, judged: Judged) -> None:
    open_triage(page, app)
    with db.writing(engine) as session:
        target = disagree(session, focus(page))
        judging.judge(session, target, Act.REJECT, by=owner("eve"), role="adjudicator", note="the sum is never taken")
        assignment.set_judging(session, exam_of(session), by=owner("eve"), practice=1)
    page.goto(f"{app.url}/triage")
    expect(page.locator(".mapd-right")).to_contain_text("Practice")
    assert "the sum is never taken" not in page.content()
    press(page, "a")
    expect(page.locator(".mapd-right")).to_contain_text("the sum is never taken")
    expect(page.locator(".mapd-right")).to_contain_text("You said otherwise.")
    press(page, "Enter")
    expect(page.locator(".mapd-right")).not_to_contain_text("practice")
    assert judged()[-1].queue == "practice"


def test_an_own_text_comes_again_as_if_it_were_new(page: Page, app: App, engine: Any, judged: Judged) -> None:
    with db.writing(engine) as session:
        exam = exam_of(session)
        for x in list(live_set.load_curated(session, exam).rationales)[:12]:
            judging.judge(session, Target("rationale", x.text.id), Act.ACCEPT, by=owner("me"), note="so it seemed")
        assignment.set_judging(session, exam, by=owner("me"), repeat_every=12)
    open_triage(page, app, "?judge=first")
    assert "so it seemed" not in page.content()
    press(page, "r", "2")
    expect(page.locator(".mapd-right")).to_contain_text("committee")
    settle(page)
    last = judged()[-1]
    assert (last.queue, last.revealed, last.decision) == ("repeat", False, "reject")
    press(page, "Enter")
    expect(page.locator(".mapd-right")).to_contain_text("Judge first")


WORDS = """() => [...document.querySelectorAll(".mapd-triage :is(button, h2, .mapd-label, .mapd-note)")]
  .filter(e => e.checkVisibility() && !e.closest(".mapd-progress"))
  .map(e => e.innerText.replace(/[0-9]+/g, "#")).join()"""


def test_a_check_looks_like_any_card(page: Page, app: App, engine: Any, judged: Judged) -> None:
    with db.writing(engine) as session:
        exam = exam_of(session)
        for x in list(live_set.load_curated(session, exam).rationales)[-6:]:
            target, note = Target("rationale", x.text.id), "the sum is never taken"
            judging.judge(session, target, Act.REJECT, by=owner("eve"), role="adjudicator", note=note)
        assignment.set_judging(session, exam, by=owner("eve"), check_every=4)
    after = judged()[-1].id or 0
    received = listen(page)
    open_triage(page, app, "?judge=first")
    cards: list[str] = []
    while not [j for j in judged() if j.queue == "check"]:
        assert not [word for body in received for word in ('"eve"', '"check"', "never taken") if word in body]
        fresh = page.locator(".mapd-textline", has_text="not judged by you yet").count() == 3
        cards += [page.evaluate(WORDS)] if fresh else []
        press(page, "a")
        settle(page)
        press(page, "Enter")
        assert len(cards) < 9, "a check is due after four texts"
    assert len(set(cards)) == 1
    assert [j.queue for j in judged() if j.id > after][-1] == "check"  # type: ignore[operator]


def test_two_judgements_are_wanted_and_the_second_is_made_without_the_first(
    page: Page, app: App, engine: Any, judged: Judged
) -> None:
    open_triage(page, app)
    at = focus(page)
    with writing(engine) as session:
        assignment.set_judging(session, exam_of(session), by=owner("eve"), judgements_wanted=2)
        text = session.exec(select(t.Explanation).where(t.Explanation.uid == at)).one()
        judging.judge(session, Target("rationale", queries.identity(text)), Act.ACCEPT, by=owner("bob"), note="fine")
    received = listen(page)
    page.reload()
    expect(page.locator(f'.mapd-textline[data-text="{at}"]')).to_contain_text("not judged by you yet")
    press(page, "j")
    line = page.locator(f'.mapd-textline[data-text="{at}"]')
    expect(line).to_contain_text("waiting")
    line.click()
    expect(page.locator(".mapd-right")).to_contain_text("nobody yet")
    assert '"bob"' not in "".join(received)
    press(page, "r", "2")
    settle(page)
    line.click()
    expect(page.locator(".mapd-right")).to_contain_text("bob")
    expect(page.locator(".mapd-head")).to_contain_text("conflict")


def test_a_random_audit_is_drawn_again(page: Page, app: App) -> None:
    received = listen(page)
    open_triage(page, app, "?queue=audit")
    expect(page.locator('[data-act="judge"]')).to_have_attribute("aria-pressed", "true")
    press(page, "d")
    expect(page.locator('[data-act="draw"]')).to_contain_text("this is 2")
    expect(page).to_have_url(re.compile("draw=2"))
    first, second = [re.findall('"mistake":"([^"]+)"', body) for body in received if '"cards":[{' in body][:2]
    assert sorted(set(first)) == sorted(set(second))
    assert first != second


def test_a_reason_of_the_projects_own_has_a_digit_like_others(
    page: Page, app: App, engine: Any, judged: Judged
) -> None:
    with db.writing(engine) as session:
        code = reasons.add(session, "Wrong units", by=owner("eve"))
    open_triage(page, app)
    press(page, "r")
    page.locator(".mapd-panel button", has_text="wrong units").click()
    assert "rejected · wrong units" in told(page)
    press(page, "r", "8")
    settle(page)
    assert [(j.decision, j.reason) for j in judged()] == [("reject", code)] * 2
    with db.writing(engine) as session:
        reasons.remove(session, code, by=owner("eve"))


def test_another_name_in_the_same_browser_ends_the_former_ones_page(page: Page, app: App, judged: Judged) -> None:
    open_triage(page, app)
    other = page.context.new_page()
    open_triage(other, app)
    other.locator(".st-key-mapd_header button").last.click(delay=50)
    other.get_by_label("Your name").fill("bob")
    other.keyboard.press("Enter")
    expect(other.locator('#mapd-triage[data-person="bob"] .mapd-textline[aria-current]')).to_be_visible()
    page.bring_to_front()
    press(page, "a")
    expect(page.locator(".mapd-saved")).to_contain_text("another name was given in this browser")
    expect(page.locator(".mapd-work")).not_to_contain_text("pens")
    press(other, "s")
    settle(other)
    assert [j.person for j in judged()] == ["bob"]
    other.close()
    page.context.add_cookies([NAMED])
    page.reload()
    expect(page.locator('#mapd-triage[data-person="me"] .mapd-textline[aria-current]')).to_be_visible()
    settle(page)
    assert [(j.person, j.decision) for j in judged()][1:] == [("me", "accept")]


def test_another_origin_is_refused(page: Page, app: App, judged: Judged) -> None:
    open_triage(page, app)
    headers = {"x-mapd-token": page.locator("#mapd-triage").get_attribute("data-token") or ""}
    for route, method in (("window", "GET"), ("decisions", "POST"), ("lease", "POST")):
        for origin, status in ((app.url, 200 if method == "GET" else 400), ("http://evil.test", 403)):
            url = f"{app.url}/api/{route}"
            reply = page.request.fetch(url, method=method, headers=headers | {"Origin": origin}, data="[]")
            assert reply.status == status, (route, origin, reply.text())


def test_history_tells_who_said_what(page: Page, app: App, judged: Judged) -> None:
    open_triage(page, app)
    at = focus(page)
    press(page, "r", "2")
    press(page, "u")
    assert focus(page) == at
    settle(page)
    press(page, "h")
    expect(page.locator(".mapd-history s")).to_have_text("rejected · false step")
    expect(page.locator(".mapd-history")).to_contain_text("undone: rejected · false step")
    press(page, "Escape", "l")
    expect(page.locator(".mapd-panel")).to_contain_text("You have decided nothing yet.")


def test_a_marked_step_is_told_where_decisions_are_listed(page: Page, app: App) -> None:
    open_triage(page, app)
    at = focus(page)
    press(page, "r", "ArrowRight", "2")
    assert "rejected · false step · step marked" in told(page)
    settle(page)
    panel = page.locator(".mapd-panel")
    for _ in range(2):
        press(page, "l")
        expect(panel).to_contain_text("rejected · false step · step marked")
        press(page, "1", "h")
        assert focus(page) == at
        expect(panel).to_contain_text("rejected · false step · step marked")
        page.reload()
        expect(page.locator(".mapd-textline[aria-current]")).to_be_visible()
        expect(page.locator('[data-act="undo"]')).to_have_attribute("title", re.compile("step marked"))


def test_guidelines_stand_beside_and_a_new_version_is_announced(
    page: Page, app: App, engine: Any, judged: Judged
) -> None:
    def write(words: str) -> None:
        with db.writing(engine) as session:
            latest = guidelines.current(session)
            guidelines.save(session, words, by=owner("eve"), base_uid=latest.uid if latest else None)

    write("Each step follows.")
    open_triage(page, app)
    press(page, "i")
    frame = page.frame_locator(".mapd-beside iframe")
    expect(frame.locator("body")).to_contain_text("Each step follows.")
    write("Each step follows from the one before.")
    press(page, "a")
    expect(page.locator(".mapd-notice")).to_contain_text("eve changed the guidelines")


def test_what_browse_shows_is_opened_as_a_queue_in_its_order(page: Page, app: App, judged: Judged) -> None:
    page.goto(f"{app.url}/browse?verdict=accepted&gold=fails&order=lowest+mean")
    rows = page.locator("details.mapd-row")
    expect(rows.first).to_be_visible()
    number = rows.count()
    page.get_by_role("link", name="Triage these").click()
    expect(page.locator(".mapd-textline[aria-current]")).to_be_visible()
    expect(page.locator(".mapd-progress")).to_contain_text(f"1 of {number}")
    seen = []
    for _ in range(number):
        seen.append(focus(page))
        press(page, "a")
    settle(page)
    assert len(set(seen)) == number
    expect(page.locator(".mapd-empty")).to_be_visible()
    assert [j.queue for j in judged()] == ["browse"] * number


def test_what_an_address_asks_in_vain_is_said(page: Page, app: App) -> None:
    for query, line in (
        ("queue=nonsense", "unknown queue: nonsense"),
        ("mistake=feed", "a mistake that this exam doesn"),
    ):
        open_triage(page, app, f"?{query}")
        expect(page.locator(".mapd-notice")).to_contain_text(line)


def test_judging_first_holds_in_the_next_queue(page: Page, app: App) -> None:
    open_triage(page, app)
    press(page, "j")
    expect(page.locator('[data-act="judge"]')).to_have_attribute("aria-pressed", "true")
    page.locator(".mapd-queue").select_option("smart")
    expect(page).to_have_url(re.compile("queue=smart&.*judge=first"))
    expect(page.locator('[data-act="judge"]')).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".mapd-queue option:checked")).to_contain_text("most likely decided wrongly")
    assert page.evaluate("document.activeElement === document.body"), "and its keys go on"


# What of the bar overlaps, and what of a text's line is cut.
CROWDED = """() => {
  const boxes = [...document.querySelectorAll(".mapd-top > *, .mapd-foot > *")].filter(e => e.checkVisibility());
  const meet = (a, b) => a.right > b.left + 1 && b.right > a.left + 1 && a.bottom > b.top + 1 && b.bottom > a.top + 1;
  const pairs = boxes.flatMap((a, i) => boxes.slice(i + 1).map(b => [a, b]));
  const over = pairs.filter(([a, b]) => meet(a.getBoundingClientRect(), b.getBoundingClientRect()));
  const card = document.querySelector(".mapd-texts").getBoundingClientRect();
  const cut = [...document.querySelectorAll(".mapd-textline *:not(.mapd-name)")]
    .filter(e => (e.clientWidth && e.scrollWidth > e.clientWidth + 1) || e.getBoundingClientRect().right > card.right);
  return [...over.map(pair => pair.map(e => e.innerText).join(" / ")), ...cut.map(e => e.outerHTML)];
}"""


@pytest.mark.parametrize("size", [(1440, 900), (1024, 768), (390, 844), (720, 450)], ids=str)
def test_nothing_overlaps_or_is_cut_and_the_bar_stays(page: Page, app: App, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    open_triage(page, app)
    press(page, "a", "r", "2", "ArrowLeft")
    assert page.evaluate(CROWDED) == []
    for name in ("accept", "reject", "skip"):
        expect(page.locator(f'[data-act="{name}"]')).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.querySelector('.stMain').scrollWidth <= innerWidth")
