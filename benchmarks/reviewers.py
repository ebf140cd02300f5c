"""How long a reviewer waits in the browser: from the key press to the next item in triage, alone and among twenty.

    from reviewers import measure; measure(home, presses=50, among=(1, 20))

The one who is measured sits at a real Chromium: from `a` (accept) going down until the next text's own button is drawn.
The others are sessions of the same server over its websocket, as a browser speaks it, each a person of its own: they
accept a text, wait for the next one to be drawn, read for `READS` seconds, and so on. Twenty browsers would measure
Chromium on this machine, not the server.

    python benchmarks/reviewers.py --home HOME --seconds 300      # twenty at work: is every press a row, once?
"""

import argparse
import asyncio
import itertools
import os
import re
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import websockets
from playwright.sync_api import Page, sync_playwright
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from mapd.settings import Settings
from mapd.store import db

sys.path.insert(0, str(Path(__file__).parents[1]))  # the tests know how to drive a browser

from tests.browser.conftest import CHROMIUM, FLAGS, free_port

READS = 3.0  # seconds
ACCEPT = re.compile(r"-hot_a_")
COMPLAINT = 'class="mapd-error"'  # in a page's HTML
# The button's own class holds the text that is shown: another class, another text.
PRESS = """() => new Promise(done => {
  const shown = () => document.querySelector('[class*="st-key-hot_a_"]')?.className.match(/st-key-hot_a_\\S+/)[0];
  const before = shown(), started = performance.now();
  const look = () => { const now = shown(); if (now && now !== before) { done(performance.now() - started) }
                       else { requestAnimationFrame(look) } };
  document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "a", bubbles: true}));
  document.body.dispatchEvent(new KeyboardEvent("keyup", {key: "a", bubbles: true}));
  look();
})"""


def measure(home: Path, presses: int, among: tuple[int, ...] = (1, 20)) -> dict[str, dict[str, float]]:
    """By number of reviewers, p50 and p95 in ms of so many presses of the one in the browser."""
    found = {}
    with served(home) as port:
        for number in among:
            with others(port, number - 1) as done:
                found[str(number)] = at_browser(port, presses) | {"by_others": done()}
    return found


@contextmanager
def served(home: Path) -> Iterator[int]:
    """The app over this home, as a process of its own."""
    port = free_port()
    environment = {"MAPD_WORKER": "0"} | os.environ | {"MAPD_HOME": str(home)}
    command = [sys.executable, "-m", "mapd.cli", "app", "--port", str(port)]
    log = (home / "app.log").open("ab")
    process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1).close()
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=30)


def at_browser(port: int, presses: int) -> dict[str, float]:
    """The presses of one reviewer in Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        context.add_cookies([{"name": "mapd_person", "value": "measured", "url": f"http://127.0.0.1:{port}"}])
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{port}/triage?queue=everything")
        page.locator('[class*="st-key-hot_a_"] button').wait_for(timeout=120_000)
        taken = [_press(page) for _ in range(presses + 3)][3:]  # the first few warm up
        browser.close()
    return {
        "p50_ms": round(statistics.median(taken), 1),
        "p95_ms": round(statistics.quantiles(taken, n=20, method="inclusive")[-1], 1),
        "presses": len(taken),
    }


def _press(page: Page) -> float:
    page.wait_for_timeout(1_000)  # longer than the dwell before which a press doesn't count
    return float(page.evaluate(PRESS))


# -- the others -------------------------------------------------------------------------------------------------------


@contextmanager
def others(port: int, number: int) -> Iterator[Any]:
    """So many reviewers at work meanwhile; yields how many decisions they have made."""
    decided = itertools.count()
    stop = threading.Event()
    sessions = [_session(port, n, stop, decided) for n in range(number)]

    async def run() -> None:
        await asyncio.gather(*sessions)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    time.sleep(2 * number / 4 if number else 0)  # until all have come in
    try:
        yield lambda: next(decided)
    finally:
        stop.set()
        thread.join()


async def _session(port: int, number: int, stop: threading.Event, decided: Iterator[int]) -> None:
    """One reviewer: comes in, then accepts text after text."""
    await asyncio.sleep(number / 4)
    host = f"127.0.0.1:{port}"
    headers = {"Cookie": f"mapd_person=reviewer-{number}"}
    async with websockets.connect(
        f"ws://{host}/_stcore/stream",
        origin=f"http://{host}",  # type: ignore[arg-type]
        subprotocols=["streamlit"],  # type: ignore[list-item]
        additional_headers=headers,
        max_size=None,
    ) as socket:
        query = "queue=everything"
        await socket.send(_rerun(query))
        while not stop.is_set():
            accept, query = await _drawn(socket, query)
            await asyncio.sleep(READS)
            await socket.send(_rerun(query, accept))
            next(decided)


async def _drawn(socket: Any, query: str) -> tuple[str | None, str]:
    """Wait until a run of the page has ended; the button to accept what it shows, and its address."""
    accept, query, _ = await _drawn_with_lines(socket, query)
    return accept, query


async def _drawn_with_lines(socket: Any, query: str) -> tuple[str | None, str, list[str]]:
    """The same, and what the page complains of."""
    accept, complaints = None, list[str]()
    async for raw in socket:
        message = ForwardMsg.FromString(raw)
        if message.HasField("page_info_changed"):
            query = message.page_info_changed.query_string
        html = message.delta.new_element.html.body
        complaints += [html] if COMPLAINT in html else []
        button = message.delta.new_element.button
        if ACCEPT.search(button.id):
            accept = button.id
        if message.WhichOneof("type") == "script_finished" and message.script_finished == 0:
            break
    return accept, query, complaints


def _rerun(query: str, pressed: str | None = None) -> bytes:
    message = BackMsg()
    message.rerun_script.query_string = query
    message.rerun_script.page_name = "triage"
    if pressed is not None:
        message.rerun_script.widget_states.widgets.add(id=pressed, trigger_value=True)
    return message.SerializeToString()


# -- every press is a row, once ---------------------------------------------------------------------------------------


def count_presses(home: Path, seconds: float, number: int = 20) -> dict[str, tuple[int, int, int]]:
    """By reviewer, how many presses a page answered, how many it refused with a line, and how many rows there are."""
    with served(home) as port:
        presses = asyncio.run(_all_press(port, number, seconds))
    query = sa.text("SELECT person, count(*) FROM judgement WHERE person LIKE 'reviewer-%' GROUP BY person")
    with db.open_store(Settings(home=home)).connect() as connection:
        rows = dict(connection.execute(query).all())
    return {name: (*answered, rows.get(name, 0)) for name, answered in presses.items()}


async def _all_press(port: int, number: int, seconds: float) -> dict[str, tuple[int, int]]:
    end = time.monotonic() + seconds
    counts = await asyncio.gather(*(_press_until(port, n, end) for n in range(number)))
    return {f"reviewer-{n}": count for n, count in enumerate(counts)}


async def _press_until(port: int, number: int, end: float) -> tuple[int, int]:
    """Accept text after text until then; return how many presses were answered, and how many of them refused."""
    await asyncio.sleep(number / 4)
    presses, refused, query = 0, 0, "queue=everything&judge=assisted"  # judging first, every second press only leads on
    async with websockets.connect(
        f"ws://127.0.0.1:{port}/_stcore/stream",
        origin=f"http://127.0.0.1:{port}",  # type: ignore[arg-type]
        subprotocols=["streamlit"],  # type: ignore[list-item]
        additional_headers={"Cookie": f"mapd_person=reviewer-{number}"},
        max_size=None,
    ) as socket:
        await socket.send(_rerun(query))
        accept, query = await _drawn(socket, query)
        while time.monotonic() < end and accept is not None:
            await asyncio.sleep(READS)
            await socket.send(_rerun(query, accept))
            accept, query, complaints = await _drawn_with_lines(socket, query)
            refused += bool(complaints)
            presses += 1
    return presses, refused


def main() -> None:
    """Print each reviewer's presses and rows, and exit with 1 where they differ."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True, help="a project with an exam; it gets judgements")
    parser.add_argument("--seconds", type=float, default=300)
    arguments = parser.parse_args()
    counts = count_presses(arguments.home, arguments.seconds)
    for name, (presses, refused, rows) in counts.items():
        print(f"{name:<12} {presses:>6} presses {refused:>6} refused with a line {rows:>6} rows")
    presses, refused, rows = (sum(numbers) for numbers in zip(*counts.values(), strict=True))
    print(f"in all {presses:,} presses, {refused:,} refused with a line, {rows:,} rows")
    sys.exit(any(presses - refused != rows for presses, refused, rows in counts.values()))


if __name__ == "__main__":
    main()
