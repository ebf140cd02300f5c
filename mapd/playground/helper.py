"""The app's side of the process that answers: it is started at the first question, and again when it is gone.

    inquiry = answer_process.ask(("smollm2", "qwen"), question, Decoding(), by=ann)
    inquiry.answers    -> (PlaygroundAnswer("smollm2", AnswerStage.ANSWERING, text="3 + 4", …), …), as they are now
    answer_process.stop(inquiry)

Whoever asked has to look now and then: an answer that nobody looks at is stopped.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import uuid4

from mapd.people import Person, Right, require
from mapd.playground.asking import AnswerStage, Decoding, PlaygroundAnswer, check
from mapd.playground.question import PlaygroundQuestion

COMMAND = (sys.executable, "-m", "mapd.playground.process")
# A closed tab looks no more.
UNSEEN_S = 20.0


@dataclass
class PlaygroundInquiry:
    """A question that was asked, and the answers as they are now."""

    question: PlaygroundQuestion
    decoding: Decoding
    students: tuple[str, ...]
    answers: list[PlaygroundAnswer]
    uid: str = field(default_factory=lambda: uuid4().hex)
    is_over: bool = False
    looked_at: float = field(default_factory=time.monotonic)

    def look(self) -> tuple[PlaygroundAnswer, ...]:
        """Return the answers as they are now, and note that somebody looked."""
        self.looked_at = time.monotonic()
        return tuple(self.answers)


class AnswerProcess:
    """The process, and what it was asked. Several threads may use it."""

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self._command = command
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._asked: dict[str, PlaygroundInquiry] = {}

    def ask(
        self, students: Sequence[str], question: PlaygroundQuestion, decoding: Decoding, *, by: Person
    ) -> PlaygroundInquiry:
        """Ask the students, and return at once. Raises: Forbidden; BadInput, as `asking.check`."""
        require(by, Right.RUN_JOBS)
        check(students, decoding)
        inquiry = PlaygroundInquiry(question, decoding, tuple(students), [PlaygroundAnswer(name) for name in students])
        message = {"ask": inquiry.uid, "students": list(students), "question": question.as_json()}
        self._send({**message, "decoding": {name: getattr(decoding, name) for name in Decoding.__slots__}}, inquiry)
        return inquiry

    def stop(self, inquiry: PlaygroundInquiry) -> None:
        """Stop the answers; what came stays."""
        if not inquiry.is_over:
            self._send({"stop": inquiry.uid})

    def end(self) -> None:
        """End the process, if there is one."""
        with self._lock:
            if self._process is not None:
                self._process.kill()

    def _send(self, message: dict[str, object], inquiry: PlaygroundInquiry | None = None) -> None:
        with self._lock:
            process = self._process
            # To stop, nothing need be started.
            if process is None or process.poll() is not None:
                if inquiry is None:
                    return
                process = self._process = self._start()
            if inquiry is not None:
                self._asked[inquiry.uid] = inquiry
            assert process.stdin is not None
            try:
                process.stdin.write(json.dumps(message) + "\n")
                process.stdin.flush()
            # It ended in this moment: its listener says so.
            except (BrokenPipeError, OSError):
                pass

    def _start(self) -> "subprocess.Popen[str]":
        environment = os.environ | {"PYTHONIOENCODING": "utf-8", "TOKENIZERS_PARALLELISM": "false"}
        process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, encoding="utf-8"
        )
        threading.Thread(target=self._listen, args=(process,), daemon=True).start()
        return process

    def _listen(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._hear(json.loads(line))
        code = process.wait()
        with self._lock:
            if self._process is process:
                self._process = None
                lost, self._asked = list(self._asked.values()), {}
            else:
                lost = []
        for inquiry in lost:
            _close(inquiry, f"the process that answers ended (code {code}), maybe for want of memory; ask again")

    def _hear(self, message: dict[str, object]) -> None:
        if "over" in message:
            with self._lock:
                inquiry = self._asked.pop(str(message["over"]), None)
            if inquiry is not None:
                _close(inquiry, "the answer broke off; the app's log says why")
            return
        inquiry = self._asked.get(str(message["ask"]))
        if inquiry is None:
            return
        place, fields = message["place"], message["answer"]
        assert isinstance(place, int)
        assert isinstance(fields, dict)
        inquiry.answers[place] = PlaygroundAnswer.read(fields)
        if time.monotonic() - inquiry.looked_at > UNSEEN_S:
            self.stop(inquiry)


def _close(inquiry: PlaygroundInquiry, reason: str) -> None:
    """Note that nothing more comes; `reason`: why the answers that aren't over have no end."""
    inquiry.answers = [
        a if a.stage.is_over else replace(a, stage=AnswerStage.FAILED, error=reason) for a in inquiry.answers
    ]
    inquiry.is_over = True
