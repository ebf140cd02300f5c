"""The app's side of the process that answers: it is started at the first question, and again when it is gone.

    inquiry = answer_process.ask({"5e…": "smollm2", "77…": "qwen"}, question, Decoding(), by=ann)
    inquiry.answers    -> [PlaygroundAnswer("smollm2", AnswerStage.ANSWERING, text="3 + 4", …), …], as they are now
    answer_process.stop(inquiry)

Whoever asked has to look now and then: an answer that nobody looks at is stopped.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any
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
    """The process that answers, whichever it is just now. Several threads may use it."""

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self._command = command
        self._lock = threading.Lock()
        self._child: _Child | None = None

    def ask(
        self, students: Mapping[str, str], question: PlaygroundQuestion, decoding: Decoding, *, by: Person
    ) -> PlaygroundInquiry:
        """Ask the students (their names by uid), and return at once. Raises: Forbidden; BadInput, as `asking.check`."""
        require(by, Right.RUN_JOBS)
        check(list(students), decoding)
        answers = [PlaygroundAnswer(name) for name in students.values()]
        inquiry = PlaygroundInquiry(question, decoding, tuple(students), answers)
        with self._lock:
            if self._child is None or not self._child.ask(inquiry):
                self._child = _Child(self._command, inquiry)
        return inquiry

    def stop(self, inquiry: PlaygroundInquiry) -> None:
        """Stop the answers; what came stays."""
        # To stop, nothing need be started.
        if (child := self._child) is not None and not inquiry.is_over:
            child.stop(inquiry)


class _Child:
    """One process, and what it was asked that isn't over: when it ends, so does that."""

    def __init__(self, command: Sequence[str], inquiry: PlaygroundInquiry) -> None:
        """Start it, and ask what an inquiry asks."""
        environment = os.environ | {"PYTHONIOENCODING": "utf-8", "TOKENIZERS_PARALLELISM": "false"}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, encoding="utf-8"
        )
        self._lock = threading.Lock()
        # Before anything listens: a process that ends at once ends this inquiry, too.
        self._inquiries = {inquiry.uid: inquiry}
        self._is_over = False
        threading.Thread(target=self._listen, daemon=True).start()
        self._send_inquiry(inquiry)

    def ask(self, inquiry: PlaygroundInquiry) -> bool:
        """Ask what an inquiry asks; return whether the process was there to be asked."""
        with self._lock:
            if self._is_over or self.process.poll() is not None:
                return False
            self._inquiries[inquiry.uid] = inquiry
        self._send_inquiry(inquiry)
        return True

    def _send_inquiry(self, inquiry: PlaygroundInquiry) -> None:
        question, decoding = inquiry.question.as_json(), asdict(inquiry.decoding)
        self._send({"ask": inquiry.uid, "students": inquiry.students, "question": question, "decoding": decoding})

    def stop(self, inquiry: PlaygroundInquiry) -> None:
        """Stop the answers of an inquiry."""
        self._send({"stop": inquiry.uid})

    def _send(self, message: dict[str, object]) -> None:
        assert self.process.stdin is not None
        with self._lock:
            try:
                self.process.stdin.write(json.dumps(message) + "\n")
                self.process.stdin.flush()
            # It ended in this moment: its listener says so.
            except (OSError, ValueError):
                pass

    def _listen(self) -> None:
        assert self.process.stdout is not None
        try:
            for line in self.process.stdout:
                self._hear(json.loads(line))
        # A process that is killed leaves half a line.
        except json.JSONDecodeError:
            pass
        finally:
            # Nobody hears it any more.
            self.process.kill()
            code = self.process.wait()
            with self._lock:
                self._is_over = True
            for inquiry in self._inquiries.values():
                _close(inquiry, f"the process that answers ended (code {code}), maybe for want of memory; ask again")

    def _hear(self, message: dict[str, Any]) -> None:
        if "over" in message:
            with self._lock:
                inquiry = self._inquiries.pop(message["over"])
            _close(inquiry, "the answer broke off; the app's log says why")
            return
        inquiry = self._inquiries[message["ask"]]
        inquiry.answers[message["place"]] = PlaygroundAnswer.read(message["answer"])
        if time.monotonic() - inquiry.looked_at > UNSEEN_S:
            self.stop(inquiry)


def _close(inquiry: PlaygroundInquiry, reason: str) -> None:
    """Note that nothing more comes; `reason`: why the answers that aren't over have no end."""
    inquiry.answers = [
        a if a.stage.is_over else replace(a, stage=AnswerStage.FAILED, error=reason) for a in inquiry.answers
    ]
    inquiry.is_over = True
