"""A person's own file in a real browser, from the upload to a snapshot: the real student, teachers over real HTTP.

One teacher thinks, in a field beside its text for some calls and in <think> tags for others; one is cut off at times.
Neither a thought nor a cut text nor a bare index may come out at the other end.
"""

import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlmodel import select

from mapd import teachers
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from tests.browser import presses, resting
from tests.browser.conftest import App
from tests.provider import Asked, Provider
from tests.questions.shapes import jsonl

pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]  # they wait for real work, on a machine that may do more
MINUTES = 6 * 60_000  # milliseconds
QUESTIONS = 4
THOUGHT, CUT = "Hmm, a thought of mine", "It seems that we"
NUMBERS = re.compile(r"packs (\d+) boxes of 12 pens and then loses (\d+)")


def gsm8k(n: int) -> dict[str, str]:
    """A row in GSM8K's shape."""
    whole = (n + 20) * 12
    return {
        "question": f"Ann packs {n + 20} boxes of 12 pens and then loses {n}. How many pens has she?",
        "answer": f"{n + 20} * 12 = <<{n + 20}*12={whole}>>{whole} pens.\n#### {whole - n}",
    }


def reply(asked: Asked) -> str | tuple[int, dict[str, str], str]:
    """What a teacher says; its model's name tells who it is."""
    boxes, lost = map(int, NUMBERS.search(asked.text).groups())  # type: ignore[union-attr]
    whole = boxes * 12
    text = f"There are {boxes} * 12 = {whole} pens at first.\n{whole} - {lost} = {whole - lost}\nAnswer: {whole - lost}"
    is_review, is_feedback = "square brackets" in asked.text, "<student_answer" in asked.text
    if is_review:
        text = "Each step follows from the one before. [5]"
    elif is_feedback:
        text = f"You did not take all boxes: {boxes} * 12 = {whole}, and {lost} of them are lost."
    message: dict[str, Any] = {"role": "assistant", "content": text}
    finish = "stop"
    if asked.body["model"] == "thinks":
        if is_feedback or is_review:
            message["reasoning_content"] = f"{THOUGHT}: [2]. Answer: 1"
        else:
            message["content"] = f"<think>{THOUGHT}, so \\boxed{{1}}.\nAnswer: 1</think>\n{text}"
    if asked.body["model"] == "cut" and not is_review and lost % 2:
        message["content"], finish = CUT, "length"
    choice = {"index": 0, "message": message, "finish_reason": finish}
    usage = {"prompt_tokens": 30, "completion_tokens": 40, "total_tokens": 70}
    return (
        200,
        {},
        json.dumps(
            {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
        ),
    )


def job_is_done(page: Page) -> None:
    card = page.locator('[class*="st-key-job_"]').first
    expect(card.locator(".mapd-chip")).to_contain_text("done", timeout=MINUTES)


def add_questions(page: Page, app: App, folder: Path) -> None:
    """Upload the file, look at it, add it as a set of one split."""
    file = folder / "grade_school.jsonl"
    file.write_bytes(jsonl([gsm8k(n) for n in range(QUESTIONS)]))
    resting.load(page, f"{app.url}/data")
    with resting.after(page):
        page.locator('input[type="file"]').first.set_input_files(file)
    expect(page.locator(".mapd-figures")).to_contain_text("gsm8k")
    with resting.after(page):
        page.get_by_role("combobox", name=re.compile("Split of")).click()
        page.get_by_role("option", name="train", exact=True).click()
    with resting.after(page):
        page.get_by_role("button", name=f"Add {QUESTIONS} questions").click(delay=50)
    expect(page.get_by_text("Added: grade_school")).to_be_visible()


def sit_exam(page: Page) -> None:
    """From the set on to the exam: the student is added in the browser, too."""
    with resting.after(page):
        page.get_by_role("link", name="Examine a student on it").click(delay=50)
    if (add := page.get_by_role("button", name="Add the packaged student")).count():
        with resting.after(page):
            add.click(delay=50)
    page.get_by_role("button", name="Start the exam").click(delay=50)
    job_is_done(page)


def ask_teachers(page: Page, app: App) -> None:
    resting.load(page, f"{app.url}/committee")
    if (form := page.get_by_text("Ask teachers", exact=True)).is_visible() and not page.get_by_role(
        "button", name="Ask them"
    ).is_visible():
        with resting.after(page):
            form.click()
    page.get_by_role("button", name="Ask them").click(delay=50)
    job_is_done(page)


def freeze(page: Page, app: App) -> list[str]:
    """Judge two texts, freeze all that is accepted, and take it away."""
    presses.open_triage(page, f"{app.url}/triage")
    presses.press(page, "a", "a")
    presses.settle(page)
    assert [act for act, _ in presses.meant(page)] == ["accept", "accept"]
    resting.load(page, f"{app.url}/snapshots?every=true")
    page.get_by_role("button", name="Freeze").click(delay=50)
    expect(page.locator(".mapd-pair").first).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download", exact=True).click(delay=50)
    with zipfile.ZipFile(download.value.path()) as archive:
        return archive.read("pairs.jsonl").decode().splitlines()


def test_from_a_file_to_a_snapshot_without_thoughts(
    real_home: Path, run_app: Callable[[Path], App], page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAPD_WORKER", "1")
    with Provider(reply) as server:
        engine = db.open_store(Settings())
        with db.writing(engine) as session:
            for name in ("plain", "thinks", "cut"):
                price = {"usd_in": 0.0, "usd_out": 0.0}
                url = f"{server.url}/v1"
                teachers.add(session, name, kind="openai", model=name, base_url=url, price=price, by=owner("ann"))
        app = run_app(real_home)
        add_questions(page, app, tmp_path)
        sit_exam(page)
        ask_teachers(page, app)
        lines = freeze(page, app)
    with db.reading(engine) as session:
        golds = session.exec(select(t.Question.gold)).all()
        texts = session.exec(select(t.Explanation.text)).all()
        attempts = session.exec(select(t.Attempt)).all()
        thinker = teachers.get(session, "thinks").id
        thoughts = session.exec(select(t.Explanation.thought).where(t.Explanation.author_id == thinker)).all()
    assert golds == [str((n + 20) * 12 - n) for n in range(QUESTIONS)]
    assert len(attempts) == QUESTIONS
    assert lines, "the student of 135 million parameters makes mistakes here, and the teachers explain them"
    authors = {json.loads(line)["rationale"]["teacher"] for line in lines}
    assert {"plain", "thinks"} <= authors, "a thinking teacher's text stands, without its thought"
    assert not [text for text in (*lines, *texts) if CUT in text]
    assert {json.loads(line)["question"]["gold"] for line in lines} <= set(golds)
    assert len(thoughts) > 0
    assert all(THOUGHT in str(thought) for thought in thoughts), "it is kept beside the text"
    for text in (*lines, *texts):
        assert THOUGHT not in text
        assert "think>" not in text
