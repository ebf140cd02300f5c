"""The playground in a real browser: two students behind servers write side by side, and are stopped."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from mapd import served_students
from mapd.settings import Settings
from mapd.store import db
from tests.browser import resting
from tests.browser.conftest import App
from tests.finetune import tiny
from tests.playground.scripted import ANN, fill
from tests.provider import Provider
from tests.student_server import StudentServer


def test_two_students_write_side_by_side_and_are_stopped(
    page: Page, home: Path, run_app: Callable[[Path], App]
) -> None:
    engine = db.open_store(Settings())
    uids = fill(engine, names=())
    endless = StudentServer(tiny.tokenizer(), text=" ".join(f"step-{number}" for number in range(4000)), pause=0.05)
    good = StudentServer(tiny.tokenizer(), text="Ann has 3 + 4 pens.\nAnswer: 7", pause=0.05)
    with Provider(endless) as slow, Provider(good) as quick:
        with db.writing(engine) as session:
            students = [
                served_students.add(session, name, model="m", base_url=f"{server.url}/v1", by_chat=True, by=ANN).uid
                for name, server in (("endless", slow), ("good", quick))
            ]
        app = run_app(home)
        resting.load(page, f"{app.url}/playground?a={students[0]}&b={students[1]}&question={uids['p-1']}")
        page.get_by_role("button", name="Ask both").click()
        expect(page.get_by_text("step-3 step-4")).to_be_visible()
        expect(page.get_by_text("read as 7: the last line")).to_be_visible()
        expect(page.get_by_text("step-30 ")).to_be_visible()
        with resting.after(page):
            page.locator(".st-key-playground_stop button").click()
        expect(page.locator(".mapd-chip").filter(has_text="stopped")).to_be_visible()
        expect(page.get_by_text("step-3999")).to_have_count(0)
        expect(page.get_by_role("button", name="Ask both")).to_be_enabled()
