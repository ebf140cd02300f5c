"""The process that answers for the pages, over real HTTP to students behind a server."""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from mapd import served_students
from mapd.answers.grading import Task
from mapd.errors import Forbidden
from mapd.people import Person, Role
from mapd.playground import helper
from mapd.playground.asking import AnswerStage, Decoding
from mapd.playground.helper import AnswerProcess
from mapd.playground.question import PlaygroundQuestion
from mapd.settings import Settings
from mapd.store import db
from tests.finetune import tiny
from tests.playground.scripted import ANN, wait
from tests.provider import Provider
from tests.student_server import StudentServer

SUM = PlaygroundQuestion("3 + 4?", Task.NUMERIC, "7")
ERROR = json.dumps({"error": {"message": "CUDA out of memory"}})
SERVERS = {
    "good": StudentServer(tiny.tokenizer(), text="It is so. Answer: 7"),
    "slow": StudentServer(tiny.tokenizer(), text=" ".join("abc" * 300), pause=0.05),
    "breaks": StudentServer(tiny.tokenizer(), text="It is so. Answer: 7", pieces=3, end="reset"),
    "fails": StudentServer(tiny.tokenizer(), text="It is so.", pieces=2, fault=ERROR),
}


@pytest.fixture
def process(home: Path) -> Iterator[AnswerProcess]:
    """The process over a project with a student behind each server, and one where nobody listens."""
    engine = db.open_store(Settings())
    providers = {name: Provider(server) for name, server in SERVERS.items()}
    answering = AnswerProcess()
    try:
        with db.writing(engine) as session:
            for name, provider in providers.items():
                provider.__enter__()
                served_students.add(session, name, model="m", base_url=f"{provider.url}/v1", by_chat=True, by=ANN)
            served_students.add(session, "down", model="m", base_url="http://127.0.0.1:9/v1", by_chat=True, by=ANN)
        yield answering
    finally:
        if (child := answering._child) is not None:
            child.process.kill()
        for provider in providers.values():
            provider.__exit__(None, None, None)


def ask(process: AnswerProcess, *names: str) -> helper.PlaygroundInquiry:
    return process.ask({name: f"student {name}" for name in names}, SUM, Decoding(), by=ANN)


def test_answers_come_token_by_token_and_whatever_breaks_is_one_line(
    process: AnswerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Forbidden):
        process.ask({"good": "good"}, SUM, Decoding(), by=Person("bob@x.org", Role.ANNOTATOR))
    assert process._child is None, "nothing was started"

    inquiry = ask(process, "good", "breaks")
    waiting = [(answer.student, answer.stage) for answer in inquiry.answers]
    assert waiting == [("student good", AnswerStage.WAITING), ("student breaks", AnswerStage.WAITING)]
    wait(inquiry)
    good, broken = inquiry.answers
    assert (good.stage, good.text, good.outcome) == (AnswerStage.DONE, "It is so. Answer: 7", "correct")
    assert good.rendering == "the server's, which could not be compared with its own"
    assert (broken.stage, broken.text, broken.outcome) == (AnswerStage.FAILED, "It is so.", None)
    assert "broke off after 3 pieces" in (broken.error or "")

    inquiry = ask(process, "fails", "down")
    wait(inquiry)
    failed, down = inquiry.answers
    assert (failed.text, failed.stage) == ("It is", AnswerStage.FAILED)
    assert "CUDA out of memory" in (failed.error or "")
    assert "check the server" in (down.error or "")

    # Stopped, and the other questions of the process go on.
    inquiry, other = ask(process, "slow"), ask(process, "good")
    seen: list[str] = []
    while len(seen) < 3:
        text = inquiry.look()[0].text
        seen += [text] if text and text not in seen else []
        time.sleep(0.01)
    process.stop(inquiry)
    wait(inquiry, 10)
    wait(other)
    assert inquiry.answers[0].stage is AnswerStage.STOPPED
    assert inquiry.answers[0].text.startswith(seen[-1])
    assert other.answers[0].outcome == "correct"

    # Nobody looks any more.
    monkeypatch.setattr(helper, "UNSEEN_S", 0.2)
    inquiry = ask(process, "slow")
    until = time.monotonic() + 30
    while not inquiry.is_over and time.monotonic() < until:
        time.sleep(0.05)
    assert inquiry.answers[0].stage is AnswerStage.STOPPED
    monkeypatch.setattr(helper, "UNSEEN_S", 60)

    # Killed in the middle, it is said, and the next question starts another one.
    inquiry = ask(process, "slow")
    while not inquiry.look()[0].text:
        time.sleep(0.01)
    assert process._child is not None
    os.kill(process._child.process.pid, signal.SIGKILL)
    wait(inquiry, 10)
    assert inquiry.answers[0].error == "the process that answers ended (code -9), maybe for want of memory; ask again"
    inquiry = ask(process, "good")
    wait(inquiry)
    assert inquiry.answers[0].outcome == "correct"

    # It ends with the app.
    assert process._child is not None
    child = process._child.process
    assert child.stdin is not None
    child.stdin.close()
    assert child.wait(timeout=20) == 0


@pytest.mark.parametrize("code", ["", """print('{"ask": "3f", "pla', flush=True); input(); input()"""])
def test_whatever_the_process_ends_in_nothing_stays_open(code: str) -> None:
    """One that ends at once, and one that stays behind half a line."""
    process = AnswerProcess([sys.executable, "-c", code])
    inquiries = [ask(process, "good", "slow") for _ in range(2)]
    for inquiry in inquiries:
        wait(inquiry, 20)
        assert [answer.stage for answer in inquiry.answers] == [AnswerStage.FAILED] * 2
        assert all("the process that answers ended (code" in (answer.error or "") for answer in inquiry.answers)


def test_local_students_are_asked_one_question_at_a_time(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The desk alone, in this process: its turn, and who is stopped while waiting."""
    import asyncio
    import io

    from mapd.playground.asking import StudentModels
    from mapd.playground.process import Desk
    from tests.playground.scripted import Watched, fill, script

    engine: sa.Engine = db.open_store(Settings())
    fill(engine)
    script(monkeypatch, {"before": Watched("a b c d e f g h. Answer: 7", 0.05), "after": Watched("Answer: 7")})
    output = io.StringIO()
    desk = Desk(StudentModels(engine, home), output)

    def message(uid: str, name: str) -> dict[str, object]:
        decoding = {name: getattr(Decoding(), name) for name in Decoding.__slots__}
        return {"ask": uid, "students": [name], "question": SUM.as_json(), "decoding": decoding}

    async def work() -> None:
        first = asyncio.create_task(desk.take(message("1", "before")))
        await asyncio.sleep(0.2)
        others = [asyncio.create_task(desk.take(message(uid, "after"))) for uid in ("2", "3")]
        await asyncio.sleep(0.1)
        await desk.take({"stop": "3"})
        await desk.take({"stop": "unknown"})
        await asyncio.gather(first, *others)

    asyncio.run(work())
    told = [json.loads(line) for line in output.getvalue().splitlines()]
    over = [line["over"] for line in told if "over" in line]
    assert over == ["3", "1", "2"]
    last = {line["ask"]: line["answer"]["stage"] for line in told if "ask" in line}
    assert last == {"1": "done", "2": "done", "3": "stopped"}
    assert not desk.turn.locked()
