"""What a reviewer waits for in triage: alone, and while twenty others decide every three seconds.

    with chromium() as browser: measure(browser, home, presses=200, decisions=10_000)
    -> {"1": {"p50_ms": 9.1, "p95_ms": 15.8, …}, "20": {…}, "first_text": {…}, "post_p50_ms": 30.2, …}

The one who is measured sits at a real Chromium. The page itself takes the time: from the key's own timestamp to the
message that follows the frame in which another text is shown (requestAnimationFrame, then a MessageChannel: the message
comes behind that frame's style, layout and paint). The others are HTTP clients of the same routes, each a person with a
token, who do what the page's client does: cards, a lease a card, decisions.
"""

import random
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import httpx2
import psutil
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, sync_playwright

from mapd.api import access
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db

sys.path.insert(0, str(Path(__file__).parents[1]))  # the tests know how to drive a browser and the routes

from tests.api.client import Client, decision
from tests.browser import presses as keys
from tests.browser.conftest import CHROMIUM, FLAGS, NAMED, App, free_port

OTHERS = 20
READS_S = 3.0  # between two decisions of one reviewer
PAUSES_MS = (250, 550)  # between two keys of the one in the browser
AT_ONCE = 30  # keys in a row, before the browser waits until all is saved
AGAIN_S = 0.5  # until a busy database is asked again
FULL_S = 20.0  # decisions without a pause
OPENINGS = 5
Figures = dict[str, Any]
PAINTS = """
window.paints = []; // ms from the opening of the page to the first text, then from each key to the next text
const shown = () => document.querySelector(".mapd-textline[aria-current]")?.dataset.text;
const watch = (since, before) => requestAnimationFrame(() => {
  if (!shown() || shown() === before) return watch(since, before);
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => { document.documentElement.dataset.paints = paints.push(performance.now() - since); };
  port2.postMessage("painted");
});
watch(0);
addEventListener("keydown", ({ timeStamp }) => watch(timeStamp, shown()), true);
"""


def measure(browser: Browser, home: Path, presses: int, decisions: int) -> Figures:
    """Return the figures of one app over this home: its keys, its first text, its routes, its memory."""
    app = App(home, free_port())
    app.start()
    try:
        return {
            "first_text": open_pages(browser, app),
            "1": press_keys(browser, app, presses, others=0),
            str(OTHERS): press_keys(browser, app, presses, others=OTHERS),
            **post_alone(app, presses),
            **post_without_pause(app),
            "memory": fill_memory(browser, app, decisions),
        }
    finally:
        app.stop()


def summary(taken: list[float]) -> Figures:
    """Return the median and the 95th percentile."""
    p95 = statistics.quantiles(taken, n=20, method="inclusive")[-1]
    return {"p50_ms": round(statistics.median(taken), 1), "p95_ms": round(p95, 1)}


# -- in the browser ---------------------------------------------------------------------------------------------------


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run the machine's own Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def triage(browser: Browser, app: App) -> Iterator[Page]:
    """Open triage where nothing of the app was read yet, and wait for the first text."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_cookies([NAMED])
    context.add_init_script(PAINTS)
    page = context.new_page()
    page.goto(f"{app.url}/triage?queue=everything")
    wait_for_paint(page, 1)
    yield page
    context.close()


def open_pages(browser: Browser, app: App) -> Figures:
    """Return what it takes from opening the page to its first text."""
    taken = []
    for _ in range(OPENINGS):
        with triage(browser, app) as page:
            taken.append(page.evaluate("paints[0]"))
    return summary(taken)


def press_keys(browser: Browser, app: App, presses: int, others: int) -> Figures:
    """Accept text after text as one who reads, while others work; return what it takes from key to paint."""
    draw, rows = random.Random(7), _number_of_rows(app)
    with triage(browser, app) as page, at_work(app, others, READS_S) as answers:
        for number in range(presses):
            page.wait_for_timeout(draw.uniform(*PAUSES_MS))
            page.keyboard.press("a")
            wait_for_paint(page, number + 2)
        taken = page.evaluate("paints.slice(1)")
        keys.settle(page)
    saved = _number_of_rows(app) - rows
    return summary(taken) | {"presses": presses, "saved": saved, "others": dict(answers)}


def wait_for_paint(page: Page, number: int) -> None:
    """Wait until so many texts have been painted."""
    page.locator(f"html[data-paints='{number}']").wait_for(state="attached", timeout=120_000)


def fill_memory(browser: Browser, app: App, decisions: int) -> Figures:
    """Return what server and page take before and after so many decisions of this page, in MB."""
    with triage(browser, app) as page:
        start, number, before = _number_of_rows(app), 0, _memory(page, app)
        while number < decisions:
            keys.press(page, *["a"] * min(AT_ONCE, decisions - number))
            keys.settle(page)
            last, number = number, _number_of_rows(app) - start
            if number == last:
                break  # nothing waits any more
        return {"decisions": number, "before": before, "after": _memory(page, app)}


def _memory(page: Page, app: App) -> Figures:
    devtools = page.context.new_cdp_session(page)
    devtools.send("HeapProfiler.collectGarbage")
    devtools.send("Performance.enable")
    metrics = {metric["name"]: metric["value"] for metric in devtools.send("Performance.getMetrics")["metrics"]}
    server = sum(process.memory_info().rss for process in _processes(app))
    return {"server_mb": round(server / 1e6), "heap_mb": round(metrics["JSHeapUsedSize"] / 1e6, 1)}


def _number_of_rows(app: App) -> int:
    engine = db.open_store(Settings(home=app.home))
    with db.reading(engine) as session:
        query = sa.text("SELECT count(*) FROM judgement WHERE person = :person")
        return int(session.execute(query, {"person": NAMED["value"]}).scalar_one())


# -- over HTTP --------------------------------------------------------------------------------------------------------


@dataclass
class Reviewer:
    """A person who accepts text after text by the routes, as the page's client would."""

    client: Client
    reads_s: float = 0
    answers: Counter[str] = field(default_factory=Counter)  # by status

    def work(self, stop: threading.Event) -> None:
        """Decide until then, or until nothing waits."""
        last: str | None = None
        while not stop.is_set() and (cards := self._cards(last)):
            last = cards[-1]["mistake"]
            while cards and not stop.is_set():
                wish = {"front": cards[0]["mistake"], "next": [card["mistake"] for card in cards[1:3]]}
                refused = {lease["mistake"] for lease in self._post("lease", wish)["refused"]}
                if not refused:
                    self._decide(cards.pop(0), stop)
                cards = [card for card in cards if card["mistake"] not in refused]

    def _cards(self, last: str | None) -> list[dict[str, Any]]:
        """Return the next ones behind the last mistake."""
        return list(self.client.window(queue="everything", **({"after": last} if last else {}))["cards"])

    def _decide(self, card: dict[str, Any], stop: threading.Event) -> None:
        for text in card["texts"]:
            if text["uid"] in card["open"] and not stop.wait(self.reads_s):
                reply = self._post("decisions", {"decisions": [decision(card, "accept", text)]})
                self.answers[reply["answers"][0]["status"]] += 1

    def _post(self, route: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return the answer, asked for until the database isn't busy, as the client's outbox does."""
        while True:
            response = self.client.http.post(f"/api/{route}", json=body, headers=self.client.headers)
            if response.status_code != 503:
                return dict(response.raise_for_status().json())
            self.answers["busy"] += 1
            time.sleep(AGAIN_S)


@contextmanager
def at_work(app: App, number: int, reads_s: float) -> Iterator[Counter[str]]:
    """Let so many reviewers work meanwhile; the answers to their decisions are counted once they have ended."""
    reviewers = [Reviewer(client_of(app, f"reviewer-{n}"), reads_s) for n in range(number)]
    stop = threading.Event()
    threads = [threading.Thread(target=reviewer.work, args=(stop,), daemon=True) for reviewer in reviewers]
    answers: Counter[str] = Counter()
    for thread in threads:
        thread.start()
        time.sleep(reads_s / number)  # they don't press all at once
    try:
        yield answers
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        answers.update(sum((reviewer.answers for reviewer in reviewers), Counter()))


def client_of(app: App, person: str) -> Client:
    """Return a client with a token for this person, as the page would mint it."""
    engine = db.open_store(Settings(home=app.home))
    with db.writing(engine) as session:
        token = access.issue_token(session, owner(person), exam_id=1, sign_in="")
    engine.dispose()
    return Client(httpx2.Client(base_url=app.url, timeout=60), token, app.url)


def post_alone(app: App, posts: int) -> Figures:
    """Return what one POST of one decision takes, and the server's CPU for it."""
    client, taken, cpu = client_of(app, "poster"), list[float](), 0.0
    for card, text in islice(_waiting(client), posts):
        busy, started = _cpu_s(app), time.perf_counter()
        client.decide(decision(card, "accept", text))
        taken.append((time.perf_counter() - started) * 1000)
        cpu += _cpu_s(app) - busy
    figures = {f"post_{name}": figure for name, figure in summary(taken).items()}
    return figures | {"post_cpu_ms": round(cpu / len(taken) * 1000, 1)}


def _waiting(client: Client) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield what waits, text after text, each with its card."""
    while cards := client.window(queue="everything", number=25)["cards"]:
        yield from ((card, text) for card in cards for text in card["texts"] if text["uid"] in card["open"])


def post_without_pause(app: App) -> Figures:
    """Return how many decisions a second one process saves, each in a POST of its own."""
    started = time.perf_counter()
    with at_work(app, OTHERS, 0) as answers:
        time.sleep(FULL_S)
    return {"decisions_per_s": round(answers["saved"] / (time.perf_counter() - started), 1)}


def _cpu_s(app: App) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in _processes(app))


def _processes(app: App) -> list[psutil.Process]:
    assert app.process is not None
    process = psutil.Process(app.process.pid)
    return [process, *process.children(recursive=True)]
