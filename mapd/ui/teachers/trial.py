"""One test call to a teacher, and its result on the page.

    run_test("mini", by=ann)      -> TestResult(TeacherTest(ok=True, text="2 + 2 = 4", latency_s=0.7, …), error=None)

A test runs `mapd teachers test` in its own process: it may load torch or a whole local model, which no page does.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass

import streamlit as st

from mapd.people import Person, Right, require
from mapd.teacher_models import TeacherTest
from mapd.ui.kit import text, theme

# For a test; a teacher's own patience is 120 s by default.
PATIENCE_S = 150
# Characters of a reply.
LONGEST_SHOWN = 2000


@dataclass(frozen=True, slots=True)
class TestResult:
    """The result of a test: the reply, and one line on what went wrong."""

    tested: TeacherTest | None
    error: str | None


def run_test(name: str, *, by: Person) -> TestResult:
    """Call the teacher once, in a process of its own.

    Raises: Forbidden.
    """
    require(by, Right.MANAGE_TEACHERS)
    # "--": a name may begin with a dash.
    command = [sys.executable, "-m", "mapd.cli", "teachers", "test", "--json", "--", name]
    # Replies may hold characters that the console's encoding lacks.
    environment = os.environ | {"PYTHONIOENCODING": "utf-8:replace"}
    try:
        process = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment,
            encoding="utf-8",
            errors="replace",
            timeout=PATIENCE_S,
        )
    except subprocess.TimeoutExpired:
        return TestResult(None, f"teacher {name} gave no answer within {PATIENCE_S} s; is its server there, and awake?")
    # A name that no command line takes.
    except (OSError, ValueError) as fault:
        return TestResult(None, f"teacher {name} can't be tested: {fault}")
    lines = [line.removeprefix("mapd: ") for line in process.stderr.split("\n") if line.startswith("mapd: ")]
    error = None
    # Unforeseen errors are not shown: they may hold anything.
    if process.returncode:
        error = lines[-1] if lines else f"the test of {name} broke off; `mapd teachers test` in a terminal tells more"
    return TestResult(_parse_result(process.stdout), error)


def _parse_result(output: str) -> TeacherTest | None:
    """Return the test in the last line of the output, which is JSON."""
    line = output.strip().split("\n")[-1]
    if not line.startswith("{"):
        return None
    values = json.loads(line)
    return TeacherTest(**{key: values[key] for key in TeacherTest.__dataclass_fields__})


def draw_result(result: TestResult) -> None:
    """Draw the reply, how long it took, and what went wrong."""
    test = result.tested
    if test is not None:
        sign, colour = ("✓", theme.GREEN) if test.ok else ("✕", theme.VERMILLION)
        numbers = [
            None if test.latency_s is None else f"{test.latency_s:.2f} s",
            None if test.tokens_in is None else f"{test.tokens_in:,} tokens in",
            None if test.tokens_out is None else f"{test.tokens_out:,} tokens out",
        ]
        note = " · ".join(["to “Calculate 2 + 2 + 2.”", *filter(None, numbers)])
        chip = theme.sign_chip(sign, test.finish.replace("_", " "), colour)
        st.html(f'<div>{chip}<span class="mapd-note">{note}</span></div>')
        if test.text:
            reply_html = text.foreign_html(test.text, max_chars=LONGEST_SHOWN)
            st.html(f'<blockquote class="mapd-quote">{reply_html}</blockquote>')
        for note in test.notes:
            st.html(f'<div class="mapd-note">{text.line_html(note, 200)}</div>')
    if result.error:
        text.complain(result.error)
