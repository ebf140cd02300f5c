"""One test call to a teacher, and its result on the page.

    run_test("mini", by=ann)      -> TestResult(TeacherTest(ok=True, text="2 + 2 = 4", latency_s=0.7, …), error=None)

A test runs `mapd teachers test` in its own process: it may load torch or a whole local model, which no page does.
"""

from dataclasses import dataclass

import streamlit as st

from mapd.people import Person, Right, require
from mapd.teacher_models import TeacherTest
from mapd.ui.kit import text, theme
from mapd.ui.kit.command_runs import run_command

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
    run = run_command(["teachers", "test", "--json", "--", name], PATIENCE_S)
    tested = run.values and TeacherTest(**{key: run.values[key] for key in TeacherTest.__dataclass_fields__})
    if run.code == 0:
        return TestResult(tested or None, None)
    usual = f"the test of {name} broke off; `mapd teachers test` in a terminal tells more"
    if run.code is None:
        usual = f"teacher {name} gave no answer within {PATIENCE_S} s; is its server there, and awake?"
    return TestResult(tested or None, run.error or usual)


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
