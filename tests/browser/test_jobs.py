"""Work that is started in the browser: watched to its end, cancelled and resumed, through closed tabs and restarts."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlmodel import select

from benchmarks import overlap
from mapd import jobs
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import tables as t
from tests.browser import resting
from tests.browser.conftest import App
from tests.jobs.test_worker import CALLS, collect_job, committed, until
from tests.provider import Provider

pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]  # they wait for real work, on a machine that may do more
MINUTES = 6 * 60_000  # milliseconds; on a machine that does other things besides


@pytest.fixture
def run_with_worker(run_app: Callable[[Path], App], monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], App]:
    """An app with its worker, and the key that the teachers name."""
    monkeypatch.setenv("MAPD_WORKER", "1")
    monkeypatch.setenv("A_KEY", "sk-0123456789abcdef")
    return run_app


def fill(page: Page, label: str, value: str) -> None:
    """A number, as a person gives it."""
    field = page.get_by_role("spinbutton", name=label)
    field.fill(value)
    with resting.after(page):
        field.press("Enter")


def test_a_small_demo_is_started_watched_and_its_results_are_opened(
    real_home: Path, run_with_worker: Callable[[Path], App], page: Page
) -> None:
    app = run_with_worker(real_home)
    resting.load(page, app.url)
    fill(page, "Questions to learn from", "3")
    fill(page, "Held out", "3")
    expect(page.get_by_text("8 stages; the time left shows as it runs")).to_be_visible()
    page.get_by_role("button", name="Run the demo").click(delay=50)
    card = page.locator('[class*="st-key-job_"]').first  # while it is drawn anew there may be two
    expect(card).to_contain_text("Demo: 3 questions, 3 held out, seed 0")
    expect(page.get_by_role("link", name="1 job at work")).to_be_visible()
    expect(card).to_contain_text("exam", timeout=MINUTES)
    resting.load(page, page.url)  # nothing of it is lost
    expect(card.locator(".mapd-chip")).to_contain_text("done", timeout=MINUTES)
    card.get_by_role("link", name="Results").click()
    expect(page.get_by_role("heading", name="Question by question")).to_be_visible()
    expect(page.get_by_text("Simulated teachers")).to_be_visible()
    with db.reading(db.open_store(Settings())) as session:
        losses = session.exec(select(t.FinetuneStep.loss_feedback)).all()
        assert losses, "it was trained"
        assert None not in losses
        assert sorted(exam.split for exam in queries.exams(session)) == ["dev", "dev", "train"]
    log = (app.home.parent / f"app-{app.port}.log").read_text()
    assert len(log.splitlines()) < 20, log  # streamlit's file watcher wrote a thousand warnings a minute


def test_a_collect_is_cancelled_and_resumed_through_a_closed_tab_and_a_restart(
    home: Path, run_with_worker: Callable[[Path], App], page: Page
) -> None:
    with Provider(overlap.reply, delay=2.0) as provider:  # it must not be done before it is cancelled
        with ThreadPoolExecutor() as aside:  # Playwright keeps an event loop in this thread
            engine, uid = aside.submit(collect_job, provider).result()
        app = run_with_worker(home)
        resting.load(page, f"{app.url}/committee")
        card = page.locator('[class*="st-key-job_"]').first  # while it is drawn anew there may be two
        expect(card).to_contain_text("calls/s", timeout=MINUTES)
        card.get_by_role("button", name="Cancel").click(delay=50)
        expect(card).to_contain_text("cancelled")
        assert committed(engine) == len(provider.tries) < CALLS
        provider.delay = 0.5
        card.get_by_role("button", name="Resume").click(delay=50)
        kept = committed(engine)
        until(lambda: committed(engine) > kept + 10)
        page.goto("about:blank")  # the tab is closed, and the app restarted
        app.stop()
        provider.delay = 0.0
        app.start()
        resting.load(page, f"{app.url}/jobs?job={uid}")
        expect(card.locator(".mapd-chip")).to_contain_text("done", timeout=MINUTES)
        assert committed(engine) == CALLS
        with db.reading(db.open_store(Settings())) as session:
            assert jobs.get(session, uid).attempt == 3, "resumed, and put off for the restart"
        assert sum(provider.tries.values()) == CALLS, "what was in flight at each stop was awaited"
