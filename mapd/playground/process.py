"""The process that answers for the pages: it loads torch and models, which no page does, and keeps two in memory.

    python -m mapd.playground.process
        reads  {"ask": "3f", "students": ["smollm2"], "question": {…}, "decoding": {…}}, {"stop": "3f"}
        writes {"ask": "3f", "place": 0, "answer": {…}}, {"over": "3f"}

Students of this machine are asked one question at a time, whoever asks, in the order of asking: others wait, and are
told so. Without a question for IDLE_S seconds it ends, and with its input, too.
"""

import asyncio
import json
import os
import sys
import threading
import time
from typing import Any, NoReturn, TextIO

from mapd.errors import MapdError
from mapd.playground import asking
from mapd.playground.asking import AnswerStage, Decoding, PlaygroundAnswer, StudentModels
from mapd.playground.question import PlaygroundQuestion
from mapd.settings import Settings
from mapd.store import db

IDLE_S = 600.0


class Desk:
    """What is asked, and who waits."""

    def __init__(self, models: StudentModels, output: TextIO) -> None:
        self.models, self.output = models, output
        self.stops: dict[str, threading.Event] = {}
        # Of the students of this machine.
        self.turn = asyncio.Lock()
        self.last_asked = time.monotonic()

    async def take(self, message: dict[str, Any]) -> None:
        """Do what a message says."""
        if "stop" in message:
            if (stop := self.stops.get(message["stop"])) is not None:
                stop.set()
            return
        uid, refs = message["ask"], message["students"]
        stop = self.stops[uid] = threading.Event()

        def tell(place: int, answer: PlaygroundAnswer) -> None:
            self._write({"ask": uid, "place": place, "answer": answer.as_json()})

        try:
            question, decoding = PlaygroundQuestion.read(message["question"]), Decoding(**message["decoding"])
            await asking.ask(self.models, refs, question, decoding, tell, stop.is_set, self.turn)
        except MapdError as error:
            for place, ref in enumerate(refs):
                tell(place, PlaygroundAnswer(ref, AnswerStage.FAILED, error=str(error)))
        finally:
            del self.stops[uid]
            self.last_asked = time.monotonic()
            self._write({"over": uid})

    def _write(self, message: dict[str, Any]) -> None:
        self.output.write(json.dumps(message) + "\n")
        self.output.flush()


async def _work(desk: Desk) -> None:
    loop, tasks = asyncio.get_running_loop(), set()

    def take(line: str) -> None:
        task = loop.create_task(desk.take(json.loads(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(take, line)
        # The app is gone, and nobody reads what else would be told.
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    while desk.stops or time.monotonic() - desk.last_asked < IDLE_S:
        await asyncio.sleep(1)


def main() -> NoReturn:
    """Answer until nobody asks any more."""
    # What libraries print is no message of ours.
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    settings = Settings()
    engine = db.open_store(settings)
    asyncio.run(_work(Desk(StudentModels(engine, settings.home), output)))
    os._exit(0)


if __name__ == "__main__":
    main()
