"""Times as the browser's own zone has them."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser

from tests.browser import resting
from tests.browser.conftest import App


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/St_Johns"])
def test_a_page_shows_the_readers_time(browser: Browser, app: App, zone: str) -> None:
    context = browser.new_context(timezone_id=zone)
    resting.listen(context)
    page = context.new_page()
    resting.load(page, f"{app.url}/data")
    time = page.locator("table time").first
    at = datetime.fromisoformat(time.get_attribute("datetime") or "")
    assert time.inner_text() == f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"
    context.close()
