"""The room vote before an audience: the keyboard alone, and the answer in sight on every screen."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser import resting
from tests.browser.conftest import App
from tests.browser.test_accessible import SIZES


@pytest.mark.parametrize("size", [(1440, 900), SIZES[-1]], ids=str)  # the widest and the narrowest
def test_two_numbers_and_enter_reveal_what_is_seen_at_once(page: Page, app: App, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    resting.load(page, f"{app.url}/room")
    foot = page.locator(".st-key-mapd_room_hands").bounding_box()
    assert foot is not None
    assert foot["height"] < 60, "one line"
    expect(page.get_by_label("Hands: accept")).to_be_focused()
    page.keyboard.type("23")
    page.keyboard.press("Tab")
    page.keyboard.type("9")
    with resting.after(page):
        page.keyboard.press("Enter")
    answer = page.locator(".mapd-room-answer")
    expect(answer).to_contain_text("23 of 32 hands accept")
    expect(answer).to_be_in_viewport(ratio=1)
    with resting.after(page):
        page.keyboard.press("ArrowRight")  # the answer is read, and the next one waits for its hands
    expect(page.get_by_label("Hands: accept")).to_be_focused()
    with resting.after(page):
        page.keyboard.press("ArrowRight")  # nothing was typed: it is passed by
    expect(page.get_by_text("3 of 36")).to_be_visible()
    for _ in range(2):
        with resting.after(page):
            page.keyboard.press("ArrowLeft")
    expect(answer).to_contain_text("23 of 32 hands accept")
    assert answer.evaluate("e => e.scrollHeight <= e.clientHeight")
